//! Values for global variables, written into the contents of the maps that they lie in; and for members
//! of structures of functions (`.struct_ops`), which are maps.
//!
//! Rules: a path names a variable, then members and elements of it. The value of a function in a structure of
//! functions is a program of the object, or 0 for none; other pointers have no values. Else what it ends at must be a number
//! (an integer, a truth value, a character, an enumeration or a bit-field of one of them) or an array of
//! characters, whose value is a text that ends with a zero. A value that does not fit is refused.

use crate::btf::{Btf, BtfId, Encoding, Type};

use super::error::{ObjectError, VariableProblem};
use super::struct_ops::{self, StructOps};
use super::{Assignment, Global, Initial, MapSpec, Object};

/// Writes a value into the map of its variable.
pub(super) fn assign(
    maps: &mut [MapSpec],
    object: &Object,
    assignment: &Assignment,
) -> Result<(), ObjectError> {
    let Assignment { path, value } = assignment;
    write(maps, object, path, value).map_err(|problem| ObjectError::Variable {
        path: path.clone(),
        problem,
    })
}

fn write(
    maps: &mut [MapSpec],
    object: &Object,
    path: &str,
    value: &str,
) -> Result<(), VariableProblem> {
    let btf = object.btf.as_deref();
    let (variable, rest) = find(maps, &object.globals, path).ok_or(VariableProblem::Unknown)?;
    let field = match (variable.ty, btf) {
        (Some(ty), Some(btf)) => Field::of(btf, ty).follow(btf, rest)?,
        _ if rest.is_empty() => Field::untyped(variable.size)?,
        _ => return Err(VariableProblem::NoTypes),
    };
    if let Some(btf) = btf
        && let Some(Initial::StructOps(table)) =
            maps.get_mut(variable.map).map(|map| &mut map.initial)
        && let Some(member) = struct_ops::function_at(btf, table.ty, field.bit)
        && field.ty.is_some_and(|ty| struct_ops::is_function(btf, ty))
    {
        return write_function(table, member, object, value);
    }
    let start = u64::from(variable.offset) * 8 + field.bit;
    let text_size = btf.and_then(|btf| field.text_size(btf));
    let bytes = maps.get_mut(variable.map).and_then(contents);
    let Some(bytes) = bytes else { return Ok(()) };
    match text_size {
        Some(size) => {
            for (byte, start) in text(value, size)?.into_iter().zip((start..).step_by(8)) {
                set_bits(bytes, start, 8, i128::from(byte));
            }
        }
        None => set_bits(bytes, start, field.bits, field.number(btf, value)?),
    }
    Ok(())
}

/// Has another program stand in for a function of a structure, or, for 0, none.
fn write_function(
    table: &mut StructOps,
    member: u32,
    object: &Object,
    value: &str,
) -> Result<(), VariableProblem> {
    let is_none = matches!(value, "0" | "NULL");
    if !is_none && !object.code.has_program(value) {
        return Err(VariableProblem::NoProgram {
            name: value.to_owned(),
        });
    }
    table.members.retain(|(index, _)| *index != member);
    if !is_none {
        table.members.push((member, value.to_owned()));
    }
    Ok(())
}

/// What a path can start with.
struct Variable {
    /// The map that it lies in.
    map: usize,
    /// Where in the map's value.
    offset: u32,
    size: u32,
    ty: Option<BtfId>,
}

impl Variable {
    fn global(global: &Global) -> Variable {
        Variable {
            map: global.map as usize,
            offset: global.offset,
            size: global.size,
            ty: global.ty,
        }
    }

    /// The structure of functions that is the value of a map.
    fn table(map: usize, spec: &MapSpec) -> Option<Variable> {
        let Initial::StructOps(table) = &spec.initial else {
            return None;
        };
        Some(Variable {
            map,
            offset: 0,
            size: u32::try_from(table.data.len()).unwrap_or(u32::MAX),
            ty: Some(table.ty),
        })
    }
}

/// The variable that a path starts with, and the rest of the path. Static variables of functions
/// have a dot in their names, so the longest name counts.
fn find<'a>(maps: &[MapSpec], globals: &[Global], path: &'a str) -> Option<(Variable, &'a str)> {
    let rest = |name: &str| {
        let rest = path.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
    };
    let globals = globals.iter().filter_map(|global| {
        let rest = rest(&global.name)?;
        Some((Variable::global(global), rest))
    });
    let tables = (0..).zip(maps).filter_map(|(map, spec)| {
        let rest = rest(&spec.name)?;
        Some((Variable::table(map, spec)?, rest))
    });
    // The longest name leaves the shortest rest.
    globals.chain(tables).min_by_key(|(_, rest)| rest.len())
}

