/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files config*.c share among themselves. */
#ifndef XGRE_CONFIG_INTERNAL_H
#define XGRE_CONFIG_INTERNAL_H

#include <stdarg.h>
#include <yaml.h>

#include "config.h"

/* Room for a value or key as it is shown in a message: quoted, escaped and cut. */
#define SHOWN_LEN 200

/*
 * One file on its way in. Functions that move through it return 0, or the
 * sticky err: -EINVAL where the text cannot be read further (reported
 * already), -ENOMEM. A function that takes a value starts with the value's
 * first event as the current one and ends at its last one. What is wrong but
 * leaves the rest readable is reported and passed over.
 */
struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	struct place place; /* of the current event */
	bool refused;	    /* the current value is reported already: look no closer */
	int err;
	const char *text;
	size_t size;
	struct model *model;
	struct config_errors *errors;
};

struct entry {
	char key[64]; /* cut: longer than any key and name there is */
	struct place place;
};

typedef int (*entry_fn)(struct reader *r, const struct entry *e, void *arg);
typedef int (*item_fn)(struct reader *r, void *arg);

/* config-yaml.c: events. Open reads up to the first value; *ret_empty where there is none. */
int reader_open(struct reader *r, bool *ret_empty);
void reader_close(struct reader *r);
int reader_next(struct reader *r);
int reader_skip(struct reader *r); /* the whole current value */
int reader_end(struct reader *r);  /* nothing may follow but the end */
/* fn is called at the value of each entry, at each item; the current event is the start. */
int reader_mapping(struct reader *r, entry_fn fn, void *arg);
int reader_sequence(struct reader *r, item_fn fn, void *arg);
const char *reader_scalar(const struct reader *r); /* NULL: the current value is none */
bool reader_is_null(const struct reader *r);
/* The current value or some text, as a message shows it. */
const char *reader_show(const struct reader *r, char buf[SHOWN_LEN]);
const char *config_show_text(const char *text, char buf[SHOWN_LEN]);
__attribute__((format(printf, 3, 4))) void report(struct reader *r, struct place place,
						  const char *fmt, ...);

/* config-schema.c: the root value of a file. */
int config_read_root(struct reader *r);

/* config-value.c: scalars. */
bool config_parse_number(const char *text, uint32_t *ret);
bool config_parse_key(const char *text, uint32_t *ret); /* number or dotted quad */
bool config_parse_bool(const char *text, bool *ret);
bool config_parse_null(const char *text);
bool config_name_valid(const char *name);	     /* of a network interface */
const char *config_addr_fault(const struct addr *a); /* "a multicast" and the like, or NULL */
bool config_addr_link_local(const struct addr *a);
const char *config_family_text(const struct addr *a);	    /* "IPv4", "IPv6" */
unsigned int config_distance(const char *a, const char *b); /* edits from a to b */

/* config-check.c: what takes more than one entry to see. */
struct placed_prefix {
	struct prefix prefix;
	struct place place;
};

int config_check(const struct model *m, struct config_errors *errors);
/*
 * Report what is in items (which get sorted) more than once, by address alone
 * where lengths is false. what: the option, each: what is accepted once.
 */
int config_check_repeats(struct placed_prefix *items, size_t count, bool lengths, const char *what,
			 const char *each, struct config_errors *errors);

/* config.c: 0 or -ENOMEM. Beyond CONFIG_ERRORS_MAX they are only counted. */
__attribute__((format(printf, 3, 4))) int
config_error_add(struct config_errors *errors, struct place place, const char *fmt, ...);
__attribute__((format(printf, 3, 0))) int
config_error_vadd(struct config_errors *errors, struct place place, const char *fmt, va_list args);
bool config_errors_full(const struct config_errors *errors);
int place_compare(const struct place *a, const struct place *b);

#endif
