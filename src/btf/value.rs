//! Bytes and their type to a tree of values, and to text.
//!
//! The tree is neutral: text comes from its [`Display`](std::fmt::Display), JSON or tables are for
//! others to make. Rules:
//! - Nothing outside of the bytes is read; what would lie there is [`Value::Missing`].
//! - Members of anonymous structures and unions stand among those of the structure around them.
//! - The tree is never larger than a few times the bytes, whatever the type says.

use std::fmt;

use super::{Btf, BtfId, Encoding, Enum, List, MAX_DEPTH, Member, SecEntry, Type};

/// A value by its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An integer; also a single character.
    Int(i128),
    /// An unsigned integer of 128 bits that no [`Value::Int`] holds.
    Wide(u128),
    /// A truth value.
    Bool(bool),
    /// A floating-point number.
    Float(f64),
    /// A value of an enumeration, by name if it has one.
    Enum {
        /// The name.
        name: Option<String>,
        /// The number.
        value: i128,
    },
    /// An address.
    Pointer(u64),
    /// A character array with a NUL, up to it.
    Str(String),
    /// Bytes that are no text.
    Bytes(Vec<u8>),
    /// Elements in order.
    Array(Vec<Value>),
    /// Members of a structure or union, or variables of a section, by name and in order.
    Struct(Vec<(String, Value)>),
    /// Bytes that are not there.
    Missing,
}

/// Reads a value of the type from the start of the bytes.
pub fn value(btf: &Btf, id: BtfId, bytes: &[u8]) -> Value {
    if btf.size_of(id).is_none() {
        return Value::Bytes(bytes.to_vec());
    }
    let mut reader = Reader {
        btf,
        bytes,
        fuel: bytes.len().saturating_mul(16).saturating_add(4096),
    };
    reader.read(
        Slot {
            id,
            bit_offset: 0,
            bitfield_size: None,
        },
        MAX_DEPTH,
    )
}

/// The text of a value of the type at the start of the bytes, on one line.
pub fn format_value(btf: &Btf, id: BtfId, bytes: &[u8]) -> String {
    value(btf, id, bytes).to_string()
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(number) => write!(f, "{number}"),
            Value::Wide(number) => write!(f, "{number:#x}"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Float(number) => write!(f, "{number:?}"),
            Value::Enum {
                name: Some(name), ..
            } => f.write_str(name),
            Value::Enum { name: None, value } => write!(f, "{value}"),
            Value::Pointer(address) => write!(f, "{address:#x}"),
            Value::Str(text) => quote(f, text),
            Value::Bytes(bytes) => list(f, '[', bytes, |f, byte| write!(f, "{byte:#04x}"), ']'),
            Value::Array(values) => list(f, '[', values, |f, value| value.fmt(f), ']'),
            Value::Struct(members) => list(
                f,
                '{',
                members,
                |f, (name, value)| write!(f, ".{name} = {value}"),
                '}',
            ),
            Value::Missing => f.write_str("<missing>"),
        }
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    open: char,
    items: &[T],
    each: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
    close: char,
) -> fmt::Result {
    write!(f, "{open}")?;
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            f.write_str(", ")?;
        }
        each(f, item)?;
    }
    write!(f, "{close}")
}

/// Text as a C string literal.
fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

/// A place in the bytes and what is there.
#[derive(Clone, Copy)]
struct Slot {
    id: BtfId,
    bit_offset: u64,
    bitfield_size: Option<u32>,
}

struct Reader<'a> {
    btf: &'a Btf,
    bytes: &'a [u8],
    /// How many more values may be made.
    fuel: usize,
}

impl<'a> Reader<'a> {
    fn read(&mut self, slot: Slot, depth: usize) -> Value {
        let (Some(depth), 1..) = (depth.checked_sub(1), self.fuel) else {
            return Value::Missing;
        };
        self.charge(1);
        let at = slot.bit_offset;
        match self.btf.resolved(slot.id) {
            Type::Int {
                bits,
                offset,
                encoding,
                ..
            } => {
                let bits = slot.bitfield_size.unwrap_or(u32::from(bits));
                self.int(at.saturating_add(u64::from(offset)), bits, encoding)
            }
            Type::Enum(enumeration) | Type::Enum64(enumeration) => {
                self.enumeration(slot, enumeration)
            }
            Type::Ptr { .. } => match read_bits(self.bytes, at, 64) {
                Some(address) => Value::Pointer(address as u64),
                None => Value::Missing,
            },
            Type::Float { size, .. } => self.float(at, size),
            Type::Array { elem, count, .. } => self.array(at, elem, count, depth),
            Type::Struct(composite) | Type::Union(composite) => {
                let mut members = Vec::new();
                self.members(at, composite.members, &mut members, depth);
                Value::Struct(members)
            }
            Type::Var { ty, .. } => self.read(Slot { id: ty, ..slot }, depth),
            Type::Datasec { entries, .. } => self.variables(at, entries, depth),
            _ => Value::Missing,
        }
    }

