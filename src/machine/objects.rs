//! Objects that programs allocate: who holds them, which lists and trees they are in, and what is released with them;
//! and which of the kernel's own objects fields hold.
//!
//! It is not what programs may do with them: the verifier judges that. What they hold beside data is not in guest
//! memory, where nobody may look at it anyhow: there heads, nodes and counts are zero.
//!
//! Rules:
//! - An object lives as long as something holds it: a program, a field of a map's value or of another object, a list
//!   or tree. What is given back stays readable until the run ends, and all others that run by then, as under RCU.
//! - An operation that is given what is none of these is refused, whoever asks.
//! - An object is in one list or tree by each of its nodes.
//! - A structure of the kernel's is its event's, which lays it out; one that a field holds when the event is over stays
//!   until no field does, and to the end of the run in which it was taken out and of those that run by then.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    Addr, Awaited, CpuId, Grace, HolderTable, Limbo, Memory, ObjectKind, ObjectSpec, Owner, Stride,
    Waiting,
};
use crate::isa::{AtomicOp, Size, Width};

/// How a structure with special fields is made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The structure's name, or the map's.
    pub name: Arc<str>,
    /// How many bytes it has.
    pub size: u32,
    /// Its special fields, by rising offset.
    pub parts: Vec<Part>,
}

/// A special field of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it starts.
    pub offset: u32,
    /// How many bytes it has.
    pub size: u32,
    /// What it is.
    pub kind: PartKind,
}

/// What a special field is to the objects it deals with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A spin lock.
    Lock,
    /// A count of references.
    Count,
    /// A pointer that holds a reference.
    Pointer,
    /// A list or tree.
    Root,
    /// What links an object into one.
    Node,
    /// Anything that holds no object.
    Other,
}

/// How many CPUs an object is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// One for all.
    One,
    /// One for each of so many.
    Each(u32),
}

/// The end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where the list begins.
    Front,
    /// Where it ends.
    Back,
}

/// Why an operation on objects cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectRefusal {
    /// The address is not where an object starts that somebody holds.
    #[error("there is no allocated object")]
    NoObject,
    /// The address is none of a node in an object.
    #[error("there is no node of an allocated object")]
    NoNode,
    /// The node is in a list or tree already.
    #[error("the node is in a list or tree already")]
    Linked,
}

/// All objects of a machine.
#[derive(Debug)]
pub struct ObjectTable {
    memory: Arc<Memory>,
    holders: Arc<HolderTable>,
    inner: Mutex<Inner>,
    /// Whether anybody was at work here since a run ended, or something waits to be freed: most programs have no
    /// objects, and do not wait for a lock.
    was_used: Waiting,
}

#[derive(Debug, Default)]
struct Inner {
    /// By where they start.
    objects: BTreeMap<u64, Object>,
    /// What is in each list or tree, in order, by where its head is.
    roots: HashMap<u64, VecDeque<u64>>,
    /// The list or tree that each node is in.
    owners: HashMap<u64, u64>,
    /// Given back, but perhaps still looked at.
    limbo: Limbo<Gone>,
    /// Structures of the kernel's that are or were in fields.
    lent: BTreeMap<u64, Lent>,
}

/// What nobody holds any more.
#[derive(Debug)]
enum Gone {
    /// An object of a program's.
    Object(u64),
    /// A structure of the kernel's, and after how many changes it was put away.
    Lent { addr: u64, changes: u64 },
}

/// A structure of the kernel's that fields hold.
#[derive(Debug, Default)]
struct Lent {
    /// How many do.
    fields: u32,
    /// Whether the event that laid it out is over, so that it goes with the last of them.
    is_left: bool,
    /// How often it was put into a field or taken out of one.
    changes: u64,
    /// After how many changes it was last put away, to go unless there are more.
    put_away: Option<u64>,
}

#[derive(Debug)]
struct Object {
    layout: Arc<Layout>,
    copies: Copies,
    /// How many hold it; 0 once it waits for the end of the run.
    references: u32,
}

impl Object {
    fn len(&self) -> u64 {
        match self.copies {
            Copies::One => u64::from(self.layout.size),
            Copies::Each(count) => self.stride() * u64::from(count),
        }
    }

    fn stride(&self) -> u64 {
        Stride::of(self.layout.size).map_or(0, |stride| u64::from(stride.stride()))
    }
}

