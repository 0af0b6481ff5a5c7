// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a program costs. BPF_PROG_TEST_RUN with repeat hands a program its own
 * output, so two ways:
 *
 * XDP: a wrapper (tests/bench/wrap.bpf.c) makes the packet anew and tail-calls
 * the program; what the wrapper costs is the same for every program, a no-op among them.
 *   {"time": PROGRAM, "object": PATH, "frames": [HEX, ...], "dev": DEVICE, "repeat": N}
 *     -> {"ns": NS A RUN, "retval": N, counters}
 *
 * TC: there is no undoing of an encapsulated skb, so every run is one system
 * call, timed by the kernel; the median of them.
 *   {"time": PROGRAM, "single": true, ...}
 *
 * PROGRAM is xgre_xdp, xgre_port, xgre_dev or one of the object's. "devmap" and
 * "redirect" name the device that the object's own programs redirect to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "bed.h"
#include "../bench/wrap.h"

static struct bpf_object *object;

static int object_open(json_t *request, struct problem *p)
{
	const char *path = json_string_value(json_object_get(request, "object"));
	const char *dev = json_string_value(json_object_get(request, "dev"));
	struct bpf_devmap_val val = { .ifindex = dev ? if_nametoindex(dev) : 0 };
	uint32_t zero = 0;
	int err;

	if (object)
		return 0;
	if (!path || !val.ifindex)
		return problem_set(p, "time: object and dev are needed");
	object = bpf_object__open(path);
	if (!object)
		return problem_set(p, "%s: %s", path, strerror(errno));
	err = bpf_object__load(object);
	if (err)
		return problem_set(p, "%s: %s", path, strerror(-err));
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "out"), &zero, &val, 0))
		return problem_set(p, "%s: devmap: %s", path, strerror(errno));
	return 0;
}

static int object_program(const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object, name);

	return prog ? bpf_program__fd(prog) : -1;
}

/*
 * The frames into the wrapper's array, repeated until it is full. Their ends, which
 * no run changes, are the first one's in all of them.
 */
static int frames_fill(json_t *frames, uint8_t ret_data[WRAP_SIZE], struct problem *p)
{
	int fd = bpf_object__find_map_fd_by_name(object, "frames");
	size_t n = json_array_size(frames);

	if (!n)
		return problem_set(p, "time: no frames");
	for (uint32_t i = 0; i < WRAP_FRAMES; i++) {
		const char *text = json_string_value(json_array_get(frames, i % n));
		struct wrap_frame frame = {};
		uint8_t *bytes;
		size_t size;

		if (!text || hex_bytes(text, &bytes, &size))
			return problem_set(p, "time: a frame is not hexadecimal");
		if (size == WRAP_SIZE) {
			memcpy(frame.bytes, bytes, WRAP_HEAD);
			if (!i)
				memcpy(ret_data, bytes, WRAP_SIZE);
		}
		free(bytes);
		if (size != WRAP_SIZE)
			return problem_set(p, "time: frames must have %d bytes", WRAP_SIZE);
		if (bpf_map_update_elem(fd, &i, &frame, 0))
			return problem_set(p, "time: frames: %s", strerror(errno));
	}
	return 0;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int time_wrapped(int target, json_t *request, struct bpf_test_run_opts *opts, double *ret_ns,
			struct problem *p)
{
	static uint8_t data[WRAP_SIZE];
	int jump = bpf_object__find_map_fd_by_name(object, "jump");
	int wrapper = object_program("wrap");
	uint32_t zero = 0;
	double start;
	int err;

	err = frames_fill(json_object_get(request, "frames"), data, p);
	opts->data_in = data;
	if (err)
		return err;
	if (bpf_map_update_elem(jump, &zero, &target, 0))
		return problem_set(p, "time: the wrapper cannot call it: %s", strerror(errno));
	opts->repeat = 10000; /* caches, next hops */
	if (bpf_prog_test_run_opts(wrapper, opts))
		return problem_set(p, "BPF_PROG_TEST_RUN: %s", strerror(errno));
	opts->repeat = json_integer_value(json_object_get(request, "repeat"));
	start = cpu_seconds();
	if (bpf_prog_test_run_opts(wrapper, opts))
		return problem_set(p, "BPF_PROG_TEST_RUN: %s", strerror(errno));
	*ret_ns = (cpu_seconds() - start) * 1e9 / opts->repeat;
	return 0;
}

static int duration_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int time_single(int target, json_t *request, struct bpf_test_run_opts *opts, double *ret_ns,
		       struct problem *p)
{
	json_t *frames = json_object_get(request, "frames");
	size_t n = json_integer_value(json_object_get(request, "repeat"));
	size_t nframes = json_array_size(frames);
	uint32_t *duration = calloc(n ?: 1, sizeof(*duration));
	uint8_t **bytes = calloc(nframes ?: 1, sizeof(*bytes));
	int err = 0;

	if (!duration || !bytes || !n || !nframes) {
		err = problem_set(p, "time: no repeat, no frames or no memory");
		goto out;
	}
	for (size_t i = 0; i < nframes; i++) {
		const char *text = json_string_value(json_array_get(frames, i));
		size_t size;

		if (!text || hex_bytes(text, &bytes[i], &size) || size != WRAP_SIZE) {
			err = problem_set(p, "time: a frame is not %d hexadecimal bytes", WRAP_SIZE);
			goto out;
		}
	}
	opts->repeat = 1;
	for (size_t i = 0; i < n; i++) {
		opts->data_in = bytes[i % nframes];
		if (bpf_prog_test_run_opts(target, opts)) {
			err = problem_set(p, "BPF_PROG_TEST_RUN: %s", strerror(errno));
			goto out;
		}
		duration[i] = opts->duration;
	}
	qsort(duration, n, sizeof(*duration), duration_compare);
	/* the mean of the middle half: finer than the clock's whole nanoseconds */
	for (size_t i = n / 4; i < n - n / 4; i++)
		*ret_ns += (double)duration[i] / (n - n / 4 - n / 4);
out:
	for (size_t i = 0; bytes && i < nframes; i++)
		free(bytes[i]);
	free(bytes);
	free(duration);
	return err;
}

int bed_time(struct bed *b, json_t *request, json_t *reply, struct problem *p)
{
	const char *name = json_string_value(json_object_get(request, "time"));
	const char *dev = json_string_value(json_object_get(request, "in"));
	bool single = json_is_true(json_object_get(request, "single"));
	static uint8_t data[WRAP_SIZE];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = sizeof(data));
	struct __sk_buff skb = {};
	struct xdp_md xdp = { .data_end = sizeof(data) };
	double ns = 0;
	int target, err;

	err = object_open(request, p);
	if (err)
		return err;
	target = bed_program(b, name);
	if (target < 0)
		target = object_program(name ?: "");
	if (target < 0)
		return problem_set(p, "time: no program %s", name ?: "given");
	skb.ifindex = xdp.ingress_ifindex = dev ? if_nametoindex(dev) : 0;
	if (!skb.ifindex)
		return problem_set(p, "time: no device %s", dev ?: "given");
	opts.ctx_in = single ? (void *)&skb : &xdp;
	opts.ctx_size_in = single ? sizeof(skb) : sizeof(xdp);
	err = single ? 0 : xdp_prepare(xdp.ingress_ifindex, p);
	err = err ?: bed_fresh(b, p);
	err = err ?: (single ? time_single : time_wrapped)(target, request, &opts, &ns, p);
	if (err)
		return err;
	json_object_set_new(reply, "ns", json_real(ns));
	json_object_set_new(reply, "retval", json_integer((int32_t)opts.retval));
	return bed_counters(b, reply, p);
}
