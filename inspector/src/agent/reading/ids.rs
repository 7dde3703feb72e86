//! Sets and maps of ids, looked into once for each of a million records.
//!
//! The ids come from the records of this very process, so nobody can choose them to collide, and a multiplication is hash
//! enough: the standard hasher takes longer than reading the record does.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

pub(in crate::agent) type IdSet = HashSet<u64, BuildHasherDefault<IdHasher>>;
pub(in crate::agent) type IdMap<T> = HashMap<u64, T, BuildHasherDefault<IdHasher>>;

/// Hashes one id.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::agent) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // 2^64 over the golden ratio. The table uses the highest and the lowest bits; the product's low ones are poor.
        self.0 = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_row_and_ids_of_several_loops_are_told_apart() {
        let set: IdSet = (0..1000).flat_map(|id| [id, id << 32, id << 48]).collect();
        assert_eq!(set.len(), 2998);
        assert!(set.contains(&999) && set.contains(&(999 << 48)) && !set.contains(&1000));
    }
}
