use super::*;
use crate::isa::Size;
use crate::machine::{Access, Addr, Errno, FaultReason, Memory, MemoryConfig};

fn memory() -> Memory {
    Memory::new(MemoryConfig::default()).unwrap()
}

/// 64 bytes that count up, of type IPv4.
fn frame_bytes() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..64).collect();
    bytes[12..14].copy_from_slice(&[8, 0]);
    bytes
}

fn xdp(memory: &Memory) -> XdpFrame {
    XdpFrame::new(memory, &frame_bytes(), XdpQueue::default()).unwrap()
}

fn skb(memory: &Memory) -> SkBuff {
    SkBuff::new(memory, &frame_bytes(), SkbLayer::Link).unwrap()
}

fn field(memory: &Memory, ctx: Addr, off: i64) -> u64 {
    memory.load(ctx.offset(off), Size::DW).unwrap()
}

/// Checks that exactly the bytes from `data` to `data_end` of the context are accessible.
fn check_window(memory: &Memory, from: u64, to: u64) {
    assert!(
        memory
            .check(Addr(from), (to - from) as u32, Access::Write)
            .is_ok()
    );
    assert!(memory.check(Addr(from - 1), 1, Access::Read).is_err());
    assert!(memory.check(Addr(to), 1, Access::Read).is_err());
}

#[test]
fn xdp_context_points_at_the_packet() {
    let memory = memory();
    let frame = xdp(&memory);
    let (data, end) = (
        field(&memory, frame.ctx(), 24),
        field(&memory, frame.ctx(), 32),
    );
    assert_eq!((Addr(data), end - data), (frame.data(), 64));
    assert_eq!(field(&memory, frame.ctx(), 40), data);
    assert_eq!(data - field(&memory, frame.ctx(), 48), 256);
    assert_eq!(field(&memory, frame.ctx(), 56) - end, 3456);
    assert_eq!(memory.load(frame.ctx().offset(12), Size::W).unwrap(), 1);
    assert!(memory.store(frame.ctx().offset(24), Size::DW, 0).is_err());
    check_window(&memory, data, end);
}

#[test]
fn skb_type_says_whom_a_frame_is_for() {
    let memory = memory();
    let typed = |address: [u8; 6]| {
        let frame = [&address[..], &[0; 58]].concat();
        let skb = SkBuff::new(&memory, &frame, SkbLayer::Link).unwrap();
        skb.field(&memory, 4, Size::W)
    };
    let addresses = [[0; 6], [0xff; 6], [1, 0, 0x5e, 0, 0, 1], [2, 0, 0, 0, 0, 1]];
    assert_eq!(addresses.map(typed), [0, 1, 2, 3]);
}

/// The limits that a real kernel's test run showed for a packet of 64 bytes.
#[test]
fn xdp_adjustments_have_the_kernels_limits() {
    let memory = memory();
    let head = |delta| xdp(&memory).adjust_head(&memory, delta);
    let tail = |delta| xdp(&memory).adjust_tail(&memory, delta);
    let meta = |delta| xdp(&memory).adjust_meta(&memory, delta);
    assert_eq!(
        [head(-216), head(-217), head(50), head(51)],
        [Ok(()), Err(Errno::EINVAL), Ok(()), Err(Errno::EINVAL)]
    );
    assert_eq!(
        [tail(3456), tail(3457), tail(-50), tail(-51)],
        [Ok(()), Err(Errno::EINVAL), Ok(()), Err(Errno::EINVAL)]
    );
    assert_eq!(
        [meta(-216), meta(-220), meta(-2), meta(4)],
        [
            Ok(()),
            Err(Errno::EINVAL),
            Err(Errno::EACCES),
            Err(Errno::EINVAL)
        ]
    );
    for delta in [i32::MIN, i32::MAX] {
        assert!(head(delta).is_err() && tail(delta).is_err() && meta(delta).is_err());
    }
}

