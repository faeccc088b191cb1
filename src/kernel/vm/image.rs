//! Kernel images: where they lie, and which version one is.
//!
//! Nothing is downloaded; `docs/kernel-images.md` says how to get one.
//!
//! Rules:
//! - The version is what the image says of itself (the kernel's documentation, "The Linux/x86 Boot
//!   Protocol"), not what its file is called.
//! - Of several that fit a wanted version, the newest is taken.

use std::cmp::Ordering;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::VmError;

/// Where distributions install images.
pub const BOOT: &str = "/boot";
/// The header and the version string lie within this.
const HEAD: u64 = 64 << 10;

/// A kernel image that can be booted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where it is.
    pub path: PathBuf,
    /// Its release, as `uname -r` will say.
    pub release: String,
}

impl Image {
    /// The image in a file.
    ///
    /// # Errors
    /// It cannot be read, or is no x86 kernel image.
    pub fn open(path: &Path) -> Result<Image, VmError> {
        let mut head = Vec::new();
        File::open(path)
            .and_then(|file| file.take(HEAD).read_to_end(&mut head))
            .map_err(|source| VmError::ImageUnreadable {
                path: path.to_owned(),
                source,
            })?;
        let release = release(&head).ok_or_else(|| VmError::NotAnImage {
            path: path.to_owned(),
        })?;
        Ok(Image {
            path: path.to_owned(),
            release,
        })
    }

    /// The image that is asked for: a path, or the version or its start of one in a folder.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn find(wanted: &str, folder: &Path) -> Result<Image, VmError> {
        if wanted.contains('/') {
            return Image::open(Path::new(wanted));
        }
        let images: Vec<Image> = candidates(folder)
            .iter()
            .filter_map(|path| Image::open(path).ok())
            .collect();
        let newest = images
            .iter()
            .filter(|image| fits(&image.release, wanted))
            .max_by(|a, b| compare(&a.release, &b.release));
        newest.cloned().ok_or_else(|| VmError::ImageMissing {
            wanted: wanted.to_owned(),
            folder: folder.to_owned(),
            found: images.into_iter().map(|image| image.release).collect(),
        })
    }

    /// Every image in a folder, the newest first, and those that cannot be read.
    #[must_use]
    pub fn list(folder: &Path) -> Vec<Result<Image, VmError>> {
        let mut images: Vec<_> = candidates(folder)
            .iter()
            .map(|path| Image::open(path))
            .collect();
        images.sort_by(|a, b| match (a, b) {
            (Ok(a), Ok(b)) => compare(&b.release, &a.release),
            (a, b) => a.is_err().cmp(&b.is_err()),
        });
        images
    }
}

/// The files in a folder that are called as images are, by name.
fn candidates(folder: &Path) -> Vec<PathBuf> {
    let is_image = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| name == "vmlinuz" || name.starts_with("vmlinuz-"))
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(is_image)
        .collect();
    paths.sort();
    paths
}

/// The release in an image's setup header.
fn release(head: &[u8]) -> Option<String> {
    let word = |at: usize| {
        let bytes = head.get(at..at.checked_add(2)?)?;
        Some(u16::from_le_bytes(bytes.try_into().ok()?))
    };
    if word(0x1fe)? != 0xaa55 || head.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let offset = usize::from(word(0x20e)?);
    let text = head.get(offset.checked_add(0x200)?..)?;
    let end = text.iter().position(|&byte| byte == 0)?;
    let text = std::str::from_utf8(text.get(..end)?).ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

/// Whether a release is of the wanted version: the same, or more precise.
fn fits(release: &str, wanted: &str) -> bool {
    let rest = release.strip_prefix(wanted);
    rest.is_some_and(|rest| !wanted.is_empty() && !rest.starts_with(|c: char| c.is_alphanumeric()))
}

/// Releases by the numbers in them.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers = |release: &str| -> Vec<u64> {
        release
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect()
    };
    numbers(a).cmp(&numbers(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(release: &str) -> Vec<u8> {
        let mut head = vec![0; 0x400];
        head[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        head[0x202..0x206].copy_from_slice(b"HdrS");
        head[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        let text = format!("{release} (build@host) #1 SMP\0");
        head[0x300..0x300 + text.len()].copy_from_slice(text.as_bytes());
        head
    }

    #[test]
    fn release_is_the_first_word_of_the_version_string() {
        let head = image("6.12.117+deb12-amd64");
        assert_eq!(release(&head).as_deref(), Some("6.12.117+deb12-amd64"));
    }

    #[test]
    fn release_of_broken_headers_is_none() {
        let mut far = image("6.1.0");
        far[0x20e..0x210].copy_from_slice(&u16::MAX.to_le_bytes());
        let whole = image("6.1.0");
        assert_eq!(release(&far), None);
        assert_eq!(release(b"\x7fELF"), None);
        for end in 0..0x306 {
            assert_eq!(release(&whole[..end]), None, "{end}");
        }
    }

    #[test]
    fn version_fits_a_release_by_whole_numbers() {
        assert!(fits("6.12.117+deb12-amd64", "6.12"));
        assert!(fits("6.12.117+deb12-amd64", "6.12.117+deb12-amd64"));
        assert!(!fits("6.12.117+deb12-amd64", "6.1"));
        assert!(!fits("6.1.0", "6.1.0-32"));
        assert!(!fits("6.1.0", ""));
    }

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert_eq!(compare("6.9.3", "6.12.1"), Ordering::Less);
        assert_eq!(
            compare("6.1.0-32-amd64", "6.1.0-9-amd64"),
            Ordering::Greater
        );
    }

    #[test]
    fn newest_image_that_fits_is_found() {
        let folder = std::env::temp_dir().join(format!("ebpf-sim-image-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for release in ["6.1.0", "6.12.9", "6.12.40"] {
            std::fs::write(folder.join(format!("vmlinuz-{release}")), image(release)).unwrap();
        }
        std::fs::write(folder.join("vmlinuz-broken"), "no image").unwrap();
        std::fs::write(folder.join("config-6.1.0"), "").unwrap();
        let found = Image::find("6.12", &folder);
        let missing = Image::find("5.10", &folder);
        let listed: Vec<_> = Image::list(&folder)
            .into_iter()
            .map(|image| image.ok().map(|image| image.release))
            .collect();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.unwrap().release, "6.12.40");
        let message = missing.unwrap_err().to_string();
        assert!(message.contains("6.1.0, 6.12.40, 6.12.9"), "{message}");
        let expected = [Some("6.12.40"), Some("6.12.9"), Some("6.1.0"), None];
        assert_eq!(listed, expected.map(|release| release.map(str::to_owned)));
    }
}
