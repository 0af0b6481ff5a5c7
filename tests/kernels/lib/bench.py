# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Two sites and a router between them. Each site has a host and two gateways, one
with the kernel's GRE and one with ours, so that all rungs of the ladder stand at
the same time and see the same traffic:

    hA --- swA ---+--- kA  ---+--- net ---+--- kB  ---+--- swB --- hB
                  +--- gw1 ---+           +--- gw2 ---+

Each rung has a subnet of its own at each site: 10.1.RUNG.0/24 and fd01:RUNG::/64 at
A, 10.2.RUNG.0/24 and fd02:RUNG::/64 at B; hosts are .10, gateways .1.
"""
import json
import secrets
import subprocess
from typing import NamedTuple

from inside import sysctls
from xgrenet import PINS, Gateway, Namespace, at_end

MTU = 1500
SITES = ("A", "B")


class Rung(NamedTuple):
    """A pair of ends, one of each site: "kernel" or "ours"."""
    number: int
    ends: tuple

    @property
    def name(self):
        return "%s to %s" % self.ends

    @property
    def device(self):
        return "rung%d" % self.number

    def address(self, site, family, host=10):
        """Of the host, or the gateway (host=1), at site 0 or 1."""
        return ("10.%d.%d.%d" if family == 4 else "fd0%d:%d::%d") % (site + 1, self.number, host)

    def prefixes(self, site):
        return ["10.%d.%d.0/24" % (site + 1, self.number), "fd0%d:%d::/64" % (site + 1, self.number)]


RUNGS = tuple(Rung(n + 1, ends) for n, ends in enumerate(
    (a, b) for b in ("kernel", "ours") for a in ("kernel", "ours")))
_ROLES = {("kernel", 0): "kA", ("kernel", 1): "kB", ("ours", 0): "gw1", ("ours", 1): "gw2"}


def underlay(end, site, family):
    """Outer address of a gateway."""
    number = (site + 1) * 10 + (1 if end == "kernel" else 2)
    return ("10.0.%d.2" if family == 4 else "fd00:%d::2") % number


def _batch(lines, *options):
    done = subprocess.run(["ip", *options, "-batch", "-"], input="\n".join(lines) + "\n",
                          text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError("ip %s: %s%s" % (" ".join(options), done.stderr, "\n".join(lines)))


def ip(ns, lines):
    """Commands of ip(8) in a namespace; the first error ends them."""
    _batch(lines, "-n", ns.name)


class Bench:
    """The network; gateways["ours", 0] is the one with xgre of site A, and so on."""

    def __init__(self):
        self._offloads = None
        self.prefix = "l" + secrets.token_hex(3)
        at_end(self.close)
        self.net = Namespace(self.prefix, "net")
        self.switches = [Namespace(self.prefix, "sw" + site) for site in SITES]
        self.hosts = [Namespace(self.prefix, "h" + site) for site in SITES]
        self.gateways = {key: (Gateway if key[0] == "ours" else Namespace)(self.prefix, role)
                         for key, role in _ROLES.items()}
        self.ours = [self.gateways["ours", site] for site in (0, 1)]
        self._make()

    def _namespaces(self):
        return [self.net, *self.switches, *self.hosts, *self.gateways.values()]

    def _make(self):
        _batch(["netns add " + ns.name for ns in self._namespaces()])
        for ns in self._namespaces():  # before there are devices, which copy them
            # Addresses are ours alone: no second of duplicate address detection.
            sysctls(ns, net__ipv6__conf__all__accept_dad=0, net__ipv6__conf__default__accept_dad=0,
                    net__ipv4__ip_forward=int(ns not in self.hosts),
                    net__ipv6__conf__all__forwarding=int(ns not in self.hosts),
                    net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0,
                    net__ipv4__icmp_ratelimit=0, net__ipv6__icmp__ratelimit=0)
        lines = []

        def cable(ns, dev, other, other_dev):
            lines.append("link add %s mtu %d netns %s type veth peer name %s mtu %d netns %s" % (
                dev, MTU, ns.name, other_dev, MTU, other.name))
        for site in (0, 1):
            cable(self.hosts[site], "eth0", self.switches[site], "host")
        for (_, site), gateway in self.gateways.items():
            cable(gateway, "eth0", self.net, gateway.role)
            cable(gateway, "eth1", self.switches[site], gateway.role)
        _batch(lines)
        self._router()
        for site in (0, 1):
            self._site(site)
        for gateway in self.ours:
            # What a NIC does and a veth does not, at the other ends of ports with XDP: fill
            # checksums in, and have a NAPI, without which redirected frames are lost.
            site = gateway.site - 1
            self.switches[site].run(["ethtool", "-K", gateway.role, "tx", "off", "gro", "on"])
            self.net.run(["ethtool", "-K", gateway.role, "tx", "off", "gro", "on"])

    def _router(self):
        lines = ["link set lo up"]
        for (end, site), gateway in self.gateways.items():
            for family, length in ((4, 24), (6, 64)):
                # the last digit only: the router is 1, the gateway 2
                address = underlay(end, site, family)
                lines.append("address add %s/%d dev %s" % (address[:-1] + "1", length,
                                                           gateway.role))
                ip(gateway, ["address add %s/%d dev eth0" % (address, length)])
            lines.append("link set %s up" % gateway.role)
            ip(gateway, ["link set lo up", "link set eth0 up",
                         "route add default via " + underlay(end, site, 4)[:-1] + "1",
                         "route add default via " + underlay(end, site, 6)[:-1] + "1"])
        ip(self.net, lines)

    def _site(self, site):
        ip(self.switches[site], ["link add lan type bridge forward_delay 0 mcast_snooping 0"] + [
            "link set %s master lan up" % dev for dev in (
                "host", _ROLES["kernel", site], _ROLES["ours", site])] + ["link set lan up"])
        host = ["link set lo up", "link set eth0 up"]
        for rung in RUNGS:
            gateway = self.gateways[rung.ends[site], site]
            ip(gateway, ["link set eth1 up"])
            for family, length in ((4, 24), (6, 64)):
                host.append("address add %s/%d dev eth0" % (rung.address(site, family), length))
                host.append("route add %s via %s" % (rung.prefixes(1 - site)[family == 6],
                                                     rung.address(site, family, 1)))
                ip(gateway, ["address add %s/%d dev eth1" % (rung.address(site, family, 1),
                                                             length)])
        ip(self.hosts[site], host)

    def offloads(self, on):
        """Superframes: the hosts make and join them, and the gateways join them; or nobody."""
        if on == self._offloads:
            return
        self._offloads = on
        word = "on" if on else "off"
        for host in self.hosts:
            host.run(["ethtool", "-K", "eth0", "tso", word, "gso", word, "gro", word])
        for gateway in self.gateways.values():
            gateway.run("ethtool -K eth0 gro %s; ethtool -K eth1 gro %s" % (word, word))

    def configure_kernel(self, end_args):
        """Make the kernel's tunnels; end_args(rung, site) is what follows "link add NAME"."""
        for site in (0, 1):
            lines = []
            for rung in RUNGS:
                if rung.ends[site] != "kernel":
                    continue
                lines += ["link add %s %s" % (rung.device, end_args(rung, site)),
                          "link set %s up" % rung.device]
                lines += ["route add %s dev %s" % (prefix, rung.device)
                          for prefix in rung.prefixes(1 - site)]
            gateway = self.gateways["kernel", site]
            have = {link["ifname"] for link in json.loads(gateway.out("ip -j link"))}
            ip(gateway, ["link del " + rung.device for rung in RUNGS
                         if rung.device in have] + lines)

    def configure_ours(self, mode, end_options):
        """Apply ours; end_options(rung, site) are options of the tunnel; mode: of both ports."""
        xdp = {"xdp": "off" if mode == "tc" else mode}
        for site, gateway in enumerate(self.ours):
            tunnels = {rung.device: {**end_options(rung, site),
                                     "routes": [{"to": p} for p in rung.prefixes(1 - site)]}
                       for rung in RUNGS if rung.ends[site] == "ours"}
            gateway.apply(json.dumps({"version": 1, "ports": {"eth0": xdp, "eth1": xdp},
                                      "tunnels": tunnels}))

    def close(self):
        """Unload what is loaded, remove the namespaces."""
        for gateway in self.ours:
            if (PINS / gateway.name).exists():
                gateway.load("unload", check=False)
        subprocess.run(["ip", "-batch", "-", "-force"], text=True, check=False,
                       capture_output=True, input="".join(
                           "netns del %s\n" % ns.name for ns in self._namespaces()))
