//! The values of an event by name, as somebody gave them.

use std::collections::BTreeMap;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A number.
    Number(u64),
    /// A string, or for a pointer what it points to.
    Text(String),
    /// Strings that an array of pointers leads to.
    List(Vec<String>),
}

/// Values by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, Given>);

impl Values {
    /// The same with one more.
    pub fn with(mut self, name: &str, value: Given) -> Values {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Adds one that was given as text: a number if it reads as one.
    pub fn add_text(&mut self, name: &str, text: &str) {
        let value = number(text).map_or_else(|| Given::Text(text.to_owned()), Given::Number);
        self.0.insert(name.to_owned(), value);
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Given> {
        self.0.get(name)
    }

    /// The number of that name.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Given::Number(number) => Some(*number),
            Given::Text(_) | Given::List(_) => None,
        }
    }

    /// The text of that name; a number's digits.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Given::Number(number) => Some(number.cast_signed().to_string()),
            Given::Text(text) => Some(text.clone()),
            Given::List(_) => None,
        }
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Given)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// Reads a number: decimal with or without a sign, hexadecimal after `0x`, or a constant that
/// system calls are often told.
pub(super) fn number(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    let unsigned = text.parse::<u64>().ok();
    unsigned
        .or_else(|| text.parse::<i64>().ok().map(i64::cast_unsigned))
        .or(match text {
            "AT_FDCWD" => Some(AT_FDCWD),
            _ => None,
        })
}

/// The current directory in place of a descriptor.
pub(super) const AT_FDCWD: u64 = (-100i64).cast_unsigned();
