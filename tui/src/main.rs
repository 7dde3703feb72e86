//! The program.
#![forbid(unsafe_code)]
#![allow(dead_code, reason = "nothing attaches yet: the client comes first")]

mod app;
mod keys;
mod terminal;
mod theme;
mod view;

fn main() {}
