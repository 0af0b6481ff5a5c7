// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A row for every kind of error in a configuration, with the whole message and its place. */
#include "config-common.h"

#define ADDR "an IPv4 or IPv6 unicast address, as in 192.0.2.1 or 2001:db8::1"
#define NAME                                                                                       \
	"1 to 15 printable ASCII characters without \"/\", \":\", \"%\" and space, not "           \
	"\".\", \"..\", \"all\" or \"default\""
#define HOST   "an address with its length, as in 192.0.2.1/24 or 2001:db8::1/64"
#define PREFIX "a prefix, as in 192.0.2.0/24 or 2001:db8::/32"
#define KEY    "0 to 4294967295, or a dotted quad"
#define TUNNEL_KEYS                                                                                \
	"local, remote, key, keys, mtu, pmtudisc, ignore-df, sequence, ttl, tos, device, "         \
	"checksum, keepalive, addresses, routes, sources, fast-path"

struct row {
	const char *name;
	const char *text;
	const char *errors;
};

static const struct row file_rows[] = {
	{"empty file", "",
	 "f:1:1: no configuration in it; accepted: a mapping with version: 1 and ports\n"},
	{"only a comment", "# nothing\n\n",
	 "f:1:1: no configuration in it; accepted: a mapping with version: 1 and ports\n"},
	{"a scalar", "hello\n",
	 "f:1:1: the file: \"hello\" is not accepted; accepted: a mapping with version: 1 and "
	 "ports\n"},
	{"a list", "- version: 1\n",
	 "f:1:1: the file: a list is not accepted; accepted: a mapping with version: 1 and "
	 "ports\n"},
	{"an empty document", "---\n",
	 "f:2:1: the file: an empty value is not accepted; accepted: a mapping with version: 1 and "
	 "ports\n"},
	{"nothing required is there", "tunnels: {}\n",
	 "f:1:1: no version; accepted: version: 1\n"
	 "f:1:1: no ports; accepted: ports: {eth0: {}}\n"},
	{"version 2", "version: 2\nports: {eth0: {}}\n",
	 "f:1:10: version: \"2\" is not accepted; accepted: 1\n"},
	{"version as a word", "version: one\nports: {eth0: {}}\n",
	 "f:1:10: version: \"one\" is not accepted; accepted: 1\n"},
	{"ports without a value", "version: 1\nports:\n",
	 "f:2:7: ports: an empty value is not accepted; accepted: a mapping of ports, as in "
	 "{eth0: {}}\n"},
	{"ports as a list", "version: 1\nports: [eth0]\n",
	 "f:2:8: ports: a list is not accepted; accepted: a mapping of ports, as in {eth0: {}}\n"},
	{"tunnels as a list", "version: 1\nports: {eth0: {}}\ntunnels: [a]\n",
	 "f:3:10: tunnels: a list is not accepted; accepted: a mapping of tunnels, as in {gre1: "
	 "{local: 192.0.2.1, remote: 198.51.100.1}}\n"},
	{"unknown key at the top", "version: 1\nports: {eth0: {}}\ntunnel: {}\n",
	 "f:3:1: unknown key \"tunnel\" (did you mean \"tunnels\"?); accepted: version, ports, "
	 "tunnels\n"},
	{"unknown key, none near", "version: 1\nports: {eth0: {}}\nnetwork: {a: [b, {c: d}]}\n",
	 "f:3:1: unknown key \"network\"; accepted: version, ports, tunnels\n"},
	{"repeated key at the top", "version: 1\nports: {eth0: {}}\nversion: 1\n",
	 "f:3:1: version is there already, at line 1; accepted: each key once\n"},
	{"two documents", "version: 1\nports: {eth0: {}}\n---\nversion: 1\n",
	 "f:3:1: a second document; accepted: one document a file\n"},
	{"a key that is a list", "version: 1\nports: {eth0: {}}\n? [a, b]\n: 1\n",
	 "f:3:3: a list as a key; accepted: a word\n"},
	{"a key that is a mapping", "version: 1\nports: {eth0: {}}\n{a: b}: 1\n",
	 "f:3:1: a mapping as a key; accepted: a word\n"},
	{"an anchor", "version: 1\nports: &a {eth0: {}}\n",
	 "f:2:8: an anchor, \"a\"; accepted: values without anchors\n"},
	{"an alias", "version: 1\nports: {eth0: {}}\ntunnels: *x\n",
	 "f:3:10: an alias of \"x\"; accepted: the value itself, written out\n"},
	{"an alias as a key", "version: 1\nports: {eth0: {}}\n*x : 1\n",
	 "f:3:1: an alias of \"x\"; accepted: the value itself, written out\n"},
	{"a tag", "version: !!int 1\nports: {eth0: {}}\n",
	 "f:1:10: a tag, \"tag:yaml.org,2002:int\"; accepted: values without tags\n"},
	{"a tag of its own with an escape", "version: !%1b%5b2J 1\nports: {eth0: {}}\n",
	 "f:1:10: a tag, \"!\\x1b[2J\"; accepted: values without tags\n"},
	{"a merge key", "version: 1\nports: {eth0: {}}\n<<: {a: 1}\n",
	 "f:3:1: a merge key (<<); accepted: the options themselves: version, ports, tunnels\n"},
	{"too deep",
	 "version: 1\nx: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
	 "f:2:1: unknown key \"x\"; accepted: version, ports, tunnels\n"
	 "f:2:36: nested too deeply; accepted: the options' own depth\n"},
	{"a NUL written out", "version: \"1\\0\"\nports: {eth0: {}}\n",
	 "f:1:10: a NUL character in a value; accepted: text\n"},
	{"control characters in a message", "version: \"\\e[31m\\x7f\"\nports: {eth0: {}}\n",
	 "f:1:10: version: \"\\x1b[31m\\x7f\" is not accepted; accepted: 1\n"},
	{"a long value in a message, cut between characters",
	 "version: 123456789012345678901234567890123456789\xc3\xa4\xc3\xb6\nports: {eth0: {}}\n",
	 "f:1:10: version: \"123456789012345678901234567890123456789...\" is not accepted; "
	 "accepted: 1\n"},
};

