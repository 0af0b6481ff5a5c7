#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Deployments other than the reference's: two arms, several tunnels and instances,
IPv6 outside and inside, tunnels in tunnels, and the sizes that have to pass.
"""
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from observe import Counts, flows, follows, nothing_leaked, once, path, run_modes
from scapy.all import GRE, ICMP, IP, UDP, Ether, IPv6, Raw
from tap import is_, ok
from transfer import tcp, udp
from xgrenet import BUILD, FAR, PUBLIC, PYTHON, prerequisites, wait_until


def config(mode, tunnels, ports=None):
    """A configuration as JSON, which is YAML; ports: name -> options."""
    xdp = "off" if mode == "tc" else mode
    return json.dumps({"version": 1,
                       "ports": {name: {"xdp": xdp, **options}
                                 for name, options in (ports or {"eth0": {}}).items()},
                       "tunnels": tunnels})


def tunnel(site, to, **options):
    """A tunnel of a site over the IPv4 underlay."""
    return {"local": "192.168.%d.254" % site, "remote": PUBLIC[FAR[site]], "mtu": 1460,
            "routes": [{"to": prefix} for prefix in to], **options}


def second_arm(t):
    """The gateway of site 100 gets another device, which takes over the subnet of h101."""
    gw = t.gw100
    t.sw100.run("ip link add arm mtu 8900 type veth peer name eth1 mtu 8900 netns %s;"
                "ip link set arm master lan up; ethtool -K arm tx off gro on" % gw.name)
    # Both are on one segment: each answers for its own addresses only.
    gw.run("sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"
           " net.ipv6.conf.eth1.accept_dad=0;"
           "ip addr del 192.168.101.254/24 dev eth0; ip -6 addr del fd00:101::254/64 dev eth0;"
           "ip addr add 192.168.101.254/24 dev eth1; ip -6 addr add fd00:101::254/64 dev eth1;"
           "ip link set eth1 up")
    if t.mode == "skb":
        gw.run("ethtool -K eth1 gro off")
    t.h101.run("ip neigh flush dev eth0")


def check_two_arms(t):
    gw, mode = t.gw100, t.mode
    second_arm(t)
    ports = {"eth0": {"role": "underlay"}, "eth1": {"role": "overlay"}}
    one = {"gre1": tunnel(100, ["192.168.200.0/24", "192.168.201.0/24", "fd00:201::/64"], key=1,
                          addresses=["192.168.100.253/24"])}
    gw.apply(config(mode, one, ports))
    t.gw200.apply(t.config(t.gw200, ipv6=True))
    is_(gw.stat("ports")["ports"], [{"name": name, "mode": mode} for name in ports],
        "%s: two arms: both ports run" % mode)
    for dst in (t.h201.ip, t.h201.ip6):
        path("%s: two arms: overlay to underlay and back, %s" % (mode, dst), gw, t.h101, dst, True)
    have = Counts(gw)
    tcp("%s: two arms: TCP" % mode, t.h101, t.h201, t.h201.ip)
    have = have.since()
    ok(min(have.get("fast-rx", 0), have.get("fast-tx", 0)) > 20, "%s: two arms: TCP is fast" % mode,
       have)
    counts = Counts(gw)
    ok(t.h100.ping(t.h200.ip, 5), "%s: two arms: from the underlay side, by the kernel" % mode)
    have = counts.again()
    ok(have.get("role", 0) >= 5 and have.get("tx", 0) >= 5 and not have.get("fast-tx"),
       "%s: two arms: reason role" % mode, have)
    with t.h101.capture("eth0", "udp port 4711") as capture:
        t.h100.send([Ether(dst=gw.mac("eth1"), src=t.h100.mac()) /
                     IP(src=PUBLIC[200], dst="192.168.100.254") / GRE(key_present=1, key=1) /
                     IP(src=t.h201.ip, dst=t.h101.ip) / UDP(dport=4711)] * 3)
        wait_until(lambda: counts.since().get("role", 0) >= 3, 2)
        have = counts.since()
        is_((have.get("role"), have.get("rx"), len(capture.packets())), (3, None, 0),
            "%s: two arms: GRE on the overlay port is not decapsulated" % mode)
    check_instances(t, one, ports)


def check_instances(t, one, ports):
    """Two instances in one namespace, one on each device."""
    gw, mode = t.gw100, t.mode
    gw.load("unload")
    is_([gw.sysctl("net.ipv4.conf.%s.send_redirects" % dev) for dev in ("all", "eth0", "eth1")],
        ["1"] * 3, "%s: unload of two ports gives redirects back" % mode)
    gw.run("ip route add 203.0.113.9 via %s" % t.h101.ip)
    other = {"gre9": {"local": "192.168.101.254", "remote": "203.0.113.9", "mtu": 1400,
                      "addresses": ["10.9.0.1/30"], "routes": [{"to": "10.9.1.0/24"}]}}
    name = gw.name + "b"

    def load(*args, **options):
        return subprocess.run([BUILD / "xgre-load", "-n", gw.name, "-i", name, *args], text=True,
                              capture_output=True, check=False, **options)

    try:
        gw.apply(config(mode, one, {"eth0": {}}))
        done = load("apply", "-c", "-", input=config(mode, other, {"eth1": {}}))
        is_(done.returncode, 0, "%s: a second instance on another device" % mode)
        tap.diag(done.stderr)
        with t.h101.capture("eth0", "ip proto gre") as capture:
            t.h100.send([Ether(dst=gw.mac("eth1"), src=t.h100.mac()) / IP(
                src=t.h101.ip, dst="10.9.1.1") / UDP()] * 3)
            got = capture.wait(3, match=lambda p: isinstance(p[GRE].payload, IP))
        is_({(p[IP].src, p[IP].dst, p[GRE].key_present, p[GRE].payload.dst) for p in got},
            {("192.168.101.254", "203.0.113.9", 0, "10.9.1.1")},
            "%s: the second instance encapsulates" % mode)
        flows("%s: the first instance works beside it" % mode, t.h100, t.h200.ip)
        done = load("apply", "-c", "-", input=config(mode, other, {"eth0": {}, "eth1": {}}))
        ok(done.returncode == 1 and "eth0" in done.stderr,
           "%s: both on one device is refused, and says where" % mode, done.stdout + done.stderr)
        flows("%s: and the first instance still works" % mode, t.h100, t.h200.ip)
        gw.load("unload")
        is_(gw.sysctl("net.ipv4.conf.all.send_redirects"), "0",
            "%s: redirects stay off while one of two instances runs" % mode)
        ok("gre9" in gw.out("ip link") and "10.9.1.0/24 dev gre9" in gw.out("ip route"),
           "%s: unloading one leaves the other" % mode)
    finally:
        is_(load("unload").returncode, 0, "%s: the second one goes as well" % mode)
    is_(gw.sysctl("net.ipv4.conf.all.send_redirects"), "1",
        "%s: redirects are as before the two" % mode)


def check_several(t):
    """The same two endpoints with two keys and without one."""
    mode = t.mode
    for gw in t.gateways:
        near, far = gw.site, FAR[gw.site]
        gw.apply(config(mode, {
            "gre1": tunnel(near, ["192.168.%d.0/24" % far], key=1),
            "gre2": tunnel(near, ["192.168.%d.0/24" % (far + 1)],
                           keys={"input": far, "output": near}),
            "gre3": tunnel(near, ["fd00:%d::/64" % far, "fd00:%d::/64" % (far + 1)])}))
    counts = {gw: Counts(gw) for gw in t.gateways}
    for name, near, far, dst in (("gre1", t.h100, t.h200, t.h200.ip), ("gre2", t.h101, t.h201,
                                                                      t.h201.ip),
                                 ("gre3", t.h100, t.h201, t.h201.ip6)):
        for gw in t.gateways:
            counts[gw].again()
        with t.net.capture("lan100", "ip proto gre") as capture:
            path("%s: several tunnels: %s" % (mode, name), t.gw100, near, dst, True)
            capture.wait(4)
        for gw in t.gateways:
            have = counts[gw].since()
            # on any of the devices there may be a little of IPv6's own as well
            ok(all(6 <= have[name + way] > have[way[1:]] - 5 for way in ("-tx", "-rx")),
               "%s: several tunnels: %s of %s and no other" % (mode, name, gw.role), have)
        keys = {(p[IP].src == "192.168.100.254", p[GRE].key if p[GRE].key_present else None)
                for p in capture.packets() if dst in (p[GRE].payload.src, p[GRE].payload.dst)}
        want = {"gre1": (1, 1), "gre2": (100, 200), "gre3": (None, None)}[name]
        is_(keys, {(True, want[0]), (False, want[1])}, "%s: several tunnels: keys of %s" % (
            mode, name))
    for key in (2, 200 << 16, 100):
        check_unclaimed(t, key)
    check_sources(t)


def check_unclaimed(t, key):
    counts = Counts(t.gw100)
    t.h100.send([Ether(dst=t.gw100.mac(), src=t.h100.mac()) / IP(
        src=PUBLIC[200], dst="192.168.100.254") / GRE(key_present=1, key=key) /
                 IP(src=t.h200.ip, dst=t.h100.ip) / UDP()] * 2)
    wait_until(lambda: counts.since().get("unclaimed"), 1)
    have = counts.since()
    is_((have.get("unclaimed"), have.get("rx")), (2, None),
        "%s: several tunnels: key %d is nobody's" % (t.mode, key))


def check_sources(t):
    """h100 may use gre2 of site 200 where its sources say so."""
    mode, gw = t.mode, t.gw200

    def apply(sources, address=("10.255.0.2/30",)):
        gw.apply(config(mode, {
            "gre1": tunnel(200, ["192.168.100.0/24"], key=1),
            "gre2": tunnel(200, ["192.168.101.0/24"], keys={"input": 100, "output": 200},
                           addresses=list(address),
                           **({"sources": sources} if sources else {}))}))

    # what comes back goes by gre1, which on the other side is not its source's
    t.gw100.apply(config(mode, {
        "gre1": tunnel(100, ["192.168.200.0/24"], key=1, sources="any",
                       addresses=["10.255.0.5/30"]),
        "gre2": tunnel(100, ["192.168.201.0/24"], keys={"input": 200, "output": 100})}))
    # On a device without an address the kernel's rp_filter takes "loose" for "strict".
    apply("any", ())
    counts = Counts(gw)
    t.h100.run(["ping", "-n", "-c4", "-i0.05", "-W0.3", t.h201.ip], check=False)
    have = counts.since()
    is_((have.get("rp-filter"), have.get("fast-rx")), (4, None),
        "%s: sources any, rp_filter loose, gre2 without an address: left to the kernel" % mode)
    for sources, good in ((None, False), ("default", False), ("any", True),
                          (["192.168.101.0/24"], False),
                          (["192.168.100.10/32", "192.168.101.0/24"], True)):
        apply(sources)
        name = "%s: sources %s: " % (mode, sources)
        counts = Counts(gw)
        ping = t.h100.run(["ping", "-n", "-c4", "-i0.05", "-W0.5", t.h201.ip], check=False).stdout
        is_(re.search(r"(\d) received", ping).group(1), "4" if good else "0", name + "h100 to h201")
        have = counts.since()
        is_(have.get("source"), None if good else 4, name + "counted")
        ok(once(t.h101, t.h201.ip), name + "h101 to h201")


def check_hub(t):
    """A packet that came out of one tunnel goes into another."""
    mode, gw = t.mode, t.gw100
    spoke, private = "203.0.113.5", "192.168.100.254"
    gw.apply(config(mode, {
        "gre1": tunnel(100, ["192.168.200.0/24"], key=1),
        "gre2": {"local": private, "remote": spoke, "key": 5, "mtu": 1460,
                 "routes": [{"to": "10.77.0.0/24"}]}}))
    t.gw200.apply(config(mode, {"gre1": tunnel(200, ["192.168.100.0/24", "10.77.0.0/24"], key=1)}))
    t.h200.run("ip route add 10.77.0.0/24 via 192.168.200.254")
    mac = t.net.mac("lan100")
    counts = Counts(gw)
    with t.net.capture("lan100", "ip proto gre and host " + spoke) as capture:
        t.h200.run(["ping", "-nc3", "-i0.05", "-W0.2", "-t64", "10.77.0.1"], check=False)
        got = capture.wait(3)
    is_([(p[IP].src, p[GRE].key, p[GRE].payload.src, p[GRE].payload.dst, p[GRE].payload.ttl)
         for p in got], [(private, 5, t.h200.ip, "10.77.0.1", 62)] * 3,
        "%s: hub: from one spoke to the other" % mode)
    have = counts.since()
    is_([have.get(k) for k in ("to-tunnel", "gre1-rx", "gre2-tx")], [3, 3, 3],
        "%s: hub: reason to-tunnel, counted on both tunnels" % mode)
    # and back: the other spoke is nobody but this frame
    with t.h200.capture("eth0", "icmp and src 10.77.0.1") as capture:
        t.net.send([Ether(dst=gw.mac(), src=mac) / IP(src=spoke, dst=private) /
                    GRE(key_present=1, key=5) /
                    IP(src="10.77.0.1", dst=t.h200.ip) / ICMP(type=0)] * 3, "lan100")
        is_([p[IP].ttl for p in capture.wait(3)], [62] * 3, "%s: hub: and back" % mode)


def check_ipv6_underlay(t):
    mode = t.mode
    for gw in t.gateways:
        near, far = gw.site, FAR[gw.site]
        gw.apply(config(mode, {"gre6": {
            "local": "2001:db8:%d::254" % near, "remote": "2001:db8:%d::254" % far, "key": 66,
            "mtu": 1460, "addresses": ["192.168.%d.253/24" % near, "fd00:%d::253/64" % near],
            "routes": [{"to": p} for n in (far, far + 1)
                       for p in ("192.168.%d.0/24" % n, "fd00:%d::/64" % n)]}}))
    name = "%s: IPv6 underlay: " % mode
    for dst in (t.h200.ip, t.h200.ip6):
        path(name + "ping " + dst, t.gw100, t.h100, dst, True)
        path(name + "the other end as well, " + dst, t.gw200, t.h100, dst, True)
        tcp(name + "TCP to " + dst, t.h101, t.h200, dst)
        udp(name + "8000 bytes of UDP to " + dst, t.h100, t.h200, dst, 8000)
        sizes(name, t, dst)
    path(name + "the other gateway", t.gw100, t.gw100, t.gw200.overlay)
    with t.net.capture("lan100", "ip6 proto gre") as capture:
        t.h100.ping(t.h200.ip, 2)
        got = capture.wait(4)
    is_({(p[IPv6].src, p[IPv6].hlim in (63, 64), p[GRE].key) for p in got},
        {("2001:db8:100::254", True, 66), ("2001:db8:200::254", True, 66)}, name + "on the wire")


def sizes(name, t, dst, mtu=1460):
    """The largest that fits passes, one more does not and the host hears why."""
    for host in (t.h100, t.h200):
        host.forget()
    ok(t.h100.ping(dst, 2, total=mtu, df=True), "%s%d bytes to %s pass" % (name, mtu, dst))
    ping = t.h100.ping(dst, 1, total=mtu + 1, df=True)
    is_((ping.received, ping.mtu), (0, mtu), "%s%d bytes to %s do not, and why" % (
        name, mtu + 1, dst))
    for host in (t.h100, t.h200):
        host.forget()


def check_sizes(t):
    """The reference with IPv6 inside, and tunnels of unequal MTU."""
    mode = t.mode
    t.apply(ipv6=True)
    name = "%s: IPv6 inside: " % mode
    path(name + "ping", t.gw100, t.h100, t.h200.ip6, True)
    sizes(name, t, t.h200.ip6)
    tcp(name + "TCP", t.h200, t.h101, t.h101.ip6)
    for dst in (t.h200.ip, t.h200.ip6):
        udp("%s: 8000 bytes of UDP to %s" % (mode, dst), t.h100, t.h200, dst, 8000)
    tcp("%s: TCP from gateway to gateway" % mode, t.gw100, t.gw200, t.gw200.overlay)
    tcp("%s: TCP from gateway to a far host" % mode, t.gw100, t.h201, t.h201.ip)
    tcp("%s: TCP from a host to the far gateway" % mode, t.h201, t.gw100, t.gw100.overlay)
    udp("%s: 8000 bytes of UDP from gateway to gateway" % mode, t.gw100, t.gw200, t.gw200.overlay,
        8000)

    t.gw100.apply(t.config(t.gw100, ipv6=True).replace("mtu: 1460", "mtu: 2000"))
    name = "%s: MTU 2000 towards 1460: " % mode
    for dst, far in ((t.h200.ip, t.h200), (t.gw200.overlay, t.gw200), (t.h200.ip6, t.h200)):
        t.h100.forget()
        with far.capture("eth0" if far == t.h200 else "gre1", "greater 1900 and (src %s or src %s)"
                         % (t.h100.ip, t.h100.ip6)) as capture:
            # with DF; what comes back may be too big for the other way
            t.h100.run(["ping", "-n", "-c3", "-i0.1", "-W0.2", "-Mdo", "-s",
                        2000 - (48 if ":" in dst else 28), dst], check=False)
            is_(len(capture.wait(3, 2)), 3, name + "2000 bytes to %s arrive" % dst)
    udp(name + "8000 bytes of UDP", t.h100, t.h200, t.h200.ip, 8000)
    t.apply(ipv6=True)


def check_pptp(t):
    """GRE of inside hosts is a packet like others; version 1 is PPTP's."""
    mode = t.mode
    pptp = bytes.fromhex("3001880b000c0007") + b"\0\0\0\1" + b"ppp payload."
    plain = bytes.fromhex("00000800") + bytes(IP(src="10.1.1.1", dst="10.1.1.2") / UDP() / b"x")
    sent = (pptp, plain, bytes.fromhex("2000080000000001") + plain[4:]) * 2
    name = "%s: GRE of inside hosts: " % mode
    path(name + "the way is known", t.gw100, t.h100, t.h200.ip, True)
    counts = [Counts(gw) for gw in t.gateways]
    with t.h200.capture("eth0", "ip proto gre") as capture:
        t.h100.send([Ether(dst=t.gw100.mac(), src=t.h100.mac()) / IP(
            src=t.h100.ip, dst=t.h200.ip, proto=47) / Raw(data) for data in sent])
        got = capture.wait(6)
    is_([(p[IP].src, p[IP].ttl, bytes(p[IP].payload)) for p in got],
        [(t.h100.ip, 62, data) for data in sent],
        name + "whole at the far host")
    have = counts[0].since().get("fast-tx", 0), counts[1].since().get("fast-rx", 0)
    ok(min(have) >= 3, name + "by the fast path", have)
    t.h100.send([Ether(dst=t.gw100.mac(), src=t.h100.mac()) / IP(
        src=PUBLIC[200], dst="192.168.100.254", proto=47) / Raw(pptp)] * 2)
    wait_until(lambda: counts[0].since().get("version"), 1)
    is_(counts[0].since().get("version"), 2, name + "version 1 for the gateway itself")


