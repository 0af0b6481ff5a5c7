// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What gateways emitted, matched to what was sent by its content. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "differential.h"

struct frame {
	uint32_t id;
	uint16_t gateway;
	uint16_t len;
	bool lan; /* by which of the gateway's two ports it came out */
	size_t at; /* in bytes */
};

struct results {
	struct frame *frames;
	size_t n, room;
	uint8_t *bytes;
	size_t len, bytes_room;
};

struct results *results_new(void)
{
	struct results *r = calloc(1, sizeof(*r));

	if (!r)
		err(1, "results");
	return r;
}

static void *grown(void *p, size_t *room, size_t need, size_t size)
{
	if (need <= *room)
		return p;
	*room = need * 2;
	p = realloc(p, *room * size);
	if (!p)
		err(1, "results");
	return p;
}

void results_add(struct results *r, unsigned gateway, bool lan, uint32_t id, const uint8_t *data,
		 size_t len)
{
	r->frames = grown(r->frames, &r->room, r->n + 1, sizeof(*r->frames));
	r->bytes = grown(r->bytes, &r->bytes_room, r->len + len, 1);
	memcpy(r->bytes + r->len, data, len);
	r->frames[r->n++] = (struct frame){ .id = id, .gateway = gateway, .len = len, .lan = lan,
					    .at = r->len };
	r->len += len;
}

size_t results_of(const struct results *r, unsigned gateway)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->frames[i].gateway == gateway;
	return n;
}

static const uint8_t *sorted_bytes;

/* By content alone. */
static int compare(const struct frame *a, const struct frame *b)
{
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->lan != b->lan)
		return a->lan - b->lan;
	if (a->len != b->len)
		return a->len - b->len;
	return memcmp(sorted_bytes + a->at, sorted_bytes + b->at, a->len);
}

static int order(const void *a, const void *b)
{
	const struct frame *x = a, *y = b;

	return x->gateway != y->gateway ? x->gateway - y->gateway : compare(x, y);
}

static void print_hex(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", data[i]);
}

static void print_frames(const struct results *r, const struct frame *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("%s\"%s:", i ? ", " : "", f[i].lan ? "lan" : "wan");
		print_hex(r->bytes + f[i].at, f[i].len);
		printf("\"");
	}
}

static void print_difference(const struct results *r, const struct plan *plan, uint32_t id,
			     const char *name, const struct frame *want, size_t nwant,
			     const struct frame *have, size_t nhave)
{
	static struct packet p;
	const struct frame *some = nwant ? want : have;

	if (id == ID_NONE)
		id = packet_search(plan, plan->count, r->bytes + some->at, some->len);
	printf("{\"gateway\": \"%s\", \"packet\": ", name);
	if (id == ID_NONE) {
		printf("null, \"data\": \"\", \"frames\": []");
	} else {
		packet_make(plan, id, &p);
		printf("%u, \"l3\": %u, \"gre\": %u, \"inner\": %u, \"data\": \"", id, p.l3, p.gre,
		       p.inner);
		print_hex(p.data, p.len);
		printf("\", \"frames\": [");
		for (unsigned i = 0; i < p.nframes; i++) {
			printf("%s\"", i ? ", " : "");
			print_hex(p.frames[i], p.frame_len[i]);
			printf("\"");
		}
		printf("]");
	}
	printf(", \"first\": [");
	print_frames(r, want, nwant);
	printf("], \"this\": [");
	print_frames(r, have, nhave);
	printf("]}\n");
}

/* How many frames from f on have its id; frames without one are told apart by their bytes. */
static size_t run_of(const struct frame *f, size_t n)
{
	size_t i = 1;

	while (i < n && f[i].id == f->id && (f->id != ID_NONE || !compare(f, f + i)))
		i++;
	return i;
}

static bool same(const struct frame *a, size_t na, const struct frame *b, size_t nb)
{
	if (na != nb)
		return false;
	for (size_t i = 0; i < na; i++)
		if (compare(a + i, b + i))
			return false;
	return true;
}

/* Which of two runs comes first: -1, 1, or 0 where they are of one packet. */
static int first_of(const struct frame *a, size_t na, const struct frame *b, size_t nb)
{
	if (!na || !nb)
		return na ? -1 : 1;
	if (a->id == b->id && a->id != ID_NONE)
		return 0;
	return compare(a, b);
}

static void compare_gateway(const struct results *r, const struct plan *plan, const char *name,
			    const struct frame *a, size_t na, const struct frame *b, size_t nb,
			    bool all)
{
	while (na || nb) {
		int which = first_of(a, na, b, nb);
		size_t ra = which <= 0 ? run_of(a, na) : 0, rb = which >= 0 ? run_of(b, nb) : 0;

		if (all || !same(a, ra, b, rb))
			print_difference(r, plan, ra ? a->id : b->id, name, a, ra, b, rb);
		a += ra;
		na -= ra;
		b += rb;
		nb -= rb;
	}
}

void results_compare(struct results *r, const struct plan *plan, const char *const *names,
		     unsigned gateways, bool all)
{
	size_t start[gateways + 1], i = 0;

	sorted_bytes = r->bytes;
	if (r->n)
		qsort(r->frames, r->n, sizeof(*r->frames), order);
	for (unsigned g = 0; g < gateways; g++) {
		start[g] = i;
		while (i < r->n && r->frames[i].gateway == g)
			i++;
	}
	start[gateways] = i;
	for (unsigned g = 1; g < gateways; g++)
		compare_gateway(r, plan, names[g], r->frames, start[1], r->frames + start[g],
				start[g + 1] - start[g], all);
}
