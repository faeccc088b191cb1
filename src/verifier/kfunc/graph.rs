//! Objects that programs allocate, and the lists and trees they put them into.
//!
//! What a program allocates it must release, or put into a list or tree, which then holds it: the program may go on
//! using it until it releases the lock beside the list. What it takes out it must release again.
//!
//! Kernel: `__process_kf_arg_ptr_to_graph_root`, `__process_kf_arg_ptr_to_graph_node`,
//! `ref_convert_owning_non_owning`, `set_rbtree_add_callback_state` in kernel/bpf/verifier.c, 6.12.

use crate::btf::{Btf, BtfId, Type};
use crate::isa::{CallTarget, Insn, Pc, Reg};
use crate::object::{FieldKind, Fields, NewObject, Root};

use super::super::explore::Verifier;
use super::super::fail::{Check, Fail};
use super::super::memory::{check_unmoved, check_unvaried};
use super::super::outcome::Errno;
use super::super::state::{Frame, Hold, Kind, Register};
use super::argument::Given;
use super::{Call, Kfunc};

/// The largest memory of which each CPU may have its own (`BPF_GLOBAL_PERCPU_MA_MAX_SIZE`).
const MAX_PER_CPU: u64 = 512;
/// How deep a structure of nothing but numbers may nest.
const MAX_NESTING: u32 = 3;

/// Whether a function works on lists, trees and what is in them: those may be called with a lock held, as may be
/// the iterator over numbers.
pub(super) fn may_hold_lock(kfunc: &Kfunc) -> bool {
    is_of_trees(kfunc)
        || kfunc.name.starts_with("bpf_list_")
        || kfunc.name.starts_with("bpf_iter_num_")
        || kfunc.name == "bpf_refcount_acquire_impl"
}

fn is_of_trees(kfunc: &Kfunc) -> bool {
    kfunc.name.starts_with("bpf_rbtree_")
}

/// Whether a function puts an object into a list or tree.
fn links(kfunc: &Kfunc) -> bool {
    matches!(
        kfunc.name,
        "bpf_list_push_front_impl" | "bpf_list_push_back_impl" | "bpf_rbtree_add_impl"
    )
}

/// The structures that stand for a list or tree, or for what links objects into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Graph {
    List,
    Tree,
}

impl Graph {
    fn root(self) -> &'static str {
        match self {
            Graph::List => "bpf_list_head",
            Graph::Tree => "bpf_rb_root",
        }
    }

    fn node(self) -> &'static str {
        match self {
            Graph::List => "bpf_list_node",
            Graph::Tree => "bpf_rb_node",
        }
    }

    fn root_of(self, kind: &FieldKind) -> Option<Root> {
        match (self, kind) {
            (Graph::List, FieldKind::ListHead(root)) | (Graph::Tree, FieldKind::RbRoot(root)) => {
                Some(*root)
            }
            (Graph::List | Graph::Tree, _) => None,
        }
    }

    fn is_node(self, kind: &FieldKind) -> bool {
        match self {
            Graph::List => *kind == FieldKind::ListNode,
            Graph::Tree => *kind == FieldKind::RbNode,
        }
    }
}

/// What a parameter wants that is judged here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// An object that the program allocated.
    Object,
    /// An object with a reference count.
    Counted,
    /// A list or tree.
    Root,
    /// What links an object into one.
    Node,
}

