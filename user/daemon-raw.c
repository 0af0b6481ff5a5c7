// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Raw sockets of protocol 47. That they are there makes the kernel reassemble
 * fragmented GRE packets for somebody, and keeps it from answering "protocol
 * unreachable". What they receive and was reassembled goes to xgre_port by the
 * reassembly device. What came whole was with the programs before: a copy.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon.h"
#include "gre.h"
#include "keepalive.h"

#ifndef IP_RECVFRAGSIZE
#define IP_RECVFRAGSIZE 25
#endif
#ifndef IPV6_RECVFRAGSIZE
#define IPV6_RECVFRAGSIZE 77
#endif

#define BATCH	  32
#define ROUNDS	  8 /* batches until other descriptors have their turn */
#define ROOM	  (40 + 65536)
#define RX_BUFFER (8 << 20)

struct socket {
	struct daemon *d;
	uint8_t family;
	int fd;
	uint32_t overflow; /* packets that the socket dropped, as it last said */
};

struct raw {
	struct socket sockets[2];
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in6 from[BATCH];
	uint64_t control[BATCH][32];
	uint8_t (*room)[ROOM];
};

/* What the control messages say about a packet. */
struct ancillary {
	uint32_t fragment; /* largest fragment; 0: it came whole */
	uint32_t ifindex;  /* that it came in by */
	struct in6_addr to;
	uint8_t tclass, hops;
};

static void ancillary_read(struct socket *s, struct msghdr *m, struct ancillary *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		const void *data = CMSG_DATA(c);
		int value;

		memcpy(&value, data, sizeof(value)); /* the smallest there is */
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			uint32_t dropped = (uint32_t)value;

			daemon_count(s->d, XGRE_D_OVERFLOW, dropped - s->overflow);
			s->overflow = dropped;
		} else if (c->cmsg_level == IPPROTO_IP) {
			if (c->cmsg_type == IP_RECVFRAGSIZE)
				ret->fragment = (uint32_t)value;
			else if (c->cmsg_type == IP_PKTINFO)
				ret->ifindex = (uint32_t)((const struct in_pktinfo *)data)->ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6) {
			const struct in6_pktinfo *info = data;

			if (c->cmsg_type == IPV6_RECVFRAGSIZE)
				ret->fragment = (uint32_t)value;
			else if (c->cmsg_type == IPV6_TCLASS)
				ret->tclass = (uint8_t)value;
			else if (c->cmsg_type == IPV6_HOPLIMIT)
				ret->hops = (uint8_t)value;
			else if (c->cmsg_type == IPV6_PKTINFO) {
				ret->ifindex = info->ipi6_ifindex;
				ret->to = info->ipi6_addr;
			}
		}
	}
}

/* Is this a port where GRE may come in? */
static bool port_takes(const struct state *st, uint32_t ifindex)
{
	for (int i = 0; i < XGRE_PORTS_MAX; i++)
		if (st->ports[i].ifindex == ifindex &&
		    (st->ports[i].flags & (XGRE_PORT_USED | XGRE_PORT_DECAP)) ==
			    (XGRE_PORT_USED | XGRE_PORT_DECAP))
			return true;
	return false;
}

/* The kernel gives the payload alone: the header as it would be had the packet come whole. */
static void header6_write(uint8_t *at, size_t len, const struct in6_addr *from,
			  const struct ancillary *a)
{
	struct ip6_hdr h = { .ip6_dst = a->to, .ip6_src = *from };

	h.ip6_flow = htonl(6u << 28 | (uint32_t)a->tclass << 20);
	h.ip6_plen = htons((uint16_t)len);
	h.ip6_nxt = IPPROTO_GRE;
	h.ip6_hlim = a->hops;
	memcpy(at, &h, sizeof(h));
}

/*
 * A packet that was received: true where it is to be handed on, as *ret then
 * says. Only the endpoints and the key are looked at here, so that the device is
 * not a way in for anything else.
 */
static bool take(struct socket *s, size_t i, struct inject_packet *ret)
{
	struct raw *raw = s->d->raw;
	struct ancillary a;
	uint8_t *data = raw->room[i];
	size_t len = raw->messages[i].msg_len;
	struct gre_packet gre;
	int number;

	ancillary_read(s, &raw->messages[i].msg_hdr, &a);
	if (raw->messages[i].msg_hdr.msg_flags & MSG_TRUNC || !port_takes(s->d->st, a.ifindex))
		return false;
	if (s->family == XGRE_FAMILY_6) {
		header6_write(data, len, &raw->from[i].sin6_addr, &a);
		len += sizeof(struct ip6_hdr);
	}
	number = gre_tunnel(s->d->st, s->family, data, len, &gre);
	if (number >= 0 && keepalive_is_answer(&gre)) {
		keepalive_answered(s->d, (uint32_t)number);
		return false;
	}
	if (!a.fragment)
		return false;
	if (number < 0) {
		daemon_count(s->d, XGRE_D_UNCLAIMED, 1);
		return false;
	}
	/* the kernel's device has been given the same packet */
	if (state_tunnel(s->d->st, (uint32_t)number)->flags & XGRE_TUNNEL_KERNEL)
		return false;
	*ret = (struct inject_packet){ .data = data, .len = len, .family = s->family };
	return true;
}

