// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * user/lpm.c against a model too simple to be wrong: a list of prefixes that is
 * searched from end to end.
 *
 * lpm [SEED]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lpm.h"
#include "tap.h"

typedef unsigned __int128 u128;

#define CHUNKS	 4096
#define SET_MAX	 144
#define LOOKUPS	 2000000 /* of each family */
#define ROUND	 20000	 /* of which with one set of prefixes */
#define PER_STEP 100	 /* of which between two changes */

static uint64_t seed = 1;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1dull >> 16;
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

static u128 rnd_addr(void)
{
	return (u128)rnd() << 96 ^ (u128)rnd() << 48 ^ rnd();
}

/* Few or many: siblings with the same route and prefixes that change theirs. */
static uint32_t rnd_route(void)
{
	return XGRE_ROUTE_HOLE + below(below(2) ? 2 : 1000);
}

/* Addresses as numbers: the first bit on the wire is the highest, IPv4 in the top 32. */
static u128 mask_of(unsigned int length)
{
	return length ? ~(u128)0 << (128 - length) : 0;
}

static struct addr addr_of(uint8_t family, u128 v)
{
	struct addr a = {.family = family};

	for (int i = 0; i < (family == XGRE_FAMILY_4 ? 4 : 16); i++)
		a.a.b[i] = (uint8_t)(v >> (120 - 8 * i));
	return a;
}

struct item {
	u128 value;
	unsigned int length;
	uint32_t route; /* 0: not in the table */
};

struct set {
	uint8_t family;
	unsigned int bits;
	size_t n;
	struct item item[SET_MAX];
};

static struct prefix prefix_of(const struct set *s, const struct item *it)
{
	return (struct prefix){addr_of(s->family, it->value), (uint8_t)it->length};
}

/* The longest live prefix shorter than limit that holds v. */
static const struct item *naive(const struct set *s, u128 v, unsigned int limit)
{
	const struct item *best = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct item *it = &s->item[i];

		if (it->route && it->length < limit && (v & mask_of(it->length)) == it->value &&
		    (!best || it->length > best->length))
			best = it;
	}
	return best;
}

static uint32_t naive_leaf(const struct set *s, u128 v)
{
	const struct item *it = naive(s, v, 129);

	return it ? xgre_lpm_leaf(it->length, it->route) : 0;
}

static bool naive_cover(void *arg, const struct prefix *p, uint8_t *ret_length, uint32_t *ret_route)
{
	const struct item *it;
	u128 v = 0;

	for (int i = 0; i < 16; i++)
		v |= (u128)p->addr.a.b[i] << (120 - 8 * i);
	it = naive(arg, v, p->length);
	if (!it)
		return false;
	*ret_length = (uint8_t)it->length;
	*ret_route = it->route;
	return true;
}

static void set_add(struct set *s, u128 v, unsigned int length)
{
	if (length > s->bits || s->n == SET_MAX)
		return;
	v &= mask_of(length);
	for (size_t i = 0; i < s->n; i++)
		if (s->item[i].value == v && s->item[i].length == length)
			return;
	s->item[s->n++] = (struct item){.value = v, .length = length};
}

