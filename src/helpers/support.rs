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
    (51, NO_DELIVERY),
    (13, NO_DELIVERY),
    (23, NO_DELIVERY),
    (52, NO_SOCKETS),
    (60, NO_SOCKETS),
    (71, NO_SOCKETS),
    (72, NO_SOCKETS),
    (82, NO_SOCKETS),
    (58, "at functions that an event passes"),
    (67, NO_UNWINDING),
    (81, "of programs at the root cgroup"),
    (46, "numbers are the machine's own"),
    (79, THE_TASKS_CGROUP),
    (83, THE_TASKS_CGROUP),
    (96, "none of a socket that speaks TCP: there the run ends"),
    (128, THE_TASKS_CGROUP),
    (129, THE_TASKS_CGROUP),
    (152, NO_DELIVERY),
    (155, NO_DELIVERY),
    (209, "what is written into a sample stays with the callback"),
];

const NO_UNWINDING: &str = "stacks are what the event says; no build ids";
const THE_TASKS_CGROUP: &str = "sockets are in the current task's cgroup";
const NO_SOCKETS: &str = "maps of sockets are empty, and no event runs such programs";
const NO_DELIVERY: &str = "where the packet shall go is recorded; it goes no further";

/// What the kernel has of a helper and we have not.
pub fn support(helper: &Helper) -> Support {
    let body = helper.number == super::TAIL_CALL.unsigned_abs()
        || i32::try_from(helper.number).is_ok_and(|number| entry(number).is_some());
    match (&helper.prototype, body) {
        (None, _) => Support::Refused("not judged yet"),
        (Some(_), false) => Support::Partial("judged, not run"),
        (Some(_), true) => {
            let partial = PARTIAL.iter().find(|row| row.0 == helper.number);
            partial.map_or(Support::Full, |row| Support::Partial(row.1))
        }
    }
}
