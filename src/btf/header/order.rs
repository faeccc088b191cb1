//! What a header declares and defines, in an order in which everything is there before it is used.
//!
//! It writes nothing. A type is needed in one of two ways: by name, behind a pointer or in a prototype, or complete, as a member
//! or an element. Structures and unions needed by name are declared, so that types may refer to each other in circles;
//! a circle of complete types has no size and cannot come from C. The walk has its own stack, since
//! input decides how deep it goes, and looks at each type at most once for each way it is needed.

use super::is_c_integer;
use crate::btf::{Btf, BtfId, Kind, KindFilter, Type};

/// One step of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// `struct name;`
    Declare(BtfId),
    /// The type's definition.
    Define(BtfId),
}

/// How a type is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Name,
    Complete,
}

/// What is left to do.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// See to it that a type is there.
    Need(BtfId, Need),
    /// All that the type needs is there.
    Define(BtfId),
}

/// What was done for a type: bits.
#[derive(Clone, Copy, Debug, Default)]
struct Seen(u8);

impl Seen {
    const NAME: u8 = 1;
    const COMPLETE: u8 = 2;
    const DECLARED: u8 = 4;
    const DEFINED: u8 = 8;
    /// Some other type refers to it.
    const REFERRED: u8 = 16;

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// Sets a bit, and says whether it was clear.
    fn set(&mut self, bit: u8) -> bool {
        let was_clear = !self.has(bit);
        self.0 |= bit;
        was_clear
    }
}

/// The walk.
pub(super) struct Order<'a> {
    btf: &'a Btf,
    seen: Vec<Seen>,
    stack: Vec<Step>,
    /// Structures and unions to declare before the next definition that is not their own.
    pending: Vec<BtfId>,
    items: Vec<Item>,
}

