// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Generic XDP: the same without xdp.frags. With it the kernel may copy a packet
 * into a new skb (skb_pp_cow_data(), 6.9 and later) and forgets the length of
 * its MAC header, so that what is passed up reaches TC without one. A program
 * without frags may not share a devmap with one that has them.
 */
#define XGRE_CTX_XDP
#define XGRE_XDP_GENERIC
#include "xdp.h"

SEC("xdp")
int xgre_skb(struct xdp_md *ctx)
{
	return xdp_receive(ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";
