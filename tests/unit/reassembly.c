// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* user/reassembly.c: each rule by example. */
#include <errno.h>
#include "reassembly-common.h"

static void test_orders(void)
{
	begin();
	ok(!add(&first4, 0) && add(&last4, 0) && right(4, 20, 1501, 7, 0, 0xb8),
	   "IPv4: two fragments make the packet");
	ok(!add(&last4, 0) && add(&first4, 0) && right(4, 20, 1501, 7, 0, 0xb8),
	   "IPv4: the last first");
	ok(!add(&last6, 0) && add(&first6, 0) && right(6, 40, 1547, 7, 0, 0xb0),
	   "IPv6: the header is the first fragment's, without the fragment header");
	ok(!add(WITH(first4, options, 8), 0) && add(&last4, 0) && right(4, 28, 1501, 7, 0, 0xb8),
	   "IPv4 options are the first fragment's");
	ok(!add(WITH(first6, proto, 47), 0) && add(WITH(last6, proto, 59), 0) &&
		   right(6, 40, 1547, 7, 0, 0xb0),
	   "IPv6: the next header of later fragments is ignored (RFC 8200 4.5)");
	ok(balanced(), "all are accounted for");
}

static void test_key(void)
{
	begin();
	add(&first4, 0);
	ok(!add(WITH(last4, id, 8), 0) && !add(WITH(last4, peer, 2), 0) &&
		   !add(WITH(last4, proto, 50), 0) && !add(WITH(last4, port, 1), 0),
	   "another ID, source, protocol or port is another datagram");
	add(&first6, 0);
	ok(!add(WITH(last6, id, 0x70000), 0) && !add(WITH(last6, peer, 2), 0) &&
		   !add(WITH(last6, port, 1), 0),
	   "the same for IPv6, whose IDs have 32 bits");
	ok(add(&last4, 0) && right(4, 20, 1501, 7, 0, 0xb8) && add(&last6, 0) &&
		   right(6, 40, 1547, 7, 0, 0xb0),
	   "and the right one completes each");
	ok(balanced(), "all are accounted for");
}

static void test_refused(void)
{
	begin();
	add(WITH(first4, len, 1484), 0);
	add(WITH(first6, len, 1444), 0);
	is_int(count()->malformed, 2, "a length that is no multiple of 8 before the end is malformed");
	add(WITH(last4, len, 0), 0);
	add(WITH(first4, len, 8), 0);
	add(WITH(first6, len, 0), 0);
	is_int(count()->tiny, 3, "no payload, or a first fragment without room for GRE: tiny");
	add(WITH2(last4, len, 40, offset, 65512), 0);
	add(WITH2(last6, len, 40, offset, 65504), 0);
	is_int(count()->oversize, 2, "beyond 65535 bytes: oversize");
	add(WITH2(first4, more, false, len, 40), 0);
	is_int(count()->malformed, 3, "an IPv4 packet that is whole is not for here");
	ok(!reassembly_datagrams(r), "none of these left a datagram");

	size_t len;
	uint8_t *p = make(&first4, &len);

	p[8] ^= 1;
	reassembly_add(r, p, len, 0, 0, &out);
	is_int(count()->malformed, 4, "a wrong header checksum is malformed");
	p[8] ^= 1;
	for (size_t n = 0; n < len; n++)
		reassembly_add(r, p, n, 0, 0, &out);
	is_int(count()->malformed, 4 + len, "so is every IPv4 fragment cut short");
	free(p);
	p = make(&first6, &len);
	for (size_t n = 0; n < len; n++)
		reassembly_add(r, p, n, 0, 0, &out);
	is_int(count()->malformed, 4 + 1500 + len, "and every IPv6 one");
	uint8_t padded[2048] = {};

	memcpy(padded, p, len);
	free(p);
	reassembly_add(r, padded, len + 30, 0, 0, &out);
	ok(add(&last6, 0) && right(6, 40, 1547, 7, 0, 0xb0), "padding behind a fragment is cut off");
	/* options of the first make the whole too long, though each fragment for itself is not */
	add(BUT(.family = 4, .id = 9, .proto = 47, .offset = 65504, .len = 11), 0);
	add(BUT(.family = 4, .id = 9, .proto = 47, .len = 1480, .more = true, .options = 40), 0);
	is_int(count()->oversize, 3, "a first fragment whose options make the packet too long: oversize");
	ok(balanced(), "all are accounted for");
}

