//! Who loads programs, and with which flags, as the command line says it.
//!
//! What follows from it is the verifier's.

use clap::ValueEnum;
use ebpf_sim::abi::privilege::{Capabilities, Capability, LoadFlags, Loader};

/// Who loads, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Load as somebody without privileges.
    #[arg(long, conflicts_with = "capabilities")]
    unpriv: bool,
    /// Load with these capabilities only [default: all].
    #[arg(long = "caps", value_name = "CAPS", value_delimiter = ',')]
    capabilities: Option<Vec<Name>>,
    /// Load with this flag, as BPF_F_STRICT_ALIGNMENT; may be repeated.
    #[arg(long = "load-flag", value_name = "FLAG", value_parser = flag)]
    flags: Vec<LoadFlags>,
}

/// A capability.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Name {
    Bpf,
    Perfmon,
    NetAdmin,
    SysAdmin,
}

impl Args {
    /// What they say.
    pub(super) fn resolve(&self) -> Loader {
        let capabilities = match &self.capabilities {
            Some(names) => {
                let names = names.iter().map(|name| name.capability());
                Capabilities::of(&names.collect::<Vec<_>>())
            }
            None if self.unpriv => Capabilities::NONE,
            None => Capabilities::ALL,
        };
        let flags = self.flags.iter().copied();
        Loader {
            capabilities,
            flags: flags.fold(LoadFlags::NONE, |all, flag| all | flag),
        }
    }
}

impl Name {
    fn capability(self) -> Capability {
        match self {
            Name::Bpf => Capability::Bpf,
            Name::Perfmon => Capability::Perfmon,
            Name::NetAdmin => Capability::NetAdmin,
            Name::SysAdmin => Capability::SysAdmin,
        }
    }
}

fn flag(name: &str) -> Result<LoadFlags, String> {
    LoadFlags::by_name(name).ok_or_else(|| "it is not known".to_owned())
}
