//! Resources: locks, queues and descriptors that tasks wait for.
//!
//! A descriptor gets a record when it is registered, a lock or queue at its first contended wait, so that one that never
//! makes anybody wait costs nothing. The loop writes, readers read, as with tasks.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use super::atomic::{AtomicU32, AtomicU64, OneWriter, Relaxed};
use super::clock::Rate;
use super::identity::Identity;
use super::intern::Names;
use super::pages::{Pages, Zeroed};
use super::slots::{Links, Slots};
use super::view::{Address, IoView, NameIndex, PlaceIndex, ResourceId, ResourceKind, ResourceView, Taker};
use crate::time::Instant;

/// Records of one loop: more than the descriptors a process can have. A resource beyond them works, unseen.
const RESOURCES_MAX: u32 = 1 << 21;
/// Sentinel of `len` and `limit`: not known.
const UNKNOWN: u64 = u64::MAX;

/// Values of `bytes_read` in the record of a queue that are no task's id; 0 is "not known".
const TAKEN_BY_NOBODY: u64 = u64::MAX;
const TAKEN_BY_WHO_IS_OVER: u64 = u64::MAX - 1;

/// Bits of `readiness`.
pub(crate) const INTEREST_READ: u32 = 1;
pub(crate) const INTEREST_WRITE: u32 = 2;
pub(crate) const READY_READ: u32 = 4;
pub(crate) const READY_WRITE: u32 = 8;

const _: () = assert!(size_of::<Resource>() == 192, "128 records fill six pages");

/// An address in three words: kind and port, and 16 bytes of address; a Unix path is a name.
#[repr(C)]
struct AddressWords([AtomicU64; 3]);

/// One resource's record.
#[repr(C, align(64))]
pub(crate) struct Resource {
    identity: Identity,
    kind: AtomicU32,
    id: AtomicU64,
    name: AtomicU32,
    made_at: AtomicU32,
    made_by: AtomicU64,
    holder: AtomicU64,
    held_since: AtomicU64,
    held_at: AtomicU32,
    fd: AtomicU32,
    /// Of a descriptor: the number of the child process that it is or leads to.
    len: AtomicU64,
    /// Of a child process: how it ended, as `wait` says it.
    limit: AtomicU64,
    local: AddressWords,
    peer: AddressWords,
    /// Of a queue: who took from it last.
    pub(crate) bytes_read: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) would_block: AtomicU64,
    last_used: AtomicU64,
    pub(crate) readiness: AtomicU32,
    link: Cell<u32>,
}

#[allow(unsafe_code, reason = "marks the type")]
// SAFETY: zero is a free record; other threads only touch the atomics.
unsafe impl Zeroed for Resource {}

/// What a resource starts with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Making {
    pub(crate) kind: ResourceKind,
    pub(crate) id: u64,
    pub(crate) name: u32,
    pub(crate) made_at: u32,
    pub(crate) made_by: u64,
    pub(crate) fd: i32,
}

/// All resources of one loop.
pub(crate) struct Resources {
    pages: Pages<Resource>,
    slots: Slots,
}

struct ResourceLinks<'a>(&'a Pages<Resource>);

impl Links for ResourceLinks<'_> {
    fn link(&self, index: u32) -> &Cell<u32> {
        &self.0.get(index).link
    }
    fn generation(&self, index: u32) -> u32 {
        self.0.get(index).identity.generation()
    }
    fn set_generation(&self, index: u32, generation: u32) {
        self.0.get(index).identity.set_free(generation);
    }
    fn release(&self, entries: std::ops::Range<u32>) {
        self.0.release(entries);
    }
}

impl Resources {
    pub(crate) fn reserve() -> std::io::Result<Self> {
        Ok(Self { pages: Pages::reserve(RESOURCES_MAX as usize)?, slots: Slots::reserve(RESOURCES_MAX)? })
    }

    #[inline]
    pub(crate) fn get(&self, index: u32) -> &Resource {
        self.pages.get(index)
    }

