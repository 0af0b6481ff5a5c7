// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * user/reassembly.c: random fragments against a model too simple to be wrong,
 * which marks every byte that has come; real packets in pieces; damaged ones.
 *
 * reassembly-random [SEED]
 */
#include "reassembly-common.h"

/* The model: which bytes of a datagram have come, and what they are. */
#define MODEL_IDS 4
#define MODEL_MAX 4096

static struct model {
	bool pending, rejected, last;
	uint8_t have[MODEL_MAX], data[MODEL_MAX];
	uint32_t total, seen;
	bool first;
	uint64_t born;
} model[2][MODEL_IDS];

/* 1: whole, 0: not, of one fragment. */
static int model_add(const struct piece *p, uint64_t now)
{
	struct model *m = &model[p->family == 6][p->id];
	uint32_t end = p->offset + p->len, same = 0, other = 0;

	if ((p->more && p->len % 8) || !p->len || (!p->offset && p->more && p->len < 16) ||
	    (p->family == 4 && !p->more && !p->offset))
		return 0;
	if (p->family == 6 && !p->more && !p->offset)
		return 1;
	if (m->pending && now >= m->born + (p->family == 4 ? 30 : 60) * SECOND)
		m->pending = false;
	if (!m->pending) {
		memset(m, 0, sizeof(*m));
		m->pending = true;
		m->born = now;
	}
	if (m->rejected)
		return 0;
	for (uint32_t i = p->offset; i < end; i++) {
		same += m->have[i] && m->data[i] == content(p->id, p->salt, i);
		other += m->have[i];
	}
	if ((p->more && m->last && end > m->total) || (!p->more && m->last && end != m->total) ||
	    (!p->more && end < m->total) || (other && same != p->len)) {
		m->rejected = true;
		return 0;
	}
	if (other)
		return 0; /* a duplicate */
	for (uint32_t i = p->offset; i < end; i++) {
		m->have[i] = 1;
		m->data[i] = content(p->id, p->salt, i);
	}
	m->seen += p->len;
	m->first |= !p->offset;
	m->last |= !p->more;
	if (end > m->total)
		m->total = end;
	if (!m->last || m->seen != m->total)
		return 0;
	m->pending = false;
	return 1;
}

static bool model_same(const struct piece *p)
{
	const struct model *m = &model[p->family == 6][p->id];
	uint32_t header = p->family == 4 ? 20 : 40;
	bool atomic = p->family == 6 && !p->more && !p->offset;
	bool same = out.len == header + (atomic ? p->len : m->total);

	for (uint32_t i = 0; same && i < out.len - header; i++)
		same = out.data[header + i] == (atomic ? content(p->id, p->salt, i) : m->data[i]);
	reassembly_release(r, &out);
	return same;
}

/* Fragments of few IDs on a coarse grid, so that they meet, complete and collide often. */
static void random_piece(struct piece *p)
{
	static const uint32_t grid[] = { 8, 16, 200, 400, 1000 };
	uint32_t step = grid[below(5)];

	*p = (struct piece){ .family = below(2) ? 4 : 6, .peer = 1, .id = below(MODEL_IDS), .proto = 47 };
	p->offset = below(4) * step;
	p->len = (1 + below(3)) * step;
	p->more = below(3);
	p->salt = !below(40);
	if (!below(30))
		p->len += below(8);
	if (!below(200))
		p->len = 0;
	if (p->offset + p->len > MODEL_MAX)
		p->len = 8;
}

static void test_model(void)
{
	struct reassembly_limits limits = REASSEMBLY_DEFAULTS;
	uint64_t now = SECOND, wholes = 0;
	bool same = true;
	uint32_t i;

	limits.distance = UINT32_MAX; /* the model knows no distance */
	begin_with(&limits);
	memset(model, 0, sizeof(model));
	for (i = 0; i < 2000000 && same; i++) {
		struct piece p;
		bool whole;
		int want;

		random_piece(&p);
		now += below(100) ? below(SECOND / 2) : 40 * SECOND;
		want = model_add(&p, now);
		whole = add(&p, now);
		same = whole == want && (!whole || model_same(&p));
		wholes += whole;
		if (!same)
			diag("fragment %u: family %u id %u offset %u len %u more %d: got %d want %d", i,
			     p.family, p.id, p.offset, p.len, p.more, whole, want);
	}
	ok(same, "%u random fragments: as the model has it", i);
	ok(wholes > 10000 && count()->overlap > 10000 && count()->length > 10000 &&
		   count()->duplicate > 10000 && count()->timeout > 1000,
	   "and all outcomes were met");
	ok(balanced(), "all are accounted for");
}