static const struct row syntax_rows[] = {
	{"a tab as indentation", "version: 1\nports:\n\teth0: {}\n",
	 "f:3:1: YAML syntax: a tab; accepted: spaces\n"},
	{"a list that does not end", "version: 1\nports: {eth0: {}}\ntunnels: [a,\n",
	 "f:3:10: tunnels: a list is not accepted; accepted: a mapping of tunnels, as in {gre1: "
	 "{local: 192.0.2.1, remote: 198.51.100.1}}\n"
	 "f:4:1: YAML syntax: did not find expected node content, while parsing a flow node that "
	 "starts at line 4\n"},
	{"a quote that does not end", "version: 1\nports: \"eth0\n",
	 "f:3:1: YAML syntax: found unexpected end of stream, while scanning a quoted scalar that "
	 "starts at line 2\n"},
	{"a colon too many", "version: 1: 2\n",
	 "f:1:11: YAML syntax: mapping values are not allowed in this context\n"},
	{"wrong indentation", "version: 1\nports:\n  eth0: {}\n tunnels: {}\n",
	 "f:4:2: YAML syntax: did not find expected key, while parsing a block mapping that starts "
	 "at line 1\n"},
	{"an unknown escape", "version: \"\\q\"\n",
	 "f:1:11: YAML syntax: found unknown escape character, while parsing a quoted scalar that "
	 "starts at line 1\n"},
	{"a reserved character", "version: @1\n",
	 "f:1:10: YAML syntax: found character that cannot start any token, while scanning for the "
	 "next token that starts at line 1\n"},
	{"syntax error after others", "version: 7\nfoo: 1\nports: }\n",
	 "f:1:10: version: \"7\" is not accepted; accepted: 1\n"
	 "f:2:1: unknown key \"foo\"; accepted: version, ports, tunnels\n"
	 "f:3:8: YAML syntax: did not find expected node content, while parsing a block node that "
	 "starts at line 3\n"},
	{"invalid UTF-8", "version: 1\n# \xc3\xa4\xff\nports: {eth0: {}}\n",
	 "f:2:4: a byte that is no text (0xff); accepted: UTF-8 without control characters\n"},
	{"overlong UTF-8", "version: \xc0\xaf\n",
	 "f:1:10: a byte that is no text (0xc0); accepted: UTF-8 without control characters\n"},
	{"UTF-8 cut off", "version: \xe2\x82",
	 "f:1:10: a byte that is no text (0xe2); accepted: UTF-8 without control characters\n"},
	{"a control character", "version: \x01\n",
	 "f:1:10: a byte that is no text (0x01); accepted: UTF-8 without control characters\n"},
	{"UTF-16", "\xff\xfev",
	 "f:1:1: a byte that is no text (0xff); accepted: UTF-8 without control characters\n"},
};

