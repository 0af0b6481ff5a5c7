// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Opening, creating, pinning and removing an instance's maps. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "attach.h"
#include "state-internal.h"
#include "xgre_tc.skel.h"

const char *const state_map_name[MAP_COUNT] = {
#define X(name) [MAP_##name] = #name,
	STATE_MAPS(X)
#undef X
};

int instance_check(const char *instance)
{
	size_t n = strlen(instance);

	if (n == 0 || n > INSTANCE_MAX)
		return -EINVAL;
	if (strspn(instance, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != n)
		return -EINVAL;
	return 0;
}

struct state *state_new(const char *instance)
{
	struct state *st = calloc(1, sizeof(*st));
	int n;

	if (!st)
		return NULL;
	snprintf(st->instance, sizeof(st->instance), "%s", instance);
	snprintf(st->dir, sizeof(st->dir), "%s/%s", STATE_ROOT, st->instance);
	for (int i = 0; i < MAP_COUNT; i++)
		st->map[i] = -1;
	n = libbpf_num_possible_cpus();
	st->ncpus = n > 0 ? n : 1;
	return st;
}

static int map_info(int fd, struct bpf_map_info *ret)
{
	uint32_t len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &len) ? -errno : 0;
}

static size_t mapped_size(const struct bpf_map_info *info)
{
	/* array_map_alloc(): values are rounded up to 8 bytes, the whole to pages */
	size_t value = (info->value_size + 7) & ~7ul;
	size_t page = sysconf(_SC_PAGESIZE);

	return (value * info->max_entries + page - 1) & ~(page - 1);
}

