//! Types as they are read: a borrowed enum of all kinds, and lists that decode as they go.
//!
//! Nothing here follows a reference: queries do.

use std::marker::PhantomData;

use super::parse::u32_at;
use super::record::{Record, entry_len};
use super::{Btf, BtfId, StrRef};

/// The kinds of `include/uapi/linux/btf.h`, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Integer.
    Int = 1,
    /// Pointer.
    Ptr,
    /// Array.
    Array,
    /// Structure.
    Struct,
    /// Union.
    Union,
    /// Enumeration of up to 32 bits.
    Enum,
    /// Declaration of a structure or union without its members.
    Fwd,
    /// Type definition.
    Typedef,
    /// `volatile`.
    Volatile,
    /// `const`.
    Const,
    /// `restrict`.
    Restrict,
    /// Function.
    Func,
    /// Function prototype.
    FuncProto,
    /// Variable.
    Var,
    /// Section of variables.
    Datasec,
    /// Floating-point number.
    Float,
    /// Tag on a declaration.
    DeclTag,
    /// Tag on a type.
    TypeTag,
    /// Enumeration of 64 bits.
    Enum64,
}

impl Kind {
    const ALL: [Kind; 19] = [
        Kind::Int,
        Kind::Ptr,
        Kind::Array,
        Kind::Struct,
        Kind::Union,
        Kind::Enum,
        Kind::Fwd,
        Kind::Typedef,
        Kind::Volatile,
        Kind::Const,
        Kind::Restrict,
        Kind::Func,
        Kind::FuncProto,
        Kind::Var,
        Kind::Datasec,
        Kind::Float,
        Kind::DeclTag,
        Kind::TypeTag,
        Kind::Enum64,
    ];

    /// The kind of that number.
    pub(super) fn from_number(number: u32) -> Option<Kind> {
        Kind::ALL.get((number as usize).checked_sub(1)?).copied()
    }
}

