//! Histograms arrive as they were sent, to the last count, and whatever else arrives does no harm.

use super::*;
use crate::model::Process;
use crate::wire::limits::PART_BYTES_MAX;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

/// Buckets in ascending order, of gaps and widths.
fn hist() -> impl Strategy<Value = Hist> {
    vec((1..1_000_u64, 0..1_000_u64, 1..u64::from(u32::MAX)), 1..40).prop_map(|steps| {
        let mut next = 0;
        let bucket = |(gap, width, count): (u64, u64, u64)| {
            let low_ns = next + gap;
            next = low_ns + width;
            Bucket { low_ns, high_ns: next, count }
        };
        Hist::from_buckets(steps.into_iter().map(bucket).collect())
    })
}

fn place() -> impl Strategy<Value = Place> {
    ("[a-zé,]{0,12}", any::<u32>(), any::<u32>()).prop_map(|(file, line, column)| Place {
        file,
        line,
        column,
    })
}

fn histogram() -> impl Strategy<Value = Histogram> {
    let key =
        (select(HistogramKind::ALL), of(any::<u64>()), of(place()), of("[a-z]{0,5}".prop_map(String::from)))
            .prop_map(|(kind, loop_id, site, pool)| HistogramKey { kind, loop_id, site, pool });
    (key, of(any::<u64>()), hist()).prop_map(|(key, sum_ns, hist)| Histogram { key, sum_ns, hist })
}

fn head() -> Histograms {
    Histograms {
        taken_at: WallTime(7),
        since: Some(WallTime(3)),
        process: Process {
            pid: 4711,
            debug: Some(false),
            loops: Some(1),
            tasks: Some(2),
            blocked: Some(0),
            runtime: Some(crate::model::RuntimeKind::Loopscope),
            ..Process::default()
        },
        lost: 5,
        ..Histograms::default()
    }
}

fn parts(rows: &[Histogram]) -> Vec<proto::HistogramsPart> {
    let mut parts = HistogramParts::new(head(), None);
    let mut sent: Vec<_> = rows.iter().flat_map(|row| parts.push(row.clone())).collect();
    sent.push(parts.finish());
    sent
}

fn assembled(parts: Vec<proto::HistogramsPart>) -> Result<Option<Histograms>, DecodeError> {
    let mut assembly = HistogramAssembly::new();
    let mut last = Ok(None);
    for part in parts {
        assert_eq!(last, Ok(None));
        last = Ok(assembly.add(part)?);
    }
    last
}

/// Every bucket that the loops' layout has, with counts that take many bytes.
fn full() -> Histogram {
    let exact = (0..256).map(|value| Bucket { low_ns: value, high_ns: value, count: u64::MAX >> 1 });
    let steps = (1..57_u32).flat_map(|shift| {
        (128..256_u64).map(move |step| {
            let low_ns = step << shift;
            Bucket { low_ns, high_ns: low_ns + ((1 << shift) - 1), count: u64::MAX >> 8 }
        })
    });
    Histogram { hist: Hist::from_buckets(exact.chain(steps).collect()), ..Histogram::default() }
}

proptest! {
    #[test]
    fn what_is_sent_arrives(rows in vec(histogram(), 0..20)) {
        let answer = assembled(parts(&rows)).unwrap().unwrap();
        prop_assert_eq!(answer, Histograms { rows, ..head() });
    }

    #[test]
    fn a_request_arrives(
        kinds in vec(select(HistogramKind::ALL), 0..4),
        loop_id in of(any::<u64>()), site in of(place()), (whole, hidden) in any::<(bool, bool)>(),
    ) {
        let mut request = HistogramsRequest { kinds, loop_id, site, whole, hidden };
        request.kinds.dedup();
        let sent = encode_histograms_request(&request, 1);
        let mut seen = Vec::new();
        request.kinds.retain(|kind| !seen.contains(kind) && { seen.push(*kind); true });
        prop_assert_eq!(decode_histograms_request(sent), Ok(request));
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..300)) {
        if let Ok(part) = proto::HistogramsPart::decode(bytes.as_slice()) {
            let _ = HistogramAssembly::new().add(part);
        }
    }
}