static void test_overlap(void)
{
	begin();
	add(&first4, 0);
	add(&first4, 0);
	is_int(count()->duplicate, 1, "a duplicate is ignored");
	ok(add(&last4, 0) && right(4, 20, 1501, 7, 0, 0xb8), "and does no harm");
	add(&first4, 0);
	add(WITH(first4, salt, 1), 0);
	is_int(count()->overlap, 1, "the same place with other bytes is an overlap");
	ok(!add(&last4, 0) && !add(&first4, 0) && !count()->timeout,
	   "the datagram's other fragments are discarded, too (RFC 5722 4)");
	is_int(count()->lost, 4, "and counted as lost");
	for (int i = 0; i < 2; i++) {
		const struct piece *base = i ? &first6 : &first4;
		const struct piece cut = { .family = base->family, .peer = 1, .id = 99, .proto = 47,
					   .offset = 800, .len = 1000 };

		add(WITH(*base, id, 99), 0);
		add(&cut, 0);
		is_int(count()->overlap, 2 + i, "IPv%d: half over another is an overlap", i ? 6 : 4);
	}
	/* around another, and between two that leave less room */
	add(BUT(.family = 4, .id = 5, .proto = 47, .offset = 160, .len = 80, .more = true), 0);
	add(BUT(.family = 4, .id = 5, .proto = 47, .offset = 80, .len = 240, .more = true), 0);
	is_int(count()->overlap, 4, "around another is an overlap");
	add(BUT(.family = 4, .id = 6, .proto = 47, .offset = 0, .len = 80, .more = true), 0);
	add(BUT(.family = 4, .id = 6, .proto = 47, .offset = 160, .len = 80, .more = true), 0);
	add(BUT(.family = 4, .id = 6, .proto = 47, .offset = 80, .len = 88, .more = true), 0);
	is_int(count()->overlap, 5, "between two, one byte too long, is an overlap");
	ok(balanced(), "all are accounted for");
}

static void test_end(void)
{
	begin();
	add(&last4, 0);
	add(WITH(last4, len, 30), 0);
	is_int(count()->length, 1, "two different ends: given up");
	add(WITH(last4, id, 8), 0);
	add(BUT(.family = 4, .peer = 1, .id = 8, .proto = 47, .offset = 1600, .len = 80, .more = true), 0);
	is_int(count()->length, 2, "something behind the end: given up");
	add(BUT(.family = 4, .peer = 1, .id = 9, .proto = 47, .offset = 1600, .len = 80, .more = true), 0);
	add(WITH(last4, id, 9), 0);
	is_int(count()->length, 3, "an end before what has come: given up");
	for (uint32_t i = 0; i < 129; i++)
		add(BUT(.family = 6, .id = 1, .proto = 47, .offset = i * 16, .len = 16, .more = true), 0);
	is_int(count()->count, 1, "more than 128 fragments: given up");
	ok(balanced(), "all are accounted for");
}

static void test_atomic(void)
{
	begin();
	add(&first6, 0);
	ok(add(BUT(.family = 6, .peer = 1, .id = 7, .proto = 47, .len = 60), 0) &&
		   right(6, 40, 60, 7, 0, 0xb0),
	   "an atomic fragment is a packet (RFC 6946)");
	ok(add(&last6, 0) && right(6, 40, 1547, 7, 0, 0xb0),
	   "and concerns no other fragments of its ID");
	is_int(count()->atomic, 1, "it is counted");
	ok(balanced(), "all are accounted for");
}

/* ip_frag_ecn_table of the kernel, by first and last fragment: ECN of the whole, -1 refused. */
static void test_ecn(void)
{
	static const int table[4][4] = {
		{ 0, -1, -1, -1 },
		{ -1, 1, 1, 3 },
		{ -1, 2, 2, 3 },
		{ -1, 3, 3, 3 },
	};
	uint64_t refused = 0;

	begin();
	for (int a = 0; a < 4; a++)
		for (int b = 0; b < 4; b++) {
			bool good4, good6;

			add(WITH(first4, ecn, (uint8_t)a), 0);
			good4 = add(WITH(last4, ecn, (uint8_t)b), 0);
			if (good4)
				good4 = right(4, 20, 1501, 7, 0, (uint8_t)(0xb8 | table[a][b]));
			add(WITH(first6, ecn, (uint8_t)a), 0);
			good6 = add(WITH(last6, ecn, (uint8_t)b), 0);
			if (good6)
				good6 = right(6, 40, 1547, 7, 0, (uint8_t)(0xb0 | table[a][b]));
			refused += table[a][b] < 0 ? 2 : 0;
			ok(good4 == (table[a][b] >= 0) && good6 == good4 && count()->ecn == refused,
			   "ECN %d and %d: %s", a, b, table[a][b] < 0 ? "refused" : "passed on");
		}
	ok(balanced(), "all are accounted for");
}

