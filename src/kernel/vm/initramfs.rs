//! The guest's first and only root: an executable as `/init`, what it needs to start, and folders
//! to mount on.
//!
//! It holds no kernel modules: what the channel needs is built into the kernels of distributions.

use std::fs::File;
use std::path::Path;

use super::cpio::{Archive, Unfit};
use super::error::VmError;
use super::qemu::memory_file;
use super::{agent, libraries};

/// Makes it, in memory, with the executable as init.
pub(super) fn make(executable: &Path) -> Result<File, VmError> {
    let program = libraries::collect(executable)?;
    let unfit = |path: &Path| {
        let path = path.to_owned();
        move |unfit: Unfit| VmError::Executable {
            path,
            reason: unfit.to_string(),
        }
    };
    let mut archive = Archive::default();
    for mount in agent::MOUNTS {
        archive
            .folder(mount.target)
            .map_err(unfit(Path::new(mount.target)))?;
    }
    archive
        .file("/init", &program.executable)
        .map_err(unfit(executable))?;
    for (path, bytes) in &program.libraries {
        let name = path.to_string_lossy();
        archive.file(&name, bytes).map_err(unfit(path))?;
    }
    let bytes = archive.finish().map_err(unfit(executable))?;
    memory_file(&bytes).map_err(|source| VmError::Initramfs {
        size: bytes.len(),
        source,
    })
}
