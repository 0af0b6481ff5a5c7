/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Format of the flat longest-prefix-match table, written by user space (mmap)
 * and read by BPF.
 *
 * A family has a root of 2^16 entries, indexed by the first 16 bits of the
 * address; below it each level consumes 8 bits and lives in a chunk of 256
 * entries. Chunks of both families come from one pool.
 *
 * An entry is one 32-bit word in host byte order, so that it changes
 * atomically:
 *
 *   0                          no prefix covers this address
 *   CHUNK | index              go on in that chunk with the next 8 bits
 *   length << 22 | route       a leaf: the best prefix has this length (0-128)
 *                              and this route
 *
 * Keeping the length in the leaf makes adding a prefix one pass that replaces
 * entries of the same or a shorter length, and withdrawing one a pass that
 * replaces entries of exactly its length by the covering leaf. A chunk is
 * filled before its index is published, and reused only after an RCU grace
 * period, so that a reader sees the old answer or the new one, nothing else.
 */
#ifndef XGRE_LPM_H
#define XGRE_LPM_H

#include <linux/types.h>

#define XGRE_LPM_ROOT_BITS     16
#define XGRE_LPM_ROOT_ENTRIES  (1u << XGRE_LPM_ROOT_BITS)
#define XGRE_LPM_CHUNK_BITS    8
#define XGRE_LPM_CHUNK_ENTRIES (1u << XGRE_LPM_CHUNK_BITS)

#define XGRE_LPM_CHUNK	    (1u << 31)
#define XGRE_LPM_CHUNK_MASK (XGRE_LPM_CHUNK - 1)
#define XGRE_LPM_LEN_SHIFT  22
#define XGRE_LPM_ROUTE_MASK ((1u << XGRE_LPM_LEN_SHIFT) - 1)

/* Levels below the root: (32 - 16) / 8 and (128 - 16) / 8. */
#define XGRE_LPM_LEVELS4 2
#define XGRE_LPM_LEVELS6 14

/*
 * Routes of fixed meaning. Real routes start at XGRE_ROUTE_FIRST.
 *   HOLE   left to the kernel: a more specific kernel route, a blackhole
 *   LOCAL  one of this host's own addresses
 */
#define XGRE_ROUTE_NONE	 0u
#define XGRE_ROUTE_HOLE	 1u
#define XGRE_ROUTE_LOCAL 2u
#define XGRE_ROUTE_FIRST 3u
#define XGRE_ROUTES_MAX	 (XGRE_LPM_ROUTE_MASK + 1)

struct xgre_lpm_root {
	__u32 entry[XGRE_LPM_ROOT_ENTRIES];
};

struct xgre_lpm_chunk {
	__u32 entry[XGRE_LPM_CHUNK_ENTRIES];
};

static inline __u32 xgre_lpm_leaf(__u32 length, __u32 route)
{
	return length << XGRE_LPM_LEN_SHIFT | route;
}

/* Route of a leaf; XGRE_ROUTE_NONE for an empty entry. */
static inline __u32 xgre_lpm_route(__u32 leaf)
{
	return leaf & XGRE_LPM_ROUTE_MASK;
}

static inline __u32 xgre_lpm_length(__u32 leaf)
{
	return (leaf & ~XGRE_LPM_CHUNK) >> XGRE_LPM_LEN_SHIFT;
}

#endif
