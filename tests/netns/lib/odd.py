# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Odd frames for the port of gw100, as GRE packets of its tunnels and as packets for
them, each with the ways that it may be counted; and what may come out of a gateway.
"""
import random
import struct

from scapy.all import (GRE, ICMP, IP, UDP, Ether, ICMPv6EchoRequest, IPerror, IPOption_NOP,
                       IPOption_Timestamp, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, PadN, Raw, UDPerror)
from scapy.utils import checksum
from xgrenet import PUBLIC

LOCAL, REMOTE = "192.168.100.254", PUBLIC[200]
LOCAL6, REMOTE6 = "2001:db8:100::254", "2001:db8:200::254"
NEAR, FAR = "192.168.101.10", "192.168.200.10"
NEAR6, FAR6 = "fd00:101::10", "fd00:200::10"
FAST = "fast"  # forwarded, or the one in five seconds that confirms the neighbour
ETH = 14


def ip4(src=FAR, dst=NEAR, data=b"0123456789", **fields):
    return bytes(IP(src=src, dst=dst, **{"id": 7, **fields}) / UDP(sport=9, dport=9) / data)


def ip6(src=FAR6, dst=NEAR6, data=b"0123456789", **fields):
    return bytes(IPv6(src=src, dst=dst, **fields) / UDP(sport=9, dport=9) / data)


PLAIN = GRE(proto=0x0800)


def keyed(key=1, proto=0x0800, **fields):
    return GRE(proto=proto, key_present=1, key=key, **fields)


def changed(packet, *changes, good=False):
    """Bytes replaced: (offset, bytes); good: an IPv4 header's checksum is put right."""
    b = bytearray(packet)
    for offset, new in changes:
        b[offset:offset + len(new)] = new
    if good:
        b[10:12] = b"\0\0"
        b[10:12] = struct.pack("!H", checksum(bytes(b[:20])))
    return bytes(b)


def u16(value):
    return struct.pack("!H", value)


class Frames:
    """Frames with names; want: how one is counted, a word or several that are all right."""

    def __init__(self, gateway_mac, host_mac):
        self.eth = {0x0800: bytes(Ether(dst=gateway_mac, src=host_mac, type=0x0800)),
                    0x86dd: bytes(Ether(dst=gateway_mac, src=host_mac, type=0x86dd))}
        self.list = []

    def add(self, name, packet, want=None, proto=0x0800):
        want = {want} if isinstance(want, str) else set(want or ())
        self.list.append((name, self.eth[proto] + bytes(packet), want))

    def gre(self, name, inner, want=None, proto=0x0800, flags=0x2000, rest=b"\0\0\0\1", **outer):
        """An IPv4 packet of gre1; rest: what follows the protocol field."""
        self.add(name, IP(**{"src": REMOTE, "dst": LOCAL, "ttl": 60, "proto": 47, **outer}) /
                 Raw(u16(flags) + u16(proto) + rest + inner), want)


def gre_headers(f):
    """Flags, versions, keys, checksums, payload types."""
    inner = ip4()
    for version in range(1, 8):
        f.gre("version %d" % version, inner, "version", flags=0x2000 | version)
    f.gre("version 1, PPTP", inner, "version", flags=0x3001, proto=0x880b)
    for bit in (0x4000, 0x0800, 0x0400):
        f.gre("flag %04x, key" % bit, inner, ("flags", "unclaimed"), flags=0x2000 | bit)
        f.gre("flag %04x, room for it" % bit, inner, ("flags", "unclaimed"), flags=0x2000 | bit,
              rest=b"\0\0\0\0\0\0\0\1")
    for bit in range(3, 10):
        f.gre("reserved flag %04x" % (1 << bit), inner, FAST, flags=0x2000 | 1 << bit)
    f.gre("sequence number", inner, FAST, flags=0x3000, rest=b"\0\0\0\1\0\0\0\7")
    f.gre("no key", inner, "unclaimed", flags=0, rest=b"")
    for key in (0, 2, 0x01000000):
        f.gre("key %x" % key, inner, "unclaimed", rest=struct.pack("!I", key))
    for proto in (0, 0x6558, 0x880b, 0x8847, 0xffff):
        f.gre("payload %04x" % proto, inner, "protocol", proto=proto)
    good = bytes(IP() / keyed(chksum_present=1) / inner)[20:]
    f.gre("good checksum", good[4:], FAST, flags=0xa000, rest=b"")
    f.gre("bad checksum", changed(good, (4, b"\xde\xad"))[4:], "bad-checksum",
          flags=0xa000, rest=b"")
    f.gre("bad checksum, odd length", changed(good, (4, b"\xde\xad"))[4:] + b"x",
          "bad-checksum", flags=0xa000, rest=b"")