/* Real packets, cut anywhere, mixed, lost, repeated: each comes out whole or not at all. */
static void test_shuffled(void)
{
	enum { PACKETS = 40, PIECES = 48 };
	static struct piece pieces[PACKETS * PIECES];
	uint32_t complete = 0, came = 0;
	struct reassembly_limits limits = REASSEMBLY_DEFAULTS;
	bool good = true;

	limits.distance = UINT32_MAX;
	begin_with(&limits);
	for (int round = 0; round < 200 && good; round++) {
		bool lost[PACKETS] = {}, whole[PACKETS] = {};
		uint32_t n = 0, sizes[PACKETS];

		for (uint32_t k = 0; k < PACKETS; k++) {
			uint32_t at = 0, size = 17 + below(k % 8 ? 9000 : 65000);

			sizes[k] = size;
			while (at < size) {
				uint32_t left = size - at;
				uint32_t len = 8 * (2 + below(size / 8 / 12 + 180));
				bool more = len < left;
				struct piece p = { .family = k & 1 ? 4 : 6, .peer = k & 2,
						   .id = (uint32_t)round * PACKETS + k, .proto = 47,
						   .offset = at, .more = more };

				p.len = more ? len : left;
				if (!at && !more) /* no fragment */
					p.len = size / 2 & ~7u, p.more = p.len >= 16;
				if (!p.more && !at) {
					lost[k] = true;
					break;
				}
				at += p.len;
				if (!below(200)) {
					lost[k] = true;
					continue;
				}
				pieces[n++] = p;
				if (!below(20) && n < PACKETS * PIECES)
					pieces[n++] = p;
			}
		}
		for (uint32_t i = n; i > 1; i--) {
			uint32_t j = below(i);
			struct piece t = pieces[i - 1];

			pieces[i - 1] = pieces[j];
			pieces[j] = t;
		}
		for (uint32_t i = 0; i < n && good; i++) {
			uint32_t k = pieces[i].id % PACKETS;

			if (!add(&pieces[i], (uint64_t)round * 100 * SECOND))
				continue;
			came += !whole[k]; /* again, where all of it came twice */
			whole[k] = true;
			good = !lost[k] && right(pieces[i].family, k & 1 ? 20 : 40, sizes[k],
						 pieces[i].id, 0, k & 1 ? 0xb8 : 0xb0);
		}
		for (uint32_t k = 0; k < PACKETS; k++)
			complete += !lost[k];
	}
	ok(good && came == complete && came > 1000,
	   "packets cut, mixed, lost and repeated: %u of %u whole ones, byte for byte", came, complete);
	ok(balanced(), "all are accounted for");
}

/* Noise, and fragments with a few bits turned: nothing but that the sanitizers are quiet. */
static void test_noise(void)
{
	bool bounded = true;

	begin();
	for (uint32_t i = 0; i < 300000; i++) {
		struct piece p;
		size_t len;
		uint8_t *packet;

		random_piece(&p);
		packet = make(&p, &len);
		for (uint32_t k = below(4); k; k--)
			packet[below((uint32_t)(len < 48 ? len : 48))] ^= (uint8_t)(1 << below(8));
		if (p.family == 4 && below(2) && len >= 20) { /* past the checksum */
			size_t header = (packet[0] & 15) * 4u;
			uint16_t sum;

			header = header > len ? len & ~1ul : header;
			packet[10] = packet[11] = 0;
			sum = header_sum(packet, header);
			packet[10] = (uint8_t)(sum >> 8);
			packet[11] = (uint8_t)sum;
		}
		if (reassembly_add(r, packet, below(4) ? len : below((uint32_t)len + 1), below(2), i, &out))
			reassembly_release(r, &out);
		free(packet);
		bounded &= reassembly_memory(r) <= 16 << 20;
	}
	ok(bounded, "300000 damaged fragments");
	ok(balanced(), "all are accounted for");
}

int main(int argc, char **argv)
{
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	if (!seed)
		seed = 1;
	diag("seed %llu", (unsigned long long)seed);
	test_model();
	test_shuffled();
	test_noise();
	reassembly_free(r);
	return done();
}
