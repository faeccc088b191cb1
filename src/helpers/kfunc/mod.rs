//! What kernel functions (kfuncs) do: a table of bodies by name, one file a family.
//!
//! It is not where their interface stands ([`crate::abi::kfuncs`]), nor what the verifier asks of a call
//! (`src/verifier/kfunc`).
//!
//! To add a kernel function:
//! 1. Its row in [`crate::abi::kfuncs`], if it has none; a rule of its own in the verifier, if it needs one.
//! 2. Its body in the file of its family, `fn name(call: &mut Call<'_>) -> Reply`, as that of a helper. What the
//!    verifier knows of the call and no argument says is in `call.facts`: [`CallFacts`] says how to add a fact.
//! 3. Its row in the file's `ROWS`: name, number of parameters (a test holds it against the kernel's types), body.
//!    A new file is a line in `FAMILIES`.
//! 4. What the body leaves out: a row of `PARTIAL` in [`support`]. What can mean nothing here: a row of `REFUSED`
//!    there, in place of a body.
//! 5. A test through [`Entry::call`] in the family's file, and a program in `corpus/src` that `ebpf-sim diff` can
//!    give to a kernel.
//!
//! Rules:
//! - A function without a row is refused by name when a program is lowered; both engines call rows alike.
//! - A body checks what it is given as if nobody had judged the program: an access that memory refuses is a trap.

mod allocated;
mod arena;
mod bits;
mod cast;
mod cgroup;
mod cipher;
mod conntrack;
mod cpumask;
mod crypto;
mod dynptr;
mod exception;
mod files;
mod keys;
mod map;
mod numbers;
mod objects;
mod sections;
mod session;
mod sockets;
mod support;
mod task;
mod task_iter;
mod task_vma;
mod tcp;
mod user;
mod work;

use super::{Body, Call, Reply};
use crate::machine::{Addr, ObjectInfo};

pub use crate::object::CallFacts;
pub use conntrack::{TrackError, track};
pub use support::{refusal, support};

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    name: &'static str,
    args: u8,
    body: Body,
}

impl Entry {
    const fn new(name: &'static str, args: u8, body: Body) -> Entry {
        Entry { name, args, body }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many parameters it has, those included that programs leave empty.
    pub fn args(&self) -> usize {
        usize::from(self.args)
    }

    /// What must be laid out before a run for it to find it.
    pub fn needs(&self) -> Needs {
        let is_in = |rows: &[Entry]| rows.iter().any(|row| row.name == self.name);
        let finds_objects = [cgroup::ROWS, task::ROWS, task_iter::ROWS];
        match self.name {
            "bpf_cast_to_kern_ctx" => Needs::KernelContext,
            _ if is_in(task_vma::ROWS) => Needs::Mappings,
            _ if finds_objects.into_iter().any(is_in) => Needs::Population,
            _ => Needs::Nothing,
        }
    }

    /// Runs it.
    #[inline]
    pub fn call(&self, call: &mut Call<'_>) -> Reply {
        (self.body)(call)
    }
}

impl Call<'_> {
    /// The object of that name that an address lies in, if it lives.
    fn object_named(&self, at: Addr, name: &str) -> Option<ObjectInfo> {
        let info = self.memory().describe(at);
        info.filter(|info| info.live && &*info.name == name)
    }
}

/// What a kernel function finds that nothing else in a run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// No more than its arguments.
    Nothing,
    /// The structures of tasks and cgroups that nothing led to.
    Population,
    /// What the current task's memory is mapped to.
    Mappings,
    /// The context as the kernel has it.
    KernelContext,
}

/// All families.
const FAMILIES: [&[Entry]; 23] = [
    allocated::ROWS,
    arena::ROWS,
    bits::ROWS,
    cast::ROWS,
    cgroup::ROWS,
    conntrack::ROWS,
    cpumask::ROWS,
    crypto::ROWS,
    dynptr::ROWS,
    exception::ROWS,
    files::ROWS,
    keys::ROWS,
    map::ROWS,
    numbers::ROWS,
    sections::ROWS,
    session::ROWS,
    sockets::ROWS,
    task::ROWS,
    task_iter::ROWS,
    task_vma::ROWS,
    tcp::ROWS,
    user::ROWS,
    work::ROWS,
];

/// Every row.
fn rows() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().copied().flatten()
}

/// The row of that name, if the function has a body.
pub fn entry(name: &str) -> Option<&'static Entry> {
    rows().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::abi::kfuncs;
    use crate::btf::{KindFilter, Type, kernel_6_12};

    #[test]
    fn rows_are_unique_and_have_as_many_parameters_as_in_the_kernel() {
        let kernel = kernel_6_12();
        let mut seen = BTreeSet::new();
        for row in rows() {
            assert!(seen.insert(row.name), "{} twice", row.name);
            assert!(kfuncs::by_name(row.name).is_some(), "{}", row.name);
            let Some(id) = kernel.find(row.name, KindFilter::FUNC) else {
                continue;
            };
            let Type::Func { proto, .. } = kernel.ty(id) else {
                panic!("{} is no function", row.name)
            };
            let Type::FuncProto { params, .. } = kernel.ty(proto) else {
                panic!("{} has no prototype", row.name)
            };
            assert_eq!(params.len(), row.args(), "{}", row.name);
        }
    }

    #[test]
    fn functions_with_a_body_are_not_refused() {
        for row in rows() {
            assert_eq!(refusal(row.name), None, "{}", row.name);
        }
    }
}
