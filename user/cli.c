// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Messages that the tools have in common. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "state.h"

const char *cli_name = "xgre";

static char last_error[4096];
static bool is_quiet;

static void say(const char *tail, const char *fmt, va_list args)
{
	if (is_quiet)
		return;
	vsnprintf(last_error, sizeof(last_error), fmt, args);
	/* What is on its way to standard output comes before the complaint. */
	fflush(stdout);
	fprintf(stderr, "%s: %s%s\n", cli_name, last_error, tail);
}

void cli_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("", fmt, args);
	va_end(args);
}

const char *cli_last_error(void)
{
	return last_error;
}

void cli_quiet(bool quiet)
{
	is_quiet = quiet;
}

int cli_usage_error(const char *fmt, ...)
{
	char tail[64];
	va_list args;

	snprintf(tail, sizeof(tail), "; see %s --help", cli_name);
	va_start(args, fmt);
	say(tail, fmt, args);
	va_end(args);
	return CLI_USAGE;
}

void cli_version(void)
{
	printf("%s %s\n", cli_name, XGRE_VERSION);
}

/* "a, b, c", cut with dots where there are more names than fit. */
static void join(char *const *names, size_t count, char *ret, size_t size)
{
	size_t used = 0;

	*ret = '\0';
	for (size_t i = 0; i < count; i++) {
		const char *gap = i ? ", " : "";

		if (used + strlen(gap) + strlen(names[i]) + sizeof(", ...") > size) {
			snprintf(ret + used, size - used, ", ...");
			return;
		}
		used += (size_t)snprintf(ret + used, size - used, "%s%s", gap, names[i]);
	}
}

static void no_instance(const char *instance)
{
	char **names = NULL, list[1024];
	size_t count = 0;

	/* Without a BPF file system there is none to be seen: that is the error then. */
	if (state_bpffs())
		return;
	if (state_list(&names, &count) || !count) {
		cli_error("no instance '%s', and no other is running; "
			  "'xgre-load -i %s apply' makes it",
			  instance, instance);
	} else {
		join(names, count, list, sizeof(list));
		cli_error("no instance '%s'; running instances: %s (choose with -i; "
			  "'xgre-load -i %s apply' makes it)",
			  instance, list, instance);
	}
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

int cli_state_error(const char *instance, int err)
{
	switch (err) {
	case -ENOENT:
		no_instance(instance);
		break;
	case -EPROTO:
		cli_error("instance '%s' was made by another version of xgre, whose maps this one "
			  "(%s) cannot read; use that version's tools, or take it down with "
			  "'xgre-load -i %s unload' and apply again",
			  instance, XGRE_VERSION, instance);
		break;
	case -EXDEV:
		cli_error("instance '%s' belongs to another network namespace; "
			  "enter that with -n NETNS, or choose an instance of this one with -i",
			  instance);
		break;
	case -ESTALE:
		cli_error("instance '%s' was of a network namespace that is gone; "
			  "'xgre-load -i %s unload' clears it away, apply makes it anew",
			  instance, instance);
		break;
	case -EPERM:
	case -EACCES:
		cli_error("instance '%s' cannot be opened: %s; run as root "
			  "(CAP_BPF and CAP_NET_ADMIN)",
			  instance, strerror(-err));
		break;
	default:
		cli_error("instance '%s' cannot be opened: %s", instance, strerror(-err));
	}
	return CLI_FAILED;
}