def check_loops(t):
    """Routes that lead outer packets back into a tunnel."""
    gw, mode = t.gw100, t.mode
    name = "%s: outer route into the tunnel itself: " % mode
    flows(name + "before", t.h100, t.h200.ip)
    gw.run("ip route add %s/32 dev gre1" % PUBLIC[200])
    follows(name + "nothing passes", lambda: not once(t.h100, t.h200.ip))
    time.sleep(0.6)
    counts = Counts(gw)
    t.h100.run(["ping", "-n", "-c10", "-i0.05", "-W0.3", t.h200.ip], check=False)
    have = counts.since()
    ok(10 <= have.get("loop", 0) <= 14 and not have.get("tx"), name + "each is dropped once", have)
    gw.run("ip route del %s/32 dev gre1" % PUBLIC[200])
    flows(name + "after", t.h100, t.h200.ip)

    # Each tunnel's remote through the other one.
    other = "203.0.113.5"
    both = {"gre1": tunnel(100, ["192.168.200.0/24"], key=1),
            "gre2": {"local": "192.168.100.254", "remote": other, "mtu": 1400,
                     "routes": [{"to": "10.77.0.0/24"}]}}
    gw.apply(config(mode, both))
    gw.run("ip route add %s/32 dev gre2; ip route add %s/32 dev gre1" % (PUBLIC[200], other))
    name = "%s: two tunnels, each in the other: " % mode
    counts = Counts(gw)
    time.sleep(0.6)
    t.h100.run(["ping", "-n", "-c5", "-i0.05", "-W0.3", t.h200.ip], check=False)
    have = counts.since()
    ok(5 <= have.get("loop", 0) + have.get("too-big", 0) <= 8 and have.get("tx", 0) <= 30,
       name + "no storm", have)
    gw.run("ip route del %s/32 dev gre2; ip route del %s/32 dev gre1" % (PUBLIC[200], other))
    gw.apply(t.config(gw, ipv6=True))
    flows(name + "after", t.h100, t.h200.ip)


