/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of this folder share: a namespace of their own, commands, addresses. */
#ifndef XGRE_TEST_NETNS_H
#define XGRE_TEST_NETNS_H

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "netdev.h"
#include "tap.h"

#define UNUSED __attribute__((unused))

/* Enter a new network namespace, which ends with the program; false: the tests are skipped. */
UNUSED static bool own_netns(void)
{
	if (unshare(CLONE_NEWNET)) {
		printf("1..0 # SKIP no network namespace: %s\n", strerror(errno));
		return false;
	}
	return system("ip link set lo up") == 0;
}

UNUSED static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Run a command; true where it succeeds. */
UNUSED static bool sh(const char *command)
{
	int rc = system(command);

	if (rc)
		diag("failed: %s", command);
	return rc == 0;
}

/* True where the command's output has the text. */
UNUSED static bool prints(const char *command, const char *text)
{
	char out[8192];
	FILE *f = popen(command, "r");
	size_t n = f ? fread(out, 1, sizeof(out) - 1, f) : 0;

	out[n] = '\0';
	if (f)
		pclose(f);
	if (!strstr(out, text))
		diag("\"%s\" is not in the output of: %s\n%s", text, command, out);
	return strstr(out, text);
}

UNUSED static struct prefix prefix(const char *text)
{
	struct prefix p = {0};

	if (prefix_parse(text, &p))
		diag("bad prefix in the test: %s", text);
	return p;
}

UNUSED static struct addr address(const char *text)
{
	struct addr a = {0};

	if (addr_parse(text, &a))
		diag("bad address in the test: %s", text);
	return a;
}

#endif
