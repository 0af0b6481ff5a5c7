// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The reassembly device: a veth pair of the instance, there while xgred runs. One
 * end is a port of the instance that nobody configured, with xgre_port at its
 * ingress; the other end is written to.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "attach.h"
#include "daemon.h"
#include "resolve.h"

/* No tunnel can have such a name: the pair is nobody's device but is taken down with them all. */
#define PAIR_NAME   "/reassembly"
#define WRITER_NAME "/writer"
#define PAIR_MTU    65535 /* the largest IPv4 packet is one byte larger than a veth's largest MTU */

struct pair {
	struct netdev port;
	struct netdev writer;
};

/* The module's own: what the others see, and what it takes to hold it true. */
struct device {
	struct reassembly_device seen;
	char port_name[IFNAMSIZ];
	char writer_name[IFNAMSIZ];
	uint64_t build; /* of the program that is attached */
	bool xdp_want;	/* xdp_wanted() when it was made */
	int xdp;	/* the link of xgre_xdp; -1: none. Not pinned, it goes with the process */
	int said;
};

static int pair_get(struct daemon *d, const struct device *dev, struct pair *ret)
{
	return netdev_get(d->nl, dev->port_name, &ret->port) ?:
	       netdev_get(d->nl, dev->writer_name, &ret->writer);
}

static void pair_remove(struct daemon *d, const struct device *dev)
{
	const char *const names[] = { dev->port_name, dev->writer_name };
	struct netdev n;

	for (int i = 0; i < 2; i++) /* an end takes the other with it */
		if (!netdev_get(d->nl, names[i], &n))
			netdev_del(d->nl, n.ifindex);
}

static int pair_make(struct daemon *d, const struct device *dev)
{
	char alias[64];
	const struct veth_spec spec = {
		.name = dev->port_name,
		.peer = dev->writer_name,
		.mtu = PAIR_MTU,
		.peer_mtu = PAIR_MTU,
		.group = device_group(d->instance),
		.alias = alias,
	};

	device_alias(d->instance, PAIR_NAME, alias);
	pair_remove(d, dev);
	return netdev_add_veth(d->nl, &spec);
}

/* The entry that makes the end a port, at the far end of the array: others begin at the near one. */
static int port_enter(struct daemon *d, const struct device *dev, const struct pair *pair)
{
	struct xgre_port e = {
		.flags = XGRE_PORT_USED | XGRE_PORT_DECAP | XGRE_PORT_REASSEMBLY,
		.ifindex = pair->port.ifindex,
		.lower = pair->port.ifindex,
	};
	int number = state_port_number(d->st, dev->port_name);

	memcpy(e.mac, pair->port.mac, sizeof(e.mac));
	memcpy(e.name, dev->port_name, sizeof(e.name));
	for (int i = XGRE_PORTS_MAX - 1; number < 0 && i >= 0; i--)
		if (!d->st->ports[i].flags)
			number = i;
	return number < 0 ? -ENOSPC : state_port_set(d->st, (uint32_t)number, &e);
}

static int program_attach(struct daemon *d, struct device *dev, const struct pair *pair)
{
	struct programs p;
	bool made;
	int err = programs_open(d->st, &p);

	if (err)
		return err;
	err = tc_attach(pair->port.ifindex, p.fd[PROGRAM_PORT], &made);
	programs_close(&p);
	if (!err)
		dev->build = d->st->meta->build;
	return err;
}

/*
 * With XDP on the device, what was reassembled is forwarded at once, as what comes
 * in by a port. That takes ports that XDP can send by: natively, all of them.
 */
static bool xdp_wanted(struct daemon *d)
{
	bool any = false;

	for (int i = 0; i < XGRE_PORTS_MAX; i++) {
		const struct xgre_port *p = &d->st->ports[i];
		struct netdev lower;

		if (!(p->flags & XGRE_PORT_XDP) || p->flags & XGRE_PORT_REASSEMBLY)
			continue;
		if (netdev_get_index(d->nl, p->lower, &lower) ||
		    lower.xdp_mode != XDP_ATTACHED_DRV)
			return false;
		any = true;
	}
	return any;
}

static void device_xdp_detach(struct device *dev)
{
	if (dev->xdp >= 0)
		close(dev->xdp);
	dev->xdp = -1;
}

