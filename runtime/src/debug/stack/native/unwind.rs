//! From a copied stack to addresses of code, off the thread it is of.

use std::ops::Range;

use framehop::Unwinder as _;

use super::super::Cut;
use super::modules::{self, Code, Memory};
use super::sample::{Registers, Sample};

#[cfg(target_arch = "aarch64")]
use framehop::aarch64::{
    CacheAarch64 as Cache, PtrAuthMask, UnwindRegsAarch64, UnwinderAarch64 as ArchUnwinder,
};
#[cfg(target_arch = "x86_64")]
use framehop::x86_64::{CacheX86_64 as Cache, UnwindRegsX86_64, UnwinderX86_64 as ArchUnwinder};

/// The most frames of one stack: a recursion without end has as many as it likes.
const FRAMES_MAX: usize = 512;

/// The modules of this process, as far as they are known, and how to unwind through them.
pub(super) struct Unwinder {
    arch: ArchUnwinder<Vec<u8>>,
    cache: Cache,
    code: Vec<Code>,
}

/// One frame's address, that of the instruction that is being executed or of the call that has not returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address(pub(super) usize);

impl Unwinder {
    pub(super) fn new() -> Self {
        Self { arch: ArchUnwinder::new(), cache: Cache::new(), code: Vec::new() }
    }

    /// Takes up what was loaded or unloaded since. Returns whether anything was.
    pub(super) fn refresh(&mut self) -> bool {
        let code = modules::code();
        if code == self.code {
            return false;
        }
        let gone: Vec<Range<u64>> =
            self.code.iter().filter(|old| !code.contains(old)).map(|old| old.range.clone()).collect();
        for range in gone {
            self.arch.remove_module(range.start);
        }
        let memory = Memory::open();
        for new in code.iter().filter(|new| !self.code.contains(new)) {
            if let Some(module) = modules::module(&memory, new) {
                self.arch.add_module(module);
            }
        }
        self.code = code;
        true
    }

    /// The frames, innermost first, and why there are no more if the last one is not the thread's first.
    pub(super) fn unwind(&mut self, sample: &Sample) -> (Vec<Address>, Option<Cut>) {
        let from = sample.registers.sp;
        if sample.stack.is_empty() {
            return (vec![address(sample.registers.ip)], Some(Cut::ForeignStack));
        }
        let end = from.saturating_add(sample.stack.len() as u64);
        let mut is_beyond = false;
        let mut read = |address: u64| {
            let word = usize::try_from(address.wrapping_sub(from))
                .ok()
                .and_then(|at| sample.stack.get(at..)?.first_chunk());
            is_beyond |= word.is_none() && address.saturating_add(8) > end && address >= from;
            word.map(|word| u64::from_le_bytes(*word)).ok_or(())
        };
        let registers = registers(&sample.registers, self.arch.max_known_code_address());
        let mut frames = self.arch.iter_frames(sample.registers.ip, registers, &mut self.cache, &mut read);
        let mut addresses = Vec::new();
        let ended = loop {
            match frames.next() {
                Ok(Some(frame)) => addresses.push(address(frame.address_for_lookup())),
                Ok(None) => break true,
                Err(_) => break false,
            }
            if addresses.len() >= FRAMES_MAX {
                return (addresses, Some(Cut::ManyFrames));
            }
        };
        let cut = match (ended, is_beyond, sample.is_cut) {
            (true, ..) | (false, true, false) => None,
            (false, true, true) => Some(Cut::DeepStack),
            (false, false, _) => Some(Cut::NoUnwindTable),
        };
        (addresses, cut)
    }
}

fn address(of: u64) -> Address {
    Address(usize::try_from(of).unwrap_or(0))
}

#[cfg(target_arch = "x86_64")]
fn registers(registers: &Registers, _max_known_address: u64) -> UnwindRegsX86_64 {
    UnwindRegsX86_64::new(registers.ip, registers.sp, registers.fp)
}

#[cfg(target_arch = "aarch64")]
fn registers(registers: &Registers, max_known_address: u64) -> UnwindRegsAarch64 {
    let mask = PtrAuthMask::from_max_known_address(max_known_address);
    UnwindRegsAarch64::new_with_ptr_auth_mask(mask, registers.lr, registers.sp, registers.fp)
}
