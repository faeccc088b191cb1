#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes the packets of this folder: one NAME.bin each, raw bytes from the Ethernet header on, and
all of them in packets.pcap, a millisecond apart. The same bytes come out every time."""

import pathlib
import struct

CLIENT, SERVER = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
CLIENT6 = bytes.fromhex("20010db8000000000000000000000001")
SERVER6 = bytes.fromhex("20010db8000000000000000000000002")
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58


def checksum(data):
    """The Internet checksum: the complement of the ones' complement sum of 16-bit words."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def with_checksum(data, offset, pseudo_header=b""):
    value = checksum(pseudo_header + data)
    return data[:offset] + struct.pack("!H", value) + data[offset + 2 :]


def pseudo4(protocol, payload):
    return CLIENT + SERVER + struct.pack("!BBH", 0, protocol, len(payload))


def pseudo6(protocol, payload):
    return CLIENT6 + SERVER6 + struct.pack("!II", len(payload), protocol)


def ethernet(kind, payload):
    return bytes.fromhex("020000000002 020000000001") + struct.pack("!H", kind) + payload


def ipv4(protocol, payload):
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, protocol, 0)
    return ethernet(0x0800, with_checksum(header + CLIENT + SERVER, 10) + payload)


def ipv6(protocol, payload):
    header = struct.pack("!IHBB", 0x60000000, len(payload), protocol, 64)
    return ethernet(0x86DD, header + CLIENT6 + SERVER6 + payload)


def udp(to_port, payload):
    data = struct.pack("!HHHH", 40000, to_port, 8 + len(payload), 0) + payload
    return ipv4(UDP, with_checksum(data, 6, pseudo4(UDP, data)))


def tcp_syn(to_port):
    data = struct.pack("!HHIIBBHHH", 40000, to_port, 1000, 0, 5 << 4, 0x02, 64240, 0, 0)
    return ipv4(TCP, with_checksum(data, 16, pseudo4(TCP, data)))


def ping4():
    return ipv4(ICMP, with_checksum(struct.pack("!BBHHH", 8, 0, 0, 7, 1) + b"ping", 2))


def ping6():
    data = struct.pack("!BBHHH", 128, 0, 0, 7, 1) + b"ping"
    return ipv6(ICMPV6, with_checksum(data, 2, pseudo6(ICMPV6, data)))


DNS_QUERY = bytes.fromhex("1234 0100 0001 0000 0000 0000") + b"\7example\3org\0" + bytes([0, 1, 0, 1])

PACKETS = {
    "udp": udp(9, b"hello"),
    "packet_of_death": udp(9, b"KILL the server"),
    "dns_query": udp(53, DNS_QUERY),
    "tcp_syn": tcp_syn(80),
    "icmp": ping4(),
    "icmpv6": ping6(),
    # Claims to be IPv4, but ends after six bytes of the header.
    "runt": ping4()[:20],
}


def pcap(packets):
    """The classic format: little-endian, microseconds, Ethernet."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for number, packet in enumerate(packets):
        out += struct.pack("<IIII", 1, number * 1000, len(packet), len(packet)) + packet
    return out


def main():
    folder = pathlib.Path(__file__).resolve().parent
    for name, packet in PACKETS.items():
        (folder / f"{name}.bin").write_bytes(packet)
    (folder / "packets.pcap").write_bytes(pcap(PACKETS.values()))


if __name__ == "__main__":
    main()