def outer_headers(f):
    """The header around GRE."""
    inner, good = ip4(), IP(src=REMOTE, dst=LOCAL, ttl=60) / keyed() / ip4()
    f.gre("options", inner, "ip-options", options=[IPOption_NOP()] * 4)
    f.gre("timestamp option", inner, "ip-options", options=[IPOption_Timestamp(length=12)])
    packet = bytes(good)
    for ihl in range(5):
        f.add("ihl %d" % ihl, changed(packet, (0, bytes([0x40 | ihl])), good=True), "ip-header")
    for version in (0, 3, 5, 6, 15):
        f.add("IP version %d" % version, changed(packet, (0, bytes([version << 4 | 5])), good=True),
              "ip-header")
    for length in (0, 19, len(packet) + 1, 65535):
        f.add("length %d" % length, changed(packet, (2, u16(length)), good=True), "ip-header")
    f.add("options beyond the end", changed(packet[:40], (0, b"\x4f"), (2, u16(40)), good=True),
          "ip-header")
    f.add("bad header checksum", changed(packet, (10, b"\xde\xad")), "ip-header")
    f.add("checksum of zeros", changed(packet, (10, b"\0\0")), "ip-header")
    for flags, offset in ((1, 0), (1, 5), (0, 5), (2, 5), (3, 0)):
        f.add("fragment: flags %d, offset %d" % (flags, offset), changed(
            packet, (6, u16(flags << 13 | offset)), good=True), "fragment")
    for ttl in (0, 1, 255):
        f.gre("outer TTL %d" % ttl, inner, FAST, ttl=ttl)
    f.gre("another source", inner, "unclaimed", src="198.51.100.77")
    f.gre("for somebody else", inner, "not-ours", dst="198.51.100.77")
    f.gre("congestion met, ECN capable", ip4(tos=2), FAST, tos=3)
    f.gre("congestion met, not ECN capable", inner, "ecn", tos=3)
    f.add("padded", packet + bytes(30), FAST)
    # a packet socket's sender dissects headers, and finds one here that ends in the padding
    inside = bytes(IP(src=FAR, dst=NEAR, id=7, proto=4) / Raw(b"\x45\0\0\x20"))
    f.add("padded, with a header inside that is cut off", bytes(
        IP(src=REMOTE, dst=LOCAL, ttl=60) / keyed() / inside) + bytes(40), (FAST, "padding"))


