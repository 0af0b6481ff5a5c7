// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counters as tables and as JSON: fixed ones to exact text. */
#include <errno.h>
#include <stdlib.h>
#include <jansson.h>

#include "output.h"
#include "table.h"
#include "tap.h"

#define COUNTERS(rxp, rxb, txp, txb) .rx = {rxp, rxb}, .tx = {txp, txb}

static struct addr addr(const char *text)
{
	struct addr a = {0};

	if (addr_parse(text, &a))
		ok(false, "the test's own address %s", text);
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p = {0};

	if (prefix_parse(text, &p))
		ok(false, "the test's own prefix %s", text);
	return p;
}

static char *printed(int (*print)(const struct stats *, unsigned int, FILE *),
		     const struct stats *s, unsigned int parts)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	is_int(print(s, parts, f), 0, "it is printed");
	fclose(f);
	return text;
}

static void test_numbers(void)
{
	static const struct {
		uint64_t n;
		const char *number, *bytes;
	} rows[] = {
		{0, "0", "0 B"},
		{999, "999", "999 B"},
		{1000, "1,000", "1000 B"},
		{1023, "1,023", "1023 B"},
		{1024, "1,024", "1.00 KiB"},
		{10239, "10,239", "9.99 KiB"},
		{10240, "10,240", "10.0 KiB"},
		{999999, "999,999", "976 KiB"},
		{1000000, "1.00M", "976 KiB"},
		{1048575, "1.04M", "1023 KiB"},
		{12345678, "12.3M", "11.7 MiB"},
		{987654321012, "987G", "919 GiB"},
		{9999999999999999, "9.99P", "8.88 PiB"},
		{UINT64_MAX, "18.4E", "15.9 EiB"},
	};
	char buf[NUMBER_STRLEN];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		is_str(number_text(rows[i].n, buf), rows[i].number, "%llu as a number",
		       (unsigned long long)rows[i].n);
		is_str(bytes_text(rows[i].n, buf), rows[i].bytes, "in bytes");
	}
}

static struct stats_port ports[] = {{"eth0", "native"}, {"eth0.100", "tc"}};
static struct stats_tunnel tunnels[2];
static struct stats_route routes[3];

static void fill(struct stats *s)
{
	static const struct stats_reason drops[] = {
		{"malformed", "truncated or contradictory headers inside a GRE packet of a tunnel",
		 0},
		{"source", "inner source outside the tunnel's sources; see sources in xgre.yaml(5)",
		 12},
		{"no-port", "the outgoing port is being removed", 1234567},
	};
	static const struct stats_reason punts[] = {{"ttl", "used up", 0}, {"local", "for us", 0}};

	tunnels[0] = (struct stats_tunnel){
		.name = "gre1",
		.local = addr("192.168.100.254"),
		.remote = addr("129.150.103.57"),
		.key_in = {true, 1},
		.key_out = {true, 1},
		.mtu = 1460,
		.counters = {COUNTERS(1234567, 1768900000, 98765, 5555555), 1234000, 98000},
	};
	tunnels[1] = (struct stats_tunnel){
		.name = "abcdefghijklmno",
		.local = addr("2001:db8::1"),
		.remote = addr("2001:db8::2"),
		.key_out = {true, 4294967295},
		.mtu = 8852,
		.path_mtu = 1280,
		.state = "down",
	};
	routes[0] = (struct stats_route){prefix("0.0.0.0/0"), "gre1", {COUNTERS(0, 0, 0, 0)}};
	routes[1] =
		(struct stats_route){prefix("192.168.200.0/24"), "gre1", {COUNTERS(1, 84, 2, 168)}};
	routes[2] = (struct stats_route){prefix("2001:db8:9::/48"),
					 "abcdefghijklmno",
					 {COUNTERS(5, 500, UINT64_MAX / 2, 7)}};
	memset(s, 0, sizeof(*s));
	strcpy(s->instance, "default");
	s->ports = ports;
	s->nports = 2;
	s->tunnels = tunnels;
	s->ntunnels = 2;
	s->routes = routes;
	s->nroutes = 3;
	memcpy(s->drops, drops, sizeof(drops));
	s->ndrops = 3;
	memcpy(s->punts, punts, sizeof(punts));
	s->npunts = 2;
	s->daemon_runs = true;
	s->ndaemon = 2;
	s->daemon[0] = (struct stats_reason){"reassembled", "put together", 7};
	s->daemon[1] = (struct stats_reason){"lost", "not taken", 0};
}

static const char tables[] =
	"Instance default\n"
	"\n"
	"Ports\n"
	"PORT      MODE\n"
	"eth0      native\n"
	"eth0.100  tc\n"
	"\n"
	"Tunnels\n"
	"TUNNEL                    KEY        MTU  LOCAL            REMOTE          UP\n"
	"gre1                        1       1460  192.168.100.254  129.150.103.57  -\n"
	"abcdefghijklmno  -/4294967295  1280/8852  2001:db8::1      2001:db8::2     no\n"
	"\n"
	"TUNNEL           RX PACKETS  RX BYTES  TX PACKETS  TX BYTES  FAST RX  FAST TX\n"
	"gre1                  1.23M  1.64 GiB      98,765  5.29 MiB    1.23M   98,000\n"
	"abcdefghijklmno           0       0 B           0       0 B        0        0\n"
	"\n"
	"Routes\n"
	"PREFIX            TUNNEL           RX PACKETS  RX BYTES  TX PACKETS  TX BYTES\n"
	"0.0.0.0/0         gre1                      0       0 B           0       0 B\n"
	"192.168.200.0/24  gre1                      1      84 B           2     168 B\n"
	"2001:db8:9::/48   abcdefghijklmno           5     500 B       9.22E       7 B\n"
	"\n"
	"Drops\n"
	"REASON   PACKETS  MEANING\n"
	"source        12  inner source outside the tunnel's sources; see sources in\n"
	"                  xgre.yaml(5)\n"
	"no-port    1.23M  the outgoing port is being removed\n"
	"\n"
	"Punts (left the fast path): none\n"
	"\n"
	"Daemon (xgred runs)\n"
	"COUNTER      PACKETS  MEANING\n"
	"reassembled        7  put together\n";

