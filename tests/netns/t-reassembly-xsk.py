#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Fragments of GRE packets over AF_XDP: which go that way and which do not, what comes
of orders, losses and contradictions, and that sockets follow ports, tunnels and the
daemon's own end.
"""
import os
import random
import signal
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from fragments import Maker, Sink, fresh
from tap import is_, ok
from xgrenet import Topology, prerequisites, wait_until

LIMIT = 20
FLOODER = "203.0.113.9"

SECOND_TUNNEL = """
  gre9:
    local: 192.168.200.254
    remote: %s
    key: 9
    mtu: 1460
    routes: [{to: 10.99.0.0/16}]
""" % FLOODER


class Bed:
    """The gateway of site 200 with an xgred, and what is sent to it."""

    def __init__(self, t, sink):
        self.t, self.sink = t, sink
        self.gateway = t.gw200
        self.maker = Maker(t, t.gw200)
        self.random = random.Random(7)
        self.daemon = None

    def start(self):
        self.daemon = self.gateway.daemon()

    def count(self, name):
        return self.gateway.counted().get(name, 0)

    def parts(self, name, size=1400, part=500, **options):
        return self.maker.split(self.maker.outer(name, size, **options), part)

    def arrives(self, size=1400, part=500, change=lambda parts: parts, **options):
        """Send datagrams until one arrives; the first may wait for a neighbour, or a socket."""
        def attempt():
            name = fresh()
            self.maker.send(change(self.parts(name, size, part, **options)))
            return name if self.sink.wait(name, 2) else None
        name = wait_until(attempt, 30)
        return bool(name) and self.sink.got(name) == ["%d whole" % size]

    def comes_by(self, counter, **options):
        """Datagrams arrive, and at last by this way."""
        def attempt():
            before = self.count(counter)
            return self.arrives(**options) and wait_until(lambda: self.count(counter) > before, 2)
        return wait_until(attempt, 40)

    def follows(self, what):
        """What is sent now arrives, so everything sent before has had its turn."""
        ok(self.arrives(), "%s: %s: what follows arrives" % (self.t.mode, what))


def orders(bed):
    mode = bed.t.mode
    ok(bed.comes_by("xsk-whole"), "%s: a packet in fragments comes by AF_XDP" % mode,
       bed.gateway.counted())

    def shuffle(parts):
        bed.random.shuffle(parts)
        return parts
    before = bed.gateway.counted()
    ok(bed.arrives(change=lambda parts: parts[::-1]), "%s: backwards" % mode)
    ok(bed.arrives(size=8000, part=208, change=shuffle), "%s: 40 fragments, shuffled" % mode)
    ok(bed.arrives(change=lambda parts: [p for p in parts for _ in range(2)]),
       "%s: each one twice" % mode)
    ok(wait_until(lambda: bed.count("xsk-whole") >= before["xsk-whole"] + 3, LIMIT),
       "%s: all of them by AF_XDP" % mode, bed.gateway.counted())
    ok(bed.count("xsk-duplicate") > 0, "%s: doubles are counted" % mode, bed.gateway.counted())
    # frames of one buffer, and of several
    ok(bed.arrives(size=20000, part=1400), "%s: a large packet" % mode)
    ok(bed.arrives(size=30000, part=8000), "%s: in jumbo frames" % mode)


def contradictions(bed):
    from scapy.all import IP, Raw
    mode = bed.t.mode

    def damaged(what, change, counter):
        before, name = bed.count(counter), fresh()
        bed.maker.send(change(bed.parts(name)))
        ok(wait_until(lambda: bed.count(counter) > before, LIMIT), "%s: %s: counted" % (mode, what),
           bed.gateway.counted())
        bed.follows(what)
        is_(bed.sink.got(name), [], "%s: %s: does not arrive" % (mode, what))

    def overlap(parts):
        bad = IP(bytes(parts[1]))
        bad.frag -= 1
        bad.remove_payload()
        bad.len = bad.chksum = None
        return [parts[0], IP(bytes(bad / Raw(b"\xee" * 8 + bytes(parts[1].payload))))] + parts[2:]

    def end_twice(parts):
        short = IP(bytes(parts[0]))
        short.flags, short.chksum = 0, None
        short.frag = parts[-1].frag + 200
        return [parts[-1], IP(bytes(short))] + parts[:-1]

    def ecn(parts):
        parts[1].tos |= 3
        parts[1].chksum = None
        return [IP(bytes(p)) for p in parts]

    def misaligned(parts):
        bad = IP(bytes(parts[0]))
        bad.len, bad.chksum = bad.len - 3, None
        return [IP(bytes(bad))] + parts[1:]
    damaged("overlap", overlap, "xsk-overlap")
    damaged("two ends", end_twice, "xsk-length")
    damaged("ECN in one of them alone", ecn, "xsk-ecn")
    damaged("a length that is no multiple of 8", misaligned, "xsk-malformed")
    damaged("a wrong key", lambda _parts: bed.parts(fresh(), key=77), "unclaimed")
    name = fresh()
    bed.maker.send(bed.parts(name)[:-1])
    bed.follows("the last one lost")
    is_(bed.sink.got(name), [], "%s: the last one lost: does not arrive" % mode)


def strangers(bed):
    """Fragments of endpoints that no tunnel has stay the kernel's."""
    before = bed.count("xsk-fragments")
    parts = bed.parts(fresh())
    for p in parts:
        p.src, p.chksum = "198.51.100.77", None
    fragments = bed.gateway.punts().get("fragment", 0)
    bed.maker.send(parts)
    ok(wait_until(lambda: bed.gateway.punts().get("fragment", 0) >= fragments + len(parts), LIMIT),
       "%s: unknown endpoints: counted as fragments" % bed.t.mode, bed.gateway.punts())
    is_(bed.count("xsk-fragments"), before, "%s: unknown endpoints: not by AF_XDP" % bed.t.mode)


