// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The keepalive packet, byte by byte, and what is taken for its return. */
#include <arpa/inet.h>
#include <string.h>
#include "keepalive.h"
#include "model.h"
#include "resolve.h"
#include "tap.h"

/* key 1, TTL 64: made with Scapy; ID and outer checksum are the kernel's to fill in */
static const uint8_t want4[] = {
	0x45, 0x00, 0x00, 0x38, 0x00, 0x00, 0x40, 0x00, 0x40, 0x2f, 0x00, 0x00, 0xc0, 0xa8,
	0x64, 0xfe, 0x81, 0x96, 0x67, 0x39, 0x20, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x01,
	0x45, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x00, 0x00, 0xff, 0x2f, 0x4e, 0x25, 0x81, 0x96,
	0x67, 0x39, 0xc0, 0xa8, 0x64, 0xfe, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
};

static void fill(struct xgre_tunnel *ret, const char *local, const char *remote, bool keys)
{
	struct model m;
	struct tunnel *t;

	model_init(&m);
	t = model_add_tunnel(&m);
	addr_parse(local, &t->local);
	addr_parse(remote, &t->remote);
	if (keys) {
		t->key_out = (struct key){ .set = true, .value = 1 };
		t->key_in = (struct key){ .set = true, .value = 2 };
	}
	memset(ret, 0, sizeof(*ret));
	tunnel_fill(t, 1400, ret);
	model_free(&m);
}

/* One's-complement sum of a header: right where it is 0xffff. */
static uint16_t sum(const uint8_t *p, size_t len)
{
	uint32_t s = 0;

	for (size_t i = 0; i < len; i += 2)
		s += (uint32_t)(p[i] << 8 | p[i + 1]);
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)((s & 0xffff) + (s >> 16));
}

int main(void)
{
	uint8_t p[KEEPALIVE_MAX];
	struct gre_packet g;
	struct xgre_tunnel t;
	size_t len;

	fill(&t, "192.168.100.254", "129.150.103.57", true);
	len = keepalive_make(&t, p);
	is_int(len, sizeof(want4), "IPv4 with two keys: its length");
	is_int(sum(p + 28, 20), 0xffff, "the inner header's checksum");
	p[38] = want4[38], p[39] = want4[39];
	ok(!memcmp(p, want4, sizeof(want4)), "its bytes");
	is_int(gre_parse(XGRE_FAMILY_4, p + 28, len - 28, &g), 0, "what comes back is GRE");
	ok(keepalive_is_answer(&g), "and an answer");
	ok(g.endpoint.has_key && g.endpoint.key == htonl(2), "with the key of what arrives");
	is_int(g.endpoint.local.w[0], t.local.w[0], "to us");
	is_int(g.endpoint.remote.w[0], t.remote.w[0], "from the far end");
	is_int(gre_parse(XGRE_FAMILY_4, p, len, &g), 0, "what is sent is GRE");
	ok(!keepalive_is_answer(&g), "and no answer");

	fill(&t, "2001:db8::1", "2001:db8::2", false);
	len = keepalive_make(&t, p);
	is_int(len, 40 + 4 + 40 + 4, "IPv6 without a key: its length");
	is_int(p[4] << 8 | p[5], 48, "its payload's length");
	is_int(gre_parse(XGRE_FAMILY_6, p + 44, len - 44, &g), 0, "what comes back is GRE");
	ok(keepalive_is_answer(&g) && !g.endpoint.has_key, "and an answer");
	ok(!memcmp(&g.endpoint.local, &t.local, 16) && !memcmp(&g.endpoint.remote, &t.remote, 16),
	   "between the same ends");
	return done();
}
