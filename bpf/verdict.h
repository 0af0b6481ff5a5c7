/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one exit for packets that are not forwarded: count and act. Steps return
 * XGRE_R_NONE to go on, or the reason that ends the packet's way here.
 */
#ifndef XGRE_VERDICT_H
#define XGRE_VERDICT_H

#include "ctx.h"

static __always_inline void reason_count(ctx_t *ctx, __u32 reason)
{
	struct xgre_cpu *cpu = XGRE_LOOKUP(cpu_state, 0);

	if (cpu)
		cpu->reasons[reason & (XGRE_REASON_MAX - 1)] += ctx_segments(ctx);
}

static __always_inline int verdict(ctx_t *ctx, __u32 reason)
{
	reason_count(ctx, reason);
	return reason < XGRE_REASON_PUNTS ? CTX_DROP : CTX_PASS;
}

#endif
