// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "config-internal.h"
#include "import.h"
#include "takeover.h"

#define METRIC6_DEFAULT 1024 /* of an IPv6 route that names none (IP6_RT_PRIO_USER) */

struct import {
	const struct import_facts *facts;
	struct model m;
	uint32_t *ifindex; /* of each tunnel */
	char *remarks;	   /* "NAME: text" lines */
	size_t remarks_size;
	FILE *remark;
};

static const struct netdev *device(const struct import *im, uint32_t ifindex)
{
	for (size_t i = 0; i < im->facts->ndevs; i++)
		if (im->facts->devs[i].ifindex == ifindex)
			return &im->facts->devs[i];
	return NULL;
}

static __attribute__((format(printf, 3, 4))) void remark(struct import *im, const char *name,
							 const char *fmt, ...)
{
	char shown[SHOWN_LEN];
	va_list args;

	fprintf(im->remark, "%s: ", config_name_valid(name) ? name : config_show_text(name, shown));
	va_start(args, fmt);
	vfprintf(im->remark, fmt, args);
	va_end(args);
	fputc('\n', im->remark);
}

/* Made by the kernel itself with each of its modules, for packets that no other device takes. */
static bool is_fallback(const struct netgre *g)
{
	static const char *const names[] = { "gre0", "gretap0", "erspan0", "ip6gre0" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(g->dev.name, names[i]))
			return !g->local.family && !g->remote.family && !g->key_in.set;
	return false;
}

/* The device that GRE for g comes in by; NULL, and a remark, where it cannot be a port. */
static const struct netdev *port_of(struct import *im, const struct netgre *g)
{
	const struct netdev *d = NULL;
	char text[ADDR_STRLEN];

	addr_text(&g->local, text);
	for (size_t i = 0; i < im->facts->naddrs && !d; i++)
		if (addr_equal(&im->facts->addrs[i].prefix.addr, &g->local))
			d = device(im, im->facts->addrs[i].ifindex);
	if (!d)
		remark(im, g->dev.name, "not taken over: local %s is no address of this host", text);
	else if (d->type != ARPHRD_ETHER || d->mac_len != 6 || !strcmp(d->kind, "dummy"))
		remark(im, g->dev.name,
		       "not taken over: local %s is on %s, and only an Ethernet device can be a port",
		       text, d->name);
	else if (!config_name_valid(d->name))
		remark(im, g->dev.name, "not taken over: a port cannot have the name of %s",
		       "the device that holds local");
	else
		return d;
	return NULL;
}

static bool same_endpoint(const struct tunnel *a, const struct netgre *b)
{
	return addr_equal(&a->local, &b->local) && addr_equal(&a->remote, &b->remote) &&
	       a->key_in.set == b->key_in.set && a->key_in.value == b->key_in.value;
}

/* May g become a tunnel? If not, a remark says why. */
static bool is_taken(struct import *im, const struct netgre *g)
{
	const char *fault;
	struct findings f;

	netgre_obstacles(g, &f);
	for (size_t i = 0; i < f.count; i++)
		remark(im, g->dev.name, "not taken over: %s", f.text[i]);
	if (f.count)
		return false;
	fault = config_addr_fault(&g->local) ?: config_addr_fault(&g->remote);
	if (addr_equal(&g->local, &g->remote))
		fault = "the other end's";
	if (fault || config_addr_link_local(&g->local) || config_addr_link_local(&g->remote)) {
		remark(im, g->dev.name, "not taken over: %s address is no end of a tunnel",
		       fault ?: "a link-local");
		return false;
	}
	if (!config_name_valid(g->dev.name)) {
		remark(im, g->dev.name, "not taken over: a tunnel cannot have this name");
		return false;
	}
	for (size_t i = 0; i < im->m.ntunnels; i++) {
		if (!same_endpoint(&im->m.tunnels[i], g))
			continue;
		remark(im, g->dev.name, "not taken over: %s has the same endpoints and input key",
		       im->m.tunnels[i].name);
		return false;
	}
	return true;
}

