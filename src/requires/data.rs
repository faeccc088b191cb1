//! What maps and type information ask for.

use std::collections::HashSet;

use super::{Found, Kind, Place, Thing};
use crate::abi::map_type::flag;
use crate::abi::{Feature, ProgType, kfuncs};
use crate::btf::{Btf, BtfId, FuncLinkage, Type, essential_name};
use crate::object::{MapSpec, Need, Object, Origin, Supplied, SuppliedKind};

/// What the names of values of the configuration start with that loaders make up (`LINUX_KERNEL_VERSION`).
const LOADER_VALUES: &str = "LINUX_";

pub(super) fn object(object: &Object, maps: &[MapSpec], found: &mut Found) {
    let btf = object.btf().map(|btf| &**btf);
    for spec in maps {
        map(spec, btf, found);
    }
    if let Some(btf) = btf {
        type_information(btf, found);
    }
    for external in object.externs() {
        if let Some(thing) = extern_thing(&external) {
            found.declare(thing);
        }
    }
    if object.core_relocation_count() > 0 {
        let thing = needed(Kind::Btf, Feature::KernelTypes);
        found.add(thing, || Place::Object);
    }
}

/// What an extern asks for; nothing if the loader supplies it by itself.
fn extern_thing(external: &Supplied<'_>) -> Option<Thing> {
    let name = external.name;
    let (kind, name, since) = match external.kind {
        SuppliedKind::Config if name.starts_with(LOADER_VALUES) => return None,
        SuppliedKind::Config => (Kind::Config, name, Feature::GlobalData.since()),
        SuppliedKind::Function => {
            let name = essential_name(name);
            let since = kfuncs::since(name).unwrap_or(Feature::Kfunc.since());
            (Kind::Kfunc, name, since)
        }
        SuppliedKind::Variable => (Kind::Ksym, name, Feature::KernelVariable.since()),
        // Such an address is a number in the instructions, which every kernel takes.
        SuppliedKind::Address => (Kind::Ksym, name, ProgType::SocketFilter.since()),
    };
    Some(match external.need {
        Need::Strong => Thing::needed(kind, name, since),
        Need::Weak => Thing::adapted(kind, name, since),
    })
}

fn needed(kind: Kind, feature: Feature) -> Thing {
    Thing::needed(kind, feature.name(), feature.since())
}

fn map(spec: &MapSpec, btf: Option<&Btf>, found: &mut Found) {
    let place = || Place::Map(spec.name.clone());
    let map_type = spec.map_type;
    let thing = Thing::needed(Kind::MapType, map_type.name(), map_type.since());
    found.add(thing, place);
    for (bit, name, since) in flag::named(spec.flags) {
        // Where data cannot be mapped, libbpf makes the map without the flag.
        let is_data = spec.origin != Origin::Declared;
        let thing = match is_data && bit == flag::MMAPABLE {
            true => Thing::adapted(Kind::MapFlag, name, since),
            false => Thing::needed(Kind::MapFlag, name, since),
        };
        found.add(thing, place);
    }
    if spec.origin != Origin::Declared {
        found.add(needed(Kind::MapType, Feature::GlobalData), place);
    }
    if let Some((btf, ty)) = btf.zip(spec.value_type) {
        for feature in special(btf, ty) {
            found.add(needed(Kind::MapValue, feature), place);
        }
    }
    if let Some(inner) = &spec.inner {
        map(inner, btf, found);
    }
}

/// What the kernel treats specially in values of a type, each once.
fn special(btf: &Btf, value: BtfId) -> Vec<Feature> {
    let (mut seen, mut todo, mut found) = (HashSet::new(), vec![value], Vec::new());
    while let Some(id) = todo.pop() {
        let id = btf.resolve(id);
        if !seen.insert(id) {
            continue;
        }
        let ty = btf.ty(id);
        found.extend(by_name(ty.name()));
        match ty {
            Type::Struct(composite) | Type::Union(composite) => {
                todo.extend(composite.members.iter().map(|member| member.ty));
            }
            Type::Array { elem, .. } => todo.push(elem),
            Type::Var { ty, .. } => todo.push(ty),
            Type::Datasec { entries, .. } => todo.extend(entries.iter().map(|entry| entry.var)),
            Type::Ptr { to } => {
                let kptr = btf.type_tags(to).find_map(by_tag);
                // What a pointer to an object of ours has in it counts too.
                if kptr.is_some() {
                    todo.push(to);
                }
                found.extend(kptr);
            }
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn by_name(name: &str) -> Option<Feature> {
    match name {
        "bpf_spin_lock" => Some(Feature::SpinLock),
        "bpf_timer" => Some(Feature::Timer),
        "bpf_wq" => Some(Feature::Workqueue),
        "bpf_list_head" => Some(Feature::List),
        "bpf_rb_root" => Some(Feature::Tree),
        "bpf_refcount" => Some(Feature::Refcount),
        _ => None,
    }
}

fn by_tag(tag: &str) -> Option<Feature> {
    match tag {
        "kptr" | "kptr_ref" | "kptr_untrusted" => Some(Feature::Kptr),
        "percpu_kptr" => Some(Feature::PercpuKptr),
        _ => None,
    }
}

/// The kinds of types that kernels learnt to read later. libbpf replaces each where a kernel cannot.
fn type_information(btf: &Btf, found: &mut Found) {
    let mut add = |feature: Feature| {
        let thing = Thing::adapted(Kind::Btf, feature.name(), feature.since());
        found.add(thing, || Place::Object);
    };
    add(Feature::Btf);
    let kinds: HashSet<Feature> = btf.ids().filter_map(|id| of_type(&btf.ty(id))).collect();
    let mut kinds: Vec<Feature> = kinds.into_iter().collect();
    kinds.sort_unstable();
    kinds.into_iter().for_each(add);
}

fn of_type(ty: &Type<'_>) -> Option<Feature> {
    match ty {
        Type::Func {
            linkage: FuncLinkage::Static,
            ..
        }
        | Type::FuncProto { .. } => Some(Feature::FuncInfo),
        Type::Func { .. } => Some(Feature::GlobalFunction),
        Type::Var { .. } | Type::Datasec { .. } => Some(Feature::BtfDatasec),
        Type::Float { .. } => Some(Feature::BtfFloat),
        Type::DeclTag { .. } => Some(Feature::BtfDeclTag),
        Type::TypeTag { .. } => Some(Feature::BtfTypeTag),
        Type::Enum64(_) => Some(Feature::BtfEnum64),
        Type::Void | Type::Int { .. } | Type::Ptr { .. } | Type::Array { .. } => None,
        Type::Struct(_) | Type::Union(_) | Type::Enum(_) | Type::Fwd { .. } => None,
        Type::Typedef { .. } | Type::Volatile { .. } | Type::Const { .. } => None,
        Type::Restrict { .. } => None,
    }
}
