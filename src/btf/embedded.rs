//! The types of a Linux 6.12 kernel, for when no other kernel's are given.
//!
//! They are of Debian's 6.12.117 for x86-64, byte for byte, kept as the legacy LZ4 frame that
//! `lz4 -l -12` makes: two fifths of the size for a few milliseconds. The ignored test
//! `btf_regenerate_embedded` makes the file.
//!
//! This is the one static in the crate with work behind it: a constant in all but the time it is
//! computed, which is when something first asks for it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::Btf;

const COMPRESSED: &[u8] = include_bytes!("vmlinux-6.12.btf.lz4");
/// What a legacy LZ4 frame starts with.
const FRAME_MAGIC: [u8; 4] = 0x184c_2102_u32.to_le_bytes();
/// How many bytes there are once decompressed.
const LEN: usize = 4_918_287;

/// The types of Linux 6.12.
pub fn kernel_6_12() -> &'static Arc<Btf> {
    static KERNEL: OnceLock<Arc<Btf>> = OnceLock::new();
    KERNEL.get_or_init(|| {
        let bytes = decompress(COMPRESSED, LEN)
            .expect("the file is part of the program, and a test reads it");
        let btf = Btf::parse(Cow::Owned(bytes))
            .expect("the file is part of the program, and a test parses it");
        Arc::new(btf)
    })
}

/// The only block of a legacy LZ4 frame of `len` bytes.
fn decompress(frame: &[u8], len: usize) -> Option<Vec<u8>> {
    let (size, block) = frame.strip_prefix(&FRAME_MAGIC)?.split_first_chunk::<4>()?;
    let block = block.get(..u32::from_le_bytes(*size) as usize)?;
    let bytes = lz4_flex::block::decompress(block, len).ok()?;
    (bytes.len() == len).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Makes the embedded file from the raw BTF at `EBPF_SIM_BTF`, with the `lz4` command.
    #[test]
    #[ignore = "writes a source file; run with EBPF_SIM_BTF=/path/to/raw.btf after changing LEN"]
    fn btf_regenerate_embedded() {
        let input = std::env::var_os("EBPF_SIM_BTF").expect("EBPF_SIM_BTF names a raw BTF file");
        let raw = std::fs::read(&input).expect("the BTF is readable");
        Btf::parse(raw.clone()).expect("the BTF is valid");
        let output = Command::new("lz4")
            .args(["-l", "-12", "-c"])
            .arg(&input)
            .output()
            .expect("lz4 runs");
        assert!(output.status.success(), "lz4 failed");
        assert_eq!(
            decompress(&output.stdout, raw.len()).as_deref(),
            Some(raw.as_slice())
        );
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/btf/vmlinux-6.12.btf.lz4");
        std::fs::write(path, &output.stdout).expect("the file is writable");
    }

    #[test]
    fn decompress_of_other_input_gives_none() {
        assert_eq!(decompress(b"", LEN), None);
        assert_eq!(decompress(&COMPRESSED[..COMPRESSED.len() - 1], LEN), None);
        assert_eq!(decompress(COMPRESSED, LEN - 1), None);
        assert_eq!(decompress(COMPRESSED, LEN + 1), None);
    }
}