impl ObjectTable {
    /// No objects yet.
    pub fn new(memory: Arc<Memory>, holders: Arc<HolderTable>, awaited: &Awaited) -> ObjectTable {
        let inner = Mutex::default();
        ObjectTable {
            memory,
            holders,
            inner,
            was_used: Waiting::new(awaited),
        }
    }

    /// A new object of zeros, held once; none if there is no memory for it.
    pub fn allocate(&self, layout: Arc<Layout>, copies: Copies) -> Option<Addr> {
        let object = Object {
            layout,
            copies,
            references: 1,
        };
        let name = Arc::clone(&object.layout.name);
        let spec = ObjectSpec::new(ObjectKind::Allocated, name, Owner::Kernel);
        let spec = match copies {
            Copies::One => spec,
            Copies::Each(_) => spec.with_stride(Stride::of(object.layout.size)),
        };
        let addr = self.memory.allocate(object.len().max(1), &spec).ok()?;
        self.lock().objects.insert(addr.0, object);
        Some(addr)
    }

    /// Holds an object once more, if somebody holds it.
    pub fn acquire(&self, addr: Addr) -> Result<(), ObjectRefusal> {
        let mut inner = self.lock();
        let object = inner.held(addr).ok_or(ObjectRefusal::NoObject)?;
        object.references = object.references.saturating_add(1);
        Ok(())
    }

    /// Gives a reference back; with the last one goes all that the object holds.
    pub fn give_back(&self, addr: Addr) -> Result<(), ObjectRefusal> {
        let mut inner = self.lock();
        inner.held(addr).ok_or(ObjectRefusal::NoObject)?;
        inner.drop_all(&self.memory, vec![addr.0]);
        Ok(())
    }

    /// The part of an object that is a CPU's own; none if each CPU has not its own.
    pub fn on_cpu(&self, addr: Addr, cpu: CpuId) -> Option<Addr> {
        let inner = self.lock();
        let object = inner.objects.get(&addr.0)?;
        match object.copies {
            Copies::Each(count) if cpu.0 < count => {
                let off = object.stride() * u64::from(cpu.0);
                Some(addr.offset(off.cast_signed()))
            }
            Copies::Each(_) | Copies::One => None,
        }
    }

    /// Puts an object at an end of a list, which then holds it.
    pub fn push(&self, root: Addr, node: Addr, end: End) -> Result<(), ObjectRefusal> {
        let at = match end {
            End::Front => 0,
            End::Back => usize::MAX,
        };
        self.insert(root, node, at)
    }

    /// Puts an object into a list or tree, before the one that is at a place now.
    ///
    /// # Errors
    /// If it is in one already, the reference that was to be handed over is given back, as in the kernel.
    pub fn insert(&self, root: Addr, node: Addr, at: usize) -> Result<(), ObjectRefusal> {
        let mut inner = self.lock();
        let object = inner.object_of(node)?;
        if inner.owners.contains_key(&node.0) {
            inner.drop_all(&self.memory, vec![object]);
            return Err(ObjectRefusal::Linked);
        }
        inner.owners.insert(node.0, root.0);
        let nodes = inner.roots.entry(root.0).or_default();
        nodes.insert(at.min(nodes.len()), node.0);
        Ok(())
    }

    /// Takes the node at an end of a list out; its object belongs to the caller.
    pub fn pop(&self, root: Addr, end: End) -> Option<Addr> {
        let mut inner = self.lock();
        let nodes = inner.roots.get_mut(&root.0)?;
        let node = match end {
            End::Front => nodes.pop_front(),
            End::Back => nodes.pop_back(),
        }?;
        inner.owners.remove(&node);
        Some(Addr(node))
    }

    /// Takes a node out of a list or tree, if it is in that one.
    pub fn remove(&self, root: Addr, node: Addr) -> bool {
        let mut inner = self.lock();
        if inner.owners.get(&node.0) != Some(&root.0) {
            return false;
        }
        inner.owners.remove(&node.0);
        if let Some(nodes) = inner.roots.get_mut(&root.0) {
            nodes.retain(|other| *other != node.0);
        }
        true
    }

    /// How many objects are in a list or tree.
    pub fn len(&self, root: Addr) -> usize {
        let inner = self.lock();
        inner.roots.get(&root.0).map_or(0, VecDeque::len)
    }

    /// Whether nothing is in a list or tree.
    pub fn is_empty(&self, root: Addr) -> bool {
        self.len(root) == 0
    }

