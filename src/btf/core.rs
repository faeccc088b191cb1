//! CO-RE: where a field that a program was compiled against lies in the types of another kernel.
//!
//! It matches types and computes numbers; it patches no instruction and knows no kernel. Of the
//! 13 kinds of relocations those that ask for a field's place, size or existence are answered, the
//! others are refused by name ([`CoreError::Unsupported`]).
//!
//! The rules are libbpf's (`tools/lib/bpf/relo_core.c`, used under its BSD-2-Clause licence):
//! - The access string is a list of indexes: the first into an imagined array of the root type, each
//!   further one a member of a structure or an element of an array ([`LocalField`]).
//! - Candidates are the target's types of the same kind and the same essential name, which is the
//!   name without a flavour such as `___v2`.
//! - Members match by name, also inside anonymous structures and unions; array elements by index;
//!   then their types must be compatible: same kind, with any size of integer and any enumeration
//!   of the same name allowed.
//! - Candidates that match must agree on the answer. If none matches, the field does not exist.

use thiserror::Error;

use super::index::essential_name;
use super::query::FoundMember;
use super::{Btf, BtfId, CoreRelo, Encoding, Kind, KindFilter, MAX_DEPTH, POINTER_SIZE, Type};

/// The kinds of relocations (`enum bpf_core_relo_kind`), by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CoreKind {
    /// A field's byte offset.
    FieldByteOffset,
    /// A field's size in bytes.
    FieldByteSize,
    /// Whether a field exists.
    FieldExists,
    /// Whether a field is signed.
    FieldSigned,
    /// By how much a bit-field's word is shifted left.
    FieldLshiftU64,
    /// By how much a bit-field's word is then shifted right.
    FieldRshiftU64,
    /// A type's id in the program's types.
    TypeIdLocal,
    /// A type's id in the target's types.
    TypeIdTarget,
    /// Whether a type exists.
    TypeExists,
    /// A type's size.
    TypeSize,
    /// Whether an enumeration's value exists.
    EnumvalExists,
    /// An enumeration's value.
    EnumvalValue,
    /// Whether a type exists with the same layout.
    TypeMatches,
}

impl CoreKind {
    const ALL: [CoreKind; 13] = [
        CoreKind::FieldByteOffset,
        CoreKind::FieldByteSize,
        CoreKind::FieldExists,
        CoreKind::FieldSigned,
        CoreKind::FieldLshiftU64,
        CoreKind::FieldRshiftU64,
        CoreKind::TypeIdLocal,
        CoreKind::TypeIdTarget,
        CoreKind::TypeExists,
        CoreKind::TypeSize,
        CoreKind::EnumvalExists,
        CoreKind::EnumvalValue,
        CoreKind::TypeMatches,
    ];

    /// The kind of that number.
    pub fn from_number(number: u32) -> Option<CoreKind> {
        CoreKind::ALL.get(number as usize).copied()
    }
}

impl std::fmt::Display for CoreKind {
    /// The name libbpf's log has for it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            CoreKind::FieldByteOffset => "byte_off",
            CoreKind::FieldByteSize => "byte_sz",
            CoreKind::FieldExists => "field_exists",
            CoreKind::FieldSigned => "signed",
            CoreKind::FieldLshiftU64 => "lshift_u64",
            CoreKind::FieldRshiftU64 => "rshift_u64",
            CoreKind::TypeIdLocal => "local_type_id",
            CoreKind::TypeIdTarget => "target_type_id",
            CoreKind::TypeExists => "type_exists",
            CoreKind::TypeSize => "type_size",
            CoreKind::EnumvalExists => "enumval_exists",
            CoreKind::EnumvalValue => "enumval_value",
            CoreKind::TypeMatches => "type_matches",
        })
    }
}

/// Why a relocation has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CoreError {
    /// A kind that is not matched yet.
    #[error("CO-RE relocation {kind} of `{ty}` is not supported yet")]
    Unsupported {
        /// The kind.
        kind: CoreKind,
        /// The root type.
        ty: String,
    },
    /// An access string that does not fit the program's own types.
    #[error("access string \"{access}\" of `{ty}` is broken: {reason}")]
    BadAccess {
        /// The string.
        access: String,
        /// The root type.
        ty: String,
        /// What does not fit.
        reason: &'static str,
    },
    /// Target types of one name disagree.
    #[error(
        "`{field}` is ambiguous: it is {first} in type {first_root} and {second} in type {second_root}"
    )]
    Ambiguous {
        /// The field, as C writes it.
        field: String,
        /// The value by the first candidate.
        first: u64,
        /// The first candidate.
        first_root: BtfId,
        /// The value by another.
        second: u64,
        /// That candidate.
        second_root: BtfId,
    },
    /// A bit-field that no load of at most eight bytes covers.
    #[error("bit-field `{field}` spans more than 8 aligned bytes")]
    WideBitfield {
        /// The field, as C writes it.
        field: String,
    },
}

