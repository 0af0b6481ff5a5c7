// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whole outer packets into the reassembly device, by a packet socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "inject.h"
#include "xgre/abi.h"

#ifndef PACKET_QDISC_BYPASS
#define PACKET_QDISC_BYPASS 20
#endif

/* A largest packet is 64 KiB, and as much again of the kernel's own: many of them at a time. */
#define SEND_BUFFER (16 << 20)

struct inject {
	int fd;
	struct ether_header header[2]; /* for IPv4, for IPv6 */
	struct iovec iov[INJECT_MAX][2];
	struct mmsghdr messages[INJECT_MAX];
};

int inject_open(uint32_t ifindex, const uint8_t program_mac[6], const uint8_t own_mac[6],
		struct inject **ret)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = (int)ifindex };
	const int on = 1, size = SEND_BUFFER;
	struct inject *in = calloc(1, sizeof(*in));
	int err;

	if (!in)
		return -ENOMEM;
	/* protocol 0: it sends and never receives */
	in->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (in->fd < 0 || bind(in->fd, (const struct sockaddr *)&at, sizeof(at))) {
		err = -errno;
		inject_close(in);
		return err;
	}
	setsockopt(in->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	setsockopt(in->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	for (int i = 0; i < 2; i++) {
		memcpy(in->header[i].ether_dhost, program_mac, ETH_ALEN);
		memcpy(in->header[i].ether_shost, own_mac, ETH_ALEN);
		in->header[i].ether_type = htons(i ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	}
	for (int i = 0; i < INJECT_MAX; i++) {
		in->iov[i][0].iov_len = sizeof(in->header[0]);
		in->messages[i].msg_hdr.msg_iov = in->iov[i];
		in->messages[i].msg_hdr.msg_iovlen = 2;
	}
	*ret = in;
	return 0;
}

void inject_close(struct inject *in)
{
	if (!in)
		return;
	if (in->fd >= 0)
		close(in->fd);
	free(in);
}

int inject(struct inject *in, const struct inject_packet *packets, size_t n)
{
	int sent;

	if (n > INJECT_MAX)
		n = INJECT_MAX;
	for (size_t i = 0; i < n; i++) {
		in->iov[i][0].iov_base = &in->header[packets[i].family == XGRE_FAMILY_6];
		in->iov[i][1].iov_base = (void *)packets[i].data;
		in->iov[i][1].iov_len = packets[i].len;
	}
	do {
		sent = sendmmsg(in->fd, in->messages, (unsigned int)n, 0);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}
