//! Programs that stand in for functions of a kernel structure: congestion control.
//!
//! Kernel: `check_struct_ops_btf_id`, net/ipv4/bpf_tcp_ca.c, 6.12.

use crate::abi::ProgType;
use crate::btf::{Btf, BtfId, Type};
use crate::object::Sleepable;

use super::context::AttachedFunction;
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::kernel_object::prototype;
use super::state::Register;

/// The structure whose functions programs may be.
const CONGESTION_CONTROL: &str = "tcp_congestion_ops";
/// Its functions that programs may not be.
const UNSUPPORTED: [&str; 1] = ["get_info"];
/// Members of a socket that congestion control may write, by the structure within it that has them.
const WRITABLE: [(&str, &[&str]); 3] = [
    ("sock", &["sk_pacing_rate", "sk_pacing_status"]),
    ("inet_connection_sock", &["icsk_ca_priv"]),
    (
        "tcp_sock",
        &[
            "snd_cwnd",
            "snd_cwnd_cnt",
            "snd_cwnd_stamp",
            "snd_ssthresh",
            "ecn_flags",
            "app_limited",
        ],
    ),
];

impl Verifier<'_> {
    /// The function that the program stands in for.
    pub(super) fn stood_in_for(&self) -> Check<AttachedFunction> {
        let unknown = || Fail::unsupported("a struct_ops program outside of a structure");
        let attach = self.program.attach_btf.ok_or_else(unknown)?;
        let btf = self.kernel_btf();
        let structure = btf.ty(attach.id);
        let name = structure.name();
        if name != CONGESTION_CONTROL {
            return Err(Fail::unsupported(format!("struct_ops programs of {name}")));
        }
        if !self.is_gpl() {
            return Err(Fail::invalid(
                "struct ops programs must have a GPL compatible license",
            ));
        }
        if self.program.sleepable == Sleepable::Yes {
            return Err(Fail::unsupported("sleepable struct_ops programs"));
        }
        let members = structure.composite().map(|composite| composite.members);
        let index = attach.member.ok_or_else(unknown)? as usize;
        let member = members
            .as_ref()
            .and_then(|members| members.iter().nth(index));
        let member = member.ok_or_else(|| {
            Fail::invalid(format!(
                "attach to invalid member idx {index} of struct {name}"
            ))
        })?;
        let called = member.name;
        if UNSUPPORTED.contains(&called) {
            return Err(Fail::invalid(format!(
                "attach to unsupported member {called} of struct {name}"
            )));
        }
        let Type::Ptr { to } = btf.resolved(member.ty) else {
            return Err(Fail::invalid(format!(
                "attach to invalid member {called}(@idx {index}) of struct {name}"
            )));
        };
        let mut found = prototype(btf, called, btf.resolve(to), 0)?;
        found.returns_nothing = returns_nothing(btf, btf.resolve(to));
        Ok(found)
    }

    /// What a pointer that such a program is given points to: every socket is a TCP socket.
    pub(super) fn promoted(&self, pointee: BtfId) -> BtfId {
        let is_sock = self.kernel_btf().ty(pointee).name() == "sock";
        if self.program.prog_type == ProgType::StructOps && is_sock {
            return self.kernel_struct("tcp_sock").unwrap_or(pointee);
        }
        pointee
    }

    /// Judges a store to a kernel structure by a program that stands in for a function: only sockets take some.
    pub(super) fn check_socket_write(&mut self, id: BtfId, off: u64, size: u32) -> Check<Register> {
        let btf = self.kernel_btf();
        if btf.ty(id).name() != "tcp_sock" {
            return Err(Fail::access("only read is supported"));
        }
        let pending = self.pending_acknowledgement(off)?;
        let end = WRITABLE
            .iter()
            .flat_map(|(of, members)| members.iter().map(move |member| (*of, *member)))
            .find_map(|(of, member)| end_of(btf, self.kernel_struct(of).ok()?, member, off))
            .or(pending);
        let Some(end) = end else {
            return Err(Fail::access(format!(
                "no write support to tcp_sock at off {off}"
            )));
        };
        if off.saturating_add(u64::from(size)) > end {
            return Err(Fail::access(format!(
                "write access at off {off} with size {size} beyond the member of tcp_sock ended at {end}"
            )));
        }
        self.note_access(super::outcome::AccessKind::Probed)?;
        Ok(Register::unknown())
    }
}

impl Verifier<'_> {
    /// Where the note on a pending acknowledgement ends, when it starts at `off`.
    fn pending_acknowledgement(&self, off: u64) -> Check<Option<u64>> {
        let btf = self.kernel_btf();
        let connection = self.kernel_struct("inet_connection_sock")?;
        let members = btf.ty(connection).composite().map(|one| one.members);
        let member = members.and_then(|members| members.iter().find(|one| one.name == "icsk_ack"));
        Ok(member.and_then(|member| {
            let start = u64::from(member.bit_offset) / 8;
            let inner = end_of(
                btf,
                btf.resolve(member.ty),
                "pending",
                off.checked_sub(start)?,
            )?;
            start.checked_add(inner)
        }))
    }
}

/// Where the member ends, when it holds `off`: an array anywhere within it, others at their start.
/// The structures of a socket begin with one another.
fn end_of(btf: &Btf, id: BtfId, name: &str, off: u64) -> Option<u64> {
    let members = btf.ty(id).composite()?.members;
    let member = members.iter().find(|member| member.name == name)?;
    let start = u64::from(member.bit_offset) / 8;
    let end = start.saturating_add(btf.size_of(member.ty)?);
    let is_array = matches!(btf.resolved(member.ty), Type::Array { .. });
    let holds = off == start || is_array && start <= off && off < end;
    holds.then_some(end)
}

fn returns_nothing(btf: &Btf, proto: BtfId) -> bool {
    matches!(
        btf.ty(proto),
        Type::FuncProto {
            ret: BtfId::VOID,
            ..
        }
    )
}
