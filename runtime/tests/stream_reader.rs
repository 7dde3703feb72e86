//! A reader over scripted sources: what each way of reading gives, what stays after errors, and that a dropped read loses nothing.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/scripted.rs"]
mod scripted;

use std::error::Error;
use std::io::{self, ErrorKind};

use futures_util::{StreamExt, io as futures};
use loopscope::stream::{IncompleteRead, LIMIT_DEFAULT, LimitOverrun, ReadError, StreamReader};
use records::run;
use scripted::{Next, Source, polled};

fn reader(pieces: &[&str]) -> StreamReader<Source> {
    StreamReader::new(Source::pieces(pieces))
}

fn limited(limit: usize, pieces: &[&str]) -> StreamReader<Source> {
    StreamReader::with_limit(Source::pieces(pieces), limit).unwrap()
}

/// Awaits an operation, but drops it at each `Pending` and makes it anew; and once before its first poll.
macro_rules! dropping {
    ($reader:ident.$operation:ident($($arguments:expr),*)) => {{
        drop($reader.$operation($($arguments),*));
        loop {
            if let Some(output) = polled(1, $reader.$operation($($arguments),*)).await {
                break output;
            }
        }
    }};
}

#[track_caller]
fn incomplete<T: std::fmt::Debug>(outcome: Result<T, ReadError>) -> IncompleteRead {
    match outcome {
        Err(ReadError::Incomplete(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn overrun<T: std::fmt::Debug>(outcome: Result<T, ReadError>) -> LimitOverrun {
    match outcome {
        Err(ReadError::Overrun(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_come_whole_whatever_the_pieces_were() {
    run(async {
        let mut reader = reader(&["li", "ne1\nline2\nli", "ne", "3\n", "\n", "last"]);
        let mut lines = Vec::new();
        loop {
            let line = dropping!(reader.read_line()).unwrap();
            if line.is_empty() {
                break;
            }
            lines.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(lines, ["line1\n", "line2\n", "line3\n", "\n", "last"]);
        assert!(reader.at_eof());
        assert_eq!(reader.read_line().await.unwrap(), b"", "the end stays the end");
    });
}

#[test]
fn lines_are_text_without_their_ends() {
    run(async {
        let mut reader = reader(&["one\r\ntw", "o\n\n\r", "\nfour\rfive"]);
        let lines: Vec<_> = reader.lines().map(Result::unwrap).collect().await;
        assert_eq!(lines, ["one", "two", "", "", "four\rfive"]);
    });
}

#[test]
fn a_line_that_is_no_text_is_in_the_error_and_the_next_one_follows() {
    run(async {
        let script = [Next::Bytes(b"a\nb\xff\nc\n".to_vec())];
        let mut reader = StreamReader::new(Source::of(script)).named("the peer");
        let mut lines = reader.lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "a");
        let Err(ReadError::NotUtf8(error)) = lines.next_line().await else { panic!("it is no text") };
        assert_eq!(error.line, b"b\xff\n");
        assert!(error.to_string().starts_with("the peer sent a line that is not text: "), "{error}");
        assert!(error.source().is_some());
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "c");
        assert_eq!(lines.next_line().await.unwrap(), None);
    });
}

#[test]
fn lines_go_into_one_string_without_an_allocation_a_line() {
    run(async {
        let mut reader = reader(&["ab\nc", "d\nrest"]);
        let mut text = String::with_capacity(16);
        let room = text.as_ptr();
        let mut counts = Vec::new();
        loop {
            text.clear();
            let count = dropping!(reader.read_line_into(&mut text)).unwrap();
            counts.push((count, text.clone()));
            if count == 0 {
                break;
            }
        }
        let expected = [(3, "ab\n"), (3, "cd\n"), (4, "rest"), (0, "")];
        assert_eq!(counts, expected.map(|(count, text)| (count, text.to_owned())));
        assert_eq!(text.as_ptr(), room);
    });
}

#[test]
fn a_line_over_the_limit_is_an_error_again_and_again_until_it_is_skipped() {
    run(async {
        let mut reader =
            limited(3, &["chunk1 chunk2", " chunk3\nline2\n", "li", "ne3\nok\n"]).named("the peer");
        for _ in 0..2 {
            let error = overrun(dropping!(reader.read_line()));
            assert_eq!((error.found, error.limit), (false, 3));
            assert_eq!(
                error.to_string(),
                "the peer sent 13 bytes without a separator, and the limit is 3; nothing is lost: `skip_until` drops them, \
                 `read_some` takes them"
            );
        }
        assert_eq!(reader.buffer(), b"chunk1 chunk2");
        assert_eq!(reader.skip_until(b'\n').await.unwrap(), 21);
        let error = overrun(dropping!(reader.read_line()));
        assert_eq!((error.found, error.consumed), (true, 5));
        assert_eq!(
            error.to_string(),
            "the peer sent a separator after 5 bytes, and the limit is 3; nothing is lost: `skip_until` drops them, \
             `read_some` takes them"
        );
        reader.consume(error.consumed);
        assert_eq!(reader.read_line().await.unwrap(), b"\n", "what was consumed is before the separator");
        assert_eq!(reader.skip_until(b'\n').await.unwrap(), 6);
        assert_eq!(reader.read_line().await.unwrap(), b"ok\n");
        assert_eq!(reader.skip_until(b'\n').await.unwrap(), 0, "the end is no separator");
    });
}

#[test]
fn the_stream_of_lines_tells_an_overlong_line_and_goes_on_behind_it() {
    run(async {
        let mut reader = limited(4, &["good\n", "much too lo", "ng\nfine\nlast one"]);
        let mut lines = reader.lines();
        let mut seen = Vec::new();
        while let Some(line) = lines.next().await {
            match line {
                Ok(line) => seen.push(line),
                Err(error) => {
                    overrun::<()>(Err(error));
                    let skipped = lines.get_mut().skip_until(b'\n').await.unwrap();
                    seen.push(format!("{skipped} skipped"));
                }
            }
        }
        assert_eq!(seen, ["good", "14 skipped", "fine", "8 skipped"]);
    });
}

#[test]
fn a_limit_counts_what_is_before_the_separator() {
    run(async {
        let mut reader = limited(4, &["1234", "\n", "12345", "\n"]);
        assert_eq!(reader.read_line().await.unwrap(), b"1234\n");
        overrun(reader.read_line().await);
        let mut reader = limited(4, &["1234"]);
        assert_eq!(reader.read_line().await.unwrap(), b"1234", "a last line may be as long");
        let mut reader = limited(4, &["12345"]);
        overrun(reader.read_line().await);
        assert_eq!(reader.read_to_end().await.unwrap(), b"12345");
    });
}

#[test]
fn a_limit_of_zero_is_refused() {
    let error = StreamReader::with_limit(Source::default(), 0).unwrap_err();
    assert_eq!(error.to_string(), "the limit of a stream reader is at least 1 byte, not 0");
    assert_eq!(io::Error::from(error).kind(), ErrorKind::InvalidInput);
    assert_eq!(StreamReader::new(Source::default()).limit(), LIMIT_DEFAULT);
    assert_eq!(LIMIT_DEFAULT, 65536);
}

#[test]
fn a_separator_may_come_in_pieces() {
    run(async {
        let mut reader = reader(&["QWERTY", "U", "IzxS", "E", "P", "rest SE", "Q", " SEP"]);
        assert_eq!(dropping!(reader.read_until("SEP")).unwrap(), b"QWERTYUIzxSEP");
        assert_eq!(dropping!(reader.read_until(b"SEP")).unwrap(), b"rest SEQ SEP");
        let end = incomplete(dropping!(reader.read_until(&b"SEP"[..])));
        assert_eq!((end.partial, end.expected), (Vec::new(), None));
    });
}

#[test]
fn of_several_separators_the_first_end_wins() {
    run(async {
        let mut reader = reader(&["ab\r", "\ncd\nef\rgh;-", "-ij"]);
        let ends = ["\r\n", "\n", "\r", ";--"];
        let mut pieces = Vec::new();
        for _ in 0..4 {
            pieces.push(String::from_utf8(dropping!(reader.read_until(ends)).unwrap()).unwrap());
        }
        // A lone "\r" ends first, also where "\n" follows it.
        assert_eq!(pieces, ["ab\r", "\n", "cd\n", "ef\r"]);
        let mut bytes = b"=".to_vec();
        assert_eq!(dropping!(reader.read_until_into(["\r\n", ";--"], &mut bytes)).unwrap(), 5);
        assert_eq!(bytes, b"=gh;--");
        let end = incomplete(dropping!(reader.read_until_into(vec!["x", "yy"], &mut bytes)));
        assert_eq!(end.partial, b"ij");
        assert_eq!(bytes, b"=gh;--", "what is not a whole piece is not appended");
    });
}

#[test]
fn separators_of_different_lengths_share_one_limit() {
    run(async {
        let mut reader = limited(3, &["12", "34", "5", "x"]);
        let error = overrun(reader.read_until(["x", "yyyyy"]).await);
        assert_eq!(
            (error.found, error.consumed),
            (true, 5),
            "four bytes may yet have been a separator's beginning"
        );
        assert_eq!(reader.buffer(), b"12345x");
        let mut reader = limited(3, &["1234567"]);
        assert_eq!(overrun(reader.read_until(["aa", "bbb"]).await).consumed, 5);
        let mut short = limited(3, &["a"]);
        assert_eq!(incomplete(short.read_until(["aa", "bbbbbb"]).await).partial, b"a");
    });
}

#[test]
fn without_a_separator_there_is_nothing_to_read_until() {
    for separators in [vec![], vec![""], vec!["a", ""]] {
        let refused = std::panic::catch_unwind(|| drop(reader(&[]).read_until(separators)));
        let text = *refused.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(text, "what is read until is at least one separator of at least one byte");
    }
}

#[test]
fn exact_counts_come_whole_or_say_what_there_was() {
    run(async {
        let mut reader = limited(1, &["abc", "defg", "hi"]).named("the peer");
        assert_eq!(dropping!(reader.read_exact(0)).unwrap(), b"");
        assert_eq!(dropping!(reader.read_exact(5)).unwrap(), b"abcde", "the limit is not for counts");
        let mut bytes = [0; 2];
        dropping!(reader.read_exact_into(&mut bytes)).unwrap();
        assert_eq!(&bytes, b"fg");
        let end = incomplete(dropping!(reader.read_exact(7)));
        assert_eq!(end.to_string(), "the peer ended after 2 of 7 bytes");
        assert_eq!((end.partial, end.expected), (b"hi".to_vec(), Some(7)));
        assert!(reader.at_eof(), "the error has what there was");
        let error = io::Error::from(reader.read_exact(1).await.unwrap_err());
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(error.downcast::<ReadError>().is_ok());
    });
}

#[test]
fn some_bytes_are_what_is_there_and_never_more() {
    run(async {
        let mut reader = limited(1, &["abcdef", "gh"]);
        assert_eq!(dropping!(reader.read_some(0)).unwrap(), b"");
        assert_eq!(dropping!(reader.read_some(4)).unwrap(), b"abcd");
        assert_eq!(dropping!(reader.read_some(4)).unwrap(), b"ef");
        let mut bytes = [0; 4];
        assert_eq!(dropping!(reader.read(&mut bytes)).unwrap(), 2);
        assert_eq!(&bytes, b"gh\0\0");
        assert_eq!(dropping!(reader.read(&mut bytes)).unwrap(), 0);
        assert_eq!(dropping!(reader.read_some(4)).unwrap(), b"");
    });
}

#[test]
fn a_large_buffer_is_read_into_directly() {
    run(async {
        let mut reader = reader(&["abcdef"]);
        let mut bytes = vec![0; 64 * 1024];
        assert_eq!(dropping!(reader.read(&mut bytes)).unwrap(), 6);
        assert_eq!(&bytes[..7], b"abcdef\0");
        assert_eq!(dropping!(reader.read(&mut bytes)).unwrap(), 0);
        assert!(reader.at_eof());
    });
}

#[test]
fn everything_up_to_the_end_may_be_more_than_the_limit() {
    run(async {
        let long = "x".repeat(1_000_000);
        let mut reader = limited(2, &["ab\n", &long, "yz"]);
        assert_eq!(reader.read_line().await.unwrap(), b"ab\n");
        let all = dropping!(reader.read_to_end()).unwrap();
        assert_eq!((all.len(), &all[999_999..]), (1_000_002, &b"xyz"[..]));
        assert!(reader.at_eof());
        assert_eq!(reader.read_to_end().await.unwrap(), b"");
    });
}

#[test]
fn a_failure_in_the_middle_of_a_line_leaves_what_came_and_stays() {
    run(async {
        let script = [
            Next::Bytes(b"one\ntw".to_vec()),
            Next::Later,
            Next::Fails(ErrorKind::Interrupted),
            Next::Fails(ErrorKind::ConnectionReset),
        ];
        let mut reader = StreamReader::new(Source::of(script)).named("the peer");
        assert_eq!(reader.read_line().await.unwrap(), b"one\n");
        for _ in 0..2 {
            let error = dropping!(reader.read_line()).unwrap_err();
            assert_eq!(error.to_string(), "cannot read from the peer: connection reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
            assert_eq!(source.kind(), ErrorKind::ConnectionReset);
        }
        assert_eq!(reader.failure().unwrap().io_error().kind(), ErrorKind::ConnectionReset);
        assert_eq!(reader.read_until("w").await.unwrap(), b"tw", "what is there can be read");
        for count in [1, 5] {
            assert_eq!(reader.read_exact(count).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        assert_eq!(reader.read_to_end().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(reader.read_some(9).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(reader.skip_until(b'\n').await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert!(!reader.at_eof(), "a failure is no end");
    });
}

#[test]
fn lines_tell_a_failure_once_and_end() {
    run(async {
        let script = [Next::Bytes(b"one\ntw".to_vec()), Next::Fails(ErrorKind::ConnectionReset)];
        let mut reader = StreamReader::new(Source::of(script));
        let lines: Vec<_> =
            reader.lines().map(|line| line.map_err(|error| error.to_string())).collect().await;
        let failed = "cannot read from the stream: connection reset".to_owned();
        assert_eq!(lines, [Ok("one".to_owned()), Err(failed)]);
        assert_eq!(reader.buffer(), b"tw");
    });
}

#[test]
fn the_buffer_can_be_looked_at_and_consumed() {
    run(async {
        let mut reader = reader(&["abc", "def"]);
        assert_eq!(dropping!(reader.fill_buf()).unwrap(), b"abc");
        assert_eq!(reader.buffer(), b"abc");
        reader.consume(2);
        assert_eq!(dropping!(reader.fill_buf()).unwrap(), b"c");
        reader.consume(1);
        assert_eq!(dropping!(reader.fill_buf()).unwrap(), b"def");
        reader.consume(3);
        assert_eq!(dropping!(reader.fill_buf()).unwrap(), b"");
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reader.consume(1)));
        let text = *refused.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(text, "1 bytes cannot be consumed of 0 that are buffered");
    });
}

#[test]
fn it_is_a_buffered_reader_of_futures_io() {
    run(async {
        let mut reader = reader(&["a,b", ",c"]);
        let mut bytes = Vec::new();
        futures::AsyncBufReadExt::read_until(&mut reader, b',', &mut bytes).await.unwrap();
        futures::AsyncBufReadExt::read_until(&mut reader, b',', &mut bytes).await.unwrap();
        futures::AsyncReadExt::read_to_end(&mut reader, &mut bytes).await.unwrap();
        assert_eq!(bytes, b"a,b,c");
        let failing = Source::of([Next::Fails(ErrorKind::TimedOut)]);
        let mut reader = StreamReader::new(failing).named("the peer");
        let error = futures::AsyncBufReadExt::fill_buf(&mut reader).await.unwrap_err();
        assert_eq!(
            (error.kind(), &*error.to_string()),
            (ErrorKind::TimedOut, "cannot read from the peer: timed out")
        );
    });
}

#[test]
fn what_was_buffered_goes_along() {
    run(async {
        let mut reader = reader(&["abc\ndef", "ghi\n"]);
        reader.read_line().await.unwrap();
        let (source, buffered) = reader.into_parts();
        assert_eq!(buffered, b"def");
        let mut reader = StreamReader::new(source).with_buffered(buffered);
        assert_eq!(reader.buffer(), b"def");
        assert_eq!(reader.read_line().await.unwrap(), b"defghi\n");
        assert_eq!(reader.into_inner().0.len(), 1);
    });
}

#[test]
fn the_end_is_known_when_everything_before_it_is_taken() {
    run(async {
        let mut reader = reader(&["some data\n"]);
        assert!(!reader.at_eof());
        assert!(polled(1, reader.read_to_end()).await.is_none());
        reader.fill_buf().await.unwrap();
        assert!(!reader.at_eof());
        reader.read_line().await.unwrap();
        assert!(!reader.at_eof(), "nobody has seen the end yet");
        assert_eq!(reader.read_some(1).await.unwrap(), b"");
        assert!(reader.at_eof());
    });
}

#[test]
fn it_says_what_state_it_is_in() {
    run(async {
        let mut reader = limited(7, &["abc"]).named("the peer");
        reader.fill_buf().await.unwrap();
        let shown = format!("{:?}", reader.buffer());
        assert_eq!(shown, "[97, 98, 99]");
        let shown = format!("{reader:?}");
        assert!(shown.contains(r#"bytes: 3, limit: 7, state: Open, peer: Named("the peer")"#), "{shown}");
    });
}
