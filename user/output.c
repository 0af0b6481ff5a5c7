// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counters as tables for people. */
#include <errno.h>
#include <string.h>
#include "output.h"
#include "table.h"

_Static_assert(XGRE_DAEMON_MAX <= XGRE_REASON_MAX, "print_reasons() has room for both");

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void put(char ret[TABLE_CELL], const char *text)
{
	snprintf(ret, TABLE_CELL, "%s", text);
}

static void put_number(char ret[TABLE_CELL], uint64_t n)
{
	char buf[NUMBER_STRLEN];

	put(ret, number_text(n, buf));
}

static void put_bytes(char ret[TABLE_CELL], uint64_t n)
{
	char buf[NUMBER_STRLEN];

	put(ret, bytes_text(n, buf));
}

static void put_counter(char ret[TABLE_CELL], const struct xgre_counter *c, bool bytes)
{
	if (bytes)
		put_bytes(ret, c->bytes);
	else
		put_number(ret, c->packets);
}

static void port_cell(const void *arg, size_t row, size_t column, char ret[TABLE_CELL])
{
	const struct stats_port *p = &((const struct stats *)arg)->ports[row];

	put(ret, column == 0 ? p->name : p->mode);
}

static void put_keys(char ret[TABLE_CELL], const struct stats_tunnel *t)
{
	char in[16] = "-", out[16] = "-";

	if (t->key_in.set)
		snprintf(in, sizeof(in), "%u", t->key_in.value);
	if (t->key_out.set)
		snprintf(out, sizeof(out), "%u", t->key_out.value);
	if (strcmp(in, out))
		snprintf(ret, TABLE_CELL, "%s/%s", in, out);
	else
		put(ret, in);
}

static void tunnel_cell(const void *arg, size_t row, size_t column, char ret[TABLE_CELL])
{
	const struct stats_tunnel *t = &((const struct stats *)arg)->tunnels[row];
	char buf[ADDR_STRLEN];

	switch (column) {
	case 0:
		return put(ret, t->name);
	case 1:
		return put_keys(ret, t);
	case 2:
		if (t->path_mtu)
			return (void)snprintf(ret, TABLE_CELL, "%u/%u", t->path_mtu, t->mtu);
		return (void)snprintf(ret, TABLE_CELL, "%u", t->mtu);
	case 3:
		return put(ret, addr_text(&t->local, buf));
	case 4:
		return put(ret, addr_text(&t->remote, buf));
	default:
		return put(ret, !t->state ? "-" : strcmp(t->state, "up") ? "no" : "yes");
	}
}

static void traffic_cell(const void *arg, size_t row, size_t column, char ret[TABLE_CELL])
{
	const struct stats_tunnel *t = &((const struct stats *)arg)->tunnels[row];
	const struct tunnel_counters *c = &t->counters;

	switch (column) {
	case 0:
		return put(ret, t->name);
	case 1:
	case 2:
		return put_counter(ret, &c->rx, column == 2);
	case 3:
	case 4:
		return put_counter(ret, &c->tx, column == 4);
	case 5:
		return put_number(ret, c->fast_rx);
	default:
		return put_number(ret, c->fast_tx);
	}
}

static void route_cell(const void *arg, size_t row, size_t column, char ret[TABLE_CELL])
{
	const struct stats_route *r = &((const struct stats *)arg)->routes[row];
	char buf[PREFIX_STRLEN];

	switch (column) {
	case 0:
		return put(ret, prefix_text(&r->prefix, buf));
	case 1:
		return put(ret, r->tunnel);
	case 2:
	case 3:
		return put_counter(ret, &r->counters.rx, column == 3);
	default:
		return put_counter(ret, &r->counters.tx, column == 5);
	}
}

static void reason_cell(const void *arg, size_t row, size_t column, char ret[TABLE_CELL])
{
	const struct stats_reason *r = &((const struct stats_reason *)arg)[row];

	switch (column) {
	case 0:
		return put(ret, r->name);
	case 1:
		return put_number(ret, r->packets);
	default:
		return put(ret, r->text);
	}
}

