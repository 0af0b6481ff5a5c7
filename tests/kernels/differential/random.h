/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers that a seed decides (SplitMix64), and what the makers of packets share. */
#ifndef DIFFERENTIAL_RANDOM_H
#define DIFFERENTIAL_RANDOM_H

#include "differential.h"

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline unsigned rng_below(struct rng *r, unsigned limit)
{
	return (rng_next(r) >> 32) % limit;
}

static inline bool rng_chance(struct rng *r, unsigned percent)
{
	return rng_below(r, 100) < percent;
}

void put16(uint8_t *to, unsigned value);
void put32(uint8_t *to, uint32_t value);
unsigned get16(const uint8_t *from);
uint32_t get32(const uint8_t *from);

/* The internet checksum. */
unsigned sum16(const uint8_t *data, size_t len);

/* An id, as ID_LEN bytes; its check alone. */
void id_put(const struct plan *plan, uint8_t *to, uint32_t id);
uint32_t id_check(const struct plan *plan, uint32_t id);

/* Break something, or several things. */
void packet_mutate(struct rng *r, struct packet *p);

/* Make the checksums right but for those that are to be wrong. */
void packet_repair(struct packet *p);

/* Split an IPv4 packet into two or three frames. false: it cannot be, and nothing changed. */
bool packet_fragment(struct rng *r, struct packet *p);

#endif
