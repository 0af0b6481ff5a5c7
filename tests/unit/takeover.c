// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel's GRE devices without a kernel: netlink messages as it sends them, what
 * they are as tunnels, and the configuration that import prints for them.
 */
#include <arpa/inet.h>
#include <net/if.h> /* before linux/if_tunnel.h, which then leaves out what is here */
#include <net/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include "cli.h"
#include "config-common.h"
#include "import.h"
#include "netdev-internal.h"
#include "takeover.h"

static struct addr addr(const char *text)
{
	struct addr a = {};

	addr_parse(text, &a);
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p = {};

	prefix_parse(text, &p);
	return p;
}

/* An attribute, or with size 0 none. */
struct attr {
	uint16_t type;
	uint16_t size;
	uint32_t value[4]; /* as on the wire */
};

/* RTM_NEWLINK of a device with this kind and data, as link_parse() wants it. */
static struct nlmsghdr *message(char *buf, const char *kind, const struct attr *attrs)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;
	struct nlattr *info, *data;

	nlh->nlmsg_type = RTM_NEWLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = 7;
	ifi->ifi_flags = IFF_UP;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "gre1");
	mnl_attr_put_u32(nlh, IFLA_MTU, 1472);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	for (; attrs->size; attrs++)
		mnl_attr_put(nlh, attrs->type, attrs->size, attrs->value);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return nlh;
}

#define U8(type, value)	  {type, 1, {value}}
#define U16(type, value)  {type, 2, {value}}
#define U32(type, value)  {type, 4, {value}}
#define FLAGS(in, out)	  U16(IFLA_GRE_IFLAGS, in), U16(IFLA_GRE_OFLAGS, out)

static void test_parse4(void)
{
	const struct attr attrs[] = {
		FLAGS(GRE_KEY | GRE_SEQ, GRE_KEY | GRE_CSUM),
		U32(IFLA_GRE_IKEY, htonl(1)),
		U32(IFLA_GRE_OKEY, htonl(0xfffffffe)),
		U32(IFLA_GRE_LOCAL, htonl(0xc0000201)),
		U32(IFLA_GRE_REMOTE, htonl(0xc0000202)),
		U32(IFLA_GRE_LINK, 3),
		U8(IFLA_GRE_TTL, 0),
		U8(IFLA_GRE_TOS, 0x11),
		U8(IFLA_GRE_PMTUDISC, 1),
		U16(IFLA_GRE_ENCAP_TYPE, TUNNEL_ENCAP_FOU),
		U32(IFLA_GRE_FWMARK, 5),
		{},
	};
	char buf[4096] = {};
	struct netgre g = {};
	struct addr want;

	is_int(netgre_parse(message(buf, "gre", attrs), &g, NULL), 1, "gre: is kept");
	is_str(g.dev.name, "gre1", "gre: name");
	is_int(g.dev.mtu, 1472, "gre: mtu");
	want = addr("192.0.2.1");
	ok(addr_equal(&g.local, &want), "gre: local");
	want = addr("192.0.2.2");
	ok(addr_equal(&g.remote, &want), "gre: remote");
	ok(g.key_in.set && g.key_in.value == 1, "gre: input key");
	ok(g.key_out.set && g.key_out.value == 0xfffffffe, "gre: output key");
	ok(g.sequence_in && !g.sequence_out && !g.checksum_in && g.checksum_out, "gre: flags");
	is_int(g.link, 3, "gre: dev");
	is_int(g.ttl, TTL_INHERIT, "gre: ttl");
	is_int(g.tos, TOS_INHERIT, "gre: the lowest bit of tos is inherit");
	ok(g.pmtudisc && !g.ignore_df && !g.external, "gre: pmtudisc");
	is_int(g.encap, TUNNEL_ENCAP_FOU, "gre: encap");
	is_int(g.fwmark, 5, "gre: fwmark");
	is_int(g.encaplimit, -1, "gre: has no encaplimit");
	memset(&g, 0, sizeof(g));
	is_int(netgre_parse(message(buf, "veth", attrs), &g, NULL), 0, "veth: is none");
	memset(&g, 0, sizeof(g));
	is_int(netgre_parse(message(buf, "gre", attrs + 11), &g, NULL), 1, "gre: nothing is said");
	ok(!g.local.family && !g.remote.family && !g.key_in.set, "gre: then there is nothing");
}

