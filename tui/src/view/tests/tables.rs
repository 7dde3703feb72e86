//! The tables that are not tasks: with rows, without, filtered, stale, lossy.

use super::{after, check, check_one, draw, text_and_styles};
use crate::app::event::{Data, Event};
use crate::app::question::{Answer, Question};
use crate::app::sample::{answer, answer_a_second_later, attached, identity, key, read_frame, read_source};
use crate::app::update::update;
use loopscope_inspector::model::Rights;
use std::time::Duration;

#[test]
fn sites() {
    check("sites", |width, height| {
        let mut state = after(&["4", "Down"], width, height);
        read_source(&mut state, "src/net/connection.rs", 112);
        state
    });
}

#[test]
fn timers() {
    check("timers", |width, height| after(&["5"], width, height));
}

#[test]
fn io() {
    check("io", |width, height| after(&["6", "Down"], width, height));
}

#[test]
fn sync() {
    check("sync", |width, height| after(&["7", "Down", "Up"], width, height));
}

#[test]
fn warnings() {
    check("warnings", |width, height| after(&["8"], width, height));
    check("warnings_folded", |width, height| after(&["8", "e", "Down", "Down", "Down"], width, height));
    check("warnings_flat", |width, height| after(&["8", "t", "s"], width, height));
}

#[test]
fn the_page_of_a_warning() {
    check("warning", |width, height| {
        let mut state = after(&["8", "Enter"], width, height);
        read_source(&mut state, "src/main.rs", 40);
        read_frame(&mut state, "src/billing.rs", 31);
        state
    });
    check("warning_unknown", |width, height| after(&["8", "G", "Enter"], width, height));
}

#[test]
fn logs() {
    check("logs", |width, height| after(&["9"], width, height));
    check("logs_level", |width, height| after(&["9", "v", "v", "v", "Up"], width, height));
    check("logs_none", |width, height| {
        let mut state = attached(width, height);
        let _ = update(&mut state, key("9"));
        let why = "demo (pid 4242) keeps no log: add the layer of loopscope_inspector::logs (feature `logs`) to its tracing subscriber";
        let answer = (Question::Logs, Answer::Logs(Err(why.to_owned())));
        let _ = update(&mut state, Event::Data(Data::Answer(identity(), Box::new(answer))));
        state
    });
}

#[test]
fn the_native_stacks_of_the_loops() {
    check("stacks", |width, height| {
        let mut state = after(&["n"], width, height);
        read_frame(&mut state, "src/billing.rs", 31);
        state
    });
}

#[test]
fn the_async_stack_of_a_task_with_its_log_lines() {
    check("task_stack", |width, height| after(&["2", "Down", "a", "PgDn", "Down", "Down"], width, height));
}

#[test]
fn the_page_of_a_task_with_the_stack_it_was_made_by() {
    check_one("task_created_120x40", &after(&[":", "2", "2", "Enter", "PgDn"], 120, 40));
}

#[test]
fn whether_a_task_is_to_be_cancelled() {
    check("ask", |width, height| {
        let mut state = after(&["2", "Down", "Enter"], width, height);
        if let Some(process) = &mut state.process {
            process.rights = Some(Rights { see: true, diagnose: true, control: true });
        }
        let _ = update(&mut state, key("x"));
        state
    });
}

/// A lock that is part of a deadlock, a queue with both kinds of waiters, a semaphore.
#[test]
fn each_kind_of_resource_has_its_own_words_in_the_panel() {
    let mut state = after(&["7"], 120, 40);
    let mut panels = String::new();
    for _ in 0..7 {
        answer(&mut state, 11);
        let text = text_and_styles(&draw(&state));
        let panel = text.lines().skip_while(|line| !line.contains("──")).take(9);
        panels.extend(panel.flat_map(|line| [line.trim_end(), "\n"]));
        let _ = update(&mut state, key("Down"));
    }
    insta::assert_snapshot!("sync_panels", panels);
}

/// A second later the same rows come with greater numbers.
#[test]
fn what_goes_on_now_stands_beside_what_went_on_ever() {
    for (name, tab) in [("sites_now", "4"), ("io_now", "6")] {
        let mut state = after(&[tab], 120, 40);
        answer_a_second_later(&mut state);
        check_one(&format!("{name}_120x40"), &state);
    }
}

#[test]
fn tables_without_a_row() {
    for (name, tab) in [("sites", "4"), ("timers", "5"), ("io", "6"), ("sync", "7"), ("warnings", "8")] {
        check(&format!("{name}_empty"), |width, height| {
            let mut state = attached(width, height);
            let _ = update(&mut state, key(tab));
            answer(&mut state, 0);
            state
        });
    }
}

#[test]
fn tables_with_a_filter_that_nothing_matches() {
    for (name, tab, filter) in [
        ("sites", "4", "live>1k"),
        ("timers", "5", "deadline_in<0s"),
        ("io", "6", "peer=10.0.0.7"),
        ("sync", "7", "kind=lock"),
        ("warnings", "8", "name=leak"),
    ] {
        check(&format!("{name}_filtered"), |width, height| {
            let mut state = attached(width, height);
            for key_name in [tab, "/"] {
                let _ = update(&mut state, key(key_name));
            }
            let _ = update(&mut state, Event::Paste(filter.to_owned()));
            let _ = update(&mut state, key("Enter"));
            answer(&mut state, 0);
            state
        });
    }
}

#[test]
fn tables_of_a_process_that_does_not_answer() {
    for (name, tab) in [("sites", "4"), ("timers", "5"), ("io", "6"), ("sync", "7"), ("warnings", "8")] {
        check(&format!("{name}_stale"), |width, height| {
            let mut state = after(&[tab, "Down"], width, height);
            let _ = update(&mut state, Event::Data(Data::Silent("stopped by a signal".to_owned())));
            let _ = update(&mut state, Event::Tick(Duration::from_secs(13)));
            state
        });
    }
}

#[test]
fn what_was_lost_or_left_out_is_said_in_words() {
    let mut state = after(&["5"], 80, 24);
    let (asked, mut page) = state.timers.page.take().unwrap();
    page.dropped = 800_000;
    page.beside.loop_count = 70;
    page.beside.loops = page.beside.loops.iter().cycle().take(64).cloned().collect();
    let answer = (Question::Table(asked), Answer::Timers(Box::new(page)));
    let _ = update(&mut state, Event::Data(Data::Answer(identity(), Box::new(answer))));
    check_one("timers_lossy_80x24", &state);
}

#[test]
fn tables_before_their_first_rows() {
    for (tab, said) in [
        ("4", "the spawn sites are being read"),
        ("5", "the timers are being read"),
        ("6", "the descriptors are being read"),
        ("7", "the resources are being read"),
        ("8", "the warnings are being read"),
    ] {
        let mut state = attached(80, 24);
        let _ = update(&mut state, key(tab));
        assert!(text_and_styles(&draw(&state)).contains(said), "{said}");
        let _ = update(&mut state, Event::Data(Data::Ended(None)));
        let over = "the process ended before they were read";
        assert!(text_and_styles(&draw(&state)).contains(over), "{said}");
    }
}
