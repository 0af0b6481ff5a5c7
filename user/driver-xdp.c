// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stddef.h>
#include <string.h>
#include "driver-xdp.h"

static const struct driver {
	const char *name;
	uint32_t plain;	 /* MTU limit of frames in one buffer */
	uint32_t frags;	 /* of fragmented ones; 0: the driver has none */
	bool early;	 /* had them before kernels could say so (6.3) */
	bool needs_half; /* of its channels for XDP's own */
} drivers[] = {
	{"bnxt_en", 3500, UINT32_MAX, true, false},
	{"ena", 3498, 0, false, true},
	{"gve", 2032, 0, false, true},
	{"hv_netvsc", 3506, 0, false, false},
	{"i40e", 3046, 9702, false, false},
	{"ice", 3046, 9702, false, false},
	{"mana", 3506, 0, false, false},
	{"mlx5_core", 3498, UINT32_MAX, true, false},
	{"veth", 3520, 73152, true, false},
	{"virtio_net", 3506, UINT32_MAX, false, false},
	{"vmxnet3", 3494, 0, false, false},
};

static const struct driver *find(const char *name)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(drivers[i].name, name))
			return &drivers[i];
	return NULL;
}

uint32_t driver_xdp_mtu(const char *driver, bool known, uint64_t features)
{
	const struct driver *d = find(driver);

	if (!d)
		return UINT32_MAX;
	if (!d->frags)
		return d->plain;
	return (known ? features & XDP_FEATURE_RX_SG : d->early) ? d->frags : d->plain;
}

bool driver_xdp_needs_half(const char *driver)
{
	const struct driver *d = find(driver);

	return d && d->needs_half;
}
