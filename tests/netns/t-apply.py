#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
apply, route and show on a running instance: each change does that and no more,
while traffic that it does not concern goes on without a loss.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from control import Stream, config, dump, meta, nothing_lost, programs, same, settled, tunnel
from tap import is_, ok
from xgrenet import BUILD, PINS, Gateway, Process, Topology, prerequisites, wait_until

UNCHANGED = "nothing to change\n"

GRE1 = tunnel(100, "gre1", 1, addresses="[192.168.100.253/24]", sources="any",
              routes=["192.168.200.0/24"])
GRE2 = {"addresses": "[10.9.2.1/30]", "sources": "any",
        "routes": ["192.168.201.0/24", "10.20.0.0/16"]}
GRE3 = {"addresses": "[10.9.3.1/30]", "sources": "any", "routes": ["10.30.0.0/16"]}
BASE = config(GRE1, tunnel(100, "gre2", 2, **GRE2), tunnel(100, "gre3", 3, **GRE3))
# Answers to h100 come by gre1, those to h101 by gre2. Tunnel names are this side's own.
OTHER = config(
    tunnel(200, "gre1", 1, routes=["192.168.100.0/24"], addresses="[192.168.200.253/24]",
           sources="any"),
    tunnel(200, "gre2", 2, routes=["192.168.101.0/24"], addresses="[10.9.2.2/30]", sources="any"),
    tunnel(200, "gre3", 3, addresses="[10.9.3.2/30]", sources="any"))


def gre2(**options):
    """BASE with other properties of gre2."""
    return config(GRE1, tunnel(100, "gre2", options.pop("key", 2), **dict(GRE2, **options)),
                  tunnel(100, "gre3", 3, **GRE3))


def numbers(gateway):
    """Device -> index."""
    return {d["ifname"]: d["ifindex"] for d in json.loads(gateway.out("ip -j link"))}


def counters(gateway):
    """Of tunnels and routes, by name and prefix: packets both ways."""
    stat = gateway.stat()
    return {o.get("prefix", o["name"] if "name" in o else None):
            (o["rx"]["packets"], o["tx"]["packets"]) for o in stat["tunnels"] + stat["routes"]}


def kept(before, after, name, gone=()):
    """One result: no counter went back."""
    back = {k: (v, after.get(k)) for k, v in before.items() if k not in gone and (
        k not in after or after[k][0] < v[0] or after[k][1] < v[1])}
    return is_(back, {}, name)


def fields(gateway, name):
    """What ip shows of a device, and xgre-stat of its tunnel."""
    dev = json.loads(gateway.out(["ip", "-j", "addr", "show", "dev", name]))[0]
    return {"mtu": dev["mtu"], "key": gateway.tunnel(name)["key"], "addresses": sorted(
        "%s/%d" % (a["local"], a["prefixlen"]) for a in dev["addr_info"] if a["scope"] == "global")}


def first(t):
    gateway = t.gw100
    is_(gateway.apply(BASE, "--dry-run").stdout.splitlines()[-1],
        "dry run, nothing changed: 8 changes", "dry run of a first apply")
    ok(not (PINS / gateway.name).exists(), "makes nothing")
    done = gateway.apply(BASE)
    is_(done.stdout.splitlines(), ["port eth0: added", "tunnel gre1: added", "tunnel gre2: added",
                                   "tunnel gre3: added", "route 10.20.0.0/16 dev gre2: added",
                                   "route 10.30.0.0/16 dev gre3: added",
                                   "route 192.168.200.0/24 dev gre1: added",
                                   "route 192.168.201.0/24 dev gre2: added", "applied: 8 changes"],
        "the first apply says what it does")
    before = settled(gateway)
    is_(gateway.apply(BASE).stdout, UNCHANGED, "the second has nothing to do")
    is_(gateway.apply(BASE, "--dry-run").stdout, UNCHANGED, "nor has a dry run")
    same(gateway, before, "and changes nothing")
    is_(gateway.apply(gre2(mtu=1400), "--dry-run").stdout,
        "tunnel gre2: changed: mtu\ndry run, nothing changed: 1 change\n",
        "dry run of a change says what would be")
    same(gateway, before, "and changes nothing")


