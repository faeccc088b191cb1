//! The records of the type section, and how a [`Type`] is read from one.
//!
//! What is read here was checked by `parse`; what is out of bounds all the same
//! reads as zero.

use super::parse::u32_at;
use super::types::Flag;
use super::{
    Btf, BtfId, Composite, Encoding, Enum, FuncLinkage, Kind, List, StrRef, Type, VarLinkage,
};

/// The bytes every type record starts with.
pub(super) const HEAD_LEN: usize = 12;

/// The words every record starts with.
#[derive(Clone, Copy)]
pub(super) struct Head {
    /// Offset of the name.
    pub(super) name: u32,
    pub(super) info: u32,
    /// The size or the type, depending on the kind.
    pub(super) size_or_type: u32,
}

impl Head {
    /// Reads the words.
    pub(super) fn parse(bytes: &[u8; HEAD_LEN]) -> Head {
        let word = |index: usize| u32_at(bytes, index * 4).unwrap_or_default();
        Head {
            name: word(0),
            info: word(1),
            size_or_type: word(2),
        }
    }

    /// The number of the kind.
    pub(super) fn kind_number(self) -> u32 {
        (self.info >> 24) & 0x1f
    }

    /// The kind, if the number has one.
    pub(super) fn kind(self) -> Option<Kind> {
        Kind::from_number(self.kind_number())
    }

    /// How many entries follow, or a function's linkage.
    pub(super) fn vlen(self) -> u16 {
        self.info as u16
    }

    pub(super) fn flag(self) -> Flag {
        if self.info >> 31 == 0 {
            Flag::Clear
        } else {
            Flag::Set
        }
    }
}

/// A record: its head, and what follows it.
pub(super) struct Record<'a> {
    /// The head.
    pub(super) head: Head,
    /// Its kind.
    pub(super) kind: Kind,
    /// The bytes of the kind after the head.
    pub(super) tail: &'a [u8],
}

/// How many bytes one entry of a kind with a list takes.
pub(super) fn entry_len(kind: Kind) -> usize {
    match kind {
        Kind::Enum | Kind::FuncProto => 8,
        Kind::Struct | Kind::Union | Kind::Datasec | Kind::Enum64 => 12,
        _ => 0,
    }
}

/// How many bytes follow the head of a record.
pub(super) fn tail_len(kind: Kind, vlen: u16) -> usize {
    match kind {
        Kind::Int | Kind::Var | Kind::DeclTag => 4,
        Kind::Array => 12,
        _ => entry_len(kind) * usize::from(vlen),
    }
}

/// Whether the head's last word is a type.
pub(super) fn refers(kind: Kind) -> bool {
    match kind {
        Kind::Ptr | Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict => true,
        Kind::Func | Kind::FuncProto | Kind::Var | Kind::DeclTag | Kind::TypeTag => true,
        Kind::Int | Kind::Array | Kind::Struct | Kind::Union | Kind::Enum | Kind::Fwd => false,
        Kind::Datasec | Kind::Float | Kind::Enum64 => false,
    }
}

/// Bits and bit offset in the word of an integer.
pub(super) fn int_bits(word: u32) -> (u8, u8) {
    (word as u8, (word >> 16) as u8)
}

fn encoding(word: u32) -> Encoding {
    match (word >> 24) & 0xf {
        bits if bits & 4 != 0 => Encoding::Bool,
        bits if bits & 2 != 0 => Encoding::Char,
        bits if bits & 1 != 0 => Encoding::Signed,
        _ => Encoding::Unsigned,
    }
}

/// The record of an id, if there is one.
pub(super) fn record(btf: &Btf, id: BtfId) -> Option<Record<'_>> {
    let from = btf.record_on(id)?;
    let (head, rest) = from.split_first_chunk::<HEAD_LEN>()?;
    let head = Head::parse(head);
    let kind = head.kind()?;
    let tail = rest.get(..tail_len(kind, head.vlen()))?;
    Some(Record { head, kind, tail })
}

/// The kind and the name of an id, without decoding the rest.
pub(super) fn kind_and_name(btf: &Btf, id: BtfId) -> Option<(Kind, StrRef)> {
    let from = btf.record_on(id)?;
    let head = Head::parse(from.first_chunk::<HEAD_LEN>()?);
    Some((head.kind()?, StrRef(head.name)))
}

/// The type of an id.
pub(super) fn decode(btf: &Btf, id: BtfId) -> Type<'_> {
    record(btf, id).map_or(Type::Void, |record| decode_record(btf, &record))
}

fn decode_record<'a>(btf: &'a Btf, record: &Record<'a>) -> Type<'a> {
    let name = btf.text(StrRef(record.head.name));
    let size = record.head.size_or_type;
    let to = BtfId(record.head.size_or_type);
    let word = |index: usize| u32_at(record.tail, index * 4).unwrap_or_default();
    match record.kind {
        Kind::Int => {
            let (bits, offset) = int_bits(word(0));
            Type::Int {
                name,
                size,
                bits,
                offset,
                encoding: encoding(word(0)),
            }
        }
        Kind::Ptr => Type::Ptr { to },
        Kind::Array => Type::Array {
            elem: BtfId(word(0)),
            index: BtfId(word(1)),
            count: word(2),
        },
        Kind::Struct => Type::Struct(Composite {
            name,
            size,
            members: List::new(btf, record),
        }),
        Kind::Union => Type::Union(Composite {
            name,
            size,
            members: List::new(btf, record),
        }),
        Kind::Enum => Type::Enum(decode_enum(btf, name, record)),
        Kind::Enum64 => Type::Enum64(decode_enum(btf, name, record)),
        Kind::Fwd => {
            let kind = if record.head.flag() == Flag::Set {
                Kind::Union
            } else {
                Kind::Struct
            };
            Type::Fwd { name, kind }
        }
        Kind::Typedef => Type::Typedef { name, to },
        Kind::Volatile => Type::Volatile { to },
        Kind::Const => Type::Const { to },
        Kind::Restrict => Type::Restrict { to },
        Kind::Func => Type::Func {
            name,
            proto: to,
            linkage: func_linkage(record.head.vlen()),
        },
        Kind::FuncProto => Type::FuncProto {
            ret: to,
            params: List::new(btf, record),
        },
        Kind::Var => Type::Var {
            name,
            ty: to,
            linkage: var_linkage(word(0)),
        },
        Kind::Datasec => Type::Datasec {
            name,
            size,
            entries: List::new(btf, record),
        },
        Kind::Float => Type::Float { name, size },
        Kind::DeclTag => {
            let component = (word(0) != u32::MAX).then_some(word(0));
            Type::DeclTag {
                name,
                to,
                component,
            }
        }
        Kind::TypeTag => Type::TypeTag { name, to },
    }
}

fn decode_enum<'a>(btf: &'a Btf, name: &'a str, record: &Record<'a>) -> Enum<'a> {
    let signed = record.head.flag() == Flag::Set;
    Enum {
        name,
        size: record.head.size_or_type,
        signed,
        values: List::new(btf, record),
    }
}

fn func_linkage(number: u16) -> FuncLinkage {
    match number {
        0 => FuncLinkage::Static,
        1 => FuncLinkage::Global,
        2 => FuncLinkage::Extern,
        other => FuncLinkage::Other(other),
    }
}

fn var_linkage(number: u32) -> VarLinkage {
    match number {
        0 => VarLinkage::Static,
        1 => VarLinkage::Global,
        2 => VarLinkage::Extern,
        other => VarLinkage::Other(other),
    }
}
