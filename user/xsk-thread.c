// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "gre.h"
#include "xsk-thread.h"

#define ETHERNET   14
#define VLAN	   4
#define TPID_8021Q 0x8100
#define TPID_8021AD 0x88a8

/* Nothing comes: how long until what is too old is given up all the same. */
#define IDLE_MS 1000

struct xsk_thread {
	const struct daemon *d;
	struct xsk *xsk;
	struct reassembly *engine;
	struct inject *inject;
	pthread_t thread;
	int stop;   /* eventfd */
	bool dead;  /* the device has gone */
	uint64_t now;
	struct reassembly_counters counted; /* what the instance's counters have of the engine's */
	struct xsk_drops drops;
	size_t nwhole;
	struct reassembly_packet whole[INJECT_MAX];
};

static uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void hand_over(struct xsk_thread *t)
{
	struct inject_packet packets[INJECT_MAX];
	size_t done = 0, lost = 0, n = t->nwhole;

	for (size_t i = 0; i < n; i++)
		packets[i] = (struct inject_packet){ .data = t->whole[i].data,
						     .len = t->whole[i].len,
						     .family = t->whole[i].family };
	while (done < n) {
		int sent = inject(t->inject, packets + done, n - done);

		lost += sent <= 0;
		done += sent > 0 ? (size_t)sent : 1;
	}
	for (size_t i = 0; i < n; i++)
		reassembly_release(t->engine, &t->whole[i]);
	t->nwhole = 0;
	if (lost)
		daemon_count(t->d, XGRE_D_LOST, lost);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* A frame as xgre_xdp saw it: Ethernet, up to two tags, and a fragment. */
static void frame(void *arg, const uint8_t *data, size_t len)
{
	struct xsk_thread *t = arg;
	struct reassembly_packet *whole = &t->whole[t->nwhole];
	size_t at = ETHERNET;
	uint32_t tags = 0;

	for (int i = 0; i < 2 && len >= at + VLAN; i++) {
		uint32_t type = get16(data + at - 2);

		if (type != TPID_8021Q && type != TPID_8021AD)
			break;
		tags = tags << 16 | 0x1000 | (get16(data + at) & 0xfff);
		at += VLAN;
	}
	if (len < at)
		len = at; /* the engine counts it as malformed */
	if (!reassembly_add(t->engine, data + at, len - at, tags, t->now, whole))
		return;
	/* the programs would leave it to the kernel, which has no use for it either */
	if (gre_tunnel(t->d->st, whole->family, whole->data, whole->len, NULL) < 0) {
		reassembly_release(t->engine, whole);
		daemon_count(t->d, XGRE_D_UNCLAIMED, 1);
		return;
	}
	if (++t->nwhole == INJECT_MAX)
		hand_over(t);
}

/* The engine's counters into the instance's. */
static void publish(struct xsk_thread *t)
{
	const struct reassembly_counters *c = reassembly_counters(t->engine);

#define COUNT(name, COUNTER)                                                                       \
	if (c->name != t->counted.name)                                                            \
		daemon_count(t->d, XGRE_D_XSK_##COUNTER, c->name - t->counted.name);
	COUNT(fragments, FRAGMENTS)
	COUNT(whole, WHOLE)
	COUNT(atomic, ATOMIC)
	COUNT(duplicate, DUPLICATE)
	COUNT(malformed, MALFORMED)
	COUNT(tiny, TINY)
	COUNT(oversize, OVERSIZE)
	COUNT(no_memory, NO_MEMORY)
	COUNT(lost, GIVEN_UP)
	COUNT(overlap, OVERLAP)
	COUNT(length, LENGTH)
	COUNT(count, TOO_MANY)
	COUNT(ecn, ECN)
	COUNT(timeout, TIMEOUT)
	COUNT(stale, STALE)
	COUNT(evicted, EVICTED)
#undef COUNT
	t->counted = *c;
}

void xsk_thread_count_drops(struct xsk_thread *t)
{
	struct xsk_drops now;

	if (xsk_read_drops(t->xsk, &now))
		return;
	if (now.dropped != t->drops.dropped)
		daemon_count(t->d, XGRE_D_XSK_DROPPED, now.dropped - t->drops.dropped);
	if (now.ring_full != t->drops.ring_full)
		daemon_count(t->d, XGRE_D_XSK_RING_FULL, now.ring_full - t->drops.ring_full);
	if (now.fill_empty != t->drops.fill_empty)
		daemon_count(t->d, XGRE_D_XSK_FILL_EMPTY, now.fill_empty - t->drops.fill_empty);
	if (now.invalid != t->drops.invalid)
		daemon_count(t->d, XGRE_D_XSK_INVALID, now.invalid - t->drops.invalid);
	t->drops = now;
}

static void *work(void *arg)
{
	struct xsk_thread *t = arg;
	struct pollfd fds[2] = {
		{ .fd = xsk_fd(t->xsk), .events = POLLIN },
		{ .fd = t->stop, .events = POLLIN },
	};

	while (!fds[1].revents) {
		/* poll() each time: it also wakes a driver that waits for frames to fill */
		if (poll(fds, 2, IDLE_MS) < 0 && errno != EINTR)
			break;
		if (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL))
			break;
		t->now = clock_now();
		for (int i = 0; i < 16 && xsk_receive(t->xsk, frame, t); i++)
			;
		if (t->nwhole)
			hand_over(t);
		reassembly_expire(t->engine, t->now);
		publish(t);
	}
	reassembly_flush(t->engine);
	publish(t);
	__atomic_store_n(&t->dead, true, __ATOMIC_RELEASE);
	return NULL;
}

static void thread_free(struct xsk_thread *t)
{
	inject_close(t->inject);
	reassembly_free(t->engine);
	xsk_close(t->xsk);
	if (t->stop >= 0)
		close(t->stop);
	free(t);
}

int xsk_thread_start(const struct xsk_thread_spec *spec, struct xsk_thread **ret)
{
	const struct reassembly_device *device = spec->d->device;
	struct xsk_thread *t = calloc(1, sizeof(*t));
	char name[16] = "xsk";
	int err;

	if (!t)
		return -ENOMEM;
	t->d = spec->d;
	t->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = t->stop < 0 ? -errno : 0;
	err = err ?: reassembly_new(&spec->limits, spec->seed, &t->engine);
	err = err ?: inject_open(device->writer, device->mac, device->writer_mac, &t->inject);
	err = err ?: xsk_open(&spec->xsk, &t->xsk);
	err = err ?: -pthread_create(&t->thread, NULL, work, t);
	if (err) {
		thread_free(t);
		return err;
	}
	memcpy(name + 3, spec->xsk.dev, strnlen(spec->xsk.dev, sizeof(name) - 4));
	pthread_setname_np(t->thread, name);
	*ret = t;
	return 0;
}

void xsk_thread_end(struct xsk_thread *t)
{
	const uint64_t one = 1;

	if (write(t->stop, &one, sizeof(one)) != sizeof(one))
		pthread_cancel(t->thread); /* cannot be: the counter is zero */
	pthread_join(t->thread, NULL);
	xsk_thread_count_drops(t);
	thread_free(t);
}

int xsk_thread_fd(const struct xsk_thread *t)
{
	return xsk_fd(t->xsk);
}

bool xsk_thread_alive(const struct xsk_thread *t)
{
	return !__atomic_load_n(&t->dead, __ATOMIC_ACQUIRE);
}
