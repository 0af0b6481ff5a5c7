#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
The network under a running instance goes and comes: devices down and up, changed,
deleted and made anew, addresses and routes gone and back. Where a kernel tunnel
would go on by itself, so does this one; where it would not, an apply mends it.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from control import Stream, nothing_lost, same, settled, view
from tap import is_, ok
from xgrenet import MODES, Topology, prerequisites, reference, wait_until

QUICK = ("-W", "0.2", "-i", "0.01")  # options of ping
DEFAULT = "ip route add default via 192.168.100.1; ip -6 route add default via 2001:db8:100::1"


class Flap:
    """The topology in one mode, and the state that every part starts from and leads back to."""

    def __init__(self, t):
        self.t = t
        self.gateway = t.gw100
        self.text = reference(100, t.mode, ipv6=True)
        t.gw100.apply(self.text)
        t.gw200.apply(reference(200, t.mode, ipv6=True))
        self.flows("at first")
        self.before = settled(self.gateway)

    def flows(self, name):
        """Both families and directions, a small and a full packet."""
        t = self.t
        for near, far in ((t.h100, t.h200), (t.h201, t.h101)):
            for dst in (far.ip, far.ip6):
                # neighbours may have to be found, and cached answers asked again
                first = near.ping(dst, count=2, extra=("-W", "1"))
                pings = []

                def all_pass(n=near, d=dst, p=pings):
                    p[:] = [n.ping(d, count=3), n.ping(d, count=2, total=1460)]
                    return all(p)
                wait_until(all_pass, 3)
                ok(all(pings), "%s: %s, traffic %s to %s" % (t.mode, name, near.role, dst),
                   "\n".join(map(str, [first] + pings)))

    def stopped(self, name):
        """Within a second nothing crosses any more, and nothing ever goes round the tunnel."""
        h100, h200, before = self.t.h100, self.t.h200, self.t.leaked()
        since = time.monotonic()
        stopped = wait_until(lambda: not h100.run(
            ["ping", "-c", 1, "-W", "0.1", h200.ip], check=False).returncode == 0, 1.5)
        # each CPU has an answer of its own, which it may go by for half a second
        wait_until(lambda: time.monotonic() - since > 1, 2)
        is_((stopped, h100.ping(h200.ip, count=2, extra=QUICK).received,
             self.t.leaked() - before), (True, 0, 0),
            "%s: %s: nothing crosses, nothing leaks" % (self.t.mode, name))

    def apply(self, name, changes=True):
        """An apply mends, or has nothing to; a second one has nothing to; all is as before."""
        done = self.gateway.apply(self.text, check=False)
        ok(done.returncode == 0 and ("mended" in done.stdout) == changes,
           "%s: %s, apply %s" % (self.t.mode, name, "mends" if changes else "has nothing to do"),
           done.stdout + done.stderr)
        is_(self.gateway.apply(self.text, check=False).stdout, "nothing to change\n",
            "%s: %s, apply again, nothing" % (self.t.mode, name))
        same(self.gateway, self.before, "%s: %s, all is as before" % (self.t.mode, name))

    def fast(self, name, fast=True):
        """Do packets take the fast path, on the way in and out?"""
        def counts():
            return self.gateway.tunnel()["fast"]
        start = counts()
        self.t.h100.ping(self.t.h200.ip, count=20, extra=QUICK)
        end = counts()
        grown = [end[way] - start[way] > 10 for way in ("rx", "tx")]
        is_(grown, [fast, fast], "%s: %s, %s path" % (
            self.t.mode, name, "fast" if fast else "slow"))


def port_down(f):
    f.gateway.run("ip link set eth0 down")
    f.stopped("port down")
    # What went with it: the default route, and IPv6 addresses, as on any host.
    f.gateway.run("ip link set eth0 up; " + DEFAULT, check=False)
    f.gateway.run("for a in fd00:100::254/64 fd00:101::254/64 2001:db8:100::254/64; do"
                  " ip addr add $a dev eth0 nodad; done; true")
    f.gateway.run(DEFAULT, check=False)
    f.flows("port down and up")
    f.fast("port down and up")
    f.apply("port down and up", changes=False)


def port_mtu(f):
    with Stream(f.t.h100, f.t.h200.ip) as stream:
        f.gateway.run("ip link set eth0 mtu 1500")
        f.flows("port's MTU 1500")
        f.gateway.run("ip link set eth0 mtu 1400")
        ok(f.t.h100.ping(f.t.h200.ip), "%s: port's MTU 1400, small packets cross" % f.t.mode)
        # from the gateway itself: a veth takes nothing larger than its MTU from others, either
        full = f.gateway.ping("192.168.200.253", count=2, total=1460, extra=QUICK)
        is_(full.received, 0, "%s: port's MTU 1400, full ones do not" % f.t.mode)
        ok(f.gateway.drops().get("too-big"), "%s: and are counted" % f.t.mode, f.gateway.drops())
        done = f.gateway.apply(f.text)
        ok("note: tunnel gre1: mtu 1460" in done.stdout, "%s: apply says so" % f.t.mode,
           done.stdout)
        f.gateway.run("ip link set eth0 mtu 8900")
        f.flows("port's MTU 8900 again")
    nothing_lost(stream, "%s: port's MTU changed, small packets were not lost" % f.t.mode)
    f.apply("port's MTU changed and back", changes=False)


