// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Netlink attributes and addresses, to and from plain values. */
#include <endian.h>
#include <string.h>
#include <sys/socket.h>
#include "netdev-internal.h"

struct table {
	const struct nlattr **tb;
	uint16_t max;
};

static int keep_attr(const struct nlattr *a, void *arg)
{
	const struct table *t = arg;

	/* Newer kernels send attributes that this program was not built to know. */
	if (mnl_attr_get_type(a) <= t->max)
		t->tb[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

void nl_attrs(const struct nlmsghdr *nlh, size_t header, const struct nlattr **tb, uint16_t max)
{
	struct table t = {tb, max};

	memset(tb, 0, sizeof(*tb) * (max + 1u));
	if (mnl_nlmsg_get_payload_len(nlh) >= header)
		mnl_attr_parse(nlh, (unsigned int)header, keep_attr, &t);
}

void nl_nested(const struct nlattr *nest, const struct nlattr **tb, uint16_t max)
{
	struct table t = {tb, max};

	memset(tb, 0, sizeof(*tb) * (max + 1u));
	if (nest)
		mnl_attr_parse_nested(nest, keep_attr, &t);
}

uint8_t nl_u8(const struct nlattr *a, uint8_t absent)
{
	return a && mnl_attr_get_payload_len(a) >= 1 ? mnl_attr_get_u8(a) : absent;
}

uint16_t nl_u16(const struct nlattr *a, uint16_t absent)
{
	return a && mnl_attr_get_payload_len(a) >= 2 ? mnl_attr_get_u16(a) : absent;
}

uint16_t nl_be16(const struct nlattr *a, uint16_t absent)
{
	return a && mnl_attr_get_payload_len(a) >= 2 ? be16toh(mnl_attr_get_u16(a)) : absent;
}

uint32_t nl_u32(const struct nlattr *a, uint32_t absent)
{
	return a && mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : absent;
}

uint32_t nl_be32(const struct nlattr *a, uint32_t absent)
{
	return a && mnl_attr_get_payload_len(a) >= 4 ? be32toh(mnl_attr_get_u32(a)) : absent;
}

void nl_text(const struct nlattr *a, char *ret, size_t size)
{
	size_t len = 0;

	if (a) {
		len = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
		if (len >= size)
			len = size - 1;
		memcpy(ret, mnl_attr_get_payload(a), len);
	}
	ret[len] = '\0';
}

uint8_t family_to_af(uint8_t family)
{
	return family == XGRE_FAMILY_4 ? AF_INET : family == XGRE_FAMILY_6 ? AF_INET6 : 0;
}

uint8_t family_from_af(uint8_t af)
{
	return af == AF_INET ? XGRE_FAMILY_4 : af == AF_INET6 ? XGRE_FAMILY_6 : 0;
}

uint8_t family_bytes(uint8_t family)
{
	return family == XGRE_FAMILY_4 ? 4 : family == XGRE_FAMILY_6 ? 16 : 0;
}

void addr_from_bytes(uint8_t af, const void *bytes, size_t size, struct addr *ret)
{
	uint8_t family = family_from_af(af);

	if (!family || size < family_bytes(family))
		return;
	memset(ret, 0, sizeof(*ret));
	ret->family = family;
	memcpy(ret->a.b, bytes, family_bytes(family));
}

void nl_addr(const struct nlattr *a, uint8_t af, struct addr *ret)
{
	if (a)
		addr_from_bytes(af, mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), ret);
}

void nl_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct addr *a)
{
	mnl_attr_put(nlh, type, family_bytes(a->family), a->a.b);
}