#[test]
fn every_bucket_of_the_layout_can_be_sent_and_no_part_is_too_large() {
    let rows = [full(), full(), full()];
    assert_eq!(rows[0].hist.buckets().len(), BUCKETS_EXACT_MAX);
    let sent = parts(&rows);
    assert!(sent.len() > 3);
    for part in &sent {
        assert!(part.encoded_len() <= PART_BYTES_MAX, "{}", part.encoded_len());
    }
    assert_eq!(assembled(sent).unwrap().unwrap().rows, rows);
}

#[test]
fn what_is_empty_is_not_sent_and_what_is_too_much_is_counted() {
    let mut parts = HistogramParts::new(head(), None);
    assert!(parts.push(Histogram::default()).is_empty());
    let bucket = Bucket { low_ns: 1, high_ns: 1, count: 1 };
    let one = Histogram { hist: Hist::from_buckets(vec![bucket]), ..Histogram::default() };
    let mut sent: Vec<_> = (0..HISTOGRAMS_MAX + 2).flat_map(|_| parts.push(one.clone())).collect();
    sent.push(parts.finish());
    let answer = assembled(sent).unwrap().unwrap();
    assert_eq!((answer.rows.len() as u64, answer.left_out), (HISTOGRAMS_MAX, 2));
}

#[track_caller]
fn refused(parts: Vec<proto::HistogramsPart>, why: &str) {
    let error = assembled(parts).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let header = || parts(&[]).remove(0).header;
    let part = |rows: Vec<proto::HistogramRow>| proto::HistogramsPart {
        header: header(),
        last: true,
        histograms: rows,
        left_out: 0,
    };
    let row = |kind, buckets: &[(u64, u64)]| proto::HistogramRow {
        kind,
        buckets: buckets
            .iter()
            .map(|&(low_ns, high_ns)| proto::Bucket { low_ns, high_ns, count: 1 })
            .collect(),
        ..proto::HistogramRow::default()
    };
    refused(vec![proto::HistogramsPart::default()], "without a beginning");
    let going_on = proto::HistogramsPart { last: false, ..part(Vec::new()) };
    refused(vec![going_on, part(Vec::new())], "begin twice");
    refused(vec![part(vec![row(0, &[])])], "unknown kind");
    refused(vec![part(vec![row(99, &[])])], "unknown kind");
    refused(vec![part(vec![row(1, &[(5, 4)])])], "out of order");
    refused(vec![part(vec![row(1, &[(1, 4), (4, 5)])])], "overlap");
    let continued = |buckets| proto::HistogramRow { continued: true, ..row(0, buckets) };
    refused(vec![part(vec![continued(&[(1, 1)])])], "did not begin");
    refused(vec![part(vec![row(1, &[(1, 4)]), continued(&[(4, 5)])])], "overlap");
    let many: Vec<(u64, u64)> = (0..=BUCKETS_EXACT_MAX as u64).map(|value| (value, value)).collect();
    refused(vec![part(vec![row(1, &many)])], "more buckets than the layout has");
    let nowhere = proto::HistogramsHeader { process: None, ..header().unwrap() };
    refused(vec![proto::HistogramsPart { header: Some(nowhere), ..part(Vec::new()) }], "no process");
    let unknown = proto::HistogramsRequest { kinds: vec![99], ..proto::HistogramsRequest::default() };
    assert!(decode_histograms_request(unknown).is_err());
}

#[test]
fn an_endless_answer_is_given_up() {
    let mut assembly = HistogramAssembly::new();
    let begin = proto::HistogramsPart { last: false, ..parts(&[]).remove(0) };
    assert_eq!(assembly.add(begin), Ok(None));
    let row = proto::HistogramRow { kind: 1, ..proto::HistogramRow::default() };
    let part = proto::HistogramsPart { histograms: vec![row; 1_000], ..proto::HistogramsPart::default() };
    let end = (0..1_000).find_map(|_| assembly.add(part.clone()).err());
    assert!(end.unwrap().to_string().contains("more than 200,000"));
}
