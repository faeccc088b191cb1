//! Contexts as the kernel itself has them: what `bpf_cast_to_kern_ctx` makes of those that programs see.
//!
//! They have what the context said when the program began, and the device; the rest is zero.

use crate::abi::ProgType;
use crate::abi::context::{self, Shape};
use crate::isa::Size;
use crate::machine::Addr;
use crate::machine::socket::{AF_INET6, AF_UNIX};

use super::kernel::{Laid, Made};
use super::place::read_only;
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

/// Room for an address (`struct sockaddr_storage`), and for the path of one.
const ADDRESS_LEN: u64 = 128;
const MAX_PATH: usize = 108;
/// Where `struct bpf_sock_addr` has an address of IPv6.
const USER_IP6: i64 = 8;

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
            "bpf_sock_addr" => Some(self.socket_address(prog_type, ctx)?),
            _ => None,
        })
    }

    /// The address that a socket connects to or is bound to, and the socket.
    fn socket_address(&mut self, prog_type: ProgType, ctx: Addr) -> Result<Addr, EventError> {
        let key = ctx.0.to_string();
        let (context, made) = self.laid("bpf_sock_addr_kern", &key)?;
        if made == Made::Before {
            return Ok(context.at);
        }
        let (sock, _) = self.laid("sock", &key)?;
        for (field, member) in [
            ("family", "__sk_common.skc_family"),
            ("type", "sk_type"),
            ("protocol", "sk_protocol"),
        ] {
            self.set(sock, member, self.field(prog_type, ctx, field));
        }
        let bytes = self.address_bytes(prog_type, ctx);
        let at = self.allocate(ADDRESS_LEN, &read_only("sockaddr"))?;
        self.put_bytes(at, 0, &bytes);
        self.set(context, "sk", sock.at.0);
        self.set(context, "uaddr", at.0);
        self.set(context, "uaddrlen", bytes.len() as u64);
        Ok(context.at)
    }

    /// The bytes of a `struct sockaddr` of the family that the context says.
    fn address_bytes(&self, prog_type: ProgType, ctx: Addr) -> Vec<u8> {
        let field = |name| self.field(prog_type, ctx, name) as u32;
        let family = field("user_family");
        let port = (field("user_port") as u16).to_le_bytes();
        let rest = match u64::from(family) {
            AF_UNIX => {
                let path = self.values.text("name").unwrap_or_default();
                path.into_bytes().into_iter().take(MAX_PATH).collect()
            }
            AF_INET6 => {
                let address = self.machine.memory.peek_vec(ctx.offset(USER_IP6), 16);
                let address = address.unwrap_or_else(|_| vec![0; 16]);
                [port.to_vec(), vec![0; 4], address, vec![0; 4]].concat()
            }
            _ => {
                let address = field("user_ip4").to_le_bytes();
                [&port[..], &address, &[0; 8]].concat()
            }
        };
        [(family as u16).to_le_bytes().to_vec(), rest].concat()
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
