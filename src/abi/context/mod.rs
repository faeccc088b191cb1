//! The context of each program type: its fields, who may read and write them, and what they yield.
//!
//! A field has two places: its offset in the user-visible structure, which programs are compiled
//! against, and its place in the structure that the simulator lays out in guest memory. The two are
//! equal but for pointers, which are 32 bits wide in `__sk_buff` and `xdp_md` and 64 in the guest:
//! those live behind the user-visible structure. Lowering replaces the one offset by the other.

//!
//! Which field may be read and written how was observed of Linux 6.12.117
//! (`testdata/context-6.12.csv`): every offset, size and direction, loaded into the kernel.

mod cgroup;
pub mod guest;
mod row;
mod skb;
mod sock;
mod socket;
#[cfg(test)]
mod tests;
mod tracing;

pub use sock::SockView;

use super::{AttachType, ProgType};
use crate::isa::Size;

/// What a load from a context field yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A number.
    Scalar,
    /// Start of the packet (`PTR_TO_PACKET`).
    PacketData,
    /// End of the packet (`PTR_TO_PACKET_END`).
    PacketEnd,
    /// Start of the packet's metadata (`PTR_TO_PACKET_META`).
    PacketMeta,
    /// A socket (`PTR_TO_SOCKET`).
    Sock(SockView),
    /// A socket or null.
    SockOrNull(SockView),
    /// What a flow dissector fills (`PTR_TO_FLOW_KEYS`).
    FlowKeys,
    /// A trusted pointer to the kernel structure of that name.
    Btf(&'static str),
    /// A pointer the verifier cannot judge yet; named in its refusal.
    Unsupported(&'static str),
}

/// Where `tstamp` is in `__sk_buff`.
const SKB_TSTAMP: u32 = 152;

/// How wide an access to a field may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldAccess {
    /// Not at all.
    None,
    /// The whole field only.
    Whole,
    /// The field or an aligned part of it.
    Narrow,
    /// The field or a smaller access at its first byte.
    Prefix,
    /// The field or an aligned part of at least that many bytes.
    AtLeast(u32),
}

/// Whether an access to the context takes `CAP_BPF` (`cg_skb_is_valid_access`, 6.12): cgroup
/// programs may be anybody's, packets and their time stamps not.
pub fn needs_privilege(prog_type: ProgType, kind: FieldKind, off: u32, access: Access) -> bool {
    let is_tstamp = (SKB_TSTAMP..SKB_TSTAMP + 8).contains(&off);
    prog_type == ProgType::CgroupSkb
        && (matches!(kind, FieldKind::PacketData | FieldKind::PacketEnd)
            || is_tstamp && access == Access::Write)
}

/// The direction of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the user-visible structure.
    pub name: &'static str,
    /// Its offset there.
    pub off: u32,
    /// Its size there.
    pub size: u32,
    /// How it may be read.
    pub read: FieldAccess,
    /// How it may be written.
    pub write: FieldAccess,
    /// What reading it yields.
    pub kind: FieldKind,
    /// Its offset in guest memory.
    pub guest_off: u32,
    /// Its size in guest memory: 8 for pointers, else `size`.
    pub guest_size: u32,
}

/// The shape of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A structure with a rule for each field.
    Fields(&'static [Field]),
    /// Plain readable bytes from `from` to `to`, in aligned accesses: `pt_regs` (0 to 168),
    /// tracepoint records (8 to 8192), raw tracepoint arguments (0 to 96).
    Bytes {
        /// First readable byte.
        from: u32,
        /// End of the readable bytes.
        to: u32,
    },
    /// Bytes that may be read and written from 0 to `to`, in aligned accesses.
    Memory {
        /// End of the bytes.
        to: u32,
    },
    /// 8-byte arguments typed by the BTF of the attach target.
    BtfArgs,
    /// Not judged yet.
    Unsupported,
}

/// The context of one program type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The structure's name as programs know it: `xdp_md`.
    pub name: &'static str,
    /// Its size in guest memory.
    pub guest_size: u32,
    /// What may be accessed.
    pub shape: Shape,
}

