#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Options that add to the GRE header or change what goes through: TCP and UDP cross
whole in each mode, with the hosts' segmentation on and off, and what is on the
wire is what the option promises.
"""
# time-limit: 400
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from observe import Counts, once, run_modes
from scapy.layers.inet import IP
from scapy.utils import checksum
from tap import is_, ok
from transfer import tcp, udp
from xgrenet import MODES, prerequisites, wait_until

MTU = 1460
OFFLOADS = "tso gso gro"
BAD = ("bad-checksum", "malformed", "offload", "no-room")


def offloads(t, on):
    """Superframes of the hosts, or packets one by one."""
    for ns in (*t.hosts, *t.gateways):
        if t.mode == "skb" and on and ns in t.gateways:
            continue  # generic XDP is refused with GRO
        ns.run(" ; ".join("ethtool -K eth0 %s %s" % (word, "on" if on else "off")
                          for word in OFFLOADS.split()))


def gre_packets(capture):
    """
    GRE and what follows, of each captured packet: bytes. What GRO has joined on the
    way to the capture is left out: it has the first one's header.
    """
    return [bytes(p[IP].payload)[:p[IP].len - p[IP].ihl * 4] for p in capture.packets()
            if p.haslayer(IP) and p[IP].proto == 47 and p[IP].len <= MTU + 40]


def traffic(t, name):
    """Both ways, IPv4 and IPv6, small and large; nothing may be lost to our own mistakes."""
    counts = [Counts(gw) for gw in t.gateways]
    for client, server in ((t.h100, t.h200), (t.h200, t.h100)):
        tcp("%s: TCP to %s" % (name, server.ip), client, server, server.ip)
    tcp("%s: TCP over IPv6" % name, t.h100, t.h200, t.h200.ip6)
    for size in (1, 600, 8000):
        udp("%s: UDP of %d bytes" % (name, size), t.h100, t.h200, t.h200.ip, size)
    have = [c.since() for c in counts]
    is_([{k: h[k] for k in BAD if k in h} for h in have], [{}, {}], name + ": no packet is bad")
    return have


def option(t, name, extra, check):
    """Traffic with an option on both sides; check is for the GRE packets on the wire."""
    for gw in t.gateways:
        gw.apply(t.config(gw, ipv6=True, extra=extra))
    for on in (True, False):
        offloads(t, on)
        label = "%s: %s, GSO %s" % (t.mode, name, "on" if on else "off")
        with t.sw100.capture("gw100", "ip proto 47 and src host 192.168.100.254") as capture:
            have = traffic(t, label)
            found = gre_packets(capture)
        ok(found and not (wrong := check(found)), label + ": as promised on the wire",
           wrong if found else "no packet seen")
        ok(have[0].get("fast-tx", 0) > 50 and have[1].get("fast-rx", 0) > 50,
           label + ": by the fast path", have)


def with_checksum(packets):
    """Every packet has a checksum, and it is right."""
    return [p[:60].hex() for p in packets if not p[0] & 0x80 or checksum(p)][:5]


def check_checksum(t):
    """checksum: true, and then off again."""
    option(t, "checksum", "checksum: true", with_checksum)
    offloads(t, True)
    name = "%s: checksum: " % t.mode
    feature = "ethtool -k gre1 | grep -E '(tx-checksum-ip-generic|tx-tcp-segmentation):'"
    is_(t.gw100.out(feature).split(), ["tx-checksum-ip-generic:", "off", "tx-tcp-segmentation:",
                                       "off"], name + "the device finishes packets")
    t.gw100.run("ethtool -K gre1 tx on tso on")
    t.gw100.apply(t.config(t.gw100, ipv6=True, extra="checksum: true"))
    is_(t.gw100.out(feature).split()[1::2], ["off", "off"], name + "and apply mends that")
    # checksums that are still to be made, which the peer's switch port makes otherwise
    t.sw100.run("ethtool -K gw100 tx on")
    counts = Counts(t.gw100)
    with t.sw200.capture("gw200", "ip proto 47 and dst host 192.168.200.254") as capture:
        tcp(name + "TCP without a checksum of its own", t.h100, t.h200, t.h200.ip)
        found = gre_packets(capture)
    ok(counts.since().get("checksum", 0) > 0, name + "the kernel makes those", counts.since())
    ok(found and not with_checksum(found), name + "and they are right", len(found))
    t.sw100.run("ethtool -K gw100 tx off")
    t.gw100.apply(t.config(t.gw100, ipv6=True))
    is_(t.gw100.out(feature).split()[1::2], ["on", "on"], name + "off again, with the offloads")
    tcp(name + "one way only", t.h100, t.h200, t.h200.ip)


def numbered(packets):
    """Every packet has a number, each one more than the last: gaps are captures' losses."""
    flags = [p[:24].hex() for p in packets if not p[0] & 0x10]
    numbers = [int.from_bytes(p[8:12], "big") for p in packets]
    return flags[:5] or ([] if len(set(numbers)) == len(numbers) else sorted(numbers)[:50])


def check_sequence(t):
    """sequence: true; numbers go on through an apply, and begin anew with a new tunnel."""
    option(t, "sequence", "sequence: true", numbered)
    name = "%s: sequence: " % t.mode
    counts = Counts(t.gw200)
    t.gw100.apply(t.config(t.gw100, ipv6=True, extra="sequence: true\nttl: 77"))
    tcp(name + "TCP after another apply", t.h100, t.h200, t.h200.ip)
    is_(counts.since().get("sequence", 0), 0, name + "its numbers go on")
    t.gw100.load("unload")
    t.gw100.apply(t.config(t.gw100, ipv6=True, extra="sequence: true"))
    ok(wait_until(lambda: once(t.h100, t.h200.ip), 20), name + "a peer that starts anew is heard")
    have = counts.since().get("sequence", 0)
    ok(have > 0, name + "after its first packets were late", have)
    tcp(name + "TCP then", t.h100, t.h200, t.h200.ip)
    t.gw100.apply(t.config(t.gw100, ipv6=True))
    wait_until(lambda: not once(t.h100, t.h200.ip), 10)
    ok(wait_until(lambda: counts.since().get("no-sequence"), 10), name + "no number, no entry",
       counts.since())
    t.gw200.apply(t.config(t.gw200, ipv6=True))
    tcp(name + "off again", t.h100, t.h200, t.h200.ip)


def prepare(t):
    """Hosts find each other, whatever comes first."""
    t.apply(ipv6=True)
    for dst in (t.h200.ip, t.h200.ip6):
        t.h100.ping(dst)


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
run_modes(MODES, prepare, [check_checksum, check_sequence])
