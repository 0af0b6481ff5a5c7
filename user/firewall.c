// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the fast path would bypass: nftables chains, over netlink; the findings. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include "netdev-internal.h"

/* From kernel 6.16 on a hook may name devices by how they begin; the headers are older. */
#define DEVICE_PREFIX 2 /* NFTA_DEVICE_PREFIX */

char *firewall_text(const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	return n < 0 ? NULL : text;
}

int firewall_add(struct firewall *f, char *what, char *remedy)
{
	struct firewall_finding *items = NULL;

	if (what && remedy)
		items = reallocarray(f->items, f->count + 1, sizeof(*items));
	if (!items) {
		free(what);
		free(remedy);
		return -ENOMEM;
	}
	f->items = items;
	f->items[f->count++] = (struct firewall_finding){what, remedy};
	return 0;
}

void firewall_free(struct firewall *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->items[i].what);
		free(f->items[i].remedy);
	}
	free(f->items);
	memset(f, 0, sizeof(*f));
}

/* Names of devices whose own hooks (ingress, egress) the fast path bypasses. */
struct devices {
	bool all;
	char (*names)[IFNAMSIZ];
	size_t count;
};

struct chain {
	uint8_t family; /* NFPROTO_* */
	uint32_t hook;
	uint32_t rules;
	bool drops;
	char type[16];
	char table[NFT_NAME_MAXLEN];
	char name[NFT_NAME_MAXLEN];
};

static bool matches(const struct nlattr *a, const struct devices *d)
{
	bool prefix = mnl_attr_get_type(a) == DEVICE_PREFIX;
	char name[IFNAMSIZ];

	nl_text(a, name, sizeof(name));
	for (size_t i = 0; i < d->count; i++)
		if (prefix ? !strncmp(d->names[i], name, strlen(name)) : !strcmp(d->names[i], name))
			return true;
	return false;
}

static bool hooks_device(const struct nlattr **hook, const struct devices *d)
{
	const struct nlattr *a;

	if (d->all)
		return true;
	if (hook[NFTA_HOOK_DEV] && matches(hook[NFTA_HOOK_DEV], d))
		return true;
	if (hook[NFTA_HOOK_DEVS])
		mnl_attr_for_each_nested (a, hook[NFTA_HOOK_DEVS])
			if (matches(a, d))
				return true;
	return false;
}

/* Whether packets that the fast path forwards would have come by this hook. */
static bool concerns(const struct chain *c, const struct nlattr **hook, const struct devices *d)
{
	switch (c->family) {
	case NFPROTO_NETDEV: /* ingress and egress */
		return hooks_device(hook, d);
	case NFPROTO_INET:
		if (c->hook == NF_INET_INGRESS)
			return hooks_device(hook, d);
		break;
	case NFPROTO_IPV4:
	case NFPROTO_IPV6:
		break;
	default: /* bridge, arp: other packets */
		return false;
	}
	return !strcmp(c->type, "nat") || c->hook == NF_INET_PRE_ROUTING ||
	       c->hook == NF_INET_FORWARD || c->hook == NF_INET_POST_ROUTING;
}

static int parse_chain(const struct nlmsghdr *nlh, void *item, const void *arg)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[NFTA_CHAIN_MAX + 1];
	const struct nlattr *hook[NFTA_HOOK_MAX + 1];
	struct chain *c = item;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*nfg))
		return 0;
	nl_attrs(nlh, sizeof(*nfg), tb, NFTA_CHAIN_MAX);
	if (!tb[NFTA_CHAIN_HOOK])
		return 0;
	nl_nested(tb[NFTA_CHAIN_HOOK], hook, NFTA_HOOK_MAX);
	c->family = nfg->nfgen_family;
	c->hook = nl_be32(hook[NFTA_HOOK_HOOKNUM], 0);
	/* No rule can jump to a chain on a hook, so that its uses are its rules. */
	c->rules = nl_be32(tb[NFTA_CHAIN_USE], 0);
	c->drops = nl_be32(tb[NFTA_CHAIN_POLICY], NF_ACCEPT) == NF_DROP;
	nl_text(tb[NFTA_CHAIN_TYPE], c->type, sizeof(c->type));
	nl_text(tb[NFTA_CHAIN_TABLE], c->table, sizeof(c->table));
	nl_text(tb[NFTA_CHAIN_NAME], c->name, sizeof(c->name));
	return (c->rules || c->drops) && concerns(c, hook, arg);
}

