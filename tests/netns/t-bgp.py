#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Routing daemons over a tunnel device: FRR at one end and BIRD at the other speak
BGP through it and use what they learn. The session outlives an apply, and the
port going down for a moment.
"""
import json
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from observe import Counts, once, run_modes
from tap import is_, ok
from transfer import tcp
from xgrenet import FAR, PUBLIC, Process, prerequisites, wait_until

FRR = "/usr/lib/frr"
DEFAULT = "ip route replace default via 192.168.100.1;"
PATIENCE = 60  # seconds until a session is up or a route has come, on a slow machine


class Daemons:
    """Routing daemons of one namespace, run from a temporary folder."""

    def __init__(self, ns):
        self.ns = ns
        self.temporary = tempfile.TemporaryDirectory(prefix="xgre-bgp-")
        self.folder = pathlib.Path(self.temporary.name)
        self.processes = []

    def _write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def _start(self, *argv):
        with (self.folder / "log").open("a", encoding="utf-8") as log:
            self.processes.append(Process(self.ns.argv([*argv]), stdout=log, stderr=log))

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")[:2500]

    def stop(self):
        for process in reversed(self.processes):
            process.end(timeout=20)
        self.temporary.cleanup()


class Frr(Daemons):
    """zebra and bgpd, which run as the package's user: the folder is its own."""

    def __init__(self, ns, config):
        super().__init__(ns)
        shutil.chown(self.folder, "frr", "frr")
        self._daemon("zebra", "")
        wait_until((self.folder / "zserv").exists, PATIENCE)
        self._daemon("bgpd", config)

    def _daemon(self, name, config):
        self._start("%s/%s" % (FRR, name), "-f", self._write(name + ".conf", config), "-i",
                    self.folder / (name + ".pid"), "-z", self.folder / "zserv", "--vty_socket",
                    self.folder, "-P", "0", "--log", "stdout")

    def show(self, what):
        """vtysh's answer in JSON; empty while a daemon does not answer."""
        done = self.ns.run(["vtysh", "--vty_socket", self.folder, "-c", "show %s json" % what],
                           check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {}

    def neighbour(self, address):
        return self.show("bgp neighbors " + address).get(address, {})

    def established(self, address):
        """How often the session came up, if it is."""
        have = self.neighbour(address)
        return have.get("connectionsEstablished") if have.get("bgpState") == "Established" else None


class Bird(Daemons):
    def __init__(self, ns, config):
        super().__init__(ns)
        self.socket = self.folder / "bird.ctl"
        self._start("bird", "-f", "-c", self._write("bird.conf", config), "-s", self.socket,
                    "-P", self.folder / "bird.pid")
        wait_until(self.socket.exists, PATIENCE)

    def ask(self, *words):
        return self.ns.run(["birdc", "-s", self.socket, *words], check=False).stdout


# gw100 speaks to gw200 through the tunnel, and to h101 on its LAN.
FRR_CONFIG = """
router bgp 65100
 bgp router-id 192.168.100.254
 no bgp ebgp-requires-policy
 no bgp network import-check
 timers bgp 10 60
 neighbor 10.255.0.2 remote-as 65200
 neighbor 10.255.0.2 timers connect 2
 neighbor fd00:255::2 remote-as 65200
 neighbor fd00:255::2 timers connect 2
 neighbor 192.168.101.10 remote-as 65101
 neighbor 192.168.101.10 timers connect 2
 address-family ipv4 unicast
  network 10.100.0.0/24
  no neighbor fd00:255::2 activate
 exit-address-family
 address-family ipv6 unicast
  network fd10:100::/64
  neighbor fd00:255::2 activate
 exit-address-family
"""


def bird_config(router, asn, routes4, routes6, sessions):
    """sessions: (name, local, neighbour with its AS, channel)."""
    text = "".join("""
protocol bgp %s {
	local %s as %d; neighbor %s;
	hold time 60; keepalive time 10; connect delay time 1; connect retry time 2;
	%s { import all; export where proto = "own4" || proto = "own6"; next hop self; };
}
""" % (name, local, asn, neighbour, channel) for name, local, neighbour, channel in sessions)
    routes = ["".join("route %s blackhole; " % r for r in routes) for routes in (routes4, routes6)]
    return """
log stderr all;
router id %s;
protocol device {}
protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel { ipv6 { import none; export where source = RTS_BGP; }; }
protocol static own4 { ipv4; %s }
protocol static own6 { ipv6; %s }
%s""" % (router, *routes, text)


def config(t, site, **options):
    """A tunnel for the two routers, with one wide prefix for what is behind the other."""
    far, own = FAR[site], site // 100
    gre1 = {"local": "192.168.%d.254" % site, "remote": PUBLIC[far], "key": 1, "mtu": 1460,
            "addresses": ["10.255.0.%d/30" % own, "fd00:255::%d/126" % own],
            # what the other end announces is not known here
            "sources": "any",
            "routes": [{"to": "10.%d.0.0/16" % far}, {"to": "fd10:%d::/32" % far}], **options}
    return json.dumps({"version": 1, "tunnels": {"gre1": gre1},
                       "ports": {"eth0": {"xdp": "off" if t.mode == "tc" else t.mode}}})


def lan_routes(t, site):
    """The way to what a gateway announces; a port that goes down loses it."""
    host = getattr(t, "h%d" % site)
    return "ip route replace 10.%d.0.0/24 via %s;" % (site, host.ip)


def prepare(t):
    for site, host, gw in ((100, t.h100, t.gw100), (200, t.h200, t.gw200)):
        host.run("ip addr add 10.%d.0.1/24 dev lo; ip addr add fd10:%d::1/64 dev lo nodad;"
                 "ip route add 10.0.0.0/8 via 192.168.%d.254 src 10.%d.0.1;"
                 "ip route add fd10::/16 via fd00:%d::254 src fd10:%d::1" % ((site,) * 6))
        gw.run(lan_routes(t, site) + "ip route add fd10:%d::/64 via %s" % (site, host.ip6))
        gw.apply(config(t, site))
    # 10.77/16 is in no tunnel's prefix; 10.200.9.1 is at h101 or, without it, at h200
    t.h200.run("ip addr add 10.77.0.1/24 dev lo; ip addr add 10.200.9.1/32 dev lo")
    t.h101.run("ip addr add 10.200.9.1/32 dev lo")
    t.gw200.run("ip route add 10.200.9.0/24 via " + t.h200.ip)
    t.gw200.run("ip route add 10.77.0.0/24 via " + t.h200.ip)
    t.frr = Frr(t.gw100, FRR_CONFIG)
    t.bird = Bird(t.gw200, bird_config(
        "192.168.200.254", 65200, ["10.200.0.0/24", "10.77.0.0/24"], ["fd10:200::/64"],
        [("four", "10.255.0.2", "10.255.0.1 as 65100", "ipv4"),
         ("six", "fd00:255::2", "fd00:255::1 as 65100", "ipv6")]))
    t.lan = Bird(t.h101, bird_config(
        "192.168.101.10", 65101, ["10.200.9.0/24"], [],
        [("lan", "192.168.101.10", "192.168.101.254 as 65100", "ipv4")]))


SESSIONS = ("10.255.0.2", "fd00:255::2")


def explain(t):
    for daemons in (t.frr, t.bird, t.lan):
        tap.diag(daemons.log())
    tap.diag(t.bird.ask("show", "protocols"))
    tap.diag(t.gw100.out("ip route; ip -6 route"))


def kept(t, name):
    """The sessions through the tunnel are those that came up at first."""
    is_([t.frr.established(a) for a in SESSIONS], [1, 1], "%s: %s: sessions are kept" % (
        t.mode, name))


def leads(t, ns, prefix, words, there=True):
    """Wait until the kernel has a daemon's route of a prefix, with these words, or has none."""
    six = ["-6"] if ":" in prefix else []

    def have():
        text = ns.out(["ip", *six, "route", "show", prefix, "proto", "bgp" if ns is t.gw100
                       else "bird"])
        return all(w in text for w in words) if there else not text
    return ok(wait_until(have, PATIENCE, 0.2), "%s: %s has %s route to %s" % (
        t.mode, ns.role, "its" if there else "no", prefix), ns.out("ip route; ip -6 route"))


def check_sessions(t):
    for address in SESSIONS + ("192.168.101.10",):
        up = wait_until(lambda a=address: t.frr.established(a), PATIENCE, 0.2)
        if not ok(up, "%s: session with %s" % (t.mode, address)):
            explain(t)
    leads(t, t.gw100, "10.200.0.0/24", ["10.255.0.2", "gre1"])
    leads(t, t.gw100, "10.77.0.0/24", ["10.255.0.2", "gre1"])
    leads(t, t.gw100, "10.200.9.0/24", ["192.168.101.10", "eth0"])
    leads(t, t.gw100, "fd10:200::/64", ["gre1"])
    leads(t, t.gw200, "10.100.0.0/24", ["10.255.0.1", "gre1"])
    leads(t, t.gw200, "fd10:100::/64", ["gre1"])
    leads(t, t.h101, "10.100.0.0/24", ["192.168.101.254"])


def arrives(t, name, dst, way):
    """Echo requests are answered; way: "fast", "slow" through the tunnel, or "lan" past it."""
    wait_until(lambda: once(t.h100, dst), 20)
    counts = Counts(t.gw100)
    ping = t.h100.ping(dst, 12)
    have = counts.since()
    tunnel, fast = have.get("gre1-tx", 0), have.get("fast-tx", 0)
    good = {"fast": fast >= 3, "slow": tunnel >= 12 and not fast,
            "lan": not fast and tunnel < 6}[way]  # a session's own packets may be among them
    ok(ping and good, "%s: %s: %s %s" % (t.mode, name, dst, way), "%s\n%s" % (have, ping))


def check_learned(t):
    """Learned routes are followed: into the tunnel beside its prefixes, and out of them."""
    done = t.gw100.apply(config(t, 100))
    is_(done.stdout.splitlines()[-1], "nothing to change", "%s: apply: routes of a daemon are no "
        "damage" % t.mode)
    t.gw200.apply(config(t, 200))
    arrives(t, "learned, inside the prefix", "10.200.0.1", "fast")
    arrives(t, "learned, inside the prefix", "fd10:200::1", "fast")
    arrives(t, "learned, of no prefix", "10.77.0.1", "slow")
    arrives(t, "learned, of another gateway", "10.200.9.1", "lan")
    tcp("%s: TCP by a learned route" % t.mode, t.h100, t.h200, "10.77.0.1")
    t.lan.ask("disable", "own4")
    leads(t, t.gw100, "10.200.9.0/24", [], there=False)
    t.gw100.apply(config(t, 100))
    arrives(t, "withdrawn", "10.200.9.1", "fast")
    t.lan.ask("enable", "own4")
    leads(t, t.gw100, "10.200.9.0/24", ["192.168.101.10"])
    t.gw100.apply(config(t, 100))
    arrives(t, "announced again", "10.200.9.1", "lan")
    kept(t, "routes come and go")


def check_reload(t):
    """apply with changes, under a session."""
    for options in ({"ttl": 99}, {"fast-path": "off"}, {"mtu": 1400}, {}):
        t.gw100.apply(config(t, 100, **options))
        arrives(t, "apply of %s" % (options or "the first again"), "10.77.0.1", "slow")
    leads(t, t.gw100, "10.200.0.0/24", ["10.255.0.2", "gre1"])
    leads(t, t.gw100, "fd10:200::/64", ["gre1"])
    kept(t, "apply")


def check_flap(t):
    """The port is down for a moment: shorter than the hold time, and nothing is forgotten."""
    t.gw100.run("ip link set eth0 down")
    ok(not once(t.h100, "10.77.0.1"), "%s: port down: nothing passes" % t.mode)
    t.gw100.run("ip link set eth0 up;" + DEFAULT + lan_routes(t, 100))
    for dst, way in (("10.77.0.1", "slow"), ("10.200.0.1", "fast")):
        arrives(t, "port down and up", dst, way)
    received = t.frr.neighbour(SESSIONS[0])["messageStats"]["totalRecv"]
    t.bird.ask("reload", "out", "four")  # something to say: the session works
    ok(wait_until(lambda: t.frr.neighbour(SESSIONS[0])["messageStats"]["totalRecv"] > received,
                  PATIENCE, 0.2), "%s: port down and up: the session goes on" % t.mode)
    kept(t, "port down and up")


def stop(t):
    """The daemons end before their namespaces do."""
    for daemons in (t.frr, t.bird, t.lan):
        daemons.stop()


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
run_modes(("native", "tc"), prepare,
          [check_sessions, check_learned, check_reload, check_flap, stop])
