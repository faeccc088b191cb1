//! What is expected of helpers that no kernel can be asked for in a test run, nor by a process without a device, a policy
//! or a hook of security modules: each with the file of Linux 6.12 that says so.

use super::super::Remote;
use super::bench::{Bench, errno};
use super::kernel::kernel_object;
use crate::abi::MapType;
use crate::isa::Size;
use crate::machine::{Addr, Errno, Holder, HolderKind, ObjectKind};

const RC_REPEAT: i32 = 77;
const RC_KEYDOWN: i32 = 78;
const RC_POINTER_REL: i32 = 92;
const OVERRIDE_RETURN: i32 = 58;
const SKB_OUTPUT: i32 = 111;
const XDP_OUTPUT: i32 = 121;
const SEQ_PRINTF: i32 = 126;
const SEQ_WRITE: i32 = 127;
const INODE_STORAGE_GET: i32 = 145;
const INODE_STORAGE_DELETE: i32 = 146;
const D_PATH: i32 = 147;
const SEQ_PRINTF_BTF: i32 = 150;
const BPRM_OPTS_SET: i32 = 159;
const IMA_INODE_HASH: i32 = 161;
const IMA_FILE_HASH: i32 = 193;

const CURRENT_CPU: u64 = 0xffff_ffff;

/// drivers/media/rc/bpf-lirc.c: all succeed, and a toggle is only 0 or not.
#[test]
fn remote_control_takes_whatever_was_decoded() {
    let mut bench = Bench::new();
    assert_eq!(bench.call(RC_REPEAT, [0]), 0);
    for toggle in [0, 9] {
        assert_eq!(bench.call(RC_KEYDOWN, [0, 2, 0x1_0000_0001, toggle]), 0);
    }
    assert_eq!(bench.call(RC_POINTER_REL, [0, -3_i64 as u64, 4]), 0);
    let key = |toggle| Remote::Key {
        protocol: 2,
        scancode: 0x1_0000_0001,
        toggle,
    };
    let moved = Remote::Pointer { x: -3, y: 4 };
    let wanted = [Remote::Repeat, key(0), key(1), moved];
    assert_eq!(bench.engine.state.remote, wanted);
}

/// kernel/trace/bpf_trace.c: it always succeeds, and the last result counts.
#[test]
fn result_that_stands_in_for_the_functions_is_the_last_one() {
    let mut bench = Bench::new();
    for result in [-12_i64, 5, -1] {
        assert_eq!(bench.call(OVERRIDE_RETURN, [0, result as u64]), 0);
        assert_eq!(bench.engine.state.overridden, Some(result.cast_unsigned()));
    }
}

/// net/core/filter.c (`bpf_skb_event_output`, `bpf_xdp_event_output`): flags first, then how long the packet is; then
/// kernel/trace/bpf_trace.c (`__bpf_perf_event_output`): the slot, and whether its event is on this CPU.
#[test]
fn packet_goes_with_a_record_as_far_as_there_is_one() {
    let mut bench = Bench::new();
    let packet = bench.object(ObjectKind::Packet, b"packet--").0;
    let skb = kernel_object(&bench, "sk_buff", &[("data", packet)]);
    let len = super::bench::member_offset("sk_buff", "len");
    let memory = &bench.machine.memory;
    memory
        .poke_uint(Addr(skb).offset(len), Size::W, 8)
        .expect("in bounds");
    let frame = kernel_object(
        &bench,
        "xdp_buff",
        &[("data", packet), ("data_end", packet + 8)],
    );
    let data = bench.data(b"data");
    for (helper, context) in [(SKB_OUTPUT, skb), (XDP_OUTPUT, frame)] {
        let map = bench.map("events perf_event_array 4 4 2");
        let mut output = |flags: u64| bench.call(helper, [context, map.handle.0, flags, data, 4]);
        assert_eq!(output(CURRENT_CPU), 0);
        assert_eq!(output(CURRENT_CPU | 6 << 32), 0);
        assert_eq!(output(CURRENT_CPU | 1 << 52), errno(Errno::EINVAL));
        assert_eq!(output(CURRENT_CPU | 9 << 32), errno(Errno::EFAULT));
        assert_eq!(output(2), errno(Errno::E2BIG));
        assert_eq!(output(1), errno(Errno::EOPNOTSUPP));
        let records = map.perf().expect("it is one").drain();
        let records: Vec<&[u8]> = records
            .iter()
            .map(|record| record.data.as_slice())
            .collect();
        assert_eq!(records, [&b"data"[..], b"datapacket"]);
    }
}

