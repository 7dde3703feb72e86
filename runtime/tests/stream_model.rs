//! Random operations of readers and writers against plain vectors: any pieces, any waits, futures dropped at any of their polls.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/scripted.rs"]
mod scripted;

use loopscope::stream::{ReadError, StreamReader, StreamWriter};
use proptest::prelude::*;
use records::run;
use scripted::{Destination, Next, Source, Takes, polled};

const SEPARATORS: &[&[&str]] =
    &[&["a"], &["\n"], &["ab", "b"], &["\r\n", "\n"], &["aaa", "ba", "b\n"], &["aabb", "ab"], &["\n\n\n\n"]];

#[derive(Clone, Debug)]
enum Reading {
    Line,
    LineInto,
    Lines,
    Until(usize),
    UntilInto(usize),
    Exact(usize),
    ExactInto(usize),
    Some(usize),
    Into(usize),
    Fill,
    Consume(usize),
    Skip(usize),
    ToEnd,
}

fn reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        3 => Just(Reading::Line),
        1 => Just(Reading::LineInto),
        1 => Just(Reading::Lines),
        3 => (0..SEPARATORS.len()).prop_map(Reading::Until),
        1 => (0..SEPARATORS.len()).prop_map(Reading::UntilInto),
        2 => (0..12_usize).prop_map(Reading::Exact),
        1 => (0..12_usize).prop_map(Reading::ExactInto),
        1 => (0..6_usize).prop_map(Reading::Some),
        1 => prop_oneof![0..6_usize, Just(10_000)].prop_map(Reading::Into),
        1 => Just(Reading::Fill),
        1 => (0..6_usize).prop_map(Reading::Consume),
        2 => (0..SEPARATORS.len()).prop_map(Reading::Skip),
        1 => Just(Reading::ToEnd),
    ]
}

/// Bytes in pieces, with waits between some of them.
fn pieces() -> impl Strategy<Value = Vec<Next>> {
    let byte = prop_oneof![4 => Just(b'a'), 3 => Just(b'b'), 2 => Just(b'\n'), 1 => Just(b'\r')];
    let piece = prop_oneof![
        3 => prop::collection::vec(byte.clone(), 1..8).prop_map(Next::Bytes),
        1 => prop::collection::vec(byte, 1..40).prop_map(Next::Bytes),
        3 => Just(Next::Later),
    ];
    prop::collection::vec(piece, 0..24)
}

/// What an operation came to.
#[derive(Debug, PartialEq)]
enum Outcome {
    Bytes(Vec<u8>),
    Line(Option<Vec<u8>>),
    Skipped(usize),
    /// Any beginning of what is left, of at most so many bytes.
    Some(usize, Vec<u8>),
    Incomplete(Vec<u8>, Option<usize>),
    Overrun,
}

/// What is left, all of it at once.
struct Model {
    rest: Vec<u8>,
    limit: usize,
}

impl Model {
    fn take(&mut self, count: usize) -> Vec<u8> {
        self.rest.drain(..count).collect()
    }

    /// The first separator by its end: where it begins and ends.
    fn find(&self, separators: &[&str]) -> Option<(usize, usize)> {
        (1..=self.rest.len()).find_map(|end| {
            let ending = separators.iter().filter(|text| self.rest[..end].ends_with(text.as_bytes()));
            ending.map(|text| (end - text.len(), end)).min()
        })
    }

    fn until(&mut self, separators: &[&str]) -> Outcome {
        let longest = separators.iter().map(|text| text.len()).max().unwrap();
        match self.find(separators) {
            Some((start, end)) if start <= self.limit => Outcome::Bytes(self.take(end)),
            None if (self.rest.len() + 1).saturating_sub(longest) <= self.limit => {
                Outcome::Incomplete(std::mem::take(&mut self.rest), None)
            }
            _ => Outcome::Overrun,
        }
    }

    fn line(&mut self) -> Outcome {
        if self.find(&["\n"]).is_none() && self.rest.len() <= self.limit {
            return Outcome::Bytes(std::mem::take(&mut self.rest));
        }
        self.until(&["\n"])
    }

    fn exact(&mut self, count: usize) -> Outcome {
        if count <= self.rest.len() {
            return Outcome::Bytes(self.take(count));
        }
        Outcome::Incomplete(std::mem::take(&mut self.rest), Some(count))
    }

