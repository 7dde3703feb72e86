//! Whole conversations with child processes.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/polls.rs"]
mod polls;
#[path = "support/records.rs"]
mod records;

use std::io::Write as _;
use std::time::Duration;

use futures_util::AsyncReadExt as _;
use loopscope::process::{Child, Command, Stdio};
use loopscope::spawn;
use loopscope::stream::StreamReader;
use polls::{give_up_after, until};

fn piped(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Bytes that look like none of their neighbours.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

#[test]
fn what_goes_into_cat_comes_out() {
    records::run_live(async {
        let output = piped(&mut Command::new("cat")).communicate(b"some data").await.unwrap();
        assert_eq!(output.stdout, b"some data");
        assert_eq!((output.stderr.len(), output.status.code(), output.complete), (0, Some(0), true));
    });
}

#[test]
fn without_input_the_child_sees_the_end_at_once() {
    records::run_live(async {
        let mut wc = piped(Command::new("wc").arg("-c"));
        assert_eq!(wc.communicate(b"").await.unwrap().stdout, b"0\n");
        assert!(wc.stdin.is_none() && wc.stdout.is_none() && wc.stderr.is_none());
        assert_eq!(piped(&mut Command::new("cat")).wait_with_output().await.unwrap().stdout, b"");
    });
}

#[test]
fn the_child_opens_its_input_by_its_name() {
    records::run_live(async {
        let output = piped(&mut Command::shell("wc -c < /dev/stdin")).communicate(b"abc").await.unwrap();
        assert_eq!(output.stdout, b"3\n");
    });
}

#[test]
fn each_stream_can_be_nowhere() {
    records::run_live(async {
        let script = "wc -c; echo oops >&2";
        let output = Command::shell(script).stdin(Stdio::null()).output().await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"0\n"[..], &b"oops\n"[..]));
        let output = Command::shell(script).stdout(Stdio::null()).output().await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b""[..], &b"oops\n"[..]));
        let output = Command::shell(script).stderr(Stdio::null()).output().await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"0\n"[..], &b""[..]));
    });
}

#[test]
fn errors_join_the_output_in_order() {
    records::run_live(async {
        let script = "echo 1; echo 2 >&2; echo 3; echo 4 >&2";
        let output = Command::shell(script).stderr_to_stdout().output().await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.len()), (&b"1\n2\n3\n4\n"[..], 0));
        // Into a file, too, and to nowhere.
        let file = tempfile("errors_join");
        let mut command = Command::shell(script);
        command.stdout(file.try_clone().unwrap()).stderr_to_stdout();
        assert!(command.status().await.unwrap().success());
        assert_eq!(contents(&file), b"1\n2\n3\n4\n");
        let status = Command::shell(script).stdout(Stdio::null()).stderr_to_stdout().status();
        assert!(status.await.unwrap().success());
    });
}

/// A file without a name.
fn tempfile(name: &str) -> std::fs::File {
    let path = std::env::temp_dir().join(format!("loopscope-{name}-{}", std::process::id()));
    let file =
        std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

fn contents(file: &std::fs::File) -> Vec<u8> {
    use std::os::unix::fs::FileExt as _;
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn a_child_that_does_not_read_its_input_is_none_the_worse_for_it() {
    records::run_live(async {
        let input = bytes(1 << 20);
        let output = piped(&mut Command::shell("exec 0<&-; echo done")).communicate(&input).await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.status.code()), (&b"done\n"[..], Some(0)));
        let output = piped(&mut Command::new("true")).communicate(&input).await.unwrap();
        assert_eq!(output.status.code(), Some(0));
    });
}