    /// The node at a place in a list or tree.
    pub fn at(&self, root: Addr, index: usize) -> Option<Addr> {
        let inner = self.lock();
        inner.roots.get(&root.0)?.get(index).copied().map(Addr)
    }

    /// The object that a place lies in.
    pub fn containing(&self, place: Addr) -> Option<Addr> {
        self.lock().containing(place.0).map(Addr)
    }

    /// Whether somebody holds the object that starts there.
    pub fn is_held(&self, addr: Addr) -> bool {
        self.lock().held(addr).is_some()
    }

    /// A reference is about to be put into a field.
    pub fn put_in_field(&self, addr: Addr) {
        let mut inner = self.lock();
        if !addr.is_null() && !inner.objects.contains_key(&addr.0) {
            let lent = inner.lent.entry(addr.0).or_default();
            lent.fields = lent.fields.saturating_add(1);
            lent.changes += 1;
        }
    }

    /// A reference was taken out of a field, and is the program's now.
    pub fn taken_from_field(&self, addr: Addr) {
        self.lock().take_back(addr.0);
    }

    /// The event that laid out a structure of the kernel's is over: whether a field holds it, or a run that is under
    /// way may, so that it stays.
    pub fn outlives_event(&self, addr: Addr, grace: &Grace) -> bool {
        let mut inner = self.lock();
        match inner.lent.get_mut(&addr.0) {
            Some(lent) if lent.fields > 0 || !grace.is_alone() => {
                lent.is_left = true;
                true
            }
            Some(_) | None => false,
        }
    }

    /// How many of the kernel's own structures fields hold.
    pub fn lent(&self) -> usize {
        let inner = self.lock();
        inner.lent.values().filter(|lent| lent.fields > 0).count()
    }

    /// How many objects somebody holds.
    pub fn held(&self) -> usize {
        let inner = self.lock();
        let held = inner.objects.values();
        held.filter(|object| object.references > 0).count()
    }

    /// How many wait until nobody can look at them any more.
    pub fn waiting(&self) -> usize {
        self.inner().limbo.len()
    }

    /// Releases what the fields of a structure hold, and leaves them zero.
    pub fn release_fields(&self, addr: Addr, layout: &Layout) {
        let mut inner = self.lock();
        let mut dropped = Vec::new();
        inner.empty(&self.memory, addr.0, layout, &mut dropped);
        inner.drop_all(&self.memory, dropped);
    }

    /// A run has ended: frees what was given back and nobody looks at any more.
    #[inline]
    pub fn end_of_run(&self, grace: &Grace) {
        if self.was_used.is_noted() {
            self.settle(grace);
        }
    }

