//! From a relocation to its answer: all candidates are asked, and must agree.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::access::{Access, broken, indexes};
use super::candidates::{Candidate, Known};
use super::compatible::{Halt, Pair, Sides, same_value};
use super::field::{Aspect, FindError, resize};
use super::{Answer, CoreError, CoreKind, CoreSubject, Fuel, Resize, Targets};
use crate::btf::{Btf, BtfId, CoreRelo, StrRef, Type};

/// Answers the relocations of one object. What was asked before is remembered.
#[derive(Debug)]
pub struct Matcher<'a> {
    local: &'a Btf,
    targets: Targets<'a>,
    known: Known<'a>,
    answers: HashMap<Question, Result<Answer, CoreError>>,
    fuel: Fuel,
}

/// A relocation without the instruction it is for.
type Question = (BtfId, StrRef, CoreKind);

/// What is looked for in candidates, in the program's own types.
enum Wanted {
    /// The field, and what the program's types say of it.
    Field(Access, Aspect),
    /// The type, of that size if that is asked.
    Type(u64),
    /// The value of that name.
    Value(String, u64),
}

/// What a candidate says.
#[derive(Clone, Copy)]
struct Found {
    root: BtfId,
    bit_offset: u64,
    value: u64,
    resize: Resize,
}

impl<'a> Matcher<'a> {
    /// Answers relocations of the types `local`.
    pub fn new(local: &'a Btf, targets: Targets<'a>) -> Matcher<'a> {
        Matcher {
            local,
            targets,
            known: Known::default(),
            answers: HashMap::new(),
            fuel: Fuel::FULL,
        }
    }

    /// Answers a relocation.
    ///
    /// # Errors
    /// The access string is broken, the question has no answer, the candidates disagree, or the
    /// types are made to take long.
    pub fn answer(&mut self, relo: &CoreRelo) -> Result<Answer, CoreError> {
        let question = (relo.ty, relo.access, relo.kind);
        if let Some(answer) = self.answers.get(&question) {
            return answer.clone();
        }
        let answer = self.ask(relo);
        match self.answers.entry(question) {
            Entry::Vacant(entry) => entry.insert(answer).clone(),
            Entry::Occupied(entry) => entry.get().clone(),
        }
    }

    fn ask(&mut self, relo: &CoreRelo) -> Result<Answer, CoreError> {
        // A string is read up to its end, wherever relocations point into it.
        self.fuel
            .spend(1 + self.local.text(relo.access).len() / 16)?;
        let wanted = Wanted::parse(self.local, relo)?;
        if relo.kind == CoreKind::TypeIdLocal {
            return Ok(Answer {
                expected: None,
                value: Some(u64::from(relo.ty.0)),
                resize: Resize::Keep,
            });
        }
        if self.local.ty(relo.ty).name().is_empty() {
            return Err(CoreError::Anonymous);
        }
        let candidates = self
            .known
            .of(relo.ty, || self.targets.search(self.local, relo.ty));
        let mut fitting = Vec::new();
        let mut agreed: Option<Found> = None;
        for candidate in candidates.iter() {
            let found = wanted.find_in(self.local, relo, candidate, &mut self.fuel)?;
            let Some(found) = found else { continue };
            match &agreed {
                None => agreed = Some(found),
                Some(first) => {
                    first.check_agreement(&found, relo.kind, || describe(self.local, relo))?
                }
            }
            fitting.push(*candidate);
        }
        if !fitting.is_empty() {
            *candidates = fitting;
        }
        Ok(wanted.answer(relo.kind, agreed))
    }
}

impl Wanted {
    fn parse(local: &Btf, relo: &CoreRelo) -> Result<Wanted, CoreError> {
        match relo.kind.subject() {
            CoreSubject::Field => {
                let access = Access::parse(local, relo)?;
                let aspect = access.place.aspect(local, relo.kind, &access.text)?;
                Ok(Wanted::Field(access, aspect))
            }
            CoreSubject::Type if local.text(relo.access) != "0" => {
                Err(broken(local, relo, "a type has no parts, want \"0\""))
            }
            CoreSubject::Type => type_value(local, relo.ty, relo).map(Wanted::Type),
            CoreSubject::Value => {
                let (name, value) =
                    local_value(local, relo).map_err(|reason| broken(local, relo, reason))?;
                Ok(Wanted::Value(name, value))
            }
        }
    }

    /// What a candidate has of it, if anything.
    fn find_in(
        &self,
        local: &Btf,
        relo: &CoreRelo,
        candidate: &Candidate<'_>,
        fuel: &mut Fuel,
    ) -> Result<Option<Found>, CoreError> {
        let sides = Sides {
            local,
            target: candidate.btf,
        };
        let root = candidate.id;
        let found = |bit_offset, value, resize| Found {
            root,
            bit_offset,
            value,
            resize,
        };
        match self {
            Wanted::Field(access, ours) => {
                let place = access.find_in(sides, root, fuel);
                let Some(place) = place.map_err(|error| unfollowed(root, error))? else {
                    return Ok(None);
                };
                let theirs = place.aspect(sides.target, relo.kind, &access.text)?;
                let resize = resize(sides, ours, &theirs);
                Ok(Some(found(place.bit_offset, theirs.value, resize)))
            }
            Wanted::Type(_) => {
                let pair = Pair {
                    local: relo.ty,
                    target: root,
                };
                let same = match relo.kind {
                    CoreKind::TypeMatches => sides.matching(pair, fuel),
                    _ => sides.types(pair, fuel),
                };
                if !same.map_err(|halt| halted(root, halt))? {
                    return Ok(None);
                }
                let value = type_value(sides.target, root, relo)?;
                Ok(Some(found(0, value, Resize::Keep)))
            }
            Wanted::Value(name, _) => {
                let value = value_of(sides.target, root, name, fuel)?;
                Ok(value.map(|value| found(0, value, Resize::Keep)))
            }
        }
    }

