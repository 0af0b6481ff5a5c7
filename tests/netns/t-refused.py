#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
What xgre-load refuses, or does without: one message that names place, cause and
remedy, the right exit status, and nothing changed.
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from control import Stream, config, meta, nothing_lost, same, settled, tunnel, view
from tap import is_, ok
from xgrenet import BUILD, PINS, Topology, prerequisites

LOAD, STAT = str(BUILD / "xgre-load"), str(BUILD / "xgre-stat")
GRE1 = {"addresses": "[192.168.100.253/24]", "routes": ["192.168.200.0/24"]}
BASE = config(tunnel(100, "gre1", 1, **GRE1))
FOREIGN = """
__attribute__((section("xdp.frags"), used)) int foreign(void *ctx) { return 2; }
char _license[] __attribute__((section("license"), used)) = "GPL";
"""


def run(*argv, **options):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False,
                          timeout=30, **options)


def refused(done, says, name, status=1):
    """One result: the exit status, and a single line on stderr that has all of these words."""
    lines = done.stderr.splitlines()
    return ok(done.returncode == status and len(lines) == 1 and all(w in lines[0] for w in says),
              name, "exit %d, wanted %d and %s\n%s%s" % (done.returncode, status, says, done.stdout,
                                                         done.stderr))


def who_and_where(t):
    """Namespaces, instances, users."""
    gateway = t.gw100
    name, text = gateway.name, BASE
    apply = ("apply", "-c", "-")
    before = settled(gateway)
    for netns in (name, gateway.path):
        done = run(LOAD, "-n", netns, "-i", name, *apply, input=text)
        is_((done.returncode, done.stdout), (0, "nothing to change\n"), "-n %s" % netns)
        is_(run(STAT, "-n", netns, "-i", name, "-j").returncode, 0, "xgre-stat -n %s" % netns)
    refused(run(LOAD, "-n", "nosuch", *apply, input=text), ["nosuch", "ip netns list"], "-n nosuch")
    refused(run(LOAD, "-n", "/nosuch/ns", *apply, input=text), ["/nosuch/ns"], "-n /nosuch/ns")
    refused(run(LOAD, "-n", "/proc/self/ns/uts", *apply, input=text), ["not a network namespace"],
            "-n with a namespace of another type")
    for words in (apply, ("show",), ("unload",), ("route", "add", "10.0.0.0/8", "dev", "gre1")):
        refused(run("ip", "netns", "exec", name, LOAD, "-i", name, *words, input=text),
                ["ip netns exec", "-n " + name], "%s under ip netns exec" % words[0])
    refused(run("ip", "netns", "exec", name, STAT, "-i", name), ["ip netns exec", "-n " + name],
            "xgre-stat under ip netns exec")
    for words in (apply, ("unload",), ("route", "add", "10.0.0.0/8", "dev", "gre1")):
        refused(run(LOAD, "-n", t.gw200.name, "-i", name, *words, input=text),
                ["another network namespace", "-n"], "%s in another namespace" % words[0])
    for instance in ("a.b", "", "x" * 41, "../x", "a b", "a/b"):
        refused(run(LOAD, "-i", instance, *apply, input=text), ["is no instance"],
                "-i '%s'" % instance, status=2)
    for words in (("show",), ("route", "add", "10.0.0.0/8", "dev", "gre1")):
        refused(run(LOAD, "-n", name, "-i", "nosuch-" + t.prefix, *words), ["no instance", "apply"],
                "%s of an instance that does not run" % words[0])
    done = run(LOAD, "-n", name, "-i", "nosuch-" + t.prefix, "unload")
    is_((done.returncode, done.stderr), (0, ""), "unload of an instance that does not run")

    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    with tempfile.TemporaryDirectory() as folder:  # the build may be in a place of root's
        os.chmod(folder, 0o755)
        load, stat = folder + "/xgre-load", folder + "/xgre-stat"
        run("cp", LOAD, STAT, folder)
        done = run(*nobody, load, "check", "-c", "-", input=text)
        is_((done.returncode, done.stderr), (0, ""), "check needs no privilege")
        for words in (apply, ("show",), ("unload",), ("route", "add", "10.0.0.0/8", "dev", "gre1")):
            refused(run(*nobody, load, "-i", name, *words, input=text), ["root"],
                    "%s by nobody" % words[0])
        refused(run(*nobody, load, "-n", name, "-i", name, *apply, input=text), ["root"],
                "-n by nobody")
        refused(run(*nobody, stat, "-i", name), ["root"], "xgre-stat by nobody")
    same(gateway, before, "none of these has changed anything")


