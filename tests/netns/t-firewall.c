// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* user/firewall.h against what nft, iptables' own interface and ip xfrm set up. */
#include <unistd.h>
#include <net/if.h> /* before linux/if.h, which then leaves out what is here */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include "firewall.h"
#include "netns.h"

/* Findings of a scan; the first one's texts must hold the given one, if any is given. */
static void expect(const struct model *ports, size_t count, const char *text, const char *name)
{
	struct firewall f = {0};

	is_int(firewall_scan(ports, &f), 0, "%s: scan", name);
	if (!is_int((long long)f.count, (long long)count, "%s: findings", name))
		for (size_t i = 0; i < f.count; i++)
			diag("%s", f.items[i].what);
	if (text && f.count && !ok(strstr(f.items[0].what, text), "%s: \"%s\"", name, text))
		diag("%s", f.items[0].what);
	if (f.count)
		ok(*f.items[0].remedy, "%s: with a remedy", name);
	firewall_free(&f);
	is_int((long long)f.count, 0, "%s: freed", name);
}

static void nft(const char *rules)
{
	char command[1024];

	snprintf(command, sizeof(command), "nft flush ruleset && nft '%s'", rules);
	sh(command);
}

static const struct {
	const char *name, *rules, *text;
	size_t count;
} nft_cases[] = {
	{"forward rule",
	 "add table inet filter; add chain inet filter forward { type filter hook forward "
	 "priority 0; }; add rule inet filter forward accept; add rule inet filter forward drop",
	 "nft table inet filter: chain forward has 2 rules", 1},
	{"forward chain without rules",
	 "add table inet filter; add chain inet filter forward { type filter hook forward "
	 "priority 0; }",
	 NULL, 0},
	{"drop policy",
	 "add table ip f; add chain ip f fw { type filter hook forward priority 0; policy drop; }",
	 "nft table ip f: chain fw drops by its policy", 1},
	{"input only",
	 "add table inet f; add chain inet f in { type filter hook input priority 0; policy drop; "
	 "};"
	 "add rule inet f in accept; add chain inet f out { type filter hook output priority 0; };"
	 "add rule inet f out accept",
	 NULL, 0},
	{"masquerade",
	 "add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; };"
	 "add rule ip nat post masquerade",
	 "nft table ip nat: chain post has 1 rule", 1},
	{"NAT of what the host sends",
	 "add table ip nat; add chain ip nat out { type nat hook output priority 100; };"
	 "add rule ip nat out ip daddr 192.0.2.1 dnat to 192.0.2.2",
	 "chain out", 1},
	{"postrouting",
	 "add table ip m; add chain ip m post { type filter hook postrouting priority 0; };"
	 "add rule ip m post counter",
	 "chain post", 1},
	{"notrack",
	 "add table ip6 raw; add chain ip6 raw pre { type filter hook prerouting priority -300; };"
	 "add rule ip6 raw pre notrack",
	 "nft table ip6 raw: chain pre has 1 rule", 1},
	{"a chain that is only jumped to",
	 "add table inet f; add chain inet f in { type filter hook input priority 0; };"
	 "add chain inet f more; add rule inet f more drop; add rule inet f in jump more",
	 NULL, 0},
	{"two families",
	 "add table ip f; add chain ip f fw { type filter hook forward priority 0; policy drop; };"
	 "add table ip6 f; add chain ip6 f fw { type filter hook forward priority 0; policy drop; "
	 "}",
	 "table ip", 2},
	{"bridge",
	 "add table bridge f; add chain bridge f fw { type filter hook forward priority 0; "
	 "policy drop; }",
	 NULL, 0},
};

static void test_nft(void)
{
	expect(NULL, 0, NULL, "no rules");
	for (size_t i = 0; i < sizeof(nft_cases) / sizeof(nft_cases[0]); i++) {
		nft(nft_cases[i].rules);
		expect(NULL, nft_cases[i].count, nft_cases[i].text, nft_cases[i].name);
	}
	sh("nft flush ruleset");
}

