//! Places that refer to symbols, moved with their sections.
//!
//! A reference to a section has its distance from the section's start in the code or data itself, so that is changed where
//! the section has moved.

use goblin::elf::sym::STT_SECTION;

use super::LinkerError;
use super::input::{Input, Relocation};
use super::layout::{Layout, Ownership, Spot};

/// A 64-bit immediate of two slots.
const R_BPF_64_64: u32 = 1;
/// 64 bits of data.
const R_BPF_64_ABS64: u32 = 2;
/// 32 bits of data.
const R_BPF_64_ABS32: u32 = 3;
/// 32 bits of data that no dynamic linker sees.
const R_BPF_64_NODYLD32: u32 = 4;
/// A call.
const R_BPF_64_32: u32 = 10;

/// Bytes of an instruction slot, and where its immediate is.
const SLOT: u64 = 8;
const IMMEDIATE: u64 = 4;

/// A place of the output that refers to a symbol of an input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    pub(super) section: usize,
    pub(super) offset: u64,
    pub(super) kind: u32,
    pub(super) input: usize,
    pub(super) symbol: usize,
}

/// Moves all references.
pub(super) fn relocate(
    inputs: &[Input<'_>],
    layout: &mut Layout<'_>,
) -> Result<Vec<Reference>, LinkerError> {
    let mut references = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        for (index, section) in input.sections.iter().enumerate() {
            let Some(spot) = layout.spot(number, index) else {
                continue;
            };
            if spot.is_own == Ownership::Equal {
                continue;
            }
            for relocation in &section.relocations {
                adjust(input, number, layout, spot, section.name, relocation)?;
                references.push(Reference {
                    section: spot.section,
                    offset: spot.offset.saturating_add(relocation.offset),
                    kind: relocation.kind,
                    input: number,
                    symbol: relocation.symbol,
                });
            }
        }
    }
    Ok(references)
}

/// Adds to a reference to a section how far that has moved.
fn adjust(
    input: &Input<'_>,
    number: usize,
    layout: &mut Layout<'_>,
    spot: Spot,
    section: &str,
    relocation: &Relocation,
) -> Result<(), LinkerError> {
    let refused = || LinkerError::Reference {
        file: input.name.to_owned(),
        section: section.to_owned(),
        offset: relocation.offset,
        symbol: relocation.symbol,
    };
    let symbol = input.symbols.get(relocation.symbol).ok_or_else(refused)?;
    if symbol.kind() != STT_SECTION {
        return Ok(());
    }
    let target = symbol
        .section
        .and_then(|section| layout.spot(number, section));
    let moved = target.ok_or_else(refused)?.offset;
    let (at, add) = match relocation.kind {
        R_BPF_64_64 => (IMMEDIATE, moved),
        R_BPF_64_32 => (IMMEDIATE, moved / SLOT),
        R_BPF_64_ABS64 | R_BPF_64_ABS32 | R_BPF_64_NODYLD32 => (0, moved),
        kind => {
            return Err(LinkerError::Relocation {
                file: input.name.to_owned(),
                section: section.to_owned(),
                offset: relocation.offset,
                kind,
            });
        }
    };
    let offset = spot
        .offset
        .saturating_add(relocation.offset)
        .saturating_add(at);
    let data = layout
        .sections
        .get_mut(spot.section)
        .map(|out| &mut out.data);
    let bytes = data.zip(usize::try_from(offset).ok());
    let word = bytes.and_then(|(data, offset)| data.get_mut(offset..)?.first_chunk_mut::<4>());
    let word = word.ok_or_else(refused)?;
    // Sections of 4 GiB would not fit the immediate to begin with.
    *word = u32::from_le_bytes(*word)
        .wrapping_add(add as u32)
        .to_le_bytes();
    Ok(())
}
