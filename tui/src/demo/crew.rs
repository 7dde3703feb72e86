//! Tasks that do one job together.

use loopscope::{Task, task};

/// Tasks that do one job together: whoever started them waits for all of them.
#[derive(Debug, Default)]
pub(super) struct Crew {
    tasks: Vec<Task<()>>,
}

impl Crew {
    /// Starts one more.
    #[track_caller]
    pub(super) fn spawn(&mut self, name: &str, work: impl Future<Output = ()> + 'static) {
        self.tasks.push(task::Builder::new().name(name).spawn(work));
    }

    /// Waits for all of them.
    pub(super) async fn join(self) {
        for task in self.tasks {
            // A panic in one of them was reported already, and the others go on.
            let _ = task.await;
        }
    }
}
