// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Netlink conversations: one socket, requests, dumps, batches and their errors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netlink.h>
#include "netdev-internal.h"

/*
 * The kernel fills at most 32 KiB of a dump at a time, but a single message
 * (a device with hundreds of VFs) may be larger.
 */
#define RX_SIZE	      (256u << 10)
#define TX_SIZE	      (128u << 10)
#define BATCH_MAX     1024
#define DUMP_ATTEMPTS 50

/*
 * A batch that fails throughout queues an error message for each request, a
 * little over 1 KiB of socket memory apiece.
 */
#define SOCKET_BUFFER (4 << 20)

struct nl {
	int fd;
	uint32_t seq;
	char *tx;
	char *rx;
	bool keep_error;
	char error[256];
};

/* What a call waits for: answers to the requests first to last. */
struct talk {
	uint32_t first;
	uint32_t last;
	nl_fn fn;
	void *arg;
	int *status; /* of each request; NULL: not asked for */
	bool dump;
	bool interrupted;
	int err;	    /* the first one */
	uint32_t err_index; /* its request */
};

static void set_buffer(int fd, int force, int plain)
{
	int size = SOCKET_BUFFER;

	/* Without CAP_NET_ADMIN the system's limit applies, which reading can live with. */
	if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, plain, &size, sizeof(size));
}

int nl_open_bus(int bus, struct nl **ret)
{
	static const int on = 1;
	struct nl *nl;
	int err;

	nl = calloc(1, sizeof(*nl));
	if (!nl)
		return -ENOMEM;
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);
	if (nl->fd < 0) {
		err = -errno;
		goto out;
	}

	err = -ENOMEM;
	nl->tx = malloc(TX_SIZE);
	nl->rx = malloc(RX_SIZE);
	if (!nl->tx || !nl->rx)
		goto out;
	set_buffer(nl->fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(nl->fd, SO_SNDBUFFORCE, SO_SNDBUF);
	/* Conveniences: everything works without them, only slower or with less to say. */
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	*ret = nl;
	return 0;
out:
	nl_close(nl);
	return err;
}

int nl_open(struct nl **ret)
{
	return nl_open_bus(NETLINK_ROUTE, ret);
}

void nl_close(struct nl *nl)
{
	if (!nl)
		return;
	if (nl->fd >= 0)
		close(nl->fd);
	free(nl->tx);
	free(nl->rx);
	free(nl);
}

const char *nl_error(const struct nl *nl)
{
	return nl->error;
}

void nl_error_keep(struct nl *nl, bool keep)
{
	nl->keep_error = keep;
}

struct nlmsghdr *nl_request(struct nl *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->tx);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return nlh;
}

static int transmit(struct nl *nl, const void *data, size_t size)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n;

	do {
		n = sendto(nl->fd, data, size, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* One datagram of the kernel's into nl->rx: its size or -errno. */
static ssize_t receive(struct nl *nl, int flags)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = nl->rx, .iov_len = RX_SIZE};
	struct msghdr msg = {.msg_name = &from, .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do {
		msg.msg_namelen = sizeof(from);
		n = recvmsg(nl->fd, &msg, flags);
		/* Any process may send to a netlink socket; only port 0 is the kernel. */
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
	if (n < 0)
		return -errno;
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

/* The message behind an error of which fixed bytes come before the attributes. */
static void take_error_text(struct nl *nl, const struct nlmsghdr *nlh, size_t fixed)
{
	const struct nlattr *tb[NLMSGERR_ATTR_MSG + 1] = {NULL};

	if (nl->keep_error)
		return;
	nl->error[0] = '\0';
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (nlh->nlmsg_type == NLMSG_ERROR && !(nlh->nlmsg_flags & NLM_F_CAPPED)) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		fixed += e->msg.nlmsg_len - sizeof(e->msg);
	}
	if (mnl_nlmsg_get_payload_len(nlh) < MNL_ALIGN(fixed))
		return;
	nl_attrs(nlh, fixed, tb, NLMSGERR_ATTR_MSG);
	nl_text(tb[NLMSGERR_ATTR_MSG], nl->error, sizeof(nl->error));
}

/* Take an acknowledgement, or a dump's end, of which fixed bytes come before the attributes. */
static void take_ack(struct nl *nl, const struct nlmsghdr *nlh, size_t fixed, struct talk *t)
{
	uint32_t index = nlh->nlmsg_seq - t->first;
	int err = -EBADMSG;

	if (mnl_nlmsg_get_payload_len(nlh) >= fixed)
		memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	if (err >= 0)
		return;
	if (t->status)
		t->status[index] = err;
	if (t->err)
		return;
	t->err = err;
	t->err_index = index;
	take_error_text(nl, nlh, fixed);
}

/* True where it was the last message of the answer. */
static bool take_message(struct nl *nl, const struct nlmsghdr *nlh, struct talk *t)
{
	/* Left over from an earlier call that gave up. */
	if (nlh->nlmsg_seq - t->first > t->last - t->first)
		return false;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		t->interrupted = true;
	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
	case NLMSG_OVERRUN:
		return false;
	case NLMSG_ERROR:
		take_ack(nl, nlh, sizeof(struct nlmsgerr), t);
		return t->dump || nlh->nlmsg_seq == t->last;
	case NLMSG_DONE:
		take_ack(nl, nlh, sizeof(int), t);
		return t->dump;
	}
	/* After an error the rest is read all the same: a dump left open bars the next. */
	if (t->fn && !t->err)
		t->err = t->fn(nlh, t->arg);
	return false;
}

/* Read a whole answer: 0, and the kernel's word is in t->err; or -errno of the socket. */
static int converse(struct nl *nl, struct talk *t)
{
	bool lost = false;
	bool done = false;

	while (!done) {
		/*
		 * Acknowledgements are in the queue by the time the request was sent. So after a
		 * loss (ENOBUFS), when the one waited for may be gone, an empty queue is the end.
		 */
		ssize_t n = receive(nl, lost ? MSG_DONTWAIT : 0);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)nl->rx;
		int left = (int)n;

		if (n == -ENOBUFS) {
			lost = true;
			t->interrupted = true;
			continue;
		}
		if (n == -EAGAIN && lost)
			return t->err ? 0 : -ENOBUFS;
		if (n == -EMSGSIZE) {
			t->err = t->err ? t->err : -EMSGSIZE;
			continue;
		}
		if (n < 0)
			return (int)n;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			done |= take_message(nl, nlh, t);
	}
	return 0;
}

