// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Addresses, prefixes and the growth of a model. */
#include <errno.h>
#include <stdlib.h>

#include "model.h"
#include "tap.h"

static struct prefix prefix(const char *text)
{
	struct prefix p = {0};

	if (prefix_parse(text, &p))
		ok(false, "the test's own prefix %s", text);
	return p;
}

static void test_addresses(void)
{
	/* Text in, text out; NULL: refused. */
	static const char *const rows[][2] = {
		{"10.0.0.1", "10.0.0.1"},
		{"255.255.255.255", "255.255.255.255"},
		{"::", "::"},
		{"2001:DB8:0:0::1", "2001:db8::1"},
		{"::1.2.3.4", "::1.2.3.4"},
		{"", NULL},
		{"10.0.0", NULL},
		{"10.0.0.256", NULL},
		{"010.0.0.1", NULL},
		{" 10.0.0.1", NULL},
		{"10.0.0.1 ", NULL},
		{"10.0.0.1/32", NULL},
		{"::ffff:10.0.0.1", NULL},
		{"::ffff:a00:1", NULL},
		{"fe80::1%eth0", NULL},
		{"2001:db8::1::2", NULL},
		{"example.org", NULL},
	};
	char buf[ADDR_STRLEN];
	struct addr a;
	size_t i;
	int err;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err = addr_parse(rows[i][0], &a);
		is_int(err, rows[i][1] ? 0 : -EINVAL, "address \"%s\"", rows[i][0]);
		if (!err)
			is_str(addr_text(&a, buf), rows[i][1], "its text");
	}
	addr_parse("10.0.0.1", &a);
	is_int(a.family, XGRE_FAMILY_4, "IPv4 is known as such");
	ok(!a.a.w[1] && !a.a.q[1], "bytes beyond an IPv4 address are zero");
	memset(&a, 0, sizeof(a));
	is_str(addr_text(&a, buf), "", "no address has no text");
}

static void test_prefixes(void)
{
	/* Text in; text out; text with the host bits zeroed. */
	static const char *const rows[][3] = {
		{"10.1.2.3/8", "10.1.2.3/8", "10.0.0.0/8"},
		{"10.255.255.255/9", "10.255.255.255/9", "10.128.0.0/9"},
		{"10.1.2.3/32", "10.1.2.3/32", "10.1.2.3/32"},
		{"10.1.2.3/0", "10.1.2.3/0", "0.0.0.0/0"},
		{"2001:db8::1/64", "2001:db8::1/64", "2001:db8::/64"},
		{"2001:db8:ffff::/33", "2001:db8:ffff::/33", "2001:db8:8000::/33"},
		{"::1/128", "::1/128", "::1/128"},
		{"::1/0", "::1/0", "::/0"},
		{"10.0.0.0"},
		{"10.0.0.0/"},
		{"10.0.0.0/33"},
		{"10.0.0.0/08"},
		{"10.0.0.0/+8"},
		{"10.0.0.0/ 8"},
		{"10.0.0.0/8 "},
		{"10.0.0.0/4294967304"},
		{"::/129"},
		{"/8"},
		{""},
		{"10/8"},
		{"::ffff:10.0.0.0/104"},
		{"1111111111111111111111111111111111111111111111111111/8"},
	};
	char buf[PREFIX_STRLEN];
	struct prefix p, masked;
	size_t i;
	int err;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err = prefix_parse(rows[i][0], &p);
		is_int(err, rows[i][1] ? 0 : -EINVAL, "prefix \"%s\"", rows[i][0]);
		if (err || !rows[i][1])
			continue;
		is_str(prefix_text(&p, buf), rows[i][1], "its text");
		masked = p;
		is_int(prefix_mask(&masked), !!strcmp(rows[i][1], rows[i][2]), "any host bits");
		is_str(prefix_text(&masked, buf), rows[i][2], "without them");
		ok(!prefix_mask(&masked), "none are left");
	}
	p = prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	is_int(strlen(prefix_text(&p, buf)), 43, "the longest prefix fits");
}

