//! Externs: what a program uses and its object does not define, so that the kernel or the loader
//! must supply it.
//!
//! They are collected here, and known by symbol; what they stand for is found when programs are
//! linked, by [`resolve`](super::resolve).
//!
//! Rules, all libbpf's (1.5):
//! - Every undefined symbol with a name is an extern, used or not. Type information says in which
//!   section it was declared: `.kconfig` or `.ksyms`.
//! - Values of the configuration lie in one map, the larger alignments first, then the smaller
//!   sizes, then by name.
//! - Behind them are the kernel's functions and variables, by name. That position is what a call
//!   of a missing weak function is marked with.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::btf::{Btf, BtfId, Encoding, KindFilter, Type};

use super::elf::{Binding, Elf, Place, Symbol, SymbolKind};
use super::error::{ExternProblem, ObjectError};

/// The section of values of the kernel's configuration.
pub(super) const CONFIG_SECTION: &str = ".kconfig";

/// The section of the kernel's functions and variables.
const SYMBOL_SECTION: &str = ".ksyms";

/// How many bytes all values of the configuration may take together. A configuration is smaller.
const CONFIG_LIMIT: u64 = 1 << 20;

/// The externs of an object.
#[derive(Debug, Default)]
pub(super) struct Externs {
    /// The externs in libbpf's order.
    pub(super) list: Vec<Extern>,
    /// By symbol: the index of its extern.
    by_symbol: HashMap<usize, usize>,
    /// How many bytes the values of the configuration take.
    pub(super) config_size: u32,
}

/// An extern.
#[derive(Debug)]
pub(super) struct Extern {
    /// Its name.
    pub(super) name: Arc<str>,
    /// Whether the program can do without it.
    pub(super) need: Need,
    /// What it is.
    pub(super) kind: ExternKind,
}

/// An extern, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supplied<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: SuppliedKind,
    /// Whether programs can do without it.
    pub need: Need,
}

/// What an extern is, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppliedKind {
    /// A value of the kernel's configuration.
    Config,
    /// A kernel function.
    Function,
    /// A kernel variable with a type.
    Variable,
    /// An address of the kernel's.
    Address,
}

impl<'a> Supplied<'a> {
    pub(super) fn of(external: &'a Extern) -> Supplied<'a> {
        Supplied {
            name: &external.name,
            kind: match external.kind {
                ExternKind::Config(_) => SuppliedKind::Config,
                ExternKind::Function(_) => SuppliedKind::Function,
                ExternKind::Variable(Some(_)) => SuppliedKind::Variable,
                ExternKind::Variable(None) => SuppliedKind::Address,
            },
            need: external.need,
        }
    }
}

/// Whether a program can do without an extern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It cannot.
    Strong,
    /// It can (`__weak`).
    Weak,
}

/// What an extern is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExternKind {
    /// A value of the kernel's configuration.
    Config(ConfigValue),
    /// A kernel function, with its prototype in the object's types.
    Function(BtfId),
    /// A kernel variable, with its type in the object's types; without one (`const void`), just an
    /// address.
    Variable(Option<BtfId>),
}

/// Where a value of the configuration lies in its map, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConfigValue {
    /// Its offset.
    pub(super) offset: u32,
    /// Its size in bytes.
    pub(super) size: u32,
    /// How it is written.
    pub(super) form: ConfigForm,
    align: u32,
}

/// How a value of the configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConfigForm {
    /// `bool`.
    Bool,
    /// `enum libbpf_tristate`.
    Tristate,
    /// One byte: a character or a number.
    Char(Sign),
    /// An integer.
    Int(Sign),
    /// An array of characters.
    Text,
}

/// Whether an integer is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It is.
    Signed,
    /// It is not.
    Unsigned,
}

#[cfg(test)]
impl ConfigValue {
    /// A value at the start of its map.
    pub(super) fn new(form: ConfigForm, size: u32) -> ConfigValue {
        ConfigValue {
            offset: 0,
            size,
            form,
            align: size,
        }
    }
}