def port_address(f):
    # With it go the route to the LAN and the answers to the router's ARP: nobody could go on.
    f.gateway.run("ip addr del 192.168.100.254/24 dev eth0")
    f.t.h100.ping(f.t.h200.ip, extra=QUICK)
    f.gateway.run("ip addr add 192.168.100.254/24 dev eth0; " + DEFAULT, check=False)
    f.flows("local address back")
    f.fast("local address back")
    # The order of the port's addresses is another, and that is all.
    f.gateway.run("ip addr del 192.168.101.254/24 dev eth0;"
                  "ip addr add 192.168.101.254/24 dev eth0")
    f.apply("local address back", changes=False)


def port_mac(f):
    old = f.gateway.mac()
    f.gateway.run("ip link set eth0 address 02:00:00:00:07:07")
    for ns in f.t.hosts + (f.t.net,):  # who would find out in some seconds
        ns.run("ip neigh flush all; ip -6 neigh flush all")
    f.flows("port's MAC changed")
    # XDP can only compare with the address it knows; the kernel tells TC which frames are its own.
    f.fast("port's MAC changed", fast=f.t.mode == "tc")
    f.gateway.apply(f.text)
    f.flows("port's MAC changed, apply")
    f.fast("port's MAC changed, apply")
    f.gateway.run("ip link set eth0 address " + old)
    for ns in f.t.hosts + (f.t.net,):
        ns.run("ip neigh flush all; ip -6 neigh flush all")
    f.flows("port's MAC back")
    f.apply("port's MAC back")


def underlay_route(f):
    with Stream(f.t.h100, "192.168.100.254") as stream:
        f.gateway.run("ip route del default")
        f.stopped("no route to the remote")
        ok(f.gateway.drops().get("no-route"), "%s: no route to the remote, counted" % f.t.mode,
           f.gateway.drops())
        f.gateway.run("ip route add default via 192.168.100.1")
        f.flows("route to the remote back")
        f.fast("route to the remote back")
    nothing_lost(stream, "%s: no route to the remote, the LAN lost nothing" % f.t.mode)
    f.apply("route to the remote back", changes=False)


def tunnel_down(f):
    f.gateway.run("ip link set gre1 down")
    f.stopped("tunnel device down")
    f.gateway.run("ip link set gre1 up")
    f.stopped("tunnel device up again, without its routes")
    f.apply("tunnel device down and up")
    f.flows("tunnel device down and up")
    f.fast("tunnel device down and up")
    f.gateway.run("ip link set gre1 down")
    f.apply("tunnel device down")
    f.flows("tunnel device down, apply")


def tunnel_changed(f):
    """By hand: what apply set, and what it did not."""
    address = "192.168.100.253/24"
    with Stream(f.t.h100, f.t.h200.ip6) as stream:
        f.gateway.run("ip addr del %s dev gre1" % address)
        f.apply("tunnel's address deleted")
        f.flows("tunnel's address deleted")
        f.gateway.run("ip route del 192.168.200.0/24 dev gre1")
        f.stopped("tunnel's route deleted")
        f.apply("tunnel's route deleted")
        f.gateway.run("ip link set gre1 mtu 1300")
        f.apply("tunnel's MTU changed")
        f.gateway.run("ip addr add 10.77.0.1/24 dev gre1")
        is_(f.gateway.apply(f.text).stdout, "nothing to change\n",
            "%s: an address of somebody else's is none of ours" % f.t.mode)
        f.gateway.run("ip addr del 10.77.0.1/24 dev gre1")
    nothing_lost(stream, "%s: tunnel changed by hand: IPv6 lost nothing" % f.t.mode)
    f.gateway.run("tc qdisc del dev eth0 clsact")
    f.apply("qdisc of the port deleted")
    f.flows("qdisc of the port deleted")
    for what in ("ip link set gre1 down; ip link set gre1 name other", "ip link del gre1"):
        f.gateway.run(what)
        f.stopped(what)
        f.apply(what)
        f.flows(what + ", apply")
        f.fast(what + ", apply")


def port_anew(f):
    """The port's device is deleted, and one of the same name comes with another index and MAC."""
    gateway, t = f.gateway, f.t
    gateway.run("ip link del eth0")
    wait_until(lambda: gateway.run("ip link show eth0", check=False).returncode)
    f.stopped("port deleted")
    t.sw100.run("ip link add gw100 mtu 8900 type veth peer name eth0 mtu 8900 netns "
                + gateway.name)
    t.sw100.run("ip link set gw100 master lan up; ethtool -K gw100 tx off gro on")
    gateway.run("sysctl -qw net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.accept_ra=0")
    for address in ("192.168.100.254/24", "192.168.101.254/24", "fd00:100::254/64",
                    "fd00:101::254/64", "2001:db8:100::254/64"):
        gateway.run("ip addr add %s dev eth0" % address)
    if t.mode == "skb":
        gateway.run("ethtool -K eth0 gro off")
    gateway.run("ip link set eth0 up; " + DEFAULT)
    for ns in t.hosts + (t.net,):
        ns.run("ip neigh flush all; ip -6 neigh flush all")
    f.before["devices"]["eth0"]["mac"] = gateway.mac()
    done = gateway.apply(f.text)
    ok("port eth0: mended" in done.stdout, "%s: port made anew, apply mends" % t.mode, done.stdout)
    f.flows("port made anew")
    f.fast("port made anew")


def mode_test(mode):
    def test():
        with Topology(mode) as t:
            f = Flap(t)
            for part in (port_down, port_mtu, port_address, port_mac, underlay_route, tunnel_down,
                         tunnel_changed, port_anew):
                part(f)
            t.gw100.load("unload")
            is_(sorted(view(t.gw100)["devices"]), ["eth0", "lo"], "%s: unload" % mode)
    test.__name__ = mode
    return test


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
# Without arguments the two modes that differ most; else those named.
tap.run(*[mode_test(mode) for mode in sys.argv[1:] or (MODES[0], MODES[2])])
