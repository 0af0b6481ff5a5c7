// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Checks of a tunnel. */
#include <errno.h>
#include <string.h>
#include "firewall.h"
#include "preflight-internal.h"

static const struct netaddr *find_address(const struct preflight *f, const struct addr *a)
{
	for (size_t i = 0; i < f->naddrs; i++)
		if (addr_equal(&f->addrs[i].prefix.addr, a))
			return &f->addrs[i];
	return NULL;
}

/* The port that holds local; NULL where none does, which is a finding then. */
static const struct netdev *find_port(struct preflight *f, const struct tunnel *t)
{
	const struct netaddr *a = find_address(f, &t->local);
	const struct netdev *dev = a ? preflight_device_index(f, a->ifindex) : NULL;
	char local[ADDR_STRLEN];

	addr_text(&t->local, local);
	if (!dev) {
		finding(f, t->name, "local %s is no address of this host", local);
		mend(f, "ip address add %s/%u dev %s", local,
		     t->local.family == XGRE_FAMILY_6 ? 128 : 32,
		     f->m->nports ? f->m->ports[0].name : "PORT");
		return NULL;
	}
	if (!model_find_port(f->m, dev->name)) {
		finding(f, t->name, "local %s is on %s, which is not a port", local, dev->name);
		mend(f, "%s: {}  # add it under ports in the configuration", dev->name);
		return NULL;
	}
	return dev;
}

static void check_mtu(struct preflight *f, const struct tunnel *t, const struct netdev *port)
{
	uint32_t overhead = tunnel_overhead(t);

	if (!t->mtu || t->mtu + overhead <= port->mtu)
		return;
	finding(f, t->name, "mtu %u and %u bytes of outer header exceed the MTU of %s, %u", t->mtu,
		overhead, port->name, port->mtu);
	if (port->mtu < TUNNEL_MTU_MIN + overhead)
		mend(f, "ip link set dev %s mtu %u", port->name, t->mtu + overhead);
	else
		mend(f, "mtu: %u  # under %s in the configuration, or: ip link set dev %s mtu %u",
		     port->mtu - overhead, t->name, port->name, t->mtu + overhead);
}

static void check_xfrm(struct preflight *f, const struct tunnel *t)
{
	struct firewall policies = {0};

	if (t->fast != FAST_AUTO || firewall_scan_xfrm(&t->local, &t->remote, t->name, &policies))
		return;
	for (size_t i = 0; i < policies.count; i++) {
		finding(f, t->name, "%s, which the fast path would bypass: the tunnel stays off it",
			policies.items[i].what);
		mend(f, "%s", policies.items[i].remedy);
	}
	firewall_free(&policies);
}

#define MAIN_TABLE 254 /* RT_TABLE_MAIN */

static void check_tables(struct preflight *f, const struct tunnel *t)
{
	const struct route *first = NULL;
	char prefix[PREFIX_STRLEN];
	size_t n = 0;

	if (t->fast == FAST_OFF)
		return;
	for (size_t i = 0; i < f->m->nroutes; i++) {
		const struct route *r = &f->m->routes[i];

		if (&f->m->tunnels[r->tunnel] != t || !r->table || r->table == MAIN_TABLE)
			continue;
		if (!n++)
			first = r;
	}
	if (!n)
		return;
	finding(f, t->name, "%zu route%s in a table other than main, as %s, on the slow path", n,
		n == 1 ? "" : "s", prefix_text(&first->to, prefix));
	mend(f, "to: %s  # in the configuration without its table: %u", prefix, first->table);
}

void preflight_tunnel(struct preflight *f, const struct tunnel *t)
{
	const struct netdev *port = find_port(f, t);

	if (port)
		check_mtu(f, t, port);
	preflight_sysctls(f, t->name, preflight_device(f, t->name) ? t->name : "default");
	check_xfrm(f, t);
	check_tables(f, t);
}
