//! `explain`.

use super::SCHEMA;
use loopscope_inspector::model::Lint;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Debug, Serialize)]
struct LintJson {
    name: &'static str,
    severity: &'static str,
    meaning: &'static str,
    explanation: &'static str,
    remedy: &'static str,
    example: &'static str,
}

/// Writes what there is to say of some warnings.
pub(crate) fn write_lints(out: &mut dyn Write, lints: &[Lint]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document {
        schema: u32,
        explain: Vec<LintJson>,
    }
    let explain = lints.iter().map(|&lint| LintJson {
        name: lint.as_str(),
        severity: lint.severity().as_str(),
        meaning: lint.meaning(),
        explanation: lint.explanation(),
        remedy: lint.remedy(),
        example: lint.example(),
    });
    serde_json::to_writer(&mut *out, &Document { schema: SCHEMA, explain: explain.collect() })?;
    writeln!(out)
}