/// A field in one set of types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreField {
    /// The type the access starts from.
    pub root: BtfId,
    /// The field's type.
    pub ty: BtfId,
    /// Where it starts, in bits from the start of the root.
    pub bit_offset: u64,
    /// Where a load of [`CoreField::byte_size`] starts to cover it.
    pub byte_offset: u64,
    /// Its size, or of a bit-field the size of the load that covers it.
    pub byte_size: u64,
    /// How many bits it has, if it is a bit-field.
    pub bitfield_size: Option<u32>,
}

/// The answer to a relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreMatch {
    /// The kind of the relocation.
    pub kind: CoreKind,
    /// The field in the program's own types.
    pub local: CoreField,
    /// The field in the target's types, if it exists.
    pub target: Option<CoreField>,
    /// Whether a load or store of the field may change its size.
    pub resize: Resize,
}

/// What happens to the size of a load or store of a relocated field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// It stays.
    Keep,
    /// It becomes that many bytes: both sides are pointers or unsigned integers.
    To(u64),
    /// It differs, and the value cannot be had by another size.
    Impossible,
}

impl CoreMatch {
    /// The number in the instruction as it was compiled.
    pub fn local_value(&self) -> u64 {
        self.local.value(self.kind)
    }

    /// The number for the target; none if the field does not exist there, which makes the
    /// instruction one that must not be reached.
    pub fn target_value(&self) -> Option<u64> {
        match (self.target, self.kind) {
            (Some(target), kind) => Some(target.value(kind)),
            (None, CoreKind::FieldExists) => Some(0),
            (None, _) => None,
        }
    }
}

impl CoreField {
    fn value(&self, kind: CoreKind) -> u64 {
        match kind {
            CoreKind::FieldByteOffset => self.byte_offset,
            CoreKind::FieldByteSize => self.byte_size,
            // No match is made for any other kind.
            _ => 1,
        }
    }
}

/// Answers a field relocation of the program's types `local` by the types `target`.
///
/// # Errors
/// The kind is not a supported one, the access string is broken, or the target is ambiguous.
pub fn match_field(local: &Btf, relo: &CoreRelo, target: &Btf) -> Result<CoreMatch, CoreError> {
    match relo.kind {
        CoreKind::FieldByteOffset | CoreKind::FieldByteSize | CoreKind::FieldExists => {}
        kind => {
            return Err(CoreError::Unsupported {
                kind,
                ty: local.type_name(relo.ty),
            });
        }
    }
    let field = LocalField::parse(local, relo)?;
    let local_place = field.place.finish(local).ok_or_else(|| field.wide())?;
    let mut found: Option<CoreField> = None;
    let name = local.ty(relo.ty).name();
    let essential = std::str::from_utf8(essential_name(name.as_bytes())).unwrap_or(name);
    for root in target.find_essential(essential, same_kind(&local.ty(relo.ty))) {
        let Some(place) = field.match_in(local, target, root) else {
            continue;
        };
        let place = place.finish(target).ok_or_else(|| field.wide())?;
        match found {
            None => found = Some(place),
            Some(first) => field.check_agreement(relo.kind, &first, &place)?,
        }
    }
    let resize = match &found {
        Some(target_place) => resize((local, &local_place), (target, target_place)),
        None => Resize::Keep,
    };
    Ok(CoreMatch {
        kind: relo.kind,
        local: local_place,
        target: found,
        resize,
    })
}

/// The kinds that a candidate for a root type may have.
fn same_kind(ty: &Type<'_>) -> KindFilter {
    match ty.kind() {
        Some(Kind::Enum | Kind::Enum64) => KindFilter::ENUM,
        Some(kind) => KindFilter::of(kind),
        None => KindFilter::ANY,
    }
}

/// An access string, understood by the program's own types.
///
/// It is what every kind of field relocation starts from.
#[derive(Clone, Debug)]
pub struct LocalField {
    /// The access as C writes it: `struct sk_buff[0].cb[2]`.
    text: String,
    steps: Vec<Step>,
    place: Place,
}

/// One step of an access.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// To the element of an array.
    Element {
        /// Which.
        index: u32,
        /// Whether any index is inside.
        bound: Bound,
    },
    /// To the named member of a structure or union.
    Member {
        /// Its name.
        name: String,
        /// Its type.
        ty: BtfId,
    },
}

