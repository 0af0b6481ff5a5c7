// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Routes over rtnetlink. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/rtnetlink.h>
#include "netdev-internal.h"

/* Metric of an IPv6 route that names none (IP6_RT_PRIO_USER); IPv4's is 0. */
#define METRIC6_DEFAULT 1024
/* Every network namespace's loopback device. */
#define IFINDEX_LO 1

static bool is_reject(uint8_t type)
{
	return type == RTN_UNREACHABLE || type == RTN_BLACKHOLE || type == RTN_PROHIBIT ||
	       type == RTN_THROW;
}

/* Zero fields of a request filled in as the kernel does, so that both can be compared. */
static struct netroute normal(const struct netroute *r)
{
	struct netroute n = *r;

	if (!n.table)
		n.table = RT_TABLE_MAIN;
	if (n.type == RTN_UNSPEC)
		n.type = RTN_UNICAST;
	if (!n.metric && n.to.addr.family == XGRE_FAMILY_6)
		n.metric = METRIC6_DEFAULT;
	/* The kernel shows IPv6 reject routes on the loopback device. */
	if (is_reject(n.type)) {
		n.oif = 0;
		memset(&n.via, 0, sizeof(n.via));
	}
	n.scope = RT_SCOPE_UNIVERSE;
	if (n.to.addr.family == XGRE_FAMILY_4 && n.oif && !n.via.family)
		n.scope = RT_SCOPE_LINK;
	return n;
}

/* What a dump is narrowed to; zero: any. */
struct filter {
	uint8_t af;
	bool local;
	uint32_t table;
};

static void parse_via(const struct nlattr *gateway, const struct nlattr *via, uint8_t af,
		      struct addr *ret)
{
	nl_addr(gateway, af, ret);
	if (via && mnl_attr_get_payload_len(via) > sizeof(struct rtvia)) {
		const struct rtvia *v = mnl_attr_get_payload(via);

		addr_from_bytes((uint8_t)v->rtvia_family, v->rtvia_addr,
				mnl_attr_get_payload_len(via) - sizeof(*v), ret);
	}
}

/* The first next hop; offlink where all of them are. */
static void parse_multipath(const struct nlattr *multipath, uint8_t af, struct netroute *r)
{
	const struct rtnexthop *h = mnl_attr_get_payload(multipath);
	int left = mnl_attr_get_payload_len(multipath);

	r->offlink = true;
	for (; RTNH_OK(h, left); left -= (int)NLMSG_ALIGN(h->rtnh_len), h = RTNH_NEXT(h)) {
		if (!(h->rtnh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)))
			r->offlink = false;
		if (r->nexthops < UINT8_MAX)
			r->nexthops++;
		if (r->nexthops == 1) {
			const struct nlattr *tb[RTA_MAX + 1] = {NULL};
			const struct nlattr *a = (const struct nlattr *)RTNH_DATA(h);
			int len = h->rtnh_len - (int)RTNH_LENGTH(0);

			for (; mnl_attr_ok(a, len);
			     len -= MNL_ALIGN(a->nla_len), a = mnl_attr_next(a))
				if (mnl_attr_get_type(a) <= RTA_MAX)
					tb[mnl_attr_get_type(a)] = a;
			r->oif = (uint32_t)h->rtnh_ifindex;
			parse_via(tb[RTA_GATEWAY], tb[RTA_VIA], af, &r->via);
		}
	}
}

static int parse_route(const struct nlmsghdr *nlh, void *item, const void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_MAX + 1];
	const struct filter *f = arg;
	struct netroute *r = item;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
	    rtm->rtm_family != f->af || rtm->rtm_flags & RTM_F_CLONED)
		return 0;
	nl_attrs(nlh, sizeof(*rtm), tb, RTA_MAX);
	r->table = nl_u32(tb[RTA_TABLE], rtm->rtm_table);
	if (f->table ? r->table != f->table : r->table == RT_TABLE_LOCAL && !f->local)
		return 0;
	r->to.addr.family = family_from_af(f->af);
	nl_addr(tb[RTA_DST], f->af, &r->to.addr);
	r->to.length = rtm->rtm_dst_len;
	r->type = rtm->rtm_type;
	r->protocol = rtm->rtm_protocol;
	r->scope = rtm->rtm_scope;
	r->metric = nl_u32(tb[RTA_PRIORITY], 0);
	if (is_reject(r->type))
		return 1;
	r->nexthops = 1;
	r->oif = nl_u32(tb[RTA_OIF], 0);
	r->offlink = rtm->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN);
	parse_via(tb[RTA_GATEWAY], tb[RTA_VIA], f->af, &r->via);
	if (tb[RTA_MULTIPATH]) {
		r->nexthops = 0;
		parse_multipath(tb[RTA_MULTIPATH], f->af, r);
	}
	return 1;
}

