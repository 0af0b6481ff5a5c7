/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tools say to people, and how: messages, usage errors, the version. */
#ifndef XGRE_CLI_H
#define XGRE_CLI_H

#include <stdbool.h>

/* Exit statuses. */
#define CLI_DONE   0
#define CLI_FAILED 1 /* and nothing changed */
#define CLI_USAGE  2 /* usage or configuration */

/* The tool's name, in front of every message; main() sets it. */
extern const char *cli_name;

/* "NAME: text" on standard error. */
__attribute__((format(printf, 1, 2))) void cli_error(const char *fmt, ...);
/* The text of the last cli_error(), without the name; "" before the first. */
const char *cli_last_error(void);
/* While quiet, cli_error() does nothing: for undoing things after the error that counts. */
void cli_quiet(bool quiet);

/* As cli_error(), with a word on where to find the usage; returns CLI_USAGE. */
__attribute__((format(printf, 1, 2))) int cli_usage_error(const char *fmt, ...);
/* "NAME VERSION" on standard output. */
void cli_version(void);

/* Say why state_open() of an instance gave err, and the way out. Returns CLI_FAILED. */
int cli_state_error(const char *instance, int err);

#endif
