// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Holes: what the kernel knows better than a tunnel's prefix around it. A more
 * specific kernel route, whatever it leads to, and this host's own addresses.
 * They are entries of the lookup table like routes, so one lookup finds them.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "apply-internal.h"
#include "resolve.h"

struct hole {
	struct prefix prefix;
	uint32_t route; /* XGRE_ROUTE_HOLE or XGRE_ROUTE_LOCAL */
};

static int hole_compare(const void *a, const void *b)
{
	return prefix_compare(&((const struct hole *)a)->prefix, &((const struct hole *)b)->prefix);
}

/* Number of the route of a tunnel around p, shorter ones only; 0 where there is none. */
static uint32_t route_around(const struct run *r, const struct prefix *p)
{
	struct prefix shorter = *p;
	struct xgre_prefix v;

	while (shorter.length > 0) {
		shorter.length--;
		prefix_mask(&shorter);
		if (!state_prefix_get(r->st, &shorter, &v) && v.route >= XGRE_ROUTE_FIRST)
			return v.route;
	}
	return 0;
}

/* What a kernel route means for the table: 0 nothing, else the hole's route number. */
static uint32_t hole_route(const struct run *r, const struct netroute *k)
{
	struct xgre_prefix v;
	uint32_t around;

	if (k->protocol == XGRE_RTPROT && k->type == RTN_UNREACHABLE)
		return 0;
	/* a tunnel's prefix is the tunnel's, even where another route stands beside it */
	if (!state_prefix_get(r->st, &k->to, &v) && v.route >= XGRE_ROUTE_FIRST)
		return 0;
	if (k->table == RT_TABLE_LOCAL && k->type == RTN_LOCAL)
		return XGRE_ROUTE_LOCAL;
	if (k->table != RT_TABLE_LOCAL && k->table != RT_TABLE_MAIN)
		return 0; /* rules lead there, and with rules the fast path is off */
	around = k->to.length ? route_around(r, &k->to) : 0;
	if (!around)
		return 0;
	/* the same way as around it is no exception: the subnet of a tunnel's address, say */
	if (k->type == RTN_UNICAST &&
	    k->oif == state_tunnel(r->st, r->st->routes[around].tunnel - 1)->ifindex)
		return 0;
	return XGRE_ROUTE_HOLE;
}

static int holes_find(struct run *r, struct hole **ret, size_t *ret_count)
{
	struct netroute *routes = NULL;
	struct netaddr *addrs = NULL;
	struct hole *holes = NULL;
	size_t n = 0, naddrs = 0, count = 0;
	int err;

	err = netroute_list(r->nl, 0, true, &routes, &n);
	err = err ?: netaddr_list(r->nl, &addrs, &naddrs);
	if (err)
		goto out;
	holes = calloc(n + naddrs + 1, sizeof(*holes));
	if (!holes) {
		err = -ENOMEM;
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t route = hole_route(r, &routes[i]);

		if (!route)
			continue;
		holes[count].prefix = routes[i].to;
		holes[count++].route = route;
	}
	/* A new IPv6 address gets its route some time after; the same address twice does no harm. */
	for (size_t i = 0; i < naddrs; i++) {
		struct prefix own = addrs[i].prefix;
		struct xgre_prefix v;

		own.length = own.addr.family == XGRE_FAMILY_4 ? 32 : 128;
		if (!state_prefix_get(r->st, &own, &v) && v.route >= XGRE_ROUTE_FIRST)
			continue;
		holes[count].prefix = own;
		holes[count++].route = XGRE_ROUTE_LOCAL;
	}
	qsort(holes, count, sizeof(*holes), hole_compare);
	*ret = holes;
	*ret_count = count;
out:
	free(routes);
	free(addrs);
	return err;
}

/* Holes in the truth that are no longer ones. */
static int holes_remove(struct run *r, const struct hole *holes, size_t n)
{
	struct xgre_prefix_key key, next;
	int map = r->st->map[MAP_prefixes];
	bool more = !bpf_map_get_next_key(map, NULL, &next);

	while (more) {
		struct xgre_prefix v;
		struct hole h = {};

		key = next;
		more = !bpf_map_get_next_key(map, &key, &next);
		if (bpf_map_lookup_elem(map, &key, &v) || v.origin != XGRE_ORIGIN_HOLE)
			continue;
		prefix_from_key(&key, &h.prefix);
		if (!bsearch(&h, holes, n, sizeof(*holes), hole_compare))
			state_prefix_del(r->st, &h.prefix);
	}
	return 0;
}

/* The filter of own addresses, by the same holes. Whole words: a reader sees the old or the new. */
static void locals_update(struct run *r, const struct hole *holes, size_t n)
{
	uint64_t words[XGRE_LOCALS_WORDS] = {};

	for (size_t i = 0; i < n; i++)
		if (holes[i].route == XGRE_ROUTE_LOCAL)
			locals_add(words, &holes[i].prefix);
	for (size_t i = 0; i < XGRE_LOCALS_WORDS; i++)
		__atomic_store_n(&r->st->meta->locals[i], words[i], __ATOMIC_RELAXED);
}

int holes_update(struct run *r)
{
	struct hole *holes = NULL;
	size_t n = 0;
	int err = holes_find(r, &holes, &n);

	for (size_t i = 0; i < n && !err; i++) {
		struct xgre_prefix v;

		if (!state_prefix_get(r->st, &holes[i].prefix, &v) && v.route == holes[i].route)
			continue;
		v = (struct xgre_prefix){ .route = holes[i].route, .origin = XGRE_ORIGIN_HOLE };
		err = state_prefix_set(r->st, &holes[i].prefix, &v);
	}
	err = err ?: holes_remove(r, holes, n);
	if (!err)
		locals_update(r, holes, n);
	free(holes);
	return err ? run_fail(r, err, NULL, "computing holes: %s", run_reason(r, err)) : 0;
}