static const char *const kinds[] = {"random", "nested chain", "siblings", "borders",
				    "neighbouring hosts"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void set_fill(struct set *s, unsigned int kind)
{
	static const uint8_t border[] = {0, 1, 15, 16, 17, 23, 24, 25, 31, 32, 33, 127, 128};
	u128 base = rnd_addr(), host = (u128)1 << (128 - s->bits);

	s->n = 0;
	for (unsigned int i = 0; i < 48; i++) {
		if (kind == 0) { /* some far apart, some inside one another */
			unsigned int keep = below(s->bits + 1);
			u128 v = (base & mask_of(keep)) | (rnd_addr() & ~mask_of(keep));

			set_add(s, v, below(s->bits + 1));
		} else if (kind == 2) {
			unsigned int length = 1 + below(s->bits);

			set_add(s, base, length);
			set_add(s, base ^ ((u128)1 << (128 - length)), length);
		} else if (kind == 3) {
			unsigned int length = border[below(sizeof(border))];

			set_add(s, base ^ ((u128)below(4) << 111), length);
		} else if (kind == 4) {
			set_add(s, base + host * below(300), s->bits - below(3));
		}
	}
	if (kind == 1)
		for (unsigned int length = 0; length <= s->bits; length++)
			set_add(s, base, length);
	set_add(s, 0, 0);
}

static struct lpm *lpm_new(uint32_t nchunks)
{
	struct lpm *l = calloc(1, sizeof(*l));

	if (l) {
		l->root4 = calloc(1, sizeof(*l->root4));
		l->root6 = calloc(1, sizeof(*l->root6));
		l->chunks = calloc(nchunks, sizeof(*l->chunks));
		l->next = calloc(nchunks, sizeof(*l->next));
		l->meta = calloc(1, sizeof(*l->meta));
		l->nchunks = nchunks;
	}
	if (!l || !l->root4 || !l->root6 || !l->chunks || !l->next || !l->meta) {
		puts("Bail out! no memory");
		exit(1);
	}
	return l;
}

static void lpm_free(struct lpm *l)
{
	free(l->root4);
	free(l->root6);
	free(l->chunks);
	free(l->next);
	free(l->meta);
	free(l);
}

static bool lpm_is_empty(const struct lpm *l)
{
	for (uint32_t i = 0; i < XGRE_LPM_ROOT_ENTRIES; i++)
		if (l->root4->entry[i] || l->root6->entry[i])
			return false;
	return lpm_chunks_left(l) == l->nchunks;
}

static void withdraw(struct lpm *l, struct set *s, struct item *it)
{
	struct prefix p = prefix_of(s, it);

	it->route = 0;
	lpm_del(l, &p, naive_cover, s);
}

static bool announce(struct lpm *l, struct set *s, struct item *it, uint32_t route)
{
	struct prefix p = prefix_of(s, it);

	if (lpm_add(l, &p, route))
		return false;
	it->route = route;
	return true;
}

static uint32_t needed(const struct set *s)
{
	struct route routes[SET_MAX] = {0};
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->item[i].route)
			routes[n++].to = prefix_of(s, &s->item[i]);
	return lpm_chunks_needed(routes, n);
}

/* An address where mistakes show: at and just beyond the ends of a prefix, or inside. */
static u128 probe(const struct set *s)
{
	const struct item *it = &s->item[below((uint32_t)s->n)];
	u128 host = (u128)1 << (128 - s->bits), inside = ~mask_of(it->length);
	u128 v = rnd_addr();

	switch (below(6)) {
	case 0:
		v = it->value;
		break;
	case 1:
		v = it->value | inside;
		break;
	case 2:
		v = it->value - host;
		break;
	case 3:
		v = (it->value | inside) + host;
		break;
	case 4:
		v = it->value | (v & inside);
		break;
	}
	return v & mask_of(s->bits);
}

static unsigned int lookups_compare(const struct lpm *l, const struct set *s, unsigned int n)
{
	unsigned int bad = 0;

	while (n--) {
		u128 v = probe(s);
		struct addr a = addr_of(s->family, v);
		uint32_t got = lpm_lookup(l, &a), want = naive_leaf(s, v);
		char text[ADDR_STRLEN];

		if (got != want && !bad++)
			printf("# %s: got /%u route %u, want /%u route %u\n", addr_text(&a, text),
			       xgre_lpm_length(got), xgre_lpm_route(got), xgre_lpm_length(want),
			       xgre_lpm_route(want));
	}
	return bad;
}

/* Random adds, withdrawals and changes of route, then everything withdrawn in random order. */
static void test_against_naive(uint8_t family)
{
	struct set s = {.family = family, .bits = family == XGRE_FAMILY_4 ? 32 : 128};
	unsigned int bad[KINDS] = {0}, leaks[KINDS] = {0}, wrong[KINDS] = {0};
	struct lpm *l = lpm_new(CHUNKS);
	unsigned int kind = 0;

	for (unsigned int n = 0; n < LOOKUPS; n += ROUND, kind = (kind + 1) % KINDS) {
		set_fill(&s, kind);
		for (unsigned int i = 0; i < ROUND; i += PER_STEP) {
			struct item *it = &s.item[below((uint32_t)s.n)];

			if (it->route && below(3))
				withdraw(l, &s, it);
			else
				bad[kind] += !announce(l, &s, it, rnd_route());
			if (!below(10)) /* what is not there can be withdrawn, too */
				withdraw(l, &s, &s.item[below((uint32_t)s.n)]);
			bad[kind] += lookups_compare(l, &s, PER_STEP);
			wrong[kind] += needed(&s) != l->nchunks - lpm_chunks_left(l);
		}
		while (s.n) {
			size_t i = below((uint32_t)s.n);

			withdraw(l, &s, &s.item[i]);
			s.item[i] = s.item[--s.n];
			if (s.n)
				bad[kind] += lookups_compare(l, &s, 1);
		}
		leaks[kind] += !lpm_is_empty(l);
	}
	for (kind = 0; kind < KINDS; kind++) {
		is_int(bad[kind], 0, "IPv%u, %s: wrong answers", family, kinds[kind]);
		is_int(leaks[kind], 0, "IPv%u, %s: not empty after all was withdrawn", family,
		       kinds[kind]);
		is_int(wrong[kind], 0, "IPv%u, %s: lpm_chunks_needed is not what is in use", family,
		       kinds[kind]);
	}
	lpm_free(l);
}

