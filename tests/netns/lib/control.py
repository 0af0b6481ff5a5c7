# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
What the tests of the control plane share: a gateway's state in a form that can
be compared, traffic whose losses are known packet by packet, configurations.
"""
import json
import os
import re
import signal
import subprocess
import tempfile
import time

from tap import is_, ok
from xgrenet import BUILD, PINS, PUBLIC, Process, wait_until

FAULTS = BUILD / "tests/xgre-load-faults"


def _devices(gateway):
    """Devices, their addresses, XDP and TC programs, by name; no numbers that a remake changes."""
    devices = {}
    for d in json.loads(gateway.out("ip -j -d addr")):
        devices[d["ifname"]] = {
            "flags": sorted(set(d["flags"]) - {"LOWER_UP"}), "mtu": d["mtu"], "mac": d["address"],
            "alias": d.get("ifalias"), "group": d["group"],
            "xdp": d.get("xdp", {}).get("mode"),
            "addresses": sorted("%s/%s %s%s%s" % (
                a["local"], a["prefixlen"], a["scope"], " noprefixroute" * a.get(
                    "noprefixroute", False), " secondary" * a.get("secondary", False))
                                for a in d["addr_info"])}
    for q in json.loads(gateway.out("tc -j qdisc")):
        devices[q["dev"]].setdefault("qdiscs", []).append(q["kind"])
    for name, device in devices.items():
        if "clsact" in device["qdiscs"]:
            filters = json.loads(gateway.out("tc -j filter show dev %s ingress" % name))
            device["filters"] = [f["options"]["prog"]["name"] for f in filters
                                 if "prog" in f.get("options", {})]
    return devices


def dump(gateway, name):
    """A pinned map of the instance, as bpftool prints it."""
    text = gateway.out(["bpftool", "-j", "map", "dump", "pinned",
                        PINS / gateway.name / "maps" / name])
    return [entry["formatted"] for entry in json.loads(text)]


def _prefix(addr, length):
    return "%s/%d" % (bytes(addr[""]["b"]).hex(), length)


def _maps(gateway):
    """What the maps say, with tunnels by name in place of their numbers."""
    slots = [s["value"]["copy"][s["value"]["current"]] for s in dump(gateway, "tunnels")]
    names = {i: t["name"] for i, t in enumerate(slots) if t["flags"]}
    routes = {r["key"]: names.get(r["value"]["tunnel"] - 1) for r in dump(gateway, "routes")
              if r["value"]["tunnel"]}
    return {
        "tunnels": sorted(names.values()),
        "endpoints": sorted("%s key %s" % (names.get(e["value"]["tunnel"] - 1), e["value"]["key"])
                            for e in dump(gateway, "endpoints") if e["value"]["tunnel"]),
        "routes in use": len(routes),
        "prefixes": sorted("%s origin %s metric %s %s" % (
            _prefix(p["key"]["addr"], p["key"]["length"]), p["value"]["origin"],
            p["value"]["metric"], routes.get(p["value"]["route"], p["value"]["route"]))
                           for p in dump(gateway, "prefixes")),
        # the key has the tunnel's number and family in network byte order
        "sources": sorted("%s %s" % (
            names.get(int.from_bytes(s["key"]["tunnel"].to_bytes(4, "little"), "big") >> 1),
            _prefix(s["key"]["addr"], s["key"]["prefixlen"] - 32))
                          for s in dump(gateway, "sources")),
        "devices": sorted(names.get(d["value"], "?") for d in dump(gateway, "devices")),
        "ports": [p["value"]["name"] for p in dump(gateway, "ports") if p["value"]["flags"]],
    }


def view(gateway):
    """All that apply makes and changes, in a form that is the same when it is made anew."""
    state = {"devices": _devices(gateway)}
    for family in "46":
        text = gateway.out("ip -%s -N route show table all" % family)
        state["IPv%s routes" % family] = sorted(
            re.sub(r" +", " ", re.sub(r"expires \d+sec", "", line)).strip()
            for line in text.splitlines())
    state["sysctls"] = gateway.out(
        "sysctl -a --pattern '^net.ipv4.conf.*(send_redirects|rp_filter|forwarding)'").splitlines()
    top = PINS / gateway.name
    state["pins"] = sorted(str(p.relative_to(PINS)) for p in PINS.glob(gateway.name + "*/**/*"))
    if top.exists():
        state["maps"] = _maps(gateway)
        state["show"] = gateway.load("show").stdout.splitlines()
    return state


def same(have, want, name):
    """One result: two views are equal; prints what differs, in parts."""
    parts = [k for k in sorted(set(have) | set(want)) if have.get(k) != want.get(k)]
    return is_(*("".join("%s: %s\n" % (k, json.dumps(v.get(k), indent=1)) for k in parts)
                 for v in (have, want)), name)


class Stream:
    """
    A ping from a namespace, 200 packets a second unless told otherwise:
        with Stream(t.h100, t.h200.ip) as stream: ...
        stream.lost == []
    """

    def __init__(self, ns, dst, interval=0.005, size=56):
        self.lost = None
        self.sent = 0
        self._file = tempfile.TemporaryFile("w+")
        self._process = ns.start(["ping", "-n", "-i", interval, "-s", size, dst],
                                 stdout=self._file)
        wait_until(lambda: self.seen(), 5)

    def seen(self):
        """Sequence numbers answered so far."""
        size = os.fstat(self._file.fileno()).st_size
        text = os.pread(self._file.fileno(), size, 0).decode()
        self.text = text
        return {int(n) for n in re.findall(r"bytes from .*icmp_seq=(\d+)", text)}

    def flows(self, timeout=5):
        """Wait for packets that are answered from now on."""
        last = max(self.seen(), default=0)
        return wait_until(lambda: max(self.seen(), default=0) > last + 2, timeout)

    def stop(self):
        self._process.end(signal.SIGINT)
        seen = self.seen()
        self.sent = int(re.search(r"(\d+) packets transmitted", self.text).group(1))
        # The last one may be under way.
        self.lost = sorted(set(range(1, self.sent)) - seen)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.stop()


def nothing_lost(stream, name):
    """One result of a stopped stream."""
    return ok(stream.sent > 5 and not stream.lost, name,
              "of %d packets these were lost: %s" % (stream.sent, stream.lost[:50]))


def fault(gateway, where, *args, text=None):
    """xgre-load with fault injection; where as "fail:3" or "kill:3". The CompletedProcess."""
    argv = [FAULTS, "-n", gateway.name, "-i", gateway.name, *args]
    return subprocess.run([str(a) for a in argv], env={"XGRE_FAULT": where}, input=text, text=True,
                          capture_output=True, check=False, timeout=60)


def tunnel(site, name, key, **options):
    """One tunnel as lines of YAML; options are its properties, routes a list of prefixes or texts."""
    far = 300 - site
    lines = ["local: 192.168.%d.254" % site, "remote: " + PUBLIC[far], "key: %s" % key, "mtu: 1460"]
    for option, value in options.items():
        if option == "routes":
            value = "[%s]" % ", ".join(r if r.startswith("{") else '{to: "%s"}' % r for r in value)
        lines = [line for line in lines if not line.startswith(option + ":")]
        lines += ["%s: %s" % (option.replace("_", "-"), value)]
    return "  %s:\n" % name + "".join("    %s\n" % line for line in lines)


def config(*tunnels, port="{xdp: native}"):
    """A configuration of one port and these tunnels."""
    return "version: 1\nports:\n  eth0: %s\ntunnels:\n%s" % (port, "".join(tunnels))
