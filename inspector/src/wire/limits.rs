//! How much of everything there may be on the wire.
//!
//! The sender keeps to these, the receiver does not rely on it.

use std::time::Duration;

/// A request is small: a filter and the open rows of a tree.
pub const REQUEST_BYTES_MAX: usize = 64 << 10;

/// A part of a picture aims at this. Small enough that a slow terminal gets its first rows at once.
pub const PART_BYTES_TARGET: usize = 64 << 10;

/// A message with more is refused before it is decoded. An empty row takes two bytes on the wire and some 500 in memory, so
/// this also bounds what a hostile part can make the receiver allocate, at about 64 MiB for a moment.
pub const PART_BYTES_MAX: usize = 256 << 10;

/// The rows of one table in one picture, and of all tables together twice as many.
pub const ROWS_MAX: u64 = 100_000;

/// The bytes of one picture: what [`ROWS_MAX`] rows of 1 KiB take, which is three times what they usually do.
pub const PICTURE_BYTES_MAX: usize = 100 << 20;

/// A name of a task, a thread, a program.
pub const NAME_BYTES_MAX: usize = 256;

/// A path of a file or a socket.
pub const PATH_BYTES_MAX: usize = 4096;

/// A sentence.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// A filter expression.
pub const FILTER_BYTES_MAX: usize = 4096;

/// The name of a column, with its sign.
pub const SORT_BYTES_MAX: usize = 64;

/// Ids of opened or closed rows of a tree.
pub const TREE_IDS_MAX: usize = 4096;

/// Settings of lints in a request: there are fewer lints.
pub const LINT_SETTINGS_MAX: usize = 64;

/// Pools of blocking threads of one process.
pub const POOLS_MAX: usize = 64;

/// Rows of `io_totals`: as many as a loop tells places apart.
pub const IO_TOTALS_MAX: usize = 4096;

/// Ids of tasks that wait for one resource, and of tasks of one cycle.
pub const IDS_MAX: usize = 1024;

/// Kinds of waits for one resource.
pub const WAITING_KINDS_MAX: usize = 8;

/// Tasks of a chain of waits.
pub const CHAIN_MAX: usize = 1024;

/// Cycles of one picture.
pub const CYCLES_MAX: usize = 256;

/// Waits and children of the one task that is shown in detail.
pub const DETAIL_MAX: usize = 256;

/// Buckets of one histogram. 23 octaves in full; one with more is made coarser until it fits, which loses no count.
pub const BUCKETS_MAX: usize = 3000;

/// Buckets of a histogram that is asked for whole: as many as the layout of the loops' histograms has.
pub const BUCKETS_EXACT_MAX: usize = 116 * 64;

/// Buckets in one message of such a histogram, 34 bytes each at most; the others follow in further messages.
pub const BUCKETS_MESSAGE_MAX: usize = 1000;

/// Histograms of one answer.
pub const HISTOGRAMS_MAX: u64 = 200_000;

/// The one task in detail; more of its waits and children are left out, and counted, until it fits.
pub const DETAIL_BYTES_MAX: usize = 192 << 10;

/// Frames of one stack.
pub const FRAMES_MAX: usize = 128;

/// Bytes of one stack with all its frames, as of a warning with its notes; outer frames are left out until it fits.
pub const STACK_BYTES_MAX: usize = 48 << 10;

/// Lines beside the message of a warning.
pub const NOTES_MAX: usize = 64;

/// Native stacks of one answer.
pub const STACKS_MAX: usize = 256;

/// Tasks whose async stacks are asked for by number, and tasks that are cancelled at once.
pub const ASKED_TASKS_MAX: usize = 1024;

/// Branches of one async stack.
pub const BRANCHES_MAX: usize = 256;

/// Frames of one async stack with all its branches.
pub const DUMP_FRAMES_MAX: usize = 1024;

/// Stacks of one dump.
pub const DUMP_STACKS_MAX: usize = 100_000;

/// The bytes of one dump.
pub const DUMP_BYTES_MAX: usize = 200 << 20;

/// A line of a log.
pub const LOG_MESSAGE_BYTES_MAX: usize = 4096;

/// Fields of an event.
pub const LOG_FIELDS_MAX: usize = 32;

/// Spans around an event.
pub const LOG_SPANS_MAX: usize = 16;

/// Lines in one part of a log.
pub const LOG_PART_LINES_MAX: usize = 1000;

/// The shortest time for which a change can be asked for without staying.
pub const LEASE_MIN: Duration = Duration::from_secs(1);

/// The longest.
pub const LEASE_MAX: Duration = Duration::from_secs(24 * 3600);

/// The shortest threshold of a slow poll.
pub const SLOW_MIN: Duration = Duration::from_micros(1);

/// The longest.
pub const SLOW_MAX: Duration = Duration::from_secs(3600);

/// Warnings named at one task.
pub const TASK_WARNINGS_MAX: usize = 16;

/// Levels of a tree that can be told apart; deeper ones are shown at this level.
pub const DEPTH_MAX: u32 = 1 << 20;

/// The shortest interval of a watch: 20 pictures a second.
pub const INTERVAL_MIN: Duration = Duration::from_millis(50);

/// The longest interval of a watch.
pub const INTERVAL_MAX: Duration = Duration::from_secs(3600);

/// Cuts a string to at most `bytes_max` bytes, at a character.
pub(crate) fn cut(text: &mut String, bytes_max: usize) {
    let mut end = bytes_max;
    if text.len() > end {
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
}

/// Cuts a list, and says how many were left out.
pub(crate) fn cut_list<T>(list: &mut Vec<T>, max: usize) -> u64 {
    let more = list.len().saturating_sub(max);
    list.truncate(max);
    more as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_cut_at_a_character() {
        let mut text = String::from("aé");
        cut(&mut text, 2);
        assert_eq!(text, "a");
        let mut text = String::from("aé");
        cut(&mut text, 3);
        assert_eq!(text, "aé");
    }

    #[test]
    fn a_list_says_what_was_left_out() {
        let mut list = vec![1, 2, 3];
        assert_eq!(cut_list(&mut list, 2), 1);
        assert_eq!(list, [1, 2]);
        assert_eq!(cut_list(&mut list, 2), 0);
    }
}
