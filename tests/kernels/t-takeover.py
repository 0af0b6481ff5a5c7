#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 900
"""
A tunnel on a GRE device of the kernel's: imported, accelerated in place, changed and
given back, while a ping every 10 ms goes through it and loses nothing.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "netns/lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
# pylint: disable=wrong-import-position
import tap
from control import Stream, nothing_lost
from kernelgre import LIMIT, UNCHANGED, accelerated, device, imported, make, settings
from tap import is_, ok
from xgrenet import Topology, prerequisites, wait_until


def take_over(kind, mode):
    name = "%s, %s" % (kind, mode)
    with Topology(mode) as t:
        gateway = t.gw100
        for each in t.gateways:
            make(each, kind)
        # To put the first qdisc on a device the kernel stops its queues for a moment, and drops
        # what is sent then (qdisc_graft()): it is there before the traffic, as after a reload.
        gateway.run("tc qdisc add dev eth0 clsact")
        ok(wait_until(lambda: t.h100.ping(t.h200.ip) and t.h101.ping(t.h201.ip6), LIMIT),
           "%s: the kernel's own tunnel works" % name)
        before = device(gateway), settings(gateway)
        with Stream(t.h100, t.h200.ip, 0.01) as four, Stream(t.h101, t.h201.ip6, 0.01) as six:
            text, said = imported(gateway, mode)
            is_("encaplimit" in said, kind == "ip6gre", "%s: import tells what it leaves out" % name)
            check = gateway.load("check", "-c", "-", input=text)
            ok("no errors; 1 ports, 1 tunnels, 4 routes" in check.stdout,
               "%s: what it prints is without errors" % name, check.stdout + text)
            done = gateway.apply(text)
            ok("applied: 6 changes" in done.stdout, "%s: apply" % name, done.stdout)
            accelerated(gateway, "%s: both ways are fast" % name)
            is_(gateway.apply(text).stdout, UNCHANGED, "%s: apply again has nothing to do" % name)
            other = text.replace("    routes:\n", "    sources: any\n    routes:\n"
                                 "      - to: 10.77.0.0/16\n")
            done = gateway.apply(other)
            ok("gre1: changed: sources" in done.stdout, "%s: a change" % name, done.stdout)
            ok("10.77.0.0/16 dev gre1 proto 147" in gateway.out("ip route"),
               "%s: a route that the device had not is made" % name)
            accelerated(gateway, "%s: both ways are still fast" % name)
            gateway.apply(text.replace("    routes:\n", "    fast-path: off\n    routes:\n"))
            four.flows(LIMIT)
            six.flows(LIMIT)
            gateway.apply(text)
            accelerated(gateway, "%s: off the fast path, and on it again" % name)
            gateway.load("unload")
            four.flows(LIMIT)
            six.flows(LIMIT)
        ok("clsact" in gateway.out("tc qdisc show dev eth0") and
           "xgre" not in gateway.out("tc filter show dev eth0 ingress"),
           "%s: the qdisc that was there stays, without our filter" % name)
        is_((device(gateway), settings(gateway)), before,
            "%s: unload leaves device, addresses, routes and sysctls as they were" % name)
        nothing_lost(four, "%s: IPv4 lost nothing" % name)
        nothing_lost(six, "%s: IPv6 lost nothing" % name)


def both(kind):
    for mode in ("native", "tc"):
        take_over(kind, mode)


def gre():
    both("gre")


def ip6gre():
    both("ip6gre")


if __name__ == "__main__":
    missing = prerequisites()
    if missing:
        tap.bail_out(missing)
    tap.run(gre, ip6gre)
