//! Memory of user space.

use super::{Call, Entry, Reply};
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[Entry::new("bpf_copy_from_user_str", 4, copy_from_user_str)];

/// Fill what is behind the string with zeros (`BPF_F_PAD_ZEROS`).
const PAD_ZEROS: u64 = 1;

/// `int bpf_copy_from_user_str(void *dst, u32 dst__sz, const void __user *unsafe_ptr__ign, u64 flags)`: how many bytes
/// were copied, the zero included; a string that is too long is cut.
fn copy_from_user_str(call: &mut Call<'_>) -> Reply {
    let [to, size, from, flags, _] = call.args;
    let (to, size) = (Addr(to), size as u32);
    if flags & !PAD_ZEROS != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    if size == 0 {
        return Ok(0);
    }
    let pads = flags & PAD_ZEROS != 0;
    call.check_room(to.0, size as usize)?;
    let copied = call.memory().copy_user_str(Addr(from), size);
    let (mut bytes, result) = match copied {
        Ok(text) => {
            let length = text.len() as u64 + 1;
            ([text, vec![0]].concat(), length)
        }
        Err(_) => (Vec::new(), Errno::EFAULT.as_return()),
    };
    if pads {
        bytes.resize(size as usize, 0);
    }
    call.memory().write(to, &bytes)?;
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helpers::tests::bench::{Bench, errno};

    /// What is copied into eight bytes that were all one, and what is returned.
    fn copy(text: &[u8], size: u64, flags: u64) -> (Vec<u8>, i64) {
        let mut bench = Bench::new();
        let to = bench.data(&[1; 8]);
        let from = bench.user(text);
        let result = bench.kfunc("bpf_copy_from_user_str", [to, size, from, flags]);
        (bench.bytes(to, 8), result)
    }

    #[test]
    fn strings_are_cut_terminated_and_padded_when_asked() {
        assert_eq!(copy(b"abc\0", 8, 0), (b"abc\0\x01\x01\x01\x01".to_vec(), 4));
        assert_eq!(copy(b"abc\0", 8, PAD_ZEROS), (b"abc\0\0\0\0\0".to_vec(), 4));
        let cut = b"ab\0\x01\x01\x01\x01\x01".to_vec();
        assert_eq!(copy(b"abcdef\0", 3, 0), (cut, 3));
        let one = b"\0\x01\x01\x01\x01\x01\x01\x01".to_vec();
        assert_eq!(copy(b"abc\0", 1, 0), (one, 1));
        assert_eq!(copy(b"abc\0", 0, 0), (vec![1; 8], 0));
    }

    #[test]
    fn unknown_flags_and_bad_addresses_are_errors() {
        assert_eq!(copy(b"a\0", 8, 2), (vec![1; 8], errno(Errno::EINVAL)));
        let mut bench = Bench::new();
        let to = bench.data(&[1; 8]);
        let mut from_nowhere =
            |flags| bench.kfunc("bpf_copy_from_user_str", [to, 8, 0x1000, flags]);
        assert_eq!(from_nowhere(0), errno(Errno::EFAULT));
        assert_eq!(from_nowhere(PAD_ZEROS), errno(Errno::EFAULT));
        assert_eq!(bench.bytes(to, 8), [0; 8]);
    }
}
