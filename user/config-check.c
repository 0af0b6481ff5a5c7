// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What takes more than one entry of a configuration to see. Everything is
 * sorted and neighbours are compared: a file may hold a million routes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config-internal.h"

static int compare_address(const void *a, const void *b)
{
	const struct placed_prefix *x = a, *y = b;
	struct prefix p = x->prefix, q = y->prefix;
	int order;

	p.length = q.length = 0;
	order = prefix_compare(&p, &q);
	return order ? order : place_compare(&x->place, &y->place);
}

static int compare_prefix(const void *a, const void *b)
{
	const struct placed_prefix *x = a, *y = b;
	int order = prefix_compare(&x->prefix, &y->prefix);

	return order ? order : place_compare(&x->place, &y->place);
}

int config_check_repeats(struct placed_prefix *items, size_t count, bool lengths, const char *what,
			 const char *each, struct config_errors *errors)
{
	const struct placed_prefix *first, *item;
	char buf[PREFIX_STRLEN];
	int err;

	if (count < 2)
		return 0;
	qsort(items, count, sizeof(*items), lengths ? compare_prefix : compare_address);
	for (first = items, item = items + 1; item < items + count; item++) {
		if (!addr_equal(&first->prefix.addr, &item->prefix.addr) ||
		    (lengths && first->prefix.length != item->prefix.length)) {
			first = item;
			continue;
		}
		err = config_error_add(
			errors, item->place,
			"%s: %s is there already, at line %u; accepted: each %s once", what,
			prefix_text(&item->prefix, buf), first->place.line, each);
		if (err)
			return err;
	}
	return 0;
}

struct named {
	const char *name;
	struct place place;
	const struct tunnel *tunnel; /* NULL: a port */
};

/* Ports before tunnels: of a tunnel named like a port the tunnel is to blame. */
static int compare_names(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (!order)
		order = !!x->tunnel - !!y->tunnel;
	return order ? order : place_compare(&x->place, &y->place);
}

/* Names given twice; a tunnel that is a second one by name is noted in repeated. */
static int check_names(const struct model *m, bool *repeated, struct config_errors *errors)
{
	struct named *names, *first, *n;
	size_t i, count = 0;
	int err = 0;

	names = calloc(m->nports + m->ntunnels + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	for (i = 0; i < m->nports; i++)
		if (m->ports[i].name[0])
			names[count++] = (struct named){m->ports[i].name, m->ports[i].place, NULL};
	for (i = 0; i < m->ntunnels; i++)
		if (m->tunnels[i].name[0])
			names[count++] = (struct named){m->tunnels[i].name, m->tunnels[i].place,
							&m->tunnels[i]};
	qsort(names, count, sizeof(*names), compare_names);
	for (first = names, n = names + 1; n < names + count && !err; n++) {
		if (strcmp(first->name, n->name)) {
			first = n;
			continue;
		}
		if (n->tunnel && first->tunnel)
			repeated[n->tunnel - m->tunnels] = true;
		err = config_error_add(errors, n->place,
				       "%s is the name of a %s already, at line %u; %s", n->name,
				       first->tunnel ? "tunnel" : "port", first->place.line,
				       "accepted: each name once");
	}
	free(names);
	return err;
}

static int order_endpoints(const struct tunnel *a, const struct tunnel *b)
{
	int order = a->local.family - b->local.family;

	if (!order)
		order = memcmp(&a->local.a, &b->local.a, sizeof(a->local.a));
	if (!order)
		order = memcmp(&a->remote.a, &b->remote.a, sizeof(a->remote.a));
	if (!order)
		order = a->key_in.set - b->key_in.set;
	if (!order && a->key_in.value != b->key_in.value)
		order = a->key_in.value < b->key_in.value ? -1 : 1;
	return order;
}

static int compare_endpoints(const void *a, const void *b)
{
	const struct tunnel *x = *(const struct tunnel *const *)a;
	const struct tunnel *y = *(const struct tunnel *const *)b;
	int order = order_endpoints(x, y);

	return order ? order : place_compare(&x->place, &y->place);
}

/* A packet that arrives must belong to one tunnel (RFC 2890 2.1: the key tells them apart). */
static int check_endpoints(const struct model *m, const bool *repeated,
			   struct config_errors *errors)
{
	const struct tunnel **sorted, *t, *first;
	size_t i, count = 0;
	int err = 0;

	sorted = calloc(m->ntunnels + 1, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < m->ntunnels; i++) {
		t = &m->tunnels[i];
		if (!repeated[i] && t->local.family && t->local.family == t->remote.family)
			sorted[count++] = t;
	}
	qsort(sorted, count, sizeof(*sorted), compare_endpoints);
	first = count ? sorted[0] : NULL;
	for (i = 1; i < count && !err; i++) {
		t = sorted[i];
		if (order_endpoints(first, t)) {
			first = t;
			continue;
		}
		err = config_error_add(errors, t->place,
				       "%s has local, remote and input key of the tunnel at line "
				       "%u; accepted: tunnels that differ in one of them",
				       t->name[0] ? t->name : "it", first->place.line);
	}
	free(sorted);
	return err;
}

static int check_routes(const struct model *m, const bool *repeated, struct config_errors *errors)
{
	struct placed_prefix *items;
	const struct route *r;
	size_t count = 0;
	int err;

	items = calloc(m->nroutes + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (r = m->routes; r < m->routes + m->nroutes; r++)
		if (!repeated[r->tunnel])
			items[count++] = (struct placed_prefix){r->to, r->place};
	err = config_check_repeats(items, count, true, "to", "prefix", errors);
	free(items);
	return err;
}

int config_check(const struct model *m, struct config_errors *errors)
{
	bool *repeated = calloc(m->ntunnels + 1, sizeof(*repeated));
	int err = -ENOMEM;

	if (!repeated)
		goto out;
	err = check_names(m, repeated, errors);
	if (!err)
		err = check_endpoints(m, repeated, errors);
	if (!err)
		err = check_routes(m, repeated, errors);
	if (!err && m->nports > XGRE_PORTS_MAX)
		err = config_error_add(errors, m->ports[XGRE_PORTS_MAX].place,
				       "port number %u; accepted: up to %u ports",
				       XGRE_PORTS_MAX + 1, XGRE_PORTS_MAX);
out:
	free(repeated);
	return err;
}
