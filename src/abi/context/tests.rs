//! Tests of the context tables against observations of Linux 6.12.

use super::*;

const OBSERVED: &str = include_str!("../testdata/context-6.12.csv");

/// One observed line: the answers for all offsets up to `last`.
struct Line {
    prog_type: ProgType,
    attach_type: Option<AttachType>,
    access: Access,
    size: Size,
    /// Allowed offset and the kernel's word for what it yields.
    allowed: Vec<(i32, &'static str)>,
    last: i32,
}

fn observed() -> impl Iterator<Item = Line> {
    OBSERVED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(parse)
}

fn parse(line: &'static str) -> Line {
    let fields: Vec<&str> = line.split(',').collect();
    let size = match fields[3] {
        "1" => Size::B,
        "2" => Size::H,
        "4" => Size::W,
        _ => Size::DW,
    };
    let step = usize::try_from(size.bytes()).unwrap();
    let mut allowed = Vec::new();
    for word in fields[4].split_whitespace() {
        let (range, kind) = word.split_once(':').unwrap_or((word, "scalar"));
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let (from, to): (i32, i32) = (from.parse().unwrap(), to.parse().unwrap());
        allowed.extend((from..=to).step_by(step).map(|off| (off, kind)));
    }
    Line {
        prog_type: ProgType::from_name(fields[0]).unwrap(),
        attach_type: AttachType::from_number(fields[1].parse().unwrap()),
        access: if fields[2] == "R" {
            Access::Read
        } else {
            Access::Write
        },
        size,
        allowed,
        last: fields[5].parse().unwrap(),
    }
}

/// The kernel's word for what a load yields, where one of ours stands for it.
fn word_of(kind: FieldKind) -> String {
    match kind {
        FieldKind::Scalar => "scalar".to_owned(),
        FieldKind::PacketData => "pkt".to_owned(),
        FieldKind::PacketEnd => "pkt_end".to_owned(),
        FieldKind::PacketMeta => "pkt_meta".to_owned(),
        FieldKind::Sock(view) => view.name().to_owned(),
        FieldKind::SockOrNull(view) => format!("{}_or_null", view.name()),
        FieldKind::FlowKeys => "flow_keys".to_owned(),
        FieldKind::Btf(name) => format!("trusted_ptr_{name}"),
        FieldKind::Unsupported(_) => "pointer".to_owned(),
    }
}

#[test]
fn every_access_is_judged_as_the_kernel_judges_it() {
    let mut judged = 0;
    for line in observed() {
        for off in 0..=line.last {
            let ours = check(
                line.prog_type,
                line.attach_type,
                off,
                line.size,
                line.access,
            );
            let kernel = line.allowed.iter().find(|(allowed, _)| *allowed == off);
            let place = format!(
                "{} {:?} {:?} off {off} size {:?}",
                line.prog_type, line.attach_type, line.access, line.size
            );
            assert_eq!(ours.is_ok(), kernel.is_some(), "{place}");
            if let (Ok(hit), Some((_, kernel))) = (ours, kernel) {
                let kernel = if *kernel == "tp_buffer" {
                    "pointer"
                } else {
                    kernel
                };
                assert_eq!(word_of(hit.kind), kernel, "{place}");
            }
            judged += 1;
        }
    }
    assert!(judged > 80_000, "{judged}");
}

#[test]
fn guest_places_stay_inside_the_guest_structure_and_apart() {
    for prog_type in ProgType::all() {
        let context = of(prog_type);
        let Shape::Fields(fields) = context.shape else {
            continue;
        };
        for (index, field) in fields.iter().enumerate() {
            assert!(
                field.guest_off + field.guest_size <= context.guest_size,
                "{}",
                field.name
            );
            let clash = fields.iter().skip(index + 1).find(|other| {
                other.guest_off < field.guest_off + field.guest_size
                    && field.guest_off < other.guest_off + other.guest_size
                    && other.name != field.name
            });
            assert_eq!(clash, None, "{prog_type} {}", field.name);
        }
    }
}

#[test]
fn packet_pointers_are_read_from_their_slots() {
    let hit = check(ProgType::Xdp, None, 4, Size::W, Access::Read).unwrap();
    assert_eq!(
        hit,
        FieldHit {
            kind: FieldKind::PacketEnd,
            guest_off: 32,
            guest_size: 8
        }
    );
    let hit = check(ProgType::SchedCls, None, 49, Size::B, Access::Write).unwrap();
    assert_eq!(
        hit,
        FieldHit {
            kind: FieldKind::Scalar,
            guest_off: 49,
            guest_size: 1
        }
    );
}

#[test]
fn field_at_names_the_field_even_where_access_is_refused() {
    let context = of(ProgType::SocketFilter);
    assert_eq!(context.field_at(76, 4).unwrap().name, "data");
    assert_eq!(context.field_at(50, 2).unwrap().name, "cb");
    assert_eq!(context.field_at(2, 4), None);
}

#[test]
fn odd_offsets_are_refused_in_the_kernels_words() {
    let refusal = check(ProgType::Xdp, None, -4, Size::W, Access::Read).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "invalid bpf_context access off=-4 size=4"
    );
    assert!(check(ProgType::Tracepoint, None, 8184, Size::DW, Access::Read).is_ok());
    assert!(check(ProgType::Tracepoint, None, 8188, Size::DW, Access::Read).is_err());
    assert!(check(ProgType::Tracepoint, None, 8192, Size::B, Access::Read).is_err());
    let lsm = check(ProgType::Lsm, None, 0, Size::DW, Access::Read);
    assert_eq!(
        lsm,
        Err(Refusal::NeedsBtf {
            prog_type: ProgType::Lsm
        })
    );
}
