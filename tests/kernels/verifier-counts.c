// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * verifier-counts OBJECT...: load every program of BPF objects in every combination of
 * their switches, and say how many instructions the verifier looked at:
 *	OBJECT PROGRAM SWITCH=0,SWITCH=1 INSTRUCTIONS
 * Switches are the constants (.rodata) that user space sets before loading: those of
 * type bool in both states. The verifier follows known constants and drops what they
 * exclude, so each combination is a program of its own. Numbers stay at their defaults.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define MAX_SWITCHES 8
#define MAX_PROGRAMS 32
#define LOG_STATS    4 /* BPF_LOG_STATS: the verifier's log has its summary and no more */
#define LOG_SIZE     (64 * 1024)

struct switches {
	int n;
	const char *name[MAX_SWITCHES];
	uint32_t offset[MAX_SWITCHES]; /* in .rodata */
};

static bool is_bool(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_int(t) && btf_int_encoding(t) & BTF_INT_BOOL;
}

/* The switches of an object; 0 or -errno. */
static int switches_find(const struct btf *btf, struct switches *ret)
{
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_var_secinfo *var;
	const struct btf_type *section;

	ret->n = 0;
	if (id < 0)
		return id == -ENOENT ? 0 : id;
	section = btf__type_by_id(btf, (uint32_t)id);
	var = btf_var_secinfos(section);
	for (int i = 0; i < btf_vlen(section); i++, var++) {
		const struct btf_type *t = btf__type_by_id(btf, var->type);

		if (!btf_is_var(t) || !is_bool(btf, t->type))
			continue;
		if (ret->n == MAX_SWITCHES)
			return -E2BIG;
		ret->name[ret->n] = btf__name_by_offset(btf, t->name_off);
		ret->offset[ret->n++] = var->offset;
	}
	return 0;
}

static struct bpf_map *rodata(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj) {
		const char *name = bpf_map__name(map);
		size_t n = strlen(name);

		if (bpf_map__is_internal(map) && n > 7 && !strcmp(name + n - 7, ".rodata"))
			return map;
	}
	return NULL;
}

static int switches_set(struct bpf_object *obj, const struct switches *s, unsigned int states)
{
	struct bpf_map *map = rodata(obj);
	const void *old;
	size_t size = 0;
	char *data;
	int err = 0;

	if (!s->n)
		return 0;
	old = map ? bpf_map__initial_value(map, &size) : NULL;
	data = old ? malloc(size) : NULL;
	if (!data)
		return -ENOMEM;
	memcpy(data, old, size);
	for (int i = 0; i < s->n && !err; i++) {
		if (s->offset[i] < size)
			data[s->offset[i]] = states >> i & 1;
		else
			err = -EINVAL;
	}
	err = err ?: bpf_map__set_initial_value(map, data, size);
	free(data);
	return err;
}

static void switches_print(const struct switches *s, unsigned int states)
{
	for (int i = 0; i < s->n; i++)
		printf("%s%s=%u", i ? "," : "", s->name[i], states >> i & 1);
	printf(s->n ? " " : "- ");
}

static int count_print(const char *object, const struct bpf_program *prog, const struct switches *s,
		       unsigned int states, const char *log)
{
	const char *summary = strstr(log, "processed ");
	unsigned long insns;

	if (!summary || sscanf(summary, "processed %lu insns", &insns) != 1) {
		fprintf(stderr, "%s: the verifier's log has no summary: %s\n",
			bpf_program__name(prog), log);
		return -EPROTO;
	}
	printf("%s %s ", object, bpf_program__name(prog));
	switches_print(s, states);
	printf("%lu\n", insns);
	return 0;
}

/* Load an object with its switches in one combination; the log of each program into logs. */
static int load_one(const char *path, const char *object, unsigned int states, char *logs,
		    int *ret_switches)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *prog;
	struct switches s = {};
	int err, i = 0;

	if (!obj)
		return -errno;
	err = switches_find(bpf_object__btf(obj), &s);
	err = err ?: switches_set(obj, &s, states);
	*ret_switches = s.n;
	bpf_object__for_each_program(prog, obj) {
		char *log = logs + LOG_SIZE * i++;

		if (i > MAX_PROGRAMS)
			err = -E2BIG;
		if (err)
			break;
		*log = 0;
		bpf_program__set_log_level(prog, LOG_STATS);
		err = bpf_program__set_log_buf(prog, log, LOG_SIZE);
	}
	err = err ?: bpf_object__load(obj);
	if (err) {
		fprintf(stderr, "%s does not load with ", object);
		fflush(stderr);
		switches_print(&s, states);
		printf(": %s\n", strerror(-err));
	}
	i = 0;
	bpf_object__for_each_program(prog, obj)
		err = err ?: count_print(object, prog, &s, states, logs + LOG_SIZE * i++);
	bpf_object__close(obj);
	return err;
}

int main(int argc, char **argv)
{
	char *logs = malloc(MAX_PROGRAMS * LOG_SIZE);
	int err = logs ? 0 : -ENOMEM;

	for (int i = 1; i < argc && !err; i++) {
		const char *slash = strrchr(argv[i], '/');
		char object[64];
		int n = 0;

		snprintf(object, sizeof(object), "%s", slash ? slash + 1 : argv[i]);
		object[strcspn(object, ".")] = 0;
		for (unsigned int states = 0; states < 1u << n || !states; states++)
			if ((err = load_one(argv[i], object, states, logs, &n)))
				break;
	}
	free(logs);
	if (err)
		fprintf(stderr, "verifier-counts: %s\n", strerror(-err));
	return err || argc < 2;
}
