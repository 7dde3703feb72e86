//! Long text in short lines.

/// `text` in lines of at most `width` characters, broken at spaces where there are any.
pub(crate) fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let last = lines.len() - 1;
        let longer = lines[last].chars().count() + word.trim_end().chars().count();
        if longer > width && !lines[last].is_empty() {
            lines.push(word.to_owned());
        } else {
            lines[last].push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_broken_at_spaces() {
        assert_eq!(fold("one two three", 7), ["one two ", "three"]);
        assert_eq!(fold("unbreakable", 4), ["unbreakable"]);
        assert_eq!(fold("", 4), [""]);
    }
}
