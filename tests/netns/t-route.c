// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Routes and policy rules of user/netdev.h against the kernel. */
#include <linux/rtnetlink.h>
#include "netns.h"

#define PROTOCOL 97
#define MANY	 10000

/* Routes of our protocol in a table; all of them counted, one that matches r returned. */
static size_t find_route(struct nl *nl, const struct netroute *r, struct netroute *ret)
{
	struct netroute *list;
	size_t n, count = 0;

	if (netroute_list(nl, r->table, false, &list, &n))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (prefix_equal(&list[i].to, &r->to) && list[i].protocol == PROTOCOL) {
			*ret = list[i];
			count++;
		}
	free(list);
	return count;
}

static void check_route(struct nl *nl, const char *name, const struct netroute *r, uint8_t scope,
			uint32_t metric)
{
	struct netroute got = {0};

	is_int(netroute_add(nl, r, false), 0, "%s: add", name);
	is_int(netroute_add(nl, r, false), -EEXIST, "%s: add again", name);
	is_int(netroute_add(nl, r, true), 0, "%s: replace by itself", name);
	is_int((long long)find_route(nl, r, &got), 1, "%s: listed once", name);
	is_int(got.scope, scope, "%s: scope", name);
	is_int(got.metric, metric, "%s: metric", name);
	ok(got.type == r->type && got.oif == r->oif && addr_equal(&got.via, &r->via) &&
		   got.table == (r->table ? r->table : RT_TABLE_MAIN),
	   "%s: type, device, via and table", name);
	is_int(netroute_del(nl, r), 0, "%s: delete", name);
	is_int(netroute_del(nl, r), -ESRCH, "%s: delete again", name);
	is_int((long long)find_route(nl, r, &got), 0, "%s: gone", name);
}

static struct netroute route(const char *to, uint32_t oif)
{
	return (struct netroute){
		.to = prefix(to), .type = RTN_UNICAST, .protocol = PROTOCOL, .oif = oif};
}

static void test_routes(struct nl *nl)
{
	struct netdev d = {0};
	struct netroute r;

	netdev_get(nl, "gre1", &d);
	r = route("192.168.200.0/24", d.ifindex);
	check_route(nl, "IPv4", &r, RT_SCOPE_LINK, 0);
	r.metric = 100;
	check_route(nl, "IPv4 metric", &r, RT_SCOPE_LINK, 100);
	r.via = address("10.1.0.9");
	check_route(nl, "IPv4 via", &r, RT_SCOPE_UNIVERSE, 100);
	r.via = address("2001:db8:1::9");
	check_route(nl, "IPv4 via IPv6", &r, RT_SCOPE_UNIVERSE, 100);
	r = route("192.168.200.0/24", d.ifindex);
	r.table = 1000;
	check_route(nl, "IPv4 table", &r, RT_SCOPE_LINK, 0);
	r = route("192.168.200.0/24", 0);
	r.type = RTN_UNREACHABLE;
	r.metric = 4278198272u;
	check_route(nl, "IPv4 unreachable", &r, RT_SCOPE_UNIVERSE, 4278198272u);
	r = route("0.0.0.0/0", d.ifindex);
	check_route(nl, "IPv4 default", &r, RT_SCOPE_LINK, 0);
	r = route("2001:db8:200::/48", d.ifindex);
	check_route(nl, "IPv6", &r, RT_SCOPE_UNIVERSE, 1024);
	r.metric = 100;
	check_route(nl, "IPv6 metric", &r, RT_SCOPE_UNIVERSE, 100);
	r.via = address("2001:db8:1::9");
	check_route(nl, "IPv6 via", &r, RT_SCOPE_UNIVERSE, 100);
	r = route("2001:db8:200::/48", d.ifindex);
	r.table = 1000;
	check_route(nl, "IPv6 table", &r, RT_SCOPE_UNIVERSE, 1024);
	r = route("2001:db8:200::/48", 0);
	r.type = RTN_UNREACHABLE;
	r.metric = 4278198272u;
	check_route(nl, "IPv6 unreachable", &r, RT_SCOPE_UNIVERSE, 4278198272u);
	r = route("::/0", d.ifindex);
	check_route(nl, "IPv6 default", &r, RT_SCOPE_UNIVERSE, 1024);
	r.oif = 99999;
	is_int(netroute_add(nl, &r, false), -ENODEV, "a route on no device");
}

