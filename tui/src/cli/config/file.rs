//! The configuration file: found, read, and checked key by key, so that a mistake is pointed at.

use super::super::Failure;
use super::lints::{self, LintSetting};
use super::{Form, KEYS, Key, Origin};
use loopscope_inspector::model::spelling::closest;
use loopscope_inspector::model::words;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// A larger file is none of ours.
const BYTES_MAX: u64 = 64 << 10;

/// Names the file instead of the usual place; empty for none at all.
const VARIABLE: &str = "LOOPSCOPE_CONFIG";

/// What a configuration file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct File {
    /// Where it is; `None` if there is none.
    pub(crate) path: Option<PathBuf>,
    entries: Vec<Entry>,
    lints: Vec<LintSetting>,
}

/// One line of it: a name that is known with a value that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: &'static str,
    value: String,
    line: usize,
}

impl File {
    /// What a text says that stands in no file.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (entries, lints) = parse(text).ok()?;
        Some(Self { path: None, entries, lints })
    }

    /// The table of lints.
    pub(crate) fn lints(&self) -> Vec<LintSetting> {
        let path = self.path.clone().unwrap_or_default();
        let mut lints = self.lints.clone();
        for lint in &mut lints {
            if let Origin::File { path: place, .. } = &mut lint.origin {
                place.clone_from(&path);
            }
        }
        lints
    }

    /// The value of a setting as the environment would have it, and its line.
    pub(crate) fn get(&self, key: &Key) -> Option<(&str, usize)> {
        let entry = self.entries.iter().find(|entry| entry.name == key.name)?;
        Some((&entry.value, entry.line))
    }
}

/// Where the file is expected, and whether it was named, so that it has to be there.
fn place(env: impl Fn(&str) -> Option<String>) -> Option<(PathBuf, bool)> {
    if let Some(named) = env(VARIABLE) {
        return (!named.is_empty()).then(|| (named.into(), true));
    }
    // The standard says to take no notice of a path that is not absolute.
    let configured = env("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let usual = || env("HOME").map(|home| Path::new(&home).join(".config")).filter(|path| path.is_absolute());
    configured.or_else(usual).map(|config| (config.join("loopscope/config.toml"), false))
}

/// Reads the file of this environment, if there is one.
///
/// # Errors
///
/// If it was named and is not there, cannot be read, or has a mistake in it; the message points at the place.
pub(crate) fn load(env: impl Fn(&str) -> Option<String>) -> Result<File, Failure> {
    let Some((path, named)) = place(env) else { return Ok(File::default()) };
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return Ok(File::default()),
        Err(error) => {
            let because = if named { format!(" ({VARIABLE} names it)") } else { String::new() };
            return Err(Failure::usage(format!("cannot read {}{because}: {error}", shown(&path))));
        }
    };
    let (entries, lints) = parse(&text).map_err(|mistake| mistake.told(&path, &text))?;
    Ok(File { path: Some(path), entries, lints })
}

fn read(path: &Path) -> io::Result<String> {
    use io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it has more than 64 KiB"));
    }
    Ok(text)
}

/// What is wrong with a file, and where.
#[derive(Debug)]
struct Mistake {
    what: String,
    span: Range<usize>,
}