/// What an allowed access touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldHit {
    /// What a load yields.
    pub kind: FieldKind,
    /// Where the access goes in guest memory.
    pub guest_off: u32,
    /// How many bytes it touches there: 8 for packet pointers, else the access's own size.
    pub guest_size: u32,
}

/// Why an access is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The kernel refuses it, in these words.
    #[error("invalid bpf_context access off={off} size={size}")]
    Invalid {
        /// Offset into the context.
        off: i32,
        /// Bytes.
        size: u32,
    },
    /// The arguments have types that only the BTF of the attach target tells.
    #[error("context of {prog_type} programs is typed by btf")]
    NeedsBtf {
        /// Whose context.
        prog_type: ProgType,
    },
    /// The simulator has no rules for it.
    #[error("context of {prog_type} programs is not supported")]
    Unsupported {
        /// Whose context.
        prog_type: ProgType,
    },
}

impl Field {
    /// What an access does, when it lies in this field and may be done.
    fn hit(&self, off: u32, size: u32, access: Access) -> Option<FieldHit> {
        let inside = off.checked_sub(self.off)?;
        if inside.checked_add(size)? > self.size {
            return None;
        }
        let rule = match access {
            Access::Read => self.read,
            Access::Write => self.write,
        };
        let whole = inside == 0 && size == self.size;
        let aligned = off.is_multiple_of(size);
        let allowed = match rule {
            FieldAccess::None => false,
            FieldAccess::Whole => whole,
            FieldAccess::Narrow => aligned,
            FieldAccess::Prefix => inside == 0,
            FieldAccess::AtLeast(least) => aligned && size >= least,
        };
        let guest_size = if whole { self.guest_size } else { size };
        let guest_off = self.guest_off.checked_add(inside)?;
        allowed.then_some(FieldHit {
            kind: self.kind,
            guest_off,
            guest_size,
        })
    }
}

impl Context {
    /// The first field that holds `size` bytes at `off`, whatever may be done with it.
    pub fn field_at(&self, off: u32, size: u32) -> Option<&'static Field> {
        let Shape::Fields(fields) = self.shape else {
            return None;
        };
        let end = off.checked_add(size)?;
        fields
            .iter()
            .find(|field| field.off <= off && end <= field.off + field.size)
    }

    fn hit(&self, off: u32, size: u32, access: Access) -> Option<FieldHit> {
        let plain = |from: u32, to: u32| {
            let inside = off >= from && off.checked_add(size).is_some_and(|end| end <= to);
            let hit = FieldHit {
                kind: FieldKind::Scalar,
                guest_off: off,
                guest_size: size,
            };
            (inside && off.is_multiple_of(size)).then_some(hit)
        };
        match self.shape {
            Shape::Fields(fields) => fields.iter().find_map(|field| field.hit(off, size, access)),
            Shape::Bytes { from, to } if access == Access::Read => plain(from, to),
            Shape::Memory { to } => plain(0, to),
            Shape::Bytes { .. } | Shape::BtfArgs | Shape::Unsupported => None,
        }
    }
}

/// The context of programs of that type, where the attach type does not matter or is not given.
pub fn of(prog_type: ProgType) -> Context {
    of_attached(prog_type, None)
}

