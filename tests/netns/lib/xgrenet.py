# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Library of the tests in network namespaces: the reference topology, commands,
captures and raw frames in it, and the tools under test.

    topology = Topology("native")
    topology.apply()                    # the reference configuration on both gateways
    topology.h100.ping(topology.h200.ip)

Everything that is made is removed when the process ends, by signal as well.
Commands enter a namespace with nsenter: ip netns exec would remount /sys and
hide the pins.
"""
import atexit
import contextlib
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("XGRE_BUILD", ROOT / "build"))
BPFFS = pathlib.Path("/sys/fs/bpf")
PINS = BPFFS / "xgre"
PYTHON = "/usr/bin/python3"
MODES = ("native", "skb", "tc")
PUBLIC = {100: "198.51.100.10", 200: "129.150.103.57"}
FAR = {100: 200, 200: 100}

# Reads frames as hexadecimal lines. ETH_P_ALL is not needed to send, so protocol 0.
_SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind((sys.argv[1], 0))
for line in sys.stdin:
    s.send(bytes.fromhex(line))
    time.sleep(float(sys.argv[2]))
"""


def wait_until(cond, timeout=5, interval=0.02):
    """Call cond until its answer is true, at most timeout seconds; returns its last answer."""
    end = time.monotonic() + timeout
    while True:
        answer = cond()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(interval)


def prerequisites():
    """None, or why no network test can run here. Mounts the BPF file system where it is missing."""
    if os.geteuid() != 0:
        return "network tests need root"
    for tool in ("xgre-load", "xgre-stat", "xgred"):
        if not (BUILD / tool).exists():
            return "%s is missing; run make first" % (BUILD / tool)
    kind = subprocess.run(["stat", "-f", "-c", "%T", BPFFS], capture_output=True, text=True)
    if kind.stdout.strip() != "bpf_fs":
        mount = subprocess.run(["mount", "-t", "bpf", "bpf", BPFFS], capture_output=True, text=True)
        if mount.returncode != 0:
            return "cannot mount the BPF file system: " + mount.stderr.strip()
    return None


# What is to be undone at the end, last first.
_cleanups = []


def at_end(function):
    """Call it when the process ends; the last one first."""
    _cleanups.append(function)


def _clean_up():
    while _cleanups:
        function = _cleanups.pop()
        try:
            function()
        except Exception as error:  # the others are still to be undone
            print("# cleanup: %s" % error, file=sys.stderr)


def _on_signal(number, _frame):
    sys.exit(128 + number)  # so that atexit runs


atexit.register(_clean_up)
for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(_number, _on_signal)


