// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rules of legacy iptables and ip6tables, by getsockopt. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <net/if.h> /* before linux/if.h, which then leaves out what is here */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include "netdev-internal.h"

/* An entry begins alike in both families, but for the size of the match; what is needed of it. */
struct layout {
	const char *command;
	const char *names; /* tables that exist in this network namespace */
	int af;
	int level;
	int get_info;
	int get_entries;
	size_t entry_size;
	size_t target_offset; /* of these fields in an entry */
	size_t next_offset;
};

static const struct layout layouts[] = {
	{"iptables", "/proc/thread-self/net/ip_tables_names", AF_INET, IPPROTO_IP, IPT_SO_GET_INFO,
	 IPT_SO_GET_ENTRIES, sizeof(struct ipt_entry), offsetof(struct ipt_entry, target_offset),
	 offsetof(struct ipt_entry, next_offset)},
	{"ip6tables", "/proc/thread-self/net/ip6_tables_names", AF_INET6, IPPROTO_IPV6,
	 IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES, sizeof(struct ip6t_entry),
	 offsetof(struct ip6t_entry, target_offset), offsetof(struct ip6t_entry, next_offset)},
};

/* Both families' structures of these names are the same. */
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "info");
_Static_assert(offsetof(struct ipt_get_entries, entrytable) ==
		       offsetof(struct ip6t_get_entries, entrytable),
	       "entries");

static uint16_t field(const unsigned char *entry, size_t offset)
{
	uint16_t value;

	memcpy(&value, entry + offset, sizeof(value));
	return value;
}

/* The entry at an offset has room for itself and a standard target, or is none. */
static bool entry_valid(const struct layout *l, const unsigned char *table, uint32_t size,
			uint32_t at)
{
	uint16_t next, target;

	if (at > size || size - at < l->entry_size)
		return false;
	next = field(table + at, l->next_offset);
	target = field(table + at, l->target_offset);
	return next >= l->entry_size && next <= size - at &&
	       target + sizeof(struct xt_entry_target) <= next;
}

static bool policy_drops(const struct layout *l, const unsigned char *table, uint32_t size,
			 uint32_t at)
{
	struct xt_standard_target target;
	uint16_t offset;

	if (!entry_valid(l, table, size, at))
		return false;
	offset = field(table + at, l->target_offset);
	if (offset + sizeof(target) > field(table + at, l->next_offset))
		return false;
	memcpy(&target, table + at + offset, sizeof(target));
	/* A verdict is stored as -verdict - 1, to tell it from a jump's offset. */
	return target.verdict == -NF_DROP - 1;
}

/* Rules lie between the chain's first entry and its policy's. */
static unsigned int count_rules(const struct layout *l, const unsigned char *table, uint32_t size,
				uint32_t from, uint32_t to)
{
	unsigned int n = 0;

	while (from < to && entry_valid(l, table, size, from)) {
		from += field(table + from, l->next_offset);
		n++;
	}
	return n;
}

static int add_chain(const struct layout *l, const char *table, const char *chain,
		     unsigned int rules, struct firewall *f)
{
	char *what;

	if (rules)
		what = firewall_text("%s table %s: chain %s has %u rule%s", l->command, table,
				     chain, rules, rules == 1 ? "" : "s");
	else
		what = firewall_text("%s table %s: chain %s drops by its policy", l->command, table,
				     chain);
	return firewall_add(f, what,
			    firewall_text("%s-legacy -t %s -S %s  # then fast-path: on for tunnels "
					  "whose packets may bypass it",
					  l->command, table, chain));
}

static int scan_entries(const struct layout *l, const struct ipt_getinfo *info,
			const unsigned char *table, struct firewall *f)
{
	static const char *const chains[NF_INET_NUMHOOKS] = {"PREROUTING", "INPUT", "FORWARD",
							     "OUTPUT", "POSTROUTING"};
	bool nat = !strcmp(info->name, "nat");
	int err = 0;

	for (int h = 0; h < NF_INET_NUMHOOKS && !err; h++) {
		bool forwarded = h == NF_INET_PRE_ROUTING || h == NF_INET_FORWARD ||
				 h == NF_INET_POST_ROUTING;
		unsigned int rules;

		if (!(info->valid_hooks & 1u << h) || (!forwarded && !nat))
			continue;
		rules = count_rules(l, table, info->size, info->hook_entry[h], info->underflow[h]);
		if (rules || policy_drops(l, table, info->size, info->underflow[h]))
			err = add_chain(l, info->name, chains[h], rules, f);
	}
	return err;
}

/* One table: 0, or -errno of reading it, or -ENOMEM. */
static int scan_table(const struct layout *l, int fd, const char *name, struct firewall *f)
{
	struct ipt_get_entries *entries = NULL;
	struct ipt_getinfo info;
	socklen_t size;
	int err;

	for (int i = 0; i < 10; i++) {
		memset(&info, 0, sizeof(info));
		snprintf(info.name, sizeof(info.name), "%.*s", (int)sizeof(info.name) - 1, name);
		size = sizeof(info);
		if (getsockopt(fd, l->level, l->get_info, &info, &size))
			return -errno;
		free(entries);
		size = (socklen_t)(sizeof(*entries) + info.size);
		entries = calloc(1, size);
		if (!entries)
			return -ENOMEM;
		memcpy(entries->name, info.name, sizeof(entries->name));
		entries->size = info.size;
		err = getsockopt(fd, l->level, l->get_entries, entries, &size) ? -errno : 0;
		/* EAGAIN: the table changed its size in between. */
		if (err != -EAGAIN)
			break;
	}
	if (!err)
		err = scan_entries(l, &info, (const unsigned char *)entries->entrytable, f);
	free(entries);
	return err;
}

static int scan_tables(const struct layout *l, FILE *names, struct firewall *f)
{
	char name[XT_TABLE_MAXNAMELEN + 1]; /* and the end of line */
	int err = 0;
	int fd;

	fd = socket(l->af, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0)
		return -errno;
	while (!err && fgets(name, sizeof(name), names)) {
		name[strcspn(name, "\n")] = '\0';
		err = scan_table(l, fd, name, f);
	}
	if (!err && ferror(names))
		err = -EIO;
	close(fd);
	return err;
}

int firewall_scan_legacy(struct firewall *f)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]) && !err; i++) {
		const struct layout *l = &layouts[i];
		/*
		 * Asking for a table would create it, with its hooks in every packet's way;
		 * so only those that the kernel lists.
		 */
		FILE *names = fopen(l->names, "re");

		if (!names && errno == ENOENT)
			continue;
		err = names ? scan_tables(l, names, f) : -errno;
		if (names)
			fclose(names);
		if (err && err != -ENOMEM)
			err = firewall_add(
				f,
				firewall_text("%s rules cannot be read: %s", l->command,
					      strerror(-err)),
				firewall_text(
					"run it as root (CAP_NET_ADMIN in the network namespace)"));
	}
	return err;
}
