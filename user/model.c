// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tunnels, routes and ports as plain structs; addresses and prefixes. */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define DEFAULT_TTL 64

void model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
}

void model_free(struct model *m)
{
	size_t i;

	for (i = 0; i < m->ntunnels; i++) {
		free(m->tunnels[i].sources.items);
		free(m->tunnels[i].addresses.items);
	}
	free(m->ports);
	free(m->tunnels);
	free(m->routes);
	model_init(m);
}

/*
 * One more zeroed element at the end of *array, which grows by doubling. The
 * room left is the allocator's to tell: an array that was copied by plain
 * malloc() is thus safe to append to, without a capacity field to keep right.
 */
static void *append(void **array, size_t *count, size_t size)
{
	void *grown, *slot;

	if (malloc_usable_size(*array) / size <= *count) {
		grown = reallocarray(*array, *count ? *count * 2 : 1, size);
		if (!grown)
			return NULL;
		*array = grown;
	}
	slot = (char *)*array + *count * size;
	memset(slot, 0, size);
	(*count)++;
	return slot;
}

struct port *model_add_port(struct model *m)
{
	void *array = m->ports, *slot = append(&array, &m->nports, sizeof(*m->ports));

	m->ports = array;
	return slot;
}

struct tunnel *model_add_tunnel(struct model *m)
{
	void *array = m->tunnels;
	struct tunnel *t = append(&array, &m->ntunnels, sizeof(*m->tunnels));

	m->tunnels = array;
	if (!t)
		return NULL;
	t->ttl = DEFAULT_TTL;
	t->tos = TOS_INHERIT;
	t->pmtudisc = true;
	return t;
}

struct route *model_add_route(struct model *m)
{
	void *array = m->routes, *slot = append(&array, &m->nroutes, sizeof(*m->routes));

	m->routes = array;
	return slot;
}

int prefix_list_add(struct prefix_list *l, const struct prefix *p)
{
	void *array = l->items;
	struct prefix value = *p, *slot; /* p may lie in the list, which moves */

	slot = append(&array, &l->count, sizeof(*l->items));
	l->items = array;
	if (!slot)
		return -ENOMEM;
	*slot = value;
	return 0;
}

struct tunnel *model_find_tunnel(const struct model *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->ntunnels; i++)
		if (!strcmp(m->tunnels[i].name, name))
			return &m->tunnels[i];
	return NULL;
}

struct port *model_find_port(const struct model *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->nports; i++)
		if (!strcmp(m->ports[i].name, name))
			return &m->ports[i];
	return NULL;
}

uint32_t tunnel_overhead(const struct tunnel *t)
{
	uint32_t ip = t->remote.family == XGRE_FAMILY_6 ? 40 : 20;

	return ip + 4 + (t->checksum ? 4 : 0) + (t->key_out.set ? 4 : 0) + (t->sequence ? 4 : 0);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && !memcmp(&a->a, &b->a, sizeof(a->a));
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->length == b->length && addr_equal(&a->addr, &b->addr);
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	struct prefix a = *outer, b = *inner;

	if (outer->addr.family != inner->addr.family || outer->length > inner->length)
		return false;
	b.length = outer->length;
	prefix_mask(&a);
	prefix_mask(&b);
	return addr_equal(&a.addr, &b.addr);
}

bool prefix_list_equal(const struct prefix_list *a, const struct prefix_list *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (!prefix_equal(&a->items[i], &b->items[i]))
			return false;
	return true;
}

bool prefix_mask(struct prefix *p)
{
	bool any = false;
	unsigned int i, keep;
	uint8_t mask;

	for (i = p->length / 8; i < sizeof(p->addr.a.b); i++) {
		keep = i == p->length / 8u ? p->length % 8 : 0;
		mask = (uint8_t)(0xff00 >> keep);
		any |= p->addr.a.b[i] & (uint8_t)~mask;
		p->addr.a.b[i] &= mask;
	}
	return any;
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int order = a->addr.family - b->addr.family;

	if (!order)
		order = memcmp(&a->addr.a, &b->addr.a, sizeof(a->addr.a));
	return order ? order : a->length - b->length;
}

const char *addr_text(const struct addr *a, char buf[ADDR_STRLEN])
{
	int family = a->family == XGRE_FAMILY_6 ? AF_INET6 : AF_INET;

	if (!a->family || !inet_ntop(family, &a->a, buf, ADDR_STRLEN))
		buf[0] = 0;
	return buf;
}

const char *prefix_text(const struct prefix *p, char buf[PREFIX_STRLEN])
{
	size_t end;

	addr_text(&p->addr, buf);
	end = strlen(buf);
	snprintf(buf + end, PREFIX_STRLEN - end, "/%u", p->length);
	return buf;
}

int addr_parse(const char *text, struct addr *ret)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct addr a = {0};

	if (inet_pton(AF_INET, text, &a.a) == 1)
		a.family = XGRE_FAMILY_4;
	else if (inet_pton(AF_INET6, text, &a.a) == 1 && memcmp(&a.a, mapped, sizeof(mapped)))
		a.family = XGRE_FAMILY_6;
	else
		return -EINVAL;
	*ret = a;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/'), *c;
	char address[ADDR_STRLEN];
	struct prefix p = {0};
	unsigned int length = 0;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, slash - text);
	address[slash - text] = 0;
	if (addr_parse(address, &p.addr))
		return -EINVAL;
	/* Digits alone, and no leading zero: strtoul() takes signs and spaces as well. */
	c = slash + 1;
	if (!*c || (*c == '0' && c[1]) || strlen(c) > 3)
		return -EINVAL;
	for (; *c; c++) {
		if (*c < '0' || *c > '9')
			return -EINVAL;
		length = length * 10 + (*c - '0');
	}
	if (length > (p.addr.family == XGRE_FAMILY_4 ? 32 : 128))
		return -EINVAL;
	p.length = length;
	*ret = p;
	return 0;
}