def check_nested(t):
    """gre2's remote is reached through gre1; both of one instance."""
    mode = t.mode
    for gw, host in ((t.gw100, t.h100), (t.gw200, t.h200)):
        near, far = gw.site, FAR[gw.site]
        gw.run("ip addr add 10.%d.0.254/24 dev eth0" % near)
        host.run("ip addr add 10.%d.0.1/24 dev eth0; ip route add 10.%d.0.0/24 via 10.%d.0.254" % (
            near, far, near))
        gw.apply(config(mode, {
            "gre1": tunnel(near, ["192.168.%d.0/24" % far], key=1),
            "gre2": {"local": "192.168.%d.254" % near, "remote": "192.168.%d.254" % far,
                     "mtu": 1436, "addresses": ["10.%d.0.253/24" % near],
                     "routes": [{"to": "10.%d.0.0/24" % far}]}}))
    name = "%s: a tunnel in a tunnel: " % mode
    with t.net.capture("lan100", "ip proto gre") as capture:
        t.h100.run(["ping", "-nc2", "-i0.05", "-W0.5", "10.200.0.1"], check=False)
        got = capture.wait(2, 2, lambda p: p[IP].src == "192.168.100.254" and
                           p[GRE].payload.haslayer(ICMP) and p[GRE].payload.haslayer(GRE))
    is_([(p[GRE].key, p[GRE].payload.dst, p[GRE].payload[GRE].payload.dst) for p in got[:2]],
        [(1, "192.168.200.254", "10.200.0.1")] * 2, name + "encapsulated twice")
    nested_traffic(name, t)

    for gw in t.gateways:
        gw.load("unload")
    check_nested_instances(t)