/* Each altered copy of a route that is there must not delete it. */
static void test_exact(struct nl *nl, const char *to)
{
	struct netdev d = {0};
	struct netroute r, got, other;

	netdev_get(nl, "gre1", &d);
	r = route(to, d.ifindex);
	r.metric = 50;
	netroute_add(nl, &r, false);
	other = r;
	other.metric = 0;
	is_int(netroute_del(nl, &other), -ESRCH, "%s: default metric deletes no other", to);
	other.metric = 51;
	is_int(netroute_del(nl, &other), -ESRCH, "%s: another metric", to);
	other = r;
	other.type = RTN_UNREACHABLE;
	is_int(netroute_del(nl, &other), -ESRCH, "%s: another type", to);
	other = r;
	other.protocol = PROTOCOL + 1;
	is_int(netroute_del(nl, &other), -ESRCH, "%s: another protocol", to);
	other = r;
	other.table = 1000;
	is_int(netroute_del(nl, &other), -ESRCH, "%s: another table", to);
	other = r;
	other.oif = d.link;
	is_int(netroute_del(nl, &other), -ESRCH, "%s: another device", to);
	is_int((long long)find_route(nl, &r, &got), 1, "%s: still there", to);
	is_int(netroute_del(nl, &r), 0, "%s: deleted by its own description", to);

	r.type = RTN_UNREACHABLE;
	netroute_add(nl, &r, false);
	other = r;
	other.type = RTN_BLACKHOLE;
	is_int(netroute_del(nl, &other), -ESRCH, "%s: blackhole is not unreachable", to);
	other = r;
	other.type = RTN_UNICAST;
	other.oif = d.ifindex;
	is_int(netroute_del(nl, &other), -ESRCH, "%s: unicast is not unreachable", to);
	is_int(netroute_del(nl, &r), 0, "%s: unreachable deleted", to);
}

static void test_replace(struct nl *nl)
{
	struct netdev d = {0};
	struct netroute r, got = {0};

	netdev_get(nl, "gre1", &d);
	r = route("192.168.201.0/24", d.ifindex);
	netroute_add(nl, &r, false);
	r.via = address("10.1.0.9");
	is_int(netroute_add(nl, &r, true), 0, "replace by one with a next hop");
	ok(find_route(nl, &r, &got) == 1 && addr_equal(&got.via, &r.via), "one route, the new one");
	netroute_del(nl, &r);
	sh("ip route add 10.99.0.0/16 proto 97 nexthop via 10.1.0.9 nexthop via 10.1.0.10");
	r = route("10.99.0.0/16", 0);
	ok(find_route(nl, &r, &got) == 1 && got.nexthops == 2 && got.oif == d.ifindex,
	   "a multipath route has its next hops counted");
	r.via = address("10.1.0.9");
	ok(addr_equal(&got.via, &r.via), "and shows the first");
	sh("ip route del 10.99.0.0/16");
	sh("ip -6 route add 2001:db8:99::/48 proto 97 nexthop via 2001:db8:1::9 "
	   "nexthop via 2001:db8:1::10");
	r = route("2001:db8:99::/48", 0);
	ok(find_route(nl, &r, &got) == 1 && got.nexthops == 2 && got.oif == d.ifindex,
	   "an IPv6 one, too");
	sh("ip -6 route del 2001:db8:99::/48");
}

static void fill_many(struct netroute *many, size_t n, bool v6, uint32_t oif)
{
	for (size_t i = 0; i < n; i++) {
		many[i] = route(v6 ? "2001:db9::/64" : "172.16.0.0/28", oif);
		if (v6) {
			many[i].to.addr.a.b[6] = (uint8_t)(i >> 8);
			many[i].to.addr.a.b[7] = (uint8_t)i;
		} else {
			many[i].to.addr.a.b[1] = (uint8_t)(16 + (i >> 12));
			many[i].to.addr.a.b[2] = (uint8_t)(i >> 4);
			many[i].to.addr.a.b[3] = (uint8_t)(i << 4);
		}
	}
}

