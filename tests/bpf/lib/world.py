# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
The gateway that the tests of the BPF programs run on: ports, tunnels, addresses
and neighbours, in a Runner's network namespace.

    eth0  underlay and overlay   192.0.2.0/24     next hop of the remotes: .254
    eth1  overlay                198.18.0.0/24    hosts: .10 (of every LAN)
    vl1   eth0, VLAN 100         198.18.1.0/24
    vl2   eth0, VLANs 200, 300   198.18.2.0/24    802.1ad, 802.1Q
    sm0   eth1 with MTU 1300     198.18.3.0/24
    jm0   eth1 with MTU 9000     198.18.4.0/24
    un0   role: underlay         198.18.5.0/24
    ov0   role: overlay          198.18.6.0/24
    dr0   unclaimed: drop        198.18.7.0/24
    np0   not a port             198.18.8.0/24

LAN n is 2001:db8:e<n>::/64 as well. VLAN devices are stood in for by veth
devices: XDP sees frames of eth0 with tags, TC frames of vl1 without.

Tunnel n has the prefixes 10.n.0.0/16 and 2001:db8:1nn::/48 (n in hexadecimal)
and, on its device, the addresses 10.255.n.1/24 and 2001:db8:ffff:n::1/64.
"""
import ipaddress
import json

MAC_ETH0 = "02:00:00:00:00:10"
MAC_FAR = "02:00:00:00:fe:01"  # the next hop of the underlay
LOCAL4, LOCAL6 = "192.0.2.1", "2001:db8:f::1"
MTU = 1500
TUNNEL_MTU = 1400


class Port:
    """A port; lan is the number of its subnet, tags are (TPID, VLAN ID) pairs."""

    def __init__(self, name, lan, mac, mtu=MTU, tags=(), options=None):
        self.name, self.lan, self.mac, self.mtu, self.tags = name, lan, mac, mtu, tags
        self.options = options or {}
        self.ip4, self.ip6 = "198.18.%d.1" % lan, "2001:db8:e%d::1" % lan
        self.host4, self.host6 = "198.18.%d.10" % lan, "2001:db8:e%d::10" % lan
        self.host_mac = "02:00:00:00:%02x:10" % (0xa0 + lan)

    def host(self, version):
        return self.host4 if version == 4 else self.host6


class Tunnel:
    """A tunnel and what its headers consist of."""

    def __init__(self, number, name, remote, local=None, key=None, keys=None, fast=True,
                 port="eth0", to=None, **options):
        self.number, self.name, self.remote, self.fast, self.port = number, name, remote, fast, port
        self.to = to  # the port that leads to remote, where it is not eth0 and its next hop
        self.version = ipaddress.ip_address(remote).version
        self.local = local or (LOCAL4 if self.version == 4 else LOCAL6)
        self.key_in = keys["input"] if keys else key
        self.key_out = keys.get("output") if keys else key
        self.key_text = {"key": key} if key is not None else {"keys": keys} if keys else {}
        self.options = options
        self.ttl = options.get("ttl", 64)
        self.tos = options.get("tos", "inherit")
        self.df = not (options.get("ignore-df") or options.get("pmtudisc") is False)
        self.mtu = options.get("mtu", TUNNEL_MTU)
        self.checksum = options.get("checksum", False)
        self.sequence = options.get("sequence", False)
        self.route4, self.route6 = "10.%d.0.0/16" % number, "2001:db8:1%02x::/48" % number
        self.net4, self.net6 = "10.255.%d" % number, "2001:db8:ffff:%x:" % number
        self.peer = "p-" + name
        self.mac = "02:00:00:00:c0:%02x" % number
        self.peer_mac = "02:00:00:00:c1:%02x" % number

    def far(self, version, host=1):
        """An address behind the tunnel."""
        return "10.%d.0.%d" % (self.number, host) if version == 4 else "2001:db8:1%02x::%x" % (
            self.number, host)

    def route(self, version):
        return self.route4 if version == 4 else self.route6

    @property
    def overhead(self):
        return (20 if self.version == 4 else 40) + 4 + 4 * self.checksum + 4 * self.sequence + (
            4 if self.key_out is not None else 0)

    def config(self):
        lines = {"local": self.local, "remote": self.remote, "mtu": self.mtu,
                 "addresses": [self.net4 + ".1/24"], "routes": [{"to": self.route4}]}
        if self.mtu >= 1280:
            lines["addresses"].append(self.net6 + ":1/64")
            lines["routes"].append({"to": self.route6})
        lines.update(self.key_text)
        lines.update(self.options)
        return lines


PORTS = {p.name: p for p in (
    Port("eth1", 0, "02:00:00:00:00:11"),
    Port("vl1", 1, MAC_ETH0, tags=[(0x8100, 100)]),
    Port("vl2", 2, MAC_ETH0, tags=[(0x88a8, 200), (0x8100, 300)]),
    Port("sm0", 3, "02:00:00:00:00:13", 1300),
    Port("jm0", 4, "02:00:00:00:00:14", 9000),
    Port("un0", 5, "02:00:00:00:00:15", options={"role": "underlay"}),
    Port("ov0", 6, "02:00:00:00:00:16", options={"role": "overlay"}),
    Port("dr0", 7, "02:00:00:00:00:17", options={"unclaimed": "drop"}),
    Port("np0", 8, "02:00:00:00:00:18"),
    Port("eth0", 9, MAC_ETH0),
)}
LAN = PORTS["eth1"]

_R4, _R6 = "203.0.113.%d", "2001:db8:fffe::%x"
TUNNELS = {t.name: t for t in (
    # one pair of endpoints with different keys, and without one
    Tunnel(1, "t4", _R4 % 1),
    Tunnel(2, "t4k", _R4 % 1, key=1),
    Tunnel(3, "t4z", _R4 % 1, key=0),
    Tunnel(4, "t4kk", _R4 % 1, keys={"input": 1001, "output": 1002}),
    Tunnel(5, "t4q", _R4 % 1, key="0.1.2.3"),
    Tunnel(6, "t4in", _R4 % 1, keys={"input": 77}),
    Tunnel(7, "t6", _R6 % 1),
    Tunnel(8, "t6k", _R6 % 1, key=4294967295),
    Tunnel(9, "t6kk", _R6 % 1, keys={"input": 1001, "output": 1002}),
    Tunnel(10, "t6q", _R6 % 1, key="255.1.2.3"),
    # how the outer header is made
    Tunnel(11, "tos4", _R4 % 11, key=11, tos=0xb8),
    Tunnel(12, "tos6", _R6 % 12, tos=0xb8),
    Tunnel(13, "ttl4", _R4 % 13, ttl="inherit"),
    Tunnel(14, "ttl6", _R6 % 14, ttl="inherit"),
    Tunnel(15, "ttl9", _R4 % 15, ttl=9),
    Tunnel(16, "copy", _R4 % 16, pmtudisc=False),
    Tunnel(17, "clear", _R4 % 17, **{"ignore-df": True}),
    # what is let in
    Tunnel(18, "any", _R4 % 18, sources="any"),
    Tunnel(19, "list", _R4 % 19, sources=["172.16.0.0/12", "2001:db8:aaaa::/48"]),
    Tunnel(20, "slow", _R4 % 20, fast=False),
    # ways to the remote
    Tunnel(21, "vlan1", PORTS["vl1"].host4, PORTS["vl1"].ip4, key=21, port="vl1", to="vl1"),
    Tunnel(22, "vlan2", PORTS["vl2"].host4, PORTS["vl2"].ip4, port="vl2", to="vl2"),
    Tunnel(23, "silent", "192.0.2.77"),
    Tunnel(24, "lost", "100.64.0.1"),
    Tunnel(25, "small", PORTS["sm0"].host4, PORTS["sm0"].ip4, port="sm0", to="sm0"),
    Tunnel(26, "large", PORTS["jm0"].host4, PORTS["jm0"].ip4, key=26, port="jm0", to="jm0",
           mtu=8900),
    Tunnel(27, "narrow", _R4 % 27, mtu=1300),
    Tunnel(28, "astray", PORTS["np0"].host4, LOCAL4),
    # GRE headers with more in them
    Tunnel(40, "sum4", _R4 % 40, checksum=True),
    Tunnel(41, "sum4k", _R4 % 41, key=41, checksum=True, pmtudisc=False),
    Tunnel(42, "sum6k", _R6 % 42, key=42, checksum=True),
    Tunnel(43, "sumj", PORTS["jm0"].host4, PORTS["jm0"].ip4, key=43, port="jm0", to="jm0",
           mtu=8900, checksum=True),
    Tunnel(44, "seq4", _R4 % 44, key=44, sequence=True),
    Tunnel(45, "seq6", _R6 % 45, sequence=True),
    Tunnel(46, "full4", _R4 % 46, key=46, checksum=True, sequence=True),
    # with the kernel's device as slow path
    Tunnel(60, "kern4", _R4 % 60, key=60, device="kernel"),
    Tunnel(61, "kern6", _R6 % 61, device="kernel"),
    Tunnel(62, "kernslow", _R4 % 62, device="kernel", fast=False),
    Tunnel(63, "kernany", _R4 % 63, device="kernel", sources="any"),
)}
T4, T4K, T6, T6K = (TUNNELS[name] for name in ("t4", "t4k", "t6", "t6k"))

HOLES = ["10.1.9.0/24", "2001:db8:101:9::/64"]
LOCALS = [LOCAL4 + "/32", LOCAL6 + "/128"] + [
    prefix for p in PORTS.values() for prefix in (p.ip4 + "/32", p.ip6 + "/128")] + [
    prefix for t in TUNNELS.values() for prefix in (t.net4 + ".1/32", t.net6 + ":1/128")]


def config():
    """The configuration, as JSON, which is YAML."""
    return json.dumps({"version": 1,
                       "ports": {p.name: p.options for p in PORTS.values() if p.name != "np0"},
                       "tunnels": {t.name: t.config() for t in TUNNELS.values()}}, indent=1)


def load(runner, xdp, tunnels=None, ports=None, routes=None):
    """The state and programs; xdp: XDP runs on the ports. The others: more options, as in bed.h."""
    port_options = {}
    for p in PORTS.values():
        port_options[p.name] = {"xdp": xdp}
        if p.tags:
            port_options[p.name].update(lower="eth0", tags=p.tags)
        port_options[p.name].update((ports or {}).get(p.name, {}))
    tunnel_options = {t.name: dict({"fast": t.fast, "peer": t.peer, "port": t.port},
                                   **(tunnels or {}).get(t.name, {})) for t in TUNNELS.values()}
    runner.model(config(), ports=port_options, tunnels=tunnel_options, holes=HOLES, local=LOCALS,
                 routes=routes or {})


def port_lines(p):
    """ip commands that make a port, its addresses, and its hosts' neighbours."""
    yield "link add %s address %s mtu %d type veth peer name far-%s mtu %d" % (
        p.name, p.mac, p.mtu, p.name, p.mtu)
    yield "link set far-%s up" % p.name
    yield "link set %s up" % p.name
    yield "addr add %s/24 dev %s" % (p.ip4, p.name)
    yield "addr add %s/64 dev %s nodad" % (p.ip6, p.name)
    for host in (p.host4, p.host6):
        yield "neigh add %s lladdr %s dev %s nud permanent" % (host, p.host_mac, p.name)


