/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Aligned tables of text, and numbers that people can read. */
#ifndef XGRE_TABLE_H
#define XGRE_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TABLE_WIDTH   80  /* what is wrapped is wrapped here */
#define TABLE_CELL    512 /* room for the text of a cell */
#define TABLE_COLUMNS 8	  /* at most */

struct table_column {
	const char *heading;
	enum { ALIGN_LEFT, ALIGN_RIGHT, ALIGN_WRAP } align; /* WRAP: the last column alone */
};

/*
 * Cells are asked for twice, once to learn the widths: nothing is kept, so that
 * a table may have a million rows.
 */
struct table {
	const struct table_column *columns;
	size_t ncolumns;
	size_t nrows;
	void (*cell)(const void *arg, size_t row, size_t column, char ret[TABLE_CELL]);
	const void *arg;
};

void table_print(const struct table *t, FILE *out);

#define NUMBER_STRLEN 16

/* "999,999", then "1.00M": at most 7 characters. */
const char *number_text(uint64_t n, char buf[NUMBER_STRLEN]);
/* "1023 B", then "1.00 KiB": at most 8 characters. */
const char *bytes_text(uint64_t n, char buf[NUMBER_STRLEN]);

#endif