    /// Takes a record; `None` when all are taken, which only costs the resource its visibility.
    pub(crate) fn alloc(&self, making: &Making) -> Option<u32> {
        let index = self.slots.alloc(&ResourceLinks(&self.pages))?;
        let record = self.pages.get(index);
        let generation = record.identity.generation();
        record.identity.publish(generation, || record.start(making));
        Some(index)
    }

    pub(crate) fn free(&self, index: u32) {
        self.slots.free(&ResourceLinks(&self.pages), index);
    }

    pub(crate) fn has_empty(&self) -> bool {
        self.slots.has_empty()
    }

    pub(crate) fn release_empty(&self) {
        self.slots.release_empty(&ResourceLinks(&self.pages));
    }

    /// Frees whatever is left when a loop ends.
    pub(crate) fn free_all(&self) {
        for index in 0..self.slots.high_water() {
            if self.slots.group_in_use(index) && self.pages.get(index).identity.word() & 1 == 1 {
                self.free(index);
            }
        }
        self.release_empty();
    }

    /// Every live record's index, as any thread.
    pub(crate) fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.slots.high_water()).filter(|index| self.slots.group_in_use(*index))
    }
}

impl Resource {
    fn start(&self, making: &Making) {
        self.kind.store(making.kind as u32, Relaxed);
        self.id.put(making.id);
        self.name.store(making.name, Relaxed);
        self.made_at.store(making.made_at, Relaxed);
        self.made_by.put(making.made_by);
        self.fd.store(making.fd.cast_unsigned(), Relaxed);
        for zero in [
            &self.holder,
            &self.held_since,
            &self.bytes_read,
            &self.bytes_written,
            &self.reads,
            &self.writes,
            &self.would_block,
            &self.last_used,
        ] {
            zero.put(0);
        }
        for unknown in [&self.len, &self.limit] {
            unknown.put(UNKNOWN);
        }
        self.local.0[0].put(0);
        self.peer.0[0].put(0);
        self.held_at.store(0, Relaxed);
        self.readiness.store(0, Relaxed);
    }

    /// Its id, 0 when free.
    pub(crate) fn id(&self) -> u64 {
        self.id.read()
    }

    /// Says who holds it: a task id, or 0 for nobody.
    pub(crate) fn held(&self, holder: u64, since: u64, at: u32) {
        self.held_since.put(since);
        self.held_at.store(at, Relaxed);
        self.holder.put(holder);
    }

    /// Says how full it is.
    #[inline]
    pub(crate) fn filled(&self, len: usize) {
        self.len.put(len as u64);
    }

    /// Says who took from a queue or channel last, if that is known.
    pub(crate) fn taken(&self, taker: Option<Taker>) {
        self.bytes_read.put(match taker {
            None => 0,
            Some(Taker::Nobody) => TAKEN_BY_NOBODY,
            Some(Taker::Over) => TAKEN_BY_WHO_IS_OVER,
            Some(Taker::Task(id)) => id,
        });
    }

    fn read_taker(&self) -> Option<Taker> {
        match self.bytes_read.read() {
            0 => None,
            TAKEN_BY_NOBODY => Some(Taker::Nobody),
            TAKEN_BY_WHO_IS_OVER => Some(Taker::Over),
            id => Some(Taker::Task(id)),
        }
    }

    /// Says how much it can hold.
    pub(crate) fn limited(&self, limit: Option<usize>) {
        self.limit.put(limit.map_or(UNKNOWN, |limit| limit as u64));
    }

    /// Gives a descriptor the name it is shown under, as a word of `names`.
    pub(crate) fn named(&self, name: u32) {
        self.name.store(name, Relaxed);
    }

    /// Says which child process a descriptor is, or leads to.
    pub(crate) fn process(&self, pid: u32) {
        self.len.put(u64::from(pid));
    }