def changes(t):
    """One property after the other, each with what apply is to say and what is to be seen."""
    gateway = t.gw100
    unclaimed = BASE.replace("{xdp: native}", "{xdp: native, unclaimed: drop}")
    route = ["192.168.201.0/24", "10.21.0.0/16", "{to: 10.20.0.0/16, metric: 7}"]
    one = lambda what: ["tunnel gre2: changed: " + what]
    want = {"mtu": 1460, "key": 2, "addresses": ["10.9.2.1/30"]}
    for name, text, said, seen in (
            ("key", gre2(key=9), one("key"), {"key": 9}),
            ("mtu", gre2(mtu=1400), one("mtu"), {"mtu": 1400}),
            ("ttl", gre2(ttl=33), one("ttl"), {}),
            ("tos", gre2(tos=184), one("tos"), {}),
            ("address of the same subnet", gre2(addresses="[10.9.2.1/30, 10.9.2.2/30]"),
             one("addresses"), {"addresses": ["10.9.2.1/30", "10.9.2.2/30"]}),
            ("its first address gone", gre2(addresses="[10.9.2.2/30]"), one("addresses"),
             {"addresses": ["10.9.2.2/30"]}),
            ("no address", gre2(addresses="[]"), one("addresses"), {"addresses": []}),
            ("prefix length", gre2(addresses="[10.9.2.1/24]"), one("addresses"),
             {"addresses": ["10.9.2.1/24"]}),
            ("sources", gre2(sources="[10.0.0.0/8, 192.168.0.0/16]"), one("sources"), {}),
            ("fast-path", gre2(fast_path="off"), one("fast-path"), {}),
            ("routes", gre2(routes=route), ["route 10.20.0.0/16 dev gre2: changed: metric",
                                            "route 10.21.0.0/16 dev gre2: added"], {}),
            ("port option", unclaimed, ["port eth0: changed: unclaimed"], {})):
        before, devices, start = counters(gateway), numbers(gateway), settled(gateway)
        with Stream(t.h100, t.h200.ip) as stream:
            done = gateway.apply(text)
            is_(done.stdout.splitlines(),
                said + ["applied: %d change%s" % (len(said), "s"[:len(said) - 1])],
                "%s: apply says what changes" % name)
            is_(fields(gateway, "gre2"), dict(want, **seen), "%s: is so" % name)
            is_(numbers(gateway), devices, "%s: the devices are the same ones" % name)
            kept(before, counters(gateway), "%s: counters go on" % name)
            is_(gateway.apply(text).stdout, UNCHANGED, "%s: again, nothing" % name)
            back = gateway.apply(BASE)
            ok("applied" in back.stdout, "%s: back" % name)
            same(gateway, start, "%s: all is as before" % name)
        nothing_lost(stream, "%s: the other tunnel lost nothing" % name)
        kept(before, counters(gateway), "%s: counters still go on" % name)
    for host, far in ((t.h100, t.h201), (t.h101, t.h201)):
        ok(host.ping(far.ip), "in the end traffic goes by gre2 as well, %s" % host.role)


