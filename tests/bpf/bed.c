// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From a request to maps and programs: what xgre-load apply does, without the system around. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "bed.h"
#include "config.h"
#include "resolve.h"

#define MTU_DEFAULT  1500

int problem_set(struct problem *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(p->text, sizeof(p->text), fmt, args);
	va_end(args);
	return -EINVAL;
}

void bed_init(struct bed *b)
{
	memset(b, 0, sizeof(*b));
	model_init(&b->model);
	for (int i = 0; i < PROGRAM_COUNT; i++)
		b->programs.fd[i] = -1;
}

static void bed_empty(struct bed *b)
{
	programs_close(&b->programs);
	state_close(b->st);
	b->st = NULL;
	model_free(&b->model);
}

void bed_close(struct bed *b)
{
	bed_empty(b);
	nl_close(b->nl);
	b->nl = NULL;
}

int bed_program(const struct bed *b, const char *name)
{
	static const char *const names[PROGRAM_COUNT] = {
		[PROGRAM_XDP] = "xgre_xdp",
		[PROGRAM_SKB] = "xgre_skb",
		[PROGRAM_PORT] = "xgre_port",
		[PROGRAM_DEV] = "xgre_dev",
	};

	for (int i = 0; i < PROGRAM_COUNT; i++)
		if (name && !strcmp(name, names[i]))
			return b->programs.fd[i];
	return -1;
}

/* The device of this name; the request's answer where there is none. */
static int device(struct bed *b, const char *name, struct netdev *ret, struct problem *p)
{
	int err = netdev_get(b->nl, name, ret);

	return err ? problem_set(p, "device %s: %s", name, strerror(-err)) : 0;
}

static uint32_t rpf_flags(const json_t *options)
{
	const char *rpf = json_string_value(json_object_get(options, "rpf"));

	if (!rpf)
		return 0;
	return strcmp(rpf, "strict") ? XGRE_PORT_RPF_LOOSE : XGRE_PORT_RPF_STRICT;
}

static int port_load(struct bed *b, uint32_t number, const struct port *port,
		     const json_t *options, struct problem *p)
{
	const char *lower = json_string_value(json_object_get(options, "lower"));
	json_t *tags = json_object_get(options, "tags");
	struct xgre_port entry;
	struct netdev dev;
	int err;

	port_fill(port, &entry);
	err = device(b, port->name, &dev, p);
	if (err)
		return err;
	entry.ifindex = entry.lower = dev.ifindex;
	memcpy(entry.mac, dev.mac, sizeof(entry.mac));
	if (json_is_true(json_object_get(options, "xdp")))
		entry.flags |= XGRE_PORT_XDP;
	entry.flags |= rpf_flags(options);
	for (size_t i = 0; i < json_array_size(tags) && i < 2; i++) {
		json_t *tag = json_array_get(tags, i);

		entry.tag[i][0] = htons(json_integer_value(json_array_get(tag, 0)));
		entry.tag[i][1] = htons(json_integer_value(json_array_get(tag, 1)));
		entry.tags++;
	}
	if (lower) {
		err = device(b, lower, &dev, p);
		if (err)
			return err;
		entry.lower = dev.ifindex;
	}
	err = state_port_set(b->st, number, &entry);
	return err ? problem_set(p, "port %s: %s", port->name, strerror(-err)) : 0;
}

static int sources_load(struct bed *b, uint32_t number, const struct tunnel *tunnel,
			struct problem *p)
{
	struct xgre_source_key *keys;
	uint32_t value = 1;
	size_t n;
	int err = sources_fill(tunnel, number, &keys, &n);

	for (size_t i = 0; !err && i < n; i++)
		if (bpf_map_update_elem(b->st->map[MAP_sources], &keys[i], &value, 0))
			err = -errno;
	free(keys);
	return err ? problem_set(p, "sources of %s: %s", tunnel->name, strerror(-err)) : 0;
}

static int tunnel_load(struct bed *b, uint32_t number, const struct tunnel *tunnel,
		       const json_t *options, struct problem *p)
{
	const char *port = json_string_value(json_object_get(options, "port"));
	const char *peer = json_string_value(json_object_get(options, "peer"));
	uint32_t map = b->st->map[MAP_devices];
	struct xgre_endpoint endpoint;
	struct netdev dev, peer_dev, port_dev;
	struct xgre_tunnel entry;
	int err;

	tunnel_fill(tunnel, tunnel->mtu ?: MTU_DEFAULT - tunnel_overhead(tunnel), &entry);
	err = device(b, tunnel->name, &dev, p);
	err = err ?: device(b, peer ?: tunnel->name, &peer_dev, p);
	err = err ?: device(b, port ?: b->model.ports[0].name, &port_dev, p);
	if (err)
		return err;
	entry.ifindex = dev.ifindex;
	entry.peer_ifindex = peer_dev.ifindex;
	entry.port_ifindex = port_dev.ifindex;
	memcpy(entry.mac, dev.mac, sizeof(entry.mac));
	memcpy(entry.peer_mac, peer_dev.mac, sizeof(entry.peer_mac));
	if (!json_is_false(json_object_get(options, "fast")))
		entry.flags |= XGRE_TUNNEL_FAST;
	entry.flags |= rpf_flags(options);
	if (bpf_map_update_elem(map, &entry.ifindex, &number, 0) ||
	    bpf_map_update_elem(map, &entry.peer_ifindex, &number, 0))
		return problem_set(p, "devices of %s: %s", tunnel->name, strerror(errno));
	state_tunnel_set(b->st, number, &entry);
	endpoint_fill(tunnel, number, &endpoint);
	err = state_endpoint_set(b->st, &endpoint);
	if (err)
		return problem_set(p, "endpoint of %s: %s", tunnel->name, strerror(-err));
	return sources_load(b, number, tunnel, p);
}