impl Verifier<'_> {
    /// What a parameter wants of objects, lists and trees.
    pub(super) fn wants_object(&self, given: &Given<'_>) -> Option<Wants> {
        if given.name.ends_with("__alloc") {
            return Some(Wants::Object);
        }
        if given.name.ends_with("__refcounted_kptr") {
            return Some(Wants::Counted);
        }
        match self.kernel_btf().ty(given.pointee) {
            Type::Struct(composite) => match composite.name {
                "bpf_list_head" | "bpf_rb_root" => Some(Wants::Root),
                "bpf_list_node" | "bpf_rb_node" => Some(Wants::Node),
                _ => None,
            },
            _ => None,
        }
    }

    fn graph_of(&self, given: &Given<'_>) -> Graph {
        match self.kernel_btf().ty(given.pointee).name() {
            "bpf_list_head" | "bpf_list_node" => Graph::List,
            _ => Graph::Tree,
        }
    }

    /// Judges an argument that is an object, a list or a tree.
    pub(super) fn check_object_argument(
        &mut self,
        call: &mut Call,
        given: &Given<'_>,
        wants: Wants,
    ) -> Check {
        let register = *self.cur.reg(given.reg);
        if wants == Wants::Object && !is_trusted(&register) {
            return Err(Fail::invalid(format!(
                "R{} must be referenced or trusted",
                given.reg.number()
            )));
        }
        self.check_object_offset(call, given, &register, wants)?;
        match wants {
            Wants::Object => self.check_allocated(call, given, &register),
            Wants::Counted => self.check_counted(call, given, &register),
            Wants::Root => self.check_root(call, given, &register),
            Wants::Node => self.check_node(call, given, &register),
        }
    }

    fn check_object_offset(
        &self,
        call: &Call,
        given: &Given<'_>,
        register: &Register,
        wants: Wants,
    ) -> Check {
        let reg = given.reg;
        let releases = call.release.is_some() && register.ref_id != 0;
        let name = self.type_name(register);
        if wants == Wants::Object || releases {
            if register.off != 0 {
                return Err(Fail::invalid(format!(
                    "R{} must have zero offset when passed to release func or trusted arg to kfunc",
                    reg.number()
                )));
            }
            return check_unmoved(reg, register, &name);
        }
        match register.kind {
            Kind::Local(_, Hold::Owned | Hold::NonOwning | Hold::NonOwningRcu)
                if !register.maybe_null =>
            {
                check_unvaried(reg, register, &name)
            }
            Kind::Btf(..) if !register.maybe_null => check_unvaried(reg, register, &name),
            Kind::Scalar
            | Kind::Uninit
            | Kind::Stack(_)
            | Kind::Packet
            | Kind::PacketMeta
            | Kind::MapKey(_)
            | Kind::MapValue(_)
            | Kind::Mem(..)
            | Kind::Arena
            | Kind::Buf(_) => Ok(()),
            Kind::Local(..)
            | Kind::Btf(..)
            | Kind::Ctx
            | Kind::Map(_)
            | Kind::PacketEnd
            | Kind::Dynptr
            | Kind::Func(_)
            | Kind::Sock(_)
            | Kind::FlowKeys => check_unmoved(reg, register, &name),
        }
    }

    /// An object to be released.
    fn check_allocated(&self, call: &mut Call, given: &Given<'_>, register: &Register) -> Check {
        let index = given.index;
        let (id, wanted) = match register.kind {
            Kind::Local(id, Hold::Owned) => (id, "bpf_obj_drop_impl"),
            Kind::Local(id, Hold::OwnedPerCpu) => (id, "bpf_percpu_obj_drop_impl"),
            _ => return Err(not_allocated(index)),
        };
        if call.kfunc.name != wanted {
            return Err(Fail::invalid(format!(
                "arg#{index} expected for {wanted}()"
            )));
        }
        check_referenced(register)?;
        call.object = Some(id);
        Ok(())
    }

    /// An object of which another reference is taken.
    fn check_counted(&self, call: &mut Call, given: &Given<'_>, register: &Register) -> Check {
        let index = given.index;
        let object = match register.kind {
            Kind::Local(id, hold) if hold.is_alloc() && !hold.is_untrusted() => Some(id),
            _ => None,
        };
        let Some(id) = object else {
            return Err(Fail::invalid(format!(
                "arg#{index} is neither owning or non-owning ref"
            )));
        };
        call.is_owned = register.ref_id != 0;
        if self.object_fields(id).is_empty() {
            return Err(Fail::new(
                Errno::Fault,
                "verifier internal error: Couldn't find btf_record",
            ));
        }
        if !self.object_fields(id).has(&FieldKind::Refcount) {
            return Err(Fail::invalid(format!(
                "arg#{index} doesn't point to a type with bpf_refcount field"
            )));
        }
        call.object = Some(id);
        Ok(())
    }

    /// A list or tree, whose lock must be held.
    fn check_root(&self, call: &mut Call, given: &Given<'_>, register: &Register) -> Check {
        let graph = self.graph_of(given);
        let name = graph.root();
        match register.kind {
            Kind::MapValue(_) if !register.maybe_null => {}
            Kind::Local(_, Hold::Owned) if !register.maybe_null => check_referenced(register)?,
            _ => {
                let index = given.index;
                return Err(Fail::invalid(format!(
                    "arg#{index} expected pointer to map value or allocated object"
                )));
            }
        }
        let off = constant_offset(given.reg, register, name)?;
        let fields = self.fields_behind(register.kind);
        let found = fields.at(off).and_then(|field| graph.root_of(&field.kind));
        let Some(root) = found else {
            return Err(Fail::invalid(format!("{name} not found at offset={off}")));
        };
        self.check_locked(register, name)?;
        call.root = Some(root);
        Ok(())
    }

    /// What links an object into a list or tree.
    fn check_node(&self, call: &mut Call, given: &Given<'_>, register: &Register) -> Check {
        let graph = self.graph_of(given);
        if call.kfunc.name == "bpf_rbtree_remove" {
            let is_shared = matches!(register.kind, Kind::Local(_, hold) if hold.is_non_owning());
            if !is_shared || register.ref_id != 0 {
                return Err(Fail::invalid(
                    "rbtree_remove node input must be non-owning ref",
                ));
            }
            if self.in_tree_callback() {
                return Err(Fail::invalid("rbtree_remove not allowed in rbtree cb"));
            }
        } else {
            match register.kind {
                Kind::Local(_, Hold::Owned) if !register.maybe_null => check_referenced(register)?,
                _ => return Err(not_allocated(given.index)),
            }
        }
        let (Kind::Local(id, _), Some(root)) = (register.kind, call.root) else {
            return Err(not_allocated(given.index));
        };
        let off = constant_offset(given.reg, register, graph.node())?;
        let fields = self.object_fields(id);
        if !fields
            .at(off)
            .is_some_and(|field| graph.is_node(&field.kind))
        {
            return Err(Fail::invalid(format!(
                "{} not found at offset={off}",
                graph.node()
            )));
        }
        call.object = Some(id);
        self.check_node_fits(graph, root, id, off)
    }

    /// The node must be the one that the list or tree was declared with.
    fn check_node_fits(&self, graph: Graph, root: Root, id: BtfId, off: i64) -> Check {
        let (head, node) = (graph.root(), graph.node());
        let wanted = self.local_name(root.value);
        let at = root.node_offset;
        if id != root.value {
            let name = self.local_name(id);
            return Err(Fail::invalid(format!(
                "operation on {head} expects arg#1 {node} at offset={at} in struct {wanted}, \
                 but arg is at offset={off} in struct {name}"
            )));
        }
        if off != i64::from(at) {
            return Err(Fail::invalid(format!(
                "arg#1 offset={off}, but expected {node} at offset={at} in struct {wanted}"
            )));
        }
        Ok(())
    }

    /// What a call does to objects beside its result: a list or tree now holds what is put into it.
    pub(super) fn link_object(&mut self, pc: Pc, call: &Call) -> Check {
        if call.kfunc.name == "bpf_rbtree_add_impl"
            && let Some(subprog) = call.callback
        {
            self.compare_in_tree(pc, call, subprog)?;
        }
        if !links(call.kfunc) {
            return Ok(());
        }
        let reference = self.cur.reg(Reg::R2).ref_id;
        let Some(object) = call.object else {
            return Ok(());
        };
        let hold = self.shared_hold(object);
        self.cur.for_each_register(|register| {
            if register.ref_id == reference && reference != 0 {
                register.ref_id = 0;
                if let Kind::Local(id, _) = register.kind {
                    register.kind = Kind::Local(id, hold);
                }
            }
        });
        self.release(reference, &format!("kfunc {}#", call.kfunc.name))
    }

    /// How a program holds what is in a list or tree.
    fn shared_hold(&self, object: BtfId) -> Hold {
        match self.object_fields(object).has(&FieldKind::Refcount) {
            true => Hold::NonOwningRcu,
            false => Hold::NonOwning,
        }
    }

    /// The function that compares two objects for a tree.
    fn compare_in_tree(&mut self, pc: Pc, call: &Call, subprog: usize) -> Check {
        let Some(root) = call.root else {
            return Ok(());
        };
        let mut object = self.node_of(root);
        object.kind = Kind::Local(root.value, self.shared_hold(root.value));
        let fill = |frame: &mut Frame| {
            *frame.reg_mut(Reg::R1) = object;
            *frame.reg_mut(Reg::R2) = object;
        };
        self.call_back(pc, subprog, fill)
    }

    /// A pointer to the node in an object that the program owns.
    fn node_of(&self, root: Root) -> Register {
        Register {
            off: i32::try_from(root.node_offset).unwrap_or(i32::MAX),
            ..Register::pointer(Kind::Local(root.value, Hold::Owned))
        }
    }

    /// What a function returns that gives objects.
    pub(super) fn object_result(&self, call: &Call) -> Check<Option<Register>> {
        let owned = |id| Register::pointer(Kind::Local(id, Hold::Owned));
        Ok(match call.kfunc.name {
            "bpf_obj_new_impl" => Some(owned(self.new_object_type(call)?)),
            "bpf_percpu_obj_new_impl" => {
                let id = self.new_object_type(call)?;
                self.check_may_be_per_cpu(id)?;
                Some(Register::pointer(Kind::Local(id, Hold::OwnedPerCpu)))
            }
            "bpf_refcount_acquire_impl" => call.object.map(owned),
            "bpf_list_pop_front" | "bpf_list_pop_back" | "bpf_rbtree_remove"
            | "bpf_rbtree_first" => call.root.map(|root| self.node_of(root)),
            _ => None,
        })
    }

    /// What the tree still holds is not the program's.
    pub(super) fn share_first(&self, call: &Call, result: &mut Register) {
        if call.kfunc.name == "bpf_rbtree_first"
            && let Some(root) = call.root
        {
            result.kind = Kind::Local(root.value, self.shared_hold(root.value));
        }
    }

    /// The structure that is to be allocated.
    fn new_object_type(&self, call: &Call) -> Check<BtfId> {
        let Ok(id) = u32::try_from(call.constant.unwrap_or(0)) else {
            return Err(Fail::invalid(
                "local type ID argument must be in range [0, U32_MAX]",
            ));
        };
        let Some(btf) = self.program.btf.as_ref() else {
            return Err(Fail::invalid(
                "bpf_obj_new/bpf_percpu_obj_new requires prog BTF",
            ));
        };
        match btf.ty(BtfId(id)) {
            Type::Struct(_) => Ok(BtfId(id)),
            _ => Err(Fail::invalid(
                "bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct",
            )),
        }
    }

    /// What a call allocates, if it does.
    pub(super) fn new_object(&self, call: &Call) -> Option<NewObject> {
        let allocates = matches!(
            call.kfunc.name,
            "bpf_obj_new_impl" | "bpf_percpu_obj_new_impl"
        );
        let id = allocates.then(|| self.new_object_type(call).ok())??;
        let size = self.program.btf.as_ref()?.size_of(id)?;
        Some(NewObject {
            name: self.local_name(id),
            size: u32::try_from(size).ok()?,
            fields: Fields::clone(&self.object_fields(id)),
        })
    }

    /// Memory of which each CPU has its own is small and holds nothing but numbers.
    fn check_may_be_per_cpu(&self, id: BtfId) -> Check {
        let Some(btf) = self.program.btf.as_ref() else {
            return Ok(());
        };
        let size = btf.size_of(id).unwrap_or(0);
        if size > MAX_PER_CPU {
            return Err(Fail::invalid(format!(
                "bpf_percpu_obj_new type size ({size}) is greater than {MAX_PER_CPU}"
            )));
        }
        if !is_of_numbers(btf, id, MAX_NESTING) {
            return Err(Fail::invalid(
                "bpf_percpu_obj_new type ID argument must be of a struct of scalars",
            ));
        }
        match self.object_fields(id).is_empty() {
            true => Ok(()),
            false => Err(Fail::invalid(
                "bpf_percpu_obj_new type ID argument must not contain special fields",
            )),
        }
    }

    /// Whether a tree has called what runs, with its lock held.
    pub(in crate::verifier) fn in_tree_callback(&self) -> bool {
        let frame = self.cur.frame();
        if self.cur.frames.len() < 2 || frame.callback_range.is_none() {
            return false;
        }
        let caller = self.insns.get(frame.callsite.index());
        let caller = caller.and_then(|insn| self.kfuncs.called_by(insn));
        caller.is_some_and(is_of_trees)
    }

    /// Refuses a call that must not be made with a lock held.
    pub(super) fn check_lock_allows(&self, pc: Pc) -> Check {
        let insn = self.insns.get(pc.index());
        let is_module = matches!(insn, Some(Insn::Call(CallTarget::Kfunc { btf_index, .. })) if *btf_index != 0);
        let kfunc = insn.and_then(|insn| self.kfuncs.called_by(insn));
        let allowed = !is_module && kfunc.is_some_and(may_hold_lock);
        match self.cur.lock.is_some() && !allowed {
            true => Err(super::super::lock::calls_refused()),
            false => Ok(()),
        }
    }
}

