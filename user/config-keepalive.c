// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A tunnel's keepalive in a configuration file. */
#include <string.h>

#include "config-field.h"

/* Seconds, with or without the unit. */
static int read_interval(struct reader *r, const struct field *f, void *target)
{
	const char *text = reader_scalar(r);
	struct tunnel *t = target;
	char number[16];
	uint32_t seconds;
	size_t len;

	if (!text)
		return refuse(r, f);
	len = strlen(text);
	if (len && text[len - 1] == 's')
		len--;
	if (len >= sizeof(number))
		return refuse(r, f);
	memcpy(number, text, len);
	number[len] = '\0';
	if (!config_parse_number(number, &seconds) || seconds < 1 || seconds > KEEPALIVE_INTERVAL_MAX)
		return refuse(r, f);
	t->keepalive_interval = seconds;
	return 0;
}

static const struct field keepalive_fields[] = {
	{.name = "interval", .accepts = "1s to 3600s", .read = read_interval},
	{.name = "retries",
	 .accepts = "1 to 255",
	 .read = read_value,
	 .min = 1,
	 .max = 255,
	 INTO(struct tunnel, keepalive_retries)},
	{0},
};

int read_keepalive(struct reader *r, const struct field *f, void *target)
{
	struct tunnel *t = target;
	struct seen seen;

	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse(r, f);
	t->keepalive_interval = KEEPALIVE_INTERVAL;
	t->keepalive_retries = KEEPALIVE_RETRIES;
	return read_fields(r, keepalive_fields, t, &seen);
}
