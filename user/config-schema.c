// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a configuration file consists of. Man page: xgre.yaml(5). */
#include <string.h>

#include "config-field.h"

#define NAME_ACCEPTS                                                                               \
	"1 to 15 printable ASCII characters without \"/\", \":\", \"%\" and space, not "           \
	"\".\", \"..\", \"all\" or \"default\""
#define HOST_ACCEPTS "an address with its length, as in 192.0.2.1/24 or 2001:db8::1/64"
#define KEY_ACCEPTS  "0 to 4294967295, or a dotted quad"
#define BOOL_ACCEPTS "true or false"

/* The name of a port or tunnel into ret, which is left empty where it is none. */
static void take_name(struct reader *r, const struct entry *e, char ret[IFNAMSIZ])
{
	char shown[SHOWN_LEN];

	if (config_name_valid(e->key))
		strcpy(ret, e->key);
	else
		report(r, e->place, "%s is no interface name; accepted: %s",
		       config_show_text(e->key, shown), NAME_ACCEPTS);
}

/* Ports */

static const struct word xdp_words[] = {
	{"auto", XDP_MODE_AUTO},   {"native", XDP_MODE_NATIVE}, {"skb", XDP_MODE_SKB},
	{"generic", XDP_MODE_SKB}, {"off", XDP_MODE_OFF},	{0},
};

static const struct word dispatcher_words[] = {
	{"auto", DISPATCHER_AUTO},
	{"on", DISPATCHER_ON},
	{"off", DISPATCHER_OFF},
	{0},
};

static const struct word role_words[] = {
	{"both", ROLE_BOTH},
	{"underlay", ROLE_UNDERLAY},
	{"overlay", ROLE_OVERLAY},
	{0},
};

static const struct word unclaimed_words[] = {{"kernel", false}, {"drop", true}, {0}};

static const struct field port_fields[] = {
	{.name = "xdp",
	 .accepts = "auto, native, skb, generic or off",
	 .read = read_value,
	 .words = xdp_words,
	 INTO(struct port, xdp)},
	{.name = "dispatcher",
	 .accepts = "auto, on or off",
	 .read = read_value,
	 .words = dispatcher_words,
	 INTO(struct port, dispatcher)},
	{.name = "role",
	 .accepts = "both, underlay or overlay",
	 .read = read_value,
	 .words = role_words,
	 INTO(struct port, role)},
	{.name = "unclaimed",
	 .accepts = "kernel or drop",
	 .read = read_value,
	 .words = unclaimed_words,
	 INTO(struct port, unclaimed_drop)},
	{0},
};

static int read_port(struct reader *r, const struct entry *e, void *arg)
{
	struct field self = {.name = "port", .accepts = "{} or a mapping of the port's options"};
	struct port *p = model_add_port(r->model);
	struct seen seen;

	(void)arg;
	if (!p)
		return r->err = -ENOMEM;
	p->place = e->place;
	take_name(r, e, p->name);
	if (p->name[0])
		self.name = p->name;
	if (reader_is_null(r))
		return 0;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse(r, &self);
	return read_fields(r, port_fields, p, &seen);
}

static int read_ports(struct reader *r, const struct field *f, void *target)
{
	(void)target;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse(r, f);
	return reader_mapping(r, read_port, NULL);
}

/* Tunnels */

static int read_both_keys(struct reader *r, const struct field *f, void *target)
{
	struct tunnel *t = target;
	int err = read_key(r, f, t);

	t->key_out = t->key_in;
	return err;
}

static const struct field keys_fields[] = {
	{.name = "input", .accepts = KEY_ACCEPTS, .read = read_key, INTO(struct tunnel, key_in)},
	{.name = "output", .accepts = KEY_ACCEPTS, .read = read_key, INTO(struct tunnel, key_out)},
	{0},
};

static int read_keys(struct reader *r, const struct field *f, void *target)
{
	struct place place = r->place;
	struct seen seen;

	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse(r, f);
	if (read_fields(r, keys_fields, target, &seen))
		return r->err;
	if (!seen.keys)
		report(r, place, "keys: neither input nor output; accepted: %s", f->accepts);
	return r->err;
}

static int read_addresses(struct reader *r, const struct field *f, void *target)
{
	static const struct list list = {.item = {.name = "addresses", .accepts = HOST_ACCEPTS},
					 .hosts = true};
	struct tunnel *t = target;

	if (reader_is_null(r))
		return 0;
	if (r->event.type != YAML_SEQUENCE_START_EVENT)
		return refuse(r, f);
	return read_list(r, &list, &t->addresses);
}

