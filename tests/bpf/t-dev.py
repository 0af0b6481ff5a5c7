#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""xgre_dev: what the kernel routed into a tunnel device is encapsulated."""
import ipaddress
import pathlib
import sys
from itertools import product

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop  # noqa: E402
from scapy.packet import Raw  # noqa: E402

import packets  # noqa: E402
import world  # noqa: E402
from bpftest import DEV, DROP, REDIRECT, Runner, tap  # noqa: E402
from cases import Expected, compare, route_of  # noqa: E402
from cases_ways import outward  # noqa: E402
from world import LAN, T4, T4K, T6, T6K, TUNNELS  # noqa: E402

runner = Runner()
world.build(runner)
world.load(runner, False)


def dst_of(packet):
    """Destination of an IP packet."""
    return ipaddress.ip_address(packet[16:20] if packets.version(packet) == 4 else packet[24:40])


def device_frame(tunnel, packet, proto=None):
    """The frame that the tunnel's device sends to its hidden peer."""
    return packets.ether(tunnel.peer_mac, tunnel.mac, (), packet, proto)


def sent(name, tunnel, packet, inner=None):
    """The packet must come out encapsulated; the MACs are written later, by the kernel."""
    packet = bytes(packet)
    answer = runner.run(DEV, device_frame(tunnel, packet), tunnel.peer)
    want = device_frame(tunnel, packets.encapsulated(
        tunnel, inner or packet, ident=int.from_bytes(answer.out[18:20], "big")))
    tap.ok(not (wrong := compare(answer, Expected(
        REDIRECT[DEV], want, (), tunnel, "tx", (1, len(packet)),
        route_of(tunnel, dst_of(packet))))), name, wrong)


def dropped(name, tunnel, packet, reason, proto=None, dev=None):
    """The packet must end there, by this reason."""
    frame = device_frame(tunnel, packet, proto)
    answer = runner.run(DEV, frame, dev or tunnel.peer)
    tap.ok(not (wrong := compare(answer, Expected(DROP[DEV], frame, (reason,)))), name, wrong)


def headers():
    """Every tunnel, IPv4 and IPv6 inside."""
    for t, version in product(TUNNELS.values(), (4, 6)):
        if t.name != "lost":
            sent("%s, IPv%d" % (t.name, version), t, outward(t, version))
            sent("%s, IPv%d, ttl 1" % (t.name, version), t, outward(t, version, ttl=1))
    for name, version, tos in product(("t4k", "t6k", "tos4", "tos6"), (4, 6),
                                      (0, 1, 2, 3, 0x28, 0xb9, 0xff)):
        t = TUNNELS[name]
        sent("%s, IPv%d, TOS %#x" % (name, version, tos), t, outward(t, version, tos=tos))
    for name in ("t4", "copy", "clear", "t6"):
        t = TUNNELS[name]
        sent(name + ", inner DF", t, outward(t, 4, flags="DF"))
        sent(name + ", inner fragment", t, outward(t, 4, flags="MF"))
        sent(name + ", a multicast", t, packets.ip(t.net4 + ".1", "224.0.0.5"))
        sent(name + ", an IPv6 multicast", t, packets.ip("fe80::1", "ff02::5"))
        sent(name + ", an address that is no route's", t, packets.ip(t.net4 + ".1", "10.9.9.9"))
        sent(name + ", another tunnel's", t, packets.ip(t.net4 + ".1", TUNNELS["any"].far(4)))
        sent(name + ", IP options", t, bytes(IP(
            src=LAN.host4, dst=t.far(4), options=[b"\x07\x07\x04\0\0\0\0", b"\0"]) /
            UDP(sport=1, dport=2) / Raw(b"x" * 20)))
        sent(name + ", hop-by-hop header", t, bytes(
            IPv6(src=LAN.host6, dst=t.far(6)) / IPv6ExtHdrHopByHop() / Raw(b"x" * 20)))
        sent(name + ", no payload", t, bytes(IP(src=LAN.host4, dst=t.far(4))))


