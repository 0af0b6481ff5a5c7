#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Keepalives: a tunnel whose far end does not send them back is down, which its device
and the fast path show, and comes up with the first that does come back. The far end
here is the router, which forwards what is inside as any router that takes GRE off.
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from control import same, settled
from observe import Counts
from tap import is_, ok
from xgrenet import MODES, PYTHON, Topology, prerequisites, wait_until

LIMIT = 40

# Takes the outer headers off and sends what is inside where that says.
FAR_END = """
import socket, sys
family = socket.AF_INET6 if sys.argv[1] == "6" else socket.AF_INET
taker = socket.socket(family, socket.SOCK_RAW, 47)
sender = socket.socket(family, socket.SOCK_RAW, 255)
print("ready", flush=True)
while True:
    data = taker.recv(2000)
    if family == socket.AF_INET:
        data = data[(data[0] & 15) * 4:]
    inner = data[4 + 4 * bool(data[0] & 0x80) + 4 * bool(data[0] & 0x20):]
    if data[2:4] == b"\\x08\\x00" and inner[9] == 47:
        sender.sendto(inner, (socket.inet_ntop(socket.AF_INET, inner[16:20]), 0))
    elif data[2:4] == b"\\x86\\xdd" and inner[6] == 47:
        sender.sendto(inner, (socket.inet_ntop(socket.AF_INET6, inner[24:40]), 0))
"""

CONFIG = """version: 1
ports:
  eth0: {xdp: %s}
tunnels:
  four:
    local: 192.168.100.254
    remote: 192.168.100.1
    keys: {input: 5, output: 5}
    mtu: 1400
    addresses: [10.88.1.1/30]
    routes: [{to: 10.88.0.0/24}]
    keepalive: {interval: 1s, retries: 2}
  six:
    local: 2001:db8:100::254
    remote: 2001:db8:100::1
    mtu: 1400
    addresses: [10.89.1.1/30]
    keepalive: {interval: 1, retries: 2}
  quiet:
    local: 192.168.100.254
    remote: 192.168.100.1
    key: 6
    mtu: 1400
"""


class Bed:
    def __init__(self, t):
        self.t = t
        self.gateway = t.gw100
        self.text = CONFIG % ("off" if t.mode == "tc" else t.mode)
        # answers are the kernel's to take in, past the programs: INPUT has to let them
        t.gw100.run("nft insert rule inet peers input ip saddr 192.168.100.1 accept;"
                    "nft insert rule inet peers input ip6 saddr 2001:db8:100::1 accept")
        t.gw100.apply(self.text)
        t.h100.run("ip route add 10.88.0.0/24 via 192.168.100.254")

    def far_end(self, family):
        process = self.t.net.start([PYTHON, "-c", FAR_END, family], stdout=subprocess.PIPE)
        process.stdout.readline()
        return process

    def state(self, name):
        return self.gateway.tunnel(name)["state"]

    def carrier(self, name):
        links = json.loads(self.gateway.out("ip -j link show dev " + name))
        return "LOWER_UP" in links[0]["flags"]

    def becomes(self, name, state, what):
        up = state == "up"
        have = wait_until(lambda: self.state(name) == state and self.carrier(name) == up, LIMIT)
        ok(have, "%s: %s: %s is %s" % (self.t.mode, what, name, state),
           (self.state(name), self.carrier(name)))


def watched(bed):
    t, gateway = bed.t, bed.gateway
    before = settled(gateway)
    is_([bed.state(n) for n in ("four", "six", "quiet")], ["up", "up", None],
        "%s: without xgred nobody asks" % t.mode)
    four, six = bed.far_end("4"), bed.far_end("6")
    daemon = gateway.daemon()
    start = gateway.counted().get("keepalives-answered", 0)
    ok(wait_until(lambda: gateway.counted().get("keepalives-answered", 0) >= start + 8, LIMIT),
       "%s: keepalives come back" % t.mode, gateway.counted())
    is_([bed.state(n) for n in ("four", "six")], ["up", "up"], "%s: both are up" % t.mode)
    four.end()
    bed.becomes("four", "down", "far end gone")
    is_(bed.state("six"), "up", "%s: the other is not" % t.mode)
    ok("linkdown" in gateway.out("ip route show 10.88.0.0/24"), "%s: routes show it" % t.mode)
    # an answer of before may be in use for half a second
    counts = Counts(gateway)

    def slow():
        counts.again()
        t.h100.ping("10.88.0.9", count=3, extra=("-W", "0.2"))
        have = counts.since()
        return have.get("slow") and not have.get("fast-tx")
    ok(wait_until(slow, LIMIT), "%s: packets leave the fast path" % t.mode, counts.since())
    is_(gateway.apply(bed.text).stdout, "nothing to change\n", "%s: apply lets it be" % t.mode)
    gateway.apply(bed.text.replace("mtu: 1400", "mtu: 1380"))
    bed.becomes("four", "down", "a change meanwhile")
    gateway.apply(bed.text)
    four = bed.far_end("4")
    bed.becomes("four", "up", "far end back")
    six.end()
    bed.becomes("six", "down", "IPv6 far end gone")
    gateway.apply(bed.text.replace("    keepalive: {interval: 1, retries: 2}\n", ""))
    ok(wait_until(lambda: bed.state("six") is None and bed.carrier("six"), LIMIT),
       "%s: no keepalive any more: up" % t.mode)
    gateway.apply(bed.text)
    bed.becomes("six", "down", "again")
    daemon.end()
    bed.becomes("six", "up", "xgred ended")
    same(gateway, before, "%s: all is as before" % t.mode)
    four.end()


def killed(bed):
    gateway = bed.gateway
    daemon = gateway.daemon()
    bed.becomes("four", "down", "nobody there")
    daemon.end(9)
    is_((bed.state("four"), bed.carrier("four")), ("down", False),
        "%s: xgred killed: it stays down" % bed.t.mode)
    daemon = gateway.daemon()
    four = bed.far_end("4")
    bed.becomes("four", "up", "the next xgred")
    four.end()
    bed.becomes("four", "down", "far end gone")
    daemon.end(9)
    ok("mended" in gateway.apply(bed.text).stdout, "%s: apply takes it up without xgred"
       % bed.t.mode)
    bed.becomes("four", "up", "apply")


def mode_test(mode):
    def test():
        with Topology(mode) as t:
            bed = Bed(t)
            for part in (watched, killed):
                part(bed)
    test.__name__ = mode
    return test


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
tap.run(*[mode_test(mode) for mode in sys.argv[1:] or (MODES[0], MODES[2])])
