// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every field of a GRE packet, broken. */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include "differential.h"
#include "random.h"

static void flip_bits(struct rng *r, struct packet *p)
{
	unsigned first = p->l3, last = p->inner + 60;

	if (last > p->len)
		last = p->len;
	for (unsigned n = 1 + rng_below(r, 3); n && last > first; n--)
		p->data[first + rng_below(r, last - first)] ^= 1 << rng_below(r, 8);
}

static void any_bytes(struct rng *r, struct packet *p)
{
	unsigned first = p->l3, last = p->inner + 48;

	if (last > p->len)
		last = p->len;
	for (unsigned n = 1 + rng_below(r, 4); n && last > first; n--)
		p->data[first + rng_below(r, last - first)] = rng_next(r);
}

static void gre_flags(struct rng *r, struct packet *p)
{
	put16(p->data + p->gre, get16(p->data + p->gre) ^ 1u << rng_below(r, 16));
}

static void gre_version(struct rng *r, struct packet *p)
{
	p->data[p->gre + 1] = (p->data[p->gre + 1] & ~7) | rng_below(r, 8);
}

static void gre_reserved(struct rng *r, struct packet *p)
{
	put16(p->data + p->gre, get16(p->data + p->gre) | 8u << rng_below(r, 7));
}

static void gre_protocol(struct rng *r, struct packet *p)
{
	static const uint16_t protocols[] = { 0x0800, 0x86dd, 0x6558, 0x880b, 0x8847, 0x88be,
					      0x22eb, 0x8100, 0x0000, 0xffff, 0x883e, 0x2001 };

	put16(p->data + p->gre + 2,
	      protocols[rng_below(r, sizeof(protocols) / sizeof(*protocols))]);
}

static void gre_key(struct rng *r, struct packet *p)
{
	unsigned off = p->gre + (p->checksum ? 8 : 4);

	if (p->data[p->gre] & 0x20)
		put32(p->data + off, rng_chance(r, 50) ? rng_below(r, 3) : rng_next(r));
}

/* A length: too small, too large, 0, all ones, one more or less. */
static unsigned length_make(struct rng *r, unsigned right)
{
	switch (rng_below(r, 6)) {
	case 0:
		return 0;
	case 1:
		return 0xffff;
	case 2:
		return right + 1;
	case 3:
		return right - 1;
	case 4:
		return rng_below(r, right + 1);
	default:
		return right + rng_below(r, 100);
	}
}

static void length_change(struct rng *r, struct packet *p, unsigned off)
{
	uint8_t *at = p->data + off + (p->data[off] >> 4 == 4 ? 2 : 4);

	put16(at, length_make(r, get16(at)) & 0xffff);
}

static void outer_length(struct rng *r, struct packet *p)
{
	length_change(r, p, p->l3);
}

static void inner_length(struct rng *r, struct packet *p)
{
	length_change(r, p, p->inner);
}

static void outer_first(struct rng *r, struct packet *p)
{
	p->data[p->l3] = rng_next(r);
}

static void inner_first(struct rng *r, struct packet *p)
{
	p->data[p->inner] = rng_next(r);
}

static void ethertype(struct rng *r, struct packet *p)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x88b5, 0x0000, 0x0040 };

	put16(p->data + 12, types[rng_below(r, sizeof(types) / sizeof(*types))]);
}

/* Cut anywhere; the outer header says so, or does not. */
static void truncate_packet(struct rng *r, struct packet *p)
{
	uint8_t *ip = p->data + p->l3;
	bool four = ip[0] >> 4 == 4;
	unsigned head = p->l3 + (four ? 20 : 40);
	unsigned last = rng_chance(r, 70) && p->inner + 70 < p->len ? p->inner + 70 : p->len;

	p->len = ETH_HLEN + rng_below(r, last - ETH_HLEN);
	if (p->len < head || rng_chance(r, 30))
		return;
	if (four)
		put16(ip + 2, p->len - p->l3);
	else
		put16(ip + 4, p->len - head);
}

static void cut_inner(struct rng *r, struct packet *p)
{
	unsigned room = p->len - p->inner;
	uint8_t *ip = p->data + p->inner;
	unsigned len = rng_below(r, room);

	p->len = p->inner + len;
	if (ip[0] >> 4 == 4)
		put16(ip + 2, len);
	else
		put16(ip + 4, len < 40 ? 0 : len - 40);
	ip = p->data + p->l3;
	if (ip[0] >> 4 == 4)
		put16(ip + 2, p->len - p->l3);
	else
		put16(ip + 4, p->len - p->l3 - 40);
}