/// kernel/trace/bpf_trace.c: arguments of whole words, at most 12; a text that does not fit is `EOVERFLOW`.
#[test]
fn text_for_a_reader_is_written_whole_or_not_at_all() {
    const TOO_MUCH: usize = 8 << 12;
    let mut bench = Bench::new();
    let file = bench.data(&[0; 8]);
    let (format, args) = (bench.data(b"%d-%d\0"), bench.data(&[7; 104]));
    let words: Vec<u8> = [4_u64, 5].into_iter().flat_map(u64::to_le_bytes).collect();
    let two = bench.data(&words);
    assert_eq!(bench.call(SEQ_PRINTF, [file, format, 6, two, 16]), 0);
    for len in [15, 8, 104] {
        let refused = bench.call(SEQ_PRINTF, [file, format, 6, args, len]);
        assert_eq!(refused, errno(Errno::EINVAL), "{len}");
    }
    assert_eq!(
        bench.call(SEQ_PRINTF, [file, format, 5, two, 16]),
        errno(Errno::EINVAL)
    );
    assert_eq!(bench.call(SEQ_WRITE, [file, two, 2]), 0);
    assert_eq!(bench.call(SEQ_WRITE, [file, 0, 0]), 0);
    let large = bench.data(&vec![b'x'; TOO_MUCH]);
    let refused = bench.call(SEQ_WRITE, [file, large, TOO_MUCH as u64]);
    assert_eq!(refused, errno(Errno::EOVERFLOW));
    assert_eq!(bench.machine.sequences.take(Addr(file)), b"4-5\x04\0");
}

/// kernel/trace/bpf_trace.c (`bpf_btf_printf_prepare`): the descriptor's size and flags, and a type of the kernel's.
#[test]
fn value_for_a_reader_is_described_as_it_must_be() {
    let btf = crate::btf::kernel_6_12();
    let int = btf
        .find("int", crate::btf::KindFilter::INT)
        .expect("a type");
    let mut bench = Bench::new();
    let file = bench.data(&[0; 8]);
    let value = bench.data(&77_u32.to_le_bytes());
    let described = |id: u32| {
        let fields = [value.to_le_bytes(), u64::from(id).to_le_bytes()];
        bench.data(&fields.concat())
    };
    let (good, none, unknown) = (described(int.0), described(0), described(u32::MAX));
    let mut print = |pointer, size, flags| bench.call(SEQ_PRINTF_BTF, [file, pointer, size, flags]);
    assert_eq!(print(good, 16, 0), 0);
    assert_eq!(print(good, 8, 0), errno(Errno::EINVAL));
    assert_eq!(print(good, 16, 1 << 9), errno(Errno::EINVAL));
    assert_eq!(print(none, 16, 0), errno(Errno::EINVAL));
    assert_eq!(print(unknown, 16, 0), errno(Errno::ENOENT));
    assert_eq!(bench.machine.sequences.take(Addr(file)), b"(int)77\n");
}

