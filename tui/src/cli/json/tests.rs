//! The contract with scripts, field by field.

use super::*;
use crate::cli::samples;
use loopscope_inspector::model::{Loop, Place, Process, Task};
use serde_json::Value;

fn document(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Value {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    assert_eq!(out.last(), Some(&b'\n'), "a document ends with a line feed");
    serde_json::from_slice(&out).unwrap()
}

/// Checks that an object has every promised field, and that each is of the kind that its name promises.
fn check_fields(object: &Value, promised: &str) {
    let object = object.as_object().expect("an object");
    for field in promised.split_whitespace() {
        assert!(object.contains_key(field), "{field} is missing in {object:?}");
    }
    for (field, value) in object {
        if field.ends_with("_ns") {
            assert!(value.is_i64() || value.is_u64(), "{field} is {value}");
        }
        if ["at", "made_at", "site"].contains(&field.as_str()) {
            check_fields(value, "file line column");
        }
        if field.ends_with("_at") && value.is_string() {
            value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        }
    }
}

const HIST: &str = "count min_ns max_ns mean_ns p50_ns p90_ns p99_ns p999_ns p9999_ns";

#[test]
fn every_document_begins_alike() {
    let snapshot = samples::snapshot();
    let document = document(|out| write_table(out, &snapshot, "tasks", std::iter::empty::<u8>()));
    check_fields(&document, "schema taken_at processes total shown dropped tasks");
    assert_eq!(document["schema"], 1);
    assert_eq!(document["taken_at"], "2026-03-01T12:00:00.25Z");
}

#[test]
fn processes_have_the_promised_fields() {
    let snapshot = samples::snapshot();
    let document = document(|out| write_processes(out, &snapshot));
    check_fields(
        &document["processes"][0],
        "pid exe name socket started_at uptime_ns cpu rss_bytes runtime version debug loops tasks warnings blocked rights",
    );
    assert_eq!(document["processes"][0]["rights"], serde_json::json!(["see", "diagnose"]));
    assert_eq!(document["processes"][0]["runtime"], "loopscope");
    assert!(document.get("ps").is_none(), "`ps` has only `processes`");
}

#[test]
fn tasks_have_the_promised_fields() {
    let (snapshot, task) = (samples::snapshot(), Task { pid: Some(4711), ..samples::task() });
    let document = document(|out| write_table(out, &snapshot, "tasks", [TaskJson::from(&task)].into_iter()));
    let row = &document["tasks"][0];
    check_fields(
        row,
        "pid id name kind parent loop state site spawned_at ended_at polls wakes self_wakes wakers busy_ns scheduled_ns
         idle_ns longest_poll_ns size_bytes blocks waiting_on waiting_on_more warnings",
    );
    check_fields(&row["waiting_on"][0], "kind resource task for_ns at made_at detail perhaps");
    assert_eq!(row["waiting_on"][0]["kind"], "lock");
    assert_eq!(row["waiting_on"][0]["deadline_in_ns"], -5, "a deadline is signed");
    assert_eq!(row["warnings"], serde_json::json!(["slow-poll"]));
}

#[test]
fn tasks_that_are_written_while_they_are_read_make_the_same_document() {
    let tasks = samples::tasks();
    let snapshot = Snapshot { total: 5, shown: 5, dropped: 3, ..samples::snapshot() };
    let at_once = document(|out| write_table(out, &snapshot, "tasks", tasks.iter().map(TaskJson::from)));
    let in_pages = document(|out| {
        let mut stream = TaskStream::open(out, &snapshot)?;
        for page in [&tasks[..0], &tasks[..2], &tasks[2..2], &tasks[2..]] {
            stream.write(out, page)?;
        }
        stream.close(out, None, 3)
    });
    assert_eq!(in_pages, at_once);
}

#[test]
fn loops_have_the_promised_fields() {
    let (snapshot, loops) = (samples::snapshot(), samples::loops());
    let document = document(|out| write_table(out, &snapshot, "loops", loops.iter().map(LoopJson::from)));
    let row = &document["loops"][1];
    check_fields(row, "id thread tid tasks ready utilisation ticks running poll scheduled lateness io_wait");
    check_fields(&row["running"], "task for_ns");
    for hist in ["poll", "scheduled", "lateness", "io_wait"] {
        check_fields(&row[hist], HIST);
    }
    assert_eq!(document["loops"][0]["running"], Value::Null, "nothing runs is said, not left out");
}

#[test]
fn sites_have_the_promised_fields() {
    let (snapshot, sites) = (samples::snapshot(), samples::sites());
    let document = document(|out| write_table(out, &snapshot, "sites", sites.iter().map(SiteJson::from)));
    let row = &document["sites"][0];
    check_fields(row, "site name live spawned completed cancelled panicked busy_ns poll scheduled");
    check_fields(&row["poll"], HIST);
    check_fields(&row["scheduled"], HIST);
}

#[test]
fn timers_have_the_promised_fields() {
    let (snapshot, timers) = (samples::snapshot(), samples::timers());
    let document = document(|out| write_table(out, &snapshot, "timers", timers.iter().map(TimerJson::from)));
    check_fields(&document["timers"][0], "task kind deadline_in_ns at");
    assert_eq!(document["timers"][0]["deadline_in_ns"], -2_500_000, "a deadline is signed");
    assert_eq!(document["timers"][3], serde_json::json!({"kind": "call_later", "deadline_in_ns": 0}));
}

#[test]
fn io_has_the_promised_fields() {
    let (snapshot, io) = (samples::snapshot(), samples::io());
    let document = document(|out| write_table(out, &snapshot, "io", io.iter().map(IoJson::from)));
    let row = &document["io"][0];
    check_fields(
        row,
        "id fd kind local peer interest readiness bytes_read bytes_written reads writes would_block idle_for_ns
         waiting readiness_delay",
    );
    check_fields(&row["readiness_delay"], HIST);
}

#[test]
fn io_totals_have_the_promised_fields() {
    let (snapshot, io, totals) = (samples::snapshot(), samples::io(), samples::io_totals());
    let document = document(|out| {
        let io = io.iter().map(IoJson::from);
        write_two_tables(out, &snapshot, ("io", io), ("io_totals", totals.iter().map(IoTotalJson::from)))
    });
    assert_eq!(document["io"].as_array().unwrap().len(), io.len());
    let row = &document["io_totals"][0];
    check_fields(
        row,
        "loop kind made_at open opened closed bytes_read bytes_written reads writes would_block readiness_delay",
    );
    check_fields(&row["readiness_delay"], HIST);
}

#[test]
fn blocking_has_the_promised_fields() {
    let (snapshot, jobs, pools) = (samples::snapshot(), samples::jobs(), samples::pools());
    let document = document(|out| {
        let jobs = jobs.iter().map(JobJson::from);
        write_two_tables(out, &snapshot, ("blocking", jobs), ("pools", pools.iter().map(PoolJson::from)))
    });
    check_fields(
        &document["blocking"][0],
        "id name pool state site parent parent_loop tid queued_for_ns running_for_ns queued_at",
    );
    assert_eq!(document["blocking"][1]["parent"], Value::Null);
    let pool = &document["pools"][0];
    check_fields(
        pool,
        "name threads idle threads_max queued running completed panicked queue_max waited ran",
    );
    check_fields(&pool["waited"], HIST);
    check_fields(&pool["ran"], HIST);
}

#[test]
fn sync_has_the_promised_fields() {
    let (snapshot, sync) = (samples::snapshot(), samples::sync());
    let document = document(|out| write_table(out, &snapshot, "sync", sync.iter().map(SyncJson::from)));
    check_fields(&document["sync"][0], "id kind name made_at holder held_for_ns held_at waiters");
    check_fields(&document["sync"][1], "len limit");
}

#[test]
fn warnings_have_the_promised_fields() {
    let (snapshot, warnings) = (samples::snapshot(), samples::warnings());
    let document =
        document(|out| write_table(out, &snapshot, "warnings", warnings.iter().map(WarningJson::from)));
    check_fields(&document["warnings"][0], "name severity task loop count for_ns message at stack");
    check_fields(&document["warnings"][0]["stack"][0], "function at");
    check_fields(&document["warnings"][1], "resource");
}

#[test]
fn the_tree_is_nested_through_children() {
    let snapshot = samples::snapshot();
    let document = document(|out| write_tree(out, &snapshot));
    let tree = &document["tree"];
    assert_eq!([&tree[0]["id"], &tree[1]["id"]], [1, 10]);
    assert_eq!([&tree[0]["children"][0]["id"], &tree[0]["children"][1]["id"]], [9, 8]);
    assert_eq!(tree[0]["children"][0]["children"][0]["id"], 7);
    assert_eq!(tree[1]["children"], serde_json::json!([]));
    assert_eq!(
        document["cycles"],
        serde_json::json!([
            {"deadlock": true, "tasks": [7, 9], "behind": 2},
            {"deadlock": false, "tasks": [8, 10, 1], "behind": 0}
        ])
    );
}

#[test]
fn a_tree_a_hundred_thousand_levels_deep_is_written_without_recursion() {
    let depth = 100_000;
    let rows: Vec<_> =
        (0..depth).map(|depth| TreeNode { depth, last: true, ..TreeNode::default() }).collect();
    let mut out = Vec::new();
    nest(&mut out, &rows).unwrap();
    let closed = out.iter().rev().take_while(|byte| b"]}".contains(byte)).count();
    assert_eq!(closed, 2 * depth as usize);
}

#[test]
fn depths_that_make_no_sense_still_make_a_document() {
    let snapshot = samples::snapshot();
    for depths in [vec![5, 9, 9, 1, 0, 7], vec![u32::MAX], vec![0, 2, 1, 2, 0]] {
        let tree = depths.iter().map(|&depth| TreeNode { depth, ..TreeNode::default() }).collect();
        let snapshot = Snapshot { tree: Some(tree), ..snapshot.clone() };
        let document = document(|out| write_tree(out, &snapshot));
        assert_eq!(document.to_string().matches("children").count(), depths.len());
    }
}

#[test]
fn what_is_unknown_is_absent_and_never_0() {
    let snapshot = Snapshot { processes: vec![Process::default()], ..Snapshot::default() };
    let nothing_known = Task::default();
    let tasks =
        document(|out| write_table(out, &snapshot, "tasks", [TaskJson::from(&nothing_known)].into_iter()));
    let fields: Vec<&String> = tasks["tasks"][0].as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "busy_ns",
            "id",
            "idle_ns",
            "kind",
            "parent",
            "polls",
            "scheduled_ns",
            "self_wakes",
            "state",
            "waiting_on",
            "waiting_on_more",
            "wakes",
            "warnings"
        ]
    );
    assert_eq!(tasks["tasks"][0]["parent"], Value::Null);
    assert_eq!(tasks["processes"][0], serde_json::json!({"pid": 0}));
    let nothing_known = Loop::default();
    let loops =
        document(|out| write_table(out, &snapshot, "loops", [LoopJson::from(&nothing_known)].into_iter()));
    assert_eq!(
        loops["loops"][0],
        serde_json::json!({"id": 0, "debug": false, "tasks": 0, "ready": 0, "ticks": 0, "running": null})
    );
}

