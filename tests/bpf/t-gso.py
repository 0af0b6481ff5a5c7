#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Superframes of GRO and TSO in TC: sizes are a segment's, and counters count segments."""
import pathlib
import sys
from itertools import product

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import packets  # noqa: E402
import world  # noqa: E402
from bpftest import DEV, PASS, PORT, REDIRECT, Runner, tap  # noqa: E402
from world import LAN, PORTS, T4K, T6K, TUNNELS  # noqa: E402

SEGMENTS = 3
HEAD = {4: 40, 6: 60}  # IP and TCP
runner = Runner()
world.build(runner)
world.load(runner, False)


def superframe(src, dst, segment):
    """SEGMENTS segments of TCP in one packet, the last one not full."""
    version = 6 if ":" in dst else 4
    return packets.tcp(src, dst, HEAD[version] + SEGMENTS * segment - 7)


def counts(packet, way, fast):
    """Counters as if every segment had come alone."""
    size = len(packet) + (SEGMENTS - 1) * HEAD[packets.version(packet)]
    counters = {way: [SEGMENTS, size]}
    if fast:
        counters["fast-" + way] = SEGMENTS
    return counters


def test(name, program, frame, dev, segment, retval, reason, out, tunnel, counters):
    answer = runner.run(program, frame, dev, gso_size=segment, gso_segs=SEGMENTS)
    out = out(answer.out) if callable(out) else out
    tap.is_((answer.retval, answer.reasons, answer.tunnels, answer.out.hex()),
            (retval, {reason: SEGMENTS} if reason else {},
             {tunnel.name: counters} if counters else {}, out.hex()),
            "%s: %s, segments of %d" % (program, name, segment))


def out_of_tunnels():
    """Forwarded where a segment fits the next hop's MTU, else into the device."""
    for t, version, (lan, mtu) in product((T4K, T6K), (4, 6), (("eth1", 1500), ("sm0", 1300))):
        port = PORTS[lan]
        for segment in (500, min(1000, mtu - HEAD[version]), mtu - HEAD[version] + 1):
            if segment * SEGMENTS > 3300:
                continue
            inner = superframe(t.far(version), port.host(version), segment)
            fits = segment + HEAD[version] <= mtu
            want = packets.to_host(port, packets.patched(inner, 1)) if fits else packets.to_device(
                t, inner)
            test("%s IPv%d to %s" % (t.name, version, lan), PORT, packets.arrival(t, inner), "eth0",
                 segment, REDIRECT[PORT], None if fits else "size", want, t,
                 counts(inner, "rx", fits))


def into_tunnels():
    """By the port's fast path, where a segment fits."""
    narrow = TUNNELS["narrow"]
    for version, fits in product((4, 6), (True, False)):
        segment = narrow.mtu - HEAD[version] + (0 if fits else 1)
        if segment * SEGMENTS > 3400:
            segment -= 200 if fits else 0
        packet = packets.tcp(LAN.host(version), narrow.far(version), min(
            HEAD[version] + SEGMENTS * segment - 7, 3400))
        frame = packets.from_host(LAN, packet)
        inner = packets.patched(packet, 1)
        test("narrow IPv%d" % version, PORT, frame, "eth1", segment,
             REDIRECT[PORT] if fits else PASS[PORT], None if fits else "size",
             packets.to_peer(narrow, inner) if fits else frame, narrow,
             counts(packet, "tx", True) if fits else None)


def by_the_device():
    """By the tunnel's device, always."""
    for t, version in product((T4K, T6K, TUNNELS["copy"]), (4, 6)):
        packet = superframe(LAN.host(version), t.far(version), 900)
        head = (t.peer_mac, t.mac, ())
        test("%s IPv%d" % (t.name, version), DEV, packets.ether(*head, packet), t.peer, 900,
             REDIRECT[DEV], None, lambda out, t=t, packet=packet, head=head: packets.ether(
                 *head, packets.encapsulated(t, packet, ident=int.from_bytes(out[18:20], "big"))),
             t, counts(packet, "tx", False))
        # a segment that does not fit the underlay
        segment = world.MTU - t.overhead - HEAD[version] + 1
        packet = packets.tcp(LAN.host(version), t.far(version), 2 * segment + HEAD[version])
        frame = packets.ether(*head, packet)
        test("%s IPv%d too big" % (t.name, version), DEV, frame, t.peer, segment, 2, "too-big",
             frame, t, None)


def checksummed():
    """GRO has verified the checksum of each segment; there is none of the whole."""
    t = T4K
    inner = superframe(t.far(4), LAN.host4, 700)
    frame = bytearray(packets.arrival(t, inner, csum=True))
    frame[14 + 20 + 4] ^= 0xff
    test("checksum", PORT, bytes(frame), "eth0", 700, REDIRECT[PORT], None,
         packets.to_host(LAN, packets.patched(inner, 1)), t, counts(inner, "rx", True))


tap.run(out_of_tunnels, into_tunnels, by_the_device, checksummed)
