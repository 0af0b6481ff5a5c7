/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Out of a tunnel: first what makes a GRE packet acceptable, the same on every
 * path, then the fast way on to the next hop.
 */
#ifndef XGRE_DECAP_H
#define XGRE_DECAP_H

#include "icmp.h"
#include "checksum.h"
#include "send.h"

/* A packet of one of our tunnels, on its way out of it. */
struct decap {
	struct xgre_tunnel *t;
	__u32 number; /* of the tunnel */
	__u32 route;  /* that the inner source matched; 0: none */
	__u32 off;    /* of the inner header */
	struct gre_info gre;
	struct ip_info *inner;
};

/*
 * Would the kernel go on with these eight bytes of destination options, in host byte
 * order (RFC 8200 4.2, ip6_parse_tlv())? Lengths fit, padding is zeros, and what is
 * not known may be skipped.
 */
static __always_inline bool options6_acceptable(__u64 header)
{
	__u32 at = 16; /* bits: next header and length have been looked at */

#pragma unroll
	for (int i = 0; i < 6; i++) {
		__u64 rest = header << (at & 63);
		__u32 type = rest >> 56, len = (rest >> 48 & 0xff) * 8;

		if (at >= 64)
			break;
		if (type == 0) {
			at += 8;
			continue;
		}
		if (at > 48 || at + 16 + len > 64 || type & 0xc0)
			return false;
		if (type == 1 && len && rest << 16 >> (64 - len))
			return false;
		at += 16 + len;
	}
	return true;
}

/*
 * An IPv6 outer header may be followed by destination options: Linux sends the
 * tunnel encapsulation limit there (RFC 2473 4.1.1). Offset of the GRE header,
 * or 0 where what follows is not GRE.
 */
static __always_inline __u32 gre_offset(ctx_t *ctx, __u32 l3, const struct ip_info *outer)
{
	__u8 *opt = ctx_at(ctx, l3 + sizeof(struct ipv6hdr));

	if (outer->proto == IPPROTO_GRE)
		return l3 + (outer->header_len & OFFSET_MASK);
	if (outer->family != XGRE_FAMILY_6 || outer->proto != IPPROTO_DSTOPTS)
		return 0;
	if ((void *)(opt + 8) > ctx_data_end(ctx) || opt[0] != IPPROTO_GRE || opt[1] != 0)
		return 0;
	if (!options6_acceptable(bpf_be64_to_cpu(*(__be64 *)opt)))
		return 0; /* the kernel drops or answers it */
	return l3 + sizeof(struct ipv6hdr) + 8;
}

/* Is this GRE of one of our tunnels? Fills d->t, d->number, d->gre and d->off. */
static __always_inline bool decap_find(ctx_t *ctx, __u32 l3, const struct ip_info *outer,
				       struct decap *d)
{
	__u32 off = gre_offset(ctx, l3, outer);

	if (!off || outer->fragment || !parse_gre(ctx, off, &d->gre))
		return false;
	if (d->gre.flags & GRE_VERSION)
		return false;
	d->t = tunnel_find(&outer->dst, &outer->src, outer->family, &d->gre, &d->number);
	d->off = (off + d->gre.len) & OFFSET_MASK;
	return d->t;
}

/* The inner source must be the tunnel's: its routes' or a listed one. */
static __always_inline bool source_permitted(ctx_t *ctx, const struct decap *d)
{
	if (d->t->flags & XGRE_TUNNEL_SOURCES_ANY)
		return true;
	if (d->route && !(d->t->flags & XGRE_TUNNEL_SOURCES_SET))
		return true;
	return source_listed(d->number, d->inner) ||
	       icmp_error_is_ours(ctx, d->off, d->inner, d->number);
}

/*
 * The rules that hold on every path. XGRE_R_NONE: acceptable. A punt leaves the
 * packet as it is.
 */
static __always_inline int decap_accept(ctx_t *ctx, __u32 l3, const struct ip_info *outer,
					struct decap *d)
{
	struct ip_info *inner = d->inner;
	__u32 header = d->off - l3;
	int reason;

	if (d->gre.flags & GRE_REFUSED)
		return XGRE_R_FLAGS;
	if (header > outer->len)
		return XGRE_R_MALFORMED;
	if (d->gre.proto != bpf_htons(ETH_P_IP) && d->gre.proto != bpf_htons(ETH_P_IPV6))
		return XGRE_R_PROTOCOL;
	if (d->gre.flags & GRE_C) {
		/* GRO joins only what it has verified, and then there is no sum of the whole */
		__u32 gre = d->off - d->gre.len;

		if (!ctx_gso_size(ctx) && !checksum_good(ctx, gre, outer->len - (gre - l3)))
			return XGRE_R_BAD_CHECKSUM;
	}
	reason = parse_ip(ctx, d->off, d->gre.proto, inner);
	if (reason == XGRE_R_IP_HEADER)
		return XGRE_R_MALFORMED;
	if (header + inner->len > outer->len)
		return XGRE_R_MALFORMED;
	/* RFC 2784 3.1: a payload for the tunnel's far end would loop */
	if (inner->family == outer->family && inner->dst.q[0] == d->t->remote.q[0] &&
	    inner->dst.q[1] == d->t->remote.q[1])
		return XGRE_R_LOOP;
	d->route = route_lookup(inner->family, &inner->src);
	if (!route_is_of(d->route, d->number))
		d->route = 0;
	if (!source_permitted(ctx, d))
		return XGRE_R_SOURCE;
	if ((outer->tos & ECN_MASK) == ECN_CE && !(inner->tos & ECN_MASK))
		return XGRE_R_ECN;
	return reason;
}

