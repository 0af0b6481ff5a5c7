#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 240
"""
The fast path against the kernel's own answer, in each mode: holes, settings,
neighbours, routes and rules that the kernel goes by are gone by in time.
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from observe import (ASKED_AGAIN, Counts, Sender, answered, cut, flows, follows, nothing_leaked,
                     once, path, pinging, run_modes)
from scapy.all import GRE, IP, UDP, Ether, IPv6
from tap import is_, ok
from xgrenet import MODES, PUBLIC, prerequisites, wait_until

NOWHERE = "02:00:00:00:de:ad"


def apply(t, gateway=None, **options):
    gateway = gateway or t.gw100
    return gateway.apply(t.config(gateway, ipv6=True, **options)).stdout


def both(t):
    """The far host's two addresses, to be asked for by h100."""
    return (("IPv4", t.h200.ip), ("IPv6", t.h200.ip6))


def check_holes(t):
    """A connected subnet, a blackhole and the like inside a tunnel's prefix."""
    gw, h100, mode = t.gw100, t.h100, t.mode
    inside = "192.168.200.130"
    gw.run("sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0")  # every answer counts
    t.h200.run("ip addr add 192.168.200.65/32 dev eth0; ip -6 addr add fd00:200::65/128 dev eth0;"
               "ip addr add %s/32 dev eth0" % inside)
    path("%s: before there is a hole, all of the prefix is fast" % mode, gw, h100,
         "192.168.200.65", True)
    gw.run("ip link add side0 type veth peer name side1 netns %s;"
           "ip addr add 192.168.200.129/25 dev side0; ip link set side0 up" % t.h101.name)
    t.h101.run("ip addr add %s/32 dev side1; ip link set side1 up;"
               "ip route add 192.168.100.0/24 via 192.168.200.129 dev side1 onlink" % inside)
    apply(t)
    with t.h101.capture("side1", "icmp[icmptype] == icmp-echo") as capture:
        path("%s: a connected subnet inside the prefix is a hole" % mode, gw, h100, inside, False,
             "hole")
        ok(capture.wait(10), "%s: the connected host has the packets" % mode)
    path("%s: beside the hole it is fast" % mode, gw, h100, t.h200.ip, True)
    gw.run("ip link del side0")
    apply(t)
    path("%s: without the subnet it is fast again" % mode, gw, h100, inside, True)

    for family, where, prefix, far in (("", "192.168.200.65", "192.168.200.64/28", "host"),
                                       ("-6", "fd00:200::65", "fd00:200::60/124", "")):
        for kind, answer in (("blackhole", None), ("unreachable", "unreachable|No route"),
                             ("prohibit", "filtered|prohibited")):
            name = "%s: %s inside the prefix, %s" % (mode, kind, where)
            gw.run("ip %s route add %s %s" % (family, kind, prefix))
            apply(t)
            counts = Counts(gw)
            ping = h100.run(["ping", "-nc3", "-i0.05", "-W0.3", where], check=False).stdout
            ok(" 0 received" in ping, name + ": nothing is answered", ping)
            found = re.search(answer or "^From", ping, re.M | re.I)
            ok(bool(found) == bool(answer), name + ": what the gateway says to that", ping)
            ok(counts.since().get("hole", 0) >= 2, name + ": reason hole", counts.since())
            gw.run("ip %s route del %s %s" % (family, kind, prefix))
        apply(t)
        path("%s: %s is fast again" % (mode, where), gw, h100, where, True)
    nothing_leaked(t, "holes")


def gre_frame(t, inner):
    """A packet as it arrives at gw100 by the tunnel, for any sender on its segment."""
    return Ether(dst=t.gw100.mac(), src="02:00:00:00:00:01") / IP(
        src=PUBLIC[200], dst="192.168.100.254", ttl=60) / GRE(key_present=1, key=1) / inner


