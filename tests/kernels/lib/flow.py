# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Datagrams that go on while something is done to the way between two hosts. Each has a
number; no more than WINDOW are under way, so that neither a slow machine nor a full
buffer loses any, and one that is missing has been lost on the way.
"""
import select
import socket
import struct
import threading
import time

from inside import inside
from traffic import family_of

WINDOW = 16
PATIENCE = 20 # seconds without an arrival until what is under way is lost
SIZES = (64, 700, 1300)


def _socket(family, address, port):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((address, port))
    return sock


class Flow(threading.Thread):
    """One direction: from an address of a namespace to an address of another, both on port."""

    def __init__(self, source_ns, source, target_ns, target, port):
        super().__init__()
        self._target = (target, port)
        family = family_of(source)
        self._sender = inside(source_ns, _socket, family, source, port)
        self._receiver = inside(target_ns, _socket, family, target, port)
        self._end = False
        self._lock = threading.Lock()
        self._under_way = {}  # number -> payload
        self._arrival = time.monotonic()
        self.sent = self.received = 0
        self.odd = []  # what arrived and was not sent, or not so, or twice

    def run(self):
        while not self._end:
            with self._lock:
                if len(self._under_way) < WINDOW:
                    data = struct.pack("!Q", self.sent).ljust(SIZES[self.sent % len(SIZES)],
                                                              bytes([self.sent % 251]))
                    self._under_way[self.sent] = data
                    self.sent += 1
                    self._sender.sendto(data, self._target)
                full = len(self._under_way) >= WINDOW
            self._receive(0.05 if full else 0)

    def _receive(self, seconds):
        while select.select([self._receiver], [], [], seconds)[0]:
            data = self._receiver.recv(65535)
            with self._lock:
                number = struct.unpack_from("!Q", data)[0] if len(data) >= 8 else -1
                if self._under_way.get(number) == data:
                    del self._under_way[number]
                    self.received += 1
                    self._arrival = time.monotonic()
                else:
                    self.odd.append(data[:8].hex())
            seconds = 0

    def lost(self):
        """Wait for all that was sent so far and for some more; what does not arrive is lost."""
        with self._lock:
            mine, target = set(self._under_way), self.received + 2 * WINDOW
            self._arrival = time.monotonic()
        while time.monotonic() < self._arrival + PATIENCE:
            with self._lock:
                mine &= set(self._under_way)
                if not mine and self.received >= target:
                    return []
            time.sleep(0.02)
        with self._lock:  # those are given up, so that the others have the window
            given_up = sorted(mine or self._under_way)
            for number in given_up:
                self._under_way.pop(number, None)
        return given_up

    def stop(self):
        self._end = True
        self.join()
        self._sender.close()
        self._receiver.close()