def usage(t):
    for words, says in ((("frob",), ["frob"]), (("apply", "-x"), ["-x"]), (("show", "x"), ["'x'"]),
                        (("show", "--prune"), ["--prune"]), (("apply", "-c"), ["-c"]),
                        (("route", "--dry-run", "add"), ["--dry-run"])):
        refused(run(LOAD, "-i", t.gw100.name, *words), says, "usage: " + " ".join(words), status=2)
    is_(run(LOAD).returncode, 2, "usage: no command")
    refused(run(LOAD, "apply", "-c", "/nosuch.yaml"), ["/nosuch.yaml"], "a file that is not there",
            status=2)
    text = BASE.replace("key: 1", "key: x").replace("mtu: 1460", "mtu: 1")
    done = t.gw100.apply(text, check=False)
    is_((done.returncode, [line.split(" ")[0] for line in done.stderr.splitlines()]),
        (2, ["-:8:10:", "-:9:10:"]), "all errors of a file in one run, with their places")


def hosts(t):
    """What the host has, or has not."""
    gateway = t.gw100
    before = settled(gateway)

    def apply(text, says, name, place="", status=1):
        done = gateway.apply(text, check=False)
        refused(done, ([place] if place else []) + says, name, status)
        same(gateway, before, name + ": nothing changed")

    with Stream(t.h100, t.h200.ip) as stream:
        apply(BASE.replace("  eth0: {xdp: native}", "  eth0: {xdp: native}\n  eth7: {}"),
              ["port eth7", "no such device", "ip link"], "a port without a device", "-:4:")
        apply(BASE.replace("  eth0: {xdp: native}", "  eth0: {xdp: native}\n  lo: {xdp: off}"),
              ["port lo", "Ethernet"], "a port that is no Ethernet device", "-:4:")
        apply(BASE.replace("local: 192.168.100.254", "local: 192.168.100.77"),
              ["gre1", "192.168.100.77", "ports"], "local on no port", "-:6:")
        gateway.run("ip link add office type veth peer name office-far")
        before = settled(gateway)
        apply(config(tunnel(100, "gre1", 1, **GRE1), tunnel(100, "office", 2)),
              ["tunnel office", "not this instance's"], "somebody else's device of that name", "-:")
        apply(config(tunnel(100, "gre1", 1, **GRE1), tunnel(100, "eth0", 2)),
              ["eth0 is the name of a port"], "a tunnel with the name of the port", "-:12:", 2)
        gateway.run("ip link del office")
        gateway.run("ip route add 10.66.0.0/16 via 192.168.100.1; "
                    "ip -6 route add fd66::/32 via fd00:100::1")
        before = settled(gateway)
        for prefix in ("10.66.0.0/16", "fd66::/32"):
            more = dict(GRE1, routes=["192.168.200.0/24", prefix])
            apply(config(tunnel(100, "gre1", 1, **more)), [prefix, "metric", "ip route show"],
                  "a kernel route %s of somebody else's" % prefix, "-:")
            done = gateway.load("route", "add", prefix, "dev", "gre1", check=False)
            refused(done, [prefix, "metric"], "route add %s: the same" % prefix)
            same(gateway, before, "route add %s: nothing changed" % prefix)
            more = dict(GRE1, routes=["192.168.200.0/24", "{to: '%s', metric: 77}" % prefix])
            is_(gateway.apply(config(tunnel(100, "gre1", 1, **more))).returncode, 0,
                "%s with a metric of its own is fine" % prefix)
            gateway.apply(BASE)
            same(gateway, before, "and goes again, while the other stays")
        gateway.run("ip route del 10.66.0.0/16; ip -6 route del fd66::/32; ethtool -K eth0 gro on")
        before = settled(gateway)
        apply(BASE.replace("xdp: native", "xdp: skb"), ["port eth0", "gro off"],
              "generic XDP while GRO is on", "-:3:")
        gateway.run("ethtool -K eth0 gro off")
    nothing_lost(stream, "what ran has lost nothing over all this")


def foreign_xdp(t):
    """Somebody else's XDP program on the port."""
    gateway = t.gw100
    gateway.load("unload")
    pin = "/sys/fs/bpf/%s-foreign" % t.prefix
    with tempfile.TemporaryDirectory() as folder:
        made = run("clang", "-target", "bpf", "-O2", "-c", "-x", "c", "-", "-o",
                   folder + "/foreign.o", input=FOREIGN)
        done = run("bpftool", "prog", "load", folder + "/foreign.o", pin)
        if not ok(done.returncode == 0, "a foreign XDP program", made.stderr + done.stderr):
            return
    try:
        gateway.run(["bpftool", "net", "attach", "xdpdrv", "pinned", pin, "dev", "eth0"])
        before = settled(gateway)
        refused(gateway.apply(BASE, check=False),
                ["-:3:", "port eth0", "another XDP program", "xdp off"], "xdp: native beside it")
        same(gateway, before, "changes nothing")
        done = gateway.apply(BASE.replace("native", "auto"))
        ok("note: port eth0: TC instead of XDP: another XDP program" in done.stdout,
           "xdp: auto takes TC, and says so", done.stdout)
        is_(gateway.stat("ports")["ports"], [{"name": "eth0", "mode": "tc"}], "and it is so")
        ok(t.h100.ping(t.h200.ip), "which works")
        is_(gateway.apply(BASE.replace("native", "auto")).stdout.splitlines()[-1],
            "nothing to change", "again, nothing")
        gateway.load("unload")
        same(gateway, before, "unload leaves it alone")
        gateway.apply(BASE.replace("native", "auto"))
        gateway.run(["bpftool", "net", "detach", "xdpdrv", "dev", "eth0"])
        gateway.apply(BASE)
        is_(gateway.stat("ports")["ports"], [{"name": "eth0", "mode": "native"}],
            "with it gone, native")
        gateway.load("unload")
        gateway.apply(BASE.replace("native", "auto"))
        is_(gateway.stat("ports")["ports"], [{"name": "eth0", "mode": "native"}], "as auto is")
    finally:
        os.unlink(pin)


