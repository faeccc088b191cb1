//! The access string of a field relocation, understood by the program's own types.
//!
//! It is a list of indexes: the first into an imagined array of the root type, each further one a
//! member of a structure or an element of an array. Members without a name are only passed
//! through: what counts later are names and elements ([`Step`]).

use super::field::Place;
use super::{CoreError, CoreRelo};
use crate::btf::query::FoundMember;
use crate::btf::{Btf, BtfId, MAX_DEPTH, Type};

/// A field as the program knows it.
#[derive(Clone, Debug)]
pub(super) struct Access {
    /// The access as C writes it: `struct sk_buff[0].cb[2]`.
    pub(super) text: String,
    /// The way there.
    pub(super) steps: Vec<Step>,
    /// Where it is.
    pub(super) place: Place,
}

/// One step of an access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the element of that index.
    Element(u32),
    /// To the named member of a structure or union.
    Member {
        /// Its name.
        name: String,
        /// Its type.
        ty: BtfId,
    },
}

impl Access {
    /// Reads the access string of a relocation.
    pub(super) fn parse(btf: &Btf, relo: &CoreRelo) -> Result<Access, CoreError> {
        let error = |reason| broken(btf, relo, reason);
        let indexes = indexes(btf.text(relo.access)).map_err(error)?;
        let (&first, indexes) = indexes.split_first().ok_or_else(|| error("empty"))?;
        let place = Place::root(btf, relo.ty, first)
            .ok_or_else(|| error("the root type has no size, or the index is too large"))?;
        let mut access = Access {
            text: format!("{}[{first}]", btf.type_name(relo.ty)),
            steps: vec![Step::Element(first)],
            place,
        };
        for &index in indexes {
            access.step(btf, index).map_err(error)?;
        }
        Ok(access)
    }

    /// Takes the step of one index.
    fn step(&mut self, btf: &Btf, index: u32) -> Result<(), &'static str> {
        match btf.resolved(self.place.ty) {
            Type::Struct(composite) | Type::Union(composite) => {
                let member = composite
                    .members
                    .get(index as usize)
                    .ok_or("no such member")?;
                let last = composite.members.get(index as usize + 1).is_none();
                let found = FoundMember {
                    bit_offset: u64::from(member.bit_offset),
                    member,
                    last,
                };
                self.place = self
                    .place
                    .member(&found)
                    .ok_or("the member is too far away")?;
                if !member.name.is_empty() {
                    self.text = format!("{}.{}", self.text, member.name);
                    self.steps.push(Step::Member {
                        name: member.name.to_owned(),
                        ty: member.ty,
                    });
                }
                Ok(())
            }
            Type::Array { elem, count, .. } => {
                if !self.place.contains(index, count) {
                    return Err("index outside of the array");
                }
                self.place = self
                    .place
                    .element(btf, elem, index)
                    .ok_or("the elements have no size, or the index is too large")?;
                self.text = format!("{}[{index}]", self.text);
                self.steps.push(Step::Element(index));
                Ok(())
            }
            _ => Err("neither a structure nor an array is indexed"),
        }
    }
}

/// The numbers of an access string.
pub(super) fn indexes(access: &str) -> Result<Vec<u32>, &'static str> {
    let number = |text: &str| text.parse().ok().filter(|&index| index <= i32::MAX as u32);
    let numbers = access
        .split(':')
        .take(MAX_DEPTH + 1)
        .map(|text| number(text).ok_or("not a number"))
        .collect::<Result<Vec<u32>, _>>()?;
    if numbers.len() > MAX_DEPTH {
        return Err("too many steps");
    }
    Ok(numbers)
}

/// The error of an access string.
pub(super) fn broken(btf: &Btf, relo: &CoreRelo, reason: &'static str) -> CoreError {
    /// What is shown of a string, which may be megabytes of nonsense.
    const SHOWN: usize = 80;
    CoreError::BadAccess {
        access: btf.text(relo.access).chars().take(SHOWN).collect(),
        ty: btf.type_name(relo.ty),
        reason,
    }
}
