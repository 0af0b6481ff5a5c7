// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The running model, and the counters. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "config.h"
#include "resolve.h"
#include "state-internal.h"

/* The configuration pin: an array of one entry, the YAML text as long as it is. */
static int config_load(const struct state *st, struct model *ret)
{
	struct config_errors errors = {};
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info), zero = 0;
	char path[256], *text = NULL;
	int fd, err;

	snprintf(path, sizeof(path), "%s/config", st->dir);
	fd = bpf_obj_get(path);
	if (fd < 0) {
		model_init(ret);
		return errno == ENOENT ? 0 : -errno;
	}
	err = bpf_obj_get_info_by_fd(fd, &info, &len) ? -errno : 0;
	if (err)
		goto out;
	text = calloc(1, info.value_size + 1);
	if (!text) {
		err = -ENOMEM;
		goto out;
	}
	if (bpf_map_lookup_elem(fd, &zero, text)) {
		err = -errno;
		goto out;
	}
	err = config_parse(text, strlen(text), ret, &errors);
	config_errors_free(&errors);
	if (err == -EINVAL)
		err = -EPROTO; /* written by another version of these tools */
out:
	free(text);
	close(fd);
	return err;
}

static int route_compare(const void *a, const void *b)
{
	return prefix_compare(&((const struct route *)a)->to, &((const struct route *)b)->to);
}

/* Index in m of a route's tunnel, by the number that the maps use; -ENOENT. */
static int tunnel_index(const struct state *st, const struct model *m, uint32_t route)
{
	const struct tunnel *t;
	uint32_t number;

	if (route >= st->size.routes || !st->routes[route].tunnel)
		return -ENOENT;
	number = st->routes[route].tunnel - 1;
	if (number >= st->size.tunnels)
		return -ENOENT;
	t = model_find_tunnel(m, state_tunnel(st, number)->name);
	return t ? t - m->tunnels : -ENOENT;
}

static int routes_load(const struct state *st, struct model *m)
{
	struct xgre_prefix_key key, next;
	struct xgre_prefix v;
	int err;

	for (err = bpf_map_get_next_key(st->map[MAP_prefixes], NULL, &next); !err;
	     err = bpf_map_get_next_key(st->map[MAP_prefixes], &key, &next)) {
		struct route *r;
		int tunnel;

		key = next;
		if (bpf_map_lookup_elem(st->map[MAP_prefixes], &key, &v))
			continue;
		if (v.origin == XGRE_ORIGIN_HOLE)
			continue;
		tunnel = tunnel_index(st, m, v.route);
		if (tunnel < 0)
			continue;
		r = model_add_route(m);
		if (!r)
			return -ENOMEM;
		prefix_from_key(&key, &r->to);
		r->tunnel = tunnel;
		r->origin = v.origin;
		r->metric = v.metric;
		r->table = v.table;
		r->via.family = v.via_family;
		r->via.a = v.via;
	}
	if (m->nroutes)
		qsort(m->routes, m->nroutes, sizeof(*m->routes), route_compare);
	return 0;
}

/*
 * Ports and tunnels that are in the maps and not in the configuration pin: an
 * apply was killed on the way. What the maps say of them is enough to run or
 * remove them by.
 */
static int strays_load(const struct state *st, struct model *m)
{
	for (uint32_t i = 0; i < XGRE_PORTS_MAX; i++) {
		const struct xgre_port *p = &st->ports[i];
		struct port *port;

		if (!p->flags || p->flags & XGRE_PORT_REASSEMBLY || model_find_port(m, p->name))
			continue;
		port = model_add_port(m);
		if (!port)
			return -ENOMEM;
		memcpy(port->name, p->name, sizeof(port->name));
	}
	for (uint32_t i = 0; i < st->size.tunnels; i++) {
		const struct xgre_tunnel *t = state_tunnel(st, i);
		struct tunnel *tunnel;

		if (!t->flags || model_find_tunnel(m, t->name))
			continue;
		tunnel = model_add_tunnel(m);
		if (!tunnel)
			return -ENOMEM;
		tunnel_recall(t, tunnel);
	}
	return 0;
}

