/* SPDX-License-Identifier: MIT */
/*
 * NVM Express: registers, queue entries, commands, data structures.
 * NVM Express Base Specification, revision 1.4 (its sections are given).
 */
#ifndef DRIVERS_NVME_REGS_H
#define DRIVERS_NVME_REGS_H

#include <stddef.h>
#include <stdint.h>

#define NVME_PCI_CLASS 0x010802 /* 2.1.5: mass storage, non-volatile memory, NVM Express */
#define NVME_PCI_BAR   0        /* 2.1.10: registers and doorbells */

/* QEMU's controller; the older numbers are also those of its property use-intel-id. */
#define NVME_QEMU_VENDOR     0x1b36
#define NVME_QEMU_DEVICE     0x0010
#define NVME_QEMU_OLD_VENDOR 0x8086
#define NVME_QEMU_OLD_DEVICE 0x5845

/* ---- 3.1: controller registers ---- */

#define NVME_CAP                0x00                             /* 64 bits: capabilities */
#define NVME_CAP_MQES(cap)      ((uint32_t)(cap)&0xffff)         /* entries of a queue, less one */
#define NVME_CAP_TO(cap)        ((uint32_t)((cap) >> 24) & 0xff) /* in NVME_CAP_TO_MS */
#define NVME_CAP_TO_MS          500
#define NVME_CAP_DSTRD(cap)     ((uint32_t)((cap) >> 32) & 0xf) /* doorbells: 4 << this apart */
#define NVME_CAP_CSS_NVM        (1ul << 37)                     /* has the NVM command set */
#define NVME_CAP_MPSMIN(cap)    ((uint32_t)((cap) >> 48) & 0xf) /* pages: 4 KiB << this at least */
#define NVME_VS                 0x08 /* version: major << 16 | minor << 8 */
#define NVME_VS_1_1             0x010100
#define NVME_VS_1_3             0x010300
#define NVME_INTMS              0x0c /* interrupt mask set: not with MSI-X */
#define NVME_INTMC              0x10 /* interrupt mask clear */
#define NVME_CC                 0x14 /* configuration */
#define NVME_CC_EN              (1u << 0)
#define NVME_CC_CSS_NVM         (0u << 4)
#define NVME_CC_MPS_4K          (0u << 7)
#define NVME_CC_AMS_ROUND_ROBIN (0u << 11)
#define NVME_CC_IOSQES_64       (6u << 16)
#define NVME_CC_IOCQES_16       (4u << 20)
#define NVME_CSTS               0x1c /* status */
#define NVME_CSTS_RDY           (1u << 0)
#define NVME_CSTS_CFS           (1u << 1)   /* fatal */
#define NVME_CSTS_GONE          0xffffffffu /* reads of a device that is not there any more */
#define NVME_AQA                0x24 /* admin queue sizes, each less one: completion << 16 | submission */
#define NVME_ASQ                0x28 /* 64 bits: admin submission queue, physical */
#define NVME_ACQ                0x30
#define NVME_REGISTERS          0x1000
/* 3.1.24, 3.1.25: tail of submission queue y, head of completion queue y. */
#define NVME_DOORBELL_SQ(y, stride) (2ul * (y) * (stride))
#define NVME_DOORBELL_CQ(y, stride) ((2ul * (y) + 1) * (stride))

/* ---- 4.2: submission queue entry ---- */

struct nvme_command {
	union {
		struct {
			uint32_t cdw0; /* opcode, and the command's id */
			uint32_t nsid;
		};
		uint64_t cdw0_nsid; /* both */
	};
	uint64_t reserved;
	uint64_t metadata;
	uint64_t prp1, prp2; /* 4.3 */
	uint64_t cdw10;      /* and 11 */
	uint32_t cdw12, cdw13, cdw14, cdw15;
};
_Static_assert(sizeof(struct nvme_command) == 64, "4.2");
_Static_assert(offsetof(struct nvme_command, prp1) == 24, "4.2");
_Static_assert(offsetof(struct nvme_command, cdw10) == 40, "4.2");
#define NVME_CDW0_ID(id)      ((uint32_t)(id) << 16)
#define NVME_CDW10(low, high) ((uint64_t)(high) << 32 | (uint32_t)(low))

/* ---- 4.6: completion queue entry ---- */

struct nvme_completion {
	uint32_t result;
	uint32_t reserved;
	union {
		struct {
			uint32_t dw2; /* submission queue's head and id */
			uint32_t dw3; /* command's id, phase, status */
		};
		uint64_t dw2_dw3; /* both: a device stores all 16 bytes at once */
	};
};
_Static_assert(sizeof(struct nvme_completion) == 16, "4.6");
#define NVME_DW2_QUEUE(dw2)  ((dw2) >> 16)
#define NVME_DW3_ID(dw3)     ((dw3)&0xffff)
#define NVME_DW3_PHASE       (1u << 16)
#define NVME_DW3_STATUS(dw3) ((dw3) >> 17 & NVME_STATUS_MASK)
/* 4.6.1: code and type; the rest says whether to retry. */
#define NVME_STATUS_MASK            0x7ff
#define NVME_STATUS_TYPE(type)      ((type) << 8)
#define NVME_STATUS_WRITE_PROTECTED (NVME_STATUS_TYPE(0) | 0x20)
#define NVME_STATUS_CAPACITY        (NVME_STATUS_TYPE(0) | 0x81)
#define NVME_STATUS_READ_ONLY       (NVME_STATUS_TYPE(1) | 0x82)

/* ---- 5: admin commands ---- */

