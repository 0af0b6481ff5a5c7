/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A mapping of the configuration described by a table of its options. */
#ifndef XGRE_CONFIG_FIELD_H
#define XGRE_CONFIG_FIELD_H

#include <errno.h>
#include <stddef.h>

#include "config-internal.h"

#define FIELDS_MAX 32

#define ADDR_ACCEPTS "an IPv4 or IPv6 unicast address, as in 192.0.2.1 or 2001:db8::1"

/* A word that stands for a value; a table ends with a NULL text. */
struct word {
	const char *text;
	uint32_t value;
};

/* An option; a table ends with a NULL name. */
struct field {
	const char *name;
	const char *accepts; /* for messages: what the value may be */
	int (*read)(struct reader *r, const struct field *f, void *target);
	size_t offset; /* where in the target, and how many bytes */
	size_t size;
	const struct word *words;
	uint32_t min;
	uint32_t max;	 /* 0: words alone */
	bool link_local; /* IPv6 link-local addresses are accepted */
};

#define INTO(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

/* Which options of a table a mapping had, by index; bad ones had an error. */
struct seen {
	uint32_t keys;
	uint32_t bad;
	struct place key[FIELDS_MAX];
	struct place value[FIELDS_MAX];
};

/* A list of prefixes, or with hosts of addresses with their length. */
struct list {
	struct field item;
	bool hosts;
};

/* The current mapping: each option into target. */
int read_fields(struct reader *r, const struct field *fields, void *target, struct seen *seen);
/* Report the current value as none that f accepts, and pass it over. */
int refuse(struct reader *r, const struct field *f);
/* The current sequence. */
int read_list(struct reader *r, const struct list *list, struct prefix_list *ret);
/* Report host bits; true where there are any. */
bool prefix_unmasked(struct reader *r, const struct field *f, const struct prefix *p);

/* Values of options, for field.read. */
int read_value(struct reader *r, const struct field *f, void *target); /* word or number */
int read_bool(struct reader *r, const struct field *f, void *target);
int read_key(struct reader *r, const struct field *f, void *target);
int read_addr(struct reader *r, const struct field *f, void *target);

/* config-keepalive.c: the mapping of a tunnel's option. */
int read_keepalive(struct reader *r, const struct field *f, void *target);

/* config-route.c: the list of routes of the model's last tunnel. */
int read_routes(struct reader *r, const struct field *f, void *target);

#endif
