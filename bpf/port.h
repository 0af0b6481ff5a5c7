/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a port does with a frame: the same steps in XDP and at TC ingress. */
#ifndef XGRE_PORT_H
#define XGRE_PORT_H

#include "decap.h"
#include "encap.h"

/*
 * What a packet's way keeps in memory: too much for the stack. Ours are NAPI's
 * programs, which do not interrupt each other, so one for each CPU is enough.
 */
struct work {
	struct ip_info ip; /* the outermost header */
	struct ip_info inner;
	struct fib_query query;
};

XGRE_MAP(work, PERCPU_ARRAY, 1, __u32, struct work, 0);

/* GRE for one of our addresses that no tunnel claims; fragments are seen here too. */
static __always_inline int gre_not_claimed(const struct frame *f, const struct ip_info *info,
					   const struct decap *d)
{
	if (info->fragment)
		return XGRE_R_FRAGMENT;
	if (d->gre.flags & GRE_VERSION)
		return XGRE_R_VERSION;
	if (f->port->flags & XGRE_PORT_UNCLAIMED_DROP)
		return XGRE_R_UNCLAIMED_DROP;
	return XGRE_R_UNCLAIMED;
}

/*
 * Is the packet GRE of a tunnel of ours, and if so is it acceptable? d->t is set
 * in the first case; the return value is the reason for what is to happen.
 */
static __always_inline int port_classify(ctx_t *ctx, const struct frame *f, struct ip_info *info,
					 struct decap *d)
{
	d->t = NULL;
	d->gre.flags = 0;
	if (info->proto != IPPROTO_GRE && info->proto != IPPROTO_DSTOPTS)
		return XGRE_R_NONE;
	if (!decap_find(ctx, f->l3, info, d))
		return XGRE_R_NONE;
	if (!(f->port->flags & XGRE_PORT_DECAP))
		return XGRE_R_ROLE;
	return decap_accept(ctx, f->l3, info, d);
}

/*
 * Are sequence numbers to be looked at here? Once for each packet: XDP does it
 * for all that it takes for a tunnel's, before it leaves any of them to TC.
 */
static __always_inline int port_in_order(ctx_t *ctx, const struct decap *d, bool seen)
{
	if (seen || !(d->t->flags & XGRE_TUNNEL_SEQUENCE))
		return XGRE_R_NONE;
	return decap_in_order(ctx, d);
}

/* Forward what is not GRE of ours: the way into a tunnel, or not our business. */
static __always_inline int port_encap(ctx_t *ctx, const struct frame *f, struct ip_info *info,
				      const struct decap *d, struct fib_query *q,
				      int *ret_action)
{
	__u32 route = route_lookup(info->family, &info->dst);

	if (route == XGRE_ROUTE_LOCAL && info->proto == IPPROTO_GRE)
		return gre_not_claimed(f, info, d);
	return encap(ctx, f, info, q, route, ret_action);
}

#endif