static void test_ingress(void)
{
	struct model m;

	model_init(&m);
	strcpy(model_add_port(&m)->name, "port0");
	sh("ip link add port0 type veth peer name other0");
	nft("add table netdev f; add chain netdev f in { type filter hook ingress device port0 "
	    "priority 0; }; add rule netdev f in drop");
	expect(NULL, 1, "nft table netdev f: chain in has 1 rule", "ingress, any device");
	expect(&m, 1, "chain in", "ingress of a port");
	nft("add table netdev f; add chain netdev f in { type filter hook ingress device other0 "
	    "priority 0; }; add rule netdev f in drop");
	expect(&m, 0, NULL, "ingress of another device");
	nft("add table netdev f; add chain netdev f in { type filter hook ingress devices = "
	    "{ other0, port0 } priority 0; }; add rule netdev f in drop");
	expect(&m, 1, "chain in", "ingress of several devices");
	nft("add table inet f; add chain inet f in { type filter hook ingress device port0 "
	    "priority 0; }; add rule inet f in drop");
	expect(&m, 1, "nft table inet f: chain in", "ingress in the inet family");
	nft("add table netdev f; add chain netdev f out { type filter hook egress device port0 "
	    "priority 0; }; add rule netdev f out drop");
	expect(&m, 1, "chain out", "egress of a port");
	strcpy(model_add_tunnel(&m)->name, "other0");
	nft("add table netdev f; add chain netdev f in { type filter hook ingress device other0 "
	    "priority 0; }; add rule netdev f in drop");
	expect(&m, 1, "chain in", "ingress of a tunnel device");
	sh("nft flush ruleset; ip link del port0");
	model_free(&m);
}

static bool hooked_verdict(struct ipt_get_entries *e, uint32_t at, int verdict)
{
	struct ipt_entry *entry = (struct ipt_entry *)((char *)e->entrytable + at);
	struct xt_standard_target *t =
		(struct xt_standard_target *)((char *)entry + entry->target_offset);

	if (at + sizeof(*entry) > e->size)
		return false;
	t->verdict = -verdict - 1;
	return true;
}

/*
 * The legacy filter table with another policy of FORWARD, and with one rule
 * there that accepts everything where asked. Reading the table creates it.
 */
static bool legacy_filter(int policy, bool rule)
{
	struct ipt_getinfo info = {.name = "filter"};
	union {
		struct ipt_get_entries get;
		char room[4096];
	} old = {0};
	union {
		struct ipt_replace set;
		char room[8192];
	} new = {0};
	struct xt_counters counters[16];
	socklen_t size = sizeof(info);
	uint32_t at, grown = 0;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	bool done_so = false;

	if (fd < 0 || getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size))
		goto out;
	strcpy(old.get.name, "filter");
	old.get.size = info.size;
	size = (socklen_t)(sizeof(old.get) + info.size);
	if (size > sizeof(old) || getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, &old, &size))
		goto out;
	at = info.underflow[NF_INET_FORWARD];
	/* The rule is the policy's entry once more, in front of it. */
	if (rule)
		grown = info.hook_entry[NF_INET_LOCAL_OUT] - at;
	hooked_verdict(&old.get, at, NF_ACCEPT);
	memcpy(new.set.entries, old.get.entrytable, at + grown);
	hooked_verdict(&old.get, at, policy);
	memcpy((char *)new.set.entries + at + grown, (char *)old.get.entrytable + at,
	       info.size - at);
	strcpy(new.set.name, "filter");
	new.set.valid_hooks = info.valid_hooks;
	new.set.num_entries = info.num_entries + !!grown;
	new.set.size = info.size + grown;
	memcpy(new.set.hook_entry, info.hook_entry, sizeof(info.hook_entry));
	memcpy(new.set.underflow, info.underflow, sizeof(info.underflow));
	new.set.underflow[NF_INET_FORWARD] += grown;
	new.set.hook_entry[NF_INET_LOCAL_OUT] += grown;
	new.set.underflow[NF_INET_LOCAL_OUT] += grown;
	new.set.num_counters = info.num_entries;
	new.set.counters = counters;
	done_so = !setsockopt(fd, IPPROTO_IP, IPT_SO_SET_REPLACE, &new,
			      (socklen_t)(sizeof(new.set) + new.set.size));
out:
	if (fd >= 0)
		close(fd);
	return done_so;
}

