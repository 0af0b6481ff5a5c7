// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A fragment's way: into its datagram, and what comes of that. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "reassembly-internal.h"

/* NULL, or the counter of why the datagram is given up: as ip_frag_queue() has it. */
static uint64_t *end_check(struct reassembly *r, const struct reassembly_datagram *d,
			   const struct fragment *f)
{
	uint32_t end = f->offset + f->len;

	if (f->more ? d->last_seen && end > d->total :
		      end < d->total || (d->last_seen && end != d->total))
		return &r->counters.length;
	return NULL;
}

/* The packet's own header can be longer than this fragment's. */
static bool fits(const struct reassembly_datagram *d, const struct fragment *f)
{
	uint32_t header = f->offset ? d->header_len : f->header_len;
	uint32_t end = f->offset + f->len;

	if (f->family == XGRE_FAMILY_6)
		return true;
	return header + (end > d->total ? end : d->total) <= 65535;
}

static void datagram_store(struct reassembly_datagram *d, const struct fragment *f)
{
	uint32_t end = f->offset + f->len;

	memcpy(d->data + ROOM + f->offset, f->payload, f->len);
	if (!f->offset) {
		d->header_len = f->header_len;
		memcpy(d->data + ROOM - f->header_len, f->header, f->header_len);
		d->proto = f->proto;
	}
	if (end > d->total)
		d->total = end;
	d->last_seen |= !f->more;
	d->ecn |= (uint8_t)(1 << f->ecn);
	d->fragments++;
}

static bool datagram_whole(const struct reassembly_datagram *d)
{
	return d->last_seen && d->header_len && d->nruns == 1 && d->runs[0].end == d->total;
}

/* The fragment into its datagram. */
static void datagram_add(struct reassembly *r, struct reassembly_datagram *d,
			 const struct fragment *f)
{
	uint64_t *why = end_check(r, d, f);

	if (d->rejected) {
		r->counters.lost++;
		return;
	}
	if (!fits(d, f)) {
		r->counters.oversize++;
		return;
	}
	if (!why && d->fragments >= r->limits.fragments)
		why = &r->counters.count;
	if (!why && !datagram_grow(r, d, f)) {
		r->counters.no_memory++;
		return;
	}
	if (!why) {
		switch (runs_add(d, f)) {
		case RUN_NEW:
			datagram_store(d, f);
			return;
		case RUN_DUPLICATE:
			r->counters.duplicate++;
			return;
		case RUN_OVERLAP:
			why = &r->counters.overlap;
			break;
		case RUN_TOO_MANY:
			why = &r->counters.count;
			break;
		}
	}
	datagram_reject(r, d, why);
}

/* RFC 6946: it concerns no other fragment, not even of the same ID. */
static bool atomic(struct reassembly *r, const struct fragment *f, struct reassembly_packet *ret)
{
	struct reassembly_datagram *d = calloc(1, sizeof(*d));

	if (d)
		d->data = malloc(ROOM + f->len);
	if (!d || !d->data) {
		free(d);
		r->counters.no_memory++;
		return false;
	}
	d->family = f->family;
	d->port = f->port;
	datagram_store(d, f);
	datagram_finish(d, ret);
	r->counters.atomic++;
	return true;
}

static bool complete(struct reassembly *r, struct reassembly_datagram *d,
		     struct reassembly_packet *ret)
{
	if (!datagram_finish(d, ret)) {
		datagram_drop(r, d, &r->counters.ecn);
		return false;
	}
	datagram_unlink(r, d);
	r->counters.whole++;
	r->counters.whole_fragments += d->fragments;
	return true;
}

bool reassembly_add(struct reassembly *r, const uint8_t *packet, size_t len, uint32_t port,
		    uint64_t now, struct reassembly_packet *ret)
{
	struct reassembly_datagram *d;
	struct fragment f;
	uint64_t *refused = fragment_parse(&r->counters, packet, len, &f);

	r->counters.fragments++;
	if (refused) {
		(*refused)++;
		return false;
	}
	f.port = port;
	reassembly_expire(r, now);
	if (f.family == XGRE_FAMILY_6 && !f.more && !f.offset)
		return atomic(r, &f, ret);
	d = datagram_get(r, &f, now);
	if (!d) {
		r->counters.no_memory++;
		return false;
	}
	datagram_add(r, d, &f);
	return !d->rejected && datagram_whole(d) && complete(r, d, ret);
}

void reassembly_release(struct reassembly *r, const struct reassembly_packet *p)
{
	datagram_free(r, p->owner);
}

uint64_t reassembly_expire(struct reassembly *r, uint64_t now)
{
	const uint64_t timeout[2] = { r->limits.timeout4, r->limits.timeout6 };
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < 2; i++)
		while (!list_empty(&r->by_age[i])) {
			struct reassembly_datagram *d =
				ENTRY(r->by_age[i].next, struct reassembly_datagram, by_age);

			if (now < d->born + timeout[i]) {
				if (d->born + timeout[i] < next)
					next = d->born + timeout[i];
				break;
			}
			datagram_drop(r, d, &r->counters.timeout);
		}
	return next;
}

void reassembly_flush(struct reassembly *r)
{
	uint64_t ignored = 0;

	for (int i = 0; i < 2; i++)
		while (!list_empty(&r->by_age[i]))
			datagram_drop(r,
				      ENTRY(r->by_age[i].next, struct reassembly_datagram, by_age),
				      &ignored);
}

int reassembly_new(const struct reassembly_limits *limits, uint64_t seed, struct reassembly **ret)
{
	struct reassembly *r;

	if (limits->memory < limits->peer_memory || limits->peer_memory < REASSEMBLY_LARGEST ||
	    limits->fragments < 2)
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->limits = *limits;
	r->seed[0] = seed | 1;
	r->seed[1] = fold(seed ^ 0x9e3779b97f4a7c15ull, 0xd6e8feb86659fd93ull) | 1;
	for (int i = 0; i < 2; i++)
		list_init(&r->by_age[i]);
	for (int i = 0; i < SIZES; i++)
		list_init(&r->by_size[i]);
	*ret = r;
	return 0;
}

void reassembly_free(struct reassembly *r)
{
	if (!r)
		return;
	reassembly_flush(r);
	while (r->spare) {
		struct reassembly_datagram *d = r->spare;

		r->spare = d->chain;
		free(d->data);
		free(d);
	}
	free(r);
}

const struct reassembly_counters *reassembly_counters(const struct reassembly *r)
{
	return &r->counters;
}

size_t reassembly_memory(const struct reassembly *r)
{
	return r->memory;
}

uint32_t reassembly_datagrams(const struct reassembly *r)
{
	return r->datagrams;
}
