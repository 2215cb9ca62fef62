/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TPM at its fixed address, where one is asked for (-l tpm,swtpm,SOCKET). Built in zhyve's main
 * thread before any guest code.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/tpm_swtpm.h"
#include "devices/tpm_crb.h"
#include "procs/zhyve/machine.h"

struct tpm {
	struct lock lock;
	struct tpm_crb crb;
	struct tpm_backend *backend;
};

static int
check(struct machine *m, const char *type, struct err *e)
{
	const char *version = config_text(m->config, "tpm.version", "2.0");

	if (strcmp(type, "swtpm") != 0)
		return (err_say(e, EINVAL, "TPM of type '%s': there is only swtpm", type));
	if (strcmp(version, "2.0") != 0)
		return (err_say(e, EINVAL, "TPM version '%s': there is only 2.0", version));
	if (config_get(m->config, "tpm.path") == NULL)
		return (err_say(e, EINVAL,
		    "the TPM needs the path of swtpm's control socket, as in "
		    "-l tpm,swtpm,SOCKET"));
	return (0);
}

int
legacy_tpm_create(struct machine *m, struct err *e)
{
	const char *type = config_get(m->config, "tpm.type");
	struct bus_region r = { TPM_CRB_BASE, TPM_CRB_LEN, &tpm_crb_ops, NULL, NULL, "tpm" };
	struct tpm *t;
	int rc;

	if (type == NULL)
		return (0);
	if ((rc = check(m, type, e)) != 0)
		return (rc);
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the TPM"));
	(void)pthread_mutex_init(&t->lock.mutex, NULL);
	if ((rc = tpm_swtpm_open(
		 &t->backend, config_get(m->config, "tpm.path"), m->loop, &t->lock, e)) != 0)
		return (err_ctx(e, "TPM"));
	tpm_crb_init(&t->crb, t->backend);
	r.dev = &t->crb;
	r.lock = &t->lock;
	if ((rc = machine_place(m, false, &r, e)) != 0)
		return (rc);
	m->tpm = true;
	return (0);
}
