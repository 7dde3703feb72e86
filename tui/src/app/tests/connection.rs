//! What the connection does to the state.

use super::super::event::{Data, Effect, Event, Identity, Step};
use super::super::link::Link;
use super::super::question::{Answer, Question};
use super::super::sample::{answer, attached, identity, key, overview, press, process};
use super::super::update::update;
use super::{on_tasks, said, started, tick};
use crate::keys::Context;
use std::time::Duration;

#[test]
fn while_connecting_it_says_what_it_waits_for() {
    let mut state = attached(80, 24);
    state.link = Link::Connecting { target: "x".to_owned(), waiting: String::new(), since: Duration::ZERO };
    assert_eq!(update(&mut state, Event::Data(Data::Waiting("its socket".to_owned()))), Step::changed());
    assert!(matches!(&state.link, Link::Connecting { waiting, .. } if waiting == "its socket"));
    assert_eq!(state.context(), Context::Connecting);
}

#[test]
fn an_answer_of_another_process_changes_nothing() {
    let mut state = started();
    let mut other = overview(false);
    other.process.pid = 9;
    let from = Identity { pid: 4242, started: Some(78) };
    let data = Data::Answer(from, Box::new((Question::Overview, Answer::Overview(Box::new(other)))));
    assert_eq!(update(&mut state, Event::Data(data)), Step::nothing());
    assert_eq!(state.overview.picture, Some(overview(true)));
}

#[test]
fn a_process_that_took_the_number_of_an_ended_one_is_not_attached_to() {
    let mut state = started();
    let data = Data::Attached(Identity { pid: 4242, started: Some(78) }, Box::new(process()));
    let step = update(&mut state, Event::Data(data));
    assert_eq!(step.effects, [Effect::Detach]);
    assert!(matches!(state.link, Link::Ended { .. }));
    assert!(state.overview.picture.is_some(), "the last picture stays");
}

#[test]
fn a_silent_process_keeps_its_picture_and_its_age_is_drawn_each_second() {
    let mut state = started();
    assert_eq!(tick(&mut state, 2), Step::nothing());
    let _ = update(&mut state, Event::Data(Data::Silent("no answer".to_owned())));
    assert_eq!(tick(&mut state, 3), Step::changed());
    assert!(state.overview.picture.is_some());
    assert_eq!(state.question(), Some(Question::Overview), "it is asked again");
    answer(&mut state, 11);
    assert!(matches!(state.link, Link::Live { .. }));
}

#[test]
fn an_ended_process_is_asked_nothing_more() {
    let mut state = started();
    let _ = update(&mut state, Event::Data(Data::Ended(None)));
    assert_eq!(state.question(), None);
    assert_eq!(state.context(), Context::Overview);
}

#[test]
fn what_would_have_to_be_asked_of_an_ended_process_is_refused_with_the_reason() {
    let mut state = on_tasks(11);
    let _ = update(&mut state, Event::Data(Data::Ended(None)));
    for name in ["Enter", "w"] {
        let _ = update(&mut state, key(name));
        assert_eq!(state.context(), Context::Tasks);
        assert!(said(&state).starts_with("The process has ended"), "{}", said(&state));
    }
}

#[test]
fn p_leaves_the_process_and_its_pictures() {
    let mut state = on_tasks(11);
    let step = update(&mut state, key("p"));
    assert_eq!(step.effects, [Effect::Detach]);
    assert_eq!((state.context(), state.question()), (Context::Picker, Some(Question::Processes)));
    assert_eq!((state.process, state.overview.picture, state.tasks.table.page), (None, None, None));
}

#[test]
fn a_process_that_answers_after_the_user_went_back_is_not_attached_to() {
    let mut state = started();
    let _ = update(&mut state, key("p"));
    let data = Data::Attached(identity(), Box::new(process()));
    assert_eq!(update(&mut state, Event::Data(data)), Step::nothing());
    assert_eq!(state.context(), Context::Picker);
}

#[test]
fn enter_in_the_list_of_processes_attaches() {
    let mut state = started();
    let _ = update(&mut state, key("p"));
    answer(&mut state, 0);
    // Sorted by number: 5 comes before 4242.
    let _ = update(&mut state, key("Down"));
    let step = update(&mut state, key("Enter"));
    assert_eq!(step.effects, [Effect::Attach(Box::new(process()))]);
    assert_eq!(state.context(), Context::Connecting);
    assert!(matches!(&state.link, Link::Connecting { target, .. } if target == "demo (pid 4242)"));
}

fn restarted(pid: u32) -> Event {
    let other = loopscope_inspector::model::Process { pid, ..process() };
    Event::Data(Data::Restarted(Identity { pid, started: Some(99) }, Box::new(other)))
}

#[test]
fn a_program_that_runs_again_takes_the_place_of_its_pictures() {
    let mut state = on_tasks(11);
    let _ = update(&mut state, Event::Data(Data::Ended(None)));
    assert_eq!(update(&mut state, restarted(5000)), Step::changed());
    assert_eq!(state.link.identity().map(|identity| identity.pid), Some(5000));
    assert_eq!((state.overview.picture.clone(), state.context()), (None, Context::Tasks));
    assert!(state.question().is_some(), "it is asked what the screen shows");
    assert_eq!(said(&state), "pid 4242 has ended; this is another process: demo (pid 5000).");
    assert_eq!(update(&mut state, restarted(5001)), Step::nothing(), "it lives");
}

#[test]
fn a_frozen_picture_of_an_ended_process_stays_until_it_goes_on() {
    let mut state = started();
    let _ = update(&mut state, key(" "));
    let _ = update(&mut state, Event::Data(Data::Ended(None)));
    let _ = update(&mut state, restarted(5000));
    assert!(state.is_over() && state.overview.picture.is_some());
    assert_eq!(said(&state), "It runs again, as demo (pid 5000); Space goes on to it.");
    let _ = update(&mut state, key(" "));
    assert_eq!(state.link.identity().map(|identity| identity.pid), Some(5000));
    assert_eq!(state.overview.picture, None);
}

#[test]
fn a_successor_that_has_ended_too_is_not_gone_on_to() {
    let mut state = started();
    let _ = update(&mut state, key(" "));
    let _ = update(&mut state, Event::Data(Data::Ended(None)));
    let _ = update(&mut state, restarted(5000));
    let _ = update(&mut state, Event::Data(Data::Ended(None)));
    let _ = update(&mut state, key(" "));
    assert!(state.is_over() && state.overview.picture.is_some());
}

#[test]
fn without_the_process_a_filter_that_goes_brings_no_rows_back() {
    for (is_over, rest) in [(false, "all tasks are shown"), (true, "the rows stay those of the last answer")]
    {
        let mut state = on_tasks(11);
        press(&mut state, &["/", "x", "Enter"]);
        if is_over {
            let _ = update(&mut state, Event::Data(Data::Ended(None)));
        }
        press(&mut state, &["Esc"]);
        assert_eq!(said(&state), format!("The filter is gone; {rest}."));
    }
}
