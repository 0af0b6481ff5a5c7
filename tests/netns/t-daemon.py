#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
xgred as a process: it waits for its instance and follows it, is alone, has no more
rights than it needs, tells systemd, and is not missed by what does not need it.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
# pylint: disable=wrong-import-position
import tap
from control import Stream, config, nothing_lost, same, settled, tunnel
from fragments import Maker, Sink, fresh
from tap import is_, ok
from xgrenet import BUILD, Topology, prerequisites, wait_until

LIMIT = 20


def xgred(*args, **options):
    """Run it to its end."""
    return subprocess.run([str(BUILD / "xgred"), *args], capture_output=True, text=True, check=False,
                          timeout=60, **options)


def devices(gateway):
    return re.findall(r"^\d+: ([^:@]+)", gateway.out("ip link"), re.M)


def usage(t):
    done = xgred("--nonsense")
    is_((done.returncode, done.stderr), (2, "xgred: unknown option, or one without its value: "
                                         "--nonsense; see xgred --help\n"), "an unknown option")
    is_(xgred("-i", "no/name").returncode, 2, "a name that no instance can have")
    is_(xgred("extra").returncode, 2, "an argument")
    is_(xgred("-n", t.prefix + "-none").returncode, 1, "a network namespace that is not there")
    done = xgred("--help")
    ok(done.returncode == 0 and done.stdout.startswith("usage: xgred"), "--help")


def reassembly(gateway):
    """The end of its device that has the program, or None."""
    for link in json.loads(gateway.out("ip -j -d link")):
        if link.get("ifalias", "").endswith("/reassembly") and "xgre_port" in gateway.out(
                "tc filter show dev %s ingress" % link["ifname"]):
            return link["ifname"]
    return None


def follows(t):
    """It waits, starts with apply, stops with unload, and starts again."""
    gateway = t.gw100
    daemon = gateway.daemon(wait=False)
    ok(wait_until(lambda: "waiting for instance" in daemon.log(), LIMIT), "it waits", daemon.log())
    text = t.config(gateway)
    gateway.apply(text)
    ok(wait_until(gateway.reassembles, LIMIT), "and starts with apply", daemon.log())
    is_([p["name"] for p in gateway.stat("ports")["ports"]], ["eth0"], "its device is no port to see")
    is_(gateway.apply(text).stdout, "nothing to change\n", "apply does not mind it")
    gateway.run("tc qdisc del dev %s clsact" % reassembly(gateway))
    ok(wait_until(lambda: reassembly(gateway), LIMIT),
       "the program is attached again where somebody removed it")
    gateway.run("ip link del %s" % reassembly(gateway))
    ok(wait_until(gateway.reassembles, LIMIT), "and the device made again", daemon.log())
    gateway.load("unload")
    ok(wait_until(lambda: "is gone" in daemon.log(), LIMIT), "it notices unload", daemon.log())
    is_(devices(gateway), ["lo", "eth0"], "which leaves nothing")
    is_(daemon.poll(), None, "and stays")
    gateway.apply(text)
    ok(wait_until(gateway.reassembles, LIMIT), "for the next apply", daemon.log())
    is_(daemon.end(), 0, "SIGTERM ends it")
    is_(reassembly(gateway), None, "with its device")
    is_(gateway.stat("daemon")["daemon"]["running"], False, "xgre-stat says so")


def alone(t):
    """One at a time, and one that was killed is not taken for one at work."""
    gateway = t.gw100
    first = gateway.daemon()
    second = xgred("-n", gateway.name, "-i", gateway.name)
    is_((second.returncode, second.stderr),
        (1, "xgred: an xgred runs on instance '%s' already\n" % gateway.name), "a second one")
    with Stream(t.h100, t.h200.ip) as stream:
        first.end(signal.SIGKILL)
        is_(gateway.stat("daemon")["daemon"]["running"], False, "killed: xgre-stat says so")
        ok(stream.flows(LIMIT), "killed: traffic goes on")
        gateway.apply(t.config(gateway))
        left = devices(gateway)
        third = gateway.daemon()
        is_(devices(gateway), left, "the next one takes its device over")
        third.end()
    nothing_lost(stream, "nothing was lost meanwhile")
    gateway.daemon().end(signal.SIGKILL)
    gateway.load("unload")
    is_(devices(gateway), ["lo", "eth0"], "unload clears away what a killed one left")
    gateway.apply(t.config(gateway))


def rights(t):
    """Three capabilities, no way to more, and a filter of system calls."""
    daemon = t.gw100.daemon()
    with open("/proc/%d/status" % daemon.pid, encoding="ascii") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    # NET_ADMIN, NET_RAW, BPF; IPC_LOCK where the limit of locked memory cannot be raised
    limited = int(status["CapEff"], 16) & 1 << 14
    want = "%016x" % (1 << 12 | 1 << 13 | 1 << 39 | limited)
    is_([status[k] for k in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")],
        [want, want, "0" * 16, "1", "2"], "capabilities and system calls")
    daemon.end()
    # as under the unit of systemd, which grants no more
    bare = subprocess.Popen(
        ["setpriv", "--bounding-set", "-all,+bpf,+net_admin,+net_raw,+sys_admin,+setpcap",
         str(BUILD / "xgred"), "-n", t.gw100.name, "-i", t.gw100.name], stderr=subprocess.DEVNULL)
    ok(wait_until(t.gw100.reassembles, LIMIT), "no more than those of the unit are needed")
    bare.terminate()
    is_(bare.wait(LIMIT), 0, "which ends by a signal as well")


def systemd(t):
    """What sd_notify(3) would say."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(folder + "/notify")
            listener.settimeout(LIMIT)
            daemon = t.gw100.daemon(env={"NOTIFY_SOCKET": folder + "/notify"})
            is_([listener.recv(100).decode() for _ in range(2)], ["READY=1", "STATUS=At work."],
                "systemd is told that it is ready")
            daemon.end()
            is_(listener.recv(100), b"STOPPING=1", "and that it stops")


def changes(t):
    """The configuration changes under it: other tunnels, another key; then all is as before."""
    gateway = t.gw200
    gateway.apply(config(tunnel(200, "gre1", 1, routes=["192.168.100.0/24"])))
    before = settled(gateway)
    daemon = gateway.daemon()
    maker = Maker(t, gateway)
    with Sink(t.h200) as sink:
        def arrives(key):
            name = fresh()
            maker.send(maker.split(maker.outer(name, key=key)))
            return sink.wait(name, 3) == ["1400 whole"]
        ok(wait_until(lambda: arrives(1), LIMIT), "fragments of a tunnel arrive")
        gateway.apply(config(tunnel(200, "gre1", 7, routes=["192.168.100.0/24"])))
        ok(wait_until(lambda: arrives(7), LIMIT), "and with the key that it gets")
        gateway.apply(config(tunnel(200, "gre1", 1, routes=["192.168.100.0/24"])))
        ok(wait_until(lambda: arrives(1), LIMIT), "and with the old one again")
    daemon.end()
    same(gateway, before, "all is as before it ran")


WHY = prerequisites()
if WHY:
    tap.bail_out(WHY)
with Topology("native") as topology:
    topology.gw200.apply(topology.config(topology.gw200))
    PARTS = []
    for part in (usage, follows, alone, rights, systemd, changes):
        def bound(function=part):
            function(topology)
        bound.__name__ = part.__name__
        PARTS.append(bound)
    tap.run(*PARTS)
