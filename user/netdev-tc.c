// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Traffic control over rtnetlink: what libbpf's bpf_tc_* calls do not tell. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include "netdev-internal.h"

static int parse_filter(const struct nlmsghdr *nlh, void *item, const void *arg)
{
	(void)item, (void)arg;
	return nlh->nlmsg_type == RTM_NEWTFILTER;
}

static int take_kind(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[TCA_MAX + 1];

	if (nlh->nlmsg_type != RTM_NEWQDISC)
		return 0;
	nl_attrs(nlh, sizeof(struct tcmsg), tb, TCA_MAX);
	nl_text(tb[TCA_KIND], arg, IFNAMSIZ);
	return 0;
}

int nettc_has_ingress(struct nl *nl, uint32_t ifindex, bool *ret)
{
	/* the answer is a notification, of which those who ask get none without ECHO */
	struct nlmsghdr *nlh = nl_request(nl, RTM_GETQDISC, NLM_F_ECHO);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
	char kind[IFNAMSIZ] = "";
	int err;

	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)ifindex;
	tc->tcm_parent = TC_H_CLSACT;
	err = nl_talk(nl, nlh, take_kind, kind);
	if (err && err != -ENOENT)
		return err;
	/* once there was one, the kernel may show noop in its place */
	*ret = !strcmp(kind, "clsact") || !strcmp(kind, "ingress");
	return 0;
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
