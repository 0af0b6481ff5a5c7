/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Headers on, headers off, and out by a port: the steps after which a packet is
 * no longer what came in, in the two ways that XDP and TC have for them.
 */
#ifndef XGRE_SEND_H
#define XGRE_SEND_H

#include "checksum.h"
#include "sequence.h"
#include "nexthop.h"
#include "verdict.h"

/* Kernel 6.3; Debian 12's headers do not have them. */
#define ADJ_ROOM_DECAP_L3_IPV4 (1ull << 7)
#define ADJ_ROOM_DECAP_L3_IPV6 (1ull << 8)

#define ETH_LEN	 14
#define VLAN_LEN 4

/* TTL or hop limit less one, checksum by RFC 1624. off: of the IP header. */
static __always_inline int ttl_decrement(ctx_t *ctx, __u32 off, __u8 family)
{
	if (family == XGRE_FAMILY_4) {
		struct iphdr *ip = ctx_at(ctx, off);
		__u32 check;

		if ((void *)(ip + 1) > ctx_data_end(ctx))
			return XGRE_R_NO_ROOM;
		check = ip->check;
		check += bpf_htons(0x0100);
		ip->check = (__u16)(check + (check >= 0xffff));
		ip->ttl--;
	} else {
		struct ipv6hdr *ip = ctx_at(ctx, off);

		if ((void *)(ip + 1) > ctx_data_end(ctx))
			return XGRE_R_NO_ROOM;
		ip->hop_limit--;
	}
	return XGRE_R_NONE;
}

/*
 * Cut link-layer padding off, as ip_rcv() does. bpf_skb_change_tail() refuses where it
 * would pass the transport header, which lies deep inside where a packet socket's
 * sender had the headers dissected.
 */
static __always_inline int trim(ctx_t *ctx, __u32 len)
{
	__u32 linear = ctx_data_end(ctx) - ctx_data(ctx);
	__u32 total = linear;

	if (linear == len)
		return XGRE_R_NONE;
	total = ctx_len(ctx);
	if (total > len && ctx_trim(ctx, total, len))
		return XGRE_R_NO_ROOM;
	return XGRE_R_NONE;
}

