// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a good configuration means, and where one comes from. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config-common.h"

static void test_reference(void)
{
	struct config_errors errors;
	const struct tunnel *t;
	const struct route *r;
	char buf[PREFIX_STRLEN];
	struct model m;

	is_int(config_parse(reference, strlen(reference), &m, &errors), 0, "a good file");
	config_errors_print(&errors, "# reference", stdout);
	if (m.nports != 5 || m.ntunnels != 4 || m.nroutes != 5) {
		ok(false, "its ports, tunnels and routes");
		return;
	}
	ok(!m.ports[1].xdp && !m.ports[1].dispatcher && !m.ports[1].role && !m.ports[1].unclaimed_drop, "port defaults");
	ok(m.ports[2].xdp == XDP_MODE_OFF && m.ports[2].role == ROLE_UNDERLAY &&
		   m.ports[2].unclaimed_drop && m.ports[2].dispatcher == DISPATCHER_ON,
	   "port options");
	ok(m.ports[3].xdp == XDP_MODE_SKB && m.ports[3].role == ROLE_OVERLAY &&
		   !m.ports[3].unclaimed_drop,
	   "port options, quoted");
	is_int(m.ports[2].place.line, 5, "a port's line");

	t = &m.tunnels[0];
	is_str(addr_text(&t->local, buf), "192.168.100.254", "local");
	is_str(addr_text(&t->remote, buf), "129.150.103.57", "remote");
	ok(t->key_in.set && t->key_out.set && t->key_in.value == 1 && t->key_out.value == 1, "key");
	ok(t->ttl == 64 && t->tos == TOS_INHERIT && t->mtu == 1460, "ttl, tos, mtu");
	ok(t->pmtudisc && !t->ignore_df && t->fast == FAST_AUTO, "pmtudisc, fast-path");
	is_int(t->addresses.count, 2, "addresses");
	is_str(prefix_text(&t->addresses.items[0], buf), "192.168.100.253/24", "with host bits");
	ok(t->place.line == 9 && t->place.column == 3, "its place");
	ok(t->local_place.line == 10 && t->local_place.column == 12, "the place of local");
	ok(t->mtu_place.line == 14 && t->mtu_place.column == 10, "the place of mtu");

	t = &m.tunnels[1];
	ok(t->key_in.value == 256 && t->key_out.value == 255, "keys");
	ok(t->ttl == TTL_INHERIT && t->tos == 0xb8 && !t->mtu, "ttl inherit, tos in hexadecimal");
	ok(!t->pmtudisc && t->ignore_df, "ignore-df alone turns pmtudisc off");
	ok(t->checksum && !m.tunnels[0].checksum, "checksum");
	ok(m.tunnels[2].sequence && !t->sequence && !m.tunnels[0].sequence, "sequence");
	ok(t->fast == FAST_ON && t->sources_mode == SOURCES_LIST && t->sources.count == 2,
	   "fast-path on, a list of sources");
	is_int(t->mtu_place.line, 0, "no mtu, no place");
	t = &m.tunnels[2];
	ok(!t->key_in.set && t->key_out.set && t->key_out.value == UINT32_MAX, "one key alone");
	ok(!t->pmtudisc && !t->ignore_df && t->sources_mode == SOURCES_ANY && t->fast == FAST_OFF,
	   "pmtudisc false, sources any, fast-path off");
	t = &m.tunnels[3];
	ok(t->sources_mode == SOURCES_LIST && !t->sources.count && t->pmtudisc,
	   "an empty list of sources is a list");

	r = m.routes;
	is_str(prefix_text(&r[0].to, buf), "192.168.200.0/24", "a route");
	ok(!r[0].via.family && !r[0].metric && !r[0].table, "its defaults");
	ok(r[0].place.line == 17 && r[0].place.column == 13, "its place");
	is_str(addr_text(&r[1].via, buf), "192.168.100.1", "via");
	ok(r[1].metric == 5 && r[1].table == 100, "metric and table");
	is_str(prefix_text(&r[2].to, buf), "0.0.0.0/0", "default");
	is_str(prefix_text(&r[3].to, buf), "::/0", "default by an IPv6 next hop");
	ok(!r[2].table && !r[3].table, "the main table by name and number");
	ok(r[4].tunnel == 2 && r[4].origin == XGRE_ORIGIN_FILE, "a route's tunnel and origin");
	config_errors_free(&errors);
	model_free(&m);
}

