//! Whatever is asked, the answer holds together.

#![allow(clippy::unwrap_used, reason = "tests and what they share")]

use super::*;
use crate::model::query::{Filter, Sort};
use crate::model::{Task, TimerKind};
use crate::wire::{Assembly, Parts, Picture, TreeQuery};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::rc::Rc;
use std::time::Duration;

/// Makes a loop with one of everything, and hands what is asked there to `ask`.
fn with_a_loop(ask: impl FnOnce()) {
    let mut runner = loopscope::Runner::builder().name("everything").build().unwrap();
    let everything = async {
        let lock = Rc::new(loopscope::sync::Mutex::new(()));
        let held = lock.lock().await;
        for _ in 0..3 {
            let lock = lock.clone();
            let waiter = loopscope::spawn(async move { drop(lock.lock().await) });
            loopscope::spawn(waiter).detach();
            loopscope::spawn(loopscope::sleep(Duration::from_secs(3600))).detach();
            loopscope::spawn(async {}).detach();
        }
        let mut _open = None;
        for _ in 0..2 {
            let (one, other) = loopscope::net::UnixStream::pair().unwrap();
            one.write_all(b"abc").await.unwrap();
            other.read_exact(&mut [0; 3]).await.unwrap();
            // The pair of the round before is closed by this.
            _open = Some((one, other));
        }
        for _ in 0..3 {
            loopscope::yield_now().await;
        }
        ask();
        drop(held);
    };
    runner.block_on(everything).unwrap();
}

/// What a client would get.
fn picture(request: &Request) -> Result<Picture, BadRequest> {
    let mut reading = Reader::default().read(request, Process::default(), None)?;
    let mut assembly = Assembly::new();
    let mut parts = Parts::new(1, reading.heading());
    while let Some(row) = reading.next_row() {
        if let Some(part) = parts.push(row) {
            assert_eq!(assembly.add(part).unwrap(), None);
        }
    }
    Ok(assembly.add(parts.finish()).unwrap().unwrap())
}

/// Boxed, since the values of ten of these in one tree of strategies overflow a test's stack.
fn query(columns: &'static [&'static str]) -> BoxedStrategy<Query> {
    let filter = select(columns).prop_flat_map(|column| {
        prop_oneof![
            Just(String::new()),
            Just(format!("{column}=1")),
            Just(format!("{column}~a")),
            Just("loop".to_owned()),
            ".{0,12}",
        ]
    });
    let sort = (select(columns), any::<bool>())
        .prop_map(|(column, descending)| if descending { format!("-{column}") } else { column.to_owned() });
    let small = prop_oneof![0..12_u64, any::<u64>()];
    (filter, prop_oneof![Just(String::new()), sort], small.clone(), of(small), of(0..u64::MAX))
        .prop_map(|(filter, sort, offset, limit, around)| Query { filter, sort, offset, limit, around })
        .boxed()
}

prop_compose! {
    fn request()(
        tasks in of(query(&["id", "name", "state", "site", "busy", "blocks", "waiting_on", "warnings"])),
        tree in of((query(&["id", "blocks", "state", "waiting_on"]), of(0..4_u32), any::<bool>())),
        sites in of(query(&["site", "live", "busy", "poll.p99"])),
        timers in of(query(&["task", "task_name", "deadline_in", "at"])),
        io in of(query(&["fd", "kind", "waiting"])),
        sync in of(query(&["id", "holder", "waiters"])),
        blocking in of(query(&["id", "state", "running_for", "site"])),
        loops in of(query(&["id", "name", "utilisation", "poll.p99"])),
        warnings in of(query(&["name", "task", "message"])),
        (cycles, states, hidden) in any::<(bool, bool, bool)>(),
        (detail, why, slow_poll_ns) in (of(0..200_u64), of(0..200_u64), of(any::<u64>())),
    ) -> Request {
        let tree = tree.map(|(query, depth, finished)| TreeQuery { query, depth, finished, ..TreeQuery::default() });
        Request {
            tasks, tree, sites, timers, io, sync, blocking, loops, warnings, cycles, states, detail, why, hidden, slow_poll_ns,
            lints: Vec::new(),
        }
    }
}