static int map_memory(int fd, bool writable, void **ret, uint32_t *ret_entries)
{
	struct bpf_map_info info;
	int err = map_info(fd, &info);
	void *p;

	if (err)
		return err;
	p = mmap(NULL, mapped_size(&info), writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		 fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	*ret_entries = info.max_entries;
	return 0;
}

static void unmap_memory(int fd, void *p)
{
	struct bpf_map_info info;

	if (p && !map_info(fd, &info))
		munmap(p, mapped_size(&info));
}

/* The arrays that are memory mapped, and where to keep the address and the count. */
#define STATE_MAPPED(X)                                                                            \
	X(meta, st->meta, ignored)                                                                 \
	X(tunnels, st->tunnels, st->size.tunnels)                                                  \
	X(routes, st->routes, st->size.routes)                                                     \
	X(endpoints, st->endpoints, st->nendpoints)                                                \
	X(ports, st->ports, ignored)                                                               \
	X(port_slots, st->port_slots, ignored)                                                     \
	X(daemon, st->daemon, ignored)                                                             \
	X(link, st->links, ignored)                                                                \
	X(lpm4_root, st->lpm.root4, ignored)                                                       \
	X(lpm6_root, st->lpm.root6, ignored)                                                       \
	X(lpm_chunks, st->lpm.chunks, st->lpm.nchunks)                                             \
	X(lpm_next, st->lpm.next, ignored)

int state_map_memory(struct state *st, bool writable)
{
	uint32_t ignored;
	void *p;
	int err;

#define X(name, where, count)                                                                      \
	err = map_memory(st->map[MAP_##name], writable, &p, &(count));                             \
	if (err)                                                                                   \
		return err;                                                                        \
	where = p;
	STATE_MAPPED(X)
#undef X
	st->size.chunks = st->lpm.nchunks;
	st->lpm.meta = st->meta;
	return 0;
}

void state_close(struct state *st)
{
	if (!st)
		return;
#define X(name, where, count) unmap_memory(st->map[MAP_##name], where);
	STATE_MAPPED(X)
#undef X
	for (int i = 0; i < MAP_COUNT; i++)
		if (st->map[i] >= 0)
			close(st->map[i]);
	free(st);
}

int state_open(const char *instance, bool writable, struct state **ret)
{
	struct state *st = state_new(instance);
	char path[512];
	int err;

	if (!st)
		return -ENOMEM;
	/* meta alone first: with another ABI the other maps may be others */
	for (int i = 0; i < MAP_COUNT; i++) {
		uint32_t zero = 0;
		struct xgre_meta meta;

		snprintf(path, sizeof(path), "%s/maps/%s", st->dir, state_map_name[i]);
		st->map[i] = bpf_obj_get(path);
		if (st->map[i] < 0) {
			err = i == 0 ? -errno : -EPROTO;
			goto out;
		}
		if (i != MAP_meta)
			continue;
		if (bpf_map_lookup_elem(st->map[i], &zero, &meta) || meta.abi != XGRE_ABI_VERSION) {
			err = -EPROTO;
			goto out;
		}
		err = writable ? netns_check(&meta) : 0;
		if (err)
			goto out;
	}
	err = state_map_memory(st, writable);
	if (err)
		goto out;
	st->unsettled = true; /* by whoever was here before, for all that is known */
	*ret = st;
	return 0;
out:
	state_close(st);
	return err;
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 64;

	while (p < n)
		p <<= 1;
	return p;
}

/* Sizes of the maps that grow with the configuration. */
static int maps_resize(struct xgre_tc *skel, const struct state_sizes *size)
{
	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
		{ skel->maps.tunnels, size->tunnels },
		{ skel->maps.tunnel_cpu, size->tunnels },
		{ skel->maps.sequences, size->tunnels },
		{ skel->maps.link, size->tunnels },
		/* a quarter full at most, so that a place is always near */
		{ skel->maps.endpoints, power_of_two(4 * size->tunnels) },
		{ skel->maps.devices, 2 * size->tunnels },
		{ skel->maps.pairs, 4 * size->tunnels }, /* stale ones, too: see state_sweep() */
		{ skel->maps.sources, 64 * size->tunnels },
		{ skel->maps.routes, size->routes },
		{ skel->maps.route_cpu, size->routes },
		/* routes, and as many holes and addresses */
		{ skel->maps.prefixes, 2 * size->routes },
		{ skel->maps.lpm_chunks, size->chunks },
		{ skel->maps.lpm_next, size->chunks },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int err = bpf_map__set_max_entries(sizes[i].map, sizes[i].entries);

		if (err)
			return err;
	}
	return 0;
}

int state_create(const char *instance, const struct state_sizes *sizes, struct state **ret)
{
	struct state *st = state_new(instance);
	struct xgre_tc *skel = NULL;
	struct bpf_program *prog;
	int err = -ENOMEM;

	if (!st)
		return err;
	/* The object with every map in it, loaded for its maps alone. */
	skel = xgre_tc__open();
	if (!skel) {
		err = -errno;
		goto out;
	}
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, false);
	err = maps_resize(skel, sizes);
	if (err)
		goto out;
	err = xgre_tc__load(skel);
	if (err)
		goto out;
	for (int i = 0; i < MAP_COUNT; i++) {
		int fd = bpf_object__find_map_fd_by_name(skel->obj, state_map_name[i]);

		st->map[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (st->map[i] < 0) {
			err = fd < 0 ? -ENOENT : -errno;
			goto out;
		}
	}
	err = state_map_memory(st, true);
	if (err)
		goto out;
	st->meta->abi = XGRE_ABI_VERSION;
	st->meta->netns = netns_id();
	st->meta->netns_cookie = netns_cookie();
	*ret = st;
	st = NULL;
out:
	xgre_tc__destroy(skel);
	state_close(st);
	return err;
}

/* mkdir that does not mind an existing directory. */
static int make_dir(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

/* Remove a directory of pins with all that is below it; -errno of the first failure. */
static int remove_tree(const char *path)
{
	struct dirent *d;
	int err = 0;
	DIR *dir = opendir(path);

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((d = readdir(dir))) {
		char sub[1024];

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, d->d_name);
		if (!unlink(sub))
			continue;
		if (errno == EISDIR || errno == EPERM)
			err = err ?: remove_tree(sub);
		else if (errno != ENOENT)
			err = err ?: -errno;
	}
	closedir(dir);
	if (rmdir(path) && errno != ENOENT)
		err = err ?: -errno;
	return err;
}

int state_pin(struct state *st)
{
	char tmp[256], path[512];
	int err;

	err = make_dir(STATE_ROOT);
	if (err)
		return err;
	/* A name that no instance can have, and that a killed predecessor may have left. */
	snprintf(tmp, sizeof(tmp), "%s~", st->dir);
	err = remove_tree(tmp);
	if (err)
		return err;
	static const char *const dirs[] = { "", "/maps", "/progs", "/links" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(path, sizeof(path), "%s%s", tmp, dirs[i]);
		err = make_dir(path);
		if (err)
			goto out;
	}
	for (int i = 0; i < MAP_COUNT; i++) {
		snprintf(path, sizeof(path), "%s/maps/%s", tmp, state_map_name[i]);
		if (bpf_obj_pin(st->map[i], path)) {
			err = -errno;
			goto out;
		}
	}
	if (rename(tmp, st->dir))
		err = -errno;
out:
	if (err)
		remove_tree(tmp);
	return err;
}

int state_unpin(const char *instance)
{
	char path[256], tmp[260];
	int err;

	snprintf(path, sizeof(path), "%s/%s", STATE_ROOT, instance);
	snprintf(tmp, sizeof(tmp), "%s~", path);
	/* All at once out of sight: a part of an instance could not be opened again. */
	err = remove_tree(tmp);
	if (!err && rename(path, tmp) && errno != ENOENT)
		err = -errno;
	err = err ?: remove_tree(tmp);
	if (!err)
		rmdir(STATE_ROOT); /* stays while another instance is in it */
	return err;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int state_list(char ***ret, size_t *ret_count)
{
	DIR *dir = opendir(STATE_ROOT);
	struct dirent *d;
	char **names = NULL;
	size_t n = 0;

	*ret = NULL;
	*ret_count = 0;
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((d = readdir(dir))) {
		char **more;

		if (instance_check(d->d_name))
			continue;
		more = realloc(names, (n + 1) * sizeof(*names));
		if (more) {
			names = more;
			names[n] = strdup(d->d_name);
		}
		if (!more || !names[n]) {
			while (n)
				free(names[--n]);
			free(names);
			closedir(dir);
			return -ENOMEM;
		}
		n++;
	}
	closedir(dir);
	if (n)
		qsort(names, n, sizeof(*names), name_compare);
	*ret = names;
	*ret_count = n;
	return 0;
}
