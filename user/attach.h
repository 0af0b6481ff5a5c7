/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Loads the BPF programs and puts them on their hooks. Errors are -errno; nothing is printed. */
#ifndef XGRE_ATTACH_H
#define XGRE_ATTACH_H

#include "netdev.h"
#include "state.h"

/* Is a program one of this instance's, whatever its age? It uses the instance's cpu_state map. */
bool program_is_ours(const struct state *st, uint32_t id);
/* The same by the map's id, for an instance whose state cannot be opened. */
bool program_uses_map(uint32_t id, uint32_t map_id);

enum program { PROGRAM_XDP, PROGRAM_SKB, PROGRAM_PORT, PROGRAM_DEV, PROGRAM_COUNT };

struct programs {
	int fd[PROGRAM_COUNT];
	uint32_t id[PROGRAM_COUNT];
};

/*
 * Load the programs of this binary with the state's maps. error: what libbpf or
 * the verifier said, one line, at most size bytes.
 */
int programs_load(const struct state *st, struct programs *ret, char *error, size_t size);
/* Those that the instance has pinned; -ENOENT where one is missing. */
int programs_open(const struct state *st, struct programs *ret);
int programs_pin(const struct state *st, const struct programs *p); /* replaces, one by one */
void programs_close(struct programs *p);
/* Identifies the BPF objects in this binary; meta.build of a state tells which it runs. */
uint64_t programs_build(void);

/*
 * TC: our filter at a device's ingress, in place if it is there already. The
 * clsact qdisc is made where missing: *ret_made says so.
 */
int tc_attach(uint32_t ifindex, int prog_fd, bool *ret_made);
/* Id of the program in our filter; -ENOENT without one. */
int tc_query(uint32_t ifindex, uint32_t *ret_id);
/* Remove our filter; and the qdisc where remove_qdisc and nothing else is on it. Idempotent. */
int tc_detach(struct nl *nl, uint32_t ifindex, bool remove_qdisc);

/*
 * XDP: a pinned link, so that the program stays when we go. mode is
 * XDP_MODE_NATIVE or XDP_MODE_SKB. An existing pin is updated in place; one
 * whose device is gone is made anew. -EBUSY: somebody else's program is there.
 */
int xdp_attach(const struct state *st, const char *port, uint32_t ifindex, int prog_fd,
	       enum xdp_mode mode);
/* What is attached by our pin: device, program id, mode; -ENOENT without a pin. */
int xdp_query(const struct state *st, const char *port, uint32_t *ret_ifindex, uint32_t *ret_id);
int xdp_detach(const struct state *st, const char *port); /* idempotent */
/* Detach and remove the pinned link at path; it is off the device when this returns. */
int link_remove(const char *path);

#endif
