/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* GRE packets as user space meets them: which tunnel are they of? */
#ifndef XGRE_GRE_USER_H
#define XGRE_GRE_USER_H

#include <stddef.h>
#include <stdint.h>
#include "state.h"

/* What an outer header and the GRE header behind it say. */
struct gre_packet {
	struct xgre_endpoint endpoint; /* local: the destination */
	uint16_t flags, proto;	       /* of GRE, host byte order */
	size_t payload;		       /* offset of what GRE carries; 0 where it is not there */
};

/*
 * Read an outer packet, or the beginning of one. 0, or -EINVAL where it is not
 * GRE version 0 or too short to tell; -ENODATA: everything but the key is known.
 */
int gre_parse(uint8_t family, const void *packet, size_t len, struct gre_packet *ret);

/* Number of the tunnel that claims an arriving packet; -errno. ret may be NULL. */
int gre_tunnel(const struct state *st, uint8_t family, const void *packet, size_t len,
	       struct gre_packet *ret);

#endif
