//! Maps: elements, queues, and a callback for each element.

use std::sync::Arc;

use super::{Call, Entry, HelperError, Reply};
use crate::machine::{Addr, Errno, ObjectKind, ObjectSpec, Owner};
use crate::maps::{Body, Map, MapEnv, Queue};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(1, "bpf_map_lookup_elem", map_lookup_elem),
    Entry::new(2, "bpf_map_update_elem", map_update_elem),
    Entry::new(3, "bpf_map_delete_elem", map_delete_elem),
    Entry::new(87, "bpf_map_push_elem", map_push_elem),
    Entry::new(88, "bpf_map_pop_elem", map_pop_elem),
    Entry::new(89, "bpf_map_peek_elem", map_peek_elem),
    Entry::new(164, "bpf_for_each_map_elem", for_each_map_elem),
    Entry::new(195, "bpf_map_lookup_percpu_elem", map_lookup_percpu_elem),
];

/// Keys up to this size need no allocation.
const SMALL_KEY: usize = 64;

impl<'a> Call<'a> {
    /// The map that an argument is the handle of.
    pub(in crate::helpers) fn map(&self, handle: u64) -> Result<&'a Arc<Map>, HelperError> {
        let map = self.world.maps.by_handle(self.memory(), Addr(handle));
        map.ok_or(HelperError::Refused("the argument is no map"))
    }

    /// Where operations on maps happen.
    pub(super) fn map_env(&self) -> MapEnv<'a> {
        MapEnv::of_run(self.memory(), self.world.cpu)
    }

    /// Does something with a key of a map.
    fn with_key<T>(
        &self,
        map: &Map,
        key: u64,
        then: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, HelperError> {
        let mut small = [0; SMALL_KEY];
        match small.get_mut(..map.spec.key_size as usize) {
            Some(buf) => {
                self.memory().read(Addr(key), buf)?;
                Ok(then(buf))
            }
            None => Ok(then(&self.memory().read_vec(Addr(key), map.spec.key_size)?)),
        }
    }
}

/// `r0` of an operation that gives nothing.
pub(super) fn status(result: Result<(), Errno>) -> u64 {
    result.map_or_else(Errno::as_return, |()| 0)
}

/// `void *bpf_map_lookup_elem(struct bpf_map *map, const void *key)`
fn map_lookup_elem(call: &mut Call<'_>) -> Reply {
    let [map, key, ..] = call.args;
    let map = call.map(map)?;
    let env = call.map_env();
    let found = call.with_key(map, key, |key| map.ops().lookup(&env, key))?;
    Ok(found.map_or(0, |addr| addr.0))
}

/// `void *bpf_map_lookup_percpu_elem(struct bpf_map *map, const void *key, u32 cpu)`
fn map_lookup_percpu_elem(call: &mut Call<'_>) -> Reply {
    let [map, key, cpu, ..] = call.args;
    let map = call.map(map)?;
    let Some(cpu) = call.world.machine.cpus.get(cpu as u32) else {
        return Ok(0);
    };
    let env = call.map_env();
    let found = call.with_key(map, key, |key| map.ops().lookup_on(&env, key, cpu))?;
    Ok(found.map_or(0, |addr| addr.0))
}

/// `long bpf_map_update_elem(struct bpf_map *map, const void *key, const void *value, u64 flags)`
fn map_update_elem(call: &mut Call<'_>) -> Reply {
    let [map, key, value, flags, _] = call.args;
    let map = call.map(map)?;
    if let Some(sockets) = map.sockets() {
        // What is put in is the socket itself.
        let socket = Addr(value);
        let put = call.with_key(map, key, |key| sockets.put(key, socket, flags))?;
        return Ok(status(put));
    }
    let env = call.map_env();
    let mut small = [0; 256];
    let size = map.spec.value_size;
    let large;
    let value = match small.get_mut(..size as usize) {
        Some(buf) => {
            call.memory().read(Addr(value), buf)?;
            &*buf
        }
        None => {
            large = call.memory().read_vec(Addr(value), size)?;
            &large
        }
    };
    Ok(status(call.with_key(map, key, |key| {
        map.ops().update(&env, key, value, flags)
    })?))
}

