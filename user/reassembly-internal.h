/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XGRE_REASSEMBLY_INTERNAL_H
#define XGRE_REASSEMBLY_INTERNAL_H

#include "reassembly.h"

#define IP4_HEADER_MAX 60
#define ROOM	       96 /* before the payload: headroom and the longest IP header, aligned */
#define GAPS	       64 /* runs of payload that a datagram may be in at one time */

/* What a fragment says. */
struct fragment {
	struct xgre_addr src, dst;
	uint32_t id;
	uint32_t port;
	uint8_t family;
	uint8_t proto; /* IPv6: next header of the first fragment's, not part of the key */
	uint8_t ecn;
	bool more;
	uint32_t offset; /* of the payload */
	uint32_t len;
	uint32_t header_len; /* of the IP header that the whole packet gets */
	const uint8_t *header;
	const uint8_t *payload;
};

struct list {
	struct list *next, *prev;
};

/* Payload from start to end that is there. */
struct run {
	uint32_t start, end;
};

struct reassembly_peer {
	struct list same_size;	 /* peers by the order of magnitude of their memory */
	struct list datagrams;	 /* oldest first */
	struct reassembly_peer *chain;
	struct xgre_addr addr;
	uint32_t hash;
	uint32_t count;	   /* datagrams */
	uint32_t arrivals; /* fragments so far, modulo 2^32 */
	size_t memory;
	uint8_t family;
};

struct reassembly_datagram {
	struct list by_age;  /* of all of a family, oldest first */
	struct list of_peer;
	struct reassembly_datagram *chain;
	struct reassembly_peer *peer;
	struct xgre_addr src, dst;
	uint32_t hash, id, port;
	uint8_t family, proto;
	uint8_t ecn;	   /* 1 << each ECN value seen */
	bool rejected;	   /* holds nothing any more, swallows what still comes */
	bool last_seen;
	uint32_t total;	   /* largest end so far; with last_seen the payload's length */
	uint32_t header_len; /* 0: the first fragment is missing */
	uint32_t fragments;
	uint32_t arrival;  /* of its peer's, of the latest fragment */
	uint32_t nruns;
	struct run runs[GAPS]; /* sorted; neither overlap nor touch */
	uint64_t born;
	size_t capacity;   /* of payload in data */
	uint8_t *data;	   /* ROOM bytes, then the payload */
};

#define BUCKETS 4096 /* of datagrams; a power of two */
#define PEERS	1024 /* buckets of peers */
#define SIZES	32   /* orders of magnitude of memory */

struct reassembly {
	struct reassembly_limits limits;
	struct reassembly_counters counters;
	uint64_t seed[2];
	size_t memory;
	uint32_t datagrams;
	uint32_t nspares;
	struct reassembly_datagram *spare; /* with memory for a common packet, by chain */
	struct list by_age[2];	   /* of IPv4 and IPv6 */
	struct list by_size[SIZES]; /* peers that hold 2^n to 2^(n+1) - 1 bytes */
	struct reassembly_datagram *bucket[BUCKETS];
	struct reassembly_peer *peer_bucket[PEERS];
};

#define ENTRY(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

/* Keyed, so that nobody can choose IDs that meet in one bucket. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* reassembly-table.c */

/* The datagram that a fragment belongs to, a new one where there is none. NULL: no memory. */
struct reassembly_datagram *datagram_get(struct reassembly *r, const struct fragment *f,
					 uint64_t now);
/* Its memory, when it is in no table any more. */
void datagram_free(struct reassembly *r, struct reassembly_datagram *d);
/* Take it out of the tables; it is the caller's then. */
void datagram_unlink(struct reassembly *r, struct reassembly_datagram *d);
/* Give it up, and count why. */
void datagram_drop(struct reassembly *r, struct reassembly_datagram *d, uint64_t *why);
/*
 * RFC 5722 4: what still comes of it is discarded, too. So an empty shell stays,
 * for as long as the datagram would have.
 */
void datagram_reject(struct reassembly *r, struct reassembly_datagram *d, uint64_t *why);
/* Room for the fragment's payload; others may be given up for it. */
bool datagram_grow(struct reassembly *r, struct reassembly_datagram *d, const struct fragment *f);

/* reassembly-packet.c */

/* Parse a fragment: NULL, or the counter of why not. */
uint64_t *fragment_parse(struct reassembly_counters *c, const uint8_t *packet, size_t len,
			 struct fragment *ret);

/* Put the IP header of the complete datagram in order. False: refused for ECN. */
bool datagram_finish(struct reassembly_datagram *d, struct reassembly_packet *ret);

/* Make the whole packet's IP header from a fragment's, in place. */
void header_finish(uint8_t *header, uint32_t header_len, uint32_t payload, uint8_t family,
		   uint8_t ecn);

enum run_result {
	RUN_NEW,
	RUN_DUPLICATE,
	RUN_OVERLAP,
	RUN_TOO_MANY,
};

/* Note that [start, end) has come; the bytes are not there yet. */
enum run_result runs_add(struct reassembly_datagram *d, const struct fragment *f);

#endif
