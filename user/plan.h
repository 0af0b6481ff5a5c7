/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What it takes to get from one model to another: ordered steps. No I/O.
 * What is new or changed comes first and what goes comes last, so that a
 * failure on the way leaves everything that ran before in place.
 */
#ifndef XGRE_PLAN_H
#define XGRE_PLAN_H

#include <stdio.h>
#include "model.h"

enum step_kind {
	STEP_PORT_SET,
	STEP_TUNNEL_SET,
	STEP_ROUTE_SET,
	STEP_ROUTE_DEL,
	STEP_TUNNEL_DEL,
	STEP_PORT_DEL,
};

enum step_why { WHY_NEW, WHY_CHANGED, WHY_DAMAGED, WHY_GONE };

/* What differs, for messages. */
#define CHANGE_LOCAL	 (1u << 0)
#define CHANGE_REMOTE	 (1u << 1)
#define CHANGE_KEY	 (1u << 2)
#define CHANGE_TTL	 (1u << 3)
#define CHANGE_TOS	 (1u << 4)
#define CHANGE_MTU	 (1u << 5)
#define CHANGE_DF	 (1u << 6)
#define CHANGE_FAST	 (1u << 7)
#define CHANGE_SOURCES	 (1u << 8)
#define CHANGE_ADDRESSES (1u << 9)
#define CHANGE_XDP	 (1u << 10)
#define CHANGE_ROLE	 (1u << 11)
#define CHANGE_UNCLAIMED (1u << 12)
#define CHANGE_TUNNEL	 (1u << 13)
#define CHANGE_VIA	 (1u << 14)
#define CHANGE_METRIC	 (1u << 15)
#define CHANGE_TABLE	 (1u << 16)
#define CHANGE_ORIGIN	 (1u << 17)
#define CHANGE_CHECKSUM	 (1u << 18)
#define CHANGE_SEQUENCE	 (1u << 19)
#define CHANGE_DISPATCHER (1u << 24)
#define CHANGE_KEEPALIVE (1u << 23)
#define CHANGE_DEVICE	 (1u << 25)

#define NOT_THERE SIZE_MAX

struct step {
	enum step_kind kind;
	enum step_why why;
	uint32_t changes; /* CHANGE_* with WHY_CHANGED */
	size_t have;	  /* index in the old model's array, or NOT_THERE */
	size_t want;	  /* in the new one's */
};

struct plan {
	struct step *steps;
	size_t count;
};

/* Which objects of the old model are not as they should be, by index. NULL: all are. */
struct damage {
	bool *ports;
	bool *tunnels;
	bool *routes;
};

/*
 * Routes of have with origin runtime stay, unless prune or their tunnel goes;
 * plan_merge() has put them into want before. 0 or -ENOMEM.
 */
int plan_make(const struct model *have, const struct model *want, const struct damage *damage,
	      struct plan *ret);
/* Append to want the runtime routes of have that stay, unless prune. 0 or -ENOMEM. */
int plan_merge(const struct model *have, struct model *want, bool prune);
void plan_free(struct plan *p);

/* One line a step, routes summed up where there are many. */
void plan_print(const struct plan *p, const struct model *have, const struct model *want,
		FILE *out);

#endif
