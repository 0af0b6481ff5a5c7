/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libxdp's dispatcher: an XDP program that calls those of several tools one after
 * the other. Each is an extension of it (freplace), so ours is loaded anew for it.
 * libxdp replaces the whole dispatcher at each change, and the kernel does that
 * between two packets. Nothing is printed.
 */
#ifndef XGRE_DISPATCHER_H
#define XGRE_DISPATCHER_H

#include "state.h"

/* Is what is attached to the device a dispatcher? */
bool dispatcher_present(uint32_t ifindex);

/*
 * Is our program in the device's dispatcher? 0; -ENOENT: none of the instance's;
 * -ESTALE: one that is not like that of prog_fd, or several.
 */
int dispatcher_query(const struct state *st, uint32_t ifindex, int prog_fd);

/*
 * Put our program into the device's dispatcher, which is made where nothing is
 * attached; what we had in it goes once the new one is there. -EOPNOTSUPP: the kernel
 * knows no dispatchers; -EINVAL and others: it refuses this one. error: the cause in
 * the kernel's or libxdp's words.
 */
int dispatcher_join(const struct state *st, uint32_t ifindex, enum xdp_mode mode, char *error,
		    size_t size);

/*
 * Take the programs that use the map of this id out of the device's dispatcher.
 * Idempotent; where ours was the last the dispatcher goes as well.
 */
int dispatcher_leave(uint32_t ifindex, uint32_t map_id);

#endif
