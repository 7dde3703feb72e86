//! Times as people type them.

use std::time::Duration;

/// Reads how often something is renewed.
///
/// # Errors
///
/// It is no time, or too short a one.
pub(crate) fn parse_interval(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(50);
    parse_duration(text).and_then(|interval| {
        if interval < LEAST { Err("the shortest interval is 50ms".into()) } else { Ok(interval) }
    })
}

/// Reads `500ms`, `1.5s`, `2m`, `1h`; a bare number is seconds.
///
/// # Errors
///
/// It is no time, or one of more than a day.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const DAY_SECONDS: f64 = 86_400.0;
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| "expected a time as 500ms, 2s or 1m".to_owned())?;
    let seconds = match unit.trim() {
        "us" | "µs" => number / 1e6,
        "ms" => number / 1e3,
        "" | "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3_600.0,
        other => return Err(format!("`{other}` is no unit of time: use us, ms, s, m or h")),
    };
    if seconds > DAY_SECONDS {
        return Err("more than a day".into());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        let read = |text| parse_duration(text).map_err(|_| ());
        assert_eq!(read("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(read("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(read("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(read("3"), Ok(Duration::from_secs(3)));
        assert_eq!(read("250us"), Ok(Duration::from_micros(250)));
        for wrong in ["", "s", "-1s", "1.2.3s", "5 parsecs", "1e9", "inf", "99999h"] {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
        assert!(parse_interval("1ms").is_err());
    }
}
