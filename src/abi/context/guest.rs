//! Where the simulator lays out, in guest memory, what the user-visible structures cannot hold:
//! 64-bit packet pointers and what the machine keeps beside them.
//!
//! The user-visible structure comes first, at 0, with its own offsets; the slots here follow it.
//! Structures whose pointers are 64 bits wide anyway need no slots. Nothing here is the kernel's.

/// Size of `xdp_md` in guest memory.
pub const XDP_SIZE: u32 = 64;
/// `xdp_md`: start of the packet.
pub const XDP_DATA: u32 = 24;
/// `xdp_md`: end of the packet.
pub const XDP_DATA_END: u32 = 32;
/// `xdp_md`: start of the metadata.
pub const XDP_DATA_META: u32 = 40;
/// `xdp_md`: start of the headroom (internal).
pub const XDP_HARD_START: u32 = 48;
/// `xdp_md`: end of the frame's memory (internal).
pub const XDP_FRAME_END: u32 = 56;

/// Size of `__sk_buff` in guest memory.
pub const SKB_SIZE: u32 = 256;
/// `__sk_buff`: start of the packet.
pub const SKB_DATA: u32 = 192;
/// `__sk_buff`: end of the packet.
pub const SKB_DATA_END: u32 = 200;
/// `__sk_buff`: start of the metadata.
pub const SKB_DATA_META: u32 = 208;
/// `__sk_buff`: start of the buffer (internal).
pub const SKB_HEAD: u32 = 216;
/// `__sk_buff`: end of the buffer (internal).
pub const SKB_END: u32 = 224;
/// `__sk_buff`: first byte that is free for the machine (internal), up to [`SKB_SIZE`].
pub const SKB_ROOM: u32 = 232;

/// Size of `tracing` and `lsm` arguments: twelve and the return value.
pub const BTF_ARGS_SIZE: u32 = 104;

/// The most bytes a `syscall` program's context may have (`U16_MAX`).
pub const SYSCALL_SIZE: u32 = 65535;
