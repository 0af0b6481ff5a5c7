// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A plan for people. */
#include <string.h>
#include "plan.h"

#define ROUTES_ONE_BY_ONE 20 /* more than these are summed up */

static const struct {
	uint32_t bit;
	const char *word;
} words[] = {
	{ CHANGE_LOCAL, "local" },	   { CHANGE_REMOTE, "remote" },
	{ CHANGE_KEY, "key" },		   { CHANGE_TTL, "ttl" },
	{ CHANGE_TOS, "tos" },		   { CHANGE_MTU, "mtu" },
	{ CHANGE_DF, "pmtudisc" },	   { CHANGE_FAST, "fast-path" },
	{ CHANGE_SOURCES, "sources" },	   { CHANGE_ADDRESSES, "addresses" },
	{ CHANGE_XDP, "xdp" },		   { CHANGE_DISPATCHER, "dispatcher" },
	{ CHANGE_ROLE, "role" },
	{ CHANGE_UNCLAIMED, "unclaimed" }, { CHANGE_TUNNEL, "tunnel" },
	{ CHANGE_VIA, "via" },		   { CHANGE_METRIC, "metric" },
	{ CHANGE_TABLE, "table" },	   { CHANGE_ORIGIN, "origin" },
	{ CHANGE_CHECKSUM, "checksum" },   { CHANGE_SEQUENCE, "sequence" },
	{ CHANGE_KEEPALIVE, "keepalive" },
	{ CHANGE_DEVICE, "device" },
};

static void print_why(const struct step *s, FILE *out)
{
	static const char *const why[] = { [WHY_NEW] = "added",
					   [WHY_CHANGED] = "changed:",
					   [WHY_DAMAGED] = "mended",
					   [WHY_GONE] = "removed" };

	fputs(why[s->why], out);
	for (size_t i = 0; s->why == WHY_CHANGED && i < sizeof(words) / sizeof(*words); i++)
		if (s->changes & words[i].bit)
			fprintf(out, " %s", words[i].word);
	fputc('\n', out);
}

static bool is_route(const struct step *s)
{
	return s->kind == STEP_ROUTE_SET || s->kind == STEP_ROUTE_DEL;
}

static void print_step(const struct step *s, const struct model *have, const struct model *want,
		       FILE *out)
{
	const struct model *m = s->want == NOT_THERE ? have : want;
	size_t i = s->want == NOT_THERE ? s->have : s->want;
	char text[PREFIX_STRLEN];

	switch (s->kind) {
	case STEP_PORT_SET:
	case STEP_PORT_DEL:
		fprintf(out, "port %s: ", m->ports[i].name);
		break;
	case STEP_TUNNEL_SET:
	case STEP_TUNNEL_DEL:
		fprintf(out, "tunnel %s: ", m->tunnels[i].name);
		break;
	default:
		fprintf(out, "route %s dev %s: ", prefix_text(&m->routes[i].to, text),
			m->tunnels[m->routes[i].tunnel].name);
	}
	print_why(s, out);
}

void plan_print(const struct plan *p, const struct model *have, const struct model *want, FILE *out)
{
	size_t routes[WHY_GONE + 1] = {}, all = 0;
	static const char *const words_of[] = { "added", "changed", "mended", "removed" };

	for (size_t i = 0; i < p->count; i++) {
		if (!is_route(&p->steps[i]))
			continue;
		routes[p->steps[i].why]++;
		all++;
	}
	for (size_t i = 0; i < p->count; i++)
		if (!is_route(&p->steps[i]) || all <= ROUTES_ONE_BY_ONE)
			print_step(&p->steps[i], have, want, out);
	for (int why = 0; all > ROUTES_ONE_BY_ONE && why <= WHY_GONE; why++)
		if (routes[why])
			fprintf(out, "routes: %zu %s\n", routes[why], words_of[why]);
}
