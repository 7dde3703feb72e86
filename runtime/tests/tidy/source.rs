//! A file of the workspace, and for Rust which of its characters are code and which are prose.

/// One file.
pub(crate) struct Source {
    /// Relative to the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// For Rust: `text` with comments blanked out and every character of a string replaced by `·`, line by line.
    /// Else empty.
    pub(crate) code: String,
    /// `text` with all but the comments blanked out; for files that are not Rust, `text` itself.
    pub(crate) prose: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: String) -> Self {
        let (code, prose) =
            if has_extension(path, "rs") { split(&text) } else { (String::new(), text.clone()) };
        Source { path: path.to_owned(), text, code, prose }
    }

    pub(crate) fn is_rust(&self) -> bool {
        has_extension(&self.path, "rs")
    }

    /// Lines with something else on them than comments and blanks.
    pub(crate) fn code_lines(&self) -> usize {
        self.code.lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// The numbers (from 1) of the lines whose code contains `word` as a whole word.
    pub(crate) fn lines_with_code_word(&self, word: &str) -> Vec<usize> {
        lines_with(&self.code, |line| contains_word(line, word))
    }
}

/// The numbers (from 1) of the lines for which `wanted` holds.
pub(crate) fn lines_with(text: &str, wanted: impl Fn(&str) -> bool) -> Vec<usize> {
    (1..).zip(text.lines()).filter(|(_, line)| wanted(line)).map(|(number, _)| number).collect()
}

/// Whether `word` stands in `line` with no letter, digit or underscore beside it.
pub(crate) fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(is_word_char) && !after.is_some_and(is_word_char)
    })
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_extension(path: &str, extension: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|found| found == extension)
}

/// What a character is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Text,
}

/// `text` as code alone and as comments alone, both of its shape.
fn split(text: &str) -> (String, String) {
    let mut scanner =
        Scanner { chars: text.chars().collect(), at: 0, code: String::new(), prose: String::new() };
    while scanner.at < scanner.chars.len() {
        scanner.step();
    }
    (scanner.code, scanner.prose)
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
    code: String,
    prose: String,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Takes `count` characters as `part`.
    fn take(&mut self, count: usize, part: Part) {
        let end = (self.at + count).min(self.chars.len());
        for &c in &self.chars[self.at..end] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            let (code, prose) = match part {
                Part::Code => (c, blank),
                Part::Comment => (blank, c),
                Part::Text => (if c.is_whitespace() { blank } else { '·' }, blank),
            };
            self.code.push(code);
            self.prose.push(prose);
        }
        self.at = end;
    }

    /// Takes characters as `part` until `done`, asked before each.
    fn take_until(&mut self, part: Part, done: impl Fn(&Self) -> bool) {
        while self.at < self.chars.len() && !done(self) {
            self.take(1, part);
        }
    }

    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (Some('/'), Some('/')) => self.take_until(Part::Comment, |scanner| scanner.peek(0) == Some('\n')),
            (Some('/'), Some('*')) => self.block_comment(),
            (Some('"'), _) => self.string(),
            (Some('\''), _) => self.quote(),
            (Some('r'), Some('"' | '#')) if !self.in_a_word() => self.raw_string(),
            _ => self.take(1, Part::Code),
        }
    }

    /// Whether the character before belongs to a name. `br"` and `cr"` are prefixes, not names.
    fn in_a_word(&self) -> bool {
        let before = |back: usize| self.at.checked_sub(back).map(|at| self.chars[at]);
        match before(1) {
            Some('b' | 'c') => before(2).is_some_and(is_word_char),
            other => other.is_some_and(is_word_char),
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => return,
                _ => {
                    self.take(1, Part::Comment);
                    continue;
                }
            }
            self.take(2, Part::Comment);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.take(1, Part::Text);
        while let Some(c) = self.peek(0) {
            self.take(if c == '\\' { 2 } else { 1 }, Part::Text);
            if c == '"' {
                return;
            }
        }
    }

    /// A character literal, or else the quote of a lifetime.
    fn quote(&mut self) {
        if self.peek(1) == Some('\\') {
            self.take(3, Part::Text);
            self.take_until(Part::Text, |scanner| scanner.peek(0) == Some('\''));
            self.take(1, Part::Text);
        } else if self.peek(2) == Some('\'') {
            self.take(3, Part::Text);
        } else {
            self.take(1, Part::Code);
        }
    }

    /// `r"…"`, `r#"…"#` and so on; `r#name` is a name.
    fn raw_string(&mut self) {
        let hashes = self.chars[self.at + 1..].iter().take_while(|&&c| c == '#').count();
        if self.peek(1 + hashes) != Some('"') {
            self.take(1, Part::Code);
            return;
        }
        self.take(2 + hashes, Part::Text);
        let ends_here = |scanner: &Self| {
            scanner.peek(0) == Some('"') && (1..=hashes).all(|ahead| scanner.peek(ahead) == Some('#'))
        };
        self.take_until(Part::Text, ends_here);
        self.take(1 + hashes, Part::Text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str, prose: &str) {
        let (found_code, found_prose) = split(text);
        assert_eq!((found_code.trim_end(), found_prose.trim_end()), (code, prose));
    }

    #[test]
    fn comments_are_no_code_and_code_is_no_prose() {
        check("a // b", "a", "  // b");
        check("a /* b /* c */ d */ e", "a                   e", "  /* b /* c */ d */");
        check("//! a\nb", "     \nb", "//! a");
    }

    #[test]
    fn strings_are_neither() {
        check(r#"f("// \" b") // c"#, "f(··· ·· ··)", "             // c");
        check(r##"r#"a" // b"# c"##, "····· ·· ··· c", "");
        check(r#"br"x" y"#, "b···· y", "");
        check("\"a\n// b\" c", "··\n·· ·· c", "");
    }

    #[test]
    fn lifetimes_names_and_character_literals_are_told_apart() {
        check("<'a> '\"' x", "<'a> ··· x", "");
        check(r"'\'' // c", "····", "     // c");
        check("r#type // c", "r#type", "       // c");
        check("for\"x\"", "for···", "");
    }

    #[test]
    fn a_word_is_whole() {
        assert!(contains_word("x unsafe {", "unsafe"));
        assert!(!contains_word("#![forbid(unsafe_code)]", "unsafe"));
        assert!(contains_word("unsafe_code unsafe", "unsafe"));
    }

    #[test]
    fn blank_lines_and_comments_do_not_count() {
        let source = Source::new("a.rs", "//! a\n\nfn a() {\n    // b\n    \"\n c\n\"\n}\n".to_owned());
        assert_eq!(source.code_lines(), 5);
    }
}
