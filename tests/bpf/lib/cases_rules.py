# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packets that are dropped, or left to the kernel, and those that only look like it."""
import struct
from itertools import product

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6PacketTooBig,
                                ICMPv6TimeExceeded, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop)
from scapy.packet import Raw

import packets
from cases import Accept, Case, Drop, Leave, Send, decap, encap
from cases_ways import inward, outward
from world import LAN, LOCAL4, LOCAL6, MAC_FAR, PORTS, T4, T4K, T6, T6K, TUNNELS

ETH0 = PORTS["eth0"]
STRANGER = {4: "198.51.100.1", 6: "2001:db8:bad::1"}


def changed(packet, at, value, fix=True):
    """An IPv4 packet with the bytes at an offset replaced; fix: and a right checksum."""
    b = bytearray(bytes(packet))
    b[at:at + len(value)] = value
    return packets.patched(b) if fix else bytes(b)


def raw(name, packet, outcome, xdp=None, port=ETH0, to=None, proto=None):
    """An IP packet as the underlay's next hop sends it."""
    return Case(name, port, lambda tagged: packets.ether(
        to or port.mac, MAC_FAR, port.tags if tagged else (), packet, proto), outcome, xdp)


def gre_bits():
    """RFC 2784 2.3 and RFC 2890: bits that refuse a packet, versions, payload types."""
    for t, bit in product((T4, T4K, T6, T6K), (1, 4, 5)):
        yield decap("%s, flag bit %d" % (t.name, bit), t, inward(t, 4), Drop("flags"),
                    flags=0x8000 >> bit)
    for t, version in product((T4, T4K, T6K), range(1, 8)):
        yield decap("%s, GRE version %d" % (t.name, version), t, inward(t, 4), Leave("version"),
                    flags=version)
    for t, proto in product((T4K, T6K), (0x6558, 0x0806, 0x880b, 0x88be, 0x0000, 0xffff)):
        yield decap("%s, payload type %#06x" % (t.name, proto), t, inward(t, 4),
                    Leave("protocol"), proto=proto)
    yield decap("IPv4 called IPv6", T4K, inward(T4K, 4), Drop("malformed"), proto=0x86dd)
    yield decap("IPv6 called IPv4", T4K, inward(T4K, 6), Drop("malformed"), proto=0x0800)
    yield decap("no payload", T4K, b"", Drop("malformed"), proto=0x0800)


def claims():
    """Which packets are a tunnel's: endpoints and key must match exactly."""
    outcome = Leave("unclaimed")
    yield decap("unknown key", T4K, inward(T4K, 4), outcome, key=2)
    yield decap("unknown key, IPv6", T6K, inward(T6K, 4), outcome, key=2)
    yield decap("output key as input", TUNNELS["t4kk"], inward(T4, 4), outcome, key=1002)
    yield decap("no key where one is needed", TUNNELS["tos4"], inward(T4, 4), outcome, key=None)
    yield decap("key 0 where none is", TUNNELS["ttl9"], inward(T4, 4), outcome, key=0)
    yield decap("key 0 where none is, IPv6", TUNNELS["tos6"], inward(T4, 4), outcome, key=0)
    yield decap("another tunnel's key", TUNNELS["tos4"], inward(T4, 4), outcome, key=1)
    yield decap("wrong peer", T4, inward(T4, 4), outcome, ip_args={"src": "203.0.113.200"})
    yield decap("wrong peer, IPv6", T6, inward(T6, 4), outcome,
                ip_args={"src": "2001:db8:fffe::200"})
    yield decap("another address of ours", T4, inward(T4, 4), outcome, ip_args={"dst": LAN.ip4})
    yield decap("another address of ours, IPv6", T6, inward(T6, 4), outcome,
                ip_args={"dst": LAN.ip6})
    drop = PORTS["dr0"]
    for t in (T4, T4K, T6K):
        yield decap("%s, unclaimed: drop" % t.name, t, inward(t, 4), Drop("unclaimed-drop"),
                    key=99, port=drop, to=drop.mac)
        yield decap("%s version 1, unclaimed: drop" % t.name, t, inward(t, 4), Leave("version"),
                    flags=1, port=drop, to=drop.mac)
        yield decap("%s by that port" % t.name, t, inward(t, 4), port=drop, to=drop.mac)


