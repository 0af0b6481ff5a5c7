#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""xgre_port, where XDP is not and where it is: whole packets, verdicts and counters."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import cases_rules  # noqa: E402
import cases_ways  # noqa: E402
import world  # noqa: E402
from bpftest import PORT, Runner, tap  # noqa: E402
from cases import check_all  # noqa: E402

CASES = cases_ways.ALL + cases_rules.ALL
runner = Runner()
world.build(runner)


def alone():
    """The port's fast path is here."""
    world.load(runner, False)
    for cases in CASES:
        check_all(runner, PORT, cases())


def behind_xdp():
    """The fast path was XDP's, and the reasons are counted."""
    world.load(runner, True)
    for cases in CASES:
        check_all(runner, PORT, cases(), True, "behind XDP")


tap.run(alone, behind_xdp)