def inner_headers(f):
    """What is inside: the same faults, and addresses."""
    inner = ip4()
    for ihl in range(5):
        f.gre("inside: ihl %d" % ihl, changed(inner, (0, bytes([0x40 | ihl])), good=True),
              "malformed")
    for version in (0, 3, 5, 6, 15):
        f.gre("inside: version %d" % version, changed(inner, (0, bytes([version << 4 | 5])),
                                                      good=True), "malformed")
    f.gre("inside: IPv6 called IPv4", ip6(), "malformed")
    f.gre("inside: IPv4 called IPv6", inner, "malformed", proto=0x86dd)
    for length in (0, 19, len(inner) + 1, 65535):
        f.gre("inside: length %d" % length, changed(inner, (2, u16(length)), good=True),
              "malformed")
    f.gre("inside: shorter than what is there", changed(inner, (2, u16(30)), good=True), FAST)
    f.gre("inside: bad checksum", changed(inner, (10, b"\xde\xad")), "malformed")
    f.gre("inside: options", ip4(options=[IPOption_NOP()] * 4), "ip-options")
    for ttl in (0, 1):
        f.gre("inside: TTL %d" % ttl, ip4(ttl=ttl), "ttl")
    for frag, flags in ((0, 1), (100, 1), (100, 0)):
        f.gre("inside: fragment %d %d" % (frag, flags), ip4(frag=frag, flags=flags), FAST)
    for src in ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "8.8.8.8",
                LOCAL, REMOTE, "192.168.202.1"):
        # the subnet of the device's own address is permitted, and the kernel finds it martian
        f.gre("inside: source " + src, ip4(src=src), ("source", "martian", "rp-filter"))
    for dst in ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1"):
        f.gre("inside: for " + dst, ip4(dst=dst), "martian")
    f.gre("inside: for the remote", ip4(dst=REMOTE), "loop")
    f.gre("inside: for the gateway", ip4(dst=LOCAL), "local")
    f.gre("inside: for its overlay address", ip4(dst="192.168.100.253"), "local")
    f.gre("inside: for the far side", ip4(dst="192.168.201.10"), "to-tunnel")
    error = bytes(IP(src="203.0.113.1", dst=NEAR, id=7) / ICMP(type=11) /
                  IPerror(src=NEAR, dst=FAR) / UDPerror(sport=9, dport=9))
    f.gre("inside: ICMP error of a router beyond", error, FAST)
    f.gre("inside: ICMP error about nobody's packet", error.replace(
        bytes([192, 168, 200, 10]), bytes([8, 8, 8, 8])), "source")
    f.gre("inside: ICMP error cut off", changed(error[:40], (2, u16(40)), good=True), "source")
    f.gre("inside: GRE", bytes(IP(src=FAR, dst=NEAR, id=7) / PLAIN / ip4()), FAST)
    f.gre("inside: GRE for the gateway", bytes(IP(src=FAR, dst=LOCAL, id=7) / PLAIN / ip4()),
          "local")
    f.gre("inside: itself", bytes(IP(src=REMOTE, dst=LOCAL) / keyed() / ip4()),
          "source")
    f.gre("inside: larger than the tunnel's MTU", ip4(data=bytes(8000)), FAST)
    f.gre("inside: IPv6", ip6(), FAST, proto=0x86dd)
    for src, dst, want in (("::1", NEAR6, "source"), ("ff02::1", NEAR6, "source"),
                           (FAR6, "ff02::1", "martian"), (FAR6, "::1", "martian"),
                           (FAR6, "fe80::1", "martian"), ("2001:db8::1", NEAR6, "source"),
                           (FAR6, "fd00:101::254", "local")):
        f.gre("inside: %s to %s" % (src, dst), ip6(src, dst), want, proto=0x86dd)
    six = ip6()
    f.gre("inside: IPv6, hop limit 1", ip6(hlim=1), "ttl", proto=0x86dd)
    for length in (len(six) - 39, 65535):
        f.gre("inside: IPv6, length %d" % length, changed(six, (4, u16(length))), "malformed",
              proto=0x86dd)
    f.gre("inside: IPv6, no length", changed(six, (4, u16(0))), FAST, proto=0x86dd)
    f.gre("inside: hop-by-hop", bytes(IPv6(src=FAR6, dst=NEAR6) / IPv6ExtHdrHopByHop() / UDP()),
          "ip-options", proto=0x86dd)


def truncations(f):
    """Every length, with the header that says so and with one that says the whole."""
    for name, packet, proto in (
            ("gre", bytes(IP(src=REMOTE, dst=LOCAL) / keyed() / ip4()), 0x0800),
            ("encap", ip4(src="192.168.101.77", dst=FAR), 0x0800),
            ("gre over IPv6", bytes(IPv6(src=REMOTE6, dst=LOCAL6) / keyed(66) /
                                    ip4("10.6.0.1")), 0x86dd)):
        for n in range(len(packet)):
            f.add("%s, cut to %d" % (name, n), packet[:n], "ip-header", proto)
        head = 20 if proto == 0x0800 else 40
        for n in range(head, len(packet)):
            cut = changed(packet[:n], (2, u16(n)), good=True) if head == 20 else \
                changed(packet[:n], (4, u16(n - head)))
            want = FAST if name == "encap" else "unclaimed" if n < head + 8 else "malformed"
            f.add("%s, only %d" % (name, n), cut, want, proto)


