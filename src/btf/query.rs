//! Layout questions: what a type is underneath, how large it is, where a member lies.
//!
//! Searches descend only into anonymous members, and into each type once.

use std::collections::{HashMap, HashSet};

use super::{Btf, BtfId, MAX_DEPTH, Member, POINTER_SIZE, Type};

/// The largest alignment of a basic type, that of 128-bit integers.
const MAX_ALIGN: u64 = 16;

/// Where a member path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberLocation {
    /// Bits from the start of the structure.
    pub bit_offset: u64,
    /// How many bits, if it is a bit-field.
    pub bitfield_size: Option<u32>,
    /// The type of the member or element.
    pub ty: BtfId,
}

/// A member that a search found.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundMember<'a> {
    /// Bits from the start of the type that was searched.
    pub(super) bit_offset: u64,
    /// The member.
    pub(super) member: Member<'a>,
    /// Whether it is the last of the structure or union that declares it.
    pub(super) last: bool,
}

/// What a search for a member came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MemberSearch<'a> {
    /// The member.
    pub(super) found: Option<FoundMember<'a>>,
    /// How many members were looked at.
    pub(super) steps: usize,
    /// In how many structures, one in the other, the last of them is.
    pub(super) depth: usize,
    /// The same of the deepest of them.
    pub(super) deepest: usize,
}

impl Btf {
    /// The type without typedefs, `const`, `volatile`, `restrict` and type tags.
    pub fn resolve(&self, id: BtfId) -> BtfId {
        let mut id = id;
        for _ in 0..MAX_DEPTH {
            match self.ty(id).modified() {
                Some(to) => id = to,
                None => return id,
            }
        }
        BtfId::VOID
    }

