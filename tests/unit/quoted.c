// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ICMP messages about packets that were too big: what is believed of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "quoted.h"
#include "tap.h"

/* fragmentation needed, MTU 1300, about a packet of 1428 bytes with key 1 (made by Scapy) */
static const uint8_t message4[] = {
	0x45, 0x00, 0x00, 0x3c, 0x00, 0x01, 0x00, 0x00, 0x40, 0x01, 0x4d, 0xb2, /* IP, checksum not */
	0xc0, 0xa8, 0x64, 0x01, 0xc0, 0xa8, 0x64, 0xfe,				 /* looked at */
	0x03, 0x04, 0x00, 0x00, 0x00, 0x00, 0x05, 0x14,				 /* ICMP */
	0x45, 0x00, 0x05, 0x94, 0x00, 0x07, 0x40, 0x00, 0x40, 0x2f, 0x00, 0x00, /* quoted IP */
	0xc0, 0xa8, 0x64, 0xfe, 0x81, 0x96, 0x67, 0x39,
	0x20, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x01, 0x45, 0x00, 0x05, 0x78, /* GRE, key, inner */
};

#define ICMP	20
#define QUOTED	28
#define GRE	48
#define LEN	sizeof(message4)

static void checksum(uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	p[2] = p[3] = 0;
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	p[2] = (uint8_t)(sum >> 8);
	p[3] = (uint8_t)sum;
}

/* A copy of exactly this size, so that a read beyond its end is seen. */
static int read4(const uint8_t *message, size_t len, struct quoted *ret)
{
	uint8_t *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, message, len);
	err = quoted_read4(copy, len, ret);
	free(copy);
	return err;
}

static struct xgre_tunnel tunnel(void)
{
	struct xgre_tunnel t = { .flags = XGRE_TUNNEL_USED | XGRE_TUNNEL_KEY_OUT };

	t.local.w[0] = inet_addr("192.168.100.254");
	t.remote.w[0] = inet_addr("129.150.103.57");
	t.key_out = htonl(1);
	return t;
}

static void test_good(void)
{
	struct xgre_tunnel t = tunnel(), other;
	uint8_t m[LEN];
	struct quoted q;

	memcpy(m, message4, LEN);
	checksum(m + ICMP, LEN - ICMP);
	is_int(read4(m, LEN, &q), 0, "a good message");
	is_int(q.mtu, 1300, "its MTU");
	ok(q.has_key && quoted_is_of(&q, &t), "is of the tunnel");
	other = t;
	other.key_out = htonl(2);
	ok(!quoted_is_of(&q, &other), "another key");
	other = t;
	other.flags &= ~XGRE_TUNNEL_KEY_OUT;
	other.key_out = 0;
	ok(!quoted_is_of(&q, &other), "no key");
	other = t;
	other.local = t.remote;
	other.remote = t.local;
	ok(!quoted_is_of(&q, &other), "the other direction");
	other = t;
	other.flags |= XGRE_TUNNEL_OUTER6;
	ok(!quoted_is_of(&q, &other), "the other family");
	other = t;
	other.flags = 0;
	ok(!quoted_is_of(&q, &other), "no tunnel");
}

static void test_bad(void)
{
	struct xgre_tunnel t = tunnel();
	uint8_t m[LEN];
	struct quoted q;

	memcpy(m, message4, LEN);
	checksum(m + ICMP, LEN - ICMP);
	m[ICMP + 7] ^= 1;
	is_int(read4(m, LEN, &q), -EBADMSG, "a wrong checksum");
	memcpy(m, message4, LEN);
	m[ICMP + 6] = 0, m[ICMP + 7] = 68;
	checksum(m + ICMP, LEN - ICMP);
	is_int(read4(m, LEN, &q), 0, "MTU 68");
	is_int(q.mtu, PATH_MTU_MIN4, "is not believed below 552");
	m[ICMP + 7] = 0;
	checksum(m + ICMP, LEN - ICMP);
	is_int(read4(m, LEN, &q), 0, "no MTU, as before RFC 1191");
	is_int(q.mtu, PATH_MTU_MIN4, "is the least");
	m[ICMP + 6] = 0x05, m[ICMP + 7] = 0x94;
	checksum(m + ICMP, LEN - ICMP);
	is_int(read4(m, LEN, &q), -EBADMSG, "a packet that fits");
	memcpy(m, message4, LEN);
	m[QUOTED + 9] = 6;
	checksum(m + ICMP, LEN - ICMP);
	is_int(read4(m, LEN, &q), -ENOMSG, "TCP is none of ours");
	memcpy(m, message4, LEN);
	m[ICMP + 1] = 2;
	is_int(read4(m, LEN, &q), -ENOMSG, "protocol unreachable neither");
	memcpy(m, message4, LEN);
	m[GRE + 1] = 1;
	checksum(m + ICMP, LEN - ICMP);
	is_int(read4(m, LEN, &q), -ENOMSG, "GRE version 1 neither");

	/* a checksum before the key, and 8 bytes quoted as RFC 792 has it */
	memcpy(m, message4, LEN);
	m[GRE] = 0xa0;
	checksum(m + ICMP, GRE + 8 - ICMP);
	is_int(read4(m, GRE + 8, &q), 0, "8 bytes of GRE with a checksum");
	ok(!q.has_key && quoted_is_of(&q, &t), "are of the tunnel as far as can be seen");

	for (size_t len = 0; len < GRE + 8; len++) {
		memcpy(m, message4, LEN);
		if (len > ICMP + 4)
			checksum(m + ICMP, len - ICMP);
		if (read4(m, len, &q) >= 0 && len < GRE + 4)
			ok(false, "cut to %zu bytes it is taken", len);
	}
	ok(true, "cut anywhere nothing is read beyond the end");
}

static void test_6(void)
{
	uint8_t m[8 + 40 + 8] = { 2, 0, 0, 0, 0, 0, 0x05, 0x14, 0x60 };
	struct quoted q;

	m[8 + 4] = 0x05, m[8 + 5] = 0x94; /* payload length */
	m[8 + 6] = 47;
	m[48] = 0x20, m[50] = 0x86, m[51] = 0xdd, m[55] = 6;
	m[50] = 0x86, m[51] = 0xdd;
	is_int(quoted_read6(m, sizeof(m), &q), 0, "packet too big");
	is_int(q.mtu, 1300, "its MTU");
	is_int(ntohl(q.gre.endpoint.key), 6, "its key");
	m[6] = 0x04;
	is_int(quoted_read6(m, sizeof(m), &q), 0, "MTU 1044");
	is_int(q.mtu, PATH_MTU_MIN6, "is not believed below 1280");
	m[0] = 1;
	is_int(quoted_read6(m, sizeof(m), &q), -ENOMSG, "another message");
	for (size_t len = 0; len < sizeof(m) - 4; len++) {
		m[0] = 2;
		if (!quoted_read6(m, len, &q) && len < 52)
			ok(false, "cut to %zu bytes it is taken", len);
	}
	ok(true, "cut anywhere it is not taken");
}

int main(void)
{
	test_good();
	test_bad();
	test_6();
	return done();
}
