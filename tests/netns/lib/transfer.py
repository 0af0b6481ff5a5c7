# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Data over TCP and UDP from one host to another, compared at the far end."""
import subprocess

from tap import is_, ok
from xgrenet import PYTHON

# Takes all there is and answers with its hash.
TCP_SERVER = """
import hashlib, socket
s = socket.create_server((%r, 4001), family=socket.%s)
print("ready", flush=True)
c, _ = s.accept()
h, n = hashlib.sha256(), 0
while data := c.recv(1 << 16):
    h.update(data); n += len(data)
c.sendall(h.digest())
"""
TCP_CLIENT = """
import hashlib, os, socket, sys
data = os.urandom(int(sys.argv[2]))
c = socket.create_connection((sys.argv[1], 4001), timeout=10)
c.sendall(data); c.shutdown(socket.SHUT_WR)
print("whole" if c.recv(32) == hashlib.sha256(data).digest() else "broken")
"""
# Answers with what it gets.
UDP_SERVER = """
import socket
s = socket.socket(socket.%s, socket.SOCK_DGRAM)
s.bind(("", 4002))
s.setsockopt(*((41, 23) if s.family == socket.AF_INET6 else (0, 10)), 0)  # fragments allowed
print("ready", flush=True)
while True:
    s.sendto(*s.recvfrom(65535))
"""
UDP_CLIENT = """
import os, socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(*((41, 23) if ":" in sys.argv[1] else (0, 10)), 0)
s.settimeout(0.5)
good = 0
for _ in range(8):  # IPv6 loses the first ones, by which the hosts learn the path's MTU
    if good == 5:
        break
    data = os.urandom(int(sys.argv[2]))
    s.sendto(data, (sys.argv[1], 4002))
    try:
        good += s.recv(65535) == data
    except TimeoutError:
        pass
print(good)
"""


def tcp(name, client, server, address, size=4 << 20):
    """So many bytes, compared at the end."""
    family = "AF_INET6" if ":" in address else "AF_INET"
    with server.start([PYTHON, "-c", TCP_SERVER % (address, family)],
                      stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        done = client.run(["timeout", 25, PYTHON, "-c", TCP_CLIENT, address, size],
                          check=False)
    return ok("whole" in done.stdout, name, done.stdout + done.stderr[-300:])


def udp(name, client, server, address, size):
    family = "AF_INET6" if ":" in address else "AF_INET"
    with server.start([PYTHON, "-c", UDP_SERVER % family], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        done = client.run([PYTHON, "-c", UDP_CLIENT, address, size])
    return is_(done.stdout.strip(), "5", name)
