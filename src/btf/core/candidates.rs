//! The types of a target that a program's type may stand for.
//!
//! Whether they fit is not asked here: name and kind alone decide.

use std::collections::HashMap;
use std::sync::Arc;

use crate::btf::index::essential_name;
use crate::btf::{Btf, BtfId, Kind, KindFilter, Type};

/// The types that relocations are answered by.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// The kernel's.
    pub kernel: &'a Btf,
    /// Its modules', each split from the kernel's ([`Btf::parse_split`]).
    pub modules: &'a [Arc<Btf>],
}

/// A type of a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    /// Kernel or module.
    pub(super) btf: &'a Btf,
    /// The type.
    pub(super) id: BtfId,
}

impl<'a> Targets<'a> {
    /// All candidates for a type, by rising id.
    pub(super) fn search(&self, local: &Btf, id: BtfId) -> Vec<Candidate<'a>> {
        let ty = local.ty(id);
        let (name, kinds) = (essential_name(ty.name()), same_kind(&ty));
        let found = |btf: &'a Btf| {
            let mut ids = btf.find_own_essential(name, kinds);
            ids.sort_unstable();
            ids.into_iter().map(move |id| Candidate { btf, id })
        };
        let kernel: Vec<_> = found(self.kernel).collect();
        if !kernel.is_empty() {
            return kernel;
        }
        self.modules
            .iter()
            .flat_map(|module| found(module))
            .collect()
    }
}

/// Candidates by the type they stand for, without those that were found not to match.
#[derive(Debug, Default)]
pub(super) struct Known<'a>(HashMap<BtfId, Vec<Candidate<'a>>>);

impl<'a> Known<'a> {
    /// The candidates for a type.
    pub(super) fn of(
        &mut self,
        id: BtfId,
        search: impl FnOnce() -> Vec<Candidate<'a>>,
    ) -> &mut Vec<Candidate<'a>> {
        self.0.entry(id).or_insert_with(search)
    }
}

/// The kinds that a candidate for a type may have.
fn same_kind(ty: &Type<'_>) -> KindFilter {
    match ty.kind() {
        Some(Kind::Enum | Kind::Enum64) => KindFilter::ENUM,
        Some(kind) => KindFilter::of(kind),
        None => KindFilter::ANY,
    }
}
