/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What fragments.bpf.c and fragments.c share. */
#ifndef XGRE_BENCH_FRAGMENTS_H
#define XGRE_BENCH_FRAGMENTS_H

#include <linux/types.h>

#define PIECES	  16   /* a power of two */
#define PIECE_MAX 2048 /* likewise */

/* A frame that is sent in turn, each time with the next ID. */
struct piece {
	__u32 len;
	__u32 sum; /* of the IPv4 header without ID and checksum, host byte order */
	__u8 data[PIECE_MAX];
};

struct generator {
	__u64 sent;
	__u64 received;
	__u32 turns;	/* pieces in use */
	__u32 pad;
	struct piece piece[PIECES];
};

#endif
