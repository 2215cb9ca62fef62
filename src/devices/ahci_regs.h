/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of an AHCI controller (AHCI 1.3.1, chapter 3), its structures in memory (chapter 4),
 * frames (Serial ATA 3.1, 10.3), and ATA's status bits. Pure constants.
 */
#ifndef ZHYVE_DEVICES_AHCI_REGS_H
#define ZHYVE_DEVICES_AHCI_REGS_H

/* Generic host control. */
#define AHCI_CAP       0x00
#define AHCI_GHC       0x04
#define AHCI_IS        0x08
#define AHCI_PI        0x0C
#define AHCI_VS        0x10
#define AHCI_PORT_BASE 0x100
#define AHCI_PORT_SIZE 0x80

#define CAP_NCS_SHIFT  8 /* command slots less one */
#define CAP_SAM        (1u << 18)
#define CAP_ISS_SHIFT  20 /* 3: 6 Gbit/s */
#define CAP_SCLO       (1u << 24)
#define CAP_SNCQ       (1u << 30)
#define CAP_S64A       (1u << 31)
#define GHC_HR         (1u << 0)
#define GHC_IE         (1u << 1)
#define GHC_AE         (1u << 31)
#define VS_1_3         0x00010300u

/* Of a port. */
#define PX_CLB        0x00
#define PX_CLBU       0x04
#define PX_FB         0x08
#define PX_FBU        0x0C
#define PX_IS         0x10
#define PX_IE         0x14
#define PX_CMD        0x18
#define PX_TFD        0x20
#define PX_SIG        0x24
#define PX_SSTS       0x28
#define PX_SCTL       0x2C
#define PX_SERR       0x30
#define PX_SACT       0x34
#define PX_CI         0x38
#define PX_SNTF       0x3C

#define IS_DHRS       (1u << 0)
#define IS_PSS        (1u << 1)
#define IS_SDBS       (1u << 3)
#define IS_DPS        (1u << 5)
#define IS_OFS        (1u << 24)
#define IS_HBFS       (1u << 29)
#define IS_TFES       (1u << 30)
#define IS_ALL        0xFDC000FFu /* what PxIE can enable */

#define CMD_ST        (1u << 0)
#define CMD_SUD       (1u << 1)
#define CMD_POD       (1u << 2)
#define CMD_CLO       (1u << 3)
#define CMD_FRE       (1u << 4)
#define CMD_CCS_SHIFT 8
#define CMD_CCS_MASK  (31u << CMD_CCS_SHIFT)
#define CMD_FR        (1u << 14)
#define CMD_CR        (1u << 15)
#define CMD_ATAPI     (1u << 24)
#define CMD_DLAE      (1u << 25)

#define SSTS_UP       0x133 /* active, 6 Gbit/s, device present */
#define SSTS_OFFLINE  0x004
#define SCTL_MASK     0xFFFu
#define SCTL_DET      0xFu
#define DET_COMRESET  1
#define DET_OFFLINE   4

#define SIG_ATA       0x00000101u
#define SIG_ATAPI     0xEB140101u

/* Command header, 4.2.2. */
#define HDR_SIZE        32
#define HDR_CFL_MASK    0x1Fu
#define HDR_ATAPI       (1u << 5)
#define HDR_PMP_SHIFT   12
#define HDR_PRDTL_SHIFT 16
#define HDR_PRDBC       4

/* Command table, 4.2.3. */
#define TBL_ACMD     0x40
#define TBL_PRDT     0x80
#define PRD_SIZE     16
#define PRD_DBC_MASK 0x3FFFFFu
#define PRD_INTR     (1u << 31)

/* Received frames, 4.2.1. */
#define RFIS_PIO    0x20
#define RFIS_D2H    0x40
#define RFIS_SDB    0x58

#define FIS_H2D     0x27
#define FIS_D2H     0x34
#define FIS_PIO     0x5F
#define FIS_SDB     0xA1
#define FIS_LEN     20 /* H2D, D2H and PIO Setup */
#define FIS_SDB_LEN 8
#define FIS_INTR    0x40
#define FIS_PIO_IN  0x20
#define FIS_COMMAND 0x80

/* Fields of a Register FIS. */
#define F_COMMAND        2
#define F_STATUS         2
#define F_FEATURES       3
#define F_ERROR          3
#define F_LBA            4 /* three bytes */
#define F_DEVICE         7
#define F_LBA_EXP        8 /* three bytes */
#define F_FEATURES_EXP   11
#define F_COUNT          12
#define F_COUNT_EXP      13
#define F_CONTROL        15
#define F_E_STATUS       15
#define F_TRANSFER       16
#define CONTROL_SRST     0x04
#define DEVICE_LBA       0x40
#define DEVICE_FUA       0x80

#define ATA_S_ERR        0x01
#define ATA_S_DRQ        0x08
#define ATA_S_SEEK       0x10
#define ATA_S_READY      0x40
#define ATA_S_BUSY       0x80
#define ATA_S_OK         (ATA_S_READY | ATA_S_SEEK)
#define ATA_E_ABORT      0x04
#define ATA_E_ID         0x10 /* address not found */
#define ATA_E_UNREADABLE 0x40

#endif
