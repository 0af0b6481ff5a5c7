#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The fast path does what the kernel would: it follows routes, neighbours, MTUs and settings."""
import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import packets  # noqa: E402
import world  # noqa: E402
from bpftest import PORT, XDP, Runner, tap  # noqa: E402
from cases import Accept, Leave, Send, check, decap, encap  # noqa: E402
from cases_ways import inward, outward  # noqa: E402
from world import LAN, PORTS, T4K, T6K, TUNNELS  # noqa: E402

runner = Runner()
world.build(runner)
PROGRAMS = (XDP, PORT)


def both(name, tunnel, reason=None, way="both", keep=True, versions=(4, 6), **fields):
    """One packet each way; by a reason, if given, left to the kernel."""
    for version in versions:
        packet, inner = outward(tunnel, version, **fields), inward(tunnel, version, **fields)
        if way != "decap":
            check(runner, program, encap("IPv%d, %s" % (version, name), tunnel, packet,
                                         Leave(reason) if reason else None), label=program,
                  keep=keep)
        if way != "encap":
            check(runner, program, decap("IPv%d, %s" % (version, name), tunnel, inner,
                                         Accept(tunnel, inner, reason)), label=program, keep=keep)


@contextlib.contextmanager
def while_(command, undo):
    """With ip COMMAND done and the caches read again; ip UNDO at the end."""
    runner.ip(*command)
    runner.request(fresh=True)
    try:
        yield
    finally:
        runner.ip(*undo)
        runner.request(fresh=True)


def again(name, tunnel, reason=None, **options):
    """A packet each way of which no other has asked the kernel before."""
    runner.request(fresh=True)
    both(name, tunnel, reason, keep=False, **options)


def refreshed():
    """One packet in five seconds goes through the kernel, which confirms the neighbour."""
    for tunnel in (T4K, T6K):
        for version in (4, 6):
            for way in ("encap", "decap"):
                runner.request(fresh=True)
                for step, reason in ((0, None), (4, None), (2, "refresh"), (0, None), (4, None),
                                     (2, "refresh")):
                    runner.age(read=min(step, 1), kernel=step)
                    fresh_counters(way, tunnel, version, "%d s later" % step, reason)


def fresh_counters(way, tunnel, version, name, reason):
    """A packet with the caches as they are; tunnel and route counters are sums, so not compared."""
    make = encap if way == "encap" else decap
    packet = (outward if way == "encap" else inward)(tunnel, version)
    outcome = (Leave(reason) if reason else Send(tunnel, packet)) if way == "encap" else Accept(
        tunnel, packet, reason)
    case = make(name, tunnel, packet, outcome)
    answer = runner.run(program, case.frame(program), case.device(program), keep=True)
    want = outcome.expected(program, False, case)
    frame = want.frame(answer.out) if callable(want.frame) else want.frame
    tap.is_((answer.retval, answer.reasons, answer.out.hex()),
            (want.retval, want.reasons, frame.hex()),
            "%s: %s %s IPv%d, %s" % (program, way, tunnel.name, version, name))


def neighbours():
    """Another MAC is seen within a second; a lost neighbour is the kernel's to find."""
    for version, host in ((4, LAN.host4), (6, LAN.host6)):
        runner.request(fresh=True)
        fresh_counters("decap", T4K, version, "before its MAC changes", None)
        runner.ip("neigh replace %s lladdr 02:00:00:00:77:77 dev eth1 nud permanent" % host)
        runner.age(read=1)
        case = decap("MAC", T4K, inward(T4K, version))
        answer = runner.run(program, case.frame(program), case.device(program), keep=True)
        tap.is_(answer.out[:6].hex(), "020000007777",
                "%s: IPv%d neighbour's new MAC" % (program, version))
        runner.ip("neigh del %s dev eth1" % host)
        runner.age(read=1)
        fresh_counters("decap", T4K, version, "without a neighbour", "no-neighbour")
        runner.ip("neigh replace %s lladdr %s dev eth1 nud permanent" % (host, LAN.host_mac))
        runner.age(read=1)
        fresh_counters("decap", T4K, version, "with it again", None)


def routes():
    """A tunnel's prefix is sent into it only while the kernel does so."""
    t = T4K
    for version, route in ((4, t.route4), (6, t.route6)):
        there = "route replace %s dev %s" % (route, t.name)
        for kind, reason in (("unreachable", "unreachable"), ("blackhole", "unreachable"),
                             ("prohibit", "unreachable")):
            instead = "%s %s" % (kind, route)
            with while_(["route del %s dev %s" % (route, t.name), "route add " + instead],
                        ["route del " + instead, there]):
                again(kind, t, reason, way="encap", versions=(version,))
                again("no way back to the source", t, "unreachable", way="decap",
                      versions=(version,))
        with while_(["route del %s dev %s" % (route, t.name)], [there]):
            again("route withdrawn", t, "unreachable", way="encap", versions=(version,))
        elsewhere = "%s via %s" % (route, LAN.host(version))
        with while_(["route del %s dev %s" % (route, t.name), "route add " + elsewhere],
                    ["route del " + elsewhere, there]):
            again("its route elsewhere", t, "kernel-route", way="encap", versions=(version,))
        again("route is back", t, versions=(version,))
    for remote in ("203.0.113.0/24", "2001:db8:fffe::/64"):
        t = T6K if ":" in remote else T4K
        via = "2001:db8:f::fe" if ":" in remote else "192.0.2.254"
        way = "%s via %s" % (remote, via)
        with while_(["route del " + way], ["route add " + way]):
            again("no route to remote", t, "unreachable", way="encap")
    again("all as it was", T4K)


