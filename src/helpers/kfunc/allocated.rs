//! Objects that programs allocate, and the lists and trees they put them into.

use std::sync::Arc;

use super::super::HelperError;
use super::{Call, Entry, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Copies, End, Errno, ObjectRefusal};
use crate::maps::layout_of;

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_obj_new_impl", 2, obj_new),
    Entry::new("bpf_obj_drop_impl", 2, obj_drop),
    Entry::new("bpf_percpu_obj_new_impl", 2, percpu_obj_new),
    Entry::new("bpf_percpu_obj_drop_impl", 2, obj_drop),
    Entry::new("bpf_refcount_acquire_impl", 2, refcount_acquire),
    Entry::new("bpf_list_push_front_impl", 4, list_push_front),
    Entry::new("bpf_list_push_back_impl", 4, list_push_back),
    Entry::new("bpf_list_pop_front", 1, list_pop_front),
    Entry::new("bpf_list_pop_back", 1, list_pop_back),
    Entry::new("bpf_rbtree_add_impl", 5, rbtree_add),
    Entry::new("bpf_rbtree_remove", 2, rbtree_remove),
    Entry::new("bpf_rbtree_first", 1, rbtree_first),
];

/// `void *bpf_obj_new_impl(u64 local_type_id__k, void *meta__ign)`
fn obj_new(call: &mut Call<'_>) -> Reply {
    allocate(call, Copies::One)
}

/// `void *bpf_percpu_obj_new_impl(u64 local_type_id__k, void *meta__ign)`
fn percpu_obj_new(call: &mut Call<'_>) -> Reply {
    let cpus = call.world.machine.cpus.count();
    allocate(call, Copies::Each(cpus))
}

fn allocate(call: &mut Call<'_>, copies: Copies) -> Reply {
    let Some(object) = &call.facts.object else {
        return Err(HelperError::Refused(
            "which type is to be allocated is known of judged programs alone",
        ));
    };
    let layout = layout_of(&object.name, object.size, &object.fields);
    let made = call
        .world
        .machine
        .objects
        .allocate(Arc::new(layout), copies);
    Ok(made.map_or(0, |addr| addr.0))
}

/// `void bpf_obj_drop_impl(void *p__alloc, void *meta__ign)`
fn obj_drop(call: &mut Call<'_>) -> Reply {
    let dropped = call.world.machine.objects.give_back(Addr(call.args[0]));
    dropped.map(|()| 0).map_err(refused)
}

/// `void *bpf_refcount_acquire_impl(void *p__refcounted_kptr, void *meta__ign)`: null once nobody holds it.
fn refcount_acquire(call: &mut Call<'_>) -> Reply {
    let objects = &call.world.machine.objects;
    let given = Addr(call.args[0]);
    let object = objects
        .containing(given)
        .ok_or_else(|| refused(ObjectRefusal::NoObject))?;
    Ok(match objects.acquire(object) {
        Ok(()) => given.0,
        Err(_) => 0,
    })
}

/// `int bpf_list_push_front_impl(head, node, void *meta__ign, u64 off)`
fn list_push_front(call: &mut Call<'_>) -> Reply {
    list_push(call, End::Front)
}

/// `int bpf_list_push_back_impl(head, node, void *meta__ign, u64 off)`
fn list_push_back(call: &mut Call<'_>) -> Reply {
    list_push(call, End::Back)
}

fn list_push(call: &mut Call<'_>, end: End) -> Reply {
    let root = root(call)?;
    let node = Addr(call.args[1]);
    linked(call.world.machine.objects.push(root, node, end))
}

/// What putting a node somewhere gives: an error where it is in a list or tree already.
fn linked(pushed: Result<(), ObjectRefusal>) -> Reply {
    match pushed {
        Ok(()) => Ok(0),
        Err(ObjectRefusal::Linked) => Ok(Errno::EINVAL.as_return()),
        Err(other @ (ObjectRefusal::NoObject | ObjectRefusal::NoNode)) => Err(refused(other)),
    }
}

/// `struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head)`
fn list_pop_front(call: &mut Call<'_>) -> Reply {
    let root = root(call)?;
    Ok(address(call.world.machine.objects.pop(root, End::Front)))
}

/// `struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head)`
fn list_pop_back(call: &mut Call<'_>) -> Reply {
    let root = root(call)?;
    Ok(address(call.world.machine.objects.pop(root, End::Back)))
}

/// `int bpf_rbtree_add_impl(root, node, bool (less)(a, b), void *meta__ign, u64 off)`
///
/// The place is searched for by halves, where the kernel goes down its tree: both ask the program's function about as
/// often, and what is equal comes after what was there.
fn rbtree_add(call: &mut Call<'_>) -> Reply {
    let root = root(call)?;
    let [_, node, less, ..] = call.args;
    let objects = &call.world.machine.objects;
    let (mut low, mut high) = (0, objects.len(root));
    while low < high {
        let middle = low.midpoint(high);
        let Some(other) = objects.at(root, middle) else {
            break;
        };
        match call.engine.callback(less, [node, other.0, 0, 0, 0])? {
            0 => low = middle + 1,
            _ => high = middle,
        }
    }
    linked(objects.insert(root, Addr(node), low))
}

