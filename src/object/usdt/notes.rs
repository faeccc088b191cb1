//! From an ELF file to the notes of its probes.

use goblin::container::Endian;
use goblin::elf::header::{EM_AARCH64, EM_RISCV, EM_S390, EM_X86_64, ET_DYN, ET_EXEC};
use goblin::elf::program_header::{PF_X, PT_LOAD};
use goblin::elf::{Elf, ProgramHeader, SectionHeader};

use super::{Machine, Probe, UsdtError};

/// The section with the notes.
const NOTES: &str = ".note.stapsdt";
/// The section whose address tells how far probes were moved.
const BASE: &str = ".stapsdt.base";
/// The name of a note, with its NUL.
const OWNER: &[u8] = b"stapsdt\0";
/// The type of a note.
const PROBE: u32 = 3;
/// Name length, description length and type.
const HEAD: usize = 12;
/// Addresses of a probe, of [`BASE`], and of the semaphore.
const ADDRESSES: usize = 24;

/// Reads the probes of a file.
pub(super) fn parse(bytes: &[u8]) -> Result<(Machine, Vec<Probe>), UsdtError> {
    let refuse = |reason| UsdtError::NotExecutable { reason };
    let elf = Elf::parse(bytes).map_err(|_| refuse("it is no ELF file, or is cut off"))?;
    if !elf.is_64 {
        return Err(refuse("it has 32 bits"));
    }
    if !matches!(elf.header.e_type, ET_EXEC | ET_DYN) {
        return Err(refuse("it is neither"));
    }
    let machine = match elf.header.e_machine {
        EM_X86_64 => Machine::X86,
        EM_AARCH64 => Machine::Arm64,
        EM_RISCV => Machine::Riscv,
        EM_S390 => Machine::S390,
        machine => return Err(UsdtError::Machine { machine }),
    };
    let notes = section(&elf, NOTES).ok_or(UsdtError::NoNotes)?;
    let data = notes.file_range().and_then(|range| bytes.get(range));
    let file = File {
        endian: elf.header.endianness().unwrap_or(Endian::Little),
        base: section(&elf, BASE).map_or(0, |section| section.sh_addr),
        segments: elf.program_headers,
    };
    let data = data.ok_or_else(|| refuse("it is cut off"))?;
    Ok((machine, file.notes(data)?))
}

fn section<'a>(elf: &'a Elf<'_>, name: &str) -> Option<&'a SectionHeader> {
    let mut headers = elf.section_headers.iter();
    headers.find(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(name))
}

/// What is known of the file.
struct File {
    endian: Endian,
    /// Where [`BASE`] lies, or 0.
    base: u64,
    segments: Vec<ProgramHeader>,
}

impl File {
    fn notes(&self, data: &[u8]) -> Result<Vec<Probe>, UsdtError> {
        let mut probes = Vec::new();
        let mut at = 0;
        while at + HEAD <= data.len() {
            let broken = |reason| UsdtError::Note { at, reason };
            let word = |index: usize| self.word(data, at + 4 * index);
            let head = (word(0), word(1), word(2));
            let (Some(name_len), Some(len), Some(kind)) = head else {
                return Err(broken("it is cut off"));
            };
            let name_at = at + HEAD;
            let text_at = name_at.saturating_add(padded(name_len));
            let name = data.get(name_at..name_at.saturating_add(name_len as usize));
            let text = data.get(text_at..text_at.saturating_add(len as usize));
            let (Some(name), Some(text)) = (name, text) else {
                return Err(broken("it is cut off"));
            };
            if name != OWNER || kind != PROBE {
                return Err(broken("it is none of a probe"));
            }
            probes.push(self.probe(text, broken)?);
            at = text_at.saturating_add(padded(len));
        }
        Ok(probes)
    }

    fn probe(
        &self,
        text: &[u8],
        broken: impl Fn(&'static str) -> UsdtError,
    ) -> Result<Probe, UsdtError> {
        let long = |index: usize| self.long(text, 8 * index);
        let addresses = (long(0), long(1), long(2));
        let (Some(location), Some(base), Some(semaphore)) = addresses else {
            return Err(broken("it is too short"));
        };
        let strings = text.get(ADDRESSES..).unwrap_or_default();
        let mut strings = strings.split_inclusive(|&byte| byte == 0).map(|string| {
            let string = string.strip_suffix(&[0])?;
            Some(String::from_utf8_lossy(string).into_owned())
        });
        let mut string = || strings.next().flatten();
        let (Some(provider), Some(name)) = (string(), string()) else {
            return Err(broken("provider or name does not end"));
        };
        if name.is_empty() {
            return Err(broken("it has no name"));
        }
        let arguments = string().ok_or_else(|| broken("the arguments do not end"))?;
        let arguments = match arguments.starts_with(':') {
            true => String::new(),
            false => arguments,
        };
        let moved = match (self.base, base) {
            (0, _) | (_, 0) => 0,
            (to, from) => to.wrapping_sub(from),
        };
        let address = location.wrapping_add(moved);
        let offset = self.place((&provider, &name), Part::Probe, address)?;
        let semaphore = (semaphore != 0)
            .then(|| self.place((&provider, &name), Part::Semaphore, semaphore))
            .transpose()?;
        Ok(Probe {
            provider,
            name,
            arguments,
            address,
            offset,
            semaphore,
        })
    }

    /// Where in the file an address lies.
    fn place(
        &self,
        (provider, name): (&str, &str),
        part: Part,
        address: u64,
    ) -> Result<u64, UsdtError> {
        let what = part.name();
        let (provider, name) = (provider.to_owned(), name.to_owned());
        let mut segments = self.segments.iter();
        let holds = |segment: &&ProgramHeader| {
            let within = address.checked_sub(segment.p_vaddr);
            segment.p_type == PT_LOAD && within.is_some_and(|within| within < segment.p_memsz)
        };
        let Some(segment) = segments.find(holds) else {
            return Err(UsdtError::NoSegment {
                provider,
                name,
                what,
                address,
            });
        };
        let is = match (part, segment.p_flags & PF_X != 0) {
            (Part::Probe, true) | (Part::Semaphore, false) => {
                return Ok((address - segment.p_vaddr).wrapping_add(segment.p_offset));
            }
            (Part::Probe, false) => "not executable",
            (Part::Semaphore, true) => "executable",
        };
        Err(UsdtError::WrongSegment {
            provider,
            name,
            what,
            address,
            is,
        })
    }

    fn word(&self, data: &[u8], at: usize) -> Option<u32> {
        let bytes = *data.get(at..)?.first_chunk::<4>()?;
        Some(match self.endian {
            Endian::Little => u32::from_le_bytes(bytes),
            Endian::Big => u32::from_be_bytes(bytes),
        })
    }

    fn long(&self, data: &[u8], at: usize) -> Option<u64> {
        let bytes = *data.get(at..)?.first_chunk::<8>()?;
        Some(match self.endian {
            Endian::Little => u64::from_le_bytes(bytes),
            Endian::Big => u64::from_be_bytes(bytes),
        })
    }
}

/// What lies at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Probe,
    Semaphore,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Probe => "probe",
            Part::Semaphore => "semaphore",
        }
    }
}

/// A length with what fills it up to whole words.
fn padded(len: u32) -> usize {
    (len as usize).saturating_add(3) & !3
}