def settings():
    """Forwarding switches: of the port for encap, of the tunnel's device for decap."""
    for family in ("ipv4", "ipv6"):
        version = 4 if family == "ipv4" else 6
        for dev, off, on in (("eth1", "encap", "decap"), (T6K.name, "decap", "encap")):
            runner.sysctl(**{"%s__conf__%s__forwarding" % (family, dev): 0})
            again("forwarding off on " + dev, T6K, "forwarding-off", way=off, versions=(version,))
            again("forwarding off on %s, the other way" % dev, T6K, way=on, versions=(version,))
            runner.sysctl(**{"%s__conf__%s__forwarding" % (family, dev): 1})


def mtus():
    """The device's live MTU, the route's, and the outgoing port's."""
    t = T4K
    link = "link set %s mtu " % t.name
    with while_([link + "1350"], [link + str(world.TUNNEL_MTU)]):
        again("device MTU 1350", t, way="encap", size=1350)
        again("beyond device MTU 1350", t, "size", way="encap", size=1351)
    for t, remote, via in ((T4K, "203.0.113.0/24", "192.0.2.254"),
                           (T6K, "2001:db8:fffe::/64", "2001:db8:f::fe")):
        mtu = 1320  # bpf_fib_lookup() tells a route's own MTU only where it is locked
        with while_(["route replace %s via %s mtu lock %d" % (remote, via, mtu)],
                    ["route replace %s via %s" % (remote, via)]):
            again("route MTU", t, way="encap", size=mtu - t.overhead)
            again("beyond route MTU", t, "size", way="encap", size=mtu - t.overhead + 1)
    with while_(["link set eth1 mtu 1320"], ["link set eth1 mtu 1500"]):
        again("port MTU 1320", T4K, way="decap", size=1320)
        again("beyond port MTU 1320", T4K, "size", way="decap", size=1321)


def rp_filter():
    """Sources that are not reachable the way they came, where rp_filter is on."""
    far = packets.ip("10.77.0.1", T4K.far(4))
    other = packets.ip(PORTS["un0"].host4, T4K.far(4))
    for mode in ("strict", "loose"):
        world.load(runner, program == XDP, ports={"eth1": {"rpf": mode}},
                   tunnels={"any": {"rpf": mode}, "t4k": {"rpf": mode}})
        again("rp_filter " + mode, T4K)
        check(runner, program, encap("unreachable source, " + mode, T4K, far, Leave("rp-filter")),
              label=program)
        check(runner, program, encap("another port's source, " + mode, T4K, other, Leave(
            "rp-filter") if mode == "strict" else None), label=program)
        any_ = TUNNELS["any"]
        for src, reason in (("10.77.0.1", "rp-filter"), (any_.far(4), None),
                            (PORTS["un0"].host4, "rp-filter" if mode == "strict" else None)):
            inner = packets.ip(src, LAN.host4)
            check(runner, program, decap("%s from %s" % (mode, src), any_, inner,
                                         Accept(any_, inner, reason)), label=program)
    world.load(runner, program == XDP)
    check(runner, program, encap("unreachable source, rp_filter off", T4K, far), label=program)


def kept_slow():
    """Routes and tunnels that the fast path must not forward."""
    world.load(runner, program == XDP, tunnels={"t6k": {"fast": False}},
               routes={T4K.route4: {"slow": True}})
    again("slow route", T4K, "slow", way="encap", versions=(4,))
    again("fast beside the slow route", T4K, way="encap", versions=(6,))
    again("slow tunnel", T6K, "slow")
    if program == XDP:
        world.load(runner, True, ports={"eth1": {"xdp": False}})
        again("to a port without XDP", T4K, "not-a-port", way="decap")
        world.load(runner, True, ports={"eth0": {"xdp": False}})
        again("to an underlay port without XDP", T4K, "not-a-port", way="encap")
    world.load(runner, program == XDP)


def ids():
    """With DF clear the IPv4 ID changes from packet to packet; with DF set it is 0."""
    for name, several in (("copy", True), ("clear", True), ("t4k", False)):
        t = TUNNELS[name]
        frame = encap("", t, outward(t, 4)).frame(program)
        idents = {runner.run(program, frame, "eth1").out[18:20] for _ in range(50)}
        tap.is_(len(idents), 50 if several else 1, "%s: IPv4 IDs of %s" % (program, name))


def run_with(name, function):
    def run():
        global program  # pylint: disable=global-statement
        program = name
        world.load(runner, name == XDP)
        function()
    run.__name__ = function.__name__
    return run


program = None
tap.run(*[run_with(name, function) for name in PROGRAMS for function in (
    refreshed, neighbours, routes, settings, mtus, rp_filter, kept_slow, ids)])
