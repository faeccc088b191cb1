//! Calls of helpers that go straight to the map they are given: which they are, and the functions
//! that native code calls in the helper's place.
//!
//! Rules:
//! - Only in judged programs, where the map is known. What such a call does is what the helper does.
//! - Keys of at most 16 bytes are loaded by native code and handed over as numbers in little-endian
//!   order.
//! - A function that reads guest memory checks what it reads, and stops the run where that is
//!   refused.

use crate::code::{Cause, Checks, Code, Place};
use crate::helpers::{self, kfunc};
use crate::isa::{Reg, Size};
use crate::machine::{Addr, Errno, Fault};
use crate::maps::{ArrayMap, Body, HashMap, LpmTrie, MapEnv, Ringbuf};

use super::shims::Shim;
use super::state::Run;

/// A call of a helper with a map that is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Direct<'a> {
    /// `bpf_map_lookup_elem` in a hash map.
    LookupHash(&'a HashMap),
    /// `bpf_map_update_elem` of a hash map.
    UpdateHash(&'a HashMap),
    /// `bpf_map_delete_elem` of a hash map.
    DeleteHash(&'a HashMap),
    /// `bpf_map_update_elem` of an array.
    UpdateArray(&'a ArrayMap),
    /// `bpf_map_lookup_elem` of a longest-prefix-match map.
    LookupLpm(&'a LpmTrie),
    /// `bpf_ringbuf_reserve`.
    Reserve(&'a Ringbuf),
    /// `bpf_ringbuf_output`.
    Output(&'a Ringbuf),
}

impl<'a> Direct<'a> {
    /// What the call of a helper at an operation is, if it is one of these.
    pub(super) fn of(code: &'a Code, index: usize, helper: &helpers::Entry) -> Option<Direct<'a>> {
        if code.checks == Checks::Needed {
            return None;
        }
        let body = code.maps.get(&index)?.body();
        Some(match (helper.number(), body) {
            (LOOKUP, Body::Hash(hash)) if hash.short_key().is_some() => Direct::LookupHash(hash),
            (UPDATE, Body::Hash(hash)) if hash.short_key().and(hash.small_value()).is_some() => {
                Direct::UpdateHash(hash)
            }
            (DELETE, Body::Hash(hash)) if hash.short_key().is_some() => Direct::DeleteHash(hash),
            (UPDATE, Body::Array(array)) if array.small_value().is_some() => {
                Direct::UpdateArray(array)
            }
            (LOOKUP, Body::Lpm(lpm)) if lpm.short_key().is_some() => Direct::LookupLpm(lpm),
            (RESERVE, Body::Ringbuf(ringbuf)) => Direct::Reserve(ringbuf),
            (OUTPUT, Body::Ringbuf(ringbuf)) => Direct::Output(ringbuf),
            _ => return None,
        })
    }

    /// The function in the helper's place.
    pub(super) fn shim(self) -> Shim {
        match self {
            Direct::LookupHash(_) => Shim::LookupHash,
            Direct::UpdateHash(_) => Shim::UpdateHash,
            Direct::DeleteHash(_) => Shim::DeleteHash,
            Direct::UpdateArray(_) => Shim::UpdateArray,
            Direct::LookupLpm(_) => Shim::LookupLpm,
            Direct::Reserve(_) => Shim::Reserve,
            Direct::Output(_) => Shim::Output,
        }
    }

    /// The map, as it is handed over.
    pub(super) fn map(self) -> u64 {
        let address = match self {
            Direct::LookupHash(map) | Direct::UpdateHash(map) | Direct::DeleteHash(map) => {
                std::ptr::from_ref(map).expose_provenance()
            }
            Direct::UpdateArray(map) => std::ptr::from_ref(map).expose_provenance(),
            Direct::LookupLpm(map) => std::ptr::from_ref(map).expose_provenance(),
            Direct::Reserve(map) | Direct::Output(map) => {
                std::ptr::from_ref(map).expose_provenance()
            }
        };
        address as u64
    }

    /// How many bytes its key has, and how many numbers that is.
    pub(super) fn key(self) -> Option<(u32, usize)> {
        match self {
            Direct::LookupHash(map) | Direct::UpdateHash(map) | Direct::DeleteHash(map) => {
                map.short_key().map(|size| (size, 2))
            }
            Direct::UpdateArray(_) => Some((ArrayMap::KEY, 1)),
            Direct::LookupLpm(map) => map.short_key().map(|size| (size, 1)),
            Direct::Reserve(_) | Direct::Output(_) => None,
        }
    }

    /// The registers that are handed over behind the key.
    pub(super) fn rest(self) -> &'static [Reg] {
        match self {
            Direct::LookupHash(_) | Direct::DeleteHash(_) | Direct::LookupLpm(_) => &[],
            Direct::UpdateHash(_) | Direct::UpdateArray(_) => &[Reg::R3, Reg::R4],
            Direct::Reserve(_) => &[Reg::R2, Reg::R3],
            Direct::Output(_) => &[Reg::R2, Reg::R3, Reg::R4],
        }
    }

    /// Whether it may stop the run.
    pub(super) fn stops(self) -> bool {
        matches!(
            self,
            Direct::UpdateHash(_) | Direct::UpdateArray(_) | Direct::Output(_)
        )
    }
}

/// The kernel functions that iterate over numbers; native code does itself what the second does.
const NEXT_NUMBER: &str = "bpf_iter_num_next";
const NUMBERS: [&str; 3] = ["bpf_iter_num_new", NEXT_NUMBER, "bpf_iter_num_destroy"];

/// The state of an iterator over numbers: all that these functions touch.
pub(super) fn iterator_of(kfunc: &kfunc::Entry) -> Option<Place> {
    NUMBERS.contains(&kfunc.name()).then_some(Place {
        size: Size::DW,
        base: Reg::R1,
        off: 0,
    })
}

/// Whether native code does itself what a kernel function does.
pub(super) fn is_next_number(code: &Code, kfunc: &kfunc::Entry) -> bool {
    code.checks == Checks::Proven && kfunc.name() == NEXT_NUMBER
}

/// What a call reads through pointers, if that is known: of operations on known maps.
pub(super) fn reads(code: &Code, index: usize, helper: &helpers::Entry) -> Option<Reads> {
    let spec = &code.maps.get(&index)?.spec;
    let key = pieces(Reg::R2, spec.key_size);
    let value = match helper.number() {
        LOOKUP | DELETE => Vec::new(),
        UPDATE => pieces(Reg::R3, spec.value_size).collect(),
        RESERVE => {
            return Some(Reads::default());
        }
        _ => return None,
    };
    let by_helper = Direct::of(code, index, helper).is_none();
    Some(match by_helper {
        true => Reads {
            key: Vec::new(),
            bytes: key.chain(value).collect(),
        },
        false => Reads {
            key: key.collect(),
            bytes: value,
        },
    })
}

/// What a call reads through pointers.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// A key that is handed over as numbers: native code may have parts of it in registers.
    pub(super) key: Vec<Place>,
    /// What must lie in memory.
    pub(super) bytes: Vec<Place>,
}

/// The numbers of helpers.
const LOOKUP: u32 = 1;
const UPDATE: u32 = 2;
const DELETE: u32 = 3;
const OUTPUT: u32 = 130;
const RESERVE: u32 = 131;

/// So many bytes at a register as the fewest places that none overlap, the larger ones first.
pub(super) fn pieces(base: Reg, len: u32) -> impl Iterator<Item = Place> {
    let mut off = 0;
    std::iter::from_fn(move || {
        let left = len - off;
        let size = match left {
            0 => return None,
            1 => Size::B,
            2..4 => Size::H,
            4..8 => Size::W,
            8.. => Size::DW,
        };
        let place = Place {
            size,
            base,
            off: off as i32,
        };
        off += size.bytes();
        Some(place)
    })
}

pub(super) extern "C" fn lookup_hash(run: &mut Run<'_>, map: &HashMap, low: u64, high: u64) -> u64 {
    map.lookup_short(&env(run), [low, high])
}

pub(super) extern "C" fn update_hash(
    run: &mut Run<'_>,
    map: &HashMap,
    low: u64,
    high: u64,
    value: u64,
    flags: u64,
) -> u64 {
    let updated = map.update_short(&env(run), [low, high], Addr(value), flags);
    reply(run, "bpf_map_update_elem", updated)
}

pub(super) extern "C" fn delete_hash(run: &mut Run<'_>, map: &HashMap, low: u64, high: u64) -> u64 {
    status(map.delete_short(&env(run), [low, high]))
}

pub(super) extern "C" fn update_array(
    run: &mut Run<'_>,
    map: &ArrayMap,
    index: u64,
    value: u64,
    flags: u64,
) -> u64 {
    let updated = map.update_short(&env(run), index as u32, Addr(value), flags);
    reply(run, "bpf_map_update_elem", updated)
}

pub(super) extern "C" fn lookup_lpm(run: &mut Run<'_>, map: &LpmTrie, key: u64) -> u64 {
    map.lookup_short(&env(run), key)
}

pub(super) extern "C" fn reserve(run: &mut Run<'_>, map: &Ringbuf, size: u64, flags: u64) -> u64 {
    let record = map.reserve(env(run).memory, size, flags);
    record.map_or(0, |addr| addr.0)
}

pub(super) extern "C" fn output(
    run: &mut Run<'_>,
    map: &Ringbuf,
    data: u64,
    size: u64,
    flags: u64,
) -> u64 {
    let sent = map.output_from(env(run).memory, Addr(data), size, flags);
    reply(run, "bpf_ringbuf_output", sent)
}

fn env<'a>(run: &Run<'a>) -> MapEnv<'a> {
    let world = &run.env().world;
    MapEnv::of_run(&world.machine.memory, world.cpu)
}

/// `r0` of an operation that reads what a program has, and gives nothing.
#[inline(always)]
fn reply(run: &mut Run<'_>, helper: &'static str, result: Result<Result<(), Errno>, Fault>) -> u64 {
    match result {
        Ok(done) => status(done),
        Err(fault) => refused(run, helper, fault),
    }
}

/// `r0` of an operation that gives nothing.
fn status(result: Result<(), Errno>) -> u64 {
    result.map_or_else(Errno::as_return, |()| 0)
}

#[cold]
fn refused(run: &mut Run<'_>, helper: &'static str, fault: Fault) -> u64 {
    let index = run.called_at();
    run.stop(index, Cause::HelperMemory { helper, fault });
    0
}
