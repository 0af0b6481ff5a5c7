// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fills the flat lookup table of include/xgre/lpm.h.
 *
 * One writer at a time (the instance's lock), any number of readers that take
 * no lock. What a reader can see changes by one release store of one word. A
 * writer that dies half way leaves at worst chunks that nobody uses: they are
 * taken off the accounts before they are published, and put back after they
 * are unpublished.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/membarrier.h>
#include "lpm.h"

#define GRACE_FALLBACK_US 50000

/* Level 0 is the root; a chunk of level n is indexed by byte n + 1 of the address. */
static unsigned int bits_through(unsigned int level)
{
	return XGRE_LPM_ROOT_BITS + XGRE_LPM_CHUNK_BITS * level;
}

static unsigned int level_of(uint8_t length)
{
	if (length <= XGRE_LPM_ROOT_BITS)
		return 0;
	return (length - XGRE_LPM_ROOT_BITS + XGRE_LPM_CHUNK_BITS - 1) / XGRE_LPM_CHUNK_BITS;
}

static uint32_t index_at(const struct addr *a, unsigned int level)
{
	return level ? a->a.b[level + 1] : (uint32_t)a->a.b[0] << 8 | a->a.b[1];
}

static uint32_t *root_of(const struct lpm *l, uint8_t family)
{
	return family == XGRE_FAMILY_4 ? l->root4->entry : l->root6->entry;
}

static uint32_t *chunk_of(const struct lpm *l, uint32_t entry)
{
	return l->chunks[entry & XGRE_LPM_CHUNK_MASK].entry;
}

static void publish(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Length of a free list, counted up to max. */
static uint32_t list_length(const struct lpm *l, uint32_t head, uint32_t max)
{
	uint32_t n = 0;

	for (; head && n < max; head = l->next[head - 1])
		n++;
	return n;
}

static bool chunks_available(const struct lpm *l, uint32_t wanted)
{
	uint32_t n = l->nchunks - l->meta->chunks_used;

	if (n < wanted)
		n += list_length(l, l->meta->chunks_free, wanted - n);
	if (n < wanted)
		n += list_length(l, l->meta->chunks_wait, wanted - n);
	return n >= wanted;
}

/*
 * Wait until no BPF program that started before is still running. The global
 * membarrier is a synchronize_rcu(), but the kernel leaves that out on a single
 * CPU and refuses the call where nohz_full is in use.
 */
static void wait_for_readers(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1 &&
	    syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0)
		return;
	usleep(GRACE_FALLBACK_US);
}

/* The whole wait list becomes the free list, which is empty. */
static void chunks_reclaim(struct lpm *l)
{
	uint32_t head = l->meta->chunks_wait;

	wait_for_readers();
	publish(&l->meta->chunks_wait, 0);
	publish(&l->meta->chunks_free, head);
}

/* chunks_available() has said that there is one. */
static uint32_t chunk_take(struct lpm *l)
{
	uint32_t n;

	if (!l->meta->chunks_free && l->meta->chunks_used >= l->nchunks)
		chunks_reclaim(l);
	if (l->meta->chunks_free) {
		n = l->meta->chunks_free - 1;
		publish(&l->meta->chunks_free, l->next[n]);
	} else {
		n = l->meta->chunks_used;
		publish(&l->meta->chunks_used, n + 1);
	}
	return n;
}

static void chunk_give_back(struct lpm *l, uint32_t n)
{
	publish(&l->next[n], l->meta->chunks_wait);
	publish(&l->meta->chunks_wait, n + 1);
}

/* Every leaf below these n entries whose length is in [shortest, longest] becomes leaf. */
static void repaint(struct lpm *l, uint32_t *table, uint32_t n, uint32_t shortest, uint32_t longest,
		    uint32_t leaf)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t old = table[i];

		if (old & XGRE_LPM_CHUNK)
			repaint(l, chunk_of(l, old), XGRE_LPM_CHUNK_ENTRIES, shortest, longest,
				leaf);
		else if (xgre_lpm_length(old) >= shortest && xgre_lpm_length(old) <= longest &&
			 old != leaf)
			publish(&table[i], leaf);
	}
}

/* The entries of p in a table of its own level: the first, and how many. */
static uint32_t *range_of(uint32_t *table, const struct prefix *p, uint32_t *ret_n)
{
	unsigned int level = level_of(p->length);

	*ret_n = 1u << (bits_through(level) - p->length);
	return &table[index_at(&p->addr, level) & ~(*ret_n - 1)];
}

/* A chunk of leaves that nobody sees yet: leaf for p, cover for the rest. */
static uint32_t chunk_build(struct lpm *l, const struct prefix *p, unsigned int level,
			    uint32_t below, uint32_t cover)
{
	uint32_t number = chunk_take(l), n = 1;
	uint32_t *table = l->chunks[number].entry;
	uint32_t *first = &table[index_at(&p->addr, level)];

	for (uint32_t i = 0; i < XGRE_LPM_CHUNK_ENTRIES; i++)
		table[i] = cover;
	if (level == level_of(p->length))
		first = range_of(table, p, &n);
	while (n--)
		*first++ = below;
	return XGRE_LPM_CHUNK | number;
}

