// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <net/if.h> /* before linux/if_tunnel.h, which then leaves out what is here */
#include <linux/if_tunnel.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "takeover.h"

#define WORD_LEN 24

static __attribute__((format(printf, 2, 3))) void add(struct findings *f, const char *fmt, ...)
{
	va_list args;

	if (f->count == FINDINGS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(f->text[f->count++], sizeof(f->text[0]), fmt, args);
	va_end(args);
}

static const char *key_word(const struct key *k, char ret[WORD_LEN])
{
	snprintf(ret, WORD_LEN, k->set ? "%u" : "none", k->value);
	return ret;
}

static const char *number_word(int n, int inherit, char ret[WORD_LEN])
{
	if (n == inherit)
		return "inherit";
	snprintf(ret, WORD_LEN, "%d", n);
	return ret;
}

/* The don't fragment bit, by the options that tell how it is set. */
static const char *df_word(bool pmtudisc, bool ignore_df)
{
	return ignore_df ? "ignore-df: true" : pmtudisc ? "pmtudisc: true" : "pmtudisc: false";
}

static bool is_layer3(const struct netgre *g)
{
	return !strcmp(g->dev.kind, "gre") || !strcmp(g->dev.kind, "ip6gre");
}

/* The ECN bits are the packet's in any case (ip_tunnel_ecn_encap()). */
static int dscp(int tos)
{
	return tos == TOS_INHERIT ? tos : tos & 0xfc;
}

void netgre_obstacles(const struct netgre *g, struct findings *ret)
{
	ret->count = 0;
	if (!is_layer3(g)) {
		add(ret, "is of kind %s; kinds gre and ip6gre are supported", g->dev.kind);
		return;
	}
	if (g->external) {
		add(ret, "takes endpoints from each packet (external), which is not supported");
		return;
	}
	if (!g->local.family)
		add(ret, "has no local address, and a tunnel needs one");
	if (!g->remote.family)
		add(ret, "has no remote address (multipoint), and a tunnel needs one");
	if (g->checksum_in || g->checksum_out)
		add(ret, "has checksums on (%s), which its fast path does not support",
		    !g->checksum_in  ? "ocsum" :
		    !g->checksum_out ? "icsum" :
				       "csum");
	if (g->sequence_in || g->sequence_out)
		add(ret,
		    "has sequence numbers on (%s): the counter is the device's own, so there cannot "
		    "be a fast path beside it",
		    !g->sequence_in  ? "oseq" :
		    !g->sequence_out ? "iseq" :
				       "seq");
	if (g->encap != TUNNEL_ENCAP_NONE)
		add(ret, "sends GRE in UDP (encap %s), which is not supported",
		    g->encap == TUNNEL_ENCAP_FOU ? "fou" :
		    g->encap == TUNNEL_ENCAP_GUE ? "gue" :
						   "of an unknown kind");
}

void netgre_remarks(const struct netgre *g, struct findings *ret)
{
	ret->count = 0;
	if (!(g->dev.flags & IFF_UP))
		add(ret, "is down; xgre-load apply wants it up");
	if (g->encaplimit >= 0)
		add(ret,
		    "encaplimit %d has no counterpart: packets of the fast path go without this "
		    "option (RFC 2473 4.1.1)",
		    g->encaplimit);
	if (g->flowlabel || g->flowlabel_inherit)
		add(ret, "flowlabel has no counterpart: packets of the fast path have none");
	if (g->link)
		add(ret,
		    "dev has no counterpart: the fast path sends by the route to the remote address");
	if (g->fwmark)
		add(ret, "fwmark 0x%x has no counterpart: the fast path's packets have no mark",
		    g->fwmark);
}

static void compare_addr(const char *what, const struct addr *there, const struct addr *here,
			 struct findings *ret)
{
	char a[ADDR_STRLEN], b[ADDR_STRLEN];

	/* one that it has not is an obstacle, and told as such */
	if (there->family && !addr_equal(there, here))
		add(ret, "%s is %s there, and %s here", what, addr_text(there, a),
		    addr_text(here, b));
}

static void compare_key(const char *what, const struct key *there, const struct key *here,
			struct findings *ret)
{
	char a[WORD_LEN], b[WORD_LEN];

	if (there->set != here->set || (there->set && there->value != here->value))
		add(ret, "%s is %s there, and %s here", what, key_word(there, a),
		    key_word(here, b));
}

static void compare_number(const char *what, int there, int here, int inherit,
			   struct findings *ret)
{
	char a[WORD_LEN], b[WORD_LEN];

	if (there != here)
		add(ret, "%s is %s there, and %s here", what, number_word(there, inherit, a),
		    number_word(here, inherit, b));
}

void netgre_differences(const struct tunnel *t, const struct netgre *g, struct findings *ret)
{
	bool outer6 = t->local.family == XGRE_FAMILY_6;

	netgre_obstacles(g, ret);
	if (!is_layer3(g) || g->external)
		return;
	if (!strcmp(g->dev.kind, "ip6gre") != outer6) {
		add(ret, "is of kind %s, and a tunnel over %s needs %s", g->dev.kind,
		    outer6 ? "IPv6" : "IPv4", outer6 ? "ip6gre" : "gre");
		return;
	}
	compare_addr("local", &g->local, &t->local, ret);
	compare_addr("remote", &g->remote, &t->remote, ret);
	compare_key("input key", &g->key_in, &t->key_in, ret);
	compare_key("output key", &g->key_out, &t->key_out, ret);
	compare_number("ttl", g->ttl, t->ttl, TTL_INHERIT, ret);
	compare_number("tos", dscp(g->tos), dscp(t->tos), TOS_INHERIT, ret);
	if (!outer6 && (g->pmtudisc != t->pmtudisc || g->ignore_df != t->ignore_df))
		add(ret, "it has %s there, and %s here", df_word(g->pmtudisc, g->ignore_df),
		    df_word(t->pmtudisc, t->ignore_df));
	if (t->checksum)
		add(ret, "checksum: true is not supported with device: kernel");
	if (t->keepalive_interval)
		add(ret, "keepalive is not supported with device: kernel");
	if (t->mtu)
		compare_number("mtu", (int)g->dev.mtu, (int)t->mtu, -1, ret);
	if (!(g->dev.flags & IFF_UP))
		add(ret, "is down");
}

void netgre_tunnel(const struct netgre *g, struct tunnel *t)
{
	memcpy(t->name, g->dev.name, sizeof(t->name));
	t->device = DEVICE_KERNEL;
	t->local = g->local;
	t->remote = g->remote;
	t->key_in = g->key_in;
	t->key_out = g->key_out;
	t->ttl = g->ttl;
	t->tos = dscp(g->tos);
	if (g->dev.mtu >= TUNNEL_MTU_MIN && g->dev.mtu <= TUNNEL_MTU_MAX)
		t->mtu = g->dev.mtu;
	if (g->local.family == XGRE_FAMILY_4) {
		t->pmtudisc = g->pmtudisc;
		t->ignore_df = g->ignore_df;
	}
}
