// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include "table.h"

#define GAP	 2
#define WRAP_MIN 20 /* however wide the columns before it are */

static void pad(size_t n, FILE *out)
{
	fprintf(out, "%*s", (int)n, "");
}

/* Text from column indent on, on as many lines as it takes. */
static void print_wrapped(const char *text, size_t indent, FILE *out)
{
	size_t width = indent + WRAP_MIN < TABLE_WIDTH ? TABLE_WIDTH - indent : WRAP_MIN;

	while (strlen(text) > width) {
		size_t cut = width;

		while (cut && text[cut] != ' ')
			cut--;
		if (!cut) /* one long word */
			cut = strcspn(text, " ");
		fprintf(out, "%.*s\n", (int)cut, text);
		text += cut + strspn(text + cut, " ");
		if (!*text)
			return;
		pad(indent, out);
	}
	fprintf(out, "%s\n", text);
}

static void print_row(const struct table *t, const size_t *width, char cells[][TABLE_CELL],
		      FILE *out)
{
	size_t indent = 0;

	for (size_t c = 0; c < t->ncolumns; c++) {
		size_t fill = width[c] - strlen(cells[c]);

		if (t->columns[c].align == ALIGN_WRAP) {
			print_wrapped(cells[c], indent, out);
			return;
		}
		if (t->columns[c].align == ALIGN_RIGHT)
			pad(fill, out);
		fputs(cells[c], out);
		if (c + 1 == t->ncolumns)
			break;
		pad((t->columns[c].align == ALIGN_LEFT ? fill : 0) + GAP, out);
		indent += width[c] + GAP;
	}
	fputc('\n', out);
}

void table_print(const struct table *t, FILE *out)
{
	char cells[TABLE_COLUMNS][TABLE_CELL];
	size_t width[TABLE_COLUMNS];

	for (size_t c = 0; c < t->ncolumns; c++) {
		snprintf(cells[c], TABLE_CELL, "%s", t->columns[c].heading);
		width[c] = strlen(cells[c]);
	}
	for (size_t r = 0; r < t->nrows; r++) {
		for (size_t c = 0; c < t->ncolumns; c++) {
			char cell[TABLE_CELL];
			size_t n;

			t->cell(t->arg, r, c, cell);
			n = strlen(cell);
			if (n > width[c])
				width[c] = n;
		}
	}
	print_row(t, width, cells, out);
	for (size_t r = 0; r < t->nrows && !ferror(out); r++) {
		for (size_t c = 0; c < t->ncolumns; c++)
			t->cell(t->arg, r, c, cells[c]);
		print_row(t, width, cells, out);
	}
}

/* n in the largest unit that it reaches, three digits, cut and not rounded. */
static void scaled(uint64_t n, uint64_t base, const char *const *units, char buf[NUMBER_STRLEN])
{
	uint64_t unit = base, whole, rest;

	while (n / unit >= base) {
		unit *= base;
		units++;
	}
	whole = n / unit;
	rest = n % unit;
	while (unit >> 50) { /* or a hundred times the rest would not fit */
		rest /= base;
		unit /= base;
	}
	if (whole < 10)
		snprintf(buf, NUMBER_STRLEN, "%u.%02u%s", (unsigned int)whole,
			 (unsigned int)(rest * 100 / unit), *units);
	else if (whole < 100)
		snprintf(buf, NUMBER_STRLEN, "%u.%u%s", (unsigned int)whole,
			 (unsigned int)(rest * 10 / unit), *units);
	else
		snprintf(buf, NUMBER_STRLEN, "%u%s", (unsigned int)whole, *units);
}

const char *number_text(uint64_t n, char buf[NUMBER_STRLEN])
{
	/* units[0] is of the thousands, which are written out */
	static const char *const units[] = {"k", "M", "G", "T", "P", "E"};

	if (n < 1000)
		snprintf(buf, NUMBER_STRLEN, "%u", (unsigned int)n);
	else if (n < 1000000)
		snprintf(buf, NUMBER_STRLEN, "%u,%03u", (unsigned int)(n / 1000),
			 (unsigned int)(n % 1000));
	else
		scaled(n, 1000, units, buf);
	return buf;
}

const char *bytes_text(uint64_t n, char buf[NUMBER_STRLEN])
{
	static const char *const units[] = {" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};

	if (n < 1024)
		snprintf(buf, NUMBER_STRLEN, "%u B", (unsigned int)n);
	else
		scaled(n, 1024, units, buf);
	return buf;
}
