# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Three gateways of one configuration, side by side: the kernel's GRE, and ours with
native XDP and with TC alone. Their two ports are veths whose other ends are in one
namespace, where nothing but build/tests/differential sends. Addresses are the same
on all of them, MACs as well, so that the same frames do for all:

    wan: eth0 10.0.0.2/30, fd00::2/126, the router is .1     lan: eth1 10.1.0.1/30, fd01::1/126

Behind the LAN's other end are 10.2.0.0/16 and fd02::/64; tunnel N carries
10.1N.0.0/16 and fd1N::/64.
"""
import json
import secrets
import subprocess
from typing import NamedTuple, Optional

from bench import ip
from inside import sysctls
from xgrenet import BUILD, PINS, Gateway, Namespace, at_end

WAN_MAC, LAN_MAC, HOST_MAC = "02:00:00:00:aa:01", "02:00:00:00:aa:02", "02:00:00:00:bb:01"
TO4, TO6 = "10.2.0.0", "fd02::"


class Tunnel(NamedTuple):
    """One that all gateways have, of number N."""
    number: int
    family: int
    key: Optional[int] = None
    checksum: bool = False

    @property
    def ends(self):
        return ("10.0.0.2", "10.9.0.%d" % self.number) if self.family == 4 else (
            "fd00::2", "fd09::%d" % self.number)

    @property
    def prefixes(self):
        return ["10.1%d.0.0/16" % self.number, "fd1%d::/64" % self.number]

    def argument(self):
        """For build/tests/differential."""
        return "--tunnel=%s,%s,%s,%d,%s" % (
            *self.ends, "" if self.key is None else self.key, self.checksum,
            ",".join(p.split("/")[0] for p in self.prefixes))

    def kernel_link(self):
        """Lines of ip for the kernel's device."""
        name = "gre_%d" % self.number
        words = ["link add %s mtu 1400 type %s local %s remote %s ttl 64" % (
            name, "gre" if self.family == 4 else "ip6gre", *self.ends)]
        words += ["" if self.key is None else "key %d" % self.key,
                  "icsum" if self.checksum else ""]
        return [" ".join(words), "link set %s up" % name] + [
            "route add %s dev %s" % (prefix, name) for prefix in self.prefixes]

    def options(self):
        """The tunnel in our configuration."""
        have = {} if self.key is None else {"key": self.key}
        return {"local": self.ends[0], "remote": self.ends[1], "mtu": 1400, "sources": "any",
                "fast-path": "on", "routes": [{"to": p} for p in self.prefixes], **have}


class World:
    """The namespaces; gateways[0] is the kernel's, the names of the others are their mode."""

    NAMES = ("kernel", "native", "tc")

    def __init__(self, tunnels):
        self.tunnels = tunnels
        prefix = "d" + secrets.token_hex(3)
        at_end(self.close)
        self.tester = Namespace(prefix, "tester")
        self.ours = {name: Gateway(prefix, "gw%d" % i) for i, name in enumerate(self.NAMES) if i}
        self.kernel = Namespace(prefix, "gw0")
        self.gateways = [self.kernel, *self.ours.values()]
        for ns in (self.tester, *self.gateways):
            subprocess.run(["ip", "netns", "add", ns.name], check=True)
        sysctls(self.tester, net__ipv6__conf__default__disable_ipv6=1)
        for number, gateway in enumerate(self.gateways):
            self._gateway(number, gateway)
        ip(self.kernel, [line for tunnel in tunnels for line in tunnel.kernel_link()])
        for mode, gateway in self.ours.items():
            port = {"xdp": "off" if mode == "tc" else mode}
            gateway.apply(json.dumps({"version": 1, "ports": {"eth0": port, "eth1": port},
                                      "tunnels": {"gre_%d" % t.number: t.options()
                                                  for t in tunnels}}))

    def _gateway(self, number, gateway):
        # No answers: what the gateways say of themselves is not compared.
        sysctls(gateway, net__ipv6__conf__default__accept_dad=0, net__ipv4__ip_forward=1,
                net__ipv6__conf__all__forwarding=1, net__ipv6__conf__default__forwarding=1,
                net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0,
                net__ipv4__conf__all__send_redirects=0,
                net__ipv4__conf__default__send_redirects=0,
                net__ipv4__icmp_ratemask=0xffff, net__ipv4__icmp_ratelimit=1000000,
                net__ipv6__icmp__ratelimit=1000000)
        for dev, other, mac in (("eth0", "wan", WAN_MAC), ("eth1", "lan", LAN_MAC)):
            ip(self.tester, ["link add %s%d type veth peer name %s address %s netns %s" % (
                other, number, dev, mac, gateway.name), "link set %s%d up" % (other, number)])
            # what a NIC does and a veth does not, at the other ends of ports with XDP
            self.tester.run("ethtool -K %s%d tx off gro on" % (other, number))
        ip(gateway, [
            "link set lo up", "address add 10.0.0.2/30 dev eth0", "link set eth0 up",
            "address add fd00::2/126 dev eth0", "address add 10.1.0.1/30 dev eth1",
            "address add fd01::1/126 dev eth1", "link set eth1 up",
            *("neigh add %s lladdr %s dev %s nud permanent" % (address, HOST_MAC, dev)
              for address, dev in (("10.0.0.1", "eth0"), ("fd00::1", "eth0"),
                                   ("10.1.0.2", "eth1"), ("fd01::2", "eth1"))),
            "route add default via 10.0.0.1", "route add default via fd00::1",
            "route add 10.2.0.0/16 via 10.1.0.2", "route add %s/64 via fd01::2" % TO6])

    def run(self, seed, *args, timeout=600):
        """Send the stream; the differences, one dict each, and the summary."""
        argv = [BUILD / "tests/differential", "--seed=%d" % seed, "--to4=" + TO4, "--to6=" + TO6,
                "--mac=" + WAN_MAC, "--host-mac=" + HOST_MAC,
                *(tunnel.argument() for tunnel in self.tunnels), *args]
        argv += ["%s:wan%d:lan%d" % (name, n, n) for n, name in enumerate(self.NAMES)]
        lines = self.tester.out(argv, timeout=timeout).splitlines()
        *differences, summary = map(json.loads, lines)
        return differences, summary

    def close(self):
        """Unload what is loaded, remove the namespaces."""
        for gateway in self.ours.values():
            if (PINS / gateway.name).exists():
                gateway.load("unload", check=False)
        for ns in (self.tester, *self.gateways):
            subprocess.run(["ip", "netns", "del", ns.name], check=False, stderr=subprocess.DEVNULL)