static const char *family_name(uint8_t family)
{
	switch (family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_NETDEV:
		return "netdev";
	}
	return "inet";
}

static int add_chain(struct firewall *f, const struct chain *c)
{
	const char *family = family_name(c->family);
	char *what;

	if (c->rules)
		what = firewall_text("nft table %s %s: chain %s has %u rule%s", family, c->table,
				     c->name, c->rules, c->rules == 1 ? "" : "s");
	else
		what = firewall_text("nft table %s %s: chain %s drops by its policy", family,
				     c->table, c->name);
	return firewall_add(f, what,
			    firewall_text("nft list chain %s %s %s  # then fast-path: on for "
					  "tunnels whose packets may bypass it",
					  family, c->table, c->name));
}

static int scan_nft(const struct devices *d, struct firewall *f)
{
	struct nl_list l = {.size = sizeof(struct chain)};
	const struct chain *chains;
	struct nlmsghdr *nlh;
	struct nfgenmsg *nfg;
	struct nl *nl;
	int err;

	err = nl_open_bus(NETLINK_NETFILTER, &nl);
	if (err == -EPROTONOSUPPORT)
		return 0;
	if (err == -ENOMEM)
		return err;
	if (!err) {
		nlh = nl_request(nl, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, 0);
		nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
		nfg->nfgen_family = NFPROTO_UNSPEC;
		nfg->version = NFNETLINK_V0;
		err = nl_dump(nl, nlh, parse_chain, d, &l);
		nl_close(nl);
	}
	/* nfnetlink says EINVAL where it has no such subsystem. */
	if (err == -EINVAL || err == -EOPNOTSUPP)
		err = 0;
	if (err && err != -ENOMEM)
		err = firewall_add(
			f, firewall_text("nftables rules cannot be read: %s", strerror(-err)),
			firewall_text("run it as root (CAP_NET_ADMIN in the network namespace)"));
	chains = l.items;
	for (size_t i = 0; i < l.count && !err; i++)
		err = add_chain(f, &chains[i]);
	free(l.items);
	return err;
}

static int add_device(struct devices *d, const char *name)
{
	char(*names)[IFNAMSIZ] = reallocarray(d->names, d->count + 1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	d->names = names;
	snprintf(names[d->count++], IFNAMSIZ, "%s", name);
	return 0;
}

/* A VLAN port's packets come by the hooks of the devices below it as well. */
static int add_lower(struct nl *nl, struct devices *d, const char *name)
{
	struct netdev dev;
	int err;

	err = netdev_get(nl, name, &dev);
	while (!err && dev.vlan_tpid && dev.link && !dev.link_elsewhere) {
		err = netdev_get_index(nl, dev.link, &dev);
		if (!err)
			err = add_device(d, dev.name);
	}
	/* A device that is not there has no hooks: for others to complain about. */
	return err == -ENOMEM ? err : 0;
}

static int find_devices(const struct model *m, struct devices *d)
{
	struct nl *nl;
	int err;

	d->all = !m;
	if (!m)
		return 0;
	err = nl_open(&nl);
	if (err) {
		/* Not knowing what lies below a port, take every device for one. */
		d->all = true;
		return err == -ENOMEM ? err : 0;
	}
	for (size_t i = 0; i < m->nports && !err; i++) {
		err = add_device(d, m->ports[i].name);
		if (!err)
			err = add_lower(nl, d, m->ports[i].name);
	}
	for (size_t i = 0; i < m->ntunnels && !err; i++)
		err = add_device(d, m->tunnels[i].name);
	nl_close(nl);
	return err;
}

int firewall_scan(const struct model *ports, struct firewall *ret)
{
	struct firewall f = {0};
	struct devices d = {0};
	int err;

	err = find_devices(ports, &d);
	if (!err)
		err = scan_nft(&d, &f);
	if (!err)
		err = firewall_scan_legacy(&f);
	free(d.names);
	if (err)
		firewall_free(&f);
	*ret = f;
	return err;
}
