/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A -k file, and the lists that variables hold: parsed, expanded, written out; what was written must
 * be read back to the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "vmm/config.h"

static char *
dump(struct config_node *root)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		abort();
	config_dump(root, f);
	(void)fclose(f);
	return (text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_node *one = config_create(), *two = config_create();
	char *text = malloc(size + 1), *out, *again;
	struct err e = { 0 };

	memcpy(text, data, size);
	text[size] = '\0';
	if (config_parse(one, "input", text, &e) == 0 && config_expand(one, &e) == 0) {
		out = dump(one);
		again = strdup(out);
		if (config_parse(two, "dump", again, &e) != 0 || config_expand(two, &e) != 0)
			abort();
		free(again);
		again = dump(two);
		if (strcmp(out, again) != 0)
			abort();
		free(out);
		free(again);
	}
	config_destroy(one);
	config_destroy(two);
	free(text);
	return (0);
}