static size_t count_ours(struct nl *nl)
{
	struct netroute *list;
	size_t n, count = 0;

	if (netroute_list(nl, 0, false, &list, &n))
		return SIZE_MAX;
	for (size_t i = 0; i < n; i++)
		count += list[i].protocol == PROTOCOL;
	free(list);
	return count;
}

static void test_many(struct nl *nl, bool v6)
{
	const char *name = v6 ? "IPv6" : "IPv4";
	struct netroute *many = calloc(MANY, sizeof(*many));
	struct netdev d = {0};
	size_t failed = 0;
	double t;

	netdev_get(nl, "gre1", &d);
	fill_many(many, MANY, v6, d.ifindex);
	t = now();
	is_int(netroute_add_many(nl, many, MANY, false, &failed), 0, "%s: add %d", name, MANY);
	diag("%s: %d routes added in %.0f ms", name, MANY, (now() - t) * 1e3);
	t = now();
	is_int((long long)count_ours(nl), MANY, "%s: all are listed", name);
	diag("%s: listed in %.0f ms", name, (now() - t) * 1e3);
	is_int(netroute_add_many(nl, many, MANY, false, &failed), -EEXIST, "%s: again", name);
	is_int((long long)failed, 0, "%s: the first failed", name);
	is_int((long long)count_ours(nl), MANY, "%s: none that was there is undone", name);
	is_int(netroute_add_many(nl, many, MANY, true, &failed), 0, "%s: replace all", name);

	netroute_del(nl, &many[3000]);
	is_int(netroute_del_many(nl, many, MANY, &failed), -ESRCH, "%s: delete, one missing", name);
	is_int((long long)failed, 3000, "%s: its index", name);
	is_int((long long)count_ours(nl), MANY - 3001, "%s: those behind it are there", name);
	is_int(netroute_add_many(nl, many, 3000, false, &failed), 0, "%s: those before back", name);
	t = now();
	is_int(netroute_del_many(nl, many, 3000, &failed), 0, "%s: delete some", name);
	is_int(netroute_del_many(nl, many + 3001, MANY - 3001, &failed), 0, "%s: the rest", name);
	diag("%s: deleted in %.0f ms", name, (now() - t) * 1e3);
	is_int((long long)count_ours(nl), 0, "%s: none is left", name);

	netroute_add(nl, &many[5000], false);
	is_int(netroute_add_many(nl, many, MANY, false, &failed), -EEXIST, "%s: one in the way",
	       name);
	is_int((long long)failed, 5000, "%s: its index", name);
	is_int((long long)count_ours(nl), 5001, "%s: nothing behind it was added", name);
	is_int(netroute_del_many(nl, many, 5001, NULL), 0, "%s: tidy", name);
	free(many);
}

static void test_local(struct nl *nl)
{
	struct netroute *list = NULL;
	size_t n = 0, locals = 0;

	is_int(netroute_list(nl, 0, true, &list, &n), 0, "list with the local table");
	for (size_t i = 0; i < n; i++)
		locals += list[i].table == RT_TABLE_LOCAL;
	free(list);
	ok(locals > 0, "it is there");
	is_int(netroute_list(nl, 0, false, &list, &n), 0, "list without");
	locals = 0;
	for (size_t i = 0; i < n; i++)
		locals += list[i].table == RT_TABLE_LOCAL;
	free(list);
	is_int((long long)locals, 0, "it is not there");
	is_int(netroute_list(nl, 54321, false, &list, &n), 0, "a table that does not exist");
	is_int((long long)n, 0, "is empty");
	free(list);
}