#[test]
fn a_write_to_a_child_that_is_gone_is_a_broken_pipe() {
    records::run_live(async {
        let child = piped(&mut Command::shell("read line"));
        let mut input = bytes(1 << 20);
        input[0] = b'\n';
        let written = child.stdin.as_ref().unwrap().write_all(&input).await;
        assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn ten_megabytes_go_both_ways_at_once() {
    records::run_live(async {
        let input = bytes(10 << 20);
        let output = piped(&mut Command::shell("tee /dev/stderr")).communicate(&input).await.unwrap();
        assert!(output.stdout == input, "{} bytes", output.stdout.len());
        assert!(output.stderr == input, "{} bytes", output.stderr.len());
    });
}

#[test]
fn a_conversation_goes_on_where_it_was_dropped() {
    records::run_live(async {
        let input = bytes(300_000);
        // Never polled, and dropped when it was pending once, twice, …
        for pending in 0..12 {
            let mut cat = piped(&mut Command::new("cat"));
            let first = give_up_after(pending, cat.communicate(&input)).await;
            let output = match first {
                Some(output) => output.unwrap(),
                None => cat.communicate(b"").await.unwrap(),
            };
            assert!(output.stdout == input, "after {pending} of {} bytes", output.stdout.len());
        }
        // Notified, and dropped before its turn.
        let mut echo = piped(&mut Command::shell("echo one; read line; echo two"));
        let mut talk = Box::pin(echo.communicate(b""));
        assert!(polls::poll_once(&mut talk).is_pending());
        drop(talk);
        until(|| echo.try_wait().unwrap().is_some()).await;
        assert_eq!(echo.communicate(b"").await.unwrap().stdout, b"one\ntwo\n");
    });
}

#[test]
fn more_than_the_limit_is_an_error_and_nothing_is_lost() {
    records::run_live(async {
        let input = bytes(200_000);
        let mut cat = piped(&mut Command::new("cat"));
        let error = cat.communicate(&input).limit(100_000).await.unwrap_err();
        assert!(error.is_limit());
        let who = format!("the stdout of cat (pid {})", cat.id());
        assert_eq!(error.to_string(), format!("{who} is longer than the limit of 100000 bytes"));
        assert!(cat.communicate(b"").limit(200_000).await.unwrap().stdout == input);
    });
}

#[test]
fn input_without_a_pipe_for_it_is_an_error() {
    records::run_live(async {
        let mut child = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
        let error = child.communicate(b"lost?").await.unwrap_err();
        let expected = format!("the stdin of true (pid {}): there is input, and no pipe for it", child.id());
        assert_eq!(error.to_string(), expected);
        child.wait().await.unwrap();
        // It is told once.
        assert!(child.communicate(b"").await.unwrap().status.success());
    });
}

#[test]
fn a_pipe_that_another_process_keeps_is_waited_for_unless_there_is_a_grace() {
    records::run_live(async {
        // The one in the background has the shell's output, and ends when it is told to through another pipe.
        let (told, tell) = std::io::pipe().unwrap();
        let script = |end: &str| format!("exec 3<&0; echo mine; {{ read line; echo its; }} <&3 & {end}");
        let mut command = Command::shell(script("exit 3"));
        let start = |command: &mut Command| {
            command.stdin(told.try_clone().unwrap()).stdout(Stdio::piped()).spawn().unwrap()
        };
        let mut child = start(&mut command);
        let output = child.communicate(b"").grace(Duration::from_millis(1)).await.unwrap();
        assert_eq!((output.status.code(), output.complete), (Some(3), false));
        assert_eq!(output.stdout, b"mine\n");
        assert!(child.stdout.is_none());
        // Without grace.
        let mut patient = start(&mut command);
        let ended = patient.wait();
        let mut talk = Box::pin(patient.communicate(b""));
        assert!(polls::poll_once(&mut talk).is_pending());
        assert_eq!(ended.await.unwrap().code(), Some(3));
        assert!(polls::poll_once(&mut talk).is_pending());
        (&tell).write_all(b"\n\n").unwrap();
        let output = talk.await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.complete), (&b"mine\nits\n"[..], true));
    });
}

#[test]
fn ten_outputs_at_once_are_each_their_own() {
    records::run_live(async {
        let tasks: Vec<_> =
            (0..10).map(|n| spawn(Command::new("echo").arg(format!("foo{n}")).output())).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap().unwrap().stdout, format!("foo{n}\n").as_bytes());
        }
    });
}

#[test]
fn output_is_read_after_the_end_of_the_child() {
    records::run_live(async {
        let mut command = Command::shell("head -c 60000 /dev/zero; exit 1");
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(1));
        let (mut read, mut bytes) = (0, [1; 1000]);
        while let count @ 1.. = child.stdout.as_ref().unwrap().read(&mut bytes).await.unwrap() {
            assert!(bytes[..count].iter().all(|byte| *byte == 0));
            read += count;
        }
        assert_eq!(read, 60_000);
    });
}

#[test]
fn lines_come_while_the_child_runs() {
    records::run_live(async {
        let mut child = piped(&mut Command::shell("while read line; do echo got $line; done"));
        let mut lines = StreamReader::new(child.stdout.take().unwrap());
        for word in ["one", "two"] {
            child.stdin.as_ref().unwrap().write_all(format!("{word}\n").as_bytes()).await.unwrap();
            let line = lines.read_line().await.unwrap();
            assert_eq!(String::from_utf8_lossy(&line).trim_end(), format!("got {word}"));
        }
        drop(child.stdin.take());
        assert!(child.wait().await.unwrap().success());
    });
}

/// Reads and writes pieces of any size, and says how many bytes there were.
const PEER: &str = "
import os, random, sys
random.seed(int(sys.argv[1]))
total = 0
while True:
    data = os.read(0, random.randint(1, 100000))
    if not data:
        break
    total += len(data)
    while data:
        count = os.write(1, data[:random.randint(1, 70000)])
        data = data[count:]
os.write(2, str(total).encode())
";

#[test]
fn a_python_child_gets_and_gives_every_byte() {
    records::run_live(async {
        for seed in 1..=3_usize {
            let input = bytes(4_000_000 + seed);
            let mut peer = piped(Command::new("python3").args(["-c", PEER, &seed.to_string()]));
            let (stdin, mut stdout) = (peer.stdin.take().unwrap(), peer.stdout.take().unwrap());
            let sent = input.clone();
            let writing = spawn(async move {
                let (mut rest, mut size) = (sent.as_slice(), seed);
                while !rest.is_empty() {
                    size = (size * 7919 + 13) % 90_000 + 1;
                    let written = stdin.write(&rest[..size.min(rest.len())]).await.unwrap();
                    rest = &rest[written..];
                }
            });
            let mut got = Vec::new();
            stdout.read_to_end(&mut got).await.unwrap();
            writing.await.unwrap();
            assert!(got == input, "{} bytes", got.len());
            drop(stdout);
            let output = peer.wait_with_output().await.unwrap();
            assert_eq!(String::from_utf8(output.stderr).unwrap(), input.len().to_string());
            assert_eq!(output.status.code(), Some(0));
        }
    });
}

#[test]
fn a_python_child_and_communicate_exchange_megabytes() {
    records::run_live(async {
        let input = bytes(3_000_001);
        let mut peer = piped(Command::new("python3").args(["-c", PEER, "7"]));
        let output = peer.communicate(&input).await.unwrap();
        assert!(output.stdout == input);
        assert_eq!(output.stderr, b"3000001");
    });
}