#[test]
fn text_of_the_observed_program_cannot_break_the_document() {
    let snapshot = samples::snapshot();
    let task = Task {
        name: Some("\"}],\u{1b}[2J\n".into()),
        site: Some(Place::new("a\\b", 1, 2)),
        ..Task::default()
    };
    let mut out = Vec::new();
    write_table(&mut out, &snapshot, "tasks", [TaskJson::from(&task)].into_iter()).unwrap();
    assert!(!out[..out.len() - 1].iter().any(u8::is_ascii_control), "it goes to terminals too");
    let document: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(document["tasks"][0]["name"], "\"}],\u{1b}[2J\n");
}

#[test]
fn a_whole_document_of_every_command() {
    let mut text = Vec::new();
    let snapshot = samples::snapshot();
    write_processes(&mut text, &snapshot).unwrap();
    let task = samples::task();
    write_table(&mut text, &snapshot, "tasks", [TaskJson::from(&task)].into_iter()).unwrap();
    let (loops, warnings) = (samples::loops(), samples::warnings());
    write_table(&mut text, &snapshot, "loops", loops.iter().map(LoopJson::from)).unwrap();
    write_table(&mut text, &snapshot, "warnings", warnings.iter().map(WarningJson::from)).unwrap();
    write_tree(&mut text, &Snapshot { tree: Some(Vec::new()), ..snapshot }).unwrap();
    insta::assert_snapshot!(String::from_utf8(text).unwrap());
}
