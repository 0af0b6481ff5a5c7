// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The run through all checks, and the checks of the host as a whole. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "firewall.h"
#include "preflight-internal.h"

void finding(struct preflight *f, const char *who, const char *fmt, ...)
{
	va_list args;

	fprintf(f->out, "%s: ", who);
	va_start(args, fmt);
	vfprintf(f->out, fmt, args);
	va_end(args);
	fputc('\n', f->out);
	f->findings++;
}

void mend(struct preflight *f, const char *fmt, ...)
{
	va_list args;

	fputs("    ", f->out);
	va_start(args, fmt);
	vfprintf(f->out, fmt, args);
	va_end(args);
	fputc('\n', f->out);
}

const struct netdev *preflight_device(const struct preflight *f, const char *name)
{
	for (size_t i = 0; i < f->ndevs; i++)
		if (!strcmp(f->devs[i].name, name))
			return &f->devs[i];
	return NULL;
}

const struct netdev *preflight_device_index(const struct preflight *f, uint32_t ifindex)
{
	for (size_t i = 0; i < f->ndevs; i++)
		if (f->devs[i].ifindex == ifindex)
			return &f->devs[i];
	return NULL;
}

const char *sysctl_device(const char *dev, char buf[IFNAMSIZ])
{
	size_t i;

	for (i = 0; i < IFNAMSIZ - 1 && dev[i]; i++)
		buf[i] = dev[i] == '.' ? '/' : dev[i];
	buf[i] = '\0';
	return buf;
}

static bool is_off(const char *path, const char *dev)
{
	int value;

	return !sysctl_get(path, dev, &value) && !value;
}

/* A host's switch that is off is one finding, not one for each device. */
static void check_device_forwarding(struct preflight *f, const char *who, const char *dev)
{
	char buf[IFNAMSIZ];

	if (f->ipv4 && !is_off("net/ipv4/ip_forward", NULL) &&
	    is_off("net/ipv4/conf/%s/forwarding", dev)) {
		finding(f, who, "IPv4 packets that come in here are not forwarded");
		mend(f, "sysctl -w net.ipv4.conf.%s.forwarding=1", sysctl_device(dev, buf));
	}
	if (f->ipv6 && !is_off("net/ipv6/conf/%s/forwarding", "all") &&
	    is_off("net/ipv6/conf/%s/forwarding", dev)) {
		finding(f, who, "IPv6 packets that come in here are not forwarded");
		mend(f, "sysctl -w net.ipv6.conf.%s.forwarding=1", sysctl_device(dev, buf));
	}
}

void preflight_sysctls(struct preflight *f, const char *who, const char *dev)
{
	int all = 0, own = 0;
	char buf[IFNAMSIZ];

	/* The larger of the two counts, so that 2 here overrides 1 there (fib_frontend.c). */
	sysctl_get("net/ipv4/conf/%s/rp_filter", "all", &all);
	sysctl_get("net/ipv4/conf/%s/rp_filter", dev, &own);
	if ((all > own ? all : own) == 1) {
		finding(f, who,
			"rp_filter is strict: packets whose source is routed elsewhere are "
			"dropped, as on paths that differ between the two directions");
		mend(f, "sysctl -w net.ipv4.conf.%s.rp_filter=2", sysctl_device(dev, buf));
	}
	check_device_forwarding(f, who, dev);
}

static void check_forwarding(struct preflight *f)
{
	if (f->ipv4 && is_off("net/ipv4/ip_forward", NULL)) {
		finding(f, "host", "IPv4 forwarding is off");
		mend(f, "sysctl -w net.ipv4.ip_forward=1");
	}
	if (f->ipv6 && is_off("net/ipv6/conf/%s/forwarding", "all")) {
		finding(f, "host", "IPv6 forwarding is off");
		mend(f, "sysctl -w net.ipv6.conf.all.forwarding=1");
	}
}

/* With fast-path on or off the operator has decided already. */
static bool any_auto(const struct model *m)
{
	for (size_t i = 0; i < m->ntunnels; i++)
		if (m->tunnels[i].fast == FAST_AUTO)
			return true;
	return false;
}

static int check_bypass(struct preflight *f)
{
	struct firewall rules;
	size_t extra = 0;
	int err;

	if (!any_auto(f->m))
		return 0;
	err = firewall_scan(f->m, &rules);
	if (err)
		return err;
	for (size_t i = 0; i < rules.count; i++) {
		finding(f, "host", "%s, which the fast path would bypass: tunnels stay off it",
			rules.items[i].what);
		mend(f, "%s", rules.items[i].remedy);
	}
	firewall_free(&rules);
	err = netrule_count_extra(f->nl, &extra);
	if (!err && extra) {
		finding(f, "host",
			"%zu policy rule%s beyond the kernel's own, which the fast path would "
			"bypass: "
			"tunnels stay off it",
			extra, extra == 1 ? "" : "s");
		mend(f,
		     "ip rule show; ip -6 rule show  # then ip rule del pref N, or fast-path: on "
		     "for tunnels whose packets may bypass them");
	}
	return err;
}

static void find_families(struct preflight *f)
{
	for (size_t i = 0; i < f->m->nroutes; i++) {
		bool six = f->m->routes[i].to.addr.family == XGRE_FAMILY_6;

		f->ipv4 |= !six;
		f->ipv6 |= six;
	}
	if (!f->ipv6) /* routes may come later */
		f->ipv4 = true;
}

int preflight_run(const struct model *m, FILE *out, size_t *ret_findings)
{
	struct preflight f = {.m = m, .out = out};
	int err;

	find_families(&f);
	err = nl_open(&f.nl);
	if (err)
		return err;
	err = netdev_list(f.nl, &f.devs, &f.ndevs);
	if (!err)
		err = netaddr_list(f.nl, &f.addrs, &f.naddrs);
	if (err)
		goto out;
	for (size_t i = 0; i < m->nports; i++)
		preflight_port(&f, &m->ports[i]);
	for (size_t i = 0; i < m->ntunnels; i++)
		preflight_tunnel(&f, &m->tunnels[i]);
	check_forwarding(&f);
	err = check_bypass(&f);
	if (!err && !f.findings)
		fputs("preflight: no findings\n", out);
	*ret_findings = f.findings;
out:
	free(f.addrs);
	free(f.devs);
	nl_close(f.nl);
	return err;
}
