//! Calls of helpers: who may call what, and what the call leaves behind.
//!
//! Kernel: `check_helper_call`, `check_map_func_compatibility`, `set_map_elem_callback_state`,
//! `set_loop_callback_state` in kernel/bpf/verifier.c, 6.12.

use crate::abi::helpers::{
    Callback, DynptrArg, Effect, Helper, Licence, Prototype, RetType, Sleeps, by_number,
};
use crate::abi::hooks::{may_ask_path, may_sleep};
use crate::abi::map_type::{flag, map_func_compatible, may_update_sockmap};
use crate::abi::privilege::needed_for_helper;
use crate::abi::{AttachType, LsmHook, MapType, ProgType};
use crate::btf::{BtfId, KindFilter};
use crate::isa::{Pc, Reg};
use crate::object::{Kptr, Poisoned, Sleepable};

use super::argument::ARGUMENTS;
use super::dynptr::{Dynptr, DynptrType};
use super::explore::{Flowing, Verifier};
use super::fail::{Check, Fail};
use super::lock::{SPIN_UNLOCK, calls_refused};
use super::outcome::Errno;
use super::scalar::Scalar;
use super::stack::StackRange;
use super::state::{Hold, Kind, MapRef, MemKind, Register, SlotByte, Trust};
use super::timer::Later;

/// `bpf_get_current_task_btf`, the only helper whose result the kernel vouches for.
const GET_CURRENT_TASK_BTF: u32 = 158;
/// `bpf_tail_call`.
pub(super) const TAIL_CALL: u32 = 12;
/// `bpf_get_local_storage`.
const GET_LOCAL_STORAGE: u32 = 81;
/// `bpf_get_smp_processor_id`.
const GET_SMP_PROCESSOR_ID: u32 = 8;
/// Helpers that return how many bytes they wrote, at most as many as they were given room for:
/// `bpf_probe_read_str`, `bpf_get_stack`, `bpf_probe_read_user_str`, `bpf_probe_read_kernel_str`,
/// `bpf_get_task_stack`.
const RETURNS_SIZE: [u32; 5] = [45, 67, 114, 115, 141];
/// Helpers that change a map: `bpf_map_update_elem`, `bpf_map_delete_elem`, `bpf_map_push_elem`,
/// `bpf_map_pop_elem`.
const CHANGES_MAP: [u32; 4] = [2, 3, 87, 88];
/// `bpf_ringbuf_reserve`.
pub(super) const RINGBUF_RESERVE: u32 = 131;
/// `bpf_dynptr_from_mem` and `bpf_dynptr_write`.
const DYNPTR_FROM_MEM: u32 = 197;
const DYNPTR_WRITE: u32 = 202;
/// `bpf_setsockopt` and `bpf_getsockopt`.
const SETSOCKOPT: u32 = 49;
const GETSOCKOPT: u32 = 57;
/// `bpf_sk_storage_get` and `bpf_sk_storage_delete`, which must not be called from themselves.
const SK_STORAGE_GET: u32 = 107;
const SK_STORAGE_DELETE: u32 = 108;
/// `bpf_d_path`, which takes locks that a function may hold.
const D_PATH: u32 = 147;
/// `bpf_ima_inode_hash` and `bpf_ima_file_hash`.
const IMA_INODE_HASH: u32 = 161;
const IMA_FILE_HASH: u32 = 193;
/// `bpf_get_func_ip` and `bpf_set_retval`.
const GET_FUNC_IP: u32 = 173;
const SET_RETVAL: u32 = 187;
/// The largest error number (`MAX_ERRNO`).
const MAX_ERRNO: i64 = 4095;
/// CPUs that the modelled kernel may have at most (`nr_cpu_ids`).
const MAX_CPUS: u64 = 8192;