/// The context of programs of that type for that attach type, which decides some fields' rules.
/// An `ext` program has its target's context, so callers ask for that.
pub fn of_attached(prog_type: ProgType, attach_type: Option<AttachType>) -> Context {
    match prog_type {
        ProgType::SocketFilter
        | ProgType::SchedCls
        | ProgType::SchedAct
        | ProgType::CgroupSkb
        | ProgType::LwtIn
        | ProgType::LwtOut
        | ProgType::LwtXmit
        | ProgType::LwtSeg6local
        | ProgType::SkSkb
        | ProgType::FlowDissector => skb::context(prog_type),
        ProgType::Xdp => skb::xdp(attach_type),
        ProgType::Kprobe => bytes("pt_regs", 0, 168),
        ProgType::Tracepoint => bytes("tracepoint record", 8, 8192),
        ProgType::RawTracepoint => bytes("bpf_raw_tracepoint_args", 0, 96),
        ProgType::RawTracepointWritable => tracing::writable(),
        ProgType::PerfEvent => tracing::perf_event(),
        ProgType::Netfilter => tracing::netfilter(),
        ProgType::CgroupSock => cgroup::sock(attach_type),
        ProgType::CgroupSockAddr => cgroup::sock_addr(attach_type),
        ProgType::CgroupSockopt => cgroup::sockopt(attach_type),
        ProgType::CgroupSysctl => cgroup::sysctl(),
        ProgType::CgroupDevice => cgroup::device(),
        ProgType::SockOps => socket::sock_ops(),
        ProgType::SkMsg => socket::sk_msg(),
        ProgType::SkReuseport => socket::sk_reuseport(),
        ProgType::SkLookup => socket::sk_lookup(),
        ProgType::Syscall => Context {
            name: "void",
            guest_size: guest::SYSCALL_SIZE,
            shape: Shape::Memory {
                to: guest::SYSCALL_SIZE,
            },
        },
        ProgType::Tracing | ProgType::Lsm | ProgType::StructOps => Context {
            name: "u64[]",
            guest_size: guest::BTF_ARGS_SIZE,
            shape: Shape::BtfArgs,
        },
        ProgType::LircMode2 => Context {
            name: "u32",
            ..bytes("u32", 0, 4)
        },
        ProgType::Unspec | ProgType::Ext => Context {
            name: "",
            guest_size: 0,
            shape: Shape::Unsupported,
        },
    }
}

/// What programs of a type may do with the bytes of a packet (`may_access_direct_pkt_data`, 6.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketRule {
    /// Load them, but not hand them to helpers.
    Load,
    /// Load them, and hand them to helpers whose prototype allows it.
    LoadAndPass,
    /// Load, store, and hand them to helpers whose prototype allows it.
    Store,
    /// Load, store, and hand them to any helper.
    StoreAndPassToAny,
}

/// What programs of that type may do with packets they have pointers to.
pub fn packet_rule(prog_type: ProgType) -> PacketRule {
    match prog_type {
        ProgType::SchedCls
        | ProgType::SchedAct
        | ProgType::Xdp
        | ProgType::LwtXmit
        | ProgType::SkSkb
        | ProgType::SkMsg => PacketRule::Store,
        ProgType::LwtIn
        | ProgType::LwtOut
        | ProgType::LwtSeg6local
        | ProgType::SkReuseport
        | ProgType::FlowDissector
        | ProgType::CgroupSkb => PacketRule::LoadAndPass,
        ProgType::CgroupSockopt => PacketRule::StoreAndPassToAny,
        // The rest have no packet pointers, but for `sock_ops`, which may only load.
        _ => PacketRule::Load,
    }
}

const fn bytes(name: &'static str, from: u32, to: u32) -> Context {
    Context {
        name,
        guest_size: to,
        shape: Shape::Bytes { from, to },
    }
}

/// Judges a load from or store to the context, as the verifier's `check_ctx_access` does.
///
/// # Errors
/// [`Refusal::Invalid`] where the kernel refuses the access, the others where this table cannot say.
pub fn check(
    prog_type: ProgType,
    attach_type: Option<AttachType>,
    off: i32,
    size: Size,
    access: Access,
) -> Result<FieldHit, Refusal> {
    let context = of_attached(prog_type, attach_type);
    let bytes = size.bytes();
    match context.shape {
        Shape::BtfArgs => Err(Refusal::NeedsBtf { prog_type }),
        Shape::Unsupported => Err(Refusal::Unsupported { prog_type }),
        Shape::Fields(_) | Shape::Bytes { .. } | Shape::Memory { .. } => u32::try_from(off)
            .ok()
            .and_then(|off| context.hit(off, bytes, access))
            .ok_or(Refusal::Invalid { off, size: bytes }),
    }
}
