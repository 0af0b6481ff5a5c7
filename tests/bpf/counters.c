// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a run left in the per-CPU maps: counters to read, caches to forget or to age. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "bed.h"

#define NEXTHOPS 4096 /* XGRE_NEXTHOPS of bpf/maps.h */

/* All values of an array map: one, or one for each CPU, in each entry. */
struct table {
	int fd;
	uint32_t entries;
	size_t stride; /* of one CPU's value */
	size_t count;  /* of values in all: entries times CPUs */
	uint8_t *values;
	uint32_t *keys;
};

static int table_open(const struct bed *b, enum state_map map, uint32_t entries, size_t size,
		      struct table *ret)
{
	ret->fd = b->st->map[map];
	ret->entries = entries;
	ret->stride = (size + 7) & ~7ul;
	ret->count = (size_t)entries * b->st->ncpus;
	ret->values = calloc(ret->count, ret->stride);
	ret->keys = calloc(entries, sizeof(*ret->keys));
	return ret->values && ret->keys ? 0 : -ENOMEM;
}

static void table_close(struct table *t)
{
	free(t->values);
	free(t->keys);
}

static int table_read(struct table *t)
{
	uint32_t count = t->entries, next;
	int err = bpf_map_lookup_batch(t->fd, NULL, &next, t->keys, t->values, &count, NULL);

	return err && errno != ENOENT ? -errno : 0; /* ENOENT: that was all */
}

static int table_write(struct table *t)
{
	uint32_t count = t->entries;

	for (uint32_t i = 0; i < count; i++)
		t->keys[i] = i;
	return bpf_map_update_batch(t->fd, t->keys, t->values, &count, NULL) ? -errno : 0;
}

static void *table_value(const struct bed *b, const struct table *t, uint32_t entry, uint32_t cpu)
{
	return t->values + ((size_t)entry * b->st->ncpus + cpu) * t->stride;
}

static int tunnels_open(const struct bed *b, struct table *ret)
{
	return table_open(b, MAP_tunnel_cpu, b->st->size.tunnels, sizeof(struct xgre_tunnel_cpu), ret);
}

static int routes_open(const struct bed *b, struct table *ret)
{
	return table_open(b, MAP_route_cpu, b->st->size.routes, sizeof(struct xgre_route_cpu), ret);
}

static int nexthops_open(const struct bed *b, struct table *ret)
{
	return table_open(b, MAP_nexthops, NEXTHOPS, sizeof(struct xgre_nexthop), ret);
}

static int cpus_open(const struct bed *b, struct table *ret)
{
	return table_open(b, MAP_cpu_state, 1, sizeof(struct xgre_cpu), ret);
}

typedef int (*open_fn)(const struct bed *b, struct table *ret);

/* Change every CPU's value of every entry; a NULL change makes them zero. */
static int table_change(const struct bed *b, open_fn open,
			void (*change)(void *value, const void *arg), const void *arg)
{
	struct table t = {};
	int err = open(b, &t);

	if (!err && change) {
		err = table_read(&t);
		for (size_t i = 0; i < t.count; i++)
			change(t.values + i * t.stride, arg);
	}
	err = err ?: table_write(&t);
	table_close(&t);
	return err;
}

static void reasons_clear(void *value, const void *arg)
{
	struct xgre_cpu *cpu = value;

	(void)arg;
	memset(cpu->reasons, 0, sizeof(cpu->reasons)); /* and not the IPv4 ID, which goes on */
}

int bed_reasons_clear(struct bed *b, struct problem *p)
{
	int err = table_change(b, cpus_open, reasons_clear, NULL);

	return err ? problem_set(p, "reasons: %s", strerror(-err)) : 0;
}

static int sequences_clear(const struct bed *b)
{
	const struct xgre_sequence start = {};

	for (uint32_t i = 0; i < b->st->size.tunnels; i++)
		if (bpf_map_update_elem(b->st->map[MAP_sequences], &i, &start, BPF_ANY))
			return -errno;
	return 0;
}

int bed_fresh(struct bed *b, struct problem *p)
{
	int err = table_change(b, tunnels_open, NULL, NULL);

	err = err ?: table_change(b, routes_open, NULL, NULL);
	err = err ?: table_change(b, nexthops_open, NULL, NULL);
	err = err ?: sequences_clear(b);
	return err ? problem_set(p, "caches: %s", strerror(-err)) : bed_reasons_clear(b, p);
}

struct age {
	uint64_t read, kernel; /* ns */
};

static void nexthop_age(void *value, const void *arg)
{
	struct xgre_nexthop *nh = value;
	const struct age *age = arg;

	if (!nh->read_at)
		return; /* not in use */
	nh->read_at -= age->read;
	nh->kernel_at -= age->kernel;
}

static void tunnel_age(void *value, const void *arg)
{
	nexthop_age(&((struct xgre_tunnel_cpu *)value)->nexthop, arg);
}

