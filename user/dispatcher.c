// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "attach.h"
#include "attach-internal.h"
#include "dispatcher.h"
#include "xgre_skb.skel.h"
#include "xgre_xdp.skel.h"

/* Both call their modes the same. */
#define XDP_MODE_NATIVE LIBXDP_MODE_NATIVE
#define XDP_MODE_SKB	LIBXDP_MODE_SKB
#include <xdp/libxdp.h>
#undef XDP_MODE_NATIVE
#undef XDP_MODE_SKB

/* After those of libxdp's default, 50: filters see what arrives, and we what they pass. */
#define PRIORITY 90

/* Programs that a dispatcher can call (MAX_DISPATCHER_ACTIONS of libxdp). */
#define PROGRAMS_MAX 10

static char message[256];

static void message_keep(const char *fmt, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof(line), fmt, args);
	/* kernel 6.13, and updates of 6.12 */
	if (strstr(line, "changes packet data"))
		snprintf(message, sizeof(message),
			 "this kernel demands of a dispatcher that it is marked as changing packets, "
			 "and libxdp's is not");
	line[strcspn(line, "\n")] = 0;
	/* else the first is the cause */
	if (!message[0])
		snprintf(message, sizeof(message), "%.*s", (int)sizeof(message) - 1, line);
}

static int keep_libxdp(enum libxdp_print_level level, const char *fmt, va_list args)
{
	if (level == LIBXDP_WARN)
		message_keep(fmt, args);
	return 0;
}

/* The verifier's log comes by libbpf, and as one of its warnings. */
static int keep_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level == LIBBPF_WARN)
		message_keep(fmt, args);
	return 0;
}

struct prints {
	libxdp_print_fn_t xdp;
	libbpf_print_fn_t bpf;
};

static struct prints prints_take(void)
{
	message[0] = 0;
	return (struct prints){ libxdp_set_print(keep_libxdp), libbpf_set_print(keep_libbpf) };
}

static void prints_return(struct prints p)
{
	libxdp_set_print(p.xdp);
	libbpf_set_print(p.bpf);
}

/* What is attached, if that is a dispatcher; NULL where it is not. */
static struct xdp_multiprog *dispatcher_open(uint32_t ifindex)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);

	if (libxdp_get_error(mp))
		return NULL;
	if (xdp_multiprog__is_legacy(mp)) {
		xdp_multiprog__close(mp);
		return NULL;
	}
	return mp;
}

bool dispatcher_present(uint32_t ifindex)
{
	struct prints prints = prints_take();
	struct xdp_multiprog *mp = dispatcher_open(ifindex);

	if (mp)
		xdp_multiprog__close(mp);
	prints_return(prints);
	return mp != NULL;
}

static int tag_of(int fd, unsigned char ret[BPF_TAG_SIZE])
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	memcpy(ret, info.tag, BPF_TAG_SIZE);
	return 0;
}

int dispatcher_query(const struct state *st, uint32_t ifindex, int prog_fd)
{
	struct prints prints = prints_take();
	struct xdp_multiprog *mp = dispatcher_open(ifindex);
	struct xdp_program *p = NULL;
	unsigned char tag[BPF_TAG_SIZE];
	int found = 0, err = mp ? tag_of(prog_fd, tag) : -ENOENT;
	bool same = true;

	while (!err && (p = xdp_multiprog__next_prog(p, mp))) {
		if (!program_is_ours(st, xdp_program__id(p)))
			continue;
		found++;
		same = same && !memcmp(xdp_program__tag(p), tag, BPF_TAG_SIZE);
	}
	if (mp)
		xdp_multiprog__close(mp);
	prints_return(prints);
	return err ?: !found ? -ENOENT : found > 1 || !same ? -ESTALE : 0;
}

/* Programs of the dispatcher that use the map, all but the one of id keep. */
static size_t programs_of(struct xdp_multiprog *mp, uint32_t map_id, uint32_t keep,
			  struct xdp_program *ret[PROGRAMS_MAX])
{
	struct xdp_program *p = NULL;
	size_t n = 0;

