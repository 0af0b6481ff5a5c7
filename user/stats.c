// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Ports, tunnels and reasons with their counters; stats-route.c has the routes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <net/if.h> /* before linux/if_link.h */
#include <linux/if_link.h>
#include "daemon.h"
#include "netdev.h"
#include "state-internal.h"
#include "stats-internal.h"

static const struct {
	int number;
	const char *name;
	const char *text;
} reasons[] = {
#define XGRE_REASON(number, id, kind, name, text) {number, name, text},
	XGRE_REASONS(XGRE_REASON)
#undef XGRE_REASON
};

void stats_name(char ret[IFNAMSIZ], const char from[XGRE_IFNAMSIZ])
{
	memcpy(ret, from, IFNAMSIZ - 1);
	ret[IFNAMSIZ - 1] = '\0';
}

/* How packets are taken from a port: what the kernel says runs, not what was asked for. */
static int port_mode(struct nl *nl, const struct xgre_port *p, const char **ret)
{
	struct netdev lower;
	int err;

	*ret = "tc";
	if (!(p->flags & XGRE_PORT_XDP))
		return 0;
	err = netdev_get_index(nl, p->lower, &lower);
	if (err == -ENODEV)
		return 0;
	if (err)
		return err;
	if (lower.xdp_mode == XDP_ATTACHED_SKB)
		*ret = "skb";
	else if (lower.xdp_mode != XDP_ATTACHED_NONE)
		*ret = "native";
	return 0;
}

static int gather_ports(const struct state *st, struct stats *s)
{
	struct nl *nl;
	int err;

	s->ports = calloc(XGRE_PORTS_MAX, sizeof(*s->ports));
	if (!s->ports)
		return -ENOMEM;
	err = nl_open(&nl);
	if (err)
		return err;
	for (uint32_t i = 0; i < XGRE_PORTS_MAX && !err; i++) {
		struct xgre_port p = st->ports[i];
		struct stats_port *out = &s->ports[s->nports];

		if (!(p.flags & XGRE_PORT_USED) || p.flags & XGRE_PORT_REASSEMBLY)
			continue;
		stats_name(out->name, p.name);
		err = port_mode(nl, &p, &out->mode);
		s->nports++;
	}
	nl_close(nl);
	return err;
}

static void fill_tunnel(const struct xgre_tunnel *t, struct stats_tunnel *ret)
{
	uint8_t family = t->flags & XGRE_TUNNEL_OUTER6 ? XGRE_FAMILY_6 : XGRE_FAMILY_4;

	stats_name(ret->name, t->name);
	ret->local = (struct addr){.family = family, .a = t->local};
	ret->remote = (struct addr){.family = family, .a = t->remote};
	if (t->flags & XGRE_TUNNEL_KEY_IN)
		ret->key_in = (struct key){.set = true, .value = ntohl(t->key_in)};
	if (t->flags & XGRE_TUNNEL_KEY_OUT)
		ret->key_out = (struct key){.set = true, .value = ntohl(t->key_out)};
	ret->mtu = t->mtu;
}

/* The slow path of a tunnel on a kernel's device is the device, which counts for itself. */
static void add_device(struct nl *nl, const struct xgre_tunnel *t, struct tunnel_counters *c)
{
	struct xgre_counter rx, tx;

	if (netdev_counters(nl, t->ifindex, &rx, &tx))
		return; /* it was removed */
	c->rx.packets += rx.packets;
	c->rx.bytes += rx.bytes;
	c->tx.packets += tx.packets;
	c->tx.bytes += tx.bytes;
}

static int gather_tunnels(const struct state *st, struct stats *s)
{
	struct nl *nl = NULL;
	size_t used = 0;
	int err = 0;

	for (uint32_t i = 0; i < st->size.tunnels; i++)
		used += !!(state_tunnel(st, i)->flags & XGRE_TUNNEL_USED);
	s->tunnels = calloc(used + 1, sizeof(*s->tunnels));
	if (!s->tunnels)
		return -ENOMEM;
	/* One that another tool adds meanwhile is for the next time. */
	for (uint32_t i = 0; i < st->size.tunnels && s->ntunnels < used && !err; i++) {
		struct xgre_tunnel t = *state_tunnel(st, i);
		struct stats_tunnel *out = &s->tunnels[s->ntunnels];

		if (!(t.flags & XGRE_TUNNEL_USED))
			continue;
		fill_tunnel(&t, out);
		if (st->links[i].keepalive_interval)
			out->state = st->links[i].state == XGRE_LINK_DOWN ? "down" : "up";
		out->path_mtu = state_link_mtu(st, i, t.mtu);
		if (out->path_mtu == t.mtu)
			out->path_mtu = 0;
		err = state_tunnel_counters(st, i, &out->counters);
		if (!err && t.flags & XGRE_TUNNEL_KERNEL)
			err = nl ? 0 : nl_open(&nl);
		if (!err && t.flags & XGRE_TUNNEL_KERNEL)
			add_device(nl, &t, &out->counters);
		s->ntunnels++;
	}
	nl_close(nl);
	return err;
}

static int gather_reasons(const struct state *st, struct stats *s)
{
	uint64_t packets[XGRE_REASON_MAX];
	int err;

	err = state_reasons(st, packets);
	if (err)
		return err;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		bool punt = reasons[i].number >= XGRE_REASON_PUNTS;
		struct stats_reason *r = punt ? &s->punts[s->npunts++] : &s->drops[s->ndrops++];

		r->name = reasons[i].name;
		r->text = reasons[i].text;
		r->packets = packets[reasons[i].number];
	}
	return 0;
}

/* Counters stay when the daemon goes. */
static void gather_daemon(const struct state *st, struct stats *s)
{
	static const struct {
		int number;
		const char *name;
		const char *text;
	} counters[] = {
#define XGRE_DAEMON_COUNTER(number, id, name, text) {number, name, text},
		XGRE_DAEMON_COUNTERS(XGRE_DAEMON_COUNTER)
#undef XGRE_DAEMON_COUNTER
	};

	s->daemon_runs = daemon_runs(st->instance);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		s->daemon[s->ndaemon++] = (struct stats_reason){
			.name = counters[i].name,
			.text = counters[i].text,
			.packets = st->daemon->count[counters[i].number],
		};
}

int stats_gather(const struct state *st, unsigned int parts, struct stats *ret)
{
	/* Indices of devices mean nothing, or others, elsewhere. */
	int err = netns_check(st->meta);

	memset(ret, 0, sizeof(*ret));
	if (err)
		return err;
	memcpy(ret->instance, st->instance, sizeof(ret->instance));
	if (parts & STATS_PORTS)
		err = gather_ports(st, ret);
	if (!err && parts & STATS_TUNNELS)
		err = gather_tunnels(st, ret);
	if (!err && parts & STATS_ROUTES)
		err = stats_gather_routes(st, ret);
	if (!err && parts & STATS_REASONS)
		err = gather_reasons(st, ret);
	if (!err && parts & STATS_DAEMON)
		gather_daemon(st, ret);
	if (err)
		stats_free(ret);
	return err;
}

void stats_free(struct stats *s)
{
	free(s->ports);
	free(s->tunnels);
	free(s->routes);
	memset(s, 0, sizeof(*s));
}
