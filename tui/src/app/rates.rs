//! What a task did between two pictures that showed it.

use loopscope_inspector::model::rates::{self, TaskRates};
use loopscope_inspector::model::{Process, Task};

/// What a task did between an earlier picture and a later one; `None` if they are not of one process, or too close.
pub(crate) fn since(before: &Task, was: &Process, now: &Task, is: &Process) -> Option<TaskRates> {
    of_task(before, now, rates::window_ns(was, is)?)
}

/// What a task of one process did within so many nanoseconds.
pub(crate) fn of_task(before: &Task, now: &Task, window_ns: u64) -> Option<TaskRates> {
    // Each picture reckons the time of spawning back from its own clock reading, so that it differs by a little; the
    // number alone tells the tasks of one process apart.
    let before = Task { spawned_at: now.spawned_at, ..before.clone() };
    rates::task_rates(Some(&before), now, window_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::sample::{SECOND, process};
    use loopscope_inspector::model::WallTime;

    #[test]
    fn the_same_task_has_rates_though_its_birth_is_reckoned_anew() {
        let later = Process { uptime_ns: Some(727 * SECOND), ..process() };
        let task = |polls, spawned_at| Task {
            id: 7,
            polls,
            spawned_at: Some(WallTime(spawned_at)),
            ..Task::default()
        };
        let rates = since(&task(10, 1_000), &process(), &task(30, 1_001), &later);
        assert_eq!(rates.map(|rates| rates.polls_per_s), Some(10.0));
        let restarted = Process { pid: 1, ..later };
        assert_eq!(since(&task(10, 1_000), &process(), &task(30, 1_000), &restarted), None);
    }
}
