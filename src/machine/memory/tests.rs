use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::isa::Fetch;
use crate::machine::MapId;

fn memory() -> Memory {
    Memory::new(MemoryConfig::default()).unwrap()
}

fn spec(kind: ObjectKind, name: &str) -> ObjectSpec {
    ObjectSpec::new(kind, name, Owner::Map(MapId(3)))
}

fn array(memory: &Memory, count: u64, elem: u32) -> Addr {
    let spec = spec(ObjectKind::MapValue, "counts").with_stride(Stride::of(elem));
    memory
        .allocate(count * u64::from(elem.next_multiple_of(8)), &spec)
        .unwrap()
}

fn text<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn load_after_store_gives_the_low_bytes_at_every_size_and_alignment() {
    let memory = memory();
    let base = memory.allocate(64, &spec(ObjectKind::Data, "d")).unwrap();
    for size in [Size::B, Size::H, Size::W, Size::DW] {
        for off in 0..8 {
            memory.poke(base, &[0; 64]).unwrap();
            let value = 0x8877_6655_4433_2211;
            memory.store(base.offset(off), size, value).unwrap();
            let wanted = value & (u64::MAX >> (64 - size.bits()));
            assert_eq!(memory.load(base.offset(off), size).unwrap(), wanted);
            let mut bytes = [0; 64];
            memory.read(base, &mut bytes).unwrap();
            let mut model = [0; 64];
            let range = off as usize..off as usize + size.bytes() as usize;
            model[range].copy_from_slice(&value.to_le_bytes()[..size.bytes() as usize]);
            assert_eq!(bytes, model, "{size:?} at {off}");
        }
    }
}

#[test]
fn check_accepts_exactly_the_bytes_of_the_object() {
    let memory = memory();
    for len in [1u64, 7, 8, 13, 512] {
        let base = memory.allocate(len, &spec(ObjectKind::Stack, "s")).unwrap();
        for off in -40..len as i64 + 40 {
            for size in [1u32, 2, 4, 8] {
                let inside = off >= 0 && off + i64::from(size) <= len as i64;
                let result = memory.check(base.offset(off), size, Access::Write);
                assert_eq!(result.is_ok(), inside, "{size} at {off} of {len}");
            }
        }
    }
}

#[test]
fn check_of_array_accepts_exactly_the_bytes_of_each_element() {
    let memory = memory();
    for elem in [1u32, 4, 8, 12, 17, 24, 100, 4096] {
        let base = array(&memory, 40, elem);
        let stride = u64::from(elem.next_multiple_of(8));
        for index in [0u64, 1, 2, 38, 39] {
            for off in (0..24).chain(stride.saturating_sub(9)..stride) {
                for size in [1u64, 2, 4, 8] {
                    let addr = Addr(base.0 + index * stride + off % stride);
                    let inside = off % stride + size <= u64::from(elem);
                    let result = memory.check(addr, size as u32, Access::Read);
                    assert_eq!(
                        result.is_ok(),
                        inside,
                        "{size} at {off} of [{index}] of {elem}"
                    );
                }
            }
        }
    }
}

#[test]
fn check_of_huge_array_finds_the_element() {
    let memory = memory();
    let base = array(&memory, 20_000_000, 20);
    let last = base.offset(19_999_999 * 24);
    assert!(memory.check(last, 20, Access::Read).is_ok());
    assert!(memory.check(last.offset(13), 8, Access::Read).is_err());
    assert!(memory.check(last.offset(24), 1, Access::Read).is_err());
}

#[test]
fn fault_names_object_offset_owner_and_reason() {
    let memory = memory();
    let counts = array(&memory, 4, 12);
    assert_eq!(
        text(memory.load(counts.offset(16 + 8), Size::DW)),
        "read of 8 bytes at 8 in map value counts[1] (12 bytes, of map 3): leaves the bytes of that element"
    );
    assert_eq!(
        text(memory.store(counts.offset(64), Size::B, 0)),
        "write of 1 byte at 64 in map value counts (12 bytes, of map 3): ends 1 byte past its end"
    );
    memory.set_access(counts, ProgramAccess::ReadOnly);
    assert_eq!(
        text(memory.store(counts.offset(4), Size::W, 0)),
        "write of 4 bytes at 4 in map value counts[0] (12 bytes, of map 3): read-only for programs"
    );
    assert_eq!(
        text(memory.load(Addr(8), Size::H)),
        "read of 2 bytes at 0x8: null pointer"
    );
    assert_eq!(
        text(memory.load(Addr(1 << 50), Size::B)),
        "read of 1 byte at 0x4000000000000: no object lives there"
    );
    assert!(memory.load(Addr(u64::MAX), Size::DW).is_err());
}

