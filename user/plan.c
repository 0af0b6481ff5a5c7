// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "plan.h"

static int step_add(struct plan *p, struct step s)
{
	/* room doubles at each power of two */
	if ((p->count & (p->count - 1)) == 0) {
		size_t room = p->count ? 2 * p->count : 1;
		struct step *more = realloc(p->steps, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->steps = more;
	}
	p->steps[p->count++] = s;
	return 0;
}

void plan_free(struct plan *p)
{
	free(p->steps);
	memset(p, 0, sizeof(*p));
}

static bool key_equal(const struct key *a, const struct key *b)
{
	return a->set == b->set && (!a->set || a->value == b->value);
}

static uint32_t port_changes(const struct port *a, const struct port *b)
{
	return (a->xdp != b->xdp ? CHANGE_XDP : 0) | (a->role != b->role ? CHANGE_ROLE : 0) |
	       (a->dispatcher != b->dispatcher ? CHANGE_DISPATCHER : 0) |
	       (a->unclaimed_drop != b->unclaimed_drop ? CHANGE_UNCLAIMED : 0);
}

static uint32_t tunnel_changes(const struct tunnel *a, const struct tunnel *b)
{
	uint32_t c = 0;

	if (a->device != b->device)
		c |= CHANGE_DEVICE;
	if (!addr_equal(&a->local, &b->local))
		c |= CHANGE_LOCAL;
	if (!addr_equal(&a->remote, &b->remote))
		c |= CHANGE_REMOTE;
	if (!key_equal(&a->key_in, &b->key_in) || !key_equal(&a->key_out, &b->key_out))
		c |= CHANGE_KEY;
	if (a->ttl != b->ttl)
		c |= CHANGE_TTL;
	if (a->tos != b->tos)
		c |= CHANGE_TOS;
	if (a->mtu != b->mtu)
		c |= CHANGE_MTU;
	if (a->pmtudisc != b->pmtudisc || a->ignore_df != b->ignore_df)
		c |= CHANGE_DF;
	if (a->checksum != b->checksum)
		c |= CHANGE_CHECKSUM;
	if (a->sequence != b->sequence)
		c |= CHANGE_SEQUENCE;
	if (a->keepalive_interval != b->keepalive_interval ||
	    a->keepalive_retries != b->keepalive_retries)
		c |= CHANGE_KEEPALIVE;
	if (a->fast != b->fast)
		c |= CHANGE_FAST;
	if (a->sources_mode != b->sources_mode || !prefix_list_equal(&a->sources, &b->sources))
		c |= CHANGE_SOURCES;
	if (!prefix_list_equal(&a->addresses, &b->addresses))
		c |= CHANGE_ADDRESSES;
	return c;
}

static uint32_t route_changes(const struct model *am, const struct route *a,
			      const struct model *bm, const struct route *b)
{
	uint32_t c = 0;

	if (strcmp(am->tunnels[a->tunnel].name, bm->tunnels[b->tunnel].name))
		c |= CHANGE_TUNNEL;
	if (!addr_equal(&a->via, &b->via))
		c |= CHANGE_VIA;
	if (a->metric != b->metric)
		c |= CHANGE_METRIC;
	if (a->table != b->table)
		c |= CHANGE_TABLE;
	if (a->origin != b->origin)
		c |= CHANGE_ORIGIN;
	return c;
}

/* Objects found by name or prefix: an index array sorted by it. */
struct index {
	const struct model *m;
	size_t *order;
	size_t count;
};

static int by_port(const void *a, const void *b, void *m)
{
	const struct port *p = ((const struct model *)m)->ports;

	return strcmp(p[*(const size_t *)a].name, p[*(const size_t *)b].name);
}

static int by_tunnel(const void *a, const void *b, void *m)
{
	const struct tunnel *t = ((const struct model *)m)->tunnels;

	return strcmp(t[*(const size_t *)a].name, t[*(const size_t *)b].name);
}

static int by_route(const void *a, const void *b, void *m)
{
	const struct route *r = ((const struct model *)m)->routes;

	return prefix_compare(&r[*(const size_t *)a].to, &r[*(const size_t *)b].to);
}

typedef int (*index_fn)(const void *, const void *, void *);

static int index_make(const struct model *m, size_t count, index_fn order, struct index *ret)
{
	ret->m = m;
	ret->count = count;
	ret->order = calloc(count + 1, sizeof(*ret->order));
	if (!ret->order)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		ret->order[i] = i;
	qsort_r(ret->order, count, sizeof(*ret->order), order, (void *)m);
	return 0;
}

static const char *item_name(const struct model *m, enum step_kind kind, size_t i)
{
	return kind == STEP_PORT_SET ? m->ports[i].name : m->tunnels[i].name;
}

static int item_compare(const struct model *am, size_t a, const struct model *bm, size_t b,
			enum step_kind kind)
{
	if (kind == STEP_ROUTE_SET)
		return prefix_compare(&am->routes[a].to, &bm->routes[b].to);
	return strcmp(item_name(am, kind, a), item_name(bm, kind, b));
}

static uint32_t item_changes(const struct model *am, size_t a, const struct model *bm, size_t b,
			     enum step_kind kind)
{
	switch (kind) {
	case STEP_PORT_SET:
		return port_changes(&am->ports[a], &bm->ports[b]);
	case STEP_TUNNEL_SET:
		return tunnel_changes(&am->tunnels[a], &bm->tunnels[b]);
	default:
		return route_changes(am, &am->routes[a], bm, &bm->routes[b]);
	}
}

/* Walk both sides in order; new and changed ones to set, gone ones to gone. */
static int diff(const struct index *have, const struct index *want, enum step_kind set_kind,
		enum step_kind del_kind, const bool *damaged, struct plan *set, struct plan *gone)
{
	size_t i = 0, j = 0;
	int err = 0;

	while (!err && (i < have->count || j < want->count)) {
		struct step s = { .kind = set_kind, .have = NOT_THERE, .want = NOT_THERE };
		int order;

		if (i == have->count)
			order = 1;
		else if (j == want->count)
			order = -1;
		else
			order = item_compare(have->m, have->order[i], want->m, want->order[j], set_kind);
		if (order <= 0)
			s.have = have->order[i++];
		if (order >= 0)
			s.want = want->order[j++];
		if (order < 0) {
			s.kind = del_kind;
			s.why = WHY_GONE;
			err = step_add(gone, s);
			continue;
		}
		if (order > 0) {
			s.why = WHY_NEW;
		} else {
			s.changes = item_changes(have->m, s.have, want->m, s.want, set_kind);
			s.why = s.changes ? WHY_CHANGED : WHY_DAMAGED;
			if (!s.changes && !(damaged && damaged[s.have]))
				continue;
		}
		err = step_add(set, s);
	}
	return err;
}

int plan_make(const struct model *have, const struct model *want, const struct damage *damage,
	      struct plan *ret)
{
	static const struct {
		index_fn order;
		enum step_kind set, del;
	} kinds[] = {
		{ by_port, STEP_PORT_SET, STEP_PORT_DEL },
		{ by_tunnel, STEP_TUNNEL_SET, STEP_TUNNEL_DEL },
		{ by_route, STEP_ROUTE_SET, STEP_ROUTE_DEL },
	};
	const size_t counts[][2] = {
		{ have->nports, want->nports },
		{ have->ntunnels, want->ntunnels },
		{ have->nroutes, want->nroutes },
	};
	const bool *damaged[] = {
		damage ? damage->ports : NULL,
		damage ? damage->tunnels : NULL,
		damage ? damage->routes : NULL,
	};
	struct plan gone[3] = {};
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	for (int k = 0; k < 3 && !err; k++) {
		struct index a = {}, b = {};

		err = index_make(have, counts[k][0], kinds[k].order, &a);
		err = err ?: index_make(want, counts[k][1], kinds[k].order, &b);
		err = err ?: diff(&a, &b, kinds[k].set, kinds[k].del, damaged[k], ret, &gone[k]);
		free(a.order);
		free(b.order);
	}
	for (int k = 2; k >= 0; k--) {
		for (size_t i = 0; i < gone[k].count && !err; i++)
			err = step_add(ret, gone[k].steps[i]);
		plan_free(&gone[k]);
	}
	if (err)
		plan_free(ret);
	return err;
}

int plan_merge(const struct model *have, struct model *want, bool prune)
{
	struct index in = {};
	int err;

	if (prune)
		return 0;
	err = index_make(want, want->nroutes, by_route, &in);
	for (size_t i = 0; i < have->nroutes && !err; i++) {
		const struct route *r = &have->routes[i];
		const char *name = have->tunnels[r->tunnel].name;
		const struct tunnel *t;
		struct route *copy;
		size_t low = 0, high = in.count;

		if (r->origin != XGRE_ORIGIN_RUNTIME)
			continue;
		while (low < high) { /* does the file route it? */
			size_t middle = (low + high) / 2;
			int order = prefix_compare(&want->routes[in.order[middle]].to, &r->to);

			if (order == 0)
				break;
			if (order < 0)
				low = middle + 1;
			else
				high = middle;
		}
		t = model_find_tunnel(want, name);
		if (low < high || !t)
			continue;
		copy = model_add_route(want);
		if (!copy) {
			err = -ENOMEM;
			break;
		}
		*copy = *r;
		copy->tunnel = t - want->tunnels;
	}
	free(in.order);
	return err;
}
