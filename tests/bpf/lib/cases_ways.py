# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packets that are forwarded, both ways, in all shapes of header."""
from itertools import product

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.ipsec import ESP
from scapy.packet import Raw

import packets
from bpftest import PASS, REDIRECT, XDPS
from cases import Accept, Drop, Expected, Leave, Send, decap, encap
from world import LAN, PORTS, T4, T4K, T6, T6K, TUNNELS

KEYS = ["t4", "t4k", "t4z", "t4kk", "t4q", "t4in", "t6", "t6k", "t6kk", "t6q"]


def inward(tunnel, version, lan=LAN, **fields):
    """An inner packet from behind the tunnel to the LAN's host."""
    return packets.ip(tunnel.far(version), lan.host(version), **fields)


def outward(tunnel, version, lan=LAN, **fields):
    """A packet from the LAN's host to behind the tunnel."""
    return packets.ip(lan.host(version), tunnel.far(version), **fields)


def headers():
    """Every form of key, IPv4 and IPv6 inside and outside."""
    for name, version in product(KEYS, (4, 6)):
        t = TUNNELS[name]
        yield decap("%s, IPv%d in IPv%d" % (name, version, t.version), t, inward(t, version))
        yield encap("%s, IPv%d in IPv%d" % (name, version, t.version), t, outward(t, version))


def vlans():
    """From every number of tags to every other."""
    for name, lan, version in product(("t4", "vlan1", "vlan2", "t6"), ("eth1", "vl1", "vl2"),
                                      (4, 6)):
        t, port = TUNNELS[name], PORTS[lan]
        inner = packets.ip(t.far(version), "198.18.%d.11" % port.lan if version == 4 else
                           port.host6) if t.to == lan else inward(t, version, port)
        if t.to == lan and version == 4:
            continue  # the host is the tunnel's remote
        yield decap("%s to %s, IPv%d" % (name, lan, version), t, inner, Accept(t, inner, lan=port))
        yield encap("%s to %s, IPv%d" % (lan, name, version), t, outward(t, version, port),
                    port=port)


def one_armed():
    """In and out by the same port."""
    port = PORTS["eth0"]
    for t, version in product((T4K, T6K), (4, 6)):
        inner = inward(t, version, port)
        yield decap("%s one-armed, IPv%d" % (t.name, version), t, inner, Accept(t, inner, lan=port))
        yield encap("%s one-armed, IPv%d" % (t.name, version), t, outward(t, version, port),
                    port=port)


def _ecn(inner, outer):
    """RFC 6040 figure 4: 0 not capable, 1 ECT(1), 2 ECT(0), 3 congestion; None: dropped."""
    if outer == 3:
        return 3 if inner else None
    if outer == 1 and inner == 2:
        return 1
    return inner


def ecn():
    """All combinations on the way out, all marks on the way in."""
    for t, version, inner_mark, outer_mark in product((T4K, T6K), (4, 6), range(4), range(4)):
        inner = inward(t, version, tos=0x28 | inner_mark)
        mark = _ecn(inner_mark, outer_mark)
        outcome = Drop("ecn") if mark is None else Accept(t, inner, tos=0x28 | mark)
        yield decap("%s IPv%d, ECN %d in %d" % (t.name, version, inner_mark, outer_mark), t, inner,
                    outcome, tos=0xb8 | outer_mark)
    for name, version, mark in product(("t4k", "t6k", "tos4", "tos6"), (4, 6), range(4)):
        t = TUNNELS[name]
        yield encap("%s IPv%d, ECN %d" % (name, version, mark), t,
                    outward(t, version, tos=0x28 | mark))


def outer_fields():
    """TTL, DSCP and DF of the outer header."""
    for name, version in product(("ttl4", "ttl6", "ttl9", "tos4", "tos6", "copy", "clear"), (4, 6)):
        t = TUNNELS[name]
        for fields in ({"ttl": 2}, {"ttl": 255, "tos": 0xff}, {"tos": 0x01}):
            yield encap("%s IPv%d %s" % (name, version, fields), t, outward(t, version, **fields))
        yield decap("%s IPv%d" % (name, version), t, inward(t, version))
    for name in ("t4", "copy", "clear", "t6"):
        t = TUNNELS[name]
        yield encap(name + ", inner DF", t, outward(t, 4, flags="DF"))
        yield encap(name + ", inner fragment", t, outward(t, 4, flags="MF"))
        yield encap(name + ", inner last fragment", t, outward(t, 4, frag=100))


