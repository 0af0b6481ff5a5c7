/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What about this host stands in the way of a configuration, or of its speed. */
#ifndef XGRE_PREFLIGHT_H
#define XGRE_PREFLIGHT_H

#include <stdio.h>
#include "model.h"

/*
 * Look at the host in this network namespace and change nothing. Each finding
 * is a line "PORT, TUNNEL or host: what is wrong" and an indented one with what
 * mends it. Without any: "preflight: no findings". 0 or -errno, which is for
 * the caller to print.
 */
int preflight_run(const struct model *m, FILE *out, size_t *ret_findings);

#endif