	while (n < PROGRAMS_MAX && (p = xdp_multiprog__next_prog(p, mp)))
		if (xdp_program__id(p) != keep && program_uses_map(xdp_program__id(p), map_id))
			ret[n++] = p;
	return n;
}

static int leave_but(uint32_t ifindex, uint32_t map_id, uint32_t keep)
{
	struct xdp_program *programs[PROGRAMS_MAX];
	struct xdp_multiprog *mp = dispatcher_open(ifindex);
	size_t n;
	int err = 0;

	if (!mp)
		return 0;
	n = programs_of(mp, map_id, keep, programs);
	if (n)
		err = xdp_program__detach_multi(programs, n, ifindex, xdp_multiprog__attach_mode(mp), 0);
	xdp_multiprog__close(mp);
	return err;
}

int dispatcher_leave(uint32_t ifindex, uint32_t map_id)
{
	struct prints prints = prints_take();
	int err = leave_but(ifindex, map_id, 0);

	prints_return(prints);
	return err;
}

/* An object's only program, not loaded as yet, becomes one of the dispatcher's. */
static int join(struct bpf_object *obj, const char *name, uint32_t ifindex, enum xdp_mode mode,
		uint32_t *ret_id)
{
	struct xdp_program_opts opts = { .sz = sizeof(opts), .obj = obj, .prog_name = name };
	enum xdp_attach_mode attach = mode == XDP_MODE_SKB ? LIBXDP_MODE_SKB : LIBXDP_MODE_NATIVE;
	struct xdp_program *p = xdp_program__create(&opts);
	int err = libxdp_get_error(p);

	if (err)
		return err;
	err = xdp_program__set_run_prio(p, PRIORITY) ?:
	      xdp_program__set_chain_call_enabled(p, XDP_PASS, true) ?:
	      xdp_program__attach(p, ifindex, attach, 0);
	if (!err && !dispatcher_present(ifindex)) {
		/* libxdp attaches a first program by itself where the kernel has no freplace */
		xdp_program__detach(p, ifindex, attach, 0);
		err = -EOPNOTSUPP;
	}
	*ret_id = err ? 0 : xdp_program__id(p);
	xdp_program__close(p);
	return err;
}

/*
 * xgre_skb is the one without frags, as which programs of others are that may join
 * later, and it shares no devmap with the other: the one for MTUs of up to a page.
 */
static int join_plain(const struct state *st, uint32_t ifindex, enum xdp_mode mode, uint32_t *ret_id)
{
	struct xgre_skb *skel = xgre_skb__open();
	int err;

	if (!skel)
		return -errno;
	XDP_CONSTANTS(skel, st);
	err = maps_reuse(skel->obj, st) ?: join(skel->obj, "xgre_skb", ifindex, mode, ret_id);
	xgre_skb__destroy(skel);
	return err;
}

static int join_frags(const struct state *st, uint32_t ifindex, uint32_t *ret_id)
{
	struct xgre_xdp *skel = xgre_xdp__open();
	int err;

	if (!skel)
		return -errno;
	XDP_CONSTANTS(skel, st);
	err = maps_reuse(skel->obj, st) ?:
	      join(skel->obj, "xgre_xdp", ifindex, XDP_MODE_NATIVE, ret_id);
	xgre_xdp__destroy(skel);
	return err;
}

int dispatcher_join(const struct state *st, uint32_t ifindex, enum xdp_mode mode, char *error,
		    size_t size)
{
	struct prints prints = prints_take();
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info), id = 0;
	int err = bpf_obj_get_info_by_fd(st->map[MAP_cpu_state], &info, &len) ? -errno : 0;

	err = err ?: join_plain(st, ifindex, mode, &id);
	if (err && err != -EOPNOTSUPP && mode == XDP_MODE_NATIVE) {
		char first[sizeof(message)];
		int again;

		memcpy(first, message, sizeof(first));
		again = join_frags(st, ifindex, &id);
		if (again)
			memcpy(message, first, sizeof(message));
		err = again;
	}
	if (err)
		snprintf(error, size, "%s", message[0] ? message : strerror(-err));
	err = err ?: leave_but(ifindex, info.id, id);
	prints_return(prints);
	return err;
}