def check_local(t):
    """An address of the gateway itself inside the tunnel's prefix."""
    gw, h100, mode = t.gw100, t.h100, t.mode
    t.h200.run("ip addr add 192.168.200.99/32 dev eth0")
    for dst, command in (("192.168.200.99", "ip addr %s 192.168.200.99/32 dev lo"),
                         ("fd00:200::99", "ip -6 addr %s fd00:200::99/128 dev lo")):
        gw.run(command % "add")
        apply(t)
        counts = Counts(gw)
        ping = h100.ping(dst, 3)
        ok(bool(ping) and str(ping).count("ttl=64") == 3,
           "%s: the gateway answers for its own %s itself" % (mode, dst), str(ping))
        have = counts.since()
        ok(have.get("local", 0) >= 3 and not have.get("tx"), "%s: reason local" % mode, have)
        layer = IPv6 if ":" in dst else IP
        far = t.h200.ip6 if ":" in dst else t.h200.ip
        with t.net.capture("lan100", "proto gre or ip6 proto gre") as capture:
            counts = Counts(gw)
            h100.send([Ether(dst=gw.mac(), src=h100.mac()) / layer(src=dst, dst=far) /
                       UDP(dport=9)] * 3)
            wait_until(lambda: counts.since().get("martian", 0) >= 3, 2)
            # of IPv6 sources the kernel asks no such thing
            is_((counts.since().get("martian"), len(capture.wait(3, 1))),
                (3, 3 if ":" in dst else 0),
                "%s: its own %s as a source is left to the kernel" % (mode, dst))
        gw.run(command % "del")
        apply(t)
    t.h200.run("ip addr del 192.168.200.99/32 dev eth0")


def check_forwarding(t):
    """The forwarding switches, both ways."""
    gw = t.gw100
    for version, key, there, back in (("IPv4", "net.ipv4.ip_forward", t.h200.ip, t.h100.ip),
                                      ("IPv6", "net.ipv6.conf.all.forwarding", t.h200.ip6,
                                       t.h100.ip6)):
        for host, dst, way in ((t.h100, there, "out"), (t.h200, back, "in")):
            name = "%s: %s forwarding, way %s: " % (t.mode, version, way)
            ok(wait_until(lambda: once(host, dst)), name + "on")
            counts = Counts(gw)
            gw.sysctl(key, 0)
            cut(name + "off", host, dst)
            ok(counts.since().get("forwarding-off", 0) >= 5, name + "its reason", counts.since())
            if version == "IPv4":
                ok(once(gw, t.gw200.overlay), name + "the gateway's own packets go on")
            gw.sysctl(key, 1)
            flows(name + "on again", host, dst)
    path("%s: fast again" % t.mode, gw, t.h100, t.h200.ip, True)


def frames_to(t, pairs):
    mac, src_mac = t.gw100.mac(), t.h100.mac()
    return [Ether(dst=mac, src=src_mac) / (IPv6 if ":" in dst else IP)(src=src, dst=dst) /
            UDP(sport=40000 + i, dport=9) / b"x" for i, (src, dst) in enumerate(pairs)]


def emitted(t, frames):
    """The UDP source ports of those frames that come out of gw100 in a GRE packet, sorted."""
    with t.net.capture("lan100", "proto gre") as capture, Sender(t.h100) as sender:
        counts = Counts(t.gw100)
        sender.send(*frames)
        sender.send(*frames_to(t, [(t.h100.ip, "203.0.113.7")]))  # the last one: goes anyway
        capture.wait(1, match=lambda p: p.haslayer(IP) and p[IP].payload.haslayer(IP) and
                     p.lastlayer().underlayer.sport == 40000 and
                     p[IP].payload[IP].dst == "203.0.113.7")
        have = counts.since()
        packets = capture.packets()
    return sorted(p[UDP].sport for p in packets
                  if p.haslayer(UDP) and p[GRE].payload.dst != "203.0.113.7"), have


