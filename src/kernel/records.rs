//! The records of a BTF section in place, to replace what an older kernel does not know.
//!
//! It follows no reference and checks only what it needs to stay inside the bytes. Which kind stands
//! in for which is libbpf's rule (`bpf_object__sanitize_btf`, used under its BSD-2-Clause licence):
//! the replacement has a record of the same length, so that no id and no offset changes.

mod externs;

const INT: u32 = 1;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const CONST: u32 = 10;
const FUNC: u32 = 12;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const FLOAT: u32 = 16;
const DECL_TAG: u32 = 17;
const TYPE_TAG: u32 = 18;
const ENUM64: u32 = 19;

/// Bytes that every record starts with: name, info, size or type.
const HEAD_LEN: usize = 12;

/// Where a section's header says how long the records are, where the strings start, and how long they are.
const TYPES_LEN: usize = 12;
const STRINGS_START: usize = 16;
const STRINGS_LEN: usize = 20;

/// Makes a section understandable to older kernels, one step after the other, from what was added
/// to kernels last.
pub(super) const STEPS: [fn(&mut Section); 6] = [
    // Question marks in section names, since 6.9.
    Section::rename_optional_sections,
    // Since 6.0.
    Section::replace_enum64,
    // Since 5.17 and 5.16.
    Section::replace_tags,
    // Since 5.13.
    Section::replace_floats,
    // Linkage of functions, since 5.6.
    Section::make_functions_static,
    // Variables and their sections, since 5.2.
    Section::replace_variables,
];

/// A BTF section.
pub(super) struct Section {
    /// Its bytes. Strings may be added at their end.
    pub(super) bytes: Vec<u8>,
    /// Where each record starts, by id less one.
    records: Vec<usize>,
    /// Where the records end.
    types_end: usize,
    /// Where the strings start.
    strings: usize,
}

impl Section {
    /// Finds the records; those after the first broken one are left out.
    pub(super) fn new(bytes: Vec<u8>) -> Section {
        let parts = Parts::find(&bytes).unwrap_or_default();
        let (mut records, mut at) = (Vec::new(), parts.types);
        while at < parts.types_end {
            let Some(info) = word(&bytes, at + 4) else {
                break;
            };
            records.push(at);
            at += HEAD_LEN + tail_len(info);
        }
        Section {
            bytes,
            records,
            types_end: parts.types_end,
            strings: parts.strings,
        }
    }

    /// Makes a function static.
    pub(super) fn make_static(&mut self, id: u32) {
        let index = (id as usize).checked_sub(1);
        if let Some(&at) = index.and_then(|index| self.records.get(index)) {
            self.set_head(at, FUNC, 0);
        }
    }

