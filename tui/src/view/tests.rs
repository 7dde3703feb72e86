//! Every screen as text at four sizes, with its styles; and every screen at every small size.
//!
//! A snapshot is the text, and below it the styles of each line as runs: `a12 b3` is twelve cells of style `a` and three
//! of `b`, which the legend explains; lines that are plain throughout are left out.

mod tables;

use super::view;
use crate::app::event::{Data, Event};
use crate::app::geometry::{HEIGHT_MIN, WIDTH_MIN};
use crate::app::link::Link;
use crate::app::question::{Answer, Question};
use crate::app::sample::{THEME, answer, attached, identity, overview, press};
use crate::app::state::State;
use crate::app::update::update;
use crate::theme::{Depth, Palette, Theme};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use std::fmt::Write;
use std::time::Duration;

const SIZES: [(u16, u16); 4] = [(WIDTH_MIN, HEIGHT_MIN), (80, 24), (120, 40), (200, 60)];

pub(super) fn draw(state: &State) -> Buffer {
    let (width, height) = state.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| {
            let area = frame.area();
            if let Some(at) = view(state, area, frame.buffer_mut()) {
                assert!(area.contains(at), "the cursor at {at:?} is outside of {area:?}");
                frame.set_cursor_position(at);
            }
        })
        .unwrap();
    terminal.backend().buffer().clone()
}

/// The text of a buffer, and its styles as runs.
fn text_and_styles(buf: &Buffer) -> String {
    let mut text = String::new();
    let mut styles = String::new();
    let mut legend: Vec<Style> = Vec::new();
    for y in 0..buf.area.height {
        let cells: Vec<&Cell> = (0..buf.area.width).map(|x| &buf[(x, y)]).collect();
        let mut line = String::new();
        let mut skip = 0;
        for cell in &cells {
            // The cell after a wide character holds a blank that is not drawn.
            if skip > 0 {
                skip -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            skip = ratatui::text::Span::raw(cell.symbol()).width().saturating_sub(1);
        }
        writeln!(text, "{}", line.trim_end()).unwrap();
        let mut runs: Vec<(usize, char)> = Vec::new();
        for cell in &cells {
            let letter = letter(&mut legend, cell.style());
            match runs.last_mut() {
                Some((count, last)) if *last == letter => *count += 1,
                _ => runs.push((1, letter)),
            }
        }
        if runs.iter().any(|(_, letter)| *letter != '.') {
            let runs: Vec<String> = runs.iter().map(|(count, letter)| format!("{letter}{count}")).collect();
            writeln!(styles, "{y:>2} {}", runs.join(" ")).unwrap();
        }
    }
    let legend: Vec<String> =
        ('a'..).zip(&legend).map(|(letter, style)| format!("{letter}: {}", style_words(*style))).collect();
    format!("{text}---\n{styles}---\n{}\n", legend.join("\n"))
}

fn letter(legend: &mut Vec<Style>, style: Style) -> char {
    let style = Style {
        bg: style.bg.filter(|c| *c != Color::Reset),
        fg: style.fg.filter(|c| *c != Color::Reset),
        ..style
    };
    if style.fg.is_none() && style.bg.is_none() && style.add_modifier.is_empty() {
        return '.';
    }
    let index = legend.iter().position(|known| *known == style).unwrap_or_else(|| {
        legend.push(style);
        legend.len() - 1
    });
    ('a'..).nth(index).unwrap()
}

fn style_words(style: Style) -> String {
    let modifiers = [(Modifier::BOLD, "bold"), (Modifier::DIM, "dim"), (Modifier::REVERSED, "reversed")];
    let words = modifiers
        .iter()
        .filter(|(bit, _)| style.add_modifier.contains(*bit))
        .map(|(_, word)| (*word).to_owned());
    let colours = [style.fg.map(|c| c.to_string()), style.bg.map(|c| format!("on {c}"))];
    words.chain(colours.into_iter().flatten()).collect::<Vec<_>>().join(" ")
}

/// Takes a snapshot of a screen at all sizes.
fn check(name: &str, make: impl Fn(u16, u16) -> State) {
    for (width, height) in SIZES {
        let state = make(width, height);
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), text_and_styles(&draw(&state)));
    }
}

/// Takes a snapshot of a screen as it is.
fn check_one(name: &str, state: &State) {
    insta::assert_snapshot!(name, text_and_styles(&draw(state)));
}

fn after(keys: &[&str], width: u16, height: u16) -> State {
    let mut state = attached(width, height);
    answer(&mut state, 11);
    press(&mut state, keys);
    state
}

#[test]
fn overview_with_a_stuck_loop() {
    check("overview_stuck", |width, height| after(&[], width, height));
}

