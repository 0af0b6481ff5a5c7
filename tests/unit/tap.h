/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TAP output for one test program: ok(), is_int(), is_str(), and at the end
 * return done(). plan() is optional; without it done() prints the plan.
 */
#ifndef XGRE_TAP_H
#define XGRE_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_planned, tap_run, tap_failed;

/* The number of tests to come, known beforehand. */
__attribute__((unused)) static void plan(int tests)
{
	tap_planned = tests;
	printf("1..%d\n", tests);
	fflush(stdout);
}

__attribute__((unused)) static void tap_result(bool pass, const char *fmt, va_list args)
{
	tap_run++;
	tap_failed += !pass;
	printf("%s %d - ", pass ? "ok" : "not ok", tap_run);
	vprintf(fmt, args);
	printf("\n");
	/* A sanitizer that ends the program must not take earlier results along. */
	fflush(stdout);
}

/* A line "# TEXT"; further lines of the text get the mark too. */
__attribute__((unused, format(printf, 1, 2))) static void diag(const char *fmt, ...)
{
	char text[4096], *line, *next;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		printf("# %s\n", line);
	}
	fflush(stdout);
}

/* One test with a name; the result is returned, for a diag() after a failure. */
__attribute__((unused, format(printf, 2, 3))) static bool ok(bool pass, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tap_result(pass, fmt, args);
	va_end(args);
	return pass;
}

__attribute__((unused, format(printf, 3, 4))) static bool is_int(long long got, long long want,
								 const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tap_result(got == want, fmt, args);
	va_end(args);
	if (got != want)
		diag("got:  %lld\nwant: %lld", got, want);
	return got == want;
}

/* NULL equals NULL alone. */
__attribute__((unused, format(printf, 3, 4))) static bool is_str(const char *got, const char *want,
								 const char *fmt, ...)
{
	bool same = got && want ? !strcmp(got, want) : got == want;
	va_list args;

	va_start(args, fmt);
	tap_result(same, fmt, args);
	va_end(args);
	if (!same)
		diag("got:  %s\nwant: %s", got ? got : "(null)", want ? want : "(null)");
	return same;
}

/* The program's exit status: 0 where every test passed and as many ran as planned. */
__attribute__((unused)) static int done(void)
{
	if (!tap_planned)
		printf("1..%d\n", tap_run);
	else if (tap_planned != tap_run)
		diag("planned %d tests, ran %d", tap_planned, tap_run);
	fflush(stdout);
	return tap_failed || (tap_planned && tap_planned != tap_run) ? 1 : 0;
}

#endif
