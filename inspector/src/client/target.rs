//! What a client attaches to, as people name it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What to attach to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// The one process that can be attached to.
    #[default]
    Only,
    /// The process with that number.
    Pid(u32),
    /// The one process whose program bears that name.
    Program(String),
    /// The socket at that path, or the file that a process left.
    Socket(PathBuf),
    /// A tokio-console server.
    Console(String),
}

/// Any text is a target, though not each can be found.
impl FromStr for Target {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_url = ["http://", "https://", "file://"].iter().any(|scheme| text.starts_with(scheme));
        Ok(if text.is_empty() {
            Self::Only
        } else if is_url {
            Self::Console(text.to_owned())
        } else if text.contains('/')
            || Path::new(text).extension().is_some_and(|end| end == "sock" || end == "loopscope")
        {
            Self::Socket(PathBuf::from(text))
        } else if let (true, Ok(pid)) = (text.bytes().all(|byte| byte.is_ascii_digit()), text.parse()) {
            Self::Pid(pid)
        } else {
            Self::Program(text.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_told_by_its_shape() {
        let check = |text: &str, expected| assert_eq!(text.parse(), Ok(expected));
        check("", Target::Only);
        check("4711", Target::Pid(4711));
        check("echo_server", Target::Program("echo_server".into()));
        check("./a.sock", Target::Socket("./a.sock".into()));
        check("a.sock", Target::Socket("a.sock".into()));
        check("shop-7-1.loopscope", Target::Socket("shop-7-1.loopscope".into()));
        check("/run/user/7/loopscope/8-9.sock", Target::Socket("/run/user/7/loopscope/8-9.sock".into()));
        check("http://127.0.0.1:6669", Target::Console("http://127.0.0.1:6669".into()));
        check("file://localhost/tmp/x", Target::Console("file://localhost/tmp/x".into()));
        // Larger than any process number, so it can only be a name.
        check("99999999999", Target::Program("99999999999".into()));
        check("+7", Target::Program("+7".into()));
    }
}