def nested_traffic(name, t):
    if not ok(once(t.h100, "10.200.0.1"), name + "ping"):
        return
    ping = t.h100.ping("10.200.0.1", 2, total=1436, df=True)
    ok(ping, name + "1436 bytes", str(ping))
    tcp(name + "TCP", t.h100, t.h200, "10.200.0.1")
    tcp(name + "TCP from the gateway", t.gw100, t.h200, "10.200.0.1")


def check_nested_instances(t):
    """The inner tunnel belongs to a second instance, for which the outer one's device is a port."""
    argv = {gw: [BUILD / "xgre-load", "-n", gw.name, "-i", gw.name + "b"] for gw in t.gateways}
    for gw in t.gateways:
        near, far = gw.site, FAR[gw.site]
        gw.apply(t.config(gw))
        done = subprocess.run([*argv[gw], "apply", "-c", "-"], text=True, capture_output=True,
                              check=False, input=config("tc", {"gre2": {
                                  "local": gw.overlay, "remote": "192.168.%d.253" % far,
                                  "mtu": 1436, "addresses": ["10.%d.0.253/24" % near],
                                  "routes": [{"to": "10.%d.0.0/24" % far}]}}, {"gre1": {}}))
        is_((done.returncode, done.stderr), (0, ""), "%s: a tunnel device as a port of %s" % (
            t.mode, gw.role))
    nested_traffic("%s: a tunnel in another instance's: " % t.mode, t)
    for gw in t.gateways:
        done = subprocess.run([*argv[gw], "unload"], check=False)
        is_(done.returncode, 0, "%s: the instance inside is unloaded" % t.mode)


def check_leaks(t):
    nothing_leaked(t, "all of these")


def prepare(t):
    t.gw100.sysctl("net.ipv4.icmp_ratelimit", 0)
    t.apply(ipv6=True)


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
run_modes(("native", "tc"), prepare, [
    check_sizes, check_pptp, check_loops, check_several, check_hub, check_ipv6_underlay,
    check_nested, check_two_arms, check_leaks])