#[test]
fn overview_of_a_healthy_program() {
    check("overview_healthy", |width, height| {
        let mut state = attached(width, height);
        for second in 2..30 {
            let _ = update(&mut state, Event::Tick(Duration::from_secs(second)));
            let mut picture = overview(false);
            picture.loops[0].utilisation = Some(second as f64 / 40.0);
            let answer = (Question::Overview, Answer::Overview(Box::new(picture)));
            let _ = update(&mut state, Event::Data(Data::Answer(identity(), Box::new(answer))));
        }
        state
    });
}

#[test]
fn tasks_as_a_tree() {
    check("tasks_tree", |width, height| after(&["2", "Down"], width, height));
}

#[test]
fn tasks_as_a_flat_table() {
    check("tasks_flat", |width, height| after(&["2", "t", "s"], width, height));
}

#[test]
fn a_filter_being_typed() {
    check("tasks_filter", |width, height| {
        after(&["2", "/", "s", "t", "a", "t", "=", "i", "d", "l", "e"], width, height)
    });
}

#[test]
fn ancestors_of_what_matches_are_told_from_it() {
    let mut state = after(&["2"], 80, 24);
    "state=running".clone_into(&mut state.tasks.table.window.filter);
    answer(&mut state, 11);
    insta::assert_snapshot!("tasks_filtered_80x24", text_and_styles(&draw(&state)));
}

#[test]
fn the_page_of_a_task() {
    check("task", |width, height| after(&["2", "Down", "Enter"], width, height));
}

#[test]
fn the_page_of_a_task_with_warnings() {
    check("task_warned", |width, height| after(&["Enter"], width, height));
}

#[test]
fn the_chain_of_waits() {
    check("why", |width, height| after(&["2", "Down", "w"], width, height));
}

#[test]
fn help() {
    check("help", |width, height| after(&["2", "?"], width, height));
}

#[test]
fn the_palette() {
    check("palette", |width, height| after(&["2", ":"], width, height));
}

#[test]
fn the_palette_with_a_mistake_in_what_is_typed() {
    let keys: Vec<String> = ":filter busy>1".chars().map(String::from).collect();
    let mut keys: Vec<&str> = [&["2"][..], &keys.iter().map(String::as_str).collect::<Vec<_>>()].concat();
    for (at, key) in keys.iter_mut().enumerate() {
        if at > 0 && *key == " " {
            *key = "Space";
        }
    }
    keys.push("Enter");
    let state = after(&keys, 80, 24);
    insta::assert_snapshot!("palette_mistake_80x24", text_and_styles(&draw(&state)));
}

#[test]
fn what_can_be_copied() {
    check("menu", |width, height| after(&["2", "Down", "Enter", "Y"], width, height));
}

#[test]
fn without_colour_every_state_has_a_glyph_and_a_word_of_its_own() {
    let mut state = after(&["2"], 120, 40);
    state.theme = Theme::new(Depth::True, Palette::Mono, false);
    let buf = draw(&state);
    let lines: Vec<String> =
        (0..buf.area.height).map(|y| (0..buf.area.width).map(|x| buf[(x, y)].symbol()).collect()).collect();
    let glyphs = state.theme.glyphs;
    let states = [
        (glyphs.idle, "idle"),
        (glyphs.scheduled, "scheduled"),
        (glyphs.running, "running"),
        (glyphs.completed, "completed"),
        (glyphs.cancelled, "cancelled"),
        (glyphs.panicked, "panicked"),
    ];
    for (glyph, word) in states {
        let shown = format!("{glyph} {word}");
        assert!(lines.iter().any(|line| line.contains(&shown)), "{shown} is missing in {lines:#?}");
        assert_eq!(
            states.iter().filter(|(other, _)| *other == glyph).count(),
            1,
            "{glyph} stands for two states"
        );
    }
    for cell in buf.content() {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    }
    insta::assert_snapshot!("mono_tasks_120x40", text_and_styles(&buf));
}

#[test]
fn the_list_of_processes() {
    check("picker", |width, height| {
        let mut state = State::new(THEME, (width, height), Link::Choosing);
        answer(&mut state, 0);
        state
    });
}

#[test]
fn no_process_to_choose() {
    check("picker_empty", |width, height| {
        let mut state = State::new(THEME, (width, height), Link::Choosing);
        let answer = (Question::Processes, Answer::Processes(Vec::new()));
        let _ = update(&mut state, Event::Data(Data::Answer(identity(), Box::new(answer))));
        state
    });
}

#[test]
fn connecting() {
    check("connecting", |width, height| {
        let waiting = "its socket to appear".to_owned();
        let link = Link::Connecting { target: "demo (pid 4242)".to_owned(), waiting, since: Duration::ZERO };
        let mut state = State::new(THEME, (width, height), link);
        let _ = update(&mut state, Event::Tick(Duration::from_millis(1_500)));
        state
    });
}

