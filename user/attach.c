// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "attach.h"
#include "attach-internal.h"
#include "xgre_skb.skel.h"
#include "xgre_tc.skel.h"
#include "xgre_xdp.skel.h"

static const char *const program_name[PROGRAM_COUNT] = { "xgre_xdp", "xgre_skb", "xgre_port",
							 "xgre_dev" };

/* What libbpf had to say about the last failure: its last warning that is about us. */
static char load_message[512];

static int load_print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[sizeof(load_message)];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = 0;
	/* the first warning is the cause, what follows are its consequences */
	if (!load_message[0])
		snprintf(load_message, sizeof(load_message), "%s", line);
	return 0;
}

bool kernel_at_least(int major, int minor)
{
	struct utsname u;
	int a, b;

	if (uname(&u) || sscanf(u.release, "%d.%d", &a, &b) != 2)
		return false;
	return a > major || (a == major && b >= minor);
}

uint32_t tick_ns(void)
{
	struct timespec t;

	return clock_getres(CLOCK_MONOTONIC_COARSE, &t) || t.tv_sec || !t.tv_nsec ? 4000000 :
										    t.tv_nsec;
}

int maps_reuse(struct bpf_object *obj, const struct state *st)
{
#define X(name)                                                                                    \
	{                                                                                          \
		struct bpf_map *map = bpf_object__find_map_by_name(obj, #name);                    \
		int err = map ? bpf_map__reuse_fd(map, st->map[MAP_##name]) : 0;                   \
                                                                                                   \
		if (err)                                                                           \
			return err;                                                                \
	}
	STATE_MAPS(X)
#undef X
	return 0;
}

static int program_take(const struct bpf_object *obj, enum program i, struct programs *ret)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, program_name[i]);
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (!prog)
		return -ENOENT;
	ret->fd[i] = fcntl(bpf_program__fd(prog), F_DUPFD_CLOEXEC, 3);
	if (ret->fd[i] < 0 || bpf_obj_get_info_by_fd(ret->fd[i], &info, &len))
		return -errno;
	ret->id[i] = info.id;
	return 0;
}

static void programs_none(struct programs *p)
{
	for (int i = 0; i < PROGRAM_COUNT; i++) {
		p->fd[i] = -1;
		p->id[i] = 0;
	}
}

void programs_close(struct programs *p)
{
	for (int i = 0; i < PROGRAM_COUNT; i++)
		if (p->fd[i] >= 0)
			close(p->fd[i]);
	programs_none(p);
}

int programs_load(const struct state *st, struct programs *ret, char *error, size_t size)
{
	libbpf_print_fn_t print = libbpf_set_print(load_print);
	struct xgre_xdp *xdp = xgre_xdp__open();
	struct xgre_skb *skb = xgre_skb__open();
	struct xgre_tc *tc = xgre_tc__open();
	int err = -ENOMEM;

	programs_none(ret);
	load_message[0] = 0;
	if (!xdp || !skb || !tc)
		goto out;
	XDP_CONSTANTS(xdp, st);
	XDP_CONSTANTS(skb, st);
	PROGRAM_CONSTANTS(tc, st);
	tc->rodata->can_decap_l3 = kernel_at_least(6, 3);
	err = maps_reuse(xdp->obj, st) ?: maps_reuse(skb->obj, st) ?: maps_reuse(tc->obj, st);
	err = err ?: xgre_xdp__load(xdp);
	err = err ?: xgre_skb__load(skb);
	err = err ?: xgre_tc__load(tc);
	err = err ?: program_take(xdp->obj, PROGRAM_XDP, ret);
	err = err ?: program_take(skb->obj, PROGRAM_SKB, ret);
	err = err ?: program_take(tc->obj, PROGRAM_PORT, ret);
	err = err ?: program_take(tc->obj, PROGRAM_DEV, ret);
out:
	if (err) {
		snprintf(error, size, "%s", load_message[0] ? load_message : strerror(-err));
		programs_close(ret);
	}
	xgre_tc__destroy(tc);
	xgre_skb__destroy(skb);
	xgre_xdp__destroy(xdp);
	libbpf_set_print(print);
	return err;
}

bool program_uses_map(uint32_t id, uint32_t map_id)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info), ids[64] = {};
	int fd = bpf_prog_get_fd_by_id(id);
	bool found = false;

	if (fd < 0)
		return false;
	info.map_ids = (uintptr_t)ids;
	info.nr_map_ids = sizeof(ids) / sizeof(*ids);
	if (!bpf_obj_get_info_by_fd(fd, &info, &len))
		for (uint32_t i = 0; i < info.nr_map_ids && !found; i++)
			found = ids[i] == map_id;
	close(fd);
	return found;
}

bool program_is_ours(const struct state *st, uint32_t id)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	/* every program counts in cpu_state */
	if (bpf_obj_get_info_by_fd(st->map[MAP_cpu_state], &info, &len))
		return false;
	return program_uses_map(id, info.id);
}

static void program_path(const struct state *st, enum program i, char ret[256])
{
	snprintf(ret, 256, "%s/progs/%s", st->dir, program_name[i]);
}