    /// Says how that child process ended.
    pub(crate) fn exited(&self, status: ExitStatus) {
        self.limit.put(u64::from(status.into_raw().cast_unsigned()));
    }

    /// Says its addresses.
    pub(crate) fn addressed(&self, names: &Names, local: Option<&Address>, peer: Option<&Address>) {
        self.local.put(names, local);
        self.peer.put(names, peer);
    }

    /// A read or write moved bytes at `now` (ticks).
    #[inline]
    pub(crate) fn used(&self, now: u64) {
        self.last_used.put(now);
    }

    /// Copies the record out, as any thread.
    pub(crate) fn read(&self, names: &Names, rate: &Rate) -> Option<ResourceView> {
        self.identity.read(|| {
            let known = |value: u64| (value != UNKNOWN).then_some(value);
            let holder = self.holder.read();
            let held_at = self.held_at.load(Relaxed);
            let kind = kind_of_code(self.kind.load(Relaxed));
            let fill = |word: &AtomicU64| known(word.read()).filter(|_| !is_io(kind));
            ResourceView {
                id: ResourceId(self.id.read()),
                kind,
                name: self.name.load(Relaxed).checked_sub(1).map(NameIndex),
                made_at: self.made_at.load(Relaxed).checked_sub(1).map(PlaceIndex),
                made_by: (self.made_by.read() != 0).then(|| self.made_by.read()),
                holder: (holder != 0).then_some(holder),
                held_since: (holder != 0).then(|| Instant::from_nanos(rate.at_ns(self.held_since.read()))),
                held_at: if holder == 0 { None } else { held_at.checked_sub(1).map(PlaceIndex) },
                taker: if has_taker(kind) { self.read_taker() } else { None },
                len: fill(&self.len),
                limit: fill(&self.limit),
                io: is_io(kind).then(|| self.read_io(names, rate)),
            }
        })
    }

    fn read_io(&self, names: &Names, rate: &Rate) -> IoView {
        let readiness = self.readiness.load(Relaxed);
        let last_used = self.last_used.read();
        IoView {
            fd: self.fd.load(Relaxed).cast_signed(),
            local: self.local.get(names),
            peer: self.peer.get(names),
            interest_readable: readiness & INTEREST_READ != 0,
            interest_writable: readiness & INTEREST_WRITE != 0,
            ready_readable: readiness & READY_READ != 0,
            ready_writable: readiness & READY_WRITE != 0,
            bytes_read: self.bytes_read.read(),
            bytes_written: self.bytes_written.read(),
            reads: self.reads.read(),
            writes: self.writes.read(),
            would_block: self.would_block.read(),
            last_used: (last_used != 0).then(|| Instant::from_nanos(rate.at_ns(last_used))),
            pid: u32::try_from(self.len.read()).ok(),
            exit: u32::try_from(self.limit.read()).ok().map(|raw| ExitStatus::from_raw(raw.cast_signed())),
        }
    }
}

impl AddressWords {
    fn put(&self, names: &Names, address: Option<&Address>) {
        let (head, high, low) = match address {
            None => (0, 0, 0),
            Some(Address::Unix(path)) => (3, u64::from(names.word(path)), 0),
            Some(Address::Inet(address)) => {
                let (kind, bits) = match address.ip() {
                    IpAddr::V4(ip) => (1, u128::from(ip.to_bits())),
                    IpAddr::V6(ip) => (2, ip.to_bits()),
                };
                #[expect(clippy::cast_possible_truncation, reason = "the low half")]
                let low = bits as u64;
                (kind | u64::from(address.port()) << 8, (bits >> 64) as u64, low)
            }
        };
        self.0[1].put(high);
        self.0[2].put(low);
        self.0[0].put(head);
    }

