// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Keepalives as Cisco's routers send them, with the header that the tunnel's packets have. */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>
#include "keepalive.h"

#define GRE_C 0x80 /* of the first byte */
#define GRE_K 0x20
#define TTL   255

static uint16_t sum(const uint8_t *p, size_t len)
{
	uint32_t s = 0;

	for (size_t i = 0; i < len; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~((s & 0xffff) + (s >> 16));
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* What comes back: IP and GRE. Its bytes. */
static size_t inner_make(const struct xgre_tunnel *t, uint8_t *p)
{
	bool is6 = t->flags & XGRE_TUNNEL_OUTER6, key = t->flags & XGRE_TUNNEL_KEY_IN;
	size_t ip = is6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
	size_t gre = key ? 8 : 4;

	memset(p, 0, ip + gre);
	if (is6) {
		p[0] = 0x60;
		put16(p + 4, (uint16_t)gre);
		p[6] = IPPROTO_GRE;
		p[7] = TTL;
		memcpy(p + 8, &t->remote, 16);
		memcpy(p + 24, &t->local, 16);
	} else {
		p[0] = 0x45;
		put16(p + 2, (uint16_t)(ip + gre));
		p[8] = TTL;
		p[9] = IPPROTO_GRE;
		memcpy(p + 12, &t->remote, 4);
		memcpy(p + 16, &t->local, 4);
		put16(p + 10, sum(p, ip));
	}
	if (key) {
		p[ip] = GRE_K;
		memcpy(p + ip + 4, &t->key_in, 4);
	}
	return ip + gre;
}

size_t keepalive_make(const struct xgre_tunnel *t, uint8_t ret[KEEPALIVE_MAX])
{
	bool is6 = t->flags & XGRE_TUNNEL_OUTER6;
	size_t inner = inner_make(t, ret + t->outer_len), len = t->outer_len + inner;
	uint8_t *gre = ret + t->ip_len;

	memcpy(ret, t->outer, t->outer_len);
	if (is6) {
		put16(ret + 4, (uint16_t)(len - t->ip_len));
		ret[7] = t->ttl ? t->ttl : TTL;
	} else {
		put16(ret + 2, (uint16_t)len);
		ret[8] = t->ttl ? t->ttl : TTL;
		put16(ret + 10, 0); /* ID and checksum are the kernel's to fill in (raw(7)) */
	}
	put16(gre + 2, is6 ? 0x86dd : 0x0800);
	if (t->flags & XGRE_TUNNEL_KEY_OUT)
		memcpy(gre + (gre[0] & GRE_C ? 8 : 4), &t->key_out, sizeof(t->key_out));
	if (gre[0] & GRE_C) {
		put16(gre + 4, 0);
		put16(gre + 4, sum(gre, len - t->ip_len));
	}
	return len;
}

bool keepalive_is_answer(const struct gre_packet *g)
{
	return g->proto == 0 && g->payload;
}
