#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 900
"""
The ladder with ends that do not fit each other: the GRE packets are sent, and nothing
comes out of them. What was sent then is looked for after the ends were made to fit and
the next datagrams have passed, so a late one would be found.
"""
import os
import sys
import time
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/lib", HERE + "/../netns/lib"]
# pylint: disable=wrong-import-position
import ladder
from bench import Bench
from differences import Seen
from inside import packets
from tap import is_
from traffic import AGAIN, TIMEOUT, is_gre

NOBODY = {"gre": "10.0.99.%d", "ip6gre": "fd00:99::%d"}
BOTH_WAYS = (0, 1)
TO_B = (0,)  # site A sends, and the ends of B are asked

# One way alone, in addition to the values of the ladder.
CHECKSUM = {
    "sends checksums": {"kernel": "ocsum", "ours": {"checksum": True}},
    "wants checksums": {"kernel": "icsum", "ours": {"checksum": True}},
    **ladder.CHECKSUM,
}


class Case(NamedTuple):
    """What site A and site B have; taken(kind, end): the difference by which an end takes it."""
    name: str
    a: dict
    b: dict
    ways: tuple = BOTH_WAYS
    taken: object = lambda kind, end: None
    peers: dict = {}

    def ends(self, kind, mode):
        """The ends that do not fit, and some that do."""
        axes = {**ladder.AXES[kind], "checksum": CHECKSUM}
        rows = tuple({"mode": mode, **row} for row in (self.a, self.b))
        unfit, fit = ladder.Ends(kind, rows, axes), ladder.Ends(kind, {"mode": mode}, axes)
        unfit.peers = {site: address[kind] for site, address in self.peers.items()}
        return unfit, fit


def keys(a, b, **options):
    return Case("%s against %s" % (a, b), {"key": a}, {"key": b}, **options)


def key_0(kind, end):
    return "ip6gre-key-0" if kind == "ip6gre" and end == "kernel" else None


CASES = (
    keys("key", "key 0"),
    keys("no key", "key 0", taken=key_0),
    keys("key 0", "no key", taken=key_0),
    keys("no key", "key"),
    keys("key", "no key"),
    keys("key", "two keys"),
    # What A sends goes to nobody.
    Case("wrong peer", {}, {}, (1,), peers={0: NOBODY}),
    Case("checksums that nobody asked for", {"checksum": "sends checksums"}, {}, TO_B,
         lambda kind, end: "checksum-unasked" if end == "ours" else None),
    Case("no checksums where they are wanted", {}, {"checksum": "wants checksums"}, TO_B,
         lambda kind, end: "checksum-missing" if end == "ours" else None),
)


def on_the_wire(sock, pair, which, data):
    """Send the datagram until it was seen in a GRE packet; is it?"""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        pair.send(which, data)
        again = time.monotonic() + AGAIN
        while time.monotonic() < again:
            try:
                frame = sock.recv(2048)
            except TimeoutError:
                break
            if data in frame and is_gre(frame):
                return True
    return False


def check(bench, hosts, sock, seen, kind, case, mode):
    name = "%s, %s, %s" % (kind, case.name, mode)
    unfit, fit = case.ends(kind, mode)
    unfit.configure(bench)
    sent, unseen, taken = set(), [], set()
    for (rung, family), pair in hosts.items():
        for which in case.ways:
            data = os.urandom(32)
            sent.add(data)
            if not on_the_wire(sock, pair, which, data):
                unseen.append("%s, inner IPv%d, way %d" % (rung.name, family, which))
            difference = case.taken(kind, rung.ends[1 - which])
            if difference:
                taken.add(data)
                seen.add(difference)
    is_(unseen, [], name + ": GRE packets are sent on all rungs")
    fit.configure(bench)
    got = set()
    for (rung, family), pair in hosts.items():
        label = "%s: %s: inner IPv%d" % (name, rung.name, family)
        is_(pair.datagram(32), None, label + ": passes between ends that fit")
        got |= {data for data in pair.received() if data in sent}
    is_(got, taken, name + ": nothing passed between ends that do not fit%s" % (
        ", but by allowed differences" if taken else ""))


def program():
    bench = Bench()
    hosts = ladder.pairs_of_hosts(bench)
    seen = Seen("t-ladder-refused")
    sock = packets(bench.net, None)
    sock.settimeout(AGAIN)
    for number, case in enumerate(CASES):
        for kind, mode in zip(("gre", "ip6gre"), ("native", "tc")[::-1 if number % 2 else 1]):
            check(bench, hosts, sock, seen, kind, case, mode)
    seen.check()


ladder.main(program)
