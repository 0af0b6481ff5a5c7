/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reassembly of fragmented outer packets, IPv4 (RFC 791, 815) and IPv6 (RFC 8200
 * 4.5). Pure: no I/O, and the time is the caller's. One engine for one thread.
 *
 * What it holds is bounded, in all and for each peer (an outer source): where
 * memory runs out the oldest datagram of whoever holds the most is given up, so
 * that a flood from one peer costs that peer alone.
 */
#ifndef XGRE_REASSEMBLY_H
#define XGRE_REASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "xgre/abi.h"

/* Bytes before a packet that the caller may write to: an Ethernet header, with tags. */
#define REASSEMBLY_HEADROOM 32

/* Largest datagram with all that the engine adds: what a peer's share must hold. */
#define REASSEMBLY_LARGEST (128 << 10)

struct reassembly_limits {
	size_t memory;	     /* in all, bytes */
	size_t peer_memory;  /* of one peer; both at least REASSEMBLY_LARGEST */
	uint32_t fragments;  /* of one datagram */
	uint32_t distance;   /* IPv4: fragments of its peer from one of a datagram to the next, at most */
	uint64_t timeout4;   /* ns, from the first fragment on */
	uint64_t timeout6;
};

/* The kernel's times and distance (ip-sysctl.rst), and room for a few peers at full speed. */
#define REASSEMBLY_DEFAULTS                                                                        \
	{                                                                                          \
		.memory = 16 << 20, .peer_memory = 4 << 20, .fragments = 128, .distance = 64,      \
		.timeout4 = 30000000000ull, .timeout6 = 60000000000ull                             \
	}

/*
 * Outcomes, each counted: X(name, text). Of every fragment that comes in, exactly
 * one of whole_fragments, atomic, duplicate, malformed, tiny, oversize, no_memory
 * and lost is counted in the end.
 */
#define REASSEMBLY_COUNTERS(X)                                                                     \
	X(fragments, "fragments that came in")                                                     \
	X(whole, "packets reassembled")                                                            \
	X(whole_fragments, "fragments that they were made of")                                     \
	X(atomic, "IPv6 packets with a fragment header that are whole (RFC 6946)")                 \
	X(duplicate, "fragments that had come before, byte for byte")                              \
	X(malformed, "fragments with a contradictory or damaged header")                           \
	X(tiny, "fragments without payload or too short for a GRE header")                         \
	X(oversize, "fragments that reach beyond the largest packet")                              \
	X(no_memory, "fragments for which there was no memory")                                    \
	X(lost, "fragments given up with their datagrams")                                         \
	X(overlap, "datagrams given up: fragments overlap (RFC 5722)")                             \
	X(length, "datagrams given up: fragments disagree on the end")                             \
	X(count, "datagrams given up: too many fragments")                                         \
	X(ecn, "datagrams given up: fragments disagree on ECN (RFC 3168 5.3)")                     \
	X(timeout, "datagrams given up: not complete in time")                                     \
	X(stale, "datagrams given up: their ID came again (RFC 4963)")                             \
	X(evicted, "datagrams given up: their peer held the most memory")

struct reassembly_counters {
#define X(name, text) uint64_t name;
	REASSEMBLY_COUNTERS(X)
#undef X
};

struct reassembly;
struct reassembly_datagram;

/* A whole packet, until it is given back. */
struct reassembly_packet {
	uint8_t *data; /* from the IP header on */
	size_t len;
	uint8_t family; /* XGRE_FAMILY_* */
	uint32_t port;
	struct reassembly_datagram *owner;
};

/* seed: unknown to those who send. -EINVAL: the limits are too low. */
int reassembly_new(const struct reassembly_limits *limits, uint64_t seed, struct reassembly **ret);
void reassembly_free(struct reassembly *r); /* NULL is fine */

/*
 * A fragment, from its IP header on; len may go beyond the packet (padding). The
 * data are copied. True: it completed a packet, now in *ret, which the caller gives
 * back by reassembly_release() after use. Packets that are out do not count
 * for the limits, nor does 1 MiB of memory that is kept for the next ones.
 */
bool reassembly_add(struct reassembly *r, const uint8_t *packet, size_t len, uint32_t port,
		    uint64_t now, struct reassembly_packet *ret);
void reassembly_release(struct reassembly *r, const struct reassembly_packet *p);

/* Give up what is too old. When the next one will be: ns, UINT64_MAX for never. */
uint64_t reassembly_expire(struct reassembly *r, uint64_t now);
/* Give up everything, and count it as lost. */
void reassembly_flush(struct reassembly *r);

const struct reassembly_counters *reassembly_counters(const struct reassembly *r);
size_t reassembly_memory(const struct reassembly *r);	 /* held at present, bytes */
uint32_t reassembly_datagrams(const struct reassembly *r); /* pending at present */

#endif
