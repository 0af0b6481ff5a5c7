// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fragments as fast as a NIC has them, and the count of what they make: generate
 * runs by BPF_PROG_RUN on live frames and sends by a device, sink is at the end of
 * the way.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "fragments.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct generator);
	__uint(map_flags, BPF_F_MMAPABLE);
} generator SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} out SEC(".maps");

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	__u32 zero = 0, len, sum, turn;
	struct generator *g = bpf_map_lookup_elem(&generator, &zero);
	struct piece *p;
	__be16 field[1];
	__u64 n;
	__u16 id;

	if (!g || !g->turns)
		return XDP_ABORTED;
	n = g->sent++;
	turn = n % g->turns;
	id = n / g->turns;
	p = &g->piece[turn & (PIECES - 1)];
	len = p->len;
	if (bpf_xdp_adjust_tail(ctx, (int)len - (int)bpf_xdp_get_buff_len(ctx)))
		return XDP_ABORTED;
	len--;
	asm volatile("" : "+r"(len));
	len = (len & (PIECE_MAX - 1)) + 1;
	if (bpf_xdp_store_bytes(ctx, 0, p->data, len))
		return XDP_ABORTED;
	field[0] = bpf_htons(id);
	bpf_xdp_store_bytes(ctx, 18, field, sizeof(field));
	sum = p->sum + id;
	sum = (sum & 0xffff) + (sum >> 16);
	field[0] = bpf_htons((__u16)~((sum & 0xffff) + (sum >> 16)));
	bpf_xdp_store_bytes(ctx, 24, field, sizeof(field));
	return bpf_redirect_map(&out, 0, XDP_ABORTED);
}

/* What the frames cost that go nowhere. */
SEC("xdp")
int drop(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct generator *g = bpf_map_lookup_elem(&generator, &zero);

	if (g)
		__sync_fetch_and_add(&g->received, 1);
	return XDP_DROP;
}

/* Counts UDP, and lets the rest pass. */
SEC("xdp.frags")
int sink(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	struct generator *g = bpf_map_lookup_elem(&generator, &zero);

	if (!g || data + 34 > end || data[12] != 8 || data[13] || data[23] != 17)
		return XDP_PASS;
	__sync_fetch_and_add(&g->received, 1);
	return XDP_DROP;
}

SEC("xdp.frags")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