/* An acceptable packet of a tunnel with sequence: is it in order, too? */
static __always_inline int decap_in_order(ctx_t *ctx, const struct decap *d)
{
	return sequence_accept(ctx, d->off - d->gre.len, d->number, &d->gre);
}

/*
 * ECN on the way out (RFC 6040 4.2): congestion met on the underlay is marked on
 * the inner header; outer ECT(1) over inner ECT(0) is kept.
 */
static __always_inline int ecn_decap(ctx_t *ctx, __u32 off, const struct ip_info *outer,
				     struct ip_info *inner)
{
	__u8 in = inner->tos & ECN_MASK, out = outer->tos & ECN_MASK;
	__u8 tos;

	if (!in || in == ECN_CE || !(out & 1) || out == in)
		return XGRE_R_NONE;
	tos = (inner->tos & ~ECN_MASK) | out;
	if (inner->family == XGRE_FAMILY_4) {
		struct iphdr *ip = ctx_at(ctx, off);

		if ((void *)(ip + 1) > ctx_data_end(ctx))
			return XGRE_R_NO_ROOM;
		/* RFC 1624: HC' = ~(~HC + ~m + m') */
		ip->check = bpf_htons(fold_invert((__u16)~bpf_ntohs(ip->check) +
						  (__u16)~inner->tos + tos));
		ip->tos = tos;
	} else {
		struct ipv6hdr *ip = ctx_at(ctx, off);

		if ((void *)(ip + 1) > ctx_data_end(ctx))
			return XGRE_R_NO_ROOM;
#ifdef XGRE_CTX_TC
		/* the IPv6 header has no checksum of its own that would keep the frame's sum */
		__be32 from = *(__be32 *)ip, to;

		ip->flow_lbl[0] = (ip->flow_lbl[0] & 0x0f) | (tos & 0x0f) << 4;
		to = *(__be32 *)ip;
		bpf_csum_update(ctx, bpf_csum_diff(&from, sizeof(from), &to, sizeof(to), 0));
#else
		ip->flow_lbl[0] = (ip->flow_lbl[0] & 0x0f) | (tos & 0x0f) << 4;
#endif
	}
	inner->tos = tos;
	return XGRE_R_NONE;
}

static __always_inline void decap_count(struct decap *d, __u32 segments, __u32 bytes, bool fast)
{
	struct xgre_tunnel_cpu *tc = XGRE_LOOKUP(tunnel_cpu, d->number);
	struct xgre_route_cpu *rc;

	if (tc) {
		counter_add(&tc->rx, segments, bytes);
		if (fast)
			tc->fast_rx += segments;
	}
	if (!d->route)
		return;
	rc = XGRE_LOOKUP(route_cpu, d->route);
	if (rc)
		counter_add(&rc->rx, segments, bytes);
}

/*
 * Forward an accepted packet to its next hop. XGRE_R_NONE: done, the action in
 * *ret_action; else the packet is as it came.
 */
static __always_inline int decap_forward(ctx_t *ctx, const struct frame *f,
					 const struct ip_info *outer, struct decap *d,
					 struct fib_query *q, int *ret_action)
{
	struct ip_info *inner = d->inner;
	struct xgre_route_cpu *rc;
	struct xgre_nexthop *nh;
	struct xgre_port *out;
	__u32 bytes, segments;
	__u64 now;
	int reason;

	if (!tunnel_fast(d->t))
		return XGRE_R_SLOW;
	if (!can_decap_l3 && outer->family != inner->family)
		return XGRE_R_SLOW;
	if (info_martian(inner) || addr_local(inner->family, &inner->src))
		return XGRE_R_MARTIAN;
	if (inner->ttl <= 1)
		return XGRE_R_TTL;

	now = now_coarse();
	rc = d->route ? XGRE_LOOKUP(route_cpu, d->route) : NULL;
	reason = rc ? route_reachable(ctx, rc, d->t, inner, q, now) :
		      source_reachable(ctx, d->t->flags, inner, q, d->t->ifindex, now);
	if (reason)
		return reason;
	query_fill(q, inner, d->t->ifindex);
	nh = nexthop_get(ctx, q, now);
	if (!nh)
		return XGRE_R_FIB;
	if (!nh->reason && wire_len(ctx, d->off, inner) > nh->mtu)
		return XGRE_R_SIZE;
	reason = nexthop_reason(nh, now);
	if (reason)
		return reason;
	out = port_out(nh);
	if (!out)
		return XGRE_R_NOT_A_PORT;

	bytes = wire_bytes(ctx, d->off, inner);
	segments = ctx_segments(ctx);
	if (trim(ctx, d->off + inner->len))
		return XGRE_R_PADDING;
	/* From here on the packet is ours: what fails now is a drop. */
	reason = ecn_decap(ctx, d->off, outer, inner);
	reason = reason ?: ttl_decrement(ctx, d->off, inner->family);
	reason = reason ?: room_pop(ctx, f->l3, d->off, outer, inner, out);
	reason = reason ?: write_l2(ctx, nh, out, d->gre.proto);
	if (reason) {
		*ret_action = verdict(ctx, XGRE_R_NO_ROOM);
		return XGRE_R_NONE;
	}
	decap_count(d, segments, bytes, true);
	*ret_action = port_send(ctx, nh, out);
	return XGRE_R_NONE;
}

#endif
