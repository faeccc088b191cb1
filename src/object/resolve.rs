//! What externs stand for in a kernel: values of its configuration, its functions and variables.
//!
//! Rules, all libbpf's (1.5): one strong extern that is not found, used or not, and no program of the
//! object can be loaded. Of the weak, values are 0, variables have no address, and functions must not
//! be called. A name's flavour (`___x`) does not count for functions. What the kernel does not have is
//! looked for in its modules, in the order in which they were given.

use std::cell::OnceCell;

use crate::btf::core::same_type;
use crate::btf::{Btf, BtfId, KindFilter, Type, essential_name};

use super::error::{ExternProblem, ObjectError};
use super::externs::{ConfigValue, Extern, ExternKind, Externs, Need};
use super::{Kconfig, LinkOptions, Needs, kconfig, symbols};

/// The kernel version of the modelled kernel: 6.12.117.
const VERSION: u64 = (6 << 16) | (12 << 8) | 117;

/// What an extern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// Bytes of the map of the configuration, from that offset.
    Config(u32),
    /// A function or variable in the kernel's types.
    Kernel(BtfId),
    /// A function or variable in the types of a module, and which module it is, from 1.
    Module(u16, BtfId),
    /// An address.
    Address(u64),
    /// Nothing, and the program can do without.
    Missing,
}

/// What all externs of an object stand for.
#[derive(Debug, Default)]
pub(super) struct Resolution {
    /// By extern.
    pub(super) externs: Vec<Resolved>,
    /// The contents of the map of the configuration.
    pub(super) config: Vec<u8>,
}

impl Resolution {
    /// Finds what the externs of an object stand for.
    pub(super) fn new(
        externs: &Externs,
        local: Option<&Btf>,
        options: &LinkOptions<'_>,
    ) -> Result<Resolution, ObjectError> {
        let mut config = vec![0; externs.config_size as usize];
        let kernel = Kernel {
            local,
            options,
            config: OnceCell::new(),
        };
        let resolve = |external: &Extern| {
            let resolved = kernel.resolve(external, &mut config);
            match (resolved, options.needs) {
                (Err(_), Needs::Listed) => Ok(external.absent()),
                (resolved, _) => resolved.map_err(|problem| external.error(problem)),
            }
        };
        let found: Result<Vec<_>, ObjectError> = externs.list.iter().map(resolve).collect();
        Ok(Resolution {
            externs: found?,
            config,
        })
    }
}

/// What was found of a name.
struct Found<'a> {
    btf: &'a Btf,
    id: BtfId,
    resolved: Resolved,
}

/// The kernel that is asked.
struct Kernel<'a> {
    /// The types of the object.
    local: Option<&'a Btf>,
    options: &'a LinkOptions<'a>,
    config: OnceCell<&'a Kconfig>,
}

impl<'a> Kernel<'a> {
    fn btf(&self) -> &Btf {
        self.options.target_btf()
    }

