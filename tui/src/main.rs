//! The program `loopscope`: attach to a running event loop, draw it, explain it.

#![forbid(unsafe_code)]
#![allow(dead_code, reason = "the live picture is not attached to anything yet")]

mod app;
mod cli;
mod demo;
mod keys;
mod terminal;
mod theme;
mod view;

fn main() -> std::process::ExitCode {
    cli::main()
}