    /// The type under typedefs, `const`, `volatile`, `restrict` and type tags.
    pub fn resolved(&self, id: BtfId) -> Type<'_> {
        self.ty(self.resolve(id))
    }

    /// The type tags among the modifiers and typedefs in front of a type, outermost first.
    ///
    /// The tag of `int __tag *p` stands between the pointer and `int`: ask for the pointee.
    pub fn type_tags(&self, id: BtfId) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(id), |&id| self.ty(id).modified())
            .take(MAX_DEPTH)
            .filter_map(|id| match self.ty(id) {
                Type::TypeTag { name, .. } => Some(name),
                _ => None,
            })
    }

    /// The size of a value in bytes; none where there are no values: `void`, functions,
    /// declarations without members.
    pub fn size_of(&self, id: BtfId) -> Option<u64> {
        let mut id = id;
        let mut count: u64 = 1;
        for _ in 0..MAX_DEPTH {
            let size = match self.ty(id) {
                Type::Array {
                    elem,
                    count: elements,
                    ..
                } => {
                    count = count.checked_mul(u64::from(elements))?;
                    id = elem;
                    continue;
                }
                Type::Var { ty: to, .. } | Type::Typedef { to, .. } | Type::TypeTag { to, .. } => {
                    id = to;
                    continue;
                }
                Type::Volatile { to } | Type::Const { to } | Type::Restrict { to } => {
                    id = to;
                    continue;
                }
                Type::Int { size, .. } | Type::Float { size, .. } | Type::Datasec { size, .. } => {
                    u64::from(size)
                }
                Type::Struct(composite) | Type::Union(composite) => u64::from(composite.size),
                Type::Enum(enumeration) | Type::Enum64(enumeration) => u64::from(enumeration.size),
                Type::Ptr { .. } => POINTER_SIZE,
                Type::Void | Type::Fwd { .. } => return None,
                Type::Func { .. } | Type::FuncProto { .. } | Type::DeclTag { .. } => return None,
            };
            return count.checked_mul(size);
        }
        None
    }

    /// The alignment of a value in bytes, 1 for members of packed structures and their like;
    /// none where there are no values.
    pub fn align_of(&self, id: BtfId) -> Option<u64> {
        self.size_of(id)?;
        Some(self.align(id, &mut HashMap::new(), MAX_DEPTH))
    }

    fn align(&self, id: BtfId, known: &mut HashMap<BtfId, u64>, depth: usize) -> u64 {
        let Some(depth) = depth.checked_sub(1) else {
            return 1;
        };
        let own = |size: u32| u64::from(size).clamp(1, MAX_ALIGN).next_power_of_two();
        match self.resolved(id) {
            Type::Int { size, .. } | Type::Float { size, .. } => own(size),
            Type::Enum(enumeration) | Type::Enum64(enumeration) => own(enumeration.size),
            Type::Ptr { .. } => POINTER_SIZE,
            Type::Array { elem, .. } => self.align(elem, known, depth),
            Type::Var { ty, .. } => self.align(ty, known, depth),
            Type::Struct(composite) | Type::Union(composite) => {
                let id = self.resolve(id);
                if let Some(&align) = known.get(&id) {
                    return align;
                }
                known.insert(id, 1);
                let members = composite.members.iter();
                let align = members
                    .map(|member| self.member_align(&member, known, depth))
                    .max()
                    .unwrap_or(1);
                // A structure whose size its members' alignment does not divide is packed.
                let align = if u64::from(composite.size) % align == 0 {
                    align
                } else {
                    1
                };
                known.insert(id, align);
                align
            }
            _ => 1,
        }
    }

    /// The alignment that a member asks of its structure: 1 if it is not aligned itself.
    fn member_align(
        &self,
        member: &Member<'_>,
        known: &mut HashMap<BtfId, u64>,
        depth: usize,
    ) -> u64 {
        let align = self.align(member.ty, known, depth);
        let aligned = u64::from(member.bit_offset) % (align * 8) == 0;
        if aligned || member.bitfield_size.is_some() {
            align
        } else {
            1
        }
    }

    /// The member of that name in a structure or union, anonymous members' members included,
    /// with its bit offset from the start of `id`.
    pub fn member(&self, id: BtfId, name: &str) -> Option<(u64, Member<'_>)> {
        self.find_member(id, name)
            .map(|found| (found.bit_offset, found.member))
    }

    /// As [`Btf::member`].
    fn find_member(&self, id: BtfId, name: &str) -> Option<FoundMember<'_>> {
        self.search_member(id, name).found
    }

    /// As [`Btf::member`], with how far the search went.
    pub(super) fn search_member(&self, id: BtfId, name: &str) -> MemberSearch<'_> {
        let mut search = MemberSearch::default();
        let mut seen = HashSet::new();
        // Depth first and in order, as declarations are read: the first match is C's only one.
        let root = self.resolved(id).composite();
        let mut stack: Vec<_> = root.map(|root| (0, root.members, 0)).into_iter().collect();
        while let Some((base, members, index)) = stack.pop() {
            let Some(member) = members.get(index) else {
                continue;
            };
            stack.push((base, members, index + 1));
            search.steps += 1;
            search.depth = stack.len();
            search.deepest = search.deepest.max(stack.len());
            let offset = base + u64::from(member.bit_offset);
            if member.name == name {
                let last = members.get(index + 1).is_none();
                search.found = Some(FoundMember {
                    bit_offset: offset,
                    member,
                    last,
                });
                return search;
            }
            if !member.name.is_empty() {
                continue;
            }
            let ty = self.resolve(member.ty);
            if !seen.insert(ty) {
                continue;
            }
            if let Some(inner) = self.ty(ty).composite() {
                stack.push((offset, inner.members, 0));
            }
        }
        search
    }

    /// Follows a path such as `a.b[3].c` from a structure or union.
    pub fn member_path(&self, id: BtfId, path: &str) -> Option<MemberLocation> {
        let mut at = MemberLocation {
            bit_offset: 0,
            bitfield_size: None,
            ty: id,
        };
        for step in path.split('.') {
            let (name, indexes) = match step.find('[') {
                Some(bracket) => step.split_at_checked(bracket)?,
                None => (step, ""),
            };
            if name.is_empty() {
                return None;
            }
            let (offset, member) = self.member(at.ty, name)?;
            let bit_offset = at.bit_offset.checked_add(offset)?;
            at = MemberLocation {
                bit_offset,
                bitfield_size: member.bitfield_size,
                ty: member.ty,
            };
            at = self.elements(at, indexes)?;
        }
        Some(at)
    }

    /// Follows indexes such as `[3][1]` from an array. Any index is inside an array of zero
    /// elements, which is how flexible arrays are recorded.
    fn elements(&self, at: MemberLocation, indexes: &str) -> Option<MemberLocation> {
        let mut at = at;
        let mut rest = indexes;
        while !rest.is_empty() {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            let index: u32 = index.parse().ok()?;
            let Type::Array { elem, count, .. } = self.resolved(at.ty) else {
                return None;
            };
            if count != 0 && index >= count {
                return None;
            }
            let offset = self
                .size_of(elem)?
                .checked_mul(8)?
                .checked_mul(u64::from(index))?;
            let bit_offset = at.bit_offset.checked_add(offset)?;
            at = MemberLocation {
                bit_offset,
                bitfield_size: None,
                ty: elem,
            };
            rest = after;
        }
        Some(at)
    }
}
