//! How far each helper is what it is in the kernel, as `docs/support.md` says it.

use super::entry;
use crate::abi::helpers::Helper;
use crate::maps::Support;

/// What bodies leave out, by number.
const PARTIAL: &[(u32, &str)] = &[
    (17, "the machine has no net_cls"),
    (24, "the machine has no route realms"),
    (27, NO_UNWINDING),
    (42, "the machine has one NUMA node"),
    (50, "the segments of a large packet (GSO) keep their size"),
    (51, NO_DELIVERY),
    (13, NO_DELIVERY),
    (23, NO_DELIVERY),
    (52, NO_FLOW),
    (53, THE_MACHINES_SOCKETS),
    (60, NO_FLOW),
    (70, THE_MACHINES_SOCKETS),
    (71, NO_FLOW),
    (72, NO_FLOW),
    (82, NO_FLOW),
    (58, "at functions that an event passes"),
    (67, NO_UNWINDING),
    (81, "of programs at the root cgroup"),
    (46, "numbers are the machine's own"),
    (49, "numbers are kept and change nothing"),
    (22, NO_COUNTERS),
    (55, NO_COUNTERS),
    (56, "it has counted what the event's period says"),
    (61, RECORDED),
    (62, RECORDED),
    (64, RECORDED),
    (66, "no packet was transformed"),
    (73, "headers of IP alone"),
    (77, RECORDED),
    (78, RECORDED),
    (84, THE_MACHINES_SOCKETS),
    (92, RECORDED),
    (85, THE_MACHINES_SOCKETS),
    (99, THE_MACHINES_SOCKETS),
    (100, COOKIES),
    (110, COOKIES),
    (119, "samples have no branches"),
    (136, CASTS),
    (137, CASTS),
    (138, CASTS),
    (139, CASTS),
    (140, CASTS),
    (141, NO_UNWINDING),
    (142, "of the segment at hand"),
    (143, RECORDED),
    (144, RECORDED),
    (151, "the machine has no net_cls"),
    (153, VARIABLES),
    (154, VARIABLES),
    (161, "the machine measures no files"),
    (162, "no file of the machine is a socket"),
    (
        166,
        "maps and types; programs that load or run programs stop",
    ),
    (167, "types of the kernel itself"),
    (175, "of the current task; others' are zero"),
    (176, "the processor records no branches"),
    (178, CASTS),
    (180, "the current task's code and stack"),
    (193, "the machine measures no files"),
    (196, "no socket is part of one"),
    (204, COOKIES),
    (205, COOKIES),
    (206, COOKIES),
    (207, COOKIES),
    (79, THE_TASKS_CGROUP),
    (83, THE_TASKS_CGROUP),
    (96, "of a connection that has just begun"),
    (126, WHOLE_BUFFER),
    (127, WHOLE_BUFFER),
    (128, THE_TASKS_CGROUP),
    (129, THE_TASKS_CGROUP),
    (152, NO_DELIVERY),
    (155, NO_DELIVERY),
    (209, "what is written into a sample stays with the callback"),
];

/// Why a helper has no body, by number.
const REFUSED: &[(u32, &str)] = &[
    (74, NO_SEGMENT_ROUTING),
    (75, NO_SEGMENT_ROUTING),
    (76, NO_SEGMENT_ROUTING),
    (116, "no data flows that could be acknowledged"),
];

const NO_SEGMENT_ROUTING: &str = "the machine routes no segments (SRv6)";
const NO_COUNTERS: &str = "counters stand at 0";
const THE_MACHINES_SOCKETS: &str = "of the sockets that were opened on the machine";
const RECORDED: &str = "recorded for whoever ran the program; nothing comes of it";
const VARIABLES: &str = "the kernel's variables are zero, but for the number of their CPU";
const COOKIES: &str = "cookies are as the kernel's, of another secret";
const CASTS: &str = "structures have addresses, ports and states; the rest is zero";
const NO_UNWINDING: &str = "stacks are what the event says; no build ids";
const WHOLE_BUFFER: &str =
    "every text has the room of an empty buffer, as if nothing had been written before it";
const THE_TASKS_CGROUP: &str = "sockets are in the current task's cgroup";
const NO_FLOW: &str = "which socket gets the data is recorded; it goes no further";
const NO_DELIVERY: &str = "where the packet shall go is recorded; it goes no further";

/// What the kernel has of a helper and we have not.
pub fn support(helper: &Helper) -> Support {
    let body = helper.number == super::TAIL_CALL.unsigned_abs()
        || i32::try_from(helper.number).is_ok_and(|number| entry(number).is_some());
    match (&helper.prototype, body) {
        (None, _) => Support::Refused("not judged yet"),
        (Some(_), false) => Support::Refused(why_not(helper.number)),
        (Some(_), true) => {
            let partial = PARTIAL.iter().find(|row| row.0 == helper.number);
            partial.map_or(Support::Full, |row| Support::Partial(row.1))
        }
    }
}

/// Why a helper that is judged is not run.
pub fn why_not(number: u32) -> &'static str {
    let found = REFUSED.iter().find(|row| row.0 == number);
    found.map_or("it has no body yet", |row| row.1)
}