static int dump_family(struct nl *nl, const struct filter *f, struct nl_list *l)
{
	struct nlmsghdr *nlh = nl_request(nl, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	int err;

	rtm->rtm_family = f->af;
	if (f->table)
		mnl_attr_put_u32(nlh, RTA_TABLE, f->table);
	err = nl_dump(nl, nlh, parse_route, f, l);
	/* A table comes into being with its first route. Without IPv6 its dump is not there. */
	return err == -ENOENT || err == -EAFNOSUPPORT || err == -EOPNOTSUPP ? 0 : err;
}

int netroute_list(struct nl *nl, uint32_t table, bool local, struct netroute **ret,
		  size_t *ret_count)
{
	struct nl_list l = {.size = sizeof(struct netroute)};
	struct filter f = {.af = AF_INET, .local = local, .table = table};
	int err;

	err = dump_family(nl, &f, &l);
	f.af = AF_INET6;
	if (!err)
		err = dump_family(nl, &f, &l);
	if (err) {
		free(l.items);
		return err;
	}
	*ret = l.items;
	*ret_count = l.count;
	return 0;
}

static void put_via(struct nlmsghdr *nlh, const struct netroute *r)
{
	struct {
		uint16_t family;
		uint8_t addr[16];
	} via = {.family = family_to_af(r->via.family)};

	if (r->via.family == r->to.addr.family) {
		nl_put_addr(nlh, RTA_GATEWAY, &r->via);
	} else if (r->via.family) {
		/* An IPv4 route by an IPv6 neighbour (RFC 8950's kind): struct rtvia. */
		memcpy(via.addr, r->via.a.b, sizeof(via.addr));
		mnl_attr_put(nlh, RTA_VIA, sizeof(via.family) + family_bytes(r->via.family), &via);
	}
}

static void fill_route(struct nlmsghdr *nlh, uint16_t type, uint16_t flags,
		       const struct netroute *route)
{
	struct netroute r = normal(route);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags |= flags;
	rtm->rtm_family = family_to_af(r.to.addr.family);
	rtm->rtm_dst_len = r.to.length;
	rtm->rtm_table = r.table < 256 ? (uint8_t)r.table : RT_TABLE_COMPAT;
	rtm->rtm_protocol = r.protocol;
	rtm->rtm_scope = r.scope;
	rtm->rtm_type = r.type;
	if (r.onlink)
		rtm->rtm_flags |= RTNH_F_ONLINK;
	if (r.to.length)
		nl_put_addr(nlh, RTA_DST, &r.to.addr);
	mnl_attr_put_u32(nlh, RTA_TABLE, r.table);
	if (r.metric)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, r.metric);
	/* IPv6 deletes whatever type it finds: only the device tells a reject route from others. */
	if (type == RTM_DELROUTE && is_reject(r.type) && r.to.addr.family == XGRE_FAMILY_6)
		r.oif = IFINDEX_LO;
	if (r.oif)
		mnl_attr_put_u32(nlh, RTA_OIF, r.oif);
	put_via(nlh, &r);
}

static void fill_add(struct nlmsghdr *nlh, size_t i, const void *arg)
{
	fill_route(nlh, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, (const struct netroute *)arg + i);
}

static void fill_replace(struct nlmsghdr *nlh, size_t i, const void *arg)
{
	fill_route(nlh, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE,
		   (const struct netroute *)arg + i);
}

static void fill_del(struct nlmsghdr *nlh, size_t i, const void *arg)
{
	fill_route(nlh, RTM_DELROUTE, 0, (const struct netroute *)arg + i);
}

/*
 * A batch that stops at its first failure as seen from outside: what the kernel
 * carried out behind it is undone. undo NULL: it cannot be.
 */
static int batch(struct nl *nl, const struct netroute *r, size_t n, nl_fill fill, nl_fill undo,
		 size_t *ret_failed)
{
	struct netroute *back = NULL;
	size_t failed = 0, nback = 0, ignored;
	int *status;
	int err;

	if (!n)
		return 0;
	status = calloc(n, sizeof(*status));
	if (undo)
		back = calloc(n, sizeof(*back));
	err = -ENOMEM;
	if (!status || (undo && !back))
		goto out;
	err = nl_batch(nl, n, fill, r, status, &failed);
	if (!err || !undo)
		goto out;
	for (size_t i = failed + 1; i < n && status[i] != NL_NOT_SENT; i++)
		if (!status[i])
			back[nback++] = r[i];
	nl_error_keep(nl, true);
	if (nback)
		nl_batch(nl, nback, undo, back, status, &ignored);
	nl_error_keep(nl, false);
out:
	if (err && ret_failed)
		*ret_failed = failed;
	free(status);
	free(back);
	return err;
}

int netroute_add_many(struct nl *nl, const struct netroute *r, size_t n, bool replace,
		      size_t *ret_failed)
{
	return batch(nl, r, n, replace ? fill_replace : fill_add, replace ? NULL : fill_del,
		     ret_failed);
}

