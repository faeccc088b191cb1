//! References: what a call acquires must be released on every path, once.
//!
//! A pointer that must be released carries the reference's id, and so does every pointer that was
//! made from it: releasing one takes them all away.
//!
//! Kernel: `acquire_reference_state`, `release_reference`, `is_acquire_function`,
//! `is_ptr_cast_function` in kernel/bpf/verifier.c, 6.12.

use crate::abi::MapType;
use crate::isa::Pc;

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::helper::{Call, RINGBUF_RESERVE};
use super::state::{Kind, Reference, Register};

/// `bpf_map_lookup_elem`, which acquires what it finds in maps of sockets.
const MAP_LOOKUP_ELEM: u32 = 1;
/// Helpers whose result must be released: `bpf_sk_lookup_tcp`, `bpf_sk_lookup_udp`,
/// `bpf_skc_lookup_tcp`, `bpf_ringbuf_reserve`, `bpf_kptr_xchg`.
const ACQUIRES: [u32; 5] = [84, 85, 99, RINGBUF_RESERVE, 194];
/// Helpers whose result is another view of their argument: `bpf_sk_fullsock`, `bpf_tcp_sock` and
/// the `bpf_skc_to_…` but that for unix sockets.
const CASTS: [u32; 8] = [95, 96, 136, 137, 138, 139, 140, 196];

impl Verifier<'_> {
    /// A pointer that may be null, to be compared with 0 first.
    pub(super) fn or_null(&mut self, pointer: Register) -> Register {
        Register {
            maybe_null: true,
            id: self.new_id(),
            ..pointer
        }
    }

    /// Gives the result of a call the reference that it carries, if it does.
    pub(super) fn keep_reference(&mut self, pc: Pc, call: &Call, result: &mut Register) {
        if CASTS.contains(&call.number) {
            result.ref_id = call.ref_id;
        } else if self.acquires(call) {
            let id = self.acquire(pc);
            result.id = id;
            result.ref_id = id;
        }
    }

    fn acquires(&self, call: &Call) -> bool {
        let map_type = call.map.map(|map| self.map_spec(map).map_type);
        let of_sockets = matches!(map_type, Some(MapType::Sockmap | MapType::Sockhash));
        ACQUIRES.contains(&call.number) || call.number == MAP_LOOKUP_ELEM && of_sockets
    }

    /// A new reference, acquired by the call at `pc`.
    pub(super) fn acquire(&mut self, acquired_at: Pc) -> u32 {
        let id = self.new_id();
        let is_callback = self.cur.frame().callback_range.is_some();
        let callback = if is_callback {
            super::state::frame_number(self.cur.top())
        } else {
            0
        };
        self.cur.refs.push(Reference {
            id,
            acquired_at,
            callback,
        });
        id
    }

    /// Gives a reference back to the function `what`: every pointer that carries it is now a number.
    /// A callback may release only what it acquired itself.
    pub(super) fn release(&mut self, id: u32, what: &str) -> Check {
        let is_callback = self.cur.frame().callback_range.is_some();
        let frame = super::state::frame_number(self.cur.top());
        let is_known =
            self.cur.refs.iter().any(|reference| {
                reference.id == id && (!is_callback || reference.callback == frame)
            });
        if !is_known {
            return Err(Fail::invalid(format!(
                "{what} reference has not been acquired before"
            )));
        }
        self.cur.refs.retain(|reference| reference.id != id);
        let lost = self.lost_pointer();
        self.cur.for_each_register(|register| {
            if register.ref_id == id {
                *register = lost.with_live(register.live);
            }
        });
        Ok(())
    }

    /// What is left of a pointer that is no longer valid: a number, for who may know it.
    pub(super) fn lost_pointer(&self) -> Register {
        match self.rights.may_leak {
            true => Register::unknown(),
            false => Register::uninit(),
        }
    }

    /// What a pointer of that kind that may be null is when it is not: what a lookup found in a map
    /// of sockets is a socket.
    pub(super) fn present_kind(&self, kind: Kind) -> Kind {
        use crate::abi::context::SockView;
        let Kind::MapValue(map) = kind else {
            return kind;
        };
        match self.map_spec(map).map_type {
            MapType::Sockmap | MapType::Sockhash => Kind::Sock(SockView::Full),
            MapType::Xskmap => Kind::Sock(SockView::Xdp),
            _ => kind,
        }
    }
}
