/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg's reader of a zone's XML file, as SmartOS keeps it (/etc/zones/NAME.xml, zones.md 5).
 * Strict: an element or attribute that is not known is refused with its line, so that nothing is
 * lost in silence; what has a known place and no meaning in a configuration (packages, patches,
 * device permissions, debugid) is left out. Entities are refused, nothing outside of the text is
 * ever read. Pure.
 */
#ifndef ZHYVE_CMD_ZONECFG_XML_H
#define ZHYVE_CMD_ZONECFG_XML_H

#include <stddef.h>

#include "base/err.h"
#include "zone/zconf.h"

#define ZC_XML_MAX (1024 * 1024)

/*
 * The text (`len` bytes) to a configuration, which the caller frees: without uuid and did, state
 * configured, the name as it stands there. It is not verified. -EINVAL with the line.
 */
int zc_xml_parse(const char *text, size_t len, struct zconf **out, struct err *e);

#endif