#[test]
fn a_timer_says_what_it_is_for_and_the_next_comes_first() {
    const HOUR: Duration = Duration::from_secs(3600);
    let mut runner = loopscope::Runner::builder().name("timers").build().unwrap();
    let several = async {
        let named = |name| loopscope::task::Builder::new().name(name);
        named("sleeps").spawn(loopscope::sleep(2 * HOUR)).detach();
        named("gives up").spawn(loopscope::timeout(HOUR, std::future::pending::<()>())).detach();
        let ticking = async {
            let mut interval = loopscope::time::interval(3 * HOUR);
            interval.tick().await;
            interval.tick().await;
        };
        named("ticks again").spawn(ticking).detach();
        let called = loopscope::call_later(4 * HOUR, || ());
        // It gives up its turn again and again, which is no timer.
        let busy = named("yields").spawn(async {
            loop {
                loopscope::sleep(Duration::ZERO).await;
            }
        });
        for _ in 0..3 {
            loopscope::yield_now().await;
        }
        let own = loopscope::Handle::current().reader().id();
        let rows = |query: Query| {
            let query = Query { filter: format!("loop={own} {}", query.filter), ..query };
            let picture = picture(&Request { timers: Some(query), ..Request::default() }).unwrap();
            let rows = picture.snapshot.timers.unwrap();
            (
                rows.iter().map(|row| (row.task_name.clone(), row.kind)).collect::<Vec<_>>(),
                picture.snapshot.total,
            )
        };
        let named = |name: &str, kind| (Some(name.to_owned()), kind);
        let all = [
            named("gives up", TimerKind::Timeout),
            named("sleeps", TimerKind::Sleep),
            named("ticks again", TimerKind::Interval),
            (None, TimerKind::CallLater),
        ];
        assert_eq!(rows(Query::all()), (all.to_vec(), 4));
        assert_eq!(rows(Query::all().sort("-deadline_in").limit(1)), (all[3..].to_vec(), 4));
        assert_eq!(rows(Query::all().offset(1).limit(2)), (all[1..3].to_vec(), 4));
        assert_eq!(rows(Query::all().filter("task_name~^ticks")), (all[2..3].to_vec(), 1));
        assert_eq!(rows(Query::all().filter("sleeps")), (all[1..2].to_vec(), 1));
        assert_eq!(rows(Query::all().sort("task_name").limit(1)), (all[..1].to_vec(), 4));
        assert_eq!(rows(Query::all().filter("kind=timeout deadline_in>30min")), (all[..1].to_vec(), 1));
        called.cancel();
        busy.cancel();
    };
    runner.block_on(several).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_answer_holds_together(requests in prop::collection::vec(request(), 1..8)) {
        with_a_loop(|| {
            for request in &requests {
                let Ok(picture) = picture(request) else { continue };
                for info in &picture.tables {
                    assert!(info.shown <= info.total);
                }
                let limit = request.tasks.as_ref().and_then(|query| query.limit);
                let shown = picture.info(Table::Tasks).map_or(0, |info| info.shown);
                assert!(limit.is_none_or(|limit| shown <= limit));
            }
        });
    }
}

#[test]
fn everything_is_in_its_table() {
    with_a_loop(|| {
        let main = loopscope::current().unwrap().as_u64();
        let all = Some(Query::all());
        // Other tests run loops of the same name meanwhile.
        let own = loopscope::Handle::current().reader().id();
        let request = Request {
            tasks: Some(Query::all().filter(format!("waiting_on=lock parent={main}"))),
            sites: all.clone(),
            timers: all.clone(),
            io: Some(Query::all().filter("kind=unix")),
            sync: Some(Query::all().filter("kind=lock")),
            loops: Some(Query::all().filter(format!("id={own}"))),
            ..Request::default()
        };
        let snapshot = picture(&request).unwrap().snapshot;
        let tasks = snapshot.tasks.unwrap();
        let is_ours = |lock: &crate::model::Sync| {
            lock.waiters.len() == 3 && lock.waiters.iter().all(|id| tasks.iter().any(|task| task.id == *id))
        };
        let lock = snapshot.sync.unwrap().into_iter().find(is_ours).unwrap();
        // Somebody joins each of them.
        assert!(
            lock.waiters.iter().all(|id| tasks.iter().any(|task| task.id == *id && task.blocks == Some(1)))
        );
        assert_eq!(lock.holder_name.as_deref(), Some("main"));
        assert!(snapshot.timers.unwrap().len() >= 3);
        assert!(snapshot.io.unwrap().len() >= 2);
        let is_ours = |total: &crate::model::IoTotal| {
            total.loop_id == Some(own)
                && total.made_at.as_ref().is_some_and(|place| place.file.ends_with("agent/reading/tests.rs"))
        };
        let totals: Vec<_> = snapshot.io_totals.unwrap().into_iter().filter(is_ours).collect();
        assert_eq!(totals.len(), 1);
        let (pair, of) = (&totals[0], crate::model::ResourceKind::Unix);
        assert_eq!((pair.kind, pair.opened, pair.closed, pair.open), (of, 4, 2, 2));
        assert_eq!((pair.bytes_written, pair.writes, pair.bytes_read, pair.reads), (6, 2, 6, 2));
        let sites = snapshot.sites.unwrap();
        assert!(
            sites
                .iter()
                .any(|site| site.completed == 3 && site.spawned == 3 && site.poll.unwrap().count == 3)
        );
        assert_eq!(snapshot.loops.unwrap().len(), 1);
    });
}

