//! Timers: fields of map values that helpers alone may touch, and the functions that run when they
//! expire.
//!
//! Such a function is no call: it starts with a state of its own, at a time that nobody knows, and
//! nothing of the program's state reaches it. It is explored when the path that set it has ended.
//!
//! Kernel: `process_timer_func`, `push_async_cb`, `set_timer_callback_state` and the special fields in
//! `check_map_access` in kernel/bpf/verifier.c, 6.12.

use crate::abi::helpers::{ArgType, Callback, by_number};
use crate::isa::{Pc, Reg};
use crate::object::FieldKind;

use super::argument::ARGUMENTS;
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::helper::Call;
use super::state::{Kind, MapRef, Register, State};

/// What a timer's function must return.
const RETURNS: (i64, i64) = (0, 0);

/// What runs a function later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Later {
    /// A timer.
    Timer,
    /// A work queue, where it may sleep.
    Work,
}

/// Whether a helper sets the function of a timer.
pub(super) fn sets_function(number: i32) -> bool {
    let prototype = by_number(number).and_then(|helper| helper.prototype.as_ref());
    let function = ArgType::Func(Callback::Timer);
    prototype.is_some_and(|prototype| prototype.args.contains(&function))
}

impl Verifier<'_> {
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
        self.check_has_types(map, "bpf_timer")?;
        let Some(offset) = self.value_fields(map).offset_of(&FieldKind::Timer) else {
            let name = &self.map_spec(map).name;
            return Err(Fail::invalid(format!(
                "map '{name}' has no valid bpf_timer"
            )));
        };
        let off = i64::from(register.off).wrapping_add(moved.cast_signed());
        if off != i64::from(offset) {
            return Err(Fail::invalid(format!(
                "off {off} doesn't point to 'struct bpf_timer' that is at {offset}"
            )));
        }
        call.timer_map = Some(map);
        call.map = Some(map);
        Ok(())
    }

    /// A map must have types for its fields to be used.
    pub(super) fn check_has_types(&self, map: MapRef, what: &str) -> Check {
        let spec = self.map_spec(map);
        let fits = spec.fields.fit(spec.map_type, spec.flags);
        match self.program.btf.is_some() && spec.value_type.is_some() && fits {
            true => Ok(()),
            false => Err(Fail::invalid(format!(
                "map '{}' has to have BTF in order to use {what}",
                spec.name
            ))),
        }
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

    /// Leaves a function that runs later to be explored.
    pub(super) fn set_later_function(
        &mut self,
        pc: Pc,
        map: MapRef,
        subprog: usize,
        later: Later,
    ) -> Check {
        let depth = self.cur.frame().async_depth;
        let mut state = State::new(subprog, self.new_activation());
        state.in_work = later == Later::Work;
        let frame = state.frame_mut();
        frame.async_depth = depth + 1;
        frame.callback_range = Some(RETURNS);
        let map = MapRef { uid: 0, ..map };
        let given = [Kind::Map(map), Kind::MapKey(map), Kind::MapValue(map)];
        for (reg, kind) in ARGUMENTS.into_iter().zip(given) {
            *frame.reg_mut(reg) = Register::pointer(kind);
        }
        self.callbacks.all.insert(subprog);
        self.callbacks.later.insert(subprog);
        self.push_apart(state, self.flow.starts[subprog], pc)
    }
}
