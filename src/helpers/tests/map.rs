use super::bench::{Bench, CALLBACK, errno};
use crate::machine::{CpuId, Errno};

const LOOKUP: i32 = 1;
const UPDATE: i32 = 2;
const DELETE: i32 = 3;
const PUSH: i32 = 87;
const POP: i32 = 88;
const PEEK: i32 = 89;
const FOR_EACH: i32 = 164;
const LOOKUP_PERCPU: i32 = 195;
const PERF_OUTPUT: i32 = 25;
const RINGBUF_OUTPUT: i32 = 130;
const RINGBUF_RESERVE: i32 = 131;
const RINGBUF_SUBMIT: i32 = 132;
const RINGBUF_DISCARD: i32 = 133;
const RINGBUF_QUERY: i32 = 134;

const CURRENT_CPU: u64 = 0xffff_ffff;

#[test]
fn elements_are_found_after_update_and_gone_after_delete() {
    let mut bench = Bench::new();
    let map = bench.map("counts hash 4 8 16").handle.0;
    let (key, value) = (bench.data(&[7, 0, 0, 0]), bench.data(&5_u64.to_le_bytes()));
    assert_eq!(bench.call(LOOKUP, [map, key]), 0);
    assert_eq!(bench.call(UPDATE, [map, key, value, 0]), 0);
    let found = bench.call(LOOKUP, [map, key]) as u64;
    assert_eq!(bench.word(found), 5);
    assert_eq!(
        bench.call(UPDATE, [map, key, value, 1]),
        errno(Errno::EEXIST)
    );
    assert_eq!(bench.call(DELETE, [map, key]), 0);
    assert_eq!(bench.call(DELETE, [map, key]), errno(Errno::ENOENT));
}

#[test]
fn large_keys_and_values_are_read_whole() {
    let mut bench = Bench::new();
    let map = bench.map("large hash 100 1000 4").handle.0;
    let bytes: Vec<u8> = (0..1000).map(|i| i as u8).collect();
    let (key, value) = (bench.data(&bytes[..100]), bench.data(&bytes));
    assert_eq!(bench.call(UPDATE, [map, key, value, 0]), 0);
    let found = bench.call(LOOKUP, [map, key]) as u64;
    assert_eq!(bench.bytes(found, 1000), bytes);
}

#[test]
fn percpu_values_differ_by_cpu() {
    let mut bench = Bench::new();
    let map = bench.map("counts percpu_array 4 8 1").handle.0;
    let key = bench.data(&[0; 4]);
    let addresses = [0, 1].map(|cpu| {
        bench.cpu = CpuId(cpu);
        bench.call(LOOKUP, [map, key])
    });
    assert!(addresses[0] != addresses[1]);
    assert_eq!(bench.call(LOOKUP_PERCPU, [map, key, 0]), addresses[0]);
    assert_eq!(bench.call(LOOKUP_PERCPU, [map, key, 9999]), 0);
}

#[test]
fn what_is_no_map_is_refused() {
    let mut bench = Bench::new();
    let key = bench.data(&[0; 64]);
    for handle in [0, key, key + 8] {
        assert!(bench.reply(LOOKUP, [handle, key]).is_err(), "{handle:#x}");
    }
    let array = bench.map("counts array 4 8 1").handle.0;
    assert!(bench.reply(PUSH, [array, key, 0]).is_err());
    assert!(bench.reply(PERF_OUTPUT, [0, array, 0, key, 8]).is_err());
    assert!(bench.reply(RINGBUF_OUTPUT, [array, key, 8, 0]).is_err());
}

#[test]
fn queue_gives_values_in_order_and_zeros_when_empty() {
    let mut bench = Bench::new();
    let map = bench.map("jobs queue 0 4 2").handle.0;
    let to = bench.data(&[0xff; 4]);
    for value in [1_u8, 2] {
        let value = bench.data(&[value; 4]);
        assert_eq!(bench.call(PUSH, [map, value, 0]), 0);
    }
    assert_eq!(bench.call(PUSH, [map, to, 0]), errno(Errno::E2BIG));
    assert_eq!(
        (bench.call(PEEK, [map, to]), bench.bytes(to, 4)),
        (0, vec![1; 4])
    );
    assert_eq!(
        (bench.call(POP, [map, to]), bench.bytes(to, 4)),
        (0, vec![1; 4])
    );
    assert_eq!(
        (bench.call(POP, [map, to]), bench.bytes(to, 4)),
        (0, vec![2; 4])
    );
    assert_eq!(
        (bench.call(POP, [map, to]), bench.bytes(to, 4)),
        (errno(Errno::ENOENT), vec![0; 4])
    );
}