def icmp_error(version, kind, quoted):
    """From a router beyond the tunnel, with an address of its own."""
    if version == 4:
        return bytes(IP(src=STRANGER[4], dst=LAN.host4) / ICMP(type=kind, code=0) /
                     Raw(bytes(quoted)[:28]))
    layer = {1: ICMPv6DestUnreach, 2: ICMPv6PacketTooBig, 3: ICMPv6TimeExceeded,
             128: ICMPv6EchoRequest}[kind]
    return bytes(IPv6(src=STRANGER[6], dst=LAN.host6) / layer() / Raw(bytes(quoted)))


def sources():
    """Inner sources must be the tunnel's; ICMP errors about our packets may be anybody's."""
    for t, version in product((T4K, T6K, TUNNELS["list"]), (4, 6)):
        stranger = packets.ip(STRANGER[version], LAN.host(version))
        yield decap("%s, IPv%d from a stranger" % (t.name, version), t, stranger, Drop("source"))
        other = packets.ip(T4.far(version), LAN.host(version))
        yield decap("%s, IPv%d from another tunnel's prefix" % (t.name, version), t, other,
                    Drop("source"))
        own = packets.ip(LAN.host(version), LAN.host(version))
        yield decap("%s, IPv%d from our LAN" % (t.name, version), t, own, Drop("source"))
    for t in (T4K, T6K):
        for inner in (packets.ip(t.net4 + ".77", LAN.host4), packets.ip(t.net6 + ":77", LAN.host6)):
            yield decap("%s, from its subnet, IPv%d" % (t.name, packets.version(inner)), t, inner)
    t = TUNNELS["any"]
    for version in (4, 6):
        yield decap("sources any, IPv%d" % version, t, packets.ip(STRANGER[version],
                                                                  LAN.host(version)))
        yield decap("sources any, IPv%d from its route" % version, t, inward(t, version))
    t = TUNNELS["list"]
    for src, dst in (("172.16.5.5", LAN.host4), ("2001:db8:aaaa::5", LAN.host6)):
        yield decap("listed source " + src, t, packets.ip(src, dst))
    for version in (4, 6):
        yield decap("routed source outside the list, IPv%d" % version, t, inward(t, version),
                    Drop("source"))
    yield decap("source just outside the list", t, packets.ip("172.32.0.0", LAN.host4),
                Drop("source"))
    for t, kind in product((T4K, T6K, TUNNELS["list"]), (3, 11, 12, 0, 5, 8)):
        outcome = Drop("source") if kind in (0, 5, 8) else None
        yield decap("%s, ICMP type %d about our packet" % (t.name, kind), t,
                    icmp_error(4, kind, outward(t, 4)), outcome)
        yield decap("%s, ICMP type %d about another's" % (t.name, kind), t,
                    icmp_error(4, kind, outward(T4, 4)), Drop("source"))
    for t, kind in product((T4K, T6K, TUNNELS["list"]), (1, 2, 3, 128)):
        outcome = Drop("source") if kind == 128 else None
        yield decap("%s, ICMPv6 type %d about our packet" % (t.name, kind), t,
                    icmp_error(6, kind, outward(t, 6)), outcome)
        yield decap("%s, ICMPv6 type %d about another's" % (t.name, kind), t,
                    icmp_error(6, kind, outward(T4, 6)), Drop("source"))


