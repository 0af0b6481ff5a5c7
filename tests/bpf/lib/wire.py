# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Real packets, for what BPF_PROG_TEST_RUN cannot make: superframes of TCP and
packets that are not linear. As a program, run in a network namespace:

    wire.py IN OUT MAC COUNT < frames

sends the frames (hexadecimal lines) by device IN and prints those to MAC that
device OUT receives, until there are COUNT of them or 2 seconds have passed.
Every frame has a virtio-net header before it, which tells of segments.
"""
import pathlib
import select
import socket
import struct
import sys
import time

import world

VNET = struct.Struct("=BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
SOL_PACKET, PACKET_VNET_HDR, ETH_P_ALL, PACKET_OUTGOING = 263, 15, 3, 4
NEEDS_CSUM, GSO_TCPV4, GSO_TCPV6 = 1, 1, 4


def plain(frame):
    """A frame that is one packet."""
    return bytes(VNET.size) + bytes(frame)


def superframe(frame, segment, head):
    """An Ethernet frame of TCP in IP with its header of head bytes, segments of so many bytes."""
    frame = bytes(frame)
    kind = GSO_TCPV4 if frame[14] >> 4 == 4 else GSO_TCPV6
    return VNET.pack(NEEDS_CSUM, kind, 14 + head, segment, 14 + head - 20, 16) + frame


def parse(received):
    """A received frame: gso_size and bytes."""
    return VNET.unpack_from(received)[3], received[VNET.size:]


def exchange(runner, frames, dev, out_dev, mac, count=None):
    """
    Send the frames by the far end of a port, or by a tunnel's device; return what
    reaches MAC at the far end of another port, parsed.
    """
    dev = "far-" + dev if dev in world.PORTS else dev
    text = runner.command(sys.executable, str(pathlib.Path(__file__).resolve()), dev,
                          "far-" + out_dev, mac, str(len(frames) if count is None else count),
                          input="".join(f.hex() + "\n" for f in frames), timeout=30)
    return [parse(bytes.fromhex(line)) for line in text.splitlines()]


def _open(dev, protocol):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sock.bind((dev, protocol))
    return sock


def _main(dev_in, dev_out, mac, count):
    mac, count = bytes.fromhex(mac.replace(":", "")), int(count)
    out, into = _open(dev_out, ETH_P_ALL), _open(dev_in, 0)
    for line in sys.stdin:
        into.send(bytes.fromhex(line))
    end = time.monotonic() + 2
    while count and select.select([out], [], [], max(0, end - time.monotonic()))[0]:
        frame, address = out.recvfrom(1 << 17)
        if address[2] != PACKET_OUTGOING and frame[VNET.size:VNET.size + 6] == mac:
            print(frame.hex())
            count -= 1


if __name__ == "__main__":
    _main(*sys.argv[1:])
