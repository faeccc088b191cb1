//! Sockets: one is destroyed, another's address becomes a path.
//!
//! Kernel: `bpf_sock_destroy`, `bpf_sock_addr_set_sun_path` in net/core/filter.c, 6.12.

use super::{Call, Entry, Reply};
use crate::helpers::HelperError;
use crate::isa::Size;
use crate::machine::socket::AF_UNIX;
use crate::machine::{Addr, Errno, Holder, HolderKind};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_sock_destroy", 1, destroy),
    Entry::new("bpf_sock_addr_set_sun_path", 3, set_sun_path),
];

/// The state of a socket that is closed (`TCP_CLOSE`).
const CLOSED: u64 = 7;
/// The longest path of an address (`UNIX_PATH_MAX`), and where it begins in a `struct sockaddr_un`.
const MAX_PATH: u32 = 108;
const PATH: i64 = 2;

/// `int bpf_sock_destroy(struct sock_common *sock)`: it is open no more, and found by nobody.
fn destroy(call: &mut Call<'_>) -> Reply {
    let at = Addr(call.args[0]);
    let machine = call.world.machine;
    let number = match machine.holders.get(at) {
        Some(Holder {
            kind: HolderKind::Socket,
            number,
        }) => number,
        Some(_) | None => return Err(HelperError::Refused("this is no socket of the machine")),
    };
    let Some(closed) = machine.sockets.close(number) else {
        return Ok(Errno::ENOENT.as_return());
    };
    machine.memory.poke_uint(
        closed
            .at
            .offset(crate::machine::socket::STATE.cast_signed()),
        Size::W,
        CLOSED,
    )?;
    if let Some((off, size)) = call.member("sock", "__sk_common.skc_state") {
        for structure in machine.sockets.structures_of(number) {
            machine
                .memory
                .poke_uint(structure.offset(off), size, CLOSED)?;
        }
    }
    Ok(0)
}

/// `int bpf_sock_addr_set_sun_path(struct bpf_sock_addr_kern *sa_kern, const u8 *sun_path, u32 sun_path__sz)`
fn set_sun_path(call: &mut Call<'_>) -> Reply {
    let [at, path, len, ..] = call.args;
    let (at, len) = (Addr(at), len as u32);
    const CONTEXT: &str = "bpf_sock_addr_kern";
    let sk = Addr(call.kernel_field(at, CONTEXT, "sk"));
    let family = call.kernel_field(sk, "sock", "__sk_common.skc_family");
    if family != AF_UNIX || !(1..=MAX_PATH).contains(&len) {
        return Ok(Errno::EINVAL.as_return());
    }
    let bytes = call.memory().read_vec(Addr(path), len)?;
    let address = Addr(call.kernel_field(at, CONTEXT, "uaddr"));
    call.memory().poke(address.offset(PATH), &bytes)?;
    if let Some((off, size)) = call.member(CONTEXT, "uaddrlen") {
        let total = u64::from(len) + PATH.unsigned_abs();
        call.memory().poke_uint(at.offset(off), size, total)?;
    }
    call.state().sun_path = Some(bytes);
    Ok(0)
}

#[cfg(test)]
mod tests {
    use crate::helpers::tests::bench::{Bench, errno, member_offset};
    use crate::isa::Size;
    use crate::machine::{Addr, Errno, ObjectKind, SocketSpec};

    #[test]
    fn socket_is_destroyed_once() {
        let mut bench = Bench::new();
        let spec: SocketSpec = "tcp:10.0.0.1:80".parse().expect("a socket");
        let open = bench.machine.open_socket(spec).expect("memory");
        let ends = (spec.local, "192.0.2.1:1024".parse().expect("an address"));
        let find = |bench: &Bench| bench.machine.sockets.find(spec.protocol, ends.0, ends.1);
        assert!(find(&bench).is_some());
        assert_eq!(bench.kfunc("bpf_sock_destroy", [open.at.0]), 0);
        assert_eq!(find(&bench), None);
        let again = bench.kfunc("bpf_sock_destroy", [open.at.0]);
        assert_eq!(again, errno(Errno::ENOENT));
        let other = bench.data(&[0; 64]);
        assert!(bench.kfunc_reply("bpf_sock_destroy", [other]).is_err());
    }

    #[test]
    fn path_of_a_unix_socket_is_set_and_of_no_other() {
        let mut bench = Bench::new();
        let make = |len: usize| bench.object(ObjectKind::KernelObject, &vec![0; len]);
        let (context, sk, address) = (make(64), make(1024), make(110));
        let path = bench.data(&[7; 200]);
        let context_of = |path: &str| context.offset(member_offset("bpf_sock_addr_kern", path));
        let family = sk.offset(member_offset("sock", "__sk_common.skc_family"));
        let put = |bench: &Bench, at: Addr, size, value| {
            let put = bench.machine.memory.poke_uint(at, size, value);
            put.expect("in bounds");
        };
        put(&bench, context_of("sk"), Size::DW, sk.0);
        put(&bench, context_of("uaddr"), Size::DW, address.0);
        let name = "bpf_sock_addr_set_sun_path";
        let invalid = errno(Errno::EINVAL);
        assert_eq!(bench.kfunc(name, [context.0, path, 5]), invalid);
        put(&bench, family, Size::H, 1);
        for len in [0, 109] {
            assert_eq!(bench.kfunc(name, [context.0, path, len]), invalid);
        }
        assert_eq!(bench.kfunc(name, [context.0, path, 5]), 0);
        assert_eq!(bench.bytes(address.0, 8), [0, 0, 7, 7, 7, 7, 7, 0]);
        assert_eq!(bench.bytes(context_of("uaddrlen").0, 4), [7, 0, 0, 0]);
        assert_eq!(bench.engine.state.sun_path, Some(vec![7; 5]));
    }
}
