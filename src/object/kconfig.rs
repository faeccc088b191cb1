//! The kernel's configuration, as `/boot/config-*` and `/proc/config.gz` have it, and what its values
//! become in a program's variables.
//!
//! Rules, all libbpf's (1.5): the first line that sets a name counts; `y`, `n` and `m` are for truth
//! values, tristates and characters, what stands in quotes for arrays of characters, anything else is
//! a number, decimal, octal or hexadecimal.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::error::ExternProblem;
use super::externs::{ConfigForm, ConfigValue, Sign};

/// The modelled kernel's configuration: Debian's 6.12.117 for x86-64, the lines that set something,
/// as the block of LZ4 that follows the length.
const COMPRESSED: &[u8] = include_bytes!("config-6.12.lz4");

/// A kernel's configuration.
#[derive(Clone, Debug, Default)]
pub struct Kconfig {
    values: HashMap<Arc<str>, Arc<str>>,
}

impl Kconfig {
    /// Reads the text of a configuration; lines that set nothing are passed over.
    pub fn parse(text: &str) -> Kconfig {
        let mut values = HashMap::new();
        for line in text.lines() {
            if let Some((name, value)) = line.split_once('=')
                && name.starts_with("CONFIG_")
            {
                values.entry(name.into()).or_insert_with(|| value.into());
            }
        }
        Kconfig { values }
    }

    /// The configuration of the modelled kernel.
    pub fn kernel_6_12() -> &'static Kconfig {
        static KERNEL: OnceLock<Kconfig> = OnceLock::new();
        KERNEL.get_or_init(|| Kconfig::parse(&Kconfig::text_6_12()))
    }

    /// The text of the configuration of the modelled kernel.
    pub fn text_6_12() -> String {
        let bytes = lz4_flex::block::decompress_size_prepended(COMPRESSED)
            .expect("the file is part of the program, and a test reads it");
        String::from_utf8(bytes).expect("the file is part of the program, and a test reads it")
    }

    /// What a name (`CONFIG_HZ`) is set to, as written.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(AsRef::as_ref)
    }
}

/// Writes a configured value, as the configuration has it, to its place.
pub(super) fn write(
    text: &str,
    value: &ConfigValue,
    place: &mut [u8],
) -> Result<(), ExternProblem> {
    match text.as_bytes().first() {
        None => Err(bad(text, "a value")),
        Some(&letter @ (b'y' | b'n' | b'm')) => write_letter(letter, value, place),
        Some(b'"') => write_text(text, value, place),
        Some(_) => {
            let number = parse_number(text).ok_or_else(|| bad(text, "a number"))?;
            write_number(number, value, place)
        }
    }
}

fn write_letter(letter: u8, value: &ConfigValue, place: &mut [u8]) -> Result<(), ExternProblem> {
    let text = || char::from(letter).to_string();
    let bytes = match (value.form, letter) {
        (ConfigForm::Bool, b'm') => return Err(bad(&text(), "a tristate or char variable")),
        (ConfigForm::Bool, _) => u32::from(letter == b'y'),
        // The numbers of `enum libbpf_tristate`.
        (ConfigForm::Tristate, b'y') => 1,
        (ConfigForm::Tristate, b'm') => 2,
        (ConfigForm::Tristate, _) => 0,
        (ConfigForm::Char(_), _) => u32::from(letter),
        (ConfigForm::Int(_) | ConfigForm::Text, _) => {
            return Err(bad(&text(), "a bool, tristate or char variable"));
        }
    };
    copy(&bytes.to_le_bytes(), place);
    Ok(())
}

fn write_text(text: &str, value: &ConfigValue, place: &mut [u8]) -> Result<(), ExternProblem> {
    if value.form != ConfigForm::Text {
        return Err(bad(text, "a variable of type char array"));
    }
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.ok_or_else(|| bad(text, "a closing quote"))?;
    let room = place.len().saturating_sub(1);
    copy(
        inner.as_bytes().get(..room).unwrap_or(inner.as_bytes()),
        place,
    );
    Ok(())
}

/// Writes a number to its place.
pub(super) fn write_number(
    number: u64,
    value: &ConfigValue,
    place: &mut [u8],
) -> Result<(), ExternProblem> {
    let text = || number.to_string();
    let sign = match value.form {
        ConfigForm::Char(sign) | ConfigForm::Int(sign) => sign,
        ConfigForm::Bool if number > 1 => return Err(bad(&text(), "0 or 1 for a bool variable")),
        ConfigForm::Bool => Sign::Unsigned,
        ConfigForm::Tristate | ConfigForm::Text => {
            return Err(bad(&text(), "a char, integer or bool variable"));
        }
    };
    if !fits(number, value.size, sign) {
        let (value, size) = (text(), value.size);
        return Err(ExternProblem::ValueTooLarge { value, size });
    }
    copy(&number.to_le_bytes(), place);
    Ok(())
}

