// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Headers of fragments and of what they make, and which bytes are there. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include "reassembly-internal.h"

#define IP4_MF	   0x2000
#define IP4_OFFSET 0x1fff
#define IP6_LEN	   40
#define IP6_FRAGMENT_LEN 8
#define PACKET_MAX 65535 /* IPv4: with its header; IPv6: without */

/*
 * The first fragment holds the whole GRE header (RFC 7112's demand, for any IP):
 * 4 bytes, and 4 each of checksum, key and sequence number. Every link can carry
 * more: RFC 791 wants 68 bytes of MTU.
 */
#define FIRST_MIN 16

static uint32_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t header_sum(const uint8_t *p, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < len; i += 2)
		sum += get16(p + i);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static uint64_t *parse4(struct reassembly_counters *c, const uint8_t *p, size_t len,
			struct fragment *f)
{
	uint32_t total, field;

	if (len < 20)
		return &c->malformed;
	f->header_len = (p[0] & 15) * 4;
	total = get16(p + 2);
	if (f->header_len < 20 || total < f->header_len || total > len ||
	    header_sum(p, f->header_len) != 0xffff)
		return &c->malformed;
	field = get16(p + 6);
	f->family = XGRE_FAMILY_4;
	f->more = field & IP4_MF;
	f->offset = (field & IP4_OFFSET) * 8;
	f->id = get16(p + 4);
	f->ecn = p[1] & 3;
	f->proto = p[9];
	memcpy(&f->src.w[0], p + 12, 4);
	memcpy(&f->dst.w[0], p + 16, 4);
	f->payload = p + f->header_len;
	f->len = total - f->header_len;
	if (!f->more && !f->offset)
		return &c->malformed; /* whole: not for here */
	/*
	 * By the header of this fragment: the first's may be longer by its options,
	 * so datagram_finish() looks again.
	 */
	if (f->offset + f->len + f->header_len > PACKET_MAX)
		return &c->oversize;
	return NULL;
}

/* The fragment header must come first of all: what else may precede it the programs leave to the kernel. */
static uint64_t *parse6(struct reassembly_counters *c, const uint8_t *p, size_t len,
			struct fragment *f)
{
	const uint8_t *h = p + IP6_LEN;
	uint32_t payload, field;

	if (len < IP6_LEN + IP6_FRAGMENT_LEN || p[6] != IPPROTO_FRAGMENT)
		return &c->malformed;
	payload = get16(p + 4);
	if (payload < IP6_FRAGMENT_LEN || IP6_LEN + payload > len)
		return &c->malformed;
	field = get16(h + 2);
	f->family = XGRE_FAMILY_6;
	f->header_len = IP6_LEN;
	f->more = field & 1;
	f->offset = field & ~7u;
	memcpy(&f->id, h + 4, 4);
	f->ecn = p[1] >> 4 & 3;
	f->proto = h[0];
	memcpy(&f->src, p + 8, 16);
	memcpy(&f->dst, p + 24, 16);
	f->payload = h + IP6_FRAGMENT_LEN;
	f->len = payload - IP6_FRAGMENT_LEN;
	if (f->offset + f->len > PACKET_MAX)
		return &c->oversize;
	return NULL;
}

uint64_t *fragment_parse(struct reassembly_counters *c, const uint8_t *packet, size_t len,
			 struct fragment *ret)
{
	uint64_t *refused;

	memset(ret, 0, sizeof(*ret));
	ret->header = packet;
	if (!len)
		return &c->malformed;
	switch (packet[0] >> 4) {
	case 4:
		refused = parse4(c, packet, len, ret);
		break;
	case 6:
		refused = parse6(c, packet, len, ret);
		break;
	default:
		refused = &c->malformed;
	}
	if (refused)
		return refused;
	/* RFC 791, 8200 4.5: all but the last are multiples of 8 bytes long */
	if (ret->more && ret->len & 7)
		return &c->malformed;
	if (!ret->len || (!ret->offset && ret->len < FIRST_MIN && ret->more))
		return &c->tiny;
	return NULL;
}

enum run_result runs_add(struct reassembly_datagram *d, const struct fragment *f)
{
	uint32_t start = f->offset, end = f->offset + f->len, i = d->nruns;
	struct run *r = d->runs;
	bool left, right;

	while (i && r[i - 1].start >= end)
		i--;
	/* r[i] and what follows is behind it; does what is before it end in time? */
	if (i && r[i - 1].end > start) {
		/* as inet_frag_queue_insert(), but the bytes have to be the same ones, too */
		if (r[i - 1].start <= start && r[i - 1].end >= end &&
		    !memcmp(d->data + ROOM + start, f->payload, f->len))
			return RUN_DUPLICATE;
		return RUN_OVERLAP;
	}
	left = i && r[i - 1].end == start;
	right = i < d->nruns && r[i].start == end;
	if (left && right) {
		r[i - 1].end = r[i].end;
		memmove(r + i, r + i + 1, (--d->nruns - i) * sizeof(*r));
	} else if (left) {
		r[i - 1].end = end;
	} else if (right) {
		r[i].start = start;
	} else {
		if (d->nruns == GAPS)
			return RUN_TOO_MANY;
		memmove(r + i + 1, r + i, (d->nruns++ - i) * sizeof(*r));
		r[i] = (struct run){ start, end };
	}
	return RUN_NEW;
}

#define NOT_ECT (1 << 0)
#define ECT_1	(1 << 1)
#define ECT_0	(1 << 2)
#define CE	(1 << 3)

/* RFC 3168 5.3, as the kernel's ip_frag_ecn_table: bits to set; -1: refuse. */
static int ecn_of(uint8_t seen)
{
	if (seen & NOT_ECT && seen & (ECT_0 | ECT_1 | CE))
		return -1;
	return seen & CE && seen & (ECT_0 | ECT_1) ? 3 : 0;
}

void header_finish(uint8_t *h, uint32_t header_len, uint32_t payload, uint8_t family, uint8_t ecn)
{
	if (family == XGRE_FAMILY_6) {
		h[1] |= ecn << 4;
		put16(h + 4, payload);
		return;
	}
	h[1] |= ecn;
	put16(h + 2, header_len + payload);
	put16(h + 6, 0);
	put16(h + 10, 0);
	put16(h + 10, ~header_sum(h, header_len) & 0xffff);
}

bool datagram_finish(struct reassembly_datagram *d, struct reassembly_packet *ret)
{
	uint8_t *header = d->data + ROOM - d->header_len;
	int ecn = ecn_of(d->ecn);

	if (ecn < 0)
		return false;
	header_finish(header, d->header_len, d->total, d->family, (uint8_t)ecn);
	if (d->family == XGRE_FAMILY_6)
		header[6] = d->proto;
	ret->data = header;
	ret->len = d->header_len + d->total;
	ret->family = d->family;
	ret->port = d->port;
	ret->owner = d;
	return true;
}
