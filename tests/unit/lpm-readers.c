// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A reader while the writer adds and withdraws one prefix after another: each
 * answer must be legal at that moment. Between two changes only one answer is;
 * during a change the old one and the new one are.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include "lpm.h"
#include "tap.h"

#define CHUNKS	     64 /* few, so that they are reused often */
#define PROBES_MAX   64
#define LOOKUPS	     1000000 /* at least, for each prefix */
#define FLIPS	     1000
#define TIME_LIMIT_S 30 /* for each prefix, on a machine that is busy */

static struct xgre_lpm_root root4, root6;
static struct xgre_lpm_chunk chunks[CHUNKS];
static uint32_t next[CHUNKS];
static struct xgre_meta meta;
static struct lpm table = {
	.root4 = &root4,
	.root6 = &root6,
	.chunks = chunks,
	.next = next,
	.nchunks = CHUNKS,
	.meta = &meta,
};

/* Always there; the flipped prefixes are above, between and below them. */
static const char *const fixed_text[] = {
	"0.0.0.0/0", "10.0.0.0/8",    "10.16.32.0/20",		"10.16.32.128/25",
	"::/0",	     "2001:db8::/32", "2001:db8:0:1:8000::/65",
};
static const char *const flip_text[] = {
	"10.16.0.0/12",	   "10.16.32.0/19",	"10.16.40.16/28",
	"10.16.32.129/32", "10.16.32.0/23",	"10.0.0.0/7",
	"2001:db8::/48",   "2001:db8:0:1::/64", "2001:db8:0:1::77/128",
};
#define FIXED (sizeof(fixed_text) / sizeof(fixed_text[0]))
#define FLIP  (sizeof(flip_text) / sizeof(flip_text[0]))

static struct prefix fixed[FIXED], flip[FLIP];

static struct probe {
	struct addr addr;
	uint32_t answer[2]; /* without the flipped prefix, with it */
} probes[PROBES_MAX];
static unsigned int nprobes;

static uint32_t step;	 /* even: at rest, and step / 2 % 2 says with or without */
static uint64_t lookups; /* finished ones */
static bool stop;

static uint32_t leaf_of(unsigned int i)
{
	return xgre_lpm_leaf(fixed[i].length, XGRE_ROUTE_FIRST + i);
}

static void probe_add(const struct addr *a, const struct prefix *flipped, uint32_t route)
{
	const struct prefix host = {*a, a->family == XGRE_FAMILY_4 ? 32 : 128};
	struct probe *p = &probes[nprobes++];
	uint32_t best = 0;

	for (unsigned int i = 0; i < FIXED; i++)
		if (prefix_covers(&fixed[i], &host) &&
		    (!best || fixed[i].length > xgre_lpm_length(best)))
			best = leaf_of(i);
	p->addr = *a;
	p->answer[0] = p->answer[1] = best;
	if (prefix_covers(flipped, &host) && (!best || flipped->length > xgre_lpm_length(best)))
		p->answer[1] = xgre_lpm_leaf(flipped->length, route);
}

/* First and last address of every prefix. */
static void probes_make(const struct prefix *flipped, uint32_t route)
{
	nprobes = 0;
	for (unsigned int i = 0; i < FIXED + FLIP; i++) {
		const struct prefix *p = i < FIXED ? &fixed[i] : &flip[i - FIXED];
		struct addr last = p->addr;

		for (int bit = p->length; bit < (last.family == XGRE_FAMILY_4 ? 32 : 128); bit++)
			last.a.b[bit / 8] |= 0x80 >> bit % 8;
		probe_add(&p->addr, flipped, route);
		probe_add(&last, flipped, route);
	}
}

struct findings {
	uint64_t illegal; /* neither the old answer nor the new one */
	uint64_t stale;	  /* not the answer of the state at rest */
	uint64_t seen[2]; /* answers without and with the prefix */
};

