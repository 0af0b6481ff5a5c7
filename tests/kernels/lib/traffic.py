# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Traffic between two hosts whose every byte is compared: ICMP echo, UDP both ways,
TCP both ways at once. A packet that is lost is sent again until TIMEOUT, since the
first ones may find no neighbour yet or a path MTU that is not known yet.
"""
import os
import select
import socket
import struct
import threading
import time

from inside import inside

TIMEOUT = 30
AGAIN = 0.5
PORT = 4001
IPPROTO_ICMPV6 = socket.getprotobyname("ipv6-icmp")
# Fragments are allowed, and the path's MTU is not probed: IP(V6)_MTU_DISCOVER = DONT.
_DONT = {socket.AF_INET: (socket.IPPROTO_IP, 10, 0), socket.AF_INET6: (socket.IPPROTO_IPV6, 23, 0)}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def is_gre(frame):
    """Is it GRE in IPv4, or in IPv6, maybe past the encapsulation limit that the kernel sends?"""
    if frame[12:14] == b"\x08\0":
        return frame[14 + 9] == 47
    return frame[12:14] == b"\x86\xdd" and 47 in (
        frame[14 + 6], frame[14 + 40] if frame[14 + 6] == 60 else 0)


def checksum(data):
    """RFC 1071; 0 over data that has its own in it."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def _until(sock, match, seconds, others):
    """The first packet that matches within so many seconds, or None; what does not to others."""
    end = time.monotonic() + seconds
    while True:
        if not select.select([sock], [], [], max(0, end - time.monotonic()))[0]:
            return None
        try:
            data = sock.recv(65535)
        except OSError:  # an ICMP error about what was sent before
            continue
        if match(data):
            return data
        others.append(data)


def _waiting(sock):
    """What can be read at once."""
    while select.select([sock], [], [], 0)[0]:
        try:
            yield sock.recv(65535)
        except OSError:
            continue


class Pair:
    """An address of a host and one of another host, by their namespaces."""

    def __init__(self, near_ns, near, far_ns, far):
        self.near_ns, self.near, self.far_ns, self.far = near_ns, near, far_ns, far
        self.family = family_of(near)
        self._others = []
        self.udp = [inside(ns, self._udp_socket, address)
                    for ns, address in ((near_ns, near), (far_ns, far))]
        self._raw = inside(near_ns, socket.socket, self.family, socket.SOCK_RAW,
                           IPPROTO_ICMPV6 if self.family == socket.AF_INET6
                           else socket.IPPROTO_ICMP)
        self._raw.bind((near, 0))

    def _udp_socket(self, address):
        sock = socket.socket(self.family, socket.SOCK_DGRAM)
        sock.setsockopt(*_DONT[self.family])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((address, PORT))
        return sock

    def send(self, which, data):
        """One datagram: from the near host to the far one (0), or back (1)."""
        self.udp[which].sendto(data, ((self.far, self.near)[which], PORT))

    def received(self):
        """Datagrams at both hosts that nobody waited for, since this was called last."""
        others, self._others = self._others, []
        return others + [data for sock in self.udp for data in _waiting(sock)]

    def echo(self, size=56):
        """An echo request comes back whole. Returns the problem, or None."""
        ipv6 = self.family == socket.AF_INET6
        payload = os.urandom(size)
        head = struct.pack("!BBHHH", 128 if ipv6 else 8, 0, 0, os.getpid() & 0xffff, 1)
        if not ipv6:  # for ICMPv6 the kernel puts it in
            head = head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:]

        def is_reply(data):
            data = data if ipv6 else data[(data[0] & 15) * 4:]
            return data[0] == (129 if ipv6 else 0) and data[4:] == head[4:] + payload
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            self._raw.sendto(head + payload, (self.far, 0))
            if _until(self._raw, is_reply, AGAIN, []):
                return None
        return "no echo reply of %d bytes from %s" % (size, self.far)

    def datagram(self, size):
        """A datagram of random bytes arrives, and goes back. Returns the problem, or None."""
        data = os.urandom(size)
        for which in (0, 1):
            end = time.monotonic() + TIMEOUT
            while True:
                self.send(which, data)
                if _until(self.udp[1 - which], lambda got: got == data, AGAIN, self._others):
                    break
                if time.monotonic() > end:
                    return "UDP of %d bytes does not arrive at %s" % (
                        size, (self.far, self.near)[which])
        return None

    def stream(self, size):
        """A TCP connection with so many random bytes each way. Returns the problem, or None."""
        server = inside(self.far_ns, self._tcp_server)
        client = inside(self.near_ns, socket.socket, self.family)
        client.settimeout(TIMEOUT)
        near, far = _Side(os.urandom(size)), _Side(os.urandom(size))
        with server, client:
            thread = threading.Thread(target=far.guarded, args=(far.serve, server))
            thread.start()
            near.guarded(near.connect, client, self.near, self.far)
            thread.join()
        problems = near.problems + far.problems
        if not problems and (near.got, far.got) != (far.data, near.data):
            problems = ["%d and %d of %d bytes arrived, or others" % (
                len(near.got), len(far.got), size)]
        return "TCP to %s: %s" % (self.far, "; ".join(problems)) if problems else None

    def _tcp_server(self):
        server = socket.create_server((self.far, PORT), family=self.family)
        server.settimeout(TIMEOUT)
        return server


class _Side:
    """One end of a TCP connection: what it sends, and what it got."""

    def __init__(self, data):
        self.data, self.got, self.problems = data, b"", []

    def guarded(self, function, *args):
        try:
            function(*args)
        except OSError as error:
            self.problems.append(str(error))

    def serve(self, server):
        peer = server.accept()[0]
        with peer:
            peer.settimeout(TIMEOUT)
            self.exchange(peer)

    def connect(self, sock, near, far):
        sock.bind((near, 0))
        sock.connect((far, PORT))
        self.exchange(sock)

    def exchange(self, sock):
        """Send all and receive all, at once."""
        sender = threading.Thread(target=self.guarded, args=(self._send, sock))
        sender.start()
        parts = []
        try:
            while part := sock.recv(1 << 16):
                parts.append(part)
        finally:
            self.got = b"".join(parts)
            sender.join()

    def _send(self, sock):
        sock.sendall(self.data)
        sock.shutdown(socket.SHUT_WR)