def outer6(f):
    """GRE over IPv6: extension headers and the like."""
    inner, gre = ip4("10.6.0.1"), keyed(66)

    def add(name, packet, want):
        f.add("over IPv6: " + name, packet, want, 0x86dd)

    head = IPv6(src=REMOTE6, dst=LOCAL6)
    limit = IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)])
    add("plain", head / gre / inner, FAST)
    add("destination options", head / limit / gre / inner, FAST)
    add("destination options twice", head / limit / limit / gre / inner, ("not-ours", "local",
                                                                         "unclaimed"))
    add("destination options of 16 bytes", head / IPv6ExtHdrDestOpt(options=[PadN(
        optdata=b"\0" * 12)]) / gre / inner, ("not-ours", "local", "unclaimed"))
    add("destination options cut off", changed(bytes(head / limit)[:43], (4, u16(3))),
        ("not-ours", "local", "unclaimed"))
    add("hop-by-hop", head / IPv6ExtHdrHopByHop() / gre / inner, "ip-options")
    add("fragment", head / IPv6ExtHdrFragment(m=1, id=5, nh=47) / gre / inner, "fragment")
    add("hop limit 1", IPv6(src=REMOTE6, dst=LOCAL6, hlim=1) / gre / inner, FAST)
    add("no key", head / PLAIN / inner, "unclaimed")
    add("version 4", changed(bytes(head / gre / inner), (0, b"\x45")), "ip-header")
    add("length beyond the end", changed(bytes(head / gre / inner), (4, u16(200))), "ip-header")
    add("length 0", changed(bytes(head / gre / inner), (4, u16(0))), ("unclaimed", "malformed"))


def outward(f):
    """Packets of hosts that are routed into the tunnel."""
    src = "192.168.101.77"
    packet = ip4(src=src, dst=FAR)
    f.add("out: plain", packet, FAST)
    f.add("out: padded", packet + bytes(30), FAST)
    for ihl in range(5):
        f.add("out: ihl %d" % ihl, changed(packet, (0, bytes([0x40 | ihl])), good=True),
              "ip-header")
    for length in (0, 19, len(packet) + 1, 65535):
        f.add("out: length %d" % length, changed(packet, (2, u16(length)), good=True), "ip-header")
    f.add("out: bad checksum", changed(packet, (10, b"\xde\xad")), "ip-header")
    f.add("out: options", ip4(src=src, dst=FAR, options=[IPOption_NOP()] * 4), "ip-options")
    f.add("out: bad options", changed(ip4(src=src, dst=FAR, options=[IPOption_NOP()] * 4),
                                      (20, b"\x44\xff\xff\xff")), ("ip-options", "ip-header"))
    for ttl in (0, 1):
        f.add("out: TTL %d" % ttl, ip4(src=src, dst=FAR, ttl=ttl), "ttl")
    f.add("out: TTL 2", ip4(src=src, dst=FAR, ttl=2), FAST)
    for bad in ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", LOCAL):
        f.add("out: source " + bad, ip4(src=bad, dst=FAR), "martian")
    for frag, flags in ((0, 1), (100, 1), (100, 0), (0, 4)):
        f.add("out: fragment %d %d" % (frag, flags), ip4(src=src, dst=FAR, frag=frag, flags=flags),
              FAST)
    for size, flags, want in ((1460, 2, FAST), (1461, 2, "size"), (1460, 0, FAST),
                              (8900, 0, "size"), (8900, 2, "size")):
        f.add("out: %d bytes, flags %d" % (size, flags), ip4(
            src=src, dst=FAR, flags=flags, data=bytes(size - 28)), want)
    for name, gre in (("version 1", "3001880b000c0007"), ("version 0", "00000800"), ("cut", "20")):
        f.add("out: GRE " + name, IP(src=src, dst=FAR, proto=47, id=7) /
              Raw(bytes.fromhex(gre) + ip4()), FAST)
    six = ip6("fd00:101::77", FAR6)
    f.add("out: IPv6", six, FAST, 0x86dd)
    f.add("out: IPv6 hop limit 1", ip6("fd00:101::77", FAR6, hlim=1), "ttl", 0x86dd)
    for length in (len(six) - 39, 65535):
        f.add("out: IPv6 length %d" % length, changed(six, (4, u16(length))), "ip-header", 0x86dd)
    f.add("out: IPv6 of 1461 bytes", ip6("fd00:101::77", FAR6, data=bytes(1461 - 48)), "size",
          0x86dd)
    f.add("out: IPv6 hop-by-hop", IPv6(src="fd00:101::77", dst=FAR6) / IPv6ExtHdrHopByHop() /
          UDP(), "ip-options", 0x86dd)
    for src6 in ("::1", "::", "ff02::1", "fe80::1"):
        f.add("out: IPv6 source " + src6, ip6(src6, FAR6), "martian", 0x86dd)
    f.add("out: echo request over the underlay", IPv6(src="fd00:101::77", dst="fd00:201::1") /
          ICMPv6EchoRequest(), None, 0x86dd)
    f.add("not IP", packet, None)
    f.list[-1] = ("not IP", f.list[-1][1][:12] + b"\x88\xb5" + packet, {"not-ours"})
    f.list.append(("an empty frame", f.eth[0x0800], {"ip-header"}))