def check_default_route(t):
    """A default route into the tunnel takes what a router forwards and nothing else."""
    gw, mode = t.gw100, t.mode
    gw.run("ip route del default; ip -6 route del default;"
           "ip route add %s via 192.168.100.1" % PUBLIC[200])
    more = '  - to: "0.0.0.0/0"\n  - to: "::/0"\n'
    apply(t, extra=more)
    h4, h6 = t.h100.ip, t.h100.ip6
    good = [(h4, "203.0.113.8"), (h4, "169.254.1.1"), (h6, "2001:db8:ffff::1")]
    odd = [(h4, d) for d in ("224.0.0.5", "239.255.255.250", "255.255.255.255", "127.0.0.1",
                             "0.0.0.0", "240.0.0.1", "192.168.100.255", "192.168.100.0")]
    odd += [(s, "203.0.113.8") for s in ("224.0.0.5", "127.0.0.1", "255.255.255.255", "0.0.0.0",
                                         "240.0.0.1", "192.168.100.254")]
    odd += [(h6, d) for d in ("ff02::5", "ff0e::1", "::1", "::", "fe80::99")]
    odd += [(s, "2001:db8:ffff::1") for s in ("ff02::5", "::1", "::", "fe80::99", "fd00:100::254")]
    frames = frames_to(t, good + odd)
    for _ in range(2):  # the first time there are neighbours to be resolved
        fast, have = emitted(t, frames)
    ok(have.get("fast-tx", 0) >= len(good), "%s: with a default route some is fast" % mode, have)
    ok(have.get("martian", 0) > 15, "%s: martian is the reason for what is not" % mode, have)
    apply(t, extra=more + "fast-path: off\n")
    slow, have = emitted(t, frames)
    ok(not have.get("fast-tx"), "%s: fast-path: off, and none is fast" % mode, have)
    is_(fast, slow, "%s: the fast path forwards of odd addresses what the kernel does" % mode)
    refused = {40000 + i for i, (src, dst) in enumerate(good + odd)
               if dst.startswith(("224", "239", "255", "127", "ff", "::1", "fe80")) or
               src.startswith(("224", "255", "127", "0.", "ff", "::", "fe80")) or
               dst.startswith("192") or src.startswith("192.168.100.254")}
    is_(sorted(refused & set(fast)), [], "%s: and no multicast, broadcast or loopback" % mode)

    apply(t, extra=more)
    t.h100.run("ip route add 192.168.101.0/24 via 192.168.100.254")
    t.h101.run("ip route replace 192.168.100.0/24 via 192.168.101.254 dev eth0")
    path("%s: a connected subnet inside the default route" % mode, gw, t.h100, t.h101.ip, False,
         "hole")
    apply(t)
    gw.run("ip route add default via 192.168.100.1; ip route del %s;"
           "ip -6 route add default via 2001:db8:100::1" % PUBLIC[200])
    apply(t)
    path("%s: without the default route as before" % mode, gw, t.h100, t.h200.ip, True)


def check_neighbours(t):
    """Neighbours set by hand, and the next hop of the outer route."""
    gw, mode, router = t.gw100, t.mode, "192.168.100.1"
    right = t.h100.mac()
    for version, near in (("IPv4", t.h100.ip), ("IPv6", t.h100.ip6)):
        name = "%s: %s neighbour " % (mode, version)
        flows(name + "right", t.h200, near, 2)
        gw.run("ip neigh replace %s lladdr %s dev eth0 nud permanent" % (near, NOWHERE))
        cut(name + "wrong", t.h200, near)
        gw.run("ip neigh replace %s lladdr %s dev eth0 nud reachable" % (near, right))
        flows(name + "right again", t.h200, near)
    gw.run("ip neigh replace %s lladdr %s dev eth0 nud permanent" % (router, NOWHERE))
    cut("%s: router's MAC wrong" % mode, t.h100, t.h200.ip)
    gw.run("ip neigh replace %s lladdr %s dev eth0 nud reachable" % (router, t.net.mac("lan100")))
    flows("%s: router's MAC right again" % mode, t.h100, t.h200.ip)

    # Another router on the same segment.
    t.sw100.run("ip link add other mtu 8900 type veth peer name other mtu 8900 netns %s;"
                "ip link set other master lan up" % t.net.name)
    t.net.run("sysctl -qw net.ipv4.conf.all.arp_ignore=1; ip addr add 192.168.100.2/32 dev other;"
              "ip link set other up; ip route add 192.168.100.254 dev lan100")
    with t.net.capture("other", "ip proto 47") as capture:
        for via, dev, wanted in (("192.168.100.2", "other", True), (router, "lan100", False)):
            gw.run("ip route replace default via %s" % via)
            follows("%s: outer packets go to router %s" % (mode, via),
                    lambda: seen_lately(t, capture) == wanted)
            flows("%s: by way of %s" % (mode, dev), t.h100, t.h200.ip)
    gw.run("ip neigh flush dev eth0")
    flows("%s: neighbours are found again" % mode, t.h100, t.h200.ip)
    time.sleep(ASKED_AGAIN)  # for half a second they were not missed, for another not known
    path("%s: the fast path goes on" % mode, gw, t.h100, t.h200.ip, True)


def seen_lately(t, capture):
    """Does the capture grow by one echo request from h100?"""
    before = len(capture.packets())
    t.h100.run(["ping", "-n", "-c1", "-W0.1", t.h200.ip], check=False)
    return wait_until(lambda: len(capture.packets()) > before, 0.2)


