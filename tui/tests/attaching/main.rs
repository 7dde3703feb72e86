//! Walks through the table of `inspector/ATTACHING.md`: each situation is set up with real processes, namespaces and users, each
//! command is typed, and what is said and the exit code must be as the table has it.
//!
//! A row that needs root or namespaces where there are none is skipped, and that is printed with the reason. The test's own
//! program is also the application that is attached to, under whatever name and in whatever namespace the situation wants.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "test crate")]

mod app;
mod hall;
mod scenes;
mod servers;
mod table;

use hall::Hall;
use std::process::ExitCode;

/// What it is called where a filter is given, as `cargo test NAME` does.
const NAME: &str = "attaching_is_as_documented";

fn main() -> ExitCode {
    if let Ok(mode) = std::env::var(app::MODE) {
        app::run(&mode);
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{NAME}: test");
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    if !filters.is_empty() && !filters.iter().any(|filter| NAME.contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    walk()
}

/// Rows of one situation stand together and are walked through in one scene, in their order.
fn walk() -> ExitCode {
    let rows = table::read(include_str!("../../../inspector/ATTACHING.md"));
    let hall = Hall::open();
    let (mut passed, mut skipped, mut failed) = (0, 0, Vec::new());
    let mut seen: Vec<&str> = Vec::new();
    for rows in rows.chunk_by(|a, b| a.situation == b.situation) {
        let situation = rows[0].situation.as_str();
        assert!(!seen.contains(&situation), "the rows of {situation:?} do not stand together");
        seen.push(situation);
        let scene = scenes::set(&hall, situation);
        for row in rows {
            let result = match &scene {
                Ok(scene) => scene.check(&hall, row),
                Err(why) => Err(why.clone()),
            };
            match result {
                Ok(said) => {
                    passed += 1;
                    println!("ok       {row}\n             {said}");
                }
                Err(hall::Failed::Skipped(why)) => {
                    skipped += 1;
                    println!("skipped  {row}\n             {why}");
                }
                Err(hall::Failed::Wrong(why)) => {
                    println!("WRONG    {row}\n             {why}");
                    failed.push(row);
                }
            }
        }
    }
    let unseen: Vec<_> = scenes::SITUATIONS.iter().filter(|known| !seen.contains(known)).collect();
    println!("\n{passed} rows as documented, {skipped} skipped, {} wrong", failed.len());
    if failed.is_empty() && unseen.is_empty() && passed > 0 {
        return ExitCode::SUCCESS;
    }
    for row in failed {
        println!("wrong: {row}");
    }
    for situation in unseen {
        println!("not in the table any more: {situation}");
    }
    ExitCode::FAILURE
}
