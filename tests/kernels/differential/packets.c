// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The stream: good packets of many forms, and most of them with something broken. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>
#include "differential.h"
#include "random.h"

#define GRE_C	 0x8000
#define GRE_K	 0x2000
#define GRE_S	 0x1000

/* The id at both ends of the payload, so that a mutation or a cut leaves one of them. */
static unsigned payload_make(const struct plan *plan, struct rng *r, uint32_t id, uint8_t *to)
{
	unsigned len = 2 * ID_LEN + (rng_chance(r, 4) ? rng_below(r, 1200) : rng_below(r, 60));

	for (unsigned i = 0; i < len; i++)
		to[i] = rng_next(r);
	id_put(plan, to, id);
	id_put(plan, to + len - ID_LEN, id);
	return len;
}

/* Header of what IP carries, and the payload. Returns the length, the protocol in *ret_proto. */
static unsigned upper_make(const struct plan *plan, struct rng *r, uint32_t id, int family,
			   uint8_t *to, uint8_t *ret_proto)
{
	static const uint8_t protocols[] = { 17, 17, 17, 17, 6, 6, 1, 58, 47, 50, 132, 0, 89, 4 };
	uint8_t proto = protocols[rng_below(r, sizeof(protocols))];
	unsigned head = proto == IPPROTO_TCP ? 20 : 8, len;

	if (!proto)
		proto = 137 + rng_below(r, 100);
	if ((proto == IPPROTO_ICMP && family == 6) || (proto == IPPROTO_ICMPV6 && family == 4))
		proto ^= IPPROTO_ICMP ^ IPPROTO_ICMPV6;
	for (unsigned i = 0; i < head; i++)
		to[i] = rng_next(r);
	len = head + payload_make(plan, r, id, to + head);
	if (proto == IPPROTO_UDP)
		put16(to + 4, len);
	if (proto == IPPROTO_TCP)
		to[12] = 5 << 4;
	if (proto == IPPROTO_GRE) { /* PPTP's: version 1, or plain GRE that is for somebody else */
		put32(to, rng_chance(r, 50) ? 0x3001880b : 0x00000800);
		put16(to + 4, len - 8);
	}
	*ret_proto = proto;
	return len;
}

/* Addresses that a router treats apart. */
static const char *const odd4[] = { "127.0.0.1", "0.0.0.0", "224.0.0.5", "255.255.255.255",
				    "240.0.0.1", "169.254.1.1", "10.0.0.2", "10.1.0.1", "10.0.0.1",
				    "10.0.0.255", "192.0.2.77", "239.1.1.1", "0.1.2.3" };
static const char *const odd6[] = { "::1", "::", "ff02::5", "ff0e::1", "fe80::99", "fd00::2",
				    "fd01::1", "2001:db8::77", "::10.1.2.3", "::ffff:10.1.2.3",
				    "ff01::1", "fec0::1", "2002:a00:1::1" };

static void odd_address(struct rng *r, int family, uint8_t *to)
{
	if (family == 4)
		inet_pton(AF_INET, odd4[rng_below(r, sizeof(odd4) / sizeof(*odd4))], to);
	else
		inet_pton(AF_INET6, odd6[rng_below(r, sizeof(odd6) / sizeof(*odd6))], to);
}

/* Good ones and bad ones; a timestamp option is full, or its bytes would be the time's. */
static unsigned options4_make(struct rng *r, uint8_t *to)
{
	static const char *const options[] = {
		"\1\1\1\1", "\1\1\1\0", "\x94\4\0\0", "\7\7\4\0\0\0\0\0", "\x44\x0c\x0d\0\0\0\0\0\0\0\0\0",
		"\x83\7\4\x0a\2\0\1\0", "\x44\xff\xff\xff", "\x88\4\0\1", "\x9e\1\0\0",
		"\7\7\3\0\0\0\0\0",
	};
	static const uint8_t lengths[] = { 4, 4, 4, 8, 12, 8, 4, 4, 4, 8 };
	unsigned i = rng_below(r, sizeof(lengths));

	memcpy(to, options[i], lengths[i]);
	return lengths[i];
}

static uint8_t ttl_make(struct rng *r)
{
	return rng_chance(r, 90) ? 2 + rng_below(r, 253) : rng_below(r, 3);
}

