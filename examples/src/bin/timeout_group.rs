//! A group of tasks with a time limit, and what becomes of it when one is slow or fails.
//!
//! Pages are fetched side by side, in a scope that owns the tasks, in another that limits the time. Each page that comes moves
//! the deadline; when it passes, the group is dropped with whatever is still under way. When one page fails the others are
//! cancelled, and the error says which task it was, where it was spawned, and why.

#![allow(clippy::print_stdout, reason = "it prints what came of it")]

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use loopscope::group::GroupError;
use loopscope::time::{Deadline, Elapsed, Instant, timeout_scope};
use loopscope::{TaskGroup, sleep};

/// How long a page may be awaited after the one before.
const PATIENCE: Duration = Duration::from_millis(200);

/// A page, and how long it takes to come; one that takes no time at all is refused.
type Page = (&'static str, u64);

/// The names of those pages that came.
type Came = Rc<RefCell<Vec<&'static str>>>;

#[loopscope::main]
async fn main() {
    tell("all in time", &[("news", 50), ("mail", 100), ("map", 250)]).await;
    tell("one too slow", &[("news", 50), ("mail", 100), ("film", 3_600_000)]).await;
    tell("one refused", &[("news", 50), ("mail", 100), ("shop", 0)]).await;
}

async fn tell(title: &str, pages: &[Page]) {
    let (came, begun) = (Came::default(), Instant::now());
    let outcome = fetch_all(pages, &came).await;
    println!("{title}: {} after {:.1} s", came.borrow().join(", "), begun.elapsed().as_secs_f64());
    match outcome {
        Ok(Ok(())) => println!("  that is everything"),
        Ok(Err(error)) => println!("  {}", error_lines(&error)),
        Err(elapsed) => println!("  the others took too long: {elapsed}"),
    }
}

fn error_lines(error: &GroupError) -> String {
    format!("{error:#}").replace('\n', "\n  ")
}

async fn fetch_all(pages: &[Page], came: &Came) -> Result<Result<(), GroupError>, Elapsed> {
    timeout_scope(PATIENCE, async |deadline: Deadline| {
        TaskGroup::scope(async |group| {
            for &(name, millis) in pages {
                let (deadline, came) = (deadline.clone(), Rc::clone(came));
                group.spawn_named(name, async move {
                    fetch(millis).await?;
                    came.borrow_mut().push(name);
                    // Something moves: whoever is left has its time from now.
                    deadline.reschedule(Instant::now() + PATIENCE).ok();
                    Ok::<_, CannotFetch>(())
                });
            }
        })
        .await
    })
    .await
}

/// Stands for what a network would do.
async fn fetch(millis: u64) -> Result<(), CannotFetch> {
    if millis == 0 {
        sleep(Duration::from_millis(75)).await;
        return Err(CannotFetch(io::ErrorKind::ConnectionRefused.into()));
    }
    sleep(Duration::from_millis(millis)).await;
    Ok(())
}

/// A page that did not come.
#[derive(Debug)]
struct CannotFetch(io::Error);

impl fmt::Display for CannotFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot fetch the page")
    }
}

impl Error for CannotFetch {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