static const struct row port_rows[] = {
	{"a port as a word", "version: 1\nports:\n  eth0: native\n",
	 "f:3:9: eth0: \"native\" is not accepted; accepted: {} or a mapping of the port's "
	 "options\n"},
	{"unknown key of a port", "version: 1\nports:\n  eth0: {xpd: auto}\n",
	 "f:3:10: unknown key \"xpd\" (did you mean \"xdp\"?); accepted: xdp, dispatcher, role, unclaimed\n"},
	{"bad words",
	 "version: 1\nports:\n  eth0:\n    xdp: fast\n    role: both,\n    unclaimed:\n",
	 "f:4:10: xdp: \"fast\" is not accepted; accepted: auto, native, skb, generic or off\n"
	 "f:5:11: role: \"both,\" is not accepted; accepted: both, underlay or overlay\n"
	 "f:6:15: unclaimed: an empty value is not accepted; accepted: kernel or drop\n"},
	{"a list in a word's place", "version: 1\nports:\n  eth0: {xdp: [auto]}\n",
	 "f:3:15: xdp: a list is not accepted; accepted: auto, native, skb, generic or off\n"},
	{"repeated key of a port", "version: 1\nports:\n  eth0: {xdp: auto, xdp: off}\n",
	 "f:3:21: xdp is there already, at line 3; accepted: each key once\n"},
	{"the same port twice", "version: 1\nports:\n  eth0: {}\n  eth1:\n  eth0:\n",
	 "f:5:3: eth0 is the name of a port already, at line 3; accepted: each name once\n"},
	{"names that are none",
	 "version: 1\nports:\n  a/b: {}\n  a b: {}\n  \"a:b\": {}\n  .: {}\n  ..: {}\n  \"\": {}\n"
	 "  abcdefghijklmnop: {}\n  veth%d: {}\n  all: {}\n  \"a\\tb\": {}\n  \xc3\xa4: {}\n",
	 "f:3:3: \"a/b\" is no interface name; accepted: " NAME "\n"
	 "f:4:3: \"a b\" is no interface name; accepted: " NAME "\n"
	 "f:5:3: \"a:b\" is no interface name; accepted: " NAME "\n"
	 "f:6:3: \".\" is no interface name; accepted: " NAME "\n"
	 "f:7:3: \"..\" is no interface name; accepted: " NAME "\n"
	 "f:8:3: \"\" is no interface name; accepted: " NAME "\n"
	 "f:9:3: \"abcdefghijklmnop\" is no interface name; accepted: " NAME "\n"
	 "f:10:3: \"veth%d\" is no interface name; accepted: " NAME "\n"
	 "f:11:3: \"all\" is no interface name; accepted: " NAME "\n"
	 "f:12:3: \"a\\x09b\" is no interface name; accepted: " NAME "\n"
	 "f:13:3: \"\xc3\xa4\" is no interface name; accepted: " NAME "\n"},
};

