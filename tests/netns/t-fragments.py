#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Fragmented GRE packets are reassembled while xgred runs: in any order, with doubles,
over both underlays, and what is inside arrives once and as it was sent. What lacks
a part or contradicts itself does not.
"""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from fragments import Maker, Sink, fresh
from tap import is_, ok
from xgrenet import MODES, Topology, prerequisites, wait_until


def tunnel6(site):
    """A tunnel over IPv6 beside the reference's."""
    far = 300 - site
    return """
  gre6:
    local: 2001:db8:%d::254
    remote: 2001:db8:%d::254
    key: 6
    mtu: 1460
    sources: any
    addresses: [10.66.0.1/30]  # rp_filter is strict on a device without one
""" % (site, far)


class Bed:
    """One gateway that receives, what is sent to it, and the host behind it."""

    def __init__(self, t, sink):
        self.t, self.sink = t, sink
        self.gateway = t.gw200
        self.maker = Maker(t, t.gw200)
        self.random = random.Random(1)

    def whole(self, what, size=1400, change=lambda parts: parts, part=500, **options):
        """Fragments as change makes them of the ordered list; the datagram arrives once."""
        def attempt():
            # the very first may be lost to a neighbour that is not known as yet
            name = fresh()
            parts = self.maker.split(self.maker.outer(name, size, **options), part)
            self.maker.send(change(parts))
            return name if self.sink.wait(name, 3) else None
        name = wait_until(attempt, 20)
        is_(self.sink.got(name) if name else None, ["%d whole" % size],
            "%s: %s: arrives once" % (self.t.mode, what))

    def refused(self, what, change, size=1400, part=500, **options):
        """Fragments as change makes them do not arrive; what is sent behind them does."""
        name, marker = fresh(), fresh()
        self.maker.send(change(self.maker.split(self.maker.outer(name, size, **options), part)))
        self.maker.send(self.maker.split(self.maker.outer(marker)))
        ok(self.sink.wait(marker), "%s: %s: what follows arrives" % (self.t.mode, what))
        is_(self.sink.got(name), [], "%s: %s: does not arrive" % (self.t.mode, what))


def shuffled(bed):
    def change(parts):
        bed.random.shuffle(parts)
        return parts
    return change


def overlapping(parts):
    """The second part begins 8 bytes too early, with other bytes there."""
    from scapy.all import IP, Raw
    bad = IP(bytes(parts[1]))
    bad.frag -= 1
    bad.remove_payload()
    bad.len = bad.chksum = None
    return [parts[0], IP(bytes(bad / Raw(b"\xee" * 8 + bytes(parts[1].payload))))] + parts[2:]


def orders(bed):
    for outer6 in (False, True):
        way = "IPv%d outer" % (6 if outer6 else 4)
        options = {"outer6": outer6, "key": 6 if outer6 else 1}
        for inner6 in (False, True):
            bed.whole("%s, inner IPv%d, in order" % (way, 6 if inner6 else 4), inner6=inner6,
                      **options)
        bed.whole(way + ", backwards", change=lambda parts: parts[::-1], **options)
        bed.whole(way + ", shuffled, 40 parts", change=shuffled(bed), size=8000, part=208,
                  **options)
        bed.whole(way + ", larger than any MTU here", size=20000, part=1400, **options)
        bed.whole(way + ", the header alone in the first", part=48, size=700, **options)
    bed.whole("each part twice", change=lambda parts: [p for p in parts for _ in range(2)])


def not_whole(bed):
    bed.refused("first part lost", lambda parts: parts[1:])
    bed.refused("a part in the middle lost", lambda parts: parts[:1] + parts[2:])
    bed.refused("last part lost", lambda parts: parts[:-1])
    bed.refused("parts overlap", overlapping)
    bed.refused("last part lost, IPv6 outer", lambda parts: parts[:-1], outer6=True, key=6)