#[test]
fn fault_before_an_object_names_it_and_not_its_neighbour() {
    let memory = memory();
    let owner = Owner::Program("hello".into());
    memory
        .allocate(40, &spec(ObjectKind::Data, "first"))
        .unwrap();
    let stack = memory
        .allocate(64, &ObjectSpec::new(ObjectKind::Stack, "frame 0", owner))
        .unwrap();
    assert_eq!(
        text(memory.store(stack.offset(-8), Size::DW, 0)),
        "write of 8 bytes at -8 in stack frame 0 (64 bytes, of program hello): begins 8 bytes before its start"
    );
}

#[test]
fn access_of_freed_object_faults_with_its_former_owner() {
    let memory = memory();
    let record = memory
        .allocate(24, &spec(ObjectKind::RingbufRecord, "events"))
        .unwrap();
    memory.store(record, Size::DW, 7).unwrap();
    memory.free(record);
    memory.free(record);
    let fault = memory.load(record.offset(8), Size::DW).unwrap_err();
    assert_eq!(fault.reason(), FaultReason::Freed);
    assert_eq!(
        fault.object().map(|object| (object.live, object.offset)),
        Some((false, 8))
    );
    assert!(
        fault
            .to_string()
            .ends_with("ring buffer record events (24 bytes, of map 3): use after free")
    );
    assert!(memory.peek_vec(record, 8).is_err());
}

#[test]
fn freed_blocks_are_reused_zeroed_after_the_quarantine() {
    let memory = Memory::new(MemoryConfig {
        quarantine: 1 << 16,
        ..MemoryConfig::default()
    })
    .unwrap();
    for len in [100u64, 300_000, 3_000_000] {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2000 / (1 + len / 10_000) {
            let object = memory.allocate(len, &spec(ObjectKind::Data, "d")).unwrap();
            seen.insert(object);
            for off in [0, len / 2, len - 1] {
                assert_eq!(memory.load(object.offset(off as i64), Size::B).unwrap(), 0);
                memory
                    .store(object.offset(off as i64), Size::B, 255)
                    .unwrap();
            }
            memory.free(object);
        }
        assert!(seen.len() < 1000, "{} blocks of {len} bytes", seen.len());
    }
}

#[test]
fn allocate_beyond_the_budget_is_refused_and_recovers() {
    let config = MemoryConfig {
        arena: 1 << 24,
        budget: 1 << 20,
        quarantine: 1 << 20,
    };
    let memory = Memory::new(config).unwrap();
    let data = spec(ObjectKind::Data, "d");
    assert!(memory.allocate(1 << 20, &data).is_err());
    assert!(memory.allocate(u64::MAX, &data).is_err());
    let objects: Vec<Addr> = std::iter::from_fn(|| memory.allocate(1000, &data).ok()).collect();
    assert!(objects.len() > 700, "{}", objects.len());
    let refusal = memory.allocate(1000, &data).unwrap_err();
    assert_eq!((refusal.wanted, refusal.budget), (1000, 1 << 20));
    objects.iter().for_each(|object| memory.free(*object));
    assert!(memory.allocate(500_000, &data).is_ok());
}

#[test]
fn allocate_beyond_the_arena_is_refused() {
    let config = MemoryConfig {
        arena: 1 << 20,
        budget: 1 << 40,
        quarantine: 0,
    };
    let memory = Memory::new(config).unwrap();
    assert!(
        memory
            .allocate(1 << 20, &spec(ObjectKind::Data, "d"))
            .is_err()
    );
    assert!(
        memory
            .allocate(1 << 19, &spec(ObjectKind::Data, "d"))
            .is_ok()
    );
}