static const struct row tunnel_rows[] = {
	{"no local, no remote", HEAD "  t: {}\n",
	 "f:5:3: t: no local; accepted: local: an address of a port\n"
	 "f:5:3: t: no remote; accepted: remote: the address of the peer\n"},
	{"a tunnel without a value", HEAD "  t:\n",
	 "f:5:5: t: an empty value is not accepted; accepted: a mapping with local and remote\n"},
	{"no interface name", HEAD "  a:b: {remote: 192.0.2.1}\n",
	 "f:5:3: \"a:b\" is no interface name; accepted: " NAME "\n"
	 "f:5:3: tunnel: no local; accepted: local: an address of a port\n"},
	{"unknown key of a tunnel", REMOTE "    fastpath: on\n",
	 "f:8:5: unknown key \"fastpath\" (did you mean \"fast-path\"?); accepted: " TUNNEL_KEYS
	 "\n"},
	{"repeated key of a tunnel", REMOTE "    local: 192.0.2.1\n",
	 "f:8:5: local is there already, at line 6; accepted: each key once\n"},
	{"no addresses", HEAD "  t:\n    local: 192.0.2\n    remote: [192.0.2.2]\n",
	 "f:6:12: local: \"192.0.2\" is not accepted; accepted: " ADDR "\n"
	 "f:7:13: remote: a list is not accepted; accepted: " ADDR "\n"},
	{"an address with a length", TUNNEL "    remote: 192.0.2.2/24\n",
	 "f:7:13: remote: \"192.0.2.2/24\" is not accepted; accepted: " ADDR "\n"},
	{"unspecified, loopback", HEAD "  t:\n    local: 0.0.0.0\n    remote: 127.0.0.1\n",
	 "f:6:12: local: 0.0.0.0 is an unspecified address; accepted: " ADDR "\n"
	 "f:7:13: remote: 127.0.0.1 is a loopback address; accepted: " ADDR "\n"},
	{"multicast, broadcast", HEAD "  t:\n    local: 224.0.0.1\n    remote: 255.255.255.255\n",
	 "f:6:12: local: 224.0.0.1 is a multicast address; accepted: " ADDR "\n"
	 "f:7:13: remote: 255.255.255.255 is a broadcast address; accepted: " ADDR "\n"},
	{"IPv6 unspecified, loopback", HEAD "  t:\n    local: \"::\"\n    remote: ::1\n",
	 "f:6:12: local: :: is an unspecified address; accepted: " ADDR "\n"
	 "f:7:13: remote: ::1 is a loopback address; accepted: " ADDR "\n"},
	{"IPv6 multicast, link-local", HEAD "  t:\n    local: ff02::1\n    remote: fe80::1\n",
	 "f:6:12: local: ff02::1 is a multicast address; accepted: " ADDR "\n"
	 "f:7:13: remote: fe80::1 is a link-local address; accepted: " ADDR "\n"},
	{"IPv6 in an IPv4 place", TUNNEL "    remote: 2001:db8::1\n",
	 "f:7:13: remote: 2001:db8::1 is IPv6, and local is IPv4; accepted: both of one family\n"},
	{"IPv4 in an IPv6 place", HEAD "  t:\n    remote: 192.0.2.1\n    local: 2001:db8::1\n",
	 "f:6:13: remote: 192.0.2.1 is IPv4, and local is IPv6; accepted: both of one family\n"},
	{"both ends the same", TUNNEL "    remote: 192.0.2.1\n",
	 "f:7:13: remote: 192.0.2.1 is local as well; accepted: the address of the peer\n"},
	{"key too large", REMOTE "    key: 4294967296\n",
	 "f:8:10: key: \"4294967296\" is not accepted; accepted: " KEY "\n"},
	{"key no quad", REMOTE "    key: 1.2.3\n",
	 "f:8:10: key: \"1.2.3\" is not accepted; accepted: " KEY "\n"},
	{"key negative", REMOTE "    key: -1\n",
	 "f:8:10: key: \"-1\" is not accepted; accepted: " KEY "\n"},
	{"key that is octal to some", REMOTE "    key: 010\n",
	 "f:8:10: key: \"010\" is not accepted; accepted: " KEY "\n"},
	{"key and keys", REMOTE "    key: 1\n    keys: {input: 2, output: 3}\n",
	 "f:9:5: both key and keys; accepted: one of them\n"},
	{"keys as a number", REMOTE "    keys: 1\n",
	 "f:8:11: keys: \"1\" is not accepted; accepted: {input: KEY, output: KEY} or one of "
	 "them\n"},
	{"keys with nothing in it", REMOTE "    keys: {}\n",
	 "f:8:11: keys: neither input nor output; accepted: {input: KEY, output: KEY} or one of "
	 "them\n"},
	{"keys with other words", REMOTE "    keys: {in: 1, output: x}\n",
	 "f:8:12: unknown key \"in\"; accepted: input, output\n"
	 "f:8:27: output: \"x\" is not accepted; accepted: " KEY "\n"},
	{"ttl 0", REMOTE "    ttl: 0\n",
	 "f:8:10: ttl: \"0\" is not accepted; accepted: 1 to 255, or inherit\n"},
	{"ttl 256", REMOTE "    ttl: 256\n",
	 "f:8:10: ttl: \"256\" is not accepted; accepted: 1 to 255, or inherit\n"},
	{"tos 256", REMOTE "    tos: 0x100\n",
	 "f:8:10: tos: \"0x100\" is not accepted; accepted: 0 to 255, or inherit\n"},
	{"tos without digits", REMOTE "    tos: 0x\n",
	 "f:8:10: tos: \"0x\" is not accepted; accepted: 0 to 255, or inherit\n"},
	{"mtu 67", REMOTE "    mtu: 67\n",
	 "f:8:10: mtu: \"67\" is not accepted; accepted: 68 to 65500\n"},
	{"mtu 65501", REMOTE "    mtu: 65501\n",
	 "f:8:10: mtu: \"65501\" is not accepted; accepted: 68 to 65500\n"},
	{"mtu as a mapping", REMOTE "    mtu: {}\n",
	 "f:8:10: mtu: a mapping is not accepted; accepted: 68 to 65500\n"},
	{"mtu with a fraction", REMOTE "    mtu: 1460.0\n",
	 "f:8:10: mtu: \"1460.0\" is not accepted; accepted: 68 to 65500\n"},
	{"mtu 1279 with an IPv6 address", REMOTE "    mtu: 1279\n    addresses: [2001:db8::1/64]\n",
	 "f:8:10: mtu: 1279 is too small for the tunnel's IPv6; accepted: 1280 to 65500\n"},
	{"mtu 1279 with an IPv6 route", REMOTE "    routes: [to: 2001:db8::/64]\n    mtu: 1279\n",
	 "f:9:10: mtu: 1279 is too small for the tunnel's IPv6; accepted: 1280 to 65500\n"},
	{"no truth values", REMOTE "    pmtudisc: 1\n    ignore-df: y\n",
	 "f:8:15: pmtudisc: \"1\" is not accepted; accepted: true or false\n"
	 "f:9:16: ignore-df: \"y\" is not accepted; accepted: true or false\n"},
	{"pmtudisc with ignore-df", REMOTE "    ignore-df: true\n    pmtudisc: yes\n",
	 "f:8:5: ignore-df: true with pmtudisc: true; accepted: one of them true\n"},
	{"sequence on the kernel's device", REMOTE "    sequence: true\n    device: kernel\n",
	 "f:8:15: sequence: true with device: kernel; accepted: one of them\n"},
	{"sequence, no truth value", REMOTE "    sequence: 7\n",
	 "f:8:15: sequence: \"7\" is not accepted; accepted: true or false\n"},
	{"checksum, no truth value", REMOTE "    checksum: maybe\n",
	 "f:8:15: checksum: \"maybe\" is not accepted; accepted: true or false\n"},
	{"keepalive without a mapping", REMOTE "    keepalive: true\n",
	 "f:8:16: keepalive: \"true\" is not accepted; accepted: a mapping, as in "
	 "{interval: 10s, retries: 3}, or {}\n"},
	{"keepalive out of range", REMOTE "    keepalive: {interval: 0s, retries: 256}\n",
	 "f:8:27: interval: \"0s\" is not accepted; accepted: 1s to 3600s\n"
	 "f:8:40: retries: \"256\" is not accepted; accepted: 1 to 255\n"},
	{"keepalive in another unit", REMOTE "    keepalive: {interval: 1m}\n",
	 "f:8:27: interval: \"1m\" is not accepted; accepted: 1s to 3600s\n"},
	{"fast-path as a truth value", REMOTE "    fast-path: true\n",
	 "f:8:16: fast-path: \"true\" is not accepted; accepted: auto, on or off\n"},
	{"addresses as a word", REMOTE "    addresses: 10.0.0.1/24\n",
	 "f:8:16: addresses: \"10.0.0.1/24\" is not accepted; accepted: a list, as in "
	 "[192.0.2.1/24, 2001:db8::1/64]\n"},
	{"bad addresses", REMOTE "    addresses: [10.0.0.1, 10.0.0.1/33, {}, 224.0.0.1/4]\n",
	 "f:8:17: addresses: \"10.0.0.1\" is not accepted; accepted: " HOST "\n"
	 "f:8:27: addresses: \"10.0.0.1/33\" is not accepted; accepted: " HOST "\n"
	 "f:8:40: addresses: a mapping is not accepted; accepted: " HOST "\n"
	 "f:8:44: addresses: 224.0.0.1 is a multicast address; accepted: " HOST "\n"},
	{"an address twice",
	 REMOTE "    addresses:\n    - 10.0.0.2/24\n    - 10.0.0.1/24\n    - 10.0.0.2/32\n",
	 "f:11:7: addresses: 10.0.0.2/32 is there already, at line 9; accepted: each address "
	 "once\n"},
	{"sources, another word", REMOTE "    sources: all\n",
	 "f:8:14: sources: \"all\" is not accepted; accepted: default, any, or a list of "
	 "prefixes\n"},
	{"bad sources", REMOTE "    sources: [any, 10.0.0.1/8, 10.0.0.0/9, 10.0.0.0/9]\n",
	 "f:8:15: sources: \"any\" is not accepted; accepted: " PREFIX "\n"
	 "f:8:20: sources: 10.0.0.1/8 has host bits set; accepted: 10.0.0.0/8\n"
	 "f:8:44: sources: 10.0.0.0/9 is there already, at line 8; accepted: each prefix once\n"},
};

