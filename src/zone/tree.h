/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folders with all that is in them: of a zone that goes, of an archive that was not finished. Follows no
 * symbolic link and leaves the file system it began on alone. Tools, zoneadmd; root.
 */
#ifndef ZHYVE_ZONE_TREE_H
#define ZHYVE_ZONE_TREE_H

/*
 * Remove everything in an open folder, but not the folder. 0 or -errno, with some of it removed: -EXDEV, something is
 * mounted in it; -ELOOP, it is too deep to be one of ours.
 */
int tree_empty(int dirfd);
/* The folder too, as far as that is possible: what stays is found by who comes next. */
void tree_remove(const char *path);

#endif
