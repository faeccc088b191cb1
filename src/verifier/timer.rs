//! Timers: fields of map values that helpers alone may touch, and the functions that run when they
//! expire.
//!
//! Such a function is no call: it starts with a state of its own, at a time that nobody knows, and
//! nothing of the program's state reaches it. It is explored when the path that set it has ended.
//!
//! Kernel: `process_timer_func`, `push_async_cb`, `set_timer_callback_state` and the special fields in
//! `check_map_access` in kernel/bpf/verifier.c, 6.12.

use crate::abi::MapType;
use crate::abi::helpers::{ArgType, Callback, by_number};
use crate::isa::{Pc, Reg};
use crate::object::MapSpec;

use super::argument::ARGUMENTS;
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::helper::Call;
use super::memory::Access;
use super::special::{Field, only_field_named};
use super::state::{Kind, MapRef, Register, State};

/// The structure, and how large it is.
const TIMER: &str = "bpf_timer";
const SIZE: u64 = 16;

/// What a timer's function must return.
const RETURNS: (i64, i64) = (0, 0);

/// Whether a helper sets the function of a timer.
pub(super) fn sets_function(number: i32) -> bool {
    let prototype = by_number(number).and_then(|helper| helper.prototype.as_ref());
    let function = ArgType::Func(Callback::Timer);
    prototype.is_some_and(|prototype| prototype.args.contains(&function))
}

impl Verifier<'_> {
    /// The timer in the values of a map, where there is just one and the map may have it.
    pub(super) fn timer_of(&self, spec: &MapSpec) -> Option<Field> {
        let btf = self.program.btf.as_ref()?;
        let may_have = matches!(
            spec.map_type,
            MapType::Array | MapType::Hash | MapType::LruHash
        );
        let timer = only_field_named(btf, spec.value_type?, TIMER);
        timer.filter(|_| may_have)
    }

    /// Loads and stores must leave the timer of a value alone.
    pub(super) fn check_timer_untouched(
        &self,
        pointer: &Register,
        map: MapRef,
        access: Access,
    ) -> Check {
        let Some(timer) = self.timers.get(&(map.index, map.level)) else {
            return Ok(());
        };
        let fixed = i64::from(pointer.off) + i64::from(access.off);
        let first = pointer.value.smin.saturating_add(fixed);
        let end = pointer.value.umax.saturating_add_signed(fixed);
        let end = end.saturating_add(u64::from(access.size));
        let hits = first < i64::from(timer.offset) + SIZE as i64 && u64::from(timer.offset) < end;
        match hits {
            true => Err(Fail::access(
                "bpf_timer cannot be accessed directly by load/store",
            )),
            false => Ok(()),
        }
    }

    /// A helper is given a timer: the pointer must be to the one of its map's values.
    pub(super) fn check_timer(&self, call: &mut Call, reg: Reg, register: &Register) -> Check {
        let number = reg.number();
        let Kind::MapValue(map) = register.kind else {
            return Err(Fail::invalid("kernel subsystem misconfigured verifier"));
        };
        let Some(moved) = register.value.const_value() else {
            return Err(Fail::invalid(format!(
                "R{number} doesn't have constant offset. bpf_timer has to be at the constant offset"
            )));
        };
        let name = &self.map_spec(map).name;
        if self.program.btf.is_none() || self.map_spec(map).value_type.is_none() {
            return Err(Fail::invalid(format!(
                "map '{name}' has to have BTF in order to use bpf_timer"
            )));
        }
        let Some(timer) = self.timers.get(&(map.index, map.level)) else {
            return Err(Fail::invalid(format!("map '{name}' has no valid {TIMER}")));
        };
        let off = i64::from(register.off).wrapping_add(moved.cast_signed());
        if off != i64::from(timer.offset) {
            return Err(Fail::invalid(format!(
                "off {off} doesn't point to 'struct bpf_timer' that is at {}",
                timer.offset
            )));
        }
        call.timer_map = Some(map);
        call.map = Some(map);
        Ok(())
    }

    /// The map that `bpf_timer_init` is given must be the one that the timer lies in.
    pub(super) fn check_timer_map(call: &Call, map: MapRef) -> Check {
        match call.timer_map {
            Some(timer) if timer != map => Err(Fail::invalid(format!(
                "timer pointer in R1 map_uid={} doesn't match map pointer in R2 map_uid={}",
                timer.uid, map.uid
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// Leaves the function of a timer to be explored.
    pub(super) fn set_timer_function(&mut self, pc: Pc, map: MapRef, subprog: usize) -> Check {
        let depth = self.cur.frame().async_depth;
        let mut state = State::new(subprog, self.new_activation());
        let frame = state.frame_mut();
        frame.async_depth = depth + 1;
        frame.callback_range = Some(RETURNS);
        let map = MapRef { uid: 0, ..map };
        let given = [Kind::Map(map), Kind::MapKey(map), Kind::MapValue(map)];
        for (reg, kind) in ARGUMENTS.into_iter().zip(given) {
            *frame.reg_mut(reg) = Register::pointer(kind);
        }
        self.callbacks.insert(subprog);
        self.async_callbacks.insert(subprog);
        self.push_apart(state, self.flow.starts[subprog], pc)
    }
}
