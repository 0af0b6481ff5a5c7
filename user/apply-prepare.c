// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What must be known and true before anything is changed. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include "apply-internal.h"

/* A VLAN device stands on another; XDP goes on the lowest and sees the tags in between. */
static int port_lower(struct run *r, const struct port *p, struct port_facts *f)
{
	uint16_t tags[2][2];
	int n = 0;

	f->lower = f->dev;
	while (f->lower.vlan_tpid) {
		uint32_t link = f->lower.link;
		int err;

		if (n == 2)
			return run_fail(r, -EINVAL, &p->place,
					"port %s: more than two VLAN tags; two are supported", p->name);
		tags[n][0] = f->lower.vlan_tpid;
		tags[n][1] = f->lower.vlan_id;
		n++;
		err = netdev_get_index(r->nl, link, &f->lower);
		if (err)
			return run_fail(r, err, &p->place,
					"port %s: its lower device is not in this network namespace",
					p->name);
	}
	f->tags = n;
	for (int i = 0; i < n; i++) { /* found innermost first */
		f->tag[i][0] = tags[n - 1 - i][0];
		f->tag[i][1] = tags[n - 1 - i][1];
	}
	return 0;
}

/* Instance other than this one whose program is in our filter's place; false: none. */
static bool port_taken(const struct run *r, uint32_t ifindex, char ret[NAME_MAX + 1])
{
	DIR *dir = opendir(STATE_ROOT);
	bool found = false;
	struct dirent *d;
	uint32_t id, map;

	if (!dir)
		return false;
	while (!tc_query(ifindex, &id) && !found && (d = readdir(dir))) {
		if (d->d_name[0] == '.' || !strcmp(d->d_name, r->instance))
			continue;
		map = marker_map(d->d_name);
		found = map && program_uses_map(id, map);
		if (found)
			strcpy(ret, d->d_name);
	}
	closedir(dir);
	return found;
}

/* XDP is one program for all VLANs of a device, so its ports run in one mode. */
static int modes_agree(struct run *r, size_t port)
{
	const struct port *p = &r->want->ports[port];

	for (size_t i = 0; i < port; i++)
		if (r->ports[i].lower.ifindex == r->ports[port].lower.ifindex &&
		    r->want->ports[i].xdp != p->xdp)
			return run_fail(r, -EINVAL, &p->place,
					"port %s: another xdp than of port %s, and XDP is on %s for both; "
					"give both the same",
					p->name, r->want->ports[i].name, r->ports[port].lower.name);
	return 0;
}

static int ports_prepare(struct run *r)
{
	char other[NAME_MAX + 1];

	for (size_t i = 0; i < r->want->nports; i++) {
		const struct port *p = &r->want->ports[i];
		struct port_facts *f = &r->ports[i];
		int err = netdev_get(r->nl, p->name, &f->dev);

		if (err)
			return run_fail(r, err, &p->place, "port %s: %s; ip link shows the devices",
					p->name,
					err == -ENODEV ? "no such device" : run_reason(r, err));
		if (f->dev.type != ARPHRD_ETHER || f->dev.mac_len != 6)
			return run_fail(r, -EINVAL, &p->place,
					"port %s: not an Ethernet device; ports are Ethernet or VLAN "
					"devices",
					p->name);
		err = port_lower(r, p, f) ?: modes_agree(r, i);
		if (err)
			return err;
		if (port_taken(r, f->dev.ifindex, other))
			return run_fail(r, -EBUSY, &p->place,
					"port %s: instance %s has it; a device is the port of one "
					"instance (xgre-load -i %s unload)",
					p->name, other, other);
	}
	return 0;
}

/* The port that holds local; NULL where none does. */
static const struct port_facts *port_of(const struct run *r, const struct tunnel *t,
					const struct netaddr *addrs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!addr_equal(&addrs[i].prefix.addr, &t->local))
			continue;
		for (size_t j = 0; j < r->want->nports; j++)
			if (r->ports[j].dev.ifindex == addrs[i].ifindex)
				return &r->ports[j];
	}
	return NULL;
}

