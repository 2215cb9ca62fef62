/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets and bits of PCI configuration space (PCI Local Bus 3.0, chapter 6). Pure constants. */
#ifndef ZHYVE_DEVICES_PCI_REGS_H
#define ZHYVE_DEVICES_PCI_REGS_H

/* Type 0 header. */
#define PCIR_VENDOR        0x00
#define PCIR_DEVICE        0x02
#define PCIR_COMMAND       0x04
#define PCIR_STATUS        0x06
#define PCIR_REVISION      0x08
#define PCIR_CLASS         0x09 /* 24 bits: interface, subclass, class */
#define PCIR_CACHELINE     0x0C
#define PCIR_HEADER        0x0E
#define PCIR_BAR(n)        (0x10 + 4 * (n))
#define PCIR_BARS_END      0x28
#define PCIR_SUBVENDOR     0x2C
#define PCIR_SUBDEVICE     0x2E
#define PCIR_ROM           0x30
#define PCIR_CAP           0x34
#define PCIR_CAP_NEXT      0x01 /* in every capability */
#define PCIR_INTLINE       0x3C
#define PCIR_INTPIN        0x3D

#define PCI_COMMAND_IO     0x0001
#define PCI_COMMAND_MEM    0x0002
#define PCI_COMMAND_MASTER 0x0004
#define PCI_COMMAND_PARITY 0x0040
#define PCI_COMMAND_SERR   0x0100
#define PCI_COMMAND_NOINTX 0x0400

#define PCI_STATUS_INTX    0x0008
#define PCI_STATUS_CAPS    0x0010

#define PCI_HEADER_TYPE    0x7F /* 0: a device, 1: a bridge */
#define PCI_HEADER_MULTI   0x80

#define PCI_BAR_BIT_IO     0x1
#define PCI_BAR_MEM_TYPE   0x6
#define PCI_BAR_BIT_MEM64  0x4
#define PCI_BAR_BIT_PREF   0x8
#define PCI_ROM_ENABLE     0x1

#define PCI_CAP_PM         0x01
#define PCI_CAP_MSI        0x05
#define PCI_CAP_VENDOR     0x09
#define PCI_CAP_EXPRESS    0x10
#define PCI_CAP_MSIX       0x11
#define PCI_CAPS_START     0x40

/* MSI capability with a 64-bit address (6.8.1). */
#define PCIR_MSI_CTRL   0x02
#define PCIR_MSI_ADDR   0x04
#define PCIR_MSI_UPPER  0x08
#define PCIR_MSI_DATA   0x0C
#define PCIR_MSI_DATA32 0x08 /* with a 32-bit address */
#define PCI_MSI_ENABLE  0x0001
#define PCI_MSI_64BIT   0x0080

/* MSI-X capability (6.8.2): message control, table and PBA locations. */
#define PCIR_MSIX_CTRL    0x02
#define PCIR_MSIX_TABLE   0x04
#define PCIR_MSIX_PBA     0x08
#define PCI_MSIX_ENABLE   0x8000
#define PCI_MSIX_MASKALL  0x4000
#define PCI_MSIX_SIZE     0x07FF
#define PCI_MSIX_BIR      0x7u /* of the locations: which BAR */
#define PCI_MSIX_VEC_MASK 0x1u /* vector control */

#endif