/// `long bpf_map_delete_elem(struct bpf_map *map, const void *key)`
fn map_delete_elem(call: &mut Call<'_>) -> Reply {
    let [map, key, ..] = call.args;
    let map = call.map(map)?;
    let env = call.map_env();
    Ok(status(
        call.with_key(map, key, |key| map.ops().delete(&env, key))?,
    ))
}

/// `long bpf_map_push_elem(struct bpf_map *map, const void *value, u64 flags)`
fn map_push_elem(call: &mut Call<'_>) -> Reply {
    let [map, value, flags, ..] = call.args;
    let map = call.map(map)?;
    let value = call.memory().read_vec(Addr(value), map.spec.value_size)?;
    let pushed = match map.bloom() {
        Some(bloom) => bloom.push(call.memory(), &value, flags),
        None => queue(map)?.push(call.memory(), &value, flags),
    };
    Ok(status(pushed))
}

/// `long bpf_map_pop_elem(struct bpf_map *map, void *value)`
fn map_pop_elem(call: &mut Call<'_>) -> Reply {
    let map = call.map(call.args[0])?;
    call.check_room(call.args[1], map.spec.value_size as usize)?;
    let popped = queue(map)?.pop(call.memory());
    store_value(call, map, popped)
}

/// `long bpf_map_peek_elem(struct bpf_map *map, void *value)`
fn map_peek_elem(call: &mut Call<'_>) -> Reply {
    let map = call.map(call.args[0])?;
    if let Some(bloom) = map.bloom() {
        // It is asked whether a value is in it.
        let value = call
            .memory()
            .read_vec(Addr(call.args[1]), map.spec.value_size)?;
        return Ok(status(bloom.peek(call.memory(), &value)));
    }
    let peeked = queue(map)?.peek(call.memory());
    store_value(call, map, peeked)
}

fn queue(map: &Map) -> Result<&Queue, HelperError> {
    map.queue()
        .ok_or(HelperError::Refused("the map is no queue and no stack"))
}

/// Hands a value out; where there is none, zeros.
fn store_value(call: &Call<'_>, map: &Map, value: Result<Vec<u8>, Errno>) -> Reply {
    let reply = status(value.as_ref().map(|_| ()).map_err(|errno| *errno));
    let value = value.unwrap_or_else(|_| vec![0; map.spec.value_size as usize]);
    call.memory().write(Addr(call.args[1]), &value)?;
    Ok(reply)
}

/// `long bpf_for_each_map_elem(struct bpf_map *map, void *callback_fn, void *callback_ctx, u64 flags)`
fn for_each_map_elem(call: &mut Call<'_>) -> Reply {
    let [handle, callback, data, flags, _] = call.args;
    let map = call.map(handle)?;
    let iterable = matches!(map.body(), Body::Array(_) | Body::Hash(_));
    if flags != 0 || !iterable {
        return Ok(Errno::EINVAL.as_return());
    }
    // Callbacks take the key by pointer.
    let spec = ObjectSpec::new(ObjectKind::Data, "key of an element", Owner::Map(map.id));
    let Ok(room) = call.memory().allocate(u64::from(map.spec.key_size), &spec) else {
        return Ok(Errno::ENOMEM.as_return());
    };
    let reply = each_element(call, map, room, [handle, callback, data]);
    call.memory().free(room);
    reply
}

/// Calls back for each element until a callback returns 1; how many there were.
fn each_element(
    call: &mut Call<'_>,
    map: &Map,
    room: Addr,
    [handle, callback, data]: [u64; 3],
) -> Reply {
    let env = call.map_env();
    let first = map.ops().next_key(&env, None);
    let keys = std::iter::successors(first, |key| map.ops().next_key(&env, Some(key)));
    let mut visited = 0;
    // A callback may delete its element, after which there would be no next key.
    for key in keys.collect::<Vec<_>>() {
        let Some(value) = map.ops().lookup(&env, &key) else {
            continue;
        };
        call.memory().write(room, &key)?;
        visited += 1;
        if call
            .engine
            .callback(callback, [handle, room.0, value.0, data, 0])?
            != 0
        {
            break;
        }
    }
    Ok(visited)
}
