// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Routes: in the lookup table, and in the kernel beside it. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "apply-internal.h"
#include "resolve.h"

/*
 * Metric of the unreachable route under each prefix: larger than anybody's, and
 * another for each instance.
 */
uint32_t unreachable_metric(const char *instance)
{
	return 0xff000000u | (device_group(instance) & 0xffff);
}

static void kernel_route(const struct route *route, uint32_t ifindex, struct netroute *ret)
{
	*ret = (struct netroute){
		.to = route->to,
		.type = RTN_UNICAST,
		.protocol = XGRE_RTPROT,
		.table = route->table ? route->table : RT_TABLE_MAIN,
		.oif = ifindex,
		.via = route->via,
		.metric = route->metric,
		/* a tunnel device has no subnet that via could be in */
		.onlink = route->via.family,
	};
}

static void kernel_unreachable(const struct run *r, const struct route *route, struct netroute *ret)
{
	*ret = (struct netroute){
		.to = route->to,
		.type = RTN_UNREACHABLE,
		.protocol = XGRE_RTPROT,
		.table = route->table ? route->table : RT_TABLE_MAIN,
		.metric = unreachable_metric(r->instance),
	};
}

static int route_number_take(struct run *r)
{
	uint32_t n = r->st->size.routes;

	if (r->next_route < XGRE_ROUTE_FIRST)
		r->next_route = XGRE_ROUTE_FIRST;
	for (uint32_t i = XGRE_ROUTE_FIRST; i < n; i++) {
		uint32_t number = r->next_route;

		r->next_route = number + 1 < n ? number + 1 : XGRE_ROUTE_FIRST;
		if (!r->st->routes[number].tunnel)
			return state_route_reset(r->st, number) ?: (int)number;
	}
	return -ENOSPC;
}

/* Routes of the kernel as they were when this run looked, in order of prefix. */
static int kernel_compare(const void *a, const void *b)
{
	return prefix_compare(&((const struct netroute *)a)->to, &((const struct netroute *)b)->to);
}

static int kernel_read(struct run *r)
{
	int err;

	free(r->kernel);
	r->kernel = NULL;
	r->nkernel = 0;
	err = netroute_list(r->nl, 0, false, &r->kernel, &r->nkernel);
	if (!err && r->nkernel)
		qsort(r->kernel, r->nkernel, sizeof(*r->kernel), kernel_compare);
	return err;
}

/* Do two routes of a prefix exclude each other? */
static bool kernel_same_place(const struct netroute *a, const struct netroute *b)
{
	/* IPv6 has 1024 where nothing was said (IP6_RT_PRIO_USER) */
	uint32_t unsaid = a->to.addr.family == XGRE_FAMILY_6 ? 1024 : 0;

	return a->table == b->table &&
	       (a->metric ? a->metric : unsaid) == (b->metric ? b->metric : unsaid);
}

static bool kernel_same(const struct netroute *a, const struct netroute *b)
{
	/* an IPv6 reject route shows the loopback device */
	return kernel_same_place(a, b) && a->type == b->type &&
	       (a->type == RTN_UNREACHABLE || a->oif == b->oif) && addr_equal(&a->via, &b->via);
}

