/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tunnel device's two sides, TC alone: packets that the kernel routed into
 * the device arrive on its hidden peer and are encapsulated; decapsulated ones
 * are sent out of the hidden peer and so come in on the device.
 */
#ifndef XGRE_DEVICE_H
#define XGRE_DEVICE_H

#include "decap.h"

#define NESTED_MAX 4 /* levels of GRE inside GRE that are looked at; more is a loop */

/*
 * Did this packet pass through the tunnel before? A tunnel may run over
 * another one, but not over itself: its own outer header must not be inside
 * what it carries.
 */
static __always_inline bool tunnel_loops(ctx_t *ctx, const struct xgre_tunnel *t)
{
	struct ethhdr *eth = ctx_data(ctx);
	__u32 off = ETH_LEN;
	struct gre_info g;
	__be16 proto;

	if ((void *)(eth + 1) > ctx_data_end(ctx))
		return false;
	proto = eth->h_proto;
	for (int i = 0; i < NESTED_MAX; i++) {
		struct xgre_addr src = {}, dst = {};

		if (proto == bpf_htons(ETH_P_IP)) {
			struct iphdr *ip = ctx_at(ctx, off);

			if ((void *)(ip + 1) > ctx_data_end(ctx) || ip->protocol != IPPROTO_GRE)
				return false;
			src.w[0] = ip->saddr;
			dst.w[0] = ip->daddr;
			off += ip->ihl * 4;
		} else if (proto == bpf_htons(ETH_P_IPV6)) {
			struct ipv6hdr *ip = ctx_at(ctx, off);

			if ((void *)(ip + 1) > ctx_data_end(ctx) || ip->nexthdr != IPPROTO_GRE)
				return false;
			__builtin_memcpy(&src, &ip->saddr, sizeof(src));
			__builtin_memcpy(&dst, &ip->daddr, sizeof(dst));
			off += sizeof(*ip);
		} else {
			return false;
		}
		if (src.q[0] == t->local.q[0] && src.q[1] == t->local.q[1] &&
		    dst.q[0] == t->remote.q[0] && dst.q[1] == t->remote.q[1])
			return true;
		if (!parse_gre(ctx, off, &g) || g.flags & GRE_VERSION)
			return false;
		proto = g.proto;
		off += g.len;
	}
	return true;
}

/*
 * Where do outer packets of t go? XGRE_R_NONE, and the answer in q->fib; a family of
 * AF_UNSPEC there: by q->fib.ifindex, to the next hop that the kernel has for it.
 */
