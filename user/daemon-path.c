// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Path MTU: a router of the underlay says that our outer packets are too big. The
 * tunnel's device gets an MTU that fits, for some minutes; the fast path and the
 * kernel go by the device's. The kernel does not record such messages itself, as
 * it would without looking at the key: see daemon-raw.c.
 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "apply-internal.h"
#include "daemon.h"
#include "quoted.h"

#define EXPIRES_DEFAULT 600 /* seconds; the kernel's (net.ipv4.route.mtu_expires) */
#define MESSAGES	16  /* of one turn */
#define RETRY_MS	50

/* linux/icmp.h, which does not go together with netinet/ip_icmp.h */
#define ICMP_FILTER_OPTION 1
#define ICMP_UNREACHABLE   3

struct path {
	int fd[2]; /* ICMP, ICMPv6 */
	struct loop_timer retry;
};

static uint64_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

/* Make the devices' MTUs what they should be. Those of nobody else. */
static void devices_settle(struct daemon *d)
{
	for (uint32_t i = 0; i < d->st->size.tunnels; i++) {
		const struct xgre_tunnel *t = state_tunnel(d->st, i);
		struct xgre_link *l = &d->st->links[i];
		struct netdev dev;
		uint32_t mtu;

		if (!l->mtu)
			continue;
		mtu = state_link_mtu(d->st, i, t->mtu);
		if (!(t->flags & XGRE_TUNNEL_USED) || netdev_get_index(d->nl, t->ifindex, &dev) ||
		    !device_is_ours(&dev, d->instance)) {
			state_link_reset(d->st, i);
			continue;
		}
		if (dev.mtu != mtu) {
			int err = netdev_set_mtu(d->nl, t->ifindex, mtu);

			daemon_say("tunnel %s: MTU %u%s%s", t->name, mtu,
				   mtu == t->mtu ? " again, as configured" : ", by its path's MTU",
				   err ? ": refused by the kernel" : "");
		}
		if (mtu == t->mtu)
			state_link_reset(d->st, i);
	}
}

static void settle(void *arg)
{
	struct daemon *d = arg;
	int fd;

	if (!daemon_try_lock(d, &fd)) {
		loop_timer_set(d->loop, &d->path->retry, RETRY_MS);
		return;
	}
	devices_settle(d);
	daemon_unlock(d, fd);
}

/* Does the tunnel carry IPv6? Its device would lose that with an MTU below 1280. */
static bool carries_ipv6(const struct state *st, uint32_t number)
{
	struct xgre_prefix_key key, next;
	int map = st->map[MAP_prefixes];
	bool more = !bpf_map_get_next_key(map, NULL, &next);

	while (more) {
		struct xgre_prefix v;

		key = next;
		if (key.family == XGRE_FAMILY_6 && !bpf_map_lookup_elem(map, &key, &v) &&
		    v.route >= XGRE_ROUTE_FIRST && v.route < st->size.routes &&
		    st->routes[v.route].tunnel == number + 1)
			return true;
		more = !bpf_map_get_next_key(map, &key, &next);
	}
	return false;
}

static uint64_t expires(uint8_t family)
{
	int seconds = EXPIRES_DEFAULT;

	if (sysctl_get(family == XGRE_FAMILY_6 ? "net/ipv6/route/mtu_expires" :
						 "net/ipv4/route/mtu_expires",
		       NULL, &seconds) ||
	    seconds < 1)
		seconds = EXPIRES_DEFAULT;
	return (uint64_t)seconds;
}

/* true where the device is to follow */
static bool lower(struct daemon *d, uint32_t number, const struct quoted *q)
{
	const struct xgre_tunnel *t = state_tunnel(d->st, number);
	struct xgre_link *l = &d->st->links[number];
	uint32_t now = state_link_mtu(d->st, number, t->mtu);
	uint32_t mtu = q->mtu - t->outer_len;

	/* the kernel's device has learned it, too, and tells by its route (ipgre_err()) */
	if (t->flags & XGRE_TUNNEL_KERNEL)
		return false;
	if (mtu < TUNNEL_MTU_MIN6 && mtu < now && carries_ipv6(d->st, number))
		mtu = TUNNEL_MTU_MIN6;
	if (mtu > now || mtu >= t->mtu) /* nothing new: sent before the device was lowered */
		return false;
	daemon_count(d, XGRE_D_PATH_MTU, 1);
	l->mtu_until = seconds_now() + expires(q->gre.endpoint.family);
	__atomic_store_n(&l->mtu, mtu, __ATOMIC_RELEASE);
	return mtu < now;
}

