//! The bytes of a terminal as keys, mouse events and pastes.
//!
//! Our own, and not crossterm's reader: that one waits for edges of a descriptor and loses one when the size changes while
//! a key is pressed (seen: the key is answered only after the next), and it never returns once the terminal is gone. What
//! terminals send is old and well known; a sequence that is not in the tables is skipped as a whole, so that no piece of it
//! is taken for keys.
//!
//! An Esc may be the key or the beginning of a sequence. The parser keeps it ([`Parser::is_waiting`]); if nothing follows
//! within a moment, the caller says so ([`Parser::give_up`]) and it was the key.

use super::Event;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

/// The longest sequence; what is longer is noise.
const SEQUENCE_BYTES_MAX: usize = 64;
/// The longest paste; the rest is thrown away.
const PASTE_BYTES_MAX: usize = 64 << 10;

const ESC: u8 = 0x1b;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Bytes that do not make an event yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Parser {
    bytes: Vec<u8>,
    /// What was pasted so far, while a paste is under way.
    paste: Option<Vec<u8>>,
}

/// What the bytes begin with.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    /// An event, or something that is none, of so many bytes.
    Whole(usize, Option<Event>),
    /// The beginning of something.
    Part,
}

impl Parser {
    /// Takes bytes, and gives the events that are whole.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.bytes.extend_from_slice(bytes);
        let mut events = Vec::new();
        while !self.bytes.is_empty() {
            if self.paste.is_some() {
                match self.paste_on() {
                    Some(event) => events.push(event),
                    None => break,
                }
                continue;
            }
            if self.bytes.starts_with(b"\x1b[200~") {
                self.bytes.drain(..6);
                self.paste = Some(Vec::new());
                continue;
            }
            match parse(&self.bytes) {
                Found::Whole(length, event) => {
                    self.bytes.drain(..length);
                    events.extend(event);
                }
                Found::Part => break,
            }
        }
        events
    }

    /// Whether what is there may be the beginning of a sequence.
    pub(super) fn is_waiting(&self) -> bool {
        !self.bytes.is_empty() && self.paste.is_none()
    }

    /// Nothing followed: an Esc was the key, and anything else is skipped.
    pub(super) fn give_up(&mut self) -> Vec<Event> {
        if self.paste.is_some() {
            return Vec::new();
        }
        let bytes = std::mem::take(&mut self.bytes);
        match bytes.as_slice() {
            [ESC] => vec![key(KeyCode::Esc, KeyModifiers::NONE)],
            [ESC, second @ (b'[' | b'O')] => vec![key(KeyCode::Char(char::from(*second)), KeyModifiers::ALT)],
            _ => Vec::new(),
        }
    }

    /// Moves pasted bytes out of the way; the event if the paste is over.
    fn paste_on(&mut self) -> Option<Event> {
        let paste = self.paste.as_mut()?;
        let end = self.bytes.windows(PASTE_END.len()).position(|window| window == PASTE_END);
        // The last bytes may be the beginning of the end.
        let whole = end.unwrap_or(self.bytes.len().saturating_sub(PASTE_END.len() - 1));
        let room = PASTE_BYTES_MAX.saturating_sub(paste.len());
        paste.extend(self.bytes.drain(..whole).take(room));
        end?;
        self.bytes.drain(..PASTE_END.len());
        let text = String::from_utf8_lossy(&self.paste.take()?).into_owned();
        Some(Event::Paste(text))
    }
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

fn parse(bytes: &[u8]) -> Found {
    match bytes {
        [ESC] => Found::Part,
        [ESC, ESC, ..] => Found::Whole(1, Some(key(KeyCode::Esc, KeyModifiers::NONE))),
        [ESC, b'[', rest @ ..] => control_sequence(rest),
        [ESC, b'O', rest @ ..] => match rest {
            [] => Found::Part,
            [last, ..] => Found::Whole(3, letter_key(*last).map(|code| key(code, KeyModifiers::NONE))),
        },
        [ESC, rest @ ..] => match character(rest) {
            Found::Whole(length, event) => Found::Whole(1 + length, event.map(with_alt)),
            Found::Part => Found::Part,
        },
        _ => character(bytes),
    }
}

fn with_alt(event: Event) -> Event {
    match event {
        Event::Key(mut event) => {
            event.modifiers |= KeyModifiers::ALT;
            Event::Key(event)
        }
        other => other,
    }
}

