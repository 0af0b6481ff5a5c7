/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A test bed: an instance's maps, filled from a configuration text and not
 * pinned, and the programs loaded with them, in this process's own network
 * namespace. Nothing is attached to anything.
 */
#ifndef XGRE_TEST_BED_H
#define XGRE_TEST_BED_H

#include <jansson.h>
#include "attach.h"

struct bed {
	struct nl *nl;
	struct state *st; /* NULL: no model yet */
	struct programs programs;
	struct model model;
};

/* What went wrong with a request; the caller's reply. */
struct problem {
	char text[1024];
};

/* Notes the problem and returns -EINVAL. */
int problem_set(struct problem *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void bed_init(struct bed *b);
void bed_close(struct bed *b);

/*
 * A new state, in place of the one before, from a request
 *
 *   {"model": YAML,
 *    "ports": {NAME: {"xdp": BOOL, "rpf": "strict"|"loose",
 *                     "lower": DEVICE, "tags": [[TPID, VLAN ID], ...]}},
 *    "tunnels": {NAME: {"fast": BOOL, "rpf": ..., "peer": DEVICE, "port": DEVICE}},
 *    "routes": {PREFIX: {"slow": true}},
 *    "holes": [PREFIX, ...], "local": [PREFIX, ...]}
 *
 * Ports and tunnels are devices of these names; all but "model" may be left out.
 */
int bed_load(struct bed *b, json_t *request, struct problem *p);

/* Forget counters and cached next hops, as if no packet had come yet. */
int bed_fresh(struct bed *b, struct problem *p);

/*
 * Make what is cached look as if time had passed: "read" seconds since the
 * kernel was asked, "kernel" since a packet went its way.
 */
int bed_age(struct bed *b, double read, double kernel, struct problem *p);

/* {"cached": N}, the entries of the next-hop cache that are in use, into reply. */
int bed_cached(struct bed *b, json_t *reply, struct problem *p);

/* Counters that are not zero: {"tunnels": {...}, "routes": {...}, "reasons": {...}} into reply. */
int bed_counters(struct bed *b, json_t *reply, struct problem *p);

/* Set all reason counters to zero, too; bed_fresh() leaves the rest of a CPU's state alone. */
int bed_reasons_clear(struct bed *b, struct problem *p);

/* {"time": PROGRAM, ...}: see time.c */
int bed_time(struct bed *b, json_t *request, json_t *reply, struct problem *p);

/* bytes of a hexadecimal string; the result is the caller's */
int hex_bytes(const char *text, uint8_t **ret, size_t *ret_size);

/* Let the kernel run XDP programs as if by this device. */
int xdp_prepare(uint32_t ifindex, struct problem *p);

/* File descriptor of a program by name; -1 */
int bed_program(const struct bed *b, const char *name);

#endif
