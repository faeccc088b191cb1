//! Operations of structures that programs stand in for (struct_ops), called one by one: what they are given, and what
//! they made of it.
//!
//! Rules:
//! - The kernel's types do not name the parameters of operations: one that points to a structure has that one's name, a
//!   socket is `sk`, all others are `arg0` to `arg5`.
//! - A socket is given as at other places, and stays what operations made of it; other structures are new each time.
//! - `NAME.PATH` sets a member of a structure before the call.

use std::sync::Arc;

use crate::btf::{self, Btf, BtfId, KindFilter, Type};
use crate::helpers::{Returned, socket_structure};
use crate::isa::Size;
use crate::machine::{Addr, ProgramAccess, Task};

use super::{Attachment, Context, EventError, Scene};

/// The socket of an operation that is given none: one that is connected.
const ANY_CONNECTION: &str = "tcp:10.0.0.1:80-192.0.2.1:1024";
/// What congestion control is given of a socket.
const CONNECTION: &str = "tcp_sock";
/// How deeply members of members are looked at.
const MAX_NESTING: u32 = 8;

/// A structure that an operation is given.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    name: String,
    at: Addr,
    id: BtfId,
}

impl Scene<'_> {
    /// The arguments of an operation.
    pub(super) fn operation(
        &mut self,
        attachment: &Attachment,
        member: &str,
        task: &Arc<Task>,
    ) -> Result<Context, EventError> {
        let structure = match attachment {
            Attachment::Operations { structure, .. } => structure.as_str(),
            _ => "",
        };
        let parameters = self
            .operation_parameters(structure, member)
            .ok_or_else(|| EventError::NoLayout {
                hook: format!("{structure}.{member}"),
                reason: "the kernel's types have no such operation".to_owned(),
            })?;
        self.operands.clear();
        let (mut args, mut names) = (Vec::new(), Vec::new());
        for (index, ty) in (0..).zip(parameters) {
            let pointee = self.pointee(ty);
            let name = match pointee.as_deref() {
                Some("sock") => "sk".to_owned(),
                Some(structure) if !names.contains(&structure.to_owned()) => structure.to_owned(),
                Some(_) | None => format!("arg{index}"),
            };
            args.push(match pointee {
                Some(pointee) => self.operand(&pointee, &name, task)?.0,
                None => self.values.number(&name).unwrap_or(0),
            });
            names.push(name);
        }
        self.set_members(member, &names)?;
        self.typed(args, 0, Returned::No)
    }

    /// The types of an operation's parameters.
    fn operation_parameters(&self, structure: &str, member: &str) -> Option<Vec<BtfId>> {
        let btf = self.btf();
        let id = btf.find(structure, KindFilter::STRUCT)?;
        let Type::Ptr { to } = btf.resolved(btf.member_path(id, member)?.ty) else {
            return None;
        };
        match btf.resolved(to) {
            Type::FuncProto { params, .. } => Some(params.iter().map(|param| param.ty).collect()),
            _ => None,
        }
    }

    /// A structure that an operation is given by that name.
    fn operand(
        &mut self,
        structure: &str,
        name: &str,
        task: &Arc<Task>,
    ) -> Result<Addr, EventError> {
        let is_socket = structure == "sock";
        let (structure, at) = match is_socket {
            true => (CONNECTION, self.connection(name)?),
            false => (structure, self.object(structure, name, task)?),
        };
        if let Some(id) = self.btf().find(structure, KindFilter::COMPOSITE) {
            let name = name.to_owned();
            self.operands.push(Operand { name, at, id });
        }
        Ok(at)
    }

    /// The kernel's structure of a connection.
    fn connection(&mut self, name: &str) -> Result<Addr, EventError> {
        let text = self.values.text(name);
        let text = text.as_deref().unwrap_or(ANY_CONNECTION);
        let socket = self.socket("struct_ops", name, text)?;
        let laid = socket_structure(self.machine, self.btf(), CONNECTION, socket);
        let at = laid.map_err(|error| EventError::NoLayout {
            hook: format!("struct {CONNECTION}"),
            reason: error.to_string(),
        })?;
        // The verifier has seen to which members these programs write.
        self.machine.memory.set_access(at, ProgramAccess::ReadWrite);
        Ok(at)
    }

    /// Sets the members that the event gives. What is no parameter may be one of another operation.
    fn set_members(&mut self, operation: &str, names: &[String]) -> Result<(), EventError> {
        let given: Vec<(String, Option<u64>)> = self
            .values
            .iter()
            .map(|(name, _)| (name.to_owned(), self.values.number(name)))
            .collect();
        for (name, number) in given {
            let (parameter, has_path) = match name.split_once('.') {
                Some((parameter, _)) => (parameter, true),
                None => (name.as_str(), false),
            };
            let is_own = names.iter().any(|own| own == parameter);
            let is_taken = match (is_own, has_path) {
                (true, false) => true,
                (true, true) => self.set_member(&name, number),
                (false, _) => self.is_parameter(parameter),
            };
            if !is_taken {
                return Err(EventError::UnknownArg {
                    event: operation.to_owned(),
                    arg: name,
                    known: format!("{}, and members of structures among them", names.join(", ")),
                });
            }
        }
        Ok(())
    }

    /// Sets a member of what is given; false if there is no such member, or no number for it.
    fn set_member(&self, name: &str, number: Option<u64>) -> bool {
        let place = self.member_of(name).zip(number);
        place.is_some_and(|((at, leaf), number)| write_bits(self, at, &leaf, number).is_some())
    }

    /// Whether an operation may have a parameter of that name.
    fn is_parameter(&self, name: &str) -> bool {
        let is_number = |digit: &str| matches!(digit, "0" | "1" | "2" | "3" | "4" | "5");
        name == "sk"
            || name.strip_prefix("arg").is_some_and(is_number)
            || self.btf().find(name, KindFilter::COMPOSITE).is_some()
    }

    /// The structure that a name begins with, and which of its members it goes on with.
    fn member_of(&self, name: &str) -> Option<(Addr, Leaf)> {
        let (operand, path) = name.split_once('.')?;
        let operand = self.operands.iter().find(|one| one.name == operand)?;
        let btf = self.btf();
        let member = btf.member_path(operand.id, path)?;
        let bits = match member.bitfield_size {
            Some(bits) => u64::from(bits),
            None => btf.size_of(member.ty)?.checked_mul(8)?,
        };
        let leaf = Leaf {
            path: String::new(),
            bit: member.bit_offset,
            bits,
        };
        (1..=64).contains(&bits).then_some((operand.at, leaf))
    }

    /// The bytes of what the operation works on.
    pub fn operand_bytes(&self) -> Vec<Vec<u8>> {
        let bytes = |operand: &Operand| {
            let len = self.btf().size_of(operand.id).unwrap_or(0);
            let len = u32::try_from(len).unwrap_or(0);
            self.machine
                .memory
                .peek_vec(operand.at, len)
                .unwrap_or_default()
        };
        self.operands.iter().map(bytes).collect()
    }

    /// What an operation changed: members by name, before and after.
    pub fn changed_operands(&self, before: &[Vec<u8>]) -> Vec<(String, u64, u64)> {
        let after = self.operand_bytes();
        let mut changed = Vec::new();
        for (operand, (before, after)) in self.operands.iter().zip(before.iter().zip(&after)) {
            if before == after {
                continue;
            }
            let mut leaves = Vec::new();
            leaves_of(self.btf(), operand.id, (&operand.name, 0), 0, &mut leaves);
            for leaf in leaves {
                let [old, new] = [before, after].map(|bytes| leaf.of(bytes));
                if old != new {
                    changed.push((leaf.path, old, new));
                }
            }
        }
        changed
    }
}

