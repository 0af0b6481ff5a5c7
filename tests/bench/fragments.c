// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fragments NETNS DEVICE SINK-NETNS SINK-DEVICE PACKETS FILE [PID...]
 *
 * Sends the frames of FILE (one a line, hexadecimal) in turn from DEVICE, a burst
 * at a time that every queue on the way has room for, and waits for what is in
 * them at SINK-DEVICE; a turn of all frames has PACKETS packets. Prints
 *     FRAMES PACKETS-SENT PACKETS-THAT-CAME NS
 * where NS is processor time of this process, which includes what the kernel does
 * with a frame at its arrival, and of PID..., so that the machine may be busy
 * otherwise.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "fragments.h"

#define BURSTS	 60
#define BURST	 960 /* frames; an AF_XDP socket has 2048 */
#define QUIET_MS 300 /* without any packet: what has not come is lost */

static void fail(const char *what, int err)
{
	fprintf(stderr, "fragments: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(1);
}

static void enter(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(path, errno);
	close(fd);
}

static int program(struct bpf_object *o, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(o, name));
}

static uint32_t attach(const char *netns, const char *dev, int prog)
{
	uint32_t ifindex;
	int err;

	enter(netns);
	ifindex = if_nametoindex(dev);
	err = ifindex ? bpf_xdp_attach((int)ifindex, prog, XDP_FLAGS_DRV_MODE, NULL) : -ENODEV;
	if (err)
		fail(dev, err);
	return ifindex;
}

static void read_pieces(const char *path, struct generator *g)
{
	FILE *f = fopen(path, "r");
	char line[2 * PIECE_MAX + 2];

	if (!f)
		fail(path, errno);
	while (g->turns < PIECES && fgets(line, sizeof(line), f)) {
		struct piece *p = &g->piece[g->turns++];
		unsigned int byte;

		for (const char *at = line; sscanf(at, "%2x", &byte) == 1; at += 2)
			p->data[p->len++] = (uint8_t)byte;
		if (p->len < 34)
			fail(path, EINVAL);
		memset(p->data + 18, 0, 2);
		memset(p->data + 24, 0, 2);
		for (int i = 14; i < 34; i += 2)
			p->sum += p->data[i] << 8 | p->data[i + 1];
	}
	fclose(f);
}

/* Processor time of a process' threads, ns. */
static uint64_t cpu_of(const char *pid)
{
	uint64_t sum = 0;
	char path[300];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	if (!dir)
		fail(path, errno);
	while ((e = readdir(dir))) {
		unsigned long long ns;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/task/%.20s/schedstat", pid, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (f && fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		if (f)
			fclose(f);
	}
	closedir(dir);
	return sum;
}

static uint64_t cpu_now(char **pids)
{
	struct timespec t;
	uint64_t sum;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	sum = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	for (; *pids; pids++)
		sum += cpu_of(*pids);
	return sum;
}

static void burst(int prog, struct generator *g, uint32_t ifindex, uint64_t packets)
{
	static uint8_t frame[PIECE_MAX];
	struct xdp_md ctx = { .data_end = g->piece[0].len, .ingress_ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = g->piece[0].len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .repeat = BURST / g->turns * g->turns, .batch_size = 32);
	uint64_t all = g->received + packets, last = 0;
	int err = bpf_prog_test_run_opts(prog, &opts);

	if (err)
		fail("BPF_PROG_RUN", err);
	for (int quiet = 0; quiet < QUIET_MS; quiet++) {
		uint64_t now = __atomic_load_n(&g->received, __ATOMIC_RELAXED);

		if (now >= all)
			return;
		if (now != last)
			quiet = 0;
		last = now;
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	uint64_t packets, frames, cpu;
	struct bpf_object *o;
	struct generator *g;
	uint32_t ifindex, zero = 0;
	char path[512];
	int fd;

	if (argc < 7)
		return 2;
	packets = strtoull(argv[5], NULL, 10);
	snprintf(path, sizeof(path), "%.*s/fragments.bpf.o",
		 (int)(strrchr(argv[0], '/') ? strrchr(argv[0], '/') - argv[0] : 1), argv[0]);
	o = bpf_object__open(path);
	if (!o || bpf_object__load(o))
		fail(path, errno);
	fd = bpf_object__find_map_fd_by_name(o, "generator");
	g = mmap(NULL, (sizeof(*g) + 4095) & ~4095ul, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (g == MAP_FAILED)
		fail("mmap", errno);
	read_pieces(argv[6], g);
	/* without a sink, all that leaves the device counts: what sending costs */
	attach(argv[3], argv[4], program(o, strcmp(argv[1], argv[3]) ? "sink" : "drop"));
	ifindex = attach(argv[1], argv[2], program(o, "pass"));
	fd = bpf_object__find_map_fd_by_name(o, "out");
	if (bpf_map_update_elem(fd, &zero, &ifindex, 0))
		fail("devmap", errno);
	frames = BURST / g->turns * g->turns;
	packets *= BURST / g->turns;
	for (int i = 0; i < 3; i++) /* neighbours, next hops, and caches */
		burst(program(o, "generate"), g, ifindex, packets);
	g->received = 0;
	cpu = cpu_now(argv + 7);
	for (int i = 0; i < BURSTS; i++)
		burst(program(o, "generate"), g, ifindex, packets);
	printf("%llu %llu %llu %llu\n", (unsigned long long)frames * BURSTS,
	       (unsigned long long)packets * BURSTS, (unsigned long long)g->received,
	       (unsigned long long)(cpu_now(argv + 7) - cpu));
	return 0;
}
