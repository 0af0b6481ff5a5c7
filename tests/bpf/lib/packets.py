# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Frames, made and taken apart by Scapy: what is put in and what has to come out."""
import struct

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import GRE, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import checksum

import world

TYPE = {4: 0x0800, 6: 0x86dd}


def version(packet):
    """4 or 6, by the first byte of an IP packet."""
    return bytes(packet)[0] >> 4


def ip(src, dst, size=None, ttl=64, tos=0, **fields):
    """An IPv4 or IPv6 packet with UDP in it, of size bytes in all (default: 60)."""
    if ":" in dst:
        size = size or 60
        packet = IPv6(src=src, dst=dst, hlim=ttl, tc=tos, **fields)
        head = 40
    else:
        size = size or 60
        packet = IP(src=src, dst=dst, ttl=ttl, tos=tos, id=fields.pop("id", 0x1234), **fields)
        head = 20
    payload = bytes(i & 0xff for i in range(size - head - 8))
    return bytes(packet / UDP(sport=40000, dport=53) / Raw(payload))


def tcp(src, dst, size, **fields):
    """The same with TCP, for superframes."""
    kind = IPv6 if ":" in dst else IP
    packet = kind(src=src, dst=dst, **fields) / TCP(sport=40000, dport=80, flags="A")
    return bytes(packet / Raw(bytes(size - len(bytes(packet)))))


def patched(packet, ttl_less=0, tos=None):
    """An IP packet's bytes with TTL or TOS changed, and the checksum made anew."""
    b = bytearray(bytes(packet))
    if b[0] >> 4 == 6:
        b[7] -= ttl_less
        if tos is not None:
            b[0:2] = struct.pack("!H", 0x6000 | tos << 4 | (b[1] & 0x0f))
        return bytes(b)
    head = (b[0] & 15) * 4
    b[8] -= ttl_less
    if tos is not None:
        b[1] = tos
    b[10:12] = b"\0\0"
    b[10:12] = struct.pack("!H", checksum(bytes(b[:head])))
    return bytes(b)


def ether(dst, src, tags, payload, proto=None):
    """A frame, tagged where tags are given; proto: of the payload, by default by its version."""
    proto = proto or TYPE[version(payload)]
    frame = Ether(dst=dst, src=src)
    for tpid, vlan in tags:
        frame.lastlayer().type = tpid
        frame = frame / (Dot1AD if tpid == 0x88a8 else Dot1Q)(vlan=vlan)
    frame.lastlayer().type = proto
    return bytes(frame / Raw(bytes(payload)))


def gre(inner, key=None, proto=None, csum=False, seq=None, flags=0):
    """GRE header and payload; flags are more bits of the first 16."""
    inner = bytes(inner)
    header = GRE(proto=TYPE[version(inner)] if proto is None else proto, chksum_present=int(csum),
                 key_present=int(key is not None), key=key_number(key),
                 seqnum_present=int(seq is not None), sequence_number=seq)
    b = bytearray(bytes(header / Raw(inner)))
    b[0:2] = struct.pack("!H", struct.unpack("!H", b[0:2])[0] | flags)
    if flags & 0x4000:
        b[4:4] = bytes(4)  # RFC 1701: routing has a checksum and an offset field, C or not
    if csum:
        b[4:6] = b"\0\0"
        b[4:6] = struct.pack("!H", checksum(bytes(b)))
    return bytes(b)


def key_number(key):
    """A tunnel's key as a number, dotted quads too."""
    if not isinstance(key, str):
        return key
    return int.from_bytes(bytes(int(part) for part in key.split(".")), "big")


def outer(tunnel, payload, tos=0, limit=False, src=None, dst=None, **fields):
    """The IP packet that arrives for a tunnel; limit: IPv6 with an encapsulation limit."""
    src, dst = src or tunnel.remote, dst or tunnel.local
    if tunnel.version == 4:
        packet = IP(src=src, dst=dst, proto=47, tos=tos, id=0x4321, ttl=fields.pop("ttl", 60),
                    **fields)
    else:
        # RFC 2473 4.1.1: option 4, and padding
        packet = IPv6(src=src, dst=dst, nh=60 if limit else 47, tc=tos, hlim=60, **fields)
        if limit:
            packet = packet / Raw(bytes(IPv6ExtHdrDestOpt(nh=47, autopad=0)[0])[:2] +
                                  bytes([4, 1, 4, 1, 1, 0]))
    return bytes(packet / Raw(payload))


def arrival(tunnel, inner, tagged=False, key="in", to=None, padding=0, tos=0, limit=False,
            ip_args=None, **gre_args):
    """The frame of a tunnel's peer with this packet in it."""
    key = tunnel.key_in if key == "in" else key
    if tunnel.sequence:
        gre_args.setdefault("seq", 5)
    port = world.PORTS[tunnel.to or "eth0"]
    packet = outer(tunnel, gre(inner, key_number(key), **gre_args), tos, limit, **(ip_args or {}))
    return ether(to or port.mac, peer_mac(tunnel), port.tags if tagged else (), packet) + bytes(
        padding)


def peer_mac(tunnel):
    """The MAC of the next hop to a tunnel's remote."""
    return world.PORTS[tunnel.to].host_mac if tunnel.to else world.MAC_FAR


def from_host(port, packet, tagged=False, padding=0):
    """The frame of a host on a port's LAN, addressed to the gateway."""
    return ether(port.mac, port.host_mac, port.tags if tagged else (), packet) + bytes(padding)


def to_host(port, packet, tagged=False):
    """The frame that the gateway sends to the host on a LAN."""
    return ether(port.host_mac, port.mac, port.tags if tagged else (), packet)


def encapsulated(tunnel, inner, ident=0, tos=None, seq=0):
    """The IP packet that a tunnel makes of this inner packet; ident: IPv4 ID where DF is clear."""
    inner = bytes(inner)
    inner_tos = inner[1] if version(inner) == 4 else struct.unpack("!H", inner[:2])[0] >> 4 & 0xff
    inner_ttl = inner[8] if version(inner) == 4 else inner[7]
    dscp = inner_tos if tunnel.tos == "inherit" else tunnel.tos
    tos = (dscp & 0xfc) | (inner_tos & 3)  # ECN: RFC 6040 4.1, normal mode
    ttl = inner_ttl if tunnel.ttl == "inherit" else tunnel.ttl
    payload = Raw(gre(inner, key_number(tunnel.key_out), csum=tunnel.checksum,
                      seq=seq if tunnel.sequence else None))
    if tunnel.version == 6:
        return bytes(IPv6(src=tunnel.local, dst=tunnel.remote, nh=47, tc=tos, hlim=ttl, fl=0) /
                     payload)
    df = tunnel.df or (tunnel.options.get("pmtudisc") is False and version(inner) == 4 and
                       inner[6] & 0x40)
    return bytes(IP(src=tunnel.local, dst=tunnel.remote, proto=47, tos=tos, ttl=ttl,
                    flags="DF" if df else 0, id=0 if tunnel.df else ident) / payload)


def to_peer(tunnel, inner, tagged=False, **options):
    """The frame that the gateway sends to a tunnel's peer."""
    port = world.PORTS[tunnel.to or "eth0"]
    return ether(peer_mac(tunnel), port.mac, port.tags if tagged else (),
                 encapsulated(tunnel, inner, **options))


def to_device(tunnel, inner):
    """The frame that comes in on the tunnel's device."""
    return ether(tunnel.mac, tunnel.peer_mac, (), inner)
