/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files of routes: PREFIX TUNNEL a line, # starts a comment. Knows no kernel. */
#ifndef XGRE_ROUTE_FILE_H
#define XGRE_ROUTE_FILE_H

#include "model.h"

struct route_file {
	struct route *routes; /* origin runtime; tunnel is an index into names */
	size_t nroutes;
	char **names;
	size_t nnames;
};

/*
 * Read path ("-": standard input). 0; -EINVAL after every error in it was
 * printed as FILE:LINE:COL; other -errno after a message.
 */
int route_file_read(const char *path, struct route_file *ret);
void route_file_free(struct route_file *f);

#endif
