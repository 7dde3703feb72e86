//! What a client wants told otherwise than the application does: names of lints, with `on`, `off` or a threshold.

use super::decode::DecodeError;
use super::limits::LINT_SETTINGS_MAX;
use super::proto;
use crate::model::Thresholds;

/// What is too long is sent as it is: the agent says so.
pub(super) fn encode(settings: &[(String, String)]) -> Vec<proto::LintSetting> {
    let encode =
        |(name, value): &(String, String)| proto::LintSetting { name: name.clone(), value: value.clone() };
    settings.iter().map(encode).collect()
}

/// The settings that make sense here. The lints of a newer client that are not known here are left out.
pub(super) fn decode(settings: Vec<proto::LintSetting>) -> Result<Vec<(String, String)>, DecodeError> {
    if settings.len() > LINT_SETTINGS_MAX {
        return Err(DecodeError::new("more than 64 settings of lints"));
    }
    let mut thresholds = Thresholds::default();
    let known = settings.into_iter().filter(|setting| Thresholds::is_name(&setting.name));
    known
        .map(|proto::LintSetting { name, value }| match thresholds.set_by_words(&name, &value) {
            Ok(()) => Ok((name, value)),
            Err(_) => Err(DecodeError::new("a setting of a lint that is none")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(settings: &[(&str, &str)]) -> Result<Vec<(String, String)>, DecodeError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        decode(encode(&settings.iter().map(owned).collect::<Vec<_>>()))
    }

    #[test]
    fn what_is_known_comes_through_and_what_a_newer_client_knows_is_left_out() {
        let kept =
            decoded(&[("leak", "off"), ("of-tomorrow", "3 pears"), ("starved", "2s"), ("window", "5s")]);
        let names: Vec<String> = kept.unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["leak", "starved", "window"]);
    }

    #[test]
    fn nonsense_and_too_much_are_refused() {
        for (name, value) in [("leak", ""), ("leak", "-1"), ("deadlock", "2s"), ("window", "99999m")] {
            assert!(decoded(&[(name, value)]).is_err(), "{name}={value}");
        }
        assert!(decoded(&[("leak", "off"); LINT_SETTINGS_MAX]).is_ok());
        assert!(decoded(&[("leak", "off"); LINT_SETTINGS_MAX + 1]).is_err());
    }
}
