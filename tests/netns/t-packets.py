#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Odd packets, raw, at a gateway's port: each is counted once, what comes out is well
formed and the same with the fast path as without it, and the gateway goes on.
"""
import collections
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import odd
import tap
from observe import Counts, Sender, run_modes
from scapy.all import UDP
from tap import is_, ok
from xgrenet import prerequisites, wait_until

# A packet that XDP leaves to TC for these may be found bad there, and be dropped and counted.
SECOND_LOOK = {"ip-options"}
TRAFFIC = ("rx", "tx")  # of tunnels, and the parts of them


def quiet(t):
    """Nobody answers, asks or announces anything: what the gateway counts is what is sent."""
    for ns in (t.net, t.h100, t.h101, t.sw100):
        ns.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
    for host in (t.h100, t.h101):
        host.run(["nft", "-f", "-"], input="""table ip quiet {
            chain input { type filter hook input priority 0; policy drop; }
        }""")
    t.net.run("nft insert rule inet provider forward counter drop;"
              "nft add chain inet provider input"
              " '{ type filter hook input priority 0; policy drop; }'")
    gw = t.gw100
    macs = {t.h100.mac(): ("192.168.100.10",), t.net.mac("lan100"): ("192.168.100.1",
                                                                  "2001:db8:100::1"),
            t.h101.mac(): ("192.168.101.10", "192.168.101.77", "fd00:101::10", "fd00:101::77")}
    for mac, addresses in macs.items():
        for address in addresses:
            gw.run(["ip", "neigh", "replace", address, "lladdr", mac, "dev", "eth0", "nud",
                    "permanent"])
    gw.run("sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0")


def config(t, fast):
    """gre1 as in the reference and gre6 over IPv6."""
    return t.config(t.gw100, ipv6=True, extra="fast-path: %s\n" % fast) + """  gre6:
    local: 2001:db8:100::254
    remote: 2001:db8:200::254
    key: 66
    mtu: 1460
    fast-path: %s
    addresses: [10.6.255.1/30]
    routes: [{to: 10.6.0.0/24}, {to: "fd00:206::/64"}]
""" % fast


OWN = {bytes((192, 168, *a)) for a in ((100, 253), (100, 254), (101, 254))}


def normal(frame):
    """
    An emitted frame without what differs from one time to the next: IDs of the
    gateway's own ICMP. None for what depends on the hour: looking for a neighbour,
    saying that there is none, and redirects.
    """
    b = bytearray(frame)
    if b[0] & 1 or b[12:14] == b"\x08\x06":
        return None
    inner = odd.ETH + 28 if b[12:14] == b"\x08\0" and b[23] == 47 else odd.ETH
    if b[inner] == 0x45 and b[inner + 9] == 1 and bytes(b[inner + 12:inner + 16]) in OWN:
        b[inner + 4:inner + 6] = b[inner + 10:inner + 12] = b"\0\0"
        if b[inner + 20:inner + 22] == b"\3\1" or b[inner + 20] == 5:
            return None
    if b[12:14] == b"\x86\xdd" and b[20] == 58 and b[54:56] == b"\1\3":
        return None
    return bytes(b)


def counted(counts):
    """What was counted for one packet, as a list of words."""
    have = counts.again()
    words = []
    for word, n in have.items():
        if word in ("fast-rx", "fast-tx"):
            words += ["fast"] * n
        elif not word.endswith(TRAFFIC):
            words += [word] * n
    return words


def once_only(words, drops):
    """Is this one packet's? A drop beside a punt is a second look's."""
    first = [w for w in words if w not in drops]
    dropped = [w for w in words if w in drops]
    if len(first) == 1 and len(dropped) == 1:
        return first[0] in SECOND_LOOK
    return len(words) == 1


def send_all(t, sender, frames, fast):
    """Send one by one; what was emitted, as a multiset, and what was counted, by name."""
    gw = t.gw100
    drops = {d["reason"] for d in gw.stat("drops")["drops"]}
    counts = Counts(gw)
    result, bad = {}, []
    with t.sw100.capture("gw100", "ether src " + gw.mac()) as capture:
        for name, frame, _ in frames:
            sender.send(frame)
            if fast == "off":
                time.sleep(0.005)  # emitted in the order of the frames
                continue
            words = []
            wait_until(lambda: words.extend(counted(counts)) or words, 10, 0.001)
            result[name] = words
            if not once_only(words, drops):
                bad.append((name, words))
        time.sleep(0.3)
        words = counted(counts)
        emitted = [bytes(p) for p in capture.packets()]
    name = "%s, fast path %s: " % (t.mode, fast)
    if fast == "on":
        is_(bad, [], name + "each of %d packets is counted once" % len(frames))
        is_(words, [], name + "and nothing else is")
    else:
        # a second look's drops, for those that XDP left to TC
        more = len([w for w in words if w in drops]) if t.mode == "native" else 0
        ok(len(frames) <= len(words) <= len(frames) + more,
           name + "%d packets are counted once" % len(frames), collections.Counter(words))
    faults = [(odd.fault(frame), frame.hex()) for frame in emitted if odd.fault(frame)]
    is_(faults, [], name + "nothing malformed among %d emitted frames" % len(emitted))
    return collections.Counter(normal(f) for f in emitted if normal(f)), result


def alive(t, sender, name):
    """A good packet each way still takes the fast path."""
    counts = Counts(t.gw100)
    host, gw = t.h100.mac(), t.gw100.mac()
    f = odd.Frames(gw, host)
    f.gre("in", odd.ip4())
    f.add("out", odd.ip4(src="192.168.101.77", dst=odd.FAR))
    with t.sw100.capture("gw100", "ether src " + gw) as capture:
        sender.send(*[frame for _, frame, _ in f.list] * 5)
        # or more: the last of what was sent before
        ok(len(capture.wait(10, 10, match=lambda p: p.haslayer(UDP))) >= 10,
           name + "the gateway goes on")
    have = counts.since()
    ok(min(have.get("fast-rx", 0), have.get("fast-tx", 0)) >= 3, name + "by the fast path", have)


def check_packets(t):
    """The same frames with the fast path and without it."""
    gw, mode = t.gw100, t.mode
    frames = odd.everything(gw.mac(), t.h100.mac())
    emitted, result = {}, {}
    with Sender(t.h100) as sender:
        for fast in ("on", "off"):
            gw.apply(config(t, fast))
            time.sleep(1.5)  # the new devices' own announcements
            if fast == "on":
                alive(t, sender, "%s: before: " % mode)
            emitted[fast], result[fast] = send_all(t, sender, frames, fast)
        gw.apply(config(t, "on"))
        alive(t, sender, "%s: after: " % mode)
    wrong = ["%s: %s, not %s" % (name, result["on"][name], sorted(want))
             for name, _, want in frames if want and not expected(result["on"][name], want)]
    is_("\n".join(wrong), "", "%s: each for the right reason" % mode)
    fast, slow = emitted["on"], emitted["off"]
    ok(fast == slow, "%s: the fast path emits what the kernel does" % mode)
    for what, frames in (("fast", fast - slow), ("slow", slow - fast)):
        for frame, n in list(frames.items())[:10]:
            tap.diag("only %s: %d %s" % (what, n, frame.hex()))


def expected(words, want):
    """All that was counted is among the words wanted; a refresh is as good as fast."""
    return words and all(w in want or (w == "refresh" and odd.FAST in want) for w in words)


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
run_modes(("native", "tc"), quiet, [check_packets])
