// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Models written as YAML: the text, and round trips of random ones. */
#include "config-common.h"

/* The number makes the address one of its own; the first byte is good for a host. */
static struct addr random_addr(uint8_t family, uint32_t number)
{
	struct addr a = {.family = family};
	size_t i;

	a.a.b[0] = family == XGRE_FAMILY_4 ? 1 + below(126) : 0x20;
	if (family == XGRE_FAMILY_6)
		for (i = 1; i < 16; i++)
			a.a.b[i] = below(3) ? 0 : below(256);
	a.a.b[1] = number >> 16;
	a.a.b[2] = number >> 8;
	a.a.b[3] = number;
	return a;
}

static void random_name(char ret[IFNAMSIZ], char kind, size_t number)
{
	static const char odd[] = "#{}[]\"'\\&*!|>@`,?-~=.$a0Z";
	size_t len = 1 + below(6), i;

	for (i = 0; i < len; i++)
		ret[i] = odd[below(sizeof(odd) - 1)];
	snprintf(ret + len, IFNAMSIZ - len, "%c%zu", kind, number);
}

static void random_key(struct key *k)
{
	k->set = below(2);
	if (k->set)
		k->value = below(2) ? below(3) : UINT32_MAX - below(3);
}

static void random_tunnel(struct model *m, size_t number)
{
	uint8_t family = below(2) ? XGRE_FAMILY_4 : XGRE_FAMILY_6;
	struct tunnel *t = model_add_tunnel(m);
	struct prefix p;
	uint32_t i;

	random_name(t->name, 't', number);
	t->local = random_addr(family, number * 2);
	t->remote = random_addr(family, number * 2 + 1);
	random_key(&t->key_in);
	random_key(&t->key_out);
	if (below(3) == 0)
		t->key_out = t->key_in;
	t->ttl = below(2) ? 64 : below(256);
	t->tos = below(2) ? TOS_INHERIT : (int)below(256);
	t->mtu = below(2) ? 0 : TUNNEL_MTU_MIN6 + below(TUNNEL_MTU_MAX - TUNNEL_MTU_MIN6 + 1);
	t->keepalive_interval = below(2) ? 0 : 1 + below(KEEPALIVE_INTERVAL_MAX);
	t->keepalive_retries = t->keepalive_interval ? 1 + below(255) : 0;
	t->pmtudisc = below(2);
	t->ignore_df = !t->pmtudisc && below(2);
	t->checksum = below(2);
	t->sequence = below(2);
	t->fast = below(3);
	t->sources_mode = below(3);
	for (i = below(4); i; i--) {
		family = below(2) ? XGRE_FAMILY_4 : XGRE_FAMILY_6;
		p.addr = random_addr(family, i);
		p.length = below(family == XGRE_FAMILY_4 ? 33 : 129);
		prefix_list_add(&t->addresses, &p);
	}
	for (i = t->sources_mode == SOURCES_LIST ? below(4) : 0; i; i--) {
		p.addr = random_addr(XGRE_FAMILY_6, i);
		p.length = 32 + below(97);
		prefix_mask(&p);
		prefix_list_add(&t->sources, &p);
	}
}

static void random_route(struct model *m, uint32_t tunnel, uint32_t number)
{
	uint8_t family = below(2) ? XGRE_FAMILY_4 : XGRE_FAMILY_6;
	struct route *r = model_add_route(m);

	r->tunnel = tunnel;
	r->to.addr = random_addr(family, number);
	r->to.length = 32 + below(family == XGRE_FAMILY_4 ? 1 : 97);
	prefix_mask(&r->to);
	r->origin = below(2) ? XGRE_ORIGIN_FILE : XGRE_ORIGIN_RUNTIME;
	if (below(3) == 0)
		r->via = random_addr(family, number);
	r->metric = below(2) ? 0 : UINT32_MAX - below(9);
	r->table = below(2) ? 0 : 1 + below(250);
}

