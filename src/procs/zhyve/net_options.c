/* SPDX-License-Identifier: BSD-2-Clause */
/* The options that all nics share: see net_options.h. Runs in zhyve while the machine is built. */
#include "procs/zhyve/net_options.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/parse.h"
#include "procs/zhyve/files.h"

/* One of its own for each name of a machine and slot; locally administered, illumos's prefix. */
static void
default_mac(const struct machine *m, unsigned bdf, uint8_t mac[6])
{
	uint64_t h = hash_add(hash_text(HASH_INIT, m->name), bdf);

	mac[0] = 0x02;
	mac[1] = 0x08;
	mac[2] = 0x20;
	mac[3] = (uint8_t)(h >> 40);
	mac[4] = (uint8_t)(h >> 32);
	mac[5] = (uint8_t)(h >> 24);
}

int
net_mac(struct machine *m, struct config_node *cfg, unsigned bdf, uint8_t mac[6], struct err *e)
{
	const char *text = config_get(cfg, "mac");

	if (text == NULL) {
		default_mac(m, bdf, mac);
		return (0);
	}
	if (parse_mac(text, mac) != 0)
		return (
		    err_say(e, EINVAL, "mac: '%s' is not six hexadecimal bytes with colons", text));
	if ((mac[0] & 1) != 0 || memcmp(mac, "\0\0\0\0\0", 6) == 0)
		return (err_say(e, EINVAL, "mac: '%s' is not an address of one station", text));
	return (0);
}

int
net_rom(struct config_node *cfg, struct pci_dev *d, struct err *e)
{
	return (file_add_rom(d, config_get(cfg, "rom"), true, e));
}
