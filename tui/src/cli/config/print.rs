//! `--print-config` and the schema of the file.

use super::lints::{self, LintSetting};
use super::{Default, Form, KEYS, Key, Origin, Setting, parse_rows};
use loopscope_inspector::model::Lint;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the settings that count, as a file that can be saved, with where each comes from.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn print(out: &mut dyn Write, settings: &[Setting], lints: &[LintSetting]) -> io::Result<()> {
    writeln!(out, "# The settings of loopscope, and where each comes from.")?;
    writeln!(
        out,
        "# Save as $XDG_CONFIG_HOME/loopscope/config.toml (usually ~/.config/loopscope/config.toml);"
    )?;
    writeln!(
        out,
        "# LOOPSCOPE_CONFIG=FILE names another. Flags beat the environment, which beats the file."
    )?;
    for key in KEYS {
        let Some(setting) = settings.iter().find(|setting| setting.name == key.name) else { continue };
        writeln!(out, "\n# {} ({}, {})", key.about, key.flag, key.variable)?;
        match (&setting.value, &key.default) {
            (Some(value), _) => writeln!(out, "{} = {}  # {setting}", key.name, key.form.written(value))?,
            (None, Default::Value(value)) => writeln!(out, "{} = {value}  # {setting}", key.name)?,
            (None, Default::Found { how, example }) => {
                writeln!(out, "# {} = {example}  # {setting}: {how}", key.name)?;
            }
        }
    }
    lints::print(out, lints)
}

impl Form {
    /// A value as it stands in the file.
    fn written(&self, value: &str) -> String {
        match self {
            // A string of JSON is one of TOML; a time may have blanks and line ends before its unit and behind it.
            Self::Time(_) | Self::Word(_) => Value::from(value).to_string(),
            Self::Switch if value == "1" => "true".into(),
            Self::Switch if value == "0" => "false".into(),
            Self::Switch => value.to_owned(),
            // TOML knows no zeros in front.
            Self::Rows => parse_rows(value).map_or_else(|_| value.to_owned(), |rows| rows.to_string()),
        }
    }
}

/// The JSON schema of the file.
pub(crate) fn schema() -> Value {
    let mut properties: serde_json::Map<String, Value> =
        KEYS.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    properties.insert(lints::TABLE.to_owned(), lint_table());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration file of loopscope",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// The table of lints.
fn lint_table() -> Value {
    let lint = |lint: &Lint| {
        let text = json!({"type": ["string", "integer", "boolean"], "description": lint.meaning()});
        (lint.as_str().to_owned(), text)
    };
    let mut lints: serde_json::Map<String, Value> = Lint::ALL.iter().map(lint).collect();
    let window = "How far back is looked for what only grows, from \"2s\" to \"60s\".";
    lints.insert("window".to_owned(), json!({"type": "string", "description": window}));
    json!({
        "type": "object",
        "description": "From when on something is told, or \"off\".",
        "properties": lints,
        "additionalProperties": false,
    })
}

fn property(key: &Key) -> Value {
    let mut property = match key.form {
        Form::Time(_) => json!({"type": "string", "pattern": "^[0-9.]+ *(us|µs|ms|s|m|min|h)?$"}),
        Form::Word(words) => json!({"type": "string", "enum": words}),
        Form::Switch => json!({"type": "boolean"}),
        Form::Rows => json!({"type": "integer", "minimum": 0}),
    };
    property["description"] = key.about.into();
    if let Default::Value(value) = key.default {
        property["default"] = serde_json::from_str(value).unwrap_or(Value::Null);
    }
    property
}

impl Setting {
    /// The setting of a key where nobody gave one.
    pub(crate) fn left_open(key: &Key) -> Self {
        Self { name: key.name, value: None, origin: Origin::Default }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{File, INTERVAL, LIMIT, THEME};
    use super::*;

    fn printed(settings: &[Setting]) -> String {
        let mut out = Vec::new();
        print(&mut out, settings, &[]).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_printed_says_where_it_comes_from_and_can_be_saved() {
        let mut settings: Vec<Setting> = KEYS.iter().map(|key| Setting::left_open(key)).collect();
        settings[0] = Setting { name: "interval", value: Some("2s".into()), origin: Origin::Flag };
        settings[3] = Setting { name: "color", value: Some("never".into()), origin: Origin::Environment };
        let from_file = Origin::File { path: "/c.toml".into(), line: 7 };
        settings[5] = Setting { name: "ascii", value: Some("true".into()), origin: from_file };
        let text = printed(&settings);
        insta::assert_snapshot!(text);
        let read = File::of(&text).unwrap();
        assert_eq!(read.get(&INTERVAL).map(|(value, _)| value), Some("2s"));
        assert_eq!(read.get(&LIMIT).map(|(value, _)| value), Some("50"));
        assert_eq!(read.get(&THEME), None);
    }

    #[test]
    fn whatever_the_environment_may_say_can_be_saved() {
        let mut settings: Vec<Setting> = KEYS.iter().map(|key| Setting::left_open(key)).collect();
        for (index, value) in [(0, "2s\n"), (7, "007")] {
            assert_eq!(KEYS[index].check(value), Ok(()));
            let (name, origin) = (KEYS[index].name, Origin::Environment);
            settings[index] = Setting { name, value: Some(value.into()), origin };
        }
        let read = File::of(&printed(&settings)).unwrap();
        assert_eq!(read.get(&INTERVAL).map(|(value, _)| value), Some("2s\n"));
        assert_eq!(read.get(&LIMIT).map(|(value, _)| value), Some("7"));
    }

    #[test]
    fn the_schema_has_every_setting() {
        let schema = schema();
        assert_eq!(schema["properties"].as_object().unwrap().len(), KEYS.len() + 1);
        assert!(schema["properties"]["lints"]["properties"]["never-yields"].is_object());
        assert_eq!(schema["properties"]["mouse"]["default"], true);
        assert_eq!(schema["properties"]["theme"]["default"], Value::Null);
        assert_eq!(schema["properties"]["color"]["enum"][1], "always");
    }
}