class Process(subprocess.Popen):
    """A background process; ended when its with block or the test ends."""

    def __init__(self, argv, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        super().__init__(argv, text=True, **options)
        _cleanups.append(self.end)

    def end(self, number=signal.SIGTERM, timeout=5):
        """Send the signal and wait; SIGKILL after timeout. Returns the exit status."""
        if self.end in _cleanups:
            _cleanups.remove(self.end)
        if self.poll() is None:
            self.send_signal(number)
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.wait()

    def __exit__(self, *_exc):
        self.end()


class Ping:
    """Outcome of a ping; true where nothing was lost. mtu is what an ICMP error named."""

    def __init__(self, count, text):
        self.text = text
        found = re.search(r"(\d+) received", text)
        self.count = count
        self.received = int(found.group(1)) if found else 0
        found = re.search(r"^From (\S+) .*(?:frag needed|too big).*mtu ?= ?(\d+)", text,
                          re.M | re.I)
        self.mtu_from = found.group(1) if found else None
        self.mtu = int(found.group(2)) if found else None

    def __bool__(self):
        return self.received == self.count

    def __str__(self):
        return self.text


class Capture:
    """tcpdump on a device, writing a file; see Namespace.capture()."""

    def __init__(self, ns, dev, expression, snaplen):
        handle, self.path = tempfile.mkstemp(suffix=".pcap", prefix="xgrenet-")
        os.close(handle)
        _cleanups.append(self._remove)
        # -Z root: the file is ours, and tcpdump would give up its right to it.
        self.process = ns.start(
            ["tcpdump", "-Z", "root", "-U", "--immediate-mode", "-s", str(snaplen), "-ni", dev,
             "-w", self.path] + ([expression] if expression else []), stderr=subprocess.PIPE)
        line = self.process.stderr.readline()
        while line and "listening on" not in line:
            line = self.process.stderr.readline()
        if not line:
            raise RuntimeError("tcpdump on %s %s does not start" % (ns.name, dev))

    def _remove(self):
        pathlib.Path(self.path).unlink(missing_ok=True)

    def packets(self):
        """What was captured so far, as scapy packets."""
        from scapy.all import Scapy_Exception, rdpcap  # slow, and not every test needs it
        try:
            return list(rdpcap(self.path))
        except (Scapy_Exception, EOFError):
            return []  # nothing was written yet

    def fields(self, *names, where=""):
        """tshark's values of the named fields, a tuple a packet; where is a display filter."""
        argv = ["tshark", "-r", self.path, "-Tfields"]
        for name in names:
            argv += ["-e", name]
        if where:
            argv += ["-Y", where]
        out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        return [tuple(line.split("\t")) for line in out.splitlines()]

    def wait(self, count=1, timeout=5, match=lambda packet: True):
        """Wait for count packets that match; returns those there are."""
        def matching():
            return [p for p in self.packets() if match(p)]
        wait_until(lambda: len(matching()) >= count, timeout, 0.1)
        return matching()

    def stop(self):
        self.process.end(signal.SIGINT)


class Namespace:
    """One network namespace of a topology."""

    def __init__(self, prefix, role):
        self.role = role
        self.name = "%s-%s" % (prefix, role)
        self.path = "/run/netns/" + self.name

    def argv(self, cmd):
        """The command (a list, or one string for the shell) as it is run inside."""
        return ["nsenter", "--net=" + self.path] + (
            ["sh", "-c", cmd] if isinstance(cmd, str) else [str(word) for word in cmd])

    def run(self, cmd, check=True, timeout=30, **options):
        """Run to the end; the CompletedProcess has stdout and stderr as text."""
        done = subprocess.run(self.argv(cmd), capture_output=True, text=True, timeout=timeout,
                              check=False, **options)
        if check and done.returncode != 0:
            raise RuntimeError("%s: %s: exit %d\n%s%s" % (
                self.name, cmd, done.returncode, done.stdout, done.stderr))
        return done

    def out(self, cmd, **options):
        """Standard output of a command."""
        return self.run(cmd, **options).stdout

    def start(self, cmd, **options):
        """Run in the background; output is discarded unless asked for."""
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        return Process(self.argv(cmd), **options)

    def ping(self, dst, count=3, total=None, df=False, extra=()):
        """Ping; total is the IP packet's size, df forbids fragments on the way and here."""
        argv = ["ping", "-n", "-c", count, "-i", "0.05", "-W", "2", *extra]
        if total is not None:
            argv += ["-s", total - (48 if ":" in dst else 28)]
        argv += ["-M", "do" if df else "dont", dst]
        done = self.run(argv, check=False)
        return Ping(count, done.stdout + done.stderr)

    def forget(self):
        """Drop what ICMP told about paths: MTUs and redirects."""
        self.run("ip route flush cache; ip -6 route flush cache")

    def sysctl(self, key, value=None):
        """Read, or write, one setting of this namespace."""
        if value is not None:
            self.run(["sysctl", "-qw", "%s=%s" % (key, value)])
        return self.out(["sysctl", "-n", key]).strip()

    def mac(self, dev="eth0"):
        return json.loads(self.out(["ip", "-j", "link", "show", "dev", dev]))[0]["address"]

    def send(self, frames, dev="eth0", interval=0):
        """Send raw Ethernet frames: bytes or scapy packets."""
        text = "".join(bytes(frame).hex() + "\n" for frame in frames)
        self.run([PYTHON, "-c", _SENDER, dev, interval], input=text)

    @contextlib.contextmanager
    def capture(self, dev="eth0", expression="", snaplen=262144):
        """with ns.capture("eth0", "proto gre") as c: ...; c.wait(2) or c.packets()."""
        capture = Capture(self, dev, expression, snaplen)
        try:
            yield capture
        finally:
            capture.stop()


class Gateway(Namespace):
    """A namespace with an instance of xgre of the same name."""

    def __init__(self, prefix, role):
        super().__init__(prefix, role)
        self.site = int(role[2:])

    def _tool(self, tool, args, check, **options):
        argv = [str(BUILD / tool), "-n", self.name, "-i", self.name] + [str(a) for a in args]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False,
                              **options)
        if check and done.returncode != 0:
            raise RuntimeError("%s: exit %d\n%s%s" % (
                " ".join(argv), done.returncode, done.stdout, done.stderr))
        return done

    def load(self, *args, check=True, **options):
        """xgre-load ARGS on this instance."""
        return self._tool("xgre-load", args, check, **options)

    def stat(self, *args):
        """xgre-stat ARGS -j on this instance, parsed."""
        return json.loads(self._tool("xgre-stat", [*args, "-j"], True).stdout)

    def apply(self, text=None, *args, check=True):
        """xgre-load apply of a configuration text; default: the reference's."""
        text = text or reference(self.site)
        return self.load("apply", "-c", "-", *args, check=check, input=text)

    def daemon(self, wait=True, **options):
        """
        Start xgred on this instance; with wait, until it is ready for packets. The process has
        log(), what it said so far.
        """
        handle, path = tempfile.mkstemp(suffix=".log", prefix="xgrenet-")
        _cleanups.append(lambda: pathlib.Path(path).unlink(missing_ok=True))
        process = Process([str(BUILD / "xgred"), "-n", self.name, "-i", self.name], stderr=handle,
                          **options)
        os.close(handle)
        process.log = pathlib.Path(path).read_text
        if wait and not wait_until(self.reassembles, 20):
            raise RuntimeError("xgred does not get to work: " + process.log())
        return process

    def reassembles(self):
        """Does an xgred run that has made its device?"""
        text = self.out("ip -j -d link")
        return self.stat("daemon")["daemon"]["running"] and any(
            d.get("ifalias", "").endswith("/reassembly") and d["operstate"] == "UP"
            for d in json.loads(text))

    def made_whole(self):
        """Packets that were reassembled so far, by the kernel or over AF_XDP."""
        counted = self.counted()
        return counted.get("reassembled", 0) + counted.get("xsk-whole", 0)

    def counted(self):
        """Counter of xgred -> packets, those that are not zero."""
        return {c["counter"]: c["packets"] for c in self.stat("daemon")["daemon"]["counters"]
                if c["packets"]}

    def tunnel(self, name="gre1"):
        """One tunnel's part of xgre-stat."""
        return next(t for t in self.stat("tunnels")["tunnels"] if t["name"] == name)

    def drops(self):
        """Reason -> packets, those that are not zero."""
        return {d["reason"]: d["packets"] for d in self.stat("drops")["drops"] if d["packets"]}

    def punts(self):
        """Reason -> packets, those that are not zero."""
        return {p["reason"]: p["packets"] for p in self.stat()["punts"] if p["packets"]}


