// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The datagrams that are being reassembled, whose they are, and how much they may hold. */
#include <stdlib.h>
#include <string.h>
#include "reassembly-internal.h"

#define DATA_MIN 2048

/*
 * Packets of two fragments come and go at a high rate: their memory is kept, or
 * malloc() would give it back to the kernel and fault it in again each time.
 */
#define SPARES		256
#define SPARE_CAPACITY 4096

static void list_append(struct list *head, struct list *e)
{
	e->prev = head->prev;
	e->next = head;
	head->prev->next = e;
	head->prev = e;
}

static void list_remove(struct list *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	list_init(e);
}

static uint32_t peer_hash(const struct reassembly *r, const struct fragment *f)
{
	return (uint32_t)fold(f->src.q[0] ^ r->seed[0], f->src.q[1] ^ f->family ^ r->seed[1]);
}

static uint32_t datagram_hash(const struct reassembly *r, const struct fragment *f, uint32_t peer)
{
	uint64_t h = fold(f->dst.q[0] ^ r->seed[1], f->dst.q[1] ^ r->seed[0]);

	h = fold(h ^ r->seed[0], ((uint64_t)f->id << 32 | peer) ^ r->seed[1]);
	return (uint32_t)fold(h ^ r->seed[1], ((uint64_t)f->port << 8 | f->family) ^ r->seed[0]);
}

