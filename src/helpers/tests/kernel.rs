//! Symbols, types, variables of each CPU, files, counters, descriptors, kernel parameters and messages.

use super::super::{Remote, Sysctl, Vma};
use super::bench::{Bench, CALLBACK, errno, member_offset};
use crate::abi::ProgType;
use crate::btf::{KindFilter, kernel_6_12};
use crate::isa::Size;
use crate::machine::{
    Addr, Errno, Holder, HolderKind, ObjectKind, ObjectSpec, Owner, Stride, TimerId,
};

const PERF_EVENT_READ: i32 = 22;
const PERF_EVENT_READ_VALUE: i32 = 55;
const MSG_PULL: i32 = 63;
const RC_KEYDOWN: i32 = 78;
const MSG_PUSH: i32 = 90;
const MSG_POP: i32 = 91;
const SYSCTL_GET_NAME: i32 = 101;
const SYSCTL_GET_NEW: i32 = 103;
const SYSCTL_SET_NEW: i32 = 104;
const LOAD_HDR_OPT: i32 = 142;
const STORE_HDR_OPT: i32 = 143;
const D_PATH: i32 = 147;
const PER_CPU_PTR: i32 = 153;
const THIS_CPU_PTR: i32 = 154;
const SYS_BPF: i32 = 166;
const BTF_FIND: i32 = 167;
const SYS_CLOSE: i32 = 168;
const TIMER_INIT: i32 = 169;
const TIMER_SET_CALLBACK: i32 = 170;
const TIMER_START: i32 = 171;
const TIMER_CANCEL: i32 = 172;
const BRANCH_SNAPSHOT: i32 = 176;
const KALLSYMS: i32 = 179;
const FIND_VMA: i32 = 180;

const INVALID: Errno = Errno::EINVAL;

#[test]
fn symbol_is_found_by_its_name_alone() {
    let mut bench = Bench::new();
    let room = bench.data(&[9; 8]);
    let name = bench.data(b"schedule\0");
    assert_eq!(bench.call(KALLSYMS, [name, 9, 0, room]), 0);
    assert!(bench.word(room) > 0xffff_ffff_8000_0000);
    assert_eq!(bench.call(KALLSYMS, [name, 8, 0, room]), errno(INVALID));
    assert_eq!(bench.call(KALLSYMS, [name, 9, 1, room]), errno(INVALID));
    let name = bench.data(b"no_such_symbol\0");
    assert_eq!(
        bench.call(KALLSYMS, [name, 15, 0, room]),
        errno(Errno::ENOENT)
    );
    assert_eq!(bench.word(room), 0);
}

#[test]
fn type_is_found_by_name_and_kind() {
    const STRUCT: u64 = 4;
    const UNION: u64 = 5;
    let mut bench = Bench::new();
    let name = bench.data(b"task_struct\0");
    let id = kernel_6_12()
        .find("task_struct", KindFilter::STRUCT)
        .unwrap();
    assert_eq!(bench.call(BTF_FIND, [name, 12, STRUCT, 0]), i64::from(id.0));
    assert_eq!(
        bench.call(BTF_FIND, [name, 12, UNION, 0]),
        errno(Errno::ENOENT)
    );
    assert_eq!(bench.call(BTF_FIND, [name, 12, STRUCT, 1]), errno(INVALID));
}

#[test]
fn variable_of_a_cpu_is_its_own_copy() {
    let mut bench = Bench::new();
    let spec = ObjectSpec::new(ObjectKind::KernelObject, "variable", Owner::Kernel)
        .with_stride(Stride::of(12));
    let at = bench.machine.memory.allocate(4 * 16, &spec).unwrap().0;
    assert_eq!(bench.call(PER_CPU_PTR, [at, 2]), (at + 32) as i64);
    assert_eq!(bench.call(PER_CPU_PTR, [at, 4]), 0);
    bench.cpu = crate::machine::CpuId(3);
    assert_eq!(bench.call(THIS_CPU_PTR, [at]), (at + 48) as i64);
    let other = bench.data(&[0; 8]);
    assert!(bench.reply(THIS_CPU_PTR, [other]).is_err());
}

/// An object of the kernel with some members set.
pub(super) fn kernel_object(bench: &Bench, name: &str, members: &[(&str, u64)]) -> u64 {
    let btf = kernel_6_12();
    let id = btf
        .find(name, KindFilter::STRUCT)
        .expect("the kernel has it");
    let size = btf.size_of(id).expect("it has a size") as usize;
    let at = bench.object(ObjectKind::KernelObject, &vec![0; size]);
    for (path, value) in members {
        let place = at.offset(member_offset(name, path));
        let set = bench.machine.memory.poke_uint(place, Size::DW, *value);
        set.expect("in bounds");
    }
    at.0
}