impl<'a> Order<'a> {
    pub(super) fn new(btf: &'a Btf) -> Order<'a> {
        Order {
            btf,
            seen: vec![Seen::default(); btf.type_count() as usize],
            stack: Vec::new(),
            pending: Vec::new(),
            items: Vec::new(),
        }
    }

    /// Everything that has a name, and enumerations without one that nothing else contains.
    pub(super) fn all(&mut self) {
        self.mark_referred();
        for id in self.btf.ids() {
            match self.btf.ty(id) {
                Type::Struct(composite) | Type::Union(composite) if !composite.name.is_empty() => {
                    self.root(id);
                }
                Type::Enum(_) | Type::Enum64(_) if !self.seen(id).has(Seen::REFERRED) => {
                    self.root(id);
                }
                Type::Enum(found) | Type::Enum64(found) if !found.name.is_empty() => self.root(id),
                Type::Typedef { .. } | Type::Fwd { .. } => self.root(id),
                _ => {}
            }
        }
    }

    /// A type, complete.
    pub(super) fn root(&mut self, id: BtfId) {
        self.stack.push(Step::Need(id, Need::Complete));
        self.run();
        let is_anonymous = self.btf.ty(id).name().is_empty();
        if is_anonymous && keyworded(&self.btf.ty(id)) {
            self.define(id);
        }
    }

    /// A type, by name.
    pub(super) fn name(&mut self, id: BtfId) {
        self.stack.push(Step::Need(id, Need::Name));
        self.run();
    }

    /// The items, at the end.
    pub(super) fn finish(mut self) -> Vec<Item> {
        self.flush(BtfId::VOID);
        self.items
    }

    fn run(&mut self) {
        while let Some(step) = self.stack.pop() {
            match step {
                Step::Need(id, need) => self.need(id, need),
                Step::Define(id) => self.define(id),
            }
        }
    }

    fn need(&mut self, id: BtfId, need: Need) {
        let ty = self.btf.ty(id);
        match ty {
            Type::Struct(composite) | Type::Union(composite) if !composite.name.is_empty() => {
                return self.composite(id, need);
            }
            Type::Typedef { name, to } => return self.typedef(id, name, to, need),
            _ => {}
        }
        let bit = match need {
            Need::Name => Seen::NAME,
            Need::Complete => Seen::COMPLETE,
        };
        if !self.set(id, bit) {
            return;
        }
        match ty {
            Type::Struct(_) | Type::Union(_) => self.members(&ty),
            Type::Ptr { to } => self.push(to, Need::Name),
            Type::Volatile { to } | Type::Const { to } | Type::Restrict { to } => {
                self.push(to, need);
            }
            Type::TypeTag { to, .. } | Type::Var { ty: to, .. } => self.push(to, need),
            Type::Array { elem, .. } => self.push(elem, Need::Complete),
            Type::FuncProto { ret, params } => {
                params
                    .iter()
                    .rev()
                    .for_each(|param| self.push(param.ty, Need::Name));
                self.push(ret, Need::Name);
            }
            Type::Func { proto, .. } => self.push(proto, Need::Name),
            Type::Enum(found) | Type::Enum64(found) if !found.name.is_empty() => self.define(id),
            Type::Int { name, .. } if !is_c_integer(name) => self.define(id),
            Type::Fwd { name, kind } => self.forward(id, name, kind),
            Type::Enum(_) | Type::Enum64(_) | Type::Int { .. } | Type::Float { .. } => {}
            Type::Void | Type::Datasec { .. } | Type::DeclTag { .. } | Type::Typedef { .. } => {}
        }
    }

    fn composite(&mut self, id: BtfId, need: Need) {
        match need {
            Need::Name if self.seen(id).has(Seen::DEFINED) => {}
            Need::Name => {
                if self.set(id, Seen::DECLARED) {
                    self.pending.push(id);
                }
            }
            Need::Complete => {
                if self.set(id, Seen::COMPLETE) {
                    self.stack.push(Step::Define(id));
                    self.members(&self.btf.ty(id));
                }
            }
        }
    }

    /// A declaration without a definition of its own stands for the one of its name, if there is one.
    fn forward(&mut self, id: BtfId, name: &str, kind: Kind) {
        match self.btf.find(name, KindFilter::of(kind)) {
            Some(definition) => self.composite(definition, Need::Name),
            None if self.set(id, Seen::DECLARED) => self.pending.push(id),
            None => {}
        }
    }

    fn typedef(&mut self, id: BtfId, name: &str, to: BtfId, need: Need) {
        if is_builtin(name) {
            return;
        }
        if need == Need::Complete && self.set(id, Seen::COMPLETE) {
            self.push(to, Need::Complete);
        }
        if self.set(id, Seen::NAME) {
            self.stack.push(Step::Define(id));
            self.push(to, Need::Name);
        }
    }

    fn members(&mut self, ty: &Type<'_>) {
        for member in ty
            .composite()
            .iter()
            .flat_map(|found| found.members.iter().rev())
        {
            self.push(member.ty, Need::Complete);
        }
    }

    fn push(&mut self, id: BtfId, need: Need) {
        self.stack.push(Step::Need(id, need));
    }

    fn define(&mut self, id: BtfId) {
        if self.set(id, Seen::DEFINED) {
            self.flush(id);
            self.items.push(Item::Define(id));
        }
    }

    /// Declares what is pending, but not what is defined now.
    fn flush(&mut self, defined: BtfId) {
        for id in std::mem::take(&mut self.pending) {
            if id != defined && !self.seen(id).has(Seen::DEFINED) {
                self.items.push(Item::Declare(id));
            }
        }
    }

    fn seen(&self, id: BtfId) -> Seen {
        self.seen.get(id.index()).copied().unwrap_or_default()
    }

    fn set(&mut self, id: BtfId, bit: u8) -> bool {
        self.seen
            .get_mut(id.index())
            .is_some_and(|seen| seen.set(bit))
    }

    fn mark_referred(&mut self) {
        for id in self.btf.ids() {
            let ty = self.btf.ty(id);
            match ty {
                Type::Struct(found) | Type::Union(found) => {
                    for member in found.members.iter() {
                        self.set(member.ty, Seen::REFERRED);
                    }
                }
                Type::FuncProto { ret, params } => {
                    self.set(ret, Seen::REFERRED);
                    for param in params.iter() {
                        self.set(param.ty, Seen::REFERRED);
                    }
                }
                Type::Ptr { to } | Type::Array { elem: to, .. } | Type::Var { ty: to, .. } => {
                    self.set(to, Seen::REFERRED);
                }
                _ => {
                    ty.modified().map(|to| self.set(to, Seen::REFERRED));
                }
            }
        }
    }
}

/// Whether compilers have a type of that name built in.
pub(super) fn is_builtin(name: &str) -> bool {
    name == "__builtin_va_list"
}

/// Whether the type's definition starts with `struct`, `union` or `enum`.
fn keyworded(ty: &Type<'_>) -> bool {
    ty.composite().is_some() || ty.enumeration().is_some()
}
