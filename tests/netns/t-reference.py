#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
The reference deployment, in each mode: what must cross it does, the kernel's
view of it is whole, the tools keep their word, and unload leaves nothing.
"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from tap import is_, ok
from xgrenet import FAR, MODES, PINS, PUBLIC, PYTHON, Topology, prerequisites, wait_until

# What xgre-stat -j prints: a type, or a list or dictionary of such.
COUNTER = {"packets": int, "bytes": int}
KEY = (int, type(None))
SHAPE = {
    "instance": str,
    "ports": [{"name": str, "mode": str}],
    "tunnels": [{"name": str, "local": str, "remote": str, "key": KEY,
                 "keys": {"input": KEY, "output": KEY}, "mtu": int, "path_mtu": KEY,
                 "state": (str, type(None)),
                 "rx": COUNTER, "tx": COUNTER,
                 "fast": {"rx": int, "tx": int}}],
    "routes": [{"prefix": str, "tunnel": str, "rx": COUNTER, "tx": COUNTER}],
    "drops": [{"reason": str, "packets": int}],
    "punts": [{"reason": str, "packets": int}],
    "daemon": {"running": bool, "counters": [{"counter": str, "packets": int}]},
}

# Answers each datagram with its length and digest, so that both ends know it was whole.
UDP_SERVER = """
import hashlib, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 4000))
s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER, IP_PMTUDISC_DONT: DF is clear
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(65535)
    s.sendto(hashlib.sha256(data).digest() + data, peer)
"""
UDP_CLIENT = """
import hashlib, os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 0)
s.settimeout(3)
good = 0
for _ in range(20):
    data = os.urandom(4000)
    s.sendto(data, (sys.argv[1], 4000))
    try:
        good += s.recv(65535) == hashlib.sha256(data).digest() + data
    except TimeoutError:
        pass
print(good)
"""


def mismatches(shape, value, where="$"):
    """Where value departs from shape, as texts."""
    if isinstance(shape, dict):
        if not isinstance(value, dict) or set(value) != set(shape):
            return ["%s: %s" % (where, sorted(value) if isinstance(value, dict) else value)]
        return [m for k in shape for m in mismatches(shape[k], value[k], "%s.%s" % (where, k))]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return ["%s: not an array" % where]
        return [m for i, v in enumerate(value)
                for m in mismatches(shape[0], v, "%s[%d]" % (where, i))]
    good = isinstance(value, shape) and isinstance(value, bool) == (shape is bool)
    return [] if good else ["%s: %r" % (where, value)]


def snapshot(gateway):
    """The kernel's state that apply may change and unload must put back."""
    state = {cmd: gateway.out(cmd) for cmd in (
        "ip -d link", "ip addr", "ip route show table all", "ip -6 route show table all",
        "ip rule", "tc qdisc", "tc filter show dev eth0 ingress", "nft list ruleset",
        "sysctl -a --pattern '^net.ipv[46].conf.(all|default|eth0)'")}
    # Lifetimes and counters go on without us.
    for cmd, text in state.items():
        text = re.sub(r"expires \d+sec", "", text)
        text = re.sub(r"counter packets \d+ bytes \d+", "counter", text)
        state[cmd] = text
    state["pins"] = sorted(p.name for p in PINS.glob(gateway.name + "*")) if PINS.exists() else []
    return state


def check_pings(t):
    for near, far, end in (((t.h100, t.h101), (t.h200, t.h201), t.gw200),
                           ((t.h200, t.h201), (t.h100, t.h101), t.gw100)):
        for host in near:
            for address in [f.ip for f in far] + [end.overlay]:
                ping = host.ping(address)
                ok(ping, "%s: ping %s to %s" % (t.mode, host.role, address), str(ping))
    for gateway, far in ((t.gw100, t.gw200), (t.gw200, t.gw100)):
        ping = gateway.ping(far.overlay)
        ok(ping, "%s: ping %s to the overlay address of %s" % (
            t.mode, gateway.role, far.role), str(ping))


