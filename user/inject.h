/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hands whole outer packets to xgre_port, as if they had come in by a port: they
 * are written to one end of the reassembly device and the program is at the
 * other end's ingress. So what was reassembled meets the same rules, checks and
 * counters as what came in one piece.
 */
#ifndef XGRE_INJECT_H
#define XGRE_INJECT_H

#include <stddef.h>
#include <stdint.h>

#define INJECT_MAX 64 /* packets of one call */

struct inject_packet {
	const void *data; /* from the outer IP header on, complete and with a right header checksum */
	size_t len;
	uint8_t family; /* XGRE_FAMILY_* */
};

struct inject; /* one socket; for one thread */

/* The end that is written to, and the MACs of both: of the end with the program, of this one. */
int inject_open(uint32_t ifindex, const uint8_t program_mac[6], const uint8_t own_mac[6],
		struct inject **ret);
void inject_close(struct inject *in); /* NULL is fine */

/*
 * Hand over n packets, in order. How many the device took: less than n where it
 * did not take the one after them, which is lost with those behind it unless the
 * caller goes on there. -errno where it took none.
 */
int inject(struct inject *in, const struct inject_packet *packets, size_t n);

#endif
