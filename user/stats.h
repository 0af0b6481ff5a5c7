/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The counters of a running instance, as plain structs. */
#ifndef XGRE_STATS_H
#define XGRE_STATS_H

#include "model.h"
#include "state.h"

/* What to gather and show. */
#define STATS_PORTS   (1u << 0)
#define STATS_TUNNELS (1u << 1)
#define STATS_ROUTES  (1u << 2)
#define STATS_REASONS (1u << 3) /* drops and punts */
#define STATS_DAEMON  (1u << 4)
#define STATS_ALL     (STATS_PORTS | STATS_TUNNELS | STATS_ROUTES | STATS_REASONS | STATS_DAEMON)

struct stats_port {
	char name[IFNAMSIZ];
	const char *mode; /* "native", "skb", "tc" */
};

struct stats_tunnel {
	char name[IFNAMSIZ];
	struct addr local;
	struct addr remote;
	struct key key_in;
	struct key key_out;
	uint32_t mtu;
	const char *state; /* "up", "down"; NULL: no keepalives tell */
	uint32_t path_mtu; /* 0: mtu holds; else what xgred lowered it to */
	struct tunnel_counters counters;
};

struct stats_route {
	struct prefix prefix;
	char tunnel[IFNAMSIZ];
	struct route_counters counters;
};

struct stats_reason {
	const char *name;
	const char *text;
	uint64_t packets;
};

struct stats {
	char instance[INSTANCE_MAX + 1];
	struct stats_port *ports; /* each array in a stable order */
	size_t nports;
	struct stats_tunnel *tunnels;
	size_t ntunnels;
	struct stats_route *routes; /* sorted by prefix */
	size_t nroutes;
	struct stats_reason drops[XGRE_REASON_MAX]; /* all there are, counted or not */
	size_t ndrops;
	struct stats_reason punts[XGRE_REASON_MAX];
	size_t npunts;
	bool daemon_runs;
	struct stats_reason daemon[XGRE_DAEMON_MAX]; /* what xgred counts */
	size_t ndaemon;
};

/*
 * Gather the parts (STATS_*) of an open instance; what is not asked for stays
 * empty. 0 or -errno, and then *ret is empty; -EXDEV: the instance is of
 * another network namespace, where its ports are.
 */
int stats_gather(const struct state *st, unsigned int parts, struct stats *ret);
void stats_free(struct stats *s);

#endif
