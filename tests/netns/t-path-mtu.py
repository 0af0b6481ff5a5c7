#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
A link of the underlay carries less than the tunnel's MTU needs. Without xgred that
is a black hole; with it the tunnel's MTU is lowered for a time, on both paths, and
nobody who does not know the tunnel can bring that about.
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from control import same, settled
from tap import is_, ok
from xgrenet import MODES, PUBLIC, PYTHON, Topology, prerequisites, wait_until

LIMIT = 30
PATH = 1300
INNER4 = PATH - 28  # IPv4 20, GRE 4, key 4
INNER6 = PATH - 48

# Takes all that a connection sends and answers with how much that was.
SERVER = """
import socket
s = socket.create_server(("", 5001))
print("ready", flush=True)
while True:
    c, _ = s.accept()
    n = 0
    while data := c.recv(65536):
        n += len(data)
    c.sendall(b"%d" % n)
    c.close()
"""
CLIENT = """
import socket, sys
s = socket.create_connection((sys.argv[1], 5001), 20)
s.settimeout(float(sys.argv[2]))
try:
    s.sendall(bytes(400000))
    s.shutdown(socket.SHUT_WR)
    print(s.recv(100).decode())
except TimeoutError:
    print("stuck")
"""

TUNNEL6 = """
  gre6:
    local: 2001:db8:%d::254
    remote: 2001:db8:%d::254
    key: 6
    mtu: 1452
    addresses: [10.66.%d.1/30]
    routes: [{to: 10.77.%d.0/24}]
"""


def narrow(t, mtu):
    """The router's way to gw200 takes packets of mtu at most and says so; None: as before."""
    far = "192.168.200.254", "2001:db8:200::254"
    for address in far:
        if mtu:
            t.net.run("ip route replace %s dev lan200 mtu lock %d" % (address, mtu))
        else:
            t.net.run("ip route del %s dev lan200" % address, check=False)


def transfer(t, timeout):
    t.h100.forget()  # or it sends what fits from the start
    return t.h100.out([PYTHON, "-c", CLIENT, t.h200.ip, timeout], timeout=60).strip()


def path_mtu(gateway, name="gre1"):
    """What xgre-stat says, and the device."""
    return (gateway.tunnel(name)["path_mtu"],
            json.loads(gateway.out("ip -j link show dev " + name))[0]["mtu"])


class Bed:
    def __init__(self, t):
        self.t = t
        self.gateway = t.gw100
        self.text = t.config(t.gw100) + TUNNEL6 % (100, 200, 100, 200)
        t.gw100.apply(self.text)
        t.gw200.apply(t.config(t.gw200) + TUNNEL6 % (200, 100, 200, 100))
        self.server = t.h200.start([PYTHON, "-c", SERVER], stdout=subprocess.PIPE)
        self.server.stdout.readline()
        wait_until(lambda: t.h100.ping(t.h200.ip), LIMIT)

    def forged(self, quoted, mtu, what="fragmentation needed"):
        """An ICMP message from the router about the quoted packet."""
        from scapy.all import ICMP, IP, Ether
        mac = self.gateway.mac()
        packet = IP(src="192.168.100.1", dst="192.168.100.254") / ICMP(
            type=3, code=4, nexthopmtu=mtu) / bytes(quoted)[:60]
        if what == "bad checksum":
            packet[ICMP].chksum = 1
        self.t.net.send([Ether(src=self.t.net.mac("lan100"), dst=mac) / packet], "lan100")

    def refused(self):
        return self.gateway.counted().get("path-mtu-refused", 0)


def ours(key=1, dst=PUBLIC[200], size=1460):
    """A packet as the tunnel sends them."""
    from scapy.all import GRE, IP
    packet = IP(src="192.168.100.254", dst=dst, proto=47, flags="DF", len=size + 28) / GRE(
        key_present=1, key=key) / IP(src="192.168.100.10", dst="192.168.200.10", len=size)
    packet[IP].len = size + 28
    return packet


def black_hole(bed):
    t = bed.t
    t.h100.forget()
    narrow(t, PATH)
    ok(t.h100.ping(t.h200.ip), "%s: small packets cross" % t.mode)
    is_(transfer(t, 3), "stuck", "%s: without xgred: a transfer is stuck" % t.mode)
    is_(path_mtu(bed.gateway), (None, 1460), "%s: without xgred: nothing is learned" % t.mode)


