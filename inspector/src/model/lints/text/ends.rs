//! Lints of what was not used, not heard or not closed, found when it goes away.

use super::Text;

pub(super) static ENDED: Text = Text {
    meaning: "the process has come to its end, and this is the last picture of it",
    explanation: "Its main task panicked, or a fatal signal came (a bad access to memory, an abort), and the program was asked to \
                  leave a post mortem: with LOOPSCOPE_POST_MORTEM=DIR in its environment, or by its own code. Tasks, waits, \
                  warnings, stacks and log lines are those of that moment; nothing in the file changes any more.",
    example: "// Ends the process, and the file says so with this line.\n\
              let config = load(path).expect(\"a configuration\");\n\
              // main passes the error on, and ends in peace.\n\
              let config = load(path)?;",
    remedy: "Start with the place that the message names and with `loopscope stack FILE`; then see what the tasks waited for, with \
             `loopscope tree FILE`.",
};

pub(super) static UNHANDLED: Text = Text {
    meaning: "a panic or an error happened where nobody could receive it",
    explanation: "A task panicked that nobody awaits, a callback or a destructor panicked, or an error was lost in a place that \
                  has no caller. Nobody but this report will ever know.",
    example: "// Nobody will hear of a panic in here.\n\
              loopscope::spawn(work()).detach();\n\
              // The group hears of it, ends the others and passes it on.\n\
              let group = TaskGroup::new();\n\
              group.spawn(work());\n\
              group.close().await?;",
    remedy: "Await the task, or spawn it in a TaskGroup; give the Runner a hook for what is not handled, if all that is left is \
             to log it.",
};

pub(super) static NEVER_POLLED: Text = Text {
    meaning: "a future or a task was dropped before it ran for the first time",
    explanation: "A future does nothing until it is awaited or spawned. This one was made and dropped; or its task was cancelled \
                  before its first turn. What it should have done was not done.",
    example: "// Does nothing: the future is made and dropped.\n\
              let _ = send_report();\n\
              // Sends it.\n\
              send_report().await?;",
    remedy: "Await the future or spawn it. Where a task is cancelled at once on purpose, do not spawn it in the first place.",
};

pub(super) static NEVER_RETRIEVED: Text = Text {
    meaning: "a task or promise ended with an error that nobody looked at",
    explanation: "The task panicked or, if it was spawned by spawn_fallible or in a TaskGroup, returned an error, or the promise \
                  was broken, and nobody asked for it. The error is lost. An Err of a plain spawn is a value like any other: \
                  nothing is told of it, so spawn with spawn_fallible what may fail.",
    example: "// The error goes nowhere, but for this report.\n\
              loopscope::spawn_fallible(save()).detach();\n\
              // It comes here.\n\
              loopscope::spawn_fallible(save()).await??;",
    remedy: "Await the handle, or spawn in a TaskGroup, which passes errors on. If the error truly does not matter, handle it \
             inside of the task.",
};

pub(super) static DESTROYED_PENDING: Text = Text {
    meaning: "a task was destroyed before it was over, because its loop ended",
    explanation: "When a Runner ends it cancels what is still there and gives it some time; then the rest is dropped. What these \
                  tasks waited for did not come in that time, and what they still had to do was not done.",
    example: "// main returns, and the writer with it, with half of the file.\n\
              loopscope::spawn(write_all(file)).detach();\n\
              // main waits for it.\n\
              loopscope::spawn(write_all(file)).await??;",
    remedy: "Await tasks before main returns, keep them in a TaskGroup, or end them by a CancelToken that they heed. Say \
             leave_to_loop() instead of detach() of a task that is meant to last as long as its loop.",
};

pub(super) static UNCLOSED: Text = Text {
    meaning: "something that should be closed was dropped open: a writer, server, child process or loop",
    explanation: "Dropping closes the descriptor, but it cannot wait: data that a writer still holds is lost, connections of a \
                  server are cut, a child process goes on or becomes a zombie.",
    example: "// What is still buffered is lost.\n\
              writer.write_all(&reply).await?;\n\
              drop(writer);\n\
              // All of it is sent.\n\
              writer.write_all(&reply).await?;\n\
              writer.close().await?;",
    remedy: "Close it and await that: writer.close(), server.close() and wait_closed(), child.wait(). The warning says where it \
             was made.",
};
