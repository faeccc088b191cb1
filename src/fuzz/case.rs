//! A program and what it runs on.

use std::sync::Arc;

use super::emit::emit;
use super::plan::{Kind, Plan};
use crate::abi::{MapType, ProgType};
use crate::isa::{Insn, encode_program};
use crate::object::{Initial, MapSpec, Origin, Pinning, Program};

/// A program and what it runs on.
#[derive(Clone, Debug)]
pub struct Case {
    /// The program, as instructions.
    pub insns: Vec<Insn>,
    /// The program, with its maps.
    pub program: Arc<Program>,
    /// What it runs on.
    pub input: Input,
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// What a program runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// The packet.
    pub packet: Vec<u8>,
    /// What each map holds at the start.
    pub maps: Vec<Vec<Pair>>,
}

/// What a run left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The return value as far as test runs show it.
    pub retval: u32,
    /// The packet.
    pub packet: Vec<u8>,
    /// The maps, each by rising key.
    pub maps: Vec<Vec<Pair>>,
}

impl Case {
    /// The case of a plan.
    pub fn of(plan: &Plan) -> Case {
        let mut insns = emit(plan);
        for mutation in &plan.mutations {
            mutation.apply(&mut insns);
        }
        let prog_type = match plan.kind {
            Kind::Xdp => ProgType::Xdp,
            Kind::SchedCls => ProgType::SchedCls,
            Kind::SocketFilter => ProgType::SocketFilter,
        };
        let input = Input {
            packet: plan.packet.clone(),
            maps: contents(&plan.seeds),
        };
        Case::new(prog_type, insns, specs().into(), input)
    }

    /// A program of that type over maps, and its input.
    pub fn new(prog_type: ProgType, insns: Vec<Insn>, maps: Arc<[MapSpec]>, input: Input) -> Case {
        let mut program = Program::from_raw("fuzz", prog_type, encode_program(&insns));
        prog_type.name().clone_into(&mut program.section);
        program.maps = maps;
        Case {
            insns,
            program: Arc::new(program),
            input,
        }
    }

    /// The same with other instructions.
    pub fn with(&self, insns: Vec<Insn>) -> Case {
        Case::new(
            self.program.prog_type,
            insns,
            Arc::clone(&self.program.maps),
            self.input.clone(),
        )
    }
}

/// The maps of every generated program.
pub fn specs() -> Vec<MapSpec> {
    vec![
        spec("direct", MapType::Array, (4, 64), 1),
        spec("array", MapType::Array, (4, 16), 4),
        spec("hash", MapType::Hash, (8, 8), 8),
        spec("results", MapType::Array, (4, 80), 1),
    ]
}

fn spec(name: &str, map_type: MapType, (key_size, value_size): (u32, u32), count: u32) -> MapSpec {
    MapSpec {
        name: name.to_owned(),
        map_type,
        key_size,
        value_size,
        max_entries: count,
        flags: 0,
        extra: 0,
        key_type: None,
        value_type: None,
        fields: crate::object::Fields::default(),
        inner: None,
        initial: Initial::Empty,
        origin: Origin::Declared,
        pinning: Pinning::None,
    }
}

/// What the maps hold at the start.
pub(super) fn contents(seeds: &[u64]) -> Vec<Vec<Pair>> {
    let seed = |index: usize| seeds.get(index).copied().unwrap_or(0).to_le_bytes();
    let direct = (0..8).flat_map(seed).collect();
    let array = (0..4_u32).map(|key| {
        let index = key as usize;
        let value = [seed(index), seed(7 - index)].concat();
        (key.to_le_bytes().to_vec(), value)
    });
    let hash = [(1_u64, 3), (2, 4)];
    let hash = hash.map(|(key, index)| (key.to_le_bytes().to_vec(), seed(index).to_vec()));
    let zero = vec![0; 4];
    vec![
        vec![(zero.clone(), direct)],
        array.collect(),
        hash.to_vec(),
        vec![(zero, vec![0; 80])],
    ]
}