def flood(bed):
    """One peer sends first fragments only; the other's packets arrive."""
    mode, t = bed.t.mode, bed.t
    bed.gateway.apply(t.config(bed.gateway) + SECOND_TUNNEL)
    base = bed.parts(fresh(), part=1200)[0]
    base.src, base.chksum = FLOODER, None
    raw = bytearray(bytes(base))
    frames = []
    ether = b"".join(bytes.fromhex(mac.replace(":", "")) for mac in bed.maker.macs[::-1])
    for number in range(1500):
        struct.pack_into("!H", raw, 4, number)
        struct.pack_into("!H", raw, 10, 0)
        words = struct.unpack("!10H", raw[:20])
        total = sum(words)
        total = (total & 0xffff) + (total >> 16)
        struct.pack_into("!H", raw, 10, ~((total & 0xffff) + (total >> 16)) & 0xffff)
        frames.append(ether + b"\x08\x00" + raw)
    first, rest = fresh(), None
    parts = bed.parts(first)
    before = bed.count("xsk-fragments")
    bed.maker.send(parts[:1])
    rest = parts[1:]
    bed.maker.net.send(frames, bed.maker.dev)
    # of a flood some may be lost on its way, but most of it comes
    ok(wait_until(lambda: bed.count("xsk-fragments") > before + 750, LIMIT),
       "%s: flood: it has come" % mode, bed.gateway.counted())
    ok(wait_until(lambda: bed.count("xsk-evicted") > 100, LIMIT),
       "%s: flood: the flooder's oldest are given up" % mode, bed.gateway.counted())
    bed.maker.send(rest)
    ok(bed.sink.wait(first), "%s: flood: a packet that was begun before it arrives" % mode)
    bed.follows("flood")
    is_(bed.count("xsk-no-memory"), 0, "%s: flood: memory was never missing" % mode)
    bed.gateway.apply(t.config(bed.gateway))


def changes(bed):
    """Ports and the daemon come and go; the fragments find their way."""
    t, gateway = bed.t, bed.gateway
    other = t.config(gateway).replace("xdp: " + t.mode, "xdp: off")
    gateway.apply(other)
    ok(bed.comes_by("reassembled"), "%s: XDP off: by the kernel" % t.mode, gateway.counted())
    gateway.apply(t.config(gateway))
    ok(bed.comes_by("xsk-whole"), "%s: XDP on again: by AF_XDP" % t.mode, bed.daemon.log())
    before = gateway.stat("tunnels")["tunnels"][0]["rx"]["packets"]
    gateway.load("unload")
    gateway.apply(t.config(gateway))
    ok(bed.comes_by("xsk-whole"), "%s: taken down and made again: by AF_XDP" % t.mode,
       bed.daemon.log())
    ok(before > 0, "%s: packets were counted by the tunnel" % t.mode)

    bed.daemon.end(signal.SIGKILL)
    name, marker = fresh(), fresh()
    bed.maker.send(bed.parts(name))
    ok(wait_until(lambda: t.h100.ping(t.h200.ip), LIMIT), "%s: killed: whole packets go on" % t.mode)
    bed.maker.send([bed.maker.outer(marker)])
    ok(bed.sink.wait(marker), "%s: killed: and arrive" % t.mode)
    is_(bed.sink.got(name), [], "%s: killed: fragments do not" % t.mode)
    bed.start()
    ok(bed.comes_by("xsk-whole"), "%s: started again: by AF_XDP" % t.mode, bed.daemon.log())
    is_(bed.daemon.end(), 0, "%s: SIGTERM ends it" % t.mode)
    ok(wait_until(lambda: t.h100.ping(t.h200.ip), LIMIT), "%s: ended: whole packets go on" % t.mode)


def threads(bed):
    """No socket or thread is left over from all the changes: one for the one queue."""
    def number():
        return len(os.listdir("/proc/%d/task" % bed.daemon.pid))
    ok(wait_until(lambda: number() == 2, LIMIT), "%s: one thread for one queue" % bed.t.mode, number())


def mode_test(mode):
    def test():
        with Topology(mode) as t:
            t.apply()
            with Sink(t.h200) as sink:
                bed = Bed(t, sink)
                bed.start()
                for part in (orders, contradictions, strangers, flood, threads, changes):
                    part(bed)
    test.__name__ = mode
    return test


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
tap.run(*[mode_test(mode) for mode in sys.argv[1:] or ("native", "skb")])
