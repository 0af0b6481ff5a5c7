#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 600
"""
Failures and kills at every numbered point of xgre-load (build/tests/xgre-load-faults):
after a failure the state is as before, after a kill the next ordinary command
mends it, and what is not concerned goes on forwarding all the while.
"""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from control import (FAULTS, Stream, config, fault, meta, nothing_lost, programs, same, settled,
                     tunnel)
from tap import is_, ok
from xgrenet import BUILD, Topology, prerequisites

POINTS_MAX = 200

GRE1 = {"addresses": "[192.168.100.253/24]", "sources": "any"}
FIRST = config(
    tunnel(100, "gre1", 1, routes=["192.168.200.0/24", "fd20::/64"], **GRE1))
BEFORE = config(
    tunnel(100, "gre1", 1, routes=["192.168.200.0/24", "192.168.201.0/24"], **GRE1),
    tunnel(100, "gre2", 2, addresses="[10.9.0.1/30, 10.9.1.1/24, fd09::1/64]", sources="any",
           routes=["10.20.0.0/16", "{to: 10.21.0.0/16, metric: 50}", "fd20::/64",
                   "{to: 'fd21::/64', metric: 50}"]),
    tunnel(100, "gre4", 4, addresses="[10.9.4.1/30]", routes=["10.40.0.0/16", "fd40::/64"]))
# One of each: a port's option, a moved prefix, key, MTU, address, metric; a new and a gone tunnel.
AFTER = config(
    tunnel(100, "gre1", 1, routes=["192.168.200.0/24"], **GRE1),
    tunnel(100, "gre2", 3, addresses="[10.9.0.2/30, 10.9.1.2/24, fd09::2/64]", sources="any",
           mtu=1400, routes=["192.168.201.0/24", "10.20.0.0/16", "{to: 10.21.0.0/16, metric: 60}",
                             "fd20::/64", "{to: 'fd21::/64', metric: 60}"]),
    tunnel(100, "gre3", 5, addresses="[10.9.3.1/30]", routes=["10.40.0.0/16", "10.30.0.0/16",
                                                              "fd40::/64"]),
    port="{xdp: native, unclaimed: drop}")
# The other end takes what comes by key 1, 2 or 3 and answers by key 1.
OTHER = config(
    tunnel(200, "gre1", 1, routes=["192.168.100.0/24", "192.168.101.0/24"],
           addresses="[192.168.200.253/24]", sources="any"),
    tunnel(200, "gre2", 2, sources="any", addresses="[10.9.8.2/30]"),
    tunnel(200, "gre3", 3, sources="any", addresses="[10.9.9.2/30]"))


def failed(done, name):
    """One result: exit status 1, one message, nothing said to be done."""
    lines = done.stderr.splitlines()
    return ok(done.returncode == 1 and len(lines) == 1 and "applied" not in done.stdout, name,
              "exit %d\n%s%s" % (done.returncode, done.stdout, done.stderr))


def points(gateway, name, *args, text=None):
    """
    Run with fail:N for N from 1 on until there is no such point any more and it
    succeeds; yields (N, the completed process) of those that failed.
    """
    for n in range(1, POINTS_MAX):
        done = fault(gateway, "fail:%d" % n, *args, text=text)
        if done.returncode == 0:
            ok(n > 1, "%s: there are points at which it can fail" % name)
            tap.diag("%s: %d points" % (name, n - 1))
            return
        yield n, done
    ok(False, "%s: succeeds at last" % name)


def kill(gateway, n, name, *args, text=None):
    done = fault(gateway, "kill:%d" % n, *args, text=text)
    return is_((done.returncode, done.stdout, done.stderr), (-9, "", ""),
               "%s: killed at point %d" % (name, n))


def mended(gateway, text, want, name):
    """An ordinary apply, after which the state is the wanted one and a second changes nothing."""
    done = gateway.apply(text, check=False)
    is_((done.returncode, done.stderr), (0, ""), "%s: apply" % name)
    same(gateway, want, "%s: as after an undisturbed apply" % name)
    is_(gateway.apply(text, check=False).stdout, "nothing to change\n",
        "%s: nothing is left to mend" % name)


def first_apply(t):
    gateway = t.gw100
    bare = settled(gateway)
    gateway.apply(FIRST)
    clean = settled(gateway)
    for n, done in points(gateway, "unload", "unload"):
        name = "unload, point %d" % n
        failed(done, name + ": fails")
        gateway.load("unload", check=False)
        same(gateway, bare, name + ": another one leaves nothing")
        gateway.apply(FIRST)
        kill(gateway, n, name, "unload")
        if n % 2:
            mended(gateway, FIRST, clean, name + " killed")
        else:
            gateway.load("unload", check=False)
            same(gateway, bare, name + " killed: another one leaves nothing")
            gateway.apply(FIRST)
    same(gateway, bare, "unload leaves nothing")
    for n, done in points(gateway, "first apply", "apply", "-c", "-", text=FIRST):
        name = "first apply, point %d" % n
        failed(done, name + ": fails")
        same(gateway, bare, name + ": leaves nothing")
        kill(gateway, n, name, "apply", "-c", "-", text=FIRST)
        if n % 2:
            mended(gateway, FIRST, clean, name + " killed")
        gateway.load("unload", check=False)
        if not n % 2:
            same(gateway, bare, name + " killed: unload leaves nothing")
    same(gateway, clean, "first apply: the last one succeeds")


