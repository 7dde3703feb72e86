//! The same examples on the screens of the live picture, in a real terminal: the words of each warning, its function, file and line.
//!
//! Every wait is for what a line of the screen shows, never for a time. Without tmux the tests say so and pass.

use super::{Playing, line_of, message};
use crate::pane::Pane;

/// Wide enough that no place is cut.
const WIDE: (u16, u16) = (200, 60);

/// The live picture of an example that runs.
struct Watched {
    playing: Playing,
    pane: Pane,
}

impl Watched {
    /// `None` if there is no tmux.
    fn start(name: &'static str, arguments: &str, lints: Option<&str>) -> Option<Self> {
        let pane = Pane::open(WIDE.0, WIDE.1)?;
        let playing = Playing::start(name, arguments, lints);
        let directory = playing.stage.directory.display();
        pane.line(&format!("XDG_RUNTIME_DIR={directory} $loopscope attach {}", playing.process.pid()));
        pane.shows("● live");
        Some(Self { playing, pane })
    }

    /// The file and the marked line of the example, as a screen says them.
    fn place(&self, marker: &str) -> String {
        format!("{}.rs:{}", self.playing.name, line_of(self.playing.name, marker))
    }

    /// A line of the screen that has all of these.
    #[track_caller]
    fn says(&self, parts: &[&str]) {
        self.pane.shows_line(parts);
    }

    /// The only warning of a lint on the Warnings screen, with these words, and its page with the place.
    #[track_caller]
    fn warned(&self, lint: &str, words: &[&str], marker: &str) {
        let place = self.place(marker);
        self.pane.press(&["8"]);
        self.pane.write("/");
        self.pane.write(&format!("name={lint}"));
        self.pane.press(&["Enter"]);
        self.says(&["▾", lint, "1 now"]);
        self.pane.shows_folded(words);
        // The panel below the table has no columns that cut the place.
        self.says(&["  at ", &place]);
        self.says(&["To mend it: "]);
        self.pane.press(&["Enter"]);
        self.says(&[lint, "holds now"]);
        self.pane.shows_folded(words);
        self.says(&["  at ", &place]);
        self.says(&["What it means"]);
    }

    /// The async stack on the page of the task of that name: the function, at the marked line.
    #[track_caller]
    fn stands_at(&self, task: &str, function: &str, marker: &str) {
        let tasks = self.playing.rows("tasks");
        let row = tasks.iter().find(|row| row["name"] == task).unwrap_or_else(|| panic!("{task}: {tasks:?}"));
        self.pane.write(&format!(":goto {}", row["id"]));
        self.pane.press(&["Enter"]);
        self.says(&[&format!("#{} {task}  ○ idle", row["id"])]);
        self.pane.press(&["a"]);
        self.says(&["taken with one poll of the task"]);
        let function = format!("{}::{function}", self.playing.name);
        self.says(&["→", &self.place(marker), &function]);
    }

    /// The tree, with a mark at the task of that name, and what it waits for.
    #[track_caller]
    fn is_marked(&self, mark: &str, task: &str, waits_for: &str) {
        self.pane.press(&["2"]);
        self.says(&[mark, task, "○ idle", waits_for]);
    }
}

#[test]
fn slow_callback_is_on_the_warnings_screen_with_the_line_that_asked_for_the_call() {
    let Some(watched) = Watched::start("slow_callback", "", Some("late-timer=off")) else { return };
    // Between two calls nothing is blocked, and what was slow stays.
    watched.pane.press(&["8"]);
    watched.says(&["▾", "slow-poll"]);
    watched.pane.write("/name=slow-poll");
    watched.pane.press(&["Enter"]);
    let place = watched.place("the callback");
    watched.pane.shows_folded(&["a poll of #", " took ", " ms", "spawned at ", &place]);
    watched.says(&["  at ", &place]);
    watched.pane.press(&["Enter"]);
    watched.says(&["! slow-poll"]);
    watched.says(&["What it means"]);
}

