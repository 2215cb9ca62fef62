/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as a VM's nics write them: "192.0.2.7/24", "2001:db8::7/64", "dhcp", "addrconf",
 * netmasks. Pure; tools.
 */
#ifndef ZHYVE_ZONE_VMIP_H
#define ZHYVE_ZONE_VMIP_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>

#define VMIP_TEXT_MAX (INET6_ADDRSTRLEN + 4) /* an address with its prefix, and the end byte */

/*
 * "address" or "address/bits": AF_INET or AF_INET6 with the address in network order and its
 * bits (all, when there is no prefix); 0 when it is neither.
 */
int vmip_parse(const char *text, uint8_t addr[16], unsigned *bits);

/* "dhcp" or "addrconf". */
bool vmip_is_dynamic(const char *ip);

/*
 * An entry of a nic's ips: dynamic, or IPv4 with 8 to 32 bits or IPv6 with 0 to 128 (vmadm.md
 * 5). NULL is none.
 */
bool vmip_valid(const char *ip);

/* Bits of an IPv4 netmask; -1 when it is none. And back. */
int vmip_mask_bits(const char *mask);
void vmip_mask_text(unsigned bits, char out[INET_ADDRSTRLEN]);

#endif
