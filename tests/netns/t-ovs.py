#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Open vSwitch's GRE in user space as the far end: another implementation of the
same RFCs, which puts a checksum on what it sends.
"""
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from observe import Counts, once, path, run_modes
from tap import is_, ok
from transfer import tcp
from xgrenet import PUBLIC, Process, prerequisites, wait_until

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class Switch:
    """
    An Open vSwitch of a gateway's own in place of xgre: database, sockets and log in a
    temporary folder, its datapath a process. br-phy holds the underlay port and its
    addresses, by which it finds the way to the remote; br-int the tunnel, and the
    gateway's end of it as a device.
    """

    def __init__(self, gateway):
        self.gateway = gateway
        self.temporary = tempfile.TemporaryDirectory(prefix="xgre-ovs-")
        self.folder = pathlib.Path(self.temporary.name)
        self.env = dict(os.environ, OVS_RUNDIR=str(self.folder), OVS_LOGDIR=str(self.folder),
                        OVS_DBDIR=str(self.folder), OVS_SYSCONFDIR=str(self.folder))
        self.database = "unix:%s/db.sock" % self.folder
        self.processes = []

    def _run(self, *argv):
        return self.gateway.run(list(argv), env=self.env)

    def _start(self, *argv):
        with (self.folder / "out").open("a", encoding="utf-8") as log:
            self.processes.append(Process(self.gateway.argv([*argv, "--pidfile"]), env=self.env,
                                          stdout=log, stderr=log))

    def vsctl(self, *words):
        """ovs-vsctl, which waits until the switch has done it."""
        return self._run("ovs-vsctl", "--db=" + self.database, "--timeout=20", *words).stdout

    def appctl(self, *words):
        return self._run("ovs-appctl", *words).stdout

    def start(self):
        self._run("ovsdb-tool", "create", self.folder / "conf.db", SCHEMA)
        self._start("ovsdb-server", "--remote=p" + self.database, self.folder / "conf.db")
        wait_until((self.folder / "db.sock").exists, 20)
        self.vsctl("--no-wait", "init")
        self._start("ovs-vswitchd", self.database)
        self.vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev",
                   "fail_mode=standalone", "other_config:hwaddr=\"%s\"" % self.gateway.mac(),
                   "--", "add-br", "br-int", "--", "set", "bridge", "br-int",
                   "datapath_type=netdev", "fail_mode=secure")

    def stop(self):
        for process in reversed(self.processes):
            process.end(timeout=20)
        self.temporary.cleanup()


def connect(switch, t):
    """The far gateway's network moves to the switch, and a tunnel of IP packets in GRE is there."""
    gw = switch.gateway
    addresses = ["192.168.200.254/24", "192.168.201.254/24"]
    gw.run("ethtool -K eth0 gro off; ip addr flush dev eth0")
    switch.vsctl("add-port", "br-phy", "eth0")
    for address in addresses:
        gw.run(["ip", "addr", "add", address, "dev", "br-phy"])
    gw.run("ip link set br-phy up mtu 1500; ip route add default via 192.168.200.1")
    # legacy_l3: no Ethernet header inside; csum: RFC 2784's on all that it sends
    switch.vsctl("add-port", "br-int", "gre0", "--", "set", "interface", "gre0", "type=gre",
                 "options:remote_ip=" + PUBLIC[100], "options:local_ip=192.168.200.254",
                 "options:key=1", "options:csum=true", "options:packet_type=legacy_l3",
                 "ofport_request=7", "--", "set", "interface", "br-int", "mtu_request=1460")
    gw.run("sysctl -qw net.ipv6.conf.br-int.disable_ipv6=1;"
           "ip link set br-int up arp off mtu 1460; ip addr add 192.168.200.253/32 dev br-int;"
           "ip route add 192.168.100.0/24 dev br-int src 192.168.200.253;"
           "ip route add 192.168.101.0/24 dev br-int src 192.168.200.253")
    # What comes out of the tunnel has no Ethernet header: the device wants its own address.
    gw.run(["ovs-ofctl", "add-flow", "br-int", "in_port=7,actions=mod_dl_dst:%s,LOCAL"
            % gw.mac("br-int")], env=switch.env)
    gw.run(["ovs-ofctl", "add-flow", "br-int", "in_port=LOCAL,actions=output:7"], env=switch.env)
    for host in (t.h200, t.h201):
        host.run("ip neigh flush all")