static int addresses_add(struct import *im, const struct netgre *g, struct tunnel *t)
{
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < im->facts->naddrs; i++) {
		const struct netaddr *a = &im->facts->addrs[i];
		bool twice = false;

		/* the kernel's own link-local ones stay its own */
		if (a->ifindex != g->dev.ifindex || config_addr_link_local(&a->prefix.addr))
			continue;
		for (size_t j = 0; j < t->addresses.count; j++)
			twice |= addr_equal(&t->addresses.items[j].addr, &a->prefix.addr);
		if (twice || config_addr_fault(&a->prefix.addr))
			remark(im, t->name, "address %s is left out: %s",
			       prefix_text(&a->prefix, text),
			       twice ? "it is there with another length" :
				       config_addr_fault(&a->prefix.addr));
		else if (prefix_list_add(&t->addresses, &a->prefix))
			return -ENOMEM;
	}
	return 0;
}

static int tunnel_add(struct import *im, const struct netgre *g)
{
	const struct netdev *port;
	struct findings f;
	struct tunnel *t;

	if (is_fallback(g) || !is_taken(im, g))
		return 0;
	port = port_of(im, g);
	if (!port)
		return 0;
	if (!model_find_port(&im->m, port->name)) {
		struct port *p;

		if (im->m.nports == XGRE_PORTS_MAX) {
			remark(im, g->dev.name, "not taken over: %s would be one port too many",
			       port->name);
			return 0;
		}
		p = model_add_port(&im->m);
		if (!p)
			return -ENOMEM;
		memcpy(p->name, port->name, sizeof(p->name));
	}
	t = model_add_tunnel(&im->m);
	if (!t)
		return -ENOMEM;
	im->ifindex[im->m.ntunnels - 1] = g->dev.ifindex;
	netgre_tunnel(g, t);
	netgre_remarks(g, &f);
	for (size_t i = 0; i < f.count; i++)
		remark(im, t->name, "%s", f.text[i]);
	return addresses_add(im, g, t);
}

/* Of one prefix the route that the kernel prefers comes first, and main before other tables. */
static int route_order(const void *pa, const void *pb)
{
	const struct netroute *a = *(const struct netroute *const *)pa;
	const struct netroute *b = *(const struct netroute *const *)pb;
	int order = prefix_compare(&a->to, &b->to);

	if (!order)
		order = (a->table != RT_TABLE_MAIN) - (b->table != RT_TABLE_MAIN);
	if (!order && a->table != b->table)
		order = a->table < b->table ? -1 : 1;
	if (!order && a->metric != b->metric)
		order = a->metric < b->metric ? -1 : 1;
	return order;
}

/* Routes that come with the device or its addresses need no mention. */
static bool is_implied(const struct netroute *r, const struct tunnel *t)
{
	if (r->to.addr.family == XGRE_FAMILY_6 &&
	    (r->to.addr.a.b[0] == 0xff || (config_addr_link_local(&r->to.addr) && r->to.length)))
		return true;
	if (r->protocol != RTPROT_KERNEL)
		return false;
	for (size_t i = 0; i < t->addresses.count; i++) {
		struct prefix subnet = t->addresses.items[i];

		prefix_mask(&subnet);
		if (prefix_equal(&subnet, &r->to))
			return true;
	}
	return false;
}

static int route_add(struct import *im, const struct netroute *r, size_t tunnel)
{
	const struct route *last = im->m.nroutes ? &im->m.routes[im->m.nroutes - 1] : NULL;
	const struct tunnel *t = &im->m.tunnels[tunnel];
	char text[PREFIX_STRLEN];
	struct route *route;

	if (is_implied(r, t))
		return 0;
	prefix_text(&r->to, text);
	if (last && prefix_equal(&last->to, &r->to)) {
		remark(im, t->name, "route %s (table %u, metric %u) is left out: %s", text, r->table,
		       r->metric, "a prefix is routed once, and another route for it is preferred");
		return 0;
	}
	if (r->nexthops > 1 || (r->via.family && r->via.family != r->to.addr.family)) {
		remark(im, t->name, "route %s is left out: %s no counterpart", text,
		       r->nexthops > 1 ? "several next hops have" : "a next hop of the other family has");
		return 0;
	}
	route = model_add_route(&im->m);
	if (!route)
		return -ENOMEM;
	route->to = r->to;
	route->tunnel = tunnel;
	route->via = r->via;
	route->origin = XGRE_ORIGIN_FILE;
	route->table = r->table == RT_TABLE_MAIN ? 0 : r->table;
	if (r->to.addr.family == XGRE_FAMILY_4 || r->metric != METRIC6_DEFAULT)
		route->metric = r->metric;
	return 0;
}

