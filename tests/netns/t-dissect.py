#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 400
"""
tshark as a second reader: what we send, with every option and by each path,
dissects without a warning, all checksums are right, and the headers say what the
configuration does.
"""
import collections
import ipaddress
import json
import os
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from observe import run_modes
from scapy.all import GRE, ICMP, IP, UDP, Ether, raw, wrpcap
from tap import is_, ok
from transfer import tcp
from xgrenet import FAR, PUBLIC, prerequisites


def reader():
    """
    tshark that verifies checksums. What is in TCP and UDP is random and no protocol's,
    so it must not guess one.
    """
    argv = ["tshark"]
    for layer in ("ip", "tcp", "udp"):
        argv += ["-o", layer + ".check_checksum:TRUE"]
    guesses = subprocess.run(["tshark", "-G", "heuristic-decodes"], check=True,
                             capture_output=True, text=True).stdout
    for line in guesses.splitlines():
        below, protocol, _ = line.split("\t")
        if below in ("tcp", "udp"):
            argv += ["--disable-protocol", protocol]
    return argv


READ = reader()
# Segments that overtake each other between the paths, or came before the capture, are no
# fault of a packet; the rest of what tshark warns of is.
COMPLAINT = ("_ws.malformed or (_ws.expert.severity >= 0x600000 and "
             "not _ws.expert.group == 0x02000000)")
MTU = 1400  # of every tunnel
FRAME = 2048

# Name: options of site 100, and what site 200 has otherwise. outer and host are ours: the
# underlay's family, and the last group of the address in it.
VARIANTS = {
    "plain": ({}, {}),
    "key": ({"key": 7}, {}),
    "dotted": ({"key": "1.2.3.4"}, {}),
    "keys": ({"keys": {"input": 21, "output": 22}}, {"keys": {"input": 22, "output": 21}}),
    "fixed": ({"key": 41, "ttl": 33, "tos": 184, "pmtudisc": False}, {}),
    "inherit": ({"key": 42, "ttl": "inherit", "tos": "inherit"}, {}),
    "ignoredf": ({"key": 43, "pmtudisc": False, "ignore-df": True}, {}),
    "slow": ({"key": 44, "fast-path": "off"}, {}),
    "checksum": ({"key": 45, "checksum": True}, {}),
    "six": ({"outer": 6}, {}),
    "sixkey": ({"outer": 6, "key": 51, "ttl": 44, "tos": 40}, {}),
    "sixinherit": ({"outer": 6, "key": 52, "ttl": "inherit"}, {}),
    "sixslow": ({"outer": 6, "key": 53, "fast-path": "off"}, {}),
    "oneway": ({"outer": 6, "host": 253, "keys": {"output": 31}}, {"keys": {"input": 31}}),
}
NUMBERS = {name: number for number, name in enumerate(VARIANTS)}
SLOW = ("slow", "sixslow")


def hosts_of(site, number):
    """A host's addresses in a variant's networks."""
    return "10.%d.%d.1" % (site, number), "fd10:%d:%d::1" % (site, number)


def options_of(name, site):
    near, other = VARIANTS[name]
    return dict(near, **(other if site == 200 else {}))


def config(t, site):
    """All variants beside each other, told apart by key, family or address."""
    far = FAR[site]
    tunnels = {}
    for name, number in NUMBERS.items():
        options = options_of(name, site)
        six, host = options.pop("outer", 4) == 6, options.pop("host", 254)
        tunnels[name] = {
            "local": ("2001:db8:%d::%d" if six else "192.168.%d.%d") % (site, host),
            "remote": "2001:db8:%d::%d" % (far, host) if six else PUBLIC[far], "mtu": MTU,
            "routes": [{"to": "10.%d.%d.0/24" % (far, number)},
                       {"to": "fd10:%d:%d::/64" % (far, number)}], **options}
    return json.dumps({"version": 1, "tunnels": tunnels,
                       "ports": {"eth0": {"xdp": "off" if t.mode == "tc" else t.mode}}})