int nl_talk(struct nl *nl, struct nlmsghdr *nlh, nl_fn fn, void *arg)
{
	struct talk t = {.first = ++nl->seq, .fn = fn, .arg = arg};
	int err;

	t.last = t.first;
	nlh->nlmsg_seq = t.first;
	nlh->nlmsg_flags |= NLM_F_ACK;
	err = transmit(nl, nlh, nlh->nlmsg_len);
	if (!err)
		err = converse(nl, &t);
	if (err && !nl->keep_error)
		nl->error[0] = '\0';
	return err ? err : t.err;
}

struct collect {
	nl_parse parse;
	const void *arg;
	struct nl_list *list;
};

static int collect_one(const struct nlmsghdr *nlh, void *arg)
{
	struct collect *c = arg;
	struct nl_list *l = c->list;
	char *item;
	int err;

	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		void *items = reallocarray(l->items, room, l->size);

		if (!items)
			return -ENOMEM;
		l->items = items;
		l->room = room;
	}
	item = (char *)l->items + l->count * l->size;
	memset(item, 0, l->size);
	err = c->parse(nlh, item, c->arg);
	if (err > 0)
		l->count++;
	return err < 0 ? err : 0;
}

int nl_dump(struct nl *nl, struct nlmsghdr *nlh, nl_parse parse, const void *arg,
	    struct nl_list *list)
{
	struct collect c = {.parse = parse, .arg = arg, .list = list};
	size_t start = list->count;
	int err;

	nlh->nlmsg_flags |= NLM_F_DUMP;
	for (int i = 0; i < DUMP_ATTEMPTS; i++) {
		struct talk t = {.first = ++nl->seq, .fn = collect_one, .arg = &c, .dump = true};

		t.last = t.first;
		nlh->nlmsg_seq = t.first;
		list->count = start;
		err = transmit(nl, nlh, nlh->nlmsg_len);
		if (!err)
			err = converse(nl, &t);
		if (err && err != -ENOBUFS)
			return err;
		if (t.err)
			return t.err;
		if (!err && !t.interrupted)
			return 0;
	}
	return err ? err : -EAGAIN;
}

/* One system call's worth of requests from start on: how many went, or -errno. */
static ssize_t batch_send(struct nl *nl, size_t start, size_t n, nl_fill fill, const void *arg)
{
	struct nlmsghdr *nlh;
	size_t used = 0;
	size_t i = 0;
	int err;

	do {
		nlh = mnl_nlmsg_put_header(nl->tx + used);
		nlh->nlmsg_flags = NLM_F_REQUEST;
		fill(nlh, start + i, arg);
		nlh->nlmsg_seq = ++nl->seq;
		used += MNL_ALIGN(nlh->nlmsg_len);
	} while (++i < n && i < BATCH_MAX && used + NL_REQUEST_MAX <= TX_SIZE);
	/* Failures are always reported: one acknowledgement at the end says all the rest. */
	nlh->nlmsg_flags |= NLM_F_ACK;
	err = transmit(nl, nl->tx, used);
	return err ? err : (ssize_t)i;
}

int nl_batch(struct nl *nl, size_t n, nl_fill fill, const void *arg, int *status,
	     size_t *ret_failed)
{
	for (size_t i = 0; i < n; i++)
		status[i] = NL_NOT_SENT;
	for (size_t done = 0; done < n;) {
		struct talk t = {.first = nl->seq + 1, .status = status + done};
		ssize_t sent = batch_send(nl, done, n - done, fill, arg);
		int err;

		if (sent < 0) {
			*ret_failed = done;
			return (int)sent;
		}
		t.last = nl->seq;
		memset(status + done, 0, (size_t)sent * sizeof(*status));
		err = converse(nl, &t);
		/* Reports were lost: none of these may be taken for done. */
		if (err || t.interrupted)
			for (ssize_t i = 0; i < sent; i++)
				status[done + i] = status[done + i] ? status[done + i] : -ENOBUFS;
		if (!err && !t.err && t.interrupted)
			err = -ENOBUFS;
		if (err || t.err) {
			*ret_failed = done + t.err_index;
			return err ? err : t.err;
		}
		done += (size_t)sent;
	}
	return 0;
}
