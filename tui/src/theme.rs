//! How the program looks: colours, weights and glyphs, all in one value.
//!
//! No view names a colour. It names a [`Role`] and gets a style; it names a glyph by its meaning and gets a string. So a
//! terminal with 16 colours, one with none, a light one, eyes that do not tell red from green, and a font without line
//! drawing are each one other value of [`Theme`], and a snapshot test can hold any of them.
//!
//! # Invariants
//!
//! - No signal by colour alone: every role that tells good from bad is drawn beside a glyph and a word, and differs from
//!   plain text in weight too, so that it survives [`Depth::None`].
//! - Every glyph is one column wide, in both sets.
//! - Every tone can be read on the backgrounds that its palette is for: a test reckons the contrast.

use ratatui::style::{Color, Modifier, Style};

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// None: bold, dim and reverse only.
    None,
    /// The sixteen, whose exact tones are the user's.
    Ansi16,
    /// The cube of 256.
    Ansi256,
    /// 24 bits.
    True,
}

/// Which set of tones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Palette {
    /// Bright on dark.
    Dark,
    /// Dark on light.
    Light,
    /// Blue and orange instead of green and red, told apart by every kind of colour vision (after Okabe and Ito).
    Safe,
    /// No colour: bold, dim and reverse only.
    Mono,
}

impl Palette {
    /// All of them, in the order in which the key goes through them.
    pub(crate) const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::Safe, Self::Mono];

    /// Their names.
    pub(crate) const NAMES: [&str; 4] =
        [Self::Dark.name(), Self::Light.name(), Self::Safe.name(), Self::Mono.name()];

    /// As `--theme` and the palette name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Safe => "safe",
            Self::Mono => "mono",
        }
    }

    /// The set of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|palette| palette.name() == name)
    }

    /// The one after it, and after the last the first.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Safe,
            Self::Safe => Self::Mono,
            Self::Mono => Self::Dark,
        }
    }
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Plain text.
    Text,
    /// Less important than plain text.
    Dim,
    /// A heading or an important number.
    Strong,
    /// What can be acted on, and what stands out without being good or bad.
    Accent,
    /// The title of a column or a panel.
    Title,
    /// All is well.
    Good,
    /// Worth a look.
    Notice,
    /// A problem.
    Bad,
    /// A problem that must be seen from across the room: a whole line of it.
    Alarm,
    /// The selected row.
    Selected,
    /// The bar at the top.
    Bar,
    /// A key in the bottom bar.
    Key,
    /// What a key does, in the bottom bar.
    KeyText,
    /// The line of a source excerpt that is meant.
    Here,
}

#[cfg(test)]
impl Role {
    pub(crate) const ALL: [Self; 14] = [
        Self::Text,
        Self::Dim,
        Self::Strong,
        Self::Accent,
        Self::Title,
        Self::Good,
        Self::Notice,
        Self::Bad,
        Self::Alarm,
        Self::Selected,
        Self::Bar,
        Self::Key,
        Self::KeyText,
        Self::Here,
    ];
}

/// The strings that stand for things, each one column wide unless said otherwise.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Glyphs {
    /// A task that waits.
    pub(crate) idle: &'static str,
    /// A task in the run queue.
    pub(crate) scheduled: &'static str,
    /// A task being polled.
    pub(crate) running: &'static str,
    /// A task that returned.
    pub(crate) completed: &'static str,
    /// A task that was dropped before it returned.
    pub(crate) cancelled: &'static str,
    /// A task that panicked.
    pub(crate) panicked: &'static str,
    /// All is well.
    pub(crate) good: &'static str,
    /// A problem.
    pub(crate) bad: &'static str,
    /// Worth a look.
    pub(crate) notice: &'static str,
    /// "waits for", in chains.
    pub(crate) arrow: &'static str,
    /// The selected row.
    pub(crate) cursor: &'static str,
    /// A node whose children are shown.
    pub(crate) open: &'static str,
    /// A node whose children are hidden.
    pub(crate) closed: &'static str,
    /// A child with siblings after it, three columns.
    pub(crate) branch: &'static str,
    /// The last child, three columns.
    pub(crate) last: &'static str,
    /// An ancestor with siblings after it, three columns.
    pub(crate) pass: &'static str,
    /// Sorted with the smallest on top.
    pub(crate) ascending: &'static str,
    /// Sorted with the greatest on top.
    pub(crate) descending: &'static str,
    /// Text was cut here.
    pub(crate) cut: &'static str,
    /// Between two facts in a line.
    pub(crate) dot: &'static str,
    /// A horizontal rule.
    pub(crate) rule: &'static str,
    /// Eight heights of a bar, the lowest first.
    pub(crate) heights: [&'static str; 8],
    /// A full cell of a horizontal bar.
    pub(crate) full: &'static str,
    /// An empty cell of a horizontal bar.
    pub(crate) empty: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    idle: "○",
    scheduled: "◔",
    running: "●",
    completed: "✓",
    cancelled: "⊘",
    panicked: "✗",
    good: "✓",
    bad: "✗",
    notice: "!",
    arrow: "→",
    cursor: "▌",
    open: "▾",
    closed: "▸",
    branch: "├─ ",
    last: "└─ ",
    pass: "│  ",
    ascending: "▲",
    descending: "▼",
    cut: "…",
    dot: "·",
    rule: "─",
    heights: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    full: "█",
    empty: "░",
};

