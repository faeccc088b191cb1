//! A small executable with static probes, made for a test.
//!
//! It has a segment of code at 0x1000, one of data at 0x2000, and nothing that could run.

/// An executable to make.
pub(crate) struct Elf {
    /// `e_machine`.
    pub(crate) machine: u16,
    /// `e_type`.
    pub(crate) kind: u16,
    /// Where `.stapsdt.base` is said to lie.
    pub(crate) base: u64,
    /// Notes: address, base, semaphore, provider, name and arguments.
    pub(crate) notes: Vec<(u64, u64, u64, &'static str, &'static str, &'static str)>,
}

/// The names of sections, at the offsets that [`Elf::bytes`] uses.
const NAMES: &[u8] = b"\0.shstrtab\0.note.stapsdt\0.stapsdt.base\0";
/// Bytes of an ELF header, a program header and a section header.
const HEADERS: (u64, u64, u64) = (64, 56, 64);

impl Elf {
    /// For x86-64, with these probes in its code and no semaphores.
    pub(crate) fn x86(probes: &[(&'static str, &'static str, &'static str)]) -> Elf {
        let note = |(at, probe): (u64, &(_, _, _))| (0x1000 + at, 0, 0, probe.0, probe.1, probe.2);
        Elf {
            machine: 62,
            kind: 3,
            base: 0,
            notes: (0..).zip(probes).map(note).collect(),
        }
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let notes = self.note_section();
        let (header, segment, section) = HEADERS;
        let contents = header + 2 * segment;
        let notes_at = contents + NAMES.len() as u64;
        let sections_at = notes_at + notes.len() as u64;
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        for half in [self.kind, self.machine] {
            file.extend(half.to_le_bytes());
        }
        file.extend(1u32.to_le_bytes());
        for long in [0, header, sections_at] {
            file.extend(long.to_le_bytes());
        }
        file.extend(0u32.to_le_bytes());
        let halves = [header, segment, 2, section, 4, 1];
        file.extend(halves.iter().flat_map(|half| (*half as u16).to_le_bytes()));
        // PT_LOAD of R and X, and of R and W.
        for (flags, at) in [(5u32, 0x1000u64), (6, 0x2000)] {
            file.extend(1u32.to_le_bytes());
            file.extend(flags.to_le_bytes());
            let longs = [at - 0x800, at, at, 0x100, 0x100, 0x100];
            file.extend(longs.iter().flat_map(|long| long.to_le_bytes()));
        }
        file.extend(NAMES);
        file.extend(&notes);
        let table = [
            (0u32, 0u32, 0u64, 0u64, 0u64),
            (1, 3, 0, contents, NAMES.len() as u64),
            (11, 7, 0, notes_at, notes.len() as u64),
            (25, 1, self.base, notes_at, 1),
        ];
        for (name, kind, address, at, len) in table {
            file.extend(name.to_le_bytes());
            file.extend(kind.to_le_bytes());
            let longs = [0, address, at, len, 0, 1, 0];
            file.extend(longs.iter().flat_map(|long: &u64| long.to_le_bytes()));
        }
        file
    }

    fn note_section(&self) -> Vec<u8> {
        let mut section = Vec::new();
        for (at, base, semaphore, provider, name, arguments) in &self.notes {
            let mut text = Vec::new();
            for long in [at, base, semaphore] {
                text.extend(long.to_le_bytes());
            }
            for string in [provider, name, arguments] {
                text.extend(string.bytes());
                text.push(0);
            }
            section.extend(8u32.to_le_bytes());
            section.extend((text.len() as u32).to_le_bytes());
            section.extend(3u32.to_le_bytes());
            section.extend(b"stapsdt\0");
            section.extend(&text);
            section.resize(section.len().next_multiple_of(4), 0);
        }
        section
    }
}
