//! What we make of an object, in the words of the probe.

use ebpf_sim::abi::{MapType, sections};
use ebpf_sim::btf::BtfId;
use ebpf_sim::object::{
    Autoload, Initial, KernelSymbols, LinkError, LinkOptions, Linked, MapSpec, Object, Origin,
    Pinning, Program, Setup,
};
use serde_json::{Value, json};

/// Some symbols of a kernel.
pub(crate) const KALLSYMS: &str = "\
0000000000000000 A __per_cpu_start
ffffffff81000000 T _stext
ffffffff81123450 T bpf_fentry_test1
ffffffff81123460 T bpf_fentry_test2
ffffffff81123470 T bpf_fentry_test3
ffffffff81123480 T bpf_fentry_test4
ffffffff81123490 T bpf_fentry_test5
ffffffff811234a0 T bpf_fentry_test6
ffffffff811234b0 T bpf_fentry_test7
ffffffff811234c0 T bpf_fentry_test8
ffffffff811234d0 T bpf_modify_return_test
ffffffff81234560 T schedule
ffffffff82228000 D bpf_link_fops
ffffffff82345670 t bpf_testmod_fentry_test1\t[bpf_testmod]
ffffffff82345680 t bpf_testmod_fentry_test2\t[bpf_testmod]
ffffffff82345690 t bpf_testmod_fentry_test3\t[bpf_testmod]
";

/// How many CPUs the probe says there are.
const CPUS: u32 = 2;

/// Opens and links an object.
pub(crate) fn answer(path: &str, bytes: &[u8]) -> Value {
    let object = match Object::parse(path, bytes) {
        Ok(object) => object,
        Err(error) => return json!({ "open": error.to_string() }),
    };
    let setup = Setup {
        kallsyms: Some(KernelSymbols::parse(KALLSYMS)),
        ..Setup::default()
    };
    let linked = object.link(&LinkOptions {
        setup: Some(&setup),
        ..LinkOptions::default()
    });
    json!({
        "open": null,
        "programs": programs(&linked),
        "maps": object.maps().iter().map(map).collect::<Vec<_>>(),
        "created": linked.maps.iter().flat_map(creations).collect::<Vec<_>>(),
        "slots": linked.maps.iter().flat_map(|map| slots(map, &linked)).collect::<Vec<_>>(),
        "contents": linked.maps.iter().filter_map(contents).collect::<Vec<_>>(),
        "loaded": linked.programs.iter().map(loaded).collect::<Vec<_>>(),
    })
}

fn programs(linked: &Linked) -> Vec<Value> {
    let describe = |program: &Result<Program, LinkError>| match program {
        Ok(program) => json!({
            "name": program.name,
            "section": section_name(&program.section),
            "type": program.prog_type.number(),
            "attach_type": program.attach_type.map_or(0, |attach| attach.number()),
            "autoload": !program.section.starts_with('?'),
        }),
        Err(error) => {
            let section = sections::parse(&error.section);
            json!({
                "name": error.program,
                "section": section_name(&error.section),
                "type": section.map_or(0, |section| section.prog_type.number()),
                "attach_type": section
                    .and_then(|section| section.attach_type)
                    .map_or(0, |attach| attach.number()),
                "autoload": section.is_none_or(|section| section.autoload),
            })
        }
    };
    linked.programs.iter().map(describe).collect()
}

/// libbpf leaves out what says that a program is not loaded unless asked for.
fn section_name(section: &str) -> &str {
    section.strip_prefix('?').unwrap_or(section)
}

fn shape(map: &MapSpec) -> Value {
    json!({
        "type": map.map_type.number(),
        "key_size": map.key_size,
        "value_size": map.value_size,
        "max_entries": map.max_entries,
        "flags": map.flags,
        "extra": map.extra,
    })
}

