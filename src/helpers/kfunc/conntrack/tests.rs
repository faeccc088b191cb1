//! Tracked connections on a bench, by the layouts of Linux 6.12.

use super::*;
use crate::helpers::tests::bench::{Bench, errno, member_offset};

/// From 10.0.0.1:1024 to 192.0.2.1:80.
const TUPLE: [u8; 12] = [10, 0, 0, 1, 192, 0, 2, 1, 4, 0, 0, 80];
/// Back.
const BACK: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0, 80, 4, 0];
const TCP: u8 = 6;

/// `struct bpf_ct_opts` for TCP, with a zone.
fn options(zone: u16, ways: u8) -> [u8; 16] {
    let [low, high] = zone.to_le_bytes();
    let mut options = [0; 16];
    options[..4].copy_from_slice(&(-1_i32).to_le_bytes());
    options[8] = TCP;
    options[10..13].copy_from_slice(&[low, high, ways]);
    options
}

/// What a function answers to a tuple and options, and the error that it leaves.
fn ask(bench: &mut Bench, name: &str, tuple: &[u8], options: &[u8]) -> (u64, i32) {
    let (at, given) = (bench.data(tuple), bench.data(options));
    let args = [0, at, tuple.len() as u64, given, options.len() as u64];
    let answer = bench.kfunc(name, args).cast_unsigned();
    let error = bench.bytes(given + 4, 4).try_into().expect("four bytes");
    (answer, i32::from_le_bytes(error))
}

fn look(bench: &mut Bench, tuple: &[u8], options: &[u8]) -> Result<u64, i32> {
    match ask(bench, "bpf_xdp_ct_lookup", tuple, options) {
        (0, error) => Err(-error),
        (found, _) => {
            bench.kfunc("bpf_ct_release", [found]);
            Ok(found)
        }
    }
}

fn alloc(bench: &mut Bench, options: &[u8]) -> u64 {
    let (made, error) = ask(bench, "bpf_skb_ct_alloc", &TUPLE, options);
    assert_eq!(error, 0);
    assert_ne!(made, 0);
    made
}

fn place(path: &str) -> i64 {
    member_offset("nf_conn", path)
}

fn member(bench: &Bench, at: u64, path: &str, size: Size) -> u64 {
    let at = Addr(at).offset(place(path));
    bench.machine.memory.peek_uint(at, size).expect("in bounds")
}

#[test]
fn layout_of_a_tuple_is_that_of_the_kernel() {
    let theirs = [
        "src.u3",
        "src.u",
        "src.l3num",
        "dst.u3",
        "dst.u",
        "dst.protonum",
        "dst.dir",
    ];
    let own = [
        SOURCE,
        16,
        FAMILY,
        DESTINATION,
        DESTINATION + 16,
        PROTOCOL,
        39,
    ];
    let theirs = theirs.map(|path| member_offset("nf_conntrack_tuple", path));
    assert_eq!(theirs, own.map(|at| at as i64));
}

#[test]
fn what_cannot_be_asked_for_is_answered_with_its_error() {
    let mut bench = Bench::new();
    let with = |at: usize, value: u8| {
        let mut options = options(0, 0);
        options[at] = value;
        options
    };
    let mut other_namespace = options(0, 0);
    other_namespace[..4].copy_from_slice(&7_i32.to_le_bytes());
    let mut no_namespace = options(0, 0);
    no_namespace[0] = 0xfe;
    let cases: [(&[u8], [u8; 16], Errno); 6] = [
        (&TUPLE, with(13, 1), Errno::EINVAL),
        (&TUPLE, no_namespace, Errno::EINVAL),
        (&TUPLE, with(8, 1), Errno::EPROTO),
        (&TUPLE[..11], options(0, 0), Errno::EAFNOSUPPORT),
        (&TUPLE, other_namespace, Errno::ENONET),
        (&TUPLE, options(0, 0), Errno::ENOENT),
    ];
    for (tuple, options, expected) in cases {
        let answer = ask(&mut bench, "bpf_skb_ct_lookup", tuple, &options);
        assert_eq!(answer, (0, -expected.number()));
    }
    let mut both = no_namespace;
    both[8] = 1;
    for (name, expected) in [
        ("bpf_skb_ct_lookup", Errno::EPROTO),
        ("bpf_xdp_ct_alloc", Errno::EINVAL),
    ] {
        let answer = ask(&mut bench, name, &TUPLE, &both);
        assert_eq!(answer, (0, -expected.number()), "what comes first");
    }
    let odd = ask(&mut bench, "bpf_xdp_ct_alloc", &TUPLE, &options(0, 0)[..11]);
    assert_eq!(odd, (0, -Errno::EINVAL.number()));
    let mut short = options(0, 0);
    short[10] = 1;
    let zone = ask(&mut bench, "bpf_xdp_ct_alloc", &TUPLE, &short[..12]);
    assert_eq!(
        zone,
        (0, -Errno::EINVAL.number()),
        "the short ones have none"
    );
}

