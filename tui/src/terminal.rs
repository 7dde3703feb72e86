//! The terminal: taken over once, and given back whatever happens.
//!
//! # State
//!
//! ```text
//!   cooked ──1──► ours ──2──► cooked
//!                  │ ▲
//!                  3 4
//!                  ▼ │
//!                 lent  (to $EDITOR, or to the shell under Ctrl-Z)
//! ```
//!
//! 1. [`Guard::enter`]: raw mode, alternate screen, mouse buttons and bracketed paste on.
//! 2. [`restore`], called by the guard's drop, by the panic hook before the message is printed, and by the input thread
//!    when a second signal to end finds the program still there. Only the first of them acts.
//! 3. [`restore`].
//! 4. [`Guard::take_back`].
//!
//! Only the buttons and the wheel of the mouse are asked for: reports of every movement would wake the program for
//! nothing.

use ratatui::Terminal;
use ratatui::backend::{Backend as _, CrosstermBackend};
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};
use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the terminal is in our hands.
static OURS: AtomicBool = AtomicBool::new(false);

/// Buttons and wheel, reported with coordinates beyond column 223.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
/// To the last line, wherever that is.
const LAST_LINE: &[u8] = b"\x1b[999;1H";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// What draws.
pub(crate) type Screen = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// The terminal is ours while this lives.
#[derive(Debug)]
pub(crate) struct Guard {
    mouse: bool,
}

impl Guard {
    /// Takes the terminal over, and sees to it that a panic gives it back.
    ///
    /// # Errors
    ///
    /// Standard input or output is no terminal, or it refuses.
    pub(crate) fn enter(mouse: bool) -> io::Result<(Self, Screen)> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                restore();
                previous(info);
            }));
        });
        let guard = Self { mouse };
        guard.take()?;
        let screen = Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout())))?;
        Ok((guard, screen))
    }

    /// Takes the terminal back; the caller draws everything anew.
    ///
    /// # Errors
    ///
    /// The terminal is gone.
    pub(crate) fn take_back(&self, screen: &mut Screen) -> io::Result<()> {
        self.take()?;
        // `Terminal::clear` would ask the terminal where the cursor is, and the input thread would get the answer.
        screen.backend_mut().clear()?;
        screen.swap_buffers();
        Ok(())
    }

    /// Listens to the mouse from now on, or leaves it to the terminal.
    ///
    /// # Errors
    ///
    /// The terminal is gone.
    pub(crate) fn set_mouse(&mut self, mouse: bool) -> io::Result<()> {
        self.mouse = mouse;
        let mut out = io::stdout();
        out.write_all(if mouse { MOUSE_ON } else { MOUSE_OFF })?;
        out.flush()
    }

    fn take(&self) -> io::Result<()> {
        enable_raw_mode()?;
        // Before the first sequence is out, so that whatever fails below is undone by the drop.
        OURS.store(true, Ordering::SeqCst);
        let mut out = io::stdout();
        queue!(out, EnterAlternateScreen, EnableBracketedPaste)?;
        if self.mouse {
            out.write_all(MOUSE_ON)?;
        }
        out.flush()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, if it is ours. May be called from any thread and any number of times.
pub(crate) fn restore() {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    // A terminal that is gone (SIGHUP) needs no restoring, so errors have nobody to go to.
    drop(out.write_all(MOUSE_OFF));
    // tmux 3.3a keeps lines of the picture if the window grew meanwhile, unless the cursor is in the last line.
    drop(out.write_all(LAST_LINE));
    drop(execute!(out, DisableBracketedPaste, LeaveAlternateScreen, Show));
    drop(disable_raw_mode());
}

/// The most that is copied: terminals cut longer ones off, or ignore them.
pub(crate) const COPY_BYTES_MAX: usize = 64 << 10;

/// The sequence that makes a terminal copy a text (OSC 52).
pub(crate) fn copy_sequence(text: &str) -> String {
    let mut end = text.len().min(COPY_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("\x1b]52;c;{}\x07", base64(&text.as_bytes()[..end]))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let word = (at(0) << 16) | (at(1) << 8) | at(2);
        for digit in 0..4 {
            if digit <= group.len() {
                out.push(char::from(DIGITS[(word >> (18 - 6 * digit)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let pairs = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in pairs {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn a_copied_text_is_cut_between_characters() {
        let long = "ä".repeat(COPY_BYTES_MAX);
        let sequence = copy_sequence(&long);
        assert_eq!(sequence, copy_sequence(&long[..COPY_BYTES_MAX]));
        assert!(sequence.starts_with("\x1b]52;c;w6TDpM"));
    }

    #[test]
    fn restoring_a_terminal_that_is_not_ours_does_nothing() {
        restore();
        assert!(!OURS.load(Ordering::SeqCst));
    }
}
