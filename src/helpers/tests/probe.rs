//! What a failed copy answers was asked of Linux 6.18.

use super::bench::{Bench, errno};
use crate::isa::Size;
use crate::machine::{Errno, ObjectKind, ObjectSpec, Owner, ProgramAccess};

const READ: i32 = 4;
const WRITE_USER: i32 = 36;
const READ_STR: i32 = 45;
const READ_USER: i32 = 112;
const READ_KERNEL: i32 = 113;
const READ_USER_STR: i32 = 114;
const READ_KERNEL_STR: i32 = 115;
const COPY_FROM_USER: i32 = 148;
const COPY_FROM_USER_TASK: i32 = 191;

/// An address of the kernel's half where nothing is.
const UNMAPPED: u64 = 0xffff_9000_0000_0000;

#[test]
fn reads_copy_from_their_own_space_only() {
    let mut bench = Bench::new();
    let (user, kernel) = (bench.user(b"userland"), bench.data(b"kernel!!"));
    for (helper, from, expected) in [
        (READ, user, Ok(b"userland")),
        (READ, kernel, Ok(b"kernel!!")),
        (READ_USER, user, Ok(b"userland")),
        (READ_USER, kernel, Err(Errno::EFAULT)),
        (READ_KERNEL, kernel, Ok(b"kernel!!")),
        (READ_KERNEL, user, Err(Errno::ERANGE)),
        (COPY_FROM_USER, user, Ok(b"userland")),
        (COPY_FROM_USER, kernel, Err(Errno::EFAULT)),
        (COPY_FROM_USER_TASK, user, Ok(b"userland")),
    ] {
        let to = bench.data(&[0xff; 8]);
        let reply = bench.call(helper, [to, 8, from]);
        match expected {
            Ok(bytes) => assert_eq!(
                (reply, &bench.bytes(to, 8)[..]),
                (0, &bytes[..]),
                "{helper}"
            ),
            Err(error) => assert_eq!((reply, bench.word(to)), (errno(error), 0), "{helper}"),
        }
    }
}

#[test]
fn failed_reads_answer_as_the_kernel_does() {
    let mut bench = Bench::new();
    let to = bench.data(&[0xff; 8]);
    for (helper, from, expected) in [
        (READ_KERNEL, 0, Errno::ERANGE),
        (READ_KERNEL, 0x100_0000, Errno::ERANGE),
        (READ_KERNEL, UNMAPPED, Errno::EFAULT),
        (READ, 0, Errno::EFAULT),
        (READ_USER, UNMAPPED, Errno::EFAULT),
        (READ_USER_STR, 0, Errno::EFAULT),
        (READ_KERNEL_STR, 0, Errno::ERANGE),
        (READ_STR, 0, Errno::EFAULT),
        (COPY_FROM_USER, 0, Errno::EFAULT),
    ] {
        assert_eq!(
            bench.call(helper, [to, 8, from]),
            errno(expected),
            "{helper} of {from:#x}"
        );
    }
    assert_eq!(bench.call(READ_USER, [to, 0, 0]), 0);
    assert_eq!(bench.call(READ_KERNEL, [to, 0, 0]), errno(Errno::ERANGE));
    assert_eq!(bench.call(READ_KERNEL_STR, [to, 0, 0]), 0);
}

#[test]
fn read_ignores_what_programs_may_not_read() {
    let mut bench = Bench::new();
    let spec = ObjectSpec::new(ObjectKind::KernelObject, "task_struct", Owner::Kernel);
    let spec = spec.with_access(ProgramAccess::None);
    let task = bench.machine.memory.allocate(8, &spec).expect("memory");
    bench
        .machine
        .memory
        .poke_uint(task, Size::DW, 77)
        .expect("in bounds");
    let to = bench.data(&[0; 8]);
    assert_eq!(
        (bench.call(READ_KERNEL, [to, 8, task.0]), bench.word(to)),
        (0, 77)
    );
}

#[test]
fn strings_are_cut_terminated_and_counted_with_their_zero() {
    let mut bench = Bench::new();
    let (kernel, user) = (bench.data(b" -12x\0"), bench.user(b" -12x\0"));
    for (helper, from) in [(READ_KERNEL_STR, kernel), (READ_USER_STR, user)] {
        let to = bench.data(&[0xff; 16]);
        assert_eq!(bench.call(helper, [to, 16, from]), 6);
        assert_eq!(bench.bytes(to, 8), b" -12x\0\xff\xff");
        assert_eq!(bench.call(helper, [to, 4, from]), 4);
        assert_eq!(bench.bytes(to, 4), b" -1\0");
        assert_eq!(bench.call(helper, [to, 1, from]), 1);
        assert_eq!(bench.call(READ_STR, [to, 16, from]), 6);
    }
}

#[test]
fn large_reads_copy_everything() {
    let mut bench = Bench::new();
    let bytes: Vec<u8> = (0..1000).map(|i| i as u8).collect();
    let (from, to) = (bench.data(&bytes), bench.data(&[0; 1000]));
    assert_eq!(bench.call(READ_KERNEL, [to, 1000, from]), 0);
    assert_eq!(bench.bytes(to, 1000), bytes);
}

#[test]
fn destination_out_of_bounds_traps() {
    let mut bench = Bench::new();
    let (from, to) = (bench.data(&[1; 16]), bench.data(&[0; 8]));
    for size in [9, u64::from(u32::MAX)] {
        assert!(bench.reply(READ_KERNEL, [to, size, from]).is_err());
        assert!(bench.reply(READ_KERNEL_STR, [to, size, from]).is_err());
    }
}

#[test]
fn write_user_reaches_user_memory_only() {
    let mut bench = Bench::new();
    let from = bench.data(b"new text");
    let (user, kernel) = (bench.user(b"old text"), bench.data(b"old text"));
    assert_eq!(bench.call(WRITE_USER, [user, from, 8]), 0);
    assert_eq!(bench.bytes(user, 8), b"new text");
    assert_eq!(
        bench.call(WRITE_USER, [kernel, from, 8]),
        errno(Errno::EFAULT)
    );
    assert_eq!(bench.bytes(kernel, 8), b"old text");
}