    fn settle(&self, grace: &Grace) {
        let mut inner = self.inner();
        inner.put_away_lent();
        let Inner {
            objects,
            limbo,
            lent,
            ..
        } = &mut *inner;
        for gone in limbo.settle(grace) {
            match gone {
                Gone::Object(addr) => {
                    objects.remove(&addr);
                    self.memory.free(Addr(addr));
                }
                Gone::Lent { addr, changes } => {
                    let is_unchanged = lent.get(&addr).is_some_and(|one| one.changes == changes);
                    if is_unchanged && lent.remove(&addr).is_some_and(|one| one.is_left) {
                        self.holders.remove(Addr(addr));
                        self.memory.free(Addr(addr));
                    }
                }
            }
        }
        self.was_used.note_left(limbo);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        let inner = self.inner();
        self.was_used.note();
        inner
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The object at an address, if somebody holds it.
    fn held(&mut self, addr: Addr) -> Option<&mut Object> {
        let object = self.objects.get_mut(&addr.0)?;
        (object.references > 0).then_some(object)
    }

    /// A field no longer holds a structure of the kernel's.
    fn take_back(&mut self, addr: u64) {
        if let Some(lent) = self.lent.get_mut(&addr) {
            lent.fields = lent.fields.saturating_sub(1);
            lent.changes += 1;
        }
    }

    /// Puts away the structures of the kernel's that no field holds.
    fn put_away_lent(&mut self) {
        for (addr, lent) in &mut self.lent {
            if lent.fields == 0 && lent.put_away != Some(lent.changes) {
                let changes = lent.changes;
                lent.put_away = Some(changes);
                self.limbo.push(Gone::Lent {
                    addr: *addr,
                    changes,
                });
            }
        }
    }

    fn containing(&self, place: u64) -> Option<u64> {
        let (addr, object) = self.objects.range(..=place).next_back()?;
        (place - addr < object.len()).then_some(*addr)
    }

    /// The object that a node is in.
    fn object_of(&self, node: Addr) -> Result<u64, ObjectRefusal> {
        let addr = self.containing(node.0).ok_or(ObjectRefusal::NoNode)?;
        let object = self.objects.get(&addr).ok_or(ObjectRefusal::NoNode)?;
        let offset = node.0 - addr;
        let is_node = |part: &Part| part.kind == PartKind::Node && u64::from(part.offset) == offset;
        match object.references > 0 && object.layout.parts.iter().any(is_node) {
            true => Ok(addr),
            false => Err(ObjectRefusal::NoNode),
        }
    }

    /// Gives references back, and those that go with them.
    fn drop_all(&mut self, memory: &Memory, mut todo: Vec<u64>) {
        while let Some(addr) = todo.pop() {
            let Some(object) = self.held(Addr(addr)) else {
                self.take_back(addr);
                continue;
            };
            object.references -= 1;
            if object.references > 0 {
                continue;
            }
            let layout = Arc::clone(&object.layout);
            self.empty(memory, addr, &layout, &mut todo);
            self.limbo.push(Gone::Object(addr));
        }
    }

    /// Takes what the fields of a structure hold.
    fn empty(&mut self, memory: &Memory, addr: u64, layout: &Layout, taken: &mut Vec<u64>) {
        for part in &layout.parts {
            let at = addr.wrapping_add(u64::from(part.offset));
            match part.kind {
                PartKind::Pointer => {
                    let held = exchange(memory, Addr(at), 0);
                    taken.extend(held.filter(|held| *held != 0));
                }
                PartKind::Root => {
                    for node in self.roots.remove(&at).unwrap_or_default() {
                        self.owners.remove(&node);
                        taken.extend(self.containing(node));
                    }
                }
                PartKind::Lock | PartKind::Count | PartKind::Node | PartKind::Other => {}
            }
        }
    }
}

/// Puts a number in the place of another, for the simulator itself.
fn exchange(memory: &Memory, at: Addr, value: u64) -> Option<u64> {
    let (op, width) = (AtomicOp::Xchg, Width::W64);
    match memory.atomic(at, op, width, value, 0) {
        Ok(old) => Some(old),
        // Programs may not write there, so that no two threads do.
        Err(_) => {
            let old = memory.peek_uint(at, Size::DW).ok()?;
            memory.poke_uint(at, Size::DW, value).ok()?;
            Some(old)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::MemoryConfig;

    fn table() -> ObjectTable {
        let config = MemoryConfig {
            budget: 64 << 20,
            ..MemoryConfig::default()
        };
        ObjectTable::new(
            Arc::new(Memory::new(config).expect("memory")),
            Arc::default(),
            &Awaited::default(),
        )
    }

    /// A number, a node at 8, a pointer at 32 and a list at 40.
    fn layout() -> Arc<Layout> {
        let part = |offset, size, kind| Part { offset, size, kind };
        Arc::new(Layout {
            name: "item".into(),
            size: 56,
            parts: vec![
                part(8, 24, PartKind::Node),
                part(32, 8, PartKind::Pointer),
                part(40, 16, PartKind::Root),
            ],
        })
    }

    fn item(table: &ObjectTable) -> Addr {
        table.allocate(layout(), Copies::One).expect("memory")
    }

    #[test]
    fn object_lives_until_the_last_reference_and_the_end_of_the_run() {
        let table = table();
        let item = item(&table);
        table.acquire(item).expect("it is held");
        table.give_back(item).expect("it is held twice");
        table.give_back(item).expect("it is held once");
        assert_eq!(table.give_back(item), Err(ObjectRefusal::NoObject));
        assert!(table.memory.load(item, Size::DW).is_ok());
        table.end_of_run(&Grace::default());
        assert!(table.memory.load(item, Size::DW).is_err());
    }

    #[test]
    fn what_an_object_holds_goes_with_it() {
        let table = table();
        let (outer, listed, pointed) = (item(&table), item(&table), item(&table));
        table
            .push(outer.offset(40), listed.offset(8), End::Back)
            .expect("it is in no list");
        let field = outer.offset(32);
        table
            .memory
            .store(field, Size::DW, pointed.0)
            .expect("in bounds");
        assert_eq!(table.held(), 3);
        table.give_back(outer).expect("it is held");
        assert_eq!(table.held(), 0);
        table.end_of_run(&Grace::default());
        assert!(table.memory.load(listed, Size::DW).is_err());
    }

    #[test]
    fn structure_in_a_field_stays_until_the_field_is_emptied() {
        let table = table();
        let spec = ObjectSpec::new(ObjectKind::KernelObject, "task_struct", Owner::Kernel);
        let [kept, other] = [(); 2].map(|()| table.memory.allocate(64, &spec).expect("memory"));
        let outer = item(&table);
        table.put_in_field(kept);
        let field = outer.offset(32);
        let stored = table.memory.store(field, Size::DW, kept.0);
        stored.expect("in bounds");
        assert_eq!(
            [kept, other].map(|at| table.outlives_event(at, &Grace::default())),
            [true, false]
        );
        table.end_of_run(&Grace::default());
        assert!(table.memory.load(kept, Size::DW).is_ok());
        table.release_fields(outer, &layout());
        assert_eq!(table.lent(), 0);
        assert!(table.memory.load(kept, Size::DW).is_ok(), "as under RCU");
        table.end_of_run(&Grace::default());
        assert!(table.memory.load(kept, Size::DW).is_err());
    }

    #[test]
    fn structure_taken_out_of_a_field_lives_until_the_run_ends() {
        let table = table();
        let spec = ObjectSpec::new(ObjectKind::KernelObject, "task_struct", Owner::Kernel);
        let kept = table.memory.allocate(64, &spec).expect("memory");
        table.put_in_field(kept);
        assert!(table.outlives_event(kept, &Grace::default()));
        table.taken_from_field(kept);
        table.put_in_field(kept);
        table.end_of_run(&Grace::default());
        assert!(table.memory.load(kept, Size::DW).is_ok(), "it was put back");
        table.taken_from_field(kept);
        assert!(table.memory.load(kept, Size::DW).is_ok());
        table.end_of_run(&Grace::default());
        assert!(table.memory.load(kept, Size::DW).is_err());
    }

    #[test]
    fn list_gives_at_both_ends_what_was_pushed() {
        let table = table();
        let root = item(&table).offset(40);
        let nodes = [(); 3].map(|()| item(&table).offset(8));
        table.push(root, nodes[1], End::Back).expect("free");
        table.push(root, nodes[0], End::Front).expect("free");
        table.push(root, nodes[2], End::Back).expect("free");
        assert_eq!(table.pop(root, End::Back), Some(nodes[2]));
        assert_eq!(table.pop(root, End::Front), Some(nodes[0]));
        assert!(table.remove(root, nodes[1]));
        assert!(!table.remove(root, nodes[1]));
        assert_eq!(table.pop(root, End::Front), None);
    }

    #[test]
    fn node_in_a_list_cannot_be_pushed_again() {
        let table = table();
        let (root, object) = (item(&table).offset(40), item(&table));
        let node = object.offset(8);
        table.acquire(object).expect("it is held");
        table.push(root, node, End::Front).expect("free");
        let again = table.push(root, node, End::Front);
        assert_eq!(again, Err(ObjectRefusal::Linked));
        assert_eq!(table.give_back(object), Ok(()), "the list's own is left");
        assert_eq!(table.give_back(object), Err(ObjectRefusal::NoObject));
    }

    #[test]
    fn push_of_what_is_no_node_is_refused() {
        let table = table();
        let object = item(&table);
        let root = object.offset(40);
        for place in [object, object.offset(16), Addr(64), Addr::NULL] {
            let pushed = table.push(root, place, End::Front);
            assert_eq!(pushed, Err(ObjectRefusal::NoNode));
        }
    }

    #[test]
    fn each_cpu_has_its_own() {
        let table = table();
        let layout = Arc::new(Layout {
            name: "count".into(),
            size: 12,
            parts: Vec::new(),
        });
        let object = table.allocate(layout, Copies::Each(2)).expect("memory");
        assert_eq!(table.on_cpu(object, CpuId(0)), Some(object));
        assert_eq!(table.on_cpu(object, CpuId(1)), Some(object.offset(16)));
        assert_eq!(table.on_cpu(object, CpuId(2)), None);
        assert_eq!(table.on_cpu(item(&table), CpuId(0)), None);
    }
}
