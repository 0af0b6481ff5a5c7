/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fills the flat lookup table of include/xgre/lpm.h. Knows no kernel but membarrier(2). */
#ifndef XGRE_USER_LPM_H
#define XGRE_USER_LPM_H

#include "model.h"

/*
 * The table where it lies: memory mapped from the pinned maps, or plain memory
 * in tests. meta keeps the chunk accounts from one tool's run to the next.
 */
struct lpm {
	struct xgre_lpm_root *root4;
	struct xgre_lpm_root *root6;
	struct xgre_lpm_chunk *chunks;
	uint32_t *next; /* one word a chunk: links of the free lists (chunk number + 1) */
	uint32_t nchunks;
	struct xgre_meta *meta;
};

/*
 * The best prefix shorter than p that remains when p is withdrawn: its length
 * and route into *ret_length, *ret_route and true, or false for none.
 */
typedef bool (*lpm_cover_fn)(void *arg, const struct prefix *p, uint8_t *ret_length,
			     uint32_t *ret_route);

/*
 * Add p (host bits zero) -> route, or change its route. 0, or -ENOSPC: no
 * chunk is left and nothing changed.
 */
int lpm_add(struct lpm *l, const struct prefix *p, uint32_t route);

/*
 * Withdraw p, whose entries become the covering prefix's. Chunks whose entries
 * are all one leaf that belongs above go back to the pool. Idempotent.
 */
void lpm_del(struct lpm *l, const struct prefix *p, lpm_cover_fn cover, void *arg);

/* The leaf for an address, as the data plane reads it; 0: none. */
uint32_t lpm_lookup(const struct lpm *l, const struct addr *a);

/* An upper bound of the chunks that n prefixes of these lengths can need. */
uint32_t lpm_chunks_needed(const struct route *routes, size_t n);

/* Chunks not in use, waiting ones included. */
uint32_t lpm_chunks_left(const struct lpm *l);

#endif
