# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Python code inside a network namespace, without a process: in a guest without
hardware virtualisation starting one costs more than most tests.
"""
import ctypes
import os
import socket
import threading

_LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def inside(ns, function, *args):
    """
    Call function in a thread that has entered the namespace, and return what it
    returns. A socket that it makes stays in the namespace, whoever uses it then.
    """
    result = []

    def enter():
        try:
            with open(ns.path, "rb") as handle:
                if _LIBC.setns(handle.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), ns.path)
            result.append((function(*args), None))
        except Exception as error:  # pylint: disable=broad-except
            result.append((None, error))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    value, error = result[0]
    if error:
        raise error
    return value


def sysctls(ns, **values):
    """Write settings, dots as two underscores: sysctls(ns, net__ipv4__ip_forward=1)."""
    def write():
        for key, value in values.items():
            with open("/proc/sys/" + key.replace("__", "/"), "w", encoding="ascii") as file:
                file.write(str(value))
    inside(ns, write)


def packets(ns, device, protocol=3, buffer=8 << 20):
    """
    A packet socket on a device (None: on all), which sees all frames. With protocol 0
    it sees none, and is for sending.
    """
    def make():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                             0 if device else socket.htons(protocol))
        sock.setsockopt(socket.SOL_SOCKET, 33, buffer)  # SO_RCVBUFFORCE
        if device:
            sock.bind((device, protocol))
        return sock
    return inside(ns, make)
