// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The wrapper that makes a packet anew before each run of an XDP program, and
 * programs that do next to nothing, to compare with.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "wrap.h"

#define OUTER 28 /* bytes of an outer IPv4 header and a keyed GRE header */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} jump SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WRAP_FRAMES);
	__type(key, __u32);
	__type(value, struct wrap_frame);
} frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} out SEC(".maps");

static __u32 turn;

SEC("xdp.frags")
int wrap(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	int grown = (int)((void *)(long)ctx->data_end - data) - WRAP_SIZE;
	__u32 key = turn++ & (WRAP_FRAMES - 1);
	struct wrap_frame *f;

	/* Called where nothing is to undo as well, so that it costs every program the same. */
	if (bpf_xdp_adjust_head(ctx, grown))
		return XDP_ABORTED;
	f = bpf_map_lookup_elem(&frames, &key);
	data = (void *)(long)ctx->data;
	if (!f || data + WRAP_SIZE > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(data, f->bytes, WRAP_HEAD);
	bpf_tail_call(ctx, &jump, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int noop_tx(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("xdp.frags")
int noop_redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&out, 0, XDP_ABORTED);
}

static __always_inline int head(struct xdp_md *ctx, int by)
{
	__u8 *data;

	if (bpf_xdp_adjust_head(ctx, by))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	if (data + 1 > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	*data = 2;
	return XDP_TX;
}

SEC("xdp.frags")
int head_grow(struct xdp_md *ctx)
{
	return head(ctx, -OUTER);
}

SEC("xdp.frags")
int head_shrink(struct xdp_md *ctx)
{
	return head(ctx, OUTER);
}

/*
 * The least that a keyed IPv4 encapsulation can be: constants before the packet, a
 * length and a checksum, TTL, and out. No lookup, no check, no counter.
 */
SEC("xdp.frags")
int bare_encap(struct xdp_md *ctx)
{
	__u32 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 sum = 0x4500 + 0x4000 + 0x402f + 0xc000 + 0x0201 + 0xcb00 + 0x7101, len;

	if ((void *)p + 34 > (void *)end)
		return XDP_ABORTED;
	len = bpf_ntohs(((__u16 *)p)[8]) + OUTER;
	((__u8 *)p)[22]--;
	((__u16 *)p)[12] += 1; /* RFC 1624, but for a carry */
	if (bpf_xdp_adjust_head(ctx, -OUTER))
		return XDP_ABORTED;
	p = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if ((void *)p + 14 + OUTER > (void *)end)
		return XDP_ABORTED;
	sum += len;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	p[0] = 0x00000002;
	p[1] = 0x0002a200;
	p[2] = 0xa1000000;
	p[3] = 0x00450008;
	p[4] = bpf_htons(len);
	p[5] = 0x2f400040;
	p[6] = (__u16)~bpf_htons(sum) | 0x00c0 << 16;
	p[7] = 0x00cb0102;
	p[8] = 0x00200171;
	p[9] = 0x00000008;
	((__u16 *)p)[20] = 0x0100;
	return bpf_redirect_map(&out, 0, XDP_ABORTED);
}

SEC("tc")
int tc_noop(struct __sk_buff *skb)
{
	return TC_ACT_OK;
}

SEC("tc")
int tc_redirect(struct __sk_buff *skb)
{
	return bpf_redirect(skb->ifindex, 0);
}

SEC("tc")
int tc_grow(struct __sk_buff *skb)
{
	if (bpf_skb_adjust_room(skb, OUTER, BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 |
					BPF_F_ADJ_ROOM_ENCAP_L4_GRE))
		return TC_ACT_SHOT;
	return bpf_redirect(skb->ifindex, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