/// `struct bpf_rb_node *bpf_rbtree_remove(root, node)`: null if it is not in that tree.
fn rbtree_remove(call: &mut Call<'_>) -> Reply {
    let root = root(call)?;
    let node = Addr(call.args[1]);
    let is_removed = call.world.machine.objects.remove(root, node);
    Ok(address(is_removed.then_some(node)))
}

/// `struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root)`
fn rbtree_first(call: &mut Call<'_>) -> Reply {
    let root = root(call)?;
    Ok(address(call.world.machine.objects.at(root, 0)))
}

/// The list or tree that a call is given: a place that the program may read.
fn root(call: &Call<'_>) -> Result<Addr, HelperError> {
    let root = Addr(call.args[0]);
    call.memory().load(root, Size::DW)?;
    Ok(root)
}

fn address(found: Option<Addr>) -> u64 {
    found.map_or(0, |addr| addr.0)
}

fn refused(refusal: ObjectRefusal) -> HelperError {
    HelperError::Refused(match refusal {
        ObjectRefusal::NoObject => "the argument is no allocated object",
        ObjectRefusal::NoNode => "the argument is no node of an allocated object",
        ObjectRefusal::Linked => "the node is in a list or tree already",
    })
}

#[cfg(test)]
mod tests {
    use crate::helpers::tests::bench::{Bench, CALLBACK, errno};
    use crate::machine::{Addr, Copies, Errno, Layout, Part, PartKind};

    /// An object with a node at 8.
    fn node(bench: &Bench) -> u64 {
        let layout = Layout {
            name: "item".into(),
            size: 40,
            parts: vec![Part {
                offset: 8,
                size: 32,
                kind: PartKind::Node,
            }],
        };
        let made = bench.machine.objects.allocate(layout.into(), Copies::One);
        made.expect("memory").0 + 8
    }

    #[test]
    fn object_of_unknown_type_is_refused() {
        let mut bench = Bench::new();
        assert!(bench.kfunc_reply("bpf_obj_new_impl", [7, 0]).is_err());
        assert!(bench.kfunc_reply("bpf_obj_drop_impl", [64, 0]).is_err());
    }

    #[test]
    fn list_takes_and_gives_at_both_ends() {
        let mut bench = Bench::new();
        let (head, first, second) = (bench.data(&[0; 16]), node(&bench), node(&bench));
        assert_eq!(bench.kfunc("bpf_list_pop_front", [head]), 0);
        assert_eq!(
            bench.kfunc("bpf_list_push_back_impl", [head, second, 0, 0]),
            0
        );
        assert_eq!(
            bench.kfunc("bpf_list_push_front_impl", [head, first, 0, 0]),
            0
        );
        let again = bench.kfunc("bpf_list_push_front_impl", [head, first, 0, 0]);
        assert_eq!(again, errno(Errno::EINVAL));
        assert_eq!(bench.kfunc("bpf_list_pop_back", [head]) as u64, second);
        assert_eq!(bench.kfunc("bpf_list_pop_front", [head]) as u64, first);
    }

    #[test]
    fn tree_asks_the_program_which_comes_first() {
        let mut bench = Bench::new();
        let (root, first, second) = (bench.data(&[0; 16]), node(&bench), node(&bench));
        for node in [first, second] {
            let added = bench.kfunc("bpf_rbtree_add_impl", [root, node, CALLBACK, 0, 0]);
            assert_eq!(added, 0);
        }
        // The function of these tests answers that nothing is less.
        assert_eq!(bench.engine.called, [[second, first, 0, 0, 0]]);
        assert_eq!(bench.kfunc("bpf_rbtree_first", [root]) as u64, first);
        assert_eq!(
            bench.kfunc("bpf_rbtree_remove", [root, first]) as u64,
            first
        );
        assert_eq!(bench.kfunc("bpf_rbtree_remove", [root, first]), 0);
        assert_eq!(bench.kfunc("bpf_rbtree_first", [root]) as u64, second);
    }

    #[test]
    fn reference_to_what_nobody_holds_is_null() {
        let mut bench = Bench::new();
        let object = node(&bench) - 8;
        let acquired = bench.kfunc("bpf_refcount_acquire_impl", [object, 0]);
        assert_eq!(acquired as u64, object);
        bench.kfunc("bpf_obj_drop_impl", [object, 0]);
        bench.kfunc("bpf_obj_drop_impl", [object, 0]);
        assert_eq!(bench.kfunc("bpf_refcount_acquire_impl", [object, 0]), 0);
        assert_eq!(bench.machine.objects.held(), 0);
        assert!(bench.kfunc_reply("bpf_obj_drop_impl", [object, 0]).is_err());
        assert!(bench.machine.objects.acquire(Addr(object)).is_err());
    }
}