/*
 * The tunnel that a message is about. Routers that quote as little as RFC 792
 * wants leave the key out where there is a checksum before it: then the endpoints
 * must be those of one tunnel alone.
 */
static int tunnel_of(const struct state *st, const struct quoted *q)
{
	int found = -ENOENT;

	for (uint32_t i = 0; i < st->size.tunnels; i++) {
		if (!quoted_is_of(q, state_tunnel(st, i)))
			continue;
		if (found >= 0)
			return -ENOENT;
		found = (int)i;
	}
	return found;
}

static void take(struct daemon *d, bool is6, const void *packet, size_t len)
{
	struct quoted q;
	int number, err;

	err = is6 ? quoted_read6(packet, len, &q) : quoted_read4(packet, len, &q);
	if (err == -ENOMSG)
		return;
	number = err ? err : tunnel_of(d->st, &q);
	if (number < 0)
		daemon_count(d, XGRE_D_PATH_MTU_REFUSED, 1);
	else if (lower(d, (uint32_t)number, &q))
		settle(d);
}

static void receive(struct daemon *d, bool is6)
{
	uint8_t packet[1500];

	for (int i = 0; i < MESSAGES; i++) {
		ssize_t n = recv(d->path->fd[is6], packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0)
			return;
		/* errors are of 576 bytes at most for IPv4, of 1280 for IPv6 (RFC 1812, 4443) */
		if ((size_t)n <= sizeof(packet))
			take(d, is6, packet, (size_t)n);
	}
}

static void readable4(uint32_t events, void *arg)
{
	(void)events;
	receive(arg, false);
}

static void readable6(uint32_t events, void *arg)
{
	(void)events;
	receive(arg, true);
}

static int open4(struct daemon *d)
{
	const uint32_t blocked = ~(1u << ICMP_UNREACHABLE);
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);

	d->path->fd[0] = fd;
	if (fd < 0 || setsockopt(fd, SOL_RAW, ICMP_FILTER_OPTION, &blocked, sizeof(blocked)))
		return -errno;
	return loop_watch(d->loop, fd, readable4, d);
}

static int open6(struct daemon *d)
{
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	struct icmp6_filter filter;

	d->path->fd[1] = fd;
	if (fd < 0 && errno == EAFNOSUPPORT)
		return 0;
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &filter);
	if (fd < 0 || setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)))
		return -errno;
	return loop_watch(d->loop, fd, readable6, d);
}

static int path_start(struct daemon *d)
{
	d->path = calloc(1, sizeof(*d->path));
	if (!d->path)
		return -ENOMEM;
	d->path->fd[0] = d->path->fd[1] = -1;
	d->path->retry = (struct loop_timer){ .fn = settle, .arg = d };
	/* what a predecessor that was killed knew, but had not done */
	loop_timer_set(d->loop, &d->path->retry, 0);
	return open4(d) ?: open6(d);
}

/* What has expired. */
static void path_check(struct daemon *d)
{
	uint64_t now = seconds_now();

	for (uint32_t i = 0; i < d->st->size.tunnels; i++) {
		if (!d->st->links[i].mtu || d->st->links[i].mtu_until > now)
			continue;
		settle(d);
		return;
	}
}

static void path_undo(struct daemon *d)
{
	for (uint32_t i = 0; i < d->st->size.tunnels; i++)
		d->st->links[i].mtu_until = 0;
	devices_settle(d);
}

static void path_stop(struct daemon *d)
{
	if (!d->path)
		return;
	loop_timer_stop(d->loop, &d->path->retry);
	for (int i = 0; i < 2; i++) {
		loop_forget(d->loop, d->path->fd[i]);
		if (d->path->fd[i] >= 0)
			close(d->path->fd[i]);
	}
	free(d->path);
	d->path = NULL;
}

const struct daemon_module path_module = {
	.name = "path MTU",
	.start = path_start,
	.check = path_check,
	.undo = path_undo,
	.stop = path_stop,
};
