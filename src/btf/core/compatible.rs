//! Which types of a program and of a target are the same.
//!
//! There are three answers, from weak to strong:
//! - [`Sides::fields`]: the types of two fields of one name. Same kind; integers of any size;
//!   structures and unions mix; enumerations and declarations also need the same name.
//! - [`Sides::types`]: two types of one name, for whether a type exists. Same kind all the way
//!   through pointers, arrays and prototypes; members do not count.
//! - [`Sides::matching`]: the same layout in all that the program knows. Names and kinds, sizes of
//!   integers, all local members and values by name; behind a pointer only name and kind.
//!
//! The limits of 32 are libbpf's.

use super::{CoreError, Fuel};
use crate::btf::index::essential_name;
use crate::btf::{Btf, BtfId, Composite, Encoding, Enum, List, MAX_DEPTH, Param, Type};

/// How many pointers and arrays in a row are followed, and how deep prototypes and members nest.
const LIMIT: u32 = 32;

/// The program's types and a target's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'a> {
    pub(super) local: &'a Btf,
    pub(super) target: &'a Btf,
}

/// Whether a type of the program and one of the target are the same but for names and layouts, as an
/// extern and what the kernel has for it must be. Types too deep to tell are not.
pub fn same_type(local: &Btf, ours: BtfId, target: &Btf, theirs: BtfId) -> bool {
    let pair = Pair {
        local: ours,
        target: theirs,
    };
    let mut fuel = Fuel::FULL;
    Sides { local, target }
        .types(pair, &mut fuel)
        .unwrap_or(false)
}

/// A type of the program and one of the target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) local: BtfId,
    pub(super) target: BtfId,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Halt {
    /// A chain of references that is longer than libbpf follows.
    TooDeep,
    /// Out of fuel.
    Fuel(CoreError),
}

impl From<CoreError> for Halt {
    fn from(error: CoreError) -> Halt {
        Halt::Fuel(error)
    }
}

/// Whether a type is reached through a pointer, where layouts do not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Direct,
    Pointer,
}

/// How a comparison goes on.
enum Next {
    /// It does not.
    Answer(bool),
    /// With what the two types are made of.
    Follow(Pair),
    /// With what the two types point to.
    Point(Pair),
}

impl<'a> Sides<'a> {
    /// Both types without modifiers and typedefs.
    fn resolved(&self, pair: Pair) -> (Type<'a>, Type<'a>) {
        (
            self.local.resolved(pair.local),
            self.target.resolved(pair.target),
        )
    }

    /// Whether fields of these two types can be the same field.
    pub(super) fn fields(&self, pair: Pair) -> bool {
        let mut pair = pair;
        for _ in 0..MAX_DEPTH {
            let (ours, theirs) = self.resolved(pair);
            match (ours, theirs) {
                (Type::Struct(_) | Type::Union(_), Type::Struct(_) | Type::Union(_))
                | (Type::Ptr { .. }, Type::Ptr { .. })
                | (Type::Float { .. }, Type::Float { .. })
                | (Type::Int { offset: 0, .. }, Type::Int { offset: 0, .. }) => return true,
                (Type::Enum(_) | Type::Enum64(_), Type::Enum(_) | Type::Enum64(_))
                | (Type::Fwd { .. }, Type::Fwd { .. }) => {
                    return either_anonymous_or_same(ours.name(), theirs.name());
                }
                (Type::Array { elem: local, .. }, Type::Array { elem: target, .. }) => {
                    pair = Pair { local, target };
                }
                _ => return false,
            }
        }
        false
    }

    /// Whether two types of one name are the same type.
    pub(super) fn types(&self, pair: Pair, fuel: &mut Fuel) -> Result<bool, Halt> {
        self.types_at(pair, LIMIT, fuel)
    }

    fn types_at(&self, pair: Pair, level: u32, fuel: &mut Fuel) -> Result<bool, Halt> {
        let mut pair = pair;
        for _ in 0..LIMIT {
            fuel.spend(1)?;
            pair = match self.resolved(pair) {
                (Type::Void, Type::Void)
                | (Type::Struct(_), Type::Struct(_))
                | (Type::Union(_), Type::Union(_))
                | (Type::Fwd { .. }, Type::Fwd { .. })
                | (Type::Enum(_) | Type::Enum64(_), Type::Enum(_) | Type::Enum64(_))
                | (Type::Int { offset: 0, .. }, Type::Int { offset: 0, .. }) => return Ok(true),
                (Type::Ptr { to: local }, Type::Ptr { to: target })
                | (Type::Array { elem: local, .. }, Type::Array { elem: target, .. }) => {
                    Pair { local, target }
                }
                (
                    Type::FuncProto {
                        ret: local,
                        params: ours,
                    },
                    Type::FuncProto {
                        ret: target,
                        params: theirs,
                    },
                ) => {
                    let same = |pair, fuel: &mut Fuel| {
                        let level = level.checked_sub(1).ok_or(Halt::TooDeep)?;
                        self.types_at(pair, level, fuel)
                    };
                    if !params(ours, theirs, same, fuel)? {
                        return Ok(false);
                    }
                    Pair { local, target }
                }
                _ => return Ok(false),
            };
        }
        Err(Halt::TooDeep)
    }

    /// Whether two types of one name have the same layout in all that the local one says.
    pub(super) fn matching(&self, pair: Pair, fuel: &mut Fuel) -> Result<bool, Halt> {
        self.matching_at(pair, Reach::Direct, LIMIT, fuel)
    }

