// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Addresses of tunnel devices, and the inner sources that are let in because of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "apply-internal.h"
#include "resolve.h"

/* Is the address' subnet on another device already? Then it gets no route of its own. */
static bool connected_elsewhere(const struct netaddr *addrs, size_t n, uint32_t ifindex,
				const struct prefix *p)
{
	struct prefix mine = *p;

	prefix_mask(&mine);
	for (size_t i = 0; i < n; i++) {
		struct prefix other = addrs[i].prefix;

		prefix_mask(&other);
		if (addrs[i].ifindex != ifindex && !addrs[i].noprefixroute &&
		    (prefix_covers(&other, &mine) || prefix_covers(&mine, &other)))
			return true;
	}
	return false;
}

bool prefix_list_has(const struct prefix_list *l, const struct prefix *p)
{
	for (size_t i = 0; i < l->count; i++)
		if (prefix_equal(&l->items[i], p))
			return true;
	return false;
}

bool address_is_stray(const struct netaddr *a, uint32_t ifindex, const struct tunnel *t)
{
	return a->ifindex == ifindex && a->protocol == XGRE_RTPROT &&
	       !prefix_list_has(&t->addresses, &a->prefix);
}

int addresses_set(struct run *r, const struct tunnel *t, uint32_t ifindex)
{
	struct netaddr *addrs = NULL;
	size_t n = 0;
	int err = netaddr_list(r->nl, &addrs, &n);

	for (size_t i = 0; i < t->addresses.count && !err; i++) {
		const struct prefix *p = &t->addresses.items[i];
		bool there = false;

		for (size_t j = 0; j < n; j++)
			there |= addrs[j].ifindex == ifindex && prefix_equal(&addrs[j].prefix, p);
		if (!there)
			err = netaddr_add(r->nl, ifindex, p,
					  connected_elsewhere(addrs, n, ifindex, p));
		if (err == -EEXIST)
			err = 0;
		err = err ?: fault_point();
	}
	for (size_t j = 0; j < n && !err; j++) {
		if (!address_is_stray(&addrs[j], ifindex, t))
			continue;
		err = netaddr_del(r->nl, ifindex, &addrs[j].prefix);
		if (err == -EADDRNOTAVAIL)
			err = 0;
		err = err ?: fault_point();
	}
	free(addrs);
	return err;
}

/*
 * t without the addresses whose subnet is on another device: hosts of that one
 * do not come out of the tunnel, and who claims to be one is lying.
 */
static int without_elsewhere(struct run *r, const struct tunnel *t, uint32_t ifindex,
			     struct tunnel *ret)
{
	struct netaddr *addrs = NULL;
	size_t n = 0;
	int err = netaddr_list(r->nl, &addrs, &n);

	*ret = *t;
	memset(&ret->addresses, 0, sizeof(ret->addresses));
	for (size_t i = 0; i < t->addresses.count && !err; i++)
		if (!connected_elsewhere(addrs, n, ifindex, &t->addresses.items[i]))
			err = prefix_list_add(&ret->addresses, &t->addresses.items[i]);
	free(addrs);
	return err;
}

/* The keys of t's sources; the array is the caller's. */
static int sources_want(struct run *r, const struct tunnel *t, uint32_t number, uint32_t ifindex,
			struct xgre_source_key **ret, size_t *ret_count)
{
	struct tunnel own;
	int err = without_elsewhere(r, t, ifindex, &own) ?:
		  sources_fill(&own, number, ret, ret_count);

	free(own.addresses.items);
	return err;
}

int sources_add(struct run *r, const struct tunnel *t, uint32_t number, uint32_t ifindex)
{
	struct xgre_source_key *want = NULL;
	uint32_t one = 1;
	size_t n = 0;
	int err = sources_want(r, t, number, ifindex, &want, &n);

	for (size_t i = 0; i < n && !err; i++)
		if (bpf_map_update_elem(r->st->map[MAP_sources], &want[i], &one, BPF_ANY))
			err = -errno;
	free(want);
	return err;
}

int sources_trim(struct run *r, const struct tunnel *t, uint32_t number, uint32_t ifindex)
{
	struct xgre_source_key *want = NULL, key, next;
	int map = r->st->map[MAP_sources];
	size_t n = 0;
	int err = sources_want(r, t, number, ifindex, &want, &n);
	bool more = !err && !bpf_map_get_next_key(map, NULL, &next);

	while (more) {
		bool wanted = false;

		key = next;
		more = !bpf_map_get_next_key(map, &key, &next);
		if (ntohl(key.tunnel) >> 1 != number)
			continue;
		for (size_t i = 0; i < n && !wanted; i++)
			wanted = !memcmp(&want[i], &key, sizeof(key));
		if (!wanted)
			bpf_map_delete_elem(map, &key);
	}
	free(want);
	return err;
}