fn parse(text: &str) -> Result<(Vec<Entry>, Vec<LintSetting>), Mistake> {
    let table = DeTable::parse(text).map_err(|error| Mistake {
        what: error.message().to_owned(),
        span: error.span().unwrap_or_default(),
    })?;
    let mut entries: Vec<(usize, Entry)> = Vec::new();
    let mut mistakes: Vec<Mistake> = Vec::new();
    let mut lints: Vec<LintSetting> = Vec::new();
    for (name, value) in table.get_ref() {
        let start = name.span().start;
        if let (lints::TABLE, DeValue::Table(table)) = (&**name.get_ref(), value.get_ref()) {
            lint_table(text, table, &mut lints, &mut mistakes);
            continue;
        }
        let key = known(name.get_ref()).map_err(|what| Mistake { what, span: name.span() });
        let entry = key.and_then(|key| {
            let value = checked(key, value.get_ref())
                .map_err(|what| Mistake { what: format!("{}: {what}", key.name), span: value.span() })?;
            Ok(Entry { name: key.name, value, line: position(text, start).0 })
        });
        match entry {
            Ok(entry) => entries.push((start, entry)),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    // The table is in the order of the alphabet; people read from the top.
    if let Some(first) = mistakes.into_iter().min_by_key(|mistake| mistake.span.start) {
        return Err(first);
    }
    entries.sort_by_key(|&(start, _)| start);
    Ok((entries.into_iter().map(|(_, entry)| entry).collect(), lints))
}

/// Reads `[lints]`.
fn lint_table(text: &str, table: &DeTable<'_>, lints: &mut Vec<LintSetting>, mistakes: &mut Vec<Mistake>) {
    for (name, value) in table {
        match lints::checked(name.get_ref(), value.get_ref()) {
            Ok(found) => {
                let line = position(text, name.span().start).0;
                lints.push(lints::of_file(name.get_ref().to_string(), found, line));
            }
            Err(what) => mistakes.push(Mistake { what, span: name.span().start..value.span().end }),
        }
    }
}

fn known(name: &str) -> Result<&'static Key, String> {
    let names = || KEYS.iter().map(|key| key.name);
    KEYS.into_iter().find(|key| key.name == name).ok_or_else(|| {
        let shown = words::escape(name, words::NAME_CHARS_MAX);
        match closest(name, names()) {
            Some(near) => format!("there is no setting `{shown}`; did you mean `{near}`?"),
            None => {
                format!("there is no setting `{shown}`; they are {}", names().collect::<Vec<_>>().join(", "))
            }
        }
    })
}

/// A value as the environment would have it.
fn checked(key: &Key, value: &DeValue<'_>) -> Result<String, String> {
    let text = match (&key.form, value) {
        (Form::Time(_) | Form::Word(_), DeValue::String(text)) => text.to_string(),
        (Form::Switch, DeValue::Boolean(switch)) => switch.to_string(),
        (Form::Rows, DeValue::Integer(number)) if number.radix() == 10 => number.as_str().to_owned(),
        (form, _) => return Err(format!("expected {}", form.expected())),
    };
    key.check(&text).map(|()| text)
}

impl Form {
    /// What stands behind the equals sign, in words.
    fn expected(&self) -> String {
        match self {
            Self::Time(_) => "a time in quotes, as \"500ms\" or \"2s\"".into(),
            Self::Word(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                super::listed(&quoted.iter().map(String::as_str).collect::<Vec<_>>())
            }
            Self::Switch => "true or false".into(),
            Self::Rows => "a number of rows".into(),
        }
    }
}

impl Mistake {
    /// The message with the line and a caret below the place.
    fn told(self, path: &Path, text: &str) -> Failure {
        let (line, column) = position(text, self.span.start);
        let source = text.lines().nth(line - 1).unwrap_or_default();
        let before = source.char_indices().take_while(|&(at, _)| at < column).count();
        let rest = source.get(column..).unwrap_or_default();
        let marked = rest.get(..self.span.len()).unwrap_or(rest).chars().count().max(1);
        // A character that would move the cursor is shown as another one, so that the caret stays below its place.
        let harmless: String = source.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Failure::usage(format!(
            "{}:{line}:{}: {}\n    {harmless}\n    {}{}",
            shown(path),
            before + 1,
            words::escape(&self.what, words::TEXT_CHARS_MAX),
            " ".repeat(before),
            "^".repeat(marked)
        ))
    }
}

/// The line, from 1, and the byte in it.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    (before.split(|&byte| byte == b'\n').count(), before.len() - start)
}

