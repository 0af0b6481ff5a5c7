# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Where ours may differ from the kernel's GRE: the one list. docs/kernel-gre.md has a row
for each name, and says why; tests/lint/t-docs holds the two together. A test that meets
a difference looks its name up here, and fails where one that it should meet is gone.
"""
import tap

# name -> the tests that must meet it
DIFFERENCES = {
    "checksum-missing": {"t-ladder-refused", "t-differential"},
    "checksum-unasked": {"t-ladder-refused", "t-differential"},
    "ecn-ce": {"t-ladder-wire"},
    "encapsulation-limit": {"t-ladder-wire"},
    "flow-label": {"t-ladder-wire"},
    "ip-id": {"t-ladder-wire"},
    "ip6gre-tos-ecn": {"t-ladder-wire"},
    "ip6gre-key-0": {"t-ladder-refused", "t-differential"},
    "reserved-flags": {"t-differential"},
    "refused-flags": {"t-differential"},
    "loop": {"t-differential"},
    "jumbogram": {"t-differential"},
    "wccp": {"t-differential"},
    "outer-options": {"t-differential"},
}


class Seen:
    """The differences that a test met."""

    def __init__(self, test):
        self.test = test
        self.names = set()

    def add(self, name):
        """It was met; KeyError where nothing of that name is allowed."""
        if self.test not in DIFFERENCES[name]:
            raise KeyError("%s: not among the differences of %s" % (name, self.test))
        self.names.add(name)

    def check(self):
        """One result at the end: all that the list has for this test were met."""
        tap.is_(sorted(self.names), sorted(n for n, tests in DIFFERENCES.items()
                                           if self.test in tests),
                "the allowed differences were met, all of them")