#[test]
fn connection_is_found_both_ways_once_it_is_in_the_table() {
    let mut bench = Bench::new();
    let short = options(0, 0)[..12].to_vec();
    let made = alloc(&mut bench, &short);
    assert_eq!(
        look(&mut bench, &TUPLE, &short),
        Err(Errno::ENOENT.number())
    );
    assert_eq!(bench.kfunc("bpf_ct_insert_entry", [made]), made as i64);
    assert_eq!(look(&mut bench, &TUPLE, &short), Ok(made));
    let back = bench.data(&short);
    let tuple = bench.data(&BACK);
    let found = bench.kfunc("bpf_xdp_ct_lookup", [0, tuple, 12, back, 12]);
    assert_eq!(found, made as i64);
    assert_eq!(bench.bytes(back + 9, 1), [1], "the other way");
    for _ in 0..2 {
        assert_eq!(bench.kfunc("bpf_ct_release", [made]), 0);
    }
    assert_eq!(
        look(&mut bench, &TUPLE, &short),
        Ok(made),
        "the table holds it"
    );
    let second = alloc(&mut bench, &short);
    assert_eq!(
        bench.kfunc("bpf_ct_insert_entry", [second]),
        0,
        "there is one"
    );
    assert!(bench.kfunc_reply("bpf_ct_release", [second]).is_err());
}

#[test]
fn zone_holds_in_its_directions_alone() {
    let mut bench = Bench::new();
    let made = alloc(&mut bench, &options(10, 1));
    bench.kfunc("bpf_ct_insert_entry", [made]);
    let mut look = |tuple: &[u8], zone, ways| look(&mut bench, tuple, &options(zone, ways));
    assert_eq!(look(&TUPLE, 10, 1), Ok(made));
    assert_eq!(look(&TUPLE, 10, 0), Ok(made));
    let none = Err(Errno::ENOENT.number());
    assert_eq!(look(&TUPLE, 10, 2), none);
    assert_eq!(look(&TUPLE, 0, 0), none);
    assert_eq!(look(&BACK, 0, 0), Ok(made), "no zone on the way back");
    assert_eq!(look(&BACK, 10, 2), none);
}

#[test]
fn connection_out_of_date_is_found_no_more() {
    let mut bench = Bench::new();
    let given = options(0, 0);
    let made = alloc(&mut bench, &given);
    assert_eq!(bench.kfunc("bpf_ct_set_timeout", [made, 8]), 0);
    assert_eq!(
        member(&bench, made, "timeout", Size::W),
        2,
        "jiffies of 4 ms"
    );
    bench.kfunc("bpf_ct_insert_entry", [made]);
    assert_eq!(look(&mut bench, &TUPLE, &given), Ok(made));
    bench.machine.clock.advance(9_000_000);
    assert_eq!(
        look(&mut bench, &TUPLE, &given),
        Err(Errno::ENOENT.number())
    );
    assert_eq!(bench.kfunc("bpf_ct_change_timeout", [made, 60_000]), 0);
    assert_eq!(
        look(&mut bench, &TUPLE, &given),
        Err(Errno::ENOENT.number()),
        "it is gone"
    );
}

#[test]
fn status_takes_what_may_be_set_and_loses_nothing() {
    let mut bench = Bench::new();
    let made = alloc(&mut bench, &options(0, 0));
    let status = |bench: &Bench| member(bench, made, "status", Size::DW);
    let all = status::SEEN_REPLY | status::ASSURED | status::SRC_NAT | status::FIXED_TIMEOUT;
    let busy = errno(Errno::EBUSY);
    let mut set = |name, bits| bench.kfunc(name, [made, bits]);
    assert_eq!(set("bpf_ct_set_status", status::CONFIRMED), busy);
    assert_eq!(set("bpf_ct_set_status", all), 0);
    assert_eq!(
        set("bpf_ct_change_status", status::SEEN_REPLY),
        busy,
        "assured"
    );
    assert_eq!(status(&bench), all & !status::SRC_NAT);
    let fixed = bench.kfunc("bpf_ct_change_timeout", [made, 5]);
    assert_eq!(fixed, errno(Errno::EPERM));
    bench.kfunc("bpf_ct_insert_entry", [made]);
    assert_eq!(
        bench.kfunc("bpf_ct_change_status", [made, all]),
        busy,
        "confirmed"
    );
}

#[test]
fn translation_says_where_replies_go_and_come_from() {
    let mut bench = Bench::new();
    let made = alloc(&mut bench, &options(0, 0));
    let [source, destination] = [[1; 16], [2; 16]].map(|bytes| bench.data(&bytes));
    let name = "bpf_ct_set_nat_info";
    assert_eq!(bench.kfunc(name, [made, source, 258, 0]), 0);
    assert_eq!(bench.kfunc(name, [made, destination, 0, 1]), 0);
    let again = bench.kfunc(name, [made, destination, 0, 1]);
    assert_eq!(again, errno(Errno::ENOMEM));
    let reply =
        |path: &str, size| member(&bench, made, &format!("tuplehash[1].tuple.{path}"), size);
    assert_eq!(reply("dst.u3", Size::W), 0x0101_0101);
    assert_eq!(reply("dst.u", Size::H), 0x0201);
    assert_eq!(reply("src.u3", Size::W), 0x0202_0202);
    assert_eq!(reply("src.u", Size::H), 0x5000, "port 80 stays");
    let done = status::SRC_NAT | status::DST_NAT | status::SRC_NAT_DONE | status::DST_NAT_DONE;
    assert_eq!(member(&bench, made, "status", Size::DW), done);
    bench.kfunc("bpf_ct_insert_entry", [made]);
    assert_eq!(
        bench.kfunc(name, [made, source, 7, 0]),
        0,
        "nothing changes any more"
    );
}

#[test]
fn what_is_no_connection_traps() {
    let mut bench = Bench::new();
    let other = bench.data(&[0; 256]);
    for name in [
        "bpf_ct_release",
        "bpf_ct_set_timeout",
        "bpf_ct_insert_entry",
    ] {
        assert!(bench.kfunc_reply(name, [other]).is_err(), "{name}");
    }
}
