/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ethernet, VLAN tags and IP headers: where things are and whether the kernel
 * would accept them. Nothing here changes a packet.
 */
#ifndef XGRE_PARSE_H
#define XGRE_PARSE_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include "ctx.h"

#define IP_DF	   0x4000
#define IP_MF_OFFS 0x3fff /* more fragments, and the offset */
#define ECN_MASK   0x03
#define ECN_CE	   0x03

/*
 * Offsets that come out of headers pass through this mask, to show the verifier
 * that they are small: 22 bytes to IP, 60 of IP, 8 of options, 16 of GRE.
 */
#define OFFSET_MASK 0x7f

#ifndef AF_INET
#define AF_UNSPEC 0
#define AF_INET	 2
#define AF_INET6 10
#endif

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

/* A frame and the port that it came in by. */
struct frame {
	struct xgre_port *port;
	__u32 port_number;
	__u32 l3; /* offset of the IP header: 14, 18 or 22 */
	__be16 proto;
};

/* What an IP header says. */
struct ip_info {
	struct xgre_addr src;
	struct xgre_addr dst;
	__u32 len; /* of header and payload, by the header */
	__u16 header_len;
	__u8 family;
	__u8 tos; /* or traffic class */
	__u8 ttl; /* or hop limit */
	__u8 proto;
	bool df;
	bool fragment;
};

static __always_inline bool mac_equal(const __u8 *a, const __u8 *b)
{
	return *(__u32 *)a == *(__u32 *)b && *(__u16 *)(a + 4) == *(__u16 *)(b + 4);
}

/* The port for a device and VLAN tags; NULL for none, its number in *ret_number. */
static __always_inline struct xgre_port *port_find(__u32 ifindex, __u32 tags, __u32 *ret_number)
{
	__u32 h = xgre_port_hash(ifindex, tags);

#pragma unroll
	for (int i = 0; i < XGRE_PROBES; i++) {
		struct xgre_port_slot *s =
			XGRE_LOOKUP(port_slots, (h + i) & (XGRE_PORT_SLOTS - 1));

		if (!s)
			return NULL;
		if (s->ifindex == ifindex && s->tags == tags) {
			struct xgre_port *p = XGRE_LOOKUP(ports, s->port);

			*ret_number = s->port;
			return p && p->flags & XGRE_PORT_USED ? p : NULL;
		}
	}
	return NULL;
}

/*
 * The frame must be for the port's own MAC: all else is bridged, broadcast or
 * somebody else's.
 */
static __always_inline int parse_frame(ctx_t *ctx, struct frame *f)
{
	void *end = ctx_data_end(ctx);
	struct ethhdr *eth = ctx_data(ctx);
	__u32 tags = 0;

	f->port = NULL;
	if ((void *)(eth + 1) > end)
		return XGRE_R_NOT_OURS;
	f->proto = *(__be16 *)((void *)eth + offsetof(struct ethhdr, h_proto));
	f->l3 = sizeof(*eth);
#ifdef XGRE_CTX_XDP
	struct vlan_tag *t = (void *)(eth + 1);
	__be16 tpid[2] = {};

#pragma unroll
	for (int i = 0; i < 2; i++) {
		if (f->proto != bpf_htons(ETH_P_8021Q) && f->proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(t + 1) > end)
			return XGRE_R_NOT_OURS;
		tags |= (__u32)(bpf_ntohs(t->tci) & 0xfff) << (i ? 0 : 16);
		tpid[i] = f->proto;
		f->proto = t->proto;
		f->l3 += sizeof(*t);
		t++;
	}
#endif
	/* The port first: TC has to know whether XDP has counted the frame before. */
	f->port = port_find(ctx_ifindex(ctx), tags, &f->port_number);
	if (!f->port)
		return XGRE_R_NOT_OURS;
	if (f->proto != bpf_htons(ETH_P_IP) && f->proto != bpf_htons(ETH_P_IPV6))
		return XGRE_R_NOT_OURS;
#ifdef XGRE_CTX_XDP
	/*
	 * As many tags as the port has, and of the same types: to the kernel a VLAN of
	 * 802.1Q and one of 802.1ad are two, whatever their number. Types are 0 where
	 * there is no tag.
	 */
	if ((f->port->tag[0][0] ^ tpid[0]) | (f->port->tag[1][0] ^ tpid[1]))
		return XGRE_R_NOT_OURS;
	if (!mac_equal(eth->h_dest, f->port->mac))
		return XGRE_R_FOREIGN_MAC;
#else
	if (CTX_FIELD(ctx, ctx_t, pkt_type) != PACKET_HOST)
		return XGRE_R_FOREIGN_MAC;
	/*
	 * A tag of ours would have been taken off by the VLAN device. VLAN 0 is none,
	 * only a priority (802.1Q 6.9), and goes as the kernel would let it go.
	 */
	if (CTX_FIELD(ctx, ctx_t, vlan_present) &&
	    (CTX_FIELD(ctx, ctx_t, vlan_tci) & 0xfff || bpf_skb_vlan_pop(ctx)))
		return XGRE_R_NOT_OURS;
#endif
	return XGRE_R_NONE;
}