/// One call, while its arguments are judged.
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) prototype: Prototype,
    /// The map argument.
    pub(super) map: Option<MapRef>,
    /// The map that the timer argument lies in.
    pub(super) timer_map: Option<MapRef>,
    /// The reference that an argument carries.
    pub(super) ref_id: u32,
    /// The reference that the call releases.
    pub(super) release: Option<u32>,
    /// The size that it allocates.
    pub(super) alloc_size: Option<u32>,
    /// The largest value of its size argument.
    pub(super) max_size: Option<u64>,
    /// The function that it calls back.
    pub(super) callback: Option<(Callback, usize)>,
    /// The field that objects are exchanged in.
    pub(super) kptr: Option<Kptr>,
    /// The object of the program's types, of which each CPU has its own, that is given.
    pub(super) object: Option<BtfId>,
    /// The kernel variable that is given.
    pub(super) variable: Option<BtfId>,
    /// The register with a dynptr, and what the call does with it.
    pub(super) dynptr: Option<(Reg, DynptrArg)>,
    /// Stack that it overwrites.
    pub(super) overwritten: Vec<StackRange>,
}

impl Verifier<'_> {
    pub(super) fn check_helper(&mut self, pc: Pc, number: i32) -> Check<Flowing> {
        let Some(helper) = by_number(number) else {
            let mut missing = self.program.missing_functions.iter();
            if let Some(missing) = missing.find(|missing| missing.pc == pc) {
                // In libbpf's words, which replace the kernel's in its log.
                let name = &missing.name;
                let message = format!("kfunc '{name}' is referenced but wasn't resolved");
                return Err(Fail::invalid(message));
            }
            let fail = Fail::invalid(format!("invalid func unknown#{number}"));
            let poisoned = self
                .program
                .poisoned
                .iter()
                .find(|poisoned| poisoned.pc == pc);
            return Err(match poisoned {
                Some(Poisoned { subject, lack, .. }) => Fail::invalid(format!(
                    "failed to resolve CO-RE relocation {subject}: {lack}"
                )),
                None => fail,
            });
        };
        if self.cur.lock.is_some() && helper.number != SPIN_UNLOCK {
            return Err(calls_refused());
        }
        let prototype = self.check_callable(helper)?;
        self.check_hook(helper)?;
        let mut call = Call {
            number: helper.number,
            name: helper.name,
            prototype,
            map: None,
            timer_map: None,
            ref_id: 0,
            release: None,
            alloc_size: None,
            max_size: None,
            callback: None,
            kptr: None,
            object: None,
            variable: None,
            dynptr: None,
            overwritten: Vec::new(),
        };
        for index in 0..ARGUMENTS.len() {
            self.check_argument(&mut call, index)?;
        }
        self.check_map_fits(&call)?;
        self.check_storage_flags(&call)?;
        self.check_format(call.number)?;
        self.note_tail_call(&call);
        for range in std::mem::take(&mut call.overwritten) {
            self.write_data(range, SlotByte::Misc);
        }
        if let Some((reg, DynptrArg::ReleaseRingbuf)) = call.dynptr {
            self.release_dynptr(reg, call.name);
        }
        self.check_dynptr_data(&call)?;
        if let Some(reference) = call.release {
            if call.kptr.is_some() {
                self.give_away(reference);
            }
            self.release(reference, &format!("func {}#{}", call.name, call.number))?;
        }
        if call.number == TAIL_CALL && !self.cur.refs.is_empty() {
            return Err(Fail::invalid("tail_call would lead to reference leak"));
        }
        if call.number == TAIL_CALL {
            self.check_outside_sections("tail_call")?;
        }
        match (call.callback, call.timer_map) {
            (Some((Callback::Timer, subprog)), Some(map)) => {
                self.set_later_function(pc, map, subprog, Later::Timer)?;
            }
            (Some((callback, subprog)), _) => self.enter_callback(pc, &call, callback, subprog)?,
            (None, _) => {}
        }
        let dynptr = call.dynptr.and_then(|(reg, _)| self.dynptr_of(reg));
        let writes_packet = call.number == DYNPTR_WRITE
            && dynptr.is_some_and(|dynptr| dynptr.ty == DynptrType::Skb);
        self.clobber_arguments();
        let mut result = self.result(&call, dynptr)?;
        self.keep_reference(pc, &call, &mut result);
        self.write_reg(Reg::R0, result);
        if call.prototype.effect == Effect::ChangesPacket || writes_packet {
            self.forget_packet_pointers();
        }
        Ok(Flowing::To(pc.next()))
    }

    /// `bpf_dynptr_from_mem` takes values of maps alone.
    fn check_dynptr_data(&self, call: &Call) -> Check {
        let data = self.cur.reg(Reg::R1);
        if call.number != DYNPTR_FROM_MEM || matches!(data.kind, Kind::MapValue(_)) {
            return Ok(());
        }
        let name = self.type_name(data);
        Err(Fail::access(format!(
            "Unsupported reg type {name} for bpf_dynptr_from_mem data"
        )))
    }

    /// `bpf_get_local_storage` cannot fail, so that it takes no flags.
    fn check_storage_flags(&self, call: &Call) -> Check {
        let has_flags = call.number == GET_LOCAL_STORAGE && !self.cur.reg(Reg::R2).is_null();
        match has_flags {
            true => Err(Fail::invalid(
                "get_local_storage() doesn't support non-zero flags",
            )),
            false => Ok(()),
        }
    }

    /// Remembers the map of a tail call; which program is called matters, if it is known.
    fn note_tail_call(&mut self, call: &Call) {
        if let (TAIL_CALL, Some(map)) = (call.number, call.map) {
            let index = self.cur.reg(Reg::R3).const_scalar();
            let entries = u64::from(self.map_spec(map).max_entries);
            if index.is_some_and(|index| index < entries) {
                self.mark_precise(Reg::R3);
            }
            let noted = self.tail_call_maps.entry(self.pc).or_insert(map);
            self.mixed_tail_call |= *noted != map;
        }
    }

    /// Whether this program may call the helper.
    fn check_callable(&self, helper: &Helper) -> Check<Prototype> {
        let (name, number) = (helper.name, helper.number);
        let (prog_type, attach_type) = (self.program.prog_type, self.program.attach_type);
        let available = helper.available.allows(prog_type, attach_type);
        let needed = needed_for_helper(prog_type, number);
        let is_permitted = needed.is_none_or(|one| self.env.loader.capabilities.has(one));
        if !available && !self.gives_options(number) || self.denies_options(number) || !is_permitted
        {
            return Err(Fail::invalid(format!(
                "program of this type cannot use helper {name}#{number}"
            )));
        }
        let Some(prototype) = helper.prototype_for(prog_type, attach_type) else {
            return Err(Fail::unsupported(format!("helper {name}#{number}")));
        };
        if prototype.licence == Licence::Gpl && !self.is_gpl() {
            return Err(Fail::invalid(
                "cannot call GPL-restricted function from non-GPL compatible program",
            ));
        }
        if !self.is_allowed(number) {
            return Err(Fail::invalid("helper call is not allowed in probe"));
        }
        if prototype.sleeps == Sleeps::Might {
            self.check_may_sleep(helper)?;
        }
        if prototype.sleeps == Sleeps::Might && !self.is_sleepable() {
            return Err(Fail::invalid(
                "helper call might sleep in a non-sleepable prog",
            ));
        }
        Ok(prototype)
    }

    /// Iterators over these sockets let their options be set and read, beyond what others may do.
    fn gives_options(&self, number: u32) -> bool {
        let target = self.program.attach_target.as_deref();
        self.program.attach_type == Some(AttachType::TraceIter)
            && matches!(target, Some("tcp" | "unix"))
            && matches!(number, SETSOCKOPT | GETSOCKOPT)
    }

    /// A congestion control that is leaving may not touch the options.
    fn denies_options(&self, number: u32) -> bool {
        self.program.prog_type == ProgType::StructOps
            && matches!(number, SETSOCKOPT | GETSOCKOPT)
            && self.stood_in_for().is_ok_and(|one| one.name == "release")
    }

    /// Whether the hook that the program is on is one where the helper may be called.
    fn is_allowed(&self, number: u32) -> bool {
        let target = self.program.attach_target.as_deref().unwrap_or_default();
        let at = self.program.attach_type;
        match (self.program.prog_type, number) {
            (ProgType::Lsm, D_PATH | IMA_INODE_HASH | IMA_FILE_HASH) => may_sleep(target),
            (ProgType::Tracing, D_PATH) => {
                at == Some(AttachType::TraceIter) || may_ask_path(target)
            }
            (ProgType::Tracing, SK_STORAGE_GET | SK_STORAGE_DELETE) => match at {
                Some(AttachType::TraceIter | AttachType::TraceRawTp) => true,
                Some(AttachType::TraceFentry | AttachType::TraceFexit) => {
                    !target.starts_with("bpf_sk_storage")
                }
                _ => false,
            },
            _ => true,
        }
    }

    /// Whether what runs may sleep; the functions of timers may not.
    pub(super) fn is_sleepable(&self) -> bool {
        let program = self.program.sleepable == Sleepable::Yes && !self.cur.is_async();
        program || self.cur.in_work
    }

    /// What some helpers are about must be there: a function that the program is on, a result.
    fn check_hook(&self, helper: &Helper) -> Check {
        let attach_type = self.program.attach_type;
        match (helper.number, self.program.prog_type) {
            (GET_FUNC_IP, ProgType::Kprobe) => Ok(()),
            (GET_FUNC_IP, ProgType::Tracing) => match attach_type {
                Some(
                    AttachType::TraceFentry | AttachType::TraceFexit | AttachType::ModifyReturn,
                ) => Ok(()),
                _ => Err(Fail::new(
                    Errno::NotSupported,
                    "func bpf_get_func_ip#173 supported only for fentry/fexit/fmod_ret programs",
                )),
            },
            (GET_FUNC_IP, other) => Err(Fail::new(
                Errno::NotSupported,
                format!(
                    "func bpf_get_func_ip#173 not supported for program type {}",
                    other.number()
                ),
            )),
            (SET_RETVAL, ProgType::Lsm) if attach_type == Some(AttachType::LsmCgroup) => {
                let hook = self.program.attach_target.as_deref().unwrap_or_default();
                match self.lsm_hook_kind(hook) {
                    LsmHook::Void => Err(Fail::invalid(
                        "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
                    )),
                    LsmHook::Bool | LsmHook::Errno => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Nothing may sleep in a section that the program opened.
    fn check_may_sleep(&self, helper: &Helper) -> Check {
        let (name, number) = (helper.name, helper.number);
        let section = match (self.cur.rcu_locked, self.cur.preempt_disabled) {
            (true, _) => "rcu_read_lock",
            (false, 1..) => "non-preemptible",
            (false, 0) => return Ok(()),
        };
        Err(Fail::invalid(format!(
            "sleepable helper {name}#{number} in {section} region"
        )))
    }

    /// Whether the helper may be given that type of map.
    fn check_map_fits(&self, call: &Call) -> Check {
        let Some(map) = call.map else { return Ok(()) };
        let spec = self.map_spec(map);
        let map_type = spec.map_type;
        if spec.flags & flag::RDONLY_PROG != 0 && CHANGES_MAP.contains(&call.number) {
            return Err(Fail::access("write into map forbidden"));
        }
        let sockets = matches!(map_type, MapType::Sockmap | MapType::Sockhash);
        let (prog_type, attach_type) = (self.program.prog_type, self.program.attach_type);
        let changes = CHANGES_MAP.contains(&call.number);
        let may_change =
            !sockets || !changes || may_update_sockmap(prog_type, attach_type, call.number);
        if may_change && map_func_compatible(map_type, call.number) {
            return Ok(());
        }
        let number = map_type.number();
        let sentence = format!(
            "cannot pass map_type {number} into func {}#{}",
            call.name, call.number
        );
        Err(match may_change {
            true => Fail::invalid(sentence),
            false => Fail::invalid("cannot update sockmap in this context").then(sentence),
        })
    }

    /// `r1` to `r5` cannot be read after a call, nor `r0` until it has a result.
    pub(super) fn clobber_arguments(&mut self) {
        self.write_reg(Reg::R0, Register::uninit());
        for reg in ARGUMENTS {
            self.write_reg(reg, Register::uninit());
        }
    }

    /// Whether the licence is one that the kernel takes for compatible with the GPL.
    pub(super) fn is_gpl(&self) -> bool {
        matches!(
            self.program.licence.as_str(),
            "GPL"
                | "GPL v2"
                | "GPL and additional rights"
                | "Dual BSD/GPL"
                | "Dual MIT/GPL"
                | "Dual MPL/GPL"
        )
    }

    /// What `r0` holds after the call.
    fn result(&mut self, call: &Call, dynptr: Option<Dynptr>) -> Check<Register> {
        match call.prototype.ret {
            RetType::Integer => Ok(Register::scalar(integer_result(call))),
            RetType::Void => Ok(Register::uninit()),
            RetType::MapValueOrNull | RetType::MapValue => {
                let Some(map) = call.map else {
                    return Err(Fail::invalid("kernel subsystem misconfigured verifier"));
                };
                let mut result = Register::pointer(self.lookup_kind(map));
                if call.prototype.ret == RetType::MapValueOrNull {
                    return Ok(self.or_null(result));
                }
                if self.may_hold_lock(result.kind) {
                    result.id = self.new_id();
                }
                Ok(result)
            }
            RetType::AllocMemOrNull => {
                let kind = if call.number == RINGBUF_RESERVE {
                    MemKind::Ringbuf
                } else {
                    MemKind::Plain
                };
                let kind = Kind::Mem(call.alloc_size.unwrap_or(0), kind);
                Ok(self.or_null(Register::pointer(kind)))
            }
            RetType::BtfId(name) => {
                let id = self.kernel_struct(name)?;
                let trust = if call.number == GET_CURRENT_TASK_BTF {
                    Trust::Trusted
                } else {
                    Trust::Plain
                };
                Ok(Register::pointer(Kind::Btf(id, trust)))
            }
            RetType::BtfIdOrNull(name) => {
                let kind = Kind::Btf(self.kernel_struct(name)?, Trust::Plain);
                Ok(self.or_null(Register::pointer(kind)))
            }
            RetType::SockOrNull(view) => Ok(self.or_null(Register::pointer(Kind::Sock(view)))),
            RetType::KptrOrNull => match call.kptr {
                Some(kptr) => self.taken_kptr(kptr),
                None => Err(Fail::invalid("kernel subsystem misconfigured verifier")),
            },
            // Linux takes it for present on any CPU.
            RetType::MemOrBtfIdOrNull | RetType::MemOrBtfId if let Some(object) = call.object => {
                Ok(Register::pointer(Kind::Local(object, Hold::Rcu)))
            }
            RetType::MemOrBtfIdOrNull => {
                let result = self.variable_content(call)?;
                Ok(self.or_null(result))
            }
            RetType::MemOrBtfId => self.variable_content(call),
            RetType::DynptrMemOrNull => {
                let Some(dynptr) = dynptr else {
                    return Err(Fail::invalid("kernel subsystem misconfigured verifier"));
                };
                let slice = Register {
                    ref_id: dynptr.ref_id,
                    ..dynptr.slice(call.alloc_size.unwrap_or(0), MemKind::Plain)
                };
                Ok(self.or_null(slice))
            }
        }
    }

    /// The kernel structure of that name.
    pub(super) fn kernel_struct(&self, name: &str) -> Check<BtfId> {
        let found = self.kernel_btf().find(name, KindFilter::STRUCT);
        found.ok_or_else(|| Fail::invalid(format!("the kernel has no type struct {name}")))
    }

    /// What a pointer to a per-CPU variable becomes on one CPU.
    fn variable_content(&self, call: &Call) -> Check<Register> {
        let Some(id) = call.variable else {
            return Err(Fail::access("Helper has invalid btf_id in R1"));
        };
        Ok(Register::pointer(self.variable_kind(id)?))
    }

    /// The packet may have moved: pointers to it are now numbers.
    pub(super) fn forget_packet_pointers(&mut self) {
        let lost = self.lost_pointer();
        self.cur.for_each_register(|register| {
            let is_slice = matches!(register.kind, Kind::Mem(_, kind) if kind.is_packet_slice());
            if register.is_packet() || register.kind == Kind::PacketEnd || is_slice {
                *register = lost.with_live(register.live);
            }
        });
    }
}

/// What is known of a helper's number.
fn integer_result(call: &Call) -> Scalar {
    let mut value = Scalar::unknown();
    if RETURNS_SIZE.contains(&call.number)
        && let Some(most) = call.max_size.and_then(|most| i64::try_from(most).ok())
    {
        (value.smin, value.smax) = (-MAX_ERRNO, most);
        (value.s32_min, value.s32_max) =
            (-(MAX_ERRNO as i32), i32::try_from(most).unwrap_or(i32::MAX));
        value.sync();
    }
    if call.number == GET_SMP_PROCESSOR_ID {
        (value.umin, value.umax) = (0, MAX_CPUS - 1);
        value.sync();
    }
    value
}