/// One type.
#[derive(Clone, Copy, Debug)]
pub enum Type<'a> {
    /// `void`, and every id that does not exist.
    Void,
    /// An integer.
    Int {
        /// Its name, such as `unsigned int`.
        name: &'a str,
        /// Bytes of storage.
        size: u32,
        /// Bits that count.
        bits: u8,
        /// The first of them, from the lowest.
        offset: u8,
        /// How they are read.
        encoding: Encoding,
    },
    /// A pointer.
    Ptr {
        /// What it points to.
        to: BtfId,
    },
    /// An array.
    Array {
        /// Its elements' type.
        elem: BtfId,
        /// The type it is indexed by.
        index: BtfId,
        /// How many elements.
        count: u32,
    },
    /// A structure.
    Struct(Composite<'a>),
    /// A union.
    Union(Composite<'a>),
    /// An enumeration of up to 32 bits.
    Enum(Enum<'a>),
    /// An enumeration of 64 bits.
    Enum64(Enum<'a>),
    /// A declaration of a structure or union without members.
    Fwd {
        /// Its name.
        name: &'a str,
        /// [`Kind::Struct`] or [`Kind::Union`].
        kind: Kind,
    },
    /// A type definition.
    Typedef {
        /// Its name.
        name: &'a str,
        /// What it stands for.
        to: BtfId,
    },
    /// A volatile type.
    Volatile {
        /// The type without it.
        to: BtfId,
    },
    /// A constant type.
    Const {
        /// The type without it.
        to: BtfId,
    },
    /// A restricted pointer.
    Restrict {
        /// The type without it.
        to: BtfId,
    },
    /// A function.
    Func {
        /// Its name.
        name: &'a str,
        /// Its prototype.
        proto: BtfId,
        /// Who sees it.
        linkage: FuncLinkage,
    },
    /// A function prototype.
    FuncProto {
        /// What it returns.
        ret: BtfId,
        /// Its parameters; a last one without name and type stands for `...`.
        params: List<'a, Param<'a>>,
    },
    /// A variable.
    Var {
        /// Its name.
        name: &'a str,
        /// Its type.
        ty: BtfId,
        /// Who sees it.
        linkage: VarLinkage,
    },
    /// A section of variables.
    Datasec {
        /// Its name.
        name: &'a str,
        /// Its size, which compilers leave 0.
        size: u32,
        /// Its variables.
        entries: List<'a, SecEntry>,
    },
    /// A floating-point number.
    Float {
        /// Its name.
        name: &'a str,
        /// Its size in bytes.
        size: u32,
    },
    /// A tag on a declaration.
    DeclTag {
        /// The tag.
        name: &'a str,
        /// The tagged declaration.
        to: BtfId,
        /// The member or parameter that is tagged, none for the declaration itself.
        component: Option<u32>,
    },
    /// A tag on a type.
    TypeTag {
        /// The tag.
        name: &'a str,
        /// The tagged type.
        to: BtfId,
    },
}

impl<'a> Type<'a> {
    /// The name, empty where there is none.
    pub fn name(&self) -> &'a str {
        match *self {
            Type::Int { name, .. } | Type::Fwd { name, .. } | Type::Typedef { name, .. } => name,
            Type::Struct(composite) | Type::Union(composite) => composite.name,
            Type::Enum(enumeration) | Type::Enum64(enumeration) => enumeration.name,
            Type::Func { name, .. } | Type::Var { name, .. } | Type::Datasec { name, .. } => name,
            Type::Float { name, .. } | Type::DeclTag { name, .. } | Type::TypeTag { name, .. } => {
                name
            }
            Type::Void | Type::Ptr { .. } | Type::Array { .. } | Type::FuncProto { .. } => "",
            Type::Volatile { .. } | Type::Const { .. } | Type::Restrict { .. } => "",
        }
    }

    /// The kind, none for `void`.
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Type::Void => return None,
            Type::Int { .. } => Kind::Int,
            Type::Ptr { .. } => Kind::Ptr,
            Type::Array { .. } => Kind::Array,
            Type::Struct(_) => Kind::Struct,
            Type::Union(_) => Kind::Union,
            Type::Enum(_) => Kind::Enum,
            Type::Enum64(_) => Kind::Enum64,
            Type::Fwd { .. } => Kind::Fwd,
            Type::Typedef { .. } => Kind::Typedef,
            Type::Volatile { .. } => Kind::Volatile,
            Type::Const { .. } => Kind::Const,
            Type::Restrict { .. } => Kind::Restrict,
            Type::Func { .. } => Kind::Func,
            Type::FuncProto { .. } => Kind::FuncProto,
            Type::Var { .. } => Kind::Var,
            Type::Datasec { .. } => Kind::Datasec,
            Type::Float { .. } => Kind::Float,
            Type::DeclTag { .. } => Kind::DeclTag,
            Type::TypeTag { .. } => Kind::TypeTag,
        })
    }

    /// The structure or union, if it is one.
    pub fn composite(&self) -> Option<Composite<'a>> {
        match *self {
            Type::Struct(composite) | Type::Union(composite) => Some(composite),
            _ => None,
        }
    }

    /// The enumeration of either size, if it is one.
    pub fn enumeration(&self) -> Option<Enum<'a>> {
        match *self {
            Type::Enum(enumeration) | Type::Enum64(enumeration) => Some(enumeration),
            _ => None,
        }
    }

    /// What a typedef, `const`, `volatile`, `restrict` or type tag is put on.
    pub fn modified(&self) -> Option<BtfId> {
        match *self {
            Type::Typedef { to, .. } | Type::TypeTag { to, .. } => Some(to),
            Type::Volatile { to } | Type::Const { to } | Type::Restrict { to } => Some(to),
            _ => None,
        }
    }
}

/// How an integer's bits are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Unsigned.
    Unsigned,
    /// Two's complement.
    Signed,
    /// A character.
    Char,
    /// A truth value.
    Bool,
}

/// A structure or union.
#[derive(Clone, Copy, Debug)]
pub struct Composite<'a> {
    /// Its name, empty for an anonymous one.
    pub name: &'a str,
    /// Its size in bytes.
    pub size: u32,
    /// Its members in order.
    pub members: List<'a, Member<'a>>,
}

/// A member of a structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name, empty for an anonymous one.
    pub name: &'a str,
    /// Its type.
    pub ty: BtfId,
    /// Where it starts.
    pub bit_offset: u32,
    /// How many bits it has, if it is a bit-field.
    pub bitfield_size: Option<u32>,
}

/// An enumeration.
#[derive(Clone, Copy, Debug)]
pub struct Enum<'a> {
    /// Its name, empty for an anonymous one.
    pub name: &'a str,
    /// Its size in bytes.
    pub size: u32,
    /// Whether its values are signed.
    pub signed: bool,
    /// Its values in order.
    pub values: List<'a, EnumValue<'a>>,
}

/// A value of an enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnumValue<'a> {
    /// Its name.
    pub name: &'a str,
    /// The value.
    pub value: i128,
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name, empty where prototypes have none.
    pub name: &'a str,
    /// Its type.
    pub ty: BtfId,
}

