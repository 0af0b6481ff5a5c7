/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread that reassembles what an AF_XDP socket receives, and hands it on. */
#ifndef XGRE_XSK_THREAD_H
#define XGRE_XSK_THREAD_H

#include "daemon.h"
#include "reassembly.h"
#include "xsk.h"

struct xsk_thread;

struct xsk_thread_spec {
	const struct daemon *d; /* outlives the thread, and so do its state and its device */
	struct xsk_spec xsk;
	struct reassembly_limits limits;
	uint64_t seed;
};

int xsk_thread_start(const struct xsk_thread_spec *spec, struct xsk_thread **ret);
void xsk_thread_end(struct xsk_thread *t); /* waits for it */

int xsk_thread_fd(const struct xsk_thread *t);	    /* the socket, for the XSKMAP */
bool xsk_thread_alive(const struct xsk_thread *t);  /* false: its device has gone */
void xsk_thread_count_drops(struct xsk_thread *t); /* of the rings, since the last call */

#endif
