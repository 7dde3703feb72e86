//! What is made from the definitions of the command line: completions and manual pages.

use super::{Cli, Exit, Failure};
use crate::cli::perform::print;
use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;
use loopscope_inspector::model::words;
use std::path::Path;

/// What is typed to start the program.
const NAME: &str = "loopscope";

/// `completions`.
///
/// # Errors
///
/// If it cannot be written.
pub(super) fn completions(shell: Shell) -> anyhow::Result<()> {
    // The generators take a failure to write for impossible, so they write to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    print(|out| out.write_all(&script))
}

/// `man`: one page to stdout, or those of all commands into a directory.
///
/// # Errors
///
/// If they cannot be written.
pub(super) fn man(directory: Option<&Path>) -> anyhow::Result<()> {
    let Some(directory) = directory else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).context("making the page")?;
        return print(|out| out.write_all(&page));
    };
    let shown = words::escape(&directory.to_string_lossy(), usize::MAX).into_owned();
    let cannot =
        |error: std::io::Error| Failure::new(Exit::Failed, format!("cannot write into {shown}: {error}"));
    std::fs::create_dir_all(directory).map_err(cannot)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(cannot)?;
    Ok(())
}
