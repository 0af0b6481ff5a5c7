// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Keepalives: one every interval, and after so many unanswered ones the tunnel is
 * down: off the fast path, and its device has no carrier, as the hidden peer is
 * set down. The first answer brings it back. They are sent by raw sockets, past
 * the device, so that they go on while it has no carrier; answers are GRE packets
 * of protocol 0, which the programs pass up (reason protocol) to daemon-raw.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "apply-internal.h"
#include "daemon.h"
#include "keepalive.h"

#define RETRY_MS 50

#ifndef IPV6_HDRINCL
#define IPV6_HDRINCL 36
#endif

struct beat {
	uint64_t due;	/* loop_now() of the next one; 0: none was sent */
	uint32_t missed; /* sent since the last answer */
};

struct keepalive {
	int fd[2]; /* IPv4, IPv6 */
	struct loop_timer timer;
	struct loop_timer retry;
	struct beat *beats; /* by tunnel number */
};

/* The entry and the hidden peer as the state demands. */
static void tunnel_settle(struct daemon *d, uint32_t number)
{
	struct xgre_tunnel t = *state_tunnel(d->st, number);
	bool down = d->st->links[number].state == XGRE_LINK_DOWN;
	struct netdev peer;
	int err = 0;

	if (!(t.flags & XGRE_TUNNEL_USED) || netdev_get_index(d->nl, t.peer_ifindex, &peer) ||
	    !device_is_ours(&peer, d->instance))
		return;
	if (!(t.flags & XGRE_TUNNEL_DOWN) == down) {
		t.flags ^= XGRE_TUNNEL_DOWN;
		state_tunnel_set(d->st, number, &t);
	}
	if (!(peer.flags & IFF_UP) == !down)
		err = netdev_set_up(d->nl, t.peer_ifindex, !down);
	else
		return;
	daemon_say("tunnel %s: %s%s", t.name,
		   down ? "down, keepalives are not answered" : "up, keepalives are answered",
		   err ? "; its device cannot be told" : "");
}

static void settle(void *arg)
{
	struct daemon *d = arg;
	int fd;

	if (!daemon_try_lock(d, &fd)) {
		loop_timer_set(d->loop, &d->keepalive->retry, RETRY_MS);
		return;
	}
	for (uint32_t i = 0; i < d->st->size.tunnels; i++)
		if (d->st->links[i].keepalive_interval)
			tunnel_settle(d, i);
	daemon_unlock(d, fd);
}

static void state_change(struct daemon *d, uint32_t number, uint32_t state)
{
	if (d->st->links[number].state == state)
		return;
	__atomic_store_n(&d->st->links[number].state, state, __ATOMIC_RELEASE);
	settle(d);
}

static void send_one(struct daemon *d, const struct xgre_tunnel *t)
{
	bool is6 = t->flags & XGRE_TUNNEL_OUTER6;
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	uint8_t packet[KEEPALIVE_MAX];
	size_t len = keepalive_make(t, packet);

	memcpy(&to6.sin6_addr, &t->remote, sizeof(to6.sin6_addr));
	to4.sin_addr.s_addr = t->remote.w[0];
	/* what cannot be sent is not answered, which is all that counts */
	if (sendto(d->keepalive->fd[is6], packet, len, MSG_DONTWAIT,
		   is6 ? (const struct sockaddr *)&to6 : (const struct sockaddr *)&to4,
		   is6 ? sizeof(to6) : sizeof(to4)) >= 0)
		daemon_count(d, XGRE_D_KEEPALIVES_SENT, 1);
}

static void beat(struct daemon *d, uint32_t number, uint64_t now)
{
	const struct xgre_link *l = &d->st->links[number];
	struct beat *b = &d->keepalive->beats[number];
	uint64_t interval = l->keepalive_interval * 1000ull;

	if (b->missed >= l->keepalive_retries)
		state_change(d, number, XGRE_LINK_DOWN);
	else
		b->missed++;
	send_one(d, state_tunnel(d->st, number));
	/* one that comes late does not have the next one hurry */
	b->due = now + interval;
}

/* Send what is due, and be back for the next one. */
static void beat_all(void *arg)
{
	struct daemon *d = arg;
	uint64_t now = loop_now(), next = 0;

	for (uint32_t i = 0; i < d->st->size.tunnels; i++) {
		struct beat *b = &d->keepalive->beats[i];

		if (!d->st->links[i].keepalive_interval ||
		    !(state_tunnel(d->st, i)->flags & XGRE_TUNNEL_USED)) {
			*b = (struct beat){ 0 };
			continue;
		}
		if (b->due <= now)
			beat(d, i, now);
		if (!next || b->due < next)
			next = b->due;
	}
	if (next)
		loop_timer_set(d->loop, &d->keepalive->timer, next - now);
}

void keepalive_answered(struct daemon *d, uint32_t number)
{
	if (!d->keepalive || !d->st->links[number].keepalive_interval)
		return;
	daemon_count(d, XGRE_D_KEEPALIVES_ANSWERED, 1);
	d->keepalive->beats[number].missed = 0;
	state_change(d, number, XGRE_LINK_UP);
}

static int keepalive_start(struct daemon *d)
{
	static const int af[] = { AF_INET, AF_INET6 };
	struct keepalive *k = calloc(1, sizeof(*k));

	d->keepalive = k;
	if (!k)
		return -ENOMEM;
	k->fd[0] = k->fd[1] = -1;
	k->timer = (struct loop_timer){ .fn = beat_all, .arg = d };
	k->retry = (struct loop_timer){ .fn = settle, .arg = d };
	k->beats = calloc(d->st->size.tunnels, sizeof(*k->beats));
	if (!k->beats)
		return -ENOMEM;
	for (int i = 0; i < 2; i++) {
		/* IPPROTO_RAW: the header is in what is sent, and nothing is received */
		k->fd[i] = socket(af[i], SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
		if (k->fd[i] < 0 && errno != EAFNOSUPPORT)
			return -errno;
	}
	/* one that a killed predecessor left down */
	loop_timer_set(d->loop, &k->retry, 0);
	return 0;
}

/* A keepalive that apply has added begins, and an interval that it has shortened counts. */
static void keepalive_check(struct daemon *d)
{
	uint64_t now = loop_now();

	for (uint32_t i = 0; i < d->st->size.tunnels; i++) {
		const struct xgre_link *l = &d->st->links[i];
		struct beat *b = &d->keepalive->beats[i];

		if (!l->keepalive_interval || b->due > now + l->keepalive_interval * 1000ull)
			*b = (struct beat){ 0 };
		if (l->keepalive_interval && !b->due)
			loop_timer_set(d->loop, &d->keepalive->timer, 0);
	}
}

static void keepalive_undo(struct daemon *d)
{
	for (uint32_t i = 0; i < d->st->size.tunnels; i++) {
		if (d->st->links[i].state != XGRE_LINK_DOWN)
			continue;
		d->st->links[i].state = XGRE_LINK_UP;
		tunnel_settle(d, i);
	}
}

static void keepalive_stop(struct daemon *d)
{
	struct keepalive *k = d->keepalive;

	if (!k)
		return;
	loop_timer_stop(d->loop, &k->timer);
	loop_timer_stop(d->loop, &k->retry);
	for (int i = 0; i < 2; i++)
		if (k->fd[i] >= 0)
			close(k->fd[i]);
	free(k->beats);
	free(k);
	d->keepalive = NULL;
}

const struct daemon_module keepalive_module = {
	.name = "keepalives",
	.start = keepalive_start,
	.check = keepalive_check,
	.undo = keepalive_undo,
	.stop = keepalive_stop,
};
