//! What a program's calls of kernel functions are, once it has been judged: a message from the verifier to the bodies.
//!
//! It is not the interface of those functions ([`crate::abi::kfuncs`]): what stands here is of one call in one program.
//!
//! Where the kernel puts what its verifier learnt into arguments that programs leave empty (`__ign`), there is a fact.
//! To add one: a field of [`CallFacts`] and its line in [`CallFacts::join`]; the verifier fills it where it judges the
//! call (`src/verifier/kfunc`), and the body reads it from its `Call`.

use super::Fields;

/// One call of a kernel function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelCall {
    /// The function's name.
    pub name: &'static str,
    /// What is known of the call.
    pub facts: CallFacts,
}

/// What is known of one call, and its arguments do not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// The constant that names a type (the argument whose name ends with `__k`), where it is the same on every path.
    pub constant: Option<u64>,
    /// What is allocated, where it is the same on every path.
    pub object: Option<NewObject>,
}

/// A structure that a program allocates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewObject {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub size: u32,
    /// What it holds beside data.
    pub fields: Fields,
}

impl CallFacts {
    /// Of a call that nothing is known of.
    pub const NONE: &'static CallFacts = &CallFacts {
        constant: None,
        object: None,
    };

    /// Keeps what also holds on another path to the same call.
    pub fn join(&mut self, other: &CallFacts) {
        if self.constant != other.constant {
            self.constant = None;
        }
        if self.object != other.object {
            self.object = None;
        }
    }
}
