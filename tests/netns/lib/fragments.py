# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Fragmented GRE packets made by hand, and who receives what was in them. Datagrams
are told apart by an id in their payload, never by order or time.
"""
import itertools
import tempfile

from xgrenet import FAR, PUBLIC, PYTHON, wait_until

PORT = 4001

# Writes each datagram's id (its first 16 bytes), length and whether all of it is as it should be.
_SINK = """
import hashlib, socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
s.bind(("::", %d))
print("ready", flush=True)
while True:
    data = s.recv(65535)
    id, body = data[:16], data[16:]
    good = body == (hashlib.sha256(id).digest() * (len(body) // 32 + 1))[:len(body)]
    print(id.decode(), len(data), "whole" if good else "broken", flush=True)
""" % PORT


class Sink:
    """Takes datagrams on a host: with Sink(t.h200) as sink: ...; sink.got(id)."""

    def __init__(self, host):
        self._file = tempfile.NamedTemporaryFile("w+")
        self._process = host.start([PYTHON, "-c", _SINK], stdout=self._file)
        if not wait_until(lambda: "ready" in self._lines(), 20):
            raise RuntimeError("the sink does not start")

    def _lines(self):
        with open(self._file.name, encoding="ascii") as f:
            return f.read().splitlines()

    def got(self, name):
        """What came with this id: a list of "LENGTH whole|broken"."""
        return [line.split(" ", 1)[1] for line in self._lines() if line.startswith(name + " ")]

    def wait(self, name, timeout=15):
        """The same, once there is any."""
        wait_until(lambda: self.got(name), timeout)
        return self.got(name)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self._process.end()


_numbers = itertools.count(1)


def fresh():
    """An id of 16 characters that no other datagram has."""
    return "datagram%08d" % next(_numbers)


def payload(name, size):
    """The datagram's payload: the id and what the sink expects after it."""
    import hashlib
    digest = hashlib.sha256(name.encode()).digest()
    return (name.encode() + digest * (size // 32 + 1))[:size]


class Maker:
    """Makes and sends what reaches one gateway from the other by the provider's router."""

    def __init__(self, t, gateway):
        self.t = t
        self.net = t.net
        self.gateway = gateway
        self.site = gateway.site
        self.dev = "lan%d" % gateway.site
        self.macs = (t.net.mac(self.dev), gateway.mac())
        self._ids = itertools.count(0x1000)

    def outer(self, name, size=1400, key=1, inner6=False, outer6=False, **more):
        """An outer packet with a datagram to the site's first host inside."""
        from scapy.all import GRE, IP, IPv6, Raw, UDP
        far = FAR[self.site]
        host = getattr(self.t, "h%d" % self.site)
        inner = IPv6(src="fd00:%d::10" % far, dst=host.ip6) if inner6 else \
            IP(src="192.168.%d.10" % far, dst=host.ip, id=next(self._ids))
        gre = GRE(key_present=0 if key is None else 1, key=key,
                  proto=0x86dd if inner6 else 0x800)
        packet = gre / inner / UDP(sport=PORT, dport=PORT) / Raw(payload(name, size))
        if outer6:
            return IPv6(src="2001:db8:%d::254" % far, dst="2001:db8:%d::254" % self.site,
                        **more) / packet
        return IP(src=PUBLIC[far], dst="192.168.%d.254" % self.site, proto=47,
                  id=next(self._ids) & 0xffff, **more) / packet

    def split(self, packet, size=500):
        """Its fragments, of at most size payload bytes (a multiple of 8 is made of it)."""
        from scapy.all import IP, IPv6, IPv6ExtHdrFragment, Raw
        size &= ~7
        data = bytes(packet.payload)
        parts = []
        number = next(self._ids)
        for off in range(0, len(data), size):
            part, more = data[off:off + size], off + size < len(data)
            if packet.version == 4:
                head = IP(bytes(packet)[:20])
                head.flags, head.frag, head.len, head.chksum = "MF" if more else 0, off // 8, \
                    None, None
                parts.append(IP(bytes(head / Raw(part))))
            else:
                head = IPv6(src=packet.src, dst=packet.dst, tc=packet.tc)
                parts.append(head / IPv6ExtHdrFragment(nh=47, offset=off // 8, m=more, id=number) /
                             Raw(part))
        return parts

    def send(self, packets):
        """By the router's device, to the gateway."""
        from scapy.all import Ether
        self.net.send([Ether(src=self.macs[0], dst=self.macs[1],
                             type=0x800 if p.version == 4 else 0x86dd) / p for p in packets],
                      self.dev)
