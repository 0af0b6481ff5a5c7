// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tunnels with device: kernel. The device is the operator's: we look at it, give
 * it the addresses and routes of the configuration that it has not, and take
 * back those alone, which bear our protocol number.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "apply-internal.h"
#include "takeover.h"

int kernel_device_prepare(struct run *r, const struct tunnel *t, struct tunnel_facts *f)
{
	struct findings differences;
	struct netgre g;
	struct netdev d;
	int err = netgre_get(r->nl, t->name, &g);

	if (err == -ENODEV && !netdev_get(r->nl, t->name, &d))
		return run_fail(r, -EINVAL, &t->place,
				"tunnel %s: device: kernel, but the device of this name is no GRE device "
				"of the kernel's (it is of kind %s)",
				t->name, *d.kind ? d.kind : "hardware");
	if (err)
		return run_fail(r, err, &t->place,
				"tunnel %s: device: kernel, but the kernel has no device of this name: "
				"%s; ip tunnel add makes it, without device: kernel xgre does",
				t->name, run_reason(r, err));
	netgre_differences(t, &g, &differences);
	for (size_t i = 0; i < differences.count; i++)
		err = run_fail(r, -EINVAL, &t->place,
			       "tunnel %s: the kernel's device %s; xgre-load import prints what it is "
			       "set to",
			       t->name, differences.text[i]);
	if (!err && g.link && g.link != f->port_ifindex)
		err = run_fail(r, -EINVAL, &t->place,
			       "tunnel %s: the kernel's device is bound to another device (dev) than the "
			       "port that holds local",
			       t->name);
	f->mtu = g.dev.mtu;
	return err;
}

int kernel_device_get(struct run *r, const char *name, struct netdev *ret)
{
	struct netgre g;
	int err = netgre_get(r->nl, name, &g);

	if (err)
		return err;
	*ret = g.dev;
	memset(ret->mac, 0, sizeof(ret->mac)); /* it has none: this is its local address */
	return 0;
}

static int addresses_leave(struct nl *nl, uint32_t ifindex)
{
	struct netaddr *addrs = NULL;
	size_t n = 0;
	int err = netaddr_list(nl, &addrs, &n);

	for (size_t i = 0; i < n && !err; i++) {
		if (addrs[i].ifindex != ifindex || addrs[i].protocol != XGRE_RTPROT)
			continue;
		err = netaddr_del(nl, ifindex, &addrs[i].prefix);
		if (err == -EADDRNOTAVAIL)
			err = 0;
	}
	free(addrs);
	return err;
}

static int routes_leave(struct nl *nl, uint32_t ifindex)
{
	struct netroute *routes = NULL;
	size_t n = 0, ours = 0, failed;
	int err = netroute_list(nl, 0, false, &routes, &n);

	for (size_t i = 0; i < n; i++)
		if (routes[i].protocol == XGRE_RTPROT && routes[i].oif == ifindex)
			routes[ours++] = routes[i];
	if (!err && ours)
		err = netroute_del_many(nl, routes, ours, &failed);
	free(routes);
	return err;
}

int kernel_device_leave(struct nl *nl, uint32_t ifindex)
{
	struct netdev d;
	struct netgre g;

	/* gone, or another device by now */
	if (netdev_get_index(nl, ifindex, &d) || netgre_get(nl, d.name, &g))
		return 0;
	return routes_leave(nl, ifindex) ?: addresses_leave(nl, ifindex);
}

int kernel_devices_leave(struct nl *nl, const char *instance)
{
	uint32_t ifindex, next;
	char path[256];
	int map, err = 0;
	bool more;

	/* by the pin alone: this is the way out of states that cannot be opened, too */
	snprintf(path, sizeof(path), "%s/%s/maps/devices", STATE_ROOT, instance);
	map = bpf_obj_get(path);
	if (map < 0)
		return 0;
	more = !bpf_map_get_next_key(map, NULL, &next);
	while (more) {
		int one;

		ifindex = next;
		more = !bpf_map_get_next_key(map, &ifindex, &next);
		one = kernel_device_leave(nl, ifindex);
		err = err ?: one;
	}
	close(map);
	return err;
}