def prepare(t):
    for site, host, gw in ((100, t.h100, t.gw100), (200, t.h200, t.gw200)):
        far = FAR[site]
        # The switch joins segments (GRO): where we look they are to be as on a wire again.
        getattr(t, "sw%d" % site).run(
            "for dev in net h%d; do ethtool -K $dev tx off tso off gso off; done" % site)
        gw.run("ethtool -K eth0 tx off; ip addr add 2001:db8:%d::253/64 dev eth0" % site)
        host.run("ip route add 10.%d.0.0/16 via 192.168.%d.254;"
                 "ip route add fd10:%d::/32 via fd00:%d::254" % (far, site, far, site))
        gw.run("ip route add 10.%d.0.0/16 via %s; ip route add fd10:%d::/32 via %s"
               % (site, host.ip, site, host.ip6))
        for number in NUMBERS.values():
            for address in hosts_of(site, number):
                host.run(["ip", "addr", "add", address, "dev", "lo"] +
                         (["nodad"] if ":" in address else []))
        gw.apply(config(t, site))


def complaints(path):
    """What tshark finds wrong with a capture, a line a packet."""
    done = subprocess.run([*READ, "-r", path, "-Y", COMPLAINT, "-Tfields", "-e",
                           "frame.number", "-e", "frame.protocols", "-e", "_ws.expert.message"],
                          capture_output=True, text=True, check=False)
    ok(done.returncode == 0, "tshark reads %s" % os.path.basename(path), done.stderr[:500])
    return done.stdout.splitlines()


def check_reader():
    """The reader's own test: each of these it must find."""
    inner = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=4002, dport=4002) / (b"x" * 64)

    def packet(**gre):
        return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(
            src="192.0.2.1", dst="192.0.2.2") / GRE(proto=0x800, **gre)

    def broken(at):
        data = bytearray(raw(packet(chksum_present=1) / inner))
        data[at] ^= 0x55
        return bytes(data)
    udp_bad = inner.copy()
    udp_bad[UDP].chksum = 0x1234
    faults = {"outer IP checksum": broken(24), "GRE checksum": broken(38),
              "UDP checksum": raw(packet() / udp_bad),
              "inner length": raw(packet() / inner)[:-30],
              "ICMP checksum": raw(packet() / IP() / ICMP(chksum=1) / b"abcdefgh")}
    good = [raw(packet(chksum_present=1) / inner), raw(packet(key_present=1, key=9) / inner)]
    with tempfile.NamedTemporaryFile(prefix="xgre-dissect-", suffix=".pcap") as file:
        wrpcap(file.name, [Ether(f) for f in good + list(faults.values())], linktype=1)
        numbers = [int(line.split("\t")[0]) - 1 for line in complaints(file.name)]
    ok(not set(numbers) & set(range(len(good))), "reader: good packets are good", numbers)
    for number, name in enumerate(faults, len(good)):
        ok(number in numbers, "reader: a wrong %s is found" % name, numbers)


def traffic(t):
    """Everything through every variant, so that each has packets on both paths."""
    ping = "ping -n -M dont -I %s %s %s >/dev/null"
    commands = []
    for number in NUMBERS.values():
        for near, far in zip(hosts_of(100, number), hosts_of(200, number)):
            size = MTU - (48 if ":" in far else 28)
            commands.append(" ".join("%s;" % (ping % (near, words, far)) for words in (
                "-c1 -w20", "-c10 -i0.02 -W5 -Q72", "-c10 -i0.02 -W5 -s%d" % size)))
    t.h100.run(" ".join("(%s) &" % c for c in commands) + " wait", timeout=60)
    for name in ("slow", "six"):
        number = NUMBERS[name]
        for near, far in zip(hosts_of(100, number), hosts_of(200, number)):
            t.h100.run(["ip", "route", "replace", far, "via", "fd00:100::254" if ":" in far
                        else "192.168.100.254", "src", near])
            tcp("%s: %s: TCP to %s" % (t.mode, name, far), t.h100, t.h200, far,
                1 << 19)


def headers(path):
    """Outer header, GRE and inner header of each echo packet, as tshark's fields by name."""
    out = subprocess.run([*READ, "-r", path, "-Tpdml", "-Y",
                          "gre and (icmp.type in {0, 8} or icmpv6.type in {128, 129})"],
                         check=True, capture_output=True, text=True).stdout
    for packet in ElementTree.fromstring(out).iter("packet"):
        layers = [(proto.get("name"), {f.get("name"): f.get("show") for f in proto.iter("field")})
                  for proto in packet.iter("proto")]
        ips = [fields for name, fields in layers if name in ("ip", "ipv6")]
        yield ips[0], dict(layers)["gre"], ips[1]


