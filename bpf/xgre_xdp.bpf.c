// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* XDP on a port: the fast path. Whatever it does not take goes up unmodified. */
#define XGRE_CTX_XDP
#include "xdp.h"

SEC("xdp.frags")
int xgre_xdp(struct xdp_md *ctx)
{
	return xdp_receive(ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";
