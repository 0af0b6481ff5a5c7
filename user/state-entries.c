// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Single entries of the maps, written in the order that programs reading them
 * at the same time need.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "resolve.h"
#include "state-internal.h"

#define PUBLISH(where, value) __atomic_store_n(&(where), value, __ATOMIC_RELEASE)

void state_sync(void)
{
	/* synchronize_rcu() in the kernel; programs run under RCU */
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(50000);
}

/* Before a place is written that programs may still be reading. */
static void settle(struct state *st)
{
	if (st->unsettled)
		state_sync();
	st->unsettled = false;
}

const struct xgre_tunnel *state_tunnel(const struct state *st, uint32_t number)
{
	const struct xgre_tunnel_slot *s = &st->tunnels[number];

	return &s->copy[s->current & 1];
}

int state_tunnel_number(const struct state *st, const char *name)
{
	for (uint32_t i = 0; i < st->size.tunnels; i++)
		if (state_tunnel(st, i)->flags && !strcmp(state_tunnel(st, i)->name, name))
			return i;
	return -ENOENT;
}

int state_port_number(const struct state *st, const char *name)
{
	for (uint32_t i = 0; i < XGRE_PORTS_MAX; i++)
		if (st->ports[i].flags & XGRE_PORT_USED && !strcmp(st->ports[i].name, name))
			return i;
	return -ENOENT;
}

void state_tunnel_set(struct state *st, uint32_t number, const struct xgre_tunnel *t)
{
	struct xgre_tunnel_slot *s = &st->tunnels[number];
	uint32_t other = !s->current;

	settle(st);
	s->copy[other] = *t;
	PUBLISH(s->current, other);
	if (s->copy[!other].flags) /* in the hands of readers until a moment ago */
		st->unsettled = true;
}

void state_tunnel_clear(struct state *st, uint32_t number)
{
	struct xgre_tunnel_slot *s = &st->tunnels[number];

	/* both: the other one is from before the last change */
	PUBLISH(s->copy[0].flags, 0);
	PUBLISH(s->copy[1].flags, 0);
	st->unsettled = true;
}

static bool endpoint_same(const struct xgre_endpoint *a, const struct xgre_endpoint *b)
{
	return !memcmp(&a->local, &b->local, sizeof(a->local)) &&
	       !memcmp(&a->remote, &b->remote, sizeof(a->remote)) && a->key == b->key &&
	       a->family == b->family && a->has_key == b->has_key;
}

static void pair_of(const struct xgre_endpoint *e, struct xgre_pair *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->local = e->local;
	ret->remote = e->remote;
	ret->family = e->family;
}

/* Is the slow path of an endpoint's tunnel the kernel's device, which gets its fragments, too? */
static bool is_kernels(const struct state *st, const struct xgre_endpoint *e)
{
	return e->tunnel && e->tunnel <= st->size.tunnels &&
	       state_tunnel(st, e->tunnel - 1)->flags & XGRE_TUNNEL_KERNEL;
}

/*
 * Where the map is full, the pair's fragments are left to the kernel. A pair stays
 * until state_sweep(): meanwhile xgred hands what it makes of them to the programs,
 * which no longer claim it.
 */
static void pair_set(const struct state *st, const struct xgre_endpoint *e)
{
	struct xgre_pair pair;
	uint32_t value = 0;

	pair_of(e, &pair);
	if (is_kernels(st, e))
		bpf_map_delete_elem(st->map[MAP_pairs], &pair);
	else
		bpf_map_update_elem(st->map[MAP_pairs], &pair, &value, BPF_ANY);
}

uint32_t state_link_mtu(const struct state *st, uint32_t number, uint32_t mtu)
{
	const struct xgre_link *l = &st->links[number];
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	if (!l->mtu || l->mtu >= mtu || (uint64_t)now.tv_sec >= l->mtu_until)
		return mtu;
	return l->mtu;
}

void state_link_reset(const struct state *st, uint32_t number)
{
	struct xgre_link *l = &st->links[number];

	l->mtu = 0;
	l->state = XGRE_LINK_UP;
}

int state_endpoint_set(struct state *st, const struct xgre_endpoint *e)
{
	uint32_t h = xgre_endpoint_hash(&e->local, &e->remote, e->key);
	struct xgre_endpoint *place = NULL;

	pair_set(st, e);
	for (uint32_t i = 0; i < XGRE_PROBES; i++) {
		struct xgre_endpoint *p = &st->endpoints[(h + i) & (st->nendpoints - 1)];

		if (p->tunnel && endpoint_same(p, e)) {
			PUBLISH(p->tunnel, e->tunnel);
			return 0;
		}
		if (!p->tunnel && !place)
			place = p;
	}
	if (!place)
		return -ENOSPC;
	settle(st);
	memcpy(place, e, offsetof(struct xgre_endpoint, tunnel));
	PUBLISH(place->tunnel, e->tunnel);
	return 0;
}

