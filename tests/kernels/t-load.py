#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 300
"""
Every BPF program loads under this kernel in every combination of its switches, and
the verifier's work has not grown by more than a tenth of what the table beside this
file, verifier-counts.txt, says. After a change that is meant to cost so much:

    sudo make all check-programs && sudo tests/kernels/t-load.py --update
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/netns/lib"))
# pylint: disable=wrong-import-position
import tap
from tap import is_, ok

TABLE = ROOT / "tests/kernels/verifier-counts.txt"
COUNTS = ROOT / "build/tests/verifier-counts"
GROWTH = 1.10
HEAD = """\
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Instructions that the verifier of each kernel processes, written by t-load.py --update:
# KERNEL OBJECT PROGRAM SWITCHES COUNT
"""


def objects():
    return sorted(str(path) for path in (ROOT / "build/bpf").glob("*.bpf.o"))


def parse(lines, kernel):
    """Lines of the counting program, or of the table: (kernel, object, ...) -> count."""
    counts = {}
    for line in lines.splitlines():
        if not line.startswith("#"):
            *key, count = line.split()
            counts[tuple(([kernel] if kernel else []) + key)] = int(count)
    return counts


def check():
    kernel = os.environ.get("XGRE_LAB_KERNEL")
    if not kernel:
        tap.bail_out("runs in a guest of scripts/kernel-lab; try: tests/run kernels/6.1/t-load")
    done = subprocess.run([COUNTS, *objects()], capture_output=True, text=True, check=False)
    is_(done.returncode, 0, "%s: every program loads" % kernel)
    tap.diag(done.stderr)
    have = parse(done.stdout, kernel)
    want = {key: count for key, count in parse(TABLE.read_text(), None).items()
            if key[0] == kernel}
    ok(have, "%s: there are programs" % kernel)
    is_(sorted(want.keys() - have.keys()), [], "%s: all that the table names is there" % kernel)
    for key, count in have.items():
        name = " ".join(key)
        if ok(key in want, "%s is in the table" % name, "t-load.py --update writes it"):
            ok(count <= GROWTH * want[key], "%s: %d instructions for %d in the table" % (
                name, count, want[key]), "more than a tenth above; if it has to be: t-load.py --update")


def update():
    """Boot each kernel of the lab and write the table."""
    lines = HEAD
    for line in (ROOT / "scripts/lab/kernels").read_text().splitlines():
        if line.startswith("#"):
            continue
        kernel = line.split()[0]
        done = subprocess.run([ROOT / "scripts/kernel-lab", "-k", kernel, "--", COUNTS, *objects()],
                              stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            sys.exit("t-load.py: kernel %s: see above; the table is as it was" % kernel)
        lines += "".join("%s %s\n" % (kernel, count) for count in done.stdout.splitlines())
    TABLE.write_text(lines)


if sys.argv[1:] == ["--update"]:
    update()
elif sys.argv[1:]:
    sys.exit("usage: t-load.py [--update]")
else:
    tap.run(check)