def not_ours(bed):
    """What no tunnel claims is not handed on; rules of the tunnel hold for what is."""
    before = bed.gateway.counted()
    bed.refused("wrong key", lambda parts: parts, key=99)

    def grown():
        return bed.gateway.counted().get("unclaimed", 0) - before.get("unclaimed", 0)
    wait_until(grown, 10)
    is_(grown(), 1, "%s: wrong key: counted" % bed.t.mode)
    before = bed.gateway.drops().get("source", 0)
    name = fresh()
    packet = bed.maker.outer(name)
    packet.payload.payload.src = "10.99.0.1"
    packet.payload.payload.chksum = None
    bed.maker.send(bed.maker.split(packet))
    ok(wait_until(lambda: bed.gateway.drops().get("source", 0) > before, 15),
       "%s: a source that is not the tunnel's: dropped by its rule" % bed.t.mode,
       bed.gateway.drops())
    is_(bed.sink.got(name), [], "%s: and does not arrive" % bed.t.mode)


def whole_ones(bed):
    """What comes in one piece is not handed on a second time, and fragments are counted."""
    before = bed.gateway.made_whole()
    name = fresh()
    bed.maker.send([bed.maker.outer(name)])
    is_(bed.sink.wait(name), ["1400 whole"], "%s: in one piece: arrives once" % bed.t.mode)
    is_(bed.gateway.made_whole(), before,
        "%s: in one piece: is not the daemon's" % bed.t.mode)
    bed.whole("after that")
    # they are counted after they were handed on, and so may arrive before
    ok(wait_until(lambda: bed.gateway.made_whole() > before, 10) and
       bed.gateway.punts()["fragment"] > 0, "%s: reassembled ones are counted, and the fragments" % bed.t.mode, bed.gateway.counted())
    is_([bed.gateway.counted().get(c) for c in ("lost", "overflow")], [None, None],
        "%s: none was lost" % bed.t.mode)


def without(bed, daemon):
    """Without the daemon nothing is reassembled, and whole packets do not care."""
    daemon.end()
    name, marker = fresh(), fresh()
    bed.maker.send(bed.maker.split(bed.maker.outer(name)))
    bed.maker.send([bed.maker.outer(marker)])
    ok(bed.sink.wait(marker), "%s: without xgred: whole packets arrive" % bed.t.mode)
    is_(bed.sink.got(name), [], "%s: without xgred: fragmented ones do not" % bed.t.mode)


def by_a_router(bed):
    """A router on the way with a smaller MTU does it, and both directions are whole."""
    t = bed.t
    for gateway in t.gateways:
        gateway.apply(t.config(gateway, extra="pmtudisc: false\nignore-df: true", ipv6=True))
        t.net.run("ip route change 192.168.%d.0/24 dev lan%d src 192.168.%d.1 mtu lock 700" % (
            (gateway.site,) * 3))
    other = t.gw100.daemon()
    before = bed.gateway.made_whole()
    done = []

    def attempt():
        done[:] = [t.h100.ping(t.h200.ip, count=5, total=1400),
                   t.h100.ping(t.h200.ip6, count=5, total=1400)]
        return all(done)
    ok(wait_until(attempt, 20), "%s: a router fragments, all arrive" % t.mode,
       "\n".join(map(str, done)))
    ok(wait_until(lambda: bed.gateway.made_whole() >= before + 10, 10), "%s: by the daemon" % t.mode,
       bed.gateway.counted())
    other.end()


def mode_test(mode):
    def test():
        with Topology(mode) as t:
            t.apply(ipv6=True)
            t.gw200.apply(t.config(t.gw200, ipv6=True) + tunnel6(200))
            daemon = t.gw200.daemon()
            with Sink(t.h200) as sink:
                bed = Bed(t, sink)
                for part in (orders, not_whole, not_ours, whole_ones, by_a_router):
                    part(bed)
                without(bed, daemon)
    test.__name__ = mode
    return test


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
tap.run(*[mode_test(mode) for mode in sys.argv[1:] or (MODES[0], MODES[2])])
