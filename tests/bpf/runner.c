// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Runs the BPF programs on single packets (BPF_PROG_TEST_RUN), told what to do
 * by one JSON object a line on stdin; each gets one object as its answer, which
 * has "error" where the request failed. The first line that it prints is
 * {"pid": N}: it is in a network namespace of its own, in which the caller
 * makes the devices.
 *
 *   {"model": YAML, ...}                        see bed.h
 *   {"run": PROGRAM, "in": HEX, "dev": DEVICE,  PROGRAM as if the frame came in
 *    "gso_size": N, "gso_segs": N,              by DEVICE; TC alone
 *    "keep": BOOL}                              not bed_fresh() before
 *     -> {"retval": N, "out": HEX, "reasons": {NAME: N},
 *         "tunnels": {NAME: {"rx": [PACKETS, BYTES], "tx": ..., "fast-rx": N, "fast-tx": N}},
 *         "routes": {PREFIX: {"rx": ..., "tx": ...}}}
 *     -> {"errno": N, "error": TEXT} where the kernel refuses to run it
 *   {"attach": PROGRAM, "dev": DEVICE}          a TC program, to see real packets
 *   {"counters": true}                          -> what "run" answers
 *   {"cached": true}                            -> {"cached": N} entries of next hops
 *   {"age": {"read": SECONDS, "kernel": SECONDS}}
 *   {"fresh": true}
 *   {"time": PROGRAM, ...}                      see time.c
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "bed.h"

#define OUT_SIZE (256 * 1024)
#define DEVS_MAX 64

int hex_bytes(const char *text, uint8_t **ret, size_t *ret_size)
{
	size_t n = strlen(text);
	uint8_t *bytes;

	if (n % 2)
		return -EINVAL;
	/* of exactly the size, so that a sanitizer sees a read beyond it */
	bytes = malloc(n / 2 ?: 1);
	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < n / 2; i++) {
		unsigned int byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1) {
			free(bytes);
			return -EINVAL;
		}
		bytes[i] = byte;
	}
	*ret = bytes;
	*ret_size = n / 2;
	return 0;
}

static json_t *hex_text(const uint8_t *bytes, size_t n)
{
	char *text = malloc(2 * n + 1);
	json_t *string;

	if (!text)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	string = json_stringn(text, 2 * n);
	free(text);
	return string;
}

/*
 * The kernel runs XDP as if by a device only where the device's receive queue is
 * set up for XDP, which veth does when a program is attached. This one does nothing.
 */
int xdp_prepare(uint32_t ifindex, struct problem *p)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	static uint32_t done[DEVS_MAX];
	static size_t ndone;
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_XDP_HAS_FRAGS);
	int fd, err;

	for (size_t i = 0; i < ndone; i++)
		if (done[i] == ifindex)
			return 0;
	if (ndone == DEVS_MAX)
		return problem_set(p, "too many devices");
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass, 2, &opts);
	if (fd < 0)
		return problem_set(p, "a program that passes: %s", strerror(errno));
	err = bpf_xdp_attach(ifindex, fd, 0, NULL);
	close(fd);
	if (err)
		return problem_set(p, "attach to device %u: %s", ifindex, strerror(-err));
	done[ndone++] = ifindex;
	return 0;
}

