# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
What the tests of the control plane share: a gateway's state in a form that can
be compared, traffic whose losses are known packet by packet, configurations.
"""
import ctypes
import json
import mmap
import os
import platform
import re
import signal
import struct
import subprocess
import tempfile
import time

from tap import is_, ok
from xgrenet import BUILD, PINS, PUBLIC, wait_until

FAULTS = BUILD / "tests/xgre-load-faults"
SETTLE = 10  # seconds
BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]


def _devices(gateway, addr, qdisc):
    """Devices, their addresses, XDP and TC programs, by name; no numbers that a remake changes."""
    devices = {}
    for d in json.loads(addr):
        devices[d["ifname"]] = {
            "flags": sorted(set(d["flags"]) - {"LOWER_UP"}), "mtu": d["mtu"], "mac": d["address"],
            "alias": d.get("ifalias"), "group": d["group"],
            "xdp": d.get("xdp", {}).get("mode"),
            "addresses": sorted("%s/%s %s%s%s" % (
                a["local"], a["prefixlen"], a["scope"], " noprefixroute" * a.get(
                    "noprefixroute", False), " secondary" * a.get("secondary", False))
                                for a in d["addr_info"])}
    for q in json.loads(qdisc):
        devices[q["dev"]].setdefault("qdiscs", []).append(q["kind"])
    hooks = [n for n, d in devices.items() if "clsact" in d.get("qdiscs", [])]
    for name, filters in zip(hooks, _filters(gateway, hooks)):
        devices[name]["filters"] = [f["options"]["prog"]["name"] for f in filters]
    return devices


def _filters(gateway, devices):
    """The BPF filters at the ingress of each device, as tc prints them."""
    text = gateway.out(["tc", "-j", "-batch", "-"], input="".join(
        "filter show dev %s ingress\n" % d for d in devices))
    return [[f for f in json.loads(line) if "prog" in f.get("options", {})]
            for line in text.splitlines() if line]


def dump(gateway, *names):
    """Pinned maps of the instance, one or a list, each a list of entries by BTF."""
    text = gateway.out(["bpftool", "-j", "batch", "file", "-"], input="".join(
        "map dump pinned %s\n" % (PINS / gateway.name / "maps" / n) for n in names))
    maps = [[e["formatted"] for e in m["output"]] for m in json.loads(text)]
    return maps if len(names) > 1 else maps[0]


def _array(gateway, name, size):
    """
    The values, in bytes, of a mapped array. bpftool would do, but takes half a
    second for thousands of entries that are not in use.
    """
    path = str(PINS / gateway.name / "maps" / name).encode() + b"\0"
    text = ctypes.create_string_buffer(path)
    attr = ctypes.create_string_buffer(struct.pack("QII", ctypes.addressof(text), 0, 0))
    # bpf(BPF_OBJ_GET)
    fd = ctypes.CDLL(None, use_errno=True).syscall(BPF_SYSCALL, 7, attr, 16)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    with open("/proc/self/fdinfo/%d" % fd, encoding="ascii") as info:
        count = int(re.search(r"max_entries:\s*(\d+)", info.read()).group(1))
    with mmap.mmap(fd, size * count, prot=mmap.PROT_READ) as memory:
        data = memory[:]
    os.close(fd)
    return [data[i:i + size] for i in range(0, size * count, size)]


def _prefix(addr, length):
    return "%s/%d" % (bytes(addr[""]["b"]).hex(), length)


def _link_local(addr):
    """fe80::/10: the kernel gives devices such addresses some time after they are up."""
    return addr[""]["b"][0] == 0xfe and addr[""]["b"][1] & 0xc0 == 0x80


def _maps(gateway):
    """What the maps say, with tunnels by name in place of their numbers (layouts: xgre/abi.h)."""
    names = {None: None}
    for number, slot in enumerate(_array(gateway, "tunnels", 296)):
        current = slot[152:] if slot[0] else slot[8:152]
        if current[:4] != bytes(4):
            names[number] = current[128:].split(b"\0")[0].decode()
    routes = {}
    for number, value in enumerate(_array(gateway, "routes", 8)):
        owner, = struct.unpack_from("I", value)
        if owner:
            routes[number] = names.get(owner - 1)
    endpoints = []
    for value in _array(gateway, "endpoints", 48):
        owner, = struct.unpack_from("I", value, 40)
        if owner:
            endpoints.append("%s %s" % (names.get(owner - 1), value[:38].hex()))
    prefixes, sources, devices = dump(gateway, "prefixes", "sources", "devices")
    return {
        "tunnels": sorted(n for n in names.values() if n),
        "endpoints": sorted(endpoints),
        "routes in use": len(routes),
        "prefixes": sorted("%s origin %s metric %s %s" % (
            _prefix(p["key"]["addr"], p["key"]["length"]), p["value"]["origin"],
            p["value"]["metric"], routes.get(p["value"]["route"], p["value"]["route"]))
                           for p in prefixes
                           if not _link_local(p["key"]["addr"])),
        # the key has the tunnel's number and family in network byte order
        "sources": sorted("%s %s" % (
            names.get(int.from_bytes(s["key"]["tunnel"].to_bytes(4, "little"), "big") >> 1),
            _prefix(s["key"]["addr"], s["key"]["prefixlen"] - 32))
                          for s in sources),
        "devices": sorted(names.get(d["value"], "?") for d in devices),
    }


def view(gateway):
    """All that apply makes and changes, in a form that is the same when it is made anew."""
    parts = gateway.out("""
        ip -j -d addr; echo =; tc -j qdisc; echo =; ip -4 route show table all; echo =
        ip -6 route show table all; echo =; cd /proc/sys/net/ipv4/conf
        grep -H . */send_redirects */rp_filter */forwarding""").split("=\n")
    state = {"devices": _devices(gateway, parts[0], parts[1]), "sysctls": parts[4].splitlines()}
    for family, text in zip("46", parts[2:]):
        # The kernel's own for anycast depend on the order that addresses come and go in.
        state["IPv%s routes" % family] = sorted(
            re.sub(r" +", " ", re.sub(r"expires \d+sec", "", line)).strip()
            for line in text.splitlines() if not line.startswith("anycast "))
    top = PINS / gateway.name
    state["pins"] = sorted(str(p.relative_to(PINS)) for p in PINS.glob(gateway.name + "*/**/*"))
    if top.exists():
        state["maps"] = _maps(gateway)
        state["show"] = gateway.load("show").stdout.splitlines()
    return state


def settled(gateway):
    """A view that stays as it is: the kernel adds IPv6's own routes and addresses in a worker."""
    last = None

    def stays():
        nonlocal last
        before, last = last, view(gateway)
        return last == before
    wait_until(stays, timeout=SETTLE, interval=0.1)
    return last


