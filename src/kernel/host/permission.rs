//! What is missing where bpf(2) is not permitted.
//!
//! It only reads; the kernel alone decides.

/// Capabilities that loading any program takes, by number.
const WANTED: [(u32, &str); 3] = [(39, "CAP_BPF"), (38, "CAP_PERFMON"), (12, "CAP_NET_ADMIN")];
/// The capability that stands for all of them.
const SYS_ADMIN: u32 = 21;

/// What keeps the process from using bpf(2), if its capabilities do; `None` when they suffice.
pub(super) fn missing() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let sysctl = std::fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled").ok();
    missing_of(effective(&status)?, sysctl.as_deref().map(str::trim))
}

fn effective(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn missing_of(capabilities: u64, sysctl: Option<&str>) -> Option<String> {
    let has = |number: u32| capabilities >> number & 1 == 1;
    if has(SYS_ADMIN) {
        return None;
    }
    let names: Vec<&str> = WANTED
        .iter()
        .filter(|(number, _)| !has(*number))
        .map(|(_, name)| *name)
        .collect();
    if names.is_empty() {
        return None;
    }
    let names = names.join(", ");
    Some(match sysctl {
        Some(value) if value != "0" => {
            format!("the process lacks {names} (kernel.unprivileged_bpf_disabled is {value})")
        }
        _ => format!("the process lacks {names}"),
    })
}

/// What to say where the capabilities suffice and the kernel refuses all the same.
pub(super) const FORBIDDEN: &str = "the process has the capabilities, but a seccomp filter, a user namespace or kernel lockdown \
     forbids it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_capabilities_are_named() {
        assert_eq!(missing_of(1 << SYS_ADMIN, Some("2")), None);
        assert_eq!(missing_of(1 << 39 | 1 << 38 | 1 << 12, Some("2")), None);
        let nothing = missing_of(0, Some("2")).expect("all of them are missing");
        assert_eq!(
            nothing,
            "the process lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN \
             (kernel.unprivileged_bpf_disabled is 2)"
        );
        assert_eq!(
            missing_of(1 << 39 | 1 << 38, Some("0")).as_deref(),
            Some("the process lacks CAP_NET_ADMIN")
        );
    }

    #[test]
    fn effective_capabilities_are_found_in_a_status() {
        let status = "Name:\tcat\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n";
        assert_eq!(effective(status), Some(0x1ff_ffff_ffff));
        assert_eq!(effective("Name:\tcat\n"), None);
    }
}