def change(t):
    gateway = t.gw100
    gateway.apply(AFTER)
    after = settled(gateway)
    ok(t.h100.ping(t.h201.ip), "change: the moved prefix works")
    gateway.apply(BEFORE)
    before = settled(gateway)
    ok(t.h100.ping(t.h201.ip), "change: and back")
    with Stream(t.h100, t.h200.ip) as stream:
        for n, done in points(gateway, "change", "apply", "-c", "-", text=AFTER):
            name = "change, point %d" % n
            failed(done, name + ": fails")
            same(gateway, before, name + ": all is as before")
            is_(gateway.apply(BEFORE, check=False).stdout, "nothing to change\n",
                name + ": nothing is to be mended")
            kill(gateway, n, name, "apply", "-c", "-", text=AFTER)
            if n % 2:
                mended(gateway, BEFORE, before, name + " killed, back")
            else:
                mended(gateway, AFTER, after, name + " killed, on")
            ok(t.h100.ping(t.h201.ip, count=1), name + ": the moved prefix works")
            gateway.apply(BEFORE)
    nothing_lost(stream, "change: a tunnel that stays as it is lost nothing")
    same(gateway, after, "change: the last one succeeds")
    gateway.apply(BEFORE)


def routes(t):
    gateway = t.gw100
    gateway.load("route", "add", "10.60.0.0/16", "dev", "gre2")
    before = settled(gateway)
    many = "10.61.0.0/16 gre1\n10.60.0.0/16 gre1\n192.168.201.0/24 gre2\nfd61::/48 gre4\n"
    with Stream(t.h100, t.h200.ip) as stream:
        for words, text in (
                (("add", "10.70.0.0/16", "dev", "gre2"), None),
                (("replace", "10.60.0.0/16", "dev", "gre1"), None),
                (("replace", "10.21.0.0/16", "dev", "gre1"), None),
                (("replace", "fd20::/64", "dev", "gre1"), None),
                (("del", "10.60.0.0/16", "dev", "gre2"), None),
                (("load", "-"), many)):
            name = "route " + " ".join(words)
            args = ("route",) + words
            gateway.load(*args, input=text)
            after = settled(gateway)
            restore(gateway)
            same(gateway, before, name + ": all leads back")
            for n, done in points(gateway, name, *args, text=text):
                failed(done, "%s, point %d: fails" % (name, n))
                same(gateway, before, "%s, point %d: all is as before" % (name, n))
                kill(gateway, n, name, *args, text=text)
                if n % 2:
                    # Where it was all but done there is nothing to add or delete any more.
                    gateway.load(*args, check=False, input=text)
                    same(gateway, after, "%s, point %d, killed: the next one is whole" % (
                        name, n))
                    restore(gateway)
                else:
                    restore(gateway)
                    same(gateway, before, "%s, point %d, killed: all leads back" % (name, n))
            restore(gateway)
    nothing_lost(stream, "routes: what is not concerned lost nothing")


def update(t):
    """Programs of another build take over, or not at all."""
    gateway = t.gw100
    gateway.apply(FIRST, "--prune")
    meta(gateway, build=1)
    before = programs(gateway)
    with Stream(t.h100, t.h200.ip) as stream:
        for n, done in points(gateway, "update", "apply", "-c", "-", text=FIRST):
            name = "update, point %d" % n
            failed(done, name + ": fails")
            is_(programs(gateway), before, name + ": the programs from before run")
            kill(gateway, n, name, "apply", "-c", "-", text=FIRST)
            gateway.apply(FIRST)
            after = programs(gateway)
            ok(not set(after.values()) & set(before.values()), name + ", killed: all are new",
               "before %s, after %s" % (before, after))
            is_(meta(gateway, build=1)["build"] == 1, False, name + ", killed: noted as new")
            before = after
    nothing_lost(stream, "update: nothing was lost")


def any_moment(t):
    """Killed not at a point, but at any time: what no point was thought of for."""
    gateway = t.gw100
    gateway.apply(AFTER)
    after = settled(gateway)
    gateway.apply(BEFORE)
    before = settled(gateway)
    argv = [str(BUILD / "xgre-load"), "-n", gateway.name, "-i", gateway.name, "apply", "-c", "-"]
    killed = 0
    with Stream(t.h100, t.h200.ip) as stream, tempfile.TemporaryFile("w+") as file:
        file.write(AFTER)
        file.flush()
        for n in range(20):
            file.seek(0)
            wait = 0.004 * n
            with subprocess.Popen(argv, stdin=file, stdout=subprocess.DEVNULL) as process:
                time.sleep(wait)
                process.kill()
            killed += process.returncode < 0
            text, want = ((BEFORE, before), (AFTER, after))[n // 2 % 2]
            mended(gateway, text, want, "killed after %d ms" % (1000 * wait))
            gateway.apply(BEFORE)
    nothing_lost(stream, "killed at any time: a tunnel that stays as it is lost nothing")
    tap.diag("%d of 20 were killed before they had ended" % killed)


def restore(gateway):
    """By ordinary commands back to the state that routes() starts from."""
    gateway.apply(BEFORE, "--prune")
    gateway.load("route", "add", "10.60.0.0/16", "dev", "gre2")


def all_of_it():
    with Topology("native") as t:
        t.gw200.apply(OTHER)
        first_apply(t)
        ok(t.h100.ping(t.h200.ip), "traffic after the first apply")
        change(t)
        any_moment(t)
        routes(t)
        update(t)


WHY = prerequisites()
if not WHY and not FAULTS.exists():
    WHY = "%s is missing; run make check-programs first" % FAULTS
if WHY:
    tap.bail_out(WHY)
tap.run(all_of_it)
