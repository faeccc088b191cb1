use super::super::{Hook, Returned};
use super::bench::{Bench, CALLBACK, errno};
use crate::machine::Errno;

const OVERRIDE_RETURN: i32 = 58;
const GET_STACK: i32 = 67;
const GET_FUNC_IP: i32 = 173;
const GET_ATTACH_COOKIE: i32 = 174;
const LOOP: i32 = 181;
const GET_FUNC_ARG: i32 = 183;
const GET_FUNC_RET: i32 = 184;
const GET_FUNC_ARG_CNT: i32 = 185;

const USER_STACK: u64 = 1 << 8;

#[test]
fn hook_says_where_the_program_is() {
    let mut bench = Bench::new();
    bench.hook = Hook {
        func_ip: 0xf00,
        cookie: 0xc00c,
        ..Hook::default()
    };
    assert_eq!(
        (
            bench.call(GET_FUNC_IP, []),
            bench.call(GET_ATTACH_COOKIE, [])
        ),
        (0xf00, 0xc00c)
    );
    assert_eq!(bench.call(OVERRIDE_RETURN, [0, -1_i64 as u64]), 0);
    assert_eq!(bench.engine.state.overridden, Some(u64::MAX));
}

#[test]
fn function_arguments_come_from_the_context() {
    let mut bench = Bench::new();
    let ctx = bench.data(&[7_u64, 8, 9].map(u64::to_le_bytes).concat());
    let to = bench.data(&[0; 8]);
    bench.hook.func_args = 2;
    assert_eq!(bench.call(GET_FUNC_ARG_CNT, [ctx]), 2);
    assert_eq!(
        (bench.call(GET_FUNC_ARG, [ctx, 1, to]), bench.word(to)),
        (0, 8)
    );
    assert_eq!(bench.call(GET_FUNC_ARG, [ctx, 2, to]), errno(Errno::EINVAL));
    assert_eq!(
        bench.call(GET_FUNC_RET, [ctx, to]),
        errno(Errno::EOPNOTSUPP)
    );
    bench.hook.returned = Returned::Yes;
    assert_eq!(
        (bench.call(GET_FUNC_RET, [ctx, to]), bench.word(to)),
        (0, 9)
    );
}

#[test]
fn stack_gives_the_frames_that_fit_and_zeros_after_them() {
    let mut bench = Bench::new();
    bench.hook = Hook {
        kernel_stack: &[1, 2, 3],
        user_stack: &[4],
        ..Hook::default()
    };
    let to = bench.data(&[0xff; 32]);
    let words = |bench: &Bench| [0, 8, 16, 24].map(|off| bench.word(to + off));
    assert_eq!(
        (bench.call(GET_STACK, [0, to, 32, 0]), words(&bench)),
        (24, [1, 2, 3, 0])
    );
    assert_eq!(
        (bench.call(GET_STACK, [0, to, 16, 1]), words(&bench)),
        (16, [2, 3, 3, 0])
    );
    assert_eq!(
        (
            bench.call(GET_STACK, [0, to, 32, USER_STACK]),
            words(&bench)
        ),
        (8, [4, 0, 0, 0])
    );
}

#[test]
fn stack_refuses_bad_flags_sizes_and_skips() {
    let mut bench = Bench::new();
    bench.hook = Hook {
        kernel_stack: &[1],
        ..Hook::default()
    };
    let to = bench.data(&[0xff; 16]);
    assert_eq!(bench.call(GET_STACK, [0, to, 12, 0]), errno(Errno::EINVAL));
    assert_eq!(
        bench.call(GET_STACK, [0, to, 16, 1 << 20]),
        errno(Errno::EINVAL)
    );
    assert_eq!(
        bench.call(GET_STACK, [0, to, 16, 1 << 11]),
        errno(Errno::EINVAL)
    );
    assert_eq!(bench.call(GET_STACK, [0, to, 16, 1]), errno(Errno::EFAULT));
    assert_eq!(bench.bytes(to, 16), [0; 16]);
}

#[test]
fn loop_stops_when_the_callback_says_so() {
    let mut bench = Bench::new();
    assert_eq!(bench.call(LOOP, [3, CALLBACK, 0x55, 0]), 3);
    assert_eq!(
        bench.engine.called,
        [0, 1, 2].map(|index| [index, 0x55, 0, 0, 0])
    );
    bench.engine.stop_at = Some(4);
    assert_eq!(bench.call(LOOP, [10, CALLBACK, 0, 0]), 2);
    assert_eq!(bench.call(LOOP, [10, CALLBACK, 0, 1]), errno(Errno::EINVAL));
    assert_eq!(
        bench.call(LOOP, [(1 << 23) + 1, CALLBACK, 0, 0]),
        errno(Errno::E2BIG)
    );
}
