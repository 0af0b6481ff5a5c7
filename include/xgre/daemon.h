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
			    "packets lost because xgred did not read its sockets fast enough")     \
	XGRE_DAEMON_COUNTER(4, PATH_MTU, "path-mtu",                                               \
			    "ICMP messages that lowered a tunnel's MTU or kept it low")            \
	XGRE_DAEMON_COUNTER(5, PATH_MTU_REFUSED, "path-mtu-refused",                               \
			    "ICMP messages about GRE of no tunnel, or that contradict themselves") \
	XGRE_DAEMON_COUNTER(6, FOLLOWED, "followed",                                               \
			    "times that changed routes or addresses were taken into the table")    \
	XGRE_DAEMON_COUNTER(7, KEEPALIVES_SENT, "keepalives-sent", "keepalives sent")              \
	XGRE_DAEMON_COUNTER(8, KEEPALIVES_ANSWERED, "keepalives-answered",                         \
			    "keepalives that came back")                                           \
	/* fragments of ports that run XDP, by AF_XDP sockets */                                   \
	XGRE_DAEMON_COUNTER(32, XSK_FRAGMENTS, "xsk-fragments",                                    \
			    "fragments that came in by AF_XDP")                                    \
	XGRE_DAEMON_COUNTER(33, XSK_WHOLE, "xsk-whole",                                            \
			    "outer packets reassembled of them and handed to the programs")        \
	XGRE_DAEMON_COUNTER(34, XSK_ATOMIC, "xsk-atomic",                                          \
			    "IPv6 packets that had a fragment header and were whole")              \
	XGRE_DAEMON_COUNTER(35, XSK_DUPLICATE, "xsk-duplicate",                                    \
			    "fragments that had come before, byte for byte")                       \
	XGRE_DAEMON_COUNTER(36, XSK_MALFORMED, "xsk-malformed",                                    \
			    "fragments with a contradictory or damaged header")                    \
	XGRE_DAEMON_COUNTER(37, XSK_TINY, "xsk-tiny",                                              \
			    "fragments without payload or too short for a GRE header")             \
	XGRE_DAEMON_COUNTER(38, XSK_OVERSIZE, "xsk-oversize",                                      \
			    "fragments that reach beyond the largest packet")                      \
	XGRE_DAEMON_COUNTER(39, XSK_NO_MEMORY, "xsk-no-memory",                                    \
			    "fragments for which there was no memory")                             \
	XGRE_DAEMON_COUNTER(40, XSK_GIVEN_UP, "xsk-given-up",                                      \
			    "fragments given up with their packets")                               \
	XGRE_DAEMON_COUNTER(41, XSK_OVERLAP, "xsk-overlap",                                        \
			    "packets given up: fragments overlap (RFC 5722)")                      \
	XGRE_DAEMON_COUNTER(42, XSK_LENGTH, "xsk-length",                                          \
			    "packets given up: fragments disagree on the end")                     \
	XGRE_DAEMON_COUNTER(43, XSK_TOO_MANY, "xsk-too-many",                                      \
			    "packets given up: too many fragments")                                \
	XGRE_DAEMON_COUNTER(44, XSK_ECN, "xsk-ecn",                                                \
			    "packets given up: fragments disagree on ECN (RFC 3168)")              \
	XGRE_DAEMON_COUNTER(45, XSK_TIMEOUT, "xsk-timeout",                                        \
			    "packets given up: not complete in time")                              \
	XGRE_DAEMON_COUNTER(46, XSK_STALE, "xsk-stale",                                            \
			    "packets given up: their ID came again (RFC 4963)")                    \
	XGRE_DAEMON_COUNTER(47, XSK_EVICTED, "xsk-evicted",                                        \
			    "packets given up: their peer held the most memory")                   \
	XGRE_DAEMON_COUNTER(48, XSK_DROPPED, "xsk-dropped",                                        \
			    "fragments that a socket did not take, being too large")               \
	XGRE_DAEMON_COUNTER(49, XSK_RING_FULL, "xsk-ring-full",                                    \
			    "fragments lost because a socket was not read fast enough")            \
	XGRE_DAEMON_COUNTER(50, XSK_FILL_EMPTY, "xsk-fill-empty",                                  \
			    "times that a socket had no free frame")                               \
	XGRE_DAEMON_COUNTER(51, XSK_INVALID, "xsk-invalid",                                        \
			    "frames that the kernel refused to fill")

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

/*
 * A tunnel's path, an array by tunnel number: what apply wants to be known, and
 * what xgred knows.
 */
#define XGRE_LINK_UP   0 /* or nobody asks */
#define XGRE_LINK_DOWN 1

struct xgre_link {
	__u64 mtu_until; /* CLOCK_BOOTTIME, seconds: mtu is void from then on */
	__u32 mtu;	 /* largest inner packet that the path carries; 0: no other limit is known */
	__u32 state;	 /* XGRE_LINK_* */
	__u16 keepalive_interval; /* seconds; 0: none are sent */
	__u16 keepalive_retries;
	__u32 pad;
};

#endif