/* One's-complement sum of an IPv4 header without options, folded to 16 bits. */
static __always_inline __u32 ip4_sum(const void *header)
{
	const __u32 *w = header;
	__u64 s = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];

	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (s & 0xffff) + (s >> 16);
}

/* May the header's length be right for a packet at off of this frame? */
static __always_inline bool length_fits(ctx_t *ctx, __u32 off, __u32 len)
{
	__u32 linear = ctx_data_end(ctx) - ctx_data(ctx);

	return off + len <= linear || off + len <= ctx_len(ctx);
}

/*
 * An IPv4 header at data + off as ip_rcv() checks it. IP_OPTIONS says that all
 * but the addresses' place is as usual (info is filled).
 */
static __always_inline int parse_ip4(ctx_t *ctx, __u32 off, struct ip_info *info)
{
	struct iphdr *ip = ctx_at(ctx, off);

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return XGRE_R_IP_HEADER;
	if (ip->version != 4 || ip->ihl < 5)
		return XGRE_R_IP_HEADER;
	info->family = XGRE_FAMILY_4;
	info->header_len = ip->ihl * 4;
	info->tos = ip->tos;
	info->ttl = ip->ttl;
	info->proto = ip->protocol;
	info->df = ip->frag_off & bpf_htons(IP_DF);
	info->fragment = ip->frag_off & bpf_htons(IP_MF_OFFS);
	info->len = bpf_ntohs(ip->tot_len);
	info->src.q[0] = ip->saddr;
	info->src.q[1] = 0;
	info->dst.q[0] = ip->daddr;
	info->dst.q[1] = 0;
	if (info->len < info->header_len || !length_fits(ctx, off, info->len))
		return XGRE_R_IP_HEADER;
	if (ip->ihl != 5)
		return XGRE_R_IP_OPTIONS;
	if (ip4_sum(ip) != 0xffff)
		return XGRE_R_IP_HEADER;
	return XGRE_R_NONE;
}

/* An IPv6 header as ip6_rcv_core() checks it; jumbograms are not for us. */
static __always_inline int parse_ip6(ctx_t *ctx, __u32 off, struct ip_info *info)
{
	struct ipv6hdr *ip = ctx_at(ctx, off);

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return XGRE_R_IP_HEADER;
	if (ip->version != 6)
		return XGRE_R_IP_HEADER;
	info->family = XGRE_FAMILY_6;
	info->header_len = sizeof(*ip);
	info->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	info->ttl = ip->hop_limit;
	info->proto = ip->nexthdr;
	info->df = false; /* as the kernel: IPv6 inside leaves the outer DF clear where it is copied */
	info->fragment = ip->nexthdr == IPPROTO_FRAGMENT;
	if (info->fragment && (void *)(ip + 1) + 1 <= ctx_data_end(ctx))
		info->proto = *(__u8 *)(ip + 1); /* of what is fragmented */
	info->len = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	__builtin_memcpy(&info->src, &ip->saddr, sizeof(info->src));
	__builtin_memcpy(&info->dst, &ip->daddr, sizeof(info->dst));
	if (!length_fits(ctx, off, info->len))
		return XGRE_R_IP_HEADER;
	if (info->proto == IPPROTO_HOPOPTS)
		/* no length: a jumbogram (RFC 2675), or an error; its end is not known here */
		return ip->payload_len ? XGRE_R_IP_OPTIONS : XGRE_R_IP_HEADER;
	return XGRE_R_NONE;
}

#ifdef XGRE_CTX_TC
#define OPTIONS_END  60 /* bytes, of the longest header */
#define OPTION_EOL   0
#define OPTION_NOP   1
#define OPTION_LSRR  131
#define OPTION_SSRR  137

