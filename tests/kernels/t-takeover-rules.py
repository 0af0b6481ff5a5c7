#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 900
"""
What holds for a tunnel on a GRE device of the kernel's beside that it loses nothing: it
is refused where it differs, nothing of the operator's is touched, what is ours goes again.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "netns/lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
# pylint: disable=wrong-import-position
import tap
from control import fault
from kernelgre import LIMIT, UNCHANGED, accelerated, device, fast, imported, make, settings
from tap import is_, ok
from xgrenet import PINS, PUBLIC, Topology, prerequisites, wait_until


def refused(gateway, text, name, *says):
    """One line for each difference, and nothing is changed."""
    before = device(gateway), settings(gateway)
    done = gateway.apply(text, check=False)
    lines = done.stderr.splitlines()
    ok(done.returncode == 1 and len(lines) == len(says) and
       all(word in line for word, line in zip(says, lines)), "refused: " + name, done.stderr)
    is_((device(gateway), settings(gateway)), before, "and nothing is changed: " + name)
    ok(not (PINS / gateway.name).exists(), "and nothing is left: " + name)


def differences(t, text):
    gateway = t.gw100
    for name, option, says in (
            ("remote", ("remote: 129.150.103.57", "remote: 203.0.113.9"), "remote is 129.150.103.57"),
            ("key", ("key: 1", "key: 2"), "input key is 1 there, and 2 here"),
            ("ttl", ("    mtu:", "    ttl: 9\n    mtu:"), "ttl is 64 there, and 9 here"),
            ("tos", ("tos: 0x00", "tos: inherit"), "tos is 0 there, and inherit here"),
            ("pmtudisc", ("    mtu:", "    pmtudisc: false\n    mtu:"), "pmtudisc: true there"),
            ("mtu", ("mtu: 1400", "mtu: 1300"), "mtu is 1400 there, and 1300 here")):
        assert option[0] in text, (option, text)
        says = (says,) if name != "key" else (says, "output key is 1 there, and 2 here")
        refused(gateway, text.replace(*option), name, *says)
    refused(gateway, text.replace("  gre1:", "  gre9:"), "no device", "the kernel has no device")
    refused(gateway, text.replace("    device: kernel\n", ""), "without device: kernel",
            "take it over with device: kernel")
    gateway.run("ip link set gre1 down")
    refused(gateway, text, "device down", "is down")
    gateway.run("ip link del gre1; ip link add gre1 type gre local 192.168.100.254 remote "
                "129.150.103.57 key 1 ttl 64 csum seq && ip link set gre1 mtu 1400 up")
    refused(gateway, text, "checksums and sequence numbers", "has checksums on (csum)",
            "has sequence numbers on (seq)")
    gateway.run("ip link del gre1; ip link add gre1 type dummy && ip link set gre1 up")
    refused(gateway, text, "another kind", "of kind dummy")
    gateway.run("ip link del gre1")
    make(gateway, "gre")


def ours_and_theirs(t, text):
    """Addresses and routes that the device has not are ours, and go with the tunnel."""
    gateway = t.gw100
    before = device(gateway), settings(gateway)
    more = text.replace("      - 10.9.0.1/24\n", "      - 10.9.0.1/24\n      - 10.9.9.1/24\n")
    more = more.replace("    routes:\n", "    routes:\n      - to: 10.77.0.0/16\n")
    gateway.apply(more)
    ok("10.77.0.0/16 dev gre1 proto 147" in gateway.out("ip route") and
       "10.9.9.1/24" in gateway.out("ip addr show dev gre1"), "what the device has not is added")
    ok("192.168.200.0/24 via 10.9.0.2 dev gre1 \n" in gateway.out("ip route"),
       "a route that it has stays the operator's", gateway.out("ip route"))
    is_(gateway.apply(more).stdout, UNCHANGED, "and again there is nothing to do")
    gateway.run("ip route del 192.168.200.0/24 via 10.9.0.2 dev gre1")
    ok(wait_until(lambda: "Unreachable" in t.h100.ping(t.h200.ip, 1).text, LIMIT),
       "without its route packets are answered, and leave by no other")
    is_(t.leaked(), 0, "and none leaks")
    done = gateway.apply(more)
    ok("route 192.168.200.0/24 dev gre1: mended" in done.stdout, "apply puts a route back")
    ok(wait_until(lambda: t.h100.ping(t.h200.ip), LIMIT), "which carries traffic")
    gateway.apply(text)
    ok("10.77.0.0/16" not in gateway.out("ip route") and
       "10.9.9.1" not in gateway.out("ip addr show dev gre1"), "what is ours goes by apply")
    gateway.apply(more)
    gateway.load("route", "add", "10.78.0.0/16", "dev", "gre1")
    ok("10.78.0.0/16 dev gre1 proto 147" in gateway.out("ip route"), "a route at run time")
    gateway.apply("version: 1\nports: {eth0: {xdp: off}}\n")
    ok("proto 147" not in gateway.out("ip route; ip -6 route") and
       "10.9.9.1" not in gateway.out("ip addr show dev gre1"), "and with the tunnel, all of it",
       gateway.out("ip route; ip -6 route; ip addr show dev gre1"))
    gateway.apply(more)
    gateway.load("unload")
    gateway.run("ip route add 192.168.200.0/24 via 10.9.0.2 dev gre1 2>/dev/null; true")
    is_((device(gateway), settings(gateway)), before, "and by unload")


def removed_and_made(t, text):
    """The operator's device is the operator's to remove."""
    gateway = t.gw100
    gateway.apply(text)
    gateway.run("ip link del gre1")
    done = gateway.apply(text, check=False)
    ok(done.returncode == 1 and "the kernel has no device" in done.stderr, "a device that is gone",
       done.stderr)
    is_(t.leaked(), 0, "nothing leaks while it is gone")
    ok("gre1" in gateway.load("show").stdout, "the tunnel is still configured")
    make(gateway, "gre")
    done = gateway.apply(text)
    ok("tunnel gre1: mended" in done.stdout, "made anew it is taken over again", done.stdout)
    before = fast(gateway)
    ok(wait_until(lambda: t.h100.ping(t.h200.ip, 5) and fast(gateway)[1] > before[1], LIMIT, 0.3),
       "and is fast", gateway.stat())
    gateway.run("ip link del gre1")
    gateway.apply("version: 1\nports: {eth0: {xdp: off}}\n")
    is_(gateway.stat("tunnels")["tunnels"], [], "a tunnel goes without its device as well")
    gateway.load("unload")
    make(gateway, "gre")


def counters(t, text):
    """The device's own counters, and those of the fast path."""
    gateway = t.gw100
    gateway.apply(text.replace("    routes:\n", "    fast-path: off\n    routes:\n"))
    before = gateway.tunnel()
    ok(t.h100.ping(t.h200.ip, 5), "off the fast path")
    have = gateway.tunnel()
    ok(have["rx"]["packets"] >= before["rx"]["packets"] + 5 and
       have["tx"]["packets"] >= before["tx"]["packets"] + 5 and have["fast"] == before["fast"],
       "the device's packets are the tunnel's", (before, have))
    is_(gateway.tunnel()["mtu"], 1400, "the MTU is the device's")
    ok(gateway.run("ping -n -c3 -i0.1 10.9.0.2", check=False).returncode == 0,
       "the machine's own packets go by the device")
    gateway.load("unload")