    fn matching_at(
        &self,
        pair: Pair,
        reach: Reach,
        level: u32,
        fuel: &mut Fuel,
    ) -> Result<bool, Halt> {
        let below = level.checked_sub(1).ok_or(Halt::TooDeep)?;
        let (mut pair, mut reach) = (pair, reach);
        for _ in 0..LIMIT {
            fuel.spend(1)?;
            let (ours, theirs) = self.resolved(pair);
            if !same_name(ours.name(), theirs.name()) {
                return Ok(false);
            }
            pair = match self.compare(ours, theirs, reach, below, fuel)? {
                Next::Answer(same) => return Ok(same),
                Next::Follow(pair) => pair,
                Next::Point(pair) => {
                    reach = Reach::Pointer;
                    pair
                }
            };
        }
        Err(Halt::TooDeep)
    }

    /// Compares two types of one name but for what they refer to last.
    fn compare(
        &self,
        ours: Type<'a>,
        theirs: Type<'a>,
        reach: Reach,
        below: u32,
        fuel: &mut Fuel,
    ) -> Result<Next, Halt> {
        let same = match (ours, theirs) {
            (Type::Void, Type::Void) => true,
            (Type::Int { .. }, Type::Int { .. }) => integers(&ours, &theirs),
            (Type::Enum(ours) | Type::Enum64(ours), Type::Enum(theirs) | Type::Enum64(theirs)) => {
                enums(&ours, &theirs, fuel)?
            }
            (Type::Struct(ours), Type::Struct(theirs))
            | (Type::Union(ours), Type::Union(theirs)) => {
                reach == Reach::Pointer || self.composites(&ours, &theirs, below, fuel)?
            }
            (Type::Fwd { .. }, Type::Fwd { .. } | Type::Struct(_) | Type::Union(_))
            | (Type::Struct(_) | Type::Union(_), Type::Fwd { .. }) => {
                declared(&ours, &theirs, reach)
            }
            (Type::Ptr { to: local }, Type::Ptr { to: target }) => {
                return Ok(Next::Point(Pair { local, target }));
            }
            (
                Type::Array {
                    elem: local,
                    count: our_count,
                    ..
                },
                Type::Array {
                    elem: target,
                    count: their_count,
                    ..
                },
            ) if our_count == their_count => return Ok(Next::Follow(Pair { local, target })),
            (
                Type::FuncProto {
                    ret: local,
                    params: ours,
                },
                Type::FuncProto {
                    ret: target,
                    params: theirs,
                },
            ) => {
                let same = |pair, fuel: &mut Fuel| self.matching_at(pair, reach, below, fuel);
                if params(ours, theirs, same, fuel)? {
                    return Ok(Next::Follow(Pair { local, target }));
                }
                false
            }
            _ => false,
        };
        Ok(Next::Answer(same))
    }

    /// Whether each local member has one of the same name that matches.
    fn composites(
        &self,
        ours: &Composite<'_>,
        theirs: &Composite<'_>,
        level: u32,
        fuel: &mut Fuel,
    ) -> Result<bool, Halt> {
        if ours.members.len() > theirs.members.len() {
            return Ok(false);
        }
        for member in ours.members.iter() {
            let mut found = false;
            for other in theirs.members.iter() {
                fuel.spend(1)?;
                let pair = Pair {
                    local: member.ty,
                    target: other.ty,
                };
                if same_name(member.name, other.name)
                    && self.matching_at(pair, Reach::Direct, level, fuel)?
                {
                    found = true;
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether two lists of parameters are the same, one by one.
fn params(
    ours: List<'_, Param<'_>>,
    theirs: List<'_, Param<'_>>,
    mut same: impl FnMut(Pair, &mut Fuel) -> Result<bool, Halt>,
    fuel: &mut Fuel,
) -> Result<bool, Halt> {
    if ours.len() != theirs.len() {
        return Ok(false);
    }
    for (our, their) in ours.iter().zip(theirs.iter()) {
        let pair = Pair {
            local: our.ty,
            target: their.ty,
        };
        if !same(pair, fuel)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether two integers have the same size and sign.
fn integers(ours: &Type<'_>, theirs: &Type<'_>) -> bool {
    let shape = |ty: &Type<'_>| match *ty {
        Type::Int { size, encoding, .. } => Some((size, encoding == Encoding::Signed)),
        _ => None,
    };
    shape(ours) == shape(theirs)
}

/// Whether each local value has one of the same name.
fn enums(ours: &Enum<'_>, theirs: &Enum<'_>, fuel: &mut Fuel) -> Result<bool, CoreError> {
    if ours.size != theirs.size || ours.values.len() > theirs.values.len() {
        return Ok(false);
    }
    for value in ours.values.iter() {
        fuel.spend(theirs.values.len())?;
        if !theirs
            .values
            .iter()
            .any(|other| same_name(value.name, other.name))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether two types, one of which is only declared, are of one kind. A declaration can stand for
/// a definition only behind a pointer.
fn declared(ours: &Type<'_>, theirs: &Type<'_>, reach: Reach) -> bool {
    let kind = |ty: &Type<'_>| match *ty {
        Type::Fwd { kind, .. } => Some(kind),
        _ => ty.kind(),
    };
    let both = matches!((ours, theirs), (Type::Fwd { .. }, Type::Fwd { .. }));
    (both || reach == Reach::Pointer) && kind(ours) == kind(theirs)
}

/// Whether two names are one without their flavours.
fn same_name(ours: &str, theirs: &str) -> bool {
    if theirs.is_empty() {
        return ours.is_empty();
    }
    essential_name(ours) == essential_name(theirs)
}

/// Whether two names of values are one without their flavours; here no name fits no name only.
pub(super) fn same_value(ours: &str, theirs: &str) -> bool {
    essential_name(ours) == essential_name(theirs)
}

/// As [`same_name`], where no name fits every name.
fn either_anonymous_or_same(ours: &str, theirs: &str) -> bool {
    ours.is_empty() || theirs.is_empty() || essential_name(ours) == essential_name(theirs)
}