const ASCII: Glyphs = Glyphs {
    idle: "o",
    scheduled: "~",
    running: "*",
    completed: "v",
    cancelled: "/",
    panicked: "X",
    good: "v",
    bad: "X",
    notice: "!",
    arrow: ">",
    cursor: ">",
    open: "-",
    closed: "+",
    branch: "|- ",
    last: "`- ",
    pass: "|  ",
    ascending: "^",
    descending: "v",
    cut: "~",
    dot: "-",
    rule: "-",
    heights: ["_", "_", ".", "-", "-", "=", "=", "#"],
    full: "#",
    empty: ".",
};

/// Whether the environment describes a terminal on which nothing can be drawn: it knows no place but the next one.
pub(crate) fn is_dumb(env: impl Fn(&str) -> Option<String>) -> bool {
    env("TERM").is_none_or(|term| matches!(term.as_str(), "" | "dumb" | "unknown"))
}

/// Everything about looks that a view may ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    depth: Depth,
    palette: Palette,
    /// The strings that stand for things.
    pub(crate) glyphs: &'static Glyphs,
}

/// What the user asked for; what is `None` is found out from the environment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    /// `--color always|never`.
    pub(crate) color: Option<bool>,
    /// A set of tones by name.
    pub(crate) palette: Option<Palette>,
    /// `--ascii`.
    pub(crate) ascii: bool,
}

/// Whether the locale of this environment has no way to write what is not ASCII.
///
/// Only a locale that is set and is not UTF-8 speaks against line drawing: in a container none is set at all.
pub(crate) fn is_narrow(env: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name));
    locale.is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        !value.contains("utf-8") && !value.contains("utf8")
    })
}

impl Theme {
    /// A theme with exactly these properties.
    pub(crate) const fn new(depth: Depth, palette: Palette, ascii: bool) -> Self {
        Self { depth, palette, glyphs: if ascii { &ASCII } else { &UNICODE } }
    }

    /// The theme for a terminal described by its environment, which is asked for by name.
    pub(crate) fn detect(wishes: Wishes, env: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let depth = match wishes.color {
            Some(false) => Depth::None,
            None if set("NO_COLOR").is_some() || term == "dumb" => Depth::None,
            _ if set("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit") => {
                Depth::True
            }
            _ if term.contains("256color") => Depth::Ansi256,
            _ => Depth::Ansi16,
        };
        let light = set("COLORFGBG").is_some_and(|value| value.ends_with(";15") || value.ends_with(";7"));
        let palette = wishes.palette.unwrap_or(if light { Palette::Light } else { Palette::Dark });
        Self::new(depth, palette, wishes.ascii || is_narrow(env) || term == "dumb")
    }

    /// The tones that it takes its colours from.
    pub(crate) fn palette(&self) -> Palette {
        self.palette
    }

    /// The same with other tones.
    #[must_use]
    pub(crate) fn with_palette(self, palette: Palette) -> Self {
        Self { palette, ..self }
    }

    /// Whether colours were refused, so that no palette has any.
    pub(crate) fn is_colourless(&self) -> bool {
        self.depth == Depth::None
    }

