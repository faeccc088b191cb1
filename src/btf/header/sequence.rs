//! The order of a header with all types, in which bpftool writes it.
//!
//! Compilers number types as they meet them, so that objects are the same to the byte only if headers have the same
//! order. It writes nothing, and gives up on types that lead to each other in too many ways: any other order will do then.
//!
//! Rules, after libbpf's `btf_dump.c` (used under its BSD-2-Clause licence):
//! - Types come by rising id, each behind the definitions that it needs: what it embeds, and what pointers lead to as far
//!   as that is no structure or union with a name.
//! - A typedef behind a pointer waits until it is needed otherwise, if it leads to such a structure.
//! - Those structures are declared where they are first pointed to, unless they are defined by then.

use super::is_c_integer;
use super::order::{Item, is_builtin};
use crate::btf::{Btf, BtfId, Type};

/// How many steps a walk may take; the types of Linux take a few millions.
const BUDGET: u32 = 1 << 23;
/// How deep it may go.
const DEPTH: usize = 4096;

/// How far a type is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    New,
    Begun,
    Done,
}

/// How far writing a type is.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    state: State,
    declared: bool,
}

/// A type that is being put in order.
struct Visit {
    id: BtfId,
    /// Whether a pointer led to it, and whether it leads on as one.
    behind: bool,
    onwards: bool,
    /// Whether something that it leads to is defined, or is going to be before it.
    strong: bool,
    children: std::vec::IntoIter<BtfId>,
}

/// A type that is being written.
struct Writing {
    id: BtfId,
    /// The definition that it is written for.
    container: BtfId,
    /// And that its parts are written for.
    inner: BtfId,
    children: std::vec::IntoIter<BtfId>,
}

/// All of a header, in order; none if there are too many ways.
pub(super) fn all(btf: &Btf) -> Option<Vec<Item>> {
    let count = btf.type_count() as usize;
    let mut sequence = Sequence {
        btf,
        referred: referred(btf),
        ordered: vec![State::New; count],
        written: vec![Written::default(); count],
        queue: Vec::new(),
        items: Vec::new(),
        budget: BUDGET,
    };
    for id in btf.ids() {
        sequence.order(id)?;
        for id in std::mem::take(&mut sequence.queue) {
            sequence.write(id)?;
        }
    }
    Some(sequence.items)
}

struct Sequence<'a> {
    btf: &'a Btf,
    /// Whether another type leads to it.
    referred: Vec<bool>,
    ordered: Vec<State>,
    written: Vec<Written>,
    /// What is to be defined, in order.
    queue: Vec<BtfId>,
    items: Vec<Item>,
    budget: u32,
}

