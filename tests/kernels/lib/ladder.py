# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
The ladder: kernel to kernel, ours to kernel, kernel to ours, ours to ours, for
combinations of options. An axis is an option and its values; a value says what each
kind of end is given. rows() takes so many combinations of all axes that every pair
of values of two axes is in one of them.
"""
import itertools
import time

import tap
from bench import RUNGS, Bench, underlay
from tap import is_
from traffic import Pair
from xgrenet import prerequisites

# Of each value: what ends of a kind are given, arguments of "ip link add" or options of
# ours; a tuple is one for each site; with ":far" it holds where the far end is of that kind.
KEYS = {
    "no key": {},
    "key": {"kernel": "key 16909060", "ours": {"key": 0x01020304}},
    "key 0": {"kernel": "key 0", "ours": {"key": 0}},
    "two keys": {"kernel": ("ikey 1 okey 4294967295", "ikey 4294967295 okey 1"),
                 "ours": ({"keys": {"input": 1, "output": 4294967295}},
                          {"keys": {"input": 4294967295, "output": 1}})},
}
TTL = {
    "ttl 64": {"kernel": "ttl 64", "ours": {"ttl": 64}},
    "ttl inherit": {"kernel": "ttl inherit", "ours": {"ttl": "inherit"}},
}
TOS = {
    "tos 0xb8": {"kernel": "tos 0xb8", "ours": {"tos": 0xb8}},
    "tos inherit": {"kernel": "tos inherit", "ours": {"tos": "inherit"}},
}
CHECKSUM = {
    "no checksum": {},
    # Ours verify what arrives with a checksum in any case.
    "kernel's checksum": {"kernel:ours": "ocsum", "kernel:kernel": "icsum ocsum"},
    "checksum": {"kernel": "icsum ocsum", "ours": {"checksum": True}},
}
SEQUENCE = {
    "no sequence": {},
    "sequence": {"kernel": "iseq oseq", "ours": {"sequence": True}},
}
ENCAPLIMIT = {
    "encaplimit": {},  # the kernel's default: a destination options header with limit 4
    "no encaplimit": {"kernel": "encaplimit none"},
}
MODE = {"native": {}, "tc": {}}

GRE = {"key": KEYS, "ttl": TTL, "tos": TOS, "checksum": CHECKSUM, "sequence": SEQUENCE,
       "mode": MODE}
IP6GRE = {**GRE, "encaplimit": ENCAPLIMIT}
AXES = {"gre": GRE, "ip6gre": IP6GRE}

DATAGRAMS = (1, 100, 1400, 1500, 8000)
STREAM = 200000


def pairs(row):
    """All pairs of (axis, value) of a combination."""
    return set(itertools.combinations(row.items(), 2))


def rows(axes, possible=lambda row: True):
    """
    Combinations, always the same ones: each time the first one in the order of the
    product that has the most pairs which no earlier one had, until all pairs are had.
    """
    product = [row for row in (dict(zip(axes, values))
                               for values in itertools.product(*axes.values())) if possible(row)]
    missing = set().union(*map(pairs, product))
    chosen = []
    while missing:
        best = max(product, key=lambda row: len(pairs(row) & missing))
        missing -= pairs(best)
        chosen.append(best)
    return chosen


def _of_end(axes, row, kind, far, site):
    """What the values of a row say for an end of this kind."""
    for axis, value in row.items():
        spec = axes[axis][value]
        for key in (kind, "%s:%s" % (kind, far)):
            part = spec.get(key)
            if part:
                yield part[site] if isinstance(part, tuple) else part


class Ends:
    """Turns a row, or one row for each site, into the configuration of the ends of rungs."""

    def __init__(self, kind, row, axes=None):
        self.axes = axes or AXES[kind]
        self.kind = kind
        self.rows = row if isinstance(row, tuple) else (row, row)
        self.family = 6 if kind.startswith("ip6") else 4
        self.mode = self.rows[0]["mode"]
        self.peers = {}  # site: remote addresses in place of the right ones, %d: the rung

    def _outer(self, rung, site):
        local, remote = (underlay(rung.ends[s], s, self.family) for s in (site, 1 - site))
        return local, self.peers[site] % rung.number if site in self.peers else remote

    def kernel(self, rung, site):
        """Arguments of "ip link add"."""
        words = _of_end(self.axes, self.rows[site], "kernel", rung.ends[1 - site], site)
        return "type %s local %s remote %s %s" % (self.kind, *self._outer(rung, site),
                                                  " ".join(words))

    def ours(self, rung, site):
        """Options of the tunnel."""
        options = dict(zip(("local", "remote"), self._outer(rung, site)))
        for part in _of_end(self.axes, self.rows[site], "ours", rung.ends[1 - site], site):
            options.update(part)
        return options

    def configure(self, bench):
        """Both sites, and all rungs."""
        bench.configure_kernel(self.kernel)
        bench.configure_ours(self.mode, self.ours)


def pairs_of_hosts(bench):
    """(rung, family of the inner packets) -> hosts' addresses on it."""
    return {(rung, family): Pair(bench.hosts[0], rung.address(0, family),
                                 bench.hosts[1], rung.address(1, family))
            for rung in RUNGS for family in (4, 6)}


def _rung(name, rung, pair):
    """Everything but streams through one rung; one result."""
    problem = pair.echo() or pair.echo(1400)
    for size in DATAGRAMS:
        problem = problem or pair.datagram(size)
    return is_(problem, None, "%s: %s: echo and datagrams" % (name, rung.name))


def _fast(bench, name):
    """Ours forwarded by their short cut, in both directions, on every rung they stand on."""
    slow = []
    for gateway in bench.ours:
        for tunnel in gateway.stat("tunnels")["tunnels"]:
            slow += ["%s %s %s" % (gateway.role, tunnel["name"], way)
                     for way in ("rx", "tx") if not tunnel["fast"][way]]
    is_(slow, [], name + ": the fast path carries traffic of all rungs, both ways")


def climb(kind):
    """A test program: every row of this kind of tunnel, on all rungs."""
    bench = Bench()
    hosts = pairs_of_hosts(bench)
    order = [True, False]
    for row in rows(AXES[kind]):
        start = time.monotonic()
        name = "%s, %s" % (kind, ", ".join(row.values()))
        Ends(kind, row).configure(bench)
        for offloads in order:
            bench.offloads(offloads)
            for (rung, family), pair in hosts.items():
                inner = "%s: inner IPv%d" % (name, family)
                if offloads:
                    _rung(inner, rung, pair)
                is_(pair.stream(STREAM), None, "%s: %s: TCP, offloads %s" % (
                    inner, rung.name, "on" if offloads else "off"))
        order.reverse()  # they are changed once in a row
        _fast(bench, name)
        tap.diag("%s: %.1f s" % (name, time.monotonic() - start))


def main(function, *args):
    """Run a test program of the ladder."""
    why = prerequisites()
    if why:
        tap.bail_out(why)

    def program():
        function(*args)
    program.__name__ = function.__name__
    tap.run(program)
