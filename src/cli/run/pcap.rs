//! The packets of a pcap or pcapng file.
//!
//! Bytes are not looked at: programs get them as they were captured.

use anyhow::bail;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

/// The least a reader's buffer may be, so that small files with one large packet work.
const BUFFER: usize = 1 << 20;

/// The packets in the order of the file.
pub(super) fn packets(bytes: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut reader = match create_reader(BUFFER.max(bytes.len()), bytes) {
        Ok(reader) => reader,
        Err(_) => bail!("neither pcap nor pcapng"),
    };
    let mut packets = Vec::new();
    let mut links = Vec::new();
    loop {
        match reader.next() {
            Ok((offset, block)) => {
                packets.extend(packet(&block, &mut links)?);
                reader.consume(offset);
            }
            Err(PcapError::Eof) => return Ok(packets),
            Err(PcapError::Incomplete(_)) => {
                if reader.reader_exhausted() {
                    bail!(
                        "the file ends within packet {}",
                        packets.len().saturating_add(1)
                    );
                }
                if reader.refill().is_err() {
                    bail!("packet {} is too large", packets.len().saturating_add(1));
                }
            }
            Err(_) => bail!("packet {} is broken", packets.len().saturating_add(1)),
        }
    }
}

/// The packet in a block, if it has one; `links` are the link types by interface.
fn packet(
    block: &PcapBlockOwned<'_>,
    links: &mut Vec<Linktype>,
) -> anyhow::Result<Option<Vec<u8>>> {
    let (data, link, len) = match block {
        PcapBlockOwned::LegacyHeader(header) => {
            links.push(header.network);
            return Ok(None);
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
            links.push(interface.linktype);
            return Ok(None);
        }
        PcapBlockOwned::Legacy(packet) => (packet.data, links.first(), packet.caplen),
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            (packet.data, links.get(packet.if_id as usize), packet.caplen)
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            (packet.data, links.first(), packet.origlen)
        }
        PcapBlockOwned::NG(_) => return Ok(None),
    };
    match link {
        Some(&Linktype::ETHERNET) => Ok(Some(data.get(..len as usize).unwrap_or(data).to_vec())),
        Some(link) => bail!("packets of link type {} have no Ethernet header", link.0),
        None => bail!("a packet of an interface that the file does not describe"),
    }
}
