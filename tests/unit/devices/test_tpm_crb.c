/* SPDX-License-Identifier: BSD-2-Clause */
/* The TPM's CRB: the way of a command, what is refused, accesses of every size at every place. */
#include "devices/tpm_crb.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LOC_CTRL 0x08
#define LOC_STS  0x0c
#define CTRL_REQ 0x40
#define CTRL_STS 0x44
#define CANCEL   0x48
#define START    0x4c
#define BUFFER   0x80

static struct tpm_crb t;
static struct tpm_backend be;
static unsigned submitted, cancelled;
static size_t last_len;
static int submit_rc;

static int
submit(struct tpm_backend *b, const uint8_t *cmd, size_t len)
{
	assert_ptr_equal(b, &be);
	assert_true(len >= 10 && len <= TPM_BUFFER_SIZE);
	submitted++;
	last_len = len;
	return (submit_rc);
}

static void
cancel(struct tpm_backend *b)
{
	cancelled++;
}

static uint64_t
in(unsigned off, unsigned size)
{
	return (tpm_crb_ops.read(&t, off, size));
}

static void
out(unsigned off, unsigned size, uint64_t val)
{
	tpm_crb_ops.write(&t, off, size, val);
}

static int
setup(void **state)
{
	submitted = cancelled = 0;
	submit_rc = 0;
	be = (struct tpm_backend){ .submit = submit, .cancel = cancel };
	tpm_crb_init(&t, &be);
	return (0);
}

static void
command(uint32_t len)
{
	out(BUFFER, 2, 0x0180);
	out(BUFFER + 2, 4, __builtin_bswap32(len));
	out(BUFFER + 6, 4, 0x44010000);
	out(START, 4, 1);
}

static void
ready(void)
{
	out(LOC_CTRL, 4, 1);
	out(CTRL_REQ, 4, 1);
	assert_int_equal(in(CTRL_STS, 4), 0);
}

static void
test_command(void **state)
{
	static const uint8_t answer[12] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 0, 0, 0xaa, 0x55 };

	ready();
	command(12);
	assert_int_equal(submitted, 1);
	assert_int_equal(last_len, 12);
	assert_int_equal(in(START, 4), 1);
	out(BUFFER, 4, 0xffffffff); /* while it executes nothing changes ... */
	out(START, 4, 1);
	out(CTRL_REQ, 4, 2);
	out(LOC_CTRL, 4, 2);
	assert_int_equal(in(BUFFER, 2), 0x0180);
	assert_int_equal(submitted, 1);
	assert_int_equal(in(CTRL_STS, 4), 0);
	assert_int_equal(in(LOC_STS, 4), 1);
	out(CANCEL, 4, 1); /* ... but that it can be given up, once */
	out(CANCEL, 4, 1);
	assert_int_equal(cancelled, 1);
	assert_int_equal(in(CANCEL, 4), 1);
	be.done(be.dev, answer, sizeof(answer));
	assert_int_equal(in(START, 4), 0);
	assert_int_equal(in(CANCEL, 4), 0);
	assert_int_equal(in(BUFFER + 10, 2), 0x55aa);
	out(CTRL_REQ, 4, 2);
	assert_int_equal(in(CTRL_STS, 4), 2);
	out(LOC_CTRL, 4, 2);
	assert_int_equal(in(LOC_STS, 4), 0);
}

static void
test_refused(void **state)
{
	static const uint32_t bad[] = { 0, 9, TPM_BUFFER_SIZE + 1, 0xffffffff };

	command(12); /* no locality, idle: not even the buffer is written */
	assert_int_equal(in(BUFFER, 8), 0);
	out(LOC_CTRL, 4, 1);
	command(12);
	assert_int_equal(submitted, 0);
	ready();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		command(bad[i]);
		assert_int_equal(submitted, 0);
		assert_int_equal(in(START, 4), 0);
		assert_int_equal(in(BUFFER + 6, 4), 0x42010000);
	}
	command(TPM_BUFFER_SIZE);
	assert_int_equal(submitted, 1);
}

static void
test_failure(void **state)
{
	ready();
	submit_rc = -EIO;
	command(12);
	assert_int_equal(in(START, 4), 0);
	assert_int_equal(in(CTRL_STS, 4), 1);
	assert_int_equal(in(BUFFER + 6, 4), 0x01010000); /* TPM_RC_FAILURE */
	submit_rc = 0;
	command(12); /* for good */
	assert_int_equal(submitted, 1);
	assert_int_equal(in(START, 4), 0);
	tpm_crb_init(&t, &be);
	ready();
	command(12);
	be.done(be.dev, NULL, 0);
	assert_int_equal(in(START, 4), 0);
	assert_int_equal(in(CTRL_STS, 4), 1);
}

/* An answer to nothing, or one that is too long. */
static void
test_bad_answers(void **state)
{
	static const uint8_t big[TPM_BUFFER_SIZE + 1] = { 0x77 };

	ready();
	out(BUFFER, 1, 0x11);
	be.done(be.dev, big, 10);
	assert_int_equal(in(BUFFER, 1), 0x11);
	command(12);
	be.done(be.dev, big, sizeof(big));
	assert_int_equal(in(CTRL_STS, 4), 1);
}

static void
test_sizes(void **state)
{
	ready();
	assert_int_equal(in(0x30, 8), 0x00011014000a5811);
	assert_int_equal(in(0x31, 2), 0x0a58);
	assert_int_equal(in(0x58, 8), 0xfed4008000000f80);
	assert_int_equal(in(0x5e, 1), 0xd4);
	out(0x58, 8, 0); /* read-only */
	assert_int_equal(in(0x58, 4), 0xf80);
	out(0x7c, 8, 0x1122334455667788); /* across the edge of the buffer */
	assert_int_equal(in(BUFFER, 4), 0x11223344);
	out(0xff8, 8, 0xa1a2a3a4a5a6a7a8);
	assert_int_equal(in(0xff8, 8), 0xa1a2a3a4a5a6a7a8);
	assert_int_equal(in(0xffd, 1), 0xa3);
	out(0x40, 8, 2); /* CTRL_REQ, and nothing to CTRL_STS */
	assert_int_equal(in(CTRL_STS, 1), 2);
	out(0x41, 1, 1); /* not its first byte: no request */
	assert_int_equal(in(CTRL_STS, 1), 2);
	out(0x40, 1, 1);
	assert_int_equal(in(CTRL_STS, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_command, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_failure, setup),
		cmocka_unit_test_setup(test_bad_answers, setup),
		cmocka_unit_test_setup(test_sizes, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