fn map(map: &MapSpec) -> Value {
    let mut value = shape(map);
    let id = |id: Option<BtfId>| id.map_or(0, |id| id.0);
    let autocreate = map.origin
        != Origin::StructOps {
            autocreate: Autoload::No,
        };
    let data = match &map.initial {
        Initial::Data(bytes) => Some(bytes.clone()),
        Initial::Empty if map.origin == Origin::Data => Some(vec![0; map.value_size as usize]),
        _ => None,
    };
    value["name"] = json!(map.name);
    value["key_type"] = json!(id(map.key_type));
    value["value_type"] = json!(id(map.value_type));
    value["autocreate"] = json!(autocreate);
    value["pinned"] = json!(map.pinning == Pinning::ByName);
    value["inner"] = map.inner.as_deref().map_or(Value::Null, shape);
    value["data_size"] = json!(data.as_ref().map_or(0, Vec::len));
    value["data"] = json!(data.map_or(String::new(), |data| format!("{:016x}", hash(&data))));
    value
}

/// The map as the kernel is asked to make it, after a map that shows what its inner maps are like.
fn creations(map: &MapSpec) -> Vec<Value> {
    let autocreate = map.origin
        != Origin::StructOps {
            autocreate: Autoload::No,
        };
    let inner = map.inner.as_deref();
    inner
        .into_iter()
        .chain(autocreate.then_some(map))
        .map(creation)
        .collect()
}

fn creation(map: &MapSpec) -> Value {
    let mut value = shape(map);
    value["name"] = json!(map.name.get(..15).unwrap_or(&map.name));
    value["kernel_value_type"] = match &map.initial {
        Initial::StructOps(table) => json!(table.kernel_value.map_or(0, |id| id.0)),
        _ => json!(0),
    };
    if map.map_type == MapType::PerfEventArray && map.max_entries == 0 {
        value["max_entries"] = json!(CPUS);
    }
    value
}

/// What the map of a data section holds.
fn contents(map: &MapSpec) -> Option<Value> {
    let data = match (&map.initial, map.origin) {
        (Initial::Data(bytes), Origin::Data | Origin::ReadOnlyData) => bytes.clone(),
        (Initial::Empty, Origin::Data) => vec![0; map.value_size as usize],
        _ => return None,
    };
    Some(json!({
        "name": map.name,
        "data_size": data.len(),
        "data": format!("{:016x}", hash(&data)),
    }))
}

fn slots(map: &MapSpec, linked: &Linked) -> Vec<Value> {
    match &map.initial {
        Initial::Programs(slots) => slots
            .iter()
            .map(|(slot, program)| json!([map.name, slot, program]))
            .collect(),
        Initial::Maps(slots) => slots
            .iter()
            .map(|(slot, inner)| json!([map.name, slot, linked.maps[*inner as usize].name]))
            .collect(),
        Initial::Empty | Initial::Data(_) | Initial::StructOps(_) => Vec::new(),
    }
}

fn loaded(program: &Result<Program, LinkError>) -> Value {
    let program = match program {
        Ok(program) => program,
        Err(error) => {
            return json!({ "name": error.program, "load": error.source.to_string() });
        }
    };
    let slot = |insn: &ebpf_sim::isa::RawInsn| {
        let bytes = insn.to_le_bytes();
        bytes.map(|byte| format!("{byte:02x}")).concat()
    };
    let func = |subprog: &ebpf_sim::object::Subprog| Some([subprog.start.0, subprog.func?.0]);
    let funcs: Vec<u32> = program.subprogs.iter().filter_map(func).flatten().collect();
    let member = program.attach_btf.and_then(|attach| attach.member);
    let attach_type = member.or(program.attach_type.map(|attach| attach.number()));
    let line = |line: &ebpf_sim::object::Line| [line.pc.0, line.line << 10 | line.column];
    let lines: Vec<u32> = program.lines.iter().flat_map(line).collect();
    json!({
        "name": program.name,
        "load": null,
        "type": program.prog_type.number(),
        "attach_type": attach_type.unwrap_or(0),
        "flags": program.flags(),
        "btf_id": program.attach_btf.map_or(0, |attach| attach.id.0),
        "kernel_btf": 0,
        "insns": program.code.iter().map(slot).collect::<String>(),
        "funcs": funcs,
        "lines": lines,
    })
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}