impl Sequence<'_> {
    /// Puts what a type needs, and itself, in the queue.
    fn order(&mut self, root: BtfId) -> Option<()> {
        let mut visits: Vec<Visit> = Vec::new();
        let mut result = self.enter(root, false, &mut visits)?;
        loop {
            let Some(visit) = visits.last_mut() else {
                return Some(());
            };
            visit.strong |= result.take().unwrap_or(false);
            let onwards = visit.onwards;
            result = match visit.children.next() {
                Some(child) => self.enter(child, onwards, &mut visits)?,
                None => visits.pop().map(|visit| self.leave(&visit)),
            };
        }
    }

    /// Begins with a type: says at once whether it is strong, or puts it on the stack.
    fn enter(&mut self, id: BtfId, behind: bool, visits: &mut Vec<Visit>) -> Option<Option<bool>> {
        self.spend(visits.len())?;
        match self.ordered.get(id.index()) {
            Some(State::New) => {}
            Some(State::Done) => return Some(Some(true)),
            Some(State::Begun) | None => return Some(Some(false)),
        }
        let ty = self.btf.ty(id);
        let named = !ty.name().is_empty();
        let mut visit = |onwards, children: Vec<BtfId>| {
            visits.push(Visit {
                id,
                behind,
                onwards,
                strong: false,
                children: children.into_iter(),
            });
            None
        };
        Some(match ty {
            Type::Struct(_) | Type::Union(_) if behind && named => Some(false),
            Type::Struct(_) | Type::Union(_) => {
                self.mark(id, State::Begun);
                visit(false, children(&ty))
            }
            Type::Enum(_) | Type::Enum64(_) | Type::Fwd { .. } => {
                if named || !self.referred.get(id.index()).copied().unwrap_or(true) {
                    self.queue.push(id);
                }
                self.mark(id, State::Done);
                Some(true)
            }
            Type::Ptr { .. } => visit(true, children(&ty)),
            Type::Array { .. } => visit(false, children(&ty)),
            Type::Typedef { .. } | Type::TypeTag { .. } | Type::FuncProto { .. } => {
                visit(behind, children(&ty))
            }
            Type::Volatile { .. } | Type::Const { .. } | Type::Restrict { .. } => {
                visit(behind, children(&ty))
            }
            Type::Void => Some(true),
            // Only the first time do these count for nothing.
            Type::Int { .. } | Type::Float { .. } | Type::Func { .. } | Type::Var { .. } => {
                self.mark(id, State::Done);
                Some(false)
            }
            Type::Datasec { .. } | Type::DeclTag { .. } => {
                self.mark(id, State::Done);
                Some(false)
            }
        })
    }

    /// Ends a type, and says whether it is strong.
    fn leave(&mut self, visit: &Visit) -> bool {
        let ty = self.btf.ty(visit.id);
        match ty {
            Type::Struct(_) | Type::Union(_) => {
                if !ty.name().is_empty() {
                    self.queue.push(visit.id);
                }
                self.mark(visit.id, State::Done);
                true
            }
            Type::Typedef { .. } if visit.behind && !visit.strong => false,
            Type::Typedef { .. } => {
                self.queue.push(visit.id);
                self.mark(visit.id, State::Done);
                true
            }
            Type::Ptr { .. } => {
                self.mark(visit.id, State::Done);
                visit.strong
            }
            _ => visit.strong,
        }
    }

    /// Writes a definition, behind what it needs declared.
    fn write(&mut self, root: BtfId) -> Option<()> {
        let mut stack: Vec<Writing> = Vec::new();
        self.begin(root, BtfId::VOID, &mut stack)?;
        while let Some(writing) = stack.last_mut() {
            let inner = writing.inner;
            match writing.children.next() {
                Some(child) => self.begin(child, inner, &mut stack)?,
                None => {
                    if let Some(writing) = stack.pop() {
                        self.end(&writing);
                    }
                }
            }
        }
        Some(())
    }

    fn begin(&mut self, id: BtfId, container: BtfId, stack: &mut Vec<Writing>) -> Option<()> {
        self.spend(stack.len())?;
        let written = self.written.get(id.index()).copied().unwrap_or_default();
        let ty = self.btf.ty(id);
        let is_top = container == BtfId::VOID;
        let is_anonymous = ty.name().is_empty();
        match written.state {
            State::New => {}
            State::Begun => {
                self.need_again(id, container, &ty);
                return Some(());
            }
            State::Done => return Some(()),
        }
        let mut inner = container;
        match ty {
            Type::Int { name, .. } if !is_c_integer(name) => self.finish(id, Item::Define(id)),
            Type::Enum(_) | Type::Enum64(_) if is_top => self.finish(id, Item::Define(id)),
            Type::Fwd { .. } => self.finish(id, Item::Declare(id)),
            Type::Typedef { .. } => {
                self.set(id, State::Begun);
                inner = id;
            }
            Type::Struct(_) | Type::Union(_) => {
                self.set(id, State::Begun);
                if !is_top && !is_anonymous {
                    if !written.declared && id != container {
                        self.declare(id, Item::Declare(id));
                    }
                    self.set(id, State::New);
                    return Some(());
                }
                inner = if is_anonymous { container } else { id };
            }
            _ => {}
        }
        stack.push(Writing {
            id,
            container,
            inner,
            children: children(&ty).into_iter(),
        });
        Some(())
    }

    /// A type is needed for what it needs itself.
    fn need_again(&mut self, id: BtfId, container: BtfId, ty: &Type<'_>) {
        let declared = self.written.get(id.index()).is_some_and(|one| one.declared);
        match ty {
            _ if declared => {}
            Type::Struct(_) | Type::Union(_) if id != container && !ty.name().is_empty() => {
                self.declare(id, Item::Declare(id));
            }
            Type::Typedef { name, .. } if !is_builtin(name) => {
                self.declare(id, Item::Define(id));
            }
            _ => {}
        }
    }

    fn end(&mut self, writing: &Writing) {
        let id = writing.id;
        let declared = self.written.get(id.index()).is_some_and(|one| one.declared);
        match self.btf.ty(id) {
            Type::Typedef { name, .. } => {
                if !declared && !is_builtin(name) {
                    self.items.push(Item::Define(id));
                }
                self.set(id, State::Done);
            }
            Type::Struct(_) | Type::Union(_) if writing.container == BtfId::VOID => {
                self.finish(id, Item::Define(id));
            }
            Type::Struct(_) | Type::Union(_) => self.set(id, State::New),
            _ => {}
        }
    }

    fn finish(&mut self, id: BtfId, item: Item) {
        self.items.push(item);
        self.set(id, State::Done);
    }

    fn declare(&mut self, id: BtfId, item: Item) {
        self.items.push(item);
        if let Some(written) = self.written.get_mut(id.index()) {
            written.declared = true;
        }
    }

    fn set(&mut self, id: BtfId, state: State) {
        if let Some(written) = self.written.get_mut(id.index()) {
            written.state = state;
        }
    }

    fn mark(&mut self, id: BtfId, state: State) {
        if let Some(ordered) = self.ordered.get_mut(id.index()) {
            *ordered = state;
        }
    }

    fn spend(&mut self, depth: usize) -> Option<()> {
        self.budget = self.budget.checked_sub(1)?;
        (depth < DEPTH).then_some(())
    }
}

