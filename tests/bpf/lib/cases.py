# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
One packet and what is to happen to it, the same for XDP, for TC on a port
without XDP, and for TC on a port where XDP has seen the packet before.
"""
import ipaddress

import packets
import world
from bpftest import DROP, PASS, REDIRECT, XDP, XDPS, tap


class Expected:
    """What a run has to answer; bytes is a function of what came out."""

    def __init__(self, retval, frame, reasons=(), tunnel=None, way="rx", count=None, route=None,
                 fast=False):
        self.retval, self.frame = retval, frame
        self.reasons = {reason: 1 for reason in reasons}
        self.tunnels, self.routes = {}, {}
        if tunnel:
            counters = {way: list(count)}
            if fast:
                counters["fast-" + way] = count[0]
            self.tunnels[tunnel.name] = counters
            if route:
                self.routes[route] = {way: list(count)}


def route_of(tunnel, address):
    """The tunnel's route that an address is in, as text; None."""
    address = ipaddress.ip_address(address)
    for route in (tunnel.route4, tunnel.route6):
        network = ipaddress.ip_network(route)
        if network.version == address.version and address in network:
            return route
    return None


class Leave:
    """Passed on as it is, by this reason."""

    def __init__(self, reason):
        self.reason = reason

    def expected(self, program, behind, case):
        return Expected(PASS[program], case.frame(program), () if behind else (self.reason,))


class Drop:
    """Ends here, by this reason."""

    def __init__(self, reason):
        self.reason = reason

    def expected(self, program, behind, case):
        if behind and self.reason == "unclaimed-drop":  # does not get as far
            return Expected(PASS[program], case.frame(program))
        return Expected(DROP[program], case.frame(program), (self.reason,))


class Accept:
    """
    Out of a tunnel: forwarded to the host on a LAN, or with a reason left to the
    kernel: XDP passes it, TC puts it into the tunnel's device, or passes it where that is
    one of the kernel's own.
    """

    def __init__(self, tunnel, inner, reason=None, lan=world.LAN, tos=None):
        self.tunnel, self.reason, self.lan = tunnel, reason, lan
        self.inner = packets.patched(inner, 0, tos) if tos is not None else inner
        self.source = packets.version(inner) == 4 and ipaddress.ip_address(
            self.inner[12:16]) or ipaddress.ip_address(self.inner[8:24])

    def expected(self, program, behind, case):
        count = (1, len(self.inner))
        route = route_of(self.tunnel, self.source)
        if not behind and not self.reason:
            frame = packets.to_host(self.lan, packets.patched(self.inner, 1), program in XDPS)
            return Expected(REDIRECT[program], frame, (), self.tunnel, "rx", count, route, True)
        if program in XDPS:
            return Expected(PASS[program], case.frame(program), (self.reason,))
        if self.tunnel.options.get("device") == "kernel":  # which has counters of its own
            return Expected(PASS[program], case.frame(program), () if behind else (self.reason,))
        return Expected(REDIRECT[program], packets.to_device(self.tunnel, self.inner),
                        () if behind else (self.reason,), self.tunnel, "rx", count, route)


class Send:
    """Into a tunnel; packet is the inner packet as it came."""

    def __init__(self, tunnel, packet):
        self.tunnel, self.packet = tunnel, bytes(packet)

    def frame(self, program):
        inner = packets.patched(self.packet, 1)

        def made(out):
            tags = world.PORTS[self.tunnel.to or "eth0"].tags if program in XDPS else ()
            at = 18 + 4 * len(tags)
            ident = int.from_bytes(out[at:at + 2], "big")
            return packets.to_peer(self.tunnel, inner, program in XDPS, ident=ident)
        return made

    def expected(self, program, behind, case):
        if behind:  # XDP would have sent it; TC there is not for that
            return Expected(PASS[program], case.frame(program))
        destination = (ipaddress.ip_address(self.packet[16:20]) if
                       packets.version(self.packet) == 4 else
                       ipaddress.ip_address(self.packet[24:40]))
        return Expected(REDIRECT[program], self.frame(program), (), self.tunnel, "tx",
                        (1, len(self.packet)), route_of(self.tunnel, destination), True)


class Case:
    """make(tagged) gives the frame that comes in by the port; xdp: XDP's outcome, if another."""

    def __init__(self, name, port, make, outcome, xdp=None):
        self.name, self.port, self.outcome, self.xdp = name, port, outcome, xdp or outcome
        self.make = make if callable(make) else lambda tagged: make

    def frame(self, program):
        return self.make(program in XDPS)

    def device(self, program):
        """The device that a program sees: below the VLAN device in XDP."""
        return "eth0" if program in XDPS and self.port.tags else self.port.name


def decap(name, tunnel, inner, outcome=None, xdp=None, port=None, **arrival):
    """A packet of the tunnel's peer; without an outcome it is forwarded to LAN 0."""
    port = port or world.PORTS[tunnel.to or "eth0"]
    return Case("decap " + name, port,
                lambda tagged: packets.arrival(tunnel, inner, tagged, **arrival),
                outcome or Accept(tunnel, inner), xdp)


def encap(name, tunnel, packet, outcome=None, xdp=None, port=world.LAN, padding=0):
    """A packet of a host; without an outcome it is sent into the tunnel."""
    return Case("encap " + name, port,
                lambda tagged: packets.from_host(port, packet, tagged, padding),
                outcome or Send(tunnel, packet), xdp)


def _difference(frame, want):
    at = next((i for i, (a, b) in enumerate(zip(frame, want)) if a != b),
              min(len(frame), len(want)))
    return "first difference at byte %d; have %d bytes:\n%s\nwant %d bytes:\n%s" % (
        at, len(frame), frame.hex(), len(want), want.hex())


def compare(answer, expected):
    """What is wrong, as text; empty where nothing is."""
    wrong = []
    frame = expected.frame(answer.out) if callable(expected.frame) else expected.frame
    for what in ("retval", "reasons", "tunnels", "routes"):
        have, want = getattr(answer, what), getattr(expected, what)
        if have != want:
            wrong.append("%s: have %s, want %s" % (what, have, want))
    if answer.out != frame:
        wrong.append(_difference(answer.out, frame))
    return "\n".join(wrong)


def check(runner, program, case, behind=False, label="", **options):
    """Run one case; one test."""
    outcome = case.xdp if program in XDPS else case.outcome
    name = "%s%s" % (label and label + ": ", case.name)
    answer = runner.run(program, case.frame(program), case.device(program), **options)
    return tap.ok(True, name) if not (wrong := compare(answer, outcome.expected(
        program, behind, case))) else tap.ok(False, name, wrong)


def check_all(runner, program, cases, behind=False, label=""):
    """Run cases, but for frames that are too large for BPF_PROG_TEST_RUN with this program."""
    for case in cases:
        if program != XDP and len(case.frame(program)) > 3400:
            continue  # without xdp.frags BPF_PROG_TEST_RUN has no packet of more than a page
        check(runner, program, case, behind, label)