static __always_inline __u16 fold_invert(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* IPv4 IDs are unique per CPU and shared by all tunnels: one pair of hosts may have several. */
static __always_inline __u16 ip_id_next(void)
{
	struct xgre_cpu *cpu = XGRE_LOOKUP(cpu_state, 0);

	return cpu ? (__u16)(++cpu->ip_id * cpus + bpf_get_smp_processor_id()) : 0;
}

/* GRE's name for what it carries, host byte order. */
static __always_inline __u16 gre_proto(const struct ip_info *inner)
{
	return inner->family == XGRE_FAMILY_4 ? ETH_P_IP : ETH_P_IPV6;
}

/* GRE with more than a key: room for what is made last, around the key (RFC 2890 2). */
static __always_inline int write_long_gre(ctx_t *ctx, __u32 off, const struct xgre_tunnel *t)
{
	__be32 *to = ctx_at(ctx, off);

	if (t->flags & XGRE_TUNNEL_CHECKSUM) {
		if ((void *)(to + 1) > ctx_data_end(ctx))
			return XGRE_R_NO_ROOM;
		*to++ = 0;
	}
	if (t->flags & XGRE_TUNNEL_KEY_OUT) {
		if ((void *)(to + 1) > ctx_data_end(ctx))
			return XGRE_R_NO_ROOM;
		*to++ = t->key_out;
	}
	return XGRE_R_NONE;
}

/*
 * Sequence number and checksum, when all else of the packet at l3 is as it is to
 * be. The checksum is over len bytes behind GRE, and others with the sum others.
 */
static __always_inline int long_gre_finish(ctx_t *ctx, __u32 l3, const struct xgre_tunnel *t,
					   __u32 number, __u32 len, __u32 others)
{
	__be32 *last = ctx_at(ctx, l3 + t->outer_len - 4);

	if (t->flags & XGRE_TUNNEL_SEQUENCE) {
		if ((void *)(last + 1) > ctx_data_end(ctx))
			return XGRE_R_NO_ROOM;
		*last = sequence_next(number);
	}
	if (!(t->flags & XGRE_TUNNEL_CHECKSUM))
		return XGRE_R_NONE;
	return checksum_write(ctx, l3 + t->ip_len, t->outer_len - t->ip_len + len, others);
}

/* What follows the first four bytes of GRE, which the template has. */
static __always_inline int write_key(ctx_t *ctx, __u32 off, const struct xgre_tunnel *t)
{
	__be32 *key = ctx_at(ctx, off);

	if (!(t->flags & (XGRE_TUNNEL_KEY_OUT | XGRE_TUNNEL_LONG_GRE)))
		return XGRE_R_NONE;
	if (t->flags & XGRE_TUNNEL_LONG_GRE)
		return write_long_gre(ctx, off, t);
	if ((void *)(key + 1) > ctx_data_end(ctx))
		return XGRE_R_NO_ROOM;
	*key = t->key_out;
	return XGRE_R_NONE;
}

/* The outer TOS byte: DSCP by the tunnel's tos, ECN copied (RFC 6040 4.1, normal mode). */
static __always_inline __u8 outer_tos(const struct xgre_tunnel *t, const struct ip_info *inner)
{
	__u8 dscp = t->flags & XGRE_TUNNEL_TOS_INHERIT ? inner->tos : t->tos;

	return (dscp & ~ECN_MASK) | (inner->tos & ECN_MASK);
}

/*
 * Write the outer IPv4 header: the tunnel's template, three words with the
 * first half of the GRE header, and what this packet adds to it.
 */
static __always_inline int write_outer4(ctx_t *ctx, __u32 off, const struct xgre_tunnel *t,
					const struct ip_info *inner)
{
	__u8 *to = ctx_at(ctx, off);
	const __u64 *from = (const __u64 *)t->outer;
	__u16 len = inner->len + t->outer_len;
	__u8 tos = outer_tos(t, inner);
	__u32 sum = t->outer_sum + len + tos;
	__u64 first = 0, second = 0;

	if ((void *)(to + 24) > ctx_data_end(ctx))
		return XGRE_R_NO_ROOM;
	if (t->flags & XGRE_TUNNEL_TTL_INHERIT) {
		second = (__u64)inner->ttl << 56;
		sum += inner->ttl << 8;
	}
	if (!(t->flags & XGRE_TUNNEL_DF_SET)) {
		__u16 id = ip_id_next();

		first = (__u64)id << 16;
		sum += id;
		if (t->flags & XGRE_TUNNEL_DF_COPY && inner->df) {
			first |= IP_DF;
			sum += IP_DF;
		}
	}
	/* in the order on the wire: TOS and length, ID and fragment field; TTL, checksum */
	first |= (__u64)tos << 48 | (__u64)len << 32;
	second |= (__u64)fold_invert(sum) << 32;
	*(__u64 *)to = from[0] | bpf_cpu_to_be64(first);
	*(__u64 *)(to + 8) = from[1] | bpf_cpu_to_be64(second);
	*(__u64 *)(to + 16) = from[2] | bpf_cpu_to_be64((__u64)gre_proto(inner));
	return write_key(ctx, off + 24, t);
}

static __always_inline int write_outer6(ctx_t *ctx, __u32 off, const struct xgre_tunnel *t,
					const struct ip_info *inner)
{
	struct ipv6hdr *ip = ctx_at(ctx, off);
	struct gre_header *gre = (void *)(ip + 1);
	__u8 tos = outer_tos(t, inner);

	if ((void *)(gre + 1) > ctx_data_end(ctx))
		return XGRE_R_NO_ROOM;
	__builtin_memcpy(ip, t->outer, sizeof(*ip) + sizeof(*gre));
	ip->priority = tos >> 4;
	ip->flow_lbl[0] = tos << 4;
	ip->payload_len = bpf_htons(inner->len + t->outer_len - sizeof(*ip));
	if (t->flags & XGRE_TUNNEL_TTL_INHERIT)
		ip->hop_limit = inner->ttl;
	gre->proto = bpf_htons(gre_proto(inner));
	return write_key(ctx, off + sizeof(*ip) + sizeof(*gre), t);
}

/* Outer IP and GRE header, before an inner packet that is as inner says. */
static __always_inline int write_outer(ctx_t *ctx, __u32 off, const struct xgre_tunnel *t,
				       const struct ip_info *inner)
{
	return t->flags & XGRE_TUNNEL_OUTER6 ? write_outer6(ctx, off, t, inner) :
					       write_outer4(ctx, off, t, inner);
}

/* The link-layer header at the frame's start; tags of the port, if any, in XDP alone. */
static __always_inline int write_l2(ctx_t *ctx, const struct xgre_nexthop *nh,
				    const struct xgre_port *out, __be16 proto)
{
	const __u32 *from = (const __u32 *)nh->dmac; /* and smac behind it */
	struct ethhdr *eth = ctx_data(ctx);
	__u32 *to = (__u32 *)eth;

	if ((void *)(eth + 1) > ctx_data_end(ctx))
		return XGRE_R_NO_ROOM;
	/* by words, where clang would copy bytes: it knows neither struct to be aligned */
	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
	*(__be16 *)(to + 3) = proto;
#ifdef XGRE_CTX_XDP
	if (out->tags) {
		struct vlan_tag *t = (void *)(eth + 1);

		if ((void *)(t + 1) > ctx_data_end(ctx))
			return XGRE_R_NO_ROOM;
		eth->h_proto = out->tag[0][0];
		t->tci = out->tag[0][1];
		t->proto = proto;
		if (out->tags > 1) {
			if ((void *)(t + 2) > ctx_data_end(ctx))
				return XGRE_R_NO_ROOM;
			t->proto = out->tag[1][0];
			t[1].tci = out->tag[1][1];
			t[1].proto = proto;
		}
	}
#endif
	return XGRE_R_NONE;
}

#ifdef XGRE_CTX_XDP

/* The port to send by, where this path may use it. */
static __always_inline struct xgre_port *port_out(const struct xgre_nexthop *nh)
{
	struct xgre_port *p = XGRE_LOOKUP(ports, nh->port);

	return p && p->flags & XGRE_PORT_XDP && p->tags <= 2 ? p : NULL;
}

/* Make room for the outer header before the inner one at l3. The new l3 offset in *ret_l3. */
static __always_inline int room_push(ctx_t *ctx, __u32 l3, const struct xgre_tunnel *t,
				     const struct ip_info *inner, const struct xgre_port *out,
				     __u32 *ret_l3)
{
	__u32 l2 = ETH_LEN + (out->tags & 3) * VLAN_LEN;

	*ret_l3 = l2;
	return bpf_xdp_adjust_head(ctx, (int)l3 - (int)(l2 + t->outer_len)) ? XGRE_R_NO_ROOM :
									      XGRE_R_NONE;
}

/* Take everything before the inner header at off away, but for a link-layer header. */
static __always_inline int room_pop(ctx_t *ctx, __u32 l3, __u32 off, const struct ip_info *outer,
				    const struct ip_info *inner, const struct xgre_port *out)
{
	__u32 l2 = ETH_LEN + (out->tags & 3) * VLAN_LEN;

	return bpf_xdp_adjust_head(ctx, (int)(off - l2)) ? XGRE_R_NO_ROOM : XGRE_R_NONE;
}

static __always_inline int port_send(ctx_t *ctx, const struct xgre_nexthop *nh,
				     const struct xgre_port *out)
{
#ifdef XGRE_XDP_GENERIC
	int act = bpf_redirect(out->lower, 0);
#else
	int act = bpf_redirect_map(&devmap, nh->port, XDP_ABORTED);
#endif

	if (act != XDP_REDIRECT)
		return verdict(ctx, XGRE_R_NO_PORT);
	return act;
}

#else

static __always_inline struct xgre_port *port_out(const struct xgre_nexthop *nh)
{
	return XGRE_LOOKUP(ports, nh->port);
}

static __always_inline int room_push(ctx_t *ctx, __u32 l3, const struct xgre_tunnel *t,
				     const struct ip_info *inner, const struct xgre_port *out,
				     __u32 *ret_l3)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	long err;

	flags |= t->flags & XGRE_TUNNEL_OUTER6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 :
						 BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
	*ret_l3 = ETH_LEN;
	err = bpf_skb_adjust_room(ctx, t->outer_len, BPF_ADJ_ROOM_MAC, flags);
	/*
	 * The kernel keeps one level of inner header offsets: a packet that is
	 * encapsulated already gets its room without them, which is fine where
	 * nobody has to segment it.
	 */
	if (err == -EALREADY && !ctx_gso_size(ctx))
		err = bpf_skb_adjust_room(ctx, t->outer_len, BPF_ADJ_ROOM_MAC,
					  BPF_F_ADJ_ROOM_FIXED_GSO);
	return err ? XGRE_R_NO_ROOM : XGRE_R_NONE;
}

