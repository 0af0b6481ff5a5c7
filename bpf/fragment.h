/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments of outer packets: to xgred's AF_XDP socket of the queue where there is
 * one, so that they meet neither the kernel's reassembly nor its limits; else up to
 * the kernel. Only those whose endpoints are a tunnel's: the key cannot be told, it
 * is in the first fragment alone.
 */
#ifndef XGRE_FRAGMENT_H
#define XGRE_FRAGMENT_H

#include "parse.h"
#include "verdict.h"

/*
 * Before 6.6 a socket takes what is in one buffer and fits into a chunk of 4096
 * bytes less the headroom of 256; of the rest it would see a part.
 */
static __always_inline bool xsk_takes(ctx_t *ctx)
{
	__u32 linear = ctx_data_end(ctx) - ctx_data(ctx);

	return xsk_frags || (linear <= XGRE_XSK_FRAME && ctx_len(ctx) == linear);
}

/* Counted as what it is, a fragment that the fast path does not take, whoever gets it. */
static __always_inline int fragment_redirect(ctx_t *ctx, const struct frame *f,
					     const struct ip_info *info)
{
	__u32 queue = CTX_FIELD(ctx, ctx_t, rx_queue_index);
	struct xgre_pair pair = {
		.local = info->dst,
		.remote = info->src,
		.family = info->family,
	};

	reason_count(ctx, XGRE_R_FRAGMENT);
	if (queue >= XGRE_XSK_QUEUES || !xsk_takes(ctx) || !bpf_map_lookup_elem(&pairs, &pair))
		return XDP_PASS;
	return bpf_redirect_map(&xsks, f->port_number * XGRE_XSK_QUEUES + queue, XDP_PASS);
}

#endif