def dispatcher(t):
    """dispatcher: on, whether or not this kernel and libxdp can have one."""
    gateway = t.gw100
    gateway.load("unload")
    before = settled(gateway)
    text = BASE.replace("native", "native, dispatcher: on")
    done = gateway.apply(text)
    with_one = "xdp_dispatcher" in gateway.out("bpftool net")
    ok(with_one or "note: port eth0: attached without a dispatcher: " in done.stdout,
       "dispatcher: on: there is one, or a note why not", done.stdout)
    is_(gateway.stat("ports")["ports"], [{"name": "eth0", "mode": "native"}],
        "dispatcher: on: native in any case")
    ok(t.h100.ping(t.h200.ip), "dispatcher: on: traffic flows")
    is_(gateway.apply(text).stdout.splitlines()[-1], "nothing to change", "dispatcher: on: again")
    ok("dispatcher: on" in gateway.load("show").stdout, "dispatcher: on: is shown")
    done = gateway.apply(BASE)
    ok("port eth0: changed: dispatcher" in done.stdout, "dispatcher: auto again: a change",
       done.stdout)
    gateway.load("unload")
    same(gateway, before, "dispatcher: on: unload leaves nothing")


def abi(t):
    """Maps of another version of the tools."""
    gateway = t.gw100
    gateway.apply(BASE)
    before = settled(gateway)
    now = meta(gateway, abi=99)["abi"]
    for words in (("apply", "-c", "-"), ("show",), ("route", "add", "10.0.0.0/8", "dev", "gre1")):
        refused(gateway.load(*words, check=False, input=BASE),
                ["another version", "unload", gateway.name], "another ABI: %s" % words[0])
    refused(run(STAT, "-n", gateway.name, "-i", gateway.name), ["another version"],
            "another ABI: xgre-stat")
    meta(gateway, abi=now)
    same(gateway, before, "another ABI: nothing changed")
    ok(t.h100.ping(t.h200.ip), "another ABI: traffic goes on")
    meta(gateway, abi=99)
    done = gateway.load("unload", check=False)
    is_((done.returncode, done.stderr), (0, ""), "another ABI: unload works")
    after = settled(gateway)
    is_([n for n, d in after["devices"].items() if d.get("filters") or d["xdp"]], [],
        "another ABI: no program is left")
    is_(sorted(after["devices"]), ["eth0", "lo"], "another ABI: nor a device")
    ok(not any("147" in r for r in after["IPv4 routes"] + after["IPv6 routes"]) and
       not after["pins"], "another ABI: nor a route, nor a pin", after)
    is_(gateway.apply(BASE).returncode, 0, "another ABI: and apply starts afresh")
    ok(t.h100.ping(t.h200.ip), "another ABI: which works")


def lost_pins(t):
    """Somebody removed the pins by hand: apply and unload find what is left."""
    gateway = t.gw100
    for command in ("apply", "unload"):
        gateway.apply(config(tunnel(100, "gre1", 1, **GRE1), tunnel(100, "gre2", 2)))
        run("rm", "-rf", PINS / gateway.name)
        if command == "apply":
            gateway.apply(BASE)
            is_(sorted(view(gateway)["maps"]["tunnels"]), ["gre1"], "lost pins: apply runs again")
            ok("gre2" not in view(gateway)["devices"],
               "lost pins: and removes what it does not want")
            ok(t.h100.ping(t.h200.ip), "lost pins: traffic flows")
        else:
            gateway.load("unload")
            is_(sorted(view(gateway)["devices"]), ["eth0", "lo"],
                "lost pins: unload removes devices")


def all_of_it():
    with Topology("native") as t:
        t.apply()
        t.gw100.apply(BASE)
        for part in (who_and_where, usage, hosts, foreign_xdp, dispatcher, abi, lost_pins):
            part(t)


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
tap.run(all_of_it)
