/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters as tables for people and as JSON for programs. */
#ifndef XGRE_OUTPUT_H
#define XGRE_OUTPUT_H

#include <stdio.h>
#include "stats.h"

/* The parts (STATS_*) as tables; reasons that never counted are left out. */
int output_tables(const struct stats *s, unsigned int parts, FILE *out);
/* The parts as one JSON object on one line; every reason is there, counted or not. */
int output_json(const struct stats *s, unsigned int parts, FILE *out);
/* {"error": TEXT} on one line. */
int output_json_error(const char *text, FILE *out);
/* All of them flush out, and return 0 or -errno: of the stream, or no memory. */

#endif
