//! Packets as socket, tc and cgroup programs see them: `__sk_buff` and a buffer that grows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{ETH_HLEN, PacketError, SHARED_INFO, checked_len};
use crate::isa::Size;
use crate::machine::{Addr, Errno, Memory, ObjectKind, ObjectSpec, OutOfMemory, Owner};

/// Bytes before the packet when it arrives (`NET_SKB_PAD`).
const HEADROOM: u32 = 64;

/// Longest packet that helpers make (`SKB_MAX_ALLOC`: four pages less the kernel's part).
const MAX_LEN: u32 = 4 * 4096 - SHARED_INFO;

/// Longest packet that arrives: what a length field of 16 bits counts, and a link header.
const MAX_INPUT: u32 = 65_535 + ETH_HLEN;

/// Furthest offset that `bpf_skb_load_bytes` and its kin take.
const MAX_OFFSET: u32 = 0xffff;

/// Bytes of the guest context.
const CTX_LEN: u64 = 256;
const LEN: i64 = 0;
const PACKET_TYPE: i64 = 4;
const PROTOCOL: i64 = 16;
const IFINDEX: i64 = 40;
const DATA: i64 = 192;
const DATA_END: i64 = 200;
const DATA_META: i64 = 208;
const HEAD: i64 = 216;
const END: i64 = 224;

/// Protocols of frames whose type field is a length (`ETH_P_802_3`, `ETH_P_802_2`).
const RAW_802_3: u16 = 1;
const LLC_802_2: u16 = 4;

/// Least type field that is no length (`ETH_P_802_3_MIN`).
const LEAST_TYPE: u16 = 0x600;

/// Where a program's view of the packet begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkbLayer {
    /// At the Ethernet header: tc and socket filters.
    Link,
    /// At the network header: cgroup and lightweight-tunnel programs.
    Network,
}

/// A packet for a program on `__sk_buff`.
#[derive(Debug)]
pub struct SkBuff {
    ctx: Addr,
    place: Mutex<Place>,
    tunnel: Mutex<Option<TunnelInfo>>,
    /// Whether what it carries is a packet itself (`skb->encapsulation`).
    encapsulated: AtomicBool,
}

/// The tunnel that a program says a packet shall go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelInfo {
    /// A `struct bpf_tunnel_key`.
    pub key: Vec<u8>,
    /// Whether its ends are IPv6 addresses.
    pub is_ipv6: bool,
    /// With which flags it was set.
    pub flags: u64,
    /// What the packet carries for the tunnel.
    pub options: Option<Vec<u8>>,
}

/// The buffer, and offsets in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    buffer: Addr,
    capacity: u32,
    data: u32,
    end: u32,
    /// How far behind `data` the network header lies: cutting leaves what is before it.
    network: u32,
    /// How far behind `data` the link-layer header lies; before it, where it was taken off.
    link: i32,
    /// Where the transport header is said to lie in the buffer. Nothing sets it, but where a buffer
    /// grows at its head the mark of none moves along, and then it counts.
    transport: u16,
    /// How much the kernel would have taken for the buffer.
    taken: u32,
}

/// An end of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Head,
    Tail,
}

/// No transport header.
const NO_TRANSPORT: u16 = u16::MAX;

/// The most that the kernel takes at once (`KMALLOC_MAX_SIZE`).
const MAX_TAKEN: u32 = 4 << 20;

/// The least that it takes for a buffer that grows (`SKB_SMALL_HEAD_SIZE`).
const SMALL_HEAD: u32 = 640;

/// By multiples of so much the head of a buffer grows (`NET_SKB_PAD`).
const HEAD_STEP: u32 = 64;

