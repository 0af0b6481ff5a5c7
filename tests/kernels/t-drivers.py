#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 500
# lab-nics: 2
"""
A driver of real NICs: two virtio-net interfaces of a gateway, cabled to the kernel's GRE
on one side and to a host on the other. XDP is attached, its programs are replaced, and
it is taken off, while traffic flows both ways: nothing is lost.

    peer eth1 --- eth0 gw1 eth2 --- eth3 host
"""
import json
import os
import secrets
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/lib", HERE + "/../netns/lib"]
# pylint: disable=wrong-import-position
import tap
from bench import ip
from control import meta, programs
from flow import Flow
from inside import sysctls
from observe import Counts
from tap import is_, ok
from traffic import Pair
from xgrenet import Gateway, Namespace, at_end, prerequisites, wait_until

GW, PEER = "192.0.2.1", "192.0.2.2"
LAN = {4: ("10.1.0.254", "10.1.0.1"), 6: ("fd01::fe", "fd01::1")}  # gateway, host
FAR = {4: "10.2.0.1", 6: "fd02::1"}
PORTS = ("eth0", "eth2")


class World:
    """The NICs in their namespaces, and the kernel's GRE at the peer."""

    def __init__(self):
        prefix = "d" + secrets.token_hex(3)
        self.peer, self.host = Namespace(prefix, "peer"), Namespace(prefix, "host")
        self.gw = Gateway(prefix, "gw1")
        at_end(self.close)
        for ns, nics in ((self.peer, ["eth1"]), (self.gw, PORTS), (self.host, ["eth3"])):
            subprocess.run(["ip", "netns", "add", ns.name], check=True)
            sysctls(ns, net__ipv6__conf__all__accept_dad=0, net__ipv6__conf__default__accept_dad=0,
                    net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0,
                    net__ipv4__ip_forward=int(ns == self.gw),
                    net__ipv6__conf__all__forwarding=int(ns == self.gw))
            for nic in nics:
                subprocess.run(["ip", "link", "set", nic, "netns", ns.name], check=True)
            ip(ns, ["link set %s up" % nic for nic in ("lo", *nics)])
        ip(self.gw, ["address add %s/24 dev eth0" % GW, "address add %s/24 dev eth2" % LAN[4][0],
                     "address add %s/64 dev eth2" % LAN[6][0]])
        ip(self.host, ["address add %s/24 dev eth3" % LAN[4][1],
                       "address add %s/64 dev eth3" % LAN[6][1],
                       "route add 10.2.0.0/24 via " + LAN[4][0],
                       "route add fd02::/64 via " + LAN[6][0]])
        ip(self.peer, ["address add %s/24 dev eth1" % PEER,
                       "link add far mtu 1400 type gre local %s remote %s key 7 ttl 64" % (PEER, GW),
                       "link set far up", "address add %s/24 dev far" % FAR[4],
                       "address add %s/64 dev far" % FAR[6],
                       "route add 10.1.0.0/24 dev far", "route add fd01::/64 dev far"])

    def apply(self, xdp):
        return self.gw.apply(json.dumps({
            "version": 1, "ports": {port: {"xdp": xdp} for port in PORTS},
            "tunnels": {"gre1": {"local": GW, "remote": PEER, "key": 7, "mtu": 1400,
                                 "routes": [{"to": "10.2.0.0/24"}, {"to": "fd02::/64"}]}}}))

    def modes(self):
        return [(port["name"], port["mode"]) for port in self.gw.stat("ports")["ports"]]

    def driver_mode(self):
        """How the kernel says the programs are attached, by port."""
        links = {link["ifname"]: link for link in json.loads(self.gw.out("ip -j -d link"))}
        return [links[port].get("xdp", {}).get("mode") for port in PORTS]

    def close(self):
        self.gw.load("unload", check=False)
        for ns in (self.peer, self.host, self.gw):
            # NICs go back to where they came from with their namespace
            subprocess.run(["ip", "netns", "del", ns.name], check=False, capture_output=True)


def traffic(name, world, pairs, fast):
    """Bytes arrive whole, and by the fast path."""
    for version, pair in pairs.items():
        counts = Counts(world.gw)
        problems = [pair.echo()] + [pair.datagram(size) for size in (1, 1372, 5000)]
        problems.append(pair.stream(500000))
        is_([p for p in problems if p], [], "%s: IPv%d both ways" % (name, version))
        have = counts.since()
        ok(all(have.get(way, 0) > 50 for way in fast), "%s: IPv%d by the fast path" % (
            name, version), have)


def step(name, flows, action):
    """Do it while the flows go on."""
    before = [flow.received for flow in flows.values()]
    action()
    for way, flow in flows.items():
        is_(flow.lost(), [], "%s: nothing is lost from %s" % (name, way))
    tap.diag("%s: %s datagrams" % (name, [flow.received - old for flow, old in zip(
        flows.values(), before)]))


def update(world):
    before = programs(world.gw)
    meta(world.gw, build=1)  # as if programs of another build ran
    world.apply("native")
    after = programs(world.gw)
    ok(sorted(before) == sorted(after) and not set(before.values()) & set(after.values()),
       "update: all programs are new ones", (before, after))


def changes(world):
    """XDP comes, is replaced and goes, three times, under traffic."""
    flows = {"the host": Flow(world.host, LAN[4][1], world.peer, FAR[4], 5001),
             "the peer": Flow(world.peer, FAR[4], world.host, LAN[4][1], 5002)}
    for flow in flows.values():
        flow.start()
    try:
        step("before", flows, lambda: None)
        for turn in ("first", "second", "third"):
            step(turn + " attach", flows, lambda: world.apply("native"))
            is_(world.modes(), [(port, "native") for port in PORTS], turn + ": native XDP")
            is_(world.driver_mode(), [1, 1], turn + ": in the driver")  # XDP_ATTACHED_DRV
            counts = Counts(world.gw)
            wait_until(lambda: {"fast-rx", "fast-tx"} <= counts.since().keys(), 30)
            ok({"fast-rx", "fast-tx"} <= counts.since().keys(), turn + ": by the fast path",
               counts.since())
            step(turn + " update", flows, lambda: update(world))
            step(turn + " detach", flows, lambda: world.apply("off"))
            is_(world.driver_mode(), [None, None], turn + ": without XDP")
    finally:
        for flow in flows.values():
            flow.stop()
    is_([flow.odd for flow in flows.values()], [[], []], "each arrived once, as it was sent")


def check():
    world = World()
    world.apply("off")
    pairs = {version: Pair(world.host, LAN[version][1], world.peer, FAR[version])
             for version in (4, 6)}
    traffic("tc", world, pairs, ["fast-tx"])
    changes(world)
    world.apply("auto")
    is_(world.modes(), [(port, "native") for port in PORTS], "auto takes native XDP")
    traffic("native", world, pairs, ["fast-tx", "fast-rx"])
    is_(world.gw.load("unload").returncode, 0, "unload")
    is_(world.driver_mode(), [None, None], "unload takes XDP off")


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
tap.run(check)