fn shown(path: &Path) -> String {
    words::escape(&path.to_string_lossy(), usize::MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{ASCII, INTERVAL, LIMIT};
    use super::*;

    fn mistake(text: &str) -> String {
        parse(text).unwrap_err().told(Path::new("/c.toml"), text).to_string()
    }

    #[test]
    fn every_setting_can_stand_in_the_file() {
        let text = "# mine\ninterval = \"500ms\"\n\ncolor = 'never'\nascii = true\nlimit = 20\n";
        let file = File::of(text).unwrap();
        assert_eq!(file.get(&INTERVAL), Some(("500ms", 2)));
        assert_eq!(file.get(&ASCII), Some(("true", 5)));
        assert_eq!(file.get(&LIMIT), Some(("20", 6)));
        assert_eq!(file.get(&super::super::MOUSE), None);
        assert_eq!(parse("").unwrap(), (vec![], vec![]));
    }

    #[test]
    fn lints_have_a_table_of_their_own() {
        let file =
            File::of("slow = '1s'\n[lints]\nstarved = \"2s\"\nleak = false\nself-wake = 500\n").unwrap();
        let lints: Vec<String> =
            file.lints().iter().map(|lint| format!("{}={}", lint.name, lint.value)).collect();
        assert_eq!(lints.len(), 3);
        for wanted in ["starved=2s", "leak=off", "self-wake=500"] {
            assert!(lints.iter().any(|lint| lint == wanted), "{lints:?}");
        }
        assert!(mistake("[lints]\nleek = 5").contains("`leek`: there is no such lint; did you mean `leak`?"));
        assert!(mistake("[lints]\nleak = 0").starts_with("/c.toml:2:1: `leak`: expected off or a number"));
        assert!(mistake("[lints]\ndeadlock = \"2s\"").contains("`deadlock`: expected on or off"));
        assert!(mistake("lints = 3").contains("there is no setting `lints`"));
    }

    #[test]
    fn a_misspelt_setting_is_named_and_one_is_suggested() {
        assert_eq!(
            mistake("color = \"never\"\n  intervall = \"2s\"\n"),
            "/c.toml:2:3: there is no setting `intervall`; did you mean `interval`?\n      intervall = \"2s\"\n      ^^^^^^^^^"
        );
        assert!(mistake("banana = 1").contains("they are interval, timeout, slow,"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_pointed_at() {
        assert_eq!(
            mistake("interval = 2"),
            "/c.toml:1:12: interval: expected a time in quotes, as \"500ms\" or \"2s\"\n    interval = 2\n               ^"
        );
        assert!(mistake("ascii = \"yes\"").contains("ascii: expected true or false"));
        assert!(mistake("limit = -1").contains("limit: expected a number of rows"));
        assert!(mistake("color = \"sometimes\"").contains("color: expected auto, always or never"));
        assert!(mistake("color = true").contains("color: expected \"auto\", \"always\" or \"never\""));
        assert!(mistake("interval = \"1ms\"").contains("interval: the shortest interval is 50ms"));
    }

    #[test]
    fn the_first_of_several_mistakes_is_told() {
        assert!(mistake("zzz = 1\nascii = 3").starts_with("/c.toml:1:1: there is no setting `zzz`"));
    }

    #[test]
    fn what_is_no_toml_is_pointed_at() {
        let told = mistake("interval = \"2s\nlimit = 3\n");
        assert!(told.starts_with("/c.toml:1:"), "{told}");
        assert!(told.contains("\n    interval = \"2s\n"), "{told}");
        assert!(mistake("[table]\ninterval = \"2s\"").contains("there is no setting `table`"));
        assert!(mistake("limit = 1\nlimit = 2").starts_with("/c.toml:2:"));
    }

    #[test]
    fn the_caret_stands_below_its_place_whatever_the_width_in_bytes() {
        let told = mistake("\"größe\" = 1 # µ\n");
        assert!(told.ends_with("\"größe\" = 1 # µ\n    ^^^^^^^"), "{told}");
    }

    #[test]
    fn the_usual_places_are_looked_at_in_their_order() {
        let of = |pairs: &[(&str, &str)]| {
            place(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        let usual = ("HOME", "/users/me");
        assert_eq!(of(&[usual]), Some(("/users/me/.config/loopscope/config.toml".into(), false)));
        assert_eq!(of(&[usual, ("XDG_CONFIG_HOME", "/c")]), Some(("/c/loopscope/config.toml".into(), false)));
        assert_eq!(of(&[usual, ("XDG_CONFIG_HOME", "c")]), of(&[usual]));
        assert_eq!(of(&[usual, (VARIABLE, "here.toml")]), Some(("here.toml".into(), true)));
        assert_eq!(of(&[usual, (VARIABLE, "")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_file_that_was_named_has_to_be_there_and_the_usual_one_need_not() {
        let named = |name: &str| (name == VARIABLE).then(|| "/no/such/file.toml".to_owned());
        let told = load(named).unwrap_err().to_string();
        assert!(told.starts_with("cannot read /no/such/file.toml (LOOPSCOPE_CONFIG names it): "), "{told}");
        let usual = |name: &str| (name == "HOME").then(|| "/no/such/home".to_owned());
        assert_eq!(load(usual).unwrap(), File::default());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z\"=\\[\\]{}.,#\\n µ0-9]{0,60}") {
            if let Err(mistake) = parse(&text) {
                let told = mistake.told(Path::new("/c.toml"), &text).to_string();
                proptest::prop_assert!(told.contains('^'));
            }
        }
    }
}