def mended(bed):
    t, gateway = bed.t, bed.gateway
    before = settled(gateway)
    daemon = gateway.daemon()
    is_(transfer(t, 20), "400000", "%s: with xgred: the transfer is whole" % t.mode)
    is_(path_mtu(gateway), (INNER4, INNER4), "%s: the path's MTU is the device's" % t.mode)
    is_(gateway.tunnel()["mtu"], 1460, "%s: and the configured one is remembered" % t.mode)
    ok(gateway.counted().get("path-mtu"), "%s: it is counted" % t.mode, gateway.counted())
    t.h100.forget()
    ping = []

    def told():
        t.h100.forget()
        ping[:] = [t.h100.ping(t.h200.ip, count=1, total=1400, df=True)]
        return ping[0].mtu == INNER4
    ok(wait_until(told, LIMIT), "%s: who sends too much is told" % t.mode, "".join(map(str, ping)))
    ok(wait_until(lambda: t.h100.ping(t.h200.ip, total=INNER4, df=True), LIMIT),
       "%s: what fits crosses" % t.mode)
    is_(gateway.apply(bed.text).stdout, "nothing to change\n", "%s: apply lets it be" % t.mode)
    changed = bed.text.replace("mtu: 1460", "mtu: 1450")
    gateway.apply(changed)
    is_(path_mtu(gateway), (INNER4, INNER4), "%s: a changed MTU above it" % t.mode)
    gateway.apply(bed.text.replace("mtu: 1460", "mtu: 1200"))
    is_(path_mtu(gateway), (None, 1200), "%s: a changed MTU below it" % t.mode)
    gateway.apply(bed.text)
    is_(path_mtu(gateway), (INNER4, INNER4), "%s: and back" % t.mode)
    daemon.end()
    is_(path_mtu(gateway), (None, 1460), "%s: all is as configured when xgred ends" % t.mode)
    same(gateway, before, "%s: all of it" % t.mode)


def expires(bed):
    t, gateway = bed.t, bed.gateway
    gateway.sysctl("net.ipv4.route.mtu_expires", 5)
    daemon = gateway.daemon()
    is_(transfer(t, 20), "400000", "%s: found again" % t.mode)
    narrow(t, None)
    ok(wait_until(lambda: path_mtu(gateway) == (None, 1460), 60),
       "%s: the configured MTU comes back after a time" % t.mode, path_mtu(gateway))
    narrow(t, PATH)
    gateway.sysctl("net.ipv4.route.mtu_expires", 600)
    is_(transfer(t, 20), "400000", "%s: and goes when the path is narrow again" % t.mode)
    daemon.end(9)
    is_(path_mtu(gateway), (INNER4, INNER4), "%s: stays when xgred is killed" % t.mode)
    gateway.run("ip link set gre1 mtu 1460")
    daemon = gateway.daemon()
    ok(wait_until(lambda: path_mtu(gateway) == (INNER4, INNER4), LIMIT),
       "%s: the next one takes it over" % t.mode, path_mtu(gateway))
    daemon.end()
    narrow(t, None)


def forgeries(bed):
    t, gateway = bed.t, bed.gateway
    daemon = gateway.daemon()
    for name, quoted, mtu, what in (
            ("another key", ours(key=2), 600, ""),
            ("another remote", ours(dst="203.0.113.9"), 600, ""),
            ("a packet that fits", ours(size=500), 600, ""),
            ("a wrong checksum", ours(), 600, "bad checksum")):
        before = bed.refused()
        bed.forged(quoted, mtu, what)
        ok(wait_until(lambda b=before: bed.refused() == b + 1, LIMIT),
           "%s: %s: refused and counted" % (t.mode, name), gateway.counted())
        is_(path_mtu(gateway), (None, 1460), "%s: %s: nothing changes" % (t.mode, name))
    ok("mtu" not in gateway.out("ip route get " + PUBLIC[200]),
       "%s: the kernel has not believed them either" % t.mode)
    t.h100.forget()
    ok(wait_until(lambda: t.h100.ping(t.h200.ip, total=1460, df=True), LIMIT),
       "%s: and full packets cross" % t.mode)
    bed.forged(ours(), 68)
    ok(wait_until(lambda: path_mtu(gateway) == (552 - 28,) * 2, LIMIT),
       "%s: who knows the tunnel can lower it to 552 and no further" % t.mode, path_mtu(gateway))
    daemon.end()
    # with IPv6 inside: 1280
    gateway.apply(t.config(gateway, ipv6=True))
    daemon = gateway.daemon()
    bed.forged(ours(), 68)
    ok(wait_until(lambda: path_mtu(gateway) == (1280, 1280), LIMIT),
       "%s: with IPv6 inside not below 1280" % t.mode, path_mtu(gateway))
    ok("fd00:100::253" in gateway.out("ip -6 addr show dev gre1"),
       "%s: the device keeps its IPv6 addresses" % t.mode)
    daemon.end()
    gateway.apply(bed.text)


def outer6(bed):
    """Packet too big, from the IPv6 underlay."""
    t, gateway = bed.t, bed.gateway
    narrow(t, PATH)
    daemon = gateway.daemon()

    def learned():
        gateway.run("ping -c1 -W1 -s 1400 -M dont -I 10.66.100.1 10.77.200.1", check=False)
        return path_mtu(gateway, "gre6") == (INNER6, INNER6)
    ok(wait_until(learned, LIMIT), "%s: IPv6 underlay: lowered" % t.mode,
       path_mtu(gateway, "gre6"))
    daemon.end()
    narrow(t, None)


def mode_test(mode):
    def test():
        with Topology(mode) as t:
            bed = Bed(t)
            for part in (black_hole, mended, expires, forgeries, outer6):
                part(bed)
            bed.server.end()
    test.__name__ = mode
    return test


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
tap.run(*[mode_test(mode) for mode in sys.argv[1:] or (MODES[0], MODES[2])])
