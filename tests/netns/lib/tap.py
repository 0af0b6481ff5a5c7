# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Results of a test in the Test Anything Protocol; the plan comes at the end."""
import difflib
import json
import sys
import traceback

_count = 0
_failed = 0


def diag(text):
    """Lines for the reader, on stdout among the results they belong to."""
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def ok(cond, name, why=""):
    """One result; why (any object) is printed only where it failed. Returns cond as bool."""
    global _count, _failed
    _count += 1
    if not cond:
        _failed += 1
    print("%sok %d - %s" % ("" if cond else "not ", _count, name), flush=True)
    if not cond and why not in ("", None):
        diag(why if isinstance(why, str) else json.dumps(why, default=str))
    return bool(cond)


def is_(have, want, name):
    """Passes where both are equal; of long texts only the difference is printed."""
    if have == want:
        return ok(True, name)
    if isinstance(have, str) and isinstance(want, str) and "\n" in have + want:
        lines = difflib.unified_diff(want.splitlines(), have.splitlines(), "want", "have", "", "",
                                     0, "")
        return ok(False, name, "\n".join(lines))
    return ok(False, name, "have: %s\nwant: %s" % (have, want))


def skip(name, feature):
    """A test that cannot run here; feature is what is missing."""
    global _count
    _count += 1
    print("ok %d - %s # SKIP %s" % (_count, name, feature), flush=True)


def bail_out(why):
    """Nothing can be tested at all."""
    print("Bail out! " + why, flush=True)
    sys.exit(255)


def run(*functions):
    """Call each function; an exception is one failed result. Prints the plan and exits."""
    for function in functions:
        try:
            function()
        except Exception as error:  # pylint: disable=broad-except
            ok(False, "%s ends without an exception" % getattr(function, "__name__", function))
            diag("".join(traceback.format_exception(error)))
    print("1..%d" % _count, flush=True)
    if _failed:
        print("# %d of %d failed" % (_failed, _count), file=sys.stderr)
    sys.stdout.flush()
    sys.exit(1 if _failed or not _count else 0)
