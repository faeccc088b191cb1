//! The kernel's symbols by name: those of `/proc/kallsyms`, or made-up ones of the modelled kernel.
//!
//! Rules: what has no type in the program is just an address. libbpf 1.5 wants it to be the only one
//! of its name. The modelled kernel has a symbol for each function and variable in its types, at an
//! address that its number gives, and the few that a linker script makes.

use std::collections::BTreeMap;

use crate::btf::{Btf, KindFilter};

use super::error::ExternProblem;

/// Where the modelled kernel's code starts, as x86-64 has it.
const TEXT: u64 = 0xffff_ffff_8100_0000;

/// How far the addresses of two neighbours of the modelled kernel are apart.
const STRIDE: u64 = 64;

/// How large the types of Linux 6.12.117 are.
const BTF_SIZE: u64 = 4_918_287;

/// What the modelled kernel has beside what its types know: the bounds of its sections, and tables
/// whose addresses programs compare with.
const UNTYPED: [(&str, u64); 17] = [
    ("__per_cpu_start", 0),
    ("__per_cpu_end", 0x3_4000),
    ("_text", TEXT),
    ("_stext", TEXT),
    ("_etext", 0xffff_ffff_8200_0000),
    ("__start_rodata", 0xffff_ffff_8220_0000),
    ("__start_BTF", 0xffff_ffff_8300_0000),
    ("__stop_BTF", 0xffff_ffff_8300_0000 + BTF_SIZE),
    ("__end_rodata", 0xffff_ffff_8380_0000),
    ("_sdata", 0xffff_ffff_8380_0000),
    ("_edata", 0xffff_ffff_83a0_0000),
    ("__bss_start", 0xffff_ffff_83a0_0000),
    ("__bss_stop", 0xffff_ffff_8400_0000),
    ("_end", 0xffff_ffff_8400_0000),
    ("bpf_link_fops", 0xffff_ffff_8228_0000),
    ("bpf_map_fops", 0xffff_ffff_8228_0200),
    ("bpf_prog_fops", 0xffff_ffff_8228_0400),
];

/// Symbols of a kernel.
#[derive(Clone, Debug, Default)]
pub struct KernelSymbols {
    /// Address, and another one if there are two.
    symbols: BTreeMap<String, (u64, Option<u64>)>,
}

impl KernelSymbols {
    /// Reads the text of `/proc/kallsyms`: address, kind and name, and a module where it is one's.
    /// Lines of another form are passed over.
    pub fn parse(text: &str) -> KernelSymbols {
        let mut symbols: BTreeMap<String, (u64, Option<u64>)> = BTreeMap::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let address = words
                .next()
                .and_then(|word| u64::from_str_radix(word, 16).ok());
            let (Some(address), Some(_), Some(name)) = (address, words.next(), words.next()) else {
                continue;
            };
            let found = symbols.entry(name.to_owned()).or_insert((address, None));
            if found.0 != address && found.1.is_none() {
                found.1 = Some(address);
            }
        }
        KernelSymbols { symbols }
    }

    /// The first address of that name.
    pub(super) fn first(&self, name: &str) -> Option<u64> {
        self.symbols.get(name).map(|(address, _)| *address)
    }

    /// The address of a symbol, if there is one.
    pub(super) fn find(&self, name: &str) -> Result<Option<u64>, ExternProblem> {
        match self.symbols.get(name) {
            None => Ok(None),
            Some(&(address, None)) => Ok(Some(address)),
            Some(&(first, Some(second))) => Err(ExternProblem::Ambiguous { first, second }),
        }
    }
}

/// The address that a symbol has in the modelled kernel with those types.
pub(super) fn modelled(btf: &Btf, name: &str) -> Option<u64> {
    let untyped = UNTYPED.iter().find(|(untyped, _)| *untyped == name);
    untyped.map(|(_, address)| *address).or_else(|| {
        let id = btf.find(name, KindFilter::VAR.or(KindFilter::FUNC))?;
        Some(TEXT + u64::from(id.0) * STRIDE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::kernel_6_12;

    #[test]
    fn parse_finds_addresses_and_refuses_two_for_one_name() {
        let text = "ffffffff81000000 T start\nffffffff81000010 t twice\n\
                    ffffffff81000020 t twice [module]\nffffffff81000000 T start\nrubbish\n";
        let symbols = KernelSymbols::parse(text);
        assert_eq!(symbols.find("start"), Ok(Some(TEXT)));
        assert_eq!(symbols.find("none"), Ok(None));
        assert!(symbols.find("twice").is_err());
    }

    #[test]
    fn modelled_address_is_that_of_a_symbol_the_kernel_has() {
        let kernel = kernel_6_12();
        let address = modelled(kernel, "bpf_prog_active");
        assert!(address.is_some_and(|address| address > TEXT));
        assert_ne!(address, modelled(kernel, "schedule"));
        assert_eq!(modelled(kernel, "no_such_symbol"), None);
        assert_eq!(modelled(kernel, "__per_cpu_start"), Some(0));
        let bounds = modelled(kernel, "__start_BTF").zip(modelled(kernel, "__stop_BTF"));
        let size = bounds.map(|(start, stop)| (stop - start) as usize);
        assert_eq!(size, Some(kernel.bytes().len()));
    }
}
