//! Lints of who waits for whom.

use super::Text;

pub(super) static DEADLOCK: Text = Text {
    meaning: "tasks wait for each other, and nothing outside can wake them",
    explanation: "Each of these tasks waits for the next: for a lock that it holds, or for its end; or they wait for what only \
                  tasks of their loop could do, and all of those wait too. No timer, no I/O and nothing unknown takes part, \
                  so none of them will ever go on, nor will those that wait for them.",
    example: "// Two tasks that each take the one lock and then wait for the other's.\n\
              let accounts = accounts.lock().await;\n\
              let orders = orders.lock().await;     // elsewhere: orders first, then accounts\n\
              // The same order everywhere, or one lock around both, and none kept longer than needed.\n\
              let total = { accounts.lock().await.total() };\n\
              orders.lock().await.set_total(total);",
    remedy: "Take locks in one order everywhere, do not hold one across an .await that needs another, or bound the wait with a \
             timeout.",
};

pub(super) static CYCLE: Text = Text {
    meaning: "tasks wait for each other in a circle that a timeout or another arm of a select! can break",
    explanation: "The waits of these tasks lead back to where they began, as in a deadlock, but at least one of them waits for \
                  something else as well: a timer, I/O, another branch. The circle ends when that comes, and until then \
                  nothing moves. It is listed for who looks for the reason of a delay, and never warned of.",
    example: "// Both give up after a second, and try again with the same chances.\n\
              let other = timeout(Duration::from_secs(1), orders.lock()).await;\n\
              // With one order of the locks nobody ever has to.\n\
              let accounts = accounts.lock().await;\n\
              let orders = orders.lock().await;",
    remedy: "If the circle is met often, break it where it arises, as a deadlock: one order for all locks, none held across an \
             .await that needs another.",
};

pub(super) static NO_WAKER: Text = Text {
    meaning: "a task is idle and nobody holds a waker of it, so nothing will ever wake it",
    explanation: "Whatever a task waits for keeps the task's waker, to wake it when the time has come. Of this task, spawned in \
                  debug mode, all wakers are counted, and there is none left: it returned Pending without giving its waker to \
                  anybody, or who had it dropped it without waking. It will never run again.",
    example: "// Pending, and nobody knows whom to wake.\n\
              poll_fn(|_cx| if done.get() { Poll::Ready(()) } else { Poll::Pending }).await;\n\
              // Whoever sets it wakes who waits.\n\
              done.wait().await;    // an Event\n\
              \n\
              // Meant to wait for ever? Then say so, with a task that can be cancelled by name.\n\
              std::future::pending::<()>().await;",
    remedy: "In a hand-written future, keep a clone of cx.waker() wherever Pending is returned, anew in each poll. Cancel tasks \
             that are not needed any more instead of letting them wait for ever.",
};

pub(super) static NO_CONSUMER: Text = Text {
    meaning: "a queue or channel is full, tasks wait to put something in, and whoever took from it is gone",
    explanation: "Tasks have been waiting for room in this queue or channel, nothing was taken out of it in all that time, and the last \
                  task that ever took an item is over, or there never was one. The queue's own consumers end only by \
                  mistake: one panicked or returned early, or was never started.",
    example: "// The only consumer ends at the first bad item; then the producers wait for ever.\n\
              while let Ok(item) = queue.get().await {\n    \
                  handle(item)?;\n\
              }\n\
              // It says what was wrong and goes on, and closes the queue when it ends, so that producers hear of it.\n\
              while let Ok(item) = queue.get().await {\n    \
                  if let Err(error) = handle(item) { report(error); }\n\
              }\n\
              queue.close();",
    remedy: "Look at how the consumer ended (`loopscope tasks` lists finished tasks too), keep it in a TaskGroup with the producers so that they \
             end together, and close the queue when nobody takes from it any more.",
};

pub(super) static LOCK_HELD_LONG: Text = Text {
    meaning: "a lock is held across a long wait of its holder, and others wait for the lock",
    explanation: "The task that holds the lock has itself been waiting for something slow all this time, and others stand in \
                  line for the lock. Everybody who needs it is as slow as what its holder waits for.",
    example: "// Held while the reply comes in from the network,\n\
              let mut cache = cache.lock().await;\n\
              let page = fetch(url).await?;\n\
              cache.insert(url, page);\n\
              // or just for the insertion.\n\
              let page = fetch(url).await?;\n\
              cache.lock().await.insert(url, page);",
    remedy: "Take the lock after the slow part, copy out what is needed and give it back before the .await, or use a lock for \
             each key. Bound what its holder waits for with a timeout.",
};
