/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pinned maps of an instance: where the running state lives between the
 * runs of the tools. Everything is below /sys/fs/bpf/xgre/INSTANCE:
 *
 *   maps/NAME    every map of bpf/maps.h
 *   progs/NAME   xgre_xdp, xgre_skb, xgre_port, xgre_dev
 *   links/PORT   the XDP link of a port ('.' in the name written as '+')
 *   config       the running configuration without its routes, as YAML
 */
#ifndef XGRE_STATE_H
#define XGRE_STATE_H

#include <stdint.h>
#include "lpm.h"
#include "model.h"
#include "xgre/abi.h"

#define STATE_ROOT	 "/sys/fs/bpf/xgre"
#define INSTANCE_DEFAULT "default"
#define INSTANCE_MAX	 40

/* Every map, by its name in bpf/maps.h and friends. */
#define STATE_MAPS(X)                                                                              \
	X(meta) X(lpm4_root) X(lpm6_root) X(lpm_chunks) X(routes) X(tunnels) X(endpoints)          \
	X(ports) X(port_slots) X(devmap) X(devices) X(sources) X(route_cpu) X(tunnel_cpu)          \
	X(cpu_state) X(nexthops) X(prefixes) X(lpm_next) X(daemon) X(link) X(pairs)  \
	X(xsks) X(work) X(sum_buffer) X(sequences)

enum state_map {
#define X(name) MAP_##name,
	STATE_MAPS(X)
#undef X
	MAP_COUNT
};

struct state_sizes {
	uint32_t tunnels;
	uint32_t routes; /* route numbers, XGRE_ROUTE_FIRST reserved ones included */
	uint32_t chunks; /* of the lookup table */
};

struct state {
	char instance[INSTANCE_MAX + 1];
	char dir[sizeof(STATE_ROOT) + INSTANCE_MAX + 8];
	int map[MAP_COUNT]; /* file descriptors */
	struct state_sizes size;
	uint32_t nendpoints; /* a power of two */
	uint32_t ncpus;	     /* possible CPUs: values of per-CPU maps */

	/* memory mapped; read-only where state_open() was asked to */
	struct xgre_meta *meta;
	struct xgre_tunnel_slot *tunnels;
	struct xgre_route *routes;
	struct xgre_endpoint *endpoints;
	struct xgre_port *ports;
	struct xgre_port_slot *port_slots;
	struct xgre_daemon *daemon;
	struct xgre_link *links; /* by tunnel number */
	struct lpm lpm;

	/*
	 * Something was taken from the readers that they may still hold: before
	 * such a place is written again a grace period has to pass.
	 */
	bool unsettled;
};

/* 0, or -EINVAL where a name cannot be an instance's: 1-40 of A-Z a-z 0-9 _ - */
int instance_check(const char *instance);

/*
 * Is /sys/fs/bpf a BPF file system that outlives this process? Mounts it where
 * that is all that is missing. On failure prints the error with its remedy.
 */
int state_bpffs(void);

/*
 * Open an instance's pinned maps. 0; -ENOENT: no such instance; -EPROTO: of
 * another ABI version; -EXDEV: to be written, but of another network namespace;
 * -ESTALE: of one that is gone; other -errno. Prints nothing. Every map of the ABI is open afterwards.
 */
int state_open(const char *instance, bool writable, struct state **ret);

/* New maps of these sizes, not pinned, all empty but for meta. */
int state_create(const char *instance, const struct state_sizes *sizes, struct state **ret);
/* Publish them all at once as the instance's. */
int state_pin(struct state *st);
void state_close(struct state *st); /* NULL is fine */

/* Remove every pin of the instance; programs and maps go with their last user. */
int state_unpin(const char *instance);

/* All instances' names, sorted; the array and strings are the caller's. */
int state_list(char ***ret, size_t *ret_count);

/*
 * The running model: configuration pin and prefixes. Routes are sorted, holes
 * left out, and carry their origin. An instance without a configuration pin
 * (killed in its first apply) gives an empty model.
 */
int state_model(const struct state *st, struct model *ret);
/* Make m (without routes) the running configuration, atomically. */
int state_model_commit(const struct state *st, const struct model *m);

/* The current properties of a tunnel's number, flags 0 where it is free. */
const struct xgre_tunnel *state_tunnel(const struct state *st, uint32_t number);

/* The MTU that a tunnel's device should have now: mtu, or less where the path demands it. */
uint32_t state_link_mtu(const struct state *st, uint32_t number, uint32_t mtu);
/* Nothing is known of the tunnel's path any more. */
void state_link_reset(const struct state *st, uint32_t number);

/* Number of a tunnel or port by name, -ENOENT where there is none. */
int state_tunnel_number(const struct state *st, const char *name);
int state_port_number(const struct state *st, const char *name);

/* Sums of the per-CPU counters. */
struct route_counters {
	struct xgre_counter rx, tx;
};
struct tunnel_counters {
	struct xgre_counter rx, tx;
	uint64_t fast_rx, fast_tx;
};
int state_route_counters(const struct state *st, uint32_t route, struct route_counters *ret);
int state_tunnel_counters(const struct state *st, uint32_t tunnel, struct tunnel_counters *ret);
int state_reasons(const struct state *st, uint64_t ret[XGRE_REASON_MAX]);
/* Zero them, for a number that is handed out anew. */
int state_route_reset(const struct state *st, uint32_t route);
int state_tunnel_reset(const struct state *st, uint32_t tunnel);

/* XGRE_FAMILY_* prefix as a key of the prefixes map. */
void prefix_to_key(const struct prefix *p, struct xgre_prefix_key *ret);
void prefix_from_key(const struct xgre_prefix_key *k, struct prefix *ret);
/* The entry of exactly this prefix: 0 or -ENOENT. */
int state_prefix_get(const struct state *st, const struct prefix *p, struct xgre_prefix *ret);

/*
 * Tunnels, ports, endpoints: single entries, in the order that readers expect.
 * set of a free endpoint: -ENOSPC where all its places are taken.
 */
void state_tunnel_set(struct state *st, uint32_t number, const struct xgre_tunnel *t);
void state_tunnel_clear(struct state *st, uint32_t number);
int state_endpoint_set(struct state *st, const struct xgre_endpoint *e);
void state_endpoint_clear(struct state *st, const struct xgre_endpoint *e);
/* The tunnel's number for endpoints and key; -ENOENT where none claims them. */
int state_endpoint_find(const struct state *st, const struct xgre_endpoint *e);
/*
 * Clear endpoints that are not, or no longer, those of their tunnels; with
 * routes, also route numbers that no prefix has, which only a process that was
 * killed leaves.
 */
void state_sweep(struct state *st, bool routes);
int state_port_set(struct state *st, uint32_t number, const struct xgre_port *p);
void state_port_clear(struct state *st, uint32_t number);

/*
 * A prefix to its route, table and truth alike; replaces what was there. del:
 * -ENOENT where it is not there.
 */
int state_prefix_set(struct state *st, const struct prefix *p, const struct xgre_prefix *v);
int state_prefix_del(struct state *st, const struct prefix *p);

/* Wait until no program runs that began before the call (RCU grace period). */
void state_sync(void);

#endif
