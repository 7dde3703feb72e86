//! Lints of what grows: tasks, descriptors, queues, futures.

use super::Text;

pub(super) static LEAK: Text = Text {
    meaning: "tasks of one spawn site become more and more, and none of them ends",
    explanation: "Through the whole window tasks were spawned at this line and not one that was spawned there ended. They do not \
                  wait for sockets, of which there may rightly be many. Each keeps its future and all that it owns, so memory \
                  grows until the process is killed.",
    example: "// One more for each request, and each waits for ever.\n\
              loopscope::spawn(async move { loop { refresh(&session).await; sleep(MINUTE).await; } }).detach();\n\
              // They end with the session.\n\
              session.tasks.spawn(async move { loop { refresh(&session).await; sleep(MINUTE).await; } });",
    remedy: "Keep the handles in a TaskGroup that ends with what they belong to, cancel them, or bound what they wait for with a \
             timeout. `loopscope tasks --filter 'site~FILE:LINE'` shows what they wait for.",
};

pub(super) static FD_LEAK: Text = Text {
    meaning: "descriptors made at one place are kept and not used any more, or the process is near its limit of them",
    explanation: "Descriptors that were made here become more and more; no task waits for them and nothing goes through them. Or \
                  the process has nearly as many open as it may have (RLIMIT_NOFILE): then accepting and connecting fail with \
                  \"too many open files\".",
    example: "// Kept for ever, also of clients that went away.\n\
              connections.push(stream);\n\
              // Each lives as long as the task that serves it.\n\
              group.spawn(async move { serve(stream).await });",
    remedy: "Drop connections when they are over, bound how many there are with a semaphore, and close idle ones after a while. \
             If so many are meant, raise the limit (`ulimit -n`, LimitNOFILE=).",
};

pub(super) static POOL_QUEUE: Text = Text {
    meaning: "jobs for blocking threads are queued faster than the threads work them off",
    explanation: "The queue of a pool of blocking threads grew through the whole window and never got shorter. Whoever spawns a \
                  job waits longer and longer, and each job that is queued takes memory.",
    example: "// As many jobs as there are files, at once.\n\
              for path in paths {\n    \
                  group.spawn(loopscope::spawn_blocking(move || hash(path)));\n\
              }\n\
              // As many at a time as there are threads to run them.\n\
              let permits = Semaphore::new(16);",
    remedy: "Bound how many jobs are under way with a semaphore, make the jobs shorter, or give the pool more threads if they \
             mostly sleep.",
};

pub(super) static LARGE_FUTURE: Text = Text {
    meaning: "the future of a task is so large that it costs time and memory to have many of them",
    explanation: "A future holds every variable that lives across an .await, those of the futures it awaits included, and arrays \
                  lie in it whole. It is copied when it is spawned, and each task of the site takes as much memory.",
    example: "// 64 KiB in every task,\n\
              let mut buffer = [0; 65_536];\n\
              stream.read(&mut buffer).await?;\n\
              // or a pointer.\n\
              let mut buffer = vec![0; 65_536];\n\
              stream.read(&mut buffer).await?;",
    remedy: "Put large buffers on the heap (vec!, Box), drop them before the next .await, or box the large part: \
             Box::pin(part()).await.",
};
