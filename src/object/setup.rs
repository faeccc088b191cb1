//! What of a kernel, and what of its user's wishes, objects are linked with beside the types.

use crate::btf::Btf;

use super::{Kconfig, KernelSymbols, symbols};

/// A kernel's configuration and symbols, and values for global variables.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The kernel's configuration, for `__kconfig` variables; `None` stands for the modelled
    /// kernel's.
    pub kconfig: Option<Kconfig>,
    /// The kernel's symbols, for `__ksym` variables without a type; `None` stands for made-up
    /// addresses of what the kernel's types know.
    pub kallsyms: Option<KernelSymbols>,
    /// The kernel's version as `LINUX_KERNEL_VERSION` has it; `None` stands for the modelled kernel's.
    pub version: Option<u32>,
    /// Values for global variables, which they have from the start.
    pub variables: Vec<Assignment>,
}

impl Setup {
    /// The address of a symbol of the kernel with those types: of several of one name the first.
    pub fn symbol(&self, btf: &Btf, name: &str) -> Option<u64> {
        match &self.kallsyms {
            Some(symbols) => symbols.first(name),
            None => symbols::modelled(btf, name),
        }
    }
}

/// The number of a kernel's version as `KERNEL_VERSION()` makes it, of a release such as `6.12.117-amd64`.
pub fn version_code(release: &str) -> Option<u32> {
    let numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut numbers = numbers.map(|number| number.parse::<u32>().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    let patch = numbers.next().flatten().unwrap_or(0);
    let parts = major < 1 << 16 && minor < 1 << 8;
    // What does not fit is cut as the kernel cuts it.
    parts.then(|| major << 16 | minor << 8 | patch.min(255))
}

/// A value for a global variable or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable and the way into it, as C writes it: `limits.by_cpu[3].max`.
    pub path: String,
    /// The value: a number, a name of the variable's enumeration, `true`, `false`, a character in
    /// single quotes, a text for an array of characters.
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

#[cfg(test)]
mod tests {
    use super::version_code;

    #[test]
    fn version_is_of_the_first_three_numbers_and_small_ones_are_cut() {
        assert_eq!(version_code("6.12.117+deb12-amd64"), Some(0x06_0c75));
        assert_eq!(version_code("6.18"), Some(0x06_1200));
        assert_eq!(version_code("6.12-rc1"), Some(0x06_0c00));
        assert_eq!(version_code("4.9.337-generic"), Some(0x04_09ff));
        assert_eq!(version_code("linux"), None);
    }
}
