//! Calls of kernel functions: who may call which, what the sections they open forbid, what they leave behind.
//!
//! What their arguments must be is in [`argument`], iterators are in [`iterator`]. Prototypes are those of the kernel's
//! types; what else is known of a function is a row of [`crate::abi::kfuncs`]. A function that does what is not
//! modelled here is refused by name.
//!
//! Kernel: `check_kfunc_call` in kernel/bpf/verifier.c and Documentation/bpf/kfuncs.rst, 6.12.

mod argument;
mod dynptr;
mod graph;
mod iterator;
mod work;

use std::collections::btree_map::Entry;

use crate::abi::ProgType;
use crate::abi::kfuncs::{Kfunc, by_name, flag};
use crate::btf::{Btf, BtfId, KindFilter, Type};
use crate::isa::{CallTarget, Insn, Pc, Reg};
use crate::object::{CallFacts, KernelCall, Root};

use super::argument::ARGUMENTS;
use super::dynptr::Dynptr;
use super::explore::{Flowing, Verifier};
use super::fail::{Check, Fail};
use super::outcome::Env;
use super::state::{IterGuard, Kind, MapRef, MemKind, Place, Register, Trust, frame_number};
use super::timer::Later;

/// The kernel functions that a program calls, by their id in the kernel's types.
#[derive(Debug)]
pub(super) struct Kfuncs(Vec<(i32, &'static Kfunc)>);

impl Kfuncs {
    /// Those that `insns` call and that are known; the kernel's types are read only if there is a call.
    pub(super) fn of(insns: &[Insn], env: &Env) -> Kfuncs {
        let ids = insns.iter().filter_map(called);
        let mut known: Vec<(i32, &'static Kfunc)> = ids
            .filter_map(|id| {
                let btf = kernel_btf(env);
                let name = btf.ty(BtfId(id.cast_unsigned())).name();
                by_name(name).map(|kfunc| (id, kfunc))
            })
            .collect();
        known.sort_unstable_by_key(|(id, _)| *id);
        known.dedup_by_key(|(id, _)| *id);
        Kfuncs(known)
    }

    /// The function that an instruction calls, if it is known.
    pub(super) fn called_by(&self, insn: &Insn) -> Option<&'static Kfunc> {
        let id = called(insn)?;
        let at = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.0.get(at).map(|(_, kfunc)| *kfunc)
    }

    /// Whether an instruction advances an iterator.
    pub(super) fn is_iter_next(&self, insn: &Insn) -> bool {
        let kfunc = self.called_by(insn);
        kfunc.is_some_and(|kfunc| kfunc.has(flag::ITER_NEXT))
    }

    /// Whether an instruction calls a function of the program's back before the call returns.
    pub(super) fn calls_back(&self, insn: &Insn) -> bool {
        let kfunc = self.called_by(insn);
        kfunc.is_some_and(|kfunc| kfunc.name == "bpf_rbtree_add_impl")
    }

    /// Whether an instruction sets a function that runs later.
    pub(super) fn sets_function(&self, insn: &Insn) -> bool {
        let kfunc = self.called_by(insn);
        kfunc.is_some_and(|kfunc| kfunc.name == work::SETS_FUNCTION)
    }

    /// Whether an instruction throws.
    pub(super) fn is_throw(&self, insn: &Insn) -> bool {
        let kfunc = self.called_by(insn);
        kfunc.is_some_and(|kfunc| effect_of(kfunc) == Effect::Throw)
    }
}

/// The kernel itself, not one of its modules, defines what has this index.
const VMLINUX: i16 = 0;

fn called(insn: &Insn) -> Option<i32> {
    match insn {
        Insn::Call(CallTarget::Kfunc { id, btf_index }) if *btf_index == VMLINUX => Some(*id),
        _ => None,
    }
}

fn kernel_btf(env: &Env) -> &Btf {
    match &env.kernel_btf {
        Some(btf) => btf,
        None => crate::btf::kernel_6_12(),
    }
}

/// What a device tells of a packet that it received: only programs that are loaded for one device may ask.
const METADATA: [&str; 3] = [
    "bpf_xdp_metadata_rx_timestamp",
    "bpf_xdp_metadata_rx_hash",
    "bpf_xdp_metadata_rx_vlan_tag",
];

/// Refuses calls that only programs bound to a device may make, before anything is explored: none is bound here.
pub(super) fn check_bound(insns: &[Insn], env: &Env) -> Check {
    let mut names = insns.iter().filter_map(called).map(|id| {
        let ty = kernel_btf(env).ty(BtfId(id.cast_unsigned()));
        ty.name()
    });
    match names.any(|name| METADATA.contains(&name)) {
        true => Err(Fail::invalid(
            "metadata kfuncs require device-bound program",
        )),
        false => Ok(()),
    }
}

/// What a function does beside taking and giving references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    RcuLock,
    RcuUnlock,
    PreemptDisable,
    PreemptEnable,
    Throw,
    CastToKernelContext,
    ReadOnlyCast,
    SessionCookie,
    DynptrFromSkb,
    DynptrFromXdp,
    DynptrSlice,
    DynptrSliceWritable,
}

/// The functions that do.
const EFFECTS: [(&str, Effect); 12] = [
    ("bpf_rcu_read_lock", Effect::RcuLock),
    ("bpf_rcu_read_unlock", Effect::RcuUnlock),
    ("bpf_preempt_disable", Effect::PreemptDisable),
    ("bpf_preempt_enable", Effect::PreemptEnable),
    ("bpf_throw", Effect::Throw),
    ("bpf_cast_to_kern_ctx", Effect::CastToKernelContext),
    ("bpf_rdonly_cast", Effect::ReadOnlyCast),
    ("bpf_session_cookie", Effect::SessionCookie),
    ("bpf_dynptr_from_skb", Effect::DynptrFromSkb),
    ("bpf_dynptr_from_xdp", Effect::DynptrFromXdp),
    ("bpf_dynptr_slice", Effect::DynptrSlice),
    ("bpf_dynptr_slice_rdwr", Effect::DynptrSliceWritable),
];

fn effect_of(kfunc: &Kfunc) -> Effect {
    let row = EFFECTS.iter().find(|(name, _)| *name == kfunc.name);
    row.map_or(Effect::None, |(_, effect)| *effect)
}

/// What the kernel itself calls the context of a program type, where that is a structure.
pub(super) fn kernel_context(prog_type: ProgType) -> Option<&'static str> {
    Some(match prog_type {
        ProgType::SocketFilter
        | ProgType::SchedCls
        | ProgType::SchedAct
        | ProgType::CgroupSkb
        | ProgType::LwtIn
        | ProgType::LwtOut
        | ProgType::LwtXmit
        | ProgType::LwtSeg6local
        | ProgType::SkSkb => "sk_buff",
        ProgType::Xdp => "xdp_buff",
        ProgType::CgroupSock => "sock",
        ProgType::CgroupSockAddr => "bpf_sock_addr_kern",
        ProgType::SockOps => "bpf_sock_ops_kern",
        ProgType::SkMsg => "sk_msg",
        ProgType::FlowDissector => "bpf_flow_dissector",
        ProgType::Kprobe => "pt_regs",
        ProgType::PerfEvent => "bpf_perf_event_data_kern",
        ProgType::CgroupDevice => "bpf_cgroup_dev_ctx",
        ProgType::CgroupSysctl => "bpf_sysctl_kern",
        ProgType::CgroupSockopt => "bpf_sockopt_kern",
        ProgType::SkReuseport => "sk_reuseport_kern",
        ProgType::SkLookup => "bpf_sk_lookup_kern",
        ProgType::Netfilter => "bpf_nf_ctx",
        ProgType::Unspec
        | ProgType::Tracepoint
        | ProgType::RawTracepoint
        | ProgType::RawTracepointWritable
        | ProgType::LircMode2
        | ProgType::Tracing
        | ProgType::StructOps
        | ProgType::Ext
        | ProgType::Lsm
        | ProgType::Syscall => return None,
    })
}