#[test]
fn window_limits_programs_and_not_the_simulator() {
    let memory = memory();
    let packet = memory
        .allocate(512, &spec(ObjectKind::Packet, "frame"))
        .unwrap();
    memory.set_window(packet, 256..300);
    assert!(memory.check(packet.offset(256), 44, Access::Write).is_ok());
    let fault = memory.load(packet.offset(296), Size::DW).unwrap_err();
    assert_eq!(
        fault.reason(),
        FaultReason::OutsideWindow {
            start: 256,
            end: 300
        }
    );
    assert!(memory.load(packet.offset(248), Size::B).is_err());
    memory.poke(packet, &[1; 512]).unwrap();
    assert_eq!(
        memory.peek_uint(packet.offset(504), Size::DW).unwrap(),
        0x0101_0101_0101_0101
    );
    memory.set_window(packet, 0..10_000);
    assert!(memory.check(packet, 512, Access::Write).is_ok());
    assert!(memory.check(packet, 513, Access::Write).is_err());
}

#[test]
fn access_modes_permit_what_they_say() {
    let memory = memory();
    let object = memory
        .allocate(8, &spec(ObjectKind::MapValue, "m"))
        .unwrap();
    let cases = [
        (ProgramAccess::None, false, false),
        (ProgramAccess::ReadOnly, true, false),
        (ProgramAccess::WriteOnly, false, true),
        (ProgramAccess::ReadWrite, true, true),
    ];
    for (access, read, write) in cases {
        memory.set_access(object, access);
        assert_eq!(memory.load(object, Size::DW).is_ok(), read, "{access:?}");
        assert_eq!(
            memory.store(object, Size::DW, 0).is_ok(),
            write,
            "{access:?}"
        );
        assert!(memory.poke_uint(object, Size::DW, 1).is_ok());
    }
}

#[test]
fn user_memory_is_reached_by_its_own_accesses_only() {
    let memory = memory();
    let user = memory
        .allocate(8, &spec(ObjectKind::UserMemory, "filename"))
        .unwrap();
    let kernel = memory
        .allocate(8, &spec(ObjectKind::KernelObject, "task"))
        .unwrap();
    memory.poke(user, b"/bin/ls\0").unwrap();
    memory.poke(kernel, b"kernel!\0").unwrap();
    let mut buf = [0; 8];
    assert_eq!(
        memory.load(user, Size::B).unwrap_err().reason(),
        FaultReason::UserMemory
    );
    assert_eq!(
        memory.probe_read(user, &mut buf).unwrap_err().reason(),
        FaultReason::UserMemory
    );
    assert_eq!(memory.copy_user_str(user, 64).unwrap(), b"/bin/ls");
    assert_eq!(memory.copy_user_str(user, 4).unwrap(), b"/bi");
    assert_eq!(memory.copy_user_str(user, 0).unwrap(), b"");
    assert_eq!(
        memory
            .copy_from_user(kernel, &mut buf)
            .unwrap_err()
            .reason(),
        FaultReason::NotUserMemory
    );
    assert_eq!(memory.probe_read_str(kernel, 64).unwrap(), b"kernel!");
    memory.copy_to_user(user, b"x").unwrap();
    memory.copy_from_user(user, &mut buf).unwrap();
    assert_eq!(&buf, b"xbin/ls\0");
    assert!(memory.copy_to_user(kernel, b"x").is_err());
}

#[test]
fn probe_read_ignores_what_programs_may_not_access() {
    let memory = memory();
    let hidden = spec(ObjectKind::MapHandle, "m").with_access(ProgramAccess::None);
    let handle = memory.allocate(16, &hidden).unwrap();
    let mut buf = [0; 16];
    assert_eq!(
        memory.read(handle, &mut buf).unwrap_err().reason(),
        FaultReason::Forbidden
    );
    assert!(memory.probe_read(handle, &mut buf).is_ok());
    assert!(memory.probe_read(handle.offset(1), &mut buf).is_err());
}

