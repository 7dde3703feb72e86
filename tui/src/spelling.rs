//! What a misspelt word was probably meant to be.

/// The known word that a misspelt one is closest to, if it is close: what clap does for flags, for the words that clap does not know.
pub(crate) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|&(edits, candidate)| edits <= 1.max(candidate.chars().count() / 3))
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, left out, changed or swapped with their neighbour to make one word of the other.
fn distance(from: &str, to: &str) -> usize {
    /// Longer words are no misspelling of ours, and what is typed has no limit.
    const LETTERS_MAX: usize = 64;
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    if from.len().max(to.len()) > LETTERS_MAX {
        return usize::MAX;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, &left) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &right) in to.iter().enumerate() {
            let mut edits = (last[column] + usize::from(left != right))
                .min(last[column + 1] + 1)
                .min(current[column] + 1);
            let swapped = row > 0 && column > 0 && left == to[column - 1] && from[row - 1] == right;
            if swapped {
                edits = edits.min(before_last[column - 1] + 1);
            }
            current.push(edits);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour() {
        let known = ["tasks", "tree", "loops", "warnings"];
        assert_eq!(closest("taks", known), Some("tasks"));
        assert_eq!(closest("tsaks", known), Some("tasks"));
        assert_eq!(closest("warning", known), Some("warnings"));
        assert_eq!(closest("loop", known), Some("loops"));
        assert_eq!(closest("echo_server", known), None);
        assert_eq!(closest("", known), None);
        assert_eq!(closest(&"x".repeat(1_000_000), known), None);
    }
}
