//! Storage that hangs on objects of the kernel, dynptrs, stacks and sets, as programs use them.

use super::super::HelperError;
use super::bench::{Bench, errno};
use crate::machine::{Addr, Errno, Holder, HolderKind, ObjectKind, ROOT_CGROUP};
use crate::maps::CgroupPlace;

const GET_STACKID: i32 = 27;
const TASK_UNDER_CGROUP: i32 = 37;
const GET_LOCAL_STORAGE: i32 = 81;
const PUSH: i32 = 87;
const PEEK: i32 = 89;
const TASK_STORAGE_GET: i32 = 156;
const TASK_STORAGE_DELETE: i32 = 157;
const CREATE: u64 = 1;

/// A `task_struct` of that pid.
fn task(bench: &Bench, pid: u64) -> u64 {
    let at = bench.object(ObjectKind::KernelObject, &[0; 64]);
    let holder = Holder {
        kind: HolderKind::Task,
        number: pid,
    };
    bench.machine.holders.insert(at, holder);
    at.0
}

#[test]
fn task_storage_follows_the_task_and_not_its_address() {
    let mut bench = Bench::new();
    let map = bench.local_storage("marks", 8).handle.0;
    let (first, again, other) = (task(&bench, 7), task(&bench, 7), task(&bench, 8));
    assert_eq!(bench.call(TASK_STORAGE_GET, [map, first, 0, 0]), 0);
    let made = bench.call(TASK_STORAGE_GET, [map, first, 0, CREATE]);
    assert_eq!(bench.call(TASK_STORAGE_GET, [map, again, 0, 0]), made);
    let init = bench.data(&77u64.to_le_bytes());
    let filled = bench.call(TASK_STORAGE_GET, [map, other, init, CREATE]) as u64;
    assert_eq!(bench.word(filled), 77);
    assert_eq!(bench.call(TASK_STORAGE_DELETE, [map, first]), 0);
    assert_eq!(
        bench.call(TASK_STORAGE_DELETE, [map, again]),
        errno(Errno::ENOENT)
    );
}

#[test]
fn task_storage_refuses_null_and_flags_as_the_kernel_does() {
    let mut bench = Bench::new();
    let map = bench.local_storage("marks", 8).handle.0;
    let task = task(&bench, 7);
    assert_eq!(bench.call(TASK_STORAGE_GET, [map, task, 0, 2]), 0);
    assert_eq!(bench.call(TASK_STORAGE_GET, [map, 0, 0, CREATE]), 0);
    assert_eq!(
        bench.call(TASK_STORAGE_DELETE, [map, 0]),
        errno(Errno::EINVAL)
    );
    let stray = bench.data(&[0; 8]);
    let reply = bench.reply(TASK_STORAGE_GET, [map, stray, 0, CREATE]);
    assert!(matches!(reply, Err(HelperError::Refused(_))));
}

#[test]
fn cgroup_storage_is_of_the_hook() {
    let mut bench = Bench::new();
    let map = bench.map("counts cgroup_storage 16 8 0").handle.0;
    assert!(bench.reply(GET_LOCAL_STORAGE, [map, 0]).is_err());
    let place = |hook| {
        let cgroup = ROOT_CGROUP;
        Some(CgroupPlace { cgroup, hook })
    };
    bench.hook.cgroup = place(0);
    let ingress = bench.call(GET_LOCAL_STORAGE, [map, 0]);
    bench.hook.cgroup = place(1);
    assert_ne!(bench.call(GET_LOCAL_STORAGE, [map, 0]), ingress);
    bench.hook.cgroup = place(0);
    assert_eq!(bench.call(GET_LOCAL_STORAGE, [map, 0]), ingress);
}

#[test]
fn stack_id_is_the_same_for_the_same_stack() {
    let mut bench = Bench::new();
    let map = bench.map("stacks stack_trace 4 80 64");
    let handle = map.handle.0;
    assert_eq!(
        bench.call(GET_STACKID, [0, handle, 0]),
        errno(Errno::EFAULT)
    );
    bench.hook.kernel_stack = &[0x10, 0x20, 0x30];
    bench.hook.user_stack = &[0x20, 0x30];
    let id = bench.call(GET_STACKID, [0, handle, 0]);
    assert_eq!(bench.call(GET_STACKID, [0, handle, 0]), id);
    let user = bench.call(GET_STACKID, [0, handle, 0x100]);
    assert_eq!(
        bench.call(GET_STACKID, [0, handle, 1]),
        user,
        "without the first they are alike"
    );
    assert_eq!(
        bench.call(GET_STACKID, [0, handle, 3]),
        errno(Errno::EFAULT)
    );
    assert_eq!(
        bench.call(GET_STACKID, [0, handle, 1 << 11]),
        errno(Errno::EINVAL)
    );
    assert_eq!(map.entries().len(), 2);
}

#[test]
fn bloom_filter_says_what_may_be_in_it() {
    let mut bench = Bench::new();
    let map = bench.map("seen bloom_filter 0 8 100").handle.0;
    let value = bench.data(&7u64.to_le_bytes());
    assert_eq!(bench.call(PEEK, [map, value]), errno(Errno::ENOENT));
    assert_eq!(bench.call(PUSH, [map, value, 1]), errno(Errno::EINVAL));
    assert_eq!(bench.call(PUSH, [map, value, 0]), 0);
    assert_eq!(bench.call(PEEK, [map, value]), 0);
    assert_eq!(bench.word(value), 7, "nothing is written");
}

