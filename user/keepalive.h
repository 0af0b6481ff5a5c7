/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The keepalive packet: pure functions. */
#ifndef XGRE_KEEPALIVE_H
#define XGRE_KEEPALIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "gre.h"

#define KEEPALIVE_MAX 128

/*
 * Cisco's form: an outer packet of the tunnel, and in it what the far end is to
 * send back: an IP packet from it to us with an empty GRE packet inside, of
 * protocol 0 and with the key that arriving packets have. Bytes in ret.
 */
size_t keepalive_make(const struct xgre_tunnel *t, uint8_t ret[KEEPALIVE_MAX]);

/* Is this what came back? */
bool keepalive_is_answer(const struct gre_packet *g);

#endif
