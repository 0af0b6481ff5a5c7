/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The fast way into a tunnel: forwarded packets whose prefix, neighbour and size are all known. */
#ifndef XGRE_ENCAP_H
#define XGRE_ENCAP_H

#include "route.h"
#include "send.h"

/* Where a packet goes that matched no route of ours. */
static __always_inline int encap_not_routed(__u32 route)
{
	if (route == XGRE_ROUTE_NONE)
		return XGRE_R_NOT_OURS;
	if (route == XGRE_ROUTE_HOLE)
		return XGRE_R_HOLE;
	return XGRE_R_LOCAL;
}

/* The next hop towards t's remote for packets that come in at q->iif, and the device's MTU, anew. */
static __noinline int remote_read(ctx_t *ctx, struct xgre_tunnel_cpu *tc,
				  const struct xgre_tunnel *t, struct fib_query *q, __u64 now)
{
	__u32 mtu = 0;

	if (!tc || !t || !q)
		return 0;
	bpf_check_mtu(ctx, t->ifindex, &mtu, 0, 0);
	tc->dev_mtu = mtu;
	query_outer(q, t, q->iif);
	return nexthop_read(ctx, &tc->nexthop, q, now);
}

/*
 * A GRE header of a checksum or sequence number is one packet's: what is still to
 * be cut into segments, or to be filled in, the kernel gets.
 */
static __always_inline int long_gre_prepare(ctx_t *ctx, __u32 l3, const struct xgre_tunnel *t,
					    const struct ip_info *info, __u32 *ret_sum)
{
	if (ctx_gso_size(ctx))
		return XGRE_R_CHECKSUM;
	if (t->flags & XGRE_TUNNEL_CHECKSUM)
		return checksum_prepare(ctx, l3, info, ret_sum);
	return XGRE_R_NONE;
}

/* Forward an IP packet into its tunnel. XGRE_R_NONE: done, the action in *ret_action. */
static __always_inline int encap(ctx_t *ctx, const struct frame *f, struct ip_info *info,
				 struct fib_query *q, __u32 route, int *ret_action)
{
	struct xgre_tunnel_cpu *tc;
	struct xgre_nexthop *nh;
	struct xgre_port *out;
	struct xgre_route_cpu *rc;
	struct xgre_tunnel *t;
	struct xgre_route *r;
	__u32 wire, bytes, segments, l3, sum = 0;
	__u64 now;
	int reason;

	if (route < XGRE_ROUTE_FIRST)
		return encap_not_routed(route);
	r = XGRE_LOOKUP(routes, route);
	if (!r || !r->tunnel)
		return XGRE_R_NOT_OURS;
	t = tunnel_get(r->tunnel - 1);
	tc = XGRE_LOOKUP(tunnel_cpu, r->tunnel - 1);
	rc = XGRE_LOOKUP(route_cpu, route);
	if (!t || !tc || !rc)
		return XGRE_R_NOT_OURS;
	if (!(f->port->flags & XGRE_PORT_ENCAP))
		return XGRE_R_ROLE;
	if (!tunnel_fast(t) || r->flags & XGRE_ROUTE_SLOW)
		return XGRE_R_SLOW;
	if (info_martian(info) || addr_local(info->family, &info->src))
		return XGRE_R_MARTIAN;
	if (info->ttl <= 1)
		return XGRE_R_TTL;

	now = now_coarse();
	reason = route_agrees(ctx, rc, t, info, q, f->port->ifindex, now);
	if (reason)
		return reason;
	reason = source_reachable(ctx, f->port->flags, info, q, f->port->ifindex, now);
	if (reason)
		return reason;

	nh = &tc->nexthop;
	if (now - nh->read_at >= NEXTHOP_READ_NS || nh->iif != f->port->ifindex ||
	    nh->dst.q[0] != t->remote.q[0] || nh->dst.q[1] != t->remote.q[1]) {
		q->iif = f->port->ifindex;
		remote_read(ctx, tc, t, q, now);
	}
	wire = wire_len(ctx, f->l3, info);
	if (wire > t->mtu || wire > tc->dev_mtu || wire + t->outer_len > nh->mtu)
		return nh->reason ?: XGRE_R_SIZE;
	reason = nexthop_reason(nh, now);
	if (reason)
		return reason;
	out = port_out(nh);
	if (!out)
		return XGRE_R_NOT_A_PORT;
	if (t->flags & XGRE_TUNNEL_LONG_GRE) {
		reason = long_gre_prepare(ctx, f->l3, t, info, &sum);
		if (reason)
			return reason;
	}

	bytes = wire_bytes(ctx, f->l3, info);
	segments = ctx_segments(ctx);
	if (trim(ctx, f->l3 + info->len))
		return XGRE_R_PADDING;
	/* From here on the packet is ours: what fails now is a drop. */
	reason = ttl_decrement(ctx, f->l3, info->family);
	info->ttl--;
	reason = reason ?: room_push(ctx, f->l3, t, info, out, &l3);
	reason = reason ?: write_outer(ctx, l3, t, info);
	if (!reason && t->flags & XGRE_TUNNEL_LONG_GRE)
		reason = long_gre_finish(ctx, l3, t, r->tunnel - 1,
					 info->family == XGRE_FAMILY_4 ? 20 : 40, sum);
	reason = reason ?: write_l2(ctx, nh, out,
				    t->flags & XGRE_TUNNEL_OUTER6 ? bpf_htons(ETH_P_IPV6) :
								    bpf_htons(ETH_P_IP));
	if (reason) {
		*ret_action = verdict(ctx, XGRE_R_NO_ROOM);
		return XGRE_R_NONE;
	}
	counter_add(&tc->tx, segments, bytes);
	counter_add(&rc->tx, segments, bytes);
	tc->fast_tx += segments;
	*ret_action = port_send(ctx, nh, out);
	return XGRE_R_NONE;
}

#endif
