/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The differential run: one seeded stream of GRE packets, good and broken, is sent to
 * several gateways; what each of them forwards is told apart by an id in the payload
 * and compared with what the first one did.
 */
#ifndef DIFFERENTIAL_H
#define DIFFERENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX 1514 /* bytes of a frame */
#define FRAMES_MAX 4	/* that one packet may be sent in */
#define TUNNEL_MAX 8
#define ID_LEN	   12
#define ID_NONE	   0xffffffffu
#define ID_MARKER  0x80000000u /* and above: markers, not packets of the stream */

struct tunnel {
	int family; /* of local and remote */
	uint8_t local[16];
	uint8_t remote[16];
	bool keyed;
	uint32_t key;
	bool checksum; /* most of its packets have one; of other tunnels' few */
	uint8_t source4[4]; /* inner sources: the first two bytes */
	uint8_t source6[16];
};

/* What packets are made of. */
struct plan {
	uint64_t seed;
	struct tunnel tunnels[TUNNEL_MAX];
	unsigned ntunnels;
	uint8_t to4[4]; /* inner destinations: the first two bytes */
	uint8_t to6[16];
	uint8_t gateway_mac[6];
	uint8_t host_mac[6];
	uint32_t count; /* packets in the stream */
	bool fragments; /* of outer packets, too */
};

/* A packet of the stream: one frame, or several where it was fragmented. */
struct packet {
	uint8_t data[2048];
	unsigned len;
	unsigned l3;	/* offset of the outer IP header */
	unsigned gre;	/* of the GRE header */
	unsigned inner; /* of the inner IP header */
	bool checksum;	/* a GRE checksum is there */
	bool bad_outer, bad_gre, bad_inner; /* which checksums are to be left wrong */
	unsigned nframes;
	unsigned frame_len[FRAMES_MAX];
	uint8_t frames[FRAMES_MAX][PACKET_MAX];
};

/* Packet number of the plan's stream; the same one for each seed and number. */
void packet_make(const struct plan *plan, uint32_t number, struct packet *p);

/* A good packet with this id, by tunnel 0; in fragments: as two frames. */
void marker_make(const struct plan *plan, uint32_t id, bool in_fragments, struct packet *p);

/* The id that a frame carries; ID_NONE: none. */
uint32_t id_find(const struct plan *plan, const uint8_t *data, size_t len);

/* Frames that gateways emitted. */
struct results;

struct results *results_new(void);
void results_add(struct results *r, unsigned gateway, bool lan, uint32_t id, const uint8_t *data,
		 size_t len);

/* How many frames the gateway emitted. */
size_t results_of(const struct results *r, unsigned gateway);

/*
 * Print a line for each packet that gateway number 1 and higher treated other than
 * number 0: JSON with its number, its frames and what came out. all: every packet.
 */
void results_compare(struct results *r, const struct plan *plan, const char *const *names,
		     unsigned gateways, bool all);

/* The packet, among the first count, that a frame without an id came of; ID_NONE: none. */
uint32_t packet_search(const struct plan *plan, uint32_t count, const uint8_t *data, size_t len);

#endif
