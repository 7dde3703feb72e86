//! The committed code of `src/generated` is what `proto/` says.
//!
//! After a change of the `.proto`, write it anew with
//! `LOOPSCOPE_REGENERATE=1 cargo test -p loopscope-inspector --no-default-features --test generated`.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::fs;
use std::path::Path;

const FILE: &str = "loopscope.v1.rs";

#[test]
fn the_committed_code_is_what_the_proto_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors =
        protox::compile([root.join("proto/loopscope/v1/inspect.proto")], [root.join("proto")]).unwrap();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated");
    fs::create_dir_all(&out).unwrap();
    tonic_prost_build::configure()
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .out_dir(&out)
        .compile_fds(descriptors)
        .unwrap();
    let fresh = fs::read_to_string(out.join(FILE)).unwrap();

    let committed = root.join("src/generated").join(FILE);
    if std::env::var_os("LOOPSCOPE_REGENERATE").is_some_and(|value| value == "1") {
        fs::write(&committed, &fresh).unwrap();
    }
    let found = fs::read_to_string(&committed).unwrap_or_default();
    // Not `assert_eq`, which would print both files whole.
    assert!(
        found == fresh,
        "src/generated/{FILE} is not what proto/loopscope/v1/inspect.proto says; write it anew with \
         LOOPSCOPE_REGENERATE=1 cargo test -p loopscope-inspector --no-default-features --test generated"
    );
}