def number_of(text):
    """A key as the configuration has it."""
    parts = str(text).split(".")
    return sum(int(p) << 8 * (3 - i) for i, p in enumerate(parts)) if len(parts) == 4 else int(text)


def expected(name, site, outer, inner):
    """What the outer and the GRE header must say, from the configuration and the inner header."""
    options = options_of(name, site)
    ttl, tos, key = options.get("ttl", 64), options.get("tos", "inherit"), options.get("key")
    key = options.get("keys", {}).get("output", key)
    want = {"key": None if key is None else number_of(key),
            "ttl": ttl_of(inner) if ttl == "inherit" else ttl,
            "tos": tos_of(inner) if tos == "inherit" else tos}
    if "ip.ttl" in outer:
        copied = inner.get("ip.flags.df", "0") in ("1", "True")
        want["df"] = not options.get("ignore-df") and (options.get("pmtudisc", True) or copied)
    return want


def ttl_of(header):
    return int(header.get("ip.ttl") or header["ipv6.hlim"])


def tos_of(header):
    return int(header.get("ip.dsfield") or header["ipv6.tclass"], 16)


def found(outer, gre):
    """The same as expected(), as tshark read it."""
    have = {"key": int(gre["gre.key"], 16) if "gre.key" in gre else None,
            "ttl": ttl_of(outer), "tos": tos_of(outer)}
    if "ip.ttl" in outer:
        have["df"] = outer["ip.flags.df"] in ("1", "True")
    return have


def check_headers(t, site, path):
    """Packets of a site, as they leave it."""
    seen, wrong = collections.Counter(), []
    for outer, gre, inner in headers(path):
        if outer.get("ip.src", outer.get("ipv6.src")) not in (
                "192.168.%d.254" % site, "2001:db8:%d::254" % site, "2001:db8:%d::253" % site):
            continue
        source = ipaddress.ip_address(inner.get("ip.src") or inner["ipv6.src"])
        # 10.SITE.NUMBER.1, fd10:SITE:NUMBER::1
        number = source.packed[2] if source.version == 4 else int(source.exploded.split(":")[2], 16)
        name = list(VARIANTS)[int("%x" % number) if source.version == 6 else number]
        seen[name, source.version] += 1
        want, have = expected(name, site, outer, inner), found(outer, gre)
        if want != have:
            wrong.append("%s: %s, not %s" % (name, have, want))
    is_(wrong[:10], [], "%s: site %d: headers are what was configured" % (t.mode, site))
    few = [(name, version) for name in VARIANTS for version in (4, 6) if seen[name, version] < 15]
    is_(few, [], "%s: site %d: every variant was read" % (t.mode, site))


def check_captures(t):
    counts = {name: t.gw100.tunnel(name)["fast"] for name in VARIANTS}
    gre = "ip proto 47 or ip6 proto 47"
    # whole frames; more would leave tcpdump's buffer with room for a few packets only
    with t.net.capture("lan100", gre, FRAME) as near, \
            t.net.capture("lan200", gre, FRAME) as far, \
            t.h200.capture("eth0", "ether src " + t.gw200.mac(), FRAME) as inner:
        traffic(t)
    for name in VARIANTS:
        now = t.gw100.tunnel(name)["fast"]
        grown = {way: now[way] - counts[name][way] for way in now}
        ok(not any(grown.values()) if name in SLOW else min(grown.values()) >= 1,
           "%s: %s: by the %s path" % (t.mode, name, "slow" if name in SLOW else "fast"), grown)
    for what, capture in (("site 100's packets", near), ("site 200's packets", far),
                          ("what comes out", inner)):
        is_(complaints(capture.path)[:5], [], "%s: %s: nothing to complain of" % (t.mode, what))
    check_headers(t, 100, near.path)
    check_headers(t, 200, far.path)


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
if len(sys.argv) == 1:
    check_reader()
run_modes(("native", "tc"), prepare, [check_captures])