static unsigned inner4_make(const struct plan *plan, struct rng *r, const struct tunnel *t,
			    uint32_t id, uint8_t *ip)
{
	unsigned head = 20, len;

	memset(ip, 0, 20);
	if (rng_chance(r, 4))
		head += options4_make(r, ip + 20);
	len = head + upper_make(plan, r, id, 4, ip + head, &ip[9]);
	ip[0] = 0x40 | head / 4;
	ip[1] = rng_next(r);
	put16(ip + 2, len);
	put16(ip + 4, id & 0xffff);
	if (rng_chance(r, 50))
		put16(ip + 6, 0x4000);
	else if (rng_chance(r, 10))
		put16(ip + 6, rng_chance(r, 50) ? 0x2000 : rng_below(r, 0x10000));
	ip[8] = ttl_make(r);
	memcpy(ip + 12, t->source4, 2);
	put16(ip + 14, id_check(plan, id) & 0xffff);
	memcpy(ip + 16, plan->to4, 2);
	put16(ip + 18, id >> 16);
	if (rng_chance(r, 2))
		odd_address(r, 4, ip + 12);
	if (rng_chance(r, 3))
		odd_address(r, 4, ip + 16);
	if (rng_chance(r, 1) && t->family == 4) /* the payload for the tunnel's far end: a loop */
		memcpy(ip + 16, t->remote, 4);
	return len;
}

static unsigned inner6_make(const struct plan *plan, struct rng *r, const struct tunnel *t,
			    uint32_t id, uint8_t *ip)
{
	static const uint8_t extensions[] = { 0, 43, 60, 44 };
	unsigned head = 40, len;
	uint8_t proto;

	if (rng_chance(r, 8))
		head += 8;
	len = head + upper_make(plan, r, id, 6, ip + head, &proto);
	memset(ip, 0, head);
	ip[6] = proto;
	if (head > 40) {
		ip[6] = extensions[rng_below(r, sizeof(extensions))];
		ip[40] = proto;
		if (ip[6] == 44) {
			put16(ip + 42, rng_below(r, 0x10000));
			put32(ip + 44, rng_next(r));
		} else if (ip[6] != 43) {
			memcpy(ip + 42, "\1\4\0\0\0\0", 6); /* PadN */
		}
	}
	put32(ip, 6u << 28 | (rng_next(r) & 0x0fffffff));
	put16(ip + 4, len - 40);
	ip[7] = ttl_make(r);
	memcpy(ip + 8, t->source6, 8);
	put32(ip + 20, id_check(plan, id));
	memcpy(ip + 24, plan->to6, 8);
	put32(ip + 36, id);
	if (rng_chance(r, 2))
		odd_address(r, 6, ip + 8);
	if (rng_chance(r, 3))
		odd_address(r, 6, ip + 24);
	if (rng_chance(r, 1) && t->family == 6)
		memcpy(ip + 24, t->remote, 16);
	return len;
}

/* The GRE header, at p->gre; its checksum comes with the others. */
static void gre_make(struct rng *r, const struct tunnel *t, struct packet *p, int inner)
{
	uint8_t *at = p->data + p->gre + 4;
	bool other = rng_chance(r, 2); /* no key where there should be one, or key 0 where none */
	unsigned flags = t->keyed != other ? GRE_K : 0;

	if (rng_chance(r, t->checksum ? 92 : 4)) {
		flags |= GRE_C;
		p->checksum = true;
		put32(at, 0);
		at += 4;
	}
	if (flags & GRE_K) {
		put32(at, t->keyed ? t->key : 0);
		at += 4;
	}
	if (rng_chance(r, 15)) {
		flags |= GRE_S;
		put32(at, rng_next(r));
		at += 4;
	}
	put16(p->data + p->gre, flags);
	put16(p->data + p->gre + 2, inner == 4 ? ETH_P_IP : ETH_P_IPV6);
	p->inner = at - p->data;
}

/* The outer header but for its length. */
static void outer_make(struct rng *r, const struct tunnel *t, struct packet *p)
{
	uint8_t *ip = p->data + p->l3;

	if (t->family == 4) {
		unsigned head = 20;

		memset(ip, 0, 20);
		if (rng_chance(r, 3))
			head += options4_make(r, ip + 20);
		ip[0] = 0x40 | head / 4;
		ip[1] = rng_next(r);
		put16(ip + 4, rng_next(r) & 0xffff);
		put16(ip + 6, rng_chance(r, 70) ? 0x4000 : 0);
		ip[8] = rng_chance(r, 90) ? 60 : rng_below(r, 3);
		ip[9] = IPPROTO_GRE;
		memcpy(ip + 12, t->remote, 4);
		memcpy(ip + 16, t->local, 4);
		p->gre = p->l3 + head;
		return;
	}
	put32(ip, 6u << 28 | (rng_next(r) & 0x0fffffff));
	ip[6] = IPPROTO_GRE;
	ip[7] = rng_chance(r, 90) ? 60 : rng_below(r, 3);
	memcpy(ip + 8, t->remote, 16);
	memcpy(ip + 24, t->local, 16);
	p->gre = p->l3 + 40;
	if (rng_chance(r, 30)) { /* tunnel encapsulation limit, RFC 2473 4.1.1, as Linux sends it */
		ip[6] = IPPROTO_DSTOPTS;
		memcpy(ip + 40, "\x2f\0\4\1\4\1\1\0", 8);
		p->gre += 8;
	}
}