def device_lines(t):
    """ip commands that make a tunnel's devices and their addresses."""
    yield "link add %s address %s mtu %d arp off type veth peer name %s address %s" % (
        t.name, t.mac, t.mtu, t.peer, t.peer_mac)
    yield "link set %s arp off up" % t.peer
    yield "link set %s up" % t.name
    yield "addr add %s.1/24 dev %s" % (t.net4, t.name)
    yield "addr add %s:1/64 dev %s nodad" % (t.net6, t.name)


def underlay_lines():
    """ip commands for eth0's own subnets and the way to the remotes."""
    return ["addr add %s/24 dev eth0" % LOCAL4, "addr add %s/64 dev eth0 nodad" % LOCAL6,
            "neigh add 192.0.2.254 lladdr %s dev eth0 nud permanent" % MAC_FAR,
            "neigh add 2001:db8:f::fe lladdr %s dev eth0 nud permanent" % MAC_FAR,
            "route add 203.0.113.0/24 via 192.0.2.254",
            "route add 2001:db8:fffe::/64 via 2001:db8:f::fe"]


def forwarding_on(runner):
    """A router, for devices that are still to come."""
    runner.sysctl(ipv4__conf__all__forwarding=1, ipv4__conf__default__forwarding=1,
                  ipv6__conf__all__forwarding=1, ipv6__conf__default__forwarding=1,
                  ipv4__conf__all__rp_filter=0, ipv4__conf__default__rp_filter=0)


def build(runner):
    """Make the devices, addresses, routes and neighbours."""
    forwarding_on(runner)
    lines = ["link set lo up"]
    for p in PORTS.values():
        lines += port_lines(p)
    for t in TUNNELS.values():
        lines += device_lines(t)
        lines += ["route add %s dev %s" % (route, t.name) for route in (t.route4, t.route6)]
    runner.ip(*lines, *underlay_lines())
