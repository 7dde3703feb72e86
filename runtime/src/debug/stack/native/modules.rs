//! What code is loaded in this process, and how its frames are left: `/proc/thread-self/maps` and each module's `.eh_frame`.
//!
//! The tables are read where they are loaded, through `/proc/thread-self/mem`: that works for a file that was deleted or replaced
//! meanwhile and for the vDSO, and a module that is unloaded in the middle of it is a failed read and no fault. Only if the
//! process may not read itself so (it changed its user) the file is read.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use framehop::{ExplicitModuleSectionInfo, Module};

/// The most that is read of one module's unwind table; large browsers have 30 MB.
const TABLE_MAX: u64 = 256 << 20;
/// The most segments of one module that are looked at.
const SEGMENTS_MAX: u16 = 64;

const PT_LOAD: u32 = 1;
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;

/// One line of `maps` that holds code, with where its file begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) range: Range<u64>,
    /// Where the module's first byte is loaded.
    pub(super) base: u64,
    /// Device and inode, which tell apart files of one name.
    pub(super) file: (String, u64),
    pub(super) path: String,
}

impl Code {
    /// The file's name without its folders, as it is shown.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Where to open the file, if it is one and still there.
    pub(super) fn openable(&self) -> Option<PathBuf> {
        if !self.path.starts_with('/') {
            return None; // [vdso]
        }
        if !self.path.ends_with(" (deleted)") {
            return Some(PathBuf::from(&self.path));
        }
        // The program itself can be had all the same, as after an upgrade.
        let program = PathBuf::from("/proc/self/exe");
        let is_program = fs::read_link(&program).is_ok_and(|link| link.to_str() == Some(&self.path));
        is_program.then_some(program)
    }
}

/// All code of this process that comes from files.
pub(super) fn code() -> Vec<Code> {
    // Of this thread, since the first one may have ended.
    let maps = fs::read("/proc/thread-self/maps").unwrap_or_default();
    parse(&String::from_utf8_lossy(&maps))
}

fn parse(maps: &str) -> Vec<Code> {
    let mut code = Vec::new();
    let mut first: Option<Line<'_>> = None;
    for line in maps.lines().filter_map(Line::parse) {
        if line.offset == 0 {
            first = Some(line);
        }
        let Some(first) = first.filter(|first| first.is_of_the_same_file(&line)) else { continue };
        // Whatever else has no file is generated, or the page of the vsyscalls, which is none.
        if line.is_code && (line.path.starts_with('/') || line.path == "[vdso]") {
            let file = (line.device.to_owned(), line.inode);
            code.push(Code {
                range: line.start..line.end,
                base: first.start,
                file,
                path: line.path.to_owned(),
            });
        }
    }
    code
}

/// `7f01-7f02 r-xp 0002a000 fe:01 123   /lib/x.so`.
#[derive(Clone, Copy)]
struct Line<'a> {
    start: u64,
    end: u64,
    is_code: bool,
    offset: u64,
    device: &'a str,
    inode: u64,
    path: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut rest = line;
        let mut next = || {
            let trimmed = rest.trim_start();
            let end = trimmed.find(' ').unwrap_or(trimmed.len());
            let (word, after) = trimmed.split_at(end);
            rest = after;
            word
        };
        let (range, permissions, offset, device, inode) = (next(), next(), next(), next(), next());
        let (start, end) = range.split_once('-')?;
        Some(Self {
            start: u64::from_str_radix(start, 16).ok()?,
            end: u64::from_str_radix(end, 16).ok()?,
            is_code: permissions.as_bytes().get(2) == Some(&b'x'),
            offset: u64::from_str_radix(offset, 16).ok()?,
            device,
            inode: inode.parse().ok()?,
            path: rest.trim_start(),
        })
    }

    fn is_of_the_same_file(&self, other: &Line<'_>) -> bool {
        (self.device, self.inode, self.path) == (other.device, other.inode, other.path)
    }
}

/// Where a module's bytes are read from.
pub(super) struct Memory(Option<File>);

impl Memory {
    pub(super) fn open() -> Self {
        Self(File::open("/proc/thread-self/mem").ok())
    }

    /// Bytes of the module `code` at `address`, which is in its loaded image.
    fn read(&self, code: &Code, address: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        match &self.0 {
            Some(memory) => memory.read_exact_at(&mut bytes, address).ok()?,
            // Near the beginning of the file, where all this lies, offsets are those of the image.
            None => File::open(code.openable()?).ok()?.read_exact_at(&mut bytes, address - code.base).ok()?,
        }
        Some(bytes)
    }
}

/// Reads what unwinding needs of a module; `None` when it has nothing of the kind.
pub(super) fn module(memory: &Memory, code: &Code) -> Option<Module<Vec<u8>>> {
    let segments = Segments::read(memory, code)?;
    let bias = code.base.wrapping_sub(segments.first);
    let header = segments.eh_frame_hdr.clone()?;
    let header_bytes = memory.read(code, header.start.wrapping_add(bias), length_of(&header)?)?;
    let table = eh_frame(&header_bytes, header.start)?;
    // It ends before its segment does, and says so itself.
    let segment = segments.loaded.iter().find(|segment| segment.contains(&table))?;
    let table = table..segment.end.min(table + TABLE_MAX);
    let table_bytes = memory.read(code, table.start.wrapping_add(bias), length_of(&table)?)?;
    Some(Module::new(
        code.name().to_owned(),
        code.range.clone(),
        code.base,
        ExplicitModuleSectionInfo {
            base_svma: segments.first,
            text_svma: Some(code.range.start.wrapping_sub(bias)..code.range.end.wrapping_sub(bias)),
            eh_frame_svma: Some(table),
            eh_frame: Some(table_bytes),
            eh_frame_hdr_svma: Some(header),
            eh_frame_hdr: Some(header_bytes),
            ..Default::default()
        },
    ))
}

