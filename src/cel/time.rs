//! Timestamps and durations: RFC 3339, Go's duration notation, and the civil calendar in UTC or at a fixed offset.

use std::fmt;

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// A point in time, years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// 0 to 999 999 999.
    pub nanos: i64,
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Nanoseconds; Go's range of about 292 years.
    pub nanos: i64,
}

/// A date and time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    /// 0 is Sunday.
    pub weekday: i64,
    /// 0 is the first of January.
    pub day_of_year: i64,
}

impl Timestamp {
    /// The point that text in RFC 3339 denotes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = Fields { rest: text };
        let (year, month, day) = (fields.number(4)?, fields.after('-', 2)?, fields.after('-', 2)?);
        let (hour, minute, second) = (fields.after('T', 2)?, fields.after(':', 2)?, fields.after(':', 2)?);
        let nanos = fields.fraction()?;
        let offset = fields.offset()?;
        let valid = (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60
            && year >= 1
            && fields.rest.is_empty();
        let seconds = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
        valid.then_some(Self { seconds, nanos })
    }

    /// The point `span` later, if it is within range.
    pub fn checked_add(self, span: Span) -> Option<Self> {
        let total = self.as_nanos() + i128::from(span.nanos);
        let seconds = i64::try_from(total.div_euclid(i128::from(NANOS))).ok()?;
        let nanos = total.rem_euclid(i128::from(NANOS)) as i64;
        (-62_135_596_800..=253_402_300_799).contains(&seconds).then_some(Self { seconds, nanos })
    }

    /// The span since another point, if it fits.
    pub fn since(self, other: Self) -> Option<Span> {
        i64::try_from(self.as_nanos() - other.as_nanos()).ok().map(|nanos| Span { nanos })
    }

    fn as_nanos(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOS) + i128::from(self.nanos)
    }

    /// The calendar's view, `offset` seconds east of UTC.
    pub(crate) fn civil(self, offset: i64) -> Civil {
        let local = self.seconds + offset;
        let (days, time) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        Civil {
            year,
            month,
            day,
            hour: time / 3600,
            minute: time / 60 % 60,
            second: time % 60,
            weekday: (days + 4).rem_euclid(7),
            day_of_year: days - days_from_civil(year, 1, 1),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = self.civil(0);
        write!(f, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second)?;
        write!(f, "{}Z", fraction_text(self.nanos))
    }
}

impl Span {
    /// The span that Go's notation denotes, e.g. `-1h30m`, `1.5s`, `0`.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Some(Self { nanos: 0 });
        }
        let mut total = 0_f64;
        let mut exact = 0_i128;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, tail) = rest.split_at(end);
            let (unit, scale) = UNITS.iter().find(|(unit, _)| tail.starts_with(unit))?;
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
                return None;
            }
            exact += if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()?.checked_mul(i128::from(*scale))? };
            total +=
                if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse::<f64>().ok()? * *scale as f64 };
            rest = tail.strip_prefix(unit)?;
        }
        let sum = exact + total as i128;
        let nanos = i64::try_from(if negative { -sum } else { sum }).ok()?;
        (!text.trim_start_matches(['-', '+']).is_empty()).then_some(Self { nanos })
    }
}

/// Longest unit first where one is a prefix of another.
const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", NANOS),
    ("m", 60 * NANOS),
    ("h", 3600 * NANOS),
];

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.nanos < 0 { "-" } else { "" };
        let nanos = self.nanos.unsigned_abs();
        let (seconds, rest) = (nanos / NANOS as u64, (nanos % NANOS as u64) as i64);
        write!(f, "{sign}{seconds}{}s", fraction_text(rest))
    }
}

/// `.5` for half a second, nothing for none.
fn fraction_text(nanos: i64) -> String {
    if nanos == 0 {
        return String::new();
    }
    format!(".{nanos:09}").trim_end_matches('0').to_owned()
}

/// Seconds east of UTC of `UTC`, `+01:00`, `-08:30`, `01:00`; `None` for a named zone.
pub(crate) fn offset_of_zone(zone: &str) -> Option<i64> {
    if zone == "UTC" || zone.is_empty() {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.trim_start_matches(['-', '+']).split_once(':')?;
    let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
    ((0..=14).contains(&hours) && (0..60).contains(&minutes)).then(|| sign * (hours * 3600 + minutes * 60))
}

/// What is left of a timestamp's text.
struct Fields<'a> {
    rest: &'a str,
}

impl Fields<'_> {
    fn number(&mut self, digits: usize) -> Option<i64> {
        let text = self.rest.get(..digits).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        self.rest = self.rest.get(digits..)?;
        text.parse().ok()
    }

    fn after(&mut self, mark: char, digits: usize) -> Option<i64> {
        self.rest = self.rest.strip_prefix(mark)?;
        self.number(digits)
    }

    fn fraction(&mut self) -> Option<i64> {
        let Some(rest) = self.rest.strip_prefix('.') else {
            return Some(0);
        };
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(end);
        self.rest = tail;
        let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
        if digits.is_empty() { None } else { nine.parse().ok() }
    }

    fn offset(&mut self) -> Option<i64> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Some(0);
        }
        let sign = if self.rest.starts_with('-') { -1 } else { 1 };
        self.rest = self.rest.strip_prefix(['+', '-'])?;
        let (hours, minutes) = (self.number(2)?, self.after(':', 2)?);
        (hours < 24 && minutes < 60).then(|| sign * (hours * 3600 + minutes * 60))
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_and_print() {
        let t = Timestamp::parse("2024-02-29T23:59:59.5+01:00").unwrap();
        assert_eq!(t.to_string(), "2024-02-29T22:59:59.5Z");
        assert_eq!(t.civil(0).weekday, 4);
        assert_eq!(t.civil(0).day_of_year, 59);
        for bad in ["2023-02-29T00:00:00Z", "2024-01-01", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00Zx", ""] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
        assert_eq!(Timestamp::parse("1970-01-01T00:00:00Z").unwrap().seconds, 0);
    }

    #[test]
    fn durations_follow_go() {
        assert_eq!(Span::parse("1h30m").unwrap().nanos, 5400 * NANOS);
        assert_eq!(Span::parse("-1.5s").unwrap().to_string(), "-1.5s");
        assert_eq!(Span::parse("100ms").unwrap().to_string(), "0.1s");
        for bad in ["", "-", "1", "1x", ".s", "1h-1m", "99999999999h"] {
            assert_eq!(Span::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn time_zones_are_fixed_offsets() {
        assert_eq!(offset_of_zone("+01:30"), Some(5400));
        assert_eq!(offset_of_zone("-08:00"), Some(-28_800));
        assert_eq!(offset_of_zone("Europe/Berlin"), None);
    }
}
