//! Tables of what repeats: places in source files and names.
//!
//! A record holds a small index; the text is looked up only when it is shown. Places are found by the address of their
//! `&'static Location`, through a direct-mapped cache, in one or two nanoseconds; names by their text.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::Location;
use std::sync::{PoisonError, RwLock};

use super::view::{NameIndex, Place, PlaceIndex};

/// Places of one loop. A program has some thousands of `.await`s; further ones share the last entry, "elsewhere".
const PLACES_MAX: usize = 1 << 20;
/// Names of one loop, paths of Unix sockets among them; what is named after these are taken is shown without a name.
const NAMES_MAX: usize = 1 << 16;
/// Bytes of a name that are kept.
pub(crate) const NAME_BYTES_MAX: usize = 128;
const CACHE: usize = 1024;

/// Places by index, and indices by address.
pub(crate) struct Places {
    cache: [Cell<(usize, u32)>; CACHE],
    by_address: RefCell<HashMap<usize, u32>>,
    by_text: RefCell<HashMap<(&'static str, u32, u32), u32>>,
    all: RwLock<Vec<&'static Location<'static>>>,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self {
            cache: [const { Cell::new((0, 0)) }; CACHE],
            by_address: RefCell::default(),
            by_text: RefCell::default(),
            all: RwLock::default(),
        }
    }

    /// The index of a place plus one: zero stays "unknown".
    #[inline]
    pub(crate) fn word(&self, place: &'static Location<'static>) -> u32 {
        let address = std::ptr::from_ref(place) as usize;
        let slot = &self.cache[(address >> 3) % CACHE];
        let (cached, word) = slot.get();
        if cached == address {
            return word;
        }
        self.word_slow(place, address, slot)
    }

    #[cold]
    #[inline(never)]
    fn word_slow(&self, place: &'static Location<'static>, address: usize, slot: &Cell<(usize, u32)>) -> u32 {
        let known = self.by_address.borrow().get(&address).copied();
        // A leaf that is a task's whole future is polled by the loop, or by a bridge: there is no `.await` to show.
        let is_ours = [crate::task::cell::FILE, crate::future::BRIDGE].contains(&place.file());
        let known = if is_ours { Some(0) } else { known };
        let word = known.unwrap_or_else(|| {
            // The same place can have several addresses, one per codegen unit.
            let text = (place.file(), place.line(), place.column());
            let word = *self.by_text.borrow_mut().entry(text).or_insert_with(|| {
                let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
                if all.len() < PLACES_MAX {
                    all.push(place);
                }
                u32::try_from(all.len()).unwrap_or(u32::MAX)
            });
            self.by_address.borrow_mut().insert(address, word);
            word
        });
        slot.set((address, word));
        word
    }

    /// The files of all places, as the compiler named them; as any thread.
    #[cfg(feature = "stacks")]
    pub(crate) fn files(&self) -> std::collections::HashSet<&'static str> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|place| place.file()).collect()
    }

    /// The text of a place, as any thread.
    pub(crate) fn get(&self, index: PlaceIndex) -> Option<Place> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let place = all.get(index.0 as usize)?;
        Some(Place { file: place.file().to_owned(), line: place.line(), column: place.column() })
    }
}

/// Names by index, and indices by name.
#[derive(Default)]
pub(crate) struct Names {
    by_text: RefCell<HashMap<Box<str>, u32>>,
    all: RwLock<Vec<Box<str>>>,
}

impl Names {
    /// The index of a name plus one; zero, "no name", when the table is full. Names longer than [`NAME_BYTES_MAX`] are cut.
    pub(crate) fn word(&self, name: &str) -> u32 {
        let name = cut(name);
        if let Some(word) = self.by_text.borrow().get(name) {
            return *word;
        }
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= NAMES_MAX {
            return 0;
        }
        all.push(name.into());
        let word = u32::try_from(all.len()).unwrap_or(0);
        self.by_text.borrow_mut().insert(name.into(), word);
        word
    }

    /// The text of a name, as any thread.
    pub(crate) fn get(&self, index: NameIndex) -> Option<String> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(index.0 as usize).map(std::string::ToString::to_string)
    }

    /// Forgets all names.
    pub(crate) fn clear(&self) {
        self.by_text.borrow_mut().clear();
        self.all.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The longest prefix of at most [`NAME_BYTES_MAX`] bytes that is text.
fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_index_however_often_it_is_asked_for() {
        let places = Places::new();
        let here = Location::caller();
        let word = places.word(here);
        assert_eq!(places.word(here), word);
        let place = places.get(PlaceIndex(word - 1)).unwrap();
        assert_eq!((place.file.as_str(), place.line), (file!(), here.line()));
        assert!(places.get(PlaceIndex(word)).is_none());
    }

    #[test]
    fn long_names_are_cut_at_a_character() {
        let names = Names::default();
        let word = names.word(&"ä".repeat(100_000));
        assert_eq!(names.get(NameIndex(word - 1)).unwrap(), "ä".repeat(64));
        assert_eq!(names.word("x"), word + 1);
        assert_eq!(names.word("x"), word + 1);
    }
}