struct option_walk {
	__u8 header[64];
	__u32 header_len;
	__u32 at;
	int good;
};

/* One option. In bpf_loop(), which the verifier goes through once. */
static long option_step(__u32 index, struct option_walk *w)
{
	__u32 at = w->at;
	__u8 kind, len;

	if (at >= w->header_len || at >= OPTIONS_END)
		return 1;
	kind = w->header[at & 63];
	if (kind == OPTION_EOL)
		return 1;
	if (kind == OPTION_NOP) {
		w->at = at + 1;
		return 0;
	}
	len = w->header[(at + 1) & 63];
	if (len < 2 || at + len > w->header_len || kind == OPTION_LSRR || kind == OPTION_SSRR) {
		w->good = 0;
		return 1;
	}
	w->at = at + len;
	return 0;
}

/*
 * Would the kernel go on with an IPv4 header that has options? Outer headers that TC
 * takes away never reach ip_rcv(). Not where the checksum or a length is wrong, and
 * not where the options are a source route (accept_source_route is off by default).
 */
XGRE_APART int options_acceptable(ctx_t *ctx, __u32 off, __u32 header_len)
{
	struct option_walk w = { .header_len = header_len, .at = sizeof(struct iphdr), .good = 1 };
	__u32 sum;

	if (header_len < sizeof(struct iphdr) || header_len > OPTIONS_END)
		return 0;
	if (bpf_skb_load_bytes(ctx, off, w.header, length_bounded(header_len, sizeof(w.header))))
		return 0;
	sum = bpf_csum_diff(NULL, 0, (__be32 *)w.header, sizeof(w.header), 0);
	sum = (sum & 0xffff) + (sum >> 16);
	if ((sum & 0xffff) + (sum >> 16) != 0xffff)
		return 0;
	bpf_loop(OPTIONS_END - sizeof(struct iphdr), option_step, &w, 0);
	return w.good;
}
#endif

static __always_inline int parse_ip(ctx_t *ctx, __u32 off, __be16 proto, struct ip_info *info)
{
	if (proto == bpf_htons(ETH_P_IP))
		return parse_ip4(ctx, off, info);
	return parse_ip6(ctx, off, info);
}

/* 0/8, 127/8, multicast, class E and broadcast (ip_route_input_slow()). */
static __always_inline bool addr4_martian(__be32 addr)
{
	__u32 a = bpf_ntohl(addr) >> 24;

	return a == 0 || a == 127 || a >= 224;
}

/* ::/96 (unspecified, loopback, and v4-compatible), ff00::/8, fe80::/10. */
static __always_inline bool addr6_martian(const struct xgre_addr *a)
{
	return a->b[0] == 0xff || (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80) ||
	       (a->q[0] == 0 && a->w[2] == 0);
}

/* Addresses that a router does not forward between: the kernel decides. */
static __always_inline bool info_martian(const struct ip_info *info)
{
	if (info->family == XGRE_FAMILY_4)
		return addr4_martian(info->src.w[0]) || addr4_martian(info->dst.w[0]);
	return addr6_martian(&info->src) || addr6_martian(&info->dst);
}

/*
 * Largest IP packet of this frame on the wire: the header's length, or a
 * segment's where GRO or TSO made a superframe of many.
 */
static __always_inline __u32 wire_len(ctx_t *ctx, __u32 l3, const struct ip_info *info)
{
	__u32 gso = ctx_gso_size(ctx);
	void *end = ctx_data_end(ctx);
	__u8 *l4 = ctx_at(ctx, l3 + (info->family == XGRE_FAMILY_4 ? 20 : 40));
	__u32 headers = info->family == XGRE_FAMILY_4 ? 20 : 40;

	if (!gso)
		return info->len;
	if (info->proto == IPPROTO_TCP && (void *)(l4 + 20) <= end)
		headers += (l4[12] >> 4) * 4;
	else
		headers += 8;
	return headers + gso;
}

/* Inner L3 bytes as if each segment of a superframe had come alone. */
static __always_inline __u32 wire_bytes(ctx_t *ctx, __u32 l3, const struct ip_info *info)
{
	__u32 gso = ctx_gso_size(ctx);

	if (!gso)
		return info->len;
	return info->len + (ctx_segments(ctx) - 1) * (wire_len(ctx, l3, info) - gso);
}

#endif
