// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Options of the configuration as a table: which keys a mapping has, how a value is read. */
#include <stdlib.h>
#include <string.h>

#include "config-field.h"

static void report_unknown(struct reader *r, const struct entry *e, const struct field *fields)
{
	char shown[SHOWN_LEN], list[512] = "", nearest[80] = "";
	unsigned int distance, best = 3; /* edits; more is another word */
	const struct field *f;
	size_t end = 0;

	for (f = fields; f->name; f++) {
		end += snprintf(list + end, sizeof(list) - end, "%s%s", end ? ", " : "", f->name);
		distance = config_distance(e->key, f->name);
		if (distance < best && distance < strlen(f->name)) {
			best = distance;
			snprintf(nearest, sizeof(nearest), " (did you mean \"%s\"?)", f->name);
		}
	}
	if (!strcmp(e->key, "<<"))
		report(r, e->place, "a merge key (<<); accepted: the options themselves: %s", list);
	else
		report(r, e->place, "unknown key %s%s; accepted: %s",
		       config_show_text(e->key, shown), nearest, list);
}

struct fields_arg {
	const struct field *fields;
	void *target;
	struct seen *seen;
};

static int read_field(struct reader *r, const struct entry *e, void *arg)
{
	const struct fields_arg *a = arg;
	struct seen *seen = a->seen;
	size_t i, faults;
	int err;

	for (i = 0; a->fields[i].name; i++)
		if (!strcmp(a->fields[i].name, e->key))
			break;
	if (!a->fields[i].name) {
		if (config_errors_full(r->errors))
			r->errors->dropped++; /* the search for the nearest key costs time */
		else
			report_unknown(r, e, a->fields);
		return reader_skip(r);
	}
	if (seen->keys & 1u << i) {
		report(r, e->place, "%s is there already, at line %u; accepted: each key once",
		       e->key, seen->key[i].line);
		return reader_skip(r);
	}
	seen->keys |= 1u << i;
	seen->key[i] = e->place;
	seen->value[i] = r->place;
	faults = r->errors->count + r->errors->dropped;
	err = a->fields[i].read(r, &a->fields[i], a->target);
	if (faults != r->errors->count + r->errors->dropped)
		seen->bad |= 1u << i;
	return err;
}

int read_fields(struct reader *r, const struct field *fields, void *target, struct seen *seen)
{
	struct fields_arg arg = {.fields = fields, .target = target, .seen = seen};

	memset(seen, 0, sizeof(*seen));
	return reader_mapping(r, read_field, &arg);
}

int refuse(struct reader *r, const struct field *f)
{
	char shown[SHOWN_LEN];

	if (!r->refused)
		report(r, r->place, "%s: %s is not accepted; accepted: %s", f->name,
		       reader_show(r, shown), f->accepts);
	return reader_skip(r);
}

static void store(const struct field *f, void *target, uint32_t value)
{
	char *at = (char *)target + f->offset;

	if (f->size == sizeof(bool))
		*(bool *)at = value;
	else
		memcpy(at, &value, sizeof(value));
}

int read_value(struct reader *r, const struct field *f, void *target)
{
	const char *text = reader_scalar(r);
	const struct word *w;
	uint32_t number;

	if (!text)
		return refuse(r, f);
	for (w = f->words; w && w->text; w++) {
		if (!strcmp(w->text, text)) {
			store(f, target, w->value);
			return 0;
		}
	}
	if (!f->max || !config_parse_number(text, &number) || number < f->min || number > f->max)
		return refuse(r, f);
	store(f, target, number);
	return 0;
}

int read_bool(struct reader *r, const struct field *f, void *target)
{
	const char *text = reader_scalar(r);
	bool value;

	if (!text || !config_parse_bool(text, &value))
		return refuse(r, f);
	store(f, target, value);
	return 0;
}

int read_key(struct reader *r, const struct field *f, void *target)
{
	const char *text = reader_scalar(r);
	struct key key = {.set = true};

	if (!text || !config_parse_key(text, &key.value))
		return refuse(r, f);
	memcpy((char *)target + f->offset, &key, sizeof(key));
	return 0;
}

static int refuse_address(struct reader *r, const struct field *f, const struct addr *a,
			  const char *fault)
{
	char buf[ADDR_STRLEN];

	report(r, r->place, "%s: %s is %s address; accepted: %s", f->name, addr_text(a, buf), fault,
	       f->accepts);
	return r->err;
}

int read_addr(struct reader *r, const struct field *f, void *target)
{
	const char *text = reader_scalar(r), *fault;
	struct addr a;

	if (!text || addr_parse(text, &a))
		return refuse(r, f);
	fault = config_addr_fault(&a);
	if (!fault && !f->link_local && config_addr_link_local(&a))
		fault = "a link-local";
	if (fault)
		return refuse_address(r, f, &a, fault);
	memcpy((char *)target + f->offset, &a, sizeof(a));
	return 0;
}

bool prefix_unmasked(struct reader *r, const struct field *f, const struct prefix *p)
{
	char given[PREFIX_STRLEN], masked[PREFIX_STRLEN];
	struct prefix clean = *p;

	if (!prefix_mask(&clean))
		return false;
	report(r, r->place, "%s: %s has host bits set; accepted: %s", f->name,
	       prefix_text(p, given), prefix_text(&clean, masked));
	return true;
}

struct list_arg {
	const struct list *list;
	struct prefix_list *prefixes;
	struct placed_prefix *placed;
	size_t count;
};

static int read_list_item(struct reader *r, void *arg)
{
	struct list_arg *a = arg;
	const struct field *f = &a->list->item;
	const char *text = reader_scalar(r), *fault;
	struct placed_prefix *grown;
	struct prefix p;

	if (!text || prefix_parse(text, &p))
		return refuse(r, f);
	fault = a->list->hosts ? config_addr_fault(&p.addr) : NULL;
	if (fault)
		return refuse_address(r, f, &p.addr, fault);
	if (!a->list->hosts && prefix_unmasked(r, f, &p))
		return r->err;
	/* As the model's arrays grow: by doubling, here at each power of two. */
	if (!(a->count & (a->count - 1))) {
		grown = reallocarray(a->placed, a->count ? a->count * 2 : 1, sizeof(*grown));
		if (!grown)
			return r->err = -ENOMEM;
		a->placed = grown;
	}
	a->placed[a->count++] = (struct placed_prefix){.prefix = p, .place = r->place};
	r->err = prefix_list_add(a->prefixes, &p);
	return r->err;
}

int read_list(struct reader *r, const struct list *list, struct prefix_list *ret)
{
	struct list_arg arg = {.list = list, .prefixes = ret};
	int err;

	err = reader_sequence(r, read_list_item, &arg);
	if (!err) {
		err = config_check_repeats(arg.placed, arg.count, !list->hosts, list->item.name,
					   list->hosts ? "address" : "prefix", r->errors);
		r->err = err;
	}
	free(arg.placed);
	return err;
}