/// One character, or a key that is sent as a control character.
fn character(bytes: &[u8]) -> Found {
    let Some(&first) = bytes.first() else { return Found::Part };
    let plain = |code| Found::Whole(1, Some(key(code, KeyModifiers::NONE)));
    let control = |c: u8| Found::Whole(1, Some(key(KeyCode::Char(char::from(c)), KeyModifiers::CONTROL)));
    match first {
        b'\r' | b'\n' => plain(KeyCode::Enter),
        b'\t' => plain(KeyCode::Tab),
        0x08 | 0x7f => plain(KeyCode::Backspace),
        0x00 => control(b' '),
        0x01..=0x1a => control(first - 1 + b'a'),
        ESC => plain(KeyCode::Esc),
        0x1c..=0x1f => control(first - 0x1c + b'4'),
        0x20..=0x7e => plain(KeyCode::Char(char::from(first))),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Found {
    let length = match bytes[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Found::Whole(1, None),
    };
    let Some(sequence) = bytes.get(..length) else { return Found::Part };
    match std::str::from_utf8(sequence).ok().and_then(|text| text.chars().next()) {
        Some(c) => Found::Whole(length, Some(key(KeyCode::Char(c), KeyModifiers::NONE))),
        None => Found::Whole(1, None),
    }
}

/// `ESC [ parameters letter`; `rest` is what follows the bracket.
fn control_sequence(rest: &[u8]) -> Found {
    // The oldest mouse protocol has three raw bytes after its letter.
    if rest.first() == Some(&b'M') {
        return if rest.len() < 4 { Found::Part } else { Found::Whole(2 + 4, None) };
    }
    let Some(end) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        let too_long = rest.len() > SEQUENCE_BYTES_MAX;
        return if too_long { Found::Whole(2 + rest.len(), None) } else { Found::Part };
    };
    let length = 2 + end + 1;
    let parameters = &rest[..end];
    let event = match (rest[end], parameters.strip_prefix(b"<")) {
        (last @ (b'M' | b'm'), Some(parameters)) => mouse(parameters, last == b'M'),
        (b'Z', _) => Some(key(KeyCode::BackTab, KeyModifiers::SHIFT)),
        (b'~', _) => numbers(parameters).and_then(|numbers| {
            let code = number_key(*numbers.first()?)?;
            Some(key(code, modifiers(&numbers)))
        }),
        (last, _) => {
            numbers(parameters).and_then(|numbers| Some(key(letter_key(last)?, modifiers(&numbers))))
        }
    };
    Found::Whole(length, event)
}

/// Numbers apart by semicolons; `None` if there is anything else.
fn numbers(parameters: &[u8]) -> Option<Vec<u16>> {
    let text = std::str::from_utf8(parameters).ok()?;
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(';').map(|number| if number.is_empty() { Some(0) } else { number.parse().ok() }).collect()
}

/// The second number says which modifiers were held, one more than their bits.
fn modifiers(numbers: &[u16]) -> KeyModifiers {
    let bits = numbers.get(1).map_or(0, |number| number.saturating_sub(1));
    let all = [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)];
    all.into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .fold(KeyModifiers::NONE, |sum, (_, modifier)| sum | modifier)
}

fn letter_key(letter: u8) -> Option<KeyCode> {
    Some(match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'P'..=b'S' => KeyCode::F(letter - b'P' + 1),
        b'M' => KeyCode::Enter,
        _ => return None,
    })
}

fn number_key(number: u16) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23..=24 => KeyCode::F(number as u8 - 12),
        _ => return None,
    })
}