static int read_sources(struct reader *r, const struct field *f, void *target)
{
	static const struct list list = {
		.item = {.name = "sources",
			 .accepts = "a prefix, as in 192.0.2.0/24 or 2001:db8::/32"},
	};
	struct tunnel *t = target;

	if (r->event.type != YAML_SEQUENCE_START_EVENT)
		return read_value(r, f, t);
	t->sources_mode = SOURCES_LIST;
	return read_list(r, &list, &t->sources);
}

static const struct word ttl_words[] = {{"inherit", TTL_INHERIT}, {0}};
static const struct word tos_words[] = {{"inherit", (uint32_t)TOS_INHERIT}, {0}};
static const struct word sources_words[] = {
	{"default", SOURCES_DEFAULT},
	{"any", SOURCES_ANY},
	{0},
};
static const struct word fast_words[] = {
	{"auto", FAST_AUTO},
	{"on", FAST_ON},
	{"off", FAST_OFF},
	{0},
};

static const struct word device_words[] = {{"own", DEVICE_OWN}, {"kernel", DEVICE_KERNEL}, {0}};

enum { T_LOCAL, T_REMOTE, T_KEY, T_KEYS, T_MTU, T_PMTUDISC, T_IGNORE_DF, T_SEQUENCE };

static const struct field tunnel_fields[] = {
	[T_LOCAL] = {.name = "local",
		     .accepts = ADDR_ACCEPTS,
		     .read = read_addr,
		     INTO(struct tunnel, local)},
	[T_REMOTE] = {.name = "remote",
		      .accepts = ADDR_ACCEPTS,
		      .read = read_addr,
		      INTO(struct tunnel, remote)},
	[T_KEY] = {.name = "key",
		   .accepts = KEY_ACCEPTS,
		   .read = read_both_keys,
		   INTO(struct tunnel, key_in)},
	[T_KEYS] = {.name = "keys",
		    .accepts = "{input: KEY, output: KEY} or one of them",
		    .read = read_keys},
	[T_MTU] = {.name = "mtu",
		   .accepts = "68 to 65500",
		   .read = read_value,
		   .min = TUNNEL_MTU_MIN,
		   .max = TUNNEL_MTU_MAX,
		   INTO(struct tunnel, mtu)},
	[T_PMTUDISC] = {.name = "pmtudisc",
			.accepts = BOOL_ACCEPTS,
			.read = read_bool,
			INTO(struct tunnel, pmtudisc)},
	[T_IGNORE_DF] = {.name = "ignore-df",
			 .accepts = BOOL_ACCEPTS,
			 .read = read_bool,
			 INTO(struct tunnel, ignore_df)},
	[T_SEQUENCE] = {.name = "sequence",
			.accepts = BOOL_ACCEPTS,
			.read = read_bool,
			INTO(struct tunnel, sequence)},
	{.name = "ttl",
	 .accepts = "1 to 255, or inherit",
	 .read = read_value,
	 .words = ttl_words,
	 .min = 1,
	 .max = 255,
	 INTO(struct tunnel, ttl)},
	{.name = "tos",
	 .accepts = "0 to 255, or inherit",
	 .read = read_value,
	 .words = tos_words,
	 .max = 255,
	 INTO(struct tunnel, tos)},
	{.name = "device",
	 .accepts = "own or kernel",
	 .read = read_value,
	 .words = device_words,
	 INTO(struct tunnel, device)},
	{.name = "checksum",
	 .accepts = BOOL_ACCEPTS,
	 .read = read_bool,
	 INTO(struct tunnel, checksum)},
	{.name = "keepalive",
	 .accepts = "a mapping, as in {interval: 10s, retries: 3}, or {}",
	 .read = read_keepalive},
	{.name = "addresses",
	 .accepts = "a list, as in [192.0.2.1/24, 2001:db8::1/64]",
	 .read = read_addresses},
	{.name = "routes", .accepts = "a list, as in [{to: 192.0.2.0/24}]", .read = read_routes},
	{.name = "sources",
	 .accepts = "default, any, or a list of prefixes",
	 .read = read_sources,
	 .words = sources_words,
	 INTO(struct tunnel, sources_mode)},
	{.name = "fast-path",
	 .accepts = "auto, on or off",
	 .read = read_value,
	 .words = fast_words,
	 INTO(struct tunnel, fast)},
	{0},
};

static bool has_ipv6(const struct model *m, const struct tunnel *t, size_t first_route)
{
	size_t i;

	for (i = 0; i < t->addresses.count; i++)
		if (t->addresses.items[i].addr.family == XGRE_FAMILY_6)
			return true;
	for (i = first_route; i < m->nroutes; i++)
		if (m->routes[i].to.addr.family == XGRE_FAMILY_6)
			return true;
	return false;
}