    fn answer(&self, kind: CoreKind, found: Option<Found>) -> Answer {
        let expected = match self {
            Wanted::Field(_, aspect) => aspect.certain.then_some(aspect.value),
            Wanted::Type(_) if kind == CoreKind::TypeIdTarget => None,
            Wanted::Type(value) => Some(*value),
            Wanted::Value(_, value) if kind == CoreKind::EnumvalValue => Some(*value),
            Wanted::Value(..) => Some(1),
        };
        let value = match (found, kind) {
            (Some(_), CoreKind::EnumvalExists) => Some(1),
            (Some(found), _) => Some(found.value),
            (None, CoreKind::FieldExists | CoreKind::EnumvalExists) => Some(0),
            (None, _) if kind.subject() == CoreSubject::Type => Some(0),
            (None, _) => None,
        };
        Answer {
            expected,
            value,
            resize: found.map_or(Resize::Keep, |found| found.resize),
        }
    }
}

impl Found {
    /// Candidates must agree on where the field is and on the answer.
    fn check_agreement(
        &self,
        other: &Found,
        kind: CoreKind,
        subject: impl Fn() -> String,
    ) -> Result<(), CoreError> {
        let ambiguous = |first, second| CoreError::Ambiguous {
            subject: subject(),
            first,
            first_root: self.root,
            second,
            second_root: other.root,
        };
        if self.bit_offset != other.bit_offset {
            return Err(ambiguous(self.bit_offset / 8, other.bit_offset / 8));
        }
        // That a value exists is the same answer whatever it is.
        if self.value != other.value && kind != CoreKind::EnumvalExists {
            return Err(ambiguous(self.value, other.value));
        }
        Ok(())
    }
}

fn unfollowed(candidate: BtfId, error: FindError) -> CoreError {
    match error {
        FindError::Unsized => CoreError::Candidate {
            candidate,
            reason: "something on the way to the field has no size, or is too far away",
        },
        FindError::TooDeep => CoreError::Candidate {
            candidate,
            reason: "the structures on the way to the field are nested too deep",
        },
        FindError::Fuel(error) => error,
    }
}

fn halted(candidate: BtfId, halt: Halt) -> CoreError {
    match halt {
        Halt::TooDeep => CoreError::Candidate {
            candidate,
            reason: "its references are nested too deep",
        },
        Halt::Fuel(error) => error,
    }
}

/// What a relocation asks of a type that is there.
fn type_value(btf: &Btf, id: BtfId, relo: &CoreRelo) -> Result<u64, CoreError> {
    match relo.kind {
        CoreKind::TypeIdLocal | CoreKind::TypeIdTarget => Ok(u64::from(id.0)),
        CoreKind::TypeSize => btf.size_of(id).ok_or_else(|| CoreError::NoAnswer {
            subject: btf.type_name(id),
            kind: relo.kind,
        }),
        _ => Ok(1),
    }
}

/// The value of the program's own enumeration that the access string counts to.
fn local_value(btf: &Btf, relo: &CoreRelo) -> Result<(String, u64), &'static str> {
    let [index] = indexes(btf.text(relo.access))?[..] else {
        return Err("a value is given by one index");
    };
    let ty = btf.resolved(relo.ty);
    let values = ty.enumeration().ok_or("the type is no enumeration")?.values;
    let value = values.get(index as usize).ok_or("no such value")?;
    Ok((value.name.to_owned(), number(&ty, value.value)))
}

/// The value of that name in the enumeration of a target, if it is one and has it.
fn value_of(btf: &Btf, id: BtfId, name: &str, fuel: &mut Fuel) -> Result<Option<u64>, CoreError> {
    let ty = btf.resolved(id);
    let Some(enumeration) = ty.enumeration() else {
        return Ok(None);
    };
    fuel.spend(enumeration.values.len())?;
    let mut values = enumeration.values.iter();
    let found = values.find(|value| same_value(name, value.name));
    Ok(found.map(|found| number(&ty, found.value)))
}

/// The number that an instruction is given for a value: those of 32 bits are extended by their
/// sign, even if the enumeration has none.
#[expect(
    clippy::cast_possible_truncation,
    reason = "values have the size of their enumeration"
)]
fn number(ty: &Type<'_>, value: i128) -> u64 {
    match ty {
        Type::Enum(_) => i64::from(value as i32).cast_unsigned(),
        _ => value as u64,
    }
}

/// What a relocation is about, as C writes it: `struct task_struct.pid`, `enum kind::VALUE`,
/// `struct file`.
pub fn describe(btf: &Btf, relo: &CoreRelo) -> String {
    let name = btf.type_name(relo.ty);
    match relo.kind.subject() {
        CoreSubject::Type => name,
        CoreSubject::Value => match local_value(btf, relo) {
            Ok((value, _)) => format!("{name}::{value}"),
            Err(_) => name,
        },
        CoreSubject::Field => match Access::parse(btf, relo) {
            Ok(access) => access.text.replacen("[0]", "", 1),
            Err(_) => name,
        },
    }
}