    /// Whether nothing but ASCII may be drawn.
    pub(crate) fn is_ascii(&self) -> bool {
        self.glyphs == &ASCII
    }

    /// The style of a role.
    pub(crate) fn style(&self, role: Role) -> Style {
        let plain = Style::new();
        let weight = match role {
            Role::Text | Role::KeyText | Role::Accent | Role::Good => plain,
            Role::Dim => plain.add_modifier(Modifier::DIM),
            Role::Strong | Role::Title | Role::Notice | Role::Bad | Role::Key | Role::Here => {
                plain.add_modifier(Modifier::BOLD)
            }
            Role::Alarm => plain.add_modifier(Modifier::BOLD | Modifier::REVERSED),
            Role::Selected | Role::Bar => plain.add_modifier(Modifier::REVERSED),
        };
        match (self.depth, self.tone(role)) {
            (Depth::None, _) | (_, None) => weight,
            // A dimmed explicit grey would be too faint: the colour alone says it.
            (Depth::Ansi256 | Depth::True, Some(color)) if role == Role::Dim => plain.fg(color),
            (_, Some(color)) => weight.fg(color),
        }
    }

    /// The colour of a role at this depth, or `None` where weight alone says it.
    fn tone(&self, role: Role) -> Option<Color> {
        let [exact, cube, sixteen] = match (role, self.palette) {
            (_, Palette::Mono)
            | (Role::Text | Role::Strong | Role::Selected | Role::Bar | Role::KeyText, _) => return None,
            (Role::Dim, _) if self.depth == Depth::Ansi16 => return None,
            (Role::Dim, Palette::Dark | Palette::Safe) => {
                [Color::Rgb(0x9a, 0xa0, 0xa8), Color::Indexed(247), Color::Gray]
            }
            (Role::Dim, Palette::Light) => {
                [Color::Rgb(0x6b, 0x70, 0x78), Color::Indexed(242), Color::DarkGray]
            }
            (Role::Accent | Role::Title | Role::Key | Role::Here, Palette::Dark) => {
                [Color::Rgb(0x6c, 0xb6, 0xff), Color::Indexed(75), Color::Cyan]
            }
            (Role::Accent | Role::Title | Role::Key | Role::Here, Palette::Light) => {
                [Color::Rgb(0x00, 0x55, 0xaa), Color::Indexed(25), Color::Blue]
            }
            (Role::Accent | Role::Title | Role::Key | Role::Here, Palette::Safe) => {
                [Color::Rgb(0x56, 0xb4, 0xe9), Color::Indexed(74), Color::Cyan]
            }
            (Role::Good, Palette::Dark) => [Color::Rgb(0x5f, 0xcf, 0x80), Color::Indexed(78), Color::Green],
            (Role::Good, Palette::Light) => [Color::Rgb(0x1a, 0x7f, 0x37), Color::Indexed(22), Color::Green],
            (Role::Good, Palette::Safe) => {
                [Color::Rgb(0x56, 0xb4, 0xe9), Color::Indexed(74), Color::LightBlue]
            }
            (Role::Notice, Palette::Dark) => {
                [Color::Rgb(0xe5, 0xc0, 0x4b), Color::Indexed(179), Color::Yellow]
            }
            (Role::Notice, Palette::Light) => {
                [Color::Rgb(0x8a, 0x5a, 0x00), Color::Indexed(94), Color::Magenta]
            }
            (Role::Notice, Palette::Safe) => {
                [Color::Rgb(0xf0, 0xe4, 0x42), Color::Indexed(227), Color::Yellow]
            }
            (Role::Bad | Role::Alarm, Palette::Dark) => {
                [Color::Rgb(0xff, 0x7b, 0x72), Color::Indexed(210), Color::LightRed]
            }
            (Role::Bad | Role::Alarm, Palette::Light) => {
                [Color::Rgb(0xb3, 0x1d, 0x28), Color::Indexed(124), Color::Red]
            }
            (Role::Bad | Role::Alarm, Palette::Safe) => {
                [Color::Rgb(0xe6, 0x9f, 0x00), Color::Indexed(214), Color::LightYellow]
            }
        };
        match self.depth {
            Depth::None => None,
            Depth::Ansi16 => Some(sixteen),
            Depth::Ansi256 => Some(cube),
            Depth::True => Some(exact),
        }
    }
}

#[cfg(test)]
mod tests;