static void test_relations(void)
{
	static const struct {
		const char *outer, *inner;
		bool covers;
	} rows[] = {
		{"10.0.0.0/8", "10.0.0.0/8", true},
		{"10.0.0.0/8", "10.9.0.0/16", true},
		{"10.0.0.0/8", "11.0.0.0/16", false},
		{"10.9.0.0/16", "10.0.0.0/8", false},
		{"0.0.0.0/0", "11.0.0.0/16", true},
		{"0.0.0.0/0", "2001:db8::/32", false},
		{"::/0", "2001:db8::/32", true},
		{"::/0", "10.0.0.0/8", false},
		{"10.0.0.0/9", "10.128.0.0/9", false},
		{"2001:db8::/33", "2001:db8:8000::/34", false},
	};
	static const char *const ascending[] = {"0.0.0.0/0",  "0.0.0.0/8",  "10.0.0.0/8",
						"10.0.0.0/9", "10.1.0.0/8", "::/0",
						"::/1",	      "::1/1"};
	struct prefix outer, inner;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		outer = prefix(rows[i].outer);
		inner = prefix(rows[i].inner);
		is_int(prefix_covers(&outer, &inner), rows[i].covers, "%s covers %s", rows[i].outer,
		       rows[i].inner);
	}
	for (i = 1; i < sizeof(ascending) / sizeof(ascending[0]); i++) {
		outer = prefix(ascending[i - 1]);
		inner = prefix(ascending[i]);
		ok(prefix_compare(&outer, &inner) < 0 && prefix_compare(&inner, &outer) > 0 &&
			   !prefix_compare(&inner, &inner),
		   "%s comes before %s", ascending[i - 1], ascending[i]);
		ok(!prefix_equal(&outer, &inner) && prefix_equal(&inner, &inner), "and differs");
	}
}

static void test_model(void)
{
	struct prefix_list copy;
	struct tunnel *t;
	struct prefix p;
	struct model m;
	struct port *port;
	uint32_t i, wrong = 0;

	model_init(&m);
	for (i = 0; i < 1000; i++) {
		port = model_add_port(&m);
		snprintf(port->name, sizeof(port->name), "p%u", i);
		model_add_route(&m)->metric = i;
	}
	for (i = 0; i < 1000; i++)
		wrong += m.routes[i].metric != i || m.routes[i].table;
	is_int(wrong, 0, "routes stay as the array grows");
	is_int(m.nports, 1000, "ports are counted");
	ok(model_find_port(&m, "p999") == &m.ports[999], "the last port is found");
	ok(!model_find_port(&m, "p1000"), "one that is not there is not");

	t = model_add_tunnel(&m);
	strcpy(t->name, "gre1");
	is_int(t->ttl, 64, "default ttl");
	is_int(t->tos, TOS_INHERIT, "default tos");
	ok(t->pmtudisc && !t->ignore_df && !t->mtu, "default pmtudisc, ignore-df, mtu");
	ok(model_find_tunnel(&m, "gre1") == t && !model_find_tunnel(&m, "gre"), "tunnel by name");

	addr_parse("192.0.2.1", &t->remote);
	is_int(tunnel_overhead(t), 24, "overhead of IPv4");
	t->key_in.set = true;
	is_int(tunnel_overhead(t), 24, "an input key costs nothing on the way out");
	t->key_out.set = true;
	is_int(tunnel_overhead(t), 28, "overhead of IPv4 with a key");
	t->checksum = true;
	is_int(tunnel_overhead(t), 32, "and a checksum");
	t->sequence = true;
	is_int(tunnel_overhead(t), 36, "and a sequence number");
	t->sequence = false;
	t->checksum = false;
	addr_parse("2001:db8::1", &t->remote);
	is_int(tunnel_overhead(t), 48, "overhead of IPv6 with a key");

	p = prefix("10.0.0.0/8");
	for (i = 0; i < 3; i++)
		prefix_list_add(&t->sources, &p);
	prefix_list_add(&t->sources, &t->sources.items[0]);
	is_int(t->sources.count, 4, "prefixes are counted");
	/* A list that somebody copied to exactly its size must grow as well. */
	copy.count = 3;
	copy.items = malloc(3 * sizeof(*copy.items));
	memcpy(copy.items, t->sources.items, 3 * sizeof(*copy.items));
	ok(!prefix_list_equal(&copy, &t->sources), "lists of different length differ");
	prefix_list_add(&copy, &p);
	ok(prefix_list_equal(&copy, &t->sources), "equal lists are equal");
	copy.items[3].length = 9;
	ok(!prefix_list_equal(&copy, &t->sources), "one length makes a difference");
	free(copy.items);

	model_free(&m);
	ok(!m.ports && !m.tunnels && !m.routes && !m.nroutes, "freed is empty");
	model_free(&m);
}

int main(void)
{
	test_addresses();
	test_prefixes();
	test_relations();
	test_model();
	return done();
}