int lpm_add(struct lpm *l, const struct prefix *p, uint32_t route)
{
	uint32_t entry = xgre_lpm_leaf(p->length, route), cover, n, *first, *slot = NULL;
	unsigned int last = level_of(p->length), level;
	uint32_t *table = root_of(l, p->addr.family);

	for (level = 0; level < last; level++) {
		slot = &table[index_at(&p->addr, level)];
		if (!(*slot & XGRE_LPM_CHUNK))
			break;
		table = chunk_of(l, *slot);
	}
	if (level == last) {
		first = range_of(table, p, &n);
		repaint(l, first, n, 0, p->length, entry);
		return 0;
	}
	if (!chunks_available(l, last - level))
		return -ENOSPC;
	/* From the deepest chunk up, so that one store publishes them all. */
	cover = *slot;
	for (unsigned int i = last; i > level; i--)
		entry = chunk_build(l, p, i, entry, cover);
	publish(slot, entry);
	return 0;
}

/* All entries are one leaf, and its length puts it above a chunk of this level. */
static bool chunk_is_spare(const uint32_t *table, unsigned int level)
{
	if (table[0] & XGRE_LPM_CHUNK || xgre_lpm_length(table[0]) > bits_through(level - 1))
		return false;
	for (uint32_t i = 1; i < XGRE_LPM_CHUNK_ENTRIES; i++)
		if (table[i] != table[0])
			return false;
	return true;
}

void lpm_del(struct lpm *l, const struct prefix *p, lpm_cover_fn cover, void *arg)
{
	uint32_t *slots[XGRE_LPM_LEVELS6 + 1];
	uint32_t *table = root_of(l, p->addr.family), *first, n, route, leaf = 0;
	unsigned int last = level_of(p->length), level;
	uint8_t length;

	for (level = 0; level < last; level++) {
		slots[level] = &table[index_at(&p->addr, level)];
		if (!(*slots[level] & XGRE_LPM_CHUNK))
			break;
		table = chunk_of(l, *slots[level]);
	}
	if (level == last) {
		if (cover(arg, p, &length, &route))
			leaf = xgre_lpm_leaf(length, route);
		first = range_of(table, p, &n);
		repaint(l, first, n, p->length, p->length, leaf);
	}
	/*
	 * Withdrawing p can empty only the chunks on the way to it: one beside or
	 * below still holds the longer prefix that it was made for. Also where p
	 * was not found, which mends what a writer that died here left behind.
	 */
	for (; level > 0; level--) {
		uint32_t entry = *slots[level - 1];

		table = chunk_of(l, entry);
		if (!chunk_is_spare(table, level))
			break;
		publish(slots[level - 1], table[0]);
		chunk_give_back(l, entry & XGRE_LPM_CHUNK_MASK);
	}
}

uint32_t lpm_lookup(const struct lpm *l, const struct addr *a)
{
	const uint32_t *table = root_of(l, a->family);
	unsigned int last = a->family == XGRE_FAMILY_4 ? XGRE_LPM_LEVELS4 : XGRE_LPM_LEVELS6;
	uint32_t entry = __atomic_load_n(&table[index_at(a, 0)], __ATOMIC_ACQUIRE);

	for (unsigned int level = 1; entry & XGRE_LPM_CHUNK && level <= last; level++) {
		table = chunk_of(l, entry);
		entry = __atomic_load_n(&table[index_at(a, level)], __ATOMIC_ACQUIRE);
	}
	return entry;
}

static int compare_for_qsort(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static bool same_bits(const struct addr *a, const struct addr *b, unsigned int bits)
{
	/* The chunks' borders are whole bytes. */
	return a->family == b->family && !memcmp(a->a.b, b->a.b, bits / 8);
}

uint32_t lpm_chunks_needed(const struct route *routes, size_t n)
{
	const struct addr *counted[XGRE_LPM_LEVELS6 + 1] = {0};
	struct prefix *sorted = calloc(n ? n : 1, sizeof(*sorted));
	uint64_t needed = 0;

	for (size_t i = 0; i < n; i++) {
		if (sorted)
			sorted[i] = routes[i].to;
		else /* without memory: as if no two prefixes shared a chunk */
			needed += level_of(routes[i].to.length);
	}
	if (!sorted)
		goto out;
	/* In order, the prefixes below one chunk stand together. */
	qsort(sorted, n, sizeof(*sorted), compare_for_qsort);
	for (size_t i = 0; i < n; i++) {
		const struct addr *a = &sorted[i].addr;

		for (unsigned int level = level_of(sorted[i].length); level > 0; level--) {
			if (counted[level] && same_bits(counted[level], a, bits_through(level - 1)))
				break;
			counted[level] = a;
			needed++;
		}
	}
out:
	free(sorted);
	return needed < UINT32_MAX ? (uint32_t)needed : UINT32_MAX;
}

uint32_t lpm_chunks_left(const struct lpm *l)
{
	uint32_t left = l->nchunks - l->meta->chunks_used;

	left += list_length(l, l->meta->chunks_free, l->nchunks);
	left += list_length(l, l->meta->chunks_wait, l->nchunks);
	return left;
}
