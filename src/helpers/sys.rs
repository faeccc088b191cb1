//! System calls that programs of type `syscall` make: bpf(2), as far as it is about maps and types, and
//! close(2).

use super::map::status;
use super::{Answer, Call, Entry, HelperError, Reply};
use crate::abi::MapType;
use crate::abi::map_type::flag;
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

/// Bytes of the attributes that Linux 6.12 knows, of all commands.
const KNOWN: u32 = 152;

/// How a process starts: with its standard streams, which are neither maps nor types.
const STREAMS: u32 = 3;

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

    /// The map that the descriptor at the beginning is of.
    fn map(&self) -> Answer<&Map> {
        Ok(self.described_map(self.word(0)?))
    }

    /// The map that a descriptor is of.
    fn described_map(&self, number: u32) -> Result<&Map, Errno> {
        let world = self.call.world;
        match world.machine.descriptors.get(number) {
            Some(Described::Map(id)) => world.maps.get(id).map(|map| &**map).ok_or(Errno::EBADF),
            Some(Described::Types) => Err(Errno::EINVAL),
            None if number < STREAMS => Err(Errno::EINVAL),
            None => Err(Errno::EBADF),
        }
    }

    /// Whether all is zero from some byte on: behind the last field of a command.
    fn ends_at(&self, end: u32) -> Result<bool, HelperError> {
        for off in end..self.size.min(KNOWN) {
            if self.get(off, Size::B)? != 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The key, whose address is none for maps without keys.
    fn key(&self, map: &Map) -> Answer<Vec<u8>> {
        match (map.spec.key_size, self.get(8, Size::DW)?) {
            (0, 0) => Ok(Ok(Vec::new())),
            (0, _) => Ok(Err(Errno::EINVAL)),
            (size, _) => self.bytes(8, size).map(Ok),
        }
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
    let command = command as u32;
    if let Some(end) = last_byte(command)
        && !attributes.ends_at(end)?
    {
        return Ok(Errno::EINVAL.as_return());
    }
    let done = match command {
        command::MAP_CREATE => create(&attributes)?,
        command::MAP_UPDATE_ELEM => update(&attributes)?,
        command::MAP_DELETE_ELEM => delete(&attributes)?,
        command::MAP_FREEZE => attributes
            .map()?
            .and_then(|map| map.freeze_user().map(|()| 0)),
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

/// Where the last field of a command ends, which nothing may follow.
fn last_byte(command: u32) -> Option<u32> {
    match command {
        command::MAP_CREATE => Some(80),
        command::MAP_UPDATE_ELEM => Some(32),
        command::MAP_DELETE_ELEM => Some(16),
        command::MAP_GET_FD_BY_ID => Some(12),
        command::MAP_FREEZE => Some(4),
        command::BTF_LOAD => Some(40),
        _ => None,
    }
}

/// `BPF_MAP_CREATE`: of maps whose types say nothing that the simulator would have to heed.
fn create(attributes: &Attributes<'_, '_>) -> Answer<u64> {
    let spec = match wanted(attributes)? {
        Ok(spec) => spec,
        Err(errno) => return Ok(Err(errno)),
    };
    if let Err(errno) = check_place(attributes, &spec)? {
        return Ok(Err(errno));
    }
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

/// The map that attributes describe.
fn wanted(attributes: &Attributes<'_, '_>) -> Answer<MapSpec> {
    let Some(map_type) = MapType::from_number(attributes.word(0)?) else {
        return Ok(Err(Errno::EINVAL));
    };
    let name = match name(attributes)? {
        Ok(name) => name,
        Err(errno) => return Ok(Err(errno)),
    };
    let mut spec = MapSpec {
        name,
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
    if matches!(map_type, MapType::ArrayOfMaps | MapType::HashOfMaps) {
        let inner = attributes.described_map(attributes.word(20)?);
        spec.inner = match inner {
            Ok(inner) => Some(Box::new(inner.spec.clone())),
            // What else is wrong comes first.
            Err(errno) if spec.value_size == 4 && spec.key_size != 0 && spec.max_entries != 0 => {
                return Ok(Err(errno));
            }
            Err(_) => None,
        };
    }
    Ok(Ok(spec))
}

/// The name of a map: letters, digits, `_` and `.` up to a zero.
fn name(attributes: &Attributes<'_, '_>) -> Answer<String> {
    let mut name = String::new();
    for off in 28..44 {
        match attributes.get(off, Size::B)? as u8 {
            0 => return Ok(Ok(name)),
            byte if byte.is_ascii_alphanumeric() || b"_.".contains(&byte) => {
                name.push(char::from(byte));
            }
            _ => return Ok(Err(Errno::EINVAL)),
        }
    }
    Ok(Err(Errno::EINVAL))
}

/// Checks what a map is besides its shape: its NUMA node, its device, its types.
fn check_place(attributes: &Attributes<'_, '_>, spec: &MapSpec) -> Answer<()> {
    let [node, device, types, key, value, kernel_value] =
        [24, 44, 48, 52, 56, 60].map(|off| attributes.word(off));
    let is_node = spec.flags & flag::NUMA_NODE == 0 || [0, u32::MAX].contains(&node?);
    // libbpf gives a perf event array its size, the kernel does not; and the type of a structure of
    // functions is one of the kernel's.
    let lacks_something = match spec.map_type {
        MapType::PerfEventArray => spec.max_entries == 0,
        MapType::StructOps => true,
        _ => false,
    };
    let (key, value) = (key?, value?);
    if !is_node || lacks_something || kernel_value? != 0 || (key != 0 && value == 0) {
        return Ok(Err(Errno::EINVAL));
    }
    let device = device?;
    if device != 0 {
        let offloads = matches!(spec.map_type, MapType::Array | MapType::Hash);
        let known = attributes.call.world.machine.network.device(device);
        return Ok(Err(match known {
            Some(_) if offloads => Errno::EOPNOTSUPP,
            Some(_) | None => Errno::EINVAL,
        }));
    }
    let types = types?;
    let described = attributes.call.world.machine.descriptors.get(types);
    Ok(match described {
        _ if value == 0 => Ok(()),
        Some(Described::Types) => Ok(()),
        None if types >= STREAMS => Err(Errno::EBADF),
        Some(Described::Map(_)) | None => Err(Errno::EINVAL),
    })
}

/// `BPF_MAP_UPDATE_ELEM`, whose key and value are the program's.
fn update(attributes: &Attributes<'_, '_>) -> Answer<u64> {
    let map = match attributes.map()? {
        Ok(map) => map,
        Err(errno) => return Ok(Err(errno)),
    };
    let key = match attributes.key(map)? {
        Ok(key) => key,
        Err(errno) => return Ok(Err(errno)),
    };
    let world = attributes.call.world;
    let (spec, cpus) = (&map.spec, world.machine.cpus.count());
    let size = spec.map_type.user_value_size(spec.value_size, cpus);
    let value = attributes.bytes(16, u32::try_from(size).unwrap_or(u32::MAX))?;
    let flags = attributes.get(24, Size::DW)?;
    Ok(put(attributes, map, (&key, &value), flags).map(|()| 0))
}

/// Puts a value in; that of a map of maps is a descriptor.
fn put(
    attributes: &Attributes<'_, '_>,
    map: &Map,
    (key, value): (&[u8], &[u8]),
    flags: u64,
) -> Result<(), Errno> {
    if map.maps().is_none() {
        return map.update_user(key, value, flags);
    }
    let number = value.first_chunk().copied().map_or(0, u32::from_le_bytes);
    map.insert_map(key, attributes.described_map(number)?, flags)
}

/// `BPF_MAP_DELETE_ELEM`.
fn delete(attributes: &Attributes<'_, '_>) -> Answer<u64> {
    let map = match attributes.map()? {
        Ok(map) => map,
        Err(errno) => return Ok(Err(errno)),
    };
    let key = attributes.key(map)?;
    Ok(key.and_then(|key| map.delete_user(&key).map(|()| 0)))
}

/// `BPF_MAP_GET_FD_BY_ID`.
fn by_id(attributes: &Attributes<'_, '_>) -> Answer<u64> {
    /// `BPF_F_RDONLY | BPF_F_WRONLY`.
    const ACCESS: u32 = 0x18;
    let access = attributes.word(8)?;
    if access & !ACCESS != 0 || access == ACCESS {
        return Ok(Err(Errno::EINVAL));
    }
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
fn load_types(attributes: &Attributes<'_, '_>) -> Answer<u64> {
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
