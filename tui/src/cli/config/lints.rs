//! What is told by the lints: the table `[lints]` of the configuration file and `LOOPSCOPE_LINTS` in the environment, which beats it.
//! What neither says is as the application has it.

use super::Origin;
use loopscope_inspector::model::lints::Lint;
use loopscope_inspector::model::{Thresholds, words};
use std::io::{self, Write};
use std::path::PathBuf;
use toml::de::DeValue;

/// The variable, which an application reads too.
pub(crate) const VARIABLE: &str = "LOOPSCOPE_LINTS";

/// The name of the table.
pub(crate) const TABLE: &str = "lints";

/// One setting of a lint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LintSetting {
    /// The name of the lint, or `window`.
    pub(crate) name: String,
    /// `on`, `off` or a threshold.
    pub(crate) value: String,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// What stands behind the equals sign, as the environment would have it.
///
/// # Errors
///
/// What is expected instead.
pub(super) fn checked(name: &str, value: &DeValue<'_>) -> Result<String, String> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Boolean(on) => if *on { "on" } else { "off" }.to_owned(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        _ => return Err(format!("`{}`: expected \"off\" or a threshold", shown(name))),
    };
    Thresholds::default().set_by_words(name, &text).map(|()| text).map_err(|bad| bad.to_string())
}

/// Puts what the environment says after what the file says, and complains of what makes no sense there.
pub(crate) fn with_environment(
    mut settings: Vec<LintSetting>,
    list: &str,
    complaints: &mut Vec<String>,
) -> Vec<LintSetting> {
    for part in list.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        match Thresholds::default().set_by_words(&name, &value) {
            Ok(()) => {
                settings.retain(|setting| setting.name != name);
                settings.push(LintSetting { name, value, origin: Origin::Environment });
            }
            Err(bad) => complaints.push(format!("{VARIABLE}: {bad}; it is ignored")),
        }
    }
    settings
}

/// Writes the table, with what nobody set as a comment.
///
/// # Errors
///
/// If it cannot be written.
pub(super) fn print(out: &mut dyn Write, settings: &[LintSetting]) -> io::Result<()> {
    writeln!(
        out,
        "\n# From when on something is told, or \"off\"; what is not set here is as the application has it."
    )?;
    writeln!(out, "# `loopscope explain` lists what there is. ({VARIABLE}=\"starved=2s,leak=off\")")?;
    writeln!(out, "[{TABLE}]")?;
    for lint in Lint::ALL {
        let name = lint.as_str();
        if settings.iter().any(|setting| setting.name == name) {
            continue;
        }
        let usual =
            lint.unit().map_or_else(|| "on".to_owned(), |unit| unit.words(Thresholds::default().of(*lint)));
        writeln!(out, "# {name} = \"{usual}\"")?;
    }
    for setting in settings {
        let value = serde_json::Value::from(setting.value.as_str());
        let from = match &setting.origin {
            Origin::File { path, line } => format!("{}:{line}", path.display()),
            _ => VARIABLE.to_owned(),
        };
        writeln!(out, "{} = {value}  # {from}", setting.name)?;
    }
    Ok(())
}

fn shown(name: &str) -> String {
    words::escape(name, words::NAME_CHARS_MAX).into_owned()
}

/// Where a line of the file is.
pub(super) fn of_file(name: String, value: String, line: usize) -> LintSetting {
    LintSetting { name, value, origin: Origin::File { path: PathBuf::new(), line } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_beats_the_file_and_what_makes_no_sense_is_told() {
        let file = vec![of_file("leak".into(), "5".into(), 3), of_file("starved".into(), "2s".into(), 4)];
        let mut complaints = Vec::new();
        let settings = with_environment(file, "leak=off, self-wak=2,deadlock=2s", &mut complaints);
        let told: Vec<String> =
            settings.iter().map(|setting| format!("{}={}", setting.name, setting.value)).collect();
        assert_eq!(told, ["starved=2s", "leak=off"]);
        assert_eq!(
            complaints,
            [
                "LOOPSCOPE_LINTS: `self-wak`: there is no such lint; did you mean `self-wake`?; it is ignored",
                "LOOPSCOPE_LINTS: `deadlock`: expected on or off; it is ignored",
            ]
        );
    }
}