static void test_rules(struct nl *nl)
{
	size_t n = 99;

	is_int(netrule_count_extra(nl, &n), 0, "count rules");
	is_int((long long)n, 0, "none but the kernel's");
	sh("ip rule add from 10.0.0.0/8 lookup 100");
	netrule_count_extra(nl, &n);
	is_int((long long)n, 1, "one more");
	sh("ip -6 rule add fwmark 1 lookup 100; ip rule add pref 32766 lookup main "
	   "suppress_prefixlength 0");
	netrule_count_extra(nl, &n);
	is_int((long long)n, 3, "and two");
	sh("ip rule del from 10.0.0.0/8 lookup 100; ip -6 rule del fwmark 1 lookup 100; "
	   "ip rule del pref 32766 lookup main suppress_prefixlength 0");
	netrule_count_extra(nl, &n);
	is_int((long long)n, 0, "none again");
}

static void test_get(struct nl *nl)
{
	struct netroute_answer a = {0};
	struct addr dst, src, via;
	struct netdev d = {0};

	netdev_get(nl, "gre1", &d);
	dst = address("192.0.2.1");
	is_int(netroute_get(nl, &dst, NULL, &a), -ENETUNREACH, "IPv4: no route");
	sh("ip route add 192.0.2.0/24 via 10.1.0.9 mtu 1300");
	is_int(netroute_get(nl, &dst, NULL, &a), 0, "IPv4: a route");
	via = address("10.1.0.9");
	src = address("10.1.0.1");
	ok(a.oif == d.ifindex && addr_equal(&a.via, &via) && addr_equal(&a.src, &src) &&
		   a.mtu == 1300,
	   "IPv4: device, next hop, source, MTU");
	is_int(netroute_get(nl, &dst, &src, &a), 0, "IPv4: from a source");
	src = address("203.0.113.1");
	ok(netroute_get(nl, &dst, &src, &a) < 0, "IPv4: from a source that is not ours");
	sh("ip route add unreachable 198.51.100.0/24");
	dst = address("198.51.100.1");
	is_int(netroute_get(nl, &dst, NULL, &a), -EHOSTUNREACH, "IPv4: unreachable");
	sh("ip route del 192.0.2.0/24; ip route del unreachable 198.51.100.0/24");

	dst = address("2001:db8:f::1");
	is_int(netroute_get(nl, &dst, NULL, &a), -ENETUNREACH, "IPv6: no route");
	sh("ip route add 2001:db8:f::/48 via 2001:db8:1::9 mtu 1300");
	is_int(netroute_get(nl, &dst, NULL, &a), 0, "IPv6: a route");
	via = address("2001:db8:1::9");
	ok(a.oif == d.ifindex && addr_equal(&a.via, &via) && a.src.family == XGRE_FAMILY_6 &&
		   a.mtu == 1300,
	   "IPv6: device, next hop, source, MTU");
	sh("ip route del 2001:db8:f::/48; ip route add unreachable 2001:db8:f::/48");
	is_int(netroute_get(nl, &dst, NULL, &a), -EHOSTUNREACH, "IPv6: unreachable");
	sh("ip route del unreachable 2001:db8:f::/48");
}

/* Two ends in one namespace are enough: no packet is sent. */
static void prepare(struct nl *nl)
{
	struct veth_spec spec = {.name = "gre1", .peer = "gre1.peer"};
	struct netdev d = {0};

	netdev_add_veth(nl, &spec);
	netdev_get(nl, "gre1", &d);
	netdev_set_up(nl, d.link, true);
	netdev_set_up(nl, d.ifindex, true);
	sh("ip addr add 10.1.0.1/24 dev gre1; ip addr add 2001:db8:1::1/64 dev gre1");
}

int main(void)
{
	struct nl *nl;

	if (!own_netns())
		return 0;
	if (!is_int(nl_open(&nl), 0, "open"))
		return done();
	prepare(nl);
	test_routes(nl);
	test_exact(nl, "192.168.210.0/24");
	test_exact(nl, "2001:db8:210::/48");
	test_replace(nl);
	test_many(nl, false);
	test_many(nl, true);
	test_local(nl);
	test_rules(nl);
	test_get(nl);
	nl_close(nl);
	return done();
}
