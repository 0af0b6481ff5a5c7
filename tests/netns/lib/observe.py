# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
What tests watch a gateway by: counters between two moments, changes that must be
followed in time, traffic that goes on meanwhile, and raw frames sent one by one.
"""
import contextlib
import re
import subprocess
import sys
import time
import traceback

import tap
from tap import is_, ok
from xgrenet import _SENDER, PYTHON, Process, Topology, wait_until


class Counts:
    """What a gateway counted since this was made, or since the last again()."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.before = self._read()

    def _read(self):
        stat = self.gateway.stat()
        have = {r["reason"]: r["packets"] for r in stat["drops"] + stat["punts"]}
        for way in ("rx", "tx"):
            have[way] = sum(t[way]["packets"] for t in stat["tunnels"])
            have["fast-" + way] = sum(t["fast"][way] for t in stat["tunnels"])
            for t in stat["tunnels"]:
                have["%s-%s" % (t["name"], way)] = t[way]["packets"]
        return have

    def since(self):
        """Counter -> increase, those that are not zero: reasons, rx, tx, fast-rx, fast-tx."""
        now = self._read()
        return {k: v - self.before.get(k, 0) for k, v in now.items() if v != self.before.get(k, 0)}

    def again(self):
        """The same as since(), and start anew."""
        before, self.before = self.before, self._read()
        return {k: v - before.get(k, 0) for k, v in self.before.items() if v != before.get(k, 0)}


def once(host, dst, total=None):
    """One echo request; is it answered?"""
    size = [] if total is None else ["-s", total - (48 if ":" in dst else 28)]
    return host.run(["ping", "-n", "-c1", "-W0.3", *size, dst], check=False).returncode == 0


# What the kernel answered is asked again after half a second, by each CPU for itself.
ASKED_AGAIN = 0.6


def follows(name, cond, limit=1.0):
    """Passes where a call of cond that began within limit seconds from now is true."""
    start = time.monotonic()
    while True:
        began = time.monotonic() - start
        answer = cond()
        if answer or began > limit:
            return ok(answer, name, "not so after %.1f s" % began)
        time.sleep(0.02)


def cut(name, host, dst):
    """Within a second nothing is answered, and that lasts."""
    start = time.monotonic()
    follows(name, lambda: not once(host, dst))
    time.sleep(max(0, start + ASKED_AGAIN - time.monotonic()))
    ping = host.run(["ping", "-n", "-c5", "-i0.02", "-W0.3", dst], check=False).stdout
    ok(" 0 received" in ping, name + ", all of it", ping)


def flows(name, host, dst, count=5):
    """Within a second all is answered, and that lasts."""
    start = time.monotonic()
    follows(name, lambda: once(host, dst))
    time.sleep(max(0, start + ASKED_AGAIN - time.monotonic()))
    ping = host.ping(dst, count)
    ok(ping, name + ", all of it", str(ping))


def path(name, gateway, host, dst, fast=None, reason=None, count=6):
    """Pings are answered, and how they went out: most by the fast path, or all by the reason."""
    counts = Counts(gateway)
    if fast:  # whatever has to be resolved first
        wait_until(lambda: once(host, dst) and
                   {"fast-tx", "fast-rx"} & set(counts.again()), 2)
    else:
        host.ping(dst, 2)
        counts.again()
    ping = host.ping(dst, count)
    have = counts.since()
    good = bool(ping)
    if fast is not None:
        good &= have.get("fast-tx", 0) + have.get("fast-rx", 0) >= count if fast else \
            not have.get("fast-tx") and not have.get("fast-rx")
    if reason:
        good &= have.get(reason, 0) >= count
    return ok(good, name, "%s\n%s" % (have, ping))


@contextlib.contextmanager
def pinging(host, dst, interval=0.02):
    """Echo requests all the while; the list that it gives holds the output at the end."""
    output = []
    process = host.start(["ping", "-n", "-O", "-i", interval, dst], stdout=subprocess.PIPE)
    try:
        wait_until(lambda: process.stdout.readline().startswith(("64 bytes", "no answer", "From")))
        yield output
    finally:
        process.send_signal(2)
        output += process.stdout.read().splitlines()
        process.wait()


def answered(lines, kind=r"64 bytes"):
    """How many lines of a ping match."""
    return sum(bool(re.match(kind, line)) for line in lines)


class Sender:
    """Raw frames out of a device of a namespace, one at a time and at once."""

    def __init__(self, ns, dev="eth0"):
        self.process = ns.start([PYTHON, "-uc", _SENDER, dev, "0"], stdin=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def send(self, *frames):
        """Frames as bytes or scapy packets."""
        self.process.stdin.write("".join(bytes(f).hex() + "\n" for f in frames))
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.process.end()


def nothing_leaked(t, name):
    """No packet went around the tunnel since the topology was made."""
    is_(t.leaked(), 0, "%s: %s: nothing leaves unencapsulated" % (t.mode, name))


def _replay(output):
    """The results of another program's TAP among ours; its plan is left out."""
    for line in output.splitlines():
        found = re.match(r"(not )?ok \d+ - (.*)", line)
        if found:
            ok(not found.group(1), found.group(2))
        elif line.startswith("# "):
            tap.diag(line[2:])


def run_modes(modes, prepare, checks):
    """
    A whole test program: with arguments MODE [CHECK...] those checks in a topology of
    their own, after prepare(t); without, one such process for each mode, all at once,
    since most of the time they wait.
    """
    def one():
        with Topology(sys.argv[1]) as t:
            prepare(t)
            for check in checks:
                if len(sys.argv) > 2 and check.__name__ not in sys.argv[2:]:
                    continue
                start = time.monotonic()
                try:
                    check(t)
                except Exception as error:  # the other checks still tell something
                    ok(False, "%s: %s ends without an exception" % (t.mode, check.__name__))
                    tap.diag("".join(traceback.format_exception(error)))
                tap.diag("%s: %s: %.1f s" % (t.mode, check.__name__, time.monotonic() - start))

    def every():
        processes = [(mode, Process([PYTHON, sys.argv[0], mode], stdout=subprocess.PIPE))
                     for mode in modes]
        for mode, process in processes:
            output = process.communicate()[0]
            _replay(output)
            ok(re.search(r"^1\.\.[1-9]", output, re.M), "%s: ran to its end" % mode)

    tap.run(one if len(sys.argv) > 1 else every)
