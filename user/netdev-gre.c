// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's own GRE devices over rtnetlink. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <net/if.h> /* before linux/if_tunnel.h, which then leaves out what is here */
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/ip6_tunnel.h>
#include <linux/rtnetlink.h>
#include "netdev-internal.h"

#define FLOWINFO_LABEL	      0x000fffff
#define FLOWINFO_CLASS(value) ((value) >> 20 & 0xff)
/* Lowest bit of the kernel's tos: inherited from the inner header (ip_tunnel_xmit()). */
#define TOS_INHERITED 1

static bool is_gre(const char *kind)
{
	static const char *const kinds[] = { "gre",	  "ip6gre", "gretap",
					     "ip6gretap", "erspan", "ip6erspan" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kind, kinds[i]))
			return true;
	return false;
}

static struct key parse_key(uint16_t flags, const struct nlattr *key)
{
	struct key k = { .set = flags & ntohs(GRE_KEY) };

	if (k.set)
		k.value = nl_be32(key, 0);
	return k;
}

/* An address of zeros is any. */
static void parse_endpoint(const struct nlattr *a, uint8_t af, struct addr *ret)
{
	static const struct addr none;

	nl_addr(a, af, ret);
	if (!memcmp(&ret->a, &none.a, sizeof(none.a)))
		*ret = none;
}

static void parse_ip4(const struct nlattr **tb, struct netgre *g)
{
	g->tos = nl_u8(tb[IFLA_GRE_TOS], 0);
	if (g->tos & TOS_INHERITED)
		g->tos = TOS_INHERIT;
	g->pmtudisc = nl_u8(tb[IFLA_GRE_PMTUDISC], 0);
	g->ignore_df = nl_u8(tb[IFLA_GRE_IGNORE_DF], 0);
	g->encaplimit = -1;
}

static void parse_ip6(const struct nlattr **tb, struct netgre *g)
{
	uint32_t flags = nl_u32(tb[IFLA_GRE_FLAGS], 0);
	uint32_t flowinfo = nl_be32(tb[IFLA_GRE_FLOWINFO], 0);

	g->tos = flags & IP6_TNL_F_USE_ORIG_TCLASS ? TOS_INHERIT : (int)FLOWINFO_CLASS(flowinfo);
	g->flowlabel = flowinfo & FLOWINFO_LABEL;
	g->flowlabel_inherit = flags & IP6_TNL_F_USE_ORIG_FLOWLABEL;
	g->encaplimit =
		flags & IP6_TNL_F_IGN_ENCAP_LIMIT ? -1 : nl_u8(tb[IFLA_GRE_ENCAP_LIMIT], 0);
}

static void parse_data(const struct nlattr *data, struct netgre *g)
{
	bool outer6 = !strncmp(g->dev.kind, "ip6", 3);
	const struct nlattr *tb[IFLA_GRE_MAX + 1];
	uint16_t in, out;

	nl_nested(data, tb, IFLA_GRE_MAX);
	in = nl_be16(tb[IFLA_GRE_IFLAGS], 0);
	out = nl_be16(tb[IFLA_GRE_OFLAGS], 0);
	g->key_in = parse_key(in, tb[IFLA_GRE_IKEY]);
	g->key_out = parse_key(out, tb[IFLA_GRE_OKEY]);
	g->checksum_in = in & ntohs(GRE_CSUM);
	g->checksum_out = out & ntohs(GRE_CSUM);
	g->sequence_in = in & ntohs(GRE_SEQ);
	g->sequence_out = out & ntohs(GRE_SEQ);
	parse_endpoint(tb[IFLA_GRE_LOCAL], outer6 ? AF_INET6 : AF_INET, &g->local);
	parse_endpoint(tb[IFLA_GRE_REMOTE], outer6 ? AF_INET6 : AF_INET, &g->remote);
	g->link = nl_u32(tb[IFLA_GRE_LINK], 0);
	g->ttl = nl_u8(tb[IFLA_GRE_TTL], 0);
	g->external = tb[IFLA_GRE_COLLECT_METADATA];
	g->encap = nl_u16(tb[IFLA_GRE_ENCAP_TYPE], 0);
	g->fwmark = nl_u32(tb[IFLA_GRE_FWMARK], 0);
	if (outer6)
		parse_ip6(tb, g);
	else
		parse_ip4(tb, g);
}

int netgre_parse(const struct nlmsghdr *nlh, void *item, const void *arg)
{
	const struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct netgre *g = item;
	int err = link_parse(nlh, &g->dev, arg);

	if (err <= 0 || !is_gre(g->dev.kind))
		return err < 0 ? err : 0;
	nl_attrs(nlh, sizeof(struct ifinfomsg), tb, IFLA_MAX);
	nl_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	parse_data(info[IFLA_INFO_DATA], g);
	return 1;
}

static struct nlmsghdr *get_link(struct nl *nl, uint32_t ifindex)
{
	struct nlmsghdr *nlh = nl_request(nl, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	return nlh;
}

int netgre_list(struct nl *nl, struct netgre **ret, size_t *ret_count)
{
	struct nl_list l = { .size = sizeof(struct netgre) };
	struct nlmsghdr *nlh = get_link(nl, 0);
	int err;

	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = nl_dump(nl, nlh, netgre_parse, NULL, &l);
	if (err) {
		free(l.items);
		return err;
	}
	*ret = l.items;
	*ret_count = l.count;
	return 0;
}

static int take_gre(const struct nlmsghdr *nlh, void *arg)
{
	struct netgre g = {};

	if (netgre_parse(nlh, &g, NULL) > 0)
		*(struct netgre *)arg = g;
	return 0;
}

int netgre_get(struct nl *nl, const char *name, struct netgre *ret)
{
	struct netgre g = {};
	struct nlmsghdr *nlh;
	int err;

	if (!*name || strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	nlh = get_link(nl, 0);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = nl_talk(nl, nlh, take_gre, &g);
	if (err || !g.dev.ifindex)
		return err ?: -ENODEV;
	*ret = g;
	return 0;
}

struct counters {
	struct xgre_counter rx, tx;
};

static int take_counters(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[IFLA_MAX + 1];
	struct rtnl_link_stats64 s = {};
	struct counters *c = arg;
	size_t size;

	nl_attrs(nlh, sizeof(struct ifinfomsg), tb, IFLA_MAX);
	if (!tb[IFLA_STATS64])
		return 0;
	size = mnl_attr_get_payload_len(tb[IFLA_STATS64]); /* grows with the kernel */
	memcpy(&s, mnl_attr_get_payload(tb[IFLA_STATS64]), size < sizeof(s) ? size : sizeof(s));
	c->rx = (struct xgre_counter){ s.rx_packets, s.rx_bytes };
	c->tx = (struct xgre_counter){ s.tx_packets, s.tx_bytes };
	return 0;
}

int netdev_counters(struct nl *nl, uint32_t ifindex, struct xgre_counter *ret_rx,
		    struct xgre_counter *ret_tx)
{
	struct counters c = {};
	int err;

	if (!ifindex)
		return -ENODEV;
	err = nl_talk(nl, get_link(nl, ifindex), take_counters, &c);
	if (err)
		return err;
	*ret_rx = c.rx;
	*ret_tx = c.tx;
	return 0;
}