/// A place in a variable.
#[derive(Clone, Copy)]
struct Field {
    /// Where it starts.
    bit: u64,
    /// How many bits it has.
    bits: u32,
    /// Its type, if there are types.
    ty: Option<BtfId>,
}

impl Field {
    fn of(btf: &Btf, ty: BtfId) -> Field {
        let size = btf.size_of(ty).and_then(|size| u32::try_from(size).ok());
        Field {
            bit: 0,
            bits: size.unwrap_or(0).saturating_mul(8),
            ty: Some(ty),
        }
    }

    fn untyped(size: u32) -> Result<Field, VariableProblem> {
        match size {
            1 | 2 | 4 | 8 => Ok(Field {
                bit: 0,
                bits: size * 8,
                ty: None,
            }),
            _ => Err(VariableProblem::NoTypes),
        }
    }

    /// Goes on along `.member` and `[index]`.
    fn follow(self, btf: &Btf, path: &str) -> Result<Field, VariableProblem> {
        let mut field = self;
        let mut rest = path;
        while !rest.is_empty() {
            let ty = field.ty.unwrap_or(BtfId::VOID);
            let no_part = |part: String| VariableProblem::NoPart {
                part,
                ty: btf.type_name(ty),
            };
            let (next, after) = if let Some(name) = rest.strip_prefix('.') {
                let end = name.find(['.', '[']).unwrap_or(name.len());
                let (name, after) = name.split_at(end);
                let member = btf.member(ty, name);
                let (bit, member) = member.ok_or_else(|| no_part(format!("member `{name}`")))?;
                let inner = Field::of(btf, member.ty);
                let bits = member.bitfield_size.unwrap_or(inner.bits);
                (Field { bit, bits, ..inner }, after)
            } else {
                let inside = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
                let inside = inside
                    .and_then(|(index, after)| Some((parse_index(btf, index.trim())?, after)));
                let (index, after) = inside.ok_or_else(|| VariableProblem::Path {
                    rest: rest.to_owned(),
                })?;
                let element = element(btf, ty, index);
                (
                    element.ok_or_else(|| no_part(format!("element {index}")))?,
                    after,
                )
            };
            field = Field {
                bit: field.bit.saturating_add(next.bit),
                ..next
            };
            rest = after;
        }
        Ok(field)
    }

    /// How many characters it has, if it is an array of them.
    fn text_size(&self, btf: &Btf) -> Option<usize> {
        let Type::Array { elem, count, .. } = btf.resolved(self.ty?) else {
            return None;
        };
        let is_char = match btf.resolved(elem) {
            Type::Int { size, encoding, .. } => size == 1 && encoding != Encoding::Bool,
            _ => false,
        };
        is_char.then_some(count as usize)
    }

    /// The value as a number that fits.
    fn number(&self, btf: Option<&Btf>, value: &str) -> Result<i128, VariableProblem> {
        let bad = || VariableProblem::Value {
            value: value.to_owned(),
        };
        let Some((ty, btf)) = self.ty.zip(btf) else {
            let number = parse_number(value).ok_or_else(bad)?;
            return self.fitting(number, [Sign::Signed, Sign::Unsigned]);
        };
        let resolved = btf.resolved(ty);
        if let Some(enumeration) = resolved.enumeration() {
            let named = enumeration.values.iter().find(|known| known.name == value);
            let number = named
                .map(|known| known.value)
                .or_else(|| parse_number(value));
            let sign = if enumeration.signed {
                Sign::Signed
            } else {
                Sign::Unsigned
            };
            return self.fitting(number.ok_or_else(bad)?, [sign, sign]);
        }
        match resolved {
            Type::Int {
                encoding: Encoding::Bool,
                ..
            } => match value {
                "true" | "1" => Ok(1),
                "false" | "0" => Ok(0),
                _ => Err(bad()),
            },
            Type::Int { encoding, .. } => {
                let number = parse_number(value)
                    .or_else(|| parse_char(value))
                    .ok_or_else(bad)?;
                let signs = match encoding {
                    Encoding::Signed => [Sign::Signed; 2],
                    Encoding::Char => [Sign::Signed, Sign::Unsigned],
                    Encoding::Unsigned | Encoding::Bool => [Sign::Unsigned; 2],
                };
                self.fitting(number, signs)
            }
            _ => Err(VariableProblem::NoNumber {
                ty: btf.type_name(ty),
            }),
        }
    }

