//! That the table says one thing about each key, and something about every key.

use super::table::ALL;
use super::*;

fn plain(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

#[test]
fn no_key_means_two_things_in_one_context() {
    for context in ALL {
        let mut seen = Vec::new();
        for binding in TABLE.iter().filter(|binding| binding.contexts.contains(context)) {
            for key in binding.keys {
                assert!(!seen.contains(key), "{} twice in {}", key.name(), context.name());
                seen.push(*key);
            }
        }
    }
}

#[test]
fn back_help_and_quit_work_everywhere() {
    for context in ALL {
        for (event, action) in [
            (plain(KeyCode::Esc), Action::Back),
            (plain(KeyCode::Char('?')), Action::Help),
            (plain(KeyCode::Char('q')), Action::Quit),
            (KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), Action::Quit),
        ] {
            assert_eq!(read(event, None, *context), Reading::Action(action), "{}", context.name());
        }
    }
}

#[test]
fn g_twice_goes_to_the_top_and_once_waits() {
    let g = plain(KeyCode::Char('g'));
    assert_eq!(read(g, None, Context::Tasks), Reading::Prefix('g'));
    assert_eq!(read(g, Some('g'), Context::Tasks), Reading::Action(Action::Top));
    assert_eq!(read(plain(KeyCode::Char('j')), Some('g'), Context::Tasks), Reading::Action(Action::Down));
}

#[test]
fn a_key_of_another_screen_says_where_it_works() {
    let said = read(plain(KeyCode::Char('s')), None, Context::Overview);
    assert_eq!(
        said,
        Reading::Nothing(
            "s works in Tasks, Sites, Timers, I/O, Sync and Warnings, not in Overview: sort by the next column."
                .to_owned()
        )
    );
}

#[test]
fn a_key_without_a_meaning_says_where_help_is() {
    let said = |code| read(plain(code), None, Context::Tasks);
    assert_eq!(
        said(KeyCode::Char('Q')),
        Reading::Nothing("Q does nothing here; ? lists the keys.".to_owned())
    );
    assert_eq!(
        said(KeyCode::Char('0')),
        Reading::Nothing("There is no screen 0; Tab goes through those there are.".to_owned())
    );
}

#[test]
fn control_is_not_the_plain_key() {
    let event = KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL);
    assert_eq!(
        read(event, None, Context::Tasks),
        Reading::Nothing("Ctrl-s does nothing here; ? lists the keys.".to_owned())
    );
}