def explain(switch, gateway):
    """What there is to know when nothing passes."""
    for words in (("ovs/route/show",), ("tnl/neigh/show",), ("dpctl/dump-flows",)):
        tap.diag("%s: %s" % (words[0], switch.appctl(*words)))
    tap.diag((switch.folder / "out").read_text()[-2000:])
    tap.diag("%s %s" % (gateway.drops(), gateway.punts()))


def check_traffic(t, switch):
    """Ping and TCP, from either side, to the gateway itself and through it."""
    gw, mode = t.gw100, t.mode
    up = wait_until(lambda: once(t.h100, "192.168.200.253"), 30)
    if not ok(up, "%s: Open vSwitch answers" % mode):
        explain(switch, gw)
    wait_until(lambda: once(t.h100, t.h200.ip) and once(t.h201, t.h101.ip), 20)
    counts = Counts(gw)
    ok(t.h100.ping("192.168.200.253", 5), "%s: host to the switch's end" % mode)
    ok(gw.ping("192.168.200.253", 5), "%s: end to end" % mode)
    ok(t.gw200.ping(gw.overlay, 5), "%s: the switch's end to ours" % mode)
    ok(t.h200.ping(t.h100.ip, 5, total=1460, df=True), "%s: host to host, full size" % mode)
    tcp("%s: TCP to the far side" % mode, t.h100, t.h200, t.h200.ip)
    tcp("%s: TCP from the far side" % mode, t.h201, t.h101, t.h101.ip)
    have = counts.since()
    ok(min(have.get("rx", 0), have.get("tx", 0)) > 500, "%s: all of it through gre1" % mode, have)
    is_({k: have[k] for k in have if k in gw.drops()}, {}, "%s: nothing is dropped" % mode)


def check_wire(t, switch):
    """What each sends is what was agreed on, by tshark's reading."""
    mode = t.mode
    with t.net.capture("lan200", "proto gre") as capture:
        t.h100.ping(t.h200.ip, 5)
        capture.wait(10, timeout=10)
        rows = capture.fields("ip.src", "gre.key", "gre.checksum.status", "gre.proto")
    # the status of a checksum: 1 good, none where there is none
    far = {row[1:] for row in rows if row[0].startswith("192.168.200.254")}
    near = {row[1:] for row in rows if row[0].startswith(PUBLIC[100])}
    is_(far, {("0x00000001", "1", "0x0800")}, "%s: the switch sends key and good checksum" % mode)
    is_(near, {("0x00000001", "", "0x0800")}, "%s: we send the key" % mode)
    path("%s: packets with a checksum are forwarded" % mode, t.gw100, t.h100, t.h200.ip, fast=True)


def check_key(t, switch):
    """With another key nothing passes, and it comes back with the right one."""
    mode = t.mode
    switch.vsctl("set", "interface", "gre0", "options:key=2")
    ok(wait_until(lambda: not once(t.h100, t.h200.ip), 20), "%s: wrong key: nothing passes" % mode)
    counts = Counts(t.gw100)
    t.gw200.ping(t.gw100.overlay, 3)
    have = counts.since()
    ok(have.get("unclaimed", 0) >= 1 and not have.get("rx"), "%s: and is counted" % mode, have)
    switch.vsctl("set", "interface", "gre0", "options:key=1")
    ok(wait_until(lambda: once(t.h100, t.h200.ip), 20), "%s: right key: it does again" % mode)


def check_checksum(t, switch):
    """The switch verifies ours: it drops what is wrong."""
    mode = t.mode
    t.gw100.apply(t.config(t.gw100, extra="checksum: true"))
    wait_until(lambda: once(t.h100, t.h200.ip), 20)
    with t.net.capture("lan200", "proto gre") as capture:
        ok(t.h100.ping(t.h200.ip, 5, total=1460), "%s: checksum both ways: ping" % mode)
        capture.wait(10, timeout=10)
        rows = set(capture.fields("gre.key", "gre.checksum.status"))
    is_(rows, {("0x00000001", "1")}, "%s: checksum both ways: good ones" % mode)
    tcp("%s: checksum both ways: TCP" % mode, t.h100, t.h200, t.h200.ip)


def with_switch(check):
    """run_modes() takes checks of the topology alone; the switch lives in it."""
    def run(t):
        check(t, t.switch)
    run.__name__ = check.__name__
    return run


def prepare(t):
    t.gw100.apply(t.config(t.gw100))
    t.switch = Switch(t.gw200)
    t.switch.start()
    connect(t.switch, t)


def stop(t):
    """The switch ends before its namespace does."""
    t.switch.stop()


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
run_modes(("native", "tc"), prepare,
          [with_switch(c) for c in (check_traffic, check_wire, check_key,
                                      check_checksum)] + [stop])
