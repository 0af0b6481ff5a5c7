// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A configuration file as a stream of libyaml's events. Events and not
 * documents: nothing is built up in memory, and an alias is seen as what it
 * is, to be refused, and never expanded.
 */
#include <errno.h>
#include <string.h>

#include "config-internal.h"

/* Far beyond what the schema needs; libyaml's own work grows with the depth. */
#define DEPTH_MAX  32
#define SHOWN_TEXT 40

void report(struct reader *r, struct place place, const char *fmt, ...)
{
	va_list args;
	int err;

	va_start(args, fmt);
	err = config_error_vadd(r->errors, place, fmt, args);
	va_end(args);
	if (err)
		r->err = err;
}

static struct place mark_place(const yaml_mark_t *mark)
{
	return (struct place){.line = mark->line + 1, .column = mark->column + 1};
}

const char *config_show_text(const char *text, char buf[SHOWN_LEN])
{
	size_t i, cut = strlen(text);
	char *end = buf;

	if (cut > SHOWN_TEXT)
		for (cut = SHOWN_TEXT; (text[cut] & 0xc0) == 0x80; cut--)
			; /* not inside a UTF-8 character */
	*end++ = '"';
	for (i = 0; i < cut; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			end += sprintf(end, "\\x%02x", text[i]);
		else
			*end++ = text[i];
	}
	strcpy(end, text[cut] ? "...\"" : "\"");
	return buf;
}

const char *reader_show(const struct reader *r, char buf[SHOWN_LEN])
{
	const char *text = reader_scalar(r);

	if (reader_is_null(r) && !*text)
		return "an empty value";
	if (text)
		return config_show_text(text, buf);
	return r->event.type == YAML_SEQUENCE_START_EVENT ? "a list" : "a mapping";
}

const char *reader_scalar(const struct reader *r)
{
	if (r->event.type != YAML_SCALAR_EVENT || r->refused)
		return NULL;
	return (const char *)r->event.data.scalar.value;
}

bool reader_is_null(const struct reader *r)
{
	const char *text = reader_scalar(r);

	return text && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       config_parse_null(text);
}

/* The reader errors of libyaml have an offset in bytes and no mark. */
static struct place offset_place(const struct reader *r, size_t offset)
{
	struct place place = {.line = 1, .column = 1};
	size_t i;

	for (i = 0; i < offset && i < r->size; i++) {
		if (r->text[i] == '\n') {
			place.line++;
			place.column = 1;
		} else if ((r->text[i] & 0xc0) != 0x80) {
			place.column++;
		}
	}
	return place;
}

/* The byte at a place, columns counted in characters; 0 beyond the end. */
static char byte_at(const struct reader *r, struct place place)
{
	const char *p = r->text, *end = p + r->size;
	uint32_t column = 1;

	while (p && --place.line) {
		p = memchr(p, '\n', end - p);
		p = p ? p + 1 : NULL;
	}
	for (; p && p < end; p++)
		if ((*p & 0xc0) != 0x80 && column++ == place.column)
			return *p;
	return 0;
}

static void report_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct place place = mark_place(&p->problem_mark);

	if (p->error == YAML_MEMORY_ERROR) {
		r->err = -ENOMEM;
		return;
	}
	if (p->error == YAML_READER_ERROR) {
		place = offset_place(r, p->problem_offset);
		report(r, place, "a byte that is no text (0x%02x); accepted: UTF-8 %s",
		       p->problem_offset < r->size ? (uint8_t)r->text[p->problem_offset] : 0,
		       "without control characters");
	} else if (byte_at(r, place) == '\t') {
		report(r, place, "YAML syntax: a tab; accepted: spaces");
	} else if (p->context) {
		report(r, place, "YAML syntax: %s, %s that starts at line %zu", p->problem,
		       p->context, p->context_mark.line + 1);
	} else {
		report(r, place, "YAML syntax: %s", p->problem);
	}
	if (!r->err)
		r->err = -EINVAL;
}