def moves(t):
    gateway = t.gw100
    start = settled(gateway)
    moved = config(tunnel(100, "gre1", 1, addresses="[192.168.100.253/24]", sources="any",
                          routes=["192.168.200.0/24", "192.168.201.0/24"]),
                   tunnel(100, "gre2", 2, **dict(GRE2, routes=["10.20.0.0/16"])),
                   tunnel(100, "gre3", 3, **GRE3))
    before = counters(gateway)
    with Stream(t.h100, t.h201.ip) as stream, Stream(t.h101, t.h200.ip) as other:
        for _ in range(5):
            gateway.apply(moved)
            stream.flows()
            gateway.apply(BASE)
            stream.flows()
    nothing_lost(stream, "a prefix moved from tunnel to tunnel: its own traffic lost nothing")
    nothing_lost(other, "a prefix moved: other traffic lost nothing")
    kept(before, counters(gateway), "a prefix moved: counters go on")
    same(gateway, start, "a prefix moved and back: all is as before")

    swapped = config(GRE1, tunnel(100, "gre2", 3, **GRE2), tunnel(100, "gre3", 2, **GRE3))
    with Stream(t.h100, t.h200.ip) as stream, Stream(t.h101, t.h201.ip) as other:
        said = gateway.apply(swapped).stdout.splitlines()
        is_(said, ["tunnel gre2: changed: key", "tunnel gre3: changed: key", "applied: 2 changes"],
            "two tunnels swap their keys")
        other.flows()
        before = gateway.tunnel("gre3")["rx"]["packets"], gateway.tunnel("gre2")["tx"]["packets"]
        other.flows()
        after = gateway.tunnel("gre3")["rx"]["packets"], gateway.tunnel("gre2")["tx"]["packets"]
        ok(after > before and after[1] > before[1], "keys swapped: traffic goes as they say")
        gateway.apply(BASE)
    nothing_lost(stream, "keys swapped: another tunnel lost nothing")
    nothing_lost(other, "keys swapped: nor did these two")
    same(gateway, start, "keys swapped and back: all is as before")

    renamed = config(GRE1, tunnel(100, "office", 2, **GRE2), tunnel(100, "gre3", 3, **GRE3))
    with Stream(t.h100, t.h200.ip) as stream:
        devices = numbers(gateway)
        gateway.apply(renamed)
        after = numbers(gateway)
        ok("gre2" not in after and "office" in after, "a renamed tunnel has a new device", after)
        is_([after[n] for n in ("gre1", "gre3")], [devices[n] for n in ("gre1", "gre3")],
            "renamed: the others keep theirs")
        is_(gateway.apply(renamed).stdout, UNCHANGED, "renamed: again, nothing")
        ok(t.h101.ping(t.h201.ip), "renamed: traffic goes through it")
        gateway.apply(BASE)
    nothing_lost(stream, "renamed: another tunnel lost nothing")
    same(gateway, start, "renamed and back: all is as before")


