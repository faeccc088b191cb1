//! Values of the kernel's types as text, as `bpf_snprintf_btf` writes them.
//!
//! Rules, as the selftests of Linux 6.12 show them (`progs/netif_receive_skb.c`):
//! - A value follows its type in brackets, a member its name. Without names only values are left.
//! - What is zero is left out but at the top; so is an array that shows nothing, and a text ends at
//!   its first zero.
//! - Numbers are decimal, bit fields hexadecimal; elements of one byte that can be printed are characters.
//! - On several lines each member has one, indented by spaces, and the last line ends.

use crate::btf::{Btf, BtfId, Composite, Encoding, Enum, Member, Type};

/// `BTF_F_…`.
pub(super) mod flag {
    pub(in crate::helpers) const COMPACT: u64 = 1;
    pub(in crate::helpers) const NO_NAME: u64 = 2;
    pub(in crate::helpers) const RAW_POINTERS: u64 = 4;
    pub(in crate::helpers) const ZERO: u64 = 8;
    pub(in crate::helpers) const ALL: u64 = 15;
}

/// Types nest no deeper, and a text is no longer: what is beyond is left out.
const MAX_DEPTH: usize = 32;
const MAX_TEXT: usize = 1 << 20;

/// The text of a value of a type.
pub(super) fn show(btf: &Btf, id: BtfId, bytes: &[u8], flags: u64) -> String {
    let mut show = Show {
        btf,
        bytes,
        flags,
        out: String::new(),
    };
    let place = Place {
        id,
        bit: 0,
        bitfield: None,
    };
    show.value(place, 0, Within::Top);
    show.line(0);
    show.out
}

/// A value's type and where it is.
#[derive(Clone, Copy)]
struct Place {
    id: BtfId,
    bit: u64,
    bitfield: Option<u32>,
}

/// What a value is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Top,
    Member,
    Elements,
    Characters,
}

struct Show<'a> {
    btf: &'a Btf,
    bytes: &'a [u8],
    flags: u64,
    out: String,
}

impl<'a> Show<'a> {
    fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// Writes a value, unless it is zero and not to be seen. Whether it is written.
    fn value(&mut self, place: Place, depth: usize, within: Within) -> bool {
        if depth >= MAX_DEPTH || self.out.len() > MAX_TEXT {
            return false;
        }
        let start = self.out.len();
        if within == Within::Top || within == Within::Member {
            self.type_name(place.id);
        }
        let is_shown = self.bare(place, depth, within) || within == Within::Top;
        if !is_shown && !self.has(flag::ZERO) {
            self.out.truncate(start);
            return false;
        }
        true
    }

    /// Writes a value without its type. Whether there is more to see than zeros.
    fn bare(&mut self, place: Place, depth: usize, within: Within) -> bool {
        let btf = self.btf;
        match btf.resolved(place.id) {
            Type::Struct(composite) | Type::Union(composite) => {
                self.members(composite, place.bit, depth)
            }
            Type::Array { elem, count, .. } => self.elements(elem, count, place.bit, depth),
            Type::Int {
                bits,
                offset,
                encoding,
                ..
            } => {
                let width = place.bitfield.unwrap_or(u32::from(bits));
                let raw = self.bits(place.bit + u64::from(offset), width);
                self.number((raw, width), encoding, place.bitfield, within);
                raw != 0
            }
            Type::Enum(of) | Type::Enum64(of) => self.enumeration(of, place),
            Type::Ptr { .. } => {
                let raw = self.bits(place.bit, 64);
                let prefix = if self.has(flag::RAW_POINTERS) {
                    "0x"
                } else {
                    ""
                };
                self.out += &format!("{prefix}{raw:016x}");
                raw != 0
            }
            Type::Var { ty, .. } => self.bare(Place { id: ty, ..place }, depth, within),
            _ => false,
        }
    }

    fn members(&mut self, composite: Composite<'a>, bit: u64, depth: usize) -> bool {
        self.out.push('{');
        let mut any = false;
        for member in composite.members.iter() {
            any |= self.member(member, bit, depth);
        }
        if any {
            self.line(depth);
        }
        self.out.push('}');
        any
    }

