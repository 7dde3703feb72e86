//! How well what was typed fits a name.

/// How well `typed` fits; the smaller the better, `None` if it does not.
///
/// All letters must come in their order. What begins the name fits best, then what stands in it as one piece, then letters
/// that are apart, the closer together the better.
pub(super) fn fit(typed: &str, name: &str) -> Option<usize> {
    const PIECE: usize = 100;
    const APART: usize = 10_000;
    let typed = typed.to_lowercase();
    let name = name.to_lowercase();
    if let Some(at) = name.find(&typed) {
        // Of names that begin so, the shorter is meant.
        return Some(if at == 0 { name.len() - typed.len() } else { PIECE + at });
    }
    let mut letters = typed.chars().filter(|c| !c.is_whitespace()).peekable();
    let (mut first, mut last) = (None, 0);
    for (index, c) in name.chars().enumerate() {
        if letters.peek() == Some(&c) {
            letters.next();
            first.get_or_insert(index);
            last = index;
        }
    }
    letters.peek().is_none().then(|| APART + last - first.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_fits_better_than_a_piece_and_that_better_than_letters() {
        let mut names = ["expand-all", "copy", "open", "help", "top", "page-down"];
        names.sort_by_key(|name| fit("op", name).unwrap_or(usize::MAX));
        assert_eq!(names[..3], ["open", "copy", "top"]);
        assert_eq!(fit("op", "help"), None);
        assert!(fit("pd", "page-down").is_some());
        assert!(fit("EXA", "expand-all") > fit("exp", "expand-all"));
    }

    #[test]
    fn nothing_fits_everything_and_the_shortest_best() {
        assert!(fit("", "io") < fit("", "tasks"));
        assert_eq!(fit("", ""), Some(0));
    }
}
