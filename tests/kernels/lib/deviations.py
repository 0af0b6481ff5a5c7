# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
What a packet must be like for the kernel and ours to differ about it: names of
differences.py, each with who of the two forwards the packet and a predicate.
"""
import struct
from ipaddress import ip_address

CHECKSUM, ROUTING, KEY = 0x8000, 0x4000, 0x2000
LOOSE = 0x0c00  # strict source route, recursion control
WCCP = 0x883e
RESERVED = 0x0078  # those that the kernel takes for a part of the version


class Sent:
    """A packet of the stream, as build/tests/differential describes it."""

    def __init__(self, record, tunnels):
        self.number = record["packet"]
        self.data = bytes.fromhex(record["data"])
        self.frames = record["frames"]
        self.outer, self.gre, self.inner = (record[k] for k in ("l3", "gre", "inner"))
        four = self.data[12:14] == b"\x08\x00"
        head = self.data[self.outer:]
        self.family = 4 if four else 6
        self.options = head[20:(head[0] & 15) * 4] if four else b""
        remote = head[12:16] if four else head[8:24]
        self.remote = ip_address(remote) if len(remote) in (4, 16) else None
        self.tunnel = next((t for t in tunnels if ip_address(t.ends[1]) == self.remote), None)
        self.flags, self.protocol = struct.unpack_from(
            "!HH", self.data[self.gre:] + bytes(4))
        inner = self.data[self.inner:]
        # IPv6, no length, and a hop-by-hop header next
        self.jumbogram = bool(inner) and inner[0] >> 4 == 6 and inner[4:7] == bytes(3)
        self.inner_to = inner[16:20] if inner[:1] and inner[0] >> 4 == 4 else inner[24:40]

    def key(self):
        """The key field, or None."""
        at = self.gre + (8 if self.flags & (CHECKSUM | ROUTING) else 4)
        return int.from_bytes(self.data[at:at + 4], "big") if self.flags & KEY else None


def bad_options(options):
    """Would ip_options_compile() refuse them, or the kernel for their source route?"""
    seen = set()
    while options and options[0]:
        if options[0] == 1:
            options = options[1:]
            continue
        if len(options) < 2 or not 2 <= options[1] <= len(options):
            return True
        kind, length = options[:2]
        if kind in (131, 137) or (kind in (7, 68) and kind in seen):
            return True
        room = {7: (3, 4, 3), 68: (4, 5, 3)}.get(kind)
        if room and (length < room[0] or options[2] < room[1] or
                     length >= options[2] > length - room[2]):
            return True
        seen.add(kind)
        options = options[length:]
    return False


# name: (who forwards it, predicate)
DEVIATIONS = {
    "checksum-unasked": ("ours", lambda p: p.flags & CHECKSUM and not p.tunnel.checksum),
    "checksum-missing": ("ours", lambda p: not p.flags & CHECKSUM and p.tunnel.checksum),
    "reserved-flags": ("ours", lambda p: p.flags & RESERVED),
    "refused-flags": ("kernel", lambda p: p.flags & LOOSE),
    "loop": ("kernel", lambda p: p.inner_to == p.remote.packed),
    "jumbogram": ("kernel", lambda p: p.jumbogram),
    "wccp": ("kernel", lambda p: p.protocol == WCCP and not p.flags),
    "outer-options": ("ours", lambda p: bad_options(p.options)),
    "ip6gre-key-0": ("kernel", lambda p: p.family == 6 and
                     {p.key(), p.tunnel.key} == {None, 0}),
}


def explain(record, tunnels):
    """The names of the differences that explain what came out of the two, sorted."""
    if record["packet"] is None:
        return []
    first, this = record["first"], record["this"]
    if bool(first) == bool(this):
        return []
    who = "kernel" if first else "ours"
    sent = Sent(record, tunnels)
    if not sent.tunnel:
        return []
    return sorted(name for name, (which, holds) in DEVIATIONS.items()
                  if which == who and holds(sent))
