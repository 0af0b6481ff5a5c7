#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 600
"""
VLAN devices as ports: 802.1Q, 802.1Q in 802.1ad, and either beside an untagged port.
XDP is on the device below them. The peer is the kernel's GRE; it and the LAN's host
share the other end of the cable:

    peer --- underlay's tags ---+
                                +--- trunk =============== eth0 of gw1
    host --- LAN's tags --------+
"""
import json
import os
import secrets
import select
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/lib", HERE + "/../netns/lib"]
# pylint: disable=wrong-import-position
import tap
from bench import ip
from inside import packets, sysctls
from observe import Counts
from scapy.all import GRE, IP, UDP, Dot1AD, Dot1Q, Ether, Raw
from tap import is_, ok
from traffic import PORT, TIMEOUT, Pair
from xgrenet import PINS, Gateway, Namespace, at_end, prerequisites, wait_until

Q, AD = 0x8100, 0x88a8
TYPES = {Q: "802.1Q", AD: "802.1ad"}
# tags of the underlay and of the LAN, outermost first
KINDS = {
    "802.1Q": ([(Q, 100)], [(Q, 200)]),
    "QinQ": ([(AD, 30), (Q, 100)], [(AD, 30), (Q, 200)]),
    "untagged underlay": ([], [(Q, 200)]),
    "untagged LAN": ([(AD, 30), (Q, 100)], []),
}
KEY = 7
MTU = 1400
GW, PEER = "192.0.2.1", "192.0.2.2"
LAN = {4: ("10.1.0.254", "10.1.0.1"), 6: ("fd01::fe", "fd01::1")}  # gateway, host
FAR = {4: "10.2.0.1", 6: "fd02::1"}


def device(ns, base, tags):
    """Make the VLAN devices that are missing; the name of the last one."""
    for tpid, vid in tags:
        name = "%s.%d" % (base, vid)
        if ns.run(["ip", "link", "show", name], check=False).returncode:
            ip(ns, ["link add link %s name %s mtu 1500 type vlan protocol %s id %d" % (
                base, name, TYPES[tpid], vid), "link set %s up" % name])
        base = name
    return base


def tagged(tags, packet, src, dst, prio=0):
    """A frame with such tags."""
    frame = Ether(src=src, dst=dst)
    for tpid, vid in tags:
        frame.lastlayer().type = tpid
        frame = frame / (Dot1AD if tpid == AD else Dot1Q)(vlan=vid, prio=prio)
    frame.lastlayer().type = 0x0800
    return bytes(frame / packet)


def tags_of(frame):
    """The tags of a captured frame, outermost first."""
    tags, layer = [], frame
    while layer.type in (Q, AD):
        tags.append((layer.type, layer.payload.vlan))
        layer = layer.payload
    return tags