#[test]
fn xdp_adjust_head_moves_the_window_and_stale_pointers_fault() {
    let memory = memory();
    let frame = xdp(&memory);
    let old = frame.data();
    frame.adjust_head(&memory, 14).unwrap();
    assert_eq!(frame.bytes(&memory), frame_bytes()[14..]);
    let fault = memory.load(old, Size::B).unwrap_err();
    assert_eq!(
        fault.reason(),
        FaultReason::OutsideWindow {
            start: 270,
            end: 320
        }
    );
    let data = field(&memory, frame.ctx(), 24);
    check_window(&memory, data, field(&memory, frame.ctx(), 32));
    assert_eq!(data, old.0 + 14);
}

#[test]
fn xdp_metadata_moves_with_the_head() {
    let memory = memory();
    let frame = xdp(&memory);
    frame.adjust_meta(&memory, -4).unwrap();
    memory
        .store(Addr(field(&memory, frame.ctx(), 40)), Size::W, 0x1234_5678)
        .unwrap();
    frame.adjust_head(&memory, -20).unwrap();
    assert_eq!(frame.meta(&memory), 0x1234_5678_u32.to_le_bytes());
    assert_eq!(frame.len(), 84);
    frame.adjust_head(&memory, 20).unwrap();
    assert_eq!(
        (frame.meta(&memory).len(), frame.bytes(&memory)),
        (4, frame_bytes())
    );
}

#[test]
fn xdp_tail_grown_after_a_cut_is_zero() {
    let memory = memory();
    let frame = xdp(&memory);
    frame.adjust_tail(&memory, -4).unwrap();
    frame.adjust_tail(&memory, 4).unwrap();
    assert_eq!(frame.bytes(&memory)[58..], [58, 59, 0, 0, 0, 0]);
}

#[test]
fn xdp_load_and_store_stay_inside_the_packet() {
    let memory = memory();
    let frame = xdp(&memory);
    let mut buf = [0; 4];
    assert_eq!(frame.load(&memory, 60, &mut buf), Ok(()));
    assert_eq!(buf, [60, 61, 62, 63]);
    assert_eq!(frame.load(&memory, 61, &mut buf), Err(Errno::EINVAL));
    assert_eq!(frame.store(&memory, u32::MAX, &buf), Err(Errno::EINVAL));
    frame.store(&memory, 0, &buf).unwrap();
    assert_eq!(frame.bytes(&memory)[..5], [60, 61, 62, 63, 4]);
}

#[test]
fn xdp_reset_gives_the_packet_its_first_place() {
    let memory = memory();
    let mut frame = xdp(&memory);
    frame.adjust_head(&memory, -40).unwrap();
    frame.reset(&memory, &[7; 20]).unwrap();
    assert_eq!(
        (frame.bytes(&memory), frame.meta(&memory).len()),
        (vec![7; 20], 0)
    );
    assert_eq!(frame.data().0 - field(&memory, frame.ctx(), 48), 256);
    let before = memory.used();
    let other = xdp(&memory);
    other.free(&memory);
    assert!(memory.used() >= before);
}

#[test]
fn packets_of_impossible_length_are_refused() {
    let memory = memory();
    let xdp = |len: usize| XdpFrame::new(&memory, &vec![0; len], XdpQueue::default()).err();
    assert_eq!(xdp(13), Some(PacketError::TooShort { len: 13, min: 14 }));
    assert_eq!((xdp(14), xdp(3520)), (None, None));
    assert_eq!(
        xdp(3521),
        Some(PacketError::TooLong {
            len: 3521,
            max: 3520
        })
    );
    assert!(SkBuff::new(&memory, &[0; 70_000], SkbLayer::Link).is_err());
    assert!(SkBuff::new(&memory, &[], SkbLayer::Network).is_err());
}