#[test]
fn read_cstr_without_end_faults() {
    let memory = memory();
    let text = memory.allocate(4, &spec(ObjectKind::Data, "fmt")).unwrap();
    memory.write(text, b"ab\0d").unwrap();
    assert_eq!(memory.read_cstr(text, 8).unwrap(), b"ab");
    assert_eq!(
        memory.read_cstr(text, 2).unwrap_err().reason(),
        FaultReason::Unterminated
    );
    memory.write(text, b"abcd").unwrap();
    assert_eq!(
        memory.read_cstr(text, 8).unwrap_err().reason(),
        FaultReason::PastEnd { by: 1 }
    );
}

#[test]
fn copies_of_any_length_and_alignment_match_a_slice() {
    let memory = memory();
    let base = memory.allocate(64, &spec(ObjectKind::Data, "d")).unwrap();
    let bytes: Vec<u8> = (1..=64).collect();
    for off in 0..16usize {
        for len in 0..48 {
            memory.poke(base, &[0; 64]).unwrap();
            memory
                .write(base.offset(off as i64), &bytes[..len])
                .unwrap();
            let mut model = [0; 64];
            model[off..off + len].copy_from_slice(&bytes[..len]);
            assert_eq!(memory.read_vec(base, 64).unwrap(), model);
            let mut part = vec![0; len];
            memory.read(base.offset(off as i64), &mut part).unwrap();
            assert_eq!(part, bytes[..len]);
        }
    }
}

#[test]
fn atomic_operations_return_the_old_value() {
    let memory = memory();
    let cell = memory
        .allocate(8, &spec(ObjectKind::MapValue, "m"))
        .unwrap();
    let cases = [
        (AtomicOp::Add(Fetch::Yes), 3, 0, 13),
        (AtomicOp::Or(Fetch::No), 5, 0, 15),
        (AtomicOp::And(Fetch::Yes), 6, 0, 2),
        (AtomicOp::Xor(Fetch::Yes), 3, 0, 9),
        (AtomicOp::Xchg, 77, 0, 77),
        (AtomicOp::Cmpxchg, 5, 10, 5),
        (AtomicOp::Cmpxchg, 5, 11, 10),
    ];
    for (op, operand, expected, after) in cases {
        memory.store(cell, Size::DW, 10).unwrap();
        assert_eq!(
            memory
                .atomic(cell, op, Width::W64, operand, expected)
                .unwrap(),
            10
        );
        assert_eq!(memory.load(cell, Size::DW).unwrap(), after, "{op:?}");
    }
    memory.store(cell, Size::DW, u64::MAX).unwrap();
    let old = memory
        .atomic(cell, AtomicOp::Add(Fetch::Yes), Width::W32, 1, 0)
        .unwrap();
    assert_eq!(
        (old, memory.load(cell, Size::DW).unwrap()),
        (0xffff_ffff, 0xffff_ffff_0000_0000)
    );
}

#[test]
fn atomic_misaligned_or_read_only_faults() {
    let memory = memory();
    let cell = memory
        .allocate(16, &spec(ObjectKind::MapValue, "m"))
        .unwrap();
    let add = |addr, width| memory.atomic(addr, AtomicOp::Add(Fetch::No), width, 1, 0);
    assert_eq!(
        add(cell.offset(4), Width::W64).unwrap_err().reason(),
        FaultReason::Misaligned
    );
    assert!(add(cell.offset(4), Width::W32).is_ok());
    memory.set_access(cell, ProgramAccess::ReadOnly);
    assert_eq!(
        add(cell, Width::W64).unwrap_err().reason(),
        FaultReason::Forbidden
    );
}

#[test]
fn addresses_of_one_sequence_are_the_same_in_two_memories() {
    let sequence = |memory: &Memory| -> Vec<u64> {
        let sizes = [8u64, 100, 5000, 3, 70_000];
        let objects: Vec<Addr> = sizes
            .iter()
            .map(|len| memory.allocate(*len, &spec(ObjectKind::Data, "d")).unwrap())
            .collect();
        objects
            .iter()
            .map(|object| object.0 - memory.arena.base())
            .collect()
    };
    assert_eq!(sequence(&memory()), sequence(&memory()));
}