fn length_of(range: &Range<u64>) -> Option<usize> {
    usize::try_from(range.end.checked_sub(range.start)?).ok()
}

/// What the program headers say, in the file's addresses.
struct Segments {
    /// Where the file's first byte goes.
    first: u64,
    loaded: Vec<Range<u64>>,
    eh_frame_hdr: Option<Range<u64>>,
}

impl Segments {
    fn read(memory: &Memory, code: &Code) -> Option<Self> {
        let header = memory.read(code, code.base, 64)?;
        if header.get(..6) != Some(b"\x7fELF\x02\x01") {
            return None; // not 64 bits, little-endian
        }
        let (at, count) = (long(&header, 32)?, short(&header, 56)?.min(SEGMENTS_MAX));
        let bytes = memory.read(code, code.base + at, usize::from(count) * 56)?;
        let mut segments = Self { first: 0, loaded: Vec::new(), eh_frame_hdr: None };
        for header in bytes.chunks_exact(56) {
            let (offset, address, size) = (long(header, 8)?, long(header, 16)?, long(header, 40)?);
            let range = address..address.checked_add(size)?;
            match word(header, 0)? {
                PT_LOAD => {
                    if segments.loaded.is_empty() {
                        segments.first = address.checked_sub(offset)?;
                    }
                    // What is not in the file is no table.
                    segments.loaded.push(address..address.checked_add(long(header, 32)?)?);
                }
                PT_GNU_EH_FRAME => segments.eh_frame_hdr = Some(range),
                _ => {}
            }
        }
        Some(segments)
    }
}

/// Where `.eh_frame` is, by the header at `at`: in the form that every linker writes, signed and relative to the word itself.
fn eh_frame(header: &[u8], at: u64) -> Option<u64> {
    const RELATIVE_SIGNED_32: u8 = 0x1b;
    if header.first() != Some(&1) || header.get(1) != Some(&RELATIVE_SIGNED_32) {
        return None;
    }
    let distance = i64::from(word(header, 4)?.cast_signed());
    Some((at + 4).wrapping_add_signed(distance))
}

fn bytes<const N: usize>(of: &[u8], at: usize) -> Option<[u8; N]> {
    of.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn short(of: &[u8], at: usize) -> Option<u16> {
    bytes(of, at).map(u16::from_le_bytes)
}

fn word(of: &[u8], at: usize) -> Option<u32> {
    bytes(of, at).map(u32::from_le_bytes)
}

fn long(of: &[u8], at: usize) -> Option<u64> {
    bytes(of, at).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_is_executable_and_comes_from_a_file_whose_beginning_is_loaded() {
        let maps = "\
55a0-55a1 r--p 00000000 fe:01 77    /usr/bin/a program (1)
55a1-55a5 r-xp 00001000 fe:01 77    /usr/bin/a program (1)
55a5-55a6 rw-p 00005000 fe:01 77    /usr/bin/a program (1)
55b0-55c0 rw-p 00000000 00:00 0     [heap]
6000-6001 r-xp 00000000 00:00 0
7f00-7f01 r-xp 00003000 fe:01 78    /lib/without-beginning.so
7f10-7f12 r-xp 00000000 fe:01 79    /lib/one.so (deleted)
7f20-7f21 r-xp 00000000 00:00 0     [vdso]
ff60-ff61 --xp 00000000 00:00 0     [vsyscall]
nonsense
";
        let found: Vec<_> =
            parse(maps).iter().map(|code| (code.range.clone(), code.base, code.name().to_owned())).collect();
        assert_eq!(
            found,
            [
                (0x55a1..0x55a5, 0x55a0, "a program (1)".to_owned()),
                (0x7f10..0x7f12, 0x7f10, "one.so (deleted)".to_owned()),
                (0x7f20..0x7f21, 0x7f20, "[vdso]".to_owned()),
            ]
        );
    }

    #[test]
    fn this_program_and_its_libraries_have_tables() {
        let memory = Memory::open();
        let code = code();
        assert!(code.iter().any(|code| code.name().starts_with("libc")), "{code:?}");
        for code in &code {
            assert!(module(&memory, code).is_some(), "{code:?}");
        }
    }

    #[test]
    fn a_module_that_is_not_there_or_is_none_is_no_fault() {
        let memory = Memory::open();
        let nowhere =
            Code { range: 0x1000..0x2000, base: 0x1000, file: (String::new(), 0), path: "/x".to_owned() };
        assert!(module(&memory, &nowhere).is_none());
        let text = Box::new([0_u8; 64]);
        let base = std::ptr::from_ref(&*text) as u64;
        assert!(module(&memory, &Code { base, ..nowhere }).is_none());
    }

    #[test]
    fn a_header_in_another_form_is_left_alone() {
        let header = |form| [1, form, 3, 0x3b, 0xf8, 0xff, 0xff, 0xff];
        assert_eq!(eh_frame(&header(0x1b), 0x1000), Some(0x0ffc));
        assert_eq!(eh_frame(&header(0x03), 0x1000), None);
        assert_eq!(eh_frame(&[], 0x1000), None);
    }
}
