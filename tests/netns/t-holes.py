#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Routes and addresses inside a tunnel's prefix that come and go while xgred runs: the
fast path sends what is theirs the kernel's way without an apply, and comes back.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from control import dump, same, settled
from observe import Counts, once
from tap import is_, ok
from xgrenet import MODES, Topology, prerequisites, wait_until

LIMIT = 30


def holes(gateway):
    """The prefixes that the table leaves to the kernel, as (hexadecimal address, length)."""
    return {(bytes(p["key"]["addr"][""]["b"][:4 if p["key"]["family"] == 4 else 16]).hex(),
             p["key"]["length"]) for p in dump(gateway, "prefixes") if p["value"]["origin"] == 3}


def hole(address, length):
    return ("".join("%02x" % int(n) for n in address.split(".")), length)


def comes_and_goes(gateway, name, add, remove, address, length):
    """One change and its reverse are followed."""
    gateway.run(add)
    ok(wait_until(lambda: hole(address, length) in holes(gateway), LIMIT), name + ": is a hole",
       sorted(holes(gateway)))
    gateway.run(remove)
    ok(wait_until(lambda: hole(address, length) not in holes(gateway), LIMIT),
       name + ": and is none any more", sorted(holes(gateway)))


def followed(t):
    gateway = t.gw100
    route = "ip route %s blackhole 192.168.200.128/25"
    comes_and_goes(gateway, t.mode + ": a blackhole", route % "add", route % "del",
                   "192.168.200.128", 25)
    route = "ip route %s 192.168.200.64/26 via 192.168.100.1"
    comes_and_goes(gateway, t.mode + ": another way", route % "add", route % "del",
                   "192.168.200.64", 26)
    address = "ip addr %s 192.168.201.77/32 dev lo"
    comes_and_goes(gateway, t.mode + ": an address of ours", address % "add", address % "del",
                   "192.168.201.77", 32)
    device = "ip link add dummy7 type dummy; ip addr add 192.168.201.129/26 dev dummy7;" \
             " ip link set dummy7 up"
    if gateway.run(device, check=False).returncode == 0:
        ok(wait_until(lambda: {hole("192.168.201.128", 26), hole("192.168.201.129", 32)} <=
                      holes(gateway), LIMIT), t.mode + ": a device with a subnet", holes(gateway))
        gateway.run("ip link del dummy7")
        ok(wait_until(lambda: hole("192.168.201.128", 26) not in holes(gateway), LIMIT),
           t.mode + ": the device gone", holes(gateway))


def packets(t):
    """What packets see: with a hole for the far host they do not cross, and others do."""
    gateway, far = t.gw100, t.h200.ip
    ok(wait_until(lambda: once(t.h100, far), LIMIT), t.mode + ": packets cross")
    before = t.leaked()
    gateway.run("ip route add unreachable %s/32" % far)
    ok(wait_until(lambda: not once(t.h100, far), LIMIT), t.mode + ": not with a route against it")
    counts = Counts(gateway)
    ok(wait_until(lambda: not once(t.h100, far) and counts.since().get("hole"), LIMIT),
       t.mode + ": it is a hole", counts.since())
    ok(wait_until(lambda: once(t.h100, t.h201.ip), LIMIT), t.mode + ": others cross")
    gateway.run("ip route del unreachable %s/32" % far)
    ok(wait_until(lambda: once(t.h100, far), LIMIT), t.mode + ": and all when it is gone")
    is_(t.leaked(), before, t.mode + ": nothing went round the tunnel")


def own_address(t):
    """A source that is ours now is a spoofed one, for the fast path as well."""
    gateway = t.gw100
    gateway.run("ip addr add 192.168.201.99/32 dev lo")
    ok(wait_until(lambda: once(t.h100, "192.168.201.99"), LIMIT),
       t.mode + ": a new address of ours answers itself")
    gateway.run("ip addr del 192.168.201.99/32 dev lo")


def burst(t):
    """Thousands of changes are taken in few steps, and the end is right."""
    gateway = t.gw100
    start = gateway.counted().get("followed", 0)
    lines = ["blackhole 192.168.200.%d/32" % n for n in range(1, 255)]
    for _ in range(10):
        for verb in ("add", "del"):
            gateway.run(["ip", "-batch", "-"], input="".join(
                "route %s %s\n" % (verb, line) for line in lines))
    gateway.run(["ip", "-batch", "-"], input="".join("route add %s\n" % line for line in lines))
    want = {hole("192.168.200.%d" % n, 32) for n in range(1, 255)}
    ok(wait_until(lambda: want <= holes(gateway), LIMIT), t.mode + ": a burst: all are holes")
    grown = gateway.counted()["followed"] - start
    ok(0 < grown < 500, t.mode + ": a burst: few steps for 5334 changes", grown)
    gateway.run(["ip", "-batch", "-"], input="".join("route del %s\n" % line for line in lines))
    ok(wait_until(lambda: not want & holes(gateway), LIMIT), t.mode + ": and none at the end")


def meanwhile(t):
    """What changes while no xgred runs is found when one starts."""
    gateway = t.gw100
    gateway.run("ip route add blackhole 192.168.200.192/26")
    daemon = gateway.daemon()
    ok(wait_until(lambda: hole("192.168.200.192", 26) in holes(gateway), LIMIT),
       t.mode + ": a change from before is found", holes(gateway))
    gateway.run("ip route del blackhole 192.168.200.192/26")
    ok(wait_until(lambda: hole("192.168.200.192", 26) not in holes(gateway), LIMIT),
       t.mode + ": and the reverse")
    daemon.end()


def mode_test(mode):
    def test():
        with Topology(mode) as t:
            t.apply()
            before = settled(t.gw100)
            daemon = t.gw100.daemon()
            for part in (followed, packets, own_address, burst):
                part(t)
            daemon.end()
            meanwhile(t)
            same(t.gw100, before, mode + ": all is as before")
    test.__name__ = mode
    return test


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
tap.run(*[mode_test(mode) for mode in sys.argv[1:] or (MODES[0], MODES[2])])