class World:
    """The network of a kind; peer and host, one of which has the cable itself, and gw."""

    def __init__(self, kind):
        self.tags = KINDS[kind]
        self.spaces = [Namespace("v" + secrets.token_hex(3), role) for role in ("net", "away")]
        self.gw = Gateway(self.spaces[0].name.split("-")[0], "gw1")
        self.net, away = self.spaces
        self.spaces.append(self.gw)
        self.peer, self.host = (self.net, away) if self.tags[1] else (away, self.net)
        at_end(self.close)
        for ns in self.spaces:
            subprocess.run(["ip", "netns", "add", ns.name], check=True)
            sysctls(ns, net__ipv6__conf__all__accept_dad=0, net__ipv6__conf__default__accept_dad=0,
                    net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0,
                    net__ipv4__ip_forward=int(ns == self.gw),
                    net__ipv6__conf__all__forwarding=int(ns == self.gw),
                    net__ipv4__icmp_ratelimit=0)
        # room for two tags: a veth allows for one
        subprocess.run(("ip link add trunk mtu 1508 netns %s type veth peer name eth0 mtu 1508"
                        " netns %s" % (self.net.name, self.gw.name)).split(), check=True)
        # What a NIC does and a veth does not (checksums, a NAPI), and tags inside the frames
        # where XDP can see them.
        self.net.run("ethtool -K trunk tx off gro on txvlan off tx-vlan-stag-hw-insert off")
        self.gw.run("ethtool -K eth0 rxvlan off")
        for ns, dev in ((self.net, "trunk"), (self.gw, "eth0")):
            ip(ns, ["link set lo up", "link set %s up" % dev])
        self.ports = [device(self.gw, "eth0", tags) for tags in self.tags]
        self._gateway()
        self._ends(away)

    def _gateway(self):
        ip(self.gw, ["address add %s/24 dev %s" % (GW, self.ports[0]),
                     "address add %s/24 dev %s" % (LAN[4][0], self.ports[1]),
                     "address add %s/64 dev %s" % (LAN[6][0], self.ports[1])])
        self.mac = self.gw.mac()

    def _ends(self, away):
        underlay, lan = (device(self.net, "trunk", tags) for tags in self.tags)
        ip(self.net, ["link set %s netns %s" % (lan if away is self.host else underlay, away.name)])
        ip(self.host, ["link set lo up", "link set %s up" % lan] + [
            "address add %s/%d dev %s" % (LAN[v][1], length, lan) for v, length in
            ((4, 24), (6, 64))] + ["route add 10.2.0.0/24 via " + LAN[4][0],
                                   "route add fd02::/64 via " + LAN[6][0]])
        ip(self.peer, ["link set lo up", "link set %s up" % underlay,
                       "address add %s/24 dev %s" % (PEER, underlay),
                       "link add far mtu %d type gre local %s remote %s key %d ttl 64" % (
                           MTU, PEER, GW, KEY),
                       "link set far up", "address add %s/24 dev far" % FAR[4],
                       "address add %s/64 dev far" % FAR[6],
                       "route add 10.1.0.0/24 dev far", "route add fd01::/64 dev far"])

    def apply(self, *modes, check=True):
        """One mode for both ports, or one for each."""
        return self.gw.apply(json.dumps({
            "version": 1, "ports": {name: {"xdp": "off" if mode == "tc" else mode}
                                    for name, mode in zip(self.ports, modes * 2)},
            "tunnels": {"gre1": {"local": GW, "remote": PEER, "key": KEY, "mtu": MTU,
                                 "routes": [{"to": "10.2.0.0/24"}, {"to": "fd02::/64"}]}}}),
                             check=check)

    def pair(self, version):
        return Pair(self.host, LAN[version][1], self.peer, FAR[version])

    def close(self):
        if (PINS / self.gw.name).exists():
            self.gw.load("unload", check=False)
        for ns in self.spaces:
            subprocess.run(["ip", "netns", "del", ns.name], check=False, capture_output=True)


def attached(world):
    """Devices of the gateway with an XDP program."""
    return [link["ifname"] for link in json.loads(world.gw.out("ip -j link")) if "xdp" in link]


def ways(mode, version):
    """Counters that the fast path has: TC before Linux 6.3 leaves IPv6 out of IPv4 to the kernel."""
    old = tuple(map(int, os.uname().release.split(".")[:2])) < (6, 3)
    return ("fast-tx", "slow") if old and mode == "tc" and version == 6 else ("fast-tx", "fast-rx")


def check_traffic(name, world, pairs, mode):
    """Bytes arrive whole both ways, and the fast path takes its part."""
    for version, pair in pairs.items():
        problems = [pair.echo()] + [pair.datagram(size) for size in (1, 1300, 5000)]
        counts = Counts(world.gw)
        problems += [pair.stream(300000)]
        is_([p for p in problems if p], [], "%s: IPv%d both ways" % (name, version))
        have = counts.since()
        ok(min(have.get(way, 0) for way in ways(mode, version)) > 50,
           "%s: IPv%d by the fast path" % (name, version), have)