/* Everything but the order of the free lists. */
struct copy {
	struct xgre_lpm_root root4, root6;
	struct xgre_lpm_chunk chunks[16];
	struct xgre_meta meta;
};

static void copy_take(const struct lpm *l, struct copy *ret)
{
	ret->root4 = *l->root4;
	ret->root6 = *l->root6;
	memcpy(ret->chunks, l->chunks, sizeof(ret->chunks));
	ret->meta = *l->meta;
}

static void test_no_space(void)
{
	static struct copy before, after;
	struct lpm *l = lpm_new(16);
	struct prefix host, wide, near, other, more;
	struct set none = {0};

	prefix_parse("2001:db8::1/128", &host); /* 14 chunks */
	prefix_parse("10.1.0.0/17", &wide);	/* 1 */
	prefix_parse("10.1.1.1/32", &near);	/* 1 beside wide, else 2 */
	prefix_parse("10.2.1.1/32", &other);	/* 2 */
	prefix_parse("10.2.0.0/16", &more);	/* none */
	is_int(lpm_add(l, &host, 3), 0, "14 of 16 chunks");
	is_int(lpm_add(l, &wide, 4), 0, "15 of 16 chunks");
	copy_take(l, &before);
	is_int(lpm_add(l, &other, 5), -ENOSPC, "two chunks wanted, one left");
	copy_take(l, &after);
	ok(!memcmp(&before, &after, sizeof(before)), "a refused add changes nothing");
	is_int(lpm_add(l, &more, 6), 0, "a prefix that needs no chunk is still taken");
	is_int(lpm_add(l, &near, 7), 0, "the last chunk can be used");
	is_int(lpm_chunks_left(l), 0, "no chunk left");
	lpm_del(l, &host, naive_cover, &none);
	is_int(lpm_chunks_left(l), 14, "waiting chunks count as left");
	ok(l->meta->chunks_wait && !l->meta->chunks_free, "freed chunks wait");
	is_int(lpm_add(l, &other, 8), 0, "waiting chunks are used when there are no others");
	ok(!l->meta->chunks_wait && l->meta->chunks_free, "the whole wait list became free");
	is_int(xgre_lpm_route(lpm_lookup(l, &other.addr)), 8, "the refused prefix is there now");
	is_int(lpm_add(l, &host, 9), -ENOSPC, "14 chunks wanted, 12 left");
	lpm_free(l);
}

static void test_reuse_waits(void)
{
	struct lpm *l = lpm_new(16);
	struct set none = {0};
	struct prefix p;

	prefix_parse("192.0.2.0/24", &p);
	lpm_add(l, &p, 3);
	lpm_del(l, &p, naive_cover, &none);
	lpm_add(l, &p, 4);
	is_int(l->meta->chunks_used, 2, "a chunk just freed is not used while there are others");
	is_int(l->chunks[0].entry[2], 0, "a late reader finds the new answer in a freed chunk");
	lpm_free(l);
}

static void test_needed(void)
{
	const uint32_t n = 100000;
	struct route *r = calloc(n, sizeof(*r));

	if (!r) {
		puts("Bail out! no memory");
		exit(1);
	}
	for (uint32_t i = 0; i < n; i++) /* neighbouring /24, in no order */
		r[i].to = (struct prefix){addr_of(XGRE_FAMILY_4, (u128)(i * 7919 % n) << 104), 24};
	is_int(lpm_chunks_needed(r, n), 391, "100000 of /24 share the chunks of 391 /16");
	is_int(lpm_chunks_needed(r, 0), 0, "no prefix needs no chunk");
	prefix_parse("::/0", &r[0].to);
	prefix_parse("0.0.0.0/0", &r[1].to);
	is_int(lpm_chunks_needed(r, 2), 0, "default routes need no chunk");
	prefix_parse("10.0.0.1/32", &r[0].to);
	prefix_parse("a00::1/128", &r[1].to);
	is_int(lpm_chunks_needed(r, 2), 16, "families share no chunks");
	free(r);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (!seed)
		seed = 1; /* 0 is where xorshift stays */
	diag("seed %llu", (unsigned long long)seed);
	test_against_naive(XGRE_FAMILY_4);
	test_against_naive(XGRE_FAMILY_6);
	test_no_space();
	test_reuse_waits();
	test_needed();
	return done();
}
