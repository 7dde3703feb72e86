"""Reads logs and writes tables with HdrHistogram's own Python package.

read.py LOG

Prints one line of JSON: of each line of the log its tag, the times of the interval, how many values there are, the buckets that hold
any, and some lines of the table of percentiles.
"""

import io
import json
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader


def table(histogram):
    """What a table of percentiles has that does not depend on the steps, which are others here than in Java: heading, mean, deviation."""
    out = io.BytesIO()
    histogram.output_percentile_distribution(out, 1)
    lines = out.getvalue().decode().splitlines()
    return [line for line in lines if "Value" in line or "Mean" in line]


def main():
    reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 2**62, 2))
    intervals = []
    while True:
        histogram = reader.get_next_interval_histogram()
        if histogram is None:
            break
        counts = {item.value_iterated_to: item.count_at_value_iterated_to for item in histogram.get_recorded_iterator()}
        intervals.append(
            {
                "tag": histogram.get_tag(),
                "from_ms": histogram.get_start_time_stamp(),
                "to_ms": histogram.get_end_time_stamp(),
                "count": histogram.get_total_count(),
                "buckets": [[histogram.get_lowest_equivalent_value(to), to, count] for to, count in counts.items()],
                "table": table(histogram),
            }
        )
    print(json.dumps(intervals))


main()
