/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tests of the configuration share: a good file, errors as text, round trips. */
#ifndef XGRE_CONFIG_COMMON_H
#define XGRE_CONFIG_COMMON_H

#include <errno.h>
#include <stdlib.h>

#include "config.h"
#include "tap.h"

/* Lines 1 to 4, and 1 to 6: what is under test starts at line 5 or 7. */
#define HEAD   "version: 1\nports:\n  eth0: {}\ntunnels:\n"
#define TUNNEL HEAD "  t:\n    local: 192.0.2.1\n"
#define REMOTE TUNNEL "    remote: 192.0.2.2\n"

__attribute__((unused)) static const char reference[] =
	"version: 1\n"
	"ports:\n"
	"  eth0: {}\n"
	"  eth1:\n"
	"  eth2: {xdp: off, role: underlay, unclaimed: drop, dispatcher: on}\n"
	"  eth3: {xdp: generic, role: \"overlay\", unclaimed: 'kernel'}\n"
	"  eth4: ~\n"
	"tunnels:\n"
	"  gre1:\n"
	"    local: 192.168.100.254\n"
	"    remote: 129.150.103.57\n"
	"    key: 1\n"
	"    ttl: 64 # the default\n"
	"    mtu: 1460\n"
	"    addresses: [192.168.100.253/24, 2001:db8::1/64]\n"
	"    routes:\n"
	"      - to: 192.168.200.0/24\n"
	"      - to: 192.168.201.0/24\n"
	"        via: 192.168.100.1\n"
	"        metric: 5\n"
	"        table: 100\n"
	"      - {to: default, table: main}\n"
	"      - {to: default, via: \"fe80::1\", table: 254}\n"
	"  gre2:\n"
	"    remote: 2001:db8::2\n"
	"    local: \"2001:db8::1\"\n"
	"    keys: {input: 0.0.1.0, output: 0xff}\n"
	"    ttl: inherit\n"
	"    tos: 0xb8\n"
	"    ignore-df: Yes\n"
	"    checksum: yes\n"
	"    sequence: FALSE\n"
	"    fast-path: on\n"
	"    device: kernel\n"
	"    sources: [10.0.0.0/8, 0.0.0.0/0]\n"
	"    routes:\n"
	"  gre3: {sequence: TRUE, local: 10.0.0.1, remote: 10.0.0.2, pmtudisc: false, sources: any, tos: inherit,\n"
	"         keys: {output: 4294967295}, addresses: , fast-path: \"off\",\n"
	"         routes: [to: 192.168.200.0/25]}\n"
	"  gre4: {local: 10.0.0.1, remote: 10.0.0.3, pmtudisc: on, ignore-df: off, mtu: 68,\n"
	"         sources: []}\n";

/* Parse and give the errors as they would be printed; the caller frees. */
__attribute__((unused)) static char *errors_of(const char *text, size_t size, int *ret_err)
{
	struct config_errors errors;
	struct model m;
	size_t printed_size;
	char *printed;
	FILE *out;

	*ret_err = config_parse(text, size, &m, &errors);
	out = open_memstream(&printed, &printed_size);
	config_errors_print(&errors, "f", out);
	fclose(out);
	if (*ret_err && (m.ports || m.tunnels || m.routes))
		ok(false, "the model of a bad file is empty");
	config_errors_free(&errors);
	model_free(&m);
	return printed;
}

/* Models are equal in all but places, and origins after a file's round trip. */
static bool tunnels_equal(const struct tunnel *a, const struct tunnel *b)
{
	return !strcmp(a->name, b->name) && a->device == b->device && addr_equal(&a->local, &b->local) &&
	       addr_equal(&a->remote, &b->remote) && a->key_in.set == b->key_in.set &&
	       a->key_in.value == b->key_in.value && a->key_out.set == b->key_out.set &&
	       a->key_out.value == b->key_out.value && a->ttl == b->ttl && a->tos == b->tos &&
	       a->mtu == b->mtu && a->keepalive_interval == b->keepalive_interval &&
	       a->keepalive_retries == b->keepalive_retries && a->pmtudisc == b->pmtudisc && a->ignore_df == b->ignore_df &&
	       a->checksum == b->checksum && a->sequence == b->sequence &&
	       a->fast == b->fast && a->sources_mode == b->sources_mode &&
	       prefix_list_equal(&a->sources, &b->sources) &&
	       prefix_list_equal(&a->addresses, &b->addresses);
}

static bool models_equal(const struct model *a, const struct model *b)
{
	size_t i;

	if (a->nports != b->nports || a->ntunnels != b->ntunnels || a->nroutes != b->nroutes)
		return false;
	for (i = 0; i < a->nports; i++)
		if (strcmp(a->ports[i].name, b->ports[i].name) ||
		    a->ports[i].xdp != b->ports[i].xdp || a->ports[i].role != b->ports[i].role ||
		    a->ports[i].dispatcher != b->ports[i].dispatcher ||
		    a->ports[i].unclaimed_drop != b->ports[i].unclaimed_drop)
			return false;
	for (i = 0; i < a->ntunnels; i++)
		if (!tunnels_equal(&a->tunnels[i], &b->tunnels[i]))
			return false;
	for (i = 0; i < a->nroutes; i++)
		if (!prefix_equal(&a->routes[i].to, &b->routes[i].to) ||
		    a->routes[i].tunnel != b->routes[i].tunnel ||
		    !addr_equal(&a->routes[i].via, &b->routes[i].via) ||
		    a->routes[i].metric != b->routes[i].metric ||
		    a->routes[i].table != b->routes[i].table)
			return false;
	return true;
}

__attribute__((unused)) static bool round_trip(const struct model *m)
{
	struct config_errors errors;
	struct model back;
	size_t size;
	bool equal;
	char *text;
	FILE *f;
	int err;

	f = open_memstream(&text, &size);
	err = config_write(m, true, f);
	fclose(f);
	if (!err)
		err = config_parse(text, size, &back, &errors);
	equal = !err && models_equal(m, &back);
	if (!equal) {
		diag("%s", text);
		if (err == -EINVAL)
			config_errors_print(&errors, "#", stdout);
	}
	if (!err || err == -EINVAL) {
		config_errors_free(&errors);
		model_free(&back);
	}
	free(text);
	return equal;
}

__attribute__((unused)) static uint32_t below(uint32_t n)
{
	return ((uint32_t)rand() << 1 ^ (uint32_t)rand() << 16) % n;
}

#endif