def sizes():
    """The smallest frames, padded by Ethernet, and the largest that fit."""
    for t, padding in product((T4, T6), (0, 1, 2, 18, 40)):
        tiny = bytes(IP(src=t.far(4), dst=LAN.host4))
        yield decap("%s smallest, %d bytes of padding" % (t.name, padding), t, tiny,
                    padding=padding)
        tiny = bytes(IP(src=LAN.host4, dst=t.far(4)))
        yield encap("%s smallest, %d bytes of padding" % (t.name, padding), t, tiny,
                    padding=padding)
        six = packets.ip(t.far(6), LAN.host6, 48)
        yield decap("%s small IPv6, %d bytes of padding" % (t.name, padding), t, six,
                    padding=padding)
    for t, version in product((T4K, T6K), (4, 6)):
        for size, fits in ((t.mtu, True), (t.mtu + 1, False)):
            packet = outward(t, version, size=size)
            yield encap("%s IPv%d of %d bytes" % (t.name, version, size), t, packet,
                        Send(t, packet) if fits else Leave("size"))
    small, port = TUNNELS["small"], PORTS["sm0"]
    for size, fits in ((1276, True), (1277, False)):
        packet = outward(small, 4, size=size)
        yield encap("by a port with MTU 1300, %d bytes" % size, small, packet,
                    Send(small, packet) if fits else Leave("size"))
    for size, fits in ((1300, True), (1301, False)):
        inner = inward(T4, 4, port, size=size)
        yield decap("to a port with MTU 1300, %d bytes" % size, T4, inner,
                    Accept(T4, inner, None if fits else "size", port))
    large, port = TUNNELS["large"], PORTS["jm0"]
    for version, size in product((4, 6), (3400, 3500, 4096, 8899, 8900)):
        yield encap("large, IPv%d of %d bytes" % (version, size), large,
                    outward(large, version, port, size=size), port=port)
    for size in (3400, 3500, 4096, 8900):
        inner = inward(large, 6, port, size=size)
        yield decap("large, IPv6 of %d bytes" % size, large, inner, Accept(large, inner, lan=port))


def sequences():
    """Sequence numbers, sent and demanded; the first one of either may be any."""
    for name, version, size in product(("seq4", "seq6", "full4"), (4, 6), (60, 61, 1400)):
        t = TUNNELS[name]
        yield encap("%s, IPv%d of %d bytes" % (name, version, size), t,
                    outward(t, version, size=size))
        yield decap("%s, IPv%d of %d bytes" % (name, version, size), t,
                    inward(t, version, size=size))
        yield decap("%s, IPv%d, checksum as well" % (name, version), t,
                    inward(t, version, size=size), csum=True)


def gre_headers():
    """What a GRE header may have beyond what we send."""
    for t in (T4, T4K, T6, T6K):
        inner = inward(t, 4)
        yield decap(t.name + " with a sequence number", t, inner, seq=7)
        for bit in range(3, 10):
            yield decap("%s, reserved bit %d" % (t.name, 15 - bit), t, inner, flags=1 << bit)
    for t, version in product((T6, T6K), (4, 6)):
        yield decap("%s IPv%d, encapsulation limit" % (t.name, version), t, inward(t, version),
                    limit=True)
    # PPTP and GRE of others inside the tunnel are payload like any other
    for t in (T4K, T6K):
        pptp = bytes.fromhex("3001880b0004000100000000deadbeef")
        yield encap(t.name + " with PPTP inside", t, bytes(
            IP(src=LAN.host4, dst=t.far(4), proto=47) / Raw(pptp)))
        yield decap(t.name + " with PPTP inside", t, bytes(
            IP(src=t.far(4), dst=LAN.host4, proto=47) / Raw(pptp)))
        yield encap(t.name + " with GRE inside", t, bytes(
            IP(src=LAN.host4, dst=t.far(4), proto=47) / Raw(packets.gre(outward(t, 4)))))


LENGTHS = [28, 29, 60, 61, 127, 128, 129, 255, 511, 512, 513, 1023, 1024, 1025, 1499, 1500, 3000,
           3333]


