// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Configuration file -> model: gets the text in, keeps the errors, puts the parts together. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config-internal.h"

int place_compare(const struct place *a, const struct place *b)
{
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

bool config_errors_full(const struct config_errors *errors)
{
	return errors->count >= CONFIG_ERRORS_MAX;
}

int config_error_vadd(struct config_errors *errors, struct place place, const char *fmt,
		      va_list args)
{
	struct config_error *items;
	char *text;

	if (config_errors_full(errors)) {
		errors->dropped++;
		return 0;
	}
	items = reallocarray(errors->items, errors->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	errors->items = items;
	if (vasprintf(&text, fmt, args) < 0)
		return -ENOMEM;
	items[errors->count++] = (struct config_error){.place = place, .text = text};
	return 0;
}

int config_error_add(struct config_errors *errors, struct place place, const char *fmt, ...)
{
	va_list args;
	int err;

	va_start(args, fmt);
	err = config_error_vadd(errors, place, fmt, args);
	va_end(args);
	return err;
}

/* Insertion keeps those of one place in the order they were found; they are few. */
static void errors_sort(struct config_errors *errors)
{
	struct config_error moved;
	size_t i, j;

	for (i = 1; i < errors->count; i++) {
		moved = errors->items[i];
		for (j = i; j && place_compare(&moved.place, &errors->items[j - 1].place) < 0; j--)
			errors->items[j] = errors->items[j - 1];
		errors->items[j] = moved;
	}
}

void config_errors_print(const struct config_errors *errors, const char *file, FILE *out)
{
	const struct config_error *e;

	for (e = errors->items; e < errors->items + errors->count; e++) {
		if (e->place.line)
			fprintf(out, "%s:%u:%u: %s\n", file, e->place.line, e->place.column,
				e->text);
		else
			fprintf(out, "%s: %s\n", file, e->text);
	}
	if (errors->dropped)
		fprintf(out, "%s: %zu more errors are not shown\n", file, errors->dropped);
}

void config_errors_free(struct config_errors *errors)
{
	size_t i;

	for (i = 0; i < errors->count; i++)
		free(errors->items[i].text);
	free(errors->items);
	memset(errors, 0, sizeof(*errors));
}

static int parse(const char *text, size_t size, struct model *m, struct config_errors *errors)
{
	struct reader r = {.text = text ? text : "", .size = size, .model = m, .errors = errors};
	bool empty;
	int err;

	err = reader_open(&r, &empty);
	if (err)
		goto out;
	if (empty) {
		report(&r, (struct place){1, 1},
		       "no configuration in it; accepted: a mapping with version: 1 and ports");
		err = r.err;
		goto out;
	}
	err = config_read_root(&r);
	if (err)
		goto out;
	err = reader_end(&r);
	if (err)
		goto out;
	err = config_check(m, errors);
out:
	reader_close(&r);
	return err;
}

/* What every way out of reading has in common: all or nothing. */
static int finish(int err, struct model *ret, struct config_errors *errors)
{
	if (!err && errors->count)
		err = -EINVAL;
	if (err)
		model_free(ret);
	if (err == -EINVAL)
		errors_sort(errors);
	else
		config_errors_free(errors);
	return err;
}

int config_parse(const char *text, size_t size, struct model *ret, struct config_errors *errors)
{
	int err = 0;

	model_init(ret);
	memset(errors, 0, sizeof(*errors));
	if (size > CONFIG_MAX_SIZE)
		err = config_error_add(errors, (struct place){0},
				       "too large; accepted: up to %u MiB", CONFIG_MAX_SIZE >> 20);
	else
		err = parse(text, size, ret, errors);
	return finish(err, ret, errors);
}

/* All of fd, at most a byte over CONFIG_MAX_SIZE, into *ret_text. 0 or -errno. */
static int read_all(int fd, char **ret_text, size_t *ret_size)
{
	size_t size = 0, room = 0, more;
	char *text = NULL, *grown;
	struct stat st;
	ssize_t got;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	/* A byte more than there is, so that one read() sees the end. */
	more = S_ISREG(st.st_mode) && st.st_size < CONFIG_MAX_SIZE ? st.st_size + 1 : 1 << 16;
	do {
		if (size == room) {
			room = room ? room * 2 : more;
			if (room > CONFIG_MAX_SIZE + 1)
				room = CONFIG_MAX_SIZE + 1;
			grown = realloc(text, room);
			if (!grown) {
				err = -ENOMEM;
				goto out;
			}
			text = grown;
		}
		got = read(fd, text + size, room - size);
		if (got < 0 && errno != EINTR) {
			err = -errno;
			goto out;
		}
		if (got > 0)
			size += got;
	} while (got && size <= CONFIG_MAX_SIZE);
	*ret_text = text;
	*ret_size = size;
	text = NULL;
	err = 0;
out:
	free(text);
	return err;
}

int config_read(const char *path, struct model *ret, struct config_errors *errors)
{
	bool standard_input = !strcmp(path, "-");
	char *text = NULL;
	size_t size = 0;
	int fd, err;

	model_init(ret);
	memset(errors, 0, sizeof(*errors));
	fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	err = fd < 0 ? -errno : read_all(fd, &text, &size);
	if (fd >= 0 && !standard_input)
		close(fd);
	if (!err) {
		err = config_parse(text, size, ret, errors);
		free(text);
		return err;
	}
	if (err != -ENOMEM) {
		err = config_error_add(errors, (struct place){0},
				       "cannot be read: %s; accepted: a readable YAML file",
				       strerror(-err));
		err = finish(err, ret, errors);
	}
	return err;
}