int state_model(const struct state *st, struct model *ret)
{
	int err = config_load(st, ret);

	if (err)
		return err;
	err = strays_load(st, ret) ?: routes_load(st, ret);
	if (err)
		model_free(ret);
	return err;
}

int state_model_commit(const struct state *st, const struct model *m)
{
	char path[256], new_path[260], *text = NULL;
	uint32_t zero = 0;
	size_t size = 0;
	int fd = -1, err;
	FILE *f;

	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	err = config_write(m, false, f);
	if (fclose(f) && !err)
		err = -ENOMEM;
	if (err)
		goto out;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xgre_config", sizeof(zero), size + 1, 1, NULL);
	if (fd < 0 || bpf_map_update_elem(fd, &zero, text, 0)) {
		err = -errno;
		goto out;
	}
	snprintf(path, sizeof(path), "%s/config", st->dir);
	snprintf(new_path, sizeof(new_path), "%s~", path);
	unlink(new_path);
	if (bpf_obj_pin(fd, new_path) || rename(new_path, path)) {
		err = -errno;
		unlink(new_path);
	}
out:
	if (fd >= 0)
		close(fd);
	free(text);
	return err;
}

/* Values of all CPUs of one entry of a per-CPU array, value by value. */
static void *percpu_read(const struct state *st, enum state_map map, uint32_t index, size_t size)
{
	void *values = calloc(st->ncpus, size);

	if (values && bpf_map_lookup_elem(st->map[map], &index, values)) {
		free(values);
		return NULL;
	}
	return values;
}

static void counter_sum(struct xgre_counter *to, const struct xgre_counter *c)
{
	to->packets += c->packets;
	to->bytes += c->bytes;
}

int state_route_counters(const struct state *st, uint32_t route, struct route_counters *ret)
{
	struct xgre_route_cpu *v = percpu_read(st, MAP_route_cpu, route, sizeof(*v));

	memset(ret, 0, sizeof(*ret));
	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < st->ncpus; i++) {
		counter_sum(&ret->rx, &v[i].rx);
		counter_sum(&ret->tx, &v[i].tx);
	}
	free(v);
	return 0;
}

int state_tunnel_counters(const struct state *st, uint32_t tunnel, struct tunnel_counters *ret)
{
	struct xgre_tunnel_cpu *v = percpu_read(st, MAP_tunnel_cpu, tunnel, sizeof(*v));

	memset(ret, 0, sizeof(*ret));
	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < st->ncpus; i++) {
		counter_sum(&ret->rx, &v[i].rx);
		counter_sum(&ret->tx, &v[i].tx);
		ret->fast_rx += v[i].fast_rx;
		ret->fast_tx += v[i].fast_tx;
	}
	free(v);
	return 0;
}

int state_reasons(const struct state *st, uint64_t ret[XGRE_REASON_MAX])
{
	struct xgre_cpu *v = percpu_read(st, MAP_cpu_state, 0, sizeof(*v));

	memset(ret, 0, XGRE_REASON_MAX * sizeof(*ret));
	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < st->ncpus; i++)
		for (int r = 0; r < XGRE_REASON_MAX; r++)
			ret[r] += v[i].reasons[r];
	free(v);
	return 0;
}

static int percpu_zero(const struct state *st, enum state_map map, uint32_t index, size_t size)
{
	void *zero = calloc(st->ncpus, size);
	int err;

	if (!zero)
		return -ENOMEM;
	err = bpf_map_update_elem(st->map[map], &index, zero, BPF_ANY) ? -errno : 0;
	free(zero);
	return err;
}

int state_route_reset(const struct state *st, uint32_t route)
{
	return percpu_zero(st, MAP_route_cpu, route, sizeof(struct xgre_route_cpu));
}

int state_tunnel_reset(const struct state *st, uint32_t tunnel)
{
	const struct xgre_sequence start = {};

	st->links[tunnel] = (struct xgre_link){ 0 };
	if (bpf_map_update_elem(st->map[MAP_sequences], &tunnel, &start, BPF_ANY))
		return -errno;
	return percpu_zero(st, MAP_tunnel_cpu, tunnel, sizeof(struct xgre_tunnel_cpu));
}
