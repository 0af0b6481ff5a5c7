#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 900
"""The ladder with the kernel's ip6gre: what is sent through each pair of ends arrives whole."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/lib", HERE + "/../netns/lib"]
# pylint: disable=wrong-import-position
import ladder

ladder.main(ladder.climb, "ip6gre")
