/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ICMP errors that arrive through a tunnel. */
#ifndef XGRE_ICMP_H
#define XGRE_ICMP_H

#include "route.h"

#define ICMP_HEADER 8

/*
 * A router beyond the tunnel answers from any address of its own. Let its ICMP
 * error in where the packet that it quotes is one that we would have sent into
 * this tunnel: the quoted destination is routed there.
 */
static __always_inline bool icmp_error_is_ours(ctx_t *ctx, __u32 off, const struct ip_info *inner,
					       __u32 tunnel)
{
	__u8 *icmp = ctx_at(ctx, off + (inner->family == XGRE_FAMILY_4 ? 20 : 40));
	struct xgre_addr dst = {};

	if (inner->fragment)
		return false;
	if (inner->family == XGRE_FAMILY_4) {
		struct iphdr *quoted = (void *)(icmp + ICMP_HEADER);

		if (inner->proto != IPPROTO_ICMP || (void *)(quoted + 1) > ctx_data_end(ctx))
			return false;
		/* unreachable, time exceeded, parameter problem */
		if (icmp[0] != 3 && icmp[0] != 11 && icmp[0] != 12)
			return false;
		dst.w[0] = quoted->daddr;
		return route_is_of(route_lookup(XGRE_FAMILY_4, &dst), tunnel);
	}
	struct ipv6hdr *quoted6 = (void *)(icmp + ICMP_HEADER);

	if (inner->proto != IPPROTO_ICMPV6 || (void *)(quoted6 + 1) > ctx_data_end(ctx))
		return false;
	if (icmp[0] == 0 || icmp[0] >= 128) /* RFC 4443 2.1: errors are below 128 */
		return false;
	__builtin_memcpy(&dst, &quoted6->daddr, sizeof(dst));
	return route_is_of(route_lookup(XGRE_FAMILY_6, &dst), tunnel);
}

#endif