/// Whether a number, negative ones as two's complement, fits so many bytes.
fn fits(number: u64, size: u32, sign: Sign) -> bool {
    let bits = size.saturating_mul(8);
    let shifted = match sign {
        _ if bits >= u64::BITS => return true,
        Sign::Unsigned => number,
        Sign::Signed => number.wrapping_add(1 << (bits - 1)),
    };
    shifted >> bits == 0
}

/// A number as C writes it, the sign included.
fn parse_number(text: &str) -> Option<u64> {
    let (digits, negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let hexadecimal = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let number = match (hexadecimal, digits.strip_prefix('0')) {
        (Some(digits), _) => u64::from_str_radix(digits, 16),
        (None, Some(digits)) if !digits.is_empty() => u64::from_str_radix(digits, 8),
        (None, _) => digits.parse(),
    };
    let number = number.ok()?;
    Some(if negative {
        number.wrapping_neg()
    } else {
        number
    })
}

/// Copies as many bytes as there is room for.
fn copy(bytes: &[u8], place: &mut [u8]) {
    for (to, from) in place.iter_mut().zip(bytes) {
        *to = *from;
    }
}

fn bad(value: &str, want: &'static str) -> ExternProblem {
    ExternProblem::Value {
        value: value.to_owned(),
        want,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(form: ConfigForm, size: u32) -> ConfigValue {
        ConfigValue::new(form, size)
    }

    fn written(text: &str, form: ConfigForm, size: u32) -> Result<Vec<u8>, ExternProblem> {
        let mut place = vec![0; size as usize];
        write(text, &value(form, size), &mut place).map(|()| place)
    }

    #[test]
    fn kernel_6_12_has_the_values_of_debian() {
        let kernel = Kconfig::kernel_6_12();
        assert_eq!(kernel.value("CONFIG_HZ"), Some("250"));
        assert_eq!(kernel.value("CONFIG_BPF_SYSCALL"), Some("y"));
        assert_eq!(kernel.value("CONFIG_NOT_THERE"), None);
    }

    #[test]
    fn parse_with_a_name_set_twice_keeps_the_first() {
        let config = Kconfig::parse("# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_B=n\nC=1\n");
        assert_eq!(config.value("CONFIG_B"), Some("y"));
        assert_eq!(config.value("CONFIG_A"), None);
        assert_eq!(config.value("C"), None);
    }

    #[test]
    fn write_of_letters_follows_the_variable() {
        assert_eq!(written("y", ConfigForm::Bool, 1), Ok(vec![1]));
        assert!(written("m", ConfigForm::Bool, 1).is_err());
        assert_eq!(written("m", ConfigForm::Tristate, 4), Ok(vec![2, 0, 0, 0]));
        assert_eq!(
            written("y", ConfigForm::Char(Sign::Signed), 1),
            Ok(vec![b'y'])
        );
        assert!(written("y", ConfigForm::Int(Sign::Signed), 4).is_err());
    }

    #[test]
    fn write_of_numbers_checks_the_range() {
        let signed = |text| written(text, ConfigForm::Int(Sign::Signed), 2);
        let unsigned = |text| written(text, ConfigForm::Int(Sign::Unsigned), 2);
        assert_eq!(signed("-32768"), Ok(vec![0, 0x80]));
        assert!(signed("32768").is_err());
        assert_eq!(unsigned("0xffff"), Ok(vec![0xff, 0xff]));
        assert!(unsigned("0x10000").is_err());
        assert!(unsigned("-1").is_err());
        assert_eq!(
            written("-1", ConfigForm::Int(Sign::Unsigned), 8),
            Ok(vec![0xff; 8])
        );
        assert!(unsigned("12abc").is_err());
        assert_eq!(unsigned("017"), Ok(vec![15, 0]));
    }

    #[test]
    fn write_of_text_cuts_what_does_not_fit() {
        assert_eq!(
            written("\"abc\"", ConfigForm::Text, 3),
            Ok(vec![b'a', b'b', 0])
        );
        assert_eq!(written("\"\"", ConfigForm::Text, 2), Ok(vec![0, 0]));
        assert!(written("\"abc", ConfigForm::Text, 8).is_err());
        assert!(written("\"abc\"", ConfigForm::Int(Sign::Signed), 4).is_err());
    }
}