#[test]
fn blocked_is_on_the_screens_with_the_native_stack_down_to_the_line() {
    for (how, function) in
        [("cpu", "blocked::compute"), ("sleep", "blocked::nap"), ("lock", "blocked::count")]
    {
        let Some(watched) = Watched::start("blocked", &format!("--how {how}"), Some("")) else { return };
        watched.playing.warning("blocked");
        watched.pane.press(&["8"]);
        watched.pane.write("/name=blocked");
        watched.pane.press(&["Enter"]);
        watched.says(&["✗ blocked", "1 now"]);
        watched.says(&["loop 0 blocked ", " report, "]);
        // Its page has the stack that the watchdog took.
        watched.pane.press(&["Enter"]);
        watched.says(&["✗ blocked", "holds now"]);
        watched.says(&["Stack, the innermost first"]);
        watched.says(&["→", &watched.place(how), function]);
        // And as of now, on request.
        watched.pane.press(&["Escape", "n"]);
        watched.says(&["What the threads of the loops were doing"]);
        watched.says(&["loop 0, thread", " report, "]);
        watched.says(&["→", &watched.place(how), function]);
    }
}

#[test]
fn two_locks_in_two_orders_are_marked_in_the_tree_and_on_sync_with_every_line() {
    let Some(watched) = Watched::start("deadlock", "--how locks", None) else { return };
    let warning = watched.playing.warning("deadlock");
    watched.pane.press(&["8"]);
    watched.says(&["▾ ✗ deadlock", "1 now"]);
    watched.says(&[message(&warning), "deadlock.rs:"]);
    watched.pane.press(&["Enter"]);
    watched.says(&["✗ deadlock", "holds now"]);
    let [pay_waits, pay_holds] = [watched.place("pay waits"), watched.place("pay holds")];
    let [cancel_waits, cancel_holds] = [watched.place("cancel waits"), watched.place("cancel holds")];
    watched.pane.shows_folded(&[
        " pay waits for lock \"orders\" held by ",
        &pay_waits,
        "taken at ",
        &cancel_holds,
    ]);
    watched.pane.shows_folded(&[
        " cancel an order waits for lock \"accounts\" held by ",
        &cancel_waits,
        "taken at ",
        &pay_holds,
    ]);
    watched.pane.press(&["Escape"]);
    watched.is_marked("✗ deadlock", "pay", "lock \"orders\" held by ");
    watched.stands_at("pay", "pay", "pay waits");
    watched.says(&["a deadlock, nothing can wake them"]);
    watched.stands_at("cancel an order", "cancel", "cancel waits");
    watched.pane.press(&["7"]);
    watched.says(&["✗ lock", "accounts", "pay", "cancel an order"]);
    watched.says(&["part of a deadlock: nothing outside can end it"]);
}

#[test]
fn two_tasks_that_wait_for_each_others_end_are_marked_in_the_tree_with_their_lines() {
    let Some(watched) = Watched::start("deadlock", "--how join", None) else { return };
    let warning = watched.playing.warning("deadlock");
    watched.pane.press(&["8"]);
    watched.says(&["▾ ✗ deadlock", "1 now"]);
    watched.says(&[message(&warning), "deadlock.rs:"]);
    watched.is_marked("✗ deadlock", "upload", "join ");
    watched.stands_at("upload", "join", "upload waits");
    watched.stands_at("clean up", "join", "clean up waits");
}

#[test]
fn a_queue_whose_reader_has_left_is_on_the_screens_with_who_waits_and_where() {
    let lints = Some("no-consumer=500ms");
    let Some(watched) = Watched::start("deadlock", "--how queue", lints) else { return };
    watched.pane.press(&["8"]);
    watched.says(&["▾ ! no-consumer", "1 now"]);
    watched.pane.press(&["Enter"]);
    watched.pane.shows_folded(&[
        "queue \"orders\" made at ",
        " is full, and the task that last took from it is over",
    ]);
    watched.pane.press(&["Escape"]);
    // It is the queue that is warned of, so no task is marked.
    watched.is_marked("", "waiter", "put \"orders\"");
    watched.stands_at("waiter", "take_orders", "waiter waits");
    watched.pane.press(&["7"]);
    watched.says(&["queue", "orders", "waiter", "2 of 2 items"]);
}