static void refuse_extras(struct reader *r)
{
	const yaml_event_t *e = &r->event;
	const yaml_char_t *anchor = NULL, *tag = NULL;
	char shown[SHOWN_LEN];

	switch (e->type) {
	case YAML_ALIAS_EVENT:
		r->refused = true;
		report(r, r->place, "an alias of %s; accepted: the value itself, written out",
		       config_show_text((const char *)e->data.alias.anchor, shown));
		return;
	case YAML_SCALAR_EVENT:
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
		if (memchr(e->data.scalar.value, 0, e->data.scalar.length)) {
			r->refused = true;
			report(r, r->place, "a NUL character in a value; accepted: text");
		}
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor)
		report(r, r->place, "an anchor, %s; accepted: values without anchors",
		       config_show_text((const char *)anchor, shown));
	if (tag)
		report(r, r->place, "a tag, %s; accepted: values without tags",
		       config_show_text((const char *)tag, shown));
}

int reader_next(struct reader *r)
{
	if (r->err)
		return r->err;
	yaml_event_delete(&r->event);
	r->refused = false;
	if (!yaml_parser_parse(&r->parser, &r->event)) {
		report_syntax(r);
		return r->err;
	}
	r->place = mark_place(&r->event.start_mark);
	refuse_extras(r);
	return r->err;
}

int reader_open(struct reader *r, bool *ret_empty)
{
	int err;

	*ret_empty = false;
	if (!yaml_parser_initialize(&r->parser)) {
		r->err = -ENOMEM;
		return r->err;
	}
	/* The one encoding, not guessed; a byte order mark in it says nothing. */
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	if (r->size >= 3 && !memcmp(r->text, "\xef\xbb\xbf", 3)) {
		r->text += 3;
		r->size -= 3;
	}
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text, r->size);
	err = reader_next(r); /* stream start */
	if (!err)
		err = reader_next(r); /* document start */
	if (!err && r->event.type == YAML_STREAM_END_EVENT) {
		*ret_empty = true;
		return 0;
	}
	return err ? err : reader_next(r);
}

void reader_close(struct reader *r)
{
	yaml_event_delete(&r->event);
	yaml_parser_delete(&r->parser);
}

int reader_end(struct reader *r)
{
	int err = reader_next(r); /* document end */

	if (!err)
		err = reader_next(r);
	if (!err && r->event.type != YAML_STREAM_END_EVENT)
		report(r, r->place, "a second document; accepted: one document a file");
	return r->err;
}

int reader_skip(struct reader *r)
{
	int depth = 0;

	for (;;) {
		switch (r->event.type) {
		case YAML_SEQUENCE_START_EVENT:
		case YAML_MAPPING_START_EVENT:
			depth++;
			break;
		case YAML_SEQUENCE_END_EVENT:
		case YAML_MAPPING_END_EVENT:
			depth--;
			break;
		default:
			break;
		}
		if (depth > DEPTH_MAX) {
			report(r, r->place, "nested too deeply; accepted: the options' own depth");
			if (!r->err)
				r->err = -EINVAL;
		}
		if (!depth || r->err)
			return r->err;
		if (reader_next(r))
			return r->err;
	}
}

/* The current event as a key; false where it is none, which is reported. */
static bool take_key(struct reader *r, struct entry *ret)
{
	const char *text = reader_scalar(r);

	ret->place = r->place;
	if (text)
		snprintf(ret->key, sizeof(ret->key), "%s", text);
	else if (!r->refused)
		report(r, r->place, "%s as a key; accepted: a word",
		       r->event.type == YAML_SEQUENCE_START_EVENT ? "a list" : "a mapping");
	return text;
}

int reader_mapping(struct reader *r, entry_fn fn, void *arg)
{
	struct entry e;
	int err;
	bool good;

	for (;;) {
		err = reader_next(r);
		if (err || r->event.type == YAML_MAPPING_END_EVENT)
			return err;
		good = take_key(r, &e);
		err = good ? 0 : reader_skip(r);
		if (!err)
			err = reader_next(r);
		if (!err)
			err = good ? fn(r, &e, arg) : reader_skip(r);
		if (err)
			return err;
	}
}

int reader_sequence(struct reader *r, item_fn fn, void *arg)
{
	int err;

	for (;;) {
		err = reader_next(r);
		if (err || r->event.type == YAML_SEQUENCE_END_EVENT)
			return err;
		err = fn(r, arg);
		if (err)
			return err;
	}
}