/// `button;column;line` with columns and lines from 1.
fn mouse(parameters: &[u8], pressed: bool) -> Option<Event> {
    let numbers = numbers(parameters)?;
    let [button, column, row] = numbers.as_slice() else { return None };
    let kind = match (button & 0b1100_0011, pressed) {
        (0, true) => MouseEventKind::Down(MouseButton::Left),
        (1, true) => MouseEventKind::Down(MouseButton::Middle),
        (2, true) => MouseEventKind::Down(MouseButton::Right),
        (0, false) => MouseEventKind::Up(MouseButton::Left),
        (64, true) => MouseEventKind::ScrollUp,
        (65, true) => MouseEventKind::ScrollDown,
        _ => return None,
    };
    let event = MouseEvent {
        kind,
        column: column.checked_sub(1)?,
        row: row.checked_sub(1)?,
        modifiers: KeyModifiers::NONE,
    };
    Some(Event::Mouse(event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONE: KeyModifiers = KeyModifiers::NONE;

    fn check(bytes: &[u8], expected: &[(KeyCode, KeyModifiers)]) {
        let expected: Vec<Event> = expected.iter().map(|&(code, modifiers)| key(code, modifiers)).collect();
        assert_eq!(Parser::default().take(bytes), expected, "{bytes:?}");
        // It must not matter how the bytes are cut.
        let mut parser = Parser::default();
        let single: Vec<Event> = bytes.iter().flat_map(|byte| parser.take(&[*byte])).collect();
        assert_eq!(single, expected, "{bytes:?}, one at a time");
        assert!(!parser.is_waiting());
    }

    #[test]
    fn characters_and_control_characters_are_keys() {
        check(
            "jä→".as_bytes(),
            &[(KeyCode::Char('j'), NONE), (KeyCode::Char('ä'), NONE), (KeyCode::Char('→'), NONE)],
        );
        check(
            b"\r\t\x7f\x03\x1a",
            &[
                (KeyCode::Enter, NONE),
                (KeyCode::Tab, NONE),
                (KeyCode::Backspace, NONE),
                (KeyCode::Char('c'), KeyModifiers::CONTROL),
                (KeyCode::Char('z'), KeyModifiers::CONTROL),
            ],
        );
    }

    #[test]
    fn sequences_are_keys_with_their_modifiers() {
        check(
            b"\x1b[A\x1bOB\x1b[5~\x1b[Z",
            &[
                (KeyCode::Up, NONE),
                (KeyCode::Down, NONE),
                (KeyCode::PageUp, NONE),
                (KeyCode::BackTab, KeyModifiers::SHIFT),
            ],
        );
        check(
            b"\x1b[1;5C\x1b[3;2~\x1b[11~\x1bOP\x1b[24~",
            &[
                (KeyCode::Right, KeyModifiers::CONTROL),
                (KeyCode::Delete, KeyModifiers::SHIFT),
                (KeyCode::F(1), NONE),
                (KeyCode::F(1), NONE),
                (KeyCode::F(12), NONE),
            ],
        );
        check(b"\x1bw", &[(KeyCode::Char('w'), KeyModifiers::ALT)]);
    }

    #[test]
    fn an_unknown_sequence_is_skipped_as_a_whole() {
        check(
            b"\x1b[?1;2cj\x1b[99~k\x1b[M###l",
            &[(KeyCode::Char('j'), NONE), (KeyCode::Char('k'), NONE), (KeyCode::Char('l'), NONE)],
        );
    }

    #[test]
    fn a_lone_esc_is_the_key_once_nothing_follows() {
        let mut parser = Parser::default();
        assert_eq!(parser.take(b"\x1b"), []);
        assert!(parser.is_waiting());
        assert_eq!(parser.give_up(), [key(KeyCode::Esc, NONE)]);
        assert_eq!(parser.give_up(), []);
        assert_eq!(parser.take(b"\x1b\x1b[A"), [key(KeyCode::Esc, NONE), key(KeyCode::Up, NONE)]);
    }

    #[test]
    fn clicks_and_the_wheel_have_places() {
        let event = |kind, column, row| Event::Mouse(MouseEvent { kind, column, row, modifiers: NONE });
        let events =
            Parser::default().take(b"\x1b[<0;1;1M\x1b[<0;1;1m\x1b[<64;300;20M\x1b[<0;0;0M\x1b[<35;5;5M");
        assert_eq!(
            events,
            [
                event(MouseEventKind::Down(MouseButton::Left), 0, 0),
                event(MouseEventKind::Up(MouseButton::Left), 0, 0),
                event(MouseEventKind::ScrollUp, 299, 19),
            ]
        );
    }

    #[test]
    fn a_paste_is_one_event_however_it_is_cut() {
        let bytes = b"a\x1b[200~q\x1b[Aj\n\x1b[201~b";
        let expected = [
            key(KeyCode::Char('a'), NONE),
            Event::Paste("q\x1b[Aj\n".to_owned()),
            key(KeyCode::Char('b'), NONE),
        ];
        assert_eq!(Parser::default().take(bytes), expected);
        let mut parser = Parser::default();
        let single: Vec<Event> = bytes.iter().flat_map(|byte| parser.take(&[*byte])).collect();
        assert_eq!(single, expected);
    }

    #[test]
    fn a_paste_is_cut_at_its_limit() {
        let mut parser = Parser::default();
        parser.take(b"\x1b[200~");
        for _ in 0..3 {
            parser.take(&vec![b'x'; PASTE_BYTES_MAX]);
        }
        let events = parser.take(PASTE_END);
        assert_eq!(events, [Event::Paste("x".repeat(PASTE_BYTES_MAX))]);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_events_and_no_panic(
            bytes in proptest::collection::vec(
                prop_oneof![Just(ESC), Just(b'['), Just(b'O'), Just(b'M'), Just(b'<'), Just(b';'), Just(b'2'), Just(b'0'), Just(b'~'), any::<u8>()],
                0..80,
            ),
            cut in 0usize..80,
        ) {
            let whole = Parser::default().take(&bytes);
            let mut parser = Parser::default();
            let at = cut.min(bytes.len());
            let mut pieces = parser.take(&bytes[..at]);
            pieces.extend(parser.take(&bytes[at..]));
            prop_assert_eq!(whole, pieces);
            prop_assert!(parser.bytes.len() <= SEQUENCE_BYTES_MAX + 8);
            parser.give_up();
        }
    }
}