static void random_model(struct model *m)
{
	size_t i, number = 0, j;
	struct port *p;

	model_init(m);
	for (i = below(5); i; i--) {
		p = model_add_port(m);
		random_name(p->name, 'p', i);
		p->xdp = below(4);
		p->dispatcher = below(3);
		p->role = below(3);
		p->unclaimed_drop = below(2);
	}
	for (i = below(6); i; i--) {
		random_tunnel(m, i);
		for (j = below(8); j; j--)
			random_route(m, m->ntunnels - 1, number++);
	}
}

static void test_round_trips(void)
{
	struct config_errors errors;
	unsigned int seed, good = 0;
	struct model m;

	for (seed = 1; seed <= 2000; seed++) {
		srand(seed);
		random_model(&m);
		if (!round_trip(&m)) {
			ok(false, "random model of seed %u reads back equal", seed);
			model_free(&m);
			return;
		}
		good++;
		model_free(&m);
	}
	is_int(good, 2000, "random models read back equal");
	config_parse(reference, strlen(reference), &m, &errors);
	ok(round_trip(&m), "the reference reads back equal");
	model_free(&m);
}

static void test_write(void)
{
	static const char in[] = "version: 1\nports: {eth0: {}, b: {xdp: skb}}\ntunnels:\n"
				 "  t: {local: 2001:db8::1, remote: 'a::', key: 7, ttl: 64,\n"
				 "      routes: [to: 10.0.0.0/8, {to: default, via: fe80::1}]}\n"
				 "  u: {local: 10.0.0.1, remote: 10.0.0.2,\n"
				 "      keys: {input: 1}, tos: 1, sources: []}\n";
	static const char head[] = "version: 1\nports:\n  eth0: {}\n  b:\n    xdp: skb\ntunnels:\n"
				   "  t:\n    local: \"2001:db8::1\"\n    remote: \"a::\"\n"
				   "    key: 7\n";
	static const char tail[] = "  u:\n    local: 10.0.0.1\n    remote: 10.0.0.2\n    keys:\n"
				   "      input: 1\n    tos: 0x01\n    sources: []\n";
	struct config_errors errors;
	char *text, want[1024];
	struct route swap;
	struct model m;
	size_t size;
	FILE *f;

	is_int(config_parse(in, strlen(in), &m, &errors), 0, "a file to write back");
	m.routes[1].origin = XGRE_ORIGIN_RUNTIME;
	snprintf(want, sizeof(want),
		 "%s    routes:\n      - to: 10.0.0.0/8\n      - to: \"::/0\" # runtime\n"
		 "        via: \"fe80::1\"\n%s",
		 head, tail);
	f = open_memstream(&text, &size);
	is_int(config_write(&m, true, f), 0, "written with routes");
	fclose(f);
	is_str(text, want, "the text");
	free(text);
	snprintf(want, sizeof(want), "%s%s", head, tail);
	f = open_memstream(&text, &size);
	is_int(config_write(&m, false, f), 0, "written without routes");
	fclose(f);
	is_str(text, want, "the text");
	free(text);

	/* Routes of a running system come in any order. */
	m.routes[0].tunnel = 1;
	swap = m.routes[0];
	m.routes[0] = m.routes[1];
	m.routes[1] = swap;
	ok(round_trip(&m), "routes of two tunnels");
	m.routes[0] = swap;
	m.routes[1].tunnel = 0;
	m.routes[1].to.length = 9;
	f = open_memstream(&text, &size);
	config_write(&m, true, f);
	fclose(f);
	ok(strstr(text, "- to: 10.0.0.0/9\n  u:") && strstr(text, "- to: 10.0.0.0/8\n"),
	   "each at its tunnel");
	free(text);

	f = fopen("/dev/full", "w");
	is_int(config_write(&m, true, f), -ENOSPC, "a full disk");
	fclose(f);
	model_free(&m);
	model_init(&m);
	ok(round_trip(&m), "an empty model");
}

int main(void)
{
	test_write();
	test_round_trips();
	return done();
}
