//! Keys: the machine's users have none, the kernel has its keyrings.

use super::{Call, Entry, Reply};
use crate::helpers::HelperError;
use crate::machine::{Addr, ObjectKind, ObjectSpec, Owner, ProgramAccess};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_lookup_user_key", 2, lookup_user_key),
    Entry::new("bpf_lookup_system_key", 1, lookup_system_key),
    Entry::new("bpf_key_put", 1, key_put),
];

/// What faults call a reference to a key.
const NAME: &str = "bpf_key";
/// Bytes of `struct bpf_key`: the key, and whether it is counted.
const SIZE: u64 = 16;
/// The highest number of a keyring of the kernel: those for modules, secondary ones, the platform's.
const LAST_KEYRING: u64 = 2;

/// `struct bpf_key *bpf_lookup_user_key(u32 serial, u64 flags)`: null.
fn lookup_user_key(_: &mut Call<'_>) -> Reply {
    Ok(0)
}

/// `struct bpf_key *bpf_lookup_system_key(u64 id)`
fn lookup_system_key(call: &mut Call<'_>) -> Reply {
    let id = call.args[0];
    if id > LAST_KEYRING {
        return Ok(0);
    }
    let spec = ObjectSpec::new(ObjectKind::KernelObject, NAME, Owner::Kernel);
    let spec = spec.with_access(ProgramAccess::ReadOnly);
    let Ok(made) = call.memory().allocate(SIZE, &spec) else {
        return Ok(0);
    };
    call.memory().poke(made, &id.to_le_bytes())?;
    Ok(made.0)
}

/// `void bpf_key_put(struct bpf_key *bkey)`
fn key_put(call: &mut Call<'_>) -> Reply {
    let at = Addr(call.args[0]);
    let info = call.object_named(at, NAME);
    match info.filter(|info| info.offset == 0) {
        Some(_) => {
            call.memory().free(at);
            Ok(0)
        }
        None => Err(HelperError::Refused("this is no bpf_key")),
    }
}

#[cfg(test)]
mod tests {
    use crate::helpers::tests::bench::Bench;

    #[test]
    fn keyrings_of_the_kernel_are_found_and_put_back_once() {
        let mut bench = Bench::new();
        assert_eq!(bench.kfunc("bpf_lookup_user_key", [5, 0]), 0);
        assert_eq!(bench.kfunc("bpf_lookup_system_key", [3]), 0);
        for id in 0..=2 {
            let key = bench.kfunc("bpf_lookup_system_key", [id]).cast_unsigned();
            assert_eq!(bench.word(key), id);
            assert_eq!(bench.kfunc("bpf_key_put", [key]), 0);
            assert!(bench.kfunc_reply("bpf_key_put", [key]).is_err());
        }
    }
}