    /// What `got` should have been; where anything would do that the source had ready, `got` decides.
    fn apply(&mut self, operation: &Reading, got: &Outcome) -> Outcome {
        match operation {
            Reading::Line | Reading::LineInto => self.line(),
            Reading::Lines => match self.line() {
                Outcome::Bytes(line) if line.is_empty() => Outcome::Line(None),
                Outcome::Bytes(mut line) => {
                    for end in [b'\n', b'\r'] {
                        // Without a "\n" it is the last line, of which an "\r" is a part.
                        if line.last() == Some(&end) {
                            line.pop();
                        } else {
                            break;
                        }
                    }
                    Outcome::Line(Some(line))
                }
                other => other,
            },
            Reading::Until(which) | Reading::UntilInto(which) => self.until(SEPARATORS[*which]),
            Reading::Exact(count) | Reading::ExactInto(count) => self.exact(*count),
            Reading::Skip(which) => {
                let count = self.find(SEPARATORS[*which]).map_or(self.rest.len(), |(_, end)| end);
                self.take(count);
                Outcome::Skipped(count)
            }
            Reading::ToEnd => Outcome::Bytes(std::mem::take(&mut self.rest)),
            Reading::Some(most) | Reading::Into(most) | Reading::Consume(most) => self.some(*most, got, true),
            Reading::Fill => self.some(usize::MAX, got, false),
        }
    }

    fn some(&mut self, most: usize, got: &Outcome, taken: bool) -> Outcome {
        let Outcome::Some(_, bytes) = got else { panic!("{got:?}") };
        let count = bytes.len().min(self.rest.len());
        let expected = self.rest[..count].to_vec();
        if taken {
            self.take(count);
        }
        Outcome::Some(most, expected)
    }
}

fn failed(error: ReadError) -> Outcome {
    match error {
        ReadError::Incomplete(error) => Outcome::Incomplete(error.partial, error.expected),
        ReadError::Overrun(_) => Outcome::Overrun,
        other => panic!("{other}"),
    }
}

/// Awaits an operation, but drops it after so many polls and makes it anew.
macro_rules! dropping {
    ($times:expr, $operation:expr) => {
        loop {
            if let Some(output) = polled($times, $operation).await {
                break output;
            }
        }
    };
}

async fn perform(reader: &mut StreamReader<Source>, operation: &Reading, times: usize) -> Outcome {
    let bytes = match operation {
        Reading::Line => dropping!(times, reader.read_line()),
        Reading::LineInto => {
            let mut text = "=".to_owned();
            let count = dropping!(times, reader.read_line_into(&mut text));
            count.map(|count| {
                assert_eq!(count + 1, text.len());
                text.split_off(1).into_bytes()
            })
        }
        Reading::Lines => match dropping!(times, reader.lines().next_line()) {
            Ok(line) => return Outcome::Line(line.map(String::into_bytes)),
            Err(error) => Err(error),
        },
        Reading::Until(which) => dropping!(times, reader.read_until(SEPARATORS[*which].to_vec())),
        Reading::UntilInto(which) => {
            let mut to = b"=".to_vec();
            let count = dropping!(times, reader.read_until_into(SEPARATORS[*which].to_vec(), &mut to));
            count.map(|count| {
                assert_eq!(count + 1, to.len());
                to.split_off(1)
            })
        }
        Reading::Exact(count) => dropping!(times, reader.read_exact(*count)),
        Reading::ExactInto(count) => {
            let mut to = vec![0; *count];
            dropping!(times, reader.read_exact_into(&mut to)).map(|()| to)
        }
        Reading::ToEnd => dropping!(times, reader.read_to_end()),
        Reading::Skip(which) => {
            // What a dropped skip has dropped stays dropped, so this one is only waited for.
            let skipped = reader.skip_until(SEPARATORS[*which].to_vec()).await;
            return Outcome::Skipped(skipped.unwrap());
        }
        Reading::Some(most) => {
            return Outcome::Some(*most, dropping!(times, reader.read_some(*most)).unwrap());
        }
        Reading::Into(most) => {
            let mut to = vec![0; *most];
            let count = dropping!(times, reader.read(&mut to)).unwrap();
            to.truncate(count);
            return Outcome::Some(*most, to);
        }
        Reading::Fill => {
            let filled = dropping!(times, reader.fill_buf()).unwrap().to_vec();
            assert_eq!(filled, reader.buffer());
            return Outcome::Some(usize::MAX, filled);
        }
        Reading::Consume(most) => {
            let bytes = reader.buffer()[..reader.buffer().len().min(*most)].to_vec();
            reader.consume(bytes.len());
            return Outcome::Some(*most, bytes);
        }
    };
    bytes.map_or_else(failed, Outcome::Bytes)
}