static const struct row route_rows[] = {
	{"routes as a mapping", REMOTE "    routes: {to: 10.0.0.0/8}\n",
	 "f:8:13: routes: a mapping is not accepted; accepted: a list, as in [{to: "
	 "192.0.2.0/24}]\n"},
	{"a route as a word", REMOTE "    routes: [10.0.0.0/8]\n",
	 "f:8:14: routes: \"10.0.0.0/8\" is not accepted; accepted: a mapping, as in {to: "
	 "192.0.2.0/24}\n"},
	{"a route without to", REMOTE "    routes: [{via: 10.0.0.1}]\n",
	 "f:8:14: routes: an item without to; accepted: a mapping, as in {to: 192.0.2.0/24}\n"},
	{"unknown key of a route", REMOTE "    routes: [{to: 10.0.0.0/8, dev: eth0}]\n",
	 "f:8:31: unknown key \"dev\"; accepted: to, via, metric, table\n"},
	{"host bits", REMOTE "    routes:\n    - to: 10.0.0.1/8\n    - to: 2001:db8::1/32\n",
	 "f:9:11: to: 10.0.0.1/8 has host bits set; accepted: 10.0.0.0/8\n"
	 "f:10:11: to: 2001:db8::1/32 has host bits set; accepted: 2001:db8::/32\n"},
	{"no prefix", REMOTE "    routes: [to: 10.0.0.0, to: any]\n",
	 "f:8:18: to: \"10.0.0.0\" is not accepted; accepted: " PREFIX ", or default\n"
	 "f:8:32: to: \"any\" is not accepted; accepted: " PREFIX ", or default\n"},
	{"via of the other family",
	 REMOTE "    routes:\n    - via: 2001:db8::1\n      to: 10.0.0.0/8\n"
		"    - to: 2001:db8::/32\n      via: 10.0.0.1\n",
	 "f:9:12: via: 2001:db8::1 is IPv6, and to is IPv4; accepted: an address of the prefix's "
	 "family\n"
	 "f:12:12: via: 10.0.0.1 is IPv4, and to is IPv6; accepted: an address of the prefix's "
	 "family\n"},
	{"via nowhere", REMOTE "    routes: [{to: 10.0.0.0/8, via: 0.0.0.0}]\n",
	 "f:8:36: via: 0.0.0.0 is an unspecified address; accepted: " ADDR "\n"},
	{"metric and table out of range",
	 REMOTE "    routes: [{to: 10.0.0.0/8, metric: 4294967296, table: 0}]\n",
	 "f:8:39: metric: \"4294967296\" is not accepted; accepted: 0 to 4294967295\n"
	 "f:8:58: table: \"0\" is not accepted; accepted: 1 to 4294967295, or main\n"},
	{"a prefix twice in a tunnel",
	 REMOTE "    routes:\n    - to: 10.0.0.0/8\n    - to: 10.0.0.0/9\n"
		"    - {to: 10.0.0.0/8, table: 7}\n",
	 "f:11:12: to: 10.0.0.0/8 is there already, at line 9; accepted: each prefix once\n"},
	{"default twice", REMOTE "    routes: [to: default, to: 0.0.0.0/0, to: \"::/0\"]\n",
	 "f:8:31: to: 0.0.0.0/0 is there already, at line 8; accepted: each prefix once\n"},
	{"default of IPv6 twice",
	 REMOTE "    routes: [{to: default, via: fe80::1}, {to: \"::/0\"}]\n",
	 "f:8:48: to: ::/0 is there already, at line 8; accepted: each prefix once\n"},
};