static __always_inline int outer_route(ctx_t *ctx, const struct xgre_tunnel *t, __u32 number,
				       __u32 len, struct fib_query *q)
{
	__u32 *into, oif;
	long answer;

	query_outer(q, t, t->peer_ifindex);
	if (len > MTU_ASK)
		len = MTU_ASK;
	answer = fib_ask(ctx, q, len, 0);
	/*
	 * This is the host's own packet, for which forwarding need not be on,
	 * but bpf_fib_lookup() answers nobody then: the kernel's output route
	 * out of the port itself has to do.
	 */
	if (answer == BPF_FIB_LKUP_RET_FWD_DISABLED) {
		__u32 mtu = 0;

		q->fib.ifindex = t->port_ifindex;
		q->fib.family = AF_UNSPEC;
		bpf_check_mtu(ctx, t->port_ifindex, &mtu, 0, 0);
		return len > mtu ? XGRE_R_TOO_BIG : XGRE_R_NONE;
	}
	if (answer == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return XGRE_R_TOO_BIG;
	if (answer != BPF_FIB_LKUP_RET_SUCCESS && answer != BPF_FIB_LKUP_RET_NO_NEIGH)
		return XGRE_R_NO_ROUTE;
	oif = q->fib.ifindex;
	into = bpf_map_lookup_elem(&devices, &oif);
	if (into && *into == number)
		return XGRE_R_LOOP;
	return XGRE_R_NONE;
}

/* Encapsulate what the kernel routed into the tunnel device. */
static __always_inline int device_encap(ctx_t *ctx, struct ip_info *info, struct fib_query *q,
					int *ret_action)
{
	struct bpf_redir_neigh neigh = {};
	struct ethhdr *eth = ctx_data(ctx);
	struct xgre_tunnel_cpu *tc;
	struct xgre_route_cpu *rc;
	struct xgre_tunnel *t;
	__u32 bytes, segments, route, l3, *number;
	__u32 ifindex = ctx_ifindex(ctx);
	int reason;

	number = bpf_map_lookup_elem(&devices, &ifindex);
	if (!number)
		return XGRE_R_NO_TUNNEL;
	t = tunnel_get(*number);
	tc = XGRE_LOOKUP(tunnel_cpu, *number);
	if (!t || !tc)
		return XGRE_R_NO_TUNNEL;
	if ((void *)(eth + 1) > ctx_data_end(ctx))
		return XGRE_R_NOT_IP;
	if (eth->h_proto != bpf_htons(ETH_P_IP) && eth->h_proto != bpf_htons(ETH_P_IPV6))
		return XGRE_R_NOT_IP;
	reason = parse_ip(ctx, ETH_LEN, eth->h_proto, info);
	if (reason && reason != XGRE_R_IP_OPTIONS)
		return XGRE_R_MALFORMED;
	if (info->proto == IPPROTO_GRE && tunnel_loops(ctx, t))
		return XGRE_R_LOOP;
	if (t->flags & XGRE_TUNNEL_LONG_GRE && ctx_gso_size(ctx))
		return XGRE_R_OFFLOAD;
	reason = outer_route(ctx, t, *number, wire_len(ctx, ETH_LEN, info) + t->outer_len, q);
	if (reason)
		return reason;

	bytes = wire_bytes(ctx, ETH_LEN, info);
	segments = ctx_segments(ctx);
	reason = room_push(ctx, ETH_LEN, t, info, NULL, &l3);
	reason = reason ?: write_outer(ctx, ETH_LEN, t, info);
	if (!reason && t->flags & XGRE_TUNNEL_LONG_GRE)
		reason = long_gre_finish(ctx, ETH_LEN, t, *number, info->len, 0);
	eth = ctx_data(ctx);
	if (reason || (void *)(eth + 1) > ctx_data_end(ctx))
		return XGRE_R_NO_ROOM;
	/* bpf_redirect_neigh() writes the addresses, but drops a frame whose old one is multicast */
	__builtin_memcpy(eth->h_dest, t->peer_mac, ETH_ALEN);
	eth->h_proto = t->flags & XGRE_TUNNEL_OUTER6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);

	counter_add(&tc->tx, segments, bytes);
	route = route_lookup(info->family, &info->dst);
	rc = XGRE_LOOKUP(route_cpu, route);
	if (rc && route_is_of(route, *number))
		counter_add(&rc->tx, segments, bytes);

	if (q->fib.family == AF_UNSPEC) {
		*ret_action = bpf_redirect_neigh(q->fib.ifindex, NULL, 0, 0);
		return XGRE_R_NONE;
	}
	neigh.nh_family = q->fib.family;
	if (q->fib.family == AF_INET)
		neigh.ipv4_nh = q->fib.ipv4_dst;
	else
		__builtin_memcpy(neigh.ipv6_nh, q->fib.ipv6_dst, sizeof(neigh.ipv6_nh));
	*ret_action = bpf_redirect_neigh(q->fib.ifindex, &neigh, sizeof(neigh), 0);
	return XGRE_R_NONE;
}

/* Hand an accepted packet to the kernel by the tunnel device. */
static __always_inline int device_decap(ctx_t *ctx, const struct frame *f,
					const struct ip_info *outer, struct decap *d)
{
	struct xgre_tunnel *t = d->t;
	__u32 bytes = wire_bytes(ctx, d->off, d->inner);
	__u32 segments = ctx_segments(ctx);
	bool large = !ctx_gso_size(ctx) && d->inner->len > t->mtu;
	struct decap nested = {};
	struct ethhdr *eth;
	bool again;
	int reason;

	again = d->inner->proto == IPPROTO_GRE && decap_find(ctx, d->off, d->inner, &nested);
	/* where XDP looks at numbers, it will not have seen this one when it comes back */
	if (again && nested.t && nested.t->flags & XGRE_TUNNEL_SEQUENCE &&
	    f->port->flags & XGRE_PORT_XDP) {
		reason = decap_in_order(ctx, &nested);
		if (reason)
			return verdict(ctx, reason);
	}
	/* as it came, unless there is one inside that the kernel does not know */
	if (t->flags & XGRE_TUNNEL_KERNEL && !(again && !(nested.t->flags & XGRE_TUNNEL_KERNEL)))
		return TC_ACT_UNSPEC;
	trim(ctx, d->off + d->inner->len); /* where it cannot, ip_rcv() does */
	reason = ecn_decap(ctx, d->off, outer, d->inner);
	reason = reason ?: room_pop(ctx, f->l3, d->off, outer, d->inner, NULL);
	eth = ctx_data(ctx);
	if (reason || (void *)(eth + 1) > ctx_data_end(ctx))
		return verdict(ctx, XGRE_R_NO_ROOM);
	__builtin_memcpy(eth->h_dest, t->mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, t->peer_mac, ETH_ALEN);
	eth->h_proto = d->gre.proto;
	decap_count(d, segments, bytes, false);
	/* of a tunnel in this one: the port takes it apart again, the device would not */
	if (again) {
		__builtin_memcpy(eth->h_dest, f->port->mac, ETH_ALEN);
		return bpf_redirect(f->port->ifindex, BPF_F_INGRESS);
	}
	/*
	 * A veth drops what is larger than its MTU; the far end's may be
	 * larger than ours, which a tunnel must accept. At ingress nobody asks.
	 */
	if (large)
		return bpf_redirect(t->ifindex, BPF_F_INGRESS);
	return bpf_redirect(t->peer_ifindex, 0);
}

#endif