int state_endpoint_find(const struct state *st, const struct xgre_endpoint *e)
{
	uint32_t h = xgre_endpoint_hash(&e->local, &e->remote, e->key);

	for (uint32_t i = 0; i < XGRE_PROBES; i++) {
		const struct xgre_endpoint *p = &st->endpoints[(h + i) & (st->nendpoints - 1)];
		uint32_t tunnel = p->tunnel;

		if (tunnel && endpoint_same(p, e))
			return (int)tunnel - 1;
	}
	return -ENOENT;
}

void state_endpoint_clear(struct state *st, const struct xgre_endpoint *e)
{
	uint32_t h = xgre_endpoint_hash(&e->local, &e->remote, e->key);

	for (uint32_t i = 0; i < XGRE_PROBES; i++) {
		struct xgre_endpoint *p = &st->endpoints[(h + i) & (st->nendpoints - 1)];

		/* Not another tunnel's, which may have taken the endpoints over. */
		if (!p->tunnel || p->tunnel != e->tunnel || !endpoint_same(p, e))
			continue;
		PUBLISH(p->tunnel, 0);
		st->unsettled = true;
		return;
	}
}

static void endpoints_sweep(struct state *st)
{
	for (uint32_t i = 0; i < st->nendpoints; i++) {
		struct xgre_endpoint *p = &st->endpoints[i], e;
		const struct xgre_tunnel *t;
		struct tunnel runs = {};

		if (!p->tunnel)
			continue;
		t = p->tunnel <= st->size.tunnels ? state_tunnel(st, p->tunnel - 1) : NULL;
		if (t && t->flags) {
			tunnel_recall(t, &runs);
			endpoint_fill(&runs, p->tunnel - 1, &e);
			if (endpoint_same(p, &e))
				continue;
		}
		PUBLISH(p->tunnel, 0);
		st->unsettled = true;
	}
}

static int pair_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct xgre_pair));
}

/* The pairs of one kind of endpoints, in order; the array is the caller's. */
static struct xgre_pair *pairs_list(const struct state *st, bool kernels, size_t *ret_count)
{
	struct xgre_pair *pairs = calloc(st->nendpoints, sizeof(*pairs));
	size_t n = 0;

	for (uint32_t i = 0; pairs && i < st->nendpoints; i++)
		if (st->endpoints[i].tunnel && is_kernels(st, &st->endpoints[i]) == kernels)
			pair_of(&st->endpoints[i], &pairs[n++]);
	if (n)
		qsort(pairs, n, sizeof(*pairs), pair_compare);
	*ret_count = n;
	return pairs;
}

/* Pairs that no endpoint has any more, and those that the kernel's devices have as well. */
static void pairs_sweep(struct state *st)
{
	int map = st->map[MAP_pairs];
	struct xgre_pair key, next;
	size_t n, nkernels;
	struct xgre_pair *used = pairs_list(st, false, &n);
	struct xgre_pair *kernels = pairs_list(st, true, &nkernels);
	bool more = used && kernels && !bpf_map_get_next_key(map, NULL, &next);

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(map, &key, &next);
		if (!bsearch(&key, used, n, sizeof(*used), pair_compare) ||
		    bsearch(&key, kernels, nkernels, sizeof(*kernels), pair_compare))
			bpf_map_delete_elem(map, &key);
	}
	free(used);
	free(kernels);
}

static void routes_sweep(struct state *st)
{
	bool *used = calloc(st->size.routes, sizeof(*used));
	struct xgre_prefix_key key, next;
	int map = st->map[MAP_prefixes];
	bool more = used && !bpf_map_get_next_key(map, NULL, &next);

	for (; more; more = !bpf_map_get_next_key(map, &key, &next)) {
		struct xgre_prefix v;

		key = next;
		if (!bpf_map_lookup_elem(map, &key, &v) && v.route < st->size.routes)
			used[v.route] = true;
	}
	for (uint32_t i = XGRE_ROUTE_FIRST; used && i < st->size.routes; i++)
		if (!used[i])
			st->routes[i].tunnel = 0;
	free(used);
}

void state_sweep(struct state *st, bool routes)
{
	endpoints_sweep(st);
	pairs_sweep(st);
	if (routes)
		routes_sweep(st);
}

static uint32_t tag_key(const struct xgre_port *p)
{
	uint32_t key = 0;

	for (int i = 0; i < p->tags && i < 2; i++)
		key |= (uint32_t)__builtin_bswap16(p->tag[i][1]) << (i ? 0 : 16);
	return key;
}

