/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP messages that say that a packet was too big, and what they quote: pure
 * functions. Anybody can send such a message, so everything in it is doubted.
 */
#ifndef XGRE_QUOTED_H
#define XGRE_QUOTED_H

#include <stddef.h>
#include <stdint.h>
#include "gre.h"

/* The least that is believed of a path: the kernel's (ip_rt_min_pmtu), and RFC 8200 5. */
#define PATH_MTU_MIN4 552
#define PATH_MTU_MIN6 1280

struct quoted {
	struct gre_packet gre; /* of our own packet: endpoint.local is where it went, remote is us */
	bool has_key;	       /* the key, if there is one, was quoted */
	uint32_t mtu;	       /* of the path for whole outer packets, not below the minimum */
};

/*
 * Read what a raw socket received: for IPv4 from the IP header on, for IPv6 from
 * the ICMPv6 header on (its checksum is verified by the kernel). 0; -ENOMSG: it
 * is about something else than GRE; -EBADMSG: it contradicts itself.
 */
int quoted_read4(const void *packet, size_t len, struct quoted *ret);
int quoted_read6(const void *packet, size_t len, struct quoted *ret);

/* Was the quoted packet sent by the tunnel of this entry? */
bool quoted_is_of(const struct quoted *q, const struct xgre_tunnel *t);

#endif
