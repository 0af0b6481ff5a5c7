// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "route-file.h"

#define ERRORS_MAX 100 /* printed, more are counted */

void route_file_free(struct route_file *f)
{
	for (size_t i = 0; i < f->nnames; i++)
		free(f->names[i]);
	free(f->names);
	free(f->routes);
	memset(f, 0, sizeof(*f));
}

/* Index of a tunnel's name, added where it is new; files are mostly of few tunnels, in runs. */
static int name_index(struct route_file *f, const char *name, uint32_t *ret)
{
	char **more;

	if (f->nroutes && !strcmp(f->names[f->routes[f->nroutes - 1].tunnel], name)) {
		*ret = f->routes[f->nroutes - 1].tunnel;
		return 0;
	}
	for (*ret = 0; *ret < f->nnames; ++*ret)
		if (!strcmp(f->names[*ret], name))
			return 0;
	more = realloc(f->names, (f->nnames + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	f->names = more;
	f->names[f->nnames] = strdup(name);
	return f->names[f->nnames++] ? 0 : -ENOMEM;
}

static int route_append(struct route_file *f, const struct prefix *to, const char *name,
			uint32_t line)
{
	struct route r = {
		.to = *to, .origin = XGRE_ORIGIN_RUNTIME, .place = { .line = line, .column = 1 }
	};
	int err = name_index(f, name, &r.tunnel);

	if (err)
		return err;
	if ((f->nroutes & (f->nroutes - 1)) == 0) { /* room doubles at each power of two */
		size_t room = f->nroutes ? 2 * f->nroutes : 1;
		struct route *more = realloc(f->routes, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		f->routes = more;
	}
	f->routes[f->nroutes++] = r;
	return 0;
}

/* One line: 0, -EINVAL with *ret_error and the column of it, or -ENOMEM. */
static int line_read(struct route_file *f, char *text, uint32_t line, uint32_t *ret_column,
		     const char **ret_error)
{
	char *save, *words[3] = {};
	struct prefix to, masked;
	int n = 0;

	text[strcspn(text, "#\n")] = 0;
	for (char *w = strtok_r(text, " \t\r", &save); w && n < 3; w = strtok_r(NULL, " \t\r", &save))
		words[n++] = w;
	*ret_column = n ? words[0] - text + 1 : 1;
	if (!n)
		return 0;
	if (n != 2) {
		*ret_error = "a line holds a prefix and a tunnel's name, and nothing else";
		return -EINVAL;
	}
	if (prefix_parse(words[0], &to)) {
		*ret_error = "this is no prefix; accepted: 10.0.0.0/8, 2001:db8::/32";
		return -EINVAL;
	}
	masked = to;
	if (prefix_mask(&masked)) {
		*ret_error = "the prefix has host bits set";
		return -EINVAL;
	}
	if (strlen(words[1]) >= IFNAMSIZ) {
		*ret_column = words[1] - text + 1;
		*ret_error = "this is no tunnel's name: longer than 15 characters";
		return -EINVAL;
	}
	return route_append(f, &to, words[1], line);
}

int route_file_read(const char *path, struct route_file *ret)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
	size_t size = 0, errors = 0;
	char *text = NULL;
	uint32_t line = 0;
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	if (!in) {
		err = -errno;
		cli_error("%s: %s", path, strerror(-err));
		return err;
	}
	while (err != -ENOMEM && getline(&text, &size, in) >= 0) {
		const char *what = NULL;
		uint32_t column;
		int one = line_read(ret, text, ++line, &column, &what);

		if (one == -EINVAL && errors++ < ERRORS_MAX)
			fprintf(stderr, "%s:%u:%u: %s\n", path, line, column, what);
		err = one == -ENOMEM ? one : err;
	}
	if (!err && ferror(in))
		err = -EIO;
	free(text);
	if (in != stdin)
		fclose(in);
	if (err)
		cli_error("%s: %s", path, strerror(-err));
	else if (errors > ERRORS_MAX)
		cli_error("%s: %zu more errors", path, errors - ERRORS_MAX);
	if (!err && errors)
		err = -EINVAL;
	if (err)
		route_file_free(ret);
	return err;
}
