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
/// That of a module continues the types of its kernel, `base`.
///
/// # Errors
/// The file has no type information, or it is broken.
pub fn read_btf(bytes: Vec<u8>, base: Option<Arc<Btf>>) -> Result<Btf, ObjectError> {
    let bytes = match bytes.starts_with(ELFMAG) {
        true => section(&bytes)?.to_vec(),
        false => bytes,
    };
    Ok(match base {
        Some(base) => Btf::parse_split(base, bytes)?,
        None => Btf::parse(bytes)?,
    })
}

/// The contents of the `.BTF` section.
fn section(bytes: &[u8]) -> Result<&[u8], ObjectError> {
    let none = || ObjectError::NotBpf {
        problem: HeaderProblem::NoBtf,
    };
    let elf = Elf::parse(bytes).map_err(|_| none())?;
    let mut headers = elf.section_headers.iter();
    let header = headers.find(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(".BTF"));
    let range = header.and_then(|header| header.file_range());
    range.and_then(|range| bytes.get(range)).ok_or_else(none)
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