/// kernel/bpf/bpf_inode_storage.c
#[test]
fn storage_of_an_inode_is_made_on_demand_and_deleted_once() {
    const CREATE: u64 = 1;
    let mut bench = Bench::new();
    let map = bench
        .storage_of(MapType::InodeStorage, "of_inodes", 8)
        .handle
        .0;
    let inode = kernel_object(&bench, "inode", &[]);
    let holder = Holder {
        kind: HolderKind::Inode,
        number: 3,
    };
    bench.machine.holders.insert(Addr(inode), holder);
    let first = bench.data(&5_u64.to_le_bytes());
    assert_eq!(
        bench.call(INODE_STORAGE_DELETE, [map, inode]),
        errno(Errno::ENOENT)
    );
    assert_eq!(
        bench.call(INODE_STORAGE_DELETE, [map, 0]),
        errno(Errno::EINVAL)
    );
    assert_eq!(bench.call(INODE_STORAGE_GET, [map, inode, first, 0]), 0);
    assert_eq!(bench.call(INODE_STORAGE_GET, [map, inode, first, 2]), 0);
    assert_eq!(bench.call(INODE_STORAGE_GET, [map, 0, first, CREATE]), 0);
    let value = bench.call(INODE_STORAGE_GET, [map, inode, first, CREATE]);
    assert_eq!(bench.word(value as u64), 5);
    assert_eq!(bench.call(INODE_STORAGE_GET, [map, inode, 0, 0]), value);
    assert_eq!(bench.call(INODE_STORAGE_DELETE, [map, inode]), 0);
    assert_eq!(
        bench.call(INODE_STORAGE_DELETE, [map, inode]),
        errno(Errno::ENOENT)
    );
    let value = bench.call(INODE_STORAGE_GET, [map, inode, 0, CREATE]);
    assert_eq!(bench.word(value as u64), 0);
}

/// kernel/trace/bpf_trace.c (`bpf_d_path`), fs/d_path.c: the text is made at the end of the buffer and then moved.
#[test]
fn path_is_moved_to_the_front_of_its_buffer() {
    let mut bench = Bench::new();
    let name = bench.object(ObjectKind::KernelObject, b"bin\0").0;
    let root = kernel_object(&bench, "dentry", &[]);
    let above = Addr(root).offset(super::bench::member_offset("dentry", "d_parent"));
    bench
        .machine
        .memory
        .poke_uint(above, Size::DW, root)
        .expect("in bounds");
    let entry = kernel_object(
        &bench,
        "dentry",
        &[("d_parent", root), ("d_name.name", name)],
    );
    let path = kernel_object(&bench, "path", &[("dentry", entry)]);
    let room = bench.data(b"------------");
    assert_eq!(bench.call(D_PATH, [path, room, 12]), 5);
    assert_eq!(bench.bytes(room, 12), b"/bin\0--/bin\0");
    assert_eq!(bench.call(D_PATH, [path, room, 5]), 5);
    assert_eq!(
        bench.call(D_PATH, [path, room, 4]),
        errno(Errno::ENAMETOOLONG)
    );
    assert_eq!(bench.call(D_PATH, [path, room, 0]), 0);
}

/// kernel/bpf/bpf_lsm.c
#[test]
fn program_that_starts_is_made_secure_or_not() {
    let mut bench = Bench::new();
    let bprm = kernel_object(&bench, "linux_binprm", &[]);
    let size = 256;
    let plain = bench.bytes(bprm, size);
    assert_eq!(bench.call(BPRM_OPTS_SET, [bprm, 2]), errno(Errno::EINVAL));
    assert_eq!(bench.call(BPRM_OPTS_SET, [bprm, 3]), errno(Errno::EINVAL));
    assert_eq!(bench.bytes(bprm, size), plain);
    assert_eq!(bench.call(BPRM_OPTS_SET, [bprm, 1]), 0);
    let changed = bench.bytes(bprm, size);
    let bits: u32 = changed.iter().map(|byte| byte.count_ones()).sum();
    assert_eq!(bits, 1, "`secureexec` is one bit");
    assert_eq!(bench.call(BPRM_OPTS_SET, [bprm, 0]), 0);
    assert_eq!(bench.bytes(bprm, size), plain);
}

/// security/integrity/ima/ima_main.c: `EOPNOTSUPP` where no policy says what is measured, and nothing is written.
#[test]
fn hash_of_a_file_is_not_there_without_a_policy() {
    let mut bench = Bench::new();
    let (file, room) = (bench.data(&[0; 8]), bench.data(&[9; 32]));
    for helper in [IMA_INODE_HASH, IMA_FILE_HASH] {
        let refused = bench.call(helper, [file, room, 32]);
        assert_eq!(refused, errno(Errno::EOPNOTSUPP));
        assert_eq!(bench.bytes(room, 32), [9; 32]);
    }
}
