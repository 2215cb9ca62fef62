/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of nics: see vmip.h. Pure; tools. */
#include "zone/vmip.h"

#include <string.h>

#include "base/parse.h"

int
vmip_parse(const char *text, uint8_t addr[16], unsigned *bits)
{
	char host[VMIP_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	uint32_t n = UINT32_MAX;
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	unsigned most = family == AF_INET6 ? 128 : 32;

	if (len >= sizeof(host))
		return (0);
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(family, host, addr) != 1)
		return (0);
	if (slash != NULL && parse_u32(slash + 1, 0, most, &n) < 0)
		return (0);
	*bits = slash != NULL ? n : most;
	return (family);
}

bool
vmip_is_dynamic(const char *ip)
{
	return (strcmp(ip, "dhcp") == 0 || strcmp(ip, "addrconf") == 0);
}

bool
vmip_valid(const char *ip)
{
	uint8_t addr[16];
	unsigned bits;
	int family;

	if (ip == NULL)
		return (false);
	if (vmip_is_dynamic(ip))
		return (true);
	if (strchr(ip, '/') == NULL || (family = vmip_parse(ip, addr, &bits)) == 0)
		return (false);
	return (family == AF_INET6 || bits >= 8);
}

int
vmip_mask_bits(const char *mask)
{
	struct in_addr in;
	uint32_t m;

	if (inet_pton(AF_INET, mask, &in) != 1)
		return (-1);
	m = ntohl(in.s_addr);
	return ((~m & (~m + 1)) != 0 ? -1 : __builtin_popcount(m));
}

void
vmip_mask_text(unsigned bits, char out[INET_ADDRSTRLEN])
{
	struct in_addr in = { .s_addr = htonl(bits == 0 ? 0 : ~UINT32_C(0) << (32 - bits)) };

	(void)inet_ntop(AF_INET, &in, out, INET_ADDRSTRLEN);
}
