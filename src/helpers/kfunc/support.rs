//! How far each kernel function is what it is in the kernel, as `docs/support.md` says it.

use super::entry;
use crate::abi::kfuncs::Kfunc;
use crate::maps::Support;

/// What bodies leave out.
const PARTIAL: &[(&str, &str)] = &[(
    "bpf_dynptr_from_skb",
    "of the packet that a run is about, not of a sk_buff that a hook is given",
)];

/// What can mean nothing in a simulator, and why.
const REFUSED: &[(&str, &str)] = &[("crash_kexec", "there is no machine to bring down")];

/// What the kernel has of a function and we have not.
pub fn support(kfunc: &Kfunc) -> Support {
    let of = |rows: &[(&str, &'static str)]| {
        rows.iter().find(|row| row.0 == kfunc.name).map(|row| row.1)
    };
    match (entry(kfunc.name), of(PARTIAL), of(REFUSED)) {
        (_, _, Some(why)) => Support::Refused(why),
        (None, _, None) => Support::Partial("judged, not run"),
        (Some(_), Some(what), None) => Support::Partial(what),
        (Some(_), None, None) => Support::Full,
    }
}

/// Why a function can mean nothing here, if it is one of these.
pub fn refusal(name: &str) -> Option<&'static str> {
    let row = REFUSED.iter().find(|row| row.0 == name);
    row.map(|row| row.1)
}
