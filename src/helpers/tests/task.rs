use super::super::HelperError;
use super::bench::{Bench, errno};
use crate::machine::{Addr, Comm, CpuId, Errno, Task};

const GET_PRANDOM: i32 = 7;
const GET_SMP_PROCESSOR_ID: i32 = 8;
const GET_PID_TGID: i32 = 14;
const GET_UID_GID: i32 = 15;
const GET_COMM: i32 = 16;
const GET_TASK: i32 = 35;
const GET_CGROUP_ID: i32 = 80;
const SPIN_LOCK: i32 = 93;
const SPIN_UNLOCK: i32 = 94;
const SEND_SIGNAL: i32 = 109;
const GET_NS_PID_TGID: i32 = 120;
const GET_ANCESTOR_CGROUP_ID: i32 = 123;
const GET_TASK_BTF: i32 = 158;
const GET_RETVAL: i32 = 186;
const SET_RETVAL: i32 = 187;

#[test]
fn ids_are_the_current_tasks() {
    let mut bench = Bench::new();
    bench.task = Task {
        pid: 7,
        tgid: 5,
        uid: 1,
        gid: 2,
        cgroup_id: 99,
        ..Task::default()
    };
    bench.cpu = CpuId(3);
    assert_eq!(bench.call(GET_PID_TGID, []), 5 << 32 | 7);
    assert_eq!(bench.call(GET_UID_GID, []), 2 << 32 | 1);
    assert_eq!(bench.call(GET_CGROUP_ID, []), 99);
    assert_eq!(bench.call(GET_SMP_PROCESSOR_ID, []), 3);
    assert_eq!(
        [0, 1, 2].map(|level| bench.call(GET_ANCESTOR_CGROUP_ID, [level])),
        [1, 99, 0]
    );
}

#[test]
fn comm_is_cut_terminated_and_padded() {
    let mut bench = Bench::new();
    bench.task.comm = Comm::new("a-rather-long-name");
    let to = bench.data(&[0xff; 32]);
    assert_eq!(bench.call(GET_COMM, [to, 20]), 0);
    assert_eq!(bench.bytes(to, 21), b"a-rather-long-n\0\0\0\0\0\xff");
    assert_eq!(bench.call(GET_COMM, [to, 4]), 0);
    assert_eq!(bench.bytes(to, 5), b"a-r\0t");
    assert!(bench.reply(GET_COMM, [to, 33]).is_err());
}

#[test]
fn task_pointer_is_refused_where_no_task_is_modelled() {
    let mut bench = Bench::new();
    assert!(matches!(
        bench.reply(GET_TASK, []),
        Err(HelperError::Refused(_))
    ));
    bench.task_struct = Some(Addr(0x1234));
    assert_eq!(
        (bench.call(GET_TASK, []), bench.call(GET_TASK_BTF, [])),
        (0x1234, 0x1234)
    );
}

#[test]
fn namespace_ids_need_the_tasks_own_namespace() {
    let mut bench = Bench::new();
    let to = bench.data(&[0xff; 8]);
    let (device, inode) = (
        bench.task.namespaces.device,
        bench.task.namespaces.pid.into(),
    );
    assert_eq!(bench.call(GET_NS_PID_TGID, [device, inode, to, 8]), 0);
    assert_eq!(bench.word(to), 1234 << 32 | 1234);
    assert_eq!(
        bench.call(GET_NS_PID_TGID, [device, inode + 1, to, 8]),
        errno(Errno::EINVAL)
    );
    assert_eq!(bench.word(to), 0);
}

#[test]
fn signals_are_recorded_unless_the_task_takes_none() {
    let mut bench = Bench::new();
    assert_eq!(bench.call(SEND_SIGNAL, [9]), 0);
    assert_eq!(bench.call(SEND_SIGNAL, [65]), errno(Errno::EINVAL));
    bench.task.tgid = 1;
    assert_eq!(bench.call(SEND_SIGNAL, [9]), errno(Errno::EPERM));
    assert_eq!(bench.engine.state.signals, [9]);
}

#[test]
fn random_numbers_repeat_with_the_seed() {
    let (mut first, mut second) = (Bench::new(), Bench::new());
    let draw = |bench: &mut Bench| [(); 3].map(|()| bench.call(GET_PRANDOM, []));
    let numbers = draw(&mut first);
    assert_eq!(numbers, draw(&mut second));
    assert!(numbers[0] != numbers[1] && numbers.iter().all(|n| *n >> 32 == 0));
}

#[test]
fn spin_lock_is_held_until_it_is_unlocked() {
    let mut bench = Bench::new();
    let lock = bench.data(&[0; 4]);
    assert_eq!(bench.call(SPIN_LOCK, [lock]), 0);
    assert_eq!(bench.bytes(lock, 1), [1]);
    assert_eq!(bench.call(SPIN_UNLOCK, [lock]), 0);
    assert_eq!(bench.call(SPIN_LOCK, [lock]), 0);
}

#[test]
fn retval_is_whatever_was_set() {
    let mut bench = Bench::new();
    assert_eq!(bench.call(GET_RETVAL, []), 0);
    for retval in [-13, 5, -5000] {
        assert_eq!(bench.call(SET_RETVAL, [retval as u64]), 0);
        assert_eq!(bench.call(GET_RETVAL, []), retval);
    }
}
