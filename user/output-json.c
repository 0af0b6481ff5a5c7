// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counters as JSON. Rows are made, written and freed one by one: a tree of a
 * million routes would take more than a gigabyte.
 */
#include <errno.h>
#include <jansson.h>
#include "output.h"

/* The object for one row of an array; NULL without memory. */
typedef json_t *(*row_fn)(const void *items, size_t i);

static int write_value(json_t *value, FILE *out)
{
	int err = 0;

	if (!value)
		return -ENOMEM;
	if (json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY))
		err = ferror(out) ? -EIO : -ENOMEM;
	json_decref(value);
	return err;
}

static int write_items(const char *key, const void *items, size_t n, row_fn row, FILE *out)
{
	int err = 0;

	fprintf(out, "\"%s\":[", key);
	for (size_t i = 0; i < n && !err; i++) {
		if (i)
			fputc(',', out);
		err = write_value(row(items, i), out);
	}
	fputc(']', out);
	return err;
}

static int write_array(const char *key, const void *items, size_t n, row_fn row, FILE *out)
{
	fputc(',', out);
	return write_items(key, items, n, row, out);
}

static json_t *counter(const struct xgre_counter *c)
{
	return json_pack("{s:I,s:I}", "packets", (json_int_t)c->packets, "bytes",
			 (json_int_t)c->bytes);
}

static json_t *key(const struct key *k)
{
	return k->set ? json_integer(k->value) : json_null();
}

static json_t *port_row(const void *items, size_t i)
{
	const struct stats_port *p = &((const struct stats_port *)items)[i];

	return json_pack("{s:s,s:s}", "name", p->name, "mode", p->mode);
}

static json_t *tunnel_row(const void *items, size_t i)
{
	const struct stats_tunnel *t = &((const struct stats_tunnel *)items)[i];
	char local[ADDR_STRLEN], remote[ADDR_STRLEN];

	return json_pack("{s:s,s:s,s:s,s:o,s:{s:o,s:o},s:I,s:o,s:s?,s:o,s:o,s:{s:I,s:I}}", "name", t->name,
			 "local", addr_text(&t->local, local), "remote",
			 addr_text(&t->remote, remote), "key", key(&t->key_in), "keys", "input",
			 key(&t->key_in), "output", key(&t->key_out), "mtu", (json_int_t)t->mtu,
			 "path_mtu", t->path_mtu ? json_integer(t->path_mtu) : json_null(), "state",
			 t->state, "rx", counter(&t->counters.rx), "tx", counter(&t->counters.tx), "fast",
			 "rx", (json_int_t)t->counters.fast_rx, "tx",
			 (json_int_t)t->counters.fast_tx);
}

static json_t *route_row(const void *items, size_t i)
{
	const struct stats_route *r = &((const struct stats_route *)items)[i];
	char prefix[PREFIX_STRLEN];

	return json_pack("{s:s,s:s,s:o,s:o}", "prefix", prefix_text(&r->prefix, prefix), "tunnel",
			 r->tunnel, "rx", counter(&r->counters.rx), "tx", counter(&r->counters.tx));
}

static json_t *reason_row(const void *items, size_t i)
{
	const struct stats_reason *r = &((const struct stats_reason *)items)[i];

	return json_pack("{s:s,s:I}", "reason", r->name, "packets", (json_int_t)r->packets);
}

static json_t *daemon_row(const void *items, size_t i)
{
	const struct stats_reason *r = &((const struct stats_reason *)items)[i];

	return json_pack("{s:s,s:I}", "counter", r->name, "packets", (json_int_t)r->packets);
}

static int write_daemon(const struct stats *s, FILE *out)
{
	int err;

	fprintf(out, ",\"daemon\":{\"running\":%s,", s->daemon_runs ? "true" : "false");
	err = write_items("counters", s->daemon, s->ndaemon, daemon_row, out);
	fputc('}', out);
	return err;
}

static int finish(FILE *out, int err)
{
	fputc('\n', out);
	if (fflush(out) && !err)
		err = -errno;
	return !err && ferror(out) ? -EIO : err;
}

int output_json(const struct stats *s, unsigned int parts, FILE *out)
{
	int err;

	fputs("{\"instance\":", out);
	err = write_value(json_string(s->instance), out);
	if (!err && parts & STATS_PORTS)
		err = write_array("ports", s->ports, s->nports, port_row, out);
	if (!err && parts & STATS_TUNNELS)
		err = write_array("tunnels", s->tunnels, s->ntunnels, tunnel_row, out);
	if (!err && parts & STATS_ROUTES)
		err = write_array("routes", s->routes, s->nroutes, route_row, out);
	if (!err && parts & STATS_REASONS)
		err = write_array("drops", s->drops, s->ndrops, reason_row, out);
	if (!err && parts & STATS_REASONS)
		err = write_array("punts", s->punts, s->npunts, reason_row, out);
	if (!err && parts & STATS_DAEMON)
		err = write_daemon(s, out);
	fputc('}', out);
	return finish(out, err);
}

int output_json_error(const char *text, FILE *out)
{
	return finish(out, write_value(json_pack("{s:s}", "error", text), out));
}