static void test_parse6(void)
{
	const struct attr attrs[] = {
		FLAGS(0, 0),
		U32(IFLA_GRE_IKEY, htonl(1)),
		{IFLA_GRE_LOCAL, 16, {htonl(0x20010db8), 0, 0, htonl(1)}},
		{IFLA_GRE_REMOTE, 16, {}},
		U8(IFLA_GRE_TTL, 64),
		U8(IFLA_GRE_ENCAP_LIMIT, 4),
		U32(IFLA_GRE_FLOWINFO, htonl(0x0b812345)),
		U32(IFLA_GRE_FLAGS, 0),
		{},
	};
	const struct attr inherit[] = {U8(IFLA_GRE_ENCAP_LIMIT, 4), U32(IFLA_GRE_FLAGS, 7), {}};
	struct addr want = addr("2001:db8::1");
	char buf[4096] = {};
	struct netgre g = {};

	is_int(netgre_parse(message(buf, "ip6gre", attrs), &g, NULL), 1, "ip6gre: is kept");
	ok(addr_equal(&g.local, &want), "ip6gre: local");
	ok(!g.remote.family, "ip6gre: an address of zeros is none");
	ok(!g.key_in.set, "ip6gre: a key counts by its flag alone");
	is_int(g.tos, 0xb8, "ip6gre: traffic class");
	is_int((int)g.flowlabel, 0x12345, "ip6gre: flow label");
	is_int(g.encaplimit, 4, "ip6gre: encaplimit");
	memset(&g, 0, sizeof(g));
	netgre_parse(message(buf, "ip6gre", inherit), &g, NULL);
	is_int(g.tos, TOS_INHERIT, "ip6gre: traffic class is inherited");
	is_int(g.encaplimit, -1, "ip6gre: encaplimit none");
	ok(g.flowlabel_inherit, "ip6gre: flow label is inherited");
}

/* A device that a tunnel may have. */
static struct netgre usual(void)
{
	struct netgre g = {
		.dev = { .ifindex = 7, .name = "gre1", .kind = "gre", .mtu = 1472, .flags = IFF_UP },
		.local = addr("192.0.2.1"),
		.remote = addr("192.0.2.2"),
		.key_in = { true, 1 },
		.key_out = { true, 1 },
		.ttl = 64,
		.tos = TOS_INHERIT,
		.pmtudisc = true,
		.encaplimit = -1,
	};

	return g;
}

static char *joined(const struct findings *f)
{
	static char text[FINDINGS_MAX * 160];

	text[0] = 0;
	for (size_t i = 0; i < f->count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? "; " : "",
			 f->text[i]);
	return text;
}