def large(t, text):
    """The device's MTU, and fragments: both are the kernel's."""
    gateway = t.gw100
    gateway.apply(text)
    ok(wait_until(lambda: t.h100.ping(t.h200.ip, 5), LIMIT), "traffic")
    ping = t.h100.ping(t.h200.ip, 3, total=1500, df=True)
    ok(not ping.received and ping.mtu == 1400, "what does not fit is answered with its MTU", ping)
    t.h100.forget()
    ok(wait_until(lambda: t.h100.ping(t.h200.ip, 3, total=1500), LIMIT),
       "or goes in inner fragments")
    gateway.run("ip link set gre1 mtu 1300")
    ok(wait_until(lambda: t.h100.ping(t.h200.ip, 2, total=1350, df=True).mtu == 1300, LIMIT),
       "an MTU that is lowered is followed")
    gateway.run("ip link set gre1 mtu 1400")
    t.h100.forget()
    t.gw200.run("ip link change gre1 type gre local 192.168.200.254 remote %s key 1 ttl 64 "
                "nopmtudisc" % PUBLIC[100])
    t.net.run("ip route add 192.168.100.254 dev lan100 mtu lock 1280")
    ok(wait_until(lambda: t.h200.ping(t.h100.ip, 3, total=1390), LIMIT),
       "outer packets in fragments are put together")
    t.net.run("ip route del 192.168.100.254 dev lan100")
    gateway.load("unload")


def killed(t, text):
    """apply, failing and killed at each of its steps: the next one, and unload, put it right."""
    gateway = t.gw100
    more = text.replace("    routes:\n", "    routes:\n      - to: 10.77.0.0/16\n")
    before = device(gateway), settings(gateway)
    step, left = 0, {"fail": [], "kill": []}
    while step < 100:
        step += 1
        done = fault(gateway, "fail:%d" % step, "apply", "-c", "-", text=more)
        if done.returncode == 0:
            gateway.load("unload")
            break
        if (device(gateway), settings(gateway)) != before:
            left["fail"].append(step)
        fault(gateway, "kill:%d" % step, "apply", "-c", "-", text=more)
        if not step % 2:
            gateway.apply(more)
        gateway.load("unload")
        if (device(gateway), settings(gateway)) != before:
            left["kill"].append(step)
    ok(10 < step < 100, "apply has %d steps" % (step - 1))
    is_(left, {"fail": [], "kill": []}, "failed or killed at each, nothing is left")


def rules():
    with Topology("tc") as t:
        for each in t.gateways:
            make(each, "gre")
        ok(wait_until(lambda: t.h100.ping(t.h200.ip), LIMIT), "the kernel's own tunnel works")
        text, _ = imported(t.gw100, "tc")
        for part in (differences, ours_and_theirs, removed_and_made, counters, large, killed):
            part(t, text)


if __name__ == "__main__":
    missing = prerequisites()
    if missing:
        tap.bail_out(missing)
    tap.run(rules)
