/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prefix lookup in the flat table of xgre/lpm.h, and the permitted inner sources. */
#ifndef XGRE_ROUTE_H
#define XGRE_ROUTE_H

#include "parse.h"

static __always_inline __u32 lpm_step(__u32 entry, __u8 byte)
{
	struct xgre_lpm_chunk *c = XGRE_LOOKUP(lpm_chunks, entry & XGRE_LPM_CHUNK_MASK);

	return c ? c->entry[byte] : 0;
}

/* The leaf of the longest prefix; 0 for none. */
static __always_inline __u32 lpm_lookup4(const struct xgre_addr *a)
{
	struct xgre_lpm_root *root = XGRE_LOOKUP(lpm4_root, 0);
	__u32 addr = bpf_ntohl(a->w[0]);
	__u32 e;

	if (!root)
		return 0;
	e = root->entry[addr >> 16];
	if (e & XGRE_LPM_CHUNK)
		e = lpm_step(e, addr >> 8);
	if (e & XGRE_LPM_CHUNK)
		e = lpm_step(e, addr);
	return e & XGRE_LPM_CHUNK ? 0 : e;
}

static __always_inline __u32 lpm_lookup6(const struct xgre_addr *a)
{
	struct xgre_lpm_root *root = XGRE_LOOKUP(lpm6_root, 0);
	__u32 e;

	if (!root)
		return 0;
	e = root->entry[bpf_ntohl(a->w[0]) >> 16];
#pragma unroll
	for (int i = 2; i < 2 + XGRE_LPM_LEVELS6; i++) {
		if (!(e & XGRE_LPM_CHUNK))
			return e;
		e = lpm_step(e, a->b[i]);
	}
	return e & XGRE_LPM_CHUNK ? 0 : e;
}

/* The route number of an address: XGRE_ROUTE_NONE, _HOLE, _LOCAL or a route. */
static __always_inline __u32 route_lookup(__u8 family, const struct xgre_addr *a)
{
	return xgre_lpm_route(family == XGRE_FAMILY_4 ? lpm_lookup4(a) : lpm_lookup6(a));
}

/* Is this one of the host's own addresses? */
static __always_inline bool addr_local(__u8 family, const struct xgre_addr *a)
{
	struct xgre_meta *m = XGRE_LOOKUP(meta, 0);
	__u32 bit = xgre_locals_bit(a);

	if (!m || !(m->locals[bit / 64] >> bit % 64 & 1))
		return false;
	return route_lookup(family, a) == XGRE_ROUTE_LOCAL;
}

/* Does this route lead to the tunnel? */
static __always_inline bool route_is_of(__u32 route, __u32 tunnel)
{
	struct xgre_route *r = XGRE_LOOKUP(routes, route);

	return r && r->tunnel == tunnel + 1;
}

/* Is an inner source permitted beyond the tunnel's routes? */
static __always_inline bool source_listed(__u32 tunnel, const struct ip_info *inner)
{
	struct xgre_source_key key = {
		.prefixlen = 32 + (inner->family == XGRE_FAMILY_4 ? 32 : 128),
		.tunnel = bpf_htonl(tunnel << 1 | (inner->family == XGRE_FAMILY_6)),
		.addr = inner->src,
	};

	return bpf_map_lookup_elem(&sources, &key);
}

#endif
