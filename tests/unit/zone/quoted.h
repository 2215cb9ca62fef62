/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON in the sources of tests, where single quotes stand for double ones. Include after cmocka.h. */
#ifndef ZHYVE_TESTS_QUOTED_H
#define ZHYVE_TESTS_QUOTED_H

#include <string.h>

#include <jansson.h>

static inline json_t *
parse(const char *text)
{
	char buf[4096];
	json_error_t je;
	json_t *v;

	assert_true(strlen(text) < sizeof(buf));
	strcpy(buf, text);
	for (char *p = buf; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	v = json_loads(buf, 0, &je);
	if (v == NULL)
		fail_msg("%s: %s", buf, je.text);
	return (v);
}

#endif
