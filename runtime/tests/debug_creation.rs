//! Debug mode with stacks: who made a task, frame by frame.

#![cfg(feature = "stacks")]
#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/warned.rs"]
mod warned;

use std::future::pending;

use loopscope::debug::{Frame, Mode};
use loopscope::{Handle, Task, TaskId, spawn, yield_now};
use warned::{Heard, here};

/// Spawns a task, two functions below who calls it. Returns its line.
#[inline(never)]
fn spawn_deep(tasks: &mut Vec<Task<()>>) -> u32 {
    spawn_deeper(tasks)
}

#[inline(never)]
fn spawn_deeper(tasks: &mut Vec<Task<()>>) -> u32 {
    tasks.push(spawn(pending::<()>()));
    here() - 1
}

fn stack_of(task: TaskId) -> Option<Vec<Frame>> {
    Handle::current().reader().creation_stack(task.as_u64())
}

/// The names of this file's functions on a stack, and their lines.
fn ours(frames: &[Frame]) -> Vec<(String, u32)> {
    let named = frames.iter().filter(|frame| frame.function.starts_with("debug_creation::"));
    named
        .map(|frame| {
            let at = frame.at.as_ref().unwrap();
            assert!(at.file.ends_with(file!()), "{frame}");
            (frame.function.trim_start_matches("debug_creation::").to_owned(), at.line)
        })
        .collect()
}

#[test]
fn a_task_has_the_stack_it_was_made_by_from_the_caller_of_spawn_to_the_poll() {
    let heard = Heard::default();
    let mut runner = heard.builder().debug_mode(Mode::Stacks).build().unwrap();
    runner
        .block_on(async {
            let made = async {
                let mut tasks = Vec::new();
                let deepest = spawn_deep(&mut tasks);
                (tasks, deepest, here() - 1)
            };
            let (tasks, deepest, called) = spawn(made).await.unwrap();
            let frames = stack_of(tasks[0].id()).unwrap();
            let test = "a_task_has_the_stack_it_was_made_by_from_the_caller_of_spawn_to_the_poll";
            let ours = ours(&frames);
            assert_eq!(ours[0], ("spawn_deeper".to_owned(), deepest));
            assert_eq!(ours[1].0, "spawn_deep");
            assert!(ours[2].0.starts_with(test) && ours[2].1 == called, "{ours:?}");
            assert_eq!(ours.len(), 3, "what is below the poll is not the task's maker: {ours:?}");
            assert_eq!(frames[0].function, "debug_creation::spawn_deeper", "what is above is the runtime's");
        })
        .unwrap();
}

#[test]
fn of_a_spawn_site_the_first_eight_have_one_and_then_one_in_1024() {
    let heard = Heard::default();
    let mut runner = heard.builder().debug_mode(Mode::Stacks).build().unwrap();
    runner
        .block_on(async {
            let mut tasks = Vec::new();
            for _ in 0..2_100 {
                spawn_deep(&mut tasks);
            }
            let has = |at: &usize| stack_of(tasks[*at].id()).is_some();
            let with: Vec<usize> = (0..tasks.len()).filter(has).collect();
            assert_eq!(with, [0, 1, 2, 3, 4, 5, 6, 7, 1_024, 2_048]);
            assert_eq!(stack_of(tasks[8].id()), None);
        })
        .unwrap();
    drop(heard);
}

#[test]
fn without_the_mode_nothing_is_kept() {
    let heard = Heard::default();
    let mut runner = heard.builder().build().unwrap();
    runner
        .block_on(async {
            let mut tasks = Vec::new();
            spawn_deep(&mut tasks);
            assert_eq!(stack_of(tasks[0].id()), None);
        })
        .unwrap();
}

#[test]
fn a_warning_about_a_task_has_the_stack_that_made_it() {
    let heard = Heard::default();
    let mut runner = heard.builder().debug_mode(Mode::Stacks).build().unwrap();
    let deepest = runner
        .block_on(async {
            let mut tasks = Vec::new();
            let deepest = spawn_deep(&mut tasks);
            drop(tasks);
            yield_now().await;
            deepest
        })
        .unwrap();
    drop(runner.shutdown(std::time::Duration::ZERO));
    let told = heard.take();
    assert_eq!(told.len(), 1);
    let frames = told[0].created.as_ref().unwrap().frames();
    assert_eq!(ours(&frames)[0], ("spawn_deeper".to_owned(), deepest));
    let text = told[0].to_string();
    let made_by = "its task was made by\n    debug_creation::spawn_deeper ";
    assert!(text.contains(made_by), "{text}");
}
