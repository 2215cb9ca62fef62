/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC-32 and base64 against published values, and base64 against what it must refuse. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "zone/codec.h"

static void
test_crc(void **state)
{
	assert_int_equal(crc32_ieee("", 0), 0);
	/* The check value of the CRC catalogues. */
	assert_int_equal(crc32_ieee("123456789", 9), 0xcbf43926);
	assert_int_equal(crc32_ieee("The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
}

/* RFC 4648, section 10. */
static const struct {
	const char *plain, *coded;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", "+/+/" },
};

static void
test_base64(void **state)
{
	char text[32], back[32];
	size_t n;

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t len = strlen(vectors[i].plain);

		n = base64_encode(vectors[i].plain, len, text);
		assert_int_equal(n, BASE64_LEN(len));
		assert_string_equal(text, vectors[i].coded);
		assert_int_equal(base64_decode(text, n, back, &n), 0);
		assert_int_equal(n, len);
		assert_memory_equal(back, vectors[i].plain, len);
	}
}

static void
test_base64_every_byte(void **state)
{
	uint8_t in[256], out[256];
	char text[BASE64_LEN(256) + 1];
	size_t n;

	for (size_t len = 0; len <= sizeof(in); len++) {
		for (size_t i = 0; i < len; i++)
			in[i] = (uint8_t)(i * 7 + len);
		n = base64_encode(in, len, text);
		/* In place, as the metadata machine decodes. */
		assert_int_equal(base64_decode(text, n, text, &n), 0);
		assert_int_equal(n, len);
		memcpy(out, text, n);
		assert_memory_equal(out, in, len);
	}
}

static void
test_base64_refuses(void **state)
{
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zg===", "====", "=Zg=", "Zg=g",
		"Zm 9v", "Zm9v\n", "Zm9*", "Z-_v", "Zh==", "Zm9=", "Zg==Zg==" };
	char out[16];
	size_t n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), out, &n), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_every_byte),
		cmocka_unit_test(test_base64_refuses),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