impl Externs {
    /// Collects the externs of an object, and places the values of the configuration in its types.
    pub(super) fn parse(elf: &Elf<'_>, btf: Option<&mut Btf>) -> Result<Externs, ObjectError> {
        let undefined = |(index, symbol): (usize, &'_ Symbol)| {
            is_extern(symbol).then(|| (index, Arc::clone(&symbol.name), symbol.binding))
        };
        let symbols: Vec<_> = elf
            .symbols
            .iter()
            .enumerate()
            .filter_map(undefined)
            .collect();
        let Some((_, first, _)) = symbols.first() else {
            return Ok(Externs::default());
        };
        let btf = btf.ok_or_else(|| error(first, ExternProblem::Undescribed))?;
        let declared = Declared::new(btf);
        let describe = |(symbol, name, binding): &(usize, Arc<str>, Binding)| {
            let kind = declared.kind(name);
            let kind = kind.map_err(|problem| error(name, problem))?;
            let need = match binding {
                Binding::Weak => Need::Weak,
                Binding::Local | Binding::Global => Need::Strong,
            };
            let name = Arc::clone(name);
            Ok((*symbol, Extern { name, need, kind }))
        };
        let found: Result<Vec<_>, ObjectError> = symbols.iter().map(describe).collect();
        Externs::arrange(found?, btf)
    }

    /// Puts externs in order and values of the configuration in their places.
    fn arrange(mut found: Vec<(usize, Extern)>, btf: &mut Btf) -> Result<Externs, ObjectError> {
        found.sort_by(|(_, a), (_, b)| a.rank().cmp(&b.rank()).then_with(|| a.name.cmp(&b.name)));
        let mut end = 0_u64;
        for (_, external) in &mut found {
            if let ExternKind::Config(value) = &mut external.kind {
                let start = end.next_multiple_of(u64::from(value.align.max(1)));
                end = start + u64::from(value.size);
                if end > CONFIG_LIMIT {
                    let limit = CONFIG_LIMIT;
                    return Err(error(&external.name, ExternProblem::TooLarge { limit }));
                }
                value.offset = u32::try_from(start).unwrap_or(u32::MAX);
            }
        }
        let by_symbol = (0..)
            .zip(&found)
            .map(|(index, (symbol, _))| (*symbol, index))
            .collect();
        let externs = Externs {
            list: found.into_iter().map(|(_, external)| external).collect(),
            by_symbol,
            config_size: u32::try_from(end).unwrap_or(u32::MAX),
        };
        externs.place(btf);
        Ok(externs)
    }

    /// Says in the types where the values of the configuration are.
    fn place(&self, btf: &mut Btf) {
        let offsets: HashMap<&str, u32> = self
            .list
            .iter()
            .filter_map(|external| match external.kind {
                ExternKind::Config(value) => Some((&*external.name, value.offset)),
                ExternKind::Function(_) | ExternKind::Variable(_) => None,
            })
            .collect();
        if let Some(section) = btf.find(CONFIG_SECTION, KindFilter::DATASEC)
            && !offsets.is_empty()
        {
            btf.place_section(section, self.config_size, |name| offsets.get(name).copied());
        }
    }

    /// The index of the extern that a symbol is.
    pub(super) fn of_symbol(&self, symbol: usize) -> Option<usize> {
        self.by_symbol.get(&symbol).copied()
    }
}

impl Extern {
    /// An error about it.
    pub(super) fn error(&self, problem: ExternProblem) -> ObjectError {
        error(&self.name, problem)
    }

    /// What it is sorted by before its name.
    fn rank(&self) -> (u8, Reverse<u32>, u32) {
        match self.kind {
            ExternKind::Config(value) => (0, Reverse(value.align), value.size),
            ExternKind::Function(_) | ExternKind::Variable(_) => (1, Reverse(0), 0),
        }
    }
}