def inner_headers():
    """What is wrong with the packet inside."""
    for t in (T4K, T6K):
        good = inward(t, 4)
        bad = {
            "version 5": changed(good, 0, b"\x55"),
            "version 0": changed(good, 0, b"\x05"),
            "header of 16 bytes": changed(good, 0, b"\x44"),
            "header of 0 bytes": changed(good, 0, b"\x40", False),
            "wrong checksum": changed(good, 10, b"\x12\x34", False),
            "total length below the header's": changed(good, 2, b"\0\x13"),
            "total length beyond the packet": changed(good, 2, struct.pack("!H", len(good) + 1)),
            "only its first 19 bytes": good[:19],
        }
        for what, inner in bad.items():
            yield decap("%s, inner %s" % (t.name, what), t, inner, Drop("malformed"), proto=0x0800)
        six = inward(t, 6)
        for what, inner in {"version 4": b"\x40" + six[1:], "39 bytes": six[:39],
                            "payload length beyond the packet": six[:4] + b"\0\x15" + six[6:]
                            }.items():
            yield decap("%s, inner IPv6, %s" % (t.name, what), t, inner, Drop("malformed"),
                        proto=0x86dd)
        yield decap(t.name + ", bytes behind the inner packet", t, good + b"trailer",
                    Accept(t, good))
        options = bytes(IP(src=t.far(4), dst=LAN.host4, options=[b"\x07\x07\x04\0\0\0\0", b"\0"]) /
                        UDP(sport=1, dport=2) / Raw(b"x" * 20))
        yield decap(t.name + ", inner IP options", t, options, Accept(t, options, "ip-options"))
        hops = bytes(IPv6(src=t.far(6), dst=LAN.host6) / IPv6ExtHdrHopByHop() /
                     UDP(sport=1, dport=2) / Raw(b"x" * 20))
        yield decap(t.name + ", inner hop-by-hop header", t, hops, Accept(t, hops, "ip-options"))
        yield decap(t.name + ", inner hop-by-hop header, no length", t,
                    hops[:4] + bytes(2) + hops[6:], Drop("malformed"))
        for version, ttl in product((4, 6), (0, 1)):
            inner = inward(t, version, ttl=ttl)
            yield decap("%s IPv%d, TTL %d" % (t.name, version, ttl), t, inner,
                        Accept(t, inner, "ttl"))
        yield decap(t.name + ", inner fragment", t, inward(t, 4, flags="MF"))


def destinations():
    """Where the inner packet goes decides, as in the kernel."""
    yield decap("for the tunnel's remote", T4K, packets.ip(T4K.far(4), T4K.remote), Drop("loop"))
    yield decap("for the tunnel's remote, IPv6", T6K, packets.ip(T6K.far(6), T6K.remote),
                Drop("loop"))
    inners = {
        "local": [packets.ip(T4K.far(4), LAN.ip4), packets.ip(T4K.far(4), LOCAL4),
                  packets.ip(T4K.far(6), LAN.ip6), packets.ip(T4K.far(6), LOCAL6),
                  packets.ip(T4K.far(4), T4K.net4 + ".1")],
        "martian": [packets.ip(T4K.net4 + ".2", "224.0.0.5"), packets.ip(T4K.far(4), "127.0.0.1"),
                    packets.ip(T4K.far(4), "255.255.255.255"), packets.ip(T4K.far(4), "0.0.0.0"),
                    packets.ip(T4K.far(4), "240.0.0.1"), packets.ip("fe80::1", "ff02::5"),
                    packets.ip("fe80::1", "fe80::2"), packets.ip(T4K.far(6), "::1"),
                    packets.ip(T4K.far(6), "ff05::2")],
        "no-neighbour": [packets.ip(T4K.far(4), "198.18.0.99"),
                         packets.ip(T4K.far(6), "2001:db8:e0::99")],
        "not-a-port": [inward(T4K, 4, PORTS["np0"]), inward(T4K, 6, PORTS["np0"])],
        "to-tunnel": [packets.ip(T4K.far(4), T4.far(4)), packets.ip(T4K.far(6), T4.far(6))],
        # bpf_fib_lookup() says the same of a broadcast address as of no route at all
        "unreachable": [packets.ip(T4K.far(4), "198.18.0.255"),
                        packets.ip(T4K.far(4), "172.20.0.1"),
                        packets.ip(T4K.far(6), "2001:db8:b10c::1")],
    }
    for reason, several in inners.items():
        for inner in several:
            yield decap("%s: %s" % (reason, packets_text(inner)), T4K, inner,
                        Accept(T4K, inner, reason))
    any_ = TUNNELS["any"]
    for src in ("127.0.0.1", "0.1.2.3", "224.0.0.1", "255.255.255.255"):
        inner = packets.ip(src, LAN.host4)
        yield decap("martian source " + src, any_, inner, Accept(any_, inner, "martian"))
    slow = TUNNELS["slow"]
    yield decap("fast path off", slow, inward(slow, 4), Accept(slow, inward(slow, 4), "slow"))


