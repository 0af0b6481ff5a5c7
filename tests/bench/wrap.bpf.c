// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The wrapper that makes a packet anew before each run of an XDP program, and
 * programs that do next to nothing, to compare with.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "wrap.h"

#define GROW 24 /* bytes of a keyed GRE header's outer IPv4 header and flags */

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
	return head(ctx, -GROW);
}

SEC("xdp.frags")
int head_shrink(struct xdp_md *ctx)
{
	return head(ctx, GROW);
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
	if (bpf_skb_adjust_room(skb, GROW, BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 |
					BPF_F_ADJ_ROOM_ENCAP_L4_GRE))
		return TC_ACT_SHOT;
	return bpf_redirect(skb->ifindex, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