static const struct row cross_rows[] = {
	{"a tunnel named like a port", HEAD "  eth0: {local: 192.0.2.1, remote: 192.0.2.2}\n",
	 "f:5:3: eth0 is the name of a port already, at line 3; accepted: each name once\n"},
	{"a port named like a tunnel",
	 "version: 1\ntunnels:\n  x: {local: 192.0.2.1, remote: 192.0.2.2}\nports: {x: {}}\n",
	 "f:3:3: x is the name of a port already, at line 4; accepted: each name once\n"},
	{"the same tunnel twice is one error",
	 HEAD "  t: {local: 192.0.2.1, remote: 192.0.2.2, routes: [to: 10.0.0.0/8]}\n"
	      "  t: {local: 192.0.2.1, remote: 192.0.2.2, routes: [to: 10.0.0.0/8]}\n",
	 "f:6:3: t is the name of a tunnel already, at line 5; accepted: each name once\n"},
	{"the same endpoints, no key",
	 HEAD "  t: {local: 192.0.2.1, remote: 192.0.2.2}\n"
	      "  u: {local: 192.0.2.1, remote: 192.0.2.2}\n",
	 "f:6:3: u has local, remote and input key of the tunnel at line 5; accepted: tunnels that "
	 "differ in one of them\n"},
	{"the same endpoints, the same input key",
	 HEAD "  t: {local: 192.0.2.1, remote: 192.0.2.2, key: 1}\n"
	      "  v: {local: 192.0.2.1, remote: 192.0.2.2, key: 2}\n"
	      "  u: {local: 192.0.2.1, remote: 192.0.2.2, keys: {input: 0.0.0.1, output: 3}}\n",
	 "f:7:3: u has local, remote and input key of the tunnel at line 5; accepted: tunnels that "
	 "differ in one of them\n"},
	{"a key that is not known is not compared",
	 HEAD "  t: {local: 192.0.2.1, remote: 192.0.2.2}\n"
	      "  u: {local: 192.0.2.1, remote: 192.0.2.2, key: x}\n",
	 "f:6:49: key: \"x\" is not accepted; accepted: " KEY "\n"},
	{"a prefix in two tunnels",
	 HEAD "  t: {local: 192.0.2.1, remote: 192.0.2.2, routes: [to: 10.0.0.0/8]}\n"
	      "  u: {local: 192.0.2.1, remote: 192.0.2.3, routes: [to: 10.0.0.0/8]}\n",
	 "f:6:57: to: 10.0.0.0/8 is there already, at line 5; accepted: each prefix once\n"},
	{"everything at once, in order",
	 "version: 3\nports:\n  eth0: {xdp: x}\ntunnels:\n"
	 "  t: {local: 192.0.2.1, remote: 192.0.2.2, routes: [to: 10.0.0.0/8], mtu: 1}\n"
	 "  u: {local: 192.0.2.1, remote: 192.0.2.2, routes: [to: 10.0.0.0/8], ttl: 0}\n"
	 "  eth0: {}\nfoo: 1\n",
	 "f:1:10: version: \"3\" is not accepted; accepted: 1\n"
	 "f:3:15: xdp: \"x\" is not accepted; accepted: auto, native, skb, generic or off\n"
	 "f:5:75: mtu: \"1\" is not accepted; accepted: 68 to 65500\n"
	 "f:6:3: u has local, remote and input key of the tunnel at line 5; accepted: tunnels that "
	 "differ in one of them\n"
	 "f:6:57: to: 10.0.0.0/8 is there already, at line 5; accepted: each prefix once\n"
	 "f:6:75: ttl: \"0\" is not accepted; accepted: 1 to 255, or inherit\n"
	 "f:7:3: eth0: no local; accepted: local: an address of a port\n"
	 "f:7:3: eth0: no remote; accepted: remote: the address of the peer\n"
	 "f:7:3: eth0 is the name of a port already, at line 3; accepted: each name once\n"
	 "f:8:1: unknown key \"foo\"; accepted: version, ports, tunnels\n"},
};

