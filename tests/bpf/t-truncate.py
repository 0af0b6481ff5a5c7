#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Every header cut at every length, with the outer length as it was, and made to
fit what is left. Nothing malformed is forwarded, nothing is changed that is not
forwarded, and every packet is counted once.
"""
import pathlib
import random
import struct
import sys
from itertools import product

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import packets  # noqa: E402
import world  # noqa: E402
from bpftest import DEV, DROP, PASS, PORT, REDIRECT, XDP, XDPS, Refused, Runner, tap  # noqa: E402
from cases_rules import icmp_error  # noqa: E402
from cases_ways import inward, outward  # noqa: E402
from world import LAN, PORTS, T4K, T6K, TUNNELS  # noqa: E402

EINVAL = 22
HEADERS = 170  # bytes from the start in which all headers end
runner = Runner()
world.build(runner)


def fitted(frame, l3):
    """The frame with the outer header's length made right, where there is such a header."""
    b = bytearray(frame)
    left = len(b) - l3
    if left >= 20 and b[l3] >> 4 == 4:
        b[l3 + 2:l3 + 4] = struct.pack("!H", left)
        b[l3:] = packets.patched(b[l3:])
    elif left >= 40 and b[l3] >> 4 == 6:
        b[l3 + 4:l3 + 6] = struct.pack("!H", left - 40)
    return bytes(b)


def wrong(program, frame, dev, may_forward=False):
    """What is wrong with the answer to a frame; None where the kernel makes no packet of it."""
    try:
        # cuts leave caches and counters as they are, which need not be cleared then
        answer = runner.run(program, frame, dev, keep=not may_forward)
    except Refused as refused:
        if refused.errno == EINVAL and program not in XDPS:
            return None  # TC: no packet is as short as this
        return "%s; frame %s" % (refused, frame.hex())
    counted = sum(answer.reasons.values())
    if answer.retval == REDIRECT[program]:
        if may_forward and counted <= 1:
            return ""
    elif answer.retval in (PASS[program], DROP[program]):
        if counted == 1 and answer.out == frame and not answer.tunnels and not answer.routes:
            return ""
    return "retval %d, reasons %s, tunnels %s, %s; frame %s" % (
        answer.retval, answer.reasons, answer.tunnels,
        "unchanged" if answer.out == frame else "changed", frame.hex())


def cut(name, program, frame, dev, l3=14, fit=True):
    """
    One test: all lengths of a frame that is whole only at its full length. fit is
    for GRE alone: any other packet with the right length is a good packet.
    """
    runner.request(fresh=True)
    findings, runs = [], 0
    for length in [*range(14, min(len(frame), HEADERS)), len(frame) - 1]:
        for variant in {frame[:length]} | ({fitted(frame[:length], l3)} if fit else set()):
            finding = wrong(program, variant, dev)
            runs += finding is not None
            if finding:
                findings.append("cut to %d: %s" % (length, finding))
    tap.ok(not findings and runs > 20, "%s: %s, %d frames" % (program, name, runs),
           "\n".join(findings[:5]))


def arrivals():
    """Frames of tunnels, with all that a header can have: name, frame, tunnel."""
    shapes = {"": {}, " C": {"csum": True}, " S": {"seq": 1}, " C S": {"csum": True, "seq": 1},
              " R": {"flags": 0x4000}}
    for t, version, (shape, options) in product((T4K, T6K, TUNNELS["t4"]), (4, 6), shapes.items()):
        yield "%s%s IPv%d" % (t.name, shape, version), packets.arrival(
            t, inward(t, version, size=100), **options)
    for t, version in product((T4K, T6K), (4, 6)):
        error = icmp_error(version, 3, outward(t, version))
        yield "%s ICMP error IPv%d" % (t.name, version), packets.arrival(t, error)
    yield "encapsulation limit", packets.arrival(T6K, inward(T6K, 6), limit=True)
    yield "version 1", packets.arrival(T4K, inward(T4K, 4), flags=1)


def ports():
    """XDP, and TC on a port without and with XDP."""
    for program, xdp in ((XDP, True), (PORT, False)):
        world.load(runner, xdp)
        for name, frame in arrivals():
            cut(name, program, frame, "eth0")
        for version in (4, 6):
            cut("encap IPv%d" % version, program, packets.from_host(LAN, outward(T4K, version)),
                "eth1", fit=False)


def vlans():
    """Tags are cut as well."""
    world.load(runner, True)
    for name in ("vl1", "vl2"):
        port = PORTS[name]
        t = TUNNELS["vlan1" if name == "vl1" else "vlan2"]
        l3 = 14 + 4 * len(port.tags)
        cut("tagged decap", XDP, packets.arrival(t, inward(t, 4), True), "eth0", l3)
        cut("tagged encap", XDP, packets.from_host(port, outward(T4K, 4, port), True), "eth0", l3,
            False)


def devices():
    """Into a tunnel by its device."""
    for t, version in product((T4K, T6K), (4, 6)):
        for name, packet in (("", outward(t, version)),
                             (" GRE", packets.encapsulated(TUNNELS["tos4"], outward(t, version)))):
            cut("%s IPv%d%s" % (t.name, version, name), DEV, packets.ether(
                t.peer_mac, t.mac, (), packet), t.peer, fit=False)


def noise():
    """Bytes of good frames changed at random, lengths too; the seed is printed for a second run."""
    seed = random.SystemRandom().getrandbits(32)
    tap.diag("seed %d" % seed)
    rng = random.Random(seed)
    for program, xdp in ((XDP, True), (PORT, False), (DEV, False)):
        world.load(runner, xdp)
        frames = [(f, "eth0") for _, f in arrivals()] + [
            (packets.from_host(LAN, outward(T4K, v)), "eth1") for v in (4, 6)]
        if program == DEV:
            frames = [(packets.ether(T4K.peer_mac, T4K.mac, (), outward(T4K, v)), T4K.peer)
                      for v in (4, 6)]
        findings = []
        for _ in range(600):
            frame, dev = rng.choice(frames)
            b = bytearray(frame[:rng.randrange(14, len(frame) + 1)] if rng.random() < .3 else frame)
            for _ in range(rng.randrange(1, 4)):
                b[rng.randrange(12, len(b))] = rng.getrandbits(8)
            b = fitted(bytes(b), 14) if len(b) > 14 and rng.random() < .7 else bytes(b)
            finding = wrong(program, b, dev, may_forward=True)
            if finding:
                findings.append(finding)
        tap.ok(not findings, "%s: 600 frames with changed bytes" % program, "\n".join(findings[:5]))


tap.run(ports, vlans, devices, noise)