static void test_time(void)
{
	begin();
	add(&first4, 1 * SECOND);
	add(&first6, 2 * SECOND);
	ok(reassembly_expire(r, 30 * SECOND) == 31 * SECOND, "the next to expire is told");
	ok(reassembly_expire(r, 31 * SECOND) == 62 * SECOND, "IPv4 after 30 s");
	ok(!add(&last4, 31 * SECOND), "what comes later completes nothing");
	is_int(count()->timeout, 1, "counted as timeout");
	ok(reassembly_expire(r, 61 * SECOND) == 62 * SECOND && reassembly_datagrams(r) == 1 &&
		   reassembly_expire(r, 62 * SECOND) == UINT64_MAX && !reassembly_memory(r),
	   "IPv6 after 60 s, and then nothing is held");
	add(&first4, 70 * SECOND);
	add(&last6, 100 * SECOND);
	is_int(reassembly_datagrams(r), 1, "a fragment that comes drives the clock as well");
	ok(balanced(), "all are accounted for");
}

static void test_distance(void)
{
	begin();
	add(&first4, 0);
	for (uint32_t i = 0; i < 63; i++)
		add(WITH(first4, id, 1000 + i), 0);
	ok(add(&last4, 0) && right(4, 20, 1501, 7, 0, 0xb8), "63 fragments in between are allowed");
	add(&first4, 0);
	for (uint32_t i = 0; i < 64; i++)
		add(WITH(first4, id, 2000 + i), 0);
	ok(!add(&last4, 0), "after 64 the ID is another datagram's (RFC 4963)");
	is_int(count()->stale, 1, "counted as stale");
	ok(add(&first4, 0) && right(4, 20, 1501, 7, 0, 0xb8), "which completes");
	add(&first6, 0);
	for (uint32_t i = 0; i < 100; i++)
		add(WITH(first6, id, 1000 + i), 0);
	ok(add(&last6, 0) && right(6, 40, 1547, 7, 0, 0xb0), "IPv6 IDs are long enough");
	ok(balanced(), "all are accounted for");
}

/* A flood of fragments from one peer, among the datagrams of another. */
static void test_fair(void)
{
	const struct reassembly_limits limits = { .memory = 1 << 20, .peer_memory = 256 << 10,
						  .fragments = 64, .distance = 64,
						  .timeout4 = 30 * SECOND, .timeout6 = 60 * SECOND };
	uint32_t whole = 0;
	bool bounded = true, peer_bounded = true;

	begin_with(&limits);
	for (uint32_t i = 0; i < 20000; i++) {
		/* begun before much of the flood, ended after it */
		if (i % 1000 == 0)
			add(WITH(first4, id, i / 1000), i);
		add(WITH2(first4, id, i & 0xffff, peer, 2), i);
		if (i % 1000 == 999 && add(WITH(last4, id, i / 1000), i) &&
		    right(4, 20, 1501, i / 1000, 0, 0xb8))
			whole++;
		peer_bounded &= reassembly_memory(r) <= limits.peer_memory + 8192;
	}
	is_int(whole, 20, "a peer's datagrams complete during another's flood");
	ok(peer_bounded, "which is held to its share");
	ok(count()->evicted > 19000, "and loses its own oldest");
	/* many flooders, together beyond the whole */
	whole = 0;
	for (uint32_t i = 0; i < 20000; i++) {
		if (i % 1000 == 0)
			add(WITH(first6, id, i / 1000), i);
		add(WITH2(first6, id, i, peer, 10 + i % 8), i);
		if (i % 1000 == 999 && add(WITH(last6, id, i / 1000), i) &&
		    right(6, 40, 1547, i / 1000, 0, 0xb0))
			whole++;
		bounded &= reassembly_memory(r) <= limits.memory;
	}
	is_int(whole, 20, "also during floods of eight that exceed the whole memory");
	ok(bounded, "which is never exceeded");
	/* one datagram as large as can be, of little pieces that ask for much */
	begin_with(&(struct reassembly_limits){ .memory = REASSEMBLY_LARGEST,
						.peer_memory = REASSEMBLY_LARGEST, .fragments = 128,
						.distance = 64, .timeout4 = SECOND, .timeout6 = SECOND });
	for (uint32_t at = 0; at < 64000; at += 6400)
		add(BUT(.family = 4, .id = 3, .proto = 47, .offset = at, .len = 6400, .more = true), 0);
	ok(add(BUT(.family = 4, .id = 3, .proto = 47, .offset = 64000, .len = 1515), 0) &&
		   right(4, 20, 65515, 3, 0, 0xb8),
	   "the largest packet of all fits into the least memory");
	ok(balanced(), "all are accounted for");
	is_int(reassembly_new(&(struct reassembly_limits){ .memory = 1 << 20, .peer_memory = 1 << 16,
							   .fragments = 64 }, 1, &r),
	       -EINVAL, "limits that no packet fits into are refused");
}

int main(void)
{
	test_orders();
	test_key();
	test_refused();
	test_overlap();
	test_end();
	test_atomic();
	test_ecn();
	test_time();
	test_distance();
	test_fair();
	reassembly_free(r);
	return done();
}
