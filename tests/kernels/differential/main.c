// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * differential [OPTION...] NAME:WAN:LAN...: send the stream to each gateway by the device
 * WAN and see what it emits there and on LAN. The devices are the other ends of the
 * gateways' two ports, in this network namespace, where nobody else sends. The first
 * gateway is what the others are compared with.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "differential.h"

#define BATCH	       48 /* packets before a marker: fewer frames than a veth's ring of 256 holds */
#define MARKER_AGAIN   1000  /* ms */
#define MARKER_LIMIT   60000 /* ms without an answer: the gateway is dead */
#define QUIET	       1000  /* ms without a frame: nothing comes any more */
#define VLAN_PULLED    6 /* bytes that skb_vlan_untag() wants, or it drops the frame */
#define RECEIVE_BUFFER (256 << 20)
#define GATEWAYS_MAX   8

struct gateway {
	const char *name;
	int wan, lan; /* packet sockets */
	bool seen[2]; /* the present marker, whole and in fragments */
	unsigned long frames; /* sent to it */
	unsigned long cut_tags; /* of them: VLAN frames too short for the tag */
};

static struct plan plan;
static struct gateway gateways[GATEWAYS_MAX];
static unsigned ngateways;
static struct results *results;
static uint32_t marker = ID_MARKER;
static unsigned long sent_packets;

static int socket_on(const char *device)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1, size = RECEIVE_BUFFER;

	to.sll_ifindex = if_nametoindex(device);
	if (fd < 0 || !to.sll_ifindex)
		err(2, "%s", device);
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "%s", device);
	return fd;
}

/* A frame of the gateway's own: ARP, neighbour discovery, ICMP, GRE of its own sending. */
static bool is_own(const uint8_t *data, size_t len)
{
	const struct tunnel *t;

	if (len < ETH_HLEN + 20 || (data[0] & 1))
		return true;
	if (data[12] == 0x08 && data[13] == 0x00) {
		const uint8_t *src = data + ETH_HLEN + 12;

		for (t = plan.tunnels; t < plan.tunnels + plan.ntunnels; t++)
			if (t->family == 4 && !memcmp(src, t->local, 4))
				return true;
		/* its address on the LAN is one of those that the stream uses */
		return !memcmp(src, "\x0a\x01\x00\x01", 4);
	}
	if (data[12] == 0x86 && data[13] == 0xdd && len >= ETH_HLEN + 40) {
		const uint8_t *src = data + ETH_HLEN + 8;

		for (t = plan.tunnels; t < plan.tunnels + plan.ntunnels; t++)
			if (t->family == 6 && !memcmp(src, t->local, 15))
				return true; /* or the subnet's anycast address */
		return (src[0] == 0xfe && (src[1] & 0xc0) == 0x80) ||
		       (src[0] == 0xfd && src[1] == 1); /* fd01::1 */
	}
	return true;
}

/* The times that routers wrote into an IPv4 header, and its checksum with them, become zeros. */
static void forget_time(uint8_t *data, size_t len)
{
	uint8_t *ip = data + ETH_HLEN, *at = ip + 20, *end = ip + (ip[0] & 15) * 4;

	if (data[12] != 0x08 || data[13] || end > data + len)
		return;
	while (at + 1 < end && *at) {
		if (*at == 1) {
			at++;
			continue;
		}
		if (at[1] < 2 || at + at[1] > end)
			return;
		if (*at == 68 && at[1] > 4) {
			memset(at + 4, 0, at[1] - 4);
			memset(ip + 10, 0, 2);
		}
		at += at[1];
	}
}

static void take(struct gateway *g, bool lan, uint8_t *data, size_t len)
{
	uint32_t id;

	if (is_own(data, len))
		return;
	id = id_find(&plan, data, len);
	if (id == marker || id == marker + 1)
		g->seen[id - marker] = true;
	if (id >= ID_MARKER && id != ID_NONE)
		return;
	forget_time(data, len);
	results_add(results, g - gateways, lan, id, data, len);
}