    fn member(&mut self, member: Member<'a>, bit: u64, depth: usize) -> bool {
        let start = self.out.len();
        self.line(depth + 1);
        if !member.name.is_empty() && !self.has(flag::NO_NAME) {
            self.out += &format!(".{} = ", member.name);
        }
        let place = Place {
            id: member.ty,
            bit: bit + u64::from(member.bit_offset),
            bitfield: member.bitfield_size,
        };
        match self.value(place, depth + 1, Within::Member) {
            true => self.out.push(','),
            false => self.out.truncate(start),
        }
        self.out.len() > start
    }

    fn elements(&mut self, elem: BtfId, count: u32, bit: u64, depth: usize) -> bool {
        let size = self.btf.size_of(elem).unwrap_or(0);
        let is_integer = matches!(self.btf.resolved(elem), Type::Int { .. });
        let within = match size {
            1 if is_integer => Within::Characters,
            _ => Within::Elements,
        };
        self.out.push('[');
        let mut any = false;
        for index in 0..u64::from(count) {
            let place = Place {
                id: elem,
                bit: bit + index * size * 8,
                bitfield: None,
            };
            let beyond = place.bit / 8 >= self.bytes.len() as u64;
            if beyond || (within == Within::Characters && self.bits(place.bit, 8) == 0) {
                break;
            }
            let start = self.out.len();
            self.line(depth + 1);
            match self.value(place, depth + 1, within) {
                true => self.out.push(','),
                false => self.out.truncate(start),
            }
            any |= self.out.len() > start;
        }
        if any {
            self.line(depth);
        }
        self.out.push(']');
        any
    }

    fn number(
        &mut self,
        (raw, width): (u64, u32),
        encoding: Encoding,
        bitfield: Option<u32>,
        within: Within,
    ) {
        let character = char::from(raw as u8);
        let printable = character.is_ascii_graphic() || character == ' ';
        let unused = 64u32.saturating_sub(width);
        self.out += &match encoding {
            _ if within == Within::Characters && printable => format!("'{character}'"),
            _ if bitfield.is_some() => format!("{raw:#x}"),
            Encoding::Signed => (raw << unused)
                .cast_signed()
                .wrapping_shr(unused)
                .to_string(),
            Encoding::Unsigned | Encoding::Char | Encoding::Bool => raw.to_string(),
        };
    }

    fn enumeration(&mut self, of: Enum<'a>, place: Place) -> bool {
        let width = place.bitfield.unwrap_or(of.size.saturating_mul(8));
        let raw = self.bits(place.bit, width);
        let unused = 64u32.saturating_sub(width);
        let value = match of.signed {
            true => i128::from((raw << unused).cast_signed().wrapping_shr(unused)),
            false => i128::from(raw),
        };
        match of.values.iter().find(|one| one.value == value) {
            Some(one) => self.out += one.name,
            None => self.out += &value.to_string(),
        }
        raw != 0
    }

    /// Up to 64 bits; what lies beyond the bytes is 0.
    fn bits(&self, at: u64, width: u32) -> u64 {
        let first = usize::try_from(at / 8).unwrap_or(usize::MAX);
        let bytes = self.bytes.get(first..).unwrap_or_default();
        let mut value: u128 = 0;
        for (index, byte) in bytes.iter().take(9).enumerate() {
            value |= u128::from(*byte) << (8 * index);
        }
        let mask = match width {
            0 => 0,
            width => u64::MAX >> 64u32.saturating_sub(width.min(64)),
        };
        (value >> (at % 8)) as u64 & mask
    }

    fn line(&mut self, depth: usize) {
        if !self.has(flag::COMPACT) {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', depth));
        }
    }

    fn type_name(&mut self, id: BtfId) {
        if self.has(flag::NO_NAME) {
            return;
        }
        let name = self.name_of(id, MAX_DEPTH);
        self.out += &format!("({name})");
    }

