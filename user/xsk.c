// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <xdp/xsk.h>
#include "xsk.h"

/* Kernel 6.6: frames of several buffers. Not in Debian 12's headers. */
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif

#define MEMORY	  ((size_t)XSK_FRAMES * XSK_CHUNK)
#define FRAME_MAX (64 << 10) /* of one that comes in pieces, and of what is taken of it */

struct xsk {
	void *memory;
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons completion; /* nothing is sent: never used, but the kernel wants one */
	struct xsk_ring_cons rx;
	enum xsk_mode mode;
	size_t joined; /* bytes of a frame whose rest is to come */
	bool too_long; /* it is longer than FRAME_MAX */
	uint8_t whole[FRAME_MAX];
};

static int try_bind(struct xsk *x, const struct xsk_spec *spec, uint16_t flags)
{
	const struct xsk_umem_config umem = {
		.fill_size = XSK_FRAMES,
		.comp_size = XSK_BATCH,
		.frame_size = XSK_CHUNK,
	};
	const struct xsk_socket_config config = {
		.rx_size = XSK_FRAMES,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = flags | XDP_USE_NEED_WAKEUP,
	};
	int err = xsk_umem__create(&x->umem, x->memory, MEMORY, &x->fill, &x->completion, &umem);

	if (err) {
		x->umem = NULL;
		return err;
	}
	err = xsk_socket__create(&x->socket, spec->dev, spec->queue, x->umem, &x->rx, NULL, &config);
	if (err) {
		x->socket = NULL;
		xsk_umem__delete(x->umem);
		x->umem = NULL;
		return err;
	}
	x->mode = flags & XDP_ZEROCOPY ? XSK_ZERO_COPY : XSK_COPY;
	return 0;
}

/*
 * Without zero-copy in several pieces: what a queue in that mode receives in
 * several buffers could not be forwarded by the devmap any more, which copies the
 * first of them alone (xdp_convert_zc_to_xdp_frame()).
 */
static int bind_best(struct xsk *x, const struct xsk_spec *spec)
{
	int err = -EOPNOTSUPP;

	if (spec->zero_copy && !spec->generic)
		err = try_bind(x, spec, XDP_ZEROCOPY);
	if (err)
		err = try_bind(x, spec, XDP_COPY | XDP_USE_SG);
	if (err == -EINVAL) /* before 6.6, or there is no such queue */
		err = try_bind(x, spec, XDP_COPY);
	return err;
}

/* All frames to the kernel, to be filled. */
static int fill_all(struct xsk *x)
{
	uint32_t at;

	if (xsk_ring_prod__reserve(&x->fill, XSK_FRAMES, &at) != XSK_FRAMES)
		return -ENOSPC;
	for (uint32_t i = 0; i < XSK_FRAMES; i++)
		*xsk_ring_prod__fill_addr(&x->fill, at + i) = (uint64_t)i * XSK_CHUNK;
	xsk_ring_prod__submit(&x->fill, XSK_FRAMES);
	return 0;
}

int xsk_open(const struct xsk_spec *spec, struct xsk **ret)
{
	struct xsk *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return -ENOMEM;
	x->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (x->memory == MAP_FAILED) {
		err = -errno;
		free(x);
		return err;
	}
	err = bind_best(x, spec) ?: fill_all(x);
	if (err) {
		xsk_close(x);
		return err;
	}
	*ret = x;
	return 0;
}

void xsk_close(struct xsk *x)
{
	if (!x)
		return;
	if (x->socket)
		xsk_socket__delete(x->socket);
	if (x->umem)
		xsk_umem__delete(x->umem);
	munmap(x->memory, MEMORY);
	free(x);
}

int xsk_fd(const struct xsk *x)
{
	return xsk_socket__fd(x->socket);
}

enum xsk_mode xsk_mode(const struct xsk *x)
{
	return x->mode;
}

/* A piece of a frame, the last one where more is false. */
static void piece(struct xsk *x, const struct xdp_desc *d, xsk_frame_fn fn, void *arg)
{
	const uint8_t *data = xsk_umem__get_data(x->memory, d->addr);
	bool more = d->options & XDP_PKT_CONTD;

	if (!more && !x->joined) {
		fn(arg, data, d->len);
		return;
	}
	if (x->joined + d->len > sizeof(x->whole)) {
		x->too_long = true;
	} else {
		memcpy(x->whole + x->joined, data, d->len);
		x->joined += d->len;
	}
	if (more)
		return;
	/* no IP packet in it: those end before */
	fn(arg, x->whole, x->too_long ? 0 : x->joined);
	x->joined = 0;
	x->too_long = false;
}

unsigned int xsk_receive(struct xsk *x, xsk_frame_fn fn, void *arg)
{
	uint64_t chunk[XSK_BATCH];
	uint32_t at, n = xsk_ring_cons__peek(&x->rx, XSK_BATCH, &at);

	if (!n)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&x->rx, at + i);

		piece(x, d, fn, arg);
		chunk[i] = d->addr & ~(uint64_t)(XSK_CHUNK - 1);
	}
	xsk_ring_cons__release(&x->rx, n);
	/* there is room: the ring is as large as there are frames */
	xsk_ring_prod__reserve(&x->fill, n, &at);
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&x->fill, at + i) = chunk[i];
	xsk_ring_prod__submit(&x->fill, n);
	return n;
}

int xsk_read_drops(const struct xsk *x, struct xsk_drops *ret)
{
	struct xdp_statistics s = {};
	socklen_t len = sizeof(s);

	if (getsockopt(xsk_fd(x), SOL_XDP, XDP_STATISTICS, &s, &len))
		return -errno;
	*ret = (struct xsk_drops){
		.dropped = s.rx_dropped,
		.ring_full = s.rx_ring_full,
		.fill_empty = s.rx_fill_ring_empty_descs,
		.invalid = s.rx_invalid_descs,
	};
	return 0;
}
