//! What of a kernel, and what of its user's wishes, objects are linked with beside the types.

use super::{Kconfig, KernelSymbols};

/// A kernel's configuration and symbols, and values for global variables.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The kernel's configuration, for `__kconfig` variables; `None` stands for the modelled
    /// kernel's.
    pub kconfig: Option<Kconfig>,
    /// The kernel's symbols, for `__ksym` variables without a type; `None` stands for made-up
    /// addresses of what the kernel's types know.
    pub kallsyms: Option<KernelSymbols>,
    /// Values for global variables, which they have from the start.
    pub variables: Vec<Assignment>,
}

/// A value for a global variable or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable and the way into it, as C writes it: `limits.by_cpu[3].max`.
    pub path: String,
    /// The value: a number, a name of the variable's enumeration, `true`, `false`, a character in
    /// single quotes.
    pub value: String,
}

impl Assignment {
    /// Reads `PATH=VALUE`.
    pub fn parse(text: &str) -> Option<Assignment> {
        let (path, value) = text.split_once('=')?;
        let (path, value) = (path.trim(), value.trim());
        (!path.is_empty() && !value.is_empty()).then(|| Assignment {
            path: path.to_owned(),
            value: value.to_owned(),
        })
    }
}