/// A variable in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecEntry {
    /// The variable.
    pub var: BtfId,
    /// Where it starts in the section, which compilers leave 0.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
}

/// Who sees a function (`enum btf_func_linkage`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FuncLinkage {
    /// Its file.
    Static,
    /// Every file.
    Global,
    /// It is defined elsewhere.
    Extern,
    /// A number without a meaning.
    Other(u16),
}

/// Who sees a variable (`BTF_VAR_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VarLinkage {
    /// Its file.
    Static,
    /// Every file.
    Global,
    /// It is defined elsewhere.
    Extern,
    /// A number without a meaning.
    Other(u32),
}

/// A list that decodes its entries as it is walked.
pub struct List<'a, T> {
    btf: &'a Btf,
    bytes: &'a [u8],
    stride: usize,
    flag: Flag,
    entry: PhantomData<T>,
}

/// The kind flag of a record: bit-fields for structures, signed values for enumerations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    Clear,
    Set,
}

/// What a [`List`] holds.
pub trait Entry<'a>: Sized {
    /// Reads an entry.
    fn decode(raw: RawEntry<'a>) -> Self;
}

/// The bytes of an entry of a [`List`].
#[derive(Clone, Copy)]
pub struct RawEntry<'a> {
    btf: &'a Btf,
    bytes: &'a [u8],
    flag: Flag,
}

impl<'a> RawEntry<'a> {
    /// The word at an index.
    fn word(self, index: usize) -> u32 {
        u32_at(self.bytes, index * 4).unwrap_or_default()
    }

    /// The name, which every entry but a section's starts with.
    fn name(self) -> &'a str {
        self.btf.text(StrRef(self.word(0)))
    }
}

impl<'a> Entry<'a> for Member<'a> {
    fn decode(raw: RawEntry<'a>) -> Member<'a> {
        let place = raw.word(2);
        let (bit_offset, bits) = match raw.flag {
            Flag::Clear => (place, 0),
            Flag::Set => (place & 0x00ff_ffff, place >> 24),
        };
        let bitfield_size = (bits != 0).then_some(bits);
        Member {
            name: raw.name(),
            ty: BtfId(raw.word(1)),
            bit_offset,
            bitfield_size,
        }
    }
}

impl<'a> Entry<'a> for EnumValue<'a> {
    fn decode(raw: RawEntry<'a>) -> EnumValue<'a> {
        let low = raw.word(1);
        let value = match (raw.bytes.len() > 8, raw.flag) {
            (false, Flag::Clear) => i128::from(low),
            (false, Flag::Set) => i128::from(low.cast_signed()),
            (true, flag) => {
                let wide = u64::from(low) | (u64::from(raw.word(2)) << 32);
                match flag {
                    Flag::Clear => i128::from(wide),
                    Flag::Set => i128::from(wide.cast_signed()),
                }
            }
        };
        EnumValue {
            name: raw.name(),
            value,
        }
    }
}

impl<'a> Entry<'a> for Param<'a> {
    fn decode(raw: RawEntry<'a>) -> Param<'a> {
        Param {
            name: raw.name(),
            ty: BtfId(raw.word(1)),
        }
    }
}

impl<'a> Entry<'a> for SecEntry {
    fn decode(raw: RawEntry<'a>) -> SecEntry {
        SecEntry {
            var: BtfId(raw.word(0)),
            offset: raw.word(1),
            size: raw.word(2),
        }
    }
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

impl<'a, T: Entry<'a>> List<'a, T> {
    pub(super) fn new(btf: &'a Btf, record: &Record<'a>) -> List<'a, T> {
        List {
            btf,
            bytes: record.tail,
            stride: entry_len(record.kind).max(1),
            flag: record.head.flag(),
            entry: PhantomData,
        }
    }

    fn decode(self, bytes: &'a [u8]) -> T {
        T::decode(RawEntry {
            btf: self.btf,
            bytes,
            flag: self.flag,
        })
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.stride
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The entry at an index.
    pub fn get(&self, index: usize) -> Option<T> {
        let start = index.checked_mul(self.stride)?;
        let bytes = self.bytes.get(start..start.checked_add(self.stride)?)?;
        Some(self.decode(bytes))
    }

    /// The entries in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = T> + DoubleEndedIterator + use<'a, T> {
        self.bytes
            .chunks_exact(self.stride)
            .map(move |bytes| self.decode(bytes))
    }
}

impl<'a, T: Entry<'a> + std::fmt::Debug> std::fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