def routes(t):
    gateway = t.gw100
    start = settled(gateway)

    def route(*words, status=0, says="", **options):
        done = gateway.load("route", *words, check=False, **options)
        lines = done.stderr.splitlines()
        return ok(done.returncode == status and len(lines) == (1 if status else 0) and
                  says in done.stderr, "route %s: exit status %d%s" % (
                      " ".join(str(w) for w in words), status, ", " + says if says else ""),
                  "exit %d\n%s%s" % (done.returncode, done.stdout, done.stderr))

    for words, status, says in (
            (("add", "10.20.0.0/16", "dev", "gre3"), 1, "route 10.20.0.0/16 exists, dev gre2"),
            (("del", "10.99.0.0/16", "dev", "gre2"), 1, "does not exist"),
            (("del", "10.20.0.0/16", "dev", "gre3"), 1, "is dev gre2, not gre3"),
            (("add", "10.99.0.0/16", "dev", "gre9"), 1, "gre9 does not run"),
            (("add", "10.99.0.0", "dev", "gre2"), 2, "no prefix"),
            (("add", "10.99.0.1/16", "dev", "gre2"), 2, "10.99.0.0/16 is meant"),
            (("add", "10.99.0.0/33", "dev", "gre2"), 2, "no prefix"),
            (("add", "10.99.0.0/16", "gre2"), 2, "route wants"),
            (("add", "10.99.0.0/16", "via", "gre2"), 2, "route wants"),
            (("change", "10.99.0.0/16", "dev", "gre2"), 2, "route wants"),
            (("load",), 2, "route wants"), ((), 2, "route wants"),
            (("load", "/nonexistent/file"), 1, "/nonexistent/file")):
        route(*words, status=status, says=says)
    for text, status, says in (("10.98.0.0/16 gre2\nnonsense gre2\n", 2, "-:2:1:"),
                               ("10.98.0.0/16 gre2\n10.97.0.0/16\n", 2, "-:2:"),
                               ("10.98.0.0/16 gre2\n10.97.0.0/16 gre9\n", 1, "-:2:")):
        route("load", "-", status=status, says=says, input=text)
    same(gateway, start, "none of these has changed anything")

    with Stream(t.h100, t.h200.ip) as stream:
        route("add", "10.50.0.0/16", "dev", "gre2")
        route("replace", "10.50.0.0/16", "dev", "gre3")
        route("replace", "10.51.0.0/16", "dev", "gre3")
        route("add", "fd50::/32", "dev", "gre3")
        with tempfile.NamedTemporaryFile("w", suffix=".routes") as file:
            file.write("# comment\n10.52.0.0/16 gre2\n\nfd52::/48\tgre2 # more\n")
            file.flush()
            route("load", file.name)
        have = {r["prefix"]: r["tunnel"] for r in gateway.stat("routes")["routes"]}
        is_({p: d for p, d in have.items() if ".5" in p or p[:2] == "fd"},
            {"10.50.0.0/16": "gre3", "10.51.0.0/16": "gre3", "10.52.0.0/16": "gre2",
             "fd50::/32": "gre3", "fd52::/48": "gre2"}, "runtime routes are where they should be")
        running = settled(gateway)
        is_(gateway.apply(BASE).stdout, UNCHANGED, "apply leaves runtime routes alone")
        show = gateway.load("show").stdout
        is_(show.count("# runtime"), 5, "show marks them")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(show)
            file.flush()
            done = gateway.load("check", "-c", file.name)
            ok("no errors; 1 ports, 3 tunnels, 9 routes" in done.stdout, "show | check",
               done.stdout)
        gateway.apply(gre2(mtu=1400))
        gateway.apply(BASE)
        same(gateway, running, "they survive changes of their tunnel")
        gateway.apply(config(GRE1, tunnel(100, "gre2", 2, **GRE2)))
        have = [r["prefix"] for r in gateway.stat("routes")["routes"]]
        is_(sorted(p for p in have if ".5" in p or p[:2] == "fd"), ["10.52.0.0/16", "fd52::/48"],
            "those of a tunnel that goes, go with it")
        gateway.apply(BASE)
        route("del", "10.52.0.0/16", "dev", "gre2")
        is_(gateway.apply(BASE, "--prune").stdout.splitlines(),
            ["route fd52::/48 dev gre2: removed", "applied: 1 change"],
            "apply --prune removes them")
        same(gateway, start, "and all is as before")
        route("del", "10.20.0.0/16", "dev", "gre2")
        is_(gateway.apply(BASE).stdout.splitlines(), ["route 10.20.0.0/16 dev gre2: added",
                                                      "applied: 1 change"],
            "apply puts a deleted route of the file back")
        route("replace", "10.20.0.0/16", "dev", "gre3")
        is_(gateway.apply(BASE).stdout.splitlines(),
            ["route 10.20.0.0/16 dev gre2: changed: tunnel origin", "applied: 1 change"],
            "and one that was replaced")
        same(gateway, start, "as it was")
    nothing_lost(stream, "route: what is not concerned lost nothing")


