#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# time-limit: 420
# The whole demo under this kernel: everything that it checks must be as it should be.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

out=$(scripts/demo 2>&1)
is $? 0 "scripts/demo under $(uname -r)"
like "$out" 'Done: every check passed' 'and it came to its end'
diag "$out"
done_testing
