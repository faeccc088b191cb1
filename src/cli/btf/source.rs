//! Where types come from: an object's `.BTF` section, a file of raw BTF, or the kernel that is built in.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use ebpf_sim::btf::{Btf, kernel_6_12};
use goblin::elf::Elf;

use crate::cli::input::read;

/// Types, and whether they live as long as the process.
pub(super) enum Types {
    BuiltIn(&'static Btf),
    Read(Arc<Btf>),
}

impl std::ops::Deref for Types {
    type Target = Btf;

    fn deref(&self) -> &Btf {
        match self {
            Types::BuiltIn(btf) => btf,
            Types::Read(btf) => btf,
        }
    }
}

/// The types of a file, or of the built-in kernel where it is named `kernel`.
pub(super) fn types(path: &Path) -> anyhow::Result<Types> {
    if path == Path::new("kernel") {
        return Ok(Types::BuiltIn(kernel_6_12()));
    }
    let name = || path.display().to_string();
    let bytes = read(path).with_context(name)?;
    let btf = parse(bytes).with_context(name)?;
    Ok(Types::Read(Arc::new(btf)))
}

fn parse(bytes: Vec<u8>) -> anyhow::Result<Btf> {
    if !bytes.starts_with(goblin::elf::header::ELFMAG) {
        return Ok(Btf::parse(bytes)?);
    }
    match section(&bytes)? {
        Some(section) => Ok(Btf::parse(section.to_vec())?),
        None => bail!("no .BTF section, which clang makes with -g"),
    }
}

/// The `.BTF` section of an ELF file.
fn section(bytes: &[u8]) -> anyhow::Result<Option<&[u8]>> {
    let elf = Elf::parse(bytes)?;
    let is_btf = |name| elf.shdr_strtab.get_at(name) == Some(".BTF");
    let mut headers = elf.section_headers.iter();
    let Some(header) = headers.find(|header| is_btf(header.sh_name)) else {
        return Ok(None);
    };
    let range = header.file_range().and_then(|range| bytes.get(range));
    let section = range.context("the .BTF section is not inside the file")?;
    Ok(Some(section))
}
