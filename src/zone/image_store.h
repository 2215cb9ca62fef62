/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the image store share. Tools, root.
 */
#ifndef ZHYVE_ZONE_IMAGE_STORE_H
#define ZHYVE_ZONE_IMAGE_STORE_H

#include "base/err.h"

/*
 * Open /zones/images, made when it is missing, locked against other changes until *dir is closed.
 */
int image_store_open(int *dir, struct err *e);

#endif