#[test]
fn skb_context_describes_the_packet() {
    let memory = memory();
    let skb = skb(&memory);
    let (data, end) = (
        field(&memory, skb.ctx(), 192),
        field(&memory, skb.ctx(), 200),
    );
    assert_eq!(
        (
            skb.field(&memory, 0, Size::W),
            skb.field(&memory, 16, Size::W)
        ),
        (64, 8)
    );
    assert_eq!((Addr(data), end - data), (skb.data(), 64));
    check_window(&memory, data, end);
    let raw = SkBuff::new(&memory, &[0; 64], SkbLayer::Link).unwrap();
    assert_eq!(raw.field(&memory, 16, Size::W), 1024);
    let network = SkBuff::new(&memory, &frame_bytes(), SkbLayer::Network).unwrap();
    assert_eq!(network.bytes(&memory), frame_bytes()[14..]);
}

/// The limits that a real kernel's test run showed for a packet of 64 bytes.
#[test]
fn skb_changes_have_the_kernels_limits() {
    let memory = memory();
    let head = |room| skb(&memory).change_head(&memory, room, 0);
    let tail = |len| skb(&memory).change_tail(&memory, len, 0);
    let refused = Err(Errno::EINVAL);
    assert_eq!(
        [head(14), head(16_000), head(16_001), head(u32::MAX)],
        [Ok(()), Ok(()), refused, refused]
    );
    assert_eq!(
        [tail(13), tail(14), tail(16_064), tail(16_065)],
        [refused, Ok(()), Ok(()), refused]
    );
    assert_eq!(skb(&memory).change_tail(&memory, 20, 1), refused);
    // What is put before the packet lies before the network header, too.
    let grown = skb(&memory);
    assert_eq!(grown.change_head(&memory, 7, 0), Ok(()));
    assert_eq!(grown.change_tail(&memory, 20, 0), refused);
    assert_eq!(grown.change_tail(&memory, 21, 0), Ok(()));
    assert_eq!(
        [skb(&memory).pull(64), skb(&memory).pull(65)],
        [Ok(()), Err(Errno::ENOMEM)]
    );
    let mut buf = [0; 4];
    assert_eq!(skb(&memory).load(&memory, 60, &mut buf), Ok(()));
    assert_eq!(skb(&memory).load(&memory, 61, &mut buf), Err(Errno::EFAULT));
    assert_eq!(skb(&memory).store(&memory, 61, &buf), Err(Errno::EFAULT));
}

#[test]
fn skb_changes_of_any_place_and_size_match_a_vector() {
    let memory = memory();
    let mut seed = 1u32;
    let mut next = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    for _ in 0..50 {
        let skb = skb(&memory);
        let mut model = frame_bytes();
        // No cut leaves less: what was put in may lie before the network or transport header.
        let mut least = 14;
        for _ in 0..20 {
            let (off, count) = (next(model.len() as u32 + 1), next(90));
            let at = off as usize;
            match next(4) {
                0 => {
                    skb.insert(&memory, off, count).unwrap();
                    model.splice(at..at, vec![0; count as usize]);
                    least += count;
                }
                1 if at + count as usize <= model.len() => {
                    skb.remove(&memory, off, count).unwrap();
                    model.drain(at..at + count as usize);
                }
                2 => {
                    skb.change_head(&memory, count, 0).unwrap();
                    model.splice(0..0, vec![0; count as usize]);
                    least += count;
                }
                _ => {
                    let len = least + next(200);
                    skb.change_tail(&memory, len, 0).unwrap();
                    model.resize(len as usize, 0);
                }
            }
            assert_eq!(skb.bytes(&memory), model);
            let (data, end) = (
                field(&memory, skb.ctx(), 192),
                field(&memory, skb.ctx(), 200),
            );
            assert_eq!(
                (end - data, skb.field(&memory, 0, Size::W)),
                (model.len() as u64, model.len() as u64)
            );
            check_window(&memory, data, end);
        }
        skb.free(&memory);
    }
}

#[test]
fn skb_that_moves_leaves_stale_pointers_faulting() {
    let memory = memory();
    let skb = skb(&memory);
    let old = skb.data();
    skb.change_tail(&memory, 2000, 0).unwrap();
    assert_eq!(
        memory.load(old, Size::B).unwrap_err().reason(),
        FaultReason::Freed
    );
    assert_eq!(skb.bytes(&memory)[..64], frame_bytes());
}