impl SkBuff {
    /// A context and a buffer for a frame with an Ethernet header that arrives at the loopback
    /// device. Programs at the network layer do not see the header.
    pub fn new(memory: &Memory, frame: &[u8], layer: SkbLayer) -> Result<SkBuff, PacketError> {
        checked_len(frame, ETH_HLEN, MAX_INPUT)?;
        let ctx = ObjectSpec::new(ObjectKind::Context, "__sk_buff", Owner::Kernel);
        let ctx = memory.allocate(CTX_LEN, &ctx)?;
        let place = match Place::new(memory, HEADROOM, frame, HEADROOM) {
            Ok(place) => place,
            Err(refusal) => {
                memory.free(ctx);
                return Err(refusal.into());
            }
        };
        let place = match layer {
            SkbLayer::Link => Place {
                network: ETH_HLEN,
                ..place
            },
            SkbLayer::Network => Place {
                data: place.data + ETH_HLEN,
                link: -(ETH_HLEN as i32),
                ..place
            },
        };
        let skb = SkBuff {
            ctx,
            place: Mutex::new(place),
            tunnel: Mutex::default(),
            encapsulated: AtomicBool::new(false),
        };
        skb.set(
            memory,
            PROTOCOL,
            Size::W,
            u64::from(protocol_of(frame).to_be()),
        );
        skb.set(memory, PACKET_TYPE, Size::W, packet_type_of(frame));
        skb.set(memory, IFINDEX, Size::W, 1);
        skb.publish(memory, &place);
        Ok(skb)
    }

    /// Frees context and buffer.
    pub fn free(self, memory: &Memory) {
        memory.free(self.ctx);
        memory.free(self.lock().buffer);
    }

    /// The context's address.
    pub fn ctx(&self) -> Addr {
        self.ctx
    }

    /// The packet's address.
    pub fn data(&self) -> Addr {
        let place = self.lock();
        place.at(place.data)
    }

    /// How far into the packet the network header begins.
    pub fn network(&self) -> u32 {
        self.lock().network
    }

    /// How far into the packet the link-layer header begins; below 0 where it was taken off.
    pub fn link(&self) -> i32 {
        self.lock().link
    }

    /// Bytes of the packet.
    pub fn len(&self) -> u32 {
        self.lock().len()
    }

    /// Whether the packet has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The packet's bytes, from where the program's view begins.
    pub fn bytes(&self, memory: &Memory) -> Vec<u8> {
        let place = *self.lock();
        memory
            .peek_vec(place.at(place.data), place.len())
            .unwrap_or_default()
    }

    /// Reads a field of the context, at its offset in `struct __sk_buff`.
    pub fn field(&self, memory: &Memory, off: u32, size: Size) -> u64 {
        memory
            .peek_uint(self.ctx.offset(i64::from(off)), size)
            .unwrap_or(0)
    }

    /// Sets a field of the context, at its offset in `struct __sk_buff`.
    pub fn set_field(&self, memory: &Memory, off: u32, size: Size, value: u64) {
        if u64::from(off) + u64::from(size.bytes()) <= DATA as u64 {
            self.set(memory, i64::from(off), size, value);
        }
    }

    /// The tunnel it shall go through, if a program said so.
    pub fn tunnel(&self) -> Option<TunnelInfo> {
        self.tunnel_lock().clone()
    }

    /// Says which tunnel it shall go through.
    pub fn set_tunnel(&self, info: TunnelInfo) {
        *self.tunnel_lock() = Some(info);
    }

    /// Whether a program enclosed a packet in it.
    pub fn is_encapsulated(&self) -> bool {
        self.encapsulated.load(Ordering::Relaxed)
    }

    /// Says that a program enclosed a packet in it.
    pub fn set_encapsulated(&self) {
        self.encapsulated.store(true, Ordering::Relaxed);
    }

    /// `bpf_skb_change_head`: puts zeros before the packet.
    pub fn change_head(&self, memory: &Memory, room: u32, flags: u64) -> Result<(), Errno> {
        let mut place = self.lock();
        let len = place.len().checked_add(room).filter(|len| *len <= MAX_LEN);
        if flags != 0 || len.is_none() {
            return Err(Errno::EINVAL);
        }
        self.splice(memory, &mut place, 0, 0, room)?;
        place.network = place.network.saturating_add(room);
        place.link = 0;
        Ok(())
    }

    /// `bpf_skb_change_tail`: cuts the packet, or puts zeros behind it.
    pub fn change_tail(&self, memory: &Memory, len: u32, flags: u64) -> Result<(), Errno> {
        let mut place = self.lock();
        if flags != 0 || len > MAX_LEN || len < place.least() {
            return Err(Errno::EINVAL);
        }
        let old = place.len();
        let (cut, grown) = (old.saturating_sub(len), len.saturating_sub(old));
        self.splice(memory, &mut place, old - cut, cut, grown)
    }

