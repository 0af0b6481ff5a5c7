#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 900
"""
One stream of GRE packets, good and broken, through the kernel's GRE and through ours,
by native XDP and by TC: what is forwarded, and its bytes, is the same but for the
differences of lib/differences.py that lib/deviations.py foresees.

    scripts/kernel-lab -k 6.12 -- tests/kernels/t-differential.py [OPTION...]
    --seed N | random    another stream
    --count N            packets
    --only N             one packet of the stream: what it is, and what each made of it
"""
import argparse
import collections
import json
import os
import secrets
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "lib"), os.path.join(HERE, "../netns/lib")]
# pylint: disable=wrong-import-position
import tap
from deviations import explain
from differences import Seen
from differential import Tunnel, World
from tap import is_, ok
from xgrenet import prerequisites

SEED = 20261128  # of the ordinary run: the same packets each time
COUNT = 100000
TUNNELS = (Tunnel(0, 4), Tunnel(1, 4, 7), Tunnel(2, 4, 0x01020304, True),
           Tunnel(3, 6), Tunnel(4, 6, 9), Tunnel(5, 6, 66, True))
SHOWN = 10  # of what is not foreseen
# What XDP punts for these may be dropped, and counted a second time, by TC.
SECOND_LOOK = ("checksum", "ip-options", "padding")


def show(record):
    """A packet that was treated in another way, and how it is run alone."""
    return "packet %s, %s:\n  sent %s\n  kernel %s\n  %s %s" % (
        record["packet"], record["gateway"], " ".join(record["frames"]),
        record["first"] or "nothing", record["gateway"], record["this"] or "nothing")


def compare(records, seen):
    """No difference that is not foreseen; names of those that were met go to seen."""
    met, unforeseen = collections.Counter(), []
    for record in records:
        names = explain(record, TUNNELS)
        for name in names:
            seen.add(name)
        met.update(names)
        if not names:
            unforeseen.append(record)
    for name, count in sorted(met.items()):
        tap.diag("%s: %d times" % (name, count))
    ok(not unforeseen, "ours forwards what the kernel does, and the same bytes", "\n".join(
        ["%d differences that are not foreseen" % len(unforeseen)] +
        [show(record) for record in unforeseen[:SHOWN]]))


def check_counters(world, before, summary):
    """
    Each frame that was sent was counted, once; markers as well. One with a VLAN's type
    that is too short for its tag is dropped by the kernel before TC sees it.
    """
    for mode, gateway in world.ours.items():
        have = {k: v - before[mode].get(k, 0) for k, v in counters(gateway).items()}
        drops = sum(v for (kind, _), v in have.items() if kind == "drops")
        punts = sum(v for (kind, _), v in have.items() if kind == "punts")
        sent = summary["sent"][mode] - (summary["cut_tags"] if mode == "tc" else 0)
        total = have["fast", ""] + drops + punts
        again = sum(have.get(("punts", reason), 0) for reason in SECOND_LOOK)
        ok(sent <= total <= sent + min(drops, again),
           "%s: each of %d frames is counted" % (mode, sent), {
               "fast": have["fast", ""], "drops": drops, "punts": punts, "sent": sent,
               "all": {"%s %s" % k: v for k, v in have.items() if v}})


def counters(gateway):
    """(drops or punts, reason) -> packets; what was forwarded is ("fast", "")."""
    stat = gateway.stat()
    have = {(kind, r["reason"]): r["packets"] for kind in ("drops", "punts") for r in stat[kind]}
    have["fast", ""] = sum(t["fast"]["rx"] + t["fast"]["tx"] for t in stat["tunnels"])
    return have


def main(options):
    world = World(TUNNELS)
    tap.diag("seed %d, %d packets" % (options.seed, options.count))
    if options.only is not None:
        records, _ = world.run(options.seed, "--count=%d" % options.count,
                               "--only=%d" % options.only)
        tap.diag(json.dumps(records, indent=1))
        tap.diag(sorted({name for record in records for name in explain(record, TUNNELS)}))
        return ok(True, "packet %d alone" % options.only)
    before = {mode: counters(gateway) for mode, gateway in world.ours.items()}
    records, summary = world.run(options.seed, "--count=%d" % options.count)
    tap.diag(summary)
    forwarded = summary["forwarded"]
    ok(min(forwarded.values()) > options.count / 4,
       "the stream is no rubbish: more than a quarter of it is forwarded", forwarded)
    seen = Seen("t-differential")
    compare(records, seen)
    check_counters(world, before, summary)
    if options.count >= COUNT:
        seen.check()
    return True


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", default=str(SEED))
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    options.seed = secrets.randbits(32) if options.seed == "random" else int(options.seed, 0)
    return options


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)


def differential():
    main(arguments())


tap.run(differential)
