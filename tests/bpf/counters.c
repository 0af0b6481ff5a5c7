// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a run left in the per-CPU maps: counters to read, caches to forget or to age. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "bed.h"

/* All values of an array map: one, or one for each CPU, in each entry. */
struct table {
	int fd;
	uint32_t entries;
	size_t stride; /* of one CPU's value */
	size_t count;  /* of values in all: entries times CPUs */
	uint8_t *values;
};

static int table_open(const struct bed *b, enum state_map map, struct table *ret)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	ret->fd = b->st->map[map];
	if (bpf_obj_get_info_by_fd(ret->fd, &info, &len))
		return -errno;
	ret->entries = info.max_entries;
	ret->stride = (info.value_size + 7) & ~7u;
	ret->count = (size_t)ret->entries * b->st->ncpus;
	ret->values = calloc(ret->count, ret->stride);
	return ret->values ? 0 : -ENOMEM;
}

static void table_close(struct table *t)
{
	free(t->values);
}

static int table_read(struct table *t, uint32_t *keys)
{
	uint32_t count = t->entries, next;

	return bpf_map_lookup_batch(t->fd, NULL, &next, keys, t->values, &count, NULL) &&
			       errno != ENOENT ?
		       -errno :
		       0;
}

static int table_write(struct table *t, uint32_t *keys)
{
	uint32_t count = t->entries;

	for (uint32_t i = 0; i < count; i++)
		keys[i] = i;
	return bpf_map_update_batch(t->fd, keys, t->values, &count, NULL) ? -errno : 0;
}

/* Change every CPU's value of every entry; a NULL change makes them zero. */
static int table_change(const struct bed *b, enum state_map map,
			void (*change)(void *value, const void *arg), const void *arg)
{
	uint32_t *keys = NULL;
	struct table t = {};
	int err = table_open(b, map, &t);

	if (err)
		goto out;
	keys = calloc(t.entries, sizeof(*keys));
	if (!keys) {
		err = -ENOMEM;
		goto out;
	}
	if (change) {
		err = table_read(&t, keys);
		for (size_t i = 0; i < t.count; i++)
			change(t.values + i * t.stride, arg);
	}
	err = err ?: table_write(&t, keys);
out:
	free(keys);
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
	int err = table_change(b, MAP_cpu_state, reasons_clear, NULL);

	return err ? problem_set(p, "reasons: %s", strerror(-err)) : 0;
}

int bed_fresh(struct bed *b, struct problem *p)
{
	int err = table_change(b, MAP_tunnel_cpu, NULL, NULL);

	err = err ?: table_change(b, MAP_route_cpu, NULL, NULL);
	err = err ?: table_change(b, MAP_nexthops, NULL, NULL);
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

	if (rc->read_at)
		rc->read_at -= ((const struct age *)arg)->read;
}

int bed_age(struct bed *b, double read, double kernel, struct problem *p)
{
	struct age age = { .read = read * 1e9, .kernel = kernel * 1e9 };
	int err = table_change(b, MAP_tunnel_cpu, tunnel_age, &age);

	err = err ?: table_change(b, MAP_route_cpu, route_age, &age);
	err = err ?: table_change(b, MAP_nexthops, nexthop_age, &age);
	return err ? problem_set(p, "caches: %s", strerror(-err)) : 0;
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

int bed_counters(struct bed *b, json_t *reply, struct problem *p)
{
	json_t *tunnels = json_object(), *routes = json_object();
	int err = 0;

	for (size_t i = 0; !err && i < b->model.ntunnels; i++) {
		struct tunnel_counters c;
		json_t *object = json_object();

		err = state_tunnel_counters(b->st, i, &c);
		if (!err) {
			counter_put(object, "rx", &c.rx);
			counter_put(object, "tx", &c.tx);
			number_put(object, "fast-rx", c.fast_rx);
			number_put(object, "fast-tx", c.fast_tx);
		}
		object_put(tunnels, b->model.tunnels[i].name, object);
	}
	for (size_t i = 0; !err && i < b->model.nroutes; i++) {
		struct route_counters c;
		json_t *object = json_object();
		char text[PREFIX_STRLEN];

		err = state_route_counters(b->st, XGRE_ROUTE_FIRST + i, &c);
		if (!err) {
			counter_put(object, "rx", &c.rx);
			counter_put(object, "tx", &c.tx);
		}
		object_put(routes, prefix_text(&b->model.routes[i].to, text), object);
	}
	json_object_set_new(reply, "tunnels", tunnels);
	json_object_set_new(reply, "routes", routes);
	err = err ?: reasons_put(b, reply);
	return err ? problem_set(p, "counters: %s", strerror(-err)) : 0;
}
