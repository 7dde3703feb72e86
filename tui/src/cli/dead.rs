//! `ps --dead`: what dead processes left, and its removal.

use super::cells::Ink;
use super::flags::{Flags, Look};
use super::json::{self, rfc3339};
use super::perform::print;
use super::table::{self, Align, Caption, Column};
use super::{Exit, Failure};
use loopscope_inspector::client::{self, Left};
use loopscope_inspector::model::{Snapshot, WallTime, words};
use serde::Serialize;
use std::io::{self, Write};
use std::time::SystemTime;

/// One socket that was left.
#[derive(Debug)]
struct Row {
    left: Left,
    user: Option<String>,
    age_ns: Option<u64>,
    removed: bool,
}

/// The same as JSON.
#[derive(Debug, Serialize)]
struct RowJson<'a> {
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    socket: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<String>,
    reused: bool,
    removed: bool,
}

const COLUMNS: &[Column<Row>] = &[
    Column {
        name: "pid",
        heading: "PID",
        align: Align::Right,
        words: Some(|row| row.left.pid.to_string()),
        exact: |row| row.left.pid.to_string(),
    },
    Column {
        name: "user",
        heading: "USER",
        align: Align::Left,
        words: Some(|row| escaped(row.user.as_deref().unwrap_or_default())),
        exact: |row| row.user.clone().unwrap_or_default(),
    },
    Column {
        name: "opened_at",
        heading: "OPENED AGO",
        align: Align::Right,
        words: Some(|row| row.age_ns.map(words::duration).unwrap_or_default()),
        exact: |row| opened_at(&row.left).unwrap_or_default(),
    },
    Column {
        name: "reused",
        heading: "PROCESS",
        align: Align::Left,
        words: Some(|row| {
            if row.left.is_reused { "ended, another has its number" } else { "ended" }.to_owned()
        }),
        exact: |row| row.left.is_reused.to_string(),
    },
    Column {
        name: "removed",
        heading: "FILE",
        align: Align::Left,
        words: Some(|row| if row.removed { "removed" } else { "left" }.to_owned()),
        exact: |row| row.removed.to_string(),
    },
    Column {
        name: "socket",
        heading: "SOCKET",
        align: Align::Left,
        words: Some(|row| escaped(&row.left.socket.to_string_lossy())),
        exact: |row| row.left.socket.to_string_lossy().into_owned(),
    },
];

fn escaped(text: &str) -> String {
    words::escape(text, words::TEXT_CHARS_MAX).into_owned()
}

fn opened_at(left: &Left) -> Option<String> {
    left.opened_at.map(|time| rfc3339(WallTime::from(time)))
}

/// `ps --dead`, and with `remove` what is listed is removed.
///
/// # Errors
///
/// If something cannot be removed; everything else is.
pub(crate) fn show(remove: bool, flags: &Flags) -> anyhow::Result<()> {
    if flags.filter.is_some() || flags.sort.is_some() {
        return Err(
            Failure::usage("--filter and --sort are for processes that live, not for `ps --dead`").into()
        );
    }
    let now = SystemTime::now();
    let mut failed = Vec::new();
    let rows: Vec<Row> = client::left()
        .into_iter()
        .map(|left| {
            let removed =
                remove && client::remove(&left).map_err(|error| failed.push(error.to_string())).is_ok();
            let age = left.opened_at.and_then(|opened_at| now.duration_since(opened_at).ok());
            let age_ns = age.map(|age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
            let user = left.uid.map(|uid| client::user_name(uid).unwrap_or_else(|| uid.to_string()));
            Row { left, user, age_ns, removed }
        })
        .collect();
    print(|out| write(out, &rows, WallTime::from(now), flags, flags.look()))?;
    if !remove && !rows.is_empty() && !flags.json && !flags.csv {
        // Standard error may be closed.
        let _ = writeln!(
            io::stderr(),
            "loopscope: `loopscope ps --dead --remove` removes them; so does the next agent in the same directory"
        );
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(Exit::Failed, failed.join("\n")).into()) }
}

fn write(out: &mut dyn Write, rows: &[Row], taken_at: WallTime, flags: &Flags, look: Look) -> io::Result<()> {
    let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let shown = look.limit.and_then(|limit| rows.get(..limit)).unwrap_or(rows);
    if flags.json {
        let count = u64::try_from(shown.len()).unwrap_or(u64::MAX);
        let head = Snapshot { taken_at, total, shown: count, ..Snapshot::default() };
        return json::write_table(out, &head, "dead", shown.iter().map(RowJson::from));
    }
    if flags.csv {
        return table::write_csv(out, COLUMNS, rows, look);
    }
    let caption = Caption { what: "sockets of dead processes", total, dropped: 0 };
    table::write_words(out, COLUMNS, rows, &caption, |_| Ink::Plain, look)
}

impl<'a> From<&'a Row> for RowJson<'a> {
    fn from(row: &'a Row) -> Self {
        Self {
            pid: row.left.pid,
            user: row.user.as_deref(),
            socket: row.left.socket.to_string_lossy(),
            opened_at: opened_at(&row.left),
            reused: row.left.is_reused,
            removed: row.removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn written(rows: &[Row], flags: &Flags) -> String {
        let mut out = Vec::new();
        let noon = WallTime::from(SystemTime::UNIX_EPOCH);
        write(&mut out, rows, noon, flags, Look::default()).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn row(pid: u32, is_reused: bool, removed: bool) -> Row {
        let left = Left {
            socket: format!("/tmp/loopscope-7/{pid}-5.sock").into(),
            pid,
            is_reused,
            uid: Some(7),
            opened_at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(60)),
        };
        Row { left, user: Some("shop".into()), age_ns: Some(3_000_000_000), removed }
    }

    #[test]
    fn what_was_left_in_every_form() {
        let rows = [row(8, false, false), row(4711, true, true)];
        let words = " PID  USER  OPENED AGO  PROCESS                        FILE     SOCKET\n   \
                     8  shop       3.0 s  ended                          left     /tmp/loopscope-7/8-5.sock\n\
                     4711  shop       3.0 s  ended, another has its number  removed  /tmp/loopscope-7/4711-5.sock\n";
        assert_eq!(written(&rows, &Flags::default()), words);
        let csv = "pid,user,opened_at,reused,removed,socket\n\
                   8,shop,1970-01-01T00:01:00Z,false,false,/tmp/loopscope-7/8-5.sock\n";
        assert_eq!(written(&rows[..1], &Flags { csv: true, ..Flags::default() }), csv);
        let json = "{\"schema\":1,\"taken_at\":\"1970-01-01T00:00:00Z\",\"processes\":[],\"total\":1,\"shown\":1,\"dropped\":0,\
                    \"dead\":[{\"pid\":4711,\"user\":\"shop\",\"socket\":\"/tmp/loopscope-7/4711-5.sock\",\
                    \"opened_at\":\"1970-01-01T00:01:00Z\",\"reused\":true,\"removed\":true}]}\n";
        assert_eq!(written(&rows[1..], &Flags { json: true, ..Flags::default() }), json);
    }

    #[test]
    fn nothing_left_is_said() {
        assert_eq!(written(&[], &Flags::default()), "no sockets of dead processes\n");
    }
}
