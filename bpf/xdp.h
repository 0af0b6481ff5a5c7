/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The way of a frame through XDP, native and generic. */
#ifndef XGRE_XDP_H
#define XGRE_XDP_H

#include "fragment.h"
#include "port.h"

static __always_inline int xdp_forward(struct xdp_md *ctx, int *ret_action)
{
	struct work *w = XGRE_LOOKUP(work, 0);
	struct decap d = {};
	struct frame f;
	int reason;

	if (!w)
		return XGRE_R_NOT_OURS;
	reason = parse_frame(ctx, &f);
	if (reason)
		return reason;
	reason = parse_ip(ctx, f.l3, f.proto, &w->ip);
	if (reason)
		return reason;
	d.inner = &w->inner;
	reason = port_classify(ctx, &f, &w->ip, &d);
	if (d.t && (!reason || reason == XGRE_R_IP_OPTIONS))
		reason = port_in_order(ctx, &d, false) ?: reason;
	if (reason)
		return reason;
	if (d.t)
		return decap_forward(ctx, &f, &w->ip, &d, &w->query, ret_action);
	reason = port_encap(ctx, &f, &w->ip, &d, &w->query, ret_action);
	if (reason != XGRE_R_FRAGMENT || !(f.port->flags & XGRE_PORT_DECAP))
		return reason;
	*ret_action = fragment_redirect(ctx, &f, &w->ip);
	return XGRE_R_NONE;
}

static __always_inline int xdp_receive(struct xdp_md *ctx)
{
	int action = XDP_PASS;
	int reason = xdp_forward(ctx, &action);

	return reason ? verdict(ctx, reason) : action;
}

#endif
