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
CASES = (  # key of the ends at site A, and at site B
    ("key", "key 0"), ("no key", "key 0"), ("key 0", "no key"), ("no key", "key"),
    ("key", "no key"), ("key", "two keys"))


def taken_all_the_same(kind, case, end):
    """The name of the difference by which the kernel takes what we refuse, or None."""
    if kind == "ip6gre" and end == "kernel" and set(case) == {"no key", "key 0"}:
        return "ip6gre-key-0"
    return None


def wrong(kind, case, mode):
    """(name, ends that do not fit, ends that do)."""
    key = {"mode": mode, "key": "key"}
    if case == "peer":
        ends = ladder.Ends(kind, key)
        ends.peers = {0: NOBODY[kind]}
        return "wrong peer", ends, ladder.Ends(kind, key)
    row = tuple({"mode": mode, "key": word} for word in case)
    return "%s against %s" % case, ladder.Ends(kind, row), ladder.Ends(kind, row[0])


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
    name, unfit, fit = wrong(kind, case, mode)
    name = "%s, %s, %s" % (kind, name, mode)
    unfit.configure(bench)
    sent, unseen, taken = set(), [], set()
    for (rung, family), pair in hosts.items():
        for which in (0, 1):
            if which == 0 and case == "peer":
                continue  # it is sent to nobody; the other way tells
            data = os.urandom(32)
            sent.add(data)
            if not on_the_wire(sock, pair, which, data):
                unseen.append("%s, inner IPv%d, way %d" % (rung.name, family, which))
            difference = taken_all_the_same(kind, case, rung.ends[1 - which])
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
        ", but for what the kernel takes" if taken else ""))


def program():
    bench = Bench()
    hosts = ladder.pairs_of_hosts(bench)
    seen = Seen("t-ladder-refused")
    sock = packets(bench.net, None)
    sock.settimeout(AGAIN)
    for number, case in enumerate((*CASES, "peer")):
        for kind, mode in zip(("gre", "ip6gre"), ("native", "tc")[::-1 if number % 2 else 1]):
            check(bench, hosts, sock, seen, kind, case, mode)
    seen.check()


ladder.main(program)
