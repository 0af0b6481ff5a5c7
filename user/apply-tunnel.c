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

	if (strcmp(d->kind, "veth"))
		return false;
	/* the alias is set right after a pair is made; killed in between, the group tells */
	if (!*d->alias)
		return d->group == device_group(instance);
	device_alias(instance, "", alias);
	return !strncmp(d->alias, alias, strlen(alias));
}

/* -ENODEV: there is no complete pair. */
static int pair_get(struct run *r, const char *name, struct device_pair *ret)
{
	char peer[IFNAMSIZ], alias[64];
	int err;

	device_peer_name(r->instance, name, peer);
	device_alias(r->instance, name, alias);
	err = netdev_get(r->nl, name, &ret->dev) ?: netdev_get(r->nl, peer, &ret->peer);
	if (!err && (strcmp(ret->dev.alias, alias) || strcmp(ret->peer.alias, alias)))
		err = -ENODEV;
	return err;
}

/* The devices of a tunnel that runs; a kernel's device has no peer. */
static int devices_get(struct run *r, const struct tunnel *t, struct device_pair *ret)
{
	memset(ret, 0, sizeof(*ret));
	return t->device == DEVICE_KERNEL ? kernel_device_get(r, t->name, &ret->dev) :
					    pair_get(r, t->name, ret);
}

/* Remove the pair, or what somebody or a killed run left of it, and nobody else's device. */
static int pair_remove(struct run *r, const char *name)
{
	char peer[IFNAMSIZ];
	const char *const names[] = { name, peer };
	int err = 0;

	device_peer_name(r->instance, name, peer);
	for (int i = 0; i < 2 && !err; i++) {
		struct netdev d;

		err = netdev_get(r->nl, names[i], &d);
		if (!err && device_is_ours(&d, r->instance))
			err = netdev_del(r->nl, d.ifindex);
		if (err == -ENODEV) /* an end takes the other with it */
			err = 0;
	}
	return err;
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

/*
 * What makes one packet of what will be several, or leaves a checksum to be made
 * later: a GRE header with a checksum or a number is one finished packet's.
 */
static const char *const unfinished[] = {
	"tx-tcp-segmentation", /* and first, to be looked at */
	"tx-tcp-ecn-segmentation",
	"tx-tcp-mangleid-segmentation",
	"tx-tcp6-segmentation",
	"tx-udp-segmentation",
	"tx-sctp-segmentation",
	"tx-gso-list",
	"tx-checksum-ip-generic",
	"tx-checksum-sctp",
};

static bool wants_finished(const struct tunnel *t)
{
	return t->checksum || t->sequence;
}

/*
 * A superframe that is encapsulated already, by another tunnel or by VXLAN, cannot
 * be encapsulated again (bpf_skb_adjust_room(): EALREADY): the kernel segments it
 * before the device, as for any that does not offer to.
 */
static void device_settle(const struct tunnel *t)
{
	static const char *const off[] = {
		"tx-gre-segmentation",	   "tx-gre-csum-segmentation",
		"tx-ipxip4-segmentation",  "tx-ipxip6-segmentation",
		"tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation",
	};

	const char *dev = t->name;

	ethtool_features_set(dev, off, sizeof(off) / sizeof(off[0]), false);
	ethtool_features_set(dev, unfinished, sizeof(unfinished) / sizeof(unfinished[0]),
			     !wants_finished(t));
	/* or the kernel takes a subnet's other addresses away with its first */
	sysctl_set("net/ipv4/conf/%s/promote_secondaries", dev, 1);
}

/* The device pair, made or mended, with its program on the hidden peer. */
static int pair_set(struct run *r, const struct tunnel *t, uint32_t mtu, struct device_pair *ret)
{
	bool made;
	int err = pair_get(r, t->name, ret);

	if (err == -ENODEV) {
		err = pair_remove(r, t->name) ?: pair_make(r, t, mtu) ?: fault_point();
		err = err ?: pair_get(r, t->name, ret);
	}
	if (err)
		return err;
	peer_settle(ret->peer.name);
	device_settle(t);
	err = tc_attach(ret->peer.ifindex, r->prog.fd[PROGRAM_DEV], &made);
	if (!err && ret->dev.mtu != mtu)
		err = netdev_set_mtu(r->nl, ret->dev.ifindex, mtu);
	return err ?: fault_point();
}

static int devices_make(struct run *r, const struct tunnel *t, uint32_t mtu,
			struct device_pair *ret)
{
	if (t->device == DEVICE_KERNEL)
		return devices_get(r, t, ret);
	return pair_set(r, t, mtu, ret);
}

/* Last of all: what the kernel then routes into the device finds everything in its place. */
static int pair_up(struct run *r, const struct tunnel *t, const struct device_pair *pair,
		   bool down)
{
	if (t->device == DEVICE_KERNEL)
		return 0;
	return netdev_set_up(r->nl, pair->peer.ifindex, !down) ?:
	       netdev_set_up(r->nl, pair->dev.ifindex, true);
}

static bool has_ipv4(const struct prefix_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->items[i].addr.family == XGRE_FAMILY_4)
			return true;
	return false;
}

