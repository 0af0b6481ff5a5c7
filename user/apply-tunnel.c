// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tunnels: the device pair, its program, and the map entries. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "apply-internal.h"
#include "resolve.h"

/*
 * Of the hidden peer, above every tunnel's: the tunnel device's MTU is the one
 * that counts.
 */
#define PEER_MTU 65535

struct device_pair {
	struct netdev dev;
	struct netdev peer;
};

bool device_is_ours(const struct netdev *d, const char *instance)
{
	char alias[64];

	device_alias(instance, "", alias);
	return !strcmp(d->kind, "veth") && !strncmp(d->alias, alias, strlen(alias));
}

static int pair_get(struct run *r, const char *name, struct device_pair *ret)
{
	char peer[IFNAMSIZ];

	device_peer_name(r->instance, name, peer);
	return netdev_get(r->nl, name, &ret->dev) ?: netdev_get(r->nl, peer, &ret->peer);
}

static int pair_make(struct run *r, const struct tunnel *t, uint32_t mtu)
{
	uint8_t mac[6], peer_mac[6];
	char peer[IFNAMSIZ], alias[64];
	const struct veth_spec spec = {
		.name = t->name,
		.peer = peer,
		.mac = mac,
		.peer_mac = peer_mac,
		.mtu = mtu,
		.peer_mtu = PEER_MTU,
		.group = device_group(r->instance),
		.alias = alias,
	};

	device_peer_name(r->instance, t->name, peer);
	device_alias(r->instance, t->name, alias);
	device_mac(r->instance, r->host_id, t, false, mac);
	device_mac(r->instance, r->host_id, t, true, peer_mac);
	return netdev_add_veth(r->nl, &spec);
}

/* The hidden peer is nobody's business: no IPv6 on it, but it forwards, for the outer lookup. */
static void peer_settle(const char *peer)
{
	sysctl_set("net/ipv6/conf/%s/disable_ipv6", peer, 1);
	sysctl_set("net/ipv4/conf/%s/forwarding", peer, 1);
	sysctl_set("net/ipv6/conf/%s/forwarding", peer, 1);
}

/* The device pair, made or mended, with its program on the hidden peer. */
static int pair_set(struct run *r, const struct tunnel *t, uint32_t mtu, struct device_pair *ret)
{
	bool made;
	int err = pair_get(r, t->name, ret);

	if (err == -ENODEV) {
		err = pair_make(r, t, mtu) ?: fault_point() ?: pair_get(r, t->name, ret);
		if (err)
			return err;
	}
	peer_settle(ret->peer.name);
	err = tc_attach(ret->peer.ifindex, r->prog.fd[PROGRAM_DEV], &made);
	if (!err && ret->dev.mtu != mtu)
		err = netdev_set_mtu(r->nl, ret->dev.ifindex, mtu);
	return err ?: fault_point();
}

/* Last of all: what the kernel then routes into the device finds everything in its place. */
static int pair_up(struct run *r, const struct device_pair *pair)
{
	return netdev_set_up(r->nl, pair->peer.ifindex, true) ?:
	       netdev_set_up(r->nl, pair->dev.ifindex, true);
}

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

static bool link_local(const struct prefix *p)
{
	return p->addr.family == XGRE_FAMILY_6 && p->addr.a.b[0] == 0xfe &&
	       (p->addr.a.b[1] & 0xc0) == 0x80;
}

static bool list_has(const struct prefix_list *l, const struct prefix *p)
{
	for (size_t i = 0; i < l->count; i++)
		if (prefix_equal(&l->items[i], p))
			return true;
	return false;
}

/*
 * The addresses of the configuration on the device. have: those of the
 * configuration before; what is on the device beyond both is somebody else's.
 */
static int addresses_set(struct run *r, const struct tunnel *have, const struct tunnel *t,
			 uint32_t ifindex)
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
	for (size_t j = 0; have && j < n && !err; j++) {
		const struct prefix *p = &addrs[j].prefix;

		if (addrs[j].ifindex != ifindex || link_local(p) || list_has(&t->addresses, p) ||
		    !list_has(&have->addresses, p))
			continue;
		err = netaddr_del(r->nl, ifindex, p);
		if (err == -EADDRNOTAVAIL)
			err = 0;
	}
	free(addrs);
	return err;
}

