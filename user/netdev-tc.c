// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Traffic control over rtnetlink: what libbpf's bpf_tc_* calls do not tell. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include "netdev-internal.h"

static int parse_filter(const struct nlmsghdr *nlh, void *item, const void *arg)
{
	(void)item, (void)arg;
	return nlh->nlmsg_type == RTM_NEWTFILTER;
}

int nettc_empty(struct nl *nl, uint32_t ifindex, bool *ret)
{
	static const uint32_t parents[] = { TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
					    TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS) };
	struct nl_list l = { .size = 1 };
	int err = 0;

	for (size_t i = 0; i < 2 && !err; i++) {
		struct nlmsghdr *nlh = nl_request(nl, RTM_GETTFILTER, 0);
		struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

		tc->tcm_family = AF_UNSPEC;
		tc->tcm_ifindex = ifindex;
		tc->tcm_parent = parents[i];
		err = nl_dump(nl, nlh, parse_filter, NULL, &l);
	}
	*ret = !err && l.count == 0;
	free(l.items);
	return err;
}