/* Without XDP the TC program does the same. */
static int device_xdp(struct daemon *d, struct device *dev, const struct pair *pair)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int number = state_port_number(d->st, dev->port_name);
	struct programs p;
	struct xgre_port e;
	int err;

	device_xdp_detach(dev);
	dev->xdp_want = xdp_wanted(d);
	if (number < 0 || !dev->xdp_want)
		return 0;
	err = programs_open(d->st, &p);
	if (err)
		return err;
	dev->xdp = bpf_link_create(p.fd[PROGRAM_XDP], (int)pair->port.ifindex, BPF_XDP, &opts);
	programs_close(&p);
	if (dev->xdp < 0)
		return 0;
	e = d->st->ports[number];
	e.flags |= XGRE_PORT_XDP;
	return state_port_set(d->st, (uint32_t)number, &e);
}

/* Make what is missing. What a killed predecessor left is taken over. */
static int device_make(struct daemon *d, struct device *dev)
{
	struct reassembly_device *seen = &dev->seen;
	struct pair pair;
	int err = pair_get(d, dev, &pair);

	if (err == -ENODEV)
		err = pair_make(d, dev) ?: pair_get(d, dev, &pair);
	if (err)
		return err;
	sysctl_set("net/ipv6/conf/%s/disable_ipv6", dev->port_name, 1);
	sysctl_set("net/ipv6/conf/%s/disable_ipv6", dev->writer_name, 1);
	err = port_enter(d, dev, &pair) ?: program_attach(d, dev, &pair);
	err = err ?: device_xdp(d, dev, &pair);
	err = err ?: netdev_set_up(d->nl, pair.port.ifindex, true);
	err = err ?: netdev_set_up(d->nl, pair.writer.ifindex, true);
	if (err)
		return err;
	inject_close(seen->inject);
	seen->inject = NULL;
	seen->writer = pair.writer.ifindex;
	memcpy(seen->mac, pair.port.mac, sizeof(seen->mac));
	memcpy(seen->writer_mac, pair.writer.mac, sizeof(seen->writer_mac));
	err = inject_open(seen->writer, seen->mac, seen->writer_mac, &seen->inject);
	if (!err)
		seen->ifindex = pair.port.ifindex;
	return err;
}

/* Is everything in its place? */
static bool device_intact(struct daemon *d, const struct device *dev)
{
	int number = state_port_number(d->st, dev->port_name);
	struct netdev n;
	uint32_t id;

	return dev->seen.ifindex && dev->build == d->st->meta->build && number >= 0 &&
	       dev->xdp_want == xdp_wanted(d) &&
	       d->st->ports[number].ifindex == dev->seen.ifindex &&
	       !netdev_get_index(d->nl, dev->seen.ifindex, &n) && n.flags & IFF_UP && n.carrier &&
	       !tc_query(dev->seen.ifindex, &id);
}

static void device_check(struct daemon *d)
{
	struct device *dev = (struct device *)d->device;
	int fd, err;

	if (device_intact(d, dev))
		return;
	dev->seen.ifindex = 0;
	if (!daemon_try_lock(d, &fd))
		return;
	err = device_make(d, dev);
	daemon_unlock(d, fd);
	/* -ENOENT: apply has not got as far as the programs */
	if (err && err != -ENOENT && err != dev->said)
		daemon_say("the reassembly device cannot be made: %s%s%s; fragmented packets are "
			   "lost, tried again twice a second",
			   strerror(-err), *nl_error(d->nl) ? ": " : "", nl_error(d->nl));
	if (!err && dev->said)
		daemon_say("the reassembly device is made");
	dev->said = err;
}

static int device_start(struct daemon *d)
{
	struct device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return -ENOMEM;
	dev->xdp = -1;
	device_peer_name(d->instance, PAIR_NAME, dev->port_name);
	device_peer_name(d->instance, WRITER_NAME, dev->writer_name);
	d->device = &dev->seen;
	return 0;
}

static void device_undo(struct daemon *d)
{
	struct device *dev = (struct device *)d->device;
	int number = state_port_number(d->st, dev->port_name);

	if (number >= 0)
		state_port_clear(d->st, (uint32_t)number);
	pair_remove(d, dev);
}

static void device_stop(struct daemon *d)
{
	if (!d->device)
		return;
	device_xdp_detach((struct device *)d->device);
	inject_close(d->device->inject);
	free(d->device);
	d->device = NULL;
}

const struct daemon_module reassembly_device_module = {
	.name = "reassembly device",
	.start = device_start,
	.check = device_check,
	.undo = device_undo,
	.stop = device_stop,
};
