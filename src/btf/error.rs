//! What can be wrong with `.BTF` and `.BTF.ext`.
//!
//! An error says where and what; which file it was is the caller's to add.

use thiserror::Error;

use super::BtfId;

/// A violation of the format at an offset of a section.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{section} offset {offset:#x}: {problem}")]
pub struct BtfError {
    /// `.BTF`, `.BTF.base` or `.BTF.ext`.
    pub section: &'static str,
    /// Where, in bytes from the start of the section.
    pub offset: usize,
    /// What.
    pub problem: Problem,
}

/// What is wrong at that place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The section ends inside something.
    #[error("{what} needs {want} bytes, {have} are left")]
    Truncated {
        /// Inside what.
        what: &'static str,
        /// How many bytes it takes.
        want: u64,
        /// How many there are.
        have: u64,
    },
    /// The section is for a big-endian machine.
    #[error("it is big-endian, want little-endian")]
    BigEndian,
    /// The section does not start as BTF does.
    #[error("magic number is {got:#06x}, want 0xeb9f")]
    BadMagic {
        /// What it starts with.
        got: u16,
    },
    /// A version that does not exist yet.
    #[error("version is {got}, want 1")]
    BadVersion {
        /// The version.
        got: u8,
    },
    /// Header flags that do not exist yet.
    #[error("header flags are {got:#x}, want 0")]
    BadFlags {
        /// The flags.
        got: u8,
    },
    /// A header shorter than its first version.
    #[error("header length is {got}, want at least {want}")]
    BadHeaderLength {
        /// The length.
        got: u32,
        /// The least.
        want: u32,
    },
    /// A part of the section that is not a multiple of four bytes away.
    #[error("{what} is at {got:#x}, want a multiple of 4")]
    Misaligned {
        /// What.
        what: &'static str,
        /// Its offset or size.
        got: u32,
    },
    /// The string section lies over the types.
    #[error("strings at {strings:#x} overlap the types, which end at {types_end:#x}")]
    Overlap {
        /// Where the strings are, from the end of the header.
        strings: u32,
        /// Where the types end, from the end of the header.
        types_end: u64,
    },
    /// The string section is empty, or does not start or end with a NUL.
    #[error("the string section must start and end with a NUL byte")]
    BadStrings,
    /// A kind that does not exist.
    #[error("type {id} has unknown kind {kind}")]
    UnknownKind {
        /// The type.
        id: BtfId,
        /// The number of the kind.
        kind: u32,
    },
    /// A name outside the string section or inside a character.
    #[error(
        "type {id} refers to string {string:#x}, which is not in the string section of {len:#x} bytes"
    )]
    BadString {
        /// The type.
        id: BtfId,
        /// The string's offset.
        string: u32,
        /// The size of the string section.
        len: usize,
    },
    /// A reference to a type that does not exist.
    #[error("reference to type {id}, but there are {count}")]
    BadReference {
        /// The id.
        id: BtfId,
        /// How many types there are, `void` included.
        count: u32,
    },
    /// A function whose type is none of a function.
    #[error("function {id} is of type {got}, which is no function prototype")]
    NoPrototype {
        /// The function.
        id: BtfId,
        /// Its type.
        got: BtfId,
    },
    /// An integer that does not fit its size.
    #[error("type {id} is an integer of {bits} bits at bit {offset} in {size} bytes")]
    BadInt {
        /// The type.
        id: BtfId,
        /// Bits.
        bits: u8,
        /// Bit offset.
        offset: u8,
        /// Size in bytes.
        size: u32,
    },
    /// A record of `.BTF.ext` that is too small, or not a multiple of four bytes.
    #[error("{what} records have {got} bytes, want at least {want} and a multiple of 4")]
    BadRecordSize {
        /// Which kind of record.
        what: &'static str,
        /// Their size.
        got: u32,
        /// The least.
        want: u32,
    },
    /// A section of `.BTF.ext` without records.
    #[error("{what} of a section has no records")]
    NoRecords {
        /// Which kind of record.
        what: &'static str,
    },
    /// A string of `.BTF.ext` outside the string section of `.BTF`.
    #[error("refers to string {string:#x}, which is not in the string section of {len:#x} bytes")]
    BadExtString {
        /// The string's offset.
        string: u32,
        /// The size of the string section.
        len: usize,
    },
    /// The kernel's types in short have something that is not looked up by name.
    #[error(
        "type {id} is no named integer, float, enumeration, structure, union or declaration of one"
    )]
    NotDistilled {
        /// The type.
        id: BtfId,
    },
    /// A kernel does not have a type that a module was made for.
    #[error("the kernel has no `{name}` like type {id}")]
    NotInBase {
        /// The type's name.
        name: String,
        /// Its id.
        id: BtfId,
    },
    /// A kernel has several.
    #[error("the kernel has several `{name}` like type {id}")]
    SeveralInBase {
        /// The type's name.
        name: String,
        /// Its id.
        id: BtfId,
    },
    /// A CO-RE relocation of a kind that does not exist.
    #[error("unknown CO-RE relocation kind {kind}")]
    UnknownRelocation {
        /// The number of the kind.
        kind: u32,
    },
}
