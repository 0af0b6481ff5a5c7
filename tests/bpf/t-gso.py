#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Superframes in TC: sizes are a segment's, and reasons count segments. Beyond
that BPF_PROG_TEST_RUN does not go, whose skb has no type of segments: the kernel
refuses it room for a header (no-room). t-live.py goes the whole way.
"""
import pathlib
import sys
from itertools import product

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import packets  # noqa: E402
import world  # noqa: E402
from bpftest import DEV, DROP, PASS, PORT, Runner, tap  # noqa: E402
from world import LAN, PORTS, T4K, T6K, TUNNELS  # noqa: E402

HEAD = {4: 40, 6: 60}  # IP and TCP
SIZE = 3200
SEGMENTS = 3
runner = Runner()
world.build(runner)
world.load(runner, False)


def test(name, program, frame, dev, segment, retval, reasons):
    """One superframe; reasons as counted for its segments."""
    answer = runner.run(program, frame, dev, gso_size=segment, gso_segs=SEGMENTS)
    tap.is_((answer.retval, answer.reasons, answer.tunnels),
            (retval, {reason: SEGMENTS for reason in reasons}, {}),
            "%s: %s, segments of %d" % (program, name, segment))


def out_of_tunnels():
    """A segment that does not fit the next hop's MTU goes to the kernel."""
    for t, version, (lan, mtu) in product((T4K, T6K), (4, 6), (("eth1", 1500), ("sm0", 1300))):
        port = PORTS[lan]
        inner = packets.tcp(t.far(version), port.host(version), SIZE)
        frame = packets.arrival(t, inner)
        name = "%s IPv%d to %s" % (t.name, version, lan)
        segment = mtu - HEAD[version]
        test(name, PORT, frame, "eth0", segment, DROP[PORT], ["no-room"])
        test(name, PORT, frame, "eth0", segment + 1, DROP[PORT], ["size", "no-room"])


def into_tunnels():
    """A segment that does not fit the tunnel, or with the outer header the underlay."""
    for t, version in product((T4K, T6K, TUNNELS["narrow"]), (4, 6)):
        packet = packets.tcp(LAN.host(version), t.far(version), SIZE)
        frame = packets.from_host(LAN, packet)
        segment = t.mtu - HEAD[version]
        name = "%s IPv%d" % (t.name, version)
        test(name, PORT, frame, "eth1", segment, DROP[PORT], ["no-room"])
        test(name, PORT, frame, "eth1", segment + 1, PASS[PORT], ["size"])
        frame = packets.ether(t.peer_mac, t.mac, (), packet)
        segment = world.MTU - t.overhead - HEAD[version]
        test(name, DEV, frame, t.peer, segment, DROP[DEV], ["no-room"])
        test(name, DEV, frame, t.peer, segment + 1, DROP[DEV], ["too-big"])


def one_by_one():
    """Where GRE has a checksum, a packet at a time: the kernel cuts, before the device."""
    for name, version in product(("sum4", "sum6k", "seq4"), (4, 6)):
        t = TUNNELS[name]
        packet = packets.tcp(LAN.host(version), t.far(version), SIZE)
        test("%s IPv%d" % (name, version), PORT, packets.from_host(LAN, packet), "eth1", 1000,
             PASS[PORT], ["checksum"])
        test("%s IPv%d" % (name, version), DEV, packets.ether(t.peer_mac, t.mac, (), packet),
             t.peer, 1000, DROP[DEV], ["offload"])


def other_reasons():
    """Whatever it is, every segment is counted."""
    t = T4K
    stranger = packets.tcp("198.51.100.1", LAN.host4, SIZE)
    test("stranger", PORT, packets.arrival(t, stranger), "eth0", 1000, DROP[PORT], ["source"])
    test("unknown key", PORT, packets.arrival(t, stranger, key=99), "eth0", 1000, PASS[PORT],
         ["unclaimed"])
    # GRO has verified each segment's checksum; there is none of the whole
    frame = bytearray(packets.arrival(t, packets.tcp(t.far(4), LAN.host4, SIZE), csum=True))
    frame[14 + 20 + 4] ^= 0xff
    test("checksum", PORT, bytes(frame), "eth0", 1000, DROP[PORT], ["no-room"])


tap.run(out_of_tunnels, into_tunnels, one_by_one, other_reasons)