#[test]
fn path_is_that_from_the_root() {
    let mut bench = Bench::new();
    let text = |text: &[u8]| bench.object(ObjectKind::KernelObject, text).0;
    let (etc, passwd) = (text(b"etc\0"), text(b"passwd\0"));
    let root = kernel_object(&bench, "dentry", &[]);
    let place = Addr(root).offset(member_offset("dentry", "d_parent"));
    bench
        .machine
        .memory
        .poke_uint(place, Size::DW, root)
        .unwrap();
    let above = kernel_object(
        &bench,
        "dentry",
        &[("d_parent", root), ("d_name.name", etc)],
    );
    let entry = kernel_object(
        &bench,
        "dentry",
        &[("d_parent", above), ("d_name.name", passwd)],
    );
    let path = kernel_object(&bench, "path", &[("dentry", entry)]);
    let room = bench.data(&[9; 16]);
    assert_eq!(bench.call(D_PATH, [path, room, 16]), 12);
    assert_eq!(bench.bytes(room, 12), b"/etc/passwd\0");
    assert_eq!(
        bench.call(D_PATH, [path, room, 11]),
        errno(Errno::ENAMETOOLONG)
    );
    assert_eq!(bench.call(D_PATH, [path, room, 0]), 0);
    let path = kernel_object(&bench, "path", &[("dentry", root)]);
    assert_eq!(bench.call(D_PATH, [path, room, 16]), 2);
}

#[test]
fn counter_of_this_cpu_stands_at_zero() {
    let mut bench = Bench::new();
    let map = bench.map("events perf_event_array 4 4 4").handle.0;
    const CURRENT: u64 = 0xffff_ffff;
    assert_eq!(bench.call(PERF_EVENT_READ, [map, CURRENT]), 0);
    assert_eq!(
        bench.call(PERF_EVENT_READ, [map, 1]),
        errno(INVALID),
        "another CPU's"
    );
    assert_eq!(bench.call(PERF_EVENT_READ, [map, 4]), errno(Errno::E2BIG));
    assert_eq!(bench.call(PERF_EVENT_READ, [map, 1 << 32]), errno(INVALID));
    let room = bench.data(&[9; 24]);
    assert_eq!(
        bench.call(PERF_EVENT_READ_VALUE, [map, CURRENT, room, 24]),
        0
    );
    assert_eq!(
        (bench.word(room), bench.word(room + 8)),
        (0, bench.word(room + 16))
    );
    assert_eq!(
        bench.call(PERF_EVENT_READ_VALUE, [map, CURRENT, room, 16]),
        errno(INVALID)
    );
    assert_eq!(
        bench.call(BRANCH_SNAPSHOT, [room, 24, 0]),
        errno(Errno::ENOENT)
    );
    assert_eq!(bench.call(BRANCH_SNAPSHOT, [room, 24, 1]), errno(INVALID));
}

#[test]
fn program_makes_a_map_and_closes_it() {
    const CREATE: u64 = 0;
    const UPDATE: u64 = 2;
    const DELETE: u64 = 3;
    const BY_ID: u64 = 14;
    const PROG_LOAD: u64 = 5;
    let mut bench = Bench::new();
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<_>>()
    };
    // A hash with keys of 4 bytes, values of 8, room for one.
    let attr = bench.data(&words(&[1, 4, 8, 1, 0]));
    let fd = bench.call(SYS_BPF, [CREATE, attr, 20]);
    assert_eq!(fd, 3);
    let (key, value) = (bench.data(&[5, 0, 0, 0]), bench.data(&[7; 8]));
    let mut update = words(&[fd as u32, 0]);
    update.extend([key, value, 0].into_iter().flat_map(u64::to_le_bytes));
    let update = bench.data(&update);
    assert_eq!(bench.call(SYS_BPF, [UPDATE, update, 32]), 0);
    assert_eq!(bench.call(SYS_BPF, [DELETE, update, 16]), 0);
    assert_eq!(
        bench.call(SYS_BPF, [DELETE, update, 16]),
        errno(Errno::ENOENT)
    );
    let id = bench.maps.iter().next().expect("it was made").id.0;
    let by_id = bench.data(&words(&[id]));
    assert_eq!(bench.call(SYS_BPF, [BY_ID, by_id, 4]), 4);
    assert_eq!(bench.call(SYS_BPF, [99, by_id, 4]), errno(INVALID));
    assert!(bench.reply(SYS_BPF, [PROG_LOAD, by_id, 4]).is_err());
    assert_eq!(bench.call(SYS_CLOSE, [3]), 0);
    assert_eq!(bench.call(SYS_CLOSE, [3]), errno(Errno::EBADF));
    assert_eq!(
        bench.call(SYS_BPF, [UPDATE, update, 32]),
        errno(Errno::EBADF)
    );
    let bad = bench.data(&words(&[1, 0, 8, 1, 0]));
    assert_eq!(bench.call(SYS_BPF, [CREATE, bad, 20]), errno(INVALID));
}