static void *reader(void *arg)
{
	struct findings *f = arg;
	unsigned int i = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		const struct probe *p = &probes[i++ % nprobes];
		uint32_t before = __atomic_load_n(&step, __ATOMIC_SEQ_CST);
		uint32_t got = lpm_lookup(&table, &p->addr);
		uint32_t after = __atomic_load_n(&step, __ATOMIC_SEQ_CST);

		if (got != p->answer[0] && got != p->answer[1])
			f->illegal++;
		else if (before == after && !(before & 1) && got != p->answer[before / 2 % 2])
			f->stale++;
		if (p->answer[0] != p->answer[1])
			__atomic_add_fetch(&f->seen[got == p->answer[1]], 1, __ATOMIC_SEQ_CST);
		__atomic_add_fetch(&lookups, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static uint64_t lookups_so_far(void)
{
	return __atomic_load_n(&lookups, __ATOMIC_SEQ_CST);
}

/*
 * membarrier(2) waits for readers in the kernel, not for this program's thread:
 * where chunks are about to be reused the writer waits for it here.
 */
static void wait_for_thread(void)
{
	uint64_t start = lookups_so_far();

	while (lookups_so_far() < start + 2)
		sched_yield();
}

static bool cover(void *arg, const struct prefix *p, uint8_t *ret_length, uint32_t *ret_route)
{
	int best = -1;

	(void)arg;
	for (unsigned int i = 0; i < FIXED; i++)
		if (fixed[i].length < p->length && prefix_covers(&fixed[i], p) &&
		    (best < 0 || fixed[i].length > fixed[best].length))
			best = (int)i;
	if (best < 0)
		return false;
	*ret_length = fixed[best].length;
	*ret_route = XGRE_ROUTE_FIRST + (uint32_t)best;
	return true;
}

/* One add can take a chunk for each level. */
static bool reuse_is_near(void)
{
	uint32_t n = CHUNKS - meta.chunks_used;

	for (uint32_t head = meta.chunks_free; head; head = next[head - 1])
		n++;
	return n < XGRE_LPM_LEVELS6;
}

static void flip_once(const struct prefix *p, uint32_t route, unsigned int *ret_failed)
{
	bool add = !(step & 2);

	if (add && reuse_is_near())
		wait_for_thread();
	__atomic_add_fetch(&step, 1, __ATOMIC_SEQ_CST);
	if (add)
		*ret_failed += lpm_add(&table, p, route) != 0;
	else
		lpm_del(&table, p, cover, NULL);
	__atomic_add_fetch(&step, 1, __ATOMIC_SEQ_CST);
}

/* On a busy machine the two threads may take turns on one CPU. */
static bool enough(unsigned int flips, const struct findings *f)
{
	return flips >= FLIPS && lookups_so_far() >= LOOKUPS &&
	       __atomic_load_n(&f->seen[0], __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&f->seen[1], __ATOMIC_SEQ_CST);
}

static void test_flip(unsigned int n)
{
	uint32_t route = XGRE_ROUTE_FIRST + FIXED + n, left = lpm_chunks_left(&table);
	unsigned int flips = 0, failed = 0;
	struct findings f = {0};
	time_t end = time(NULL) + TIME_LIMIT_S;
	pthread_t thread;

	probes_make(&flip[n], route);
	lookups = 0;
	stop = false;
	if (pthread_create(&thread, NULL, reader, &f)) {
		puts("Bail out! no thread");
		exit(1);
	}
	for (; !enough(flips, &f) && time(NULL) < end; flips += 2) {
		flip_once(&flip[n], route, &failed);
		flip_once(&flip[n], route, &failed);
	}
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	diag("%s: %u flips, %llu lookups, %llu without it, %llu with it", flip_text[n], flips,
	     (unsigned long long)lookups, (unsigned long long)f.seen[0],
	     (unsigned long long)f.seen[1]);
	is_int(f.illegal, 0, "%s: answers that are neither the old nor the new one", flip_text[n]);
	is_int(f.stale, 0, "%s: answers of another state while at rest", flip_text[n]);
	is_int(failed, 0, "%s: adds that failed", flip_text[n]);
	ok(f.seen[0] && f.seen[1], "%s: the reader saw it there and gone", flip_text[n]);
	is_int(lpm_chunks_left(&table), left, "%s: no chunk lost", flip_text[n]);
}

int main(void)
{
	plan(5 * FLIP + 1);
	for (unsigned int i = 0; i < FLIP; i++)
		prefix_parse(flip_text[i], &flip[i]);
	for (unsigned int i = 0; i < FIXED; i++) {
		prefix_parse(fixed_text[i], &fixed[i]);
		if (lpm_add(&table, &fixed[i], XGRE_ROUTE_FIRST + i))
			puts("Bail out! too few chunks for the fixed prefixes");
	}
	for (unsigned int i = 0; i < FLIP; i++)
		test_flip(i);
	is_int(meta.chunks_used, CHUNKS, "all chunks were in use at some time: they were reused");
	return done();
}