def check_silent_mac(t):
    """A host's MAC changes and it does not say so: the kernel finds out, so it must be asked."""
    gw, host, mode = t.gw100, t.h100, t.mode
    for family, settings in (("ipv4", 200), ("ipv6", 200)):
        for key, value in (("base_reachable_time_ms", 1000), ("delay_first_probe_time", 1),
                           ("retrans_time_ms", settings)):
            gw.sysctl("net.%s.neigh.eth0.%s" % (family, key), value)
    gw.run("ip neigh flush dev eth0")  # what is known by then was told to last longer
    for dst in (host.ip, host.ip6):
        flows("%s: before the MAC of %s changes" % (mode, dst), t.h200, dst, 2)
    gw_mac = gw.mac()
    # The host itself must have nobody to ask, or it would be heard.
    host.run("ip link set eth0 address 02:00:00:00:77:01;" + "".join(
        "ip neigh replace %s lladdr %s dev eth0 nud permanent;" % (a, gw_mac)
        for a in ("192.168.100.254", "fd00:100::254")))
    start = time.monotonic()
    with pinging(t.h200, host.ip, 0.1), pinging(t.h200, host.ip6, 0.1):
        for version, dst in (("IPv4", host.ip), ("IPv6", host.ip6)):
            ok(wait_until(lambda: once(t.h200, dst), 30, 0.2),
               "%s: %s: a silent change of MAC heals" % (mode, version))
            tap.diag("%s: %s healed after %.1f s" % (mode, version, time.monotonic() - start))


def check_firewall(t):
    """Rules that the fast path would bypass turn it off, unless told otherwise."""
    gw, mode, host, dst = t.gw100, t.mode, t.h100, t.h200.ip
    counter = "nft list counter inet fw seen"

    def seen():
        return int(re.search(r"packets (\d+)", gw.out(counter)).group(1))

    gw.run(["nft", "-f", "-"], input="""table inet fw {
        
        counter seen { }
        chain forward {
            type filter hook forward priority 0;
            counter name seen
        }
    }""")
    for value, fast, note in (("auto", False, True), ("on", True, False), ("off", False, False),
                              ("auto", False, True)):
        out = apply(t, extra="fast-path: %s\n" % value)
        name = "%s: rules on forward, fast-path: %s: " % (mode, value)
        ok(bool(re.search("fast path off.*nft table inet fw", out)) == note,
           name + "what apply says", out)
        before = seen()
        path(name + "traffic", gw, host, dst, fast, None if fast else "slow")
        ok((seen() - before < 12) if fast else (seen() - before >= 12),
           name + "netfilter sees %s" % ("little" if fast else "all"), seen() - before)
    gw.run("nft delete table inet fw")
    out = apply(t)
    ok("fast path off" not in out, "%s: rules gone, nothing said" % mode, out)
    path("%s: rules gone, fast" % mode, gw, host, dst, True)

    gw.run("ip rule add from 10.1.2.3 lookup 100")
    ok("ip rule" in apply(t), "%s: an ip rule is said to be bypassed" % mode)
    path("%s: with an ip rule" % mode, gw, host, dst, False, "slow")
    gw.run("ip rule del from 10.1.2.3 lookup 100")
    apply(t)
    path("%s: without it" % mode, gw, host, dst, True)


def check_route_gone(t):
    """The tunnel's route goes and comes back under traffic; nothing may take the default route."""
    gw, mode = t.gw100, t.mode
    cover = "unreachable 192.168.0.0/16"
    steps = (("ip route del, apply", lambda: gw.run("ip route del 192.168.200.0/24 dev gre1;"
                                                    "ip -6 route del fd00:200::/64 dev gre1"),
              lambda: apply(t)),
             ("gre1 down, apply", lambda: gw.run("ip link set gre1 down"), lambda: apply(t)),
             ("xgre-load route del", lambda: (
                 gw.run("ip route add %s; ip -6 route add unreachable fd00::/16" % cover),
                 gw.load("route", "del", "192.168.200.0/24", "dev", "gre1"),
                 gw.load("route", "del", "fd00:200::/64", "dev", "gre1")), lambda: (
                     gw.load("route", "add", "192.168.200.0/24", "dev", "gre1"),
                     gw.load("route", "add", "fd00:200::/64", "dev", "gre1"),
                     gw.run("ip route del %s; ip -6 route del unreachable fd00::/16" % cover))))
    for what, gone, back in steps:
        with pinging(t.h100, t.h200.ip) as v4, pinging(t.h100, t.h200.ip6) as v6:
            gone()
            for version, dst in both(t):
                cut("%s: %s: %s is unreachable" % (mode, what, version), t.h100, dst)
            back()
            for version, dst in both(t):
                flows("%s: %s: %s is back" % (mode, what, version), t.h100, dst)
        for version, lines, who in (("IPv4", v4, "192.168.100.254"), ("IPv6", v6, "fd00:100::254")):
            ok(answered(lines, "From %s .*(nreachable|No route)" % who) >= 1,
               "%s: %s: %s: the gateway says so to the host" % (mode, what, version),
               "\n".join(lines[-5:]))
    with pinging(t.h100, t.h200.ip) as v4:
        for _ in range(5):
            gw.load("route", "replace", "192.168.200.0/24", "dev", "gre1")
    is_(answered(v4, "From|no answer"), 0, "%s: route replace loses nothing" % mode)
    apply(t)
    nothing_leaked(t, "a route that goes and comes back")
    path("%s: fast again" % mode, gw, t.h100, t.h200.ip, True)


