//! Contexts as the kernel itself has them: what `bpf_cast_to_kern_ctx` makes of those that programs see.
//!
//! They have what the context said when the program began, and the device; the rest is zero.

use crate::abi::ProgType;
use crate::abi::context::{self, Shape};
use crate::isa::Size;
use crate::machine::Addr;

use super::kernel::Laid;
use super::{EventError, Scene};

/// Members of `struct sk_buff`, by the field of `struct __sk_buff` that they are.
const SKB: [(&str, &str); 11] = [
    ("len", "len"),
    ("data", "data"),
    ("data", "head"),
    ("mark", "mark"),
    ("protocol", "protocol"),
    ("priority", "priority"),
    ("queue_mapping", "queue_mapping"),
    ("hash", "hash"),
    ("tc_index", "tc_index"),
    ("tstamp", "tstamp"),
    ("ingress_ifindex", "skb_iif"),
];

/// Members of `struct xdp_buff`, by the field of `struct xdp_md` that they are.
const XDP: [(&str, &str); 4] = [
    ("data", "data"),
    ("data_end", "data_end"),
    ("data_meta", "data_meta"),
    ("data_meta", "data_hard_start"),
];

impl Scene<'_> {
    /// The kernel's own structure for a context, if it is modelled.
    ///
    /// # Errors
    /// The kernel's types have none, or there is no memory.
    pub fn kernel_context(
        &mut self,
        prog_type: ProgType,
        ctx: Addr,
    ) -> Result<Option<Addr>, EventError> {
        Ok(match context::of(prog_type).name {
            _ if prog_type == ProgType::Kprobe => Some(ctx),
            "__sk_buff" => {
                let skb = self.copied("sk_buff", &SKB, prog_type, ctx)?;
                let device = self.device(self.field(prog_type, ctx, "ifindex"))?;
                self.set(skb, "dev", device.at.0);
                Some(skb.at)
            }
            "xdp_md" => {
                let xdp = self.copied("xdp_buff", &XDP, prog_type, ctx)?;
                let device = self.device(self.field(prog_type, ctx, "ingress_ifindex"))?;
                let queue = self.field(prog_type, ctx, "rx_queue_index");
                let (rxq, _) = self.laid("xdp_rxq_info", &ctx.0.to_string())?;
                self.set(rxq, "dev", device.at.0);
                self.set(rxq, "queue_index", queue);
                self.set(xdp, "rxq", rxq.at.0);
                Some(xdp.at)
            }
            _ => None,
        })
    }

    /// A structure with members that are fields of the context.
    fn copied(
        &mut self,
        structure: &str,
        members: &[(&str, &str)],
        prog_type: ProgType,
        ctx: Addr,
    ) -> Result<Laid, EventError> {
        let (laid, _) = self.laid(structure, &ctx.0.to_string())?;
        for (field, member) in members {
            let value = self.field(prog_type, ctx, field);
            self.set(laid, member, value);
        }
        Ok(laid)
    }

    /// The network device of that index.
    fn device(&mut self, index: u64) -> Result<Laid, EventError> {
        let (device, _) = self.laid("net_device", &index.to_string())?;
        self.set(device, "ifindex", index);
        let name = match index {
            1 => "lo".to_owned(),
            _ => format!("eth{}", index.saturating_sub(2)),
        };
        self.set_bytes(device, "name", name.as_bytes());
        Ok(device)
    }

    /// A field of a context that programs see.
    fn field(&self, prog_type: ProgType, ctx: Addr, name: &str) -> u64 {
        let Shape::Fields(fields) = context::of(prog_type).shape else {
            return 0;
        };
        let field = fields.iter().find(|field| field.name == name);
        let read = |field: &context::Field| {
            let size = Size::from_bytes(field.guest_size)?;
            let at = ctx.offset(i64::from(field.guest_off));
            self.machine.memory.peek_uint(at, size).ok()
        };
        field.and_then(read).unwrap_or(0)
    }
}
