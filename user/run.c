// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What every part of carrying out a plan stands on: messages, and the test hook. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apply-internal.h"
#include "cli.h"

#ifdef XGRE_FAULTS
#include <signal.h>

int fault_point(void)
{
	static int reached;
	const char *fault = getenv("XGRE_FAULT");
	int at;

	reached++;
	if (fault && sscanf(fault, "kill:%d", &at) == 1 && at == reached)
		raise(SIGKILL);
	return fault && sscanf(fault, "fail:%d", &at) == 1 && at == reached ? -EIO : 0;
}
#endif

int run_fail(const struct run *r, int err, const struct place *place, const char *fmt, ...)
{
	char text[768];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (r->quiet)
		return err;
	if (place && place->line && r->file)
		fprintf(stderr, "%s:%u:%u: %s\n", r->file, place->line, place->column, text);
	else
		cli_error("%s", text);
	return err;
}

const char *run_reason(const struct run *r, int err)
{
	const char *kernel = r->nl ? nl_error(r->nl) : "";

	return *kernel ? kernel : strerror(-err);
}
