//! Histograms on the wire: the request, and the answer in parts of a bounded size, with no bucket made coarser.

use super::decode::{self, DecodeError};
use super::encode;
use super::kinds::Twin;
use super::limits::{
    BUCKETS_EXACT_MAX, BUCKETS_MESSAGE_MAX, HISTOGRAMS_MAX, PART_BYTES_TARGET, PICTURE_BYTES_MAX,
};
use super::proto;
use crate::model::{Bucket, Hist, Histogram, HistogramKey, HistogramKind, Histograms, Place, WallTime};
use prost::Message as _;

/// Which histograms a client asks for; what is left open chooses all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramsRequest {
    /// Only those of these kinds; empty for all.
    pub kinds: Vec<HistogramKind>,
    /// Only those of this loop.
    pub loop_id: Option<u64>,
    /// Only those of this place: a spawn site, or where descriptors are made.
    pub site: Option<Place>,
    /// Only those of whole loops and of pools.
    pub whole: bool,
    /// Those of the inspector's own loops as well.
    pub hidden: bool,
}

impl HistogramsRequest {
    /// Whether those of a kind are asked for.
    pub fn wants(&self, kind: HistogramKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// A request under the protocol that was agreed on.
pub fn encode_histograms_request(request: &HistogramsRequest, protocol: u32) -> proto::HistogramsRequest {
    proto::HistogramsRequest {
        protocol,
        kinds: request.kinds.iter().copied().map(Twin::to_wire).collect(),
        r#loop: request.loop_id,
        site: request.site.clone().map(encode::place),
        whole: request.whole,
        hidden: request.hidden,
    }
}

/// A request, which may come from anybody who can open the socket.
///
/// # Errors
/// If it names a kind that this build does not know: an answer without it would look as if there were none.
pub fn decode_histograms_request(
    request: proto::HistogramsRequest,
) -> Result<HistogramsRequest, DecodeError> {
    let mut kinds: Vec<HistogramKind> = Vec::new();
    for number in request.kinds {
        let kind = Twin::from_wire(number).ok_or(DecodeError::new("an unknown kind of histogram"))?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(HistogramsRequest {
        kinds,
        loop_id: request.r#loop,
        site: request.site.map(decode::place),
        whole: request.whole,
        hidden: request.hidden,
    })
}

/// Packs histograms into parts.
#[derive(Debug)]
pub struct HistogramParts {
    part: proto::HistogramsPart,
    bytes: usize,
    count: u64,
    left_out: u64,
}

impl HistogramParts {
    /// Begins the answer; the rows of `head` are not looked at.
    pub fn new(head: Histograms, start_ticks: Option<u64>) -> Self {
        let header = proto::HistogramsHeader {
            taken_at_unix_ns: head.taken_at.0,
            since_unix_ns: head.since.map(|since| since.0),
            process: Some(encode::process(head.process, start_ticks)),
            lost: head.lost,
        };
        let part = proto::HistogramsPart { header: Some(header), ..proto::HistogramsPart::default() };
        Self { bytes: part.encoded_len(), part, count: 0, left_out: head.left_out }
    }

    /// Adds a histogram, unless it is empty; hands out the parts that it fills.
    #[must_use]
    pub fn push(&mut self, histogram: Histogram) -> Vec<proto::HistogramsPart> {
        let mut full = Vec::new();
        if histogram.hist.is_empty() {
            return full;
        }
        if self.count >= HISTOGRAMS_MAX {
            self.left_out += 1;
            return full;
        }
        self.count += 1;
        let Histogram { key, sum_ns, hist } = histogram;
        let mut row = proto::HistogramRow {
            kind: key.kind.to_wire(),
            r#loop: key.loop_id,
            site: key.site.map(encode::place),
            pool: key.pool.map(encode::name),
            sum_ns,
            ..proto::HistogramRow::default()
        };
        for piece in hist.buckets().chunks(BUCKETS_MESSAGE_MAX) {
            row.buckets = piece.iter().copied().map(encode::bucket).collect();
            full.extend(self.put(row));
            row = proto::HistogramRow { continued: true, ..proto::HistogramRow::default() };
        }
        full
    }

    fn put(&mut self, row: proto::HistogramRow) -> Option<proto::HistogramsPart> {
        let bytes = row.encoded_len();
        let bytes = bytes + 1 + prost::length_delimiter_len(bytes);
        let full = (self.bytes + bytes > PART_BYTES_TARGET && !self.part.histograms.is_empty()).then(|| {
            self.bytes = 0;
            std::mem::take(&mut self.part)
        });
        self.bytes += bytes;
        self.part.histograms.push(row);
        full
    }

    /// The last part.
    pub fn finish(mut self) -> proto::HistogramsPart {
        self.part.last = true;
        self.part.left_out = self.left_out;
        self.part
    }
}

/// Takes the parts of one answer, in order.
#[derive(Debug, Default)]
pub struct HistogramAssembly {
    answer: Option<Histograms>,
    /// The histogram whose buckets may not be complete.
    open: Option<(HistogramKey, Option<u64>, Vec<Bucket>)>,
    bytes: usize,
}

impl HistogramAssembly {
    /// For one answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next part; with the last one the answer is complete.
    ///
    /// # Errors
    /// If the part makes no sense where it comes, or the answer grows beyond what one may have.
    pub fn add(&mut self, part: proto::HistogramsPart) -> Result<Option<Histograms>, DecodeError> {
        self.bytes = self.bytes.saturating_add(part.encoded_len());
        if self.bytes > PICTURE_BYTES_MAX {
            return Err(DecodeError::new("histograms of more than 100 MiB"));
        }
        let mut answer = match (self.answer.take(), part.header) {
            (None, Some(header)) => begin(header)?,
            (Some(answer), None) => answer,
            (None, None) => return Err(DecodeError::new("histograms without a beginning")),
            (Some(_), Some(_)) => return Err(DecodeError::new("histograms that begin twice")),
        };
        for row in part.histograms {
            self.add_row(&mut answer, row)?;
        }
        if part.last {
            answer.rows.extend(self.take_open());
            answer.left_out = part.left_out;
            *self = Self::default();
            return Ok(Some(answer));
        }
        self.answer = Some(answer);
        Ok(None)
    }

    fn add_row(&mut self, answer: &mut Histograms, row: proto::HistogramRow) -> Result<(), DecodeError> {
        if !row.continued {
            answer.rows.extend(self.take_open());
            if answer.rows.len() as u64 >= HISTOGRAMS_MAX {
                return Err(DecodeError::new("more than 200,000 histograms"));
            }
            let key = HistogramKey {
                kind: Twin::from_wire(row.kind).ok_or(DecodeError::new("an unknown kind of histogram"))?,
                loop_id: row.r#loop,
                site: row.site.map(decode::place),
                pool: row.pool.map(decode::name),
            };
            self.open = Some((key, row.sum_ns, Vec::new()));
        }
        let (_, _, buckets) =
            self.open.as_mut().ok_or(DecodeError::new("more buckets of a histogram that did not begin"))?;
        for bucket in row.buckets {
            let follows = buckets.last().is_none_or(|last| last.high_ns < bucket.low_ns);
            if bucket.low_ns > bucket.high_ns || !follows {
                return Err(DecodeError::new("a histogram whose buckets overlap or are out of order"));
            }
            if buckets.len() >= BUCKETS_EXACT_MAX {
                return Err(DecodeError::new("a histogram of more buckets than the layout has"));
            }
            buckets.push(decode::bucket(bucket));
        }
        Ok(())
    }

    fn take_open(&mut self) -> Option<Histogram> {
        let (key, sum_ns, buckets) = self.open.take()?;
        Some(Histogram { key, sum_ns, hist: Hist::from_buckets(buckets) })
    }
}

fn begin(header: proto::HistogramsHeader) -> Result<Histograms, DecodeError> {
    let process = header.process.ok_or(DecodeError::new("histograms of no process"))?;
    Ok(Histograms {
        taken_at: WallTime(header.taken_at_unix_ns),
        since: header.since_unix_ns.map(WallTime),
        process: decode::process(process),
        lost: header.lost,
        ..Histograms::default()
    })
}

#[cfg(test)]
mod tests;