/* First of the equal prefixes in the sorted list; nkernel where there is none. */
static size_t kernel_first(const struct run *r, const struct prefix *to)
{
	size_t low = 0, high = r->nkernel;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (prefix_compare(&r->kernel[middle].to, to) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool kernel_has(const struct run *r, struct netroute *k)
{
	for (size_t i = kernel_first(r, &k->to);
	     i < r->nkernel && prefix_equal(&r->kernel[i].to, &k->to); i++)
		if (kernel_same(&r->kernel[i], k))
			return true;
	return false;
}

/* Is a kernel route this instance's, by what we set on all of ours? */
static bool kernel_is_ours(struct run *r, const struct netroute *k)
{
	uint32_t oif = k->oif, number;

	if (k->protocol != XGRE_RTPROT)
		return false;
	if (k->type == RTN_UNREACHABLE)
		return k->metric == unreachable_metric(r->instance);
	return !bpf_map_lookup_elem(r->st->map[MAP_devices], &oif, &number);
}

/* The route that excludes k, as far as has been read; NULL without one. */
static const struct netroute *kernel_in_place(const struct run *r, const struct netroute *k)
{
	for (size_t i = kernel_first(r, &k->to);
	     i < r->nkernel && prefix_equal(&r->kernel[i].to, &k->to); i++)
		if (kernel_same_place(&r->kernel[i], k))
			return &r->kernel[i];
	return NULL;
}

/* Does it lead into a device that we did not make? */
static bool into_kernel_device(const struct run *r, const struct netroute *k)
{
	uint32_t oif = k->oif, number;

	return !bpf_map_lookup_elem(r->st->map[MAP_devices], &oif, &number) &&
	       state_tunnel(r->st, number)->flags & XGRE_TUNNEL_KERNEL;
}

/* Add a route, which takes the place of one of ours; -EEXIST: somebody else's is there. */
static int kernel_add(struct run *r, struct netroute *k)
{
	int err = netroute_add(r->nl, k, false);
	const struct netroute *there;

	if (err != -EEXIST)
		return err;
	there = kernel_in_place(r, k);
	if (!there) {
		err = kernel_read(r);
		if (err)
			return err;
		there = kernel_in_place(r, k);
	}
	if (there && kernel_is_ours(r, there))
		return netroute_add(r->nl, k, true);
	/* on a device of the kernel's the operator's own route does as well, and stays the operator's */
	return there && kernel_same(there, k) && into_kernel_device(r, k) ? 0 : -EEXIST;
}

static int kernel_del(struct run *r, const struct netroute *k)
{
	int err = netroute_del(r->nl, k);

	return err == -ESRCH || err == -ENODEV || err == -ENOENT ? 0 : err;
}

/* Device of a running tunnel; 0 without one. */
static uint32_t tunnel_ifindex(const struct run *r, const char *name)
{
	int number = state_tunnel_number(r->st, name);

	return number < 0 ? 0 : state_tunnel(r->st, number)->ifindex;
}

/* What the kernel has of a changed route that the new one did not take the place of. */
static int kernel_leave(struct run *r, const struct route *have, const char *have_tunnel,
			const struct route *want)
{
	struct netroute old, unreachable;
	uint32_t ifindex = tunnel_ifindex(r, have_tunnel);
	int err = 0;

	if (have->table == want->table && have->metric == want->metric)
		return 0;
	kernel_route(have, ifindex, &old);
	if (ifindex)
		err = kernel_del(r, &old);
	if (!err && have->table != want->table) {
		kernel_unreachable(r, have, &unreachable);
		err = kernel_del(r, &unreachable);
	}
	return err;
}

/* Number for a prefix: its own, or a free one where it is new or was a hole. */
static int number_for(struct run *r, const struct route *want, bool *ret_new)
{
	struct xgre_prefix was;

	*ret_new = state_prefix_get(r->st, &want->to, &was) || was.route < XGRE_ROUTE_FIRST;
	return *ret_new ? route_number_take(r) : (int)was.route;
}

int route_set(struct run *r, const struct route *have, const char *have_tunnel,
	      const struct route *want, const char *tunnel)
{
	int number = state_tunnel_number(r->st, tunnel), route;
	struct netroute k, unreachable;
	struct xgre_prefix v;
	char text[PREFIX_STRLEN];
	bool is_new;
	int err;

	prefix_text(&want->to, text);
	if (number < 0)
		return run_fail(r, number, &want->place, "route %s: tunnel %s does not run", text,
				tunnel);
	route = number_for(r, want, &is_new);
	if (route < 0)
		return run_fail(r, route, &want->place,
				"route %s: this instance was made for %u routes; unload and apply "
				"make it larger",
				text, r->st->size.routes);
	kernel_route(want, state_tunnel(r->st, number)->ifindex, &k);
	kernel_unreachable(r, want, &unreachable);
	err = fault_point() ?: kernel_add(r, &unreachable);
	err = err ?: fault_point() ?: kernel_add(r, &k);
	if (!err && have)
		err = fault_point() ?: kernel_leave(r, have, have_tunnel, want);
	err = err ?: fault_point();
	if (err == -EEXIST)
		return run_fail(r, err, &want->place,
				"route %s: the kernel has another route for it with this metric (ip "
				"route show %s); remove that, or give this one a metric in the "
				"configuration",
				text, text);
	if (err)
		return run_fail(r, err, &want->place, "route %s dev %s: %s", text, tunnel,
				run_reason(r, err));

	r->st->routes[route].flags = want->table ? XGRE_ROUTE_SLOW : 0;
	__atomic_store_n(&r->st->routes[route].tunnel, number + 1, __ATOMIC_RELEASE);
	v = (struct xgre_prefix){
		.route = route,
		.origin = want->origin,
		.via_family = want->via.family,
		.metric = want->metric,
		.table = want->table,
		.via = want->via.a,
	};
	err = state_prefix_set(r->st, &want->to, &v);
	if (err && is_new)
		r->st->routes[route].tunnel = 0;
	err = err ?: fault_point();
	if (!err)
		return 0;
	return run_fail(r, err, &want->place,
			err == -ENOSPC ? "route %s: the lookup table is full; unload and apply make "
					 "it larger" :
					 "route %s: cannot be put into the lookup table",
			text);
}

int route_del(struct run *r, const struct route *have, const char *tunnel)
{
	uint32_t ifindex = tunnel_ifindex(r, tunnel);
	char text[PREFIX_STRLEN];
	struct xgre_prefix v;
	struct netroute k;
	int err;

	prefix_text(&have->to, text);
	/* The fast path first, then what the slow path goes by, at last what kept packets in. */
	err = state_prefix_get(r->st, &have->to, &v);
	if (!err) {
		state_prefix_del(r->st, &have->to);
		if (v.route >= XGRE_ROUTE_FIRST)
			r->st->routes[v.route].tunnel = 0;
	}
	err = fault_point();
	if (!err && ifindex) {
		kernel_route(have, ifindex, &k);
		err = kernel_del(r, &k);
	}
	kernel_unreachable(r, have, &k);
	err = err ?: fault_point() ?: kernel_del(r, &k);
	return err ? run_fail(r, err, NULL, "route %s dev %s: removing it: %s", text, tunnel,
			      run_reason(r, err)) :
		     0;
}

int kernel_routes_audit(struct run *r, const struct model *m, bool *damaged)
{
	int err = kernel_read(r);

	for (size_t i = 0; i < m->nroutes && !err; i++) {
		const struct route *route = &m->routes[i];
		struct netroute k;

		kernel_route(route, tunnel_ifindex(r, m->tunnels[route->tunnel].name), &k);
		if (!kernel_has(r, &k))
			damaged[i] = true;
		kernel_unreachable(r, route, &k);
		if (!kernel_has(r, &k))
			damaged[i] = true;
	}
	return err;
}

/* Is this one of the running routes, or the unreachable one under it? */
static bool route_runs(struct run *r, const struct netroute *k)
{
	struct route route = { .to = k->to };
	struct netroute want;
	struct xgre_prefix v;

	if (state_prefix_get(r->st, &k->to, &v) || v.route < XGRE_ROUTE_FIRST)
		return false;
	route.via = (struct addr){ .family = v.via_family, .a = v.via };
	route.metric = v.metric;
	route.table = v.table;
	if (k->type == RTN_UNREACHABLE)
		kernel_unreachable(r, &route, &want);
	else
		kernel_route(&route, state_tunnel(r->st, r->st->routes[v.route].tunnel - 1)->ifindex,
			     &want);
	return kernel_same(k, &want);
}

int kernel_routes_mend(struct run *r, const struct model *m)
{
	int err = kernel_read(r);

	/* An address that went may have taken routes with it. */
	for (size_t i = 0; i < m->nroutes && !err; i++) {
		const struct route *route = &m->routes[i];
		struct netroute k;

		kernel_unreachable(r, route, &k);
		if (!kernel_has(r, &k))
			err = netroute_add(r->nl, &k, false);
		kernel_route(route, tunnel_ifindex(r, m->tunnels[route->tunnel].name), &k);
		if (!err && !kernel_has(r, &k))
			err = netroute_add(r->nl, &k, false);
		if (err == -EEXIST)
			err = 0;
	}
	for (size_t i = 0; i < r->nkernel && !err; i++)
		if (kernel_is_ours(r, &r->kernel[i]) && !route_runs(r, &r->kernel[i]))
			err = kernel_del(r, &r->kernel[i]);
	return err ? run_fail(r, err, NULL, "putting kernel routes right: %s", run_reason(r, err)) : 0;
}