static int tunnel_prepare(struct run *r, const struct tunnel *t, struct tunnel_facts *f,
			  const struct netaddr *addrs, size_t n)
{
	const struct port_facts *p = port_of(r, t, addrs, n);
	uint32_t overhead = tunnel_overhead(t);
	char text[ADDR_STRLEN];
	struct netgre g;
	struct netdev d;

	if (!p)
		return run_fail(r, -EADDRNOTAVAIL,
				t->local_place.line ? &t->local_place : &t->place,
				"tunnel %s: local %s is no address of a port; it must be on a device "
				"listed under ports",
				t->name, addr_text(&t->local, text));
	f->port_ifindex = p->dev.ifindex;
	if (t->device == DEVICE_KERNEL)
		return kernel_device_prepare(r, t, f);
	f->mtu = t->mtu ? t->mtu : p->dev.mtu - overhead;
	if (f->mtu > TUNNEL_MTU_MAX)
		f->mtu = TUNNEL_MTU_MAX;
	if (f->mtu < TUNNEL_MTU_MIN || p->dev.mtu < overhead)
		return run_fail(r, -EINVAL, &t->place,
				"tunnel %s: port %s has MTU %u, too small for a tunnel", t->name,
				p->dev.name, p->dev.mtu);
	if (f->mtu + overhead > p->dev.mtu && r->out)
		fprintf(r->out,
			"note: tunnel %s: mtu %u and %u bytes of headers exceed the MTU %u of port %s; "
			"such packets will be dropped (reason too-big)\n",
			t->name, f->mtu, overhead, p->dev.mtu, p->dev.name);
	if (!netdev_get(r->nl, t->name, &d) && !device_is_ours(&d, r->instance))
		return run_fail(r, -EEXIST, &t->place,
				"tunnel %s: a device of this name exists and is not this instance's; "
				"choose another name or remove it%s",
				t->name, netgre_get(r->nl, t->name, &g) ? "" : ", or take it over with device: kernel");
	return 0;
}

/*
 * May tunnels use the fast path, which netfilter, xfrm and policy rules do not
 * see? auto keeps out of it where there is anything to bypass.
 */
static int fast_prepare(struct run *r)
{
	struct firewall all = {};
	size_t rules = 0;
	int err;

	err = firewall_scan(r->want, &all);
	err = err ?: netrule_count_extra(r->nl, &rules);
	for (size_t i = 0; i < r->want->ntunnels && !err; i++) {
		const struct tunnel *t = &r->want->tunnels[i];
		struct firewall own = {};
		const char *why = NULL;

		err = firewall_scan_xfrm(&t->local, &t->remote, t->name, &own);
		if (all.count)
			why = all.items[0].what;
		else if (own.count)
			why = own.items[0].what;
		else if (rules)
			why = "policy rules beyond the default ones (ip rule)";
		r->tunnels[i].fast = t->fast == FAST_ON || (t->fast == FAST_AUTO && !why);
		if (!r->tunnels[i].fast && t->fast == FAST_AUTO && r->out)
			fprintf(r->out,
				"note: tunnel %s: fast path off, it would bypass %s (fast-path: on "
				"overrides)\n",
				t->name, why);
		firewall_free(&own);
	}
	firewall_free(&all);
	return err ? run_fail(r, err, NULL, "reading the firewall's rules: %s", run_reason(r, err)) : 0;
}

int run_prepare(struct run *r)
{
	struct netaddr *addrs = NULL;
	size_t n = 0;
	int err;

	r->ports = calloc(r->want->nports + 1, sizeof(*r->ports));
	r->tunnels = calloc(r->want->ntunnels + 1, sizeof(*r->tunnels));
	if (!r->ports || !r->tunnels)
		return run_fail(r, -ENOMEM, NULL, "out of memory");
	err = ports_prepare(r);
	if (err)
		return err;
	err = netaddr_list(r->nl, &addrs, &n);
	if (err)
		return run_fail(r, err, NULL, "reading addresses: %s", run_reason(r, err));
	for (size_t i = 0; i < r->want->ntunnels && !err; i++)
		err = tunnel_prepare(r, &r->want->tunnels[i], &r->tunnels[i], addrs, n);
	free(addrs);
	return err ?: fast_prepare(r);
}

void run_forget(struct run *r)
{
	free(r->ports);
	free(r->tunnels);
	r->ports = NULL;
	r->tunnels = NULL;
}