def mutations(f, count, seed):
    """Good packets with a few bytes changed at random."""
    rng = random.Random(seed)
    good = [(bytes(IP(src=REMOTE, dst=LOCAL) / keyed() / ip4()), 0x0800),
            (bytes(IPv6(src=REMOTE6, dst=LOCAL6) / keyed(66, 0x86dd) / ip6()), 0x86dd),
            (ip4(src="192.168.101.77", dst=FAR), 0x0800), (ip6("fd00:101::77", FAR6), 0x86dd)]
    for i in range(count):
        packet, proto = rng.choice(good)
        b = bytearray(packet)
        for _ in range(rng.randint(1, 3)):
            b[rng.randrange(len(b) - 18)] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
        if proto == 0x0800 and rng.random() < 0.7:  # or most would end at the checksum
            b = changed(b, good=True)
        f.add("mutation %d" % i, bytes(b)[:rng.choice((len(b), len(b), len(b), rng.randrange(
            20, len(b))))], None, proto)


def everything(gateway_mac, host_mac, mutated=150, seed=1):
    f = Frames(gateway_mac, host_mac)
    for part in (gre_headers, outer_headers, inner_headers, truncations, outer6, outward):
        part(f)
    mutations(f, mutated, seed)
    return f.list


def fault(frame):
    """Why a frame that a gateway emitted is malformed; None where it is not."""
    kind, packet = frame[12:14], frame[ETH:]
    if kind == b"\x08\x00":
        return fault4(packet)
    if kind == b"\x86\xdd":
        return fault6(packet)
    return None


def fault4(p):
    if len(p) < 20 or p[0] >> 4 != 4 or p[0] & 15 < 5:
        return "no IPv4 header"
    head, length = (p[0] & 15) * 4, struct.unpack("!H", p[2:4])[0]
    if length != len(p) or head > length:
        return "IPv4 length %d, there are %d" % (length, len(p))
    if checksum(p[:head]):
        return "IPv4 header checksum"
    ours = p[12:16] == bytes(map(int, LOCAL.split("."))) and p[9] == 47
    return fault_gre(p[head:], 1) if ours else None


def fault6(p):
    if len(p) < 40 or p[0] >> 4 != 6:
        return "no IPv6 header"
    length = struct.unpack("!H", p[4:6])[0]
    if length + 40 != len(p):
        return "IPv6 length %d, there are %d" % (length, len(p) - 40)
    ours = p[8:24] == bytes.fromhex("20010db8010000000000000000000254") and p[6] == 47
    return fault_gre(p[40:], 66) if ours else None


def fault_gre(p, key):
    if len(p) < 8 or p[:2] != b"\x20\0" or p[4:8] != struct.pack("!I", key):
        return "GRE header " + p[:8].hex()
    if p[2:4] == b"\x08\0":
        return fault4(p[8:])
    return fault6(p[8:]) if p[2:4] == b"\x86\xdd" else "GRE payload " + p[2:4].hex()
