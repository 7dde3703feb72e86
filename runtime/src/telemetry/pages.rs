#![allow(unsafe_code, reason = "reserves address space and hands out references into it")]
//! Address space that is reserved once, reads as zero until it is written, and is never unmapped.
//!
//! Every table of a loop lies in such a range. Because a range is never unmapped, a reader on another thread may look at any
//! entry at any time, whatever the loop does meanwhile; because it reads as zero, "zero" always means "free" or "nothing yet".
//! Memory comes with the first write to a page and goes back with [`Pages::release`].
//!
//! Under loom the entries lie in a vector instead, so that the models run the very code that uses them.
//!
//! # Who may touch what
//!
//! An entry's atomics belong to everybody, its `Cell`s to the loop's thread alone: that is what each entry type's [`Zeroed`]
//! implementation promises.

#[cfg(loom)]
pub(crate) use in_loom::Pages;
#[cfg(not(loom))]
pub(crate) use mapped::Pages;

/// Types of which the all-zero bit pattern is a valid value meaning "free".
///
/// # Safety
///
/// All-zero bytes must be a valid value, dropping one must do nothing, and whatever is not an atomic in it may only be
/// touched by the thread of the loop that owns the table.
pub(crate) unsafe trait Zeroed {}

#[cfg(not(loom))]
mod mapped {
    use std::io;
    use std::marker::PhantomData;
    use std::ops::Range;
    use std::ptr::NonNull;

    use rustix::mm::{Advice, MapFlags, ProtFlags};

    use super::Zeroed;

    /// The size of a page for which groups of entries are laid out.
    const PAGE_BYTES: usize = 4096;

    /// A reserved range of `len` entries.
    pub(crate) struct Pages<T> {
        base: NonNull<T>,
        /// One less than the length, which is a power of two.
        mask: usize,
        _entries: PhantomData<T>,
    }

    // SAFETY: `Zeroed` promises that other threads only touch the atomics of an entry.
    unsafe impl<T: Zeroed> Send for Pages<T> {}
    // SAFETY: as above.
    unsafe impl<T: Zeroed> Sync for Pages<T> {}

    impl<T: Zeroed> Pages<T> {
        /// Reserves room for `len` entries without taking memory for them.
        ///
        /// # Errors
        ///
        /// When the OS refuses the address space (`RLIMIT_AS`, strict overcommit).
        pub(crate) fn reserve(len: usize) -> io::Result<Self> {
            assert!(len.is_power_of_two(), "a table of {len} entries");
            let bytes = len * size_of::<T>();
            // SAFETY: a fresh private mapping at an address the kernel chooses overlaps nothing.
            let base = unsafe {
                rustix::mm::mmap_anonymous(
                    std::ptr::null_mut(),
                    bytes,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::PRIVATE | MapFlags::NORESERVE,
                )
            }?;
            let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
            Ok(Self { base, mask: len - 1, _entries: PhantomData })
        }

        /// How many entries fit.
        pub(crate) fn len(&self) -> usize {
            self.mask + 1
        }

        /// The entry at `index`, which must be in range.
        ///
        /// A wrong index gives another entry of the range rather than a panic: the check and its message would cost as much as
        /// the rest of a poll's book-keeping.
        #[inline]
        pub(crate) fn get(&self, index: u32) -> &T {
            debug_assert!((index as usize) <= self.mask, "index {index} of a table of {}", self.mask + 1);
            // SAFETY: the mask keeps the index below the length.
            let entry = unsafe { self.base.add(index as usize & self.mask) };
            // SAFETY: the range is mapped for ever; zero bytes are a valid `T`.
            unsafe { entry.as_ref() }
        }

        /// Gives the memory of whole pages inside `entries` back; they read as zero from now on.
        pub(crate) fn release(&self, entries: Range<u32>) {
            let start = (entries.start as usize * size_of::<T>()).next_multiple_of(PAGE_BYTES);
            let end = (entries.end as usize * size_of::<T>()).min(self.len() * size_of::<T>()) / PAGE_BYTES
                * PAGE_BYTES;
            if start >= end {
                return;
            }
            // SAFETY: inside the range, by the lines above.
            let at = unsafe { self.base.as_ptr().cast::<u8>().add(start) };
            // SAFETY: the pages are ours and private; the entries in them are free, and zero is a valid free entry.
            let advised = unsafe { rustix::mm::madvise(at.cast(), end - start, Advice::LinuxDontNeed) };
            debug_assert!(advised.is_ok(), "madvise of our own pages");
        }
    }
}

#[cfg(loom)]
mod in_loom {
    /// A range of entries.
    pub(crate) struct Pages<T> {
        entries: Vec<T>,
    }

    // SAFETY: as for the real one, `Zeroed` promises that other threads only touch the atomics of an entry.
    unsafe impl<T: super::Zeroed> Send for Pages<T> {}
    // SAFETY: as above.
    unsafe impl<T: super::Zeroed> Sync for Pages<T> {}

    impl<T: Default> Pages<T> {
        pub(crate) fn reserve(len: usize) -> std::io::Result<Self> {
            Ok(Self { entries: (0..len).map(|_| T::default()).collect() })
        }

        pub(crate) fn len(&self) -> usize {
            self.entries.len()
        }

        pub(crate) fn get(&self, index: u32) -> &T {
            &self.entries[index as usize]
        }
    }
}
