/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An AF_XDP socket that receives from one queue of a device (libxdp's xsk_*). */
#ifndef XGRE_XSK_H
#define XGRE_XSK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XSK_CHUNK  4096
#define XSK_FRAMES 2048 /* 8 MiB a socket */
#define XSK_BATCH  64

enum xsk_mode {
	XSK_COPY,
	XSK_ZERO_COPY,
};

/* What the kernel dropped at the rings since the socket was made (XDP_STATISTICS). */
struct xsk_drops {
	uint64_t dropped;    /* larger than the socket takes, or no memory */
	uint64_t ring_full;  /* it was not read fast enough */
	uint64_t fill_empty; /* no frame was free */
	uint64_t invalid;    /* frames that the kernel refused */
};

struct xsk;

struct xsk_spec {
	const char *dev;
	uint32_t queue;
	bool generic;	/* XDP runs in generic mode there */
	bool zero_copy; /* where the driver can */
};

/*
 * -errno; -EINVAL: the device has no such queue, or a socket of somebody else is
 * there. Must not be called before memory may be locked without a limit.
 */
int xsk_open(const struct xsk_spec *spec, struct xsk **ret);
void xsk_close(struct xsk *x); /* NULL is fine */

int xsk_fd(const struct xsk *x);
enum xsk_mode xsk_mode(const struct xsk *x);

/*
 * Call fn for each frame that has come, at most XSK_BATCH; how many there were.
 * The frame is the kernel's again when fn returns. Frames in several pieces are
 * put together first.
 */
typedef void (*xsk_frame_fn)(void *arg, const uint8_t *frame, size_t len);
unsigned int xsk_receive(struct xsk *x, xsk_frame_fn fn, void *arg);

int xsk_read_drops(const struct xsk *x, struct xsk_drops *ret);

#endif