def same(gateway, want, name):
    """One result: the gateway's view is as wanted, or soon; prints what differs, in parts."""
    end = time.monotonic() + SETTLE
    while (have := view(gateway)) != want and time.monotonic() < end:
        time.sleep(0.2)
    parts = [k for k in sorted(set(have) | set(want)) if have.get(k) != want.get(k)]
    return is_(*("".join("%s: %s\n" % (k, json.dumps(v.get(k), indent=1)) for k in parts)
                 for v in (have, want)), name)


def programs(gateway):
    """Ids of the programs on the hooks: {"eth0 xdp": 12, "eth0 tc": 13, "xg...": 14}."""
    devices = json.loads(gateway.out("ip -j -d link"))
    names = [d["ifname"] for d in devices]
    ids = {d["ifname"] + " xdp": d["xdp"]["prog"]["id"] for d in devices if "xdp" in d}
    for name, filters in zip(names, _filters(gateway, names)):
        ids.update({name + " tc": f["options"]["prog"]["id"] for f in filters})
    return ids


def meta(gateway, **values):
    """
    Write abi or build in the pinned meta map (bpftool map update), as another
    version of the tools would have; returns what they were.
    """
    pin = ["pinned", PINS / gateway.name / "maps/meta"]
    entry = json.loads(gateway.out(["bpftool", "-j", "map", "dump", *pin]))[0]
    value = bytearray(int(b, 16) for b in entry["value"])
    for field, new in values.items():
        struct.pack_into({"abi": "I", "build": "Q"}[field], value, {"abi": 0, "build": 16}[field],
                         new)
    gateway.run(["bpftool", "map", "update", *pin, "key", *entry["key"], "value", *map(str, value)])
    return {k: entry["formatted"]["value"][k] for k in values}


class Stream:
    """
    A ping from a namespace, 200 packets a second unless told otherwise:
        with Stream(t.h100, t.h200.ip) as stream: ...
        stream.lost == []
    """

    def __init__(self, ns, dst, interval=0.005, size=56):
        self.lost = None
        self.sent = 0
        self.text = ""
        self._file = tempfile.TemporaryFile("w+")
        self._process = ns.start(["ping", "-n", "-i", interval, "-s", size, dst],
                                 stdout=self._file)
        wait_until(self.seen, 5)

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
        found = re.search(r"(\d+) packets transmitted", self.text)
        self.sent = int(found.group(1)) if found else max(seen, default=0)
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
    """A tunnel as lines of YAML; options are its properties, routes a list of prefixes or maps."""
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
