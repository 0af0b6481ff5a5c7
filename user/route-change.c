// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* xgre-load route: changes of single prefixes while all else stays. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apply-internal.h"
#include "cli.h"
#include "lock.h"

/* The running route of a prefix, with its tunnel's name. 0 or -ENOENT. */
static int route_running(struct run *r, const struct prefix *to, struct route *ret,
			 const char **ret_tunnel)
{
	struct xgre_prefix v;
	int err = state_prefix_get(r->st, to, &v);

	if (err || v.route < XGRE_ROUTE_FIRST || !r->st->routes[v.route].tunnel)
		return -ENOENT;
	*ret = (struct route){
		.to = *to,
		.via = { .family = v.via_family, .a = v.via },
		.metric = v.metric,
		.table = v.table,
		.origin = v.origin,
	};
	*ret_tunnel = state_tunnel(r->st, r->st->routes[v.route].tunnel - 1)->name;
	return 0;
}

/* What a prefix was before it was changed, to go back to. */
struct before {
	bool touched; /* the change was begun */
	bool there;
	struct route route;
	char tunnel[IFNAMSIZ];
};

static int change_one(struct run *r, enum route_command command, const struct route *route,
		      const char *tunnel, struct before *ret_before)
{
	const char *old_tunnel = NULL;
	char text[PREFIX_STRLEN];
	struct route old;
	int err = route_running(r, &route->to, &old, &old_tunnel);

	ret_before->there = !err;
	if (!err) {
		ret_before->route = old;
		snprintf(ret_before->tunnel, IFNAMSIZ, "%s", old_tunnel);
	}
	prefix_text(&route->to, text);
	if (command == ROUTE_ADD && !err)
		return run_fail(r, -EEXIST, &route->place,
				"route %s exists, dev %s; use route replace to change it", text,
				old_tunnel);
	if (command == ROUTE_DEL) {
		if (err)
			return run_fail(r, -ENOENT, &route->place, "route %s does not exist", text);
		if (strcmp(old_tunnel, tunnel))
			return run_fail(r, -ENOENT, &route->place, "route %s is dev %s, not %s", text,
					old_tunnel, tunnel);
		ret_before->touched = true;
		return route_del(r, &old, ret_before->tunnel);
	}
	ret_before->touched = true;
	return route_set(r, err ? NULL : &old, ret_before->tunnel, route, tunnel);
}

/* Undo the change of a route, whether it was carried out in whole or in part. */
static int change_undo(struct run *r, const struct route *route, const char *tunnel,
			const struct before *before)
{
	if (before->there)
		return route_set(r, route, tunnel, &before->route, before->tunnel);
	return route_del(r, route, tunnel);
}

/* What can be known to fail is known before the first change. */
static int change_check(struct run *r, const struct route *routes, size_t n, char *const *names)
{
	const char *last = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *name = names[routes[i].tunnel];

		if (last && !strcmp(last, name))
			continue;
		last = name;
		if (state_tunnel_number(r->st, name) < 0)
			return run_fail(r, -ENODEV, &routes[i].place,
					"tunnel %s does not run; xgre-load show lists the tunnels", name);
	}
	return 0;
}

/* A run before this one was killed: what it left in the kernel is put right first. */
static int mend_kernel(struct run *r)
{
	struct model m;
	int err = state_model(r->st, &m);

	if (err)
		return run_fail(r, err, NULL, "reading the running configuration: %s", strerror(-err));
	err = kernel_routes_mend(r, &m);
	model_free(&m);
	return err;
}

static int change_all(struct run *r, enum route_command command, const struct route *routes,
		      size_t n, char *const *names)
{
	struct before *before = calloc(n + 1, sizeof(*before));
	uint32_t unfinished = r->st->meta->unfinished;
	size_t done = 0;
	int err, back = 0;

	if (!before)
		return run_fail(r, -ENOMEM, NULL, "out of memory");
	err = change_check(r, routes, n, names);
	r->st->meta->unfinished = 1;
	for (; done < n && !err; done++)
		err = change_one(r, command, &routes[done], names[routes[done].tunnel],
				 &before[done]);
	if (done)
		err = err ?: holes_update(r);
	if (err) {
		r->quiet = true;
		while (done--) {
			int one = before[done].touched ?
					  change_undo(r, &routes[done], names[routes[done].tunnel],
						      &before[done]) :
					  0;

			back = back ?: one;
		}
		back = back ?: holes_update(r);
		r->quiet = false;
	}
	if (!back)
		r->st->meta->unfinished = unfinished;
	free(before);
	return err;
}

int route_change(const char *instance, const char *file, enum route_command command,
		 const struct route *routes, size_t n, char *const *names)
{
	struct run r = { .instance = instance, .file = file };
	int fd, err;

	err = state_bpffs() ?: instance_lock(instance, &fd);
	if (err)
		return err;
	err = state_open(instance, true, &r.st);
	if (err)
		cli_state_error(instance, err);
	if (!err) {
		err = nl_open(&r.nl);
		if (err)
			run_fail(&r, err, NULL, "rtnetlink: %s", strerror(-err));
	}
	if (!err && r.st->meta->unfinished)
		err = mend_kernel(&r);
	err = err ?: change_all(&r, command, routes, n, names);
	free(r.kernel);
	nl_close(r.nl);
	state_close(r.st);
	instance_unlock(instance, fd);
	return err;
}