#define NVME_ADMIN_DELETE_SQ      0x00 /* 5.6 */
#define NVME_ADMIN_CREATE_SQ      0x01 /* 5.4 */
#define NVME_ADMIN_DELETE_CQ      0x04 /* 5.5 */
#define NVME_ADMIN_CREATE_CQ      0x05 /* 5.3 */
#define NVME_QUEUE_CONTIGUOUS     (1u << 0)
#define NVME_QUEUE_INTERRUPTS     (1u << 1)
#define NVME_ADMIN_IDENTIFY       0x06 /* 5.15 */
#define NVME_IDENTIFY_NAMESPACE   0x00
#define NVME_IDENTIFY_CONTROLLER  0x01
#define NVME_IDENTIFY_ACTIVE      0x02 /* list of namespaces */
#define NVME_IDENTIFY_DESCRIPTORS 0x03 /* of a namespace */
#define NVME_ADMIN_SET_FEATURES   0x09 /* 5.21 */
#define NVME_ADMIN_GET_FEATURES   0x0a /* 5.13 */
#define NVME_FEATURE_WRITE_CACHE  0x06 /* 5.21.1.6 */
#define NVME_WRITE_CACHE_ENABLED  (1u << 0)
#define NVME_FEATURE_QUEUES       0x07 /* 5.21.1.7: completion << 16 | submission, each less one */

#define NVME_IDENTIFY_BYTES 4096
#define NVME_ALL_NAMESPACES 0xffffffffu

/* Figure 247: identify controller. */
#define NVME_CTRL_SERIAL         4
#define NVME_CTRL_SERIAL_BYTES   20
#define NVME_CTRL_MODEL          24
#define NVME_CTRL_MODEL_BYTES    40
#define NVME_CTRL_FIRMWARE       64
#define NVME_CTRL_FIRMWARE_BYTES 8
#define NVME_CTRL_MDTS           77 /* 1 byte: largest transfer, 4 KiB << this; 0: no limit */
#define NVME_CTRL_SQES           512 /* 1 byte: entry size, required in the low half: a power of two */
#define NVME_CTRL_CQES           513
#define NVME_CTRL_ES_LEAST(es)   ((es)&0xf)
#define NVME_CTRL_ES_MOST(es)    ((es) >> 4)
#define NVME_CTRL_NN             516 /* 4 bytes: namespaces at most */
#define NVME_CTRL_ONCS           520 /* 2 bytes */
#define NVME_CTRL_ONCS_DATASET   (1u << 2)
#define NVME_CTRL_ONCS_ZEROES    (1u << 3)
#define NVME_CTRL_VWC            525 /* 1 byte */
#define NVME_CTRL_VWC_PRESENT    (1u << 0)

/* Figure 245: identify namespace. */
#define NVME_NS_SIZE                 0         /* 8 bytes: blocks */
#define NVME_NS_FEATURES             24        /* 1 byte */
#define NVME_NS_FEATURES_OPTIMAL     (1u << 4) /* NVME_NS_PREFERRED is valid */
#define NVME_NS_FORMATS              25        /* 1 byte: how many, less one */
#define NVME_NS_FORMAT               26        /* 1 byte */
#define NVME_NS_FORMAT_INDEX         0xf
#define NVME_NS_DLFEAT               33        /* 1 byte */
#define NVME_NS_DLFEAT_DEALLOCATE    (1u << 3) /* write zeroes may deallocate */
#define NVME_NS_PREFERRED            64        /* 2 bytes: write granularity in blocks, less one */
#define NVME_NS_ATTRIBUTES           99        /* 1 byte */
#define NVME_NS_ATTRIBUTES_PROTECTED (1u << 0) /* is write protected now */
#define NVME_NS_LBAF(n)              (128 + 4 * (n))       /* 4 bytes: a format */
#define NVME_NS_LBAF_METADATA(lbaf)  ((lbaf)&0xffff)       /* bytes a block */
#define NVME_NS_LBAF_SHIFT(lbaf)     ((lbaf) >> 16 & 0xff) /* block of 1 << this bytes */

/* Figure 249: a list of descriptors, each with a head of 4 bytes. Type 4: Base Specification 2.0,
 * 5.17.2.4. */
#define NVME_DESCRIPTOR_TYPE  0
#define NVME_DESCRIPTOR_BYTES 1 /* after the head */
#define NVME_DESCRIPTOR_HEAD  4
#define NVME_DESCRIPTOR_SET   4 /* a type: one byte that names the command set */
#define NVME_SET_NVM          0

/* ---- 6: the NVM command set ---- */

#define NVME_FLUSH              0x00 /* 6.8 */
#define NVME_WRITE              0x01 /* 6.15 */
#define NVME_READ               0x02 /* 6.9 */
#define NVME_CDW12_FUA          (1u << 30)
#define NVME_WRITE_ZEROES       0x08 /* 6.17 */
#define NVME_CDW12_DEALLOCATE   (1u << 25)
#define NVME_DATASET            0x09 /* 6.7 */
#define NVME_DATASET_DEALLOCATE (1u << 2)
#define NVME_BLOCKS_MAX         0x10000 /* of one command, but for a range of NVME_DATASET */

/* Figure 360: a range. */
struct nvme_range {
	uint32_t attributes;
	uint32_t blocks;
	uint64_t start;
};
_Static_assert(sizeof(struct nvme_range) == 16, "6.7");

/* ---- MSI-X: PCI Local Bus Specification 3.0, section 6.8.2 ---- */

#define NVME_MSIX_MASKED 1u /* in an entry's control word */

#endif
