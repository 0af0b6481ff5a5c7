/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fragments for the tests of user/reassembly.c, and the check of what they make. */
#ifndef XGRE_REASSEMBLY_COMMON_H
#define XGRE_REASSEMBLY_COMMON_H

#include <stdlib.h>
#include <string.h>
#include "reassembly.h"
#include "tap.h"

#define SECOND 1000000000ull

static uint64_t seed = 1;

__attribute__((unused)) static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1dull >> 16;
}

__attribute__((unused)) static uint32_t below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

/* One fragment to be; content is a function of id and place, so that it can be checked. */
struct piece {
	uint8_t family;
	uint32_t peer; /* last bytes of the source */
	uint32_t id;
	uint8_t proto;
	uint32_t port;
	uint32_t offset, len;
	bool more;
	uint8_t ecn;
	uint32_t options; /* bytes of IPv4 options */
	uint8_t salt;	  /* of the content */
};

__attribute__((unused)) static uint8_t content(uint32_t id, uint8_t salt, uint32_t at)
{
	return (uint8_t)(id * 31 + at * 7 + (at >> 8) + salt);
}

__attribute__((unused)) static uint16_t header_sum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

__attribute__((unused)) static size_t make4(const struct piece *p, uint8_t *out)
{
	uint32_t header = 20 + p->options;
	uint32_t field = p->offset / 8 | (p->more ? 0x2000 : 0);
	uint16_t sum;

	memset(out, 1, header); /* options: NOP */
	out[0] = (uint8_t)(0x40 | header / 4);
	out[1] = 0xb8 | p->ecn;
	out[2] = (uint8_t)((header + p->len) >> 8);
	out[3] = (uint8_t)(header + p->len);
	out[4] = (uint8_t)(p->id >> 8);
	out[5] = (uint8_t)p->id;
	out[6] = (uint8_t)(field >> 8);
	out[7] = (uint8_t)field;
	out[8] = 64;
	out[9] = p->proto;
	out[10] = out[11] = 0;
	memcpy(out + 12, (uint8_t[]){ 10, (uint8_t)(p->peer >> 16), (uint8_t)(p->peer >> 8),
				      (uint8_t)p->peer }, 4);
	memcpy(out + 16, (uint8_t[]){ 192, 0, 2, 1 }, 4);
	sum = header_sum(out, header);
	out[10] = (uint8_t)(sum >> 8);
	out[11] = (uint8_t)sum;
	return header;
}

__attribute__((unused)) static size_t make6(const struct piece *p, uint8_t *out)
{
	uint32_t field = p->offset | p->more;

	memset(out, 0, 48);
	out[0] = 0x60 | 0xb;
	out[1] = (uint8_t)(p->ecn << 4 | 5);
	out[4] = (uint8_t)((8 + p->len) >> 8);
	out[5] = (uint8_t)(8 + p->len);
	out[6] = 44;
	out[7] = 64;
	memcpy(out + 8, (uint8_t[]){ 0x20, 1, 0xd, 0xb8 }, 4);
	out[21] = (uint8_t)(p->peer >> 16);
	out[22] = (uint8_t)(p->peer >> 8);
	out[23] = (uint8_t)p->peer;
	memcpy(out + 24, (uint8_t[]){ 0x20, 1, 0xd, 0xb8, 9 }, 5);
	out[40] = p->proto;
	out[42] = (uint8_t)(field >> 8);
	out[43] = (uint8_t)field;
	memcpy(out + 44, &p->id, 4);
	return 48;
}

/* The fragment in memory of its very size, so that ASan sees a look behind it. */
__attribute__((unused)) static uint8_t *make(const struct piece *p, size_t *ret_len)
{
	uint8_t header[128];
	size_t n = p->family == 4 ? make4(p, header) : make6(p, header);
	uint8_t *out = malloc(n + p->len + 1);

	memcpy(out, header, n);
	for (uint32_t i = 0; i < p->len; i++)
		out[n + i] = content(p->id, p->salt, p->offset + i);
	*ret_len = n + p->len;
	return realloc(out, *ret_len);
}

static struct reassembly *r;
static struct reassembly_packet out;

__attribute__((unused)) static bool add(const struct piece *p, uint64_t now)
{
	size_t len;
	uint8_t *packet = make(p, &len);
	bool whole = reassembly_add(r, packet, len, p->port, now, &out);

	free(packet);
	return whole;
}

__attribute__((unused)) static const struct reassembly_counters *count(void)
{
	return reassembly_counters(r);
}

__attribute__((unused)) static void begin_with(const struct reassembly_limits *limits)
{
	reassembly_free(r);
	if (reassembly_new(limits, 42, &r))
		abort();
}

__attribute__((unused)) static void begin(void)
{
	begin_with(&(struct reassembly_limits)REASSEMBLY_DEFAULTS);
}

/* Every fragment that came in is accounted for, those pending by their datagrams' end. */
__attribute__((unused)) static bool balanced(void)
{
	const struct reassembly_counters *c;

	reassembly_flush(r);
	c = count();
	return c->fragments == c->whole_fragments + c->atomic + c->duplicate + c->malformed +
				       c->tiny + c->oversize + c->no_memory + c->lost &&
	       !reassembly_memory(r) && !reassembly_datagrams(r);
}

/* Is the packet that is out the right one, every byte? */
__attribute__((unused)) static bool right(uint8_t family, uint32_t header, uint32_t payload, uint32_t id, uint8_t salt,
		  uint8_t tos)
{
	const uint8_t *d = out.data;
	bool good = out.family == family && out.len == header + payload;

	if (good && family == 4)
		good = (d[2] << 8 | d[3]) == (int)out.len && !d[6] && !d[7] && d[1] == tos &&
		       !header_sum(d, header) && (d[0] & 15) * 4u == header;
	else if (good)
		good = (d[4] << 8 | d[5]) == (int)payload && d[6] == 47 &&
		       (uint8_t)(d[0] << 4 | d[1] >> 4) == tos && (d[1] & 15) == 5;
	for (uint32_t i = 0; good && i < payload; i++)
		good = d[header + i] == content(id, salt, i);
	for (int i = 1; good && i <= REASSEMBLY_HEADROOM; i++)
		out.data[-i] = 0xee; /* writable */
	reassembly_release(r, &out);
	return good;
}

__attribute__((unused)) static const struct piece first4 = { .family = 4, .peer = 1, .id = 7, .proto = 47, .len = 1480, .more = true };
__attribute__((unused)) static const struct piece last4 = { .family = 4, .peer = 1, .id = 7, .proto = 47, .offset = 1480, .len = 21 };
__attribute__((unused)) static const struct piece first6 = { .family = 6, .peer = 1, .id = 7, .proto = 47, .len = 1448, .more = true };
__attribute__((unused)) static const struct piece last6 = { .family = 6, .peer = 1, .id = 7, .proto = 47, .offset = 1448, .len = 99 };

#define BUT(...) (&(struct piece){ __VA_ARGS__ })
/* A copy with one or two things different. */
#define WITH(base, member, value)                                                                  \
	({                                                                                         \
		static struct piece p__;                                                           \
		p__ = base;                                                                        \
		p__.member = value;                                                                \
		&p__;                                                                              \
	})

#define WITH2(base, member1, value1, member2, value2)                                               \
	({                                                                                         \
		static struct piece p__;                                                           \
		p__ = base;                                                                        \
		p__.member1 = value1;                                                              \
		p__.member2 = value2;                                                              \
		&p__;                                                                              \
	})

#endif
