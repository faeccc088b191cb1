//! Where in guest memory a program finds the maps and variables that it refers to.
//!
//! It is filled by whoever loads programs, and only read here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::known::ArrayShape;
use crate::maps::{ArrayMap, Map};

/// Where in guest memory a program finds what it refers to.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    /// The object's maps, by index.
    pub maps: Vec<MapBinding>,
    /// Kernel variables by BTF id.
    pub variables: BTreeMap<u32, u64>,
    /// Names of kernel functions by BTF id, for programs that nobody judged: of the others the verifier tells.
    pub kfuncs: BTreeMap<i32, &'static str>,
}

/// One map in guest memory.
#[derive(Clone, Debug)]
pub struct MapBinding {
    /// What stands for the map in a register.
    pub handle: u64,
    /// The address of its first value, for maps whose values programs address directly; of an arena that of user
    /// space.
    pub value: Option<u64>,
    /// Where its elements lie, if it is an array.
    pub array: Option<ArrayShape>,
    /// The map itself, for engines that call it without looking it up.
    pub map: Option<Arc<Map>>,
}

impl MapBinding {
    /// Where a map lies.
    pub fn of(map: &Arc<Map>) -> MapBinding {
        MapBinding {
            handle: map.handle.0,
            value: match map.arena() {
                Some(arena) => Some(arena.pages().user()),
                None => map.array().and_then(ArrayMap::base).map(|addr| addr.0),
            },
            array: ArrayShape::of(map),
            map: Some(Arc::clone(map)),
        }
    }
}