static void test_accepted(void)
{
	static const char *const rows[][2] = {
		{"a byte order mark and CR LF",
		 "\xef\xbb\xbfversion: 1\r\nports:\r\n  eth0: {}\r\n"},
		{"a directive, start and end",
		 "%YAML 1.1\n---\nversion: 1\nports: {}\n...\n# end\n"},
		{"JSON", "{\"version\": 1, \"ports\": {\"eth0\": {\"xdp\": \"auto\"}}}"},
		{"tunnels without a value", "version: 1\nports: {eth0: {}}\ntunnels:\n"},
		{"15 characters", "version: 1\nports: {abcdefghijklmno: {}, eth0.100: , a#b: }\n"},
		{"key 0 is not no key",
		 HEAD "  t: {local: 192.0.2.1, remote: 192.0.2.2}\n"
		      "  u: {local: 192.0.2.1, remote: 192.0.2.2, key: 0}\n"},
		{"MTU 1279 without IPv6 inside",
		 HEAD "  t: {local: 2001:db8::1, remote: 2001:db8::2, mtu: 1279}\n"},
		{"MTU 1280 with it", REMOTE "    mtu: 1280\n    addresses: [2001:db8::1/64]\n"},
		{"a longer prefix in another tunnel",
		 HEAD "  t: {local: 192.0.2.1, remote: 192.0.2.2, routes: [to: 10.0.0.0/8]}\n"
		      "  u: {local: 192.0.2.1, remote: 192.0.2.3, routes: [to: 10.0.0.0/9]}\n"},
		{"the IPv6 default in a block", REMOTE "    routes:\n    - to: ::/0\n"},
		{"remote within a route", REMOTE "    routes: [to: 192.0.2.0/24]\n"},
		{"pmtudisc off with ignore-df", REMOTE "    pmtudisc: off\n    ignore-df: on\n"},
		{"a link-local address inside", REMOTE "    addresses: [fe80::1/64]\n"},
	};
	char *errors;
	size_t i;
	int err;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		errors = errors_of(rows[i][1], strlen(rows[i][1]), &err);
		is_str(errors, "", "accepted: %s", rows[i][0]);
		if (err)
			is_int(err, 0, "%s: the code", rows[i][0]);
		free(errors);
	}
}

static void test_read(const char *name, const char *path, const char *want)
{
	struct config_errors errors;
	struct model m;
	size_t size;
	char *text;
	FILE *f;

	is_int(config_read(path, &m, &errors), *want ? -EINVAL : 0, "%s", name);
	f = open_memstream(&text, &size);
	config_errors_print(&errors, "f", f);
	fclose(f);
	is_str(text, want, "%s: what is printed", name);
	free(text);
	config_errors_free(&errors);
	model_free(&m);
}

static void test_files(void)
{
	char dir[] = "/tmp/xgre-config-XXXXXX", path[64];
	bool root = !geteuid();
	int fd, saved;

	if (!mkdtemp(dir) || chmod(dir, 0755)) {
		ok(false, "a directory for files");
		return;
	}
	snprintf(path, sizeof(path), "%s/file", dir);
	test_read("a missing file", path,
		  "f: cannot be read: No such file or directory; accepted: a readable YAML file\n");
	test_read("a directory", dir,
		  "f: cannot be read: Is a directory; accepted: a readable YAML file\n");
	fd = open(path, O_RDWR | O_CREAT, 0600);
	test_read("an empty file", path,
		  "f:1:1: no configuration in it; accepted: a mapping with version: 1 and ports\n");
	if (write(fd, reference, strlen(reference)) != (ssize_t)strlen(reference))
		ok(false, "the test's file is written");
	test_read("a good file", path, "");
	if (!root)
		fchmod(fd, 0);
	else if (seteuid(65534))
		ok(false, "a user without rights");
	test_read("a file without permission", path,
		  "f: cannot be read: Permission denied; accepted: a readable YAML file\n");
	if (root && seteuid(0))
		ok(false, "root again");
	saved = dup(STDIN_FILENO);
	lseek(fd, 0, SEEK_SET);
	dup2(fd, STDIN_FILENO);
	test_read("standard input", "-", "");
	dup2(saved, STDIN_FILENO);
	close(saved);
	fchmod(fd, 0600);
	if (ftruncate(fd, (off_t)CONFIG_MAX_SIZE + 1))
		ok(false, "a file of holes");
	test_read("a huge file", path, "f: too large; accepted: up to 64 MiB\n");
	test_read("an endless file", "/dev/zero", "f: too large; accepted: up to 64 MiB\n");
	close(fd);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	test_reference();
	test_accepted();
	test_files();
	return done();
}
