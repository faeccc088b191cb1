//! Where types come from: an object's `.BTF` section, a file of raw BTF, or the kernel that is built in.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use ebpf_sim::btf::{Btf, kernel_6_12};
use ebpf_sim::object::read_btf;

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

/// The types of a file, or of the built-in kernel where it is named `kernel`. Those of a kernel's module
/// continue the kernel's, the base.
pub(super) fn types(path: &Path, base: Option<&Path>) -> anyhow::Result<Types> {
    if path == Path::new("kernel") {
        return Ok(Types::BuiltIn(kernel_6_12()));
    }
    let base = base.map(base_types).transpose()?;
    Ok(Types::Read(Arc::new(read_file(path, base)?)))
}

fn base_types(path: &Path) -> anyhow::Result<Arc<Btf>> {
    match path == Path::new("kernel") {
        true => Ok(Arc::clone(kernel_6_12())),
        false => read_file(path, None).map(Arc::new),
    }
}

fn read_file(path: &Path, base: Option<Arc<Btf>>) -> anyhow::Result<Btf> {
    let name = || path.display().to_string();
    let bytes = read(path).with_context(name)?;
    read_btf(bytes, base).with_context(name)
}
