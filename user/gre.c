// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The outer headers of a GRE packet, bounds first (RFC 2784, RFC 2890). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>
#include "gre.h"

#define GRE_C	    0x8000
#define GRE_R	    0x4000
#define GRE_K	    0x2000
#define GRE_S	    0x1000
#define GRE_VERSION 0x0007

/* Offset of the GRE header behind an outer IPv4 header; 0 where there is none. */
static size_t outer4(const uint8_t *p, size_t len, struct gre_packet *ret)
{
	struct iphdr h;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	if (h.version != 4 || h.ihl < 5 || h.protocol != IPPROTO_GRE)
		return 0;
	ret->endpoint.local.w[0] = h.daddr;
	ret->endpoint.remote.w[0] = h.saddr;
	return h.ihl * 4u;
}

/* The same for IPv6, where Linux puts the tunnel encapsulation limit in between (RFC 2473 4.1.1). */
static size_t outer6(const uint8_t *p, size_t len, struct gre_packet *ret)
{
	struct ip6_hdr h;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	memcpy(&ret->endpoint.local, &h.ip6_dst, sizeof(ret->endpoint.local));
	memcpy(&ret->endpoint.remote, &h.ip6_src, sizeof(ret->endpoint.remote));
	if (h.ip6_nxt == IPPROTO_GRE)
		return sizeof(h);
	if (h.ip6_nxt != IPPROTO_DSTOPTS || len < sizeof(h) + 8 || p[sizeof(h)] != IPPROTO_GRE ||
	    p[sizeof(h) + 1])
		return 0;
	return sizeof(h) + 8;
}

static uint16_t word(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

int gre_parse(uint8_t family, const void *packet, size_t len, struct gre_packet *ret)
{
	const uint8_t *p = packet;
	size_t off;

	memset(ret, 0, sizeof(*ret));
	ret->endpoint.family = family;
	off = family == XGRE_FAMILY_6 ? outer6(p, len, ret) : outer4(p, len, ret);
	if (!off || len < off + 4)
		return -EINVAL;
	ret->flags = word(p + off);
	ret->proto = word(p + off + 2);
	if (ret->flags & (GRE_VERSION | GRE_R))
		return -EINVAL;
	off += ret->flags & GRE_C ? 8 : 4;
	if (ret->flags & GRE_K) {
		ret->endpoint.has_key = 1;
		if (len < off + 4)
			return -ENODATA;
		memcpy(&ret->endpoint.key, p + off, 4);
		off += 4;
	}
	if (ret->flags & GRE_S)
		off += 4;
	ret->payload = off <= len ? off : 0;
	return 0;
}

int gre_tunnel(const struct state *st, uint8_t family, const void *packet, size_t len,
	       struct gre_packet *ret)
{
	struct gre_packet g;
	int err = gre_parse(family, packet, len, &g);

	if (err)
		return err;
	if (ret)
		*ret = g;
	return state_endpoint_find(st, &g.endpoint);
}
