# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# TAP for tests in bash: source it, call ok, not_ok, is, like or skip once for each
# test, and done_testing at the end. plan is optional: without it the plan is
# printed last. diag explains the test before it.

TAP_RUN=0
TAP_FAILED=0
TAP_PLANNED=

# plan N
plan() {
	TAP_PLANNED=$1
	echo "1..$1"
}

# diag TEXT...: every line of the text as a comment
diag() {
	local text=$*
	printf '# %s\n' "${text//$'\n'/$'\n# '}"
}

# ok NAME: the test passed
ok() {
	TAP_RUN=$((TAP_RUN + 1))
	echo "ok $TAP_RUN - $*"
}

# not_ok NAME: the test failed; the status is 1
not_ok() {
	TAP_RUN=$((TAP_RUN + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_RUN - $*"
	return 1
}

# is GOT WANT NAME: equal strings
is() {
	if [[ $1 == "$2" ]]; then
		ok "$3"
	else
		not_ok "$3"
		diag "got:  $1"
		diag "want: $2"
		return 1
	fi
}

# like GOT REGEX NAME: GOT has a match of the extended regular expression
like() {
	if [[ $1 =~ $2 ]]; then
		ok "$3"
	else
		not_ok "$3"
		diag "got:           $1"
		diag "want match of: $2"
		return 1
	fi
}

# skip REASON [NAME]: the test cannot run here; REASON names the feature that is missing
skip() {
	TAP_RUN=$((TAP_RUN + 1))
	echo "ok $TAP_RUN -${2:+ $2} # SKIP $1"
}

# skip_all REASON: the whole program cannot run here
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# bail_out REASON: going on makes no sense
bail_out() {
	echo "Bail out! $*"
	exit 255
}

# done_testing: the plan where none was given, and the program's exit status
done_testing() {
	[[ -n $TAP_PLANNED ]] || echo "1..$TAP_RUN"
	if [[ -n $TAP_PLANNED && $TAP_PLANNED != "$TAP_RUN" ]]; then
		diag "planned $TAP_PLANNED tests, ran $TAP_RUN"
		exit 1
	fi
	exit $((TAP_FAILED > 0))
}
