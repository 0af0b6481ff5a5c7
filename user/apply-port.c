// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Ports: programs on their hooks, and the entry that tells the programs about them. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include "apply-internal.h"
#include "cli.h"
#include "resolve.h"

/* netdev generic netlink, kernel 6.3: linux/netdev.h is not in Debian 12's headers */
#define XDP_ACT_BASIC	 (1u << 0)
#define XDP_ACT_NDO_XMIT (1u << 2)

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
static uint32_t flags_to_keep(const char *dev, uint32_t ifindex)
{
	uint32_t flags = 0;
	int was = 0;

	if (!sysctl_get(SEND_REDIRECTS, dev, &was) && was)
		flags |= XGRE_PORT_REDIRECTS_WERE_ON;
	if (!sysctl_get(SEND_REDIRECTS, "all", &was) && was)
		flags |= XGRE_PORT_ALL_REDIRECTS_WERE_ON;
	if (!tc_has_hook(ifindex))
		flags |= XGRE_PORT_CLSACT_MADE;
	return flags;
}

/* Why XDP cannot run here although the driver may know it; NULL where it can. */
static const char *xdp_obstacle(const struct port *p, const struct port_facts *f)
{
	uint64_t features = 0;
	bool on = false;
	int err;

	if (p->xdp == XDP_MODE_SKB) {
		if (!ethtool_feature(f->lower.name, "rx-gro", &on) && on)
			return "generic XDP would see GRO's superframes; turn GRO off first "
			       "(ethtool -K DEVICE gro off)";
		return NULL;
	}
	if (f->tags && !ethtool_feature(f->lower.name, "rx-vlan-hw-parse", &on) && on)
		return "the NIC takes VLAN tags off before XDP sees them; ethtool -K DEVICE rxvlan off";
	err = netdev_xdp_features(f->lower.ifindex, &features);
	if (strcmp(f->lower.kind, "veth"))
		/* NIC drivers say that they can send only once a program is attached */
		return !err && !(features & XDP_ACT_BASIC) ? "its driver has no native XDP" : NULL;
	/* A veth whose peer does not poll loses what is sent to it. */
	if (err)
		return "this kernel does not tell whether the veth's peer takes frames sent by XDP; "
		       "xdp: native insists";
	if (!(features & XDP_ACT_NDO_XMIT))
		return "the veth's peer does not take frames sent by XDP; ethtool -K PEER gro on "
		       "there";
	return NULL;
}

/*
 * Take XDP off a device. A NIC's driver refuses what other ports redirect to it as soon
 * as it has no program (virtnet_xdp_xmit() and its like), so they must have stopped before.
 */
static int port_xdp_off(struct run *r, uint32_t lower, const char *name)
{
	bool was_on = false;

	for (int i = 0; i < XGRE_PORTS_MAX; i++) {
		struct xgre_port *e = &r->st->ports[i];

		if (!(e->flags & XGRE_PORT_XDP) || e->lower != lower)
			continue;
		__atomic_fetch_and(&e->flags, ~XGRE_PORT_XDP, __ATOMIC_RELEASE);
		was_on = true;
	}
	if (was_on)
		state_sync();
	return xdp_detach(r->st, name);
}

/* Put XDP on the port in the mode that the configuration asks for; *ret_xdp: it runs. */
static int port_xdp(struct run *r, const struct port *p, const struct port_facts *f, bool *ret_xdp)
{
	enum xdp_mode mode = p->xdp == XDP_MODE_SKB ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	enum program program = mode == XDP_MODE_SKB ? PROGRAM_SKB : PROGRAM_XDP;
	uint8_t attached = mode == XDP_MODE_SKB ? XDP_ATTACHED_SKB : XDP_ATTACHED_DRV;
	const char *obstacle;
	uint32_t ifindex, id;
	int err;

	*ret_xdp = false;
	if (p->xdp == XDP_MODE_OFF)
		return port_xdp_off(r, f->lower.ifindex, f->lower.name);
	obstacle = xdp_obstacle(p, f);
	if (obstacle && p->xdp == XDP_MODE_SKB)
		return run_fail(r, -EBUSY, &p->place, "port %s: %s", p->name, obstacle);
	if (obstacle && p->xdp == XDP_MODE_AUTO) {
		if (r->out)
			fprintf(r->out, "note: port %s: TC instead of XDP: %s\n", p->name, obstacle);
		return port_xdp_off(r, f->lower.ifindex, f->lower.name);
	}
	/* A link's mode is fixed: another mode is another link. */
	if (!xdp_query(r->st, f->lower.name, &ifindex, &id) && ifindex == f->lower.ifindex &&
	    f->lower.xdp_mode != attached)
		port_xdp_off(r, f->lower.ifindex, f->lower.name);
	err = xdp_attach(r->st, f->lower.name, f->lower.ifindex, r->prog.fd[program], mode);
	if (!err) {
		*ret_xdp = true;
		return 0;
	}
	if (p->xdp == XDP_MODE_AUTO) {
		if (r->out)
			fprintf(r->out, "note: port %s: TC instead of XDP: %s\n", p->name,
				err == -EBUSY ? "another XDP program is attached" : strerror(-err));
		return 0;
	}
	if (err == -EBUSY)
		return run_fail(r, err, &p->place,
				"port %s: another XDP program is attached; ip link set dev %s %s off "
				"removes it, xdp: off runs on TC beside it",
				p->name, f->lower.name,
				f->lower.xdp_mode == XDP_ATTACHED_SKB ? "xdpgeneric" : "xdp");
	return run_fail(r, err, &p->place,
			"port %s: the driver refuses %s XDP: %s; xdp: auto takes TC instead", p->name,
			mode == XDP_MODE_SKB ? "generic" : "native", strerror(-err));
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
	e.flags |= kept | rp_filter_flags(p->name) | flags_to_keep(p->name, f->dev.ifindex);

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
	uint32_t ifindex, id, tc_id;
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
	if (xdp_query(r->st, lower.name, &ifindex, &id))
		return !(e->flags & XGRE_PORT_XDP);
	return e->flags & XGRE_PORT_XDP && ifindex == e->lower &&
	       id == r->prog.id[lower.xdp_mode == XDP_ATTACHED_SKB ? PROGRAM_SKB : PROGRAM_XDP];
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
		err = port_xdp_off(r, e.lower,
				   netdev_get_index(r->nl, e.lower, &lower) ? name : lower.name);
		if (err)
			return run_fail(r, err, NULL, "port %s: detaching XDP: %s", name, strerror(-err));
	}
	err = fault_point() ?: port_leave(r->nl, r->st, &e);
	if (err)
		return run_fail(r, err, NULL, "port %s: detaching TC: %s", name, strerror(-err));
	state_port_clear(r->st, number);
	return 0;
}
