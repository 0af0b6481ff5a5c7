// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Model -> YAML that reads back to an equal model. Defaults are left out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config-internal.h"

/*
 * Plain where that is beyond doubt. IPv6 addresses go in quotes: "2001:db8::"
 * at the end of a line would be a key to YAML.
 */
static void write_text(const char *text, FILE *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-/";
	const char *c;

	if (!text[strspn(text, plain)] && text[0] != '-') {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', out);
		fputc(*c, out);
	}
	fputc('"', out);
}

static void write_addr(const struct addr *a, FILE *out)
{
	char buf[ADDR_STRLEN];

	write_text(addr_text(a, buf), out);
}

static void write_prefix(const struct prefix *p, FILE *out)
{
	char buf[PREFIX_STRLEN];

	write_text(prefix_text(p, buf), out);
}

static void write_list(const char *name, const struct prefix_list *l, FILE *out)
{
	size_t i;

	fprintf(out, "    %s:%s\n", name, l->count ? "" : " []");
	for (i = 0; i < l->count; i++) {
		fputs("      - ", out);
		write_prefix(&l->items[i], out);
		fputc('\n', out);
	}
}

static void write_ports(const struct model *m, FILE *out)
{
	static const char *const xdp[] = {
		[XDP_MODE_NATIVE] = "native", [XDP_MODE_SKB] = "skb", [XDP_MODE_OFF] = "off"};
	const struct port *p;

	fprintf(out, "ports:%s\n", m->nports ? "" : " {}");
	for (p = m->ports; p < m->ports + m->nports; p++) {
		fputs("  ", out);
		write_text(p->name, out);
		if (!p->xdp && !p->dispatcher && !p->role && !p->unclaimed_drop) {
			fputs(": {}\n", out);
			continue;
		}
		fputs(":\n", out);
		if (p->xdp)
			fprintf(out, "    xdp: %s\n", xdp[p->xdp]);
		if (p->dispatcher)
			fprintf(out, "    dispatcher: %s\n",
				p->dispatcher == DISPATCHER_ON ? "on" : "off");
		if (p->role)
			fprintf(out, "    role: %s\n",
				p->role == ROLE_UNDERLAY ? "underlay" : "overlay");
		if (p->unclaimed_drop)
			fputs("    unclaimed: drop\n", out);
	}
}

static void write_keys(const struct tunnel *t, FILE *out)
{
	if (t->key_in.set && t->key_out.set && t->key_in.value == t->key_out.value) {
		fprintf(out, "    key: %u\n", t->key_in.value);
		return;
	}
	if (t->key_in.set || t->key_out.set)
		fputs("    keys:\n", out);
	if (t->key_in.set)
		fprintf(out, "      input: %u\n", t->key_in.value);
	if (t->key_out.set)
		fprintf(out, "      output: %u\n", t->key_out.value);
}

static void write_options(const struct tunnel *t, const struct tunnel *defaults, FILE *out)
{
	if (t->ttl == TTL_INHERIT)
		fputs("    ttl: inherit\n", out);
	else if (t->ttl != defaults->ttl)
		fprintf(out, "    ttl: %d\n", t->ttl);
	if (t->tos != TOS_INHERIT)
		fprintf(out, "    tos: 0x%02x\n", t->tos);
	if (t->mtu)
		fprintf(out, "    mtu: %u\n", t->mtu);
	if (t->ignore_df)
		fputs("    ignore-df: true\n", out);
	else if (!t->pmtudisc)
		fputs("    pmtudisc: false\n", out);
	if (t->checksum)
		fputs("    checksum: true\n", out);
	if (t->sequence)
		fputs("    sequence: true\n", out);
	if (t->device == DEVICE_KERNEL)
		fputs("    device: kernel\n", out);
	if (t->fast != FAST_AUTO)
		fprintf(out, "    fast-path: %s\n", t->fast == FAST_ON ? "on" : "off");
	if (t->keepalive_interval)
		fprintf(out, "    keepalive: {interval: %us, retries: %u}\n", t->keepalive_interval,
			t->keepalive_retries);
	if (t->addresses.count)
		write_list("addresses", &t->addresses, out);
	if (t->sources_mode == SOURCES_ANY)
		fputs("    sources: any\n", out);
	else if (t->sources_mode == SOURCES_LIST)
		write_list("sources", &t->sources, out);
}

static void write_route(const struct route *r, FILE *out)
{
	fputs("      - to: ", out);
	write_prefix(&r->to, out);
	fputs(r->origin == XGRE_ORIGIN_RUNTIME ? " # runtime\n" : "\n", out);
	if (r->via.family) {
		fputs("        via: ", out);
		write_addr(&r->via, out);
		fputc('\n', out);
	}
	if (r->metric)
		fprintf(out, "        metric: %u\n", r->metric);
	if (r->table)
		fprintf(out, "        table: %u\n", r->table);
}

/*
 * Route numbers sorted by tunnel, in order within each: those of tunnel t are
 * (*ret_order)[(*ret_first)[t]] up to, without, [(*ret_first)[t + 1]].
 */
static int order_routes(const struct model *m, size_t **ret_first, size_t **ret_order)
{
	size_t *first, *order, i;

	first = calloc(m->ntunnels + 1, sizeof(*first));
	order = calloc(m->nroutes + 1, sizeof(*order));
	if (!first || !order) {
		free(first);
		free(order);
		return -ENOMEM;
	}
	/* A counting sort; filled from the end, the ends of the tunnels' parts become starts. */
	for (i = 0; i < m->nroutes; i++)
		first[m->routes[i].tunnel]++;
	for (i = 1; i <= m->ntunnels; i++)
		first[i] += first[i - 1];
	for (i = m->nroutes; i--;)
		order[--first[m->routes[i].tunnel]] = i;
	*ret_first = first;
	*ret_order = order;
	return 0;
}

int config_write(const struct model *m, bool routes, FILE *out)
{
	size_t *first = NULL, *order = NULL, i, j;
	struct model scratch;
	const struct tunnel *defaults;
	int err = -ENOMEM;

	model_init(&scratch);
	defaults = model_add_tunnel(&scratch);
	if (!defaults)
		goto out;
	err = routes ? order_routes(m, &first, &order) : 0;
	if (err)
		goto out;
	errno = 0;
	fputs("version: 1\n", out);
	write_ports(m, out);
	fprintf(out, "tunnels:%s\n", m->ntunnels ? "" : " {}");
	for (i = 0; i < m->ntunnels; i++) {
		fputs("  ", out);
		write_text(m->tunnels[i].name, out);
		fputs(":\n    local: ", out);
		write_addr(&m->tunnels[i].local, out);
		fputs("\n    remote: ", out);
		write_addr(&m->tunnels[i].remote, out);
		fputc('\n', out);
		write_keys(&m->tunnels[i], out);
		write_options(&m->tunnels[i], defaults, out);
		if (!routes || first[i] == first[i + 1])
			continue;
		fputs("    routes:\n", out);
		for (j = first[i]; j < first[i + 1]; j++)
			write_route(&m->routes[order[j]], out);
	}
	if (fflush(out) || ferror(out))
		err = errno ? -errno : -EIO;
out:
	free(first);
	free(order);
	model_free(&scratch);
	return err;
}
