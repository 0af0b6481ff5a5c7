// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Policy rules over rtnetlink. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include "netdev-internal.h"

/* The rules of a new network namespace: "from all lookup" local, main, default. */
static bool is_builtin_rule(const struct fib_rule_hdr *h, const struct nlattr **tb)
{
	static const uint16_t plain[] = {FRA_TABLE, FRA_PRIORITY, FRA_PROTOCOL,
					 FRA_SUPPRESS_PREFIXLEN, FRA_PAD};
	uint32_t table = nl_u32(tb[FRA_TABLE], h->table);
	uint32_t priority = nl_u32(tb[FRA_PRIORITY], 0);

	if (h->action != FR_ACT_TO_TBL || h->src_len || h->dst_len || h->tos ||
	    h->flags & FIB_RULE_INVERT ||
	    nl_u32(tb[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX) != UINT32_MAX)
		return false;
	for (uint16_t i = 0; i <= FRA_MAX; i++) {
		bool known = !tb[i];

		for (size_t k = 0; k < sizeof(plain) / sizeof(plain[0]); k++)
			known |= i == plain[k];
		if (!known)
			return false;
	}
	return (priority == 0 && table == RT_TABLE_LOCAL) ||
	       (priority == 32766 && table == RT_TABLE_MAIN) ||
	       (priority == 32767 && table == RT_TABLE_DEFAULT);
}

static int parse_extra_rule(const struct nlmsghdr *nlh, void *item, const void *arg)
{
	const struct fib_rule_hdr *h = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[FRA_MAX + 1];

	(void)arg;
	if (nlh->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*h))
		return 0;
	nl_attrs(nlh, sizeof(*h), tb, FRA_MAX);
	*(uint32_t *)item = nl_u32(tb[FRA_PRIORITY], 0);
	return is_builtin_rule(h, tb) ? 0 : 1;
}

int netrule_count_extra(struct nl *nl, size_t *ret)
{
	static const uint8_t afs[] = {AF_INET, AF_INET6};
	struct nl_list l = {.size = sizeof(uint32_t)};
	int err = 0;

	for (size_t i = 0; i < sizeof(afs) && !err; i++) {
		struct nlmsghdr *nlh = nl_request(nl, RTM_GETRULE, 0);
		struct fib_rule_hdr *h = mnl_nlmsg_put_extra_header(nlh, sizeof(*h));

		h->family = afs[i];
		err = nl_dump(nl, nlh, parse_extra_rule, NULL, &l);
		/* No policy routing for this family, or no such family. */
		if (err == -EAFNOSUPPORT || err == -EOPNOTSUPP)
			err = 0;
	}
	if (!err)
		*ret = l.count;
	free(l.items);
	return err;
}