fn error(symbol: &str, problem: ExternProblem) -> ObjectError {
    ObjectError::Extern {
        symbol: symbol.to_owned(),
        problem,
    }
}

fn is_extern(symbol: &Symbol) -> bool {
    let is_seen = matches!(symbol.binding, Binding::Global | Binding::Weak);
    symbol.place == Place::Undefined
        && symbol.kind == SymbolKind::Other
        && is_seen
        && !symbol.name.is_empty()
}

/// What type information declares in sections.
struct Declared<'a> {
    btf: &'a Btf,
    /// By variable or function: the section it is in.
    sections: HashMap<BtfId, &'a str>,
}

impl<'a> Declared<'a> {
    fn new(btf: &'a Btf) -> Declared<'a> {
        let mut sections = HashMap::new();
        for id in btf.ids() {
            if let Type::Datasec { name, entries, .. } = btf.ty(id) {
                sections.extend(entries.iter().map(|entry| (entry.var, name)));
            }
        }
        Declared { btf, sections }
    }

    /// What the extern of that name is.
    fn kind(&self, name: &str) -> Result<ExternKind, ExternProblem> {
        let id = self
            .btf
            .find(name, KindFilter::VAR.or(KindFilter::FUNC))
            .ok_or(ExternProblem::Undescribed)?;
        let section = *self.sections.get(&id).ok_or(ExternProblem::Undescribed)?;
        match (section, self.btf.ty(id)) {
            (CONFIG_SECTION, Type::Var { ty, .. }) => {
                let value = self.config_value(ty).ok_or(ExternProblem::ConfigType)?;
                Ok(ExternKind::Config(value))
            }
            (CONFIG_SECTION, _) => Err(ExternProblem::ConfigFunction),
            (SYMBOL_SECTION, Type::Var { ty, .. }) => {
                let ty = self.btf.resolve(ty);
                Ok(ExternKind::Variable((ty != BtfId::VOID).then_some(ty)))
            }
            (SYMBOL_SECTION, Type::Func { proto, .. }) => Ok(ExternKind::Function(proto)),
            _ => Err(ExternProblem::Section {
                section: section.to_owned(),
            }),
        }
    }

    fn config_value(&self, ty: BtfId) -> Option<ConfigValue> {
        let size = u32::try_from(self.btf.size_of(ty)?).ok()?;
        Some(ConfigValue {
            offset: 0,
            size,
            form: self.config_form(ty, size)?,
            align: u32::try_from(self.btf.align_of(ty)?).ok()?,
        })
    }

    fn config_form(&self, ty: BtfId, size: u32) -> Option<ConfigForm> {
        match self.btf.resolved(ty) {
            Type::Int { encoding, .. } => {
                let sign = match encoding {
                    Encoding::Signed => Sign::Signed,
                    Encoding::Unsigned | Encoding::Char | Encoding::Bool => Sign::Unsigned,
                };
                match (encoding, size) {
                    (Encoding::Bool, 1) => Some(ConfigForm::Bool),
                    (Encoding::Bool, _) => None,
                    (_, 1) => Some(ConfigForm::Char(sign)),
                    (_, 2 | 4 | 8) => Some(ConfigForm::Int(sign)),
                    _ => None,
                }
            }
            Type::Enum(definition) if size == 4 && definition.name == "libbpf_tristate" => {
                Some(ConfigForm::Tristate)
            }
            Type::Array { elem, count, .. } if count > 0 => {
                let elem_size = u32::try_from(self.btf.size_of(elem)?).ok()?;
                match self.config_form(elem, elem_size)? {
                    ConfigForm::Char(_) => Some(ConfigForm::Text),
                    ConfigForm::Bool
                    | ConfigForm::Tristate
                    | ConfigForm::Int(_)
                    | ConfigForm::Text => None,
                }
            }
            _ => None,
        }
    }
}
