//! Why objects cannot be linked.

use thiserror::Error;

use crate::btf::BtfError;

/// Why objects cannot be linked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LinkerError {
    /// A file is no object.
    #[error("{file} is not an ELF object")]
    Elf {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: goblin::error::Error,
    },
    /// A file is an object of something else.
    #[error("{file} is not a relocatable little-endian eBPF object: {got}")]
    NotBpf {
        /// The file.
        file: String,
        /// What it is.
        got: String,
    },
    /// A part of a file lies outside of it.
    #[error("{file}: {what} is not inside the file")]
    Outside {
        /// The file.
        file: String,
        /// What.
        what: String,
    },
    /// A section of a type that cannot be joined with another.
    #[error("{file}: section `{section}` has type {got:#x}, want program data")]
    SectionType {
        /// The file.
        file: String,
        /// The section.
        section: String,
        /// Its type.
        got: u32,
    },
    /// A section at an alignment that makes no sense.
    #[error("{file}: section `{section}` is aligned to {got}, want a power of two up to 65536")]
    Alignment {
        /// The file.
        file: String,
        /// The section.
        section: String,
        /// Its alignment.
        got: u64,
    },
    /// Sections of one name that are not alike.
    #[error("section `{section}` of {second} differs from that of {first} in {what}")]
    SectionConflict {
        /// The section.
        section: String,
        /// The file that has it first.
        first: String,
        /// The other file.
        second: String,
        /// In what.
        what: &'static str,
    },
    /// A relocation that is not one of eBPF.
    #[error("{file}: section `{section}` offset {offset:#x}: unknown relocation type {kind}")]
    Relocation {
        /// The file.
        file: String,
        /// The section.
        section: String,
        /// Where.
        offset: u64,
        /// Its type.
        kind: u32,
    },
    /// A relocation of something that is not linked.
    #[error(
        "{file}: section `{section}` offset {offset:#x} refers to symbol {symbol}, which is not linked"
    )]
    Reference {
        /// The file.
        file: String,
        /// The section.
        section: String,
        /// Where.
        offset: u64,
        /// The index of the symbol.
        symbol: usize,
    },
    /// Two definitions of one name.
    #[error("`{name}` is defined in {first} and in {second}, and neither is weak")]
    Twice {
        /// The name.
        name: String,
        /// The file that defines it first.
        first: String,
        /// The other file.
        second: String,
    },
    /// A function in one file is data in another.
    #[error("`{name}` is {got} in {second}, want {want} as in {first}")]
    SymbolType {
        /// The name.
        name: String,
        /// The file that defines it.
        first: String,
        /// The other file.
        second: String,
        /// What it is in the other file.
        got: &'static str,
        /// What it is where it is defined.
        want: &'static str,
    },
    /// A declaration does not match the definition.
    #[error("`{name}` has another type in {second} than in {first}, which defines it")]
    Declaration {
        /// The name.
        name: String,
        /// The file that defines it.
        first: String,
        /// The other file.
        second: String,
    },
    /// Broken type information.
    #[error("{file} has broken type information")]
    Btf {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: BtfError,
    },
    /// The result cannot be written.
    #[error("the linked object cannot be written")]
    Write {
        /// Why.
        source: object::write::Error,
    },
}