    /// Adds a record, given in words, behind the others, and gives its id.
    fn add_record(&mut self, words: &[u32]) -> u32 {
        let at = self.types_end.min(self.bytes.len());
        let record: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let len = record.len();
        self.bytes.splice(at..at, record);
        self.grow(TYPES_LEN, len);
        self.types_end += len;
        if self.strings >= at {
            self.strings += len;
            self.grow(STRINGS_START, len);
        }
        self.records.push(at);
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    /// Adds a string at the end of the section, where strings are, and gives where it starts.
    fn add_string(&mut self, text: &str) -> u32 {
        let at = word(&self.bytes, STRINGS_LEN).unwrap_or(0);
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self.grow(STRINGS_LEN, text.len() + 1);
        at
    }

    /// Adds to a word of the header.
    fn grow(&mut self, at: usize, by: usize) {
        let by = u32::try_from(by).unwrap_or(u32::MAX);
        let before = word(&self.bytes, at).unwrap_or(0);
        self.set(at, before.wrapping_add(by));
    }

    fn each(&mut self, wanted: u32, mut change: impl FnMut(&mut Section, usize, u32)) {
        for index in 0..self.records.len() {
            let at = self.records.get(index).copied().unwrap_or_default();
            let Some(info) = word(&self.bytes, at + 4) else {
                continue;
            };
            if kind(info) == wanted {
                change(self, at, vlen(info));
            }
        }
    }

    fn rename_optional_sections(&mut self) {
        self.each(DATASEC, |section, at, _| {
            let name = word(&section.bytes, at).unwrap_or(0) as usize;
            let start = section.strings.saturating_add(name);
            let text = section.bytes.get_mut(start..).unwrap_or_default();
            let name = text.iter_mut().take_while(|byte| **byte != 0);
            name.filter(|byte| **byte == b'?')
                .for_each(|byte| *byte = b'_');
        });
    }

    /// Enumerations of 64 bits become unions with a member for each value.
    fn replace_enum64(&mut self) {
        let Some(int) = self.smallest_int() else {
            return;
        };
        self.each(ENUM64, |section, at, count| {
            section.set_head(at, UNION, count);
            for entry in 0..count as usize {
                let entry = at + HEAD_LEN + 12 * entry;
                section.set(entry + 4, int);
                section.set(entry + 8, 0);
            }
        });
    }

    fn replace_tags(&mut self) {
        self.each(TYPE_TAG, |section, at, _| {
            section.set(at, 0);
            section.set_head(at, CONST, 0);
        });
        self.each(DECL_TAG, |section, at, _| section.make_byte(at));
    }

    fn replace_floats(&mut self) {
        self.each(FLOAT, |section, at, _| {
            section.set(at, 0);
            section.set_head(at, STRUCT, 0);
        });
    }

    fn make_functions_static(&mut self) {
        self.each(FUNC, |section, at, _| section.set_head(at, FUNC, 0));
    }

    /// Variables become bytes, their sections structures of them.
    fn replace_variables(&mut self) {
        self.each(VAR, |section, at, _| section.make_byte(at));
        self.each(DATASEC, |section, at, count| {
            section.set(at, 0);
            section.set_head(at, STRUCT, count);
            for entry in 0..count as usize {
                let entry = at + HEAD_LEN + 12 * entry;
                let var = word(&section.bytes, entry).unwrap_or(0);
                let offset = word(&section.bytes, entry + 4).unwrap_or(0);
                section.set(entry, 0);
                section.set(entry + 4, var);
                section.set(entry + 8, offset.wrapping_mul(8));
            }
        });
    }

    /// An unsigned integer of one byte, in place of a record with one word after its head.
    fn make_byte(&mut self, at: usize) {
        self.set(at, 0);
        self.set_head(at, INT, 0);
        self.set(at + 8, 1);
        self.set(at + HEAD_LEN, 8);
    }

    /// An integer that fits into every enumeration.
    fn smallest_int(&self) -> Option<u32> {
        let ints = (1..)
            .zip(&self.records)
            .filter(|(_, at)| word(&self.bytes, **at + 4).is_some_and(|info| kind(info) == INT));
        ints.min_by_key(|(_, at)| word(&self.bytes, **at + 8))
            .map(|(id, _)| id)
    }

    fn set_head(&mut self, at: usize, kind: u32, vlen: u32) {
        self.set(at + 4, (kind << 24) | vlen);
    }

    fn set(&mut self, at: usize, value: u32) {
        if let Some(field) = self.bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *field = value.to_le_bytes();
        }
    }
}

/// Where the parts of a section are.
#[derive(Default)]
struct Parts {
    types: usize,
    types_end: usize,
    strings: usize,
}

impl Parts {
    fn find(bytes: &[u8]) -> Option<Parts> {
        let header = word(bytes, 4)? as usize;
        let types = header.checked_add(word(bytes, 8)? as usize)?;
        Some(Parts {
            types,
            types_end: types.checked_add(word(bytes, 12)? as usize)?,
            strings: header.checked_add(word(bytes, 16)? as usize)?,
        })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn kind(info: u32) -> u32 {
    (info >> 24) & 0x1f
}

fn vlen(info: u32) -> u32 {
    info & 0xffff
}

/// Bytes after the head.
fn tail_len(info: u32) -> usize {
    let count = vlen(info) as usize;
    match kind(info) {
        INT | VAR | DECL_TAG => 4,
        // Array.
        3 => 12,
        STRUCT | UNION | DATASEC | ENUM64 => 12 * count,
        // Enum and function prototype.
        6 | 13 => 8 * count,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::{Btf, BtfId, Kind};

    fn object() -> Vec<u8> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/globals.o");
        let bytes = std::fs::read(path).expect("the corpus is there");
        let object = crate::object::Object::parse("globals.o", &bytes).expect("it parses");
        object.btf().expect("it has types").bytes().to_vec()
    }

    fn kinds(bytes: Vec<u8>) -> Vec<Option<Kind>> {
        let btf = Btf::parse(bytes).expect("the section stays sound");
        btf.ids().map(|id: BtfId| btf.ty(id).kind()).collect()
    }

    #[test]
    fn every_step_keeps_the_section_sound() {
        let mut section = Section::new(object());
        let before = kinds(section.bytes.clone());
        assert!(before.contains(&Some(Kind::Datasec)));
        for step in STEPS {
            step(&mut section);
            assert_eq!(kinds(section.bytes.clone()).len(), before.len());
        }
        let after = kinds(section.bytes);
        for gone in [Kind::Datasec, Kind::Var, Kind::DeclTag, Kind::TypeTag] {
            assert!(!after.contains(&Some(gone)), "{gone:?} is left");
        }
    }

    #[test]
    fn truncated_section_does_not_panic() {
        for len in 0..object().len() {
            let mut bytes = object();
            bytes.truncate(len);
            let mut section = Section::new(bytes);
            STEPS.iter().for_each(|step| step(&mut section));
            assert_eq!(section.bytes.len(), len);
        }
    }
}
