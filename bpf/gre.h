/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The GRE header: RFC 2784, RFC 2890, and the RFC 1701 bits that must be refused. */
#ifndef XGRE_GRE_H
#define XGRE_GRE_H

#include "ctx.h"

#define GRE_C	    0x8000 /* checksum present */
#define GRE_R	    0x4000 /* routing present, RFC 1701 */
#define GRE_K	    0x2000 /* key present */
#define GRE_S	    0x1000 /* sequence number present */
#define GRE_REFUSED 0x4c00 /* bits 1, 4 and 5: RFC 2784 2.3 */
#define GRE_VERSION 0x0007

struct gre_header {
	__be16 flags;
	__be16 proto;
};

struct gre_info {
	__u32 len; /* of the header, by its flags */
	__u16 flags;
	__be16 proto;
	__be32 key;
};

/*
 * Read the header at off. false: too short to tell. With a version other than
 * 0 or a routing field the rest has another format: only flags are valid then,
 * and the key where its place is certain.
 */
static __always_inline bool parse_gre(ctx_t *ctx, __u32 off, struct gre_info *g)
{
	void *end = ctx_data_end(ctx);
	struct gre_header *h = ctx_at(ctx, off);
	__be32 *opt = (void *)(h + 1);

	if ((void *)opt > end)
		return false;
	g->flags = bpf_ntohs(h->flags);
	g->proto = h->proto;
	g->key = 0;
	g->len = sizeof(*h);
	if (g->flags & (GRE_C | GRE_R)) {
		opt++;
		g->len += 4;
	}
	if (g->flags & GRE_K) {
		if ((void *)(opt + 1) > end)
			return false;
		g->key = *opt;
		g->len += 4;
	}
	if (g->flags & GRE_S)
		g->len += 4;
	return true;
}

/*
 * The tunnel for an outer header and key, exact; NULL for none, else its
 * number in *ret_number.
 */
static __always_inline struct xgre_tunnel *tunnel_find(const struct xgre_addr *local,
						       const struct xgre_addr *remote,
						       __u8 family, const struct gre_info *g,
						       __u32 *ret_number)
{
	__u32 h = xgre_endpoint_hash(local, remote, g->key);
	__u8 has_key = !!(g->flags & GRE_K);

	for (int i = 0; i < XGRE_PROBES; i++) {
		struct xgre_endpoint *e = XGRE_LOOKUP(endpoints, (h + i) & endpoint_mask);

		if (!e)
			return NULL;
		if (e->tunnel && e->key == g->key && e->has_key == has_key &&
		    e->family == family && e->remote.q[0] == remote->q[0] &&
		    e->remote.q[1] == remote->q[1] && e->local.q[0] == local->q[0] &&
		    e->local.q[1] == local->q[1]) {
			*ret_number = e->tunnel - 1;
			return tunnel_get(e->tunnel - 1);
		}
	}
	return NULL;
}

#endif