#[test]
fn task_is_under_the_cgroups_above_its_own() {
    let mut bench = Bench::new();
    let map = bench.map("groups cgroup_array 4 4 2");
    let handle = map.handle.0;
    let is_under = |bench: &mut Bench, index| bench.call(TASK_UNDER_CGROUP, [handle, index]);
    assert_eq!(is_under(&mut bench, 0), errno(Errno::EAGAIN));
    assert_eq!(is_under(&mut bench, 2), errno(Errno::E2BIG));
    map.update_user(&[0; 4], &99u32.to_le_bytes(), 0)
        .expect("has room");
    assert_eq!(is_under(&mut bench, 0), 0);
    bench.task.cgroup_id = 99;
    assert_eq!(is_under(&mut bench, 0), 1);
}

const FROM_MEM: i32 = 197;
const RESERVE: i32 = 198;
const SUBMIT: i32 = 199;
const DISCARD: i32 = 200;
const READ: i32 = 201;
const WRITE: i32 = 202;
const DATA: i32 = 203;
const DRAIN: i32 = 209;

#[test]
fn dynptr_reads_and_writes_within_what_it_points_to() {
    let mut bench = Bench::new();
    let (memory, ptr) = (bench.data(b"abcdefgh"), bench.data(&[0; 16]));
    let buffer = bench.data(b"....");
    assert_eq!(
        bench.call(READ, [buffer, 4, ptr, 0, 0]),
        errno(Errno::EINVAL)
    );
    assert_eq!(
        bench.call(FROM_MEM, [memory, 8, 1, ptr]),
        errno(Errno::EINVAL)
    );
    assert_eq!(
        bench.call(FROM_MEM, [memory, 1 << 24, 0, ptr]),
        errno(Errno::E2BIG)
    );
    assert_eq!(bench.call(FROM_MEM, [memory, 8, 0, ptr]), 0);
    assert_eq!(bench.call(READ, [buffer, 4, ptr, 2, 0]), 0);
    assert_eq!(bench.bytes(buffer, 4), b"cdef");
    assert_eq!(
        bench.call(READ, [buffer, 4, ptr, 5, 0]),
        errno(Errno::E2BIG)
    );
    assert_eq!(
        bench.call(READ, [buffer, 4, ptr, 2, 1]),
        errno(Errno::EINVAL)
    );
    assert_eq!(bench.call(WRITE, [ptr, 4, buffer, 4, 0]), 0);
    assert_eq!(bench.bytes(memory, 8), b"abcdcdef");
    assert_eq!(
        bench.call(WRITE, [ptr, 4, buffer, 4, 1]),
        errno(Errno::EINVAL)
    );
    assert_eq!(
        bench.call(WRITE, [ptr, 8, buffer, 1, 0]),
        errno(Errno::E2BIG)
    );
    assert_eq!(bench.call(DATA, [ptr, 3, 5]), memory as i64 + 3);
    assert_eq!(bench.call(DATA, [ptr, 3, 6]), 0);
}

#[test]
fn dynptr_of_a_ring_buffer_is_a_record() {
    let mut bench = Bench::new();
    let map = bench.map("events ringbuf 0 0 4096");
    let (handle, ptr) = (map.handle.0, bench.data(&[0xff; 16]));
    assert_eq!(
        bench.call(RESERVE, [handle, 8, 1, ptr]),
        errno(Errno::EINVAL)
    );
    assert_eq!(
        bench.call(RESERVE, [handle, 5000, 0, ptr]),
        errno(Errno::EINVAL)
    );
    assert_eq!(bench.bytes(ptr, 16), [0; 16]);
    assert_eq!(
        bench.call(SUBMIT, [ptr, 0]),
        0,
        "nothing is to be submitted"
    );
    assert_eq!(bench.call(RESERVE, [handle, 2, 0, ptr]), 0);
    let text = bench.data(b"hi");
    assert_eq!(bench.call(WRITE, [ptr, 0, text, 2, 0]), 0);
    assert_eq!(bench.call(SUBMIT, [ptr, 0]), 0);
    assert_eq!(bench.call(DATA, [ptr, 0, 1]), 0);
    assert_eq!(bench.call(RESERVE, [handle, 2, 0, ptr]), 0);
    assert_eq!(bench.call(DISCARD, [ptr, 0]), 0);
    assert_eq!(map.ringbuf().expect("is one").drain(), [b"hi"]);
}

#[test]
fn drain_calls_back_for_each_sample_until_told_to_stop() {
    let mut bench = Bench::new();
    let map = bench.map("samples user_ringbuf 0 0 4096");
    let handle = map.handle.0;
    let ring = map.user_ringbuf().expect("is one");
    for n in 0..3 {
        ring.send(&[n; 8]).expect("has room");
    }
    assert_eq!(
        bench.call(DRAIN, [handle, super::bench::CALLBACK, 5, 4]),
        errno(Errno::EINVAL)
    );
    bench.engine.stop_at = Some(1);
    assert_eq!(bench.call(DRAIN, [handle, super::bench::CALLBACK, 5, 0]), 2);
    assert_eq!(bench.engine.called[0][1], 5);
    assert_eq!(ring.waiting(), 1);
    assert!(
        bench.reply(DRAIN, [handle, 1, 5, 0]).is_err(),
        "no such callback"
    );
    let dynptr = Addr(bench.engine.called[0][0]);
    assert!(
        bench.machine.memory.peek_vec(dynptr, 16).is_err(),
        "it is gone"
    );
}
