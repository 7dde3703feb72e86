//! What was found earlier, beside what holds now.
//!
//! Some of what can be wrong is a state, which holds or is over: a loop is blocked, tasks wait for each other. The rest has
//! happened and stays so: an error that nobody looked at. A state that was found earlier and does not hold now is listed as
//! past, and does not count.

use super::{Lint, sort};
use crate::model::{Place, WallTime, Warning};

impl Lint {
    /// Whether it is a state, that can be over, and nothing that has happened for good.
    pub fn is_state(self) -> bool {
        !matches!(
            self,
            Self::Ended
                | Self::Unhandled
                | Self::SlowPoll
                | Self::SlowIo
                | Self::SlowResolve
                | Self::NeverRetrieved
                | Self::NeverPolled
                | Self::DestroyedPending
                | Self::Unclosed
        )
    }
}

/// The warnings that hold now together with those that were found earlier: what is in both is one row with the message of
/// now and with what was kept earlier, as its stack. All of them are explained, the past ones come last.
pub fn with_found(now: Vec<Warning>, found: Vec<Warning>, taken_at: WallTime) -> Vec<Warning> {
    let mut all = now;
    for warning in &mut all {
        let is_state = warning.name.parse().is_ok_and(Lint::is_state);
        if is_state {
            warning.last_seen = Some(taken_at);
            warning.first_seen = warning.for_ns.map(|for_ns| WallTime(taken_at.0.saturating_sub(for_ns)));
        }
    }
    let present = all.len();
    for mut old in found {
        if let Some(same) = all[..present].iter_mut().find(|row| is_same(row, &old)) {
            enrich(same, old);
            continue;
        }
        old.past = old.name.parse().is_ok_and(Lint::is_state);
        all.push(old);
    }
    for warning in &mut all {
        if let Ok(lint) = warning.name.parse::<Lint>() {
            lint.meaning().clone_into(&mut warning.summary);
            lint.remedy().clone_into(&mut warning.help);
        }
    }
    sort(&mut all);
    all.sort_by_key(|warning| warning.past);
    all
}

/// Whether two findings are about the same thing.
fn is_same(a: &Warning, b: &Warning) -> bool {
    fn agree<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
        a.zip(b).is_none_or(|(a, b)| a == b)
    }
    let same_place = match (&a.at, &b.at) {
        (Some(a), Some(b)) => Place::same_line(a, b),
        _ => a.task == b.task,
    };
    a.name == b.name
        && same_place
        && agree(a.loop_id.as_ref(), b.loop_id.as_ref())
        && agree(a.resource.as_ref(), b.resource.as_ref())
}

/// Adds what was kept earlier.
fn enrich(row: &mut Warning, old: Warning) {
    row.count = row.count.max(old.count);
    row.first_seen = old.first_seen.or(row.first_seen);
    row.last_seen = row.last_seen.or(old.last_seen);
    row.loop_id = row.loop_id.or(old.loop_id);
    row.resource = row.resource.or(old.resource);
    let is_same_task = row.task.is_none() || row.task == old.task;
    row.task = row.task.or(old.task);
    if is_same_task {
        row.task_name = row.task_name.take().or(old.task_name);
        if row.created.is_empty() {
            row.created = old.created;
        }
    }
    if row.stack.is_empty() {
        row.stack = old.stack;
    }
    if row.notes.is_empty() {
        row.notes = old.notes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Frame, Severity};

    const NOW: WallTime = WallTime(1_000);

    fn warning(name: &str, task: u64, line: u32) -> Warning {
        let severity = name.parse().map_or(Severity::Note, Lint::severity);
        let at = Some(Place::new("src/main.rs", line, 1));
        Warning { name: name.into(), severity, task: Some(task), at, count: 1, ..Warning::default() }
    }

    fn found(name: &str, task: u64, line: u32) -> Warning {
        let stack = vec![Frame { function: "read".into(), at: None }];
        let (first_seen, last_seen) = (Some(WallTime(100)), Some(WallTime(900)));
        Warning { first_seen, last_seen, stack, count: 5, ..warning(name, task, line) }
    }

    #[test]
    fn what_holds_and_was_found_before_is_one_row() {
        let now = Warning { for_ns: Some(300), message: "now".into(), ..warning("blocked", 7, 4) };
        let rows = with_found(vec![now], vec![found("blocked", 7, 4)], NOW);
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.message.as_str(), row.count, row.past), ("now", 5, false));
        assert_eq!((row.first_seen, row.last_seen), (Some(WallTime(100)), Some(NOW)));
        assert_eq!(row.stack[0].function, "read");
        assert!(!row.summary.is_empty() && !row.help.is_empty());
    }

    #[test]
    fn a_state_that_is_over_is_past_and_an_event_stays() {
        let rows = with_found(vec![], vec![found("blocked", 7, 4), found("never-retrieved", 8, 5)], NOW);
        let told: Vec<(&str, bool)> = rows.iter().map(|row| (row.name.as_str(), row.past)).collect();
        assert_eq!(told, [("never-retrieved", false), ("blocked", true)]);
    }

    #[test]
    fn what_holds_since_a_while_was_first_seen_then() {
        let now = Warning { for_ns: Some(300), ..warning("blocked", 7, 4) };
        let rows = with_found(vec![now, warning("slow-poll", 7, 4)], vec![], NOW);
        assert_eq!((rows[0].first_seen, rows[0].last_seen), (Some(WallTime(700)), Some(NOW)));
        assert_eq!((rows[1].first_seen, rows[1].last_seen), (None, None));
    }

    #[test]
    fn other_places_loops_and_lints_are_other_things() {
        let now = Warning { loop_id: Some(1), ..warning("blocked", 7, 4) };
        let others = [
            found("blocked", 7, 5),
            found("slow-poll", 7, 4),
            Warning { loop_id: Some(2), ..found("blocked", 7, 4) },
        ];
        assert_eq!(with_found(vec![now], others.to_vec(), NOW).len(), 4);
    }
}
