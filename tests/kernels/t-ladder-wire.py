#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 900
"""
What the kernel's GRE and ours put on the wire for the same inner packets and the same
options, header by header. Ours by its three ways: XDP, TC, and the slow path.
"""
import os
import select
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/lib", HERE + "/../netns/lib"]
# pylint: disable=wrong-import-position
import ladder
import tap
from bench import RUNGS, Bench
from differences import Seen
from inside import packets
from scapy.all import GRE, IP, UDP, Ether, IPv6, IPv6ExtHdrDestOpt, raw
from tap import is_, ok
from traffic import TIMEOUT, checksum, is_gre
from xgrenet import wait_until

DF = {
    "pmtudisc": {},
    "nopmtudisc": {"kernel": "nopmtudisc", "ours": {"pmtudisc": False}},
    "ignore-df": {"kernel": "nopmtudisc ignore-df", "ours": {"ignore-df": True}},
}
MODE = {"native": {}, "tc": {}, "slow": {"ours": {"fast-path": "off"}}}
KEYS = {word: ladder.KEYS[word] for word in ("no key", "key", "two keys")}
CHECKSUM = {word: ladder.CHECKSUM[word] for word in ("no checksum", "checksum")}
SAME = {"key": KEYS, "checksum": CHECKSUM, "ttl": ladder.TTL, "tos": ladder.TOS, "mode": MODE}
AXES = {"gre": {**SAME, "df": DF}, "ip6gre": {**SAME, "encaplimit": ladder.ENCAPLIMIT}}

# At site A one kind each; the far ends are the kernel's.
ENDS = {"kernel": RUNGS[0], "ours": RUNGS[1]}

NAME_LEN = 16
# (TOS or traffic class, TTL or hop limit, DF)
HEADS = [(tos, 64, True) for tos in (0, 1, 2, 3, 0xb8, 0xba, 0xbb, 0xff)] + [
    (0, 64, False), (0x28, 2, True), (0x28, 255, True)]

# Fields that must not only be the same.
RIGHT = {"inner packet": "right", "length": 0, "checksum": 0, "gre checksum": 0}


class Probe:
    """A packet from host to host for each kind of end; a random name is put at its end."""

    def __init__(self, family, tos, ttl, df):
        self.label = "TOS 0x%x TTL %d%s" % (tos, ttl, " DF" if df and family == 4 else "")
        self.family, self.ecn = family, tos & 3
        self._bytes = {kind: [self._make(rung, tos, hops, df) for hops in (ttl, ttl - 1)]
                       for kind, rung in ENDS.items()}

    def _make(self, rung, tos, ttl, df):
        ends = {"src": rung.address(0, self.family), "dst": rung.address(1, self.family)}
        if self.family == 4:
            head = IP(tos=tos, ttl=ttl, flags="DF" if df else 0, id=4711, **ends)
        else:
            head = IPv6(tc=tos, hlim=ttl, fl=0x12345, **ends)
        return raw(head / UDP(sport=4003, dport=4003, chksum=0x4711) / bytes(NAME_LEN))[:-NAME_LEN]

    def sent(self, kind, name):
        return self._bytes[kind][0] + name

    def forwarded(self, kind, name):
        """The same after one hop."""
        return self._bytes[kind][1] + name


def outer4(ip, data):
    return {"header": (ip.version, ip.ihl, ip.frag, "MF" in ip.flags, ip.proto),
            "dscp": ip.tos >> 2, "ecn": ip.tos & 3, "df": "DF" in ip.flags, "id": ip.id != 0,
            "ttl": ip.ttl, "length": ip.len - len(data), "checksum": checksum(data[:20])}


def outer6(ip, data):
    fields = {"header": ip.version, "dscp": ip.tc >> 2, "ecn": ip.tc & 3,
              "flow label": ip.fl != 0, "ttl": ip.hlim, "length": ip.plen + 40 - len(data),
              "next header": ip.nh, "options": None}
    if IPv6ExtHdrDestOpt in ip:
        fields["next header"] = ip[IPv6ExtHdrDestOpt].nh
        fields["options"] = data[40:48].hex()
    return fields


def headers(frame, inner):
    """
    The fields of a frame on the wire but for its addresses; lengths and checksums are
    0 where they are right. inner is the packet that must be in it.
    """
    ip = Ether(frame).payload
    fields = (outer4 if isinstance(ip, IP) else outer6)(ip, frame[14:])
    gre = ip[GRE]
    fields["gre flags"] = raw(gre)[:2].hex()
    fields["gre protocol"] = gre.proto
    fields["gre checksum"] = checksum(raw(gre)) if gre.chksum_present else 0
    fields["key"] = gre.key if gre.key_present else None
    fields["inner packet"] = "right" if raw(gre.payload) == inner else raw(gre.payload).hex()
    return fields


