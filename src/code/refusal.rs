//! Why a program cannot be lowered: by name, and with its pc.

use crate::abi;
use crate::helpers::kfunc;
use crate::isa::{DecodeError, Pc};

/// Why a program cannot be lowered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LowerError {
    /// A slot is no instruction.
    #[error("instruction {pc}: {source}")]
    Decode {
        /// The slot.
        pc: Pc,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The program has no instruction.
    #[error("the program is empty")]
    Empty,
    /// A jump, a call or a function pointer leads outside the program or into half an instruction.
    #[error("instruction {pc}: distance {off} leads to no instruction of the program")]
    BadTarget {
        /// The instruction.
        pc: Pc,
        /// Its distance.
        off: i32,
    },
    /// The last instruction is no exit and no jump.
    #[error("instruction {pc}: control runs past the end of the program")]
    FallsOffEnd {
        /// The last instruction.
        pc: Pc,
    },
    /// The program refers to a map it does not have.
    #[error("instruction {pc}: the program has no map {index}")]
    NoMap {
        /// The instruction.
        pc: Pc,
        /// The index.
        index: i32,
    },
    /// The values of this map have no fixed address.
    #[error("instruction {pc}: values of map {index} cannot be addressed directly")]
    NoMapValue {
        /// The instruction.
        pc: Pc,
        /// The map's index.
        index: i32,
    },
    /// A kernel variable that the simulated kernel does not have.
    #[error("instruction {pc}: not supported yet: kernel variable with BTF id {id}")]
    NoVariable {
        /// The instruction.
        pc: Pc,
        /// The variable.
        id: u32,
    },
    /// An address-space cast in a program without an arena.
    #[error("instruction {pc}: address-space cast in a program without an arena map")]
    NoArena {
        /// The instruction.
        pc: Pc,
    },
    /// A program that refers to two arenas.
    #[error("instruction {pc}: a second arena, a program can have one")]
    SecondArena {
        /// The instruction.
        pc: Pc,
    },
    /// No helper has this number.
    #[error("instruction {pc}: no helper has number {number}")]
    NoHelper {
        /// The instruction.
        pc: Pc,
        /// The number.
        number: i32,
    },
    /// The helper cannot be simulated yet.
    #[error("instruction {pc}: not supported yet: helper {name} ({number}): {reason}")]
    NoBody {
        /// The instruction.
        pc: Pc,
        /// The number.
        number: i32,
        /// Its name.
        name: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// The kernel function cannot be simulated.
    #[error("instruction {pc}: not supported{}", no_kfunc(*.id, .name))]
    Kfunc {
        /// The instruction.
        pc: Pc,
        /// The function's id in the kernel's types.
        id: i32,
        /// Its name, if the verifier has judged the call.
        name: Option<&'static str>,
    },
    /// The context has no field there.
    #[error("instruction {pc}: {context} has no field at offset {off}")]
    NoField {
        /// The instruction.
        pc: Pc,
        /// The structure's name.
        context: &'static str,
        /// The offset.
        off: u32,
    },
}

fn no_kfunc(id: i32, name: &Option<&'static str>) -> String {
    let Some(name) = name else {
        return format!(" yet: running kernel function with BTF id {id}");
    };
    match kfunc::refusal(name) {
        Some(why) => format!(": running kernel function {name}: {why}"),
        None => format!(" yet: running kernel function {name}"),
    }
}

/// The refusal of a helper.
pub(super) fn no_helper(pc: Pc, number: i32) -> LowerError {
    match abi::helpers::by_number(number) {
        Some(helper) => LowerError::NoBody {
            pc,
            number,
            name: helper.name,
            reason: crate::helpers::why_not(helper.number),
        },
        None => LowerError::NoHelper { pc, number },
    }
}