def check_tcp(t, client, server):
    name = "%s: TCP %s to %s" % (t.mode, client.role, server.role)
    with server.start("exec iperf3 -s -1"):
        wait_until(lambda: server.out("ss -Hltn sport = :5201"))
        done = client.run(["timeout", 15, "iperf3", "-c", server.ip, "-t", 1, "-J"], check=False)
    try:
        end = json.loads(done.stdout)["end"]
        received = end["sum_received"]["bytes"]
    except (ValueError, KeyError):
        ok(False, name, done.stdout + done.stderr)
        return
    ok(received > 0, name)
    tap.diag("%s: %.2f Gbit/s" % (name, end["sum_received"]["bits_per_second"] / 1e9))


def check_udp(t):
    for client, server in ((t.h100, t.h200), (t.h201, t.h101)):
        with server.start([PYTHON, "-c", UDP_SERVER], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            done = client.run([PYTHON, "-c", UDP_CLIENT, server.ip], timeout=90)
        is_(done.stdout.strip(), "20", "%s: datagrams of 4000 bytes %s to %s are whole" % (
            t.mode, client.role, server.role))


def check_mtu(t):
    for host, far, gateway in ((t.h100, t.h200, "192.168.100.254"),
                               (t.h201, t.h101, "192.168.201.254")):
        host.forget()
        far.forget()
        ping = host.ping(far.ip, total=1460, df=True)
        ok(ping, "%s: DF, 1460 bytes from %s pass" % (t.mode, host.role), str(ping))
        ping = host.ping(far.ip, count=1, total=1461, df=True)
        is_(ping.received, 0, "%s: DF, 1461 bytes from %s do not" % (t.mode, host.role))
        # The address is the one on the way back to the host, .254 of either subnet.
        is_((ping.mtu_from, ping.mtu), (gateway, 1460),
            "%s: the gateway says so with MTU 1460" % t.mode)
        ping = host.ping(far.ip, total=4000)
        ok(ping, "%s: without DF, 4000 bytes from %s pass" % (t.mode, host.role), str(ping))
        host.forget()
        far.forget()


def check_kernel_view(t):
    gateway, far = t.gw100, t.gw200
    # An input chain: rules on forward or prerouting would turn the fast path off at the next apply.
    gateway.run(["nft", "-f", "-"], input="""
        table ip seen {
            counter rx { }
            chain input { type filter hook input priority 0; iif "gre1" counter name rx; }
        }""")
    with gateway.capture("gre1", "icmp") as capture:
        ok(gateway.ping(far.overlay, count=3), "%s: ping with a capture on gre1" % t.mode)
        capture.wait(6)
    seen = [(p["IP"].src, p["IP"].dst) for p in capture.packets() if p.haslayer("IP")]
    is_((seen.count((gateway.overlay, far.overlay)), seen.count((far.overlay, gateway.overlay))),
        (3, 3), "%s: tcpdump on gre1 sees both directions" % t.mode)
    text = gateway.out("nft list counter ip seen rx")
    is_(re.findall(r"packets (\d+)", text), ["3"], "%s: an nft rule with iif gre1 counts" % t.mode)
    gateway.run("nft delete table ip seen")


def check_wire(t):
    with t.net.capture("lan100", "proto gre") as capture:
        ok(t.h100.ping(t.h200.ip, count=2), "%s: ping with a capture on the router" % t.mode)
        capture.wait(4)
    packets = capture.fields("ip.src", "ip.dst", "gre.key", "gre.flags_and_version")
    # tshark names the outer address first, then the inner.
    have = {(src.split(",")[0], dst.split(",")[0], int(key, 16), int(flags, 16))
            for src, dst, key, flags in packets}
    is_(have, {("192.168.100.254", PUBLIC[200], 1, 0x2000),
               (PUBLIC[200], "192.168.100.254", 1, 0x2000)},
        "%s: GRE with key 1 and no other flag on the wire" % t.mode)


def check_stat(t, before):
    for gateway in t.gateways:
        stat = gateway.stat()
        name = "%s: %s: " % (t.mode, gateway.role)
        is_(mismatches(SHAPE, stat), [], name + "shape of xgre-stat -j")
        is_(stat["instance"], gateway.name, name + "instance")
        is_(stat["ports"], [{"name": "eth0", "mode": t.mode}], name + "port")
        tunnel, old = stat["tunnels"][0], before[gateway.name]
        far = FAR[gateway.site]
        is_({k: tunnel[k] for k in ("name", "local", "remote", "key", "keys", "mtu")},
            {"name": "gre1", "local": "192.168.%d.254" % gateway.site, "remote": PUBLIC[far],
             "key": 1, "keys": {"input": 1, "output": 1}, "mtu": 1460}, name + "tunnel")
        is_(sorted(r["prefix"] for r in stat["routes"]),
            ["192.168.%d.0/24" % far, "192.168.%d.0/24" % (far + 1)], name + "routes")
        for way in ("rx", "tx"):
            total = tunnel[way]["packets"] - old[way]["packets"]
            fast = tunnel["fast"][way] - old["fast"][way]
            ok(total > 1000 and fast > total / 2, name + "most of %s took the fast path" % way,
               "%d of %d; punts %s" % (fast, total, gateway.punts()))
            is_(sum(r[way]["packets"] for r in stat["routes"]) <= tunnel[way]["packets"],
                True, name + "routes count no more %s than their tunnel" % way)
        is_(gateway.drops(), {}, name + "nothing was dropped")
    is_(t.leaked(), 0, "%s: nothing went around the tunnel" % t.mode)


def check_tools(t):
    gateway = t.gw100
    before = snapshot(gateway)
    dry = gateway.apply(t.config(gateway), "--dry-run")
    again = gateway.apply(t.config(gateway))
    for what, done in (("--dry-run of", dry), ("again,", again)):
        ok(re.search(r"nothing|no change|unchanged", done.stdout + done.stderr, re.I),
           "%s: apply %s the same says that nothing changed" % (t.mode, what),
           done.stdout + done.stderr)
    is_(snapshot(gateway), before, "%s: and nothing did" % t.mode)
    show = gateway.load("show").stdout
    check = gateway.load("check", "-c", "-", check=False, input=show)
    is_((check.returncode, check.stderr), (0, ""), "%s: show | check is clean" % t.mode)
    again = gateway.apply(show)
    ok(re.search(r"nothing|no change|unchanged", again.stdout + again.stderr, re.I),
       "%s: show | apply changes nothing" % t.mode, again.stdout + again.stderr)


def check_unload(t, before):
    for gateway in t.gateways:
        gateway.load("unload")
        after = snapshot(gateway)
        for what, text in before[gateway.name].items():
            is_(after[what], text, "%s: %s: unload leaves as it was: %s" % (
                t.mode, gateway.role, what))
        is_(gateway.load("unload", check=False).returncode, 0,
            "%s: %s: unload again is fine" % (t.mode, gateway.role))


def mode_test(mode):
    def test():
        with Topology(mode) as t:
            bare = {g.name: snapshot(g) for g in t.gateways}
            t.apply()
            check_pings(t)
            before = {g.name: g.tunnel() for g in t.gateways}
            check_tcp(t, t.h100, t.h200)
            check_tcp(t, t.h201, t.h101)
            check_udp(t)
            check_wire(t)
            check_stat(t, before)
            check_mtu(t)
            check_kernel_view(t)
            check_tools(t)
            check_unload(t, bare)
    test.__name__ = mode
    return test


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
# Without arguments every mode; else those named.
tap.run(*[mode_test(mode) for mode in sys.argv[1:] or MODES])
