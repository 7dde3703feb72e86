//! Lints of how the loop's time is used: polls, turns and timers.

use super::Text;

pub(super) static BLOCKED: Text = Text {
    meaning: "one poll is holding its loop right now, and nothing else on it runs",
    explanation: "A loop runs one task at a time, and a task gives way only at an .await that is not ready. This poll has not \
                  come to one: it computes, calls something that blocks the thread, or loops for ever. Meanwhile no other \
                  task of the loop runs, no timer fires and no socket is served.",
    example: "// The whole loop waits for the disk,\n\
              let text = std::fs::read_to_string(path)?;\n\
              // and here only this task does.\n\
              let text = loopscope::spawn_blocking(move || std::fs::read_to_string(path)).await??;\n\
              \n\
              // Others get their turn between the parts of a long computation.\n\
              for part in parts {\n    \
                  compute(part);\n    \
                  loopscope::yield_now().await;\n\
              }",
    remedy: "Move what blocks to a thread of its own, use the asynchronous form of the call, or divide long computations \
             with yield_now().await.",
};

pub(super) static NEVER_YIELDS: Text = Text {
    meaning: "a poll has gone on for so long that it does not look as if it would ever give way",
    explanation: "The poll has been under way a hundred times as long as one that is called slow. That is no longer a slow \
                  call: it is a loop without an .await in it, an .await that is always ready, a lock of std that nobody \
                  gives back, or a call that waits for something which this very loop should do. Nothing else on the loop \
                  will run until it ends.",
    example: "// The flag is set by another task of this loop, which never gets a turn.\n\
              while !ready.get() {\n    \
                  std::hint::spin_loop();\n\
              }\n\
              // An event is waited for without holding the loop.\n\
              ready.wait().await;",
    remedy: "Look at the stack with `loopscope stack PID`: it names the line. Put an .await that really waits into the loop, \
             or move the work to a thread with spawn_blocking.",
};

pub(super) static SLOW_POLL: Text = Text {
    meaning: "a poll took so long that every other task of its loop had to wait",
    explanation: "A task ran this long without giving way. All other tasks of its loop waited for as long.",
    example: BLOCKED.example,
    remedy: BLOCKED.remedy,
};

pub(super) static SLOW_IO: Text = Text {
    meaning: "an operation on a descriptor, which must not block, kept its whole loop waiting",
    explanation: "A loop's descriptors do not block: a call returns at once, and the task waits until there is more. This call did \
                  not return for as long as a callback may take at most. Its descriptor was set back to blocking, or is of a \
                  kind that blocks nevertheless (a file system or a driver), or the closure given to an AsyncFd does more \
                  than one call. How long a loop waits for descriptors while it has nothing to do is never told of.",
    example: "// The closure reads all there will ever be, and the loop waits with it,\n\
              fd.read_with(|mut pipe| pipe.read_to_end(&mut bytes)).await?;\n\
              // or what there is, as often as there is something.\n\
              while fd.read_with(|mut pipe| pipe.read(&mut buffer)).await? > 0 {}",
    remedy: "Do one call for each readiness; leave descriptors of the loop non-blocking, also through other handles to them; use \
             spawn_blocking for what blocks whatever one does.",
};

pub(super) static SLOW_RESOLVE: Text = Text {
    meaning: "looking up the name of a host took long",
    explanation: "Names are looked up by the system's resolver on a blocking thread, so the loop went on meanwhile; who asked \
                  for the name had to wait. A name server that does not answer costs its whole time limit, often 5 s, for \
                  each try.",
    example: "// Looked up anew for every request,\n\
              let stream = TcpStream::connect((\"db.internal\", 5432)).await?;\n\
              // or once.\n\
              let address = loopscope::net::lookup_host((\"db.internal\", 5432)).await?[0];",
    remedy: "Keep connections or addresses instead of looking names up for each use; look at /etc/resolv.conf for servers that \
             do not answer; bound the wait with a timeout.",
};

pub(super) static STARVED: Text = Text {
    meaning: "a task has been ready to run for a long time and did not get its turn",
    explanation: "The task was woken and stands in the run queue, and it is not one long poll that keeps it there: the loop is \
                  running others. Either the queue is longer than the loop can work off, or tasks before it make each other \
                  ready in every turn.",
    example: "// A hundred thousand requests at once: the last one waits for all others.\n\
              for request in requests {\n    \
                  group.spawn(handle(request));\n\
              }\n\
              // As many at a time as the loop can serve.\n\
              let permits = Semaphore::new(200);\n\
              for request in requests {\n    \
                  let permit = permits.acquire().await;\n    \
                  group.spawn(async move { let _permit = permit; handle(request).await });\n\
              }",
    remedy: "Take on less at once (a semaphore, a bounded queue), make the polls shorter, or divide the work over several loops.",
};

pub(super) static SELF_WAKE: Text = Text {
    meaning: "a task wakes itself in a circle: it is polled all the time and does nothing",
    explanation: "Nearly every poll of the task wakes the task itself and returns at once, thousands of times a second. That \
                  burns a processor and delays all others. Usually it is a hand-written poll that asks again instead of \
                  waiting, or a select! in a loop whose one arm is always ready.",
    example: "// Asks as often as it can,\n\
              poll_fn(|cx| match try_next() {\n    \
                  Some(item) => Poll::Ready(item),\n    \
                  None => { cx.waker().wake_by_ref(); Poll::Pending }\n\
              }).await;\n\
              // and here the queue wakes it when there is something.\n\
              let item = queue.get().await;",
    remedy: "Wait for what makes it ready: keep the waker and wake it when something has changed, or use an Event or a queue. \
             Where only asking again is possible, sleep in between.",
};

pub(super) static LATE_TIMER: Text = Text {
    meaning: "timers of the loop fire late again and again",
    explanation: "Nearly all timers that fired lately were late by more than the threshold. Timers are looked at between \
                  polls: the loop has too much to do, or polls that are too long. Intervals skip or crowd their ticks, and \
                  timeouts fire later than they say.",
    example: "// Each tick computes longer than the time between two ticks.\n\
              let mut ticks = loopscope::time::interval(Duration::from_millis(10));\n\
              loop {\n    \
                  ticks.tick().await;\n    \
                  compute_for_15_ms();\n\
              }\n\
              // The work goes to a thread.\n    \
                  loopscope::spawn_blocking(compute_for_15_ms).await?;",
    remedy: "Look for slow polls and at the utilisation of the loop; move work to threads or to other loops, or let the timer \
             fire less often.",
};