    fn charge(&mut self, amount: usize) {
        self.fuel = self.fuel.saturating_sub(amount);
    }

    /// A copy of a name, which costs as much as it is unusually long.
    fn name(&mut self, name: &str) -> String {
        self.charge(name.len() / 16);
        name.to_owned()
    }

    fn int(&self, at: u64, bits: u32, encoding: Encoding) -> Value {
        let Some(raw) = read_bits(self.bytes, at, bits) else {
            return Value::Missing;
        };
        match encoding {
            Encoding::Bool => Value::Bool(raw != 0),
            Encoding::Signed => Value::Int(sign_extend(raw, bits)),
            Encoding::Unsigned | Encoding::Char => {
                i128::try_from(raw).map_or(Value::Wide(raw), Value::Int)
            }
        }
    }

    fn enumeration(&mut self, slot: Slot, enumeration: Enum<'_>) -> Value {
        let bits = slot
            .bitfield_size
            .unwrap_or(enumeration.size.saturating_mul(8));
        let Some(raw) = read_bits(self.bytes, slot.bit_offset, bits.min(128)) else {
            return Value::Missing;
        };
        let value = match enumeration.signed {
            true => sign_extend(raw, bits),
            false => raw.cast_signed(),
        };
        let entry = enumeration.values.iter().find(|entry| entry.value == value);
        Value::Enum {
            name: entry.map(|entry| self.name(entry.name)),
            value,
        }
    }

    fn float(&self, at: u64, size: u32) -> Value {
        let raw = read_bits(self.bytes, at, size.saturating_mul(8).min(128));
        match (size, raw) {
            (_, None) => Value::Missing,
            (4, Some(raw)) => Value::Float(f64::from(f32::from_bits(raw as u32))),
            (8, Some(raw)) => Value::Float(f64::from_bits(raw as u64)),
            (_, Some(raw)) => Value::Wide(raw),
        }
    }

    fn array(&mut self, at: u64, elem: BtfId, count: u32, depth: usize) -> Value {
        let Some(size) = self.btf.size_of(elem).filter(|&size| size > 0) else {
            return Value::Array(Vec::new());
        };
        if let Some(text) = self.byte_array(at, elem, count) {
            return text;
        }
        let mut values = Vec::new();
        for index in 0..u64::from(count) {
            let bit_offset = size
                .saturating_mul(8)
                .saturating_mul(index)
                .saturating_add(at);
            if bit_offset >= self.end() || self.fuel == 0 {
                values.push(Value::Missing);
                break;
            }
            values.push(self.read(
                Slot {
                    id: elem,
                    bit_offset,
                    bitfield_size: None,
                },
                depth,
            ));
        }
        Value::Array(values)
    }

    /// An array of characters or unsigned bytes that is wholly there.
    fn byte_array(&mut self, at: u64, elem: BtfId, count: u32) -> Option<Value> {
        let Type::Int {
            name,
            size: 1,
            bits: 8,
            encoding,
            ..
        } = self.btf.resolved(elem)
        else {
            return None;
        };
        let start = usize::try_from(at / 8)
            .ok()
            .filter(|_| at.is_multiple_of(8))?;
        let bytes = self.bytes.get(start..start.checked_add(count as usize)?)?;
        self.charge(bytes.len());
        let text = match (name == "char", encoding) {
            (true, _) | (_, Encoding::Char) => text(bytes),
            (false, Encoding::Unsigned) => None,
            (false, Encoding::Signed | Encoding::Bool) => return None,
        };
        Some(text.map_or_else(|| Value::Bytes(bytes.to_vec()), Value::Str))
    }