static void route_age(void *value, const void *arg)
{
	struct xgre_route_cpu *rc = value;
	const struct age *age = arg;

	if (rc->read_at)
		rc->read_at -= age->read;
	if (rc->source_at)
		rc->source_at -= age->read;
	if (rc->source_at)
		rc->source_at -= ((const struct age *)arg)->read;
}

int bed_age(struct bed *b, double read, double kernel, struct problem *p)
{
	struct age age = { .read = read * 1e9, .kernel = kernel * 1e9 };
	int err = table_change(b, tunnels_open, tunnel_age, &age);

	err = err ?: table_change(b, routes_open, route_age, &age);
	err = err ?: table_change(b, nexthops_open, nexthop_age, &age);
	return err ? problem_set(p, "caches: %s", strerror(-err)) : 0;
}

int bed_cached(struct bed *b, json_t *reply, struct problem *p)
{
	struct table t = {};
	json_int_t n = 0;
	int err = nexthops_open(b, &t);

	err = err ?: table_read(&t);
	for (size_t i = 0; !err && i < t.count; i++)
		n += ((struct xgre_nexthop *)(t.values + i * t.stride))->read_at != 0;
	table_close(&t);
	json_object_set_new(reply, "cached", json_integer(n));
	return err ? problem_set(p, "next hops: %s", strerror(-err)) : 0;
}

static void counter_put(json_t *object, const char *name, const struct xgre_counter *c)
{
	if (c->packets || c->bytes)
		json_object_set_new(object, name,
				    json_pack("[I,I]", (json_int_t)c->packets,
					      (json_int_t)c->bytes));
}

static void number_put(json_t *object, const char *name, uint64_t n)
{
	if (n)
		json_object_set_new(object, name, json_integer((json_int_t)n));
}

/* object into parent under name, where there is anything in it */
static void object_put(json_t *parent, const char *name, json_t *object)
{
	if (json_object_size(object))
		json_object_set_new(parent, name, object);
	else
		json_decref(object);
}

static int reasons_put(struct bed *b, json_t *reply)
{
	uint64_t count[XGRE_REASON_MAX];
	json_t *object = json_object();
	int err = state_reasons(b->st, count);

#define XGRE_REASON(number, id, kind, name, text)                                                  \
	if (!err)                                                                                  \
		number_put(object, name, count[number]);
	XGRE_REASONS(XGRE_REASON)
#undef XGRE_REASON
	json_object_set_new(reply, "reasons", object);
	return err;
}

static void counter_sum(struct xgre_counter *sum, const struct xgre_counter *c)
{
	sum->packets += c->packets;
	sum->bytes += c->bytes;
}

static int tunnels_put(struct bed *b, json_t *reply)
{
	json_t *tunnels = json_object();
	struct table t = {};
	int err = tunnels_open(b, &t);

	json_object_set_new(reply, "tunnels", tunnels);
	err = err ?: table_read(&t);
	for (size_t i = 0; !err && i < b->model.ntunnels; i++) {
		struct tunnel_counters c = {};
		json_t *object = json_object();

		for (uint32_t cpu = 0; cpu < b->st->ncpus; cpu++) {
			const struct xgre_tunnel_cpu *tc = table_value(b, &t, i, cpu);

			counter_sum(&c.rx, &tc->rx);
			counter_sum(&c.tx, &tc->tx);
			c.fast_rx += tc->fast_rx;
			c.fast_tx += tc->fast_tx;
		}
		counter_put(object, "rx", &c.rx);
		counter_put(object, "tx", &c.tx);
		number_put(object, "fast-rx", c.fast_rx);
		number_put(object, "fast-tx", c.fast_tx);
		object_put(tunnels, b->model.tunnels[i].name, object);
	}
	table_close(&t);
	return err;
}

static int routes_put(struct bed *b, json_t *reply)
{
	json_t *routes = json_object();
	struct table t = {};
	int err = routes_open(b, &t);

	json_object_set_new(reply, "routes", routes);
	err = err ?: table_read(&t);
	for (size_t i = 0; !err && i < b->model.nroutes; i++) {
		struct route_counters c = {};
		json_t *object = json_object();
		char text[PREFIX_STRLEN];

		for (uint32_t cpu = 0; cpu < b->st->ncpus; cpu++) {
			const struct xgre_route_cpu *rc =
				table_value(b, &t, XGRE_ROUTE_FIRST + i, cpu);

			counter_sum(&c.rx, &rc->rx);
			counter_sum(&c.tx, &rc->tx);
		}
		counter_put(object, "rx", &c.rx);
		counter_put(object, "tx", &c.tx);
		object_put(routes, prefix_text(&b->model.routes[i].to, text), object);
	}
	table_close(&t);
	return err;
}

int bed_counters(struct bed *b, json_t *reply, struct problem *p)
{
	int err = tunnels_put(b, reply) ?: routes_put(b, reply) ?: reasons_put(b, reply);

	return err ? problem_set(p, "counters: %s", strerror(-err)) : 0;
}
