//! CO-RE: what a program was compiled against, found again in the types of another kernel.
//!
//! It matches types and computes numbers; it patches no instruction and knows no kernel.
//!
//! The rules are libbpf 1.5's (`tools/lib/bpf/relo_core.c`, used under its BSD-2-Clause licence):
//! - Candidates are the target's types of the same kind and the same essential name, which is the
//!   name without a flavour such as `___v2`; those of modules count only where the kernel itself
//!   has none ([`Targets`]).
//! - A relocation asks for a field (`access` reads it, `field` finds it again and answers), for a
//!   type (`compatible` says which are the same), or for a value of an enumeration, by name.
//! - Candidates that match must agree on the answer, and those that do not match are not asked
//!   again about the same type. So answers depend on the order of questions, which is the file's.
//! - If none matches, the field, type or value does not exist.

mod access;
mod candidates;
mod compatible;
mod field;
mod matcher;

use thiserror::Error;

use super::{BtfId, CoreRelo};

pub use candidates::Targets;
pub use compatible::same_type;
pub use matcher::{Matcher, describe};

/// The kinds of relocations (`enum bpf_core_relo_kind`), by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CoreKind {
    /// A field's byte offset.
    FieldByteOffset,
    /// A field's size in bytes.
    FieldByteSize,
    /// Whether a field exists.
    FieldExists,
    /// Whether a field is signed.
    FieldSigned,
    /// By how much a bit-field's word is shifted left.
    FieldLshiftU64,
    /// By how much a bit-field's word is then shifted right.
    FieldRshiftU64,
    /// A type's id in the program's types.
    TypeIdLocal,
    /// A type's id in the target's types.
    TypeIdTarget,
    /// Whether a type exists.
    TypeExists,
    /// A type's size.
    TypeSize,
    /// Whether an enumeration's value exists.
    EnumvalExists,
    /// An enumeration's value.
    EnumvalValue,
    /// Whether a type exists with the same layout.
    TypeMatches,
}

/// What a relocation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreSubject {
    /// A field.
    Field,
    /// A type.
    Type,
    /// A value of an enumeration.
    Value,
}

impl CoreKind {
    const ALL: [CoreKind; 13] = [
        CoreKind::FieldByteOffset,
        CoreKind::FieldByteSize,
        CoreKind::FieldExists,
        CoreKind::FieldSigned,
        CoreKind::FieldLshiftU64,
        CoreKind::FieldRshiftU64,
        CoreKind::TypeIdLocal,
        CoreKind::TypeIdTarget,
        CoreKind::TypeExists,
        CoreKind::TypeSize,
        CoreKind::EnumvalExists,
        CoreKind::EnumvalValue,
        CoreKind::TypeMatches,
    ];

    /// The kind of that number.
    pub fn from_number(number: u32) -> Option<CoreKind> {
        CoreKind::ALL.get(number as usize).copied()
    }

    /// What relocations of this kind are about.
    pub fn subject(self) -> CoreSubject {
        match self {
            CoreKind::FieldByteOffset
            | CoreKind::FieldByteSize
            | CoreKind::FieldExists
            | CoreKind::FieldSigned
            | CoreKind::FieldLshiftU64
            | CoreKind::FieldRshiftU64 => CoreSubject::Field,
            CoreKind::TypeIdLocal
            | CoreKind::TypeIdTarget
            | CoreKind::TypeExists
            | CoreKind::TypeSize
            | CoreKind::TypeMatches => CoreSubject::Type,
            CoreKind::EnumvalExists | CoreKind::EnumvalValue => CoreSubject::Value,
        }
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self as u32
    }
}

impl std::fmt::Display for CoreKind {
    /// The name libbpf's log has for it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            CoreKind::FieldByteOffset => "byte_off",
            CoreKind::FieldByteSize => "byte_sz",
            CoreKind::FieldExists => "field_exists",
            CoreKind::FieldSigned => "signed",
            CoreKind::FieldLshiftU64 => "lshift_u64",
            CoreKind::FieldRshiftU64 => "rshift_u64",
            CoreKind::TypeIdLocal => "local_type_id",
            CoreKind::TypeIdTarget => "target_type_id",
            CoreKind::TypeExists => "type_exists",
            CoreKind::TypeSize => "type_size",
            CoreKind::EnumvalExists => "enumval_exists",
            CoreKind::EnumvalValue => "enumval_value",
            CoreKind::TypeMatches => "type_matches",
        })
    }
}

/// The answer to a relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number that the instruction was compiled with; none where compilers have a choice, as
    /// for bit-fields, or where linkers change it, as they do the ids of types.
    pub expected: Option<u64>,
    /// The number for the target; none if what is asked about does not exist there, which makes
    /// the instruction one that must not be reached.
    pub value: Option<u64>,
    /// What becomes of the size of a load or store.
    pub resize: Resize,
}

/// What happens to the size of a load or store of a relocated field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// It stays.
    Keep,
    /// It changes: both sides are pointers or unsigned integers.
    Change {
        /// The bytes of the field in the program's types.
        from: u64,
        /// The bytes of the field in the target's.
        to: u64,
    },
    /// It differs, and the value cannot be had by another size.
    Impossible,
}

/// Why a relocation has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CoreError {
    /// An access string that does not fit the program's own types.
    #[error("access string \"{access}\" of `{ty}` is broken: {reason}")]
    BadAccess {
        /// The string.
        access: String,
        /// The root type.
        ty: String,
        /// What does not fit.
        reason: &'static str,
    },
    /// A root type without a name, for which there is no search.
    #[error("the type has no name to search for")]
    Anonymous,
    /// A candidate that cannot be compared.
    #[error("candidate {candidate} cannot be compared: {reason}")]
    Candidate {
        /// Its id in the target.
        candidate: BtfId,
        /// Why not.
        reason: &'static str,
    },
    /// Target types of one name disagree.
    #[error(
        "`{subject}` is ambiguous: it is {first} in type {first_root} and {second} in type {second_root}"
    )]
    Ambiguous {
        /// The field, type or value, as C writes it.
        subject: String,
        /// The value by the first candidate.
        first: u64,
        /// The first candidate.
        first_root: BtfId,
        /// The value by another.
        second: u64,
        /// That candidate.
        second_root: BtfId,
    },
    /// A bit-field that no load of at most eight bytes covers.
    #[error("bit-field `{field}` spans more than 8 aligned bytes")]
    WideBitfield {
        /// The field, as C writes it.
        field: String,
    },
    /// A question that an element of an array or a type without a size has no answer to.
    #[error("`{subject}` has no {kind}")]
    NoAnswer {
        /// The field or type, as C writes it.
        subject: String,
        /// What was asked.
        kind: CoreKind,
    },
    /// Types so large or so nested that comparing them takes too long.
    #[error("the types are too complex to compare")]
    TooComplex,
}

/// Bounds the work on behalf of one object: its types, and a target's, may be made to take long.
#[derive(Debug)]
struct Fuel(u64);

impl Fuel {
    /// Far more than any real object takes, and spent in a fraction of a second.
    const FULL: Fuel = Fuel(10_000_000);

    fn spend(&mut self, steps: usize) -> Result<(), CoreError> {
        let left = self.0.checked_sub(steps as u64);
        self.0 = left.ok_or(CoreError::TooComplex)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
