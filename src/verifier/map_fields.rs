//! Loads through a pointer to a map: of the fields of the kernel's structure for that type of map.
//!
//! Kernel: `check_ptr_to_map_access` in kernel/bpf/verifier.c, 6.12, and the `map_btf_id` of each type.

use crate::abi::MapType;

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::kernel_object::walk;
use super::memory::{Access, Use};
use super::outcome::{AccessKind, Errno};
use super::state::{Kind, MapRef, Register, Trust};

impl Verifier<'_> {
    pub(super) fn check_map_fields(
        &mut self,
        map: MapRef,
        access: Access,
        off: i64,
    ) -> Check<Register> {
        let map_type = self.map_spec(map).map_type;
        let Some(name) = structure_of(map_type) else {
            let number = map_type.number();
            let reason = format!("map_ptr access not supported for map type {number}");
            return Err(Fail::new(Errno::NotSupported, reason));
        };
        self.check_sees_memory(name)?;
        if off < 0 {
            let number = access.reg.number();
            return Err(Fail::access(format!(
                "R{number} is {name} invalid negative access: off={off}"
            )));
        }
        if access.how != Use::Read {
            return Err(Fail::access(format!("only read from {name} is supported")));
        }
        let id = self.kernel_struct(name)?;
        let size = u64::from(access.size);
        let found = walk(self.kernel_btf(), id, off.unsigned_abs(), size)?;
        self.note_access(AccessKind::Probed)?;
        let object = Register::pointer(Kind::Btf(id, Trust::Plain));
        Ok(match found {
            Some(found) => self.walked(&object, name, &found),
            None => Register::unknown(),
        })
    }
}

/// The kernel's structure of a map of that type.
fn structure_of(map_type: MapType) -> Option<&'static str> {
    Some(match map_type {
        MapType::Array
        | MapType::PercpuArray
        | MapType::ProgArray
        | MapType::PerfEventArray
        | MapType::CgroupArray
        | MapType::ArrayOfMaps => "bpf_array",
        MapType::Hash
        | MapType::PercpuHash
        | MapType::LruHash
        | MapType::LruPercpuHash
        | MapType::HashOfMaps => "bpf_htab",
        MapType::LpmTrie => "lpm_trie",
        MapType::StackTrace => "bpf_stack_map",
        MapType::Queue | MapType::Stack => "bpf_queue_stack",
        MapType::Ringbuf | MapType::UserRingbuf => "bpf_ringbuf_map",
        MapType::Devmap | MapType::DevmapHash => "bpf_dtab",
        MapType::Cpumap => "bpf_cpu_map",
        MapType::Xskmap => "xsk_map",
        MapType::Sockmap => "bpf_stab",
        MapType::Sockhash => "bpf_shtab",
        MapType::SkStorage
        | MapType::InodeStorage
        | MapType::TaskStorage
        | MapType::CgrpStorage => "bpf_local_storage_map",
        MapType::CgroupStorage | MapType::PercpuCgroupStorage => "bpf_cgroup_storage_map",
        MapType::ReuseportSockarray => "reuseport_array",
        MapType::BloomFilter => "bpf_bloom_filter",
        MapType::StructOps => "bpf_struct_ops_map",
        MapType::Arena => "bpf_arena",
        MapType::Unspec => return None,
    })
}
