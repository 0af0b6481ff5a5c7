/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Configuration: YAML -> model with every error in it, and model -> YAML. Knows no kernel. */
#ifndef XGRE_CONFIG_H
#define XGRE_CONFIG_H

#include <stdio.h>
#include "model.h"

#define CONFIG_DEFAULT_PATH "/etc/xgre/xgre.yaml"
#define CONFIG_MAX_SIZE	    (64u << 20) /* bytes of a configuration file */

/* One finding; text is complete ("what is wrong, and what is accepted"). */
struct config_error {
	struct place place; /* line 0: about the file as a whole */
	char *text;
};

struct config_errors {
	struct config_error *items;
	size_t count;
	size_t dropped; /* found beyond CONFIG_ERRORS_MAX */
};

#define CONFIG_ERRORS_MAX 100

/*
 * Read path ("-" is standard input) or a buffer into *ret, which is initialised
 * here. 0: valid. -EINVAL: *ret is empty and *errors says why, sorted by place.
 * Other -errno: no memory. Routes get origin XGRE_ORIGIN_FILE.
 */
int config_read(const char *path, struct model *ret, struct config_errors *errors);
int config_parse(const char *text, size_t size, struct model *ret, struct config_errors *errors);

/* "FILE:LINE:COL: text" a line, to out. */
void config_errors_print(const struct config_errors *errors, const char *file, FILE *out);
void config_errors_free(struct config_errors *errors);

/*
 * Write the model as YAML that config_parse() reads back to an equal model:
 * defaults left out, same order. Routes of origin RUNTIME are written with a
 * trailing comment "# runtime"; with routes false none are written.
 * 0 or -errno of the stream.
 */
int config_write(const struct model *m, bool routes, FILE *out);

#endif