/* What is said when one field of the device is another than the tunnel's. */
#define DIFFERS(change, words)                                                                     \
	do {                                                                                       \
		struct netgre g = usual();                                                         \
		change;                                                                            \
		netgre_differences(t, &g, &f);                                                     \
		is_str(joined(&f), words, #change);                                                \
	} while (0)

static void test_differences(void)
{
	struct netgre same = usual();
	struct findings f;
	struct model m;
	struct tunnel *t;

	model_init(&m);
	t = model_add_tunnel(&m);
	netgre_tunnel(&same, t);
	netgre_differences(t, &same, &f);
	is_str(joined(&f), "", "a device and the tunnel made from it");
	ok(t->device == DEVICE_KERNEL && t->mtu == 1472, "which is the kernel's, with its mtu");
	DIFFERS(g.local = addr("192.0.2.9"), "local is 192.0.2.9 there, and 192.0.2.1 here");
	DIFFERS(g.remote = addr("192.0.2.9"), "remote is 192.0.2.9 there, and 192.0.2.2 here");
	DIFFERS(g.key_in.value = 0, "input key is 0 there, and 1 here");
	DIFFERS(g.key_out.set = false, "output key is none there, and 1 here");
	DIFFERS(g.ttl = 0, "ttl is inherit there, and 64 here");
	DIFFERS(g.tos = 0, "tos is 0 there, and inherit here");
	DIFFERS(g.pmtudisc = false, "it has pmtudisc: false there, and pmtudisc: true here");
	DIFFERS(g.dev.mtu = 1400, "mtu is 1400 there, and 1472 here");
	DIFFERS(g.dev.flags = 0, "is down");
	DIFFERS(g.encaplimit = 4; g.link = 3, "");
	DIFFERS(strcpy(g.dev.kind, "ip6gre"),
		"is of kind ip6gre, and a tunnel over IPv4 needs gre");
	DIFFERS(strcpy(g.dev.kind, "gretap"),
		"is of kind gretap; kinds gre and ip6gre are supported");
	DIFFERS(g.external = true,
		"takes endpoints from each packet (external), which is not supported");
	DIFFERS(g.remote.family = 0,
		"has no remote address (multipoint), and a tunnel needs one");
	DIFFERS(g.checksum_out = true,
		"has checksums on (ocsum), which its fast path does not support");
	DIFFERS(g.sequence_in = g.sequence_out = true,
		"has sequence numbers on (seq): the counter is the device's own, so there cannot be "
		"a fast path beside it");
	DIFFERS(g.encap = TUNNEL_ENCAP_GUE,
		"sends GRE in UDP (encap gue), which is not supported");
	DIFFERS(g.ttl = 3; g.dev.mtu = 1300,
		"ttl is 3 there, and 64 here; mtu is 1300 there, and 1472 here");
	t->mtu = 0;
	DIFFERS(g.dev.mtu = 1400, "");
	t->tos = 0x10;
	DIFFERS(g.tos = 0x12, "");
	model_free(&m);
}

/* What import has of a small gateway; changed by each test. */
struct world {
	struct netgre gres[3];
	struct netdev devs[3];
	struct netaddr addrs[8];
	struct netroute routes[16];
	struct import_facts f;
};

static struct netroute *route(struct world *w, const char *to, uint32_t oif)
{
	struct netroute *r = &w->routes[w->f.nroutes++];

	*r = (struct netroute){ .to = prefix(to),
				.type = RTN_UNICAST,
				.protocol = RTPROT_BOOT,
				.nexthops = 1,
				.table = RT_TABLE_MAIN,
				.oif = oif };
	if (r->to.addr.family == XGRE_FAMILY_6)
		r->metric = 1024;
	return r;
}

static void address(struct world *w, const char *text, uint32_t ifindex)
{
	w->addrs[w->f.naddrs++] = (struct netaddr){ .prefix = prefix(text), .ifindex = ifindex };
}

static void world_make(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->gres[0] = usual();
	w->devs[0] = (struct netdev){ .ifindex = 2, .name = "eth0", .type = ARPHRD_ETHER,
				      .mac_len = 6, .mtu = 1500, .flags = IFF_UP };
	w->devs[1] = w->devs[0];
	w->devs[1].ifindex = 3;
	strcpy(w->devs[1].name, "eth1");
	w->f = (struct import_facts){ .gres = w->gres, .ngres = 1, .devs = w->devs, .ndevs = 2,
				      .addrs = w->addrs, .routes = w->routes };
	address(w, "192.0.2.1/24", 2);
}

/* The output and the messages of import; "" where it failed. */
static int import(const struct world *w, char **ret_text, char **ret_messages)
{
	size_t text_size, messages_size;
	FILE *text = open_memstream(ret_text, &text_size);
	FILE *messages = open_memstream(ret_messages, &messages_size);
	int err = import_write(&w->f, text, messages);

	fclose(text);
	fclose(messages);
	return err;
}

/* One import: its text, its messages, and that check finds no error in the text. */
static void imports(const struct world *w, const char *want, const char *says, const char *name)
{
	char *text, *messages, *errors;
	int err = import(w, &text, &messages);

	is_int(err, *want ? 0 : -ENODEV, "%s: status", name);
	is_str(text, want, "%s: text", name);
	is_str(messages, says, "%s: messages", name);
	if (*want) {
		errors = errors_of(text, strlen(text), &err);
		is_str(errors, "", "%s: check finds no error", name);
		free(errors);
	}
	free(text);
	free(messages);
}

#define EPILOGUE "# Packets for the tunnels may come in by other interfaces: add those to ports. " \
		 "There are: eth1\n"
#define BEGIN "version: 1\nports:\n  eth0: {}\ntunnels:\n"
#define GRE1  "  gre1:\n    local: 192.0.2.1\n    remote: 192.0.2.2\n    key: 1\n    mtu: 1472\n" \
	      "    device: kernel\n"

static void test_import(void)
{
	struct world w;

	world_make(&w);
	imports(&w, EPILOGUE BEGIN GRE1, "", "a device alone");

	address(&w, "10.9.0.1/24", 7);
	address(&w, "fe80::1/64", 7);
	address(&w, "2001:db8:9::1/64", 7);
	route(&w, "10.9.0.0/24", 7)->protocol = RTPROT_KERNEL;
	route(&w, "fe80::/64", 7)->protocol = RTPROT_KERNEL;
	route(&w, "10.8.0.2/32", 7)->protocol = RTPROT_KERNEL; /* a peer's address */
	route(&w, "10.2.0.0/16", 7)->via = addr("10.9.0.2");
	route(&w, "10.1.0.0/16", 7)->metric = 5;
	route(&w, "10.3.0.0/16", 2);
	route(&w, "10.4.0.0/16", 7)->type = RTN_BLACKHOLE;
	route(&w, "2001:db8:5::/48", 7);
	route(&w, "0.0.0.0/0", 7)->table = 100;
	imports(&w,
		EPILOGUE BEGIN GRE1
		"    addresses:\n      - 10.9.0.1/24\n      - \"2001:db8:9::1/64\"\n"
		"    routes:\n      - to: 0.0.0.0/0\n        table: 100\n"
		"      - to: 10.1.0.0/16\n        metric: 5\n"
		"      - to: 10.2.0.0/16\n        via: 10.9.0.2\n"
		"      - to: 10.8.0.2/32\n      - to: \"2001:db8:5::/48\"\n",
		"", "addresses and routes");

	world_make(&w);
	route(&w, "10.1.0.0/16", 7)->metric = 9;
	route(&w, "10.1.0.0/16", 7)->metric = 5;
	route(&w, "10.1.0.0/16", 7)->table = 100;
	route(&w, "10.2.0.0/16", 7)->nexthops = 2;
	route(&w, "10.3.0.0/16", 7)->via = addr("2001:db8::1");
	imports(&w,
		"# gre1: route 10.1.0.0/16 (table 254, metric 9) is left out: a prefix is routed once, "
		"and another route for it is preferred\n"
		"# gre1: route 10.1.0.0/16 (table 100, metric 0) is left out: a prefix is routed once, "
		"and another route for it is preferred\n"
		"# gre1: route 10.2.0.0/16 is left out: several next hops have no counterpart\n"
		"# gre1: route 10.3.0.0/16 is left out: a next hop of the other family has no "
		"counterpart\n" EPILOGUE BEGIN GRE1
		"    routes:\n      - to: 10.1.0.0/16\n        metric: 5\n",
		"test: gre1: route 10.1.0.0/16 (table 254, metric 9) is left out: a prefix is routed "
		"once, and another route for it is preferred\n"
		"test: gre1: route 10.1.0.0/16 (table 100, metric 0) is left out: a prefix is routed "
		"once, and another route for it is preferred\n"
		"test: gre1: route 10.2.0.0/16 is left out: several next hops have no counterpart\n"
		"test: gre1: route 10.3.0.0/16 is left out: a next hop of the other family has no "
		"counterpart\n",
		"routes without a counterpart");
}

static void test_import_properties(void)
{
	struct world w;

	world_make(&w);
	w.gres[0].key_in = (struct key){ true, 0 };
	w.gres[0].key_out.set = false;
	w.gres[0].ttl = TTL_INHERIT;
	w.gres[0].tos = 0xb8;
	w.gres[0].pmtudisc = false;
	w.gres[0].dev.mtu = 65515;
	imports(&w,
		EPILOGUE BEGIN "  gre1:\n    local: 192.0.2.1\n    remote: 192.0.2.2\n    keys:\n"
			       "      input: 0\n    ttl: inherit\n    tos: 0xb8\n    pmtudisc: false\n"
			       "    device: kernel\n",
		"", "properties");
	w.gres[0].ignore_df = true;
	strcpy(w.gres[0].dev.kind, "ip6gre");
	w.gres[0].local = addr("2001:db8::1");
	w.gres[0].remote = addr("2001:db8::2");
	w.gres[0].encaplimit = 4;
	w.gres[0].dev.mtu = 1448;
	address(&w, "2001:db8::1/64", 2);
	imports(&w,
		"# gre1: encaplimit 4 has no counterpart: packets of the fast path go without this "
		"option (RFC 2473 4.1.1)\n" EPILOGUE BEGIN
		"  gre1:\n    local: \"2001:db8::1\"\n    remote: \"2001:db8::2\"\n    keys:\n"
		"      input: 0\n    ttl: inherit\n    tos: 0xb8\n    mtu: 1448\n    device: kernel\n",
		"test: gre1: encaplimit 4 has no counterpart: packets of the fast path go without "
		"this option (RFC 2473 4.1.1)\n",
		"over IPv6");
}

static void test_import_not_taken(void)
{
	struct world w;

	world_make(&w);
	strcpy(w.gres[0].dev.name, "gre0");
	w.gres[0].local.family = w.gres[0].remote.family = 0;
	w.gres[0].key_in.set = false;
	imports(&w, "", "", "the module's own device");
	world_make(&w);
	w.f.naddrs = 0;
	imports(&w, "", "test: gre1: not taken over: local 192.0.2.1 is no address of this host\n",
		"local is nowhere");
	world_make(&w);
	w.devs[0].type = ARPHRD_LOOPBACK;
	imports(&w, "",
		"test: gre1: not taken over: local 192.0.2.1 is on eth0, and only an Ethernet device "
		"can be a port\n",
		"local on no port");
	world_make(&w);
	w.gres[1] = usual();
	w.gres[1].dev.ifindex = 8;
	strcpy(w.gres[1].dev.name, "gre2");
	w.gres[2] = w.gres[1];
	strcpy(w.gres[2].dev.name, "a b");
	strcpy(w.gres[2].dev.kind, "gretap");
	w.f.ngres = 3;
	imports(&w,
		"# gre2: not taken over: gre1 has the same endpoints and input key\n"
		"# \"a b\": not taken over: is of kind gretap; kinds gre and ip6gre are "
		"supported\n" EPILOGUE BEGIN GRE1,
		"test: gre2: not taken over: gre1 has the same endpoints and input key\n"
		"test: \"a b\": not taken over: is of kind gretap; kinds gre and ip6gre are "
		"supported\n",
		"one of three");
	world_make(&w);
	w.gres[0].remote = w.gres[0].local;
	imports(&w, "",
		"test: gre1: not taken over: the other end's address is no end of a tunnel\n",
		"both ends are one");
}

int main(void)
{
	cli_name = "test";
	test_parse4();
	test_parse6();
	test_differences();
	test_import();
	test_import_properties();
	test_import_not_taken();
	return done();
}
