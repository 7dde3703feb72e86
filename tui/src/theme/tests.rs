//! What the environment leads to, and that what is drawn can be told apart and read.

use super::*;
use ratatui::text::Span;

fn detect(wishes: Wishes, pairs: &[(&str, &str)]) -> Theme {
    Theme::detect(wishes, |name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned()))
}

#[test]
fn the_environment_says_how_many_colours_there_are() {
    let depth = |pairs: &[(&str, &str)]| detect(Wishes::default(), pairs).depth;
    assert_eq!(depth(&[("TERM", "xterm")]), Depth::Ansi16);
    assert_eq!(depth(&[("TERM", "tmux-256color")]), Depth::Ansi256);
    assert_eq!(depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::True);
    assert_eq!(depth(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]), Depth::None);
    assert_eq!(depth(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]), Depth::Ansi256);
    assert_eq!(depth(&[("TERM", "dumb")]), Depth::None);
}

#[test]
fn a_flag_beats_the_environment() {
    let always = Wishes { color: Some(true), ..Wishes::default() };
    assert_eq!(detect(always, &[("TERM", "xterm"), ("NO_COLOR", "1")]).depth, Depth::Ansi16);
    let never = Wishes { color: Some(false), ..Wishes::default() };
    assert_eq!(detect(never, &[("COLORTERM", "truecolor")]).depth, Depth::None);
    let safe = Wishes { palette: Some(Palette::Safe), ..Wishes::default() };
    assert_eq!(detect(safe, &[("COLORFGBG", "0;15")]).palette, Palette::Safe);
}

#[test]
fn a_light_background_and_a_narrow_locale_are_noticed() {
    assert_eq!(detect(Wishes::default(), &[("COLORFGBG", "0;15")]).palette, Palette::Light);
    assert_eq!(detect(Wishes::default(), &[]).glyphs, &UNICODE);
    assert_eq!(detect(Wishes::default(), &[("LANG", "C.UTF-8")]).glyphs, &UNICODE);
    assert_eq!(detect(Wishes::default(), &[("LC_ALL", "C"), ("LANG", "C.UTF-8")]).glyphs, &ASCII);
    assert_eq!(detect(Wishes { ascii: true, ..Wishes::default() }, &[]).glyphs, &ASCII);
}

#[test]
fn without_colour_a_problem_still_differs_from_plain_text() {
    for theme in [
        Theme::new(Depth::None, Palette::Dark, false),
        Theme::new(Depth::True, Palette::Mono, false),
        Theme::new(Depth::Ansi16, Palette::Mono, false),
    ] {
        for role in [Role::Notice, Role::Bad, Role::Alarm, Role::Selected] {
            assert_ne!(theme.style(role), theme.style(Role::Text), "{role:?}");
            assert_eq!(theme.style(role).fg, None, "{role:?}");
        }
    }
}

#[test]
fn with_colour_good_and_bad_differ_in_every_palette() {
    for depth in [Depth::Ansi16, Depth::Ansi256, Depth::True] {
        for palette in [Palette::Dark, Palette::Light, Palette::Safe] {
            let theme = Theme::new(depth, palette, false);
            let tones = [Role::Good, Role::Notice, Role::Bad].map(|role| theme.style(role).fg);
            assert!(tones.iter().all(Option::is_some), "{depth:?} {palette:?}");
            assert!(
                tones[0] != tones[1] && tones[1] != tones[2] && tones[0] != tones[2],
                "{depth:?} {palette:?}"
            );
        }
    }
}

#[test]
fn glyphs_are_one_column_wide_and_ascii_is_ascii() {
    for glyphs in [&UNICODE, &ASCII] {
        let single = [
            glyphs.idle,
            glyphs.scheduled,
            glyphs.running,
            glyphs.completed,
            glyphs.cancelled,
            glyphs.panicked,
            glyphs.good,
            glyphs.bad,
            glyphs.notice,
            glyphs.arrow,
            glyphs.cursor,
            glyphs.open,
            glyphs.closed,
            glyphs.ascending,
            glyphs.descending,
            glyphs.cut,
            glyphs.dot,
            glyphs.rule,
            glyphs.full,
            glyphs.empty,
        ];
        for glyph in single.iter().chain(&glyphs.heights) {
            assert_eq!(Span::raw(*glyph).width(), 1, "{glyph}");
            assert!(glyphs == &UNICODE || glyph.is_ascii(), "{glyph}");
        }
        for glyph in [glyphs.branch, glyphs.last, glyphs.pass] {
            assert_eq!(Span::raw(glyph).width(), 3, "{glyph}");
            assert!(glyphs == &UNICODE || glyph.is_ascii(), "{glyph}");
        }
    }
}

/// The 256 colours of xterm from 16 on, which terminals agree on.
fn cube(index: u8) -> [u8; 3] {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    if index >= 232 {
        return [8 + 10 * (index - 232); 3];
    }
    let step = |part: u8| STEPS[usize::from(part)];
    let index = index - 16;
    [step(index / 36), step(index / 6 % 6), step(index % 6)]
}

/// The contrast of two colours as WCAG 2 reckons it: 1 to 21.
fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = |colour: [u8; 3]| {
        let [red, green, blue] = colour.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_tone_can_be_read_on_the_backgrounds_that_its_palette_is_for() {
    // What WCAG 2 asks of text of normal size (AA).
    const LEAST: f64 = 4.5;
    let dark = [[0, 0, 0], [0x1e, 0x1e, 0x1e], [0x28, 0x2c, 0x34]];
    let light = [[0xff, 0xff, 0xff], [0xfa, 0xf8, 0xf0]];
    let cases: [(Palette, &[[u8; 3]]); 3] =
        [(Palette::Dark, &dark), (Palette::Safe, &dark), (Palette::Light, &light)];
    for (palette, backgrounds) in cases {
        for depth in [Depth::Ansi256, Depth::True] {
            let theme = Theme::new(depth, palette, false);
            for role in Role::ALL {
                let shown = match theme.style(role).fg {
                    Some(Color::Rgb(red, green, blue)) => [red, green, blue],
                    Some(Color::Indexed(index)) => cube(index),
                    Some(other) => panic!("{role:?} has {other:?}, whose tone nobody knows"),
                    None => continue,
                };
                for background in backgrounds {
                    let contrast = contrast(shown, *background);
                    assert!(
                        contrast >= LEAST,
                        "{palette:?} {depth:?} {role:?} on {background:02x?}: {contrast:.2}"
                    );
                }
            }
        }
    }
}

#[test]
fn palettes_are_found_by_their_names_and_follow_each_other_in_a_circle() {
    for palette in Palette::ALL {
        assert_eq!(Palette::named(palette.name()), Some(palette));
    }
    assert_eq!(Palette::named("loud"), None);
    let circle: Vec<Palette> =
        std::iter::successors(Some(Palette::Dark), |palette| Some(palette.next())).take(5).collect();
    assert_eq!(circle, [Palette::Dark, Palette::Light, Palette::Safe, Palette::Mono, Palette::Dark]);
}

#[test]
fn a_terminal_that_cannot_place_the_cursor_is_known_by_its_name() {
    let dumb = |term: Option<&str>| is_dumb(|_| term.map(str::to_owned));
    assert!(dumb(None) && dumb(Some("")) && dumb(Some("dumb")) && dumb(Some("unknown")));
    assert!(!dumb(Some("xterm")) && !dumb(Some("linux")) && !dumb(Some("vt100")));
}
