/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the kernel's interface to iommufd and to VFIO's character devices we use. Headers of before
 * Linux 6.6 have it not, and those that have it have it under the kernel's names, so these are ours.
 * Source: include/uapi/linux/iommufd.h (6.2) and include/uapi/linux/vfio.h (6.6).
 */
#ifndef ZHYVE_BASE_IOMMUFD_ABI_H
#define ZHYVE_BASE_IOMMUFD_ABI_H

#include <stdint.h>
#include <sys/ioctl.h>

#define IOMMUFD_ABI_TYPE ';' /* also VFIO's */

/* ---- of a device of VFIO's ---- */

#define VFIO_ABI_BIND_IOMMUFD _IO(IOMMUFD_ABI_TYPE, 118)
struct vfio_abi_bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

#define VFIO_ABI_ATTACH_IOMMUFD_PT _IO(IOMMUFD_ABI_TYPE, 119)
struct vfio_abi_attach {
	uint32_t argsz, flags;
	uint32_t pt_id; /* an address space's number; comes back as another's */
};

#define VFIO_ABI_DETACH_IOMMUFD_PT _IO(IOMMUFD_ABI_TYPE, 120)

/* ---- of an iommufd ---- */

#define IOMMU_ABI_DESTROY    _IO(IOMMUFD_ABI_TYPE, 0x80)
#define IOMMU_ABI_IOAS_ALLOC _IO(IOMMUFD_ABI_TYPE, 0x81)
struct iommu_abi_ioas_alloc {
	uint32_t size, flags;
	uint32_t out_ioas_id;
};

#define IOMMU_ABI_IOAS_COPY     _IO(IOMMUFD_ABI_TYPE, 0x83)
#define IOMMU_ABI_IOAS_MAP      _IO(IOMMUFD_ABI_TYPE, 0x85)
#define IOMMU_ABI_MAP_FIXED     0x1u /* at `iova`, not where there is room */
#define IOMMU_ABI_MAP_WRITEABLE 0x2u
#define IOMMU_ABI_MAP_READABLE  0x4u
struct iommu_abi_ioas_map {
	uint32_t size, flags;
	uint32_t ioas_id, reserved;
	uint64_t user_va, length, iova;
};

#define IOMMU_ABI_IOAS_UNMAP    _IO(IOMMUFD_ABI_TYPE, 0x86)
#define IOMMU_ABI_OPTION        _IO(IOMMUFD_ABI_TYPE, 0x87)
#define IOMMU_ABI_RLIMIT_MODE   0u /* option_id; val64 1: locked memory is counted per process */
#define IOMMU_ABI_OPTION_OP_SET 0u
struct iommu_abi_option {
	uint32_t size, option_id;
	uint16_t op, reserved;
	uint32_t object_id;
	uint64_t val64;
};

#endif