def explain(row, probe, field, have, want):
    """The name of the difference between ours and the kernel's field, or None."""
    if field == "ecn" and have == probe.ecn:
        if have == 3 and want == 2:
            return "ecn-ce"
        if want == 0 and "encaplimit" in row and row["tos"] == "tos 0xb8":
            return "ip6gre-tos-ecn"
    if field == "options" and have is None and want == "2f00040104010100":
        return "encapsulation-limit"
    if field == "flow label" and not have and want:
        return "flow-label"
    if field == "id" and not have and want:
        return "ip-id"
    return None


def mac(ns, device):
    return bytes.fromhex(ns.mac(device).replace(":", ""))


class Wire:
    """Sends probes and takes what comes of them off the wire."""

    def __init__(self, bench):
        self.out = packets(bench.hosts[0], "eth0", 0)
        self.wire = packets(bench.net, None)
        self.macs = {kind: mac(bench.gateways[kind, 0], "eth1") for kind in ENDS}
        self.source = mac(bench.hosts[0], "eth0")
        # As on a wire: the kernel leaves the GRE checksum to the device, and a veth to nobody.
        bench.gateways["kernel", 0].run("ethtool -K eth0 tx off")

    def carry(self, wanted):
        """{name: (kind, probe)}: {name: frame}, each sent until it was seen."""
        frames = {}
        end = time.monotonic() + TIMEOUT
        while len(frames) < len(wanted) and time.monotonic() < end:
            for name, (kind, probe) in wanted.items():
                if name not in frames:
                    ethernet = self.macs[kind] + self.source + (
                        b"\x08\0" if probe.family == 4 else b"\x86\xdd")
                    self.out.send(ethernet + probe.sent(kind, name))
            wait_until(lambda: self._take(wanted, frames), 2, 0)
        return frames

    def _take(self, wanted, frames):
        while len(frames) < len(wanted) and select.select([self.wire], [], [], 0.2)[0]:
            frame = self.wire.recv(2048)
            if is_gre(frame) and frame[-NAME_LEN:] in wanted:
                frames.setdefault(frame[-NAME_LEN:], frame)
        return len(frames) == len(wanted)


def compare(wire, seen, name, row, probes):
    """All probes by both kinds of end; one result for each family of inner packets."""
    cases = [(probe, {kind: os.urandom(NAME_LEN) for kind in ENDS}) for probe in probes]
    frames = wire.carry({case[kind]: (kind, probe) for probe, case in cases for kind in ENDS})
    wrong = {4: [], 6: []}
    for probe, case in cases:
        have, want = (headers(frames[case[kind]], probe.forwarded(kind, case[kind]))
                      if case[kind] in frames else {"inner packet": "not sent"}
                      for kind in ("ours", "kernel"))
        for field in sorted(set(have) | set(want)):
            if have.get(field) == want.get(field) == RIGHT.get(field, want.get(field)):
                continue
            difference = explain(row, probe, field, have.get(field), want.get(field))
            if difference:
                seen.add(difference)
            else:
                wrong[probe.family].append("%s: %s: ours %s, the kernel's %s" % (
                    probe.label, field, have.get(field), want.get(field)))
    for family, lines in wrong.items():
        is_("\n".join(lines), "", "%s: inner IPv%d: headers are the kernel's" % (name, family))


def program():
    bench = Bench()
    hosts = ladder.pairs_of_hosts(bench)
    # there is no DF in IPv6
    probes = [Probe(family, *head) for family in (4, 6) for head in HEADS if family == 4 or head[2]]
    wire, seen = Wire(bench), Seen("t-ladder-wire")
    for kind, axes in AXES.items():
        for row in ladder.rows(axes):
            start = time.monotonic()
            name = "%s, %s" % (kind, ", ".join(row.values()))
            ends = ladder.Ends(kind, row, axes)
            ends.mode = "tc" if row["mode"] == "slow" else row["mode"]
            ends.configure(bench)
            for rung in ENDS.values():  # neighbours are found on the way
                problem = hosts[rung, 4].echo() or hosts[rung, 6].echo()
                ok(not problem, "%s: %s: echo" % (name, rung.name), problem)
            compare(wire, seen, name, row, probes)
            tap.diag("%s: %.1f s" % (name, time.monotonic() - start))
    seen.check()


ladder.main(program)