    fn config(&self) -> &'a Kconfig {
        self.config.get_or_init(|| {
            let given = self.options.setup.and_then(|setup| setup.kconfig.as_ref());
            given.unwrap_or_else(|| Kconfig::kernel_6_12())
        })
    }

    fn version(&self) -> u64 {
        let given = self.options.setup.and_then(|setup| setup.version);
        given.map_or(VERSION, u64::from)
    }

    fn resolve(&self, external: &Extern, config: &mut [u8]) -> Result<Resolved, ExternProblem> {
        let name = &*external.name;
        let found = match external.kind {
            ExternKind::Config(value) => self.configured(name, &value, config)?,
            ExternKind::Function(proto) => self.function(external, proto)?,
            ExternKind::Variable(Some(ty)) => self.variable(name, ty)?,
            ExternKind::Variable(None) => self.address(name)?,
        };
        match (found, external.need) {
            (Some(found), _) => Ok(found),
            (None, Need::Weak) => Ok(external.absent()),
            (None, Need::Strong) => Err(match external.kind {
                ExternKind::Config(_) => ExternProblem::NotConfigured,
                ExternKind::Function(_) => ExternProblem::NoFunction,
                ExternKind::Variable(Some(_)) => ExternProblem::NoVariable,
                ExternKind::Variable(None) => ExternProblem::NoSymbol,
            }),
        }
    }

    fn configured(
        &self,
        name: &str,
        value: &ConfigValue,
        config: &mut [u8],
    ) -> Result<Option<Resolved>, ExternProblem> {
        let start = value.offset as usize;
        let end = start.saturating_add(value.size as usize);
        let place = config.get_mut(start..end).unwrap_or_default();
        let number = match name {
            "LINUX_KERNEL_VERSION" => Some(self.version()),
            "LINUX_HAS_BPF_COOKIE" | "LINUX_HAS_SYSCALL_WRAPPER" => Some(1),
            _ => None,
        };
        match (number, self.config().value(name)) {
            (Some(number), _) => kconfig::write_number(number, value, place)?,
            (None, Some(text)) => kconfig::write(text, value, place)?,
            (None, None) => return Ok(None),
        }
        Ok(Some(Resolved::Config(value.offset)))
    }

    /// The kernel's function of that name. A weak extern that is of another type is as good as
    /// missing: several of them, of one name and several flavours, say what several kernels have.
    fn function(&self, external: &Extern, proto: BtfId) -> Result<Option<Resolved>, ExternProblem> {
        let name = essential_name(&external.name);
        let Some(found) = self.find(name, KindFilter::FUNC) else {
            return Ok(None);
        };
        let same = match found.btf.ty(found.id) {
            Type::Func { proto: theirs, .. } => self.is_same(proto, found.btf, theirs),
            _ => false,
        };
        match (same, external.need) {
            (true, _) => Ok(Some(found.resolved)),
            (false, Need::Weak) => Ok(None),
            (false, Need::Strong) => Err(ExternProblem::OtherType),
        }
    }

    fn variable(&self, name: &str, ty: BtfId) -> Result<Option<Resolved>, ExternProblem> {
        let Some(found) = self.find(name, KindFilter::VAR) else {
            return Ok(None);
        };
        match found.btf.ty(found.id) {
            Type::Var { ty: theirs, .. } if self.is_same(ty, found.btf, theirs) => {
                Ok(Some(found.resolved))
            }
            _ => Err(ExternProblem::OtherType),
        }
    }

    /// What the kernel has of that name, else what the first of its modules has.
    fn find(&self, name: &str, kinds: KindFilter) -> Option<Found<'_>> {
        let kernel = self.btf().find(name, kinds).map(|id| Found {
            btf: self.btf(),
            id,
            resolved: Resolved::Kernel(id),
        });
        let mut modules = (1..).zip(self.options.module_btfs);
        kernel.or_else(|| {
            modules.find_map(|(number, btf)| {
                let id = btf.find(name, kinds)?;
                let resolved = Resolved::Module(number, id);
                Some(Found { btf, id, resolved })
            })
        })
    }

    fn is_same(&self, ours: BtfId, target: &Btf, theirs: BtfId) -> bool {
        let same = |local| same_type(local, ours, target, theirs);
        self.local.is_some_and(same)
    }

    fn address(&self, name: &str) -> Result<Option<Resolved>, ExternProblem> {
        let given = self.options.setup.and_then(|setup| setup.kallsyms.as_ref());
        let address = match given {
            Some(symbols) => symbols.find(name)?,
            None => symbols::modelled(self.btf(), name),
        };
        Ok(address.map(Resolved::Address))
    }
}

impl Extern {
    /// What it stands for where the kernel does not have it.
    fn absent(&self) -> Resolved {
        match self.kind {
            ExternKind::Config(value) => Resolved::Config(value.offset),
            ExternKind::Function(_) | ExternKind::Variable(_) => Resolved::Missing,
        }
    }
}