def checksums():
    """C set: verified over header and payload, of even and odd lengths, by any tunnel."""
    jumbo = PORTS["jm0"]
    for t, size in product((T4, T4K, T6, T6K, TUNNELS["sum4k"]), LENGTHS):
        inner = inward(t, 4, jumbo, size=size)
        yield decap("%s checksum over %d bytes" % (t.name, size), t, inner,
                    Accept(t, inner, lan=jumbo), csum=True)
        for at in (-1, -2, -size // 2):
            def bad(tagged, t=t, inner=inner, at=at):
                frame = bytearray(packets.arrival(t, inner, tagged, csum=True))
                frame[at] ^= 0x40
                return bytes(frame)
            case = decap("%s wrong checksum over %d bytes, byte %d" % (t.name, size, at), t, inner,
                         Drop("bad-checksum"))
            case.make = bad
            yield case
    large = TUNNELS["large"]
    for size in (3400, 4096, 5001, 8191, 8192, 8899, 8900):
        inner = inward(large, 6, jumbo, size=size)
        yield decap("checksum over %d bytes" % size, large, inner, Accept(large, inner, lan=jumbo),
                    csum=True)
        for at in (-1, -size // 2, 100):
            case = decap("wrong checksum over %d bytes, byte %d" % (size, at), large, inner,
                         Drop("bad-checksum"))
            case.make = lambda tagged, inner=inner, at=at: _flipped(
                packets.arrival(large, inner, tagged, csum=True), at)
            yield case
    inner = inward(T4K, 6)
    yield decap("checksum, key, sequence and padding", T4K, inner, csum=True, seq=1, padding=5)
    t = TUNNELS["sum4k"]
    yield decap("no checksum where we send one", t, inward(t, 4))


def _flipped(frame, at):
    frame = bytearray(frame)
    frame[at] ^= 0x40
    return bytes(frame)


def checksums_made():
    """Of what is sent, over even and odd lengths, in one piece and in several."""
    for name, version, size in product(("sum4", "sum4k", "sum6k"), (4, 6), LENGTHS):
        t = TUNNELS[name]
        if size <= t.mtu and (version == 4 or size >= 48):
            yield encap("%s checksum over IPv%d of %d bytes" % (name, version, size), t,
                        outward(t, version, size=size))
    t, port = TUNNELS["sumj"], PORTS["jm0"]
    for version, size in product((4, 6), (3000, 3400, 3500, 4095, 4096, 8191, 8192, 8899, 8900)):
        yield encap("checksum over IPv%d of %d bytes" % (version, size), t,
                    outward(t, version, port, size=size), port=port)
    t = TUNNELS["sum4k"]
    for version in (4, 6):
        for kind, packet in layers(t, version).items():
            # what TC cannot tell finished from unfinished by, the kernel gets
            unknown = kind in ("no checksum", "ESP")
            yield encap("checksum over IPv%d %s" % (version, kind), t, packet,
                        Leave("checksum") if unknown else None, Send(t, packet))
            if kind in ("TCP", "UDP", "ICMP"):
                broken = _flipped(packet, -1)
                yield encap("checksum over unfinished IPv%d %s" % (version, kind), t, broken,
                            Leave("checksum"))
        for frag in ({"flags": "MF"}, {"frag": 9}):
            if version == 4:
                packet = outward(t, 4, **frag)
                yield encap("checksum over a fragment, %s" % frag, t, _flipped(packet, -1))


def layers(t, version):
    """Packets of a host with what follows IP in them."""
    head = (IP if version == 4 else IPv6)(src=LAN.host(version), dst=t.far(version))
    icmp = ICMP() if version == 4 else ICMPv6EchoRequest()
    data = Raw(b"abcdefghi")
    return {name: bytes(head / layer) for name, layer in {
        "TCP": TCP(sport=1, dport=2, flags="A") / data, "UDP": UDP(sport=1, dport=2) / data,
        "ICMP": icmp / data, "ESP": ESP(spi=1, seq=1, data=b"x" * 20),
        **({"no checksum": UDP(sport=1, dport=2, chksum=0) / data} if version == 4 else {})
        }.items()}



class Nested:
    """GRE of a tunnel of ours in one of the kernel's: TC takes it out, XDP leaves it be."""

    def __init__(self, tunnel, inner):
        self.tunnel, self.inner = tunnel, inner

    def expected(self, program, behind, case):
        reasons = () if behind else ("local",)
        if program in XDPS:
            return Expected(PASS[program], case.frame(program), reasons)
        return Expected(REDIRECT[program], packets.ether(
            PORTS["eth0"].mac, self.tunnel.peer_mac, (), self.inner), reasons, self.tunnel, "rx",
                        (1, len(self.inner)))


def kernel_devices():
    """A tunnel on a device of the kernel's: as fast as others, and what is not is left as it is."""
    for name, version in product(("kern4", "kern6"), (4, 6)):
        t = TUNNELS[name]
        yield decap("%s, IPv%d" % (name, version), t, inward(t, version))
        yield encap("%s, IPv%d" % (name, version), t, outward(t, version))
        inner = inward(t, version, ttl=1)
        yield decap("%s, IPv%d, TTL 1" % (name, version), t, inner, Accept(t, inner, "ttl"))
        inner = packets.ip(t.far(version), LAN.ip4 if version == 4 else LAN.ip6)
        yield decap("%s, IPv%d for the gateway" % (name, version), t, inner,
                    Accept(t, inner, "local"))
        inner = packets.ip("192.0.2.99" if version == 4 else "2001:db8:eeee::1",
                           LAN.host(version))
        yield decap("%s, IPv%d of a wrong source" % (name, version), t, inner, Drop("source"))
    t = TUNNELS["kernslow"]
    inner = inward(t, 4)
    yield decap("kernslow", t, inner, Accept(t, inner, "slow"))
    yield encap("kernslow", t, outward(t, 4), Leave("slow"))
    t = TUNNELS["kernany"]
    own = bytes(IP(src=T4K.remote, dst=T4K.local, proto=47) /
                Raw(packets.gre(inward(T4K, 4), key=T4K.key_in)))
    yield decap("a tunnel in one of the kernel's", t, own, Nested(t, own))
    kern = TUNNELS["kern4"]
    own = bytes(IP(src=kern.remote, dst=kern.local, proto=47) /
                Raw(packets.gre(inward(kern, 4), key=kern.key_in)))
    yield decap("the kernel's in the kernel's", t, own, Accept(t, own, "local"))


ALL = (headers, vlans, one_armed, ecn, outer_fields, sizes, gre_headers, checksums,
       checksums_made, sequences, kernel_devices)