    fn members(
        &mut self,
        at: u64,
        members: List<'a, Member<'a>>,
        out: &mut Vec<(String, Value)>,
        depth: usize,
    ) {
        for member in members.iter() {
            let (Some(depth), 1..) = (depth.checked_sub(1), self.fuel) else {
                return;
            };
            let bit_offset = at.saturating_add(u64::from(member.bit_offset));
            if !member.name.is_empty() {
                let slot = Slot {
                    id: member.ty,
                    bit_offset,
                    bitfield_size: member.bitfield_size,
                };
                let value = self.read(slot, depth);
                out.push((self.name(member.name), value));
            } else if let Some(inner) = self.btf.resolved(member.ty).composite() {
                self.charge(1);
                self.members(bit_offset, inner.members, out, depth);
            }
        }
    }

    fn variables(&mut self, at: u64, entries: List<'a, SecEntry>, depth: usize) -> Value {
        let mut variables = Vec::new();
        for entry in entries.iter() {
            if self.fuel == 0 {
                break;
            }
            let name = self.name(self.btf.ty(entry.var).name());
            let bit_offset = at.saturating_add(u64::from(entry.offset) * 8);
            let slot = Slot {
                id: entry.var,
                bit_offset,
                bitfield_size: None,
            };
            variables.push((name, self.read(slot, depth)));
        }
        Value::Struct(variables)
    }

    /// How many bits there are.
    fn end(&self) -> u64 {
        (self.bytes.len() as u64).saturating_mul(8)
    }
}

/// Up to 128 bits from a bit on, as a number, if they are there.
pub fn read_bits(bytes: &[u8], at: u64, bits: u32) -> Option<u128> {
    let bits = bits.min(128);
    let (start, shift) = (usize::try_from(at / 8).ok()?, (at % 8) as u32);
    let len = (shift + bits).div_ceil(8) as usize;
    let bytes = bytes.get(start..start.checked_add(len)?)?;
    let mut low = [0; 16];
    let (head, rest) = bytes.split_at_checked(16).unwrap_or((bytes, &[]));
    low.get_mut(..head.len())?.copy_from_slice(head);
    let mut raw = u128::from_le_bytes(low) >> shift;
    if let Some(&byte) = rest.first() {
        raw |= u128::from(byte) << (128 - shift);
    }
    Some(if bits == 128 {
        raw
    } else {
        raw & ((1 << bits) - 1)
    })
}

fn sign_extend(raw: u128, bits: u32) -> i128 {
    match bits {
        1..=127 => (raw << (128 - bits)).cast_signed() >> (128 - bits),
        _ => raw.cast_signed(),
    }
}

