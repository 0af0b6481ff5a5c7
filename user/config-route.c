// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The routes of a tunnel in a configuration file. */
#include <string.h>
#include <linux/rtnetlink.h>

#include "config-field.h"

struct route_in {
	struct route route;
	bool to_default;
};

enum { ROUTE_TO, ROUTE_VIA };

static int read_to(struct reader *r, const struct field *f, void *target)
{
	struct route_in *in = target;
	const char *text = reader_scalar(r);

	if (text && !strcmp(text, "default")) {
		in->to_default = true;
		return 0;
	}
	if (!text || prefix_parse(text, &in->route.to))
		return refuse(r, f);
	prefix_unmasked(r, f, &in->route.to);
	return r->err;
}

static const struct word table_words[] = {{"main", 0}, {0}};

static const struct field route_fields[] = {
	[ROUTE_TO] = {.name = "to",
		      .read = read_to,
		      .accepts = "a prefix, as in 192.0.2.0/24 or 2001:db8::/32, or default"},
	[ROUTE_VIA] = {.name = "via",
		       .accepts = ADDR_ACCEPTS,
		       .read = read_addr,
		       .link_local = true,
		       INTO(struct route_in, route.via)},
	{.name = "metric",
	 .accepts = "0 to 4294967295",
	 .read = read_value,
	 .max = UINT32_MAX,
	 INTO(struct route_in, route.metric)},
	{.name = "table",
	 .accepts = "1 to 4294967295, or main",
	 .read = read_value,
	 .words = table_words,
	 .min = 1,
	 .max = UINT32_MAX,
	 INTO(struct route_in, route.table)},
	{0},
};

static int read_route(struct reader *r, void *arg)
{
	static const struct field self = {.name = "routes",
					  .accepts = "a mapping, as in {to: 192.0.2.0/24}"};
	struct route_in in = {.route.origin = XGRE_ORIGIN_FILE, .route.place = r->place};
	struct addr *via = &in.route.via, *to = &in.route.to.addr;
	char buf[ADDR_STRLEN];
	struct route *added;
	struct seen seen;

	(void)arg;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse(r, &self);
	if (read_fields(r, route_fields, &in, &seen))
		return r->err;
	if (!(seen.keys & 1u << ROUTE_TO)) {
		report(r, in.route.place, "routes: an item without to; accepted: %s", self.accepts);
		return r->err;
	}
	if (seen.bad & 1u << ROUTE_TO)
		return 0;
	if (in.to_default)
		to->family = via->family ? via->family : XGRE_FAMILY_4;
	if (via->family && via->family != to->family)
		report(r, seen.value[ROUTE_VIA], "via: %s is %s, and to is %s; accepted: %s",
		       addr_text(via, buf), config_family_text(via), config_family_text(to),
		       "an address of the prefix's family");
	if (in.route.table == RT_TABLE_MAIN)
		in.route.table = 0;
	in.route.place = seen.value[ROUTE_TO];
	in.route.tunnel = r->model->ntunnels - 1;
	added = model_add_route(r->model);
	if (!added)
		return r->err = -ENOMEM;
	*added = in.route;
	return r->err;
}

int read_routes(struct reader *r, const struct field *f, void *target)
{
	(void)target;
	if (reader_is_null(r))
		return 0;
	if (r->event.type != YAML_SEQUENCE_START_EVENT)
		return refuse(r, f);
	return reader_sequence(r, read_route, NULL);
}
