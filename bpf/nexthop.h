/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel's route and neighbour tables answer, cached per CPU. An
 * answer is read again after half a second while it is in use, so that a change
 * is followed within one. bpf_fib_lookup() never probes a neighbour, so one
 * packet every five seconds goes through the kernel, which does.
 */
#ifndef XGRE_NEXTHOP_H
#define XGRE_NEXTHOP_H

#include "route.h"

/* The time to a tick, in ns: all that is needed here, and a load instead of a call. */
static __always_inline __u64 now_coarse(void)
{
	return bpf_jiffies64() * tick_ns;
}

#define NEXTHOP_READ_NS	  500000000ull
#define NEXTHOP_KERNEL_NS 5000000000ull
#define RPF_ON		  (XGRE_PORT_RPF_STRICT | XGRE_PORT_RPF_LOOSE)
#define MTU_ASK		  0xffff /* no route has an MTU as large: the answer tells which it has */

/* A question to the kernel: where does a packet that came in at iif go? */
struct fib_query {
	struct xgre_addr src;
	struct xgre_addr dst;
	__u32 iif;
	__u8 family;
	__u8 tos;
	__u8 proto;
	__u8 pad;
	struct bpf_fib_lookup fib; /* what the kernel was asked, and what it said */
};

static __always_inline void query_fill(struct fib_query *q, const struct ip_info *info, __u32 iif)
{
	q->src = info->src;
	q->dst = info->dst;
	q->iif = iif;
	q->family = info->family;
	q->tos = info->tos;
	q->proto = info->proto;
	q->pad = 0;
}

/* The question where the tunnel's outer packets go. */
static __always_inline void query_outer(struct fib_query *q, const struct xgre_tunnel *t, __u32 iif)
{
	q->src = t->local;
	q->dst = t->remote;
	q->iif = iif;
	q->family = t->flags & XGRE_TUNNEL_OUTER6 ? XGRE_FAMILY_6 : XGRE_FAMILY_4;
	q->tos = 0;
	q->proto = IPPROTO_GRE;
	q->pad = 0;
}

/*
 * One bpf_fib_lookup(). tot_len other than 0 keeps TC from comparing the
 * packet itself with the device's MTU; the MTU has its own question.
 */
static __always_inline long fib_ask(ctx_t *ctx, struct fib_query *q, __u16 tot_len, __u32 flags)
{
	struct bpf_fib_lookup *p = &q->fib;

	__builtin_memset(p, 0, sizeof(*p));
	p->ifindex = q->iif;
	p->tot_len = tot_len;
	p->l4_protocol = q->proto;
	if (q->family == XGRE_FAMILY_4) {
		p->family = AF_INET;
		p->tos = q->tos;
		p->ipv4_src = q->src.w[0];
		p->ipv4_dst = q->dst.w[0];
	} else {
		p->family = AF_INET6;
		__builtin_memcpy(p->ipv6_src, &q->src, sizeof(q->src));
		__builtin_memcpy(p->ipv6_dst, &q->dst, sizeof(q->dst));
	}
	return bpf_fib_lookup(ctx, p, sizeof(*p), flags);
}

static __always_inline __u32 fib_reason(long answer, const struct fib_query *q)
{
	switch (answer) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		return XGRE_R_NONE;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		return XGRE_R_UNREACHABLE;
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		/* the kernel says the same of an address of its own and of no route at all */
		return route_lookup(q->family, &q->dst) == XGRE_ROUTE_LOCAL ? XGRE_R_LOCAL :
									       XGRE_R_UNREACHABLE;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return XGRE_R_FORWARDING_OFF;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return XGRE_R_NO_NEIGHBOUR;
	default:
		return XGRE_R_FIB;
	}
}

/* Fill the entry for a question. A function of its own: rare, and large. */
static __noinline int nexthop_read(ctx_t *ctx, struct xgre_nexthop *e, struct fib_query *q,
				   __u64 now)
{
	bool same;
	long answer;

	if (!e || !q)
		return 0;
	same = e->iif == q->iif && e->family == q->family && e->dst.q[0] == q->dst.q[0] &&
	       e->dst.q[1] == q->dst.q[1];
	/*
	 * A new entry counts from now. One that takes the place of another in
	 * use keeps its time, or two that share a place would never go
	 * through the kernel.
	 */
	if (!same && now - e->read_at > NEXTHOP_KERNEL_NS)
		e->kernel_at = now;
	e->dst = q->dst;
	e->iif = q->iif;
	e->family = q->family;
	e->read_at = now;

	answer = fib_ask(ctx, q, 1, 0);
	e->reason = fib_reason(answer, q);
	e->oif = q->fib.ifindex;
	/* tunnel devices have no neighbours before the kernel's first packet */
	if (answer == BPF_FIB_LKUP_RET_NO_NEIGH && bpf_map_lookup_elem(&devices, &e->oif))
		e->reason = XGRE_R_TO_TUNNEL;
	if (answer != BPF_FIB_LKUP_RET_SUCCESS)
		return 0;
	__builtin_memcpy(e->dmac, q->fib.dmac, sizeof(e->dmac));
	__builtin_memcpy(e->smac, q->fib.smac, sizeof(e->smac));

	__u32 number = 0, oif = q->fib.ifindex;

	if (!port_find(oif, 0, &number))
		e->reason = bpf_map_lookup_elem(&devices, &oif) ? XGRE_R_TO_TUNNEL :
								  XGRE_R_NOT_A_PORT;
	e->port = number;

	if (fib_ask(ctx, q, MTU_ASK, 0) == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
		e->mtu = q->fib.mtu_result;
	} else {
		__u32 mtu = 0;

		bpf_check_mtu(ctx, oif, &mtu, 0, 0);
		e->mtu = mtu;
	}
	return 0;
}