/// Each of these reads gives something unless it is asked for nothing or the end is there.
fn gives(operation: &Reading) -> bool {
    match operation {
        Reading::Some(most) | Reading::Into(most) => *most > 0,
        Reading::Fill => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reader_gives_what_a_vector_would(
        script in pieces(),
        operations in prop::collection::vec((reading(), 1..4_usize), 1..30),
        limit in 1..20_usize,
    ) {
        run(async {
            let all = script.iter().filter_map(|next| if let Next::Bytes(bytes) = next { Some(&**bytes) } else { None });
            let mut model = Model { rest: all.collect::<Vec<_>>().concat(), limit };
            let mut reader = StreamReader::with_limit(Source::of(script), limit).unwrap();
            for (operation, times) in operations {
                let left = model.rest.len();
                let got = perform(&mut reader, &operation, times).await;
                let expected = model.apply(&operation, &got);
                assert_eq!(got, expected, "{operation:?}");
                if let (true, Outcome::Some(most, bytes)) = (gives(&operation), &got) {
                    assert!(bytes.len() <= *most && (!bytes.is_empty() || left == 0), "{operation:?}: {got:?} of {left}");
                }
                assert!(model.rest.starts_with(reader.buffer()), "{operation:?}");
                assert!(!reader.at_eof() || model.rest.is_empty());
            }
            assert_eq!(reader.read_to_end().await.unwrap(), model.rest);
        });
    }
}

#[derive(Clone, Debug)]
enum Writing {
    Write(usize),
    Vectored(Vec<usize>),
    All(usize),
    Drain,
    Flush,
    Marks(usize),
    Yield,
}

fn writing() -> impl Strategy<Value = Writing> {
    prop_oneof![
        3 => (0..40_usize).prop_map(Writing::Write),
        1 => prop::collection::vec(0..20_usize, 0..5).prop_map(Writing::Vectored),
        3 => (0..40_usize).prop_map(Writing::All),
        2 => Just(Writing::Drain),
        1 => Just(Writing::Flush),
        1 => (0..50_usize).prop_map(Writing::Marks),
        1 => Just(Writing::Yield),
    ]
}

fn takes() -> impl Strategy<Value = Vec<Takes>> {
    let take = prop_oneof![3 => (1..16_usize).prop_map(Takes::Some), 2 => Just(Takes::Later)];
    prop::collection::vec(take, 0..60)
}

/// The next bytes, each different from its neighbours.
fn fresh(count: usize, written: &[u8]) -> Vec<u8> {
    (written.len()..written.len() + count).map(|number| number.to_le_bytes()[0]).collect()
}

async fn write(
    writer: &mut StreamWriter<Destination>,
    written: &mut Vec<u8>,
    operation: &Writing,
    times: usize,
) {
    match operation {
        Writing::Write(count) => {
            let bytes = fresh(*count, written);
            writer.write(&bytes).unwrap();
            written.extend(bytes);
        }
        Writing::Vectored(counts) => {
            let bytes = fresh(counts.iter().sum(), written);
            let mut rest = &*bytes;
            let split = |count: &usize| {
                let (piece, behind) = rest.split_at(*count);
                rest = behind;
                piece
            };
            let pieces: Vec<_> = counts.iter().map(split).collect();
            writer.write_vectored(&pieces).unwrap();
            written.extend(bytes);
        }
        Writing::All(count) => {
            let bytes = fresh(*count, written);
            drop(writer.write_all(&bytes));
            if times > 0 {
                if let Some(outcome) = polled(times, writer.write_all(&bytes)).await {
                    outcome.unwrap();
                }
                written.extend(bytes);
            }
        }
        Writing::Drain => {
            if polled(times, writer.drain()).await.map(Result::unwrap).is_some() {
                assert!(!writer.is_above_high_water());
            }
        }
        Writing::Flush => {
            if polled(times, writer.flush()).await.map(Result::unwrap).is_some() {
                assert_eq!(writer.write_buffer_size(), 0);
            }
        }
        Writing::Marks(high) => writer.set_write_buffer_limits(Some(*high), None).unwrap(),
        Writing::Yield => loopscope::yield_now().await,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_writer_sends_each_byte_once_and_in_order(
        script in takes(),
        operations in prop::collection::vec((writing(), 0..4_usize), 1..30),
        gives_up_closing in 0..3_usize,
    ) {
        run(async {
            let to = Destination::of(script);
            let mut writer = StreamWriter::new(to.clone());
            let mut written = Vec::new();
            for (operation, times) in operations {
                write(&mut writer, &mut written, &operation, times).await;
                assert_eq!(to.bytes().len() + writer.write_buffer_size(), written.len(), "{operation:?}");
                assert!(written.starts_with(&to.bytes()), "{operation:?}");
                let (high, low) = writer.write_buffer_limits();
                let queued = writer.write_buffer_size();
                assert!(queued <= high || writer.is_above_high_water(), "{operation:?}");
                assert!(queued > low || !writer.is_above_high_water(), "{operation:?}");
            }
            drop(polled(gives_up_closing, writer.close()).await);
            writer.close().await.unwrap();
            assert_eq!(to.bytes(), written);
            assert_eq!(to.calls().iter().filter(|call| **call == "close").count(), 1);
            for _ in 0..4 {
                loopscope::yield_now().await;
            }
        });
    }
}