def packets_text(packet):
    """Source and destination of an IP packet."""
    packet = (IP if packets.version(packet) == 4 else IPv6)(packet)
    return "%s > %s" % (packet.src, packet.dst)


def outer_headers():
    """What is wrong with the outer packet, or unusual about it."""
    inner = inward(T4K, 4)
    good = packets.outer(T4K, packets.gre(inner, 1))
    for what, packet in {
            "wrong checksum": changed(good, 10, b"\x12\x34", False),
            "version 5": changed(good, 0, b"\x55"),
            "header of 16 bytes": changed(good, 0, b"\x44"),
            "total length beyond the frame": changed(good, 2, struct.pack("!H", len(good) + 1)),
            "total length below the header's": changed(good, 2, b"\0\x13")}.items():
        yield raw("outer " + what, packet, Leave("ip-header"), proto=0x0800)
    for cut in (1, 20, len(inner)):
        yield raw("outer total length %d short" % cut,
                  changed(good, 2, struct.pack("!H", len(good) - cut)), Drop("malformed"))
    six = packets.outer(T6K, packets.gre(inner, T6K.key_in))
    yield raw("outer IPv6 payload length beyond the frame",
              six[:4] + struct.pack("!H", len(six) - 39) + six[6:], Leave("ip-header"))
    yield raw("outer IPv6 payload length 1 short",
              six[:4] + struct.pack("!H", len(six) - 41) + six[6:], Drop("malformed"))
    for flags, frag in (("MF", 0), ("MF", 5), (0, 5)):
        yield raw("outer fragment, flags %s, offset %d" % (flags, frag), packets.outer(
            T4K, packets.gre(inner, 1), flags=flags, frag=frag), Leave("fragment"))
    yield raw("outer fragment, IPv6", bytes(
        IPv6(src=T6K.remote, dst=T6K.local) / IPv6ExtHdrFragment(nh=47, m=1) /
        Raw(packets.gre(inner, T6K.key_in))), Leave("fragment"))
    options = packets.outer(T4K, packets.gre(inner, 1), options=[b"\x07\x07\x04\0\0\0\0", b"\0"])
    yield raw("outer IP options", options, Accept(T4K, inner, "ip-options"), Leave("ip-options"))
    yield raw("outer IP options, wrong checksum", changed(options, 10, b"\x12\x34", False),
              Leave("ip-options"))
    for name, option in (("too long", b"\x07\x09\x04\0\0\0\0\0"), ("of length 1", b"\x9e\x01\0\0"),
                         ("of length 0", b"\x44\0\0\0"), ("cut off", b"\1\1\1\x07"),
                         ("loose source route", b"\x83\x07\x04\x0a\0\0\1\0"),
                         ("strict source route", b"\1\x89\x07\x04\x0a\0\0\1")):
        yield raw("outer IP option, " + name, packets.outer(
            T4K, packets.gre(inner, 1), options=[option]), Leave("ip-options"))
    for name, option in (("router alert", b"\x94\x04\0\0"), ("end of options", b"\1\0\x83\x01"),
                         ("40 bytes of them", b"\1" * 33 + b"\x07\x07\x04\0\0\0\0")):
        yield raw("outer IP options, " + name, packets.outer(
            T4K, packets.gre(inner, 1), options=[option]), Accept(T4K, inner, "ip-options"),
            Leave("ip-options"))
    six_inner = inward(T6K, 4)
    for name, option, good in (
            ("six times Pad1", b"\0\0\0\0\0\0", True), ("PadN", b"\1\4\0\0\0\0", True),
            ("unknown, to be skipped", b"\x1e\4abcd", True),
            ("PadN of other than zeros", b"\1\4\0\0\0\1", False), ("too long", b"\4\5\4\1\1\0", False),
            ("second one too long", b"\4\1\4\1\2\0", False), ("cut off", b"\1\3\0\0\0\4", False),
            ("unknown, to be dropped", b"\x5e\4abcd", False),
            ("unknown, to be answered", b"\xde\4abcd", False)):
        yield raw("outer destination option, " + name, bytes(
            IPv6(src=T6K.remote, dst=T6K.local, nh=60, hlim=60) / Raw(
                b"\x2f\0" + option + packets.gre(six_inner, T6K.key_in))),
            Accept(T6K, six_inner) if good else Leave("local"))
    hops = bytes(IPv6(src=T6K.remote, dst=T6K.local) / IPv6ExtHdrHopByHop(nh=47) /
                 Raw(packets.gre(inner, T6K.key_in)))
    yield raw("outer hop-by-hop header", hops, Leave("ip-options"))
    for ttl in (0, 1):
        yield raw("outer TTL %d" % ttl, packets.outer(T4K, packets.gre(inner, 1), ttl=ttl),
                  Accept(T4K, inner))