static bool addr_equal(const struct xgre_addr *a, const struct xgre_addr *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

static void account(struct reassembly *r, struct reassembly_peer *p, ssize_t bytes)
{
	r->memory += bytes;
	p->memory += bytes;
	list_remove(&p->same_size);
	list_append(&r->by_size[63 - __builtin_clzll(p->memory | 1)], &p->same_size);
}

static struct reassembly_peer *peer_get(struct reassembly *r, const struct fragment *f,
					uint32_t hash)
{
	struct reassembly_peer **b = &r->peer_bucket[hash & (PEERS - 1)], *p;

	for (p = *b; p; p = p->chain)
		if (p->family == f->family && addr_equal(&p->addr, &f->src))
			return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->addr = f->src;
	p->family = f->family;
	p->hash = hash;
	list_init(&p->datagrams);
	list_init(&p->same_size);
	account(r, p, sizeof(*p));
	p->chain = *b;
	*b = p;
	return p;
}

static void peer_put(struct reassembly *r, struct reassembly_peer *p)
{
	struct reassembly_peer **at = &r->peer_bucket[p->hash & (PEERS - 1)];

	if (p->count)
		return;
	while (*at != p)
		at = &(*at)->chain;
	*at = p->chain;
	r->memory -= p->memory;
	list_remove(&p->same_size);
	free(p);
}

static size_t data_size(size_t capacity)
{
	return capacity ? ROOM + capacity : 0;
}

void datagram_unlink(struct reassembly *r, struct reassembly_datagram *d)
{
	struct reassembly_datagram **at = &r->bucket[d->hash & (BUCKETS - 1)];
	struct reassembly_peer *p = d->peer;

	while (*at != d)
		at = &(*at)->chain;
	*at = d->chain;
	list_remove(&d->by_age);
	list_remove(&d->of_peer);
	account(r, p, -(ssize_t)(sizeof(*d) + data_size(d->capacity)));
	r->datagrams--;
	p->count--;
	d->peer = NULL;
	peer_put(r, p);
}

void datagram_free(struct reassembly *r, struct reassembly_datagram *d)
{
	if (d->capacity == SPARE_CAPACITY && r->nspares < SPARES) {
		d->chain = r->spare;
		r->spare = d;
		r->nspares++;
		return;
	}
	free(d->data);
	free(d);
}

void datagram_drop(struct reassembly *r, struct reassembly_datagram *d, uint64_t *why)
{
	if (!d->rejected) {
		(*why)++;
		r->counters.lost += d->fragments;
	}
	datagram_unlink(r, d);
	datagram_free(r, d);
}

void datagram_reject(struct reassembly *r, struct reassembly_datagram *d, uint64_t *why)
{
	(*why)++;
	r->counters.lost += d->fragments + 1; /* and the one that showed it */
	account(r, d->peer, -(ssize_t)data_size(d->capacity));
	free(d->data);
	d->data = NULL;
	d->capacity = 0;
	d->fragments = 0;
	d->rejected = true;
}

static struct reassembly_datagram *datagram_find(struct reassembly *r, const struct fragment *f,
						 uint32_t hash)
{
	struct reassembly_datagram *d = r->bucket[hash & (BUCKETS - 1)];

	while (d && !(d->hash == hash && d->id == f->id && d->family == f->family &&
		      d->port == f->port && addr_equal(&d->src, &f->src) &&
		      addr_equal(&d->dst, &f->dst) &&
		      (f->family == XGRE_FAMILY_6 || d->proto == f->proto)))
		d = d->chain;
	return d;
}

static struct reassembly_datagram *datagram_new(struct reassembly *r, struct reassembly_peer *p,
						const struct fragment *f, uint32_t hash,
						uint64_t now)
{
	struct reassembly_datagram *d = r->spare;
	uint8_t *data = NULL;

	if (d) {
		r->spare = d->chain;
		r->nspares--;
		data = d->data;
	} else {
		d = malloc(sizeof(*d));
		if (!d)
			return NULL;
	}
	memset(d, 0, offsetof(struct reassembly_datagram, runs));
	d->peer = p;
	d->src = f->src;
	d->dst = f->dst;
	d->hash = hash;
	d->id = f->id;
	d->port = f->port;
	d->family = f->family;
	d->proto = f->proto;
	d->born = now;
	d->capacity = data ? SPARE_CAPACITY : 0;
	d->data = data;
	d->chain = r->bucket[hash & (BUCKETS - 1)];
	r->bucket[hash & (BUCKETS - 1)] = d;
	list_append(&r->by_age[f->family == XGRE_FAMILY_6], &d->by_age);
	list_append(&p->datagrams, &d->of_peer);
	p->count++;
	r->datagrams++;
	account(r, p, (ssize_t)(sizeof(*d) + data_size(d->capacity)));
	return d;
}

/* The oldest of whoever holds the most, but not the one at work. */
static bool evict(struct reassembly *r, const struct reassembly_datagram *keep)
{
	for (int i = SIZES - 1; i >= 0; i--)
		for (struct list *e = r->by_size[i].next; e != &r->by_size[i]; e = e->next) {
			struct reassembly_peer *p = ENTRY(e, struct reassembly_peer, same_size);
			struct list *oldest = p->datagrams.next;

			if (oldest != &p->datagrams && oldest == &keep->of_peer)
				oldest = oldest->next;
			if (oldest == &p->datagrams)
				continue;
			datagram_drop(r, ENTRY(oldest, struct reassembly_datagram, of_peer),
				      &r->counters.evicted);
			return true;
		}
	return false;
}

/* Bring the peer of the datagram, and all together, below their limits. */
static void make_room(struct reassembly *r, struct reassembly_datagram *d)
{
	struct reassembly_peer *p = d->peer;

	while (p->memory > r->limits.peer_memory) {
		struct list *oldest = p->datagrams.next;

		if (oldest == &d->of_peer)
			oldest = oldest->next;
		if (oldest == &p->datagrams)
			break; /* by itself it is below: REASSEMBLY_LARGEST */
		datagram_drop(r, ENTRY(oldest, struct reassembly_datagram, of_peer),
			      &r->counters.evicted);
	}
	while (r->memory > r->limits.memory && evict(r, d))
		;
}

/* Room for the payload up to end. Most datagrams are two or three fragments of a size. */
bool datagram_grow(struct reassembly *r, struct reassembly_datagram *d,
			  const struct fragment *f)
{
	size_t want = DATA_MIN, end = f->offset + f->len;
	uint8_t *data;

	if (end <= d->capacity)
		return true;
	if (f->more)
		end += f->len;
	while (want < end)
		want <<= 1;
	data = realloc(d->data, ROOM + want);
	if (!data)
		return false;
	account(r, d->peer, (ssize_t)(data_size(want) - data_size(d->capacity)));
	d->data = data;
	d->capacity = want;
	make_room(r, d);
	return true;
}

/*
 * At speed an IPv4 ID comes again before its last datagram's time is over, and
 * what is left of that one must not be joined with the new one's (RFC 4963).
 * The kernel counts in the same way: ip_frag_too_far().
 */
static bool too_far(const struct reassembly *r, const struct reassembly_datagram *d)
{
	return d->family == XGRE_FAMILY_4 &&
	       d->peer->arrivals - d->arrival > r->limits.distance;
}

struct reassembly_datagram *datagram_get(struct reassembly *r, const struct fragment *f,
					 uint64_t now)
{
	uint32_t of_peer = peer_hash(r, f), hash = datagram_hash(r, f, of_peer);
	struct reassembly_datagram *d = datagram_find(r, f, hash);
	struct reassembly_peer *p;

	if (d) {
		d->peer->arrivals++;
		if (!too_far(r, d)) {
			d->arrival = d->peer->arrivals;
			return d;
		}
		datagram_drop(r, d, &r->counters.stale);
	}
	p = peer_get(r, f, of_peer);
	if (!p)
		return NULL;
	d = datagram_new(r, p, f, hash, now);
	if (!d) {
		peer_put(r, p);
		return NULL;
	}
	d->arrival = ++p->arrivals;
	make_room(r, d);
	return d;
}
