/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Carries plans out: the only part that changes the system. */
#ifndef XGRE_APPLY_H
#define XGRE_APPLY_H

#include <stdio.h>
#include "model.h"

struct apply_options {
	const char *instance;
	const char *file; /* for messages */
	bool dry_run;
	bool prune; /* runtime routes, too */
	FILE *out;  /* what is done, for people */
};

/*
 * Make the running state equal to want (which gets the runtime routes that
 * stay). 0, or -errno after one message on stderr, with the state as it was.
 */
int apply(const struct apply_options *o, struct model *want);

/* Remove all that apply made. Idempotent: 0 where nothing runs. Messages as above. */
int unload(const char *instance, FILE *out);

/* The running model. -errno after a message. */
int running_model(const char *instance, struct model *ret);

enum route_command { ROUTE_ADD, ROUTE_REPLACE, ROUTE_DEL };

/*
 * Runtime changes: routes' tunnel is an index into names, the tunnels' names;
 * file, where they come from one, is for messages.
 * All or none. Messages as above.
 */
int route_change(const char *instance, const char *file, enum route_command command,
		 const struct route *routes, size_t n, char *const *names);

#endif
