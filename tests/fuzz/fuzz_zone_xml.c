/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's XML file, as zonecfg create -a takes it from another host: what is read can be verified,
 * and stored and read back to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/zonecfg/xml.h"
#include "fuzz.h"
#include "zone/zconf_json.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zconf *c, *again;
	struct err e = { 0 };
	char *text;
	size_t len;

	if (zc_xml_parse((const char *)data, size, &c, &e) != 0) {
		if (c != NULL || e.text[0] == '\0')
			abort();
		return (0);
	}
	(void)zconf_verify(c, &e);
	(void)strcpy(c->uuid, "00000000-0000-4000-8000-000000000000");
	c->did = 1;
	if (zconf_json_format(c, &text, &len, &e) != 0)
		abort(); /* what expat gives is UTF-8 */
	if (zconf_json_parse(text, len, &again, &e) != 0 || !zconf_equal(c, again))
		abort();
	free(text);
	zconf_free(again);
	zconf_free(c);
	return (0);
}
