//! Scalars as the verifier's log prints them (Linux 6.12, `kernel/bpf/log.c`).
//!
//! Only the numbers: the register's name, `id=` and the like are the caller's, which prints them first
//! and hands over the separator that is due.
//!
//! Rules:
//! - A known number is printed alone, signed.
//! - Parts that say nothing are left out; equal parts of the same kind (minima, maxima) that agree in
//!   being negative or not are printed once, as `smin=umin=5`.
//! - Numbers beyond 16 bits are hexadecimal.

use super::Scalar;
use std::fmt;

/// A signed number as the log has it: decimal within 16 bits, else hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed(pub i64);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match i16::try_from(self.0) {
            Ok(small) => write!(f, "{small}"),
            Err(_) => write!(f, "{:#x}", self.0),
        }
    }
}

/// An unsigned number as the log has it: decimal within 16 bits, else hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsigned(pub u64);

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u16::try_from(self.0) {
            Ok(small) => write!(f, "{small}"),
            Err(_) => write!(f, "{:#x}", self.0),
        }
    }
}

/// One end of one range.
struct End {
    name: &'static str,
    number: u64,
    is_signed: bool,
    is_omitted: bool,
}

impl End {
    fn signed(name: &'static str, number: i64, limit: i64) -> End {
        End {
            name,
            number: number as u64,
            is_signed: true,
            is_omitted: number == limit,
        }
    }

    /// A 32-bit end in the form in which the kernel compares and prints it: a big negative one as
    /// its 32 bits.
    fn signed_32(name: &'static str, number: i32, limit: i32) -> End {
        let shown = match i16::try_from(number) {
            Ok(small) => i64::from(small) as u64,
            Err(_) => u64::from(number as u32),
        };
        End {
            name,
            number: shown,
            is_signed: true,
            is_omitted: number == limit,
        }
    }

    fn unsigned(name: &'static str, number: u64, limit: u64) -> End {
        End {
            name,
            number,
            is_signed: false,
            is_omitted: number == limit,
        }
    }

    fn is_negative(&self) -> bool {
        self.is_signed && (self.number as i64) < 0
    }

    /// Whether both may be printed as one.
    fn agrees(&self, other: &End) -> bool {
        !other.is_omitted
            && self.number == other.number
            && self.is_negative() == other.is_negative()
    }
}

impl Scalar {
    /// Writes what stands within the parentheses of a register: the ranges and the bits, or the known
    /// number of a pointer's offset as `imm=`. `separator` is written before the first
    /// part, and is `","` afterwards if there was one.
    pub fn write_parts(
        &self,
        out: &mut dyn fmt::Write,
        separator: &mut &'static str,
    ) -> fmt::Result {
        if let Some(number) = self.const_value() {
            return match number {
                0 => Ok(()),
                _ => write!(
                    out,
                    "{}imm={}",
                    std::mem::replace(separator, ","),
                    Signed(number as i64)
                ),
            };
        }
        self.write_ranges(out, separator)?;
        if self.tnum.is_unknown() {
            return Ok(());
        }
        write!(
            out,
            "{}var_off={}",
            std::mem::replace(separator, ","),
            self.tnum
        )
    }

    fn write_ranges(&self, out: &mut dyn fmt::Write, separator: &mut &'static str) -> fmt::Result {
        let mut ends = self.ends();
        let mut rest = ends.as_mut_slice();
        while let [end, others @ ..] = rest {
            if !end.is_omitted {
                write!(out, "{}{}=", std::mem::replace(separator, ","), end.name)?;
                // Minima and maxima alternate.
                for twin in others.iter_mut().skip(1).step_by(2) {
                    if end.agrees(twin) {
                        twin.is_omitted = true;
                        write!(out, "{}=", twin.name)?;
                    }
                }
                match end.is_signed {
                    true => write!(out, "{}", Signed(end.number as i64))?,
                    false => write!(out, "{}", Unsigned(end.number))?,
                }
            }
            rest = others;
        }
        Ok(())
    }

    /// The eight ends in the order of the log; one at its limit says nothing.
    fn ends(&self) -> [End; 8] {
        [
            End::signed("smin", self.smin, i64::MIN),
            End::signed("smax", self.smax, i64::MAX),
            End::unsigned("umin", self.umin, 0),
            End::unsigned("umax", self.umax, u64::MAX),
            End::signed_32("smin32", self.s32_min, i32::MIN),
            End::signed_32("smax32", self.s32_max, i32::MAX),
            End::unsigned("umin32", self.u32_min.into(), 0),
            End::unsigned("umax32", self.u32_max.into(), u32::MAX.into()),
        ]
    }
}

/// As a register without an id: `5`, `scalar()`, `scalar(smin=0,...)`.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.const_value() {
            return Signed(number as i64).fmt(f);
        }
        f.write_str("scalar(")?;
        self.write_parts(f, &mut "")?;
        f.write_str(")")
    }
}
