// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ICMP errors about our outer packets: RFC 792, RFC 1191, RFC 4443. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include "quoted.h"

/* One's-complement sum of an ICMP message: 0xffff where it is right. */
static uint16_t icmp_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The quoted packet, which was total bytes long by its header. */
static int read_quoted(uint8_t family, const uint8_t *p, size_t len, uint32_t total, uint32_t mtu,
		       struct quoted *ret)
{
	uint32_t least = family == XGRE_FAMILY_6 ? PATH_MTU_MIN6 : PATH_MTU_MIN4;
	int err = gre_parse(family, p, len, &ret->gre);

	if (err && err != -ENODATA)
		return -ENOMSG;
	ret->has_key = !err;
	/* nobody complains about a packet that fits */
	if (total <= mtu)
		return -EBADMSG;
	ret->mtu = mtu > least ? mtu : least;
	return 0;
}

int quoted_read4(const void *packet, size_t len, struct quoted *ret)
{
	const uint8_t *p = packet;
	struct iphdr ip, inner;
	struct icmphdr icmp;

	memset(ret, 0, sizeof(*ret));
	if (len < sizeof(ip))
		return -ENOMSG;
	memcpy(&ip, p, sizeof(ip));
	if (ip.ihl < 5 || len < ip.ihl * 4u + sizeof(icmp) + sizeof(inner))
		return -ENOMSG;
	p += ip.ihl * 4;
	len -= ip.ihl * 4u;
	memcpy(&icmp, p, sizeof(icmp));
	memcpy(&inner, p + sizeof(icmp), sizeof(inner));
	if (icmp.type != ICMP_DEST_UNREACH || icmp.code != ICMP_FRAG_NEEDED ||
	    inner.protocol != IPPROTO_GRE)
		return -ENOMSG;
	/* the kernel hands messages to raw sockets before it looks at their checksum */
	if (icmp_sum(p, len) != 0xffff)
		return -EBADMSG;
	/* routers before RFC 1191 do not name an MTU: 0, and the least is taken */
	return read_quoted(XGRE_FAMILY_4, p + sizeof(icmp), len - sizeof(icmp),
			   ntohs(inner.tot_len), ntohs(icmp.un.frag.mtu), ret);
}

int quoted_read6(const void *packet, size_t len, struct quoted *ret)
{
	const uint8_t *p = packet;
	struct icmp6_hdr icmp;
	struct ip6_hdr inner;

	memset(ret, 0, sizeof(*ret));
	if (len < sizeof(icmp) + sizeof(inner))
		return -ENOMSG;
	memcpy(&icmp, p, sizeof(icmp));
	memcpy(&inner, p + sizeof(icmp), sizeof(inner));
	if (icmp.icmp6_type != ICMP6_PACKET_TOO_BIG)
		return -ENOMSG;
	return read_quoted(XGRE_FAMILY_6, p + sizeof(icmp), len - sizeof(icmp),
			   sizeof(inner) + ntohs(inner.ip6_plen), ntohl(icmp.icmp6_mtu), ret);
}

bool quoted_is_of(const struct quoted *q, const struct xgre_tunnel *t)
{
	const struct xgre_endpoint *e = &q->gre.endpoint;
	bool has_key = t->flags & XGRE_TUNNEL_KEY_OUT;

	return t->flags & XGRE_TUNNEL_USED &&
	       !(t->flags & XGRE_TUNNEL_OUTER6) == (e->family == XGRE_FAMILY_4) &&
	       !memcmp(&t->local, &e->remote, sizeof(t->local)) &&
	       !memcmp(&t->remote, &e->local, sizeof(t->remote)) && has_key == e->has_key &&
	       (!has_key || !q->has_key || t->key_out == e->key);
}
