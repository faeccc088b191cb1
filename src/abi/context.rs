//! The context of each program type: its fields, who may read and write them, and what they yield.
//!
//! A field has two places: its offset in the user-visible structure, which programs are compiled
//! against, and its place in the structure that the simulator lays out in guest memory. The two are
//! equal but for pointers, which are 32 bits wide in `__sk_buff` and `xdp_md` and 64 in the guest:
//! those live behind the user-visible structure. Lowering replaces the one offset by the other.

use super::ProgType;

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
    /// A pointer the verifier cannot judge yet; named in its refusal.
    Unsupported(&'static str),
}

/// How wide an access to a field may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldAccess {
    /// Not at all.
    None,
    /// The whole field only.
    Whole,
    /// The field or an aligned part of it.
    Narrow,
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

/// The context of programs of that type.
pub fn of(_prog_type: ProgType) -> Context {
    Context {
        name: "",
        guest_size: 0,
        shape: Shape::Unsupported,
    }
}