static int routes_add(struct import *im)
{
	const struct netroute **sorted = calloc(im->facts->nroutes + 1, sizeof(*sorted));
	size_t n = 0;
	int err = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < im->facts->nroutes; i++)
		if (im->facts->routes[i].type == RTN_UNICAST)
			sorted[n++] = &im->facts->routes[i];
	qsort(sorted, n, sizeof(*sorted), route_order);
	for (size_t i = 0; i < n && !err; i++)
		for (size_t t = 0; t < im->m.ntunnels && !err; t++)
			if (im->ifindex[t] == sorted[i]->oif)
				err = route_add(im, sorted[i], t);
	free(sorted);
	return err;
}

/* Whence do packets for the tunnels come? Only the operator knows: what there is, is named. */
static void other_ports(const struct import *im, FILE *out)
{
	const char *gap = "# Packets for the tunnels may come in by other interfaces: add those to "
			  "ports. There are: ";
	bool any = false;

	for (size_t i = 0; i < im->facts->ndevs; i++) {
		const struct netdev *d = &im->facts->devs[i];

		if (d->type != ARPHRD_ETHER || !(d->flags & IFF_UP) || !config_name_valid(d->name) ||
		    model_find_port(&im->m, d->name) || strstr(d->kind, "gretap") ||
		    strstr(d->kind, "erspan") || !strcmp(d->kind, "dummy"))
			continue;
		fprintf(out, "%s%s", gap, d->name);
		gap = ", ";
		any = true;
	}
	if (any)
		fputc('\n', out);
}

static int model_make(struct import *im)
{
	int err = 0;

	for (size_t i = 0; i < im->facts->ngres && !err; i++)
		err = tunnel_add(im, &im->facts->gres[i]);
	return err ?: routes_add(im);
}

/* Each line of the remarks with something before it. */
static void remarks_print(const char *remarks, const char *before, FILE *out)
{
	for (const char *line = remarks; *line; line += strcspn(line, "\n") + 1)
		fprintf(out, "%s%.*s\n", before, (int)strcspn(line, "\n"), line);
}

int import_write(const struct import_facts *facts, FILE *out, FILE *messages)
{
	struct import im = { .facts = facts };
	char before[64];
	int err = -ENOMEM;

	model_init(&im.m);
	im.ifindex = calloc(facts->ngres + 1, sizeof(*im.ifindex));
	im.remark = open_memstream(&im.remarks, &im.remarks_size);
	if (im.ifindex && im.remark)
		err = model_make(&im);
	if (im.remark && fclose(im.remark))
		err = err ?: -ENOMEM;
	if (!err) {
		snprintf(before, sizeof(before), "%s: ", cli_name);
		remarks_print(im.remarks, before, messages);
		err = im.m.ntunnels ? 0 : -ENODEV;
	}
	if (!err) {
		remarks_print(im.remarks, "# ", out);
		other_ports(&im, out);
		err = config_write(&im.m, true, out);
	}
	model_free(&im.m);
	free(im.ifindex);
	free(im.remarks);
	return err;
}

int import_print(FILE *out, FILE *messages)
{
	struct import_facts f = {};
	struct nl *nl;
	int err = nl_open(&nl);

	if (err) {
		cli_error("rtnetlink: %s", strerror(-err));
		return err;
	}
	err = netgre_list(nl, &f.gres, &f.ngres);
	err = err ?: netdev_list(nl, &f.devs, &f.ndevs);
	err = err ?: netaddr_list(nl, &f.addrs, &f.naddrs);
	err = err ?: netroute_list(nl, 0, false, &f.routes, &f.nroutes);
	if (err)
		cli_error("reading the kernel's devices, addresses and routes: %s", strerror(-err));
	else
		err = import_write(&f, out, messages);
	if (err == -ENODEV)
		cli_error("there is no device of kind gre or ip6gre here that can be taken over");
	nl_close(nl);
	free(f.gres);
	free(f.devs);
	free(f.addrs);
	free(f.routes);
	return err;
}