int programs_open(const struct state *st, struct programs *ret)
{
	programs_none(ret);
	for (int i = 0; i < PROGRAM_COUNT; i++) {
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);
		char path[256];

		program_path(st, i, path);
		ret->fd[i] = bpf_obj_get(path);
		if (ret->fd[i] < 0 || bpf_obj_get_info_by_fd(ret->fd[i], &info, &len)) {
			int err = -errno;

			programs_close(ret);
			return err;
		}
		ret->id[i] = info.id;
	}
	return 0;
}

int programs_pin(const struct state *st, const struct programs *p)
{
	for (int i = 0; i < PROGRAM_COUNT; i++) {
		char path[256], new_path[260];

		program_path(st, i, path);
		snprintf(new_path, sizeof(new_path), "%s~", path);
		unlink(new_path);
		if (bpf_obj_pin(p->fd[i], new_path) || rename(new_path, path)) {
			int err = -errno;

			unlink(new_path);
			return err;
		}
	}
	return 0;
}

static uint64_t hash_object(uint64_t h, const void *data, size_t n)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3ull;
	return h;
}

uint64_t programs_build(void)
{
	uint64_t h = 0xcbf29ce484222325ull;
	const void *data;
	size_t n;

	data = xgre_xdp__elf_bytes(&n);
	h = hash_object(h, data, n);
	data = xgre_skb__elf_bytes(&n);
	h = hash_object(h, data, n);
	data = xgre_tc__elf_bytes(&n);
	return hash_object(h, data, n);
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level, (void)fmt, (void)args;
	return 0;
}

int tc_attach(uint32_t ifindex, int prog_fd, bool *ret_made)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = XGRE_TC_HANDLE, .priority = XGRE_TC_PRIO,
		    .prog_fd = prog_fd, .flags = BPF_TC_F_REPLACE);
	libbpf_print_fn_t print = libbpf_set_print(quiet);
	int err;

	err = bpf_tc_hook_create(&hook);
	*ret_made = !err;
	if (!err || err == -EEXIST)
		err = bpf_tc_attach(&hook, &opts);
	libbpf_set_print(print);
	return err;
}

static int hook_query(uint32_t ifindex, uint32_t *ret_id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = XGRE_TC_HANDLE, .priority = XGRE_TC_PRIO);
	libbpf_print_fn_t print = libbpf_set_print(quiet);
	int err = bpf_tc_query(&hook, &opts);

	libbpf_set_print(print);
	*ret_id = err ? 0 : opts.prog_id;
	return err;
}

int tc_query(uint32_t ifindex, uint32_t *ret_id)
{
	int err = hook_query(ifindex, ret_id);

	/* without a qdisc, and on one that never had a filter */
	return err == -EINVAL ? -ENOENT : err;
}

int tc_detach(struct nl *nl, uint32_t ifindex, bool remove_qdisc)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = XGRE_TC_HANDLE, .priority = XGRE_TC_PRIO);
	libbpf_print_fn_t print = libbpf_set_print(quiet);
	bool empty = false;
	int err = bpf_tc_detach(&hook, &opts);

	if (err == -EINVAL || err == -ENOENT)
		err = 0;
	if (!err && remove_qdisc && !nettc_empty(nl, ifindex, &empty) && empty) {
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS; /* the qdisc itself */
		bpf_tc_hook_destroy(&hook);
	}
	libbpf_set_print(print);
	return err;
}

/* The BPF file system takes no dots. A device's name has no '+' of its own in practice. */
static void link_path(const struct state *st, const char *port, char ret[256])
{
	char *at;

	snprintf(ret, 256, "%s/links/%s", st->dir, port);
	at = strrchr(ret, '/');
	while ((at = strchr(at, '.')))
		*at = '+';
}

static int link_info(int fd, struct bpf_link_info *ret)
{
	uint32_t len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &len) ? -errno : 0;
}

int link_remove(const char *path)
{
	int fd = bpf_obj_get(path);

	/* By itself the kernel detaches some time after the last reference is gone. */
	if (fd >= 0) {
		bpf_link_detach(fd);
		close(fd);
	}
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

int xdp_query(const struct state *st, const char *port, uint32_t *ret_ifindex, uint32_t *ret_id)
{
	struct bpf_link_info info;
	char path[256];
	int fd, err;

	link_path(st, port, path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	err = link_info(fd, &info);
	close(fd);
	if (err)
		return err;
	*ret_ifindex = info.xdp.ifindex;
	*ret_id = info.prog_id;
	return 0;
}

int xdp_attach(const struct state *st, const char *port, uint32_t ifindex, int prog_fd,
	       enum xdp_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	struct bpf_link_info info;
	char path[256], dir[256];
	int fd, err;

	link_path(st, port, path);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		err = link_info(fd, &info);
		if (!err && info.xdp.ifindex == ifindex) {
			err = bpf_link_update(fd, prog_fd, NULL) ? -errno : 0;
			close(fd);
			return err;
		}
		/* the device went and another came */
		close(fd);
		link_remove(path);
	}
	snprintf(dir, sizeof(dir), "%s/links", st->dir);
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	fd = bpf_link_create(prog_fd, ifindex, BPF_XDP, &opts);
	if (fd < 0)
		return fd == -EEXIST ? -EBUSY : fd;
	/* Until it is pinned the link goes with this process, and the program with it. */
	err = bpf_obj_pin(fd, path) ? -errno : 0;
	close(fd);
	return err;
}

int xdp_detach(const struct state *st, const char *port)
{
	char path[256];

	link_path(st, port, path);
	return link_remove(path);
}
