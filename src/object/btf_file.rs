//! Type information from a file of its own: as the kernel publishes it, or in an ELF file.
//!
//! The ELF file may be for any machine: a `vmlinux`, a module, or an object that was made only for
//! its types. Nothing but its `.BTF` section is looked at.

use std::sync::Arc;

use goblin::elf::Elf;
use goblin::elf::header::ELFMAG;

use super::error::{HeaderProblem, ObjectError};
use crate::btf::Btf;

/// Reads type information: raw, as in `/sys/kernel/btf`, or the `.BTF` section of an ELF file.
/// That of a module continues the types of its kernel, `base`, or a summary of some kernel's in `.BTF.base`, in whose
/// place `base` then comes. Types of big-endian machines are read as those of little-endian ones.
///
/// # Errors
/// The file has no type information, or it is broken.
pub fn read_btf(bytes: Vec<u8>, base: Option<Arc<Btf>>) -> Result<Btf, ObjectError> {
    let (bytes, distilled) = match bytes.starts_with(ELFMAG) {
        true => sections(&bytes)?,
        false => (bytes, None),
    };
    Ok(match (base, distilled) {
        (Some(base), Some(distilled)) => Btf::parse_relocated(base, distilled, bytes)?,
        (Some(base), None) => Btf::parse_split(base, bytes)?,
        (None, Some(distilled)) => Btf::parse_split(Arc::new(Btf::parse(distilled)?), bytes)?,
        (None, None) => Btf::parse(bytes)?,
    })
}

/// The contents of `.BTF`, and of `.BTF.base`, where a module has a summary of the types it was made for.
fn sections(bytes: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), ObjectError> {
    let none = || ObjectError::NotBpf {
        problem: HeaderProblem::NoBtf,
    };
    let elf = Elf::parse(bytes).map_err(|_| none())?;
    let section = |name: &str| {
        let mut headers = elf.section_headers.iter();
        let header = headers.find(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(name))?;
        Some(bytes.get(header.file_range()?)?.to_vec())
    };
    Ok((section(".BTF").ok_or_else(none)?, section(".BTF.base")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::{KindFilter, Problem};

    const FIELDS: &[u8] = include_bytes!("testdata/fields.o");

    #[test]
    fn types_of_an_elf_file_are_those_of_its_section() {
        let btf = read_btf(FIELDS.to_vec(), None).expect("the object has types");
        assert!(btf.find("unknown_struct", KindFilter::STRUCT).is_some());
        let again = read_btf(btf.bytes().to_vec(), None).expect("and so has the section alone");
        assert_eq!(again.type_count(), btf.type_count());
    }

    #[test]
    fn file_without_types_is_refused_by_what_it_lacks() {
        let error = |bytes: &[u8]| read_btf(bytes.to_vec(), None).expect_err("there are none");
        let cut = error(&FIELDS[..100]).to_string();
        assert_eq!(cut, "not a BPF object: no section .BTF in the file");
        let ObjectError::Btf(error) = error(b"neither of them") else {
            panic!("it is taken for types")
        };
        assert!(matches!(error.problem, Problem::BadMagic { .. }), "{error}");
    }
}
