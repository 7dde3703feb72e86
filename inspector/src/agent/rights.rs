//! What clients may do beyond looking, by the application and by the environment it was started in.
//!
//! Who starts a program decides: the environment wins over the code.

use crate::model::{Rights, words};
use std::ffi::OsString;

/// The variable that takes the right to diagnose away.
const DIAGNOSE: &str = "LOOPSCOPE_DIAGNOSE";

/// The variable that grants the right to control.
const CONTROL: &str = "LOOPSCOPE_CONTROL";

/// The rights that clients have, and what is wrong with the variables that `lookup` finds.
pub(super) fn granted(code: Rights, lookup: impl Fn(&str) -> Option<OsString>) -> (Rights, Vec<String>) {
    let mut complaints = Vec::new();
    let mut read = |variable: &str, code: bool| {
        let value = lookup(variable).unwrap_or_default();
        match value.to_str() {
            Some("") => code,
            Some("0") => false,
            Some("1") => true,
            _ => {
                let value = words::escape(&value.to_string_lossy(), words::NAME_CHARS_MAX).into_owned();
                complaints
                    .push(format!("{variable} is \"{value}\", which is neither 0 nor 1; it is ignored"));
                code
            }
        }
    };
    let rights =
        Rights { see: true, diagnose: read(DIAGNOSE, code.diagnose), control: read(CONTROL, code.control) };
    (rights, complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Rights = Rights { see: true, diagnose: true, control: false };

    fn with(diagnose: &str, control: &str) -> (Rights, Vec<String>) {
        granted(USUAL, |name| Some(if name == DIAGNOSE { diagnose.into() } else { control.into() }))
    }

    #[test]
    fn the_environment_takes_one_right_and_grants_the_other() {
        assert_eq!(granted(USUAL, |_| None), (USUAL, vec![]));
        assert_eq!(with("0", "").0, Rights { diagnose: false, ..USUAL });
        assert_eq!(with("", "1").0, Rights { control: true, ..USUAL });
        assert_eq!(with("1", "0").0, USUAL);
    }

    #[test]
    fn the_environment_wins_over_the_code() {
        let code = Rights { see: true, diagnose: false, control: true };
        let (rights, _) = granted(code, |name| Some(if name == DIAGNOSE { "1".into() } else { "0".into() }));
        assert_eq!(rights, USUAL);
    }

    #[test]
    fn what_is_neither_0_nor_1_is_said_and_ignored() {
        let (rights, complaints) = with("no", "yes\n");
        assert_eq!(rights, USUAL);
        assert_eq!(
            complaints,
            [
                "LOOPSCOPE_DIAGNOSE is \"no\", which is neither 0 nor 1; it is ignored",
                "LOOPSCOPE_CONTROL is \"yes\\n\", which is neither 0 nor 1; it is ignored",
            ]
        );
    }
}
