//! `ps --filter` and `ps --sort`: these rows come from many agents, so they are chosen here.

use super::flags::{Flags, Look};
use loopscope_inspector::model::query::{Column, ColumnKind, Filter, QueryError, Row, Sort, Value};
use loopscope_inspector::model::{Process, RuntimeKind, Snapshot, WallTime};
use std::borrow::Cow;

/// A process as filters and sorting see it.
#[derive(Debug)]
pub(crate) struct ProcessRow<'a>(&'a Process);

const fn column(name: &'static str, kind: ColumnKind) -> Column {
    Column { name, kind }
}

impl Row for ProcessRow<'_> {
    const COLUMNS: &'static [Column] = &[
        column("pid", ColumnKind::Id),
        column("exe", ColumnKind::Text),
        column("name", ColumnKind::Text),
        column("user", ColumnKind::Text),
        column("socket", ColumnKind::Text),
        column("started_at", ColumnKind::Time),
        column("uptime", ColumnKind::Duration),
        column("cpu", ColumnKind::Share),
        column("rss_bytes", ColumnKind::Bytes),
        column("runtime", ColumnKind::OneOf(&["loopscope", "tokio"])),
        column("version", ColumnKind::Text),
        column("debug", ColumnKind::Flag),
        column("loops", ColumnKind::Number),
        column("tasks", ColumnKind::Number),
        column("warnings", ColumnKind::Number),
        column("blocked", ColumnKind::Number),
        column("rights", ColumnKind::Words),
    ];

    fn value(&self, column: usize) -> Value<'_> {
        let process = self.0;
        match Self::COLUMNS.get(column).map_or("", |column| column.name) {
            "pid" => Value::Number(process.pid.into()),
            "exe" => Value::maybe_text(process.exe.as_deref()),
            "name" => Value::maybe_text(process.name.as_deref()),
            "user" => Value::maybe_text(process.user.as_deref()),
            "socket" => Value::maybe_text(process.socket.as_deref()),
            "started_at" => Value::maybe(process.started_at.map(WallTime::as_unix_ns)),
            "uptime" => Value::maybe(process.uptime_ns),
            "cpu" => process.cpu.map_or(Value::Absent, Value::Share),
            "rss_bytes" => Value::maybe(process.rss_bytes),
            "runtime" => Value::maybe_text(process.runtime.map(RuntimeKind::as_str)),
            "version" => Value::maybe_text(process.version.as_deref()),
            "debug" => process.debug.map_or(Value::Absent, Value::Flag),
            "loops" => Value::maybe(process.loops),
            "tasks" => Value::maybe(process.tasks),
            "warnings" => Value::maybe(process.warnings),
            "blocked" => Value::maybe(process.blocked),
            "rights" => process
                .rights
                .map_or(Value::Absent, |rights| Value::Text(Cow::Owned(rights.names().join(" ")))),
            _ => Value::Absent,
        }
    }
}

/// Leaves the processes that the flags ask for, in the order that they ask for.
///
/// # Errors
///
/// If the filter or the sort makes no sense.
pub(crate) fn choose(snapshot: &mut Snapshot, flags: &Flags, look: Look) -> Result<(), QueryError> {
    if let Some(text) = &flags.filter {
        let filter = Filter::parse::<ProcessRow<'_>>(text)?;
        snapshot.processes.retain(|process| filter.matches(&ProcessRow(process)));
    }
    if let Some(text) = &flags.sort {
        let sort = Sort::parse::<ProcessRow<'_>>(text)?;
        snapshot.processes.sort_by(|a, b| sort.compare(&ProcessRow(a), &ProcessRow(b)));
    }
    let count = |processes: &[Process]| u64::try_from(processes.len()).unwrap_or(u64::MAX);
    snapshot.total = count(&snapshot.processes);
    snapshot.processes.truncate(look.limit.unwrap_or(usize::MAX));
    snapshot.shown = count(&snapshot.processes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(filter: &str, sort: &str, limit: Option<usize>) -> (Vec<u32>, u64, u64) {
        let process = |pid, name: &str, tasks, cpu| Process {
            pid,
            name: Some(name.into()),
            tasks: Some(tasks),
            cpu,
            ..Process::default()
        };
        let processes = vec![
            process(7, "shop", 12, Some(0.5)),
            process(9, "mail", 3, None),
            process(8, "shop", 100, Some(0.1)),
        ];
        let mut snapshot = Snapshot { processes, ..Snapshot::default() };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let flags = Flags { filter: some(filter), sort: some(sort), ..Flags::default() };
        choose(&mut snapshot, &flags, Look { limit, ..Look::default() }).unwrap();
        (snapshot.processes.iter().map(|process| process.pid).collect(), snapshot.total, snapshot.shown)
    }

    #[test]
    fn processes_are_filtered_sorted_and_limited() {
        assert_eq!(chosen("", "", None), (vec![7, 9, 8], 3, 3));
        assert_eq!(chosen("name=shop", "-tasks", None), (vec![8, 7], 2, 2));
        assert_eq!(chosen("cpu>20%", "", None), (vec![7], 1, 1));
        assert_eq!(chosen("", "pid", Some(1)), (vec![7], 3, 1));
    }

    #[test]
    fn every_column_of_the_json_has_a_value() {
        let process = Process { user: Some("shop".into()), ..crate::cli::samples::process() };
        for (index, column) in ProcessRow::COLUMNS.iter().enumerate() {
            assert_ne!(ProcessRow(&process).value(index), Value::Absent, "{}", column.name);
        }
    }
}
