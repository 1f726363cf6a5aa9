//! A record as a line of text. It is written for every session, on a core that sessions want: so numbers
//! are put down digit by digit, where `format!` would cost three times as much as the rest of the record.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::Record;
use crate::decisions::millis;

/// Appends the record.
pub(super) fn write(line: &mut String, record: &Record) {
    time(line, record.ended_unix_ms);
    words(line, &[" ", &record.listener.name, " "]);
    address(line, record.client);
    words(line, &[" -> ", record.cluster(), "/"]);
    match &record.standing {
        Some(attempt) => words(line, &[attempt.node.name(), " ", attempt.why.word()]),
        None => line.push_str("- -"),
    }
    let thousandths = (record.duration.as_micros() as u64 + 500) / 1000;
    line.push(' ');
    number(line, thousandths / 1000, 1);
    line.push('.');
    number(line, thousandths % 1000, 3);
    line.push_str("s to_node=");
    number(line, record.bytes_to_node, 1);
    line.push_str(" to_client=");
    number(line, record.bytes_to_client, 1);
    words(line, &[" ", record.reason.word()]);
    if !record.detail.is_empty() {
        words(line, &[" (", record.detail, ")"]);
    }
    // Writing to a String cannot fail.
    if let Some(via) = record.via() {
        let _ = write!(line, " via={via}");
    }
    if let Some(name) = record.server_name() {
        words(line, &[" name=", name]);
    }
    for attempt in &record.failed {
        let failure = attempt.failure.map_or("", |failure| failure.word());
        let _ = write!(line, " failed={}:{}@{}ms", attempt.node.name(), failure, millis(attempt.after));
    }
}

fn words(line: &mut String, words: &[&str]) {
    for word in words {
        line.push_str(word);
    }
}

/// Appends a number with at least so many digits.
fn number(line: &mut String, mut number: u64, digits: usize) {
    let mut text = [b'0'; 20];
    let mut start = text.len();
    while number > 0 {
        start -= 1;
        text[start] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let start = start.min(text.len() - digits);
    line.extend(text[start..].iter().map(|digit| char::from(*digit)));
}

fn address(line: &mut String, address: SocketAddr) {
    let IpAddr::V4(v4) = address.ip() else {
        let _ = write!(line, "{address}");
        return;
    };
    let [a, b, c, d] = v4.octets();
    for (octet, then) in [(a, '.'), (b, '.'), (c, '.'), (d, ':')] {
        number(line, octet.into(), 1);
        line.push(then);
    }
    number(line, address.port().into(), 1);
}

/// Appends a time: RFC 3339, UTC, milliseconds.
pub(super) fn time(line: &mut String, unix_ms: u64) {
    let (days, millis) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    for (part, digits, then) in [
        (year, 4, '-'),
        (month, 2, '-'),
        (day, 2, 'T'),
        (hour, 2, ':'),
        (minute, 2, ':'),
        (second, 2, '.'),
        (millis % 1000, 3, 'Z'),
    ] {
        number(line, part, digits);
        line.push(then);
    }
}

/// Year, month and day of a count of days since 1970-01-01, in the Gregorian calendar. Counts from
/// 0000-03-01, so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #[test]
    fn time_reads_as_rfc_3339() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_795_293_296_789, "2026-11-21T20:34:56.789Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            let mut line = String::new();
            super::time(&mut line, unix_ms);
            assert_eq!(line, text);
        }
    }

    #[test]
    fn numbers_and_addresses_read_as_they_are_written_everywhere() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            for digits in [1, 3] {
                let mut line = String::new();
                super::number(&mut line, number, digits);
                assert_eq!(line, format!("{number:0digits$}"));
            }
        }
        for text in ["192.0.2.7:80", "255.255.255.255:65535", "0.0.0.0:0", "[2001:db8::1]:443"] {
            let mut line = String::new();
            super::address(&mut line, text.parse().expect("an address"));
            assert_eq!(line, text);
        }
    }
}
