//! What an application gets when it depends on us, read from `cargo tree`.

use std::collections::BTreeSet;

use crate::{Finding, output_of};

/// Crates that the runtime may bring along on this platform, and what for.
const RUNTIME: &[(&str, &str)] = &[
    ("mio", "epoll and kqueue"),
    ("log", "of mio, without a logger"),
    ("socket2", "socket options before bind and connect"),
    ("rustix", "system calls without libc types"),
    ("bitflags", "of rustix"),
    ("linux-raw-sys", "of rustix"),
    ("errno", "of rustix and signal-hook-registry"),
    ("libc", "what rustix leaves out on purpose"),
    ("signal-hook-registry", "several parties may listen to one signal"),
    ("futures-core", "Stream"),
    ("futures-io", "AsyncRead and AsyncWrite"),
    ("pin-project-lite", "safe projections without a proc macro"),
    ("backtrace", "stacks, with the feature `stacks`"),
    ("framehop", "unwinds copied stacks, with the feature `stacks`"),
    ("arrayvec", "of framehop"),
    ("fallible-iterator", "of framehop"),
    ("addr2line", "names the functions of copied stacks, with the feature `stacks`; and of backtrace"),
    ("gimli", "of backtrace, framehop and addr2line"),
    ("object", "of backtrace"),
    ("memchr", "of backtrace"),
    ("miniz_oxide", "of backtrace"),
    ("adler2", "of backtrace"),
    ("rustc-demangle", "of backtrace"),
    ("cfg-if", "of backtrace"),
    ("simd-adler32", "of miniz_oxide"),
    ("crc32fast", "of flate2"),
    ("flate2", "of object"),
    ("typed-arena", "of addr2line"),
    ("twox-hash", "of ruzstd"),
    ("stable_deref_trait", "of memmap2"),
    ("ruzstd", "of object"),
    ("memmap2", "of addr2line"),
    ("tracing", "where warnings go; one can leave it out"),
    ("tracing-core", "of tracing"),
    ("once_cell", "of tracing-core"),
    ("syn", "of our own macros, at build time only"),
    ("quote", "of our own macros, at build time only"),
    ("proc-macro2", "of our own macros, at build time only"),
    ("unicode-ident", "of our own macros, at build time only"),
];

/// How many packages of others one line in `main` may cost; two versions of one are two.
const AGENT_PACKAGES_MAX: usize = 60;

/// What the runtime depends on outside of its list.
pub(crate) fn of_the_runtime() -> Vec<Finding> {
    outside_the_list(&names(&tree(&["-p", "loopscope"])))
}

/// Whether the inspector with only its agent brings more packages than it may.
pub(crate) fn of_the_agent() -> Vec<Finding> {
    too_many(&tree(&["-p", "loopscope-inspector", "--no-default-features", "--features", "agent"]))
}

/// Name and version of what is in a dependency tree without dev-dependencies, for this platform, without our own crates.
fn tree(package: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut arguments = vec!["tree", "--offline", "--edges", "no-dev", "--prefix", "none", "--format", "{p}"];
    arguments.extend(package);
    foreign_packages(&output_of(&cargo, &arguments))
}

/// `mio v1.2.4 (*)` is `mio v1.2.4`.
fn foreign_packages(listed: &str) -> BTreeSet<String> {
    let name_and_version = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let packages = listed.lines().filter(|line| !line.is_empty() && !line.starts_with("loopscope"));
    packages.map(name_and_version).collect()
}

/// `mio v1.2.4` is `mio`.
fn names(packages: &BTreeSet<String>) -> BTreeSet<&str> {
    packages.iter().filter_map(|package| package.split(' ').next()).collect()
}

fn outside_the_list(found: &BTreeSet<&str>) -> Vec<Finding> {
    let outside = found.iter().filter(|name| !RUNTIME.iter().any(|(listed, _)| listed == *name));
    outside
        .map(|name| Finding {
            path: "runtime/Cargo.toml".to_owned(),
            line: 0,
            message: format!(
                "the runtime now brings `{name}` into every application; do without, or add it with its reason \
                 to RUNTIME in runtime/tests/tidy/dependencies.rs"
            ),
        })
        .collect()
}

fn too_many(found: &BTreeSet<String>) -> Vec<Finding> {
    if found.len() <= AGENT_PACKAGES_MAX {
        return Vec::new();
    }
    let message = format!(
        "the agent alone brings {} packages, more than {AGENT_PACKAGES_MAX}; look at `cargo tree -p \
         loopscope-inspector -e no-dev` for what it can do without",
        found.len()
    );
    vec![Finding { path: "inspector/Cargo.toml".to_owned(), line: 0, message }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_versions_are_two_packages_of_one_name_and_ours_do_not_count() {
        let listed =
            "loopscope v0.1.0 (a folder)\nmio v1.2.4\nsyn v2.0.1\nsyn v3.0.1 (*)\nmio v1.2.4 (*)\n\n";
        let packages = foreign_packages(listed);
        assert_eq!(packages, BTreeSet::from(["mio v1.2.4", "syn v2.0.1", "syn v3.0.1"].map(str::to_owned)));
        assert_eq!(names(&packages), BTreeSet::from(["mio", "syn"]));
    }

    #[test]
    fn a_crate_outside_the_list_is_found() {
        let findings = outside_the_list(&BTreeSet::from(["mio", "lazy_static"]));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("`lazy_static`"), "{findings:?}");
    }

    #[test]
    fn one_package_too_many_is_found() {
        let packages = |count: usize| (0..count).map(|n| format!("package-{n}")).collect();
        assert_eq!(too_many(&packages(AGENT_PACKAGES_MAX)), []);
        assert_eq!(too_many(&packages(AGENT_PACKAGES_MAX + 1)).len(), 1);
    }
}