    /// `bpf_skb_pull_data`: all bytes are linear already, so that only the length is checked.
    pub fn pull(&self, len: u32) -> Result<(), Errno> {
        if len <= self.len() {
            Ok(())
        } else {
            Err(Errno::ENOMEM)
        }
    }

    /// `bpf_skb_load_bytes`.
    pub fn load(&self, memory: &Memory, off: u32, buf: &mut [u8]) -> Result<(), Errno> {
        memory
            .peek(self.range(off, buf.len())?, buf)
            .map_err(|_| Errno::EFAULT)
    }

    /// `bpf_skb_store_bytes`, without its care for checksums and hash.
    pub fn store(&self, memory: &Memory, off: u32, bytes: &[u8]) -> Result<(), Errno> {
        memory
            .poke(self.range(off, bytes.len())?, bytes)
            .map_err(|_| Errno::EFAULT)
    }

    /// Makes room: puts `count` zeros at an offset of the packet.
    pub fn insert(&self, memory: &Memory, off: u32, count: u32) -> Result<(), Errno> {
        let mut place = self.lock();
        let len = place.len().checked_add(count).ok_or(Errno::EINVAL)?;
        if off > place.len() || len > MAX_INPUT {
            return Err(Errno::EINVAL);
        }
        self.splice(memory, &mut place, off, 0, count)
    }

