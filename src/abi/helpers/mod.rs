//! Every helper function of Linux 6.12: its number, name, prototype and who may call it.
//!
//! The table holds all 211 numbers; a row without a prototype is one the simulator does not judge
//! yet, and a program that calls it is refused with its name. Bodies are in [`crate::helpers`].
//!
//! To add a helper: append its row to the last table (`table_*.rs`), in the order of numbers.
//! Who may call what was observed of Linux 6.12.117 (`testdata/helpers-6.12.csv`), not guessed.

mod row;
mod sets;
mod table_1;
mod table_2;
mod table_3;
#[cfg(test)]
mod tests;
mod variants;

use super::context::SockView;
use super::{AttachType, ProgType, Version};

/// What a helper wants in one argument register (the kernel's `enum bpf_arg_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgType {
    /// No such argument.
    None,
    /// Any initialised value.
    Anything,
    /// A map, by `LoadImm64`.
    ConstMapPtr,
    /// A key of the map in an earlier argument: readable, `key_size` bytes.
    MapKey,
    /// A value of that map: readable, `value_size` bytes.
    MapValue(Nullable),
    /// Room for a value of that map, written by the helper.
    UninitMapValue,
    /// Memory whose size the next argument gives.
    Mem(MemArg),
    /// Memory of a fixed size.
    FixedMem {
        /// Its size in bytes.
        size: u32,
        /// Who writes it.
        mem: MemArg,
    },
    /// The size of the memory in the argument before.
    Size(ZeroSize),
    /// The program's context.
    Ctx(Nullable),
    /// A constant number of bytes to allocate, which the return value points to.
    AllocSize,
    /// Memory from a ring buffer reservation, released by the call.
    RingbufMem,
    /// A pointer to this program's stack, or a constant 0, handed on to a callback.
    StackOrNull,
    /// A subprogram to call back.
    Func(Callback),
    /// A NUL-terminated constant string in a read-only map.
    ConstStr,
    /// A `struct bpf_spin_lock` in a map value.
    SpinLock,
    /// A `struct bpf_timer` in a map value.
    Timer,
    /// A field that holds a reference to an object.
    KptrField,
    /// What is put into that field, which the call releases, or null.
    KptrContent,
    /// A dynptr on the stack.
    Dynptr(DynptrArg),
    /// A pointer to a kernel object of one of these BTF types.
    BtfId(&'static [&'static str]),
    /// As [`ArgType::BtfId`], or null.
    BtfIdOrNull(&'static [&'static str]),
    /// A pointer to a per-cpu kernel variable (`ARG_PTR_TO_PERCPU_BTF_ID`).
    PercpuBtfId,
    /// A socket of any view (`ARG_PTR_TO_SOCK_COMMON`).
    SockCommon,
    /// The same, or a kernel object that is one (`ARG_PTR_TO_BTF_ID_SOCK_COMMON`).
    BtfSockCommon(Nullable),
    /// The same, which the call releases.
    ReleasedSock,
    /// A full socket or null.
    SocketOrNull,
}

/// Whether null (a constant 0 or an `or_null` pointer) is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nullable {
    /// It is not.
    No,
    /// It is.
    Yes,
}

/// Who reads and writes a memory argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemArg {
    /// What the helper does with it.
    pub access: MemAccess,
    /// Whether null is accepted (with size 0).
    pub nullable: Nullable,
}

/// What a helper does with a memory argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemAccess {
    /// Reads it: it must be initialised (`MEM_RDONLY`).
    Read,
    /// Writes it, and it must be initialised (`MEM_WRITE`).
    Write,
    /// Writes all of it: it need not be initialised (`MEM_UNINIT`).
    Uninit,
}

/// Whether a size may be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroSize {
    /// `ARG_CONST_SIZE`.
    Refused,
    /// `ARG_CONST_SIZE_OR_ZERO`.
    Allowed,
}

/// The prototype of a callback: what its registers hold when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    /// `bpf_for_each_map_elem`: map, key, value, ctx.
    MapElem,
    /// `bpf_loop`: index, ctx.
    Loop,
    /// `bpf_timer_set_callback`: map, key, value.
    Timer,
    /// `bpf_find_vma`: task, vma, ctx.
    FindVma,
    /// `bpf_user_ringbuf_drain`: dynptr, ctx.
    UserRingbuf,
}

/// What a dynptr argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DynptrArg {
    /// Initialised, read or written.
    Initialised,
    /// Not initialised; the helper makes a local-memory dynptr of it.
    UninitLocal,
    /// Not initialised; the helper makes a ring buffer dynptr of it, which must be released.
    UninitRingbuf,
    /// A ring buffer dynptr, released by the call.
    ReleaseRingbuf,
}

