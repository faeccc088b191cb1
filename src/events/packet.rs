//! The way of a packet through Linux 6.12 (`net/core/dev.c`), and what programs' answers mean there.
//!
//! Rules:
//! - On the way in: XDP, copies to packet sockets, traffic control, the sockets of cgroups. On the way out: cgroups,
//!   traffic control, copies to packet sockets.
//! - Several programs at one hook run one after the other, as long as each lets the packet pass.

use std::sync::Arc;

use crate::abi::ProgType;
use crate::machine::Task;

use super::event::{Direction, Packet};
use super::{Answer, Passage, Point, Values};

const XDP: [&str; 5] = [
    "XDP_ABORTED",
    "XDP_DROP",
    "XDP_PASS",
    "XDP_TX",
    "XDP_REDIRECT",
];
const XDP_PASS: u32 = 2;

const TC: [&str; 9] = [
    "TC_ACT_OK",
    "TC_ACT_RECLASSIFY",
    "TC_ACT_SHOT",
    "TC_ACT_PIPE",
    "TC_ACT_STOLEN",
    "TC_ACT_QUEUED",
    "TC_ACT_REPEAT",
    "TC_ACT_REDIRECT",
    "TC_ACT_TRAP",
];
const TC_UNSPEC: i32 = -1;
/// Verdicts after which the packet goes on.
const TC_PASSES: [&str; 4] = [
    "TC_ACT_UNSPEC",
    "TC_ACT_OK",
    "TC_ACT_RECLASSIFY",
    "TC_ACT_PIPE",
];

/// The hooks of a packet.
pub(super) fn passage(event: &Packet, task: &Arc<Task>) -> Passage {
    let mut passage = Passage::new(Arc::clone(task), Values::default());
    passage.set_packet(event.clone());
    let points = match event.direction {
        Direction::Ingress => [
            Point::Xdp,
            Point::Socket,
            Point::TcIngress,
            Point::CgroupIngress,
        ]
        .to_vec(),
        Direction::Egress => [Point::CgroupEgress, Point::TcEgress, Point::Socket].to_vec(),
    };
    points.into_iter().for_each(|point| passage.pass(point));
    passage
}

/// The name of a verdict, where programs of the type give one: `XDP_DROP`.
pub fn verdict_name(prog_type: ProgType, r0: u64) -> Option<&'static str> {
    let number = r0 as u32;
    match prog_type {
        ProgType::Xdp => XDP
            .get(number as usize)
            .copied()
            .or(Some("an invalid verdict")),
        ProgType::SchedCls | ProgType::SchedAct if number.cast_signed() == TC_UNSPEC => {
            Some("TC_ACT_UNSPEC")
        }
        ProgType::SchedCls | ProgType::SchedAct => TC.get(number as usize).copied(),
        _ => None,
    }
}

/// What an answer means for the packet.
pub(super) fn answer(prog_type: ProgType, r0: u64) -> Answer {
    let number = r0 as u32;
    let passes = match prog_type {
        ProgType::Xdp => number == XDP_PASS,
        ProgType::SchedCls | ProgType::SchedAct => {
            verdict_name(prog_type, r0).is_some_and(|name| TC_PASSES.contains(&name))
        }
        ProgType::CgroupSkb => number & 1 == 1,
        _ => true,
    };
    match passes {
        true => Answer::Continue,
        false => Answer::End(i64::from(number.cast_signed())),
    }
}