/// One call, while its arguments are judged.
struct Call {
    kfunc: &'static Kfunc,
    effect: Effect,
    /// What it returns.
    ret: BtfId,
    /// Names and types of its parameters.
    params: Vec<(String, BtfId)>,
    /// The reference that an argument carries.
    ref_id: u32,
    /// The reference that the call releases.
    release: Option<u32>,
    /// The constant that names a type.
    constant: Option<u64>,
    /// The constant size of the memory that it is given.
    size: Option<u32>,
    /// The dynptr that it uses.
    dynptr: Option<Dynptr>,
    /// The structure of the object that it works on.
    object: Option<BtfId>,
    /// Whether the program owns that object.
    is_owned: bool,
    /// What the list or tree that it works on holds.
    root: Option<Root>,
    /// The map that the work queue argument lies in.
    map: Option<MapRef>,
    /// The function that it calls back.
    callback: Option<usize>,
    /// The iterator that it works on: frame and slot of its lowest address.
    iter: Option<(usize, usize)>,
}

impl Verifier<'_> {
    pub(super) fn check_kfunc(&mut self, pc: Pc, id: i32, btf_index: i16) -> Check<Flowing> {
        self.check_lock_allows(pc)?;
        let mut call = self.kfunc_call(pc, id, btf_index)?;
        self.check_kfunc_sleeps(&call)?;
        self.check_kfunc_arguments(&mut call)?;
        self.open_or_close(&call)?;
        self.note_kernel_call(pc, &call);
        if let (work::SETS_FUNCTION, Some(map), Some(subprog)) =
            (call.kfunc.name, call.map, call.callback)
        {
            self.set_later_function(pc, map, subprog, Later::Work)?;
        }
        if let Some(reference) = call.release {
            self.release(reference, &format!("kfunc {}#{id}", call.kfunc.name))?;
        }
        self.link_object(pc, &call)?;
        if call.effect == Effect::Throw {
            return self.throw();
        }
        let frame = frame_number(self.cur.top());
        for (reg, _) in ARGUMENTS.into_iter().zip(&call.params) {
            self.mark_read(Place::Reg(frame, reg));
        }
        let is_void = call.ret == BtfId::VOID;
        let result = if is_void {
            Register::uninit()
        } else {
            self.kfunc_result(pc, &call)?
        };
        self.clobber_arguments();
        self.write_reg(Reg::R0, result);
        if call.kfunc.has(flag::ITER_NEXT) {
            self.advance_iterator(pc, &call)?;
        }
        Ok(Flowing::To(pc.next()))
    }

    /// The function that is called, if this program may and if it is modelled.
    fn kfunc_call(&self, pc: Pc, id: i32, btf_index: i16) -> Check<Call> {
        if !self.is_gpl() {
            return Err(Fail::invalid(
                "cannot call kernel function from non-GPL compatible program",
            ));
        }
        if btf_index != VMLINUX {
            let what = self.module_symbol(pc, "a function");
            return Err(Fail::unsupported(format!("calling {what}")));
        }
        let name = self.kernel_name(id.cast_unsigned());
        let unsupported = || Fail::unsupported(format!("calling kernel function {name}"));
        let insn = self.insns.get(pc.index());
        let Some(kfunc) = insn.and_then(|insn| self.kfuncs.called_by(insn)) else {
            return Err(unsupported());
        };
        if !kfunc.is_for(self.program.prog_type, self.program.attach_type) {
            return Err(Fail::access(format!(
                "calling kernel function {name} is not allowed"
            )));
        }
        let btf = self.kernel_btf();
        let Type::Func { proto, .. } = btf.ty(BtfId(id.cast_unsigned())) else {
            return Err(unsupported());
        };
        let Type::FuncProto { ret, params } = btf.ty(proto) else {
            return Err(unsupported());
        };
        Ok(Call {
            kfunc,
            effect: effect_of(kfunc),
            ret: btf.resolve(ret),
            params: params
                .iter()
                .map(|param| (param.name.to_owned(), param.ty))
                .collect(),
            ref_id: 0,
            release: None,
            constant: None,
            size: None,
            dynptr: None,
            object: None,
            is_owned: false,
            root: None,
            map: None,
            callback: None,
            iter: None,
        })
    }

    /// Keeps what the function's body will have to know of this call.
    fn note_kernel_call(&mut self, pc: Pc, call: &Call) {
        let facts = CallFacts {
            constant: call.constant,
            object: self.new_object(call),
        };
        match self.kernel_calls.entry(pc) {
            Entry::Vacant(place) => {
                let name = call.kfunc.name;
                place.insert(KernelCall { name, facts });
            }
            Entry::Occupied(mut place) => place.get_mut().facts.join(&facts),
        }
    }

    fn check_kfunc_sleeps(&self, call: &Call) -> Check {
        let sleeps = call.kfunc.has(flag::SLEEPABLE);
        if sleeps && !self.is_sleepable() {
            return Err(Fail::access(format!(
                "program must be sleepable to call sleepable kfunc {}",
                call.kfunc.name
            )));
        }
        Ok(())
    }

    /// Sections in which RCU protects, or nothing preempts.
    fn open_or_close(&mut self, call: &Call) -> Check {
        let name = call.kfunc.name;
        let sleeps = call.kfunc.has(flag::SLEEPABLE);
        let is_section = matches!(call.effect, Effect::RcuLock | Effect::RcuUnlock);
        if is_section && self.in_tree_callback() {
            return Err(Fail::access(
                "Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback",
            ));
        }
        match (self.cur.rcu_locked, call.effect) {
            (true, Effect::RcuLock) => {
                return Err(Fail::invalid(format!(
                    "nested rcu read lock (kernel function {name})"
                )));
            }
            (false, Effect::RcuUnlock) => {
                return Err(Fail::invalid(format!(
                    "unmatched rcu read unlock (kernel function {name})"
                )));
            }
            (true, Effect::RcuUnlock) => self.leave_rcu(),
            (false, Effect::RcuLock) => self.cur.rcu_locked = true,
            (true, _) if sleeps => {
                return Err(Fail::access(format!(
                    "kernel func {name} is sleepable within rcu_read_lock region"
                )));
            }
            (true | false, _) => {}
        }
        match (self.cur.preempt_disabled, call.effect) {
            (depth, Effect::PreemptDisable) => {
                self.cur.preempt_disabled = depth.saturating_add(1);
            }
            (0, Effect::PreemptEnable) => {
                return Err(Fail::invalid(format!(
                    "unmatched attempt to enable preemption (kernel function {name})"
                )));
            }
            (depth, Effect::PreemptEnable) => {
                self.cur.preempt_disabled = depth.saturating_sub(1);
            }
            (1.., _) if sleeps => {
                return Err(Fail::access(format!(
                    "kernel func {name} is sleepable within non-preemptible region"
                )));
            }
            (_, _) => {}
        }
        Ok(())
    }

    /// The section ends: what it protected may be gone.
    fn leave_rcu(&mut self) {
        self.cur.rcu_locked = false;
        self.cur.for_each_register(|register| {
            if let Kind::Btf(id, Trust::Rcu) = register.kind {
                register.kind = Kind::Btf(id, Trust::Untrusted);
                register.maybe_null = false;
            }
            if let Kind::Local(id, hold) = register.kind
                && hold.is_rcu()
            {
                register.kind = Kind::Local(id, hold.after_section());
                register.maybe_null = false;
            }
        });
        let slots = self
            .cur
            .frames
            .iter_mut()
            .flat_map(|frame| &mut frame.stack);
        for iter in slots.filter_map(|slot| slot.iter.as_mut()) {
            if iter.guard == IterGuard::Held {
                iter.guard = IterGuard::Lost;
            }
        }
    }

    /// Whether RCU protects: programs that do not sleep run within a section.
    pub(in crate::verifier) fn in_rcu(&self) -> bool {
        self.cur.rcu_locked || self.cur.lock.is_some() || !self.is_sleepable()
    }

    /// What `r0` holds after the call, reference included.
    fn kfunc_result(&mut self, pc: Pc, call: &Call) -> Check<Register> {
        let mut result = match self.object_result(call)? {
            Some(object) => object,
            None => self.kernel_result(call)?,
        };
        if !result.is_pointer() {
            return Ok(result);
        }
        // Who holds a reference can always take another.
        let may_fail = call.kfunc.has(flag::RET_NULL) && !call.is_owned;
        if may_fail {
            result.maybe_null = true;
            result.id = self.new_id();
        }
        if call.kfunc.has(flag::ACQUIRE) {
            result.ref_id = self.acquire(pc);
            if may_fail {
                result.id = result.ref_id;
            }
        } else {
            self.share_first(call, &mut result);
        }
        if result.id == 0 && self.may_hold_lock(result.kind) {
            result.id = self.new_id();
        }
        Ok(result)
    }

    /// What a call gives of the kernel's.
    fn kernel_result(&mut self, call: &Call) -> Check<Register> {
        let unsupported =
            || Fail::unsupported(format!("calling kernel function {}", call.kfunc.name));
        if let Effect::DynptrSlice | Effect::DynptrSliceWritable = call.effect {
            let slice = self.kfunc_slice(call)?;
            return Ok(self.or_null(slice));
        }
        let btf = self.kernel_btf();
        let pointee = match btf.ty(call.ret) {
            Type::Int { .. } | Type::Enum(_) | Type::Enum64(_) => return Ok(Register::unknown()),
            Type::Ptr { to } => btf.resolve(to),
            _ => return Err(unsupported()),
        };
        let is_struct = matches!(btf.ty(pointee), Type::Struct(_));
        let kind = match (call.effect, btf.size_of(pointee)) {
            (Effect::CastToKernelContext, _) => self.cast_to_kernel_context()?,
            (Effect::ReadOnlyCast, _) => self.read_only_cast(call)?,
            (_, _) if is_struct => Kind::Btf(pointee, self.trust_of_result(call)),
            (_, Some(size)) => {
                let size = u32::try_from(size).map_err(|_| unsupported())?;
                // What a function does not say how long it is may only be read.
                let is_cookie = call.effect == Effect::SessionCookie;
                let access = if is_cookie {
                    MemKind::Plain
                } else {
                    MemKind::ReadOnly
                };
                Kind::Mem(size, access)
            }
            // `void *` is as good as a number.
            (_, None) if pointee == BtfId::VOID => return Ok(Register::unknown()),
            (_, None) => return Err(unsupported()),
        };
        let mut result = Register::pointer(kind);
        if let Kind::Mem(..) = kind {
            // It is gone when what it was taken from is released.
            result.ref_id = call.ref_id;
        }
        Ok(result)
    }

    /// Elements of iterators are valid as long as the iterator, all else by its reference.
    fn trust_of_result(&self, call: &Call) -> Trust {
        if !call.kfunc.has(flag::ITER_NEXT) {
            return Trust::Plain;
        }
        let iter = call.iter.and_then(|place| self.iterator_at(place));
        match iter.map(|iter| iter.guard) {
            Some(IterGuard::Held) => Trust::Rcu,
            Some(IterGuard::None | IterGuard::Lost) | None => Trust::Trusted,
        }
    }

    /// The context as the kernel has it.
    fn cast_to_kernel_context(&self) -> Check<Kind> {
        let btf = self.kernel_btf();
        let name = kernel_context(self.program.prog_type);
        match name.and_then(|name| btf.find(name, KindFilter::STRUCT)) {
            Some(id) => Ok(Kind::Btf(id, Trust::Trusted)),
            None => Err(Fail::unsupported(format!(
                "calling kernel function bpf_cast_to_kern_ctx in {} programs",
                self.program.prog_type.name()
            ))),
        }
    }

    /// Anything taken for a structure that a constant names.
    fn read_only_cast(&self, call: &Call) -> Check<Kind> {
        let id = call.constant.and_then(|id| u32::try_from(id).ok());
        let id = BtfId(id.unwrap_or(0));
        match self.kernel_btf().ty(id) {
            Type::Struct(_) => Ok(Kind::Btf(id, Trust::Untrusted)),
            _ => Err(Fail::invalid(
                "kfunc bpf_rdonly_cast type ID argument must be of a struct",
            )),
        }
    }
}