/* A heading and the table below it, or that there is nothing. */
static void section(const char *heading, const struct table *t, FILE *out)
{
	if (!t->nrows) {
		fprintf(out, "\n%s: none\n", heading);
		return;
	}
	fprintf(out, "\n%s\n", heading);
	table_print(t, out);
}

static void print_ports(const struct stats *s, FILE *out)
{
	static const struct table_column columns[] = {{"PORT", ALIGN_LEFT}, {"MODE", ALIGN_LEFT}};
	const struct table t = {columns, COUNT(columns), s->nports, port_cell, s};

	section("Ports", &t, out);
}

static void print_tunnels(const struct stats *s, FILE *out)
{
	static const struct table_column columns[] = {{"TUNNEL", ALIGN_LEFT},
						      {"KEY", ALIGN_RIGHT},
						      {"MTU", ALIGN_RIGHT},
						      {"LOCAL", ALIGN_LEFT},
						      {"REMOTE", ALIGN_LEFT},
						      {"UP", ALIGN_LEFT}};
	static const struct table_column traffic[] = {
		{"TUNNEL", ALIGN_LEFT},	     {"RX PACKETS", ALIGN_RIGHT}, {"RX BYTES", ALIGN_RIGHT},
		{"TX PACKETS", ALIGN_RIGHT}, {"TX BYTES", ALIGN_RIGHT},	  {"FAST RX", ALIGN_RIGHT},
		{"FAST TX", ALIGN_RIGHT},
	};
	const struct table t = {columns, COUNT(columns), s->ntunnels, tunnel_cell, s};
	const struct table u = {traffic, COUNT(traffic), s->ntunnels, traffic_cell, s};

	section("Tunnels", &t, out);
	if (!s->ntunnels)
		return;
	fputc('\n', out);
	table_print(&u, out);
}

static void print_routes(const struct stats *s, FILE *out)
{
	static const struct table_column columns[] = {
		{"PREFIX", ALIGN_LEFT},	   {"TUNNEL", ALIGN_LEFT},	{"RX PACKETS", ALIGN_RIGHT},
		{"RX BYTES", ALIGN_RIGHT}, {"TX PACKETS", ALIGN_RIGHT}, {"TX BYTES", ALIGN_RIGHT},
	};
	const struct table t = {columns, COUNT(columns), s->nroutes, route_cell, s};

	section("Routes", &t, out);
}

/* Those that have counted; first is the heading of their names. */
static void print_reasons(const char *heading, const char *first,
			  const struct stats_reason *reasons, size_t n, FILE *out)
{
	const struct table_column columns[] = {
		{first, ALIGN_LEFT}, {"PACKETS", ALIGN_RIGHT}, {"MEANING", ALIGN_WRAP}};
	struct stats_reason counted[XGRE_REASON_MAX];
	struct table t = {columns, COUNT(columns), 0, reason_cell, counted};

	for (size_t i = 0; i < n; i++)
		if (reasons[i].packets)
			counted[t.nrows++] = reasons[i];
	section(heading, &t, out);
}

int output_tables(const struct stats *s, unsigned int parts, FILE *out)
{
	fprintf(out, "Instance %s\n", s->instance);
	if (parts & STATS_PORTS)
		print_ports(s, out);
	if (parts & STATS_TUNNELS)
		print_tunnels(s, out);
	if (parts & STATS_ROUTES)
		print_routes(s, out);
	if (parts & STATS_REASONS) {
		print_reasons("Drops", "REASON", s->drops, s->ndrops, out);
		print_reasons("Punts (left the fast path)", "REASON", s->punts, s->npunts, out);
	}
	if (parts & STATS_DAEMON)
		print_reasons(s->daemon_runs ? "Daemon (xgred runs)" : "Daemon (xgred does not run)",
			      "COUNTER", s->daemon, s->ndaemon, out);
	if (fflush(out))
		return -errno;
	return ferror(out) ? -EIO : 0;
}
