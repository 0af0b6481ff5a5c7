// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Ports: programs on their hooks, and the entry that tells the programs about them. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "apply-internal.h"
#include "cli.h"
#include "resolve.h"

#define SEND_REDIRECTS "net/ipv4/conf/%s/send_redirects"
#define RP_FILTER      "net/ipv4/conf/%s/rp_filter"

static uint32_t rp_filter_flags(const char *dev)
{
	int all = 0, own = 0;

	/* the larger of the two counts (Documentation/networking/ip-sysctl.rst) */
	sysctl_get(RP_FILTER, "all", &all);
	sysctl_get(RP_FILTER, dev, &own);
	if (all > own)
		own = all;
	return own == 1 ? XGRE_PORT_RPF_STRICT : own == 2 ? XGRE_PORT_RPF_LOOSE : 0;
}

/*
 * A one-armed gateway would tell hosts by ICMP redirect to go round the tunnel
 * whenever its route is missing for a moment, and they believe it for minutes.
 */
static void redirects_off(const char *dev)
{
	sysctl_set(SEND_REDIRECTS, dev, 0);
	/* either of the two switches them on; the others keep their own */
	sysctl_set(SEND_REDIRECTS, "all", 0);
}

/* What port_set() is about to change and port_leave() gives back. */
static uint32_t flags_to_keep(struct nl *nl, const char *dev, uint32_t ifindex)
{
	uint32_t flags = 0;
	bool there = true;
	int was = 0;

	if (!sysctl_get(SEND_REDIRECTS, dev, &was) && was)
		flags |= XGRE_PORT_REDIRECTS_WERE_ON;
	if (!sysctl_get(SEND_REDIRECTS, "all", &was) && was)
		flags |= XGRE_PORT_ALL_REDIRECTS_WERE_ON;
	if (!nettc_has_ingress(nl, ifindex, &there) && !there)
		flags |= XGRE_PORT_CLSACT_MADE;
	return flags;
}

int port_set(struct run *r, size_t want)
{
	const struct port *p = &r->want->ports[want];
	const struct port_facts *f = &r->ports[want];
	int number = state_port_number(r->st, p->name);
	struct xgre_port e;
	uint32_t kept = 0;
	bool made, xdp;
	int err;

	port_fill(p, &e);
	if (number >= 0)
		kept = r->st->ports[number].flags & (XGRE_PORT_KEPT | XGRE_PORT_XDP);
	else
		for (number = 0; r->st->ports[number].flags; number++)
			if (number + 1 == XGRE_PORTS_MAX)
				return run_fail(r, -ENOSPC, &p->place, "more than %d ports",
						XGRE_PORTS_MAX);
	e.ifindex = f->dev.ifindex;
	e.lower = f->lower.ifindex;
	e.tags = f->tags;
	for (int i = 0; i < f->tags; i++) {
		e.tag[i][0] = htons(f->tag[i][0]);
		e.tag[i][1] = htons(f->tag[i][1]);
	}
	memcpy(e.mac, f->dev.mac, sizeof(e.mac));
	e.flags |= kept | rp_filter_flags(p->name) | flags_to_keep(r->nl, p->name, f->dev.ifindex);

	err = fault_point();
	if (!err) /* known before the programs see frames, and so that a killed apply can be undone */
		err = state_port_set(r->st, number, &e);
	err = err ?: fault_point();
	if (err)
		return run_fail(r, err, &p->place, "port %s: %s", p->name, strerror(-err));
	redirects_off(p->name);
	err = tc_attach(f->dev.ifindex, r->prog.fd[PROGRAM_PORT], &made);
	err = err ?: fault_point();
	if (err)
		return run_fail(r, err, &p->place, "port %s: attaching the TC program: %s", p->name,
				strerror(-err));
	err = port_xdp(r, p, f, &xdp);
	if (err)
		return err;
	e.flags = xdp ? e.flags | XGRE_PORT_XDP : e.flags & ~XGRE_PORT_XDP;
	err = state_port_set(r->st, number, &e);
	err = err ?: fault_point();
	return err ? run_fail(r, err, &p->place, "port %s: %s", p->name, strerror(-err)) : 0;
}

