//! Nothing happens for a while: the event in which time passes.

use super::EventError;

/// What names of such events begin with.
pub(super) const PREFIX: &str = "sleep";

/// Units of time, in nanoseconds.
const UNITS: [(&str, u64); 4] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
];

/// How long: a number and its unit.
pub(super) fn parse(text: &str) -> Result<u64, EventError> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let number: Option<u64> = digits.parse().ok();
    let time = number
        .zip(unit)
        .and_then(|(number, (_, unit))| number.checked_mul(*unit));
    time.ok_or_else(|| EventError::BadValue {
        event: PREFIX.to_owned(),
        arg: "TIME".to_owned(),
        value: text.to_owned(),
        wanted: "a number and ns, us, ms or s",
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn time_is_a_number_and_its_unit() {
        let times = ["7ns", "7us", "50ms", "2s"].map(|text| parse(text).unwrap());
        assert_eq!(times, [7, 7_000, 50_000_000, 2_000_000_000]);
        for text in ["", "5", "ms", "-1s", "1.5s", "1h", "99999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