/// The types that a type leads to, in order.
fn children(ty: &Type<'_>) -> Vec<BtfId> {
    match ty {
        Type::Struct(found) | Type::Union(found) => {
            found.members.iter().map(|member| member.ty).collect()
        }
        Type::FuncProto { ret, params } => std::iter::once(*ret)
            .chain(params.iter().map(|param| param.ty))
            .collect(),
        Type::Ptr { to } | Type::Array { elem: to, .. } => vec![*to],
        _ => ty.modified().into_iter().collect(),
    }
}

fn referred(btf: &Btf) -> Vec<bool> {
    let mut referred = vec![false; btf.type_count() as usize];
    for id in btf.ids() {
        let ty = btf.ty(id);
        let variable = match ty {
            Type::Var { ty, .. } => Some(ty),
            _ => None,
        };
        for to in children(&ty).into_iter().chain(variable) {
            if let Some(referred) = referred.get_mut(to.index()) {
                *referred = true;
            }
        }
    }
    referred
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{Builder, FLAG};
    use super::*;
    use crate::btf::Kind;

    #[test]
    fn structure_behind_a_pointer_is_declared_and_a_typedef_of_it_waits() {
        let mut builder = Builder::new();
        let member = builder.text("member");
        builder.record("early", Kind::Struct, 1 | FLAG, 8, &[member, 2, 0]);
        builder.record("", Kind::Ptr, 0, 3, &[]);
        builder.record("alias", Kind::Typedef, 0, 4, &[]);
        builder.record("late", Kind::Struct, 0, 0, &[]);
        let [early, _, alias, late] = [1, 2, 3, 4].map(BtfId);
        let items = all(&builder.build()).expect("they are few");
        // The pointer leads to the alias, which is needed by its name: it comes in front, behind a declaration.
        let want = [
            Item::Declare(late),
            Item::Define(alias),
            Item::Define(early),
            Item::Define(late),
        ];
        assert_eq!(items, want);
    }

    #[test]
    fn types_that_lead_to_each_other_in_too_many_ways_are_given_up() {
        let mut builder = Builder::new();
        // Each function takes the one before twice.
        builder.record("", Kind::FuncProto, 0, 0, &[]);
        for before in 1..60 {
            builder.record("", Kind::FuncProto, 2, 0, &[0, before, 0, before]);
        }
        assert_eq!(all(&builder.build()), None);
    }
}
