/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What stats.c and stats-route.c share. */
#ifndef XGRE_STATS_INTERNAL_H
#define XGRE_STATS_INTERNAL_H

#include "stats.h"

/* A name out of a map, terminated whatever is in there. */
void stats_name(char ret[IFNAMSIZ], const char from[XGRE_IFNAMSIZ]);

int stats_gather_routes(const struct state *st, struct stats *s);

#endif