static int bed_run(struct bed *b, json_t *request, json_t *reply, struct problem *p)
{
	static uint8_t out[OUT_SIZE];
	const char *name = json_string_value(json_object_get(request, "run"));
	const char *dev = json_string_value(json_object_get(request, "dev"));
	const char *in = json_string_value(json_object_get(request, "in"));
	int fd = bed_program(b, name);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_out = out, .data_size_out = sizeof(out),
		    .repeat = 1);
	struct __sk_buff skb = {};
	struct xdp_md xdp = {};
	uint8_t *bytes = NULL;
	size_t size = 0;
	int err;

	if (fd < 0)
		return problem_set(p, "no program %s, or no model yet", name);
	if (!in || hex_bytes(in, &bytes, &size))
		return problem_set(p, "in: not hexadecimal");
	skb.ifindex = xdp.ingress_ifindex = dev ? if_nametoindex(dev) : 0;
	if (!skb.ifindex) {
		err = problem_set(p, "no device %s", dev ?: "given");
		goto out;
	}
	if (fd == b->programs.fd[PROGRAM_XDP] || fd == b->programs.fd[PROGRAM_SKB]) {
		err = xdp_prepare(xdp.ingress_ifindex, p);
		if (err)
			goto out;
		xdp.data_end = size;
		opts.ctx_in = &xdp;
		opts.ctx_size_in = sizeof(xdp);
	} else {
		skb.gso_size = json_integer_value(json_object_get(request, "gso_size"));
		skb.gso_segs = json_integer_value(json_object_get(request, "gso_segs"));
		opts.ctx_in = &skb;
		opts.ctx_size_in = sizeof(skb);
	}
	opts.data_in = bytes;
	opts.data_size_in = size;
	err = json_is_true(json_object_get(request, "keep")) ? bed_reasons_clear(b, p) :
							       bed_fresh(b, p);
	if (err)
		goto out;
	if (bpf_prog_test_run_opts(fd, &opts)) {
		json_object_set_new(reply, "errno", json_integer(errno));
		err = problem_set(p, "BPF_PROG_TEST_RUN: %s", strerror(errno));
		goto out;
	}
	/* TC's verdicts are signed */
	json_object_set_new(reply, "retval", json_integer((int32_t)opts.retval));
	json_object_set_new(reply, "out", hex_text(out, opts.data_size_out));
	err = bed_counters(b, reply, p);
out:
	free(bytes);
	return err;
}

static int bed_attach(struct bed *b, json_t *request, struct problem *p)
{
	const char *dev = json_string_value(json_object_get(request, "dev"));
	int fd = bed_program(b, json_string_value(json_object_get(request, "attach")));
	uint32_t ifindex = dev ? if_nametoindex(dev) : 0;
	bool made;
	int err;

	if (fd < 0 || !ifindex)
		return problem_set(p, "attach: no such program or device");
	err = tc_attach(ifindex, fd, &made);
	return err ? problem_set(p, "attach to %s: %s", dev, strerror(-err)) : 0;
}

static int answer(struct bed *b, json_t *request, json_t *reply, struct problem *p)
{
	json_t *age = json_object_get(request, "age");

	if (json_object_get(request, "model"))
		return bed_load(b, request, p);
	if (!b->st)
		return problem_set(p, "no model yet");
	if (json_object_get(request, "run"))
		return bed_run(b, request, reply, p);
	if (json_object_get(request, "time"))
		return bed_time(b, request, reply, p);
	if (json_object_get(request, "attach"))
		return bed_attach(b, request, p);
	if (json_object_get(request, "counters"))
		return bed_counters(b, reply, p);
	if (json_object_get(request, "cached"))
		return bed_cached(b, reply, p);
	if (json_object_get(request, "fresh"))
		return bed_fresh(b, p);
	if (age)
		return bed_age(b, json_number_value(json_object_get(age, "read")),
			       json_number_value(json_object_get(age, "kernel")), p);
	return problem_set(p, "unknown request");
}

static void reply_print(json_t *reply)
{
	char *text = json_dumps(reply, JSON_COMPACT);

	puts(text ?: "{\"error\": \"no memory\"}");
	fflush(stdout);
	free(text);
}

static void serve(struct bed *b, const char *line)
{
	json_t *request = json_loads(line, 0, NULL);
	struct problem problem = {};
	json_t *reply = json_object();
	int err = request ? answer(b, request, reply, &problem) :
			    problem_set(&problem, "not a JSON object");

	if (err)
		json_object_set_new(reply, "error", json_string(problem.text));
	reply_print(reply);
	json_decref(reply);
	json_decref(request);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	cpu_set_t cpu;
	struct bed b;

	/* One CPU, so that what a packet leaves in a per-CPU map is there for the next. */
	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	bed_init(&b);
	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "bpf-runner: new network namespace: %s\n", strerror(errno));
		return 1;
	}
	if (nl_open(&b.nl)) {
		fprintf(stderr, "bpf-runner: no netlink socket\n");
		return 1;
	}
	printf("{\"pid\": %d}\n", getpid());
	fflush(stdout);
	while (getline(&line, &size, stdin) > 0)
		serve(&b, line);
	free(line);
	bed_close(&b);
	return 0;
}
