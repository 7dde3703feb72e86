//! Where and when the figures were measured.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// What a figure means nothing without. What cannot be found out is "unknown", never an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Circumstances {
    pub(crate) machine: Machine,
    /// The commit of the working tree, with `-dirty` if it was changed since.
    pub(crate) commit: String,
    /// UTC, RFC 3339.
    pub(crate) date: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) kernel: String,
    pub(crate) cores: usize,
    /// Load average of the minute before the first round: how busy the machine was with other work.
    pub(crate) load: Option<f64>,
}

impl Circumstances {
    pub(crate) fn find_out() -> Self {
        let now = jiff::Timestamp::now();
        let cpu_info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            machine: Machine {
                cpu: cpu_model(&cpu_info).unwrap_or_else(unknown),
                kernel: Some(kernel.trim().to_owned())
                    .filter(|text| !text.is_empty())
                    .unwrap_or_else(unknown),
                cores: std::thread::available_parallelism().map_or(0, usize::from),
                load: load_average(&std::fs::read_to_string("/proc/loadavg").unwrap_or_default()),
            },
            commit: commit(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_or_else(unknown),
            date: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn cpu_model(cpu_info: &str) -> Option<String> {
    let line = cpu_info.lines().find(|line| line.starts_with("model name"))?;
    let (_, model) = line.split_once(':')?;
    Some(model.trim().to_owned())
}

fn load_average(text: &str) -> Option<f64> {
    text.split(' ').next()?.parse().ok()
}

fn commit(directory: &Path) -> Option<String> {
    let git = Command::new("git")
        .args(["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"])
        .current_dir(directory)
        .output()
        .ok()?;
    let described = String::from_utf8(git.stdout).ok()?;
    git.status.success().then(|| described.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_the_first_model_name() {
        let text =
            "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(cpu_model(text).as_deref(), Some("AMD EPYC"));
        assert_eq!(cpu_model("processor : 0\n"), None);
    }

    #[test]
    fn the_load_is_the_average_of_the_last_minute() {
        assert_eq!(load_average("0.50 0.58 0.59 1/467 12345\n"), Some(0.5));
        assert_eq!(load_average(""), None);
    }

    #[test]
    fn a_folder_outside_any_repository_has_no_commit() {
        assert_eq!(commit(Path::new("/proc/self")), None);
    }

    #[test]
    fn the_date_is_utc_to_the_second() {
        let date = Circumstances::find_out().date;
        assert_eq!((date.len(), date.as_bytes()[10], date.as_bytes()[19]), (20, b'T', b'Z'), "{date}");
    }
}
