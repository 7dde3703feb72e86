//! The program `loopscope`: attach to a running event loop, draw it, explain it.

#![forbid(unsafe_code)]

mod app;
mod cli;
mod demo;
mod keys;
mod terminal;
mod theme;
mod times;
mod view;

fn main() -> std::process::ExitCode {
    cli::main()
}