bool port_intact(struct run *r, const struct port *p)
{
	int number = state_port_number(r->st, p->name);
	uint32_t tc_id;
	const struct xgre_port *e;
	struct netdev d, lower;
	bool gro = false;

	if (number < 0 || netdev_get(r->nl, p->name, &d))
		return false;
	e = &r->st->ports[number];
	if (e->ifindex != d.ifindex || memcmp(e->mac, d.mac, 6) ||
	    (e->flags & (XGRE_PORT_RPF_STRICT | XGRE_PORT_RPF_LOOSE)) != rp_filter_flags(p->name))
		return false;
	if (tc_query(d.ifindex, &tc_id) || tc_id != r->prog.id[PROGRAM_PORT])
		return false;
	if (netdev_get_index(r->nl, e->lower, &lower))
		return false;
	/* what generic XDP was refused for at first may have come back */
	if (p->xdp == XDP_MODE_SKB && !ethtool_feature(lower.name, "rx-gro", &gro) && gro)
		return false;
	return port_xdp_state(r, &lower) ==
	       (e->flags & XGRE_PORT_XDP ? PORT_XDP_GOOD : PORT_XDP_NONE);
}

/*
 * Who is left remembers how the switch common to all devices was, and the last gives
 * it back. Is there a port besides the named one?
 */
static bool redirects_left_to(const struct state *st, const char *leaving)
{
	bool found = false;

	for (int i = 0; i < XGRE_PORTS_MAX; i++) {
		if (!st->ports[i].flags || st->ports[i].flags & XGRE_PORT_REASSEMBLY ||
		    !strcmp(st->ports[i].name, leaving))
			continue;
		__atomic_fetch_or(&st->ports[i].flags, XGRE_PORT_ALL_REDIRECTS_WERE_ON,
				  __ATOMIC_RELAXED);
		found = true;
	}
	return found;
}

/* The same among the other instances in this network namespace. */
static bool redirects_left_to_others(const struct state *st)
{
	DIR *dir = opendir(STATE_ROOT);
	bool found = false;
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		struct state *other;

		/* those of other network namespaces cannot be opened to write */
		if (d->d_name[0] == '.' || !strcmp(d->d_name, st->instance) ||
		    state_open(d->d_name, true, &other))
			continue;
		found |= redirects_left_to(other, "");
		state_close(other);
	}
	if (dir)
		closedir(dir);
	return found;
}

int port_leave(struct nl *nl, const struct state *st, const struct xgre_port *p)
{
	struct netdev d;
	int err;

	if (p->flags & XGRE_PORT_ALL_REDIRECTS_WERE_ON && !redirects_left_to(st, p->name) &&
	    !redirects_left_to_others(st))
		sysctl_set(SEND_REDIRECTS, "all", 1);
	if (netdev_get(nl, p->name, &d) || d.ifindex != p->ifindex)
		return 0;
	err = tc_detach(nl, p->ifindex, p->flags & XGRE_PORT_CLSACT_MADE);
	if (p->flags & XGRE_PORT_REDIRECTS_WERE_ON)
		sysctl_set(SEND_REDIRECTS, p->name, 1);
	return err;
}

int port_del(struct run *r, const char *name)
{
	int number = state_port_number(r->st, name);
	struct xgre_port e;
	struct netdev lower;
	bool shared = false;
	int err;

	if (number < 0)
		return 0;
	e = r->st->ports[number];
	for (int i = 0; i < XGRE_PORTS_MAX; i++)
		if (i != number && r->st->ports[i].flags)
			shared |= r->st->ports[i].lower == e.lower;
	if (!shared) {
		bool gone = netdev_get_index(r->nl, e.lower, &lower);

		err = port_xdp_off(r, e.lower, gone ? name : lower.name);
		if (err)
			return run_fail(r, err, NULL, "port %s: detaching XDP: %s", name, strerror(-err));
	}
	err = fault_point() ?: port_leave(r->nl, r->st, &e);
	if (err)
		return run_fail(r, err, NULL, "port %s: detaching TC: %s", name, strerror(-err));
	state_port_clear(r->st, number);
	return 0;
}