#[test]
fn timer_answers_as_the_kernel_does() {
    let mut bench = Bench::new();
    let map = bench.map("alarms array 4 16 1");
    let timer = map.array().and_then(|array| array.base()).unwrap().0;
    let map = map.handle.0;
    assert_eq!(bench.call(TIMER_START, [timer, 5, 0]), errno(INVALID));
    assert_eq!(bench.call(TIMER_INIT, [timer, map, 2]), errno(INVALID));
    assert_eq!(bench.call(TIMER_INIT, [timer, map, 1]), 0);
    assert_eq!(bench.call(TIMER_INIT, [timer, map, 1]), errno(Errno::EBUSY));
    assert_eq!(bench.call(TIMER_SET_CALLBACK, [timer, CALLBACK]), 0);
    assert_eq!(bench.call(TIMER_START, [timer, 5, 4]), errno(INVALID));
    assert_eq!(bench.call(TIMER_START, [timer, 5, 0]), 0);
    let now = bench.machine.clock.peek();
    assert_eq!(bench.machine.timers.take_due(now + 4), None);
    let due = bench.machine.timers.take_due(now + 5).expect("it is due");
    // Its function would wait for itself.
    bench.timer = Some(due.id);
    assert_eq!(bench.call(TIMER_CANCEL, [timer]), errno(Errno::EDEADLK));
    bench.timer = None::<TimerId>;
    assert_eq!(
        bench.call(TIMER_START, [timer, now + 9, 1]),
        0,
        "not a distance"
    );
    assert_eq!(
        bench.machine.timers.take_due(now + 9).map(|due| due.due),
        Some(now + 9)
    );
    assert_eq!(bench.call(TIMER_START, [timer, 5, 0]), 0);
    assert_eq!(bench.call(TIMER_CANCEL, [timer]), 1);
    assert_eq!(bench.call(TIMER_CANCEL, [timer]), 0);
    assert_eq!(bench.call(TIMER_START, [timer, 5, 0]), errno(INVALID));
}

#[test]
fn mapping_of_the_current_task_is_called_back_with() {
    let mut bench = Bench::new();
    let vma = Vma {
        start: 0x1000,
        end: 0x2000,
        at: Addr(0x77),
    };
    bench.hook.vmas = Vec::leak(vec![vma]);
    let task = bench.object(ObjectKind::KernelObject, &[0; 8]);
    let number = u64::from(bench.task.pid);
    let kind = HolderKind::Task;
    bench.machine.holders.insert(task, Holder { kind, number });
    assert_eq!(bench.call(FIND_VMA, [task.0, 0x1fff, CALLBACK, 5, 0]), 0);
    assert_eq!(bench.engine.called, [[task.0, 0x77, 5, 0, 0]]);
    let nowhere = errno(Errno::ENOENT);
    assert_eq!(
        bench.call(FIND_VMA, [task.0, 0x2000, CALLBACK, 5, 0]),
        nowhere
    );
    assert_eq!(
        bench.call(FIND_VMA, [task.0, 0x1fff, CALLBACK, 5, 1]),
        errno(INVALID)
    );
}

#[test]
fn parameter_of_the_kernel_is_shown_and_replaced() {
    let mut bench = Bench::new();
    let parameter = |new: Option<&[u8]>| {
        let new = new.map(<[u8]>::to_vec);
        let sysctl = Sysctl::new("net/ipv4/tcp_mem".to_owned(), b"1 2 3".to_vec(), new);
        Some(&*Box::leak(Box::new(sysctl)))
    };
    bench.sysctl = parameter(None);
    let room = bench.data(&[9; 32]);
    assert_eq!(bench.call(SYSCTL_GET_NAME, [0, room, 32, 0]), 16);
    assert_eq!(bench.bytes(room, 17), b"net/ipv4/tcp_mem\0");
    assert_eq!(bench.call(SYSCTL_GET_NAME, [0, room, 32, 1]), 7);
    assert_eq!(
        bench.call(SYSCTL_GET_NAME, [0, room, 4, 1]),
        errno(Errno::E2BIG)
    );
    assert_eq!(bench.bytes(room, 4), b"tcp\0");
    assert_eq!(bench.call(SYSCTL_GET_NEW, [0, room, 32]), errno(INVALID));
    let new = bench.data(b"600");
    assert_eq!(
        bench.call(SYSCTL_SET_NEW, [0, new, 3]),
        errno(INVALID),
        "it is read"
    );
    bench.sysctl = parameter(Some(b"4 5 6"));
    assert_eq!(bench.call(SYSCTL_GET_NEW, [0, room, 32]), 5);
    assert_eq!(bench.call(SYSCTL_SET_NEW, [0, new, 3]), 0);
    let written = bench.sysctl.and_then(Sysctl::written);
    assert_eq!(written.as_deref(), Some(&b"600"[..]));
    assert_eq!(bench.call(RC_KEYDOWN, [0, 1, 0x1234, 7]), 0);
    let key = Remote::Key {
        protocol: 1,
        scancode: 0x1234,
        toggle: 1,
    };
    assert_eq!(bench.engine.state.remote, [key]);
}