static void inner_ttl(struct rng *r, struct packet *p)
{
	p->data[p->inner + (p->data[p->inner] >> 4 == 4 ? 8 : 7)] = rng_below(r, 3);
}

/* IPv6 without a length, as jumbograms have it, and with a hop-by-hop header or not. */
static void inner_jumbogram(struct rng *r, struct packet *p)
{
	uint8_t *ip = p->data + p->inner;

	if (ip[0] >> 4 != 6)
		return;
	put16(ip + 4, 0);
	if (rng_chance(r, 70))
		ip[6] = 0;
}

static void ecn_set(struct packet *p, unsigned off, unsigned ecn)
{
	uint8_t *ip = p->data + off;

	if (ip[0] >> 4 == 4)
		ip[1] = (ip[1] & ~3) | ecn;
	else
		ip[1] = (ip[1] & ~0x30) | ecn << 4;
}

static void ecn(struct rng *r, struct packet *p)
{
	ecn_set(p, p->l3, rng_below(r, 4));
	ecn_set(p, p->inner, rng_below(r, 4));
}

static void bad_outer(struct rng *r, struct packet *p)
{
	p->bad_outer = true;
	put16(p->data + p->l3 + 10, rng_chance(r, 30) ? 0 : rng_next(r) & 0xffff);
}

static void bad_inner(struct rng *r, struct packet *p)
{
	p->bad_inner = true;
	put16(p->data + p->inner + 10, rng_chance(r, 30) ? 0 : rng_next(r) & 0xffff);
}

static void bad_gre(struct rng *r, struct packet *p)
{
	p->bad_gre = true;
	if (p->checksum)
		put16(p->data + p->gre + 4, rng_chance(r, 30) ? 0 : rng_next(r) & 0xffff);
}

static void outer_fragment_field(struct rng *r, struct packet *p)
{
	if (p->data[p->l3] >> 4 == 4)
		put16(p->data + p->l3 + 6, rng_next(r) & 0xffff);
}

typedef void (*mutation)(struct rng *r, struct packet *p);

static const mutation mutations[] = {
	flip_bits,	 flip_bits,    any_bytes,   gre_flags,	 gre_flags,    gre_version,
	gre_reserved,	 gre_protocol, gre_key,	    outer_length, inner_length, outer_first,
	inner_first,	 ethertype,    truncate_packet, truncate_packet, cut_inner,   inner_ttl,
	ecn,		 ecn,	       bad_outer,   bad_inner,	 bad_gre,      outer_fragment_field,
	inner_jumbogram,
};

void packet_mutate(struct rng *r, struct packet *p)
{
	unsigned n = rng_chance(r, 80) ? 1 : 2;

	/* Fields are where they were as long as the packet is whole. */
	for (unsigned len = p->len; n && p->len == len; n--)
		mutations[rng_below(r, sizeof(mutations) / sizeof(*mutations))](r, p);
}

bool packet_fragment(struct rng *r, struct packet *p)
{
	unsigned payload = p->len - p->l3 - 20, at = 0, part;
	const uint8_t *ip = p->data + p->l3;

	if (p->len < p->l3 + 60 || ip[0] != 0x45 || (get16(ip + 6) & 0xbfff) ||
	    get16(ip + 2) != p->len - p->l3)
		return false;
	part = 8 * (1 + rng_below(r, 3) + payload / 16);
	for (p->nframes = 0; at < payload; p->nframes++) {
		unsigned n = payload - at < part ? payload - at : part;
		uint8_t *to = p->frames[p->nframes], *header = to + p->l3;

		memcpy(to, p->data, p->l3 + 20);
		memcpy(to + p->l3 + 20, ip + 20 + at, n);
		put16(header + 2, 20 + n);
		put16(header + 6, at / 8 | (at + n < payload ? 0x2000 : 0));
		put16(header + 10, 0);
		put16(header + 10, sum16(header, 20));
		p->frame_len[p->nframes] = p->l3 + 20 + n;
		at += n;
	}
	return true;
}
