// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * AF_XDP sockets on the ports that run XDP, one for each queue and a thread for
 * each socket: fragments of outer packets come to them from xgre_xdp, and what
 * they make goes to the programs by the reassembly device. A queue without a
 * socket leaves its fragments to the kernel.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_link.h>
#include <sys/random.h>
#include <bpf/bpf.h>
#include "daemon.h"
#include "xsk-thread.h"

/*
 * What all engines together may hold. A single one gets the most that is of use;
 * a hundred still get enough for datagrams in flight.
 */
#define MEMORY_ALL (64 << 20)
#define MEMORY_MAX (16 << 20)
#define MEMORY_MIN (1 << 20)

#define L2_MAX	 22 /* Ethernet with two tags */
#define PATIENCE 20 /* checks, which is ten seconds */

struct queue {
	struct queue *next;
	uint32_t ifindex; /* device that XDP runs on */
	uint32_t number;
	uint8_t mode;	  /* XDP_ATTACHED_* there */
	bool wanted;
	struct xsk_thread *thread; /* NULL: it could not be opened */
	int err;		   /* why, and how many checks until it is tried again */
	int patience;
};

/* The module's own. */
struct xsks {
	struct queue *queues;
	uint32_t device; /* the reassembly device that the threads write to */
};

/* Is there a port for fragments on this device whose XDP program we count on? */
static bool port_wants(const struct xgre_port *p)
{
	const uint32_t need = XGRE_PORT_USED | XGRE_PORT_XDP | XGRE_PORT_DECAP;

	return (p->flags & need) == need && !(p->flags & XGRE_PORT_REASSEMBLY);
}

static struct queue *queue_find(struct xsks *x, uint32_t ifindex, uint32_t number)
{
	struct queue *q = x->queues;

	while (q && !(q->ifindex == ifindex && q->number == number))
		q = q->next;
	return q;
}

/* All ports of the queue's device, those of its VLANs as well, or none of them. */
static void queue_enter(struct daemon *d, const struct queue *q, bool enter)
{
	int fd = q->thread ? xsk_thread_fd(q->thread) : -1;

	for (uint32_t i = 0; i < XGRE_PORTS_MAX && fd >= 0; i++) {
		uint32_t key = i * XGRE_XSK_QUEUES + q->number;

		if (!port_wants(&d->st->ports[i]) || d->st->ports[i].lower != q->ifindex)
			continue;
		if (enter)
			bpf_map_update_elem(d->st->map[MAP_xsks], &key, &fd, BPF_ANY);
		else
			bpf_map_delete_elem(d->st->map[MAP_xsks], &key);
	}
}

/* A closed socket leaves the map by itself, but not before the thread has ended. */
static void queue_close(struct daemon *d, struct queue *q)
{
	queue_enter(d, q, false);
	if (q->thread)
		xsk_thread_end(q->thread);
	free(q);
}

static void queues_close(struct daemon *d, struct xsks *x, bool all)
{
	struct queue **at = &x->queues;

	while (*at) {
		struct queue *q = *at;

		if (q->wanted && !all) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		queue_close(d, q);
	}
}

static void limits_for(uint32_t queues, struct reassembly_limits *ret)
{
	size_t memory = MEMORY_ALL / (queues ?: 1);

	*ret = (struct reassembly_limits)REASSEMBLY_DEFAULTS;
	ret->memory = memory > MEMORY_MAX ? MEMORY_MAX : memory < MEMORY_MIN ? MEMORY_MIN : memory;
	ret->peer_memory = ret->memory / 4;
}

/* Open what is not open; said once, and tried every now and then. */
static void queue_open(struct daemon *d, struct queue *q, const struct netdev *dev, uint32_t queues)
{
	struct xsk_thread_spec spec = {
		.d = d,
		.xsk = { .dev = dev->name,
			 .queue = q->number,
			 .generic = dev->xdp_mode == XDP_ATTACHED_SKB,
			 .zero_copy = dev->mtu + L2_MAX <= XGRE_XSK_FRAME },
	};
	int err;

	if (q->patience) {
		q->patience--;
		return;
	}
	limits_for(queues, &spec.limits);
	if (getrandom(&spec.seed, sizeof(spec.seed), 0) != sizeof(spec.seed))
		spec.seed = loop_now();
	q->mode = dev->xdp_mode;
	err = xsk_thread_start(&spec, &q->thread);
	if (!err) {
		queue_enter(d, q, true);
	} else if (err != q->err) {
		daemon_say("port %s: no AF_XDP socket on queue %u: %s; its fragments are left to the "
			   "kernel",
			   dev->name, q->number, strerror(-err));
	}
	q->err = err;
	q->patience = err ? PATIENCE : 0;
}

static struct queue *queue_new(struct xsks *x, uint32_t ifindex, uint32_t number)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->ifindex = ifindex;
	q->number = number;
	q->next = x->queues;
	x->queues = q;
	return q;
}

/* A socket for each queue of the device. */
static void device_serve(struct daemon *d, struct xsks *x, uint32_t ifindex)
{
	uint32_t queues = 1, max;
	struct netdev dev;

	if (netdev_get_index(d->nl, ifindex, &dev) || !dev.xdp_mode)
		return;
	if (ethtool_channels(dev.name, &queues, &max) || !queues)
		queues = 1;
	if (queues > XGRE_XSK_QUEUES)
		queues = XGRE_XSK_QUEUES;
	for (uint32_t i = 0; i < queues; i++) {
		struct queue *q = queue_find(x, ifindex, i) ?: queue_new(x, ifindex, i);

		if (!q)
			return;
		if (!q->thread)
			queue_open(d, q, &dev, queues);
		else
			queue_enter(d, q, true); /* for a port that has come since */
		/* XDP of another mode, or attached anew, has left the socket behind: a new one next time */
		q->wanted = !q->thread || (q->mode == dev.xdp_mode && xsk_thread_alive(q->thread));
	}
}

static void xsk_check(struct daemon *d)
{
	struct xsks *x = d->xsks;

	uint32_t device = d->device && !d->kernel_only ? d->device->ifindex : 0;

	if (x->device != device) {
		queues_close(d, x, true);
		x->device = device;
	}
	for (struct queue *q = x->queues; q; q = q->next) {
		q->wanted = false;
		if (q->thread)
			xsk_thread_count_drops(q->thread);
	}
	for (int i = 0; x->device && i < XGRE_PORTS_MAX; i++)
		if (port_wants(&d->st->ports[i]))
			device_serve(d, x, d->st->ports[i].lower);
	queues_close(d, x, false);
}

static int xsk_start(struct daemon *d)
{
	d->xsks = calloc(1, sizeof(*d->xsks));
	return d->xsks ? 0 : -ENOMEM;
}

static void xsk_stop(struct daemon *d)
{
	if (!d->xsks)
		return;
	queues_close(d, d->xsks, true);
	free(d->xsks);
	d->xsks = NULL;
}

const struct daemon_module xsk_module = {
	.name = "AF_XDP sockets",
	.start = xsk_start,
	.check = xsk_check,
	.stop = xsk_stop,
};