static void test_legacy(void)
{
	if (access("/proc/net/ip_tables_names", R_OK)) {
		ok(true, "legacy iptables # SKIP the kernel has none at present");
		return;
	}
	expect(NULL, 0, NULL, "no legacy table");
	ok(sh("! grep -q . /proc/net/ip_tables_names"), "none was made by it");
	if (!legacy_filter(NF_ACCEPT, false)) {
		ok(true, "legacy iptables # SKIP the kernel has no filter table: %s",
		   strerror(errno));
		return;
	}
	expect(NULL, 0, NULL, "an empty legacy table");
	ok(legacy_filter(NF_DROP, false), "set a policy");
	expect(NULL, 1, "iptables table filter: chain FORWARD drops by its policy", "drop policy");
	ok(legacy_filter(NF_ACCEPT, true), "add a rule");
	expect(NULL, 1, "iptables table filter: chain FORWARD has 1 rule", "a legacy rule");
}

static void xfrm_count(size_t want, const char *text, const char *name)
{
	struct addr local, remote;
	struct firewall f = {0};

	addr_parse("192.168.100.254", &local);
	addr_parse("129.150.103.57", &remote);
	is_int(firewall_scan_xfrm(&local, &remote, "gre1", &f), 0, "xfrm, %s: scan", name);
	is_int((long long)f.count, (long long)want, "xfrm, %s: findings", name);
	if (text && f.count && !ok(strstr(f.items[0].what, text), "xfrm, %s: \"%s\"", name, text))
		diag("%s", f.items[0].what);
	firewall_free(&f);
}

#define TMPL " tmpl src 192.168.100.254 dst 129.150.103.57 proto esp mode transport"

static const struct {
	const char *name, *policy, *text;
	size_t count;
} xfrm_cases[] = {
	{"out", "src 192.168.100.254/32 dst 129.150.103.57/32 proto 47 dir out" TMPL,
	 "src 192.168.100.254/32 dst 129.150.103.57/32 dir out matches", 1},
	{"in", "src 129.150.103.57/32 dst 192.168.100.254/32 proto 47 dir in" TMPL, "dir in", 1},
	{"wider, any protocol", "src 192.168.0.0/16 dst 0.0.0.0/0 dir out" TMPL, "dir out", 1},
	{"block", "src 192.168.0.0/16 dst 0.0.0.0/0 dir out action block", "dir out", 1},
	{"another protocol", "src 192.168.100.254/32 dst 129.150.103.57/32 proto tcp dir out" TMPL,
	 NULL, 0},
	{"another peer", "src 192.168.100.254/32 dst 129.150.103.58/32 proto 47 dir out" TMPL, NULL,
	 0},
	{"another family", "src ::/0 dst ::/0 dir out tmpl src ::1 dst ::1 proto esp mode tunnel",
	 NULL, 0},
	{"forwarded", "src 192.168.100.0/24 dst 192.168.200.0/24 dir fwd action block", "dir fwd", 1},
	{"forwarded, one protocol", "src ::/0 dst ::/0 proto tcp dir fwd action block", "dir fwd", 1},
	{"no transformation", "src 192.168.100.254/32 dst 129.150.103.57/32 dir out", NULL, 0},
	{"of an xfrm interface", "src 0.0.0.0/0 dst 0.0.0.0/0 dir out if_id 7" TMPL, NULL, 0},
	{"of a mark", "src 0.0.0.0/0 dst 0.0.0.0/0 dir out mark 7" TMPL, NULL, 0},
};

static void test_xfrm(void)
{
	char command[512];

	xfrm_count(0, NULL, "no policy");
	if (system("ip xfrm policy list 2>/dev/null")) {
		ok(true, "xfrm # SKIP the kernel has no xfrm");
		return;
	}
	for (size_t i = 0; i < sizeof(xfrm_cases) / sizeof(xfrm_cases[0]); i++) {
		snprintf(command, sizeof(command), "ip xfrm policy flush; ip xfrm policy add %s",
			 xfrm_cases[i].policy);
		if (!sh(command)) {
			ok(true, "xfrm, %s # SKIP ip xfrm refuses the policy", xfrm_cases[i].name);
			continue;
		}
		xfrm_count(xfrm_cases[i].count, xfrm_cases[i].text, xfrm_cases[i].name);
	}
}

int main(void)
{
	if (!own_netns())
		return 0;
	test_nft();
	test_ingress();
	test_legacy();
	test_xfrm();
	return done();
}