    /// Takes `count` bytes at an offset of the packet away.
    pub fn remove(&self, memory: &Memory, off: u32, count: u32) -> Result<(), Errno> {
        let mut place = self.lock();
        match off.checked_add(count) {
            Some(end) if end <= place.len() => self.splice(memory, &mut place, off, count, 0),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Replaces `cut` bytes at an offset by zeros. What lies before moves if there is headroom, and
    /// a new buffer is taken if there is no room: pointers into the old one then fault.
    fn splice(
        &self,
        memory: &Memory,
        place: &mut Place,
        off: u32,
        cut: u32,
        zeros: u32,
    ) -> Result<(), Errno> {
        let (end, room) = if off + cut == place.len() && off != 0 {
            (End::Tail, place.capacity - place.end)
        } else {
            (End::Head, place.data)
        };
        let fault = |_| Errno::EFAULT;
        if zeros > room + cut {
            let mut bytes = memory
                .peek_vec(place.at(place.data), place.len())
                .map_err(fault)?;
            let replaced = off as usize..(off + cut) as usize;
            bytes.splice(replaced, std::iter::repeat_n(0, zeros as usize));
            let moved = place.grown(end, zeros - room - cut)?;
            let new =
                Place::new(memory, moved.data, &bytes, HEADROOM).map_err(|_| Errno::ENOMEM)?;
            memory.free(place.buffer);
            *place = Place {
                buffer: new.buffer,
                capacity: new.capacity,
                end: new.end,
                ..moved
            };
        } else if end == End::Tail {
            let fill = vec![0; zeros as usize];
            memory
                .poke(place.at(place.data + off), &fill)
                .map_err(fault)?;
            place.end = place.end - cut + zeros;
        } else {
            let before = memory.peek_vec(place.at(place.data), off).map_err(fault)?;
            place.data = place.data + cut - zeros;
            memory.poke(place.at(place.data), &before).map_err(fault)?;
            let fill = vec![0; zeros as usize];
            memory
                .poke(place.at(place.data + off), &fill)
                .map_err(fault)?;
        }
        self.publish(memory, place);
        Ok(())
    }

    /// Where `len` bytes at an offset of the packet lie, if it has them.
    fn range(&self, off: u32, len: usize) -> Result<Addr, Errno> {
        let place = self.lock();
        let end = u64::from(off) + len as u64;
        match off <= MAX_OFFSET && end <= u64::from(place.len()) {
            true => Ok(place.at(place.data + off)),
            false => Err(Errno::EFAULT),
        }
    }

    /// Lets context and window follow the packet's place.
    fn publish(&self, memory: &Memory, place: &Place) {
        memory.set_window(place.buffer, u64::from(place.data)..u64::from(place.end));
        self.set(memory, LEN, Size::W, u64::from(place.len()));
        self.set(memory, DATA, Size::DW, place.at(place.data).0);
        self.set(memory, DATA_END, Size::DW, place.at(place.end).0);
        self.set(memory, DATA_META, Size::DW, place.at(place.data).0);
        self.set(memory, HEAD, Size::DW, place.buffer.0);
        self.set(memory, END, Size::DW, place.at(place.capacity).0);
    }

    fn set(&self, memory: &Memory, field: i64, size: Size, value: u64) {
        let written = memory.poke_uint(self.ctx.offset(field), size, value);
        debug_assert!(written.is_ok(), "fields lie in the context: {written:?}");
    }

    fn tunnel_lock(&self) -> MutexGuard<'_, Option<TunnelInfo>> {
        self.tunnel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A buffer with those bytes, and room before and behind them.
    fn new(memory: &Memory, head: u32, bytes: &[u8], tail: u32) -> Result<Place, OutOfMemory> {
        let refusal = OutOfMemory {
            wanted: bytes.len() as u64,
            used: memory.used(),
            budget: 0,
        };
        let len = u32::try_from(bytes.len()).map_err(|_| refusal)?;
        let capacity = len.checked_add(head + tail).ok_or(refusal)?;
        let spec = ObjectSpec::new(ObjectKind::Packet, "packet", Owner::Kernel);
        let buffer = memory.allocate(u64::from(capacity), &spec)?;
        let place = Place {
            buffer,
            capacity,
            data: head,
            end: head + len,
            network: 0,
            link: 0,
            transport: NO_TRANSPORT,
            taken: capacity
                .saturating_add(SHARED_INFO)
                .saturating_sub(tail)
                .checked_next_power_of_two()
                .unwrap_or(u32::MAX),
        };
        let written = memory.poke(place.at(head), bytes);
        debug_assert!(
            written.is_ok(),
            "the buffer was made for the bytes: {written:?}"
        );
        Ok(place)
    }

    fn len(&self) -> u32 {
        self.end - self.data
    }

    /// Least length that cutting leaves (`__bpf_skb_min_len` in net/core/filter.c).
    fn least(&self) -> u32 {
        match u32::from(self.transport).checked_sub(self.data) {
            Some(least @ 1..) if self.transport != NO_TRANSPORT => least,
            Some(_) | None => self.network,
        }
    }

    /// The place in a buffer that has as much more room at one end as is missing there, which is
    /// then used up (`pskb_expand_head` in net/core/skbuff.c).
    fn grown(&self, end: End, missing: u32) -> Result<Place, Errno> {
        let more = missing.next_multiple_of(HEAD_STEP);
        let taken = match self.taken.saturating_add(more) {
            ..=SMALL_HEAD => SMALL_HEAD,
            large @ ..=MAX_TAKEN => large.next_power_of_two(),
            _ => return Err(Errno::ENOMEM),
        };
        let (data, transport) = match end {
            End::Head => (more - missing, self.transport.wrapping_add(more as u16)),
            End::Tail => (self.data, self.transport),
        };
        Ok(Place {
            data,
            transport,
            taken,
            ..*self
        })
    }

    fn at(&self, off: u32) -> Addr {
        self.buffer.offset(i64::from(off))
    }
}

/// Whom a frame is for (`PACKET_HOST`, `_BROADCAST`, `_MULTICAST`, `_OTHERHOST`), as
/// `eth_type_trans` finds it: the loopback device's address is zero.
fn packet_type_of(frame: &[u8]) -> u64 {
    match frame.get(..6) {
        Some([0, 0, 0, 0, 0, 0]) | None => 0,
        Some([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) => 1,
        Some([first, ..]) if first & 1 == 1 => 2,
        Some(_) => 3,
    }
}

/// The protocol of a frame, as `eth_type_trans` finds it.
fn protocol_of(frame: &[u8]) -> u16 {
    let word = |at: usize| match (frame.get(at), frame.get(at + 1)) {
        (Some(high), Some(low)) => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    };
    match (word(12).unwrap_or(0), word(14)) {
        (kind, _) if kind >= LEAST_TYPE => kind,
        (_, Some(0xffff)) => RAW_802_3,
        _ => LLC_802_2,
    }
}
