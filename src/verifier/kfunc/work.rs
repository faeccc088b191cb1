//! Work queues: fields of map values whose function runs later, and may sleep.
//!
//! Kernel: `process_wq_func` and the work queues in `check_kfunc_args` in kernel/bpf/verifier.c, 6.12.

use crate::isa::Reg;
use crate::object::FieldKind;

use super::super::explore::Verifier;
use super::super::fail::{Check, Fail};
use super::super::state::{Kind, Register};
use super::Call;
use super::argument::Given;

/// The function that sets what a work queue runs.
pub(super) const SETS_FUNCTION: &str = "bpf_wq_set_callback_impl";

impl Verifier<'_> {
    /// A work queue, which must be the one of its map's values.
    pub(super) fn check_work_queue(
        &self,
        call: &mut Call,
        given: &Given<'_>,
        register: &Register,
    ) -> Check {
        let Kind::MapValue(map) = register.kind else {
            return Err(not_in_value(given));
        };
        if register.maybe_null {
            return Err(not_in_value(given));
        }
        let number = given.reg.number();
        let Some(moved) = register.value.const_value() else {
            return Err(Fail::invalid(format!(
                "R{number} doesn't have constant offset. bpf_wq has to be at the constant offset"
            )));
        };
        let fields = self.value_fields(map);
        let at = fields.offset_of(&FieldKind::WorkQueue);
        let at = at.map_or(-22, i64::from);
        let off = i64::from(register.off).wrapping_add(moved.cast_signed());
        if off != at {
            return Err(Fail::invalid(format!(
                "off {off} doesn't point to 'struct bpf_wq' that is at {at}"
            )));
        }
        call.map = Some(map);
        Ok(())
    }

    /// The map that a work queue is said to lie in.
    pub(super) fn check_map_of_work(&self, call: &Call, reg: Reg, register: &Register) -> Check {
        if matches!(register.kind, Kind::Btf(..)) {
            // Whether an object of the kernel is a map is asked of its type.
            return Ok(());
        }
        let (Kind::Map(map) | Kind::MapValue(map) | Kind::MapKey(map)) = register.kind else {
            return Err(Fail::invalid(format!(
                "pointer in R{} isn't map pointer",
                reg.number()
            )));
        };
        match call.map {
            Some(lies_in) if lies_in != map && self.has_work(map) => Err(Fail::invalid(format!(
                "workqueue pointer in R1 map_uid={} doesn't match map pointer in R2 map_uid={}",
                lies_in.uid, map.uid
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether it matters that a work queue lies in another map than is said. Of one whose values have other special
    /// fields alone the kernel does not ask; Linux 6.12 dies over one that has none at all, so that is refused, too.
    fn has_work(&self, map: super::super::state::MapRef) -> bool {
        let fields = self.value_fields(map);
        fields.is_empty() || fields.has(&FieldKind::WorkQueue)
    }
}

fn not_in_value(given: &Given<'_>) -> Fail {
    Fail::invalid(format!("arg#{} doesn't point to a map value", given.index))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::object::{LinkOptions, Object, Program};
    use crate::verifier::{Env, verify};

    /// The program of `work.o`, told to set up its work queue with another map.
    fn work_in(name: &str) -> Program {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/work.o");
        let object = Object::parse("work.o", &std::fs::read(path).unwrap()).unwrap();
        let linked = object.link(&LinkOptions::default());
        let mut program = linked.programs.into_iter().next().unwrap().unwrap();
        let map = program.maps.iter().position(|map| map.name == name);
        let map = map.and_then(|map| i32::try_from(map).ok()).unwrap();
        let tasks = program.maps.iter().position(|map| map.name == "tasks");
        for insn in &mut program.code {
            let names_map = insn.opcode == 0x18 && insn.src == 1 && insn.dst == 2;
            if names_map && usize::try_from(insn.imm).ok() == tasks {
                insn.imm = map;
            }
        }
        program
    }

    #[test]
    fn work_queue_said_to_lie_in_another_map_is_refused() {
        let judged = |name| verify(&Arc::new(work_in(name)), &Env::default());
        assert!(judged("tasks").is_ok());
        let refused = judged("answers").unwrap_err();
        let sentence =
            "workqueue pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=0";
        assert_eq!(refused.message, sentence);
    }
}
