// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* IPsec policies that claim a tunnel's outer packets. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include "netdev-internal.h"

struct ends {
	const struct addr *local;
	const struct addr *remote;
};

struct policy {
	struct prefix src;
	struct prefix dst;
	uint8_t dir;
};

static bool covers(const struct prefix *p, const struct addr *a)
{
	struct prefix host = {.addr = *a, .length = (uint8_t)(8 * family_bytes(a->family))};

	return prefix_covers(p, &host);
}

/*
 * A policy without a transformation lets packets pass as they are. One with an
 * interface id is met through that xfrm interface alone, and one with a mark
 * value by marked packets alone; outer packets have no mark.
 */
static bool is_effective(const struct xfrm_userpolicy_info *info, const struct nlattr **tb)
{
	const struct nlattr *mark = tb[XFRMA_MARK];

	if (info->action == XFRM_POLICY_ALLOW && !tb[XFRMA_TMPL])
		return false;
	if (nl_u32(tb[XFRMA_IF_ID], 0))
		return false;
	if (mark && mnl_attr_get_payload_len(mark) >= sizeof(struct xfrm_mark))
		return !((const struct xfrm_mark *)mnl_attr_get_payload(mark))->v;
	return true;
}

static int parse_policy(const struct nlmsghdr *nlh, void *item, const void *arg)
{
	const struct xfrm_userpolicy_info *info = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[XFRMA_MAX + 1];
	const struct xfrm_selector *sel = &info->sel;
	const struct ends *e = arg;
	struct policy *p = item;

	if (nlh->nlmsg_type != XFRM_MSG_NEWPOLICY || mnl_nlmsg_get_payload_len(nlh) < sizeof(*info))
		return 0;
	nl_attrs(nlh, sizeof(*info), tb, XFRMA_MAX);
	if (!is_effective(info, tb))
		return 0;
	/* forwarded packets are the inner ones, of any protocol; the others are about the outer */
	if (info->dir != XFRM_POLICY_FWD && sel->proto && sel->proto != IPPROTO_GRE)
		return 0;
	addr_from_bytes((uint8_t)sel->family, &sel->saddr, sizeof(sel->saddr), &p->src.addr);
	addr_from_bytes((uint8_t)sel->family, &sel->daddr, sizeof(sel->daddr), &p->dst.addr);
	p->src.length = sel->prefixlen_s;
	p->dst.length = sel->prefixlen_d;
	p->dir = info->dir;
	switch (p->dir) {
	case XFRM_POLICY_FWD:
		return 1;
	case XFRM_POLICY_OUT:
		return covers(&p->src, e->local) && covers(&p->dst, e->remote);
	case XFRM_POLICY_IN:
		return covers(&p->src, e->remote) && covers(&p->dst, e->local);
	}
	return 0;
}

static int add_policy(struct firewall *f, const struct policy *p, const char *tunnel)
{
	const char *dir = p->dir == XFRM_POLICY_IN ? "in" : "out";
	char src[PREFIX_STRLEN], dst[PREFIX_STRLEN];

	prefix_text(&p->src, src);
	prefix_text(&p->dst, dst);
	if (p->dir == XFRM_POLICY_FWD)
		return firewall_add(f,
				    firewall_text("xfrm policy src %s dst %s dir fwd concerns "
						  "forwarded packets",
						  src, dst),
				    firewall_text("ip xfrm policy delete src %s dst %s dir fwd  # if "
						  "not needed",
						  src, dst));
	return firewall_add(f,
			    firewall_text("xfrm policy src %s dst %s dir %s matches the outer "
					  "packets of tunnel %s, which leave in clear on either path",
					  src, dst, dir, tunnel),
			    firewall_text("ip xfrm policy list src %s dst %s dir %s  # exclude "
					  "protocol 47 there, or do without xgre for this tunnel",
					  src, dst, dir));
}

int firewall_scan_xfrm(const struct addr *local, const struct addr *remote, const char *tunnel,
		       struct firewall *ret)
{
	struct nl_list l = {.size = sizeof(struct policy)};
	struct ends ends = {local, remote};
	const struct policy *policies;
	struct nl *nl;
	int err;

	err = nl_open_bus(NETLINK_XFRM, &nl);
	if (err)
		return err == -EPROTONOSUPPORT ? 0 : err;
	err = nl_dump(nl, nl_request(nl, XFRM_MSG_GETPOLICY, 0), parse_policy, &ends, &l);
	nl_close(nl);
	policies = l.items;
	for (size_t i = 0; i < l.count && !err; i++)
		err = add_policy(ret, &policies[i], tunnel);
	free(l.items);
	return err;
}