/// A number within a structure.
#[derive(Clone, Debug)]
struct Leaf {
    path: String,
    bit: u64,
    bits: u64,
}

impl Leaf {
    /// The number in the bytes of the structure.
    fn of(&self, bytes: &[u8]) -> u64 {
        let bits = u32::try_from(self.bits).unwrap_or(u64::BITS);
        let number = btf::read_bits(bytes, self.bit, bits.min(u64::BITS));
        number.map_or(0, |number| number as u64)
    }
}

/// Writes a number to bits of a structure; nothing, if they are not in it.
fn write_bits(scene: &Scene<'_>, at: Addr, leaf: &Leaf, number: u64) -> Option<()> {
    let memory = &scene.machine.memory;
    for index in 0..leaf.bits {
        let bit = leaf.bit + index;
        let place = at.offset((bit / 8).cast_signed());
        let byte = memory.peek_uint(place, Size::B).ok()?;
        let rest = byte & !(1 << (bit % 8));
        let set = rest | (number >> index & 1) << (bit % 8);
        memory.poke_uint(place, Size::B, set).ok()?;
    }
    Some(())
}

/// Adds all numbers of a structure. Of a union, its first member stands for all.
fn leaves_of(btf: &Btf, id: BtfId, within: (&str, u64), nesting: u32, leaves: &mut Vec<Leaf>) {
    let (path, bit) = within;
    let ty = btf.resolve(id);
    let size = btf.size_of(ty).unwrap_or(0);
    match btf.ty(ty) {
        Type::Struct(composite) | Type::Union(composite) if nesting < MAX_NESTING => {
            let is_union = matches!(btf.ty(ty), Type::Union(_));
            let count = if is_union { 1 } else { usize::MAX };
            for member in composite.members.iter().take(count) {
                let path = match member.name {
                    "" => path.to_owned(),
                    name => format!("{path}.{name}"),
                };
                let bit = bit + u64::from(member.bit_offset);
                match member.bitfield_size {
                    Some(bits) => leaves.push(Leaf {
                        path,
                        bit,
                        bits: bits.into(),
                    }),
                    None => leaves_of(btf, member.ty, (&path, bit), nesting + 1, leaves),
                }
            }
        }
        Type::Array { elem, count, .. } => {
            let step = btf.size_of(elem).unwrap_or(0) * 8;
            for index in 0..u64::from(count) {
                let path = format!("{path}[{index}]");
                leaves_of(btf, elem, (&path, bit + index * step), nesting + 1, leaves);
            }
        }
        _ if (1..=8).contains(&size) => leaves.push(Leaf {
            path: path.to_owned(),
            bit,
            bits: size * 8,
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::kernel_6_12;

    #[test]
    fn numbers_of_a_structure_are_named_by_their_paths() {
        let btf = kernel_6_12();
        let id = btf.find("tcp_sock", KindFilter::STRUCT).expect("a type");
        let mut leaves = Vec::new();
        leaves_of(btf, id, ("sk", 0), 0, &mut leaves);
        let find = |path: &str| leaves.iter().find(|leaf| leaf.path == path);
        let cwnd = find("sk.snd_cwnd").expect("a member");
        let place = btf.member_path(id, "snd_cwnd").expect("a member");
        assert_eq!((cwnd.bit, cwnd.bits), (place.bit_offset, 32));
        let state = find("sk.inet_conn.icsk_ca_state").expect("a member");
        assert_eq!(state.bits, 5);
        assert!(find("sk.inet_conn.icsk_ca_priv[3]").is_some());
    }
}
