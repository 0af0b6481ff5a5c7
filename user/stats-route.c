// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counters of routes. There may be a million: prefixes and counters are read in
 * batches, one system call for thousands of entries.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "stats-internal.h"

#define BATCH_PREFIXES 8192
#define BATCH_BYTES    (4u << 20) /* of counters, all CPUs' */

/* A prefix and its route's number, while the counters are yet to come. */
struct entry {
	struct prefix prefix;
	uint32_t route;
};

struct entries {
	struct entry *items;
	size_t count;
	size_t room;
};

static int add_entry(struct entries *e, const struct xgre_prefix_key *key, uint32_t route)
{
	if (e->count == e->room) {
		size_t room = e->room ? 2 * e->room : 1024;
		struct entry *items = reallocarray(e->items, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		e->items = items;
		e->room = room;
	}
	prefix_from_key(key, &e->items[e->count].prefix);
	e->items[e->count++].route = route;
	return 0;
}

static int read_prefixes(const struct state *st, struct entries *ret)
{
	struct xgre_prefix_key *keys = calloc(BATCH_PREFIXES, sizeof(*keys));
	struct xgre_prefix *values = calloc(BATCH_PREFIXES, sizeof(*values));
	uint32_t place, *from = NULL; /* where the kernel goes on: a bucket of the hash table */
	bool more = true;
	int err = keys && values ? 0 : -ENOMEM;

	while (more && !err) {
		uint32_t count = BATCH_PREFIXES;

		if (bpf_map_lookup_batch(st->map[MAP_prefixes], from, &place, keys, values, &count,
					 NULL)) {
			/* ENOENT says that these are the last ones. */
			err = errno == ENOENT ? 0 : -errno;
			more = false;
		}
		for (uint32_t i = 0; i < count && !err; i++)
			if (values[i].origin != XGRE_ORIGIN_HOLE)
				err = add_entry(ret, &keys[i], values[i].route);
		from = &place;
	}
	free(keys);
	free(values);
	return err;
}

static int compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(&((const struct entry *)a)->prefix,
			      &((const struct entry *)b)->prefix);
}

static void sum_cpus(const struct xgre_route_cpu *cpu, uint32_t ncpus, struct route_counters *ret)
{
	for (uint32_t i = 0; i < ncpus; i++) {
		ret->rx.packets += cpu[i].rx.packets;
		ret->rx.bytes += cpu[i].rx.bytes;
		ret->tx.packets += cpu[i].tx.packets;
		ret->tx.bytes += cpu[i].tx.bytes;
	}
}

/* The counters of routes 0 to n - 1, by number. -ENOTSUPP and the like: no batches here. */
static int read_batched(const struct state *st, uint32_t n, struct route_counters *ret)
{
	uint32_t room = BATCH_BYTES / (st->ncpus * sizeof(struct xgre_route_cpu)) + 1;
	struct xgre_route_cpu *values = calloc((size_t)room * st->ncpus, sizeof(*values));
	uint32_t *keys = calloc(room, sizeof(*keys));
	uint32_t place, *from = NULL, done = 0;
	int err = keys && values ? 0 : -ENOMEM;

	while (done < n && !err) {
		uint32_t count = n - done < room ? n - done : room;

		if (bpf_map_lookup_batch(st->map[MAP_route_cpu], from, &place, keys, values, &count,
					 NULL) &&
		    (errno != ENOENT || !count))
			err = -errno;
		for (uint32_t i = 0; i < count && !err; i++)
			if (keys[i] < n)
				sum_cpus(&values[(size_t)i * st->ncpus], st->ncpus, &ret[keys[i]]);
		done += count;
		from = &place;
	}
	free(keys);
	free(values);
	return err;
}

static int read_counters(const struct state *st, const struct entries *e, uint32_t n,
			 struct route_counters *ret)
{
	int err = read_batched(st, n, ret);

	if (!err || err == -ENOMEM)
		return err;
	/* Per-CPU arrays have batches from kernel 5.13 on. */
	for (size_t i = 0; i < e->count; i++) {
		err = state_route_counters(st, e->items[i].route, &ret[e->items[i].route]);
		if (err)
			return err;
	}
	return 0;
}

static const char *route_tunnel(const struct state *st, uint32_t route)
{
	uint32_t tunnel = st->routes[route].tunnel;

	/* Without one the route is being removed this moment. */
	return tunnel && tunnel <= st->size.tunnels ? state_tunnel(st, tunnel - 1)->name : NULL;
}

static void fill_routes(const struct state *st, const struct entries *e,
			const struct route_counters *counters, struct stats *s)
{
	for (size_t i = 0; i < e->count; i++) {
		const char *tunnel = route_tunnel(st, e->items[i].route);
		struct stats_route *r = &s->routes[s->nroutes];

		if (!tunnel)
			continue;
		r->prefix = e->items[i].prefix;
		r->counters = counters[e->items[i].route];
		stats_name(r->tunnel, tunnel);
		s->nroutes++;
	}
}

int stats_gather_routes(const struct state *st, struct stats *s)
{
	struct route_counters *counters = NULL;
	struct entries e = {0};
	uint32_t n = 0;
	size_t kept = 0;
	int err;

	err = read_prefixes(st, &e);
	if (err)
		goto out;
	for (size_t i = 0; i < e.count; i++) {
		if (e.items[i].route >= st->size.routes)
			continue;
		if (e.items[i].route >= n)
			n = e.items[i].route + 1;
		e.items[kept++] = e.items[i];
	}
	e.count = kept;
	if (e.count)
		qsort(e.items, e.count, sizeof(*e.items), compare_prefixes);
	err = -ENOMEM;
	counters = calloc((size_t)n + 1, sizeof(*counters));
	s->routes = calloc(e.count + 1, sizeof(*s->routes));
	if (!counters || !s->routes)
		goto out;
	err = read_counters(st, &e, n, counters);
	if (!err)
		fill_routes(st, &e, counters, s);
out:
	free(counters);
	free(e.items);
	return err;
}
