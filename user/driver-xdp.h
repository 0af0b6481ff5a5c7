/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of drivers and native XDP, which the kernel does not tell beforehand. */
#ifndef XGRE_DRIVER_XDP_H
#define XGRE_DRIVER_XDP_H

#include <stdbool.h>
#include <stdint.h>

/* NETDEV_XDP_ACT_*: linux/netdev.h came with kernel 6.3, later than the headers built with. */
#define XDP_FEATURE_BASIC    (1u << 0)
#define XDP_FEATURE_NDO_XMIT (1u << 2)
#define XDP_FEATURE_RX_SG    (1u << 5)

/*
 * The largest MTU at which the driver takes a program that can do fragmented
 * frames (xdp.frags); UINT32_MAX where no limit is known. features: what
 * netdev_xdp_features() said; known is false on kernels that cannot say.
 */
uint32_t driver_xdp_mtu(const char *driver, bool known, uint64_t features);

/* Whether XDP takes as many transmit queues again, so that half of the channels must be free. */
bool driver_xdp_needs_half(const char *driver);

#endif