/// A context of messages with those bytes.
fn message(bench: &Bench, bytes: &[u8]) -> u64 {
    let data = bench.object(ObjectKind::Packet, bytes).0;
    let mut ctx = vec![0; 80];
    ctx[..8].copy_from_slice(&data.to_le_bytes());
    ctx[8..16].copy_from_slice(&(data + bytes.len() as u64).to_le_bytes());
    ctx[68..72].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
    bench.data(&ctx)
}

#[test]
fn message_grows_shrinks_and_shows_a_part() {
    let mut bench = Bench::new();
    let ctx = message(&bench, b"hello");
    let shown = |bench: &Bench| {
        let [data, end] = [bench.word(ctx), bench.word(ctx + 8)];
        bench.bytes(data, (end - data) as u32)
    };
    assert_eq!(bench.call(MSG_PULL, [ctx, 1, 3, 0]), 0);
    assert_eq!(shown(&bench), b"el");
    assert_eq!(bench.call(MSG_PULL, [ctx, 3, 3, 0]), errno(INVALID));
    assert_eq!(bench.call(MSG_PULL, [ctx, 0, 6, 0]), errno(INVALID));
    assert_eq!(bench.call(MSG_PUSH, [ctx, 5, 2, 0]), 0);
    assert_eq!(shown(&bench), b"hello\0\0");
    assert_eq!(bench.call(MSG_POP, [ctx, 1, 3, 0]), 0);
    assert_eq!(shown(&bench), b"ho\0\0");
    assert_eq!(bench.call(MSG_POP, [ctx, 3, 2, 0]), errno(INVALID));
    assert_eq!(bench.call(MSG_PUSH, [ctx, 9, 1, 0]), errno(INVALID));
    assert_eq!(bench.call(MSG_PUSH, [ctx, 0, 1, 1]), errno(INVALID));
}

/// A context of socket operations with a segment.
fn socket_operation(bench: &Bench, op: u32, segment: &[u8]) -> u64 {
    let data = bench.object(ObjectKind::Packet, segment).0;
    let mut ctx = vec![0; 224];
    ctx[..4].copy_from_slice(&op.to_le_bytes());
    ctx[192..200].copy_from_slice(&data.to_le_bytes());
    ctx[200..208].copy_from_slice(&(data + segment.len() as u64).to_le_bytes());
    bench.data(&ctx)
}

#[test]
fn option_of_a_segment_is_found_and_added_once() {
    const PARSE: u32 = 13;
    const WRITE: u32 = 15;
    let mut bench = Bench::new();
    bench.prog_type = ProgType::SockOps;
    let mut segment = vec![0; 20];
    segment[12] = 7 << 4;
    segment.extend([1, 1, 2, 4, 5, 180, 0, 0]);
    let ctx = socket_operation(&bench, PARSE, &segment);
    let room = bench.data(&[2, 0, 9, 9]);
    assert_eq!(bench.call(LOAD_HDR_OPT, [ctx, room, 4, 0]), 4);
    assert_eq!(bench.bytes(room, 4), [2, 4, 5, 180]);
    let room = bench.data(&[8, 0, 9, 9]);
    assert_eq!(
        bench.call(LOAD_HDR_OPT, [ctx, room, 4, 0]),
        errno(Errno::ENOMSG)
    );
    assert_eq!(bench.call(LOAD_HDR_OPT, [ctx, room, 1, 0]), errno(INVALID));
    let option = bench.data(&[30, 4, 1, 2]);
    assert_eq!(
        bench.call(STORE_HDR_OPT, [ctx, option, 4, 0]),
        errno(Errno::EPERM)
    );
    let ctx = socket_operation(&bench, WRITE, &segment);
    assert_eq!(bench.call(STORE_HDR_OPT, [ctx, option, 4, 0]), 0);
    assert_eq!(
        bench.call(STORE_HDR_OPT, [ctx, option, 4, 0]),
        errno(Errno::EEXIST)
    );
    assert_eq!(bench.engine.state.options, [30, 4, 1, 2]);
}
