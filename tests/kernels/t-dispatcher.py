#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 900
"""
xgre and xdp-filter on one interface: both programs in one libxdp dispatcher, whoever
comes first, whoever goes first; and what is said where the kernel refuses that.
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../netns/lib"]
# pylint: disable=wrong-import-position
import tap
from control import Stream, meta, nothing_lost
from observe import Counts, once
from tap import is_, ok
from xgrenet import Topology, prerequisites, reference, wait_until

NATIVE = reference(100)
AUTO = reference(100, "auto")
FIRST = NATIVE.replace("{xdp: native}", "{xdp: native, dispatcher: on}")
OUTSIDE = NATIVE.replace("{xdp: native}", "{xdp: native, dispatcher: off}")
OURS, FILTER = ("xgre_skb", 90), ("xdpfilt_alw_all", 10)
PATIENCE = 30


def programs(gw):
    """Names and priorities of what is in the dispatcher; None where there is none."""
    text = gw.out("xdp-loader status eth0")
    if "xdp_dispatcher" not in text:
        return None
    return sorted((m[1], int(m[0])) for m in re.findall(r"=> +(\d+) +(\w+)", text))


def ours(gw):
    """Id of our program in the dispatcher."""
    return re.search(r"=> +\d+ +xgre_\w+ +(\d+)", gw.out("xdp-loader status eth0")).group(1)


def holds(gw, want, name):
    have = programs(gw)
    return is_(have, sorted(want) if want else None, name)


def fast(t, name):
    """Packets still take the fast path, both ways."""
    counts = Counts(t.gw100)

    def both():
        t.h100.ping(t.h200.ip, 5)
        have = counts.since()
        return have.get("fast-rx", 0) >= 3 and have.get("fast-tx", 0) >= 3
    ok(wait_until(both, PATIENCE), name + ": fast path", str(counts.since()))


def filters(t, name):
    """xdp-filter does its work: it drops one host, and no other."""
    t.gw100.run("xdp-filter ip -m src %s" % t.h101.ip)
    ok(wait_until(lambda: not once(t.h101, t.h200.ip), PATIENCE), name + ": the filter drops")
    ok(wait_until(lambda: once(t.h100, t.h200.ip), PATIENCE), name + ": and what it must alone")
    t.gw100.run("xdp-filter ip -m src -r %s" % t.h101.ip)
    ok(wait_until(lambda: once(t.h101, t.h200.ip), PATIENCE), name + ": no longer")


def kernel_takes_us(t):
    """
    Does a dispatcher of the installed libxdp take our program here? Where not, the rest
    cannot be; the kernel's words say that it is the reason we know.
    """
    gw = t.gw100
    gw.run("xdp-filter load -m native eth0")
    done = gw.apply(NATIVE, check=False)
    if done.returncode == 0:
        return True
    ok("port eth0" in done.stderr and "marked as changing packets" in done.stderr and
       len(done.stderr.splitlines()) == 1, "refused for the reason that is known", done.stderr)
    return False


def refused(t):
    """Newer kernels with this libxdp: each says so, and nobody is in the other's way."""
    gw = t.gw100
    holds(gw, [FILTER], "refused: the filter stays")
    is_(gw.load("show", check=False).returncode, 1, "refused: nothing of ours runs")
    done = gw.apply(AUTO)
    ok("TC instead of XDP" in done.stdout, "xdp: auto takes TC, and says so", done.stdout)
    is_(gw.stat("ports")["ports"], [{"name": "eth0", "mode": "tc"}], "and it is so")
    fast(t, "TC beside the filter")
    filters(t, "TC beside the filter")
    gw.load("unload")
    holds(gw, [FILTER], "unload leaves the filter")
    gw.run("xdp-filter unload eth0")
    holds(gw, None, "and nothing when it goes")
    done = gw.apply(FIRST)
    ok("attached without a dispatcher: " in done.stdout, "dispatcher: on: by itself, and says so",
       done.stdout)
    alone(t, "dispatcher: on")
    gw.load("unload")


def alone(t, name):
    """Our program by a link of its own: others cannot follow."""
    gw = t.gw100
    is_((gw.stat("ports")["ports"], programs(gw)), ([{"name": "eth0", "mode": "native"}], None),
        name + ": attached by itself")
    is_(gw.run("xdp-filter load -m native eth0", check=False).returncode != 0, True,
        name + ": xdp-filter is refused")
    fast(t, name)


