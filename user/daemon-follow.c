// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Follows the kernel's routes and addresses, so that holes and local addresses in
 * the lookup table stay true between two runs of the tools. Only that something
 * changed is taken from the kernel's notices; then the table is compared with the
 * kernel as apply does. A burst of changes, such as a routing daemon's, is waited
 * for, but not for long.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "apply-internal.h"
#include "daemon.h"

#define QUIET_MS 100  /* after the last change */
#define LATE_MS	 1000 /* after the first, whether it is quiet or not */
#define LOCK_MS	 50
/* Of a processor's time at most a tenth goes into this, however many routes there are. */
#define SHARE 10
#define RX_BUFFER (1 << 20)

struct follow {
	int fd;
	struct loop_timer timer;
	uint64_t first;	    /* when the first change came that is not dealt with; 0: none is due */
	uint64_t not_before; /* loop_now() */
};

static void schedule(struct daemon *d, uint64_t quiet)
{
	struct follow *f = d->follow;
	uint64_t now = loop_now(), at = now + quiet;

	if (!f->first)
		f->first = now;
	if (at > f->first + LATE_MS)
		at = f->first + LATE_MS;
	if (at < f->not_before)
		at = f->not_before;
	loop_timer_set(d->loop, &f->timer, at > now ? at - now : 0);
}

static void update(void *arg)
{
	struct daemon *d = arg;
	struct follow *f = d->follow;
	struct run r = { .instance = d->instance, .st = d->st, .nl = d->nl };
	uint64_t start = loop_now();
	int fd, err;

	if (!daemon_try_lock(d, &fd)) {
		loop_timer_set(d->loop, &f->timer, LOCK_MS);
		return;
	}
	f->first = 0;
	err = holes_update(&r); /* says what is wrong */
	daemon_unlock(d, fd);
	daemon_count(d, XGRE_D_FOLLOWED, 1);
	f->not_before = loop_now() + SHARE * (loop_now() - start);
	if (err)
		schedule(d, LATE_MS);
}

/* The notices themselves are thrown away; ENOBUFS, that some were lost, is one as well. */
static void readable(uint32_t events, void *arg)
{
	struct daemon *d = arg;
	char ignored[64];
	bool any = false;

	(void)events;
	for (int i = 0; i < 10000; i++) {
		ssize_t n = recv(d->follow->fd, ignored, sizeof(ignored), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && errno != ENOBUFS && errno != EINTR)
			break;
		any = true;
	}
	if (any)
		schedule(d, QUIET_MS);
}

static int follow_start(struct daemon *d)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
	const struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	const int size = RX_BUFFER;
	struct follow *f = calloc(1, sizeof(*f));
	int err;

	d->follow = f;
	if (!f)
		return -ENOMEM;
	f->timer = (struct loop_timer){ .fn = update, .arg = d };
	f->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	/* a socket without a port of its own hears nothing: 0 is the kernel's (do_one_broadcast()) */
	if (f->fd < 0 || bind(f->fd, (const struct sockaddr *)&own, sizeof(own)))
		return -errno;
	setsockopt(f->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (setsockopt(f->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])))
			return -errno;
	err = loop_watch(d->loop, f->fd, readable, d);
	if (!err)
		schedule(d, 0); /* what changed while nobody listened */
	return err;
}

static void follow_stop(struct daemon *d)
{
	if (!d->follow)
		return;
	loop_timer_stop(d->loop, &d->follow->timer);
	loop_forget(d->loop, d->follow->fd);
	if (d->follow->fd >= 0)
		close(d->follow->fd);
	free(d->follow);
	d->follow = NULL;
}

const struct daemon_module follow_module = {
	.name = "following the kernel's routes",
	.start = follow_start,
	.stop = follow_stop,
};