/* Make the entry answer the question, if it does not already. */
static __always_inline void nexthop_update(ctx_t *ctx, struct xgre_nexthop *e,
					   struct fib_query *q, __u64 now)
{
	if (e->dst.q[0] == q->dst.q[0] && e->dst.q[1] == q->dst.q[1] && e->iif == q->iif &&
	    e->family == q->family && now - e->read_at < NEXTHOP_READ_NS)
		return;
	nexthop_read(ctx, e, q, now);
}

/* May a packet go to this next hop now? XGRE_R_NONE or why not. */
static __always_inline int nexthop_reason(struct xgre_nexthop *e, __u64 now)
{
	if (e->reason)
		return e->reason;
	if (now - e->kernel_at > NEXTHOP_KERNEL_NS) {
		e->kernel_at = now;
		return XGRE_R_REFRESH;
	}
	return XGRE_R_NONE;
}

/* The cache's entry for a destination, true to the question; NULL never in practice. */
static __always_inline struct xgre_nexthop *nexthop_get(ctx_t *ctx, struct fib_query *q,
							__u64 now)
{
	__u32 h = xgre_mix((q->dst.q[0] ^ q->dst.q[1]) + q->iif);
	struct xgre_nexthop *e = XGRE_LOOKUP(nexthops, h & (XGRE_NEXTHOPS - 1));

	if (e)
		nexthop_update(ctx, e, q, now);
	return e;
}

/*
 * Is there a way to q->dst, a packet's source? flags: of the port or tunnel that
 * it came by; rp_filter strict: the way must be there.
 */
static __noinline int source_ask(ctx_t *ctx, __u32 flags, struct fib_query *q, __u64 now)
{
	struct xgre_nexthop *e;

	if (!q)
		return XGRE_R_RP_FILTER;
	e = nexthop_get(ctx, q, now);
	if (!e)
		return XGRE_R_RP_FILTER;
	switch (e->reason) {
	case XGRE_R_NONE:
	case XGRE_R_NO_NEIGHBOUR:
	case XGRE_R_NOT_A_PORT:
	case XGRE_R_TO_TUNNEL:
		break;
	case XGRE_R_FORWARDING_OFF: /* what nobody may forward has no answer to this */
		return XGRE_R_FORWARDING_OFF;
	default:
		return flags & RPF_ON ? XGRE_R_RP_FILTER : e->reason;
	}
	if (flags & XGRE_PORT_RPF_STRICT && e->oif != q->iif)
		return XGRE_R_RP_FILTER;
	return XGRE_R_NONE;
}

/*
 * Would the kernel's rp_filter let a source in at iif? (fib_validate_source();
 * bpf_fib_lookup() does not ask.) flags: of the port or tunnel.
 */
static __always_inline int source_reachable(ctx_t *ctx, __u32 flags, const struct ip_info *info,
					    struct fib_query *q, __u32 iif, __u64 now)
{
	if (info->family != XGRE_FAMILY_4 || !(flags & RPF_ON))
		return XGRE_R_NONE;
	query_fill(q, info, iif);
	q->src = info->dst;
	q->dst = info->src;
	return source_ask(ctx, flags, q, now);
}

/* The cold half of route_agrees(): ask, with the packet at hand as the sample. */
static __noinline int route_ask(ctx_t *ctx, struct fib_query *q, __u32 device)
{
	long answer;

	if (!q)
		return XGRE_R_FIB;
	answer = fib_ask(ctx, q, 1, 0);
	if (answer != BPF_FIB_LKUP_RET_SUCCESS && answer != BPF_FIB_LKUP_RET_NO_NEIGH)
		return fib_reason(answer, q);
	return q->fib.ifindex == device ? XGRE_R_NONE : XGRE_R_KERNEL_ROUTE;
}

/*
 * Does the kernel, too, route this packet into the tunnel's device? Asked once
 * in half a second for each route.
 */
static __always_inline int route_agrees(ctx_t *ctx, struct xgre_route_cpu *rc,
					const struct xgre_tunnel *t, const struct ip_info *info,
					struct fib_query *q, __u32 iif, __u64 now)
{
	if (rc->iif != iif || now - rc->read_at >= NEXTHOP_READ_NS) {
		rc->read_at = now;
		rc->iif = iif;
		query_fill(q, info, iif);
		rc->reason = route_ask(ctx, q, t->ifindex);
	}
	return rc->reason;
}

/*
 * Does the kernel take sources that a route of the tunnel covers? Asked once in
 * half a second for each route. Where it has no way back at all it is left to
 * the kernel, rp_filter or not: the tunnel's device may be down.
 */
static __always_inline int route_reachable(ctx_t *ctx, struct xgre_route_cpu *rc,
					   const struct xgre_tunnel *t, const struct ip_info *info,
					   struct fib_query *q, __u64 now)
{
	if (now - rc->source_at >= NEXTHOP_READ_NS) {
		rc->source_at = now;
		query_fill(q, info, t->ifindex);
		q->src = info->dst;
		q->dst = info->src;
		rc->source_reason =
			source_ask(ctx, info->family == XGRE_FAMILY_4 ? t->flags : 0, q, now);
	}
	return rc->source_reason;
}

#endif
