#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sequence numbers: what is sent counts up, what arrives must; a peer may start anew."""
import pathlib
import sys
import time
from itertools import product

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import packets  # noqa: E402
import world  # noqa: E402
from bpftest import DEV, DROP, PASS, PORT, REDIRECT, XDP, Runner, tap  # noqa: E402
from cases_ways import inward, outward  # noqa: E402
from world import LAN, TUNNELS  # noqa: E402

NAMES = ("seq4", "seq6", "full4")
TOP = 1 << 32
RESTART = 16  # late ones in a row
QUIET = 5  # seconds without one in order
runner = Runner()
world.build(runner)


def loaded(xdp):
    """Programs for ports with XDP or without, and no packet so far."""
    if loaded.xdp != xdp:
        world.load(runner, xdp)
        loaded.xdp = xdp
    runner.request(fresh=True)


loaded.xdp = None


def arrive(program, tunnel, *numbers, **options):
    """Packets with these numbers, one after the other: whether each is let in, and why not."""
    result = []
    for number in numbers:
        frame = packets.arrival(tunnel, inward(tunnel, 4), seq=number, **options)
        answer = runner.run(program, frame, "eth0", keep=True)
        result.append("in" if answer.retval == REDIRECT[program] else
                      "%d %s" % (answer.retval, " ".join(answer.reasons)))
    return result


def sent():
    """From 0 on, by all programs of a tunnel together, and modulo 2^32 is the counter's own."""
    for name in NAMES:
        t = TUNNELS[name]
        loaded(False)
        numbers = []
        for i in range(6):
            packet = outward(t, 4)
            if i % 2:
                answer = runner.run(DEV, packets.ether(t.peer_mac, t.mac, (), packet), t.peer,
                                    keep=True)
            else:
                answer = runner.run(PORT, packets.from_host(LAN, packet), LAN.name, keep=True)
            at = 14 + t.overhead - 4
            numbers.append(int.from_bytes(answer.out[at:at + 4], "big"))
        tap.is_(numbers, list(range(6)), name + ": numbers of what is sent")


def order():
    """Later ones are let in, earlier ones and the same again are not, across 2^32 as well."""
    for (program, xdp), name, start in product(((XDP, True), (PORT, False)), NAMES,
                                               (0, 7, TOP - 3, TOP // 2)):
        loaded(xdp)
        t = TUNNELS[name]
        late = "%d sequence" % DROP[program]
        have = arrive(program, t, *((start + n) % TOP for n in (0, 1, 2, 2, 1, 5, 4, 6, 1000, 6)))
        tap.is_(have, ["in"] * 3 + [late] * 2 + ["in", late, "in", "in", late],
                "%s: %s from %d" % (program, name, start))


def restart():
    """After so many late ones in a row the peer has begun again; not after others."""
    for (program, xdp), name in product(((XDP, True), (PORT, False)), NAMES):
        loaded(xdp)
        t = TUNNELS[name]
        late = "%d sequence" % DROP[program]
        arrive(program, t, 100000)
        have = arrive(program, t, *range(RESTART + 3))
        tap.is_(have, [late] * (RESTART - 1) + ["in"] * 4, "%s: %s starts anew" % (program, name))
        arrive(program, t, 100000)
        have = arrive(program, t, *[n * 2 for n in range(3 * RESTART)])
        tap.is_(set(have), {late}, "%s: %s, late ones with gaps" % (program, name))
        have = arrive(program, t, *[9] * 3 * RESTART)
        tap.is_(set(have), {late}, "%s: %s, the same again and again" % (program, name))


def quiet():
    """After a time without one in order the peer has begun again as well."""
    for program, xdp in ((XDP, True), (PORT, False)):
        loaded(xdp)
        t = TUNNELS["seq4"]
        late = "%d sequence" % DROP[program]
        tap.is_(arrive(program, t, 100000, 7), ["in", late], program + ": a late one at once")
        time.sleep(QUIET + 0.5)
        # not late, but perhaps the one that goes through the kernel to refresh the next hop
        first, *rest = arrive(program, t, 3, 2, 4)
        tap.is_((first == late, rest), (False, [late, "in"]), program + ": one much later")


def missing():
    """Without a number: dropped where one is configured, and only there."""
    for (program, xdp), name in product(((XDP, True), (PORT, False)), NAMES):
        loaded(xdp)
        tap.is_(arrive(program, TUNNELS[name], None), ["%d no-sequence" % DROP[program]],
                "%s: %s without a number" % (program, name))
        tap.is_(arrive(program, TUNNELS["t4k"], 9, 3, 3), ["in"] * 3,
                "%s: t4k takes any" % program)


def once():
    """What XDP leaves to TC has had its number looked at."""
    loaded(True)
    t = TUNNELS["seq4"]
    inner = inward(t, 4, ttl=1)
    frame = packets.arrival(t, inner, seq=50)
    answer = runner.run(XDP, frame, "eth0", keep=True)
    tap.is_((answer.retval, answer.reasons), (PASS[XDP], {"ttl": 1}), "XDP leaves it to TC")
    answer = runner.run(PORT, frame, "eth0", keep=True)
    tap.is_((answer.retval, answer.reasons), (REDIRECT[PORT], {}), "which takes it")
    tap.is_(arrive(XDP, t, 50, 51), ["1 sequence", "in"], "and it counted in XDP")
    bad = bytearray(packets.arrival(TUNNELS["full4"], inward(t, 4), seq=60))
    bad[-1] ^= 1
    runner.run(XDP, bytes(bad), "eth0", keep=True)
    stranger = packets.arrival(t, packets.ip("198.51.100.1", LAN.host4), seq=900)
    tap.is_(runner.run(XDP, stranger, "eth0", keep=True).reasons, {"source": 1},
            "a packet that is dropped for another reason")
    tap.is_(arrive(XDP, t, 52), ["in"], "does not count")


tap.run(sent, order, restart, quiet, missing, once)