/// Whether an array checks its indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Checked,
    /// The root, or the flexible array at the end of a structure.
    Open,
}

/// How far an access has come.
#[derive(Clone, Copy, Debug)]
struct Place {
    root: BtfId,
    ty: BtfId,
    bit_offset: u64,
    bitfield_size: Option<u32>,
    /// Whether `ty` is the last member of its structure, where an array is flexible.
    last: bool,
}

impl LocalField {
    /// Reads the access string of a relocation.
    ///
    /// # Errors
    /// The string does not fit the type.
    pub fn parse(btf: &Btf, relo: &CoreRelo) -> Result<LocalField, CoreError> {
        let access = btf.text(relo.access);
        let error = |reason| CoreError::BadAccess {
            access: access.to_owned(),
            ty: btf.type_name(relo.ty),
            reason,
        };
        let mut indexes = access
            .split(':')
            .map(|index| index.parse::<u32>().map_err(|_| error("not a number")));
        let first = indexes.next().unwrap_or_else(|| Err(error("empty")))?;
        if btf.ty(relo.ty).name().is_empty() {
            return Err(error("the root type has no name"));
        }
        let place = Place::element(btf, relo.ty, relo.ty, 0, first)
            .ok_or_else(|| error("the root type has no size, or the index is too large"))?;
        let mut field = LocalField {
            text: format!("{}[{first}]", btf.type_name(relo.ty)),
            steps: vec![Step::Element {
                index: first,
                bound: Bound::Open,
            }],
            place,
        };
        for index in indexes {
            if field.steps.len() >= MAX_DEPTH {
                return Err(error("too many steps"));
            }
            field.step(btf, index?).map_err(error)?;
        }
        Ok(field)
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
                let bound = self.place.bound(count);
                if bound == Bound::Checked && index >= count {
                    return Err("index outside of the array");
                }
                self.place =
                    Place::element(btf, self.place.root, elem, self.place.bit_offset, index)
                        .ok_or("the elements have no size, or the index is too large")?;
                self.text = format!("{}[{index}]", self.text);
                self.steps.push(Step::Element { index, bound });
                Ok(())
            }
            _ => Err("neither a structure nor an array is indexed"),
        }
    }

    /// The same access from a candidate root of the target.
    fn match_in(&self, local: &Btf, target: &Btf, root: BtfId) -> Option<Place> {
        let mut place = Place {
            root,
            ty: root,
            bit_offset: 0,
            bitfield_size: None,
            last: false,
        };
        for (number, step) in self.steps.iter().enumerate() {
            place = match step {
                Step::Element { index, .. } if number == 0 => {
                    Place::element(target, root, root, 0, *index)?
                }
                Step::Element { index, .. } => {
                    let Type::Array { elem, count, .. } = target.resolved(place.ty) else {
                        return None;
                    };
                    if place.bound(count) == Bound::Checked && *index >= count {
                        return None;
                    }
                    Place::element(target, root, elem, place.bit_offset, *index)?
                }
                Step::Member { name, ty } => {
                    let found = target.find_member(place.ty, name)?;
                    if !compatible((local, *ty), (target, found.member.ty)) {
                        return None;
                    }
                    place.member(&found)?
                }
            };
        }
        Some(place)
    }

    /// Candidates must agree on where the field is and on the answer.
    fn check_agreement(
        &self,
        kind: CoreKind,
        first: &CoreField,
        second: &CoreField,
    ) -> Result<(), CoreError> {
        let (by_first, by_second) = (first.value(kind), second.value(kind));
        if first.bit_offset == second.bit_offset && by_first == by_second {
            return Ok(());
        }
        Err(CoreError::Ambiguous {
            field: self.text.clone(),
            first: by_first,
            first_root: first.root,
            second: by_second,
            second_root: second.root,
        })
    }

    fn wide(&self) -> CoreError {
        CoreError::WideBitfield {
            field: self.text.clone(),
        }
    }
}

impl Place {
    /// The element `index` of an array of `elem` at `bit_offset`.
    fn element(btf: &Btf, root: BtfId, elem: BtfId, bit_offset: u64, index: u32) -> Option<Place> {
        let stride = btf.size_of(elem)?.checked_mul(8)?;
        let bit_offset = near(
            stride
                .checked_mul(u64::from(index))?
                .checked_add(bit_offset)?,
        )?;
        Some(Place {
            root,
            ty: elem,
            bit_offset,
            bitfield_size: None,
            last: false,
        })
    }

    /// The member of the structure at this place.
    fn member(&self, found: &FoundMember<'_>) -> Option<Place> {
        Some(Place {
            root: self.root,
            ty: found.member.ty,
            bit_offset: near(self.bit_offset.checked_add(found.bit_offset)?)?,
            bitfield_size: found.member.bitfield_size,
            last: found.last,
        })
    }