/* The entry of a tunnel with this pair. */
static void expected(struct run *r, size_t want, uint32_t number, const struct device_pair *pair,
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
	if (link_down(r, number))
		ret->flags |= XGRE_TUNNEL_DOWN;
	sysctl_get("net/ipv4/conf/%s/rp_filter", "all", &all);
	sysctl_get("net/ipv4/conf/%s/rp_filter", t->name, &own);
	if (all > own)
		own = all;
	/* loose is strict on a device without an address (__fib_validate_source()) */
	if (own && !has_ipv4(&t->addresses))
		own = 1;
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
		if (now[i] && bpf_map_update_elem(map, &now[i], &number, BPF_ANY))
			return -errno;
		if (was[i] && was[i] != now[0] && was[i] != now[1])
			bpf_map_delete_elem(map, &was[i]);
	}
	return 0;
}

static void entry_set(struct run *r, uint32_t number, const struct xgre_tunnel *entry)
{
	if (memcmp(entry, state_tunnel(r->st, number), sizeof(*entry)))
		state_tunnel_set(r->st, number, entry);
}

static int endpoint_set(struct run *r, const struct tunnel *t, uint32_t number)
{
	struct xgre_endpoint e;

	endpoint_fill(t, number, &e);
	return state_endpoint_set(r->st, &e);
}

int tunnel_set(struct run *r, size_t want)
{
	const struct tunnel *t = &r->want->tunnels[want];
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
	if (!state_tunnel(r->st, number)->flags) {
		/* known before there is a device, so that a killed apply can be undone */
		tunnel_fill(t, r->tunnels[want].mtu, &entry);
		state_tunnel_set(r->st, number, &entry);
	}
	link_set(r, t, number);
	err = fault_point() ?:
	      devices_make(r, t, state_link_mtu(r->st, number, r->tunnels[want].mtu), &pair);
	if (err)
		return run_fail(r, err, &t->place, "tunnel %s: making its device: %s", t->name,
				run_reason(r, err));
	err = addresses_set(r, t, pair.dev.ifindex);
	if (err)
		return run_fail(r, err, &t->place, "tunnel %s: setting its addresses: %s", t->name,
				run_reason(r, err));
	err = devices_set(r, &pair, number);
	err = err ?: sources_add(r, t, number, pair.dev.ifindex);
	if (!err) {
		expected(r, want, (uint32_t)number, &pair, &entry);
		entry.flags |= state_tunnel(r->st, number)->flags & XGRE_TUNNEL_SOURCES_ANY;
		entry_set(r, number, &entry);
		r->tunnels[want].unsettled = true;
		if (t->device == DEVICE_OWN)
			err = endpoint_set(r, t, number);
	}
	err = err ?: fault_point();
	if (err)
		return run_fail(r, err, &t->place, "tunnel %s: %s", t->name, strerror(-err));
	err = pair_up(r, t, &pair, link_down(r, number)) ?: fault_point();
	if (err)
		return run_fail(r, err, &t->place, "tunnel %s: setting its device up: %s", t->name,
				run_reason(r, err));
	return 0;
}

