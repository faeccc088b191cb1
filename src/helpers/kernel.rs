//! What the modelled kernel knows of itself: its symbols, its types, its variables of each CPU, and
//! fields of its structures.

use super::{Call, Entry, HelperError, Reply};
use crate::btf::{self, Btf, KindFilter};
use crate::isa::Size;
use crate::machine::{Addr, Errno};
use crate::object::Setup;

pub(super) const ROWS: &[Entry] = &[
    Entry::new(153, "bpf_per_cpu_ptr", per_cpu_ptr),
    Entry::new(154, "bpf_this_cpu_ptr", this_cpu_ptr),
    Entry::new(167, "bpf_btf_find_by_name_kind", btf_find_by_name_kind),
    Entry::new(179, "bpf_kallsyms_lookup_name", kallsyms_lookup_name),
];

/// The types and symbols of the modelled kernel; without any those of the embedded one.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelFacts<'a> {
    /// Its types.
    pub btf: Option<&'a Btf>,
    /// Its symbols.
    pub setup: Option<&'a Setup>,
}

impl<'a> KernelFacts<'a> {
    /// The kernel's types.
    pub fn btf(&self) -> &'a Btf {
        self.btf.unwrap_or_else(|| btf::kernel_6_12())
    }

    fn symbol(&self, name: &str) -> Option<u64> {
        match self.setup {
            Some(setup) => setup.symbol(self.btf(), name),
            None => Setup::default().symbol(self.btf(), name),
        }
    }
}

impl Call<'_> {
    /// Where a member of a kernel's structure is, and how wide.
    pub(super) fn member(&self, structure: &str, path: &str) -> Option<(i64, Size)> {
        let btf = self.world.kernel.btf();
        let id = btf.find(structure, KindFilter::COMPOSITE)?;
        let member = btf.member_path(id, path)?;
        let size = u32::try_from(btf.size_of(member.ty)?).ok()?;
        let offset = i64::try_from(member.bit_offset / 8).ok()?;
        Some((offset, Size::from_bytes(size)?))
    }

    /// The byte of a bit field in a kernel's structure, and its lowest bit there.
    pub(super) fn member_bit(&self, structure: &str, path: &str) -> Option<(i64, u32)> {
        let btf = self.world.kernel.btf();
        let id = btf.find(structure, KindFilter::COMPOSITE)?;
        let bit = btf.member_path(id, path)?.bit_offset;
        Some((i64::try_from(bit / 8).ok()?, (bit % 8) as u32))
    }

    /// A member of a kernel's structure as a number; what cannot be read is 0, as for programs.
    pub(super) fn kernel_field(&self, at: Addr, structure: &str, path: &str) -> u64 {
        let place = self.member(structure, path);
        let read = place.and_then(|(off, size)| self.memory().peek_uint(at.offset(off), size).ok());
        read.unwrap_or(0)
    }
}

/// `void *bpf_per_cpu_ptr(const void *percpu_ptr, u32 cpu)`: the copies lie one behind the other.
fn per_cpu_ptr(call: &mut Call<'_>) -> Reply {
    let [pointer, cpu, ..] = call.args;
    match call.world.machine.cpus.get(cpu as u32) {
        Some(cpu) => copy_on(call, pointer, u64::from(cpu.0)),
        None => Ok(0),
    }
}

/// `void *bpf_this_cpu_ptr(const void *percpu_ptr)`
fn this_cpu_ptr(call: &mut Call<'_>) -> Reply {
    copy_on(call, call.args[0], u64::from(call.world.cpu.0))
}

fn copy_on(call: &Call<'_>, pointer: u64, cpu: u64) -> Reply {
    let object = call.memory().describe(Addr(pointer));
    let stride = object.filter(|object| object.live).and_then(|object| {
        let stride = u64::from(object.stride?.stride());
        (stride * cpu < object.len).then_some(stride)
    });
    let stride = stride.ok_or(HelperError::Refused("the argument is of no CPU"))?;
    Ok(pointer + stride * cpu)
}

/// A name that a program gives with its size, if it is one: it ends with a zero.
fn name(call: &Call<'_>, at: u64, size: u32) -> Result<Option<String>, HelperError> {
    if size <= 1 {
        return Ok(None);
    }
    let bytes = call.memory().read_vec(Addr(at), size)?;
    let Some((0, rest)) = bytes.split_last() else {
        return Ok(None);
    };
    let text = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(Some(String::from_utf8_lossy(text).into_owned()))
}

/// `long bpf_btf_find_by_name_kind(char *name, int name_sz, u32 kind, int flags)`: the id of a type of the
/// kernel itself; its modules are not searched.
fn btf_find_by_name_kind(call: &mut Call<'_>) -> Reply {
    let [at, size, kind, flags, _] = call.args;
    let name = name(call, at, size as u32)?.filter(|_| flags as u32 == 0);
    let Some(name) = name else {
        return Ok(Errno::EINVAL.as_return());
    };
    let found = KindFilter::of_number(kind as u32)
        .and_then(|kind| call.world.kernel.btf().find(&name, kind));
    Ok(found.map_or(Errno::ENOENT.as_return(), |id| u64::from(id.0)))
}

/// `long bpf_kallsyms_lookup_name(const char *name, int name_sz, int flags, u64 *res)`
fn kallsyms_lookup_name(call: &mut Call<'_>) -> Reply {
    let [at, size, flags, room, _] = call.args;
    let name = name(call, at, size as u32)?.filter(|_| flags as u32 == 0);
    let address = name
        .as_ref()
        .and_then(|name| call.world.kernel.symbol(name));
    call.memory()
        .store(Addr(room), Size::DW, address.unwrap_or(0))?;
    Ok(match (name, address) {
        (None, _) => Errno::EINVAL.as_return(),
        (Some(_), None) => Errno::ENOENT.as_return(),
        (Some(_), Some(_)) => 0,
    })
}
