/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program needs before it is loaded, wherever it is to be attached. */
#ifndef XGRE_ATTACH_INTERNAL_H
#define XGRE_ATTACH_INTERNAL_H

#include <bpf/libbpf.h>
#include "state.h"

/* The constants that user space sets, in an opened skeleton of ours. */
#define PROGRAM_CONSTANTS(skel, st)                                                                \
	do {                                                                                       \
		(skel)->rodata->endpoint_mask = (st)->nendpoints - 1;                              \
		(skel)->rodata->cpus = (st)->ncpus;                                                \
		(skel)->rodata->tick_ns = tick_ns();                                               \
	} while (0)
#define XDP_CONSTANTS(skel, st)                                                                    \
	do {                                                                                       \
		PROGRAM_CONSTANTS(skel, st);                                                       \
		(skel)->rodata->can_decap_l3 = true; /* it moves the head itself */                \
		(skel)->rodata->xsk_frags = kernel_at_least(6, 6);                                 \
	} while (0)

bool kernel_at_least(int major, int minor);
/* The length of a tick: coarse clocks move once in it. */
uint32_t tick_ns(void);
/* The state's maps in the place of an opened object's. */
int maps_reuse(struct bpf_object *obj, const struct state *st);

#endif