/* Take what is there from one socket. */
static void drain_socket(struct gateway *g, int fd, bool lan)
{
	static uint8_t buffer[65536];
	ssize_t n;

	while ((n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
		take(g, lan, buffer, n);
	if (n < 0 && errno != EAGAIN && errno != ENETDOWN)
		err(1, "receive");
}

/* Take what there is, and wait so long for the first of it. */
static bool drain(struct gateway *g, int ms)
{
	struct pollfd fds[] = { { .fd = g->lan, .events = POLLIN },
				{ .fd = g->wan, .events = POLLIN } };

	if (poll(fds, 2, ms) <= 0)
		return false;
	if (fds[0].revents)
		drain_socket(g, g->lan, true);
	if (fds[1].revents)
		drain_socket(g, g->wan, false);
	return true;
}

static void send_packet(struct gateway *g, const struct packet *p)
{
	struct mmsghdr messages[FRAMES_MAX] = {};
	struct iovec parts[FRAMES_MAX];
	unsigned i;

	for (i = 0; i < p->nframes; i++) {
		g->cut_tags += p->frame_len[i] < ETH_HLEN + VLAN_PULLED && p->frames[i][12] == 0x81 &&
			       !p->frames[i][13];
		parts[i].iov_base = (void *)p->frames[i];
		parts[i].iov_len = p->frame_len[i];
		messages[i].msg_hdr.msg_iov = parts + i;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	i = 0;
	while (i < p->nframes) {
		int n = sendmmsg(g->wan, messages + i, p->nframes - i, 0);

		if (n > 0)
			i += n;
		else if (errno == ENOBUFS || errno == EAGAIN)
			drain(g, 1);
		else
			err(1, "send to %s", g->name);
	}
	g->frames += p->nframes;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* Wait until the gateway has been through all that it was sent: it forwards a marker. */
static void settle(struct gateway *g)
{
	static struct packet p;
	int64_t start = now_ms(), again = start;

	g->seen[0] = false;
	g->seen[1] = !plan.fragments;
	while (!g->seen[0] || !g->seen[1]) {
		int64_t now = now_ms();

		if (now - start > MARKER_LIMIT)
			errx(1, "%s does not forward any more, before packet %lu", g->name,
			     sent_packets);
		if (now >= again) {
			for (unsigned i = 0; i < 2; i++) {
				if (g->seen[i])
					continue;
				marker_make(&plan, marker + i, i, &p);
				send_packet(g, &p);
			}
			again = now + MARKER_AGAIN;
		}
		drain(g, 20);
	}
}

static void send_batch(uint32_t first, uint32_t n)
{
	static struct packet packets[BATCH];
	uint32_t i;

	for (i = 0; i < n; i++)
		packet_make(&plan, first + i, &packets[i]);
	for (struct gateway *g = gateways; g < gateways + ngateways; g++) {
		for (i = 0; i < n; i++)
			send_packet(g, &packets[i]);
		settle(g);
	}
	marker = marker + 2 < ID_NONE - 2 ? marker + 2 : ID_MARKER;
	sent_packets += n;
}

/* The last line: what each gateway was sent, markers included, and how many frames it emitted. */
static void print_summary(void)
{
	printf("{\"sent\": {");
	for (unsigned i = 0; i < ngateways; i++)
		printf("%s\"%s\": %lu", i ? ", " : "", gateways[i].name, gateways[i].frames);
	printf("}, \"cut_tags\": %lu, \"forwarded\": {", gateways[0].cut_tags);
	for (unsigned i = 0; i < ngateways; i++)
		printf("%s\"%s\": %zu", i ? ", " : "", gateways[i].name, results_of(results, i));
	printf("}}\n");
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (!*text || *end)
		errx(2, "%s: not a number", text);
	return n;
}

/* An address of either family; returns it. */
static int address(const char *text, uint8_t *to)
{
	int family = strchr(text, ':') ? 6 : 4;

	if (inet_pton(family == 4 ? AF_INET : AF_INET6, text, to) != 1)
		errx(2, "%s: not an address", text);
	return family;
}

static char *field(char **text)
{
	char *f = strsep(text, ",");

	if (!f)
		errx(2, "too few fields");
	return f;
}

/* LOCAL,REMOTE,KEY,CHECKSUM,SOURCE4,SOURCE6; an empty KEY is none, CHECKSUM 0 or 1. */
static void add_tunnel(char *text)
{
	struct tunnel *t = &plan.tunnels[plan.ntunnels++];
	char *key;

	if (plan.ntunnels > TUNNEL_MAX)
		errx(2, "too many tunnels");
	t->family = address(field(&text), t->local);
	address(field(&text), t->remote);
	key = field(&text);
	t->keyed = *key;
	t->key = *key ? number(key) : 0;
	t->checksum = number(field(&text));
	address(field(&text), t->source4);
	address(field(&text), t->source6);
}

static void mac(const char *text, uint8_t *to)
{
	struct ether_addr *a = ether_aton(text);

	if (!a)
		errx(2, "%s: not a MAC address", text);
	memcpy(to, a, 6);
}

static void add_gateway(char *text)
{
	struct gateway *g = &gateways[ngateways++];
	char *wan;

	if (ngateways > GATEWAYS_MAX)
		errx(2, "too many gateways");
	g->name = strsep(&text, ":");
	wan = strsep(&text, ":");
	if (!wan || !text)
		errx(2, "a gateway is NAME:WAN:LAN");
	g->wan = socket_on(wan);
	g->lan = socket_on(text);
}

static const struct option options[] = {
	{ "seed", 1, NULL, 's' }, { "count", 1, NULL, 'c' },	{ "only", 1, NULL, 'o' },
	{ "to4", 1, NULL, '4' },  { "to6", 1, NULL, '6' },	{ "tunnel", 1, NULL, 't' },
	{ "mac", 1, NULL, 'm' },  { "host-mac", 1, NULL, 'h' }, { "fragments", 0, NULL, 'f' },
	{},
};

int main(int argc, char **argv)
{
	const char *names[GATEWAYS_MAX];
	uint32_t first = 0;
	bool only = false;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 's': plan.seed = number(optarg); break;
		case 'c': plan.count = number(optarg); break;
		case 'o': first = number(optarg), only = true; break;
		case '4': address(optarg, plan.to4); break;
		case '6': address(optarg, plan.to6); break;
		case 't': add_tunnel(optarg); break;
		case 'm': mac(optarg, plan.gateway_mac); break;
		case 'h': mac(optarg, plan.host_mac); break;
		case 'f': plan.fragments = true; break;
		default: return 2;
		}
	}
	for (; optind < argc; optind++)
		add_gateway(argv[optind]);
	if (!plan.ntunnels || !ngateways || !plan.count || plan.count >= ID_MARKER)
		errx(2, "tunnels, gateways and 1 to 2^31 - 1 packets are needed");

	results = results_new();
	if (only)
		send_batch(first, 1);
	for (uint32_t i = 0; i < plan.count && !only; i += BATCH)
		send_batch(i, plan.count - i < BATCH ? plan.count - i : BATCH);
	for (unsigned i = 0; i < ngateways; i++) {
		while (drain(&gateways[i], QUIET))
			;
		names[i] = gateways[i].name;
	}
	results_compare(results, &plan, names, ngateways, only);
	print_summary();
	return 0;
}
