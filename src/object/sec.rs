//! What a program's section name says, in the words of [`Program`](super::Program).

use crate::abi::{AttachType, ProgType};

use super::{Autoload, Sleepable};

/// What a section's name says of its programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) prog_type: ProgType,
    pub(super) attach_type: Option<AttachType>,
    pub(super) attach_target: Option<String>,
    pub(super) sleepable: Sleepable,
    pub(super) autoload: Autoload,
}

/// Reads a section's name; none when it names no program type.
pub(super) fn parse(section: &str) -> Option<Definition> {
    let (name, autoload) = match section.strip_prefix('?') {
        Some(name) => (name, Autoload::No),
        None => (section, Autoload::Yes),
    };
    let (kind, target) = name.split_once('/').map_or((name, None), |(kind, target)| {
        (kind, Some(target.to_owned()))
    });
    let prog_type = match kind {
        "kprobe" | "kretprobe" | "ksyscall" => ProgType::Kprobe,
        "tracepoint" | "tp" => ProgType::Tracepoint,
        "raw_tp" | "raw_tracepoint" => ProgType::RawTracepoint,
        "tp_btf" | "fentry" => ProgType::Tracing,
        "lsm" => ProgType::Lsm,
        "xdp" => ProgType::Xdp,
        "tc" | "classifier" => ProgType::SchedCls,
        "socket" => ProgType::SocketFilter,
        _ => return None,
    };
    Some(Definition {
        prog_type,
        attach_type: None,
        attach_target: target,
        sleepable: Sleepable::No,
        autoload,
    })
}