static int prefix_load(struct bed *b, const struct prefix *prefix, uint32_t route,
		       struct problem *p)
{
	struct xgre_prefix v = { .route = route, .origin = XGRE_ORIGIN_FILE };
	char buf[PREFIX_STRLEN];
	int err = state_prefix_set(b->st, prefix, &v);

	return err ? problem_set(p, "%s: %s", prefix_text(prefix, buf), strerror(-err)) : 0;
}

static int routes_load(struct bed *b, const json_t *options, struct problem *p)
{
	int err = 0;

	for (size_t i = 0; !err && i < b->model.nroutes; i++) {
		const struct route *r = &b->model.routes[i];
		struct xgre_route *entry = &b->st->routes[XGRE_ROUTE_FIRST + i];
		char text[PREFIX_STRLEN];

		prefix_text(&r->to, text);
		if (json_is_true(json_object_get(json_object_get(options, text), "slow")))
			entry->flags |= XGRE_ROUTE_SLOW;
		entry->tunnel = r->tunnel + 1;
		err = prefix_load(b, &r->to, XGRE_ROUTE_FIRST + i, p);
	}
	return err;
}

/* Prefixes of a list, all to one of the routes of fixed meaning. */
static int fixed_load(struct bed *b, json_t *list, uint32_t route, struct problem *p)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);
		struct prefix prefix;
		int err;

		if (!text || prefix_parse(text, &prefix))
			return problem_set(p, "%s is no prefix", text ?: "?");
		if (route == XGRE_ROUTE_LOCAL)
			locals_add((uint64_t *)b->st->meta->locals, &prefix);
		err = prefix_load(b, &prefix, route, p);
		if (err)
			return err;
	}
	return 0;
}

static int model_load(struct bed *b, const char *text, struct problem *p)
{
	struct config_errors errors = {};
	int err = config_parse(text, strlen(text), &b->model, &errors);

	if (err)
		problem_set(p, "model: line %u: %s", errors.count ? errors.items[0].place.line : 0,
			    errors.count ? errors.items[0].text : strerror(-err));
	else if (!b->model.nports)
		err = problem_set(p, "model: no ports");
	config_errors_free(&errors);
	return err;
}

static int maps_fill(struct bed *b, json_t *request, struct problem *p)
{
	const json_t *ports = json_object_get(request, "ports");
	const json_t *tunnels = json_object_get(request, "tunnels");
	int err = 0;

	for (size_t i = 0; !err && i < b->model.nports; i++) {
		const struct port *port = &b->model.ports[i];

		err = port_load(b, i, port, json_object_get(ports, port->name), p);
	}
	for (size_t i = 0; !err && i < b->model.ntunnels; i++) {
		const struct tunnel *t = &b->model.tunnels[i];

		err = tunnel_load(b, i, t, json_object_get(tunnels, t->name), p);
	}
	err = err ?: routes_load(b, json_object_get(request, "routes"), p);
	err = err ?: fixed_load(b, json_object_get(request, "holes"), XGRE_ROUTE_HOLE, p);
	return err ?: fixed_load(b, json_object_get(request, "local"), XGRE_ROUTE_LOCAL, p);
}

int bed_load(struct bed *b, json_t *request, struct problem *p)
{
	size_t fixed = json_array_size(json_object_get(request, "holes")) +
		       json_array_size(json_object_get(request, "local"));
	struct state_sizes sizes;
	int err;

	bed_empty(b);
	err = model_load(b, json_string_value(json_object_get(request, "model")) ?: "", p);
	if (err)
		goto out;
	sizes = (struct state_sizes){
		.tunnels = b->model.ntunnels ?: 1,
		.routes = XGRE_ROUTE_FIRST + b->model.nroutes + fixed,
		.chunks = lpm_chunks_needed(b->model.routes, b->model.nroutes) +
			  XGRE_LPM_LEVELS6 * fixed,
	};
	err = state_create("test", &sizes, &b->st);
	if (err) {
		problem_set(p, "maps: %s", strerror(-err));
		goto out;
	}
	err = maps_fill(b, request, p);
	if (!err && programs_load(b->st, &b->programs, p->text, sizeof(p->text)))
		err = -EINVAL;
out:
	if (err)
		bed_empty(b);
	return err;
}