static int tunnel_settle(struct run *r, size_t want)
{
	const struct tunnel *t = &r->want->tunnels[want];
	int number = state_tunnel_number(r->st, t->name);
	struct device_pair pair;
	struct xgre_tunnel entry;
	int err = number < 0 ? number : devices_get(r, t, &pair);

	if (!err) {
		expected(r, want, (uint32_t)number, &pair, &entry);
		entry_set(r, number, &entry);
		err = sources_trim(r, t, number, pair.dev.ifindex);
	}
	if (!err && t->device == DEVICE_KERNEL)
		err = endpoint_set(r, t, number);
	err = err ?: fault_point();
	return err ? run_fail(r, err, &t->place, "tunnel %s: %s", t->name, strerror(-err)) : 0;
}

int tunnels_settle(struct run *r)
{
	int err = 0;

	for (size_t i = 0; i < r->want->ntunnels && !err; i++)
		if (r->tunnels[i].unsettled)
			err = tunnel_settle(r, i);
	return err;
}

void tunnel_retire(struct run *r, const char *name)
{
	int number = state_tunnel_number(r->st, name);
	struct tunnel runs = {};
	struct xgre_endpoint e;

	if (number < 0 || !(state_tunnel(r->st, number)->flags & XGRE_TUNNEL_KERNEL))
		return;
	tunnel_recall(state_tunnel(r->st, number), &runs);
	endpoint_fill(&runs, number, &e);
	state_endpoint_clear(r->st, &e);
}

bool tunnel_intact(struct run *r, const struct tunnel *have, size_t want)
{
	int number = state_tunnel_number(r->st, have->name);
	struct netaddr *addrs = NULL;
	struct xgre_tunnel entry;
	struct device_pair pair;
	size_t n = 0, found = 0;
	bool strays = false, segments;
	uint32_t id;

	if (number < 0 || devices_get(r, have, &pair) || !(pair.dev.flags & IFF_UP))
		return false;
	if (have->device == DEVICE_OWN &&
	    (!link_intact(r, have, (uint32_t)number) ||
	     !(pair.peer.flags & IFF_UP) != link_down(r, (uint32_t)number) ||
	     tc_query(pair.peer.ifindex, &id) || id != r->prog.id[PROGRAM_DEV]))
		return false;
	if (wants_finished(have) && !ethtool_feature(have->name, unfinished[0], &segments) && segments)
		return false;
	if (want != NOT_THERE) {
		expected(r, want, (uint32_t)number, &pair, &entry);
		if (pair.dev.mtu != state_link_mtu(r->st, number, entry.mtu) ||
		    memcmp(&entry, state_tunnel(r->st, number), sizeof(entry)))
			return false;
	}
	if (netaddr_list(r->nl, &addrs, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		found += addrs[i].ifindex == pair.dev.ifindex &&
			 prefix_list_has(&have->addresses, &addrs[i].prefix);
		strays |= address_is_stray(&addrs[i], pair.dev.ifindex, have);
	}
	free(addrs);
	return found == have->addresses.count && !strays;
}

int tunnel_del(struct run *r, const char *name)
{
	int number = state_tunnel_number(r->st, name);
	struct tunnel none = { .sources_mode = SOURCES_ANY };
	int err;

	if (number >= 0) {
		struct tunnel runs = {};
		struct xgre_endpoint e;

		tunnel_recall(state_tunnel(r->st, number), &runs);
		endpoint_fill(&runs, number, &e);
		state_endpoint_clear(r->st, &e);
		sources_trim(r, &none, number, 0);
	}
	err = fault_point();
	if (!err && number >= 0 && state_tunnel(r->st, number)->flags & XGRE_TUNNEL_KERNEL)
		err = kernel_device_leave(r->nl, state_tunnel(r->st, number)->ifindex);
	err = err ?: pair_remove(r, name) ?: fault_point();
	if (err)
		return run_fail(r, err, NULL, "tunnel %s: removing its device: %s", name,
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