#[test]
fn what_only_grows_is_on_the_warnings_screen_with_the_line_that_makes_it() {
    for (what, lint, words) in
        [("tasks", "leak", " more in "), ("descriptors", "fd-leak", " descriptors made at ")]
    {
        let lints = Some("leak=5,fd-leak=5,window=4s");
        let Some(watched) = Watched::start("leak", &format!("--what {what}"), lints) else { return };
        watched.playing.warning(lint);
        watched.warned(lint, &[words], what);
    }
}

#[test]
fn an_error_that_nobody_asks_for_is_on_the_warnings_screen_with_its_words_and_its_line() {
    let Some(watched) = Watched::start("never_retrieved", "", None) else { return };
    watched.playing.warning("never-retrieved");
    watched.pane.press(&["8"]);
    watched.says(&["▾ ✗ never-retrieved"]);
    watched.pane.shows_folded(&["task #2 \"load settings\" (spawned at ", ") failed and nobody awaits it: "]);
    watched.says(&["  at ", &watched.place("the task")]);
    watched.pane.press(&["Enter"]);
    watched.pane.shows_folded(&["failed and nobody awaits it: ", "kind: NotFound"]);
    watched.says(&["task #2 load settings, Enter opens its page"]);
}

#[test]
fn starvation_is_on_the_warnings_screen_with_who_does_not_get_its_turn() {
    let Some(watched) = Watched::start("starvation", "", None) else { return };
    watched.playing.warning("starved");
    watched.pane.press(&["8"]);
    watched.pane.write("/name=starved");
    watched.pane.press(&["Enter"]);
    watched.says(&["▾ ! starved", "now"]);
    watched.pane.shows_folded(&[" has been ready to run for ", " and did not get its turn"]);
    // Whoever it is: the clock, or one of the workers.
    let [clock, worker] = [watched.place("clock"), watched.place("worker")];
    watched.pane.shows_one("the place of who starves", |line| {
        line.starts_with("  at ") && (line.contains(&clock) || line.contains(&worker))
    });
}

#[test]
fn a_log_is_followed_line_by_line_with_its_tasks_and_levels() {
    let Some(watched) = Watched::start("logged", "", None) else { return };
    let pane = &watched.pane;
    pane.press(&["9"]);
    watched.says(&["log lines", "following"]);
    watched.says(&["info", "logged", "served order=", &watched.place("served")]);
    // The newest is the last and selected, and goes on to be.
    let newest = || pane.screen().lines().find(|line| line.starts_with('▌')).map(str::to_owned);
    let first = newest();
    pane.shows_one("a newer line", |line| line.starts_with('▌') && Some(line) != first.as_deref());
    // Who looks at an older one stays there, until f.
    pane.press(&["Up"]);
    pane.hides("following");
    pane.press(&["f"]);
    watched.says(&["log lines", "following"]);
    // Only what is worse.
    pane.press(&["v", "v"]);
    watched.says(&["log lines", "warn and worse"]);
    watched.says(&["warn", "the guest had to wait order=", &watched.place("waited")]);
    pane.hides("served order=");
    pane.press(&["v", "v", "v"]);
    watched.says(&["served order="]);
    // More than the application keeps by itself, for as long as somebody looks.
    pane.press(&["F"]);
    watched.says(&[": log-filter "]);
    pane.press(&["C-u"]);
    pane.write("log-filter debug");
    pane.press(&["Enter"]);
    watched.says(&["log lines", "logged: debug"]);
    watched.says(&["debug", "begun order=", &watched.place("begun")]);
}