    /// The name of a type: without `const` and the like, with a star for each pointer.
    fn name_of(&self, id: BtfId, depth: usize) -> String {
        let btf = self.btf;
        let Some(depth) = depth.checked_sub(1) else {
            return String::new();
        };
        let named = |kind: &str, name: &str| match name {
            "" => kind.to_owned(),
            name => format!("{kind} {name}"),
        };
        match btf.ty(id) {
            Type::Struct(_) => named("struct", btf.ty(id).name()),
            Type::Union(_) => named("union", btf.ty(id).name()),
            Type::Enum(_) | Type::Enum64(_) => named("enum", btf.ty(id).name()),
            Type::Fwd { .. } => named("struct", btf.ty(id).name()),
            Type::Ptr { to } => {
                let to = match to.0 {
                    0 => "void".to_owned(),
                    _ => self.name_of(to, depth),
                };
                let gap = if to.ends_with('*') { "" } else { " " };
                format!("{to}{gap}*")
            }
            Type::Array { elem, .. } => format!("{}[]", self.name_of(elem, depth)),
            Type::Const { to } | Type::Volatile { to } | Type::Restrict { to } => {
                self.name_of(to, depth)
            }
            Type::TypeTag { to, .. } => self.name_of(to, depth),
            other => other.name().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{flag, show};
    use crate::btf::{KindFilter, kernel_6_12};

    fn shown(name: &str, kinds: KindFilter, bytes: &[u8], flags: u64) -> String {
        let btf = kernel_6_12();
        let id = btf.find(name, kinds).expect("the kernel has it");
        show(btf, id, bytes, flags)
    }

    fn compact(name: &str, bytes: &[u8], more: u64) -> String {
        let kinds = KindFilter::COMPOSITE
            .or(KindFilter::INT)
            .or(KindFilter::ENUM)
            .or(KindFilter::TYPEDEF);
        shown(name, kinds, bytes, flag::COMPACT | more)
    }

    #[test]
    fn number_follows_its_type_and_zero_is_seen_at_the_top() {
        assert_eq!(compact("int", &(-4567i32).to_le_bytes(), 0), "(int)-4567");
        assert_eq!(compact("u64", &[0; 8], 0), "(u64)0");
        assert_eq!(
            compact("u64", &[1, 0, 0, 0, 0, 0, 0, 0], flag::NO_NAME),
            "1"
        );
        assert_eq!(
            compact("bpf_cmd", &[0; 4], 0),
            "(enum bpf_cmd)BPF_MAP_CREATE"
        );
        assert_eq!(
            compact("bpf_cmd", &2000u32.to_le_bytes(), 0),
            "(enum bpf_cmd)2000"
        );
    }

    #[test]
    fn members_that_are_zero_are_left_out() {
        let bytes = [[3, 0, 0, 0], [0xff; 4]].concat();
        assert_eq!(
            compact("btf_enum", &bytes, 0),
            "(struct btf_enum){.name_off = (__u32)3,.val = (__s32)-1,}"
        );
        assert_eq!(compact("btf_enum", &[0; 8], 0), "(struct btf_enum){}");
        assert_eq!(
            compact("btf_enum", &[0; 8], flag::ZERO),
            "(struct btf_enum){.name_off = (__u32)0,.val = (__s32)0,}"
        );
        assert_eq!(compact("atomic_t", &[1, 0, 0, 0], flag::NO_NAME), "{1,}");
        assert_eq!(
            shown("btf_enum", KindFilter::STRUCT, &bytes, 0),
            "(struct btf_enum){\n .name_off = (__u32)3,\n .val = (__s32)-1,\n}\n"
        );
    }

    #[test]
    fn bit_fields_are_hexadecimal_and_pointers_long() {
        assert_eq!(
            compact("bpf_insn", &[1, 0x32, 4, 0, 5, 0, 0, 0], 0),
            "(struct bpf_insn){.code = (__u8)1,.dst_reg = (__u8)0x2,.src_reg = (__u8)0x3,.off = (__s16)4,.imm = (__s32)5,}"
        );
        let next = [1u64.to_le_bytes(), [0; 8]].concat();
        assert_eq!(
            compact("list_head", &next, flag::RAW_POINTERS),
            "(struct list_head){.next = (struct list_head *)0x0000000000000001,}"
        );
    }

    #[test]
    fn characters_end_at_a_zero() {
        let info = |text: &[u8]| {
            let btf = kernel_6_12();
            let id = btf
                .find("bpf_prog_info", KindFilter::STRUCT)
                .expect("there");
            let name = btf.member_path(id, "name").expect("there").bit_offset / 8;
            let mut bytes = vec![0; btf.size_of(id).expect("it has") as usize];
            bytes[name as usize..][..text.len()].copy_from_slice(text);
            compact("bpf_prog_info", &bytes, 0)
        };
        assert_eq!(
            info(b"foo"),
            "(struct bpf_prog_info){.name = (char[])['f','o','o',],}"
        );
        assert_eq!(info(b"\0foo"), "(struct bpf_prog_info){}");
        assert_eq!(
            info(&[1, 2, 3]),
            "(struct bpf_prog_info){.name = (char[])[1,2,3,],}"
        );
    }
}
