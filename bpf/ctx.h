/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One source for XDP and TC: what differs between xdp_md and __sk_buff. The
 * entry file defines XGRE_CTX_XDP or XGRE_CTX_TC before it includes anything.
 */
#ifndef XGRE_CTX_H
#define XGRE_CTX_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "maps.h"

/*
 * A global function: the verifier looks at it once, and not at each call. It may
 * return a number and take a context and numbers, no more.
 */
#define XGRE_APART __attribute__((noinline))

#define XGRE_PULL 160 /* header bytes that TC makes linear before it looks at a packet */

/*
 * A 32-bit context field. In asm, since clang otherwise keeps the field's
 * address in a register, which the verifier refuses.
 */
#define CTX_FIELD(ctx, type, field)                                                                \
	({                                                                                         \
		__u64 v__;                                                                         \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                              \
			     : "=r"(v__)                                                           \
			     : "r"(ctx), "i"(__builtin_offsetof(type, field)));                    \
		v__;                                                                               \
	})

#ifdef XGRE_CTX_XDP

#define ctx_t	 struct xdp_md
#define CTX_PASS XDP_PASS
#define CTX_DROP XDP_DROP

static __always_inline __u32 ctx_ifindex(const ctx_t *ctx)
{
	return ctx->ingress_ifindex;
}

/* Bytes of the whole frame; costs a call, the linear part is data_end - data. */
static __always_inline __u32 ctx_len(ctx_t *ctx)
{
	return bpf_xdp_get_buff_len(ctx);
}

static __always_inline __u32 ctx_segments(const ctx_t *ctx)
{
	return 1;
}

static __always_inline __u32 ctx_gso_size(const ctx_t *ctx)
{
	return 0;
}

static __always_inline int ctx_trim(ctx_t *ctx, __u32 total, __u32 len)
{
	return bpf_xdp_adjust_tail(ctx, (int)len - (int)total);
}

static __always_inline long ctx_load(ctx_t *ctx, __u32 off, void *to, __u32 len)
{
	return bpf_xdp_load_bytes(ctx, off, to, len);
}

#else

#define ctx_t	 struct __sk_buff
#define CTX_PASS TC_ACT_UNSPEC /* later filters of others still run */
#define CTX_DROP TC_ACT_SHOT

static __always_inline __u32 ctx_ifindex(const ctx_t *ctx)
{
	return ctx->ifindex;
}

static __always_inline __u32 ctx_len(ctx_t *ctx)
{
	return CTX_FIELD(ctx, ctx_t, len);
}

static __always_inline __u32 ctx_segments(const ctx_t *ctx)
{
	__u32 n = CTX_FIELD(ctx, ctx_t, gso_segs);

	return n > 1 ? n : 1;
}

static __always_inline __u32 ctx_gso_size(const ctx_t *ctx)
{
	return CTX_FIELD(ctx, ctx_t, gso_size);
}

static __always_inline int ctx_trim(ctx_t *ctx, __u32 total, __u32 len)
{
	return ctx_gso_size(ctx) ? 0 : bpf_skb_change_tail(ctx, len, 0);
}

static __always_inline long ctx_load(ctx_t *ctx, __u32 off, void *to, __u32 len)
{
	return bpf_skb_load_bytes(ctx, off, to, len);
}

#endif

static __always_inline void *ctx_data(const ctx_t *ctx)
{
	return (void *)CTX_FIELD(ctx, ctx_t, data);
}

/*
 * A pointer into the packet. The barrier keeps clang from computing it anew
 * after the check against the end, which the verifier would not recognise.
 */
static __always_inline void *ctx_at(const ctx_t *ctx, __u32 off)
{
	void *p = ctx_data(ctx) + off;

	asm volatile("" : "+r"(p));
	return p;
}

/*
 * A length of 1 to limit (a power of two), in a form in which every verifier
 * since 6.1 sees both bounds. What is larger is cut; 0 is not for here.
 */
static __always_inline __u32 length_bounded(__u32 len, __u32 limit)
{
	len--;
	asm volatile("" : "+r"(len));
	return (len & (limit - 1)) + 1;
}

static __always_inline void *ctx_data_end(const ctx_t *ctx)
{
	return (void *)CTX_FIELD(ctx, ctx_t, data_end);
}

#endif
