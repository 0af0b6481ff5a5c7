// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "resolve.h"

#define IP_DF	     0x4000
/* first byte of the GRE header: what is present */
#define GRE_CHECKSUM_FLAG 0x80
#define GRE_KEY_FLAG	  0x20
#define GRE_SEQUENCE_FLAG 0x10

/* FNV-1a: stable across builds and machines, which the names and MACs made from it must be. */
#define HASH_START 0xcbf29ce484222325ull

static uint64_t hash_bytes(uint64_t h, const void *data, size_t n)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3ull;
	return h;
}

static uint64_t hash_text(uint64_t h, const char *text)
{
	return hash_bytes(h, text, strlen(text) + 1);
}

/* FNV's low bits hardly depend on the last bytes: mix before truncating. */
static uint64_t hash_end(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	return h ^ h >> 33;
}

static void template_ip4(const struct tunnel *t, struct xgre_tunnel *ret)
{
	uint8_t *ip = ret->outer;
	uint32_t sum = 0;

	ip[0] = 0x45;
	if (t->pmtudisc)
		ip[6] = IP_DF >> 8;
	ip[8] = t->ttl; /* zero where inherited */
	ip[9] = IPPROTO_GRE;
	memcpy(ip + 12, &t->local.a, 4);
	memcpy(ip + 16, &t->remote.a, 4);
	for (int i = 0; i < 20; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	ret->outer_sum = (sum & 0xffff) + (sum >> 16);
	ret->ip_len = 20;
}

static void template_ip6(const struct tunnel *t, struct xgre_tunnel *ret)
{
	uint8_t *ip = ret->outer;

	ip[0] = 0x60;
	ip[6] = IPPROTO_GRE;
	ip[7] = t->ttl;
	memcpy(ip + 8, &t->local.a, 16);
	memcpy(ip + 24, &t->remote.a, 16);
	ret->ip_len = 40;
	ret->flags |= XGRE_TUNNEL_OUTER6;
}

void tunnel_fill(const struct tunnel *t, uint32_t mtu, struct xgre_tunnel *ret)
{
	uint8_t *gre;

	memset(ret, 0, sizeof(*ret));
	ret->flags = XGRE_TUNNEL_USED;
	ret->mtu = mtu;
	ret->ttl = t->ttl;
	ret->local = t->local.a;
	ret->remote = t->remote.a;
	snprintf(ret->name, sizeof(ret->name), "%s", t->name);
	if (t->device == DEVICE_KERNEL)
		ret->flags |= XGRE_TUNNEL_KERNEL;
	if (t->ttl == TTL_INHERIT)
		ret->flags |= XGRE_TUNNEL_TTL_INHERIT;
	if (t->tos == TOS_INHERIT)
		ret->flags |= XGRE_TUNNEL_TOS_INHERIT;
	else
		ret->tos = t->tos & 0xfc; /* the ECN bits are the packet's */
	if (t->pmtudisc)
		ret->flags |= XGRE_TUNNEL_DF_SET;
	else if (!t->ignore_df)
		ret->flags |= XGRE_TUNNEL_DF_COPY;
	if (t->sources_mode == SOURCES_ANY)
		ret->flags |= XGRE_TUNNEL_SOURCES_ANY;
	else if (t->sources_mode == SOURCES_LIST)
		ret->flags |= XGRE_TUNNEL_SOURCES_SET;

	if (t->local.family == XGRE_FAMILY_4)
		template_ip4(t, ret);
	else
		template_ip6(t, ret);
	gre = ret->outer + ret->ip_len;
	ret->outer_len = ret->ip_len + 4;
	if (t->checksum) {
		ret->flags |= XGRE_TUNNEL_CHECKSUM;
		gre[0] |= GRE_CHECKSUM_FLAG;
		ret->outer_len += 4;
	}
	if (t->key_out.set) {
		ret->flags |= XGRE_TUNNEL_KEY_OUT;
		ret->key_out = htonl(t->key_out.value);
		gre[0] |= GRE_KEY_FLAG;
		ret->outer_len += 4;
	}
	if (t->sequence) {
		ret->flags |= XGRE_TUNNEL_SEQUENCE;
		gre[0] |= GRE_SEQUENCE_FLAG;
		ret->outer_len += 4;
	}
	if (t->key_in.set) {
		ret->flags |= XGRE_TUNNEL_KEY_IN;
		ret->key_in = htonl(t->key_in.value);
	}
}

void tunnel_recall(const struct xgre_tunnel *e, struct tunnel *ret)
{
	uint8_t family = e->flags & XGRE_TUNNEL_OUTER6 ? XGRE_FAMILY_6 : XGRE_FAMILY_4;

	memcpy(ret->name, e->name, sizeof(ret->name));
	ret->device = e->flags & XGRE_TUNNEL_KERNEL ? DEVICE_KERNEL : DEVICE_OWN;
	ret->local = (struct addr){ .family = family, .a = e->local };
	ret->remote = (struct addr){ .family = family, .a = e->remote };
	ret->key_in.set = e->flags & XGRE_TUNNEL_KEY_IN;
	ret->key_in.value = ntohl(e->key_in);
	ret->key_out.set = e->flags & XGRE_TUNNEL_KEY_OUT;
	ret->key_out.value = ntohl(e->key_out);
	ret->ttl = e->ttl;
	ret->tos = e->flags & XGRE_TUNNEL_TOS_INHERIT ? TOS_INHERIT : e->tos;
	ret->mtu = e->mtu;
	ret->pmtudisc = e->flags & XGRE_TUNNEL_DF_SET;
	ret->ignore_df = !(e->flags & (XGRE_TUNNEL_DF_SET | XGRE_TUNNEL_DF_COPY));
	ret->checksum = e->flags & XGRE_TUNNEL_CHECKSUM;
	ret->sequence = e->flags & XGRE_TUNNEL_SEQUENCE;
}

void endpoint_fill(const struct tunnel *t, uint32_t number, struct xgre_endpoint *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->local = t->local.a;
	ret->remote = t->remote.a;
	ret->key = t->key_in.set ? htonl(t->key_in.value) : 0;
	ret->has_key = t->key_in.set;
	ret->family = t->local.family;
	ret->tunnel = number + 1;
}

void port_fill(const struct port *p, struct xgre_port *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->flags = XGRE_PORT_USED;
	if (p->role != ROLE_UNDERLAY)
		ret->flags |= XGRE_PORT_ENCAP;
	if (p->role != ROLE_OVERLAY)
		ret->flags |= XGRE_PORT_DECAP;
	if (p->unclaimed_drop)
		ret->flags |= XGRE_PORT_UNCLAIMED_DROP;
	snprintf(ret->name, sizeof(ret->name), "%s", p->name);
}

static void source_key(uint32_t number, const struct prefix *p, struct xgre_source_key *ret)
{
	struct prefix masked = *p;

	prefix_mask(&masked);
	memset(ret, 0, sizeof(*ret));
	ret->prefixlen = 32 + p->length;
	ret->tunnel = htonl(number << 1 | (p->addr.family == XGRE_FAMILY_6));
	ret->addr = masked.addr.a;
}

int sources_fill(const struct tunnel *t, uint32_t number, struct xgre_source_key **ret,
		 size_t *ret_count)
{
	const struct prefix_list *l = t->sources_mode == SOURCES_LIST ? &t->sources : &t->addresses;
	struct prefix link_local;
	size_t n = 0;

	*ret = NULL;
	*ret_count = 0;
	if (t->sources_mode == SOURCES_ANY)
		return 0;
	if (prefix_parse("fe80::/10", &link_local))
		return -EINVAL;
	*ret = calloc(l->count + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < l->count; i++)
		source_key(number, &l->items[i], &(*ret)[n++]);
	source_key(number, &link_local, &(*ret)[n++]);
	*ret_count = n;
	return 0;
}

void locals_add(uint64_t words[XGRE_LOCALS_WORDS], const struct prefix *p)
{
	uint32_t bit = xgre_locals_bit(&p->addr.a);

	if (p->length == (p->addr.family == XGRE_FAMILY_4 ? 32 : 128))
		words[bit / 64] |= 1ull << bit % 64;
	else if (p->addr.family != XGRE_FAMILY_4 || p->addr.a.b[0] != 127)
		/* loopback's own prefix is left out: as a source it is martian anyhow */
		memset(words, 0xff, XGRE_LOCALS_WORDS * sizeof(*words));
}

void device_mac(const char *instance, const char *host_id, const struct tunnel *t, bool peer,
		uint8_t ret[6])
{
	uint64_t h = HASH_START;

	/* local and remote in this order: both ends of a tunnel may share a host id and a name */
	h = hash_text(h, instance);
	h = hash_text(h, host_id);
	h = hash_text(h, t->name);
	h = hash_bytes(h, &t->local.a, sizeof(t->local.a));
	h = hash_bytes(h, &t->remote.a, sizeof(t->remote.a));
	h = hash_end(hash_bytes(h, &peer, sizeof(peer)));
	memcpy(ret, &h, 6);
	ret[0] = (ret[0] & 0xfc) | 0x02;
}

uint32_t device_group(const char *instance)
{
	/* "gre" in the upper bits, so that it is not mistaken for somebody's small number */
	return 0x67720000 | (hash_end(hash_text(HASH_START, instance)) & 0xffff);
}

void device_peer_name(const char *instance, const char *tunnel, char ret[IFNAMSIZ])
{
	uint64_t h = hash_end(hash_text(hash_text(HASH_START, instance), tunnel));

	snprintf(ret, IFNAMSIZ, "xg%012llx", (unsigned long long)(h & 0xffffffffffffull));
}

void device_alias(const char *instance, const char *tunnel, char ret[64])
{
	snprintf(ret, 64, "xgre %.40s %.15s", instance, tunnel);
}
