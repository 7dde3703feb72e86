//! What filters let through, and what they answer to mistakes.

use super::*;
use crate::model::{Io, Loop, Place, Task, TaskState, Timer, Wait, WaitKind};
use proptest::prelude::*;

fn worker() -> Task {
    Task {
        id: 7,
        name: Some("worker-7".into()),
        parent: Some(3),
        state: TaskState::Idle,
        site: Some(Place::new("src/main.rs", 40, 9)),
        polls: 1_500,
        busy_ns: 12_000_000,
        size_bytes: Some(2_048),
        waiting_on: vec![Wait { kind: WaitKind::Join, task: Some(22), ..Wait::default() }],
        warnings: vec!["slow-poll".into()],
        ..Task::default()
    }
}

#[track_caller]
fn check(row: &impl Row, holding: &[&str], not_holding: &[&str]) {
    fn parse<R: Row>(text: &str, _: &R) -> Filter {
        Filter::parse::<R>(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }
    for text in holding {
        assert!(parse(text, row).matches(row), "{text} should hold");
    }
    for text in not_holding {
        assert!(!parse(text, row).matches(row), "{text} should not hold");
    }
}

#[track_caller]
fn check_error(text: &str, position: usize, message: &str, suggestion: Option<&str>) {
    let error = Filter::parse::<Task>(text).unwrap_err();
    assert_eq!((error.position(), error.message(), error.suggestion()), (position, message, suggestion));
}

#[test]
fn a_blank_filter_lets_everything_through() {
    check(&worker(), &["", "  "], &[]);
    assert!(Filter::parse::<Task>(" ").unwrap().is_all());
}

#[test]
fn a_space_means_and_and_or_binds_less() {
    check(
        &worker(),
        &["state=idle name~^work busy>10ms", "id=1 or id=7", "id=1 state=idle or id=7"],
        &["state=idle id=1", "id=1 or id=2", "id=7 state=running or id=2"],
    );
}

#[test]
fn text_is_compared_as_a_whole_or_by_regular_expression() {
    check(
        &worker(),
        &["name=worker-7", "name~ork", "name!~^ork", "name!=x"],
        &["name=worker", "name=Worker-7"],
    );
}

#[test]
fn quantities_have_units() {
    check(
        &worker(),
        &["busy=12ms", "busy>11.9ms", "busy<0.1s", "busy>0", "polls=1.5k", "polls>=1500", "size_bytes=2KiB"],
        &["busy>12ms", "busy<=11ms", "polls<1k", "size>2KiB"],
    );
    check(&Timer { deadline_in_ns: -5, ..Timer::default() }, &["deadline_in<0", "deadline_in>-6ns"], &[]);
    check(
        &Loop { utilisation: Some(0.9), ..Loop::default() },
        &["utilisation=90%", "utilisation>0.89"],
        &["utilisation>90%"],
    );
    check(&Loop { debug: true, ..Loop::default() }, &["debug=true", "debug!=off"], &["debug=no"]);
}

#[test]
fn columns_may_be_written_with_their_unit_and_in_any_case() {
    check(&worker(), &["busy_ns>1ms", "Busy>1ms", "size=2048"], &[]);
}

#[test]
fn ids_may_have_their_sign() {
    check(&worker(), &["id=7", "id=#7", "parent=#3", "id<8"], &["id=70"]);
}

#[test]
fn addresses_and_places_may_lack_their_end() {
    check(
        &worker(),
        &["site=src/main.rs", "site=src/main.rs:40", "site=src/main.rs:40:9"],
        &["site=src/main", "site=src/main.rs:4"],
    );
    let io = Io { peer: Some("10.0.0.7:5432".into()), local: Some("[::1]:80".into()), ..Io::default() };
    check(
        &io,
        &["peer=10.0.0.7", "peer=10.0.0.7:5432", "local=::1", "local=[::1]"],
        &["peer!=10.0.0.7", "peer=10.0.0"],
    );
}

#[test]
fn a_list_matches_by_one_of_its_members() {
    check(
        &worker(),
        &["waiting_on=join", "waiting_on~22$", "warnings=slow-poll"],
        &["waiting_on!=join", "waiting_on=joi", "warnings=blocked"],
    );
    check(&Io { waiting: vec![4, 9], ..Io::default() }, &["waiting=9", "waiting>8"], &["waiting=5"]);
}

#[test]
fn what_is_unknown_equals_nothing() {
    check(&Task::default(), &["name!=x", "name!~.", "!parent=3"], &["name~.*", "parent<9", "parent=0"]);
}

#[test]
fn a_word_is_looked_for_in_all_columns() {
    check(
        &worker(),
        &[
            "WORKER",
            "main.rs:40",
            "7",
            "#7",
            "#22",
            "idle",
            "12ms",
            "\"join #22\"",
            "~^w.*7$",
            "!reader",
            "!~^x",
        ],
        &["reader", "!worker", "8", "~^x"],
    );
}

#[test]
fn a_mistake_is_pointed_at() {
    check_error("state=idle nmae=x", 11, "there is no column `nmae`", Some("name"));
    check_error("busyy>1ms", 0, "there is no column `busyy`", Some("busy"));
    check_error("qqq=1", 0, "there is no column `qqq`", None);
    check_error("busy>10", 5, "`10` is not a duration with its unit", Some("10ms"));
    check_error("polls>many", 6, "`many` is not a number, as in `10` or `2k`", None);
    check_error(
        "state=idel",
        6,
        "`idel` is none of idle scheduled running completed cancelled panicked",
        Some("idle"),
    );
    check_error("name>x", 4, "`name` is not greater or less than anything", None);
    check_error("name=", 5, "something to compare with is missing here", None);
    check_error("=x", 0, "`=` needs a column before it", None);
    check_error("name=\"x", 5, "this quotation mark is not closed", None);
    check_error("\"a\"b", 3, "a space is missing after the quotation mark", None);
    check_error("or x", 0, "`or` needs something before it", None);
    check_error("x or ", 2, "`or` needs something after it", None);
    check_error("x and y", 2, "a space means and; to find the word, write \"and\"", None);
    check_error("x !", 3, "`!` needs something to exclude", None);
    check_error("!!x", 1, "one `!` is enough", None);
    check_error("spawned_at=1", 11, "a time can be sorted by, not compared", None);
}

#[test]
fn the_caret_stands_below_the_mistake() {
    let text = "ä\tb nmae=x";
    let error = Filter::parse::<Task>(text).unwrap_err();
    assert_eq!(error.caret(text), "ä?b nmae=x\n    ^");
    assert_eq!(error.to_string(), "there is no column `nmae`; did you mean `name`?");
}

#[test]
fn everything_is_bounded() {
    for (text, message) in [
        ("x".repeat(FILTER_BYTES_MAX + 1), "a filter has at most 1024 bytes"),
        ("x ".repeat(TERMS_MAX + 1), "a filter has at most 64 terms"),
        ("~x ".repeat(REGEXES_MAX + 1), "a filter has at most 8 regular expressions"),
    ] {
        assert_eq!(Filter::parse::<Task>(&text).unwrap_err().message(), message);
    }
    for regex in
        ["(a{999}){999}".to_owned(), format!("{}a{}", "(".repeat(99), ")".repeat(99)), "(".to_owned()]
    {
        let error = Filter::parse::<Task>(&format!("name~{regex}")).unwrap_err();
        assert!(error.message().starts_with("this regular expression is no good"), "{error}");
    }
}

#[test]
fn rows_are_sorted_with_the_unknown_last_and_equal_ones_as_they_came() {
    let rows: Vec<Task> = [(1, Some(5)), (2, None), (3, Some(9)), (4, Some(5))]
        .map(|(id, blocks)| Task { id, blocks, ..Task::default() })
        .into();
    let sorted = |sort: &str, limit| {
        let mut top = Top::new(Some(Sort::parse::<Task>(sort).unwrap()), limit);
        for row in &rows {
            top.offer(row, || row.id);
        }
        assert_eq!(top.total(), 4);
        top.into_rows()
    };
    assert_eq!(sorted("blocks", 9), [1, 4, 3, 2]);
    assert_eq!(sorted("-blocks", 9), [3, 1, 4, 2]);
    assert_eq!(sorted("-blocks", 2), [3, 1]);
    assert_eq!(sorted("-blocks", 0), [0_u64; 0]);
    let mut unsorted = Top::new(None, 2);
    for row in &rows {
        unsorted.offer(row, || row.id);
    }
    assert_eq!(unsorted.into_rows(), [1, 2]);
}

#[test]
fn a_sort_says_what_it_is() {
    let sort = Sort::parse::<Task>("-busy_ns").unwrap();
    assert_eq!((sort.to_string().as_str(), sort.inverted().to_string().as_str()), ("-busy", "busy"));
    let error = Sort::parse::<Task>(" -bussy").unwrap_err();
    assert_eq!((error.position(), error.suggestion()), (2, Some("busy")));
}

fn near_filters() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "name", "busy", "id", "site", "state", "=", "!=", "~", "!~", "<", ">=", "!", " ", "or", " or ",
        "and", "\"", "\\", "idle", "10ms", "7", "#", ".", "(", ")", "*", "[", "ä", "\t", "\u{2028}", "x",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_a_mistake_at_a_place_in_it(text in prop_oneof![any::<String>(), near_filters()]) {
        match Filter::parse::<Task>(&text) {
            Ok(filter) => {
                filter.matches(&worker());
                let printed = filter.to_string();
                let again = Filter::parse::<Task>(&printed);
                prop_assert_eq!(again.as_ref(), Ok(&filter), "printed as {:?}", printed);
                prop_assert_eq!(again.map(|again| again.to_string()), Ok(printed));
            }
            Err(error) => {
                prop_assert!(error.position() <= text.len() && text.is_char_boundary(error.position()));
                prop_assert!(!error.to_string().chars().any(char::is_control));
                prop_assert_eq!(error.caret(&text).lines().count(), 2);
            }
        }
        let _ = Sort::parse::<Task>(&text).map_err(|error| assert!(error.position() <= text.len()));
    }

    #[test]
    fn excluding_is_the_opposite(text in near_filters()) {
        let excluded = format!("!{text}");
        if !text.contains([' ', '\t', '\u{2028}', '!'])
            && let (Ok(filter), Ok(opposite)) = (Filter::parse::<Task>(&text), Filter::parse::<Task>(&excluded))
            && !filter.is_all()
        {
            prop_assert_ne!(filter.matches(&worker()), opposite.matches(&worker()));
        }
    }

    #[test]
    fn the_top_is_the_beginning_of_the_sorted_whole(values in prop::collection::vec(prop::option::of(0_u64..9), 0..40), limit in 0_usize..12, descending: bool) {
        let rows: Vec<Task> = (0..).zip(&values).map(|(id, &blocks)| Task { id, blocks, ..Task::default() }).collect();
        let sort = Sort::parse::<Task>(if descending { "-blocks" } else { "blocks" }).unwrap();
        let mut top = Top::new(Some(sort), limit);
        for row in &rows {
            top.offer(row, || row.id);
        }
        let mut sorted: Vec<&Task> = rows.iter().collect();
        sorted.sort_by(|a, b| sort.compare(*a, *b));
        let expected: Vec<u64> = sorted.iter().take(limit).map(|row| row.id).collect();
        prop_assert_eq!(top.into_rows(), expected);
    }
}
