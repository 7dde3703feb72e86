//! The command that opens an editor at a line.

use std::ffi::OsString;
use std::path::Path;

/// Editors that take `FILE:LINE`; the others take `+LINE FILE`, as vi, emacs, nano, micro and kak do.
const COLON: [&str; 4] = ["hx", "helix", "zed", "subl"];
/// Editors that take `--goto FILE:LINE`, and have to be told to wait.
const GOTO: [&str; 4] = ["code", "codium", "code-insiders", "cursor"];

/// The program and its arguments, from what `$VISUAL` or `$EDITOR` says; `None` if that names no program.
///
/// The value may have arguments of its own, apart by spaces, as in `code --new-window`. No shell is asked: the path comes
/// from the observed program.
pub(crate) fn command(editor: &str, file: &Path, line: u32) -> Option<(String, Vec<OsString>)> {
    let mut words = editor.split_whitespace().map(str::to_owned);
    let program = words.next()?;
    let mut arguments: Vec<OsString> = words.map(OsString::from).collect();
    let name = Path::new(&program).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    // A path that begins with a dash or a plus would be read as an option.
    let file = if file.is_relative() { Path::new(".").join(file) } else { file.to_owned() };
    let with_line = || {
        let mut text = file.clone().into_os_string();
        text.push(format!(":{line}"));
        text
    };
    if GOTO.contains(&name) {
        arguments.extend(["--wait".into(), "--goto".into(), with_line()]);
    } else if COLON.contains(&name) {
        arguments.push(with_line());
    } else {
        arguments.extend([format!("+{line}").into(), file.into_os_string()]);
    }
    Some((program, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(editor: &str, expected: &[&str]) {
        let (program, arguments) = command(editor, Path::new("/a/b.rs"), 7).unwrap();
        let mut shown = vec![program];
        shown.extend(arguments.iter().map(|argument| argument.to_string_lossy().into_owned()));
        assert_eq!(shown, expected);
    }

    #[test]
    fn every_editor_is_told_the_line_in_its_own_way() {
        check("vi", &["vi", "+7", "/a/b.rs"]);
        check("/usr/bin/emacs -nw", &["/usr/bin/emacs", "-nw", "+7", "/a/b.rs"]);
        check("hx", &["hx", "/a/b.rs:7"]);
        check("code", &["code", "--wait", "--goto", "/a/b.rs:7"]);
    }

    #[test]
    fn a_path_is_never_taken_for_an_option() {
        let (_, arguments) = command("vi", Path::new("-c!reboot"), 7).unwrap();
        assert_eq!(arguments, ["+7", "./-c!reboot"]);
    }

    #[test]
    fn an_empty_editor_is_none() {
        assert_eq!(command("  ", Path::new("a"), 1), None);
    }
}