/// The text in a character array: what is before its first NUL, if that can be printed. What is
/// behind the NUL is left over and does not count, unless there is nothing before it.
fn text(bytes: &[u8]) -> Option<String> {
    let nul = bytes.iter().position(|&byte| byte == 0)?;
    if nul == 0 && bytes.iter().any(|&byte| byte != 0) {
        return None;
    }
    let text = std::str::from_utf8(bytes.get(..nul)?).ok()?;
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(printable).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{Builder, id, types};
    use super::super::{Kind, KindFilter};
    use super::*;

    fn text(name: &str, bytes: &[u8]) -> String {
        let btf = types();
        format_value(&btf, id(&btf, name), bytes)
    }

    #[test]
    fn struct_prints_as_a_c_initialiser() {
        let bytes = *b"eth0\0xyz\x02\0\0\0\0\x01\xea\x01";
        assert_eq!(
            text("inner", &bytes),
            "{.name = \"eth0\", .mac = [0x02, 0x00, 0x00, 0x00, 0x00, 0x01], .flags = 2, .delta = -3, .on = true}"
        );
    }

    #[test]
    fn bytes_that_end_early_are_missing() {
        assert_eq!(
            text("inner", b"eth0\0xyz\x02\0\0\0\0\x01"),
            "{.name = \"eth0\", .mac = [0x02, 0x00, 0x00, 0x00, 0x00, 0x01], .flags = <missing>, \
             .delta = <missing>, .on = <missing>}"
        );
        assert_eq!(text("int", &[1, 2, 3]), "<missing>");
        assert_eq!(text("int", &[]), "<missing>");
        let btf = types();
        assert_eq!(
            format_value(&btf, BtfId(44), &[1, 0, 0, 0, 2, 0]),
            "[1, <missing>, <missing>]"
        );
    }

    #[test]
    fn nested_values_flatten_anonymous_members() {
        let mut bytes = [0; 144];
        bytes[0] = 9;
        bytes[8..12].copy_from_slice(&(-1_i32).to_le_bytes());
        bytes[16..20].copy_from_slice(&7_u32.to_le_bytes());
        bytes[72..76].copy_from_slice(&(-3_i32).to_le_bytes());
        bytes[80..88].copy_from_slice(&(1_u64 << 32).to_le_bytes());
        bytes[88..96].copy_from_slice(&0xffff_8000_0000_0000_u64.to_le_bytes());
        bytes[108] = 4;
        let inner = "{.name = \"\", .mac = [0x00, 0x00, 0x00, 0x00, 0x00, 0x00], .flags = 0, .delta = 0, .on = false}";
        let expected = format!(
            "{{.id = 9, .x = -1, .y = 7, .link = 0x7, .parts = [{inner}, {inner}, {inner}], .color = BLUE, .wide = BIG, \
             .text = 0xffff800000000000, .callback = 0x0, .matrix = [[0, 4, 0], [0, 0, 0]], \
             .later = 0x0, .other = 0x0, .tail = []}}"
        );
        assert_eq!(text("outer", &bytes), expected);
    }

    #[test]
    fn scalars_print_by_their_type() {
        assert_eq!(text("int", &[0xff; 4]), "-1");
        assert_eq!(text("u32", &[0xff; 4]), "4294967295");
        assert_eq!(text("color", &9_u32.to_le_bytes()), "9");
        assert_eq!(text("ratio", &1.5_f32.to_le_bytes()), "1.5");
        assert_eq!(text("pointer", &[0xff; 8]), "0xffffffffffffffff");
        assert_eq!(text("limit", &[7, 0, 0, 0]), "7");
        assert_eq!(text("later", &[7, 0]), "[0x07, 0x00]");
        let wide = Builder::new()
            .record("u128", Kind::Int, 0, 16, &[128])
            .build();
        assert_eq!(value(&wide, BtfId(1), &[0xff; 16]), Value::Wide(u128::MAX));
        assert_eq!(
            value(&wide, BtfId(1), &[1; 16]),
            Value::Int(0x0101_0101_0101_0101_0101_0101_0101_0101)
        );
    }

    #[test]
    fn sections_print_their_variables() {
        let btf = types();
        let section = btf.find(".rodata", KindFilter::DATASEC).expect("a section");
        assert_eq!(format_value(&btf, section, &[7, 0, 0, 0]), "{.limit = 7}");
    }

    #[test]
    fn character_arrays_are_text_only_with_a_nul() {
        let chars = |bytes: &[u8; 4]| text("gpl", bytes);
        assert_eq!(chars(b"GPL\0"), "\"GPL\"");
        assert_eq!(chars(b"a\"\\\0"), "\"a\\\"\\\\\"");
        assert_eq!(chars(b"\0\0\0\0"), "\"\"");
        assert_eq!(chars(b"GPLv"), "[0x47, 0x50, 0x4c, 0x76]");
        assert_eq!(chars(b"\0abc"), "[0x00, 0x61, 0x62, 0x63]");
        assert_eq!(chars(b"\x01b\0\0"), "[0x01, 0x62, 0x00, 0x00]");
        assert_eq!(chars(b"a\nb\0"), "\"a\\nb\"");
    }

    #[test]
    fn bits_across_17_bytes_are_read() {
        let bytes: Vec<u8> = (1..=17).collect();
        let expected =
            (u128::from_le_bytes(std::array::from_fn(|i| i as u8 + 1)) >> 4) | (17 << 124);
        assert_eq!(read_bits(&bytes, 4, 128), Some(expected));
        assert_eq!(read_bits(&bytes, 9, 128), None);
        assert_eq!(read_bits(&bytes, 131, 3), Some(2));
        assert_eq!(read_bits(&bytes, u64::MAX, 1), None);
    }

    #[test]
    fn types_that_multiply_stay_small() {
        let mut builder = Builder::new();
        builder.record("char", Kind::Int, 0, 1, &[8]);
        let name = builder.text("m");
        let mut below = 1;
        for depth in 0..8 {
            let tail: Vec<u32> = (0..100).flat_map(|_| [name, below, 0]).collect();
            builder.record("s", Kind::Struct, 100, 1, &tail);
            below = 2 + depth;
        }
        let text = format_value(&builder.build(), BtfId(below), &[1; 8]);
        assert!(text.len() < 200_000, "{}", text.len());
    }
}