    fn get(&self, names: &Names) -> Option<Address> {
        let [head, high, low] = [0, 1, 2].map(|word: usize| self.0[word].read());
        let bits = u128::from(high) << 64 | u128::from(low);
        let port = u16::try_from((head >> 8) & 0xffff).unwrap_or(0);
        match head & 0xff {
            1 => {
                let ip = Ipv4Addr::from_bits(u32::try_from(low).unwrap_or(0));
                Some(Address::Inet(SocketAddr::new(ip.into(), port)))
            }
            2 => Some(Address::Inet(SocketAddr::new(Ipv6Addr::from_bits(bits).into(), port))),
            3 => {
                let index = u32::try_from(high).ok()?.checked_sub(1)?;
                names.get(NameIndex(index)).map(Address::Unix)
            }
            _ => None,
        }
    }
}

const KINDS: [ResourceKind; 20] = [
    ResourceKind::Lock,
    ResourceKind::Queue,
    ResourceKind::Channel,
    ResourceKind::Oneshot,
    ResourceKind::Group,
    ResourceKind::Semaphore,
    ResourceKind::Event,
    ResourceKind::Condition,
    ResourceKind::Barrier,
    ResourceKind::TcpListener,
    ResourceKind::Tcp,
    ResourceKind::Udp,
    ResourceKind::UnixListener,
    ResourceKind::Unix,
    ResourceKind::UnixDatagram,
    ResourceKind::Pipe,
    ResourceKind::Process,
    ResourceKind::Signal,
    ResourceKind::Fd,
    ResourceKind::Unknown,
];

pub(super) fn kind_of_code(code: u32) -> ResourceKind {
    KINDS.get(code as usize).copied().unwrap_or(ResourceKind::Unknown)
}

/// Whether it is told of such a resource who took from it last.
fn has_taker(kind: ResourceKind) -> bool {
    matches!(kind, ResourceKind::Queue | ResourceKind::Channel)
}

fn is_io(kind: ResourceKind) -> bool {
    kind as u32 >= ResourceKind::TcpListener as u32 && kind != ResourceKind::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::clock;

    #[test]
    fn a_code_is_the_position_in_the_enum() {
        for (code, kind) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, code);
        }
    }

    #[test]
    fn a_child_process_and_its_end_come_back_as_they_went_in() {
        let (resources, names) = (Resources::reserve().unwrap(), Names::default());
        let making = Making { kind: ResourceKind::Process, id: 9, name: 0, made_at: 0, made_by: 0, fd: 5 };
        let record = resources.get(resources.alloc(&making).unwrap());
        let read = || record.read(&names, &clock::rate()).unwrap();
        let child = || read().io.map(|io| (io.pid, io.exit)).unwrap();
        assert_eq!(child(), (None, None));
        record.named(names.word("sh"));
        record.process(4_000_000);
        assert_eq!(child(), (Some(4_000_000), None));
        for raw in [0, 256, 9, 15 | 128] {
            record.exited(ExitStatus::from_raw(raw));
            assert_eq!(child(), (Some(4_000_000), Some(ExitStatus::from_raw(raw))));
        }
        let view = read();
        assert_eq!((view.name.and_then(|name| names.get(name)).as_deref(), view.len), (Some("sh"), None));
    }

    #[test]
    fn addresses_come_back_as_they_went_in() {
        let (resources, names) = (Resources::reserve().unwrap(), Names::default());
        let making = Making { kind: ResourceKind::Tcp, id: 9, name: 0, made_at: 0, made_by: 0, fd: 5 };
        let index = resources.alloc(&making).unwrap();
        let record = resources.get(index);
        for text in ["127.0.0.1:80", "[2001:db8::1]:65535", "0.0.0.0:0"] {
            let address = Address::Inet(text.parse().unwrap());
            record.addressed(&names, Some(&address), Some(&Address::Unix("/run/x".into())));
            let io = record.read(&names, &clock::rate()).unwrap().io.unwrap();
            assert_eq!((io.fd, io.local, io.peer), (5, Some(address), Some(Address::Unix("/run/x".into()))));
        }
        resources.free(index);
        assert!(record.read(&names, &clock::rate()).is_none());
    }
}
