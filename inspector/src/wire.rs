//! What travels between an agent and a client, and how it becomes model values.
//!
//! The `.proto` in this crate's folder `proto/` is the data dictionary. The generated messages stay at the edge: `encode`
//! makes them from the model, `decode` checks and bounds what came and makes the model from it, and nothing else sees
//! them. Whatever comes over the wire is hostile until `decode` has seen it.
//!
//! ```text
//!   agent:   records ──► model ──encode──► proto ──► HTTP/2 ──► proto ──decode──► model   : client
//! ```

pub mod limits;
pub mod request;

pub mod picture;

mod assembly;
mod decode;
mod diagnose;
mod dump;
mod encode;
mod histograms;
mod jobs;
mod kinds;
mod lint_settings;
mod logs;
mod parts;
pub mod post_mortem;
mod warning;

#[cfg(any(feature = "agent", feature = "client"))]
pub(crate) mod rt;

pub use assembly::Assembly;
pub use decode::{DecodeError, decode_hello, decode_request, decode_watch};
pub use diagnose::{
    SetDebug, decode_cancel, decode_cancelled, decode_debug_state, decode_set_debug, decode_stack_request,
    decode_stacks, encode_cancelled, encode_debug_state, encode_set_debug, encode_stacks,
};
pub use dump::{DumpAssembly, decode_dump_request, encode_dump};
pub use encode::{encode_hello, encode_request, encode_watch};
pub use histograms::{
    HistogramAssembly, HistogramParts, HistogramsRequest, decode_histograms_request,
    encode_histograms_request,
};
pub use logs::{
    LogsRequest, SetLogFilter, decode_log_filter, decode_logs, decode_logs_request, decode_set_log_filter,
    encode_lines, encode_logs_header, encode_logs_request, encode_set_log_filter,
};
pub use parts::{Heading, Parts, Row};
pub use picture::{Detail, Hello, Picture, States, Table, TableInfo};
pub use request::{Query, Request, TreeQuery};

/// The oldest protocol that this build speaks.
pub const PROTOCOL_MIN: u32 = 1;
/// The newest protocol that this build speaks.
pub const PROTOCOL_MAX: u32 = 1;

/// The messages and the service as generated from `proto/loopscope/v1/inspect.proto`.
#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod proto {
    include!("generated/loopscope.v1.rs");
}

#[cfg(test)]
mod tests;
