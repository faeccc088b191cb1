//! Writes cpio archives in the `newc` form, which is what Linux unpacks as its first root.
//!
//! It reads none, and knows folders and regular files only.
//!
//! Rules:
//! - The same calls give the same bytes: owner and times are zero.
//! - A folder comes before what is in it, and once.

use std::collections::BTreeSet;
use std::path::{Component, Path};

/// What the header of an entry starts with: `newc`, without a checksum.
const MAGIC: &str = "070701";
/// The name of the entry that ends an archive.
const TRAILER: &str = "TRAILER!!!";
const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_755;

/// An archive that grows.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    folders: BTreeSet<String>,
    entries: u32,
}

/// Why an entry cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// The name has parts that an archive cannot hold.
    #[error("its name is not plain")]
    Name,
    /// Sizes have 32 bits.
    #[error("it is larger than 4 GiB")]
    Size,
}

impl Archive {
    /// Adds a folder and those it is in, where they are not there yet.
    pub(super) fn folder(&mut self, path: &str) -> Result<(), Unfit> {
        let mut name = String::new();
        for part in parts(path)? {
            if !name.is_empty() {
                name.push('/');
            }
            name.push_str(part);
            if self.folders.insert(name.clone()) {
                self.entry(&name, FOLDER, &[])?;
            }
        }
        Ok(())
    }

    /// Adds an executable file and the folders it is in.
    pub(super) fn file(&mut self, path: &str, contents: &[u8]) -> Result<(), Unfit> {
        let parts = parts(path)?;
        let (_, folders) = parts.split_last().ok_or(Unfit::Name)?;
        self.folder(&folders.join("/"))?;
        self.entry(&parts.join("/"), FILE, contents)
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Unfit> {
        self.entry(TRAILER, 0, &[])?;
        Ok(self.bytes)
    }

    fn entry(&mut self, name: &str, mode: u32, contents: &[u8]) -> Result<(), Unfit> {
        let size = u32::try_from(contents.len()).map_err(|_| Unfit::Size)?;
        let name_size = u32::try_from(name.len() + 1).map_err(|_| Unfit::Name)?;
        self.entries = self.entries.saturating_add(1);
        self.bytes.extend_from_slice(MAGIC.as_bytes());
        // ino, mode, uid, gid, nlink, mtime, filesize, device and rdevice by halves, namesize, check
        let fields = [
            self.entries,
            mode,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            0,
            0,
            name_size,
            0,
        ];
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(contents);
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        let padded = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(padded, 0);
    }
}

/// The names along an absolute or relative path that goes down only.
fn parts(path: &str) -> Result<Vec<&str>, Unfit> {
    let parts = Path::new(path)
        .components()
        .filter(|part| !matches!(part, Component::RootDir | Component::CurDir));
    parts
        .map(|part| match part {
            Component::Normal(name) => name
                .to_str()
                .filter(|name| !name.contains('\0'))
                .ok_or(Unfit::Name),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => Err(Unfit::Name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, mode and contents of every entry, as an independent reader sees them.
    fn read(mut bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            assert_eq!(&bytes[..6], b"070701");
            let field = |index: usize| {
                let at = 6 + index * 8;
                let digits = std::str::from_utf8(&bytes[at..at + 8]).unwrap();
                u32::from_str_radix(digits, 16).unwrap()
            };
            let (mode, size, name_size) = (field(1), field(6) as usize, field(11) as usize);
            let name = String::from_utf8(bytes[110..110 + name_size - 1].to_vec()).unwrap();
            assert_eq!(bytes[110 + name_size - 1], 0);
            let start = (110 + name_size).next_multiple_of(4);
            let contents = bytes[start..start + size].to_vec();
            bytes = &bytes[(start + size).next_multiple_of(4)..];
            found.push((name, mode, contents));
        }
        found
    }

    #[test]
    fn archive_holds_folders_before_their_files_and_ends_with_the_trailer() {
        let mut archive = Archive::default();
        archive.file("/lib/x86/a.so", b"12345").unwrap();
        archive.file("lib/b", b"").unwrap();
        archive.folder("/proc").unwrap();
        archive.folder("lib").unwrap();
        let entries = read(&archive.finish().unwrap());
        let entries: Vec<_> = entries
            .iter()
            .map(|(name, mode, contents)| (name.as_str(), *mode, contents.as_slice()))
            .collect();
        let expected: [(&str, u32, &[u8]); 6] = [
            ("lib", 0o040_755, b""),
            ("lib/x86", 0o040_755, b""),
            ("lib/x86/a.so", 0o100_755, b"12345"),
            ("lib/b", 0o100_755, b""),
            ("proc", 0o040_755, b""),
            ("TRAILER!!!", 0, b""),
        ];
        assert_eq!(entries, expected);
    }

    #[test]
    fn path_that_goes_up_is_refused() {
        let mut archive = Archive::default();
        assert_eq!(archive.file("/lib/../etc/passwd", b""), Err(Unfit::Name));
        assert_eq!(archive.file("/", b""), Err(Unfit::Name));
        assert_eq!(archive.folder("a\0b"), Err(Unfit::Name));
    }
}
