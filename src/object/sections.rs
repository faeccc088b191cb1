//! What the sections of an object are, by name and flags, as libbpf 1.5 reads them.

use goblin::elf::section_header::{SHF_EXECINSTR, SHT_NOBITS, SHT_PROGBITS};

use super::elf::Section;
use super::maps::Content;

/// The section of subprograms; functions in all others are programs when they are not static.
pub(super) const TEXT: &str = ".text";

/// The section of variables of the arena.
const ARENA: &str = ".addr_space.1";

/// The section of structures of functions that are attached without a link.
const STRUCT_OPS: &str = ".struct_ops";

/// The section of structures of functions that are attached by a link.
pub(super) const STRUCT_OPS_LINK: &str = ".struct_ops.link";

/// What a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Functions.
    Code,
    /// Declarations of maps by type information.
    Maps,
    /// Declarations of maps by `struct bpf_map_def`.
    LegacyMaps,
    /// Variables.
    Data(Content),
    /// Variables of the arena.
    Arena,
    /// Instances of structures of functions.
    StructOps,
    /// Read by name, or not at all.
    Other,
}

/// What a section is.
pub(super) fn role(section: &Section<'_>) -> Role {
    let is = |name: &str| {
        section
            .name
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match section.kind {
        _ if section.size == 0 => Role::Other,
        SHT_PROGBITS => match section.name {
            "license" | "version" => Role::Other,
            "maps" => Role::LegacyMaps,
            ".maps" => Role::Maps,
            ARENA => Role::Arena,
            _ if is_struct_ops(section.name) => Role::StructOps,
            _ if section.flags & u64::from(SHF_EXECINSTR) != 0 => Role::Code,
            _ if is(".data") => Role::Data(Content::Data),
            _ if is(".rodata") => Role::Data(Content::ReadOnly),
            _ => Role::Other,
        },
        SHT_NOBITS if is(".bss") => Role::Data(Content::Zero),
        _ => Role::Other,
    }
}

fn is_struct_ops(name: &str) -> bool {
    let name = name.strip_prefix('?').unwrap_or(name);
    name == STRUCT_OPS || name == STRUCT_OPS_LINK
}