def sizes():
    """Up to the underlay's MTU; the device's own MTU is the kernel's to keep."""
    for t, version in product((T4, T4K, T6, T6K), (4, 6)):
        largest = world.MTU - t.overhead
        sent("%s, IPv%d of %d bytes" % (t.name, version, largest), t,
             outward(t, version, size=largest))
        dropped("%s, IPv%d of %d bytes" % (t.name, version, largest + 1), t,
                outward(t, version, size=largest + 1), "too-big")
    small = TUNNELS["small"]
    sent("port with MTU 1300", small, outward(small, 4, size=1276))
    dropped("beyond the port's MTU 1300", small, outward(small, 4, size=1277), "too-big")
    large = TUNNELS["large"]
    sent("3400 bytes by a port with MTU 9000", large, outward(large, 4, size=3400))


def refused():
    """What cannot be sent."""
    for t in (T4K, T6K):
        arp = bytes.fromhex("0001080006040001") + bytes(20)
        dropped(t.name + ", ARP", t, arp, "not-ip", 0x0806)
        dropped(t.name + ", a VLAN tag", t, b"\0\x05\x08\0" + outward(t, 4), "not-ip", 0x8100)
        good = outward(t, 4)
        for what, packet in {"version 5": b"\x55" + good[1:], "header of 16 bytes":
                             b"\x44" + good[1:], "wrong checksum": good[:10] + b"\x12\x34" +
                             good[12:], "cut": good[:40]}.items():
            dropped("%s, %s" % (t.name, what), t, packet, "malformed", 0x0800)
        dropped(t.name + ", IPv6, cut", t, outward(t, 6)[:50], "malformed", 0x86dd)
        dropped(t.name + ", IPv4 called IPv6", t, good, "malformed", 0x86dd)
    for version in (4, 6):
        lost = TUNNELS["lost"]
        dropped("no route to remote", lost, outward(lost, version), "no-route")
    dropped("a device that is no tunnel's", T4, outward(T4, 4), "no-tunnel", dev="eth1")


def loops():
    """Over another tunnel, yes; over itself, no."""
    for t, other in ((T4K, T4), (T6K, T6), (T4K, T6K), (T6K, T4K)):
        name = "%s in %s" % (other.name, t.name)
        inner = packets.ip(LAN.host4, "10.9.9.9")
        if t.version == other.version and t.remote == other.remote:
            other = TUNNELS["tos4" if t.version == 4 else "tos6"]
        once = packets.encapsulated(other, inner)
        sent(name, t, once)
        own = packets.encapsulated(t, inner)
        dropped(t.name + " in itself", t, own, "loop")
        dropped("%s in %s in itself" % (t.name, other.name), t,
                packets.encapsulated(other, own), "loop")
        deep = inner
        for _ in range(4):
            deep = packets.encapsulated(other, deep)
        dropped("too many levels in " + t.name, t, deep, "loop")
        pptp = bytes(IP(src=LAN.host4, dst="10.9.9.9", proto=47) /
                     Raw(b"\x30\x01\x88\x0b" + b"x" * 12))
        sent(t.name + ", PPTP", t, pptp)
    for t in (TUNNELS["tos4"], TUNNELS["tos6"]):
        length = 32 if t.version == 4 else 128
        for dev in (t.name, t.peer):
            route = "%s/%d dev %s" % (t.remote, length, dev)
            runner.ip("route add " + route)
            dropped("%s, remote routed into %s" % (t.name, dev), t, outward(t, 4), "loop")
            runner.ip("route del " + route)
        sent(t.name + ", remote routed as before", t, outward(t, 4))


def forwarding():
    """The outer packet is the host's own: sent whether forwarding is on or not."""
    for t, family in ((T4K, "ipv4"), (T6K, "ipv6")):
        runner.sysctl(**{"%s__conf__%s__forwarding" % (family, t.peer): 0})
        sent(t.name + ", forwarding off on the hidden peer", t, outward(t, 4))
        dropped(t.name + ", too big with forwarding off", t,
                outward(t, 4, size=world.MTU - t.overhead + 1), "too-big")
        runner.sysctl(**{"%s__conf__%s__forwarding" % (family, t.peer): 1})


tap.run(headers, sizes, refused, loops, forwarding)
