/* SPDX-License-Identifier: BSD-2-Clause */
/* A zone of the bhyve brand for tests of what the brand makes of it. Include after cmocka.h. */
#ifndef ZHYVE_TESTS_BRAND_ZONE_H
#define ZHYVE_TESTS_BRAND_ZONE_H

#include <stdio.h>
#include <string.h>

#include "zone/brand.h"

/* Its configuration, without any resource; teardown frees it. */
static struct zconf *conf;

static void
zone_setup(void)
{
	conf = zconf_new("web1");
	assert_non_null(conf);
	conf->brand = strdup("bhyve");
	conf->did = 7;
	(void)snprintf(conf->uuid, sizeof(conf->uuid), "c8b7b6a4-9d3e-4a53-9f6c-3a1f0f2d4e11");
}

static void
attr(const char *name, const char *value)
{
	assert_int_equal(zconf_attr_set(conf, name, ZATTR_STRING, value), 0);
}

static int
teardown(void **state)
{
	zconf_free(conf);
	return (0);
}

#endif
