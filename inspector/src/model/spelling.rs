//! What a misspelt word was probably meant to be.

use super::words::NAME_CHARS_MAX;

/// The known word that a misspelt one is closest to, if it is close or its beginning; letters in either case are the same.
///
/// ```
/// use loopscope_inspector::model::spelling::closest;
///
/// assert_eq!(closest("taks", ["tasks", "tree"]), Some("tasks"));
/// assert_eq!(closest("echo_server", ["tasks", "tree"]), None);
/// ```
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Letters of which every word has some: two of them begin too many.
    const BEGINNING_MIN: usize = 3;
    // What is typed has no limit, and a longer word is near to nothing.
    if word.len() > NAME_CHARS_MAX {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let begins = |other: &str| word.len() >= BEGINNING_MIN && other.starts_with(&word);
    known
        .into_iter()
        .map(|other| (edits(&word, other), other))
        .filter(|&(edits, other)| edits <= 1.max(other.chars().count() / 3) || begins(other))
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, other)| other)
}

/// How many letters must be put in, taken out, changed, or exchanged with their neighbour to make one word of the other.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=to.len()).collect();
    for i in 1..=from.len() {
        for j in 1..=to.len() {
            let changed = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour() {
        let known = ["tasks", "tree", "loops", "warnings"];
        assert_eq!(closest("taks", known), Some("tasks"));
        assert_eq!(closest("tsaks", known), Some("tasks"));
        assert_eq!(closest("TASK", known), Some("tasks"));
        assert_eq!(closest("warning", known), Some("warnings"));
        assert_eq!(closest("warn", known), Some("warnings"));
        assert_eq!(closest("loop", known), Some("loops"));
        assert_eq!(closest("tüsks", known), Some("tasks"));
    }

    #[test]
    fn what_is_near_to_nothing_finds_nothing() {
        let known = ["tasks", "tree", "loops", "warnings"];
        assert_eq!(closest("echo_server", known), None);
        assert_eq!(closest("wa", known), None);
        assert_eq!(closest("", known), None);
        assert_eq!(closest(&"x".repeat(1_000_000), known), None);
    }
}