static void hand_over(struct daemon *d, const struct inject_packet *packets, size_t n)
{
	struct inject *in = d->device && d->device->ifindex ? d->device->inject : NULL;
	size_t done = 0, lost = 0;

	while (in && done < n) {
		int sent = inject(in, packets + done, n - done);

		if (sent <= 0)
			lost++;
		done += sent > 0 ? (size_t)sent : 1;
	}
	lost += n - done;
	daemon_count(d, XGRE_D_REASSEMBLED, n - lost);
	daemon_count(d, XGRE_D_LOST, lost);
}

static int receive(struct socket *s)
{
	struct raw *raw = s->d->raw;
	size_t skip = s->family == XGRE_FAMILY_6 ? sizeof(struct ip6_hdr) : 0;

	for (size_t i = 0; i < BATCH; i++) {
		raw->iov[i] = (struct iovec){ raw->room[i] + skip, ROOM - skip };
		raw->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &raw->from[i],
			.msg_namelen = sizeof(raw->from[i]),
			.msg_iov = &raw->iov[i],
			.msg_iovlen = 1,
			.msg_control = raw->control[i],
			.msg_controllen = sizeof(raw->control[i]),
		};
	}
	return recvmmsg(s->fd, raw->messages, BATCH, MSG_DONTWAIT, NULL);
}

static void readable(uint32_t events, void *arg)
{
	struct socket *s = arg;
	struct inject_packet packets[BATCH];
	int received = BATCH;

	(void)events;
	for (int round = 0; round < ROUNDS && received == BATCH; round++) {
		size_t n = 0;

		received = receive(s);
		for (int i = 0; i < received; i++)
			n += take(s, (size_t)i, &packets[n]);
		if (n)
			hand_over(s->d, packets, n);
	}
}

static int switch_on(int fd, int level, const int *options, size_t n)
{
	const int on = 1;

	for (size_t i = 0; i < n; i++)
		if (setsockopt(fd, level, options[i], &on, sizeof(on)))
			return -errno;
	return 0;
}

static int socket_options(struct socket *s)
{
	static const int options4[] = { IP_RECVFRAGSIZE, IP_PKTINFO };
	static const int options6[] = { IPV6_RECVFRAGSIZE, IPV6_RECVPKTINFO, IPV6_RECVTCLASS,
					IPV6_RECVHOPLIMIT };
	static const int common[] = { SO_RXQ_OVFL };
	const int size = RX_BUFFER, mtu = IP_PMTUDISC_OMIT;
	int err = switch_on(s->fd, SOL_SOCKET, common, 1);

	if (!err && setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		err = -errno;
	if (err)
		return err;
	if (s->family == XGRE_FAMILY_6)
		return switch_on(s->fd, IPPROTO_IPV6, options6, 4);
	/*
	 * The kernel would believe every "fragmentation needed" about protocol 47 on
	 * behalf of this socket, whatever tunnel or key it quotes (raw_err()).
	 */
	if (setsockopt(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, &mtu, sizeof(mtu)))
		return -errno;
	return switch_on(s->fd, IPPROTO_IP, options4, 2);
}

static int socket_open(struct socket *s)
{
	int af = s->family == XGRE_FAMILY_6 ? AF_INET6 : AF_INET;
	int err;

	s->fd = socket(af, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_GRE);
	if (s->fd < 0)
		return errno == EAFNOSUPPORT ? 0 : -errno; /* a kernel without IPv6 */
	err = socket_options(s);
	return err ?: loop_watch(s->d->loop, s->fd, readable, s);
}

static int raw_start(struct daemon *d)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	int err;

	d->raw = raw;
	if (!raw)
		return -ENOMEM;
	raw->sockets[0] = (struct socket){ .d = d, .family = XGRE_FAMILY_4, .fd = -1 };
	raw->sockets[1] = (struct socket){ .d = d, .family = XGRE_FAMILY_6, .fd = -1 };
	raw->room = calloc(BATCH, sizeof(*raw->room));
	if (!raw->room)
		return -ENOMEM;
	err = socket_open(&raw->sockets[0]);
	return err ?: socket_open(&raw->sockets[1]);
}

static void raw_stop(struct daemon *d)
{
	if (!d->raw)
		return;
	for (int i = 0; i < 2; i++) {
		loop_forget(d->loop, d->raw->sockets[i].fd);
		if (d->raw->sockets[i].fd >= 0)
			close(d->raw->sockets[i].fd);
	}
	free(d->raw->room);
	free(d->raw);
	d->raw = NULL;
}

const struct daemon_module raw_module = {
	.name = "raw sockets of protocol 47",
	.start = raw_start,
	.stop = raw_stop,
};
