/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical region pages: how a command says where its data is (NVM Express 1.4, 4.3). Every page
 * of a list is read once, into a private copy; a list is followed no further than the transfer's
 * length, which the caller has bounded. Refuses what is misaligned or not RAM. Runs in zhyve.
 */
#include <assert.h>

#include "base/checked.h"
#include "devices/nvme_internal.h"

#define PRP_LEN sizeof(uint64_t)

struct mapping {
	struct nvme *n;
	struct iovec *iov;
	unsigned niov;
	uint64_t left;
};

/* The next piece: from gpa to the end of its page at most. */
static uint16_t
add_piece(struct mapping *m, uint64_t gpa)
{
	uint64_t len = MIN(m->left, NVME_PAGE - gpa % NVME_PAGE);
	uint8_t *hva = gmem_ptr(m->n->gm, gpa, len);
	struct iovec *last;

	if (hva == NULL)
		return (NVME_DATA_TRANSFER);
	m->left -= len;
	last = m->niov == 0 ? NULL : &m->iov[m->niov - 1];
	if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == hva) {
		last->iov_len += len;
		return (NVME_OK);
	}
	assert(m->niov < BLOCK_IOV_MAX);
	m->iov[m->niov++] = (struct iovec){ hva, len };
	return (NVME_OK);
}

/*
 * One page of a list: its entries from `gpa` to the page's end, the last of which leads to the
 * next page of the list when they do not suffice.
 */
static uint16_t
add_list_page(struct mapping *m, uint64_t gpa, uint64_t *next)
{
	uint64_t room = (NVME_PAGE - gpa % NVME_PAGE) / PRP_LEN;
	uint64_t need = (m->left + NVME_PAGE - 1) / NVME_PAGE;
	uint64_t take = need <= room ? need : room - 1, prp;
	uint16_t status;

	*next = 0;
	if (gmem_read(m->n->gm, gpa, m->n->page, MIN(need, room) * PRP_LEN) != 0)
		return (NVME_DATA_TRANSFER);
	for (uint64_t i = 0; i < take; i++) {
		prp = le64_get(m->n->page + i * PRP_LEN);
		if (prp % NVME_PAGE != 0)
			return (NVME_PRP_OFFSET);
		if ((status = add_piece(m, prp)) != NVME_OK)
			return (status);
	}
	if (need > room) {
		*next = le64_get(m->n->page + take * PRP_LEN);
		if (*next % NVME_PAGE != 0)
			return (NVME_PRP_OFFSET);
	}
	return (NVME_OK);
}

uint16_t
nvme_prp_map(
    struct nvme *n, const struct nvme_cmd *c, uint64_t len, struct iovec *iov, unsigned *niov)
{
	struct mapping m = { .n = n, .iov = iov, .left = len };
	uint64_t list = c->prp2;
	uint16_t status;

	assert(len > 0 && len <= NVME_XFER_MAX);
	if (c->prp1 % 4 != 0)
		return (NVME_PRP_OFFSET);
	if ((status = add_piece(&m, c->prp1)) != NVME_OK)
		return (status);
	if (m.left > 0 && m.left <= NVME_PAGE) {
		if (c->prp2 % NVME_PAGE != 0)
			return (NVME_PRP_OFFSET);
		status = add_piece(&m, c->prp2);
	} else if (m.left > 0) {
		if (list % PRP_LEN != 0)
			return (NVME_PRP_OFFSET);
		/* A first page may hold nothing but the way to the next; that one holds all. */
		while (m.left > 0 && status == NVME_OK)
			status = add_list_page(&m, list, &list);
	}
	*niov = m.niov;
	return (status);
}
