//! VLAN tags (IEEE 802.1Q).
//!
//! As in the kernel, the outermost tag is kept beside the packet, in the context's fields; only
//! tags below it stand in the packet's bytes.

use super::frame::Field;
use crate::helpers::map::status;
use crate::helpers::{Call, Entry, Reply};
use crate::machine::{Errno, Memory, SkBuff};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(18, "bpf_skb_vlan_push", skb_vlan_push),
    Entry::new(19, "bpf_skb_vlan_pop", skb_vlan_pop),
];

/// Bytes of a tag.
const TAG: u32 = 4;

/// Where a tag stands: behind the two addresses.
const TAG_OFF: u32 = 12;

/// `ETH_P_8021Q` and `ETH_P_8021AD`, in network order.
const CUSTOMER: u32 = 0x8100_u16.to_be() as u32;
const SERVICE: u32 = 0x88a8_u16.to_be() as u32;

/// `long bpf_skb_vlan_push(struct sk_buff *skb, __be16 vlan_proto, u16 vlan_tci)`
fn skb_vlan_push(call: &mut Call<'_>) -> Reply {
    let [_, protocol, tci, ..] = call.args;
    let (skb, memory) = (call.skb()?, call.memory());
    let protocol = match u32::from(protocol as u16) {
        SERVICE => SERVICE,
        _ => CUSTOMER,
    };
    if Field::VlanPresent.get(skb, memory) != 0 {
        let outer = Field::VlanProtocol.get(skb, memory);
        if let Err(errno) = put_tag(skb, memory, outer, Field::VlanTci.get(skb, memory) as u16) {
            return Ok(errno.as_return());
        }
    }
    set_tag(skb, memory, 1, protocol, tci as u16);
    Ok(0)
}

/// `long bpf_skb_vlan_pop(struct sk_buff *skb)`
fn skb_vlan_pop(call: &mut Call<'_>) -> Reply {
    let (skb, memory) = (call.skb()?, call.memory());
    Ok(status(pop(skb, memory)))
}

fn pop(skb: &SkBuff, memory: &Memory) -> Result<(), Errno> {
    if Field::VlanPresent.get(skb, memory) != 0 {
        set_tag(skb, memory, 0, 0, 0);
    } else if take_tag(skb, memory)?.is_none() {
        return Ok(());
    }
    // The next tag in the packet, if there is one, comes to stand beside it.
    if let Some((protocol, tci)) = take_tag(skb, memory)? {
        set_tag(skb, memory, 1, protocol, tci);
    }
    Ok(())
}

/// Sets the tag beside the packet.
fn set_tag(skb: &SkBuff, memory: &Memory, present: u32, protocol: u32, tci: u16) {
    Field::VlanPresent.set(skb, memory, present);
    Field::VlanTci.set(skb, memory, u32::from(tci));
    Field::VlanProtocol.set(skb, memory, protocol);
}

/// Puts a tag into the packet.
fn put_tag(skb: &SkBuff, memory: &Memory, protocol: u32, tci: u16) -> Result<(), Errno> {
    skb.insert(memory, TAG_OFF, TAG)?;
    let bytes = [(protocol as u16).to_le_bytes(), tci.to_be_bytes()].concat();
    skb.store(memory, TAG_OFF, &bytes)?;
    Field::Protocol.set(skb, memory, protocol);
    Ok(())
}

/// Takes the outermost tag out of the packet, if it has one: protocol and tag.
fn take_tag(skb: &SkBuff, memory: &Memory) -> Result<Option<(u32, u16)>, Errno> {
    let protocol = Field::Protocol.get(skb, memory);
    let mut bytes = [0; 6];
    if protocol != CUSTOMER && protocol != SERVICE {
        return Ok(None);
    }
    skb.load(memory, TAG_OFF, &mut bytes)
        .map_err(|_| Errno::ENOMEM)?;
    let [_, _, tci_high, tci_low, next @ ..] = bytes;
    skb.remove(memory, TAG_OFF, TAG)?;
    Field::Protocol.set(skb, memory, u32::from(u16::from_le_bytes(next)));
    Ok(Some((protocol, u16::from_be_bytes([tci_high, tci_low]))))
}
