# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
bpf-runner from Python: the BPF programs on single packets, in a network
namespace that goes with the process.

    runner = Runner()
    runner.ip("link add eth0 type veth peer name far0", "link set eth0 up")
    runner.model(yaml, ports={"eth0": {"xdp": True}})
    answer = runner.run("xgre_xdp", frame, "eth0")
    answer.retval, answer.out, answer.reasons, answer.tunnels, answer.routes
"""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("XGRE_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/netns/lib"))
import tap  # noqa: E402  pylint: disable=wrong-import-position

XDP, SKB, PORT, DEV = "xgre_xdp", "xgre_skb", "xgre_port", "xgre_dev"
XDPS = (XDP, SKB)  # native and generic
REDIRECT = {XDP: 4, SKB: 4, PORT: 7, DEV: 7}
PASS = {XDP: 2, SKB: 2, PORT: -1, DEV: -1}
DROP = {XDP: 1, SKB: 1, PORT: 2, DEV: 2}


class Refused(Exception):
    """The runner's answer was an error; errno is the kernel's where it had one."""

    def __init__(self, answer):
        super().__init__(answer["error"])
        self.errno = answer.get("errno")


class Answer:
    """What one run did."""

    def __init__(self, answer):
        self.retval = answer["retval"]
        self.out = bytes.fromhex(answer["out"])
        self.reasons = answer["reasons"]
        self.tunnels = answer["tunnels"]
        self.routes = answer["routes"]


class Runner:
    """One bpf-runner process."""

    def __init__(self):
        program = BUILD / "tests/bpf-runner"
        if os.geteuid() != 0:
            tap.bail_out("tests of the BPF programs need root")
        if not program.exists():
            tap.bail_out("%s is missing; build it with: make check-programs" % program)
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.pid = json.loads(self.process.stdout.readline())["pid"]

    def close(self):
        """End the process, and the namespace with it."""
        self.process.stdin.close()
        self.process.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def request(self, **request):
        """One request to the runner; its answer."""
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("bpf-runner ended: status %s" % self.process.wait(30))
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer)
        return answer

    def command(self, *argv, **options):
        """A command in the runner's network namespace."""
        done = subprocess.run(["nsenter", "--net=/proc/%d/ns/net" % self.pid, *argv], text=True,
                              capture_output=True, check=False, **options)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (" ".join(argv), done.stderr))
        return done.stdout

    def ip(self, *lines):
        """ip commands, one a line, without the word ip."""
        self.command("ip", "-batch", "-", input="\n".join(lines) + "\n")

    def sysctl(self, **values):
        """Settings below net; two underscores stand for a dot."""
        self.command("sysctl", "-qw", *("net.%s=%s" % (key.replace("__", "."), value)
                                        for key, value in values.items()))

    def model(self, text, **options):
        """A new state for this configuration; options as in bed.h."""
        self.request(model=text, **options)

    def run(self, program, frame, dev, **options):
        """One packet through a program; gso_size, gso_segs, keep as in runner.c."""
        return Answer(self.request(run=program, dev=dev, **{"in": bytes(frame).hex()}, **options))

    def age(self, read=0, kernel=0):
        """Let what is cached look older by so many seconds."""
        self.request(age={"read": read, "kernel": kernel})