def frames():
    """Frames that are for nobody here, and roles."""
    for mac in ("02:00:00:00:00:99", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:05", "33:33:00:00:00:05"):
        yield decap("to MAC " + mac, T4K, inward(T4K, 4), Leave("foreign-mac"), to=mac)
        packet = outward(T4K, 4)
        yield raw("encap to MAC " + mac, packet, Leave("foreign-mac"), port=LAN, to=mac)
    arp = bytes.fromhex("0001080006040001") + bytes(20)
    for proto in (0x0806, 0x88cc, 0x05dc, 0x8847):
        frame = packets.ether(ETH0.mac, MAC_FAR, (), arp, proto)
        yield Case("EtherType %#06x" % proto, ETH0, frame, Leave("not-ours"))
    yield encap("by a port with role underlay", T4, outward(T4, 4, PORTS["un0"]), Leave("role"),
                port=PORTS["un0"])
    yield encap("by a port with role overlay", T4, outward(T4, 4, PORTS["ov0"]), port=PORTS["ov0"])
    over, under = PORTS["ov0"], PORTS["un0"]
    yield decap("by a port with role overlay", T4, inward(T4, 4), Leave("role"), port=over,
                to=over.mac)
    yield decap("by a port with role underlay", T4, inward(T4, 4), port=under, to=under.mac)


def tags():
    """A VLAN is its ID and its tag's type; priority and DEI are nobody's business."""
    for name, other in (("vl1", [(0x88a8, 100)]), ("vl1", [(0x8100, 0)]), ("vl1", [(0x8100, 101)]),
                        ("vl1", [(0x8100, 100), (0x8100, 0)]), ("vl1", [(0x8100, 0)] * 2),
                        ("vl2", [(0x8100, 200), (0x8100, 300)]), ("vl2", [(0x88a8, 200)]),
                        ("vl2", [(0x88a8, 200), (0x88a8, 300)]),
                        ("vl2", [(0x8100, 300), (0x88a8, 200)])):
        port = PORTS[name]
        packet = outward(T4K, 4, port)
        yield Case("%s by tags %s" % (name, other), port, lambda tagged, p=port, o=other, i=packet:
                   packets.ether(p.mac, p.host_mac, o if tagged else (), i),
                   Send(T4K, packet), Leave("not-ours"))
    for name, tci in product(("vl1", "vl2"), (0x1000, 0xe000)):
        port = PORTS[name]
        packet = outward(T4K, 4, port)
        yield Case("%s by tags with %#x" % (name, tci), port,
                   lambda tagged, p=port, c=tci, i=packet: with_tci(
                       packets.from_host(p, i, tagged), tagged and len(p.tags), c),
                   Send(T4K, packet))


def with_tci(frame, ntags, bits):
    """The frame with bits set beside the VLAN IDs of its tags."""
    b = bytearray(frame)
    for i in range(ntags):
        b[14 + 4 * i] |= bits >> 8
    return bytes(b)


def encaps():
    """What is not sent into a tunnel though it comes from a host."""
    for version in (4, 6):
        for ttl in (0, 1):
            yield encap("IPv%d, TTL %d" % (version, ttl), T4, outward(T4, version, ttl=ttl),
                        Leave("ttl"))
        for t, reason in (("slow", "slow"), ("silent", "no-neighbour"), ("lost", "unreachable"),
                          ("astray", "not-a-port")):
            t = TUNNELS[t]
            yield encap("IPv%d to %s" % (version, t.name), t, outward(t, version), Leave(reason))
    destinations_of = {
        "hole": ["10.1.9.1", "10.1.9.255", "2001:db8:101:9::1"],
        "local": [LOCAL4, LAN.ip4, LOCAL6, T4.net4 + ".1", T4.net6 + ":1"],
        "not-ours": ["8.8.8.8", "10.200.0.1", "2001:db8:b10c::1", "224.0.0.5", LAN.host4],
    }
    for reason, addresses in destinations_of.items():
        for address in addresses:
            yield encap("%s: %s" % (reason, address), T4, packets.ip(
                LAN.host(6 if ":" in address else 4), address), Leave(reason))
    yield encap("beside a hole", T4, packets.ip(LAN.host4, "10.1.10.1"))
    yield encap("beside a hole, IPv6", T4, packets.ip(LAN.host6, "2001:db8:101:a::1"))
    for src in ("127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255", LAN.ip4, LOCAL4):
        yield encap("martian source " + src, T4, packets.ip(src, T4.far(4)), Leave("martian"))
    for src in ("::1", "::", "fe80::1", "ff02::1", LAN.ip6, LOCAL6):
        yield encap("martian source " + src, T4, packets.ip(src, T4.far(6)), Leave("martian"))
    good = outward(T4, 4)
    for what, packet in {"wrong checksum": changed(good, 10, b"\x12\x34", False),
                         "header of 16 bytes": changed(good, 0, b"\x44"),
                         "total length beyond the frame": changed(good, 2, b"\0\x3d"),
                         "total length below the header's": changed(good, 2, b"\0\x13")}.items():
        yield encap(what, T4, packet, Leave("ip-header"))
    yield encap("IP options", T4, bytes(IP(
        src=LAN.host4, dst=T4.far(4), options=[b"\x07\x07\x04\0\0\0\0", b"\0"]) / Raw(b"x" * 20)),
                Leave("ip-options"))
    yield encap("hop-by-hop header", T4, bytes(IPv6(src=LAN.host6, dst=T4.far(6)) /
                                              IPv6ExtHdrHopByHop() / Raw(b"x" * 20)),
                Leave("ip-options"))
    short = outward(T4, 4, size=40)
    yield encap("total length shorter than the frame", T4, short + b"behind the packet",
                Send(T4, short))


ALL = (gre_bits, claims, sources, inner_headers, destinations, outer_headers, frames, tags, encaps)
