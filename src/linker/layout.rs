//! Where sections of inputs go in those of the output.
//!
//! Sections of one name follow each other in the order of the inputs, each at the
//! largest alignment so far.

use std::collections::HashMap;

use goblin::elf::section_header::SHT_NOBITS;

use super::LinkerError;
use super::input::{Input, Role, Section};

/// A section of the output.
pub(super) struct OutSection<'a> {
    pub(super) name: &'a str,
    pub(super) kind: u32,
    pub(super) flags: u64,
    pub(super) align: u64,
    pub(super) size: u64,
    pub(super) data: Vec<u8>,
    /// The input that has it first.
    first: usize,
}

impl OutSection<'_> {
    pub(super) fn is_zeros(&self) -> bool {
        self.kind == SHT_NOBITS
    }
}

/// Where a section of an input went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// The section of the output.
    pub(super) section: usize,
    /// Where in it.
    pub(super) offset: u64,
    /// Whether it is there, or another input's equal one.
    pub(super) is_own: Ownership,
}

/// Whose bytes are at a [`Spot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    Own,
    Equal,
}

/// All sections of the output.
pub(super) struct Layout<'a> {
    pub(super) sections: Vec<OutSection<'a>>,
    /// By input and section.
    spots: Vec<Vec<Option<Spot>>>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(inputs: &[Input<'a>]) -> Result<Layout<'a>, LinkerError> {
        let mut layout = Layout {
            sections: Vec::new(),
            spots: Vec::new(),
        };
        let mut by_name = HashMap::new();
        for (number, input) in inputs.iter().enumerate() {
            let mut spots = Vec::with_capacity(input.sections.len());
            for section in &input.sections {
                spots.push(match section.role {
                    Role::Skip => None,
                    Role::Join | Role::Once => {
                        let known = by_name.get(section.name).copied();
                        let index = known.unwrap_or(layout.sections.len());
                        by_name.insert(section.name, index);
                        Some(layout.add(inputs, number, section, index)?)
                    }
                });
            }
            layout.spots.push(spots);
        }
        Ok(layout)
    }

    /// Where a section of an input went, if it is there.
    pub(super) fn spot(&self, input: usize, section: usize) -> Option<Spot> {
        self.spots.get(input)?.get(section).copied().flatten()
    }

    /// The section of that name.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &OutSection<'a>)> {
        let mut sections = self.sections.iter().enumerate();
        sections.find(|(_, section)| section.name == name)
    }

    fn add(
        &mut self,
        inputs: &[Input<'a>],
        number: usize,
        section: &Section<'a>,
        index: usize,
    ) -> Result<Spot, LinkerError> {
        let Some(out) = self.sections.get_mut(index) else {
            self.sections.push(OutSection {
                name: section.name,
                kind: section.kind,
                flags: section.flags,
                align: section.align,
                size: section.size,
                data: section.data.to_vec(),
                first: number,
            });
            return Ok(Spot {
                section: index,
                offset: 0,
                is_own: Ownership::Own,
            });
        };
        let name = |number: usize| inputs.get(number).map_or("", |input| input.name).to_owned();
        let first = out.first;
        let conflict = |what| LinkerError::SectionConflict {
            section: section.name.to_owned(),
            first: name(first),
            second: name(number),
            what,
        };
        if section.kind == out.kind && section.flags != out.flags {
            return Err(conflict("its flags"));
        }
        if section.role == Role::Once {
            if section.data != out.data {
                return Err(conflict("its contents"));
            }
            return Ok(Spot {
                section: index,
                offset: 0,
                is_own: Ownership::Equal,
            });
        }
        if section.kind != out.kind {
            return Err(conflict("whether it is zeros"));
        }
        out.align = out.align.max(section.align);
        let offset = out.size.checked_next_multiple_of(out.align);
        let end = offset.and_then(|offset| offset.checked_add(section.size));
        let (Some(offset), Some(end)) = (offset, end) else {
            return Err(conflict("where it would end"));
        };
        out.size = end;
        if !out.is_zeros() {
            // The first size was that of bytes in a file, and so was every one that was added.
            out.data.resize(offset as usize, 0);
            out.data.extend_from_slice(section.data);
        }
        Ok(Spot {
            section: index,
            offset,
            is_own: Ownership::Own,
        })
    }
}
