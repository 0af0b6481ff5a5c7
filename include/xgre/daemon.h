/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What xgred writes into the pinned maps, for the programs and for xgre-stat:
 * its counters, and what it found out about each tunnel.
 */
#ifndef XGRE_DAEMON_H
#define XGRE_DAEMON_H

#include <linux/types.h>

/*
 * XGRE_DAEMON_COUNTER(number, ID, name, text). Numbers are part of the ABI:
 * never reuse one, append only.
 */
#define XGRE_DAEMON_COUNTERS(XGRE_DAEMON_COUNTER)                                                  \
	XGRE_DAEMON_COUNTER(0, REASSEMBLED, "reassembled",                                         \
			    "outer packets that the kernel reassembled, handed to the programs")   \
	XGRE_DAEMON_COUNTER(1, UNCLAIMED, "unclaimed",                                             \
			    "reassembled GRE packets that no tunnel claims, left to the kernel")   \
	XGRE_DAEMON_COUNTER(2, LOST, "lost",                                                       \
			    "reassembled packets that could not be handed to the programs")        \
	XGRE_DAEMON_COUNTER(3, OVERFLOW, "overflow",                                               \
			    "packets lost because xgred did not read its sockets fast enough")

enum xgre_daemon_counter {
#define XGRE_DAEMON_COUNTER(number, id, name, text) XGRE_D_##id = number,
	XGRE_DAEMON_COUNTERS(XGRE_DAEMON_COUNTER)
#undef XGRE_DAEMON_COUNTER
};

#define XGRE_DAEMON_MAX 64 /* size of the counter array; numbers stay below it */

/* One entry. */
struct xgre_daemon {
	__u64 count[XGRE_DAEMON_MAX];
};

#endif