def check_wire(name, world, pair):
    """Each way a packet leaves with the tags of the port that it leaves by."""
    with world.net.capture("trunk", "ether src " + world.mac) as capture:
        for _ in range(5):
            pair.echo()

        def tags(of_gre):
            return [tags_of(p) for p in capture.packets() if IP in p and
                    (GRE in p) == of_gre and p[IP].src == (GW if of_gre else FAR[4])]
        wait_until(lambda: tags(True) and tags(False), 20)
    for of_gre, want in ((True, world.tags[0]), (False, world.tags[1])):
        have = tags(of_gre)
        ok(have and all(t == want for t in have), "%s: tags of %s" % (
            name, "GRE packets" if of_gre else "inner packets"), have)


def inward(data):
    """From the peer to the host, in GRE."""
    return (IP(src=PEER, dst=GW) / GRE(proto=0x0800, key_present=1, key=KEY) /
            IP(src=FAR[4], dst=LAN[4][1]) / UDP(sport=PORT, dport=PORT) / Raw(data))


def arrives(pair, send, data):
    """Send until the host has got it."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        send()
        while select.select([pair.udp[0]], [], [], 0.5)[0]:
            if pair.udp[0].recv(65535) == data:
                return True
    return False


def check_tags(name, world, pair):
    """Frames with other tags than the port's are nobody's; priorities are part of no VLAN."""
    sock = packets(world.net, "trunk", 0)
    src = world.net.mac("trunk")
    own = world.tags[0]

    def send(tags, data, **options):
        sock.send(tagged(tags, inward(data), src, world.mac, **options))
    if own:
        ok(arrives(pair, lambda: send(own, b"prio 5", prio=5), b"prio 5"),
           "%s: frames of priority 5 arrive" % name)
    # IEEE 802.1Q: a tag with ID 0 gives a priority, and the frame is untagged
    zero = own + [(Q, 0)]
    ok(arrives(pair, lambda: send(zero, b"prio tag", prio=5), b"prio tag"),
       "%s: frames with a priority tag arrive" % name)
    other = {Q: AD, AD: Q}
    wrong = [own[:-1] + [(Q, 300)], own + [(Q, 300)], own[:-1]] if own else [[(Q, 300)], [(AD, 30)]]
    wrong += [own[:-1] + [(other[own[-1][0]], own[-1][1])]] if own else []
    wrong += [[(Q, 30), (Q, 100)]] if len(own) == 2 else []
    counts = Counts(world.gw)
    for tags in wrong:
        for _ in range(3):
            send(tags, b"wrong %s" % str(tags).encode())
    ok(arrives(pair, lambda: send(own, b"last"), b"last"), "%s: frames of the VLAN arrive" % name)
    time.sleep(0.2)
    is_([d for d in pair.received() if d.startswith(b"wrong")], [],
        "%s: frames with other tags do not" % name)
    ok(counts.since().get("rx"), "%s: and packets are counted" % name)
    sock.close()


def check(kind):
    world = World(kind)
    pairs = {version: world.pair(version) for version in (4, 6)}
    for mode in ("tc", "native"):
        name = "%s, %s" % (kind, mode)
        world.apply(mode)
        is_(world.gw.stat("ports")["ports"], [{"name": port, "mode": mode} for port in
                                              sorted(world.ports)], name + ": both ports run")
        is_(attached(world), ["eth0"] if mode == "native" else [], name + ": where XDP is")
        check_traffic(name, world, pairs, mode)
        check_wire(name, world, pairs[4])
        check_tags(name, world, pairs[4])
    for modes in (("tc", "native"), ("native", "tc")):
        done = world.apply(*modes, check=False)
        ok(done.returncode == 1 and "XDP is on eth0 for both" in done.stderr,
           "%s: ports of one device in modes %s are refused" % (kind, modes), done.stderr)
    is_(attached(world), ["eth0"], kind + ": and nothing has changed")
    is_(world.gw.load("unload").returncode, 0, kind + ": unload")
    is_(attached(world), [], kind + ": unload takes XDP off")
    world.close()


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
tap.run(*(lambda kind=kind: check(kind) for kind in sys.argv[1:] or KINDS))
