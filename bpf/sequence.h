/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sequence numbers (RFC 2890 2.2). One state for all CPUs: the numbers of a
 * tunnel's packets are unique, and which of two is the later is no CPU's own matter.
 */
#ifndef XGRE_SEQUENCE_H
#define XGRE_SEQUENCE_H

#include "gre.h"

/*
 * When the peer has started anew: so many late ones in a row, each one more than the
 * last, or nothing in order for so long. The former is soon reached by a stream, the
 * latter lets one in that begins with single packets, as TCP does.
 */
#define SEQUENCE_RESTART  16
#define SEQUENCE_QUIET_NS 5000000000ull

XGRE_MAP(sequences, ARRAY, 1, __u32, struct xgre_sequence, 0); /* by tunnel number */

/* The number of the next packet to send: 0, 1, ... modulo 2^32. */
static __always_inline __be32 sequence_next(__u32 tunnel)
{
	struct xgre_sequence *s = XGRE_LOOKUP(sequences, tunnel);

	return s ? bpf_htonl(__sync_fetch_and_add(&s->tx, 1)) : 0;
}

/* A packet with this number has come: is it in order? */
static __always_inline bool sequence_take(struct xgre_sequence *s, __u32 number)
{
	__u32 now = bpf_jiffies64(), quiet = SEQUENCE_QUIET_NS / tick_ns;
	bool good;

	bpf_spin_lock(&s->lock);
	good = !s->started || (__s32)(number - s->next) >= 0 || now - s->taken_at > quiet;
	if (!good) {
		s->late_run = number == s->late_next ? s->late_run + 1 : 1;
		s->late_next = number + 1;
		good = s->late_run >= SEQUENCE_RESTART;
	}
	if (good) {
		s->next = number + 1;
		s->started = 1;
		s->taken_at = now;
		s->late_run = 0;
	}
	bpf_spin_unlock(&s->lock);
	return good;
}

/*
 * Take a packet of the tunnel, whose GRE header is at off, into account. For
 * each packet this is asked once, however many programs look at it.
 */
static __always_inline int sequence_accept(ctx_t *ctx, __u32 off, __u32 tunnel,
					   const struct gre_info *g)
{
	struct xgre_sequence *s = XGRE_LOOKUP(sequences, tunnel);
	__be32 *number = ctx_at(ctx, (off + g->len - 4) & OFFSET_MASK); /* the last word */

	if (!s || !(g->flags & GRE_S) || (void *)(number + 1) > ctx_data_end(ctx))
		return XGRE_R_NO_SEQUENCE;
	return sequence_take(s, bpf_ntohl(*number)) ? XGRE_R_NONE : XGRE_R_SEQUENCE;
}

#endif
