//! `docs/lints.md`, made from the same texts that `loopscope explain` prints.

use super::Lint;
use std::fmt::Write as _;

/// What stands above the lints.
const HEAD: &str = "# What can be wrong

Each of these is looked for by the inspector, by a loop in debug mode, or by both. `loopscope warnings PID` lists what was found, \
`loopscope explain NAME` prints what stands here.

What only grows or goes on for long (leaks, queues that grow, late timers, tasks that wake themselves) is told after it was looked at for a while: \
in debug mode the application does that by itself; out of it, keep the live picture or `loopscope watch warnings PID` running for \
half a minute, since a single `loopscope warnings PID` sees one moment.

A lint is switched off, or given another threshold, by its name, in the environment of the application:

```console
$ LOOPSCOPE_LINTS=\"starved=2s,large-future=64KiB,leak=off\" LOOPSCOPE_DEBUG=1 ./application
```

`window` says how far the lints look back that tell of what only grows, what turns in a circle and what is always late: 30 s unless \
said otherwise, from `2s` to `60s`. The threshold of slow polls is `LOOPSCOPE_SLOW_CALLBACK` in the application, and `--slow` or `slow` in \
the configuration file for what the program shows.

Who looks may want to be told otherwise than the application has it: the table `[lints]` of the configuration file takes the same names, \
`LOOPSCOPE_LINTS` in the environment of `loopscope` beats it, and both beat what the application says, for this program only.

```toml
[lints]
starved = \"2s\"
leak = \"off\"
```

This page is made from the texts in `inspector/src/model/lints`: `LOOPSCOPE_REGENERATE=1 cargo test -p loopscope-inspector lints` \
writes it anew.
";

/// The whole page, in Markdown.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n| lint | severity | threshold | |\n|---|---|---|---|\n");
    let usual = super::Thresholds::default();
    for &lint in Lint::ALL {
        let threshold = lint.unit().map_or_else(String::new, |unit| unit.words(usual.of(lint)));
        let (name, severity, meaning) = (lint.as_str(), lint.severity(), lint.meaning());
        let _ = writeln!(page, "| [{name}](#{name}) | {severity} | {threshold} | {meaning} |");
    }
    for &lint in Lint::ALL {
        let _ = write!(
            page,
            "\n## {}\n\n**{}.** {}\n\n{}\n",
            lint.as_str(),
            capitalised(lint.meaning()),
            lint.explanation(),
            lint.remedy(),
        );
        if let Some(unit) = lint.unit() {
            let value = unit.words(usual.of(lint));
            let _ = write!(page, "\nThreshold: {value}. {}\n", lint.threshold_reason());
        }
        let _ = write!(page, "\n```rust,ignore\n{}\n```\n", lint.example());
    }
    page
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_lints_says_what_the_program_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/lints.md");
        if std::env::var_os("LOOPSCOPE_REGENERATE").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == page(),
            "docs/lints.md is not what the texts say: see its last paragraph before the table"
        );
    }
}
