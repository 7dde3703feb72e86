//! The rows of the key table as commands that are typed.

use super::{Action, Binding};

impl Action {
    /// As it is typed after `:`; a screen is called by its title.
    const fn command(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Left => "left",
            Self::Right => "right",
            Self::Top => "top",
            Self::Bottom => "bottom",
            Self::PageUp => "page-up",
            Self::PageDown => "page-down",
            Self::Open => "open",
            Self::Back => "back",
            Self::NextScreen => "next-screen",
            Self::PreviousScreen => "previous-screen",
            Self::Screen(_) => "",
            Self::TaskPage => "page",
            Self::Filter => "filter",
            Self::SortNext => "sort",
            Self::SortPrevious => "sort-previous",
            Self::Invert => "invert",
            Self::Expand => "expand",
            Self::ExpandAll => "expand-all",
            Self::Shape => "shape",
            Self::Why => "why",
            Self::Follow => "follow",
            Self::Pause => "pause",
            Self::Copy => "copy",
            Self::CopyMenu => "copy-what",
            Self::Editor => "editor",
            Self::Control => "cancel",
            Self::Yes => "yes",
            Self::No => "no",
            Self::Stacks => "stack",
            Self::Dump => "dump",
            Self::Debug => "debug",
            Self::Level => "level",
            Self::LogFilter => "log-filter",
            Self::Processes => "processes",
            Self::Palette => "palette",
            Self::Goto => "goto",
            Self::Interval => "interval",
            Self::Theme => "theme",
            Self::Mouse => "mouse",
            Self::Help => "help",
            Self::Redraw => "redraw",
            Self::Suspend => "suspend",
            Self::Quit => "quit",
        }
    }

    /// Whether it only moves the selection, or to what is selected and back.
    pub(crate) const fn only_moves(self) -> bool {
        matches!(
            self,
            Self::Up
                | Self::Down
                | Self::Left
                | Self::Right
                | Self::Top
                | Self::Bottom
                | Self::PageUp
                | Self::PageDown
                | Self::Open
                | Self::Back
                | Self::NextScreen
                | Self::PreviousScreen
                | Self::Palette
        )
    }

    /// What may be typed behind the command; without it, the command does what its key does.
    pub(crate) const fn argument(self) -> Option<&'static str> {
        match self {
            Self::Filter => Some("EXPR"),
            Self::SortNext => Some("[-]COLUMN"),
            Self::Theme => Some("NAME"),
            Self::Interval => Some("TIME"),
            Self::Goto | Self::Control => Some("ID"),
            Self::Debug => Some("MODE"),
            Self::Level => Some("LEVEL"),
            Self::LogFilter => Some("FILTER"),
            _ => None,
        }
    }
}

impl Binding {
    /// The command that does what its keys do: `sort`, and for a screen its title, as in `io`.
    pub(crate) fn command(&self) -> String {
        if !matches!(self.action, Action::Screen(_)) {
            return self.action.command().to_owned();
        }
        let title = self.help.split(':').next().unwrap_or_default();
        title.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    }

    /// The keys as help writes them; what has none is typed.
    pub(crate) fn keys_text(&self) -> String {
        if self.keys.is_empty() {
            return format!(":{}", self.command());
        }
        self.keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(" ")
    }
}
