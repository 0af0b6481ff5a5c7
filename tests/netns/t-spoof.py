#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
What comes out of a tunnel may not claim to be of the gateway's own LAN, nor the
gateway itself, although the overlay address is in the LAN's subnet.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import odd
import tap
from observe import Counts, Sender, run_modes
from tap import is_, ok
from xgrenet import prerequisites, wait_until

PACKETS = 4
# inner source -> what the packets are counted as, with sources: default and any
SOURCES = {
    "192.168.100.77": ("source", None),  # a host of the LAN
    "192.168.101.254": ("source", "martian"),  # the gateway
    "192.168.200.10": (None, None),  # behind the tunnel
    "10.9.9.9": ("source", None),  # somewhere
}


def check_spoof(t):
    """Frames of gre1 with each source, and what became of them."""
    gw = t.gw100
    gw.run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0"
           " net.ipv4.conf.eth0.rp_filter=0")
    t.h100.ping(odd.NEAR, count=1)  # the gateway learns its hosts
    gw.run(["ping", "-c1", "-W1", odd.NEAR], check=False)
    with Sender(t.net, "lan100") as sender:
        for column, word in enumerate(("default", "any")):
            gw.apply(t.config(gw, extra="sources: %s\n" % word))
            for source, wants in SOURCES.items():
                frames = odd.Frames(gw.mac(), t.net.mac("lan100"))
                frames.gre("x", odd.ip4(src=source, dst=odd.NEAR))
                name = "%s: sources: %s, %s" % (t.mode, word, source)
                counts = Counts(gw)
                sender.send(*[f for _, f, _ in frames.list] * PACKETS)
                want = wants[column]
                if want:
                    ok(wait_until(lambda c=counts, w=want: c.since().get(w) == PACKETS, 2),
                       name + " is counted as " + want, counts.since())
                    is_(counts.since().get("fast-rx", 0), 0, name + " is not forwarded fast")
                else:
                    ok(wait_until(lambda c=counts: c.since().get("rx") == PACKETS, 2),
                       name + " is let in", counts.since())


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
run_modes(("native", "tc"), lambda t: None, [check_spoof])
