// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Numbers in packets, and the ids that tell packets apart. */
#include <linux/if_ether.h>
#include <string.h>
#include "differential.h"
#include "random.h"

#define ID_MAGIC 0x7867d1ffu

void put16(uint8_t *to, unsigned value)
{
	to[0] = value >> 8;
	to[1] = value;
}

void put32(uint8_t *to, uint32_t value)
{
	put16(to, value >> 16);
	put16(to + 2, value & 0xffff);
}

unsigned get16(const uint8_t *from)
{
	return from[0] << 8 | from[1];
}

uint32_t get32(const uint8_t *from)
{
	return (uint32_t)get16(from) << 16 | get16(from + 2);
}

unsigned sum16(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(data + i);
	if (len & 1)
		sum += data[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

uint32_t id_check(const struct plan *plan, uint32_t id)
{
	struct rng r = { .state = plan->seed ^ (uint64_t)id << 17 };

	return rng_next(&r);
}

void id_put(const struct plan *plan, uint8_t *to, uint32_t id)
{
	put32(to, ID_MAGIC);
	put32(to + 4, id);
	put32(to + 8, id_check(plan, id));
}

/*
 * Where nothing of the payload is left the inner addresses tell, and IPv4's ID: a
 * forwarded frame's IP header is at a place that is known.
 */
static uint32_t id_of_header(const struct plan *plan, const uint8_t *data, size_t len)
{
	const uint8_t *ip = data + ETH_HLEN;
	uint32_t id;

	if (len >= ETH_HLEN + 20 && ip[0] >> 4 == 4) {
		id = get16(ip + 18) << 16 | get16(ip + 4);
		if (get16(ip + 14) == (id_check(plan, id) & 0xffff))
			return id;
	} else if (len >= ETH_HLEN + 40 && ip[0] >> 4 == 6) {
		id = get32(ip + 36);
		if (get32(ip + 20) == id_check(plan, id))
			return id;
	}
	return ID_NONE;
}

uint32_t id_find(const struct plan *plan, const uint8_t *data, size_t len)
{
	static const uint8_t magic[] = { 0x78, 0x67, 0xd1, 0xff };
	const uint8_t *end = data + len, *at = data;

	while ((at = memmem(at, end - at, magic, sizeof(magic))) && at + ID_LEN <= end) {
		uint32_t id = get32(at + 4);

		if (get32(at + 8) == id_check(plan, id))
			return id;
		at++;
	}
	return id_of_header(plan, data, len);
}
