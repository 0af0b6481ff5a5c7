#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""xgre_xdp and xgre_skb: whole packets, verdicts and counters."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import cases_rules  # noqa: E402
import cases_ways  # noqa: E402
import world  # noqa: E402
from bpftest import XDPS, Runner, tap  # noqa: E402
from cases import check_all  # noqa: E402

runner = Runner()
world.build(runner)
world.load(runner, True)
tap.run(*[lambda f=f, p=p: check_all(runner, p, f(), label=p)
          for p in XDPS for f in cases_ways.ALL + cases_rules.ALL])