static int slot_set(struct state *st, uint32_t ifindex, uint32_t tags, uint32_t number)
{
	uint32_t h = xgre_port_hash(ifindex, tags);
	struct xgre_port_slot *place = NULL;

	for (uint32_t i = 0; i < XGRE_PROBES; i++) {
		struct xgre_port_slot *s = &st->port_slots[(h + i) & (XGRE_PORT_SLOTS - 1)];

		if (s->ifindex == ifindex && s->tags == tags) {
			PUBLISH(s->port, number);
			return 0;
		}
		if (!s->ifindex && !place)
			place = s;
	}
	if (!place)
		return -ENOSPC;
	settle(st);
	place->tags = tags;
	place->port = number;
	PUBLISH(place->ifindex, ifindex);
	return 0;
}

static void slots_clear(struct state *st, uint32_t number)
{
	for (uint32_t i = 0; i < XGRE_PORT_SLOTS; i++) {
		struct xgre_port_slot *s = &st->port_slots[i];

		if (!s->ifindex || s->port != number)
			continue;
		PUBLISH(s->ifindex, 0);
		st->unsettled = true;
	}
}

int state_port_set(struct state *st, uint32_t number, const struct xgre_port *p)
{
	struct xgre_port *e = &st->ports[number];
	struct bpf_devmap_val dev = { .ifindex = p->lower };
	int err;

	if (e->flags && (e->ifindex != p->ifindex || e->lower != p->lower || e->tags != p->tags ||
			 memcmp(e->tag, p->tag, sizeof(e->tag)))) {
		PUBLISH(e->flags, 0);
		slots_clear(st, number);
	}
	/* Before packets can be sent by the port, it must be in the devmap. */
	if (bpf_map_update_elem(st->map[MAP_devmap], &number, &dev, 0))
		return -errno;
	if (!e->flags)
		settle(st);
	memcpy((char *)e + sizeof(e->flags), (const char *)p + sizeof(p->flags),
	       sizeof(*p) - sizeof(p->flags));
	PUBLISH(e->flags, p->flags);
	err = slot_set(st, p->ifindex, 0, number);
	if (!err && p->tags)
		err = slot_set(st, p->lower, tag_key(p), number);
	return err;
}

void state_port_clear(struct state *st, uint32_t number)
{
	PUBLISH(st->ports[number].flags, 0);
	slots_clear(st, number);
	bpf_map_delete_elem(st->map[MAP_devmap], &number);
	st->unsettled = true;
}

void prefix_to_key(const struct prefix *p, struct xgre_prefix_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->family = p->addr.family;
	ret->length = p->length;
	ret->addr = p->addr.a;
}

void prefix_from_key(const struct xgre_prefix_key *k, struct prefix *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->addr.family = k->family;
	ret->addr.a = k->addr;
	ret->length = k->length;
}

int state_prefix_get(const struct state *st, const struct prefix *p, struct xgre_prefix *ret)
{
	struct xgre_prefix_key key;

	prefix_to_key(p, &key);
	return bpf_map_lookup_elem(st->map[MAP_prefixes], &key, ret) ? -errno : 0;
}

int state_prefix_set(struct state *st, const struct prefix *p, const struct xgre_prefix *v)
{
	struct xgre_prefix_key key;
	int err;

	prefix_to_key(p, &key);
	/* The truth first: killed between the two, the next apply fills the table from it. */
	if (bpf_map_update_elem(st->map[MAP_prefixes], &key, v, BPF_ANY))
		return -errno;
	err = lpm_add(&st->lpm, p, v->route);
	if (err)
		bpf_map_delete_elem(st->map[MAP_prefixes], &key);
	return err;
}

/* The longest prefix of the truth that is shorter than p and covers it. */
static bool prefix_cover(void *arg, const struct prefix *p, uint8_t *ret_length,
			 uint32_t *ret_route)
{
	const struct state *st = arg;
	struct prefix shorter = *p;

	while (shorter.length > 0) {
		struct xgre_prefix v;

		shorter.length--;
		prefix_mask(&shorter);
		if (state_prefix_get(st, &shorter, &v))
			continue;
		*ret_length = shorter.length;
		*ret_route = v.route;
		return true;
	}
	return false;
}

int state_prefix_del(struct state *st, const struct prefix *p)
{
	struct xgre_prefix_key key;

	prefix_to_key(p, &key);
	/* The table first: killed between the two, the next apply finds the prefix and goes on. */
	lpm_del(&st->lpm, p, prefix_cover, st);
	return bpf_map_delete_elem(st->map[MAP_prefixes], &key) ? -errno : 0;
}