static void test_rows(const struct row *rows, size_t count)
{
	char *errors;
	size_t i;
	int err;

	for (i = 0; i < count; i++) {
		errors = errors_of(rows[i].text, strlen(rows[i].text), &err);
		is_str(errors, rows[i].errors, "%s", rows[i].name);
		if (err != -EINVAL)
			is_int(err, -EINVAL, "%s: the code", rows[i].name);
		free(errors);
	}
}

#define TEST_ROWS(rows) test_rows(rows, sizeof(rows) / sizeof((rows)[0]))

/* A NUL in the bytes, which no string literal of the tables can hold. */
static void test_nul(void)
{
	static const char text[] = "version: 1\nports:\n  eth0: {}\n  \0: {}\n";
	int err;
	char *errors = errors_of(text, sizeof(text) - 1, &err);

	is_str(errors,
	       "f:4:3: a byte that is no text (0x00); accepted: UTF-8 without control "
	       "characters\n",
	       "a NUL byte");
	free(errors);
}

static void test_many_errors(void)
{
	struct config_errors errors;
	char *text, *printed, *last;
	size_t size, i;
	struct model m;
	FILE *f;

	f = open_memstream(&text, &size);
	fprintf(f, "version: 1\nports: {eth0: {}}\n");
	for (i = 0; i < 100000; i++)
		fprintf(f, "k%zu: 1\n", i);
	fclose(f);
	is_int(config_parse(text, size, &m, &errors), -EINVAL, "100000 errors");
	is_int(errors.count, CONFIG_ERRORS_MAX, "are kept up to a limit");
	is_int(errors.dropped, 100000 - CONFIG_ERRORS_MAX, "and counted beyond");
	free(text);
	f = open_memstream(&printed, &size);
	config_errors_print(&errors, "f", f);
	fclose(f);
	last = strstr(printed, "f:102:1:");
	is_str(last ? strchr(last, '\n') + 1 : NULL, "f: 99900 more errors are not shown\n",
	       "and the count is printed");
	free(printed);
	config_errors_free(&errors);
}

static void test_many_ports(void)
{
	char *text, *errors;
	size_t size, i;
	FILE *f;
	int err;

	f = open_memstream(&text, &size);
	fprintf(f, "version: 1\nports:\n");
	for (i = 1; i <= XGRE_PORTS_MAX + 2; i++)
		fprintf(f, "  eth%zu: {}\n", i);
	fclose(f);
	errors = errors_of(text, size, &err);
	is_str(errors, "f:67:3: port number 65; accepted: up to 64 ports\n", "66 ports");
	free(errors);
	free(text);
}

int main(void)
{
	TEST_ROWS(file_rows);
	TEST_ROWS(syntax_rows);
	TEST_ROWS(port_rows);
	TEST_ROWS(tunnel_rows);
	TEST_ROWS(route_rows);
	TEST_ROWS(cross_rows);
	test_nul();
	test_many_errors();
	test_many_ports();
	return done();
}