def filter_first(t):
    """kernel_takes_us() has joined it."""
    gw = t.gw100
    holds(gw, [FILTER, OURS], "second: both in the dispatcher")
    is_(gw.stat("ports")["ports"], [{"name": "eth0", "mode": "native"}], "second: native")
    fast(t, "second")
    filters(t, "second")
    is_(gw.apply(NATIVE).stdout, "nothing to change\n", "second: apply again, nothing")
    before = ours(gw)
    with Stream(t.h100, t.h200.ip, 0.05) as stream:
        meta(gw, build=1)
        gw.apply(NATIVE)
        holds(gw, [FILTER, OURS], "update: both in the dispatcher")
        ok(ours(gw) != before, "update: ours is another program")
        stream.flows(PATIENCE)
        gw.run("xdp-filter unload eth0")
        holds(gw, [OURS], "the filter goes: ours stays")
        is_(gw.apply(NATIVE).stdout, "nothing to change\n", "the filter goes: apply, nothing")
        stream.flows(PATIENCE)
        gw.run("xdp-filter load -m native eth0")
        holds(gw, [FILTER, OURS], "the filter comes again: both")
        is_(gw.apply(NATIVE).stdout, "nothing to change\n", "it comes again: apply, nothing")
        stream.flows(PATIENCE)
    nothing_lost(stream, "update, filter gone and back: nothing lost")
    fast(t, "the filter comes again")
    with Stream(t.h100, "192.168.100.254", 0.05) as stream:
        gw.run("xdp-loader unload -i %s eth0" % ours(gw))
        holds(gw, [FILTER], "ours taken out by hand")
        done = gw.apply(NATIVE)
        ok("port eth0: mended" in done.stdout, "apply notices", done.stdout)
        holds(gw, [FILTER, OURS], "and mends it")
        stream.flows(PATIENCE)
        gw.load("unload")
        holds(gw, [FILTER], "unload: the filter stays")
        stream.flows(PATIENCE)
    nothing_lost(stream, "ours out, in and unloaded: the port lost nothing")
    gw.apply(NATIVE)
    gw.run("xdp-loader unload --all eth0")
    holds(gw, None, "all taken out by hand")
    ok("port eth0: mended" in gw.apply(NATIVE).stdout, "apply notices, and attaches")
    alone(t, "mended")
    gw.load("unload")


def we_first(t):
    gw = t.gw100
    gw.apply(FIRST)
    holds(gw, [OURS], "first: a dispatcher for ours")
    is_(gw.apply(FIRST).stdout, "nothing to change\n", "first: apply again, nothing")
    fast(t, "first")
    with Stream(t.h100, t.h200.ip, 0.05) as stream:
        gw.run("xdp-filter load -m native eth0")
        holds(gw, [FILTER, OURS], "first: the filter joins")
        stream.flows(PATIENCE)
        gw.apply(FIRST.replace("xdp: native", "xdp: native, unclaimed: drop"))
        holds(gw, [FILTER, OURS], "first: another option of the port: both stay")
        stream.flows(PATIENCE)
    nothing_lost(stream, "first: the filter joins: nothing lost")
    filters(t, "first")
    gw.apply(FIRST.replace("xdp: native", "xdp: off"))
    holds(gw, [FILTER], "xdp: off: ours goes, the filter stays")
    done = gw.apply(OUTSIDE, check=False)
    ok(done.returncode == 1 and "another XDP program is attached" in done.stderr,
       "dispatcher: off does not join", done.stderr)
    holds(gw, [FILTER], "and leaves it as it is")
    gw.load("unload")
    gw.run("xdp-filter unload eth0")
    holds(gw, None, "both gone: no dispatcher")


def all_of_it():
    with Topology("native") as t:
        # xdp-filter's programs are not for frames in several buffers: a veth takes them up to a page
        t.sw100.run("ip link set gw100 mtu 1500")
        t.gw100.run("ip link set eth0 mtu 1500")
        t.gw200.apply()
        if not kernel_takes_us(t):
            refused(t)
            return
        filter_first(t)
        we_first(t)


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
tap.run(all_of_it)