def check_device_down(t):
    """What comes out of a tunnel whose device is down goes nowhere, as with any device."""
    for dst in (t.h100.ip, t.h100.ip6):
        t.h200.ping(dst, 2)  # the way must be known, or that alone would stop it
    t.gw100.run("ip link set gre1 down")
    with t.h100.capture("eth0", "src %s or src %s" % (t.h200.ip, t.h200.ip6)) as capture:
        time.sleep(ASKED_AGAIN)
        counts = Counts(t.gw100)
        for dst in (t.h100.ip, t.h100.ip6):
            once(t.h200, dst)
            once(t.h200, dst)
        time.sleep(0.2)
        have = {type(p.payload).__name__ for p in capture.packets()}
        for version, layer in (("IPv4", "IP"), ("IPv6", "IPv6")):
            ok(layer not in have, "%s: %s: gre1 is down, nothing comes in by it" % (
                t.mode, version), counts.since())
    apply(t)
    for version, dst in (("IPv4", t.h100.ip), ("IPv6", t.h100.ip6)):
        flows("%s: %s: gre1 is up" % (t.mode, version), t.h200, dst)


def check_rp_filter(t):
    """A source that the kernel would not take by that device is not taken here either."""
    gw, mode = t.gw100, t.mode
    spoofed = Ether(dst=gw.mac(), src=t.h100.mac()) / IP(
        src="192.168.200.77", dst=t.h200.ip) / UDP(dport=9)
    # a source of eth0's own subnet, which the tunnel lets in by sources: any alone
    inward = gre_frame(t, IP(src="192.168.100.77", dst=t.h101.ip) / UDP(sport=4711, dport=9))
    for value in (1, 2, 0):
        for dev in ("eth0", "gre1"):
            gw.sysctl("net.ipv4.conf.%s.rp_filter" % dev, value)
        apply(t, extra="sources: any\n")
        name = "%s: rp_filter %d: " % (mode, value)
        path(name + "%s to %s" % (t.h200.role, t.h101.ip), gw, t.h200, t.h101.ip, True)
        for way, frame, where, dev, expression in (
                ("out", spoofed, t.net, "lan100", "ip proto 47 and src 192.168.100.254"),
                ("in", inward, t.h101, "eth0", "udp src port 4711")):
            counts = Counts(gw)
            with where.capture(dev, expression) as capture:
                t.h100.send([frame] * 3)
                if value == 1:
                    wait_until(lambda: counts.since().get("rp-filter", 0) >= 3, 2)
                    is_((counts.since().get("rp-filter"), len(capture.wait(1, 0.3))), (3, 0),
                        name + "a spoofed source, way %s" % way)
                else:
                    is_(len(capture.wait(3, 2)), 3, name + "a spoofed source, way %s" % way)
    for value, answers in ((1, False), (0, True)):
        for dev in ("eth0", "gre1"):
            gw.sysctl("net.ipv4.conf.%s.rp_filter" % dev, value)
        apply(t)
        gw.run("ip route del 192.168.200.0/24 dev gre1")
        with t.h101.capture("eth0", "icmp and src %s" % t.h200.ip) as capture:
            time.sleep(ASKED_AGAIN)
            t.h200.ping(t.h101.ip, 3)
            is_(bool(capture.wait(1, 0.3)), answers,
                "%s: rp_filter %d, the route back is gone" % (mode, value))
        apply(t)
    for dev in ("eth0", "gre1"):
        gw.sysctl("net.ipv4.conf.%s.rp_filter" % dev, 2)
    apply(t)


CHECKS = [check_holes, check_local, check_forwarding, check_neighbours, check_firewall,
          check_rp_filter, check_device_down, check_route_gone, check_default_route,
          check_silent_mac]


def prepare(t):
    for key in ("net.ipv4.icmp_ratelimit", "net.ipv6.icmp.ratelimit"):
        t.gw100.sysctl(key, 0)
    for gateway in t.gateways:
        apply(t, gateway)


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
run_modes(MODES, prepare, CHECKS)