static void outer_length(struct packet *p)
{
	uint8_t *ip = p->data + p->l3;

	if (ip[0] >> 4 == 4)
		put16(ip + 2, p->len - p->l3);
	else
		put16(ip + 4, p->len - p->l3 - 40);
}

/* A good packet, whole, but for checksums. */
static void good_make(const struct plan *plan, struct rng *r, const struct tunnel *t, uint32_t id,
		      struct packet *p)
{
	int inner = rng_chance(r, 60) ? 4 : 6;

	memset(p, 0, offsetof(struct packet, frames));
	memcpy(p->data, plan->gateway_mac, 6);
	memcpy(p->data + 6, plan->host_mac, 6);
	put16(p->data + 12, t->family == 4 ? ETH_P_IP : ETH_P_IPV6);
	p->l3 = ETH_HLEN;
	outer_make(r, t, p);
	gre_make(r, t, p, inner);
	p->len = p->inner + (inner == 4 ? inner4_make : inner6_make)(plan, r, t, id,
								     p->data + p->inner);
	outer_length(p);
}

/* Put an IPv4 header's checksum right, where the header is there. */
static void ip4_check(struct packet *p, unsigned off)
{
	uint8_t *ip = p->data + off;
	unsigned head;

	if (off + 20 > p->len || ip[0] >> 4 != 4)
		return;
	head = (ip[0] & 15) * 4;
	if (head < 20 || off + head > p->len)
		return;
	put16(ip + 10, 0);
	put16(ip + 10, sum16(ip, head));
}

void packet_repair(struct packet *p)
{
	if (!p->bad_inner)
		ip4_check(p, p->inner);
	if (p->checksum && !p->bad_gre && p->gre + 8 <= p->len) {
		put16(p->data + p->gre + 4, 0);
		put16(p->data + p->gre + 4, sum16(p->data + p->gre, p->len - p->gre));
	}
	if (!p->bad_outer)
		ip4_check(p, p->l3);
}

static void one_frame(struct packet *p)
{
	p->nframes = 1;
	p->frame_len[0] = p->len;
	memcpy(p->frames[0], p->data, p->len);
}

void packet_make(const struct plan *plan, uint32_t number, struct packet *p)
{
	struct rng r = { .state = plan->seed * 0x2545f4914f6cdd1dull + number };
	const struct tunnel *t;

	t = &plan->tunnels[rng_below(&r, plan->ntunnels)];
	good_make(plan, &r, t, number, p);
	if (rng_chance(&r, 65))
		packet_mutate(&r, p);
	packet_repair(p);
	if (plan->fragments && rng_chance(&r, 3) && packet_fragment(&r, p))
		return;
	if (rng_chance(&r, 5) && p->len + 40 < PACKET_MAX) { /* link-layer padding */
		memset(p->data + p->len, 0x5a, 40);
		p->len += 1 + rng_below(&r, 40);
	}
	one_frame(p);
}

uint32_t packet_search(const struct plan *plan, uint32_t count, const uint8_t *data, size_t len)
{
	static struct packet p;
	bool four = data[ETH_HLEN] >> 4 == 4;
	unsigned off = ETH_HLEN + (four ? 12 : 8), n = four ? 8 : 32;

	for (uint32_t number = 0; number < count && off + n <= len; number++) {
		const uint8_t *at;

		packet_make(plan, number, &p);
		at = memmem(p.data, p.len, data + off, n);
		/* odd addresses are those of many packets: IPv4's ID has to be the same as well */
		if (at && (!four || !memcmp(at - 8, data + off - 8, 2)))
			return number;
	}
	return ID_NONE;
}

void marker_make(const struct plan *plan, uint32_t id, bool in_fragments, struct packet *p)
{
	const struct tunnel *t = &plan->tunnels[0];
	struct rng r = { .state = id };
	uint8_t *ip;

	do { /* the first packet that everybody forwards */
		good_make(plan, &r, t, id, p);
		ip = p->data + p->inner;
	} while (p->gre != p->l3 + 20 || p->checksum || ip[0] != 0x45 || ip[9] != IPPROTO_UDP ||
		 ip[8] < 2 || (get16(ip + 6) & 0x3fff) || memcmp(ip + 12, t->source4, 2) ||
		 memcmp(ip + 16, plan->to4, 2) || p->data[p->gre] & 0x20 || (p->data[p->l3 + 1] & 3) == 3);
	packet_repair(p);
	if (!in_fragments || !packet_fragment(&r, p))
		one_frame(p);
}
