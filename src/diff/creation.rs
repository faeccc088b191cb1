//! Comparing which maps can be made, and the error numbers of those that cannot.
//!
//! Rules:
//! - A map that is too large to ask a kernel for, or that it does not let this user make, is not
//!   compared.
//! - Whatever goes wrong after a map was made, when it is filled or frozen, is left to its programs.

use crate::kernel::errno_name;
use crate::kernel::job::MapFailure;
use crate::machine::{Machine, MachineConfig};
use crate::maps::Map;
use crate::object::MapSpec;

use super::{Difference, EPERM};

/// What fails when a map cannot be made.
const CREATE: &str = "create";

/// How the answers to the maps of an object differ.
pub(super) fn compare(
    specs: &[MapSpec],
    theirs: &[Result<(), MapFailure>],
) -> Result<Vec<Difference>, String> {
    let machine = Machine::new(MachineConfig::default()).map_err(|error| error.to_string())?;
    let both = specs.iter().zip(theirs);
    Ok(both
        .filter_map(|(spec, theirs)| one(&machine, spec, theirs))
        .collect())
}

fn one(machine: &Machine, spec: &MapSpec, theirs: &Result<(), MapFailure>) -> Option<Difference> {
    let theirs = match theirs {
        Err(failure) if failure.step == CREATE && failure.errno != EPERM => Some(failure.errno),
        // Not permitted, or not even asked.
        Err(failure) if failure.step.starts_with(CREATE) => return None,
        Ok(()) | Err(_) => None,
    };
    let made = Map::create(machine, spec);
    let ours = made.as_ref().err().map(|error| error.errno().number());
    if ours == theirs {
        return None;
    }
    let refused = |errno: i32| format!("refused with {}", errno_name(errno));
    Some(Difference {
        what: format!("map {} creation", spec.name),
        ours: made.map_or_else(|error| error.to_string(), |_| "made".to_owned()),
        kernel: theirs.map_or_else(|| "made".to_owned(), refused),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Program;

    const EINVAL: i32 = 22;
    const ENOMEM: i32 = 12;

    fn failed(step: &str, errno: i32) -> Result<(), MapFailure> {
        Err(MapFailure {
            step: step.to_owned(),
            errno,
        })
    }

    /// What differs about one map, and the sides.
    fn differs(declared: &str, theirs: Result<(), MapFailure>) -> Option<[String; 3]> {
        let text = format!(".type xdp\n.map one {declared}\nr0 = 2\nexit\n");
        let program = Program::from_assembly("one.s", &text).expect("the text assembles");
        let found = compare(&program.maps, &[theirs]).expect("a machine is made");
        let one = found.into_iter().next()?;
        Some([one.what, one.ours, one.kernel])
    }

    #[test]
    fn map_that_one_side_refuses_differs() {
        let found = differs("array 4 8 1", failed("create", EINVAL)).expect("only theirs fails");
        assert_eq!(found, ["map one creation", "made", "refused with EINVAL"]);
        let found = differs("hash 0 8 1", Ok(())).expect("only ours fails");
        let why = "cannot create map one: key size is 0 (EINVAL)";
        assert_eq!(found, ["map one creation", why, "made"]);
    }

    #[test]
    fn map_that_both_sides_refuse_differs_in_its_error_number() {
        assert_eq!(differs("hash 0 8 1", failed("create", EINVAL)), None);
        let found = differs("hash 0 8 1", failed("create", ENOMEM)).expect("the numbers differ");
        assert_eq!(found[2], "refused with ENOMEM");
    }

    #[test]
    fn map_that_the_kernel_is_not_asked_for_is_not_compared() {
        assert_eq!(differs("array 4 8 1", failed("create", EPERM)), None);
        assert_eq!(differs("hash 0 8 1", failed("create", EPERM)), None);
        assert_eq!(
            differs("array 4 8 1", failed("create beyond 64 MiB", 7)),
            None
        );
        assert_eq!(differs("array 4 8 1", failed("fill", EINVAL)), None);
    }
}
