#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Many tunnels, ports and next hops that differ only where hashes are weak: in the
last byte of an address, in a small key, in a VLAN ID.
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import packets  # noqa: E402
import world  # noqa: E402
from bpftest import XDP, Runner, tap  # noqa: E402
from cases import Accept, Case, Send, check  # noqa: E402
from cases_ways import outward  # noqa: E402
from world import LAN, Port, Tunnel  # noqa: E402

MANY = 40
runner = Runner()


def load(tunnels, ports):
    """A gateway of these tunnels on eth0 and eth1, and VLANs of eth0."""
    options = {p.name: {"xdp": True, "lower": "eth0", "tags": p.tags} for p in ports}
    config = {"version": 1, "ports": {name: {} for name in ["eth0", "eth1", *options]},
              "tunnels": {t.name: t.config() for t in tunnels}}
    runner.model(json.dumps(config), tunnels={t.name: {"peer": t.peer} for t in tunnels},
                 ports=dict(options, eth0={"xdp": True}, eth1={"xdp": True}))


def devices():
    """Devices for everything that the tests have many of."""
    world.forwarding_on(runner)
    lines = []
    for p in (LAN, world.PORTS["eth0"], *VLANS):
        lines += world.port_lines(p)
    lines += world.underlay_lines()
    for i in range(MANY):
        t = Tunnel(i + 1, "g%d" % i, "203.0.113.1")
        lines += world.device_lines(t)
        lines += ["route add %s dev %s" % (route, t.name) for route in (t.route4, t.route6)]
    runner.ip(*lines)


def tunnels_work(name, tunnels):
    """Every one of them is found, both ways."""
    load(tunnels, [])
    wrong = 0
    for t in tunnels:
        inner, packet = packets.ip(t.far(4), LAN.host4), outward(t, 4)
        for case in (Case("", world.PORTS["eth0"], packets.arrival(t, inner), Accept(t, inner)),
                     Case("", LAN, packets.from_host(LAN, packet), Send(t, packet))):
            frame = case.frame(XDP)
            answer = runner.run(XDP, frame, case.port.name)
            want = case.outcome.expected(XDP, False, case)
            out = want.frame(answer.out) if callable(want.frame) else want.frame
            wrong += (answer.retval, answer.out) != (want.retval, out)
    tap.is_(wrong, 0, "%d tunnels, %s" % (len(tunnels), name))


def keys():
    """One pair of endpoints, small keys."""
    for remote in ("203.0.113.1", "2001:db8:fffe::1"):
        tunnels_work("keys to " + remote, [Tunnel(i + 1, "g%d" % i, remote, key=i)
                                           for i in range(MANY)])
        tunnels_work("large keys to " + remote, [Tunnel(i + 1, "g%d" % i, remote, key=i << 24)
                                                 for i in range(MANY)])


def remotes():
    """Remotes in one subnet, without a key and with the same."""
    for key in (None, 1):
        for remote in ("203.0.113.%d", "2001:db8:fffe::%x", "2001:db8:fffe::%x00",
                       "2001:db8:fffe:0:%x::1"):
            tunnels_work("remotes %s, key %s" % (remote, key), [
                Tunnel(i + 1, "g%d" % i, remote % (i + 1), key=key) for i in range(MANY)])


def vlans():
    """Many VLANs of one device."""
    t = Tunnel(1, "g0", "203.0.113.1")
    load([t], VLANS)
    for port in VLANS[::6]:
        packet = outward(t, 4, port)
        check(runner, XDP, Case("VLAN %d" % port.tags[0][1], port, lambda tagged, port=port,
                                packet=packet: packets.from_host(port, packet, tagged),
                                Send(t, packet)))


def next_hops():
    """Neighbours in one subnet have entries of their own: a hundred stay cached together."""
    t = Tunnel(1, "g0", "203.0.113.1")
    load([t], [])
    for subnet in ("198.18.0.%d", "2001:db8:e0::%x", "2001:db8:e0:0:%x::1"):
        hosts = [subnet % (i + 10) for i in range(100)]
        runner.ip(*["neigh replace %s lladdr 02:00:00:01:00:01 dev eth1 nud permanent" % h
                    for h in hosts], *(["route add 2001:db8:e0::/48 dev eth1 metric 5"]
                                       if "0:%x" in subnet else []))
        runner.request(fresh=True)
        for h in hosts:
            runner.run(XDP, packets.arrival(t, packets.ip(t.far(6 if ":" in h else 4), h)), "eth0",
                       keep=True)
        cached = runner.request(cached=True)["cached"]
        tap.ok(cached >= 85, "100 next hops %s have entries of their own, but for few" % subnet,
               "%d entries" % cached)


VLANS = [Port("v%d" % i, i, world.MAC_ETH0, tags=[(0x8100, i)]) for i in range(10, 10 + MANY)]
devices()
tap.run(keys, remotes, vlans, next_hops)