/// Whether nothing but what the program did decides how long an object lives.
fn is_trusted(register: &Register) -> bool {
    let vouched = match register.kind {
        Kind::Local(_, hold) => matches!(hold, Hold::Owned | Hold::NonOwning),
        Kind::Btf(_, trust) => trust == super::super::state::Trust::Trusted,
        Kind::Map(_) | Kind::Sock(_) => true,
        _ => false,
    };
    register.ref_id != 0 || vouched && !register.maybe_null
}

fn not_allocated(index: usize) -> Fail {
    Fail::invalid(format!("arg#{index} expected pointer to allocated object"))
}

fn check_referenced(register: &Register) -> Check {
    match register.ref_id {
        0 => Err(Fail::invalid("allocated object must be referenced")),
        _ => Ok(()),
    }
}

/// Where a pointer points, which must be known.
fn constant_offset(reg: Reg, register: &Register, name: &str) -> Check<i64> {
    match register.value.const_value() {
        Some(moved) => Ok(i64::from(register.off).wrapping_add(moved.cast_signed())),
        None => Err(Fail::invalid(format!(
            "R{} doesn't have constant offset. {name} has to be at the constant offset",
            reg.number()
        ))),
    }
}

/// Whether a structure consists of numbers alone.
fn is_of_numbers(btf: &Btf, ty: BtfId, nesting: u32) -> bool {
    let Type::Struct(composite) = btf.resolved(ty) else {
        return false;
    };
    composite.members.iter().all(|member| {
        let mut of = btf.resolve(member.ty);
        while let Type::Array { elem, .. } = btf.ty(of) {
            of = btf.resolve(elem);
        }
        match (btf.ty(of), nesting.checked_sub(1)) {
            (Type::Int { .. } | Type::Enum(_) | Type::Enum64(_), _) => true,
            (Type::Struct(_), Some(nesting)) => is_of_numbers(btf, of, nesting),
            (_, _) => false,
        }
    })
}