#[test]
fn threads_that_allocate_access_and_free_never_see_another_ones_bytes() {
    let memory = Memory::new(MemoryConfig {
        quarantine: 4096,
        ..MemoryConfig::default()
    })
    .unwrap();
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 1..=4u64 {
            let (memory, failed) = (&memory, &failed);
            scope.spawn(move || {
                for round in 0..3000u64 {
                    let len = 8 + round % 50 * 8;
                    let object = memory.allocate(len, &spec(ObjectKind::Data, "d")).unwrap();
                    let last = object.offset(len as i64 - 8);
                    let clean = memory.load(last, Size::DW).unwrap() == 0;
                    memory.store(last, Size::DW, thread << 32 | round).unwrap();
                    let kept = memory.load(last, Size::DW).unwrap() == thread << 32 | round;
                    memory.free(object);
                    if !(clean && kept) {
                        failed.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(!failed.load(Ordering::Relaxed));
}

#[test]
fn threads_that_add_atomically_lose_nothing() {
    let memory = memory();
    let cell = memory
        .allocate(8, &spec(ObjectKind::MapValue, "m"))
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    memory
                        .atomic(cell, AtomicOp::Add(Fetch::No), Width::W64, 1, 0)
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(memory.load(cell, Size::DW).unwrap(), 40_000);
}

#[test]
fn plain_access_is_allowed_where_any_aligned_access_is_that_meets_no_padding() {
    let memory = memory();
    let window = memory.allocate(64, &spec(ObjectKind::Data, "w")).unwrap();
    memory.set_window(window, 6..43);
    let read_only = spec(ObjectKind::MapValue, "r").with_access(ProgramAccess::ReadOnly);
    let read_only = memory.allocate(24, &read_only).unwrap();
    let freed = memory.allocate(24, &spec(ObjectKind::Data, "f")).unwrap();
    memory.free(freed);
    let short = memory.allocate(13, &spec(ObjectKind::Stack, "s")).unwrap();
    let tight = array(&memory, 4, 24);
    // Far from the others, which are not padded.
    memory
        .allocate(512, &spec(ObjectKind::Data, "between"))
        .unwrap();
    let padded = array(&memory, 4, 12);
    for (base, is_padded) in [
        (window, false),
        (read_only, false),
        (freed, false),
        (short, false),
        (tight, false),
        (padded, true),
        (Addr(0), false),
        (Addr(u64::MAX), false),
    ] {
        for addr in (-40..140).map(|off| base.offset(off)) {
            for size in [Size::B, Size::H, Size::W, Size::DW] {
                compare_ways(&memory, addr, size, is_padded);
            }
        }
    }
}

/// Holds the accesses that say nothing of why not against those that do.
fn compare_ways(memory: &Memory, addr: Addr, size: Size, is_padded: bool) {
    let aligned = addr.0.is_multiple_of(u64::from(size.bytes()));
    let loaded = memory.load(addr, size).ok();
    assert_eq!(memory.load_allowed(addr, size), loaded, "{size:?} {addr}");
    let plain = memory.load_plain(addr, size);
    match (aligned, is_padded) {
        (true, true) => assert!(plain.is_none() || plain == loaded, "{size:?} {addr}"),
        (true, false) => assert_eq!(plain, loaded, "{size:?} {addr}"),
        (false, _) => assert_eq!(plain, None, "{size:?} {addr}"),
    }
    let value = addr.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let stored = memory.check(addr, size.bytes(), Access::Write).is_ok();
    let plainly = memory.store_plain(addr, size, value).is_some();
    assert!(stored || !plainly, "{size:?} {addr}");
    assert!(
        plainly || !stored || !aligned || is_padded,
        "{size:?} {addr}"
    );
    assert_eq!(
        memory.store_allowed(addr, size, value).is_some(),
        stored,
        "{size:?} {addr}"
    );
    if stored {
        let low = u64::MAX >> (64 - size.bits());
        assert_eq!(memory.load(addr, size), Ok(value & low), "{size:?} {addr}");
    }
}