static const char json[] =
	"{\"instance\":\"default\","
	"\"ports\":[{\"name\":\"eth0\",\"mode\":\"native\"},{\"name\":\"eth0.100\",\"mode\":\"tc\"}"
	"],"
	"\"tunnels\":["
	"{\"name\":\"gre1\",\"local\":\"192.168.100.254\",\"remote\":\"129.150.103.57\",\"key\":1,"
	"\"keys\":{\"input\":1,\"output\":1},\"mtu\":1460,\"path_mtu\":null,\"state\":null,"
	"\"rx\":{\"packets\":1234567,\"bytes\":1768900000},\"tx\":{\"packets\":98765,\"bytes\":"
	"5555555},"
	"\"fast\":{\"rx\":1234000,\"tx\":98000}},"
	"{\"name\":\"abcdefghijklmno\",\"local\":\"2001:db8::1\",\"remote\":\"2001:db8::2\","
	"\"key\":null,\"keys\":{\"input\":null,\"output\":4294967295},\"mtu\":8852,\"path_mtu\":1280,"
	"\"state\":\"down\","
	"\"rx\":{\"packets\":0,\"bytes\":0},\"tx\":{\"packets\":0,\"bytes\":0},"
	"\"fast\":{\"rx\":0,\"tx\":0}}],"
	"\"routes\":["
	"{\"prefix\":\"0.0.0.0/0\",\"tunnel\":\"gre1\",\"rx\":{\"packets\":0,\"bytes\":0},"
	"\"tx\":{\"packets\":0,\"bytes\":0}},"
	"{\"prefix\":\"192.168.200.0/24\",\"tunnel\":\"gre1\",\"rx\":{\"packets\":1,\"bytes\":84},"
	"\"tx\":{\"packets\":2,\"bytes\":168}},"
	"{\"prefix\":\"2001:db8:9::/48\",\"tunnel\":\"abcdefghijklmno\","
	"\"rx\":{\"packets\":5,\"bytes\":500},\"tx\":{\"packets\":9223372036854775807,\"bytes\":7}}"
	"],"
	"\"drops\":[{\"reason\":\"malformed\",\"packets\":0},{\"reason\":\"source\",\"packets\":12}"
	","
	"{\"reason\":\"no-port\",\"packets\":1234567}],"
	"\"punts\":[{\"reason\":\"ttl\",\"packets\":0},{\"reason\":\"local\",\"packets\":0}],"
	"\"daemon\":{\"running\":true,\"counters\":[{\"counter\":\"reassembled\",\"packets\":7},"
	"{\"counter\":\"lost\",\"packets\":0}]}}\n";

static void test_full(void)
{
	json_error_t error;
	json_t *value;
	struct stats s;
	char *text;

	fill(&s);
	text = printed(output_tables, &s, STATS_ALL);
	is_str(text, tables, "all tables");
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > TABLE_WIDTH)
			ok(false, "a line is wider than the screen: %s", line);
	free(text);

	text = printed(output_json, &s, STATS_ALL);
	is_str(text, json, "all as JSON");
	value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	ok(json_is_object(value), "which a reader takes");
	json_decref(value);
	free(text);

	text = printed(output_json, &s, STATS_REASONS);
	ok(!strncmp(text, "{\"instance\":\"default\",\"drops\":[", 31), "reasons alone");
	ok(strstr(text, "],\"punts\":[") && !strstr(text, "tunnel\""), "are drops and punts");
	free(text);
	text = printed(output_tables, &s, STATS_PORTS);
	is_str(text, "Instance default\n\nPorts\nPORT      MODE\neth0      native\neth0.100  tc\n",
	       "a table alone");
	free(text);
}

static void test_empty(void)
{
	struct stats s = {.instance = "x"};
	char *text;

	text = printed(output_tables, &s, STATS_ALL);
	is_str(text,
	       "Instance x\n\nPorts: none\n\nTunnels: none\n\nRoutes: none\n\nDrops: none\n\n"
	       "Punts (left the fast path): none\n\nDaemon (xgred does not run): none\n",
	       "nothing as tables");
	free(text);
	text = printed(output_json, &s, STATS_ALL);
	is_str(text,
	       "{\"instance\":\"x\",\"ports\":[],\"tunnels\":[],\"routes\":[],\"drops\":[],"
	       "\"punts\":[],\"daemon\":{\"running\":false,\"counters\":[]}}\n",
	       "nothing as JSON");
	free(text);
}

static void test_errors(void)
{
	char *text = NULL;
	struct stats s;
	size_t size;
	FILE *f;

	f = open_memstream(&text, &size);
	is_int(output_json_error("no instance \"a\"\nhere", f), 0, "an error as JSON");
	fclose(f);
	is_str(text, "{\"error\":\"no instance \\\"a\\\"\\nhere\"}\n", "its text is quoted");
	free(text);

	fill(&s);
	f = fopen("/dev/full", "w");
	if (!f)
		return;
	is_int(output_json(&s, STATS_ALL, f), -ENOSPC, "a full disk is noticed");
	fclose(f);
	f = fopen("/dev/full", "w");
	is_int(output_tables(&s, STATS_ALL, f), -ENOSPC, "with tables as well");
	fclose(f);
}

int main(void)
{
	test_numbers();
	test_full();
	test_empty();
	test_errors();
	return done();
}