/* What the options of one tunnel have to do with each other. */
static void check_tunnel(struct reader *r, struct tunnel *t, const struct seen *seen,
			 size_t first_route)
{
	const char *name = t->name[0] ? t->name : "tunnel";
	bool both_keys = seen->keys & 1u << T_KEY && seen->keys & 1u << T_KEYS;
	char buf[ADDR_STRLEN];

	if (!(seen->keys & 1u << T_LOCAL))
		report(r, t->place, "%s: no local; accepted: local: an address of a port", name);
	if (!(seen->keys & 1u << T_REMOTE))
		report(r, t->place, "%s: no remote; accepted: remote: the address of the peer",
		       name);
	if (t->local.family && t->remote.family && t->local.family != t->remote.family)
		report(r, seen->value[T_REMOTE], "remote: %s is %s, and local is %s; accepted: %s",
		       addr_text(&t->remote, buf), config_family_text(&t->remote),
		       config_family_text(&t->local), "both of one family");
	else if (t->local.family && addr_equal(&t->local, &t->remote))
		report(r, seen->value[T_REMOTE], "remote: %s is local as well; accepted: %s",
		       addr_text(&t->remote, buf), "the address of the peer");
	if (both_keys)
		report(r, seen->key[T_KEYS], "both key and keys; accepted: one of them");
	if (t->mtu && t->mtu < TUNNEL_MTU_MIN6 && has_ipv6(r->model, t, first_route))
		report(r, seen->value[T_MTU],
		       "mtu: %u is too small for the tunnel's IPv6; accepted: 1280 to 65500",
		       t->mtu);
	/* the kernel counts what it sends by itself, and no two may have one number */
	if (t->sequence && t->device == DEVICE_KERNEL)
		report(r, seen->value[T_SEQUENCE],
		       "sequence: true with device: kernel; accepted: one of them");
	if (t->ignore_df && t->pmtudisc && seen->keys & 1u << T_PMTUDISC)
		report(r, seen->key[T_IGNORE_DF],
		       "ignore-df: true with pmtudisc: true; accepted: one of them true");
	if (t->ignore_df)
		t->pmtudisc = false;
	t->local_place = seen->value[T_LOCAL];
	t->mtu_place = seen->value[T_MTU];
	/* A key that is not known is not compared with other tunnels'. */
	if (both_keys || seen->bad & (1u << T_KEY | 1u << T_KEYS))
		t->local.family = 0;
}

static int read_tunnel(struct reader *r, const struct entry *e, void *arg)
{
	struct field self = {.name = "tunnel", .accepts = "a mapping with local and remote"};
	struct tunnel *t = model_add_tunnel(r->model);
	size_t first_route = r->model->nroutes;
	struct seen seen;

	(void)arg;
	if (!t)
		return r->err = -ENOMEM;
	t->place = e->place;
	take_name(r, e, t->name);
	if (t->name[0])
		self.name = t->name;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse(r, &self);
	if (read_fields(r, tunnel_fields, t, &seen))
		return r->err;
	check_tunnel(r, t, &seen, first_route);
	return r->err;
}

static int read_tunnels(struct reader *r, const struct field *f, void *target)
{
	(void)target;
	if (reader_is_null(r))
		return 0;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse(r, f);
	return reader_mapping(r, read_tunnel, NULL);
}

/* The file */

struct root {
	uint32_t version;
};

enum { ROOT_VERSION, ROOT_PORTS };

static const struct field root_fields[] = {
	[ROOT_VERSION] = {.name = "version",
			  .accepts = "1",
			  .read = read_value,
			  .min = 1,
			  .max = 1,
			  INTO(struct root, version)},
	[ROOT_PORTS] = {.name = "ports",
			.accepts = "a mapping of ports, as in {eth0: {}}",
			.read = read_ports},
	{.name = "tunnels",
	 .accepts = "a mapping of tunnels, as in "
		    "{gre1: {local: 192.0.2.1, remote: 198.51.100.1}}",
	 .read = read_tunnels},
	{0},
};

int config_read_root(struct reader *r)
{
	static const struct field self = {.name = "the file",
					  .accepts = "a mapping with version: 1 and ports"};
	struct place place = r->place;
	struct root root;
	struct seen seen;

	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse(r, &self);
	if (read_fields(r, root_fields, &root, &seen))
		return r->err;
	if (!(seen.keys & 1u << ROOT_VERSION))
		report(r, place, "no version; accepted: version: 1");
	if (!(seen.keys & 1u << ROOT_PORTS))
		report(r, place, "no ports; accepted: ports: {eth0: {}}");
	return r->err;
}
