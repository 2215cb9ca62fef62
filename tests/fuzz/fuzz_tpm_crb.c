/* SPDX-License-Identifier: BSD-2-Clause */
/* The TPM's CRB page, with a backend that answers when and what the input says. */
#include <assert.h>

#include "devices/tpm_crb.h"
#include "fuzz.h"

static size_t pending;

static int
submit(struct tpm_backend *b, const uint8_t *cmd, size_t len)
{
	assert(pending == 0 && len >= 10 && len <= TPM_BUFFER_SIZE);
	if ((cmd[9] & 0x0f) == 0x0f)
		return (-1);
	pending = len;
	return (0);
}

static void
cancel(struct tpm_backend *b)
{
	assert(pending != 0);
}

static void
answer(struct tpm_backend *b, struct fuzz *in)
{
	static uint8_t buf[TPM_BUFFER_SIZE + 16];
	size_t len = fuzz_u16(in) % sizeof(buf);

	(void)fuzz_bytes(in, buf, len < 64 ? len : 64);
	pending = 0;
	b->done(b->dev, len == 5 ? NULL : buf, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz in = { data, size };
	struct tpm_backend b = { .submit = submit, .cancel = cancel };
	struct tpm_crb t;

	pending = 0;
	tpm_crb_init(&t, &b);
	while (in.left > 0) {
		unsigned op = fuzz_u8(&in), bytes = fuzz_size(&in);
		unsigned off = (op & 0x40) != 0 ? fuzz_u16(&in) % TPM_CRB_LEN : fuzz_u8(&in) & 0x8f;

		if (off + bytes > TPM_CRB_LEN)
			bytes = 1;
		if ((op & 7) == 7)
			answer(&b, &in);
		else if ((op & 1) != 0)
			(void)tpm_crb_ops.read(&t, off, bytes);
		else
			tpm_crb_ops.write(&t, off, bytes, fuzz_value(&in, bytes));
	}
	return (0);
}