#[test]
fn for_each_visits_elements_until_a_callback_says_stop() {
    let mut bench = Bench::new();
    let map = bench.map("counts array 4 8 5").handle.0;
    assert_eq!(bench.call(FOR_EACH, [map, CALLBACK, 0x55, 0]), 5);
    let key = bench.data(&[3, 0, 0, 0]);
    let third = bench.call(LOOKUP, [map, key]) as u64;
    let [handle, key, value, data, _] = bench.engine.called[3];
    assert_eq!((handle, value, data), (map, third, 0x55));
    assert!(
        bench
            .machine
            .memory
            .load(crate::machine::Addr(key), crate::isa::Size::W)
            .is_err()
    );
    bench.engine.called.clear();
    bench.engine.stop_at = Some(1);
    assert_eq!(bench.call(FOR_EACH, [map, CALLBACK, 0, 0]), 2);
    assert_eq!(
        bench.call(FOR_EACH, [map, CALLBACK, 0, 1]),
        errno(Errno::EINVAL)
    );
}

#[test]
fn perf_records_go_to_the_current_cpus_buffer() {
    let mut bench = Bench::new();
    let map = bench.map("events perf_event_array 4 4 4");
    let (handle, data) = (map.handle.0, bench.data(b"record"));
    bench.cpu = CpuId(2);
    assert_eq!(
        bench.call(PERF_OUTPUT, [0, handle, CURRENT_CPU, data, 6]),
        0
    );
    let records = map.perf().expect("is one").drain();
    assert_eq!(
        (records[0].cpu, &records[0].data[..]),
        (CpuId(2), &b"record"[..])
    );
    assert_eq!(
        bench.call(PERF_OUTPUT, [0, handle, 99, data, 6]),
        errno(Errno::E2BIG)
    );
    assert_eq!(
        bench.call(PERF_OUTPUT, [0, handle, 1, data, 6]),
        errno(Errno::EOPNOTSUPP)
    );
    assert_eq!(
        bench.call(PERF_OUTPUT, [0, handle, 1 << 40, data, 6]),
        errno(Errno::EINVAL)
    );
}

#[test]
fn ringbuf_records_appear_when_submitted_and_not_when_discarded() {
    let mut bench = Bench::new();
    let map = bench.map("events ringbuf 0 0 4096");
    let (handle, data) = (map.handle.0, bench.data(b"output"));
    assert_eq!(bench.call(RINGBUF_OUTPUT, [handle, data, 6, 0]), 0);
    let [kept, dropped] = [b'k', b'd'].map(|byte| {
        let record = bench.call(RINGBUF_RESERVE, [handle, 8, 0]) as u64;
        bench
            .machine
            .memory
            .write(crate::machine::Addr(record), &[byte; 8])
            .expect("writable");
        record
    });
    assert_eq!(bench.call(RINGBUF_SUBMIT, [kept, 0]), 0);
    assert_eq!(bench.call(RINGBUF_DISCARD, [dropped, 0]), 0);
    let records = map.ringbuf().expect("is one").drain();
    assert_eq!(records, [b"output".to_vec(), b"kkkkkkkk".to_vec()]);
    assert!(
        bench.reply(RINGBUF_SUBMIT, [kept, 0]).is_err(),
        "submitted twice"
    );
    assert!(bench.reply(RINGBUF_SUBMIT, [data, 0]).is_err(), "no record");
    assert_eq!(bench.call(RINGBUF_RESERVE, [handle, 5000, 0]), 0);
    assert_eq!(bench.call(RINGBUF_QUERY, [handle, 1]), 4096);
}
