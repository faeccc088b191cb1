//! System calls that programs of type `syscall` make: bpf(2), as far as it is about maps and types, and
//! close(2).

use super::map::status;
use super::{Call, Entry, HelperError, Reply};
use crate::abi::MapType;
use crate::btf::Btf;
use crate::isa::Size;
use crate::machine::{Addr, Described, Errno};
use crate::maps::Map;
use crate::object::{Fields, Initial, MapSpec, Origin, Pinning};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(166, "bpf_sys_bpf", sys_bpf),
    Entry::new(168, "bpf_sys_close", sys_close),
];

/// Commands of bpf(2) that a program may give.
mod command {
    pub(super) const MAP_CREATE: u32 = 0;
    pub(super) const MAP_UPDATE_ELEM: u32 = 2;
    pub(super) const MAP_DELETE_ELEM: u32 = 3;
    pub(super) const PROG_LOAD: u32 = 5;
    pub(super) const PROG_TEST_RUN: u32 = 10;
    pub(super) const MAP_GET_FD_BY_ID: u32 = 14;
    pub(super) const RAW_TRACEPOINT_OPEN: u32 = 17;
    pub(super) const BTF_LOAD: u32 = 18;
    pub(super) const MAP_FREEZE: u32 = 22;
    pub(super) const LINK_CREATE: u32 = 28;
}

/// The attributes of a command.
struct Attributes<'a, 'b> {
    call: &'a Call<'b>,
    at: Addr,
    size: u32,
}

impl Attributes<'_, '_> {
    /// A number; what is beyond the attributes is 0.
    fn get(&self, off: u32, size: Size) -> Result<u64, HelperError> {
        if off + size.bytes() > self.size {
            return Ok(0);
        }
        let place = self.at.offset(i64::from(off));
        Ok(self.call.memory().load(place, size)?)
    }

    fn word(&self, off: u32) -> Result<u32, HelperError> {
        Ok(self.get(off, Size::W)? as u32)
    }

    /// The bytes that an attribute points to.
    fn bytes(&self, off: u32, len: u32) -> Result<Vec<u8>, HelperError> {
        let at = self.get(off, Size::DW)?;
        Ok(self.call.memory().read_vec(Addr(at), len)?)
    }

    /// The map that a descriptor is of.
    fn map(&self) -> Result<Option<&Map>, HelperError> {
        let world = self.call.world;
        let found = world.machine.descriptors.get(self.word(0)?);
        Ok(match found {
            Some(Described::Map(id)) => world.maps.get(id).map(|map| &**map),
            Some(Described::Types) | None => None,
        })
    }
}

/// `long bpf_sys_bpf(u32 cmd, void *attr, u32 attr_size)`
fn sys_bpf(call: &mut Call<'_>) -> Reply {
    let [command, at, size, ..] = call.args;
    let attributes = Attributes {
        call,
        at: Addr(at),
        size: size as u32,
    };
    let done = match command as u32 {
        command::MAP_CREATE => create(&attributes)?,
        command::MAP_UPDATE_ELEM => update(&attributes)?,
        command::MAP_DELETE_ELEM => delete(&attributes)?,
        command::MAP_FREEZE => match attributes.map()? {
            Some(map) => map.freeze_user().map(|()| 0),
            None => Err(Errno::EBADF),
        },
        command::MAP_GET_FD_BY_ID => by_id(&attributes)?,
        command::BTF_LOAD => load_types(&attributes)?,
        command::PROG_LOAD
        | command::PROG_TEST_RUN
        | command::LINK_CREATE
        | command::RAW_TRACEPOINT_OPEN => {
            return Err(HelperError::Refused(
                "not supported yet: programs that load, attach or run programs",
            ));
        }
        _ => Err(Errno::EINVAL),
    };
    Ok(done.unwrap_or_else(Errno::as_return))
}

/// `BPF_MAP_CREATE`: of maps that need no other, and no types.
fn create(attributes: &Attributes<'_, '_>) -> Result<Result<u64, Errno>, HelperError> {
    let Some(map_type) = MapType::from_number(attributes.word(0)?) else {
        return Ok(Err(Errno::EINVAL));
    };
    let mut name = Vec::new();
    for off in 28..44 {
        name.push(attributes.get(off, Size::B)? as u8);
    }
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let spec = MapSpec {
        name: String::from_utf8_lossy(name).into_owned(),
        map_type,
        key_size: attributes.word(4)?,
        value_size: attributes.word(8)?,
        max_entries: attributes.word(12)?,
        flags: attributes.word(16)?,
        extra: attributes.get(64, Size::DW)?,
        key_type: None,
        value_type: None,
        fields: Fields::default(),
        inner: None,
        initial: Initial::Empty,
        origin: Origin::Declared,
        pinning: Pinning::None,
    };
    let world = attributes.call.world;
    Ok(match Map::create(world.machine, &spec) {
        Ok(map) => {
            let id = map.id;
            world.maps.insert(map);
            Ok(u64::from(
                world.machine.descriptors.open(Described::Map(id)),
            ))
        }
        Err(error) => Err(error.errno()),
    })
}

/// `BPF_MAP_UPDATE_ELEM`, whose key and value are the program's.
fn update(attributes: &Attributes<'_, '_>) -> Result<Result<u64, Errno>, HelperError> {
    let Some(map) = attributes.map()? else {
        return Ok(Err(Errno::EBADF));
    };
    let key = attributes.bytes(8, map.spec.key_size)?;
    let value = attributes.bytes(16, map.spec.value_size)?;
    let flags = attributes.get(24, Size::DW)?;
    let maps = attributes.call.world.maps;
    Ok(maps.update_user(map, &key, &value, flags).map(|()| 0))
}

/// `BPF_MAP_DELETE_ELEM`.
fn delete(attributes: &Attributes<'_, '_>) -> Result<Result<u64, Errno>, HelperError> {
    let Some(map) = attributes.map()? else {
        return Ok(Err(Errno::EBADF));
    };
    let key = attributes.bytes(8, map.spec.key_size)?;
    Ok(map.delete_user(&key).map(|()| 0))
}

/// `BPF_MAP_GET_FD_BY_ID`.
fn by_id(attributes: &Attributes<'_, '_>) -> Result<Result<u64, Errno>, HelperError> {
    let world = attributes.call.world;
    let id = crate::machine::MapId(attributes.word(0)?);
    Ok(match world.maps.get(id) {
        Some(map) => Ok(u64::from(
            world.machine.descriptors.open(Described::Map(map.id)),
        )),
        None => Err(Errno::ENOENT),
    })
}

/// `BPF_BTF_LOAD`.
fn load_types(attributes: &Attributes<'_, '_>) -> Result<Result<u64, Errno>, HelperError> {
    let len = attributes.word(16)?;
    let bytes = attributes.bytes(0, len)?;
    Ok(match Btf::parse(bytes) {
        Ok(_) => {
            let descriptors = &attributes.call.world.machine.descriptors;
            Ok(u64::from(descriptors.open(Described::Types)))
        }
        Err(_) => Err(Errno::EINVAL),
    })
}

/// `long bpf_sys_close(u32 fd)`
fn sys_close(call: &mut Call<'_>) -> Reply {
    let closed = call.world.machine.descriptors.close(call.args[0] as u32);
    Ok(status(closed))
}