static int sources_set(struct run *r, const struct tunnel *t, uint32_t number)
{
	struct xgre_source_key *want = NULL, key, next;
	int map = r->st->map[MAP_sources];
	size_t n = 0;
	uint32_t one = 1;
	int err = sources_fill(t, number, &want, &n);

	for (size_t i = 0; i < n && !err; i++)
		if (bpf_map_update_elem(map, &want[i], &one, BPF_ANY))
			err = -errno;
	/* what this number had before, by whichever tunnel */
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

static void expected(struct run *r, size_t want, const struct device_pair *pair,
		     struct xgre_tunnel *ret)
{
	const struct tunnel *t = &r->want->tunnels[want];
	const struct tunnel_facts *f = &r->tunnels[want];
	int all = 0, own = 0;

	tunnel_fill(t, f->mtu, ret);
	ret->ifindex = pair->dev.ifindex;
	ret->peer_ifindex = pair->peer.ifindex;
	ret->port_ifindex = f->port_ifindex;
	memcpy(ret->mac, pair->dev.mac, sizeof(ret->mac));
	memcpy(ret->peer_mac, pair->peer.mac, sizeof(ret->peer_mac));
	if (f->fast)
		ret->flags |= XGRE_TUNNEL_FAST;
	sysctl_get("net/ipv4/conf/%s/rp_filter", "all", &all);
	sysctl_get("net/ipv4/conf/%s/rp_filter", t->name, &own);
	if (all > own)
		own = all;
	if (own)
		ret->flags |= own == 1 ? XGRE_TUNNEL_RPF_STRICT : XGRE_TUNNEL_RPF_LOOSE;
}

/* The number a tunnel has, or a free one with its counters at zero. */
static int number_take(struct run *r, const struct tunnel *t)
{
	int number = state_tunnel_number(r->st, t->name);
	int err;

	if (number >= 0)
		return number;
	for (uint32_t i = 0; i < r->st->size.tunnels; i++) {
		if (state_tunnel(r->st, i)->flags)
			continue;
		err = state_tunnel_reset(r->st, i);
		return err ?: (int)i;
	}
	return -ENOSPC;
}

/* The numbers of both devices, and of no device that had them before. */
static int devices_set(struct run *r, const struct device_pair *pair, uint32_t number)
{
	const struct xgre_tunnel *old = state_tunnel(r->st, number);
	const uint32_t now[] = { pair->dev.ifindex, pair->peer.ifindex };
	const uint32_t was[] = { old->ifindex, old->peer_ifindex };
	int map = r->st->map[MAP_devices];

	for (int i = 0; i < 2; i++) {
		if (bpf_map_update_elem(map, &now[i], &number, BPF_ANY))
			return -errno;
		if (was[i] && was[i] != now[0] && was[i] != now[1])
			bpf_map_delete_elem(map, &was[i]);
	}
	return 0;
}

int tunnel_set(struct run *r, const struct tunnel *have, size_t want)
{
	const struct tunnel *t = &r->want->tunnels[want];
	struct xgre_endpoint e, old;
	struct device_pair pair;
	struct xgre_tunnel entry;
	int number, err;

	number = number_take(r, t);
	if (number < 0)
		return run_fail(r, number, &t->place,
				number == -ENOSPC ? "tunnel %s: this instance was made for %u tunnels; "
						    "unload and apply make it larger" :
						    "tunnel %s: no number of %u free",
				t->name, r->st->size.tunnels);
	err = fault_point() ?: pair_set(r, t, r->tunnels[want].mtu, &pair);
	if (err)
		return run_fail(r, err, &t->place, "tunnel %s: making its device: %s", t->name,
				run_reason(r, err));
	err = addresses_set(r, have, t, pair.dev.ifindex);
	if (err)
		return run_fail(r, err, &t->place, "tunnel %s: setting its addresses: %s", t->name,
				run_reason(r, err));
	err = devices_set(r, &pair, number);
	err = err ?: sources_set(r, t, number);
	if (!err) {
		expected(r, want, &pair, &entry);
		if (memcmp(&entry, state_tunnel(r->st, number), sizeof(entry)))
			state_tunnel_set(r->st, number, &entry);
		endpoint_fill(t, number, &e);
		err = state_endpoint_set(r->st, &e);
	}
	err = err ?: fault_point();
	if (err)
		return run_fail(r, err, &t->place, "tunnel %s: %s", t->name, strerror(-err));
	err = pair_up(r, &pair);
	if (err)
		return run_fail(r, err, &t->place, "tunnel %s: setting its device up: %s", t->name,
				run_reason(r, err));
	if (have) {
		endpoint_fill(have, number, &old);
		if (memcmp(&old, &e, sizeof(e)))
			state_endpoint_clear(r->st, &old);
	}
	return fault_point();
}

bool tunnel_intact(struct run *r, const struct tunnel *have, size_t want)
{
	int number = state_tunnel_number(r->st, have->name);
	struct netaddr *addrs = NULL;
	struct xgre_tunnel entry;
	struct device_pair pair;
	size_t n = 0, found = 0;
	uint32_t id;

	if (number < 0 || pair_get(r, have->name, &pair))
		return false;
	if (!(pair.dev.flags & IFF_UP) || !(pair.peer.flags & IFF_UP))
		return false;
	if (tc_query(pair.peer.ifindex, &id) || id != r->prog.id[PROGRAM_DEV])
		return false;
	if (want != NOT_THERE) {
		expected(r, want, &pair, &entry);
		if (pair.dev.mtu != entry.mtu ||
		    memcmp(&entry, state_tunnel(r->st, number), sizeof(entry)))
			return false;
	}
	if (netaddr_list(r->nl, &addrs, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		found += addrs[i].ifindex == pair.dev.ifindex &&
			 list_has(&have->addresses, &addrs[i].prefix);
	free(addrs);
	return found == have->addresses.count;
}

int tunnel_del(struct run *r, const struct tunnel *have)
{
	int number = state_tunnel_number(r->st, have->name);
	struct xgre_endpoint e;
	struct device_pair pair;
	struct tunnel none = { .sources_mode = SOURCES_ANY };
	int err;

	if (number >= 0) {
		endpoint_fill(have, number, &e);
		state_endpoint_clear(r->st, &e);
		sources_set(r, &none, number);
	}
	err = fault_point();
	if (!err && !pair_get(r, have->name, &pair) && device_is_ours(&pair.dev, r->instance))
		err = netdev_del(r->nl, pair.dev.ifindex);
	if (err && err != -ENODEV)
		return run_fail(r, err, NULL, "tunnel %s: removing its device: %s", have->name,
				run_reason(r, err));
	if (number >= 0) {
		const uint32_t was[] = { state_tunnel(r->st, number)->ifindex,
					 state_tunnel(r->st, number)->peer_ifindex };

		for (int i = 0; i < 2; i++)
			bpf_map_delete_elem(r->st->map[MAP_devices], &was[i]);
		state_tunnel_clear(r->st, number);
	}
	return 0;
}
