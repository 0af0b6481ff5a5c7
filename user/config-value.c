// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Scalars of the configuration: text -> value. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config-internal.h"

/*
 * Decimal, or hexadecimal after 0x. A leading zero is refused: YAML 1.1 would
 * read 010 as 8, YAML 1.2 as 10.
 */
bool config_parse_number(const char *text, uint32_t *ret)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	unsigned long long value;
	size_t len = strlen(digits);

	if (!len || len > 10 || (!hex && digits[0] == '0' && len > 1))
		return false;
	if (strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != len)
		return false;
	value = strtoull(digits, NULL, hex ? 16 : 10);
	if (value > UINT32_MAX)
		return false;
	*ret = value;
	return true;
}

bool config_parse_key(const char *text, uint32_t *ret)
{
	struct in_addr quad;

	if (config_parse_number(text, ret))
		return true;
	if (inet_pton(AF_INET, text, &quad) != 1)
		return false;
	*ret = ntohl(quad.s_addr);
	return true;
}

/* YAML 1.1's words, as netplan takes them. */
bool config_parse_bool(const char *text, bool *ret)
{
	static const char *const words[][2] = {
		{"false", "true"},
		{"no", "yes"},
		{"off", "on"},
	};
	size_t i, value;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (value = 0; value < 2; value++)
			if (!strcasecmp(text, words[i][value])) {
				*ret = value;
				return true;
			}
	return false;
}

bool config_parse_null(const char *text)
{
	return !*text || !strcmp(text, "~") || !strcmp(text, "null") || !strcmp(text, "Null") ||
	       !strcmp(text, "NULL");
}

/*
 * The kernel's rules (dev_valid_name()), and narrower where a name would not
 * mean itself: "%" is a template to the kernel, "all" and "default" are
 * directories of sysctls, and other than printable ASCII garbles messages.
 */
bool config_name_valid(const char *name)
{
	static const char *const taken[] = {".", "..", "all", "default"};
	size_t i, len = strlen(name);

	if (!len || len >= IFNAMSIZ)
		return false;
	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || strchr("/:%", name[i]))
			return false;
	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (!strcmp(name, taken[i]))
			return false;
	return true;
}

/* Addresses that can be neither end of a tunnel, nor a host's, nor a next hop. */
const char *config_addr_fault(const struct addr *a)
{
	static const struct xgre_addr zero, loopback = {.b = {[15] = 1}};
	const uint8_t *b = a->a.b;

	if (a->family == XGRE_FAMILY_6) {
		if (!memcmp(&a->a, &zero, sizeof(zero)))
			return "an unspecified";
		if (!memcmp(&a->a, &loopback, sizeof(loopback)))
			return "a loopback";
		return b[0] == 0xff ? "a multicast" : NULL;
	}
	if (b[0] == 0) /* all of 0.0.0.0/8 is martian (RFC 1122 3.2.1.3) */
		return "an unspecified";
	if (b[0] == 127)
		return "a loopback";
	if (b[0] >> 4 == 0xe)
		return "a multicast";
	return a->a.w[0] == htonl(INADDR_BROADCAST) ? "a broadcast" : NULL;
}

bool config_addr_link_local(const struct addr *a)
{
	return a->family == XGRE_FAMILY_6 && a->a.b[0] == 0xfe && (a->a.b[1] & 0xc0) == 0x80;
}

const char *config_family_text(const struct addr *a)
{
	return a->family == XGRE_FAMILY_6 ? "IPv6" : "IPv4";
}

unsigned int config_distance(const char *a, const char *b)
{
	unsigned int row[64], diagonal, above, best;
	size_t i, j, width = strlen(b);

	if (width >= sizeof(row) / sizeof(row[0]))
		return width;
	for (j = 0; j <= width; j++)
		row[j] = j;
	for (i = 0; a[i]; i++) {
		diagonal = row[0];
		row[0] = i + 1;
		for (j = 1; j <= width; j++) {
			above = row[j];
			best = diagonal + (a[i] != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[width];
}
