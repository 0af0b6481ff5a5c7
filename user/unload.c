// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Takes an instance down by what can be found of it, and not by what its maps
 * say: it is the way out of a half made or outdated state as well.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "apply-internal.h"
#include "cli.h"
#include "dispatcher.h"
#include "lock.h"
#include "resolve.h"

uint32_t marker_map(const char *instance)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/maps/cpu_state", STATE_ROOT, instance);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		info.id = 0;
	close(fd);
	return info.id;
}

/* XDP goes with the last reference to its link, which is the pin. */
static int links_remove(const char *instance)
{
	char path[256], link[512];
	int err = 0, one;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s/links", STATE_ROOT, instance);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(link, sizeof(link), "%s/%s", path, d->d_name);
		one = link_remove(link);
		err = err ?: one;
	}
	closedir(dir);
	return err;
}

static int ports_leave(struct nl *nl, const char *instance, const struct netdev *devs, size_t n)
{
	uint32_t marker = marker_map(instance), id;
	struct state *st = NULL;
	int err = 0;

	/* What the ports were before is in the map, if it can be read. */
	if (!state_open(instance, true, &st)) {
		for (int i = 0; i < XGRE_PORTS_MAX; i++) {
			struct xgre_port p = st->ports[i];
			int one = p.flags ? port_leave(nl, st, &p) : 0;

			err = err ?: one;
			st->ports[i].flags = 0;
		}
		state_close(st);
	}
	for (size_t i = 0; i < n && marker; i++) {
		int one = devs[i].xdp_prog ? dispatcher_leave(devs[i].ifindex, marker) : 0;

		err = err ?: one;
		if (!device_is_ours(&devs[i], instance) && !tc_query(devs[i].ifindex, &id) &&
		    program_uses_map(id, marker))
			err = err ?: tc_detach(nl, devs[i].ifindex, false);
	}
	return err;
}

/* By their link group all at once, where nobody else is in it; else one by one. */
static int devices_remove(struct nl *nl, const char *instance, const struct netdev *devs, size_t n)
{
	uint32_t group = device_group(instance);
	size_t ours = 0;
	bool others = false;
	int err = 0;

	for (size_t i = 0; i < n; i++) {
		bool our = device_is_ours(&devs[i], instance);

		ours += our && devs[i].group == group;
		others |= !our && devs[i].group == group;
	}
	if (ours && !others)
		err = netdev_del_group(nl, group);
	for (size_t i = 0; i < n; i++) {
		int one;

		if (!device_is_ours(&devs[i], instance) ||
		    (!err && !others && devs[i].group == group))
			continue;
		one = netdev_del(nl, devs[i].ifindex);
		if (one && one != -ENODEV)
			err = one;
	}
	return err;
}

static int routes_remove(struct nl *nl, const char *instance)
{
	struct netroute *routes = NULL;
	size_t n = 0, ours = 0, failed;
	int err = netroute_list(nl, 0, false, &routes, &n);

	/* those into the devices went with them */
	for (size_t i = 0; i < n; i++)
		if (routes[i].protocol == XGRE_RTPROT && routes[i].type == RTN_UNREACHABLE &&
		    routes[i].metric == unreachable_metric(instance)) {
			routes[ours] = routes[i];
			routes[ours++].oif = 0;
		}
	if (!err && ours)
		err = netroute_del_many(nl, routes, ours, &failed);
	free(routes);
	return err;
}

int unload_state(const char *instance, struct nl *nl)
{
	struct netdev *devs = NULL;
	size_t n = 0;
	int err = 0, one;

	err = netdev_list(nl, &devs, &n);
	if (err)
		return err;
	/* every part is tried, the first failure is told */
	err = links_remove(instance) ?: fault_point();
	one = ports_leave(nl, instance, devs, n) ?: fault_point();
	err = err ?: one;
	one = devices_remove(nl, instance, devs, n) ?: fault_point();
	err = err ?: one;
	one = kernel_devices_leave(nl, instance) ?: fault_point();
	err = err ?: one;
	one = routes_remove(nl, instance) ?: fault_point();
	err = err ?: one;
	one = err ? 0 : state_unpin(instance);
	free(devs);
	return err ?: one;
}

/* Does anything of the instance exist, maps or devices? */
static bool anything(struct nl *nl, const char *instance)
{
	char path[256];
	struct netdev *devs = NULL;
	size_t n = 0;
	bool found;

	snprintf(path, sizeof(path), "%s/%s", STATE_ROOT, instance);
	found = access(path, F_OK) == 0;
	if (!found && !netdev_list(nl, &devs, &n))
		for (size_t i = 0; i < n; i++)
			found |= device_is_ours(&devs[i], instance);
	free(devs);
	return found;
}

int unload(const char *instance, FILE *out)
{
	struct state *st = NULL;
	struct nl *nl = NULL;
	bool found = false;
	int fd, err;

	err = state_bpffs() ?: instance_lock(instance, &fd);
	if (err)
		return err;
	err = state_open(instance, true, &st);
	if (!err)
		state_close(st);
	if (err == -EXDEV) {
		cli_state_error(instance, err);
		goto out;
	}
	err = nl_open(&nl);
	if (!err) {
		found = anything(nl, instance);
		err = unload_state(instance, nl);
	}
	if (err)
		cli_error("instance %s: unloading: %s%s", instance, strerror(-err),
			  err == -EPERM || err == -EACCES ? "; run as root" : "");
	else
		fprintf(out, found ? "instance %s unloaded\n" : "instance %s does not run, nothing to unload\n",
			instance);
out:
	nl_close(nl);
	instance_unlock(instance, fd);
	return err;
}
