/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The GRE checksum: one's complement over GRE header and payload (RFC 2784 2.5).
 * Sums are of 16-bit words as they lie in memory (RFC 1071 2.B: byte order does
 * not matter), folded to 16 bits.
 */
#ifndef XGRE_CHECKSUM_H
#define XGRE_CHECKSUM_H

#include <linux/errno.h>
#include "parse.h"

#define SUM_BLOCK  128	  /* bytes summed in place in one step */
#define SUM_BYTES  512	  /* copied in one step: the most that bpf_csum_diff() takes */
#define SUM_LINEAR 0x7fff /* as far as packets are looked at in place; a mask */

struct sum_buffer {
	__u64 words[SUM_BYTES / 8];
};

XGRE_MAP(sum_buffer, PERCPU_ARRAY, 1, __u32, struct sum_buffer, 0);

struct sum_state {
	ctx_t *ctx;
	__u64 sum;
	__u32 off;
	__u32 left;
};

/* 65535 bytes of 32-bit words do not carry out of 64 bits: folding can wait until the end. */
static __always_inline __u32 sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* The next n bytes, a multiple of 4, in place; false: there are not as many in one piece. */
static __always_inline bool sum_words(struct sum_state *s, __u32 n)
{
	const __u32 *p = ctx_at(s->ctx, s->off & SUM_LINEAR);
	__u64 sum = 0;

	if (s->left < n || s->off > SUM_LINEAR || (void *)p + n > ctx_data_end(s->ctx))
		return false;
#pragma unroll
	for (__u32 i = 0; i < n / 4; i++)
		sum += p[i];
	s->sum += sum;
	s->off += n;
	s->left -= n;
	return true;
}

static long sum_step(__u32 index, struct sum_state *s)
{
	return !sum_words(s, SUM_BLOCK);
}

/* The same for what is not in one piece with the headers: fragments of an skb, more buffers in XDP. */
static long sum_copied(__u32 index, struct sum_state *s)
{
	struct sum_buffer *b = XGRE_LOOKUP(sum_buffer, 0);
	__u32 n = s->left;

	if (!b || !n)
		return 1;
	if (n < SUM_BYTES) /* the rest, padded with zeros to a whole word */
		__builtin_memset(b->words, 0, sizeof(b->words));
	else
		n = SUM_BYTES;
	n = length_bounded(n, SUM_BYTES);
	if (ctx_load(s->ctx, s->off, b->words, n))
		return 1;
	s->sum += (__u32)bpf_csum_diff(NULL, 0, (__be32 *)b->words, SUM_BYTES, 0);
	s->off += n;
	s->left -= n;
	return 0;
}

/* The last 3 bytes at most, padded with zeros. */
static __always_inline void sum_rest(struct sum_state *s)
{
	const __u8 *p = ctx_at(s->ctx, s->off & SUM_LINEAR);
	__u32 left = s->left;

	if (!left || left > 3 || s->off > SUM_LINEAR || (void *)p + left > ctx_data_end(s->ctx))
		return;
	if (left >= 2) {
		if ((void *)p + 2 > ctx_data_end(s->ctx))
			return;
		s->sum += *(__u16 *)p;
		p += 2;
	}
	if (left & 1) {
		if ((void *)p + 1 > ctx_data_end(s->ctx))
			return;
		s->sum += bpf_htons(*p << 8);
	}
	s->left = 0;
}

/* The sum of len bytes at off; negative: they are not all there. */
XGRE_APART int checksum_sum(ctx_t *ctx, __u32 off, __u32 len)
{
	struct sum_state s = { .ctx = ctx, .off = off, .left = len };

	if (len > 0xffff)
		return -EINVAL;
	if (len >= SUM_BLOCK)
		bpf_loop(0x10000 / SUM_BLOCK, sum_step, &s, 0);
	sum_words(&s, 64);
	sum_words(&s, 32);
	sum_words(&s, 16);
	sum_words(&s, 8);
	sum_words(&s, 4);
	sum_rest(&s);
	if (s.left)
		bpf_loop(0x10000 / SUM_BYTES, sum_copied, &s, 0);
	return s.left ? -EINVAL : (int)sum_fold(s.sum);
}

/* Is the sum over len bytes at off, checksum field included, all ones? */
static __always_inline bool checksum_good(ctx_t *ctx, __u32 off, __u32 len)
{
	return checksum_sum(ctx, off, len) == 0xffff;
}

/* Fill the checksum in of a GRE header at off: len bytes from there, and others with this sum. */
static __always_inline int checksum_write(ctx_t *ctx, __u32 off, __u32 len, __u32 others)
{
	int sum = checksum_sum(ctx, off, len);
	__u16 *to = ctx_at(ctx, off + 4);

	if (sum < 0 || (void *)(to + 1) > ctx_data_end(ctx))
		return XGRE_R_NO_ROOM;
	*to = ~sum_fold((__u64)sum + others);
	return XGRE_R_NONE;
}

/*
 * Is a packet's own checksum there? Where an offload has left it to the device,
 * the GRE checksum would be over a field that is filled in later. No program is
 * told, so the packet's sum must be right. sum: of what follows the IP header.
 * XDP gets such packets from a veth alone, and where there is nothing to be told
 * by it takes them as they are.
 */
static __always_inline bool checksum_complete(ctx_t *ctx, __u32 l3, const struct ip_info *info,
					      __u32 sum)
{
	__u32 l4 = l3 + (info->family == XGRE_FAMILY_4 ? 20 : 40);
	__u16 *field = ctx_at(ctx, l4 + 6);
	__u64 all = (__u64)sum;

	if (info->fragment) /* made by the kernel's ip_fragment(), which fills it in before */
		return true;
	switch (info->proto) {
	case IPPROTO_ICMP:
		return sum == 0xffff;
	case IPPROTO_UDP:
		if ((void *)(field + 1) > ctx_data_end(ctx) || !*field)
			break;
		/* fallthrough */
	case IPPROTO_TCP:
	case IPPROTO_ICMPV6: /* RFC 9293 3.1, RFC 8200 8.1: a pseudo header */
		all += info->src.w[0] + (__u64)info->src.w[1] + info->src.w[2] + info->src.w[3];
		all += info->dst.w[0] + (__u64)info->dst.w[1] + info->dst.w[2] + info->dst.w[3];
		all += bpf_htons(info->proto);
		all += bpf_htons((__u16)(info->len - (l4 - l3)));
		return sum_fold(all) == 0xffff;
	}
#ifdef XGRE_CTX_XDP
	return true;
#else
	return false;
#endif
}

/*
 * May the fast path make the checksum of a packet at l3 that is going to be
 * sent? XGRE_R_NONE: yes, and *ret_sum is the sum of what follows its IP header.
 */
static __always_inline int checksum_prepare(ctx_t *ctx, __u32 l3, const struct ip_info *info,
					    __u32 *ret_sum)
{
	__u32 head = info->family == XGRE_FAMILY_4 ? 20 : 40;
	int sum = checksum_sum(ctx, l3 + head, info->len - head);

	if (sum < 0)
		return XGRE_R_SIZE;
	*ret_sum = sum;
	return checksum_complete(ctx, l3, info, sum) ? XGRE_R_NONE : XGRE_R_CHECKSUM;
}

#endif