    /// Whether the array at this place checks its indexes.
    fn bound(&self, count: u32) -> Bound {
        if count == 0 && self.last {
            Bound::Open
        } else {
            Bound::Checked
        }
    }

    /// The bytes of the field; none if it is a bit-field that no load covers.
    fn finish(&self, btf: &Btf) -> Option<CoreField> {
        let size = btf.size_of(self.ty).unwrap_or_default();
        let (byte_offset, byte_size) = match self.bits(btf) {
            None => (self.bit_offset / 8, size),
            Some(bits) => covering_load(self.bit_offset, bits, size)?,
        };
        Some(CoreField {
            root: self.root,
            ty: self.ty,
            bit_offset: self.bit_offset,
            byte_offset,
            byte_size,
            bitfield_size: self.bits(btf),
        })
    }

    /// How many bits, if it is a bit-field: its own mark or, in old BTF, its integer's.
    fn bits(&self, btf: &Btf) -> Option<u32> {
        self.bitfield_size.or_else(|| match btf.resolved(self.ty) {
            Type::Int {
                bits, offset, size, ..
            } => {
                let whole = offset == 0 && u32::from(bits) == size.saturating_mul(8);
                (!whole).then_some(u32::from(bits))
            }
            _ => None,
        })
    }
}

/// A bit offset whose bytes an instruction can name.
fn near(bit_offset: u64) -> Option<u64> {
    (bit_offset <= u64::from(u32::MAX) * 8).then_some(bit_offset)
}

/// The aligned load that covers a bit-field, no smaller than its type.
fn covering_load(bit_offset: u64, bits: u32, type_size: u64) -> Option<(u64, u64)> {
    let mut size = type_size.max(1);
    while size <= POINTER_SIZE {
        let offset = bit_offset / 8 / size * size;
        if bit_offset + u64::from(bits) <= (offset + size) * 8 {
            return Some((offset, size));
        }
        size *= 2;
    }
    None
}

/// Whether fields of these two types can be the same field.
fn compatible(local: (&Btf, BtfId), target: (&Btf, BtfId)) -> bool {
    let (mut local_id, mut target_id) = (local.1, target.1);
    for _ in 0..MAX_DEPTH {
        let (ours, theirs) = (local.0.resolved(local_id), target.0.resolved(target_id));
        match (ours, theirs) {
            (Type::Struct(_) | Type::Union(_), Type::Struct(_) | Type::Union(_)) => return true,
            (Type::Ptr { .. }, Type::Ptr { .. }) | (Type::Float { .. }, Type::Float { .. }) => {
                return true;
            }
            (Type::Int { offset: 0, .. }, Type::Int { offset: 0, .. }) => return true,
            (Type::Enum(_) | Type::Enum64(_), Type::Enum(_) | Type::Enum64(_)) => {
                return same_name(ours.name(), theirs.name());
            }
            (Type::Fwd { .. }, Type::Fwd { .. }) => return same_name(ours.name(), theirs.name()),
            (
                Type::Array { elem: our_elem, .. },
                Type::Array {
                    elem: their_elem, ..
                },
            ) => {
                (local_id, target_id) = (our_elem, their_elem);
            }
            _ => return false,
        }
    }
    false
}

/// Whether two names are one without their flavours; no name fits every name.
fn same_name(ours: &str, theirs: &str) -> bool {
    let (ours, theirs) = (
        essential_name(ours.as_bytes()),
        essential_name(theirs.as_bytes()),
    );
    ours.is_empty() || theirs.is_empty() || ours == theirs
}

/// Whether a load or store of the field must change its size, and can.
fn resize(local: (&Btf, &CoreField), target: (&Btf, &CoreField)) -> Resize {
    let bitfield = local.1.bitfield_size.is_some() || target.1.bitfield_size.is_some();
    if bitfield || local.1.byte_size == target.1.byte_size {
        return Resize::Keep;
    }
    let zero_extends = |btf: &Btf, id| matches!(btf.resolved(id), Type::Int { encoding, .. } if encoding != Encoding::Signed);
    let pointers = matches!(local.0.resolved(local.1.ty), Type::Ptr { .. })
        && matches!(target.0.resolved(target.1.ty), Type::Ptr { .. });
    let unsigned = zero_extends(local.0, local.1.ty) && zero_extends(target.0, target.1.ty);
    if pointers || unsigned {
        Resize::To(target.1.byte_size)
    } else {
        Resize::Impossible
    }
}

#[cfg(test)]
mod tests;