#[test]
fn finished_tasks_are_in_a_tree_that_asks_for_them() {
    with_a_loop(|| {
        let main = loopscope::current().unwrap().as_u64();
        let rows_under_main = |finished, filter: &str| {
            let tree = TreeQuery { query: Query::all().filter(filter), finished, ..TreeQuery::default() };
            let tree =
                picture(&Request { tree: Some(tree), ..Request::default() }).unwrap().snapshot.tree.unwrap();
            let Some(at) = tree.iter().position(|node| node.task.id == main) else { return 0 };
            tree[at + 1..].iter().take_while(|node| node.depth > tree[at].depth).count()
        };
        assert_eq!(rows_under_main(false, ""), 9);
        let completed = "state=completed";
        assert_eq!((rows_under_main(false, completed), rows_under_main(true, completed)), (0, 3));
    });
}

#[test]
fn the_tree_can_be_opened_here_and_closed_there() {
    with_a_loop(|| {
        let main = loopscope::current().unwrap().as_u64();
        let rows_under_main = |tree: TreeQuery| {
            let tree =
                picture(&Request { tree: Some(tree), ..Request::default() }).unwrap().snapshot.tree.unwrap();
            let at = tree.iter().position(|node| node.task.id == main).unwrap();
            assert_eq!(tree[at].children, 9);
            tree[at + 1..].iter().take_while(|node| node.depth > tree[at].depth).count()
        };
        assert_eq!(rows_under_main(TreeQuery::default()), 9);
        assert_eq!(rows_under_main(TreeQuery { collapsed: vec![main], ..TreeQuery::default() }), 0);
        assert_eq!(rows_under_main(TreeQuery { depth: Some(0), ..TreeQuery::default() }), 0);
        let opened = TreeQuery { depth: Some(0), expanded: vec![main], ..TreeQuery::default() };
        assert_eq!(rows_under_main(opened), 9);
    });
}

#[test]
fn a_filtered_tree_keeps_what_is_above() {
    with_a_loop(|| {
        let own = loopscope::current().unwrap().as_u64();
        let query = Query::all().filter(format!("parent={own} waiting_on=sleep"));
        let tree = TreeQuery { query, depth: Some(0), ..TreeQuery::default() };
        let tree =
            picture(&Request { tree: Some(tree), ..Request::default() }).unwrap().snapshot.tree.unwrap();
        assert_eq!(tree[0].task.id, own);
        assert_eq!((tree.len(), tree[0].children), (4, 3));
    });
}

#[test]
fn a_sort_that_the_tree_does_not_have_is_refused() {
    let tree = |sort: &str| TreeQuery { query: Query::all().sort(sort), ..TreeQuery::default() };
    let ask = |sort| picture(&Request { tree: Some(tree(sort)), ..Request::default() });
    assert!(ask("id").is_ok());
    assert_eq!(
        ask("-busy").unwrap_err().to_string(),
        "the tree is in the order of spawning; only `id` can be sorted by"
    );
}

#[test]
fn a_deep_page_has_the_rows_that_a_shallow_one_would_have() {
    with_a_loop(|| {
        let context = Context::new(&Request::default());
        let own = loopscope::current().unwrap().as_u64();
        let filter = Filter::parse::<Task>(&format!("parent={own} state!=completed")).unwrap();
        for sort in ["id", "-id", "size", "-size", "-polls", "ended_at", "-blocks"] {
            let sort = Sort::parse::<Task>(sort).unwrap();
            for (offset, limit) in [(0, 2), (1, 3), (4, 100), (8, 1), (9, 1), (100, 100)] {
                let mut lookup = tasks::Lookup::new(&context);
                let ids = |(records, total): (Vec<tasks::Record>, u64)| {
                    (records.iter().map(|record| record.view.id).collect::<Vec<_>>(), total)
                };
                let deep = ids(tasks::deep(&mut lookup, &filter, sort, offset, limit).unwrap());
                let shallow = ids(tasks::shallow(&mut lookup, &filter, sort, offset, limit));
                assert_eq!(deep, shallow, "{sort} {offset} {limit}");
                assert_eq!(deep.1, 9);
            }
        }
        let by_name = Sort::parse::<Task>("state").unwrap();
        let mut lookup = tasks::Lookup::new(&context);
        assert!(tasks::deep(&mut lookup, &filter, by_name, 1, 1).is_err());
    });
}
