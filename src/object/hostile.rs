//! Broken files: each is refused by section and offset, or still makes sense; none panics.

use super::error::SectionProblem;
use super::{HeaderProblem, LinkOptions, Object, ObjectError};
use crate::btf::{KindFilter, Type};

const CALLS: &[u8] = include_bytes!("testdata/calls.o");
const MAPS: &[u8] = include_bytes!("testdata/maps.o");
const FIELDS: &[u8] = include_bytes!("testdata/fields.o");

/// Fields of a section header, by offset.
const SH_TYPE: usize = 4;
const SH_OFFSET: usize = 24;
const SH_SIZE: usize = 32;
const SH_LINK: usize = 40;
const SH_INFO: usize = 44;

fn word(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

fn half(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// Where the header of a section is in the file.
fn header(bytes: &[u8], name: &str) -> usize {
    let table = word(bytes, 40);
    let count = usize::from(u16::from_le_bytes([bytes[60], bytes[61]]));
    let strings = table + 64 * usize::from(u16::from_le_bytes([bytes[62], bytes[63]]));
    let strings = word(bytes, strings + SH_OFFSET);
    let mut headers = (0..count).map(|index| table + 64 * index);
    let has_name = |at: &usize| {
        let start = strings + half(bytes, *at);
        bytes[start..].starts_with(format!("{name}\0").as_bytes())
    };
    headers.find(has_name).expect("the section exists")
}

/// Where the contents of a section are in the file.
fn contents(bytes: &[u8], name: &str) -> usize {
    word(bytes, header(bytes, name) + SH_OFFSET)
}

/// An object with a field of a section's header changed.
fn with_header(bytes: &[u8], name: &str, field: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = header(&bytes, name) + field;
    put(&mut bytes, at, value);
    bytes
}

fn error(bytes: &[u8]) -> ObjectError {
    Object::parse("hostile.o", bytes).expect_err("the object is broken")
}

/// The section, offset and text of an error about a section.
fn section_error(bytes: &[u8]) -> (String, u64, SectionProblem) {
    match error(bytes) {
        ObjectError::Section {
            section,
            offset,
            problem,
        } => (section, offset, problem),
        other => panic!("{other}"),
    }
}

fn load(bytes: &[u8]) {
    if let Ok(object) = Object::parse("hostile.o", bytes) {
        drop(object.link(&LinkOptions::default()));
    }
}

#[test]
fn truncation_at_every_length_is_refused() {
    for bytes in [CALLS, MAPS, FIELDS] {
        for len in 0..bytes.len() {
            assert!(
                Object::parse("cut.o", &bytes[..len]).is_err(),
                "{len} bytes"
            );
        }
    }
}

#[test]
fn every_byte_changed_loads_or_is_refused() {
    for bytes in [CALLS, MAPS, FIELDS] {
        let mut changed = bytes.to_vec();
        for at in 0..bytes.len() {
            for value in [!bytes[at], bytes[at].wrapping_add(1)] {
                changed[at] = value;
                load(&changed);
            }
            changed[at] = bytes[at];
        }
    }
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    let with = |at: usize, value: u8| {
        let mut bytes = CALLS.to_vec();
        bytes[at] = value;
        match error(&bytes) {
            ObjectError::NotBpf { problem } => problem,
            other => panic!("{other}"),
        }
    };
    assert_eq!(with(0, 0), HeaderProblem::Magic { got: *b"\0ELF" });
    assert_eq!(with(4, 1), HeaderProblem::Class { got: 1 });
    assert_eq!(with(5, 2), HeaderProblem::ByteOrder { got: 2 });
    assert_eq!(with(16, 2), HeaderProblem::FileType { got: 2 });
    assert_eq!(with(18, 62), HeaderProblem::Machine { got: 62 });
    assert!(
        error(b"#!/bin/sh\n")
            .to_string()
            .contains("file starts with [23, 21, 2f, 62]")
    );
    assert_eq!(
        error(b"").to_string(),
        "not a BPF object: file of 0 bytes, an ELF header takes 64"
    );
}

#[test]
fn machine_none_is_accepted() {
    let mut bytes = CALLS.to_vec();
    put(&mut bytes, 18, &[0, 0]);
    assert!(Object::parse("none.o", &bytes).is_ok());
}

#[test]
fn section_outside_the_file_is_named() {
    let bytes = with_header(CALLS, "xdp", SH_SIZE, &0x1_0000_u64.to_le_bytes());
    let start = contents(CALLS, "xdp") as u64;
    let problem = SectionProblem::Outside {
        size: 0x1_0000,
        file_size: CALLS.len(),
    };
    assert_eq!(section_error(&bytes), ("xdp".to_owned(), start, problem));
    let bytes = with_header(CALLS, "xdp", SH_OFFSET, &u64::MAX.to_le_bytes());
    assert_eq!(section_error(&bytes).1, u64::MAX);
}

#[test]
fn sections_that_overlap_are_named() {
    let start = contents(CALLS, ".text") as u64;
    let bytes = with_header(CALLS, "xdp", SH_OFFSET, &start.to_le_bytes());
    let text = error(&bytes).to_string();
    assert!(text.contains("overlaps section"), "{text}");
    assert!(text.contains("`xdp`") && text.contains("`.text`"), "{text}");
}

#[test]
fn huge_bss_is_refused_and_large_bss_not_allocated() {
    let bytes = with_header(CALLS, ".bss", SH_SIZE, &(1_u64 << 32).to_le_bytes());
    let problem = SectionProblem::TooLarge {
        size: 1 << 32,
        limit: 0x7fff_ffff,
    };
    assert_eq!(section_error(&bytes), (".bss".to_owned(), 0, problem));
    let bytes = with_header(CALLS, ".bss", SH_SIZE, &0x7fff_ffff_u64.to_le_bytes());
    let object = Object::parse("large.o", &bytes).expect("the kernel takes such a value");
    assert!(
        object
            .maps()
            .iter()
            .any(|map| map.value_size == 0x7fff_ffff)
    );
}

#[test]
fn symbol_index_out_of_range_is_named() {
    let mut bytes = CALLS.to_vec();
    let entry = contents(CALLS, ".relxdp") + 16;
    put(&mut bytes, entry + 12, &0x7000_0000_u32.to_le_bytes());
    let (section, offset, problem) = section_error(&bytes);
    assert_eq!((section.as_str(), offset), (".relxdp", 16));
    assert!(matches!(
        problem,
        SectionProblem::SymbolIndex {
            index: 0x7000_0000,
            ..
        }
    ));
}

#[test]
fn relocation_outside_its_section_is_named() {
    let mut bytes = CALLS.to_vec();
    let entry = contents(CALLS, ".relxdp");
    put(&mut bytes, entry, &0x10_0000_u64.to_le_bytes());
    let (section, offset, problem) = section_error(&bytes);
    assert_eq!((section.as_str(), offset), ("xdp", 0x10_0000));
    assert!(matches!(problem, SectionProblem::RelocationOutside { .. }));
}

#[test]
fn relocations_of_no_section_or_with_addends_are_refused() {
    let bytes = with_header(CALLS, ".relxdp", SH_INFO, &999_u32.to_le_bytes());
    let (section, _, problem) = section_error(&bytes);
    assert_eq!(section, ".relxdp");
    assert!(matches!(
        problem,
        SectionProblem::SectionIndex { index: 999, .. }
    ));
    let bytes = with_header(CALLS, ".relxdp", SH_TYPE, &4_u32.to_le_bytes());
    assert_eq!(
        section_error(&bytes),
        (".relxdp".to_owned(), 0, SectionProblem::Addends)
    );
}

#[test]
fn static_programs_are_refused() {
    let symbols = contents(CALLS, ".symtab");
    let count = word(CALLS, header(CALLS, ".symtab") + SH_SIZE) / 24;
    // Type and binding of each function are made those of a static one.
    let mut bytes = CALLS.to_vec();
    for symbol in 0..count {
        let info = symbols + symbol * 24 + 4;
        if bytes[info] & 0xf == 2 {
            bytes[info] = 2;
        }
    }
    let problem = section_error(&bytes).2;
    assert!(
        matches!(problem, SectionProblem::StaticProgram { .. }),
        "{problem}"
    );
}

#[test]
fn symbol_names_outside_their_table_are_refused() {
    let mut bytes = CALLS.to_vec();
    let symbol = contents(CALLS, ".symtab") + 3 * 24;
    put(&mut bytes, symbol, &0x00ff_ffff_u32.to_le_bytes());
    let (section, offset, problem) = section_error(&bytes);
    assert_eq!((section.as_str(), offset), (".symtab", 72));
    assert!(matches!(
        problem,
        SectionProblem::Name {
            name: 0x00ff_ffff,
            ..
        }
    ));
    let bytes = with_header(CALLS, ".symtab", SH_LINK, &500_u32.to_le_bytes());
    assert!(matches!(
        section_error(&bytes).2,
        SectionProblem::SectionIndex { index: 500, .. }
    ));
}

#[test]
fn functions_that_do_not_fit_are_named() {
    let symbols = contents(CALLS, ".symtab");
    let size = word(CALLS, header(CALLS, ".symtab") + SH_SIZE);
    let is_function = |at: &usize| CALLS[*at + 4] & 15 == 2;
    let function = (symbols..symbols + size)
        .step_by(24)
        .find(is_function)
        .expect("there is a function");
    for (value, expected) in [
        (0xffff_ffff_0000_u64, "does not fit"),
        (12, "want whole instructions"),
        (0, "want whole"),
    ] {
        let mut bytes = CALLS.to_vec();
        put(&mut bytes, function + 16, &value.to_le_bytes());
        let text = error(&bytes).to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn names_repeated_over_and_over_are_refused() {
    let name_len = 4000;
    let count: u32 = 100;
    let bytes = object_with_names(name_len, count);
    let (section, _, problem) = section_error(&bytes);
    assert_eq!(section, ".symtab");
    assert!(
        matches!(problem, SectionProblem::NamesTooLong { .. }),
        "{problem}"
    );
    assert!(Object::parse("few.o", &object_with_names(name_len, 2)).is_ok());
}

/// An object whose `count` symbols all have the same long name.
fn object_with_names(name_len: usize, count: u32) -> Vec<u8> {
    let strings_at = 64;
    let mut strings = b"\0.symtab\0.strtab\0".to_vec();
    let name = u32::try_from(strings.len()).unwrap();
    strings.extend(std::iter::repeat_n(b'x', name_len).chain([0]));
    let symbols_at = strings_at + strings.len();
    let symbols: Vec<u8> = (0..count)
        .flat_map(|_| [name.to_le_bytes().as_slice(), &[0; 20]].concat())
        .collect();
    let table_at = symbols_at + symbols.len();
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(64, 0);
    put(&mut header, 16, &[1, 0, 247, 0, 1, 0, 0, 0]);
    put(&mut header, 40, &(table_at as u64).to_le_bytes());
    put(&mut header, 52, &[64, 0, 0, 0, 0, 0, 64, 0, 3, 0, 1, 0]);
    let section = |name: u32, kind: u32, at: usize, size: usize, link: u32| {
        let mut bytes = vec![0; 64];
        put(&mut bytes, 0, &name.to_le_bytes());
        put(&mut bytes, SH_TYPE, &kind.to_le_bytes());
        put(&mut bytes, SH_OFFSET, &(at as u64).to_le_bytes());
        put(&mut bytes, SH_SIZE, &(size as u64).to_le_bytes());
        put(&mut bytes, SH_LINK, &link.to_le_bytes());
        bytes
    };
    let table = [
        vec![0; 64],
        section(9, 3, strings_at, strings.len(), 0),
        section(1, 2, symbols_at, symbols.len(), 1),
    ];
    [header, strings, symbols, table.concat()].concat()
}

#[test]
fn map_offsets_of_type_information_yield_to_those_of_symbols() {
    let whole = Object::parse("maps.o", MAPS).expect("the object parses");
    let btf = whole.btf().expect("it has types");
    let section = btf.find(".maps", KindFilter::DATASEC);
    let Some(Type::Datasec { entries, .. }) = section.map(|id| btf.ty(id)) else {
        panic!("the object declares maps");
    };
    let mut bytes = MAPS.to_vec();
    let start = contents(&bytes, ".BTF");
    for entry in entries.iter() {
        // What a relocation adds the symbol's value to.
        let words = [entry.var.0, 0, entry.size].map(u32::to_le_bytes).concat();
        let places = bytes[start..].windows(words.len());
        let found = places.enumerate().find(|(_, place)| *place == words);
        let (at, _) = found.expect("clang leaves the offset to the loader");
        put(&mut bytes, start + at + 4, &0x100_u32.to_le_bytes());
    }
    let object = Object::parse("maps.o", &bytes).expect("the object parses");
    let maps = |object: &Object| format!("{:?}", object.maps());
    assert_eq!(maps(&object), maps(&whole));
}