def update(t):
    gateway = t.gw100
    before = programs(gateway)
    is_(sorted({n.split()[-1] for n in before}), ["tc", "xdp"], "programs are on the hooks")
    count = counters(gateway)
    with Stream(t.h100, t.h200.ip) as stream, Stream(t.h101, t.h201.ip) as other:
        for _ in range(3):
            meta(gateway, build=1)
            gateway.apply(BASE)
            stream.flows()
            other.flows()
    nothing_lost(stream, "programs replaced in place: nothing was lost")
    nothing_lost(other, "programs replaced in place: nothing was lost by gre2")
    after = programs(gateway)
    is_(sorted(after), sorted(before), "the same hooks have programs")
    is_(set(after.values()) & set(before.values()), set(), "all of them are new ones")
    is_(gateway.apply(BASE).stdout, UNCHANGED, "and then nothing is left to do")
    kept(count, counters(gateway), "counters go on")


def together(t):
    """Many at a time: one after the other, and none sees another's half."""
    gateway = t.gw100
    texts = [gre2(key=key, mtu=1300 + key) for key in range(10, 18)]
    with Stream(t.h100, t.h200.ip) as stream:
        runs = []
        for text in texts:
            with tempfile.TemporaryFile("w+") as file:
                file.write(text)
                file.seek(0)
                runs.append(Process([BUILD / "xgre-load", "-n", gateway.name, "-i", gateway.name,
                                     "apply", "-c", "-"], stdin=file, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE))
        for run in runs:
            out, err = run.communicate(timeout=30)
            is_((run.returncode, err), (0, ""), "one of many applies at a time")
            is_(out, "tunnel gre2: changed: key mtu\napplied: 1 change\n", "changes what it should")
    have = fields(gateway, "gre2")
    is_(have["mtu"] - have["key"], 1300, "the last one's state is whole")
    is_(gateway.apply(texts[have["key"] - 10]).stdout, UNCHANGED, "in all its parts")
    is_(sum(1 for e in dump(gateway, "endpoints") if e["value"]["tunnel"]), 3,
        "nothing is left over")
    gateway.apply(BASE)
    nothing_lost(stream, "many applies at a time: the other tunnel lost nothing")


def netns_gone(t):
    """The namespace goes with the instance pinned, and one of the same name comes."""
    gateway = Gateway(t.prefix, "gw300")
    name = gateway.name
    text = config(tunnel(100, "gre1", 1, routes=["192.168.200.0/24"]), port="{xdp: off}")
    try:
        for turn in range(3):
            subprocess.run(["ip", "netns", "add", name], check=True)
            gateway.run("ip link add eth0 type veth peer name far; ip link set far up; "
                        "ip link set eth0 up; ip addr add 192.168.100.254/24 dev eth0; "
                        "ip route add default via 192.168.100.1")
            done = gateway.apply(text)
            is_("is gone" in done.stdout, turn > 0,
                "a namespace of the same name, %d: noticed" % turn)
            # the kernel itself sends a few packets into a new device
            ok(gateway.tunnel()["tx"]["packets"] < 20, "counters start afresh")
            gateway.run("ping -q -c 30 -i 0.01 -W 0.1 192.168.200.1", check=False)
            is_(gateway.apply(text).stdout, UNCHANGED, "and it runs")
            subprocess.run(["ip", "netns", "del", name], check=True)
            wait_until(lambda: not os.path.exists(gateway.path))
        done = subprocess.run([BUILD / "xgre-load", "-i", name, "unload"], capture_output=True,
                              text=True, check=False)
        is_((done.returncode, done.stderr), (0, ""),
            "unload of an instance whose namespace is gone")
        ok(not (PINS / name).exists(), "leaves nothing")
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run([BUILD / "xgre-load", "-i", name, "unload"], capture_output=True,
                       check=False)


def all_of_it():
    with Topology("native") as t:
        bare = settled(t.gw100)
        t.gw200.apply(OTHER)
        for part in (first, changes, moves, routes, update, together, netns_gone):
            part(t)
        is_(t.gw100.drops().keys() - {"no-tunnel", "no-route"}, set(), "nothing was dropped")
        ok(re.search("unloaded", t.gw100.load("unload").stdout), "unload")
        same(t.gw100, bare, "leaves nothing")


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
tap.run(all_of_it)