    fn fitting(&self, number: i128, signs: [Sign; 2]) -> Result<i128, VariableProblem> {
        let fits = |sign: &Sign| match sign {
            Sign::Signed => {
                let most = i128::MAX >> (128 - self.bits.clamp(1, 128));
                (-most - 1..=most).contains(&number)
            }
            Sign::Unsigned => {
                let most = i128::MAX >> (127 - self.bits.min(127));
                (0..=most).contains(&number)
            }
        };
        match signs.iter().any(fits) {
            true => Ok(number),
            false => Err(VariableProblem::TooLarge {
                number: number.to_string(),
                bits: self.bits,
            }),
        }
    }
}

/// Whether a number has a sign.
#[derive(Clone, Copy)]
enum Sign {
    Signed,
    Unsigned,
}

fn element(btf: &Btf, ty: BtfId, index: u32) -> Option<Field> {
    let Type::Array { elem, count, .. } = btf.resolved(ty) else {
        return None;
    };
    let inner = Field::of(btf, elem);
    (index < count).then_some(Field {
        bit: u64::from(index) * u64::from(inner.bits),
        ..inner
    })
}

/// An index: a number, or a name of an enumeration.
fn parse_index(btf: &Btf, text: &str) -> Option<u32> {
    let number = parse_number(text).or_else(|| {
        let enumerations = btf.ids().filter_map(|id| btf.ty(id).enumeration());
        let mut named = enumerations.flat_map(|enumeration| enumeration.values.iter());
        named
            .find(|known| known.name == text)
            .map(|known| known.value)
    });
    number?.try_into().ok()
}

fn parse_number(text: &str) -> Option<i128> {
    let (digits, negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let number = match digits.strip_prefix("0x") {
        Some(digits) if !digits.starts_with(['-', '+']) => i128::from_str_radix(digits, 16).ok()?,
        // As in C, which octal numbers are of.
        None if digits.len() > 1 && digits.starts_with('0') => {
            i128::from_str_radix(digits, 8).ok()?
        }
        None if !digits.starts_with(['-', '+']) => digits.parse().ok()?,
        Some(_) | None => return None,
    };
    Some(if negative { -number } else { number })
}

/// A text, with or without double quotes, and the zeros after it.
fn text(value: &str, size: usize) -> Result<Vec<u8>, VariableProblem> {
    let inner = value
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'));
    let mut text = inner.unwrap_or(value).as_bytes().to_vec();
    if text.len() >= size {
        return Err(VariableProblem::LongText {
            length: text.len(),
            size,
        });
    }
    text.resize(size, 0);
    Ok(text)
}

/// A character in single quotes.
fn parse_char(text: &str) -> Option<i128> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    match inner.as_bytes() {
        [byte] => Some(i128::from(*byte)),
        _ => None,
    }
}

/// What a map holds at load.
fn contents(map: &mut MapSpec) -> Option<&mut Vec<u8>> {
    if map.initial == Initial::Empty {
        map.initial = Initial::Data(Vec::new());
    }
    match &mut map.initial {
        Initial::Data(bytes) => Some(bytes),
        Initial::StructOps(table) => Some(&mut table.data),
        Initial::Empty | Initial::Programs(_) | Initial::Maps(_) => None,
    }
}

/// Sets bits of little-endian bytes, of which there are as many as needed after it.
fn set_bits(bytes: &mut Vec<u8>, start: u64, count: u32, number: i128) {
    for index in 0..count {
        let bit = start + u64::from(index);
        let Ok(byte) = usize::try_from(bit / 8) else {
            return;
        };
        if bytes.len() <= byte {
            bytes.resize(byte + 1, 0);
        }
        if let Some(byte) = bytes.get_mut(byte) {
            let mask = 1 << (bit % 8);
            match (number >> index) & 1 {
                0 => *byte &= !mask,
                _ => *byte |= mask,
            }
        }
    }
}