#[test]
fn a_process_that_cannot_be_attached_to() {
    check("refused", |width, height| {
        let link =
            Link::Connecting { target: "pid 1".to_owned(), waiting: String::new(), since: Duration::ZERO };
        let mut state = State::new(THEME, (width, height), link);
        let why = "It has no agent linked. Three lines open it:\nadd the crate, call start(), run it again."
            .to_owned();
        let _ = update(&mut state, Event::Data(Data::Refused(why)));
        state
    });
}

#[test]
fn a_process_that_does_not_answer() {
    check("stale", |width, height| {
        let mut state = after(&[], width, height);
        let _ = update(&mut state, Event::Data(Data::Silent("stopped by a signal".to_owned())));
        let _ = update(&mut state, Event::Tick(Duration::from_secs(13)));
        state
    });
}

#[test]
fn a_process_that_has_ended() {
    check("ended", |width, height| {
        let mut state = after(&["2"], width, height);
        let _ = update(&mut state, Event::Data(Data::Ended(Some("exit code 3".to_owned()))));
        let _ = update(&mut state, Event::Tick(Duration::from_secs(61)));
        state
    });
}

#[test]
fn a_paused_picture() {
    let state = after(&["2", "Space"], 80, 24);
    insta::assert_snapshot!("paused_80x24", text_and_styles(&draw(&state)));
}

#[test]
fn every_screen_in_plain_ascii_without_colour() {
    for (name, keys) in [
        ("overview", &[][..]),
        ("tasks", &["2"]),
        ("sites", &["4", "Down"]),
        ("timers", &["5"]),
        ("io", &["6"]),
        ("sync", &["7"]),
        ("warnings", &["8"]),
        ("warning", &["8", "Enter"]),
        ("logs", &["9"]),
        ("stacks", &["n"]),
        ("task", &["2", "Down", "Enter"]),
        ("why", &["2", "Down", "w"]),
        ("help", &["?"]),
        ("palette", &["2", ":"]),
        ("menu", &["2", "Down", "Y"]),
    ] {
        let mut state = after(keys, 100, 30);
        state.theme = Theme::new(Depth::None, Palette::Dark, true);
        let buf = draw(&state);
        for cell in buf.content() {
            assert!(cell.symbol().is_ascii(), "{name}: {:?}", cell.symbol());
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}");
        }
        insta::assert_snapshot!(format!("ascii_{name}"), text_and_styles(&buf));
    }
}

#[test]
fn below_the_minimum_one_plain_line_says_so() {
    let state = after(&["2"], 41, 3);
    let plain = ["loopscope needs 60x12, this is 41x3; q q…", "", ""].map(|line| format!("{line:<41}"));
    assert_eq!(draw(&state), Buffer::with_lines(plain));
}

#[test]
fn every_screen_draws_at_any_size_and_only_in_its_area() {
    let screens: [&[&str]; 22] = [
        &["9"],
        &["n"],
        &["2", "Down", "a"],
        &["8"],
        &["8", "Enter"],
        &["2", ":"],
        &["2", ":", "z", "z", "Enter"],
        &["2", "Down", "Y"],
        &[],
        &["2"],
        &["4"],
        &["4", "/", "x"],
        &["5"],
        &["5", "Enter"],
        &["6"],
        &["7"],
        &["2", "t"],
        &["2", "/", "x"],
        &["2", "Down", "Enter"],
        &["2", "Down", "w"],
        &["?"],
        &["p"],
    ];
    for keys in screens {
        for (width, height) in [
            (0, 0),
            (1, 1),
            (2, 100),
            (59, 12),
            (60, 11),
            (60, 12),
            (61, 13),
            (110, 12),
            (300, 12),
            (60, 300),
        ] {
            let state = after(keys, width, height);
            let mut buf = Buffer::empty(Rect::new(0, 0, 310, 310));
            let _ = view(&state, Rect::new(3, 2, width, height), &mut buf);
            for y in 0..buf.area.height {
                for x in 0..buf.area.width {
                    let inside = (3..3 + width).contains(&x) && (2..2 + height).contains(&y);
                    assert!(
                        inside || buf[(x, y)].symbol() == " ",
                        "{keys:?} at {width}x{height} draws at {x},{y}"
                    );
                }
            }
            // The area may also be larger than the buffer, or the state of another size than the area.
            let mut small = Buffer::empty(Rect::new(0, 0, 70, 14));
            let _ = view(&state, Rect::new(0, 0, 200, 100), &mut small);
        }
    }
}

#[test]
fn the_selected_row_bears_the_cursor() {
    let state = after(&["2", "Down", "Down"], 80, 24);
    let mut buf = Buffer::empty(state.area());
    let at = view(&state, state.area(), &mut buf);
    // Header, tabs, status and titles are above the rows.
    assert_eq!(at, Some((0, 6).into()));
}
