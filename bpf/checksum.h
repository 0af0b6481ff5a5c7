/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The GRE checksum: one's complement over GRE header and payload (RFC 2784 2.5). */
#ifndef XGRE_CHECKSUM_H
#define XGRE_CHECKSUM_H

#include "ctx.h"

#define SUM_BYTES 512 /* the most that bpf_csum_diff() takes */
#define SUM_STEPS 129 /* 65535 bytes and a rest */

struct sum_buffer {
	__u64 words[SUM_BYTES / 8];
};

XGRE_MAP(sum_buffer, PERCPU_ARRAY, 1, __u32, struct sum_buffer, 0);

struct sum_state {
	ctx_t *ctx;
	__u32 off;
	__u32 left;
	__u32 sum;
	__u32 failed;
};

static long sum_step(__u32 index, struct sum_state *s)
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
	if (ctx_load(s->ctx, s->off, b->words, n)) {
		s->failed = 1;
		return 1;
	}
	s->sum = bpf_csum_diff(NULL, 0, (__be32 *)b->words, SUM_BYTES, s->sum);
	s->off += n;
	s->left -= n;
	return 0;
}

/* Is the sum over len bytes at off, checksum field included, all ones? */
static __always_inline bool checksum_good(ctx_t *ctx, __u32 off, __u32 len)
{
	struct sum_state s = { .ctx = ctx, .off = off, .left = len };
	__u32 sum;

	bpf_loop(SUM_STEPS, sum_step, &s, 0);
	if (s.failed || s.left)
		return false;
	sum = (s.sum & 0xffff) + (s.sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

#endif
