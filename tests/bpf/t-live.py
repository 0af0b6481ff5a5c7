#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The TC programs at their hooks: superframes, large packets, and packets that are not linear."""
import pathlib
import sys
from itertools import product

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import packets  # noqa: E402
import wire  # noqa: E402
import world  # noqa: E402
from bpftest import DEV, PORT, Runner, tap  # noqa: E402
from cases_ways import inward, outward  # noqa: E402
from world import LAN, PORTS, T4K, T6K, TUNNELS  # noqa: E402

HEAD = {4: 40, 6: 60}  # IP and TCP
JUMBO = PORTS["jm0"]
LARGE = TUNNELS["large"]
runner = Runner()
world.build(runner)
world.load(runner, False)
for device in ("eth0", "eth1", "jm0"):
    runner.request(attach=PORT, dev=device)
# Nothing but the test's packets may come through these devices.
DEVICES = (TUNNELS["t4kk"], TUNNELS["t6kk"])
for tunnel in (*DEVICES, TUNNELS["sumj"]):
    runner.sysctl(**{"ipv6__conf__%s__disable_ipv6" % name: 1 for name in (
        tunnel.name, tunnel.peer)})
    runner.request(attach=DEV, dev=tunnel.peer)


def test(name, frames, dev, out_dev, mac, want, tunnel, counters):
    """want: (gso_size, frame) pairs; an empty list where nothing must come."""
    runner.request(fresh=True)
    have = wire.exchange(runner, frames, dev, out_dev, mac, len(want))
    have = [(size, frame.hex()) for size, frame in have]
    want = [(size, frame.hex()) for size, frame in want]
    tap.is_(have, want, name)
    answer = runner.request(counters=True)
    tap.is_(answer["tunnels"].get(tunnel.name), counters, name + ", counters")


def counts(packet, segment, way, fast):
    """Counters of a superframe as if every segment had come alone."""
    head = HEAD[packets.version(packet)]
    segments = -(-(len(packet) - head) // segment)
    counters = {way: [segments, len(packet) + (segments - 1) * head]}
    if fast:
        counters["fast-" + way] = segments
    return counters


def superframes():
    """TCP of many segments into a tunnel by the port's fast path."""
    for t, version, segment, size in product((T4K, T6K), (4, 6), (500, 1300), (20000, 60000)):
        packet = packets.tcp(LAN.host(version), t.far(version), size)
        frame = wire.superframe(packets.from_host(LAN, packet), segment, HEAD[version])
        want = packets.to_peer(t, packets.patched(packet, 1))
        test("%s IPv%d, %d bytes in segments of %d" % (t.name, version, size, segment), [frame],
             "eth1", "eth0", world.MAC_FAR, [(segment, want)], t,
             counts(packet, segment, "tx", True))


def by_the_device():
    """TCP that the host itself sends into a tunnel's device."""
    for t, version, segment in product(DEVICES, (4, 6), (500, 1300)):
        packet = packets.tcp(LAN.host(version), t.far(version), 50000)
        frame = packets.ether(t.peer_mac, t.mac, (), packet)
        test("%s IPv%d by the device, segments of %d" % (t.name, version, segment),
             [wire.superframe(frame, segment, HEAD[version])], t.name, "eth0", world.MAC_FAR,
             [(segment, packets.to_peer(t, packet))], t, counts(packet, segment, "tx", False))


def large_packets():
    """Of more than a page, both ways, most of them outside the skb's linear part."""
    for version, size in product((4, 6), (4096, 8899, 8900)):
        packet = outward(LARGE, version, JUMBO, size=size)
        test("encap IPv%d of %d bytes" % (version, size),
             [wire.plain(packets.from_host(JUMBO, packet))], "jm0", "jm0", JUMBO.host_mac,
             [(0, packets.to_peer(LARGE, packets.patched(packet, 1)))], LARGE,
             {"tx": [1, size], "fast-tx": 1})
    for size in (4096, 8900):
        inner = inward(LARGE, 6, JUMBO, size=size)
        test("decap IPv6 of %d bytes" % size, [wire.plain(packets.arrival(LARGE, inner))], "jm0",
             "jm0", JUMBO.host_mac, [(0, packets.to_host(JUMBO, packets.patched(inner, 1)))],
             LARGE, {"rx": [1, size], "fast-rx": 1})


def checksums():
    """Verified over large packets of even and odd lengths."""
    for size in (4095, 4096, 8191, 8192, 8888, 8889):
        inner = inward(LARGE, 6, JUMBO, size=size)
        frame = packets.arrival(LARGE, inner, csum=True)
        want = packets.to_host(JUMBO, packets.patched(inner, 1))
        test("checksum over %d bytes" % size, [wire.plain(frame)], "jm0", "jm0", JUMBO.host_mac,
             [(0, want)], LARGE, {"rx": [1, size], "fast-rx": 1})
        for at in (len(frame) - 1, len(frame) // 2, 50):
            bad = bytearray(frame)
            bad[at] ^= 0x10
            test("wrong checksum over %d bytes, byte %d" % (size, at), [wire.plain(bad)], "jm0",
                 "jm0", JUMBO.host_mac, [], LARGE, None)
            answer = runner.request(counters=True)
            tap.is_(answer["reasons"].get("bad-checksum"), 1, "and that is the reason")


def checksums_made():
    """Of large packets, by the port and by the device."""
    t = TUNNELS["sumj"]
    runner.ip("link set %s mtu 9000" % t.peer)
    for size in (1000, 3001, 4096, 8191, 8900):
        packet = outward(t, 4, JUMBO, size=size)
        test("checksum of %d bytes" % size, [wire.plain(packets.from_host(JUMBO, packet))], "jm0",
             "jm0", JUMBO.host_mac, [(0, packets.to_peer(t, packets.patched(packet, 1)))], t,
             {"tx": [1, size], "fast-tx": 1})
        frame = packets.ether(t.peer_mac, t.mac, (), packet)
        test("checksum of %d bytes by the device" % size, [wire.plain(frame)], t.name, "jm0",
             JUMBO.host_mac, [(0, packets.to_peer(t, packet))], t, {"tx": [1, size]})


tap.run(superframes, by_the_device, large_packets, checksums, checksums_made)
