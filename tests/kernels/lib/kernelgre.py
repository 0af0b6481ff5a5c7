# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The reference topology with GRE devices of the kernel's, and what tests look at there."""
import json

from tap import ok
from xgrenet import PUBLIC, wait_until

LIMIT = 30  # seconds for a condition: guests are slow
UNCHANGED = "nothing to change\n"

DEVICES = {
    "gre": "ip link add gre1 type gre local 192.168.%d.254 remote {} key 1 ttl 64",
    "ip6gre": "ip link add gre1 type ip6gre local 2001:db8:%d::254 remote {} key 1",
}
FAR = {"gre": PUBLIC, "ip6gre": {100: "2001:db8:100::254", 200: "2001:db8:200::254"}}


def make(gateway, kind):
    """A tunnel as ip(8) makes it, with addresses and routes of both families."""
    site, far = gateway.site, 300 - gateway.site
    gateway.run(" && ".join([
        (DEVICES[kind] % site).format(FAR[kind][far]),
        "ip link set gre1 mtu 1400 up",
        "ip addr add 10.9.0.%d/24 dev gre1" % (site // 100),
        "ip route add 192.168.%d.0/24 via 10.9.0.%d dev gre1" % (far, far // 100),
        "ip route add 192.168.%d.0/24 dev gre1 metric 7 proto static" % (far + 1),
        "ip -6 route add fd00:%d::/64 dev gre1" % far,
        "ip -6 route add fd00:%d::/64 dev gre1 metric 9" % (far + 1)]))


def device(gateway, name="gre1"):
    """All that ip shows of a device: what is to be left alone. Counters go on."""
    link = json.loads(gateway.out(["ip", "-j", "-d", "addr", "show", "dev", name]))
    routes = [r for family in "46" for table in ("main", "local")
              for r in json.loads(gateway.out(["ip", "-j", "-d", "-" + family, "route", "show",
                                               "table", table]) or "[]")]
    for r in routes:
        r.pop("expires", None)
    return {"link": link, "routes": sorted(routes, key=json.dumps)}


def settings(gateway):
    """What apply touches beside devices and routes."""
    return {key: gateway.sysctl(key) for key in ("net.ipv4.conf.all.send_redirects",
                                                 "net.ipv4.conf.eth0.send_redirects")}


def imported(gateway, mode):
    """What import prints, for a port of the mode."""
    done = gateway.load("import")
    text = done.stdout.replace("eth0: {}", "eth0: {xdp: %s}" % ("off" if mode == "tc" else mode))
    return text, done.stderr


def fast(gateway):
    """Packets forwarded without the kernel, both ways."""
    have = gateway.tunnel()["fast"]
    return have["rx"], have["tx"]


def accelerated(gateway, name):
    """Both ways are fast by now: counted from here on."""
    before = fast(gateway)
    more = wait_until(lambda: all(now > was + 20 for now, was in zip(fast(gateway), before)),
                      LIMIT, 0.2)
    return ok(more, name, "before %s, now %s: %s" % (before, fast(gateway), gateway.stat()))
