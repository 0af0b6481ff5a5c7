/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XGRE_STATE_INTERNAL_H
#define XGRE_STATE_INTERNAL_H

#include "state.h"

extern const char *const state_map_name[MAP_COUNT];

/* Map the arrays that are mapped and learn the sizes. */
int state_map_memory(struct state *st, bool writable);
struct state *state_new(const char *instance);

/* This process's network namespace: its inode number, its cookie; 0 where it cannot be told. */
uint64_t netns_id(void);
uint64_t netns_cookie(void);
/* May a process in this one write to the instance? 0, -EXDEV or -ESTALE as state_open() says. */
int netns_check(const struct xgre_meta *meta);

#endif