/// What a helper returns (the kernel's `enum bpf_return_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetType {
    /// A number.
    Integer,
    /// Nothing: `r0` is unreadable afterwards.
    Void,
    /// A value of the map argument, or null.
    MapValueOrNull,
    /// A value of the map argument; of a map of maps, the inner map, or null.
    MapValue,
    /// Memory of the `AllocSize` argument's size, or null; must be released when from a ring buffer.
    AllocMemOrNull,
    /// Dynptr memory of the constant size argument, or null.
    DynptrMemOrNull,
    /// A trusted pointer to the kernel type of that name.
    BtfId(&'static str),
    /// A pointer to the kernel type of that name, or null.
    BtfIdOrNull(&'static str),
    /// A socket of that view, or null.
    SockOrNull(SockView),
    /// A pointer to memory of the per-cpu variable, or null.
    MemOrBtfIdOrNull,
    /// As above, never null.
    MemOrBtfId,
    /// What the field held, or null; must be released.
    KptrOrNull,
}

/// Which program types may call a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Every program type.
    All,
    /// These only.
    Only(&'static [ProgType]),
    /// These, unless they attach in one of the listed ways.
    Unless {
        /// The program types.
        types: &'static [ProgType],
        /// The attach types that may not call it.
        at: &'static [AttachType],
    },
    /// These, and some others when they attach in one of the listed ways.
    Attached {
        /// Whatever they attach to.
        always: &'static [ProgType],
        /// Program types with the attach types that may call it.
        at: &'static [(ProgType, &'static [AttachType])],
    },
}

impl Availability {
    /// Whether programs of that type, loaded for that attach type, may call the helper. An `ext`
    /// program has its target's types, so callers ask for those.
    pub fn allows(self, prog_type: ProgType, attach_type: Option<AttachType>) -> bool {
        match self {
            Availability::All => true,
            Availability::Only(types) => types.contains(&prog_type),
            Availability::Unless { types, at } => {
                types.contains(&prog_type) && !attach_type.is_some_and(|one| at.contains(&one))
            }
            Availability::Attached { always, at } => {
                let listed = |(of, types): &(ProgType, &[AttachType])| {
                    *of == prog_type && attach_type.is_some_and(|one| types.contains(&one))
                };
                always.contains(&prog_type) || at.iter().any(listed)
            }
        }
    }
}

/// Which licence a program needs to call a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Licence {
    /// Any.
    Any,
    /// One compatible with the GPL.
    Gpl,
}

/// What else a call does that the verifier must know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Packet pointers become invalid (`bpf_helper_changes_pkt_data`).
    ChangesPacket,
}

/// One helper's prototype.
#[derive(Clone, Copy, Debug)]
pub struct Prototype {
    /// Argument registers `r1` to `r5`.
    pub args: [ArgType; 5],
    /// What `r0` holds afterwards.
    pub ret: RetType,
    /// Who may call it, as in [`Helper::available`].
    pub available: Availability,
    /// Under which licence.
    pub licence: Licence,
    /// Whether packet memory may be given for memory arguments (`pkt_access`).
    pub packet: PacketArgs,
    /// Side effect.
    pub effect: Effect,
    /// Whether it may sleep, and so only sleepable programs may call it.
    pub sleeps: Sleeps,
}

/// Whether memory arguments may point into a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketArgs {
    /// They may not.
    Refused,
    /// They may.
    Allowed,
}

/// Whether a helper may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleeps {
    /// Never.
    No,
    /// It might.
    Might,
}

/// One helper.
#[derive(Clone, Copy, Debug)]
pub struct Helper {
    /// Its number in a call instruction.
    pub number: u32,
    /// Its name, with the `bpf_` prefix.
    pub name: &'static str,
    /// The release that brought it.
    pub since: Version,
    /// Who may call it.
    pub available: Availability,
    /// Its prototype, when the simulator judges it.
    pub prototype: Option<Prototype>,
}

impl Helper {
    /// The prototype for one kind of program: a few helpers have more than one.
    pub fn prototype_for(
        &self,
        prog_type: ProgType,
        attach_type: Option<AttachType>,
    ) -> Option<Prototype> {
        match variants::find(self.number, prog_type, attach_type) {
            Some(variant) => {
                let own = |prototype| Prototype {
                    available: self.available,
                    ..prototype
                };
                variant.prototype.map(own)
            }
            None => self.prototype,
        }
    }
}

/// Every helper, by number, from 1.
static TABLE: [&[Helper]; 3] = [&table_1::ROWS, &table_2::ROWS, &table_3::ROWS];

/// Every helper, by number.
pub fn all() -> impl Iterator<Item = &'static Helper> {
    TABLE.iter().flat_map(|rows| rows.iter())
}

/// The helper of that number.
pub fn by_number(number: i32) -> Option<&'static Helper> {
    let mut index = usize::try_from(number).ok()?.checked_sub(1)?;
    for rows in TABLE {
        if let Some(helper) = rows.get(index) {
            return Some(helper);
        }
        index -= rows.len();
    }
    None
}

/// The helper of that name, with or without `bpf_`.
pub fn by_name(name: &str) -> Option<&'static Helper> {
    let bare = |name: &'static str| name.strip_prefix("bpf_").unwrap_or(name);
    let wanted = name.strip_prefix("bpf_").unwrap_or(name);
    all().find(|helper| bare(helper.name) == wanted)
}
