//! VLAN tags (IEEE 802.1Q).
//!
//! As in the kernel, the outermost tag is kept beside the packet, in the context's fields; only
//! tags below it stand in the packet's bytes.

use super::frame::{Frame, SkbField};
use crate::helpers::{Call, Entry, Reply};
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(18, "bpf_skb_vlan_push", skb_vlan_push),
    Entry::new(19, "bpf_skb_vlan_pop", skb_vlan_pop),
];

/// Bytes of a tag.
const TAG: u64 = 4;

/// Where a tag stands: behind the two addresses.
const TAG_OFF: u64 = 12;

/// `ETH_P_8021Q` and `ETH_P_8021AD`, in network order.
const CUSTOMER: u32 = 0x8100_u16.to_be() as u32;
const SERVICE: u32 = 0x88a8_u16.to_be() as u32;

/// `long bpf_skb_vlan_push(struct sk_buff *skb, __be16 vlan_proto, u16 vlan_tci)`
fn skb_vlan_push(call: &mut Call<'_>) -> Reply {
    let [_, protocol, tci, ..] = call.args;
    let mut frame = Frame::need(call)?;
    let memory = call.memory();
    let protocol = match u32::from(protocol as u16) {
        SERVICE => SERVICE,
        _ => CUSTOMER,
    };
    if frame.field(memory, SkbField::VlanPresent)? != 0 {
        if frame.len() < TAG_OFF {
            return Ok(Errno::EINVAL.as_return());
        }
        let outer = frame.field(memory, SkbField::VlanProtocol)?;
        let outer_tci = frame.field(memory, SkbField::VlanTci)?;
        if !frame.insert(memory, TAG_OFF, TAG)? {
            return Ok(Errno::ENOMEM.as_return());
        }
        let bytes = [
            (outer as u16).to_le_bytes(),
            (outer_tci as u16).to_be_bytes(),
        ]
        .concat();
        memory.poke(Addr(frame.data + TAG_OFF), &bytes)?;
        frame.set_field(memory, SkbField::Protocol, outer)?;
    }
    frame.set_field(memory, SkbField::VlanPresent, 1)?;
    frame.set_field(memory, SkbField::VlanTci, u32::from(tci as u16))?;
    frame.set_field(memory, SkbField::VlanProtocol, protocol)?;
    Ok(0)
}

/// `long bpf_skb_vlan_pop(struct sk_buff *skb)`
fn skb_vlan_pop(call: &mut Call<'_>) -> Reply {
    let mut frame = Frame::need(call)?;
    let memory = call.memory();
    if frame.field(memory, SkbField::VlanPresent)? != 0 {
        frame.set_field(memory, SkbField::VlanPresent, 0)?;
        frame.set_field(memory, SkbField::VlanTci, 0)?;
        frame.set_field(memory, SkbField::VlanProtocol, 0)?;
    } else if take_tag(call, &mut frame)?.is_none() {
        return Ok(0);
    }
    // The next tag in the packet, if there is one, comes to stand beside it.
    if let Some((protocol, tci)) = take_tag(call, &mut frame)? {
        frame.set_field(memory, SkbField::VlanPresent, 1)?;
        frame.set_field(memory, SkbField::VlanTci, u32::from(tci))?;
        frame.set_field(memory, SkbField::VlanProtocol, protocol)?;
    }
    Ok(0)
}

/// Takes the outermost tag out of the packet, if it has one: protocol and tag.
fn take_tag(
    call: &Call<'_>,
    frame: &mut Frame,
) -> Result<Option<(u32, u16)>, crate::helpers::HelperError> {
    let memory = call.memory();
    let protocol = frame.field(memory, SkbField::Protocol)?;
    let Some(at) = frame.slice(TAG_OFF, TAG + 2) else {
        return Ok(None);
    };
    if protocol != CUSTOMER && protocol != SERVICE {
        return Ok(None);
    }
    let mut bytes = [0; 6];
    memory.peek(at, &mut bytes)?;
    let [_, _, tci_high, tci_low, next @ ..] = bytes;
    frame.remove(memory, TAG_OFF, TAG)?;
    frame.set_field(
        memory,
        SkbField::Protocol,
        u32::from(u16::from_le_bytes(next)),
    )?;
    Ok(Some((protocol, u16::from_be_bytes([tci_high, tci_low]))))
}
