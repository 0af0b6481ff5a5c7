// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Addresses over rtnetlink. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include "netdev-internal.h"

static int parse_addr(const struct nlmsghdr *nlh, void *item, const void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFA_MAX + 1];
	struct netaddr *a = item;
	uint32_t flags;

	(void)arg;
	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa))
		return 0;
	nl_attrs(nlh, sizeof(*ifa), tb, IFA_MAX);
	/* IFA_ADDRESS is the far end where a point-to-point address has one. */
	nl_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], ifa->ifa_family, &a->prefix.addr);
	if (!a->prefix.addr.family)
		return 0;
	flags = nl_u32(tb[IFA_FLAGS], ifa->ifa_flags);
	a->prefix.length = ifa->ifa_prefixlen;
	a->ifindex = ifa->ifa_index;
	a->scope = ifa->ifa_scope;
	a->protocol = nl_u8(tb[IFA_PROTO], 0);
	a->noprefixroute = flags & IFA_F_NOPREFIXROUTE;
	a->tentative = flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED);
	return 1;
}

int netaddr_list(struct nl *nl, struct netaddr **ret, size_t *ret_count)
{
	static const uint8_t afs[] = {AF_INET, AF_INET6};
	struct nl_list l = {.size = sizeof(struct netaddr)};
	int err;

	for (size_t i = 0; i < sizeof(afs); i++) {
		struct nlmsghdr *nlh = nl_request(nl, RTM_GETADDR, 0);
		struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

		ifa->ifa_family = afs[i];
		err = nl_dump(nl, nlh, parse_addr, NULL, &l);
		if (err)
			goto out;
	}
	*ret = l.items;
	*ret_count = l.count;
	return 0;
out:
	free(l.items);
	return err;
}

static struct nlmsghdr *addr_request(struct nl *nl, uint16_t type, uint16_t flags, uint32_t ifindex,
				     const struct prefix *p)
{
	struct nlmsghdr *nlh = nl_request(nl, type, flags);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = family_to_af(p->addr.family);
	ifa->ifa_prefixlen = p->length;
	ifa->ifa_index = ifindex;
	/* Deletion compares the length only where IFA_ADDRESS is given as well. */
	nl_put_addr(nlh, IFA_LOCAL, &p->addr);
	nl_put_addr(nlh, IFA_ADDRESS, &p->addr);
	return nlh;
}

int netaddr_add(struct nl *nl, uint32_t ifindex, const struct prefix *p, bool noprefixroute)
{
	struct nlmsghdr *nlh = addr_request(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, p);

	mnl_attr_put_u8(nlh, IFA_PROTO, XGRE_RTPROT);
	if (noprefixroute)
		mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NOPREFIXROUTE);
	return nl_talk(nl, nlh, NULL, NULL);
}

int netaddr_del(struct nl *nl, uint32_t ifindex, const struct prefix *p)
{
	return nl_talk(nl, addr_request(nl, RTM_DELADDR, 0, ifindex, p), NULL, NULL);
}
