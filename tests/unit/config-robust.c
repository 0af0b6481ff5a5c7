// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Configurations cut, damaged, huge, or read with no memory left. */
#include <time.h>

#include "config-common.h"

/* Allocations of our own code fail from the fail_at-th on; -1: never (ld --wrap). */
static long fail_at = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
int __real_vasprintf(char **ret, const char *fmt, va_list args);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
int __wrap_vasprintf(char **ret, const char *fmt, va_list args);

static bool fails(void)
{
	if (fail_at > 0)
		fail_at--;
	return !fail_at;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_realloc(p, n * size);
}

int __wrap_vasprintf(char **ret, const char *fmt, va_list args)
{
	return fails() ? -1 : __real_vasprintf(ret, fmt, args);
}

/* Cut and damaged files: no crash, no leak, and never a model with an error. */
static void test_damaged(void)
{
	static const char alphabet[] = "\n :-[]{},\"'#&*!|>%@\t?<\\0aZ\x80\xc3\xff";
	size_t size = strlen(reference), i, j, valid = 0, runs = 0;
	char *text = malloc(size), *errors;
	bool sound = true;
	int err;

	for (i = 0; i <= size; i++, runs++) {
		/* A copy of its own, so that a read beyond the cut is seen. */
		char *cut = malloc(i ? i : 1);

		memcpy(cut, reference, i);
		errors = errors_of(cut, i, &err);
		sound &= (err == 0 && !*errors) || (err == -EINVAL && *errors);
		valid += !err;
		free(errors);
		free(cut);
	}
	srand(1);
	for (i = 0; i < 5000; i++, runs++) {
		memcpy(text, reference, size);
		for (j = 1 + below(4); j; j--)
			text[below(size)] = alphabet[below(sizeof(alphabet))];
		errors = errors_of(text, size, &err);
		sound &= (err == 0 && !*errors) || (err == -EINVAL && *errors);
		valid += !err;
		free(errors);
	}
	ok(sound, "%zu cut and damaged files: valid or with errors, %zu of them valid", runs,
	   valid);
	free(text);
}

/* Every allocation of ours fails in turn. */
static void test_no_memory(void)
{
	static const char bad[] = REMOTE "    mtu: 1\n    foo: bar\n    addresses: [1, 1.1.1.1/8, "
					 "1.1.1.1/8]\n    routes: [to: 1.0.0.0/8, to: 1.0.0.0/8]\n"
					 "  t: *a\n";
	static const char *const texts[] = {reference, bad};
	struct config_errors errors;
	struct model m;
	size_t i, size;
	long at, wrong;
	char *text;
	FILE *f;
	int err;

	for (i = 0; i < 2; i++) {
		for (at = 1, wrong = 0;; at++) {
			fail_at = at;
			err = config_parse(texts[i], strlen(texts[i]), &m, &errors);
			fail_at = -1;
			if (err != -ENOMEM)
				break;
			wrong += m.ports || m.tunnels || m.routes || errors.items || errors.count;
		}
		is_int(err, i ? -EINVAL : 0, "the %s file with memory for it", i ? "bad" : "good");
		ok(!wrong && at > 20, "-ENOMEM and nothing left behind, %ld times", at - 1);
		config_errors_free(&errors);
		if (!i) {
			f = open_memstream(&text, &size);
			fail_at = 1;
			is_int(config_write(&m, true, f), -ENOMEM, "writing without memory");
			fail_at = -1;
			fclose(f);
			free(text);
		}
		model_free(&m);
	}
}

static char *many_routes(uint32_t count, bool repeat, size_t *ret_size)
{
	char *text;
	uint32_t i;
	FILE *f = open_memstream(&text, ret_size);

	fputs(REMOTE "    routes:\n", f);
	for (i = 0; i < count; i++)
		fprintf(f, "      - to: %u.%u.%u.0/24\n", 1 + (i >> 16), i >> 8 & 255, i & 255);
	if (repeat)
		fputs("      - to: 1.0.0.0/24\n", f);
	fclose(f);
	return text;
}

/* Time grows with the size, not with its square: a tenth of a file takes a twentieth at least. */
static void test_large(void)
{
	uint32_t count = 200000;
	struct config_errors errors;
	double seconds[2];
	struct timespec a, b;
	char *text, *printed;
	struct model m;
	size_t size;
	int i, err;

	for (i = 0; i < 2; i++) {
		text = many_routes(i ? count : count / 10, false, &size);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		err = config_parse(text, size, &m, &errors);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		seconds[i] = b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9;
		free(text);
		if (!i)
			model_free(&m);
	}
	is_int(err ? 0 : m.nroutes, count, "a file of many routes");
	ok(seconds[1] < 40 * seconds[0] + 0.2, "%.0f ms for a tenth of it, %.0f ms for all",
	   seconds[0] * 1e3, seconds[1] * 1e3);
	ok(round_trip(&m), "it reads back equal");
	model_free(&m);
	text = many_routes(count, true, &size);
	printed = errors_of(text, size, &err);
	is_str(printed,
	       "f:200009:13: to: 1.0.0.0/24 is there already, at line 9; accepted: each prefix "
	       "once\n",
	       "one prefix twice among them");
	free(printed);
	free(text);
}

int main(void)
{
	test_damaged();
	test_no_memory();
	test_large();
	return done();
}
