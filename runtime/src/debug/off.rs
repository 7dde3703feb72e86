//! Lints that the environment switches off: `LOOPSCOPE_LINTS="slow-poll=off,leak=off"`.
//!
//! The same variable sets thresholds (`starved=2s`), which the inspector reads; it also complains of what makes no sense. What is an
//! error that nobody can receive is told all the same.

use std::sync::OnceLock;

use super::Lint;

/// Whether nobody wants to hear of it.
pub(super) fn is_off(lint: Lint) -> bool {
    static OFF: OnceLock<Vec<Lint>> = OnceLock::new();
    let off =
        OFF.get_or_init(|| std::env::var("LOOPSCOPE_LINTS").map_or_else(|_| Vec::new(), |list| parse(&list)));
    off.contains(&lint)
}

/// The lints that a list switches off; the last word on each counts.
fn parse(text: &str) -> Vec<Lint> {
    let mut off = Vec::new();
    for part in text.split(',') {
        let Some((name, value)) = part.split_once('=') else { continue };
        let Some(&lint) = Lint::ALL.iter().find(|lint| lint.as_str() == name.trim()) else { continue };
        off.retain(|other| *other != lint);
        if matches!(value.trim(), "off" | "false") {
            off.push(lint);
        }
    }
    off
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_switches_off_what_it_says_and_nothing_else() {
        assert_eq!(parse("slow-poll=off, leak = false,starved=2s"), [Lint::SlowPoll, Lint::Leak]);
        assert_eq!(parse("leak=off,leak=5"), []);
        assert_eq!(parse("leak,=,banana=off,off"), []);
    }
}