def reference(site, mode="native", extra="", ipv6=False):
    """The reference configuration of a site; extra: more lines of the tunnel, unindented."""
    far = FAR[site]
    addresses = ["192.168.%d.253/24" % site]
    routes = ["192.168.%d.0/24" % n for n in (far, far + 1)]
    if ipv6:
        addresses += ["fd00:%d::253/64" % site]
        routes += ["fd00:%d::/64" % n for n in (far, far + 1)]
    lines = ["local: 192.168.%d.254" % site, "remote: " + PUBLIC[far], "key: 1", "mtu: 1460",
             "addresses: " + json.dumps(addresses), "routes:"]
    lines += ['  - to: "%s"' % route for route in routes] + extra.splitlines()
    return "version: 1\nports:\n  eth0: {xdp: %s}\ntunnels:\n  gre1:\n" % (
        "off" if mode == "tc" else mode) + "".join("    %s\n" % line for line in lines)


class Topology:
    """The reference topology; its namespaces are attributes: net, gw100, h100, ..."""

    def __init__(self, mode="native"):
        self.mode = mode
        self.gateways = ()
        self.prefix = "x" + secrets.token_hex(3)
        _cleanups.append(self.close)  # before up: it may be interrupted
        done = subprocess.run([ROOT / "scripts/topology", "up", self.prefix], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError("scripts/topology up: " + done.stderr)
        for role in ("net", "sw100", "sw200", "h100", "h101", "h200", "h201"):
            setattr(self, role, Namespace(self.prefix, role))
        for site, role in ((100, "h100"), (101, "h101"), (200, "h200"), (201, "h201")):
            getattr(self, role).ip = "192.168.%d.10" % site
            getattr(self, role).ip6 = "fd00:%d::10" % site
        self.gw100 = Gateway(self.prefix, "gw100")
        self.gw200 = Gateway(self.prefix, "gw200")
        self.gateways = (self.gw100, self.gw200)
        self.hosts = (self.h100, self.h101, self.h200, self.h201)
        for gateway in self.gateways:
            gateway.overlay = "192.168.%d.253" % gateway.site
            if mode == "skb":  # GRO would hand superframes of unknown segment size to XDP
                gateway.run("ethtool -K eth0 gro off")

    def config(self, gateway, **options):
        """reference() in this topology's mode."""
        return reference(gateway.site, self.mode, **options)

    def apply(self, **options):
        """Apply the reference configuration on both gateways."""
        for gateway in self.gateways:
            gateway.apply(self.config(gateway, **options))

    def leaked(self):
        """Packets that left a site with private addresses, around the tunnel."""
        text = self.net.out("nft list counter inet provider leaked")
        return int(re.search(r"packets (\d+)", text).group(1))

    def close(self):
        """Unload what is loaded, remove the namespaces."""
        if self.close in _cleanups:
            _cleanups.remove(self.close)
        for gateway in self.gateways:
            if (PINS / gateway.name).exists():
                gateway.load("unload", check=False)
        subprocess.run([ROOT / "scripts/topology", "down", self.prefix], check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()