static __always_inline int room_pop(ctx_t *ctx, __u32 l3, __u32 off, const struct ip_info *outer,
				    const struct ip_info *inner, const struct xgre_port *out)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	__u32 len = off - l3;

	if (outer->family != inner->family) {
		if (can_decap_l3) {
			flags |= inner->family == XGRE_FAMILY_4 ? ADJ_ROOM_DECAP_L3_IPV4 :
								  ADJ_ROOM_DECAP_L3_IPV6;
		} else if (inner->len < sizeof(struct ipv6hdr)) {
			/*
			 * An older kernel wants an IPv6 header's length to remain of
			 * what it takes for IPv6: it is made IPv4 first, which takes
			 * 20 bytes away behind the link-layer header.
			 */
			if (bpf_skb_change_proto(ctx, bpf_htons(ETH_P_IP), 0))
				return XGRE_R_NO_ROOM;
			len -= sizeof(struct ipv6hdr) - sizeof(struct iphdr);
		}
	}
	return bpf_skb_adjust_room(ctx, -(int)len, BPF_ADJ_ROOM_MAC, flags) ? XGRE_R_NO_ROOM :
									XGRE_R_NONE;
}

static __always_inline int port_send(ctx_t *ctx, const struct xgre_nexthop *nh,
				     const struct xgre_port *out)
{
	return bpf_redirect(out->ifindex, 0);
}

#endif

static __always_inline void counter_add(struct xgre_counter *c, __u32 packets, __u32 bytes)
{
	c->packets += packets;
	c->bytes += bytes;
}

#endif