int netroute_add(struct nl *nl, const struct netroute *r, bool replace)
{
	return netroute_add_many(nl, r, 1, replace, NULL);
}

static int compare_routes(const void *pa, const void *pb)
{
	const struct netroute *a = pa, *b = pb;
	int c = prefix_compare(&a->to, &b->to);

	if (c)
		return c;
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->metric != b->metric)
		return a->metric < b->metric ? -1 : 1;
	if (a->oif != b->oif)
		return a->oif < b->oif ? -1 : 1;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->via.family != b->via.family)
		return a->via.family < b->via.family ? -1 : 1;
	return memcmp(a->via.a.b, b->via.a.b, sizeof(a->via.a.b));
}

/*
 * Whether the kernel's own matching could take another route for r: no metric
 * means any to IPv4's, and IPv6's does not look at the type.
 */
static bool must_look(const struct netroute *r)
{
	return r->to.addr.family == XGRE_FAMILY_4 ? !r->metric : is_reject(r->type);
}

/* How many of the routes, from the first on, are there as far as that must be looked up. */
static int count_present(struct nl *nl, const struct netroute *r, size_t n, size_t *ret)
{
	struct nl_list l = {.size = sizeof(struct netroute)};
	uint32_t table = normal(&r[0]).table;
	bool look4 = false, look6 = false;
	struct netroute key;
	int err = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (normal(&r[i]).table != table)
			table = 0;
		if (must_look(&r[i]))
			*(r[i].to.addr.family == XGRE_FAMILY_4 ? &look4 : &look6) = true;
	}
	if (look4)
		err = dump_family(nl, &(struct filter){AF_INET, true, table}, &l);
	if (!err && look6)
		err = dump_family(nl, &(struct filter){AF_INET6, true, table}, &l);
	if (err)
		goto out;
	if (l.count)
		qsort(l.items, l.count, sizeof(key), compare_routes);
	for (i = 0; i < n; i++) {
		key = normal(&r[i]);
		if (must_look(&r[i]) &&
		    (!l.count || !bsearch(&key, l.items, l.count, sizeof(key), compare_routes)))
			break;
	}
	*ret = i;
out:
	free(l.items);
	return err;
}

int netroute_del_many(struct nl *nl, const struct netroute *r, size_t n, size_t *ret_failed)
{
	size_t present = 0;
	int err;

	if (!n)
		return 0;
	err = count_present(nl, r, n, &present);
	if (err) {
		if (ret_failed)
			*ret_failed = 0;
		return err;
	}
	err = batch(nl, r, present, fill_del, fill_add, ret_failed);
	if (err || present == n)
		return err;
	if (ret_failed)
		*ret_failed = present;
	return -ESRCH;
}

int netroute_del(struct nl *nl, const struct netroute *r)
{
	return netroute_del_many(nl, r, 1, NULL);
}

static int take_answer(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *metrics[RTAX_MAX + 1];
	const struct nlattr *tb[RTA_MAX + 1];
	struct netroute_answer *a = arg;
	int err = 0;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return 0;
	nl_attrs(nlh, sizeof(*rtm), tb, RTA_MAX);
	nl_nested(tb[RTA_METRICS], metrics, RTAX_MAX);
	/* IPv6 answers a look-up that fails with a route that carries the error. */
	if (tb[RTA_CACHEINFO] &&
	    mnl_attr_get_payload_len(tb[RTA_CACHEINFO]) >= sizeof(struct rta_cacheinfo)) {
		const struct rta_cacheinfo *ci = mnl_attr_get_payload(tb[RTA_CACHEINFO]);

		err = (int)ci->rta_error;
	}
	if (err)
		return err < 0 ? err : -err;
	a->oif = nl_u32(tb[RTA_OIF], 0);
	parse_via(tb[RTA_GATEWAY], tb[RTA_VIA], rtm->rtm_family, &a->via);
	nl_addr(tb[RTA_PREFSRC], rtm->rtm_family, &a->src);
	a->mtu = nl_u32(metrics[RTAX_MTU], 0);
	return 0;
}

int netroute_get(struct nl *nl, const struct addr *dst, const struct addr *src,
		 struct netroute_answer *ret)
{
	struct nlmsghdr *nlh = nl_request(nl, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	struct netroute_answer a = {0};
	int err;

	rtm->rtm_family = family_to_af(dst->family);
	rtm->rtm_dst_len = (uint8_t)(8 * family_bytes(dst->family));
	nl_put_addr(nlh, RTA_DST, dst);
	if (src && src->family) {
		rtm->rtm_src_len = rtm->rtm_dst_len;
		nl_put_addr(nlh, RTA_SRC, src);
	}
	err = nl_talk(nl, nlh, take_answer, &a);
	if (!err)
		*ret = a;
	return err;
}
