/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a packet was dropped or left the fast path: one list that is the number
 * in the data plane, the name in xgre-stat and the text for people.
 *
 * XGRE_REASON(number, ID, kind, name, text)
 *
 * Numbers are part of the ABI: never reuse one, append only. kind is DROP
 * (the packet ended here) or PUNT (the unmodified packet went to the next
 * slower path: XDP to the kernel, TC ingress to the tunnel device).
 */
#ifndef XGRE_REASONS_H
#define XGRE_REASONS_H

#define XGRE_REASONS(XGRE_REASON)                                                                  \
	/* drops */                                                                                \
	XGRE_REASON(1, MALFORMED, DROP, "malformed",                                               \
		    "truncated or contradictory headers inside a GRE packet of a tunnel")              \
	XGRE_REASON(2, FLAGS, DROP, "flags",                                                       \
		    "GRE routing, strict-source-route or recursion bits set (RFC 2784 2.3)")       \
	XGRE_REASON(3, BAD_CHECKSUM, DROP, "bad-checksum", "the GRE checksum is wrong")            \
	XGRE_REASON(4, SOURCE, DROP, "source",                                                     \
		    "inner source outside the tunnel's sources; see sources in xgre.yaml(5)")      \
	XGRE_REASON(5, LOOP, DROP, "loop",                                                         \
		    "the outer packet would enter the same tunnel again, or the inner one is "         \
		    "addressed to the tunnel's remote (RFC 2784 3.1)")                                 \
	XGRE_REASON(6, ECN, DROP, "ecn",                                                           \
		    "congestion mark on the outer header of a packet that is not ECN capable "         \
		    "(RFC 6040 4.2)")                                                                  \
	XGRE_REASON(7, TOO_BIG, DROP, "too-big",                                                   \
		    "encapsulated packet exceeds the underlay's MTU; lower the tunnel's mtu")      \
	XGRE_REASON(8, NO_ROUTE, DROP, "no-route", "no route to the tunnel's remote")              \
	XGRE_REASON(9, UNCLAIMED_DROP, DROP, "unclaimed-drop",                                     \
		    "GRE addressed to this host that no tunnel claims, on a port with "                \
		    "unclaimed: drop")                                                                 \
	XGRE_REASON(10, NO_ROOM, DROP, "no-room",                                                  \
		    "the kernel refused to add or remove a header (no memory or head room)")       \
	XGRE_REASON(11, NOT_IP, DROP, "not-ip",                                                    \
		    "a frame that is neither IPv4 nor IPv6 was sent into a tunnel device")         \
	XGRE_REASON(12, NO_TUNNEL, DROP, "no-tunnel",                                              \
		    "a packet met a tunnel that is being removed or not yet complete")             \
	XGRE_REASON(13, NO_PORT, DROP, "no-port",                                                  \
		    "the outgoing port is being removed")                                          \
	XGRE_REASON(14, OFFLOAD, DROP, "offload",                                                  \
		    "a superframe met a tunnel with checksum or sequence; its device's "               \
		    "segmentation must be off, and xgre-load apply turns it off")                  \
	XGRE_REASON(15, SEQUENCE, DROP, "sequence",                                                \
		    "late by its sequence number (RFC 2890 2.2), in a tunnel with sequence")       \
	XGRE_REASON(16, NO_SEQUENCE, DROP, "no-sequence",                                          \
		    "no sequence number, in a tunnel with sequence")                               \
	/* punts */                                                                                \
	XGRE_REASON(32, NOT_OURS, PUNT, "not-ours",                                                \
		    "traffic that concerns no tunnel: not IP, or no route of ours")                \
	XGRE_REASON(33, FOREIGN_MAC, PUNT, "foreign-mac",                                          \
		    "multicast, broadcast, or a frame for another station")                        \
	XGRE_REASON(34, IP_OPTIONS, PUNT, "ip-options",                                            \
		    "IPv4 options or an IPv6 hop-by-hop header")                                   \
	XGRE_REASON(35, IP_HEADER, PUNT, "ip-header",                                              \
		    "a bad IP header: version, length or checksum; the kernel drops it")           \
	XGRE_REASON(36, FRAGMENT, PUNT, "fragment", "fragmented outer packet, to be reassembled")  \
	XGRE_REASON(37, MARTIAN, PUNT, "martian",                                                  \
		    "an address that must not be forwarded: multicast, loopback, link-local, "         \
		    "one of our own as a source")                                                      \
	XGRE_REASON(38, TTL, PUNT, "ttl", "TTL or hop limit used up; the kernel answers")          \
	XGRE_REASON(39, SIZE, PUNT, "size",                                                        \
		    "larger than the tunnel's or the outgoing device's MTU; the kernel "               \
		    "fragments or answers")                                                            \
	XGRE_REASON(40, NO_NEIGHBOUR, PUNT, "no-neighbour",                                        \
		    "the next hop's MAC is not known; the kernel resolves it")                     \
	XGRE_REASON(41, REFRESH, PUNT, "refresh",                                                  \
		    "one packet every 5 seconds, so that the kernel confirms the next hop's "          \
		    "neighbour")                                                                       \
	XGRE_REASON(42, LOCAL, PUNT, "local", "for this host itself")                              \
	XGRE_REASON(43, UNREACHABLE, PUNT, "unreachable",                                          \
		    "the kernel's route is unreachable, prohibit, a blackhole or missing")         \
	XGRE_REASON(44, FORWARDING_OFF, PUNT, "forwarding-off",                                    \
		    "forwarding is off on the input device (sysctl net.ipv4.ip_forward)")          \
	XGRE_REASON(45, HOLE, PUNT, "hole",                                                        \
		    "a more specific kernel route or local address inside a tunnel's prefix")      \
	XGRE_REASON(46, KERNEL_ROUTE, PUNT, "kernel-route",                                        \
		    "the kernel's route for a tunnel's prefix leads elsewhere at present")         \
	XGRE_REASON(47, SLOW, PUNT, "slow",                                                        \
		    "fast-path is off for this tunnel; xgre-load preflight says why")              \
	XGRE_REASON(48, CHECKSUM, PUNT, "checksum",                                                \
		    "into a tunnel with checksum or sequence: a superframe, or a packet whose own "    \
		    "checksum is still to be made; the kernel does that")                          \
	XGRE_REASON(49, VERSION, PUNT, "version", "GRE version other than 0 (PPTP is 1)")          \
	XGRE_REASON(50, PROTOCOL, PUNT, "protocol", "GRE payload that is neither IPv4 nor IPv6")   \
	XGRE_REASON(51, UNCLAIMED, PUNT, "unclaimed",                                              \
		    "GRE addressed to this host that no tunnel claims, left to the kernel")        \
	XGRE_REASON(52, RP_FILTER, PUNT, "rp-filter",                                              \
		    "rp_filter is on and the source is not reachable that way")                    \
	XGRE_REASON(53, NOT_A_PORT, PUNT, "not-a-port",                                            \
		    "the next hop is on a device that is not a port; add it under ports")          \
	XGRE_REASON(54, TO_TUNNEL, PUNT, "to-tunnel",                                              \
		    "decapsulated here and routed into a tunnel device")                           \
	XGRE_REASON(55, ROLE, PUNT, "role", "the port's role does not include this direction")     \
	XGRE_REASON(56, FIB, PUNT, "fib", "the kernel's route lookup gave another answer")         \
	XGRE_REASON(57, PADDING, PUNT, "padding",                                                  \
		    "padding behind the packet that cannot be cut off here; the kernel does")

enum xgre_reason {
	XGRE_R_NONE = 0,
#define XGRE_REASON(number, id, kind, name, text) XGRE_R_##id = number,
	XGRE_REASONS(XGRE_REASON)
#undef XGRE_REASON
};

#define XGRE_REASON_MAX	  64 /* size of the counter array; numbers stay below it */
#define XGRE_REASON_PUNTS 32 /* first punt; smaller numbers are drops */

#endif
