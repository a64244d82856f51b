/* SPDX-License-Identifier: MIT */
/*
 * Drivers: how one is made known, what it may ask of the kernel, and how a block or a network
 * device is added.
 *
 *     static int probe(struct bm_device *device) { … return 0; }
 *     static const struct bm_match matches[] = {BM_MATCH_PCI(0x1234, 0x11e8)};
 *     static const struct bm_driver edu = {"edu", matches, 1, probe};
 *     …
 *     bm_driver_register(&edu);
 *
 * The kernel's own drivers have the same structs and functions, these without the prefix (kernel/
 * device/driver.h, drivers/README.md), so a driver moves from one side to the other as it is.
 * Drivers run in the same address space as all else: what they get wrong, nothing stops.
 */
#ifndef BAREMETAL_DRIVER_H
#define BAREMETAL_DRIVER_H

#include <baremetal/api.h>
#include <baremetal/block.h>
#include <baremetal/error.h>
#include <baremetal/net.h>
#include <baremetal/pci.h>

/* ---- Devices and drivers ---- */

/** Where a device was found. */
enum bm_bus {
	BM_BUS_PCI = 1,
	BM_BUS_VIRTIO_MMIO = 2, /* told by words of the command line: virtio_mmio.device=… */
};

/** In a match: any number. */
#define BM_ANY 0xffff

struct bm_driver;

/** A device that was found, for its driver. The kernel's; valid for ever. */
struct bm_device {
	char name[24];                  /* for messages: "pci 00:04.0", "mmio 0xfeb00e00" */
	uint16_t bus;                   /* enum bm_bus */
	uint16_t vendor;                /* of virtio-mmio: 0x1af4 */
	uint16_t device;                /* of virtio-mmio: the virtio device type */
	uint16_t subsystem;             /* PCI subsystem device */
	uint32_t class_code;            /* as in bm_pci_info; else 0 */
	uint32_t pci;                   /* for bm_pci_read() and its kin */
	uint64_t address;               /* of virtio-mmio: the registers, physical */
	uint64_t size;                  /* likewise: bytes */
	uint32_t interrupt;             /* of virtio-mmio: a global interrupt number (I/O APIC) */
	uint32_t failed;                /* its driver's probe() failed */
	const struct bm_driver *driver; /* that has it, else NULL */
	void *state;                    /* the driver's own */
	void *line; /* the kernel's: its interrupt line, NULL if it has none or sends messages */
};

/** A kind of device that a driver takes. */
struct bm_match {
	uint16_t bus;        /* enum bm_bus */
	uint16_t vendor;     /* BM_ANY: each */
	uint16_t device;     /* likewise */
	uint32_t class_code; /* compared where class_mask has ones */
	uint32_t class_mask; /* 0: each class */
};

/** Match one PCI device. */
#define BM_MATCH_PCI(vendor, device)                                                               \
	{                                                                                          \
		BM_BUS_PCI, vendor, device, 0, 0                                                   \
	}
/** Match all PCI devices of a class: where the mask has ones. */
#define BM_MATCH_PCI_CLASS(code, mask)                                                             \
	{                                                                                          \
		BM_BUS_PCI, BM_ANY, BM_ANY, code, mask                                             \
	}
/** Match a virtio device that is no PCI device, by its type. */
#define BM_MATCH_VIRTIO_MMIO(type)                                                                 \
	{                                                                                          \
		BM_BUS_VIRTIO_MMIO, BM_ANY, type, 0, 0                                             \
	}

/** A driver. Constant, for ever. */
struct bm_driver {
	const char *name;               /* of letters, digits and _; at most 11 characters */
	const struct bm_match *matches; /* devices that it may be asked about */
	uint32_t match_count;           /* of these */
	/**
	 * Take the device. In a task or in main(), on whichever core discovers; may wait, bounded.
	 * Returns 0 (mine, it works), -BM_ENODEV (not mine: others are asked) or another error
	 * (mine, and it does not work: the kernel logs the device and the reason, and goes on).
	 * Whatever it took before an error it gives back.
	 */
	int (*probe)(struct bm_device *device);
};

/**
 * Make a driver known. Before the first call that discovers devices: it is asked before the
 * kernel's own. After it: at once, for devices that no driver has.
 * @return how many devices it has taken now; -BM_ENOSPC beyond 16 drivers; -BM_EINVAL for one
 *         without name or probe. One core at a time.
 */
static inline int bm_driver_register(const struct bm_driver *driver)
{
	return bm_api->driver_register(driver);
}

/* ---- What a driver may ask for ---- */

/**
 * Take memory that a device reads and writes by itself: contiguous, zeroed, cached, never moved. It
 * comes from what the heap window has not reached yet.
 *
 * @param bytes  more than 0; whole pages are taken from 2,048 on.
 * @param align  a power of two up to 4,096; more than the size rounds up to it.
 * @param phys   receives the physical address; may be NULL.
 * @return its address, or NULL if there is none. Any core, never blocks.
 */
static inline void *bm_dma_take(size_t bytes, size_t align, uint64_t *phys)
{
	return bm_api->dma_take(bytes, align, phys);
}

/** Give it back: what bm_dma_take() returned, and its bytes. The device must be done with it. */
static inline void bm_dma_give(void *memory, size_t bytes)
{
	bm_api->dma_give(memory, bytes);
}

/**
 * Have a device's interrupts call functions: MSI-X, else MSI, else its interrupt line.
 *
 * Each function runs in an interrupt: it must be short, take no lock that a task takes, use no
 * vector registers and call nothing but bm_block_notify() and bm_net_notify(). A line is masked
 * when it has interrupted, until bm_interrupts_enable(): so the function need not make the device
 * withdraw it.
 *
 * @param device     the driver's.
 * @param wanted     how many different ones, at least 1.
 * @param function   what to call.
 * @param arguments  `wanted` of them: the Nth for the Nth message, which goes to core N % cores.
 * @return how many it got, 1 … wanted (the device shall use only these); -BM_ENODEV if none can
 *         reach this machine: poll by time.
 */
static inline int bm_interrupts_take(struct bm_device *device, uint32_t wanted,
				     void (*function)(void *argument), void *const *arguments)
{
	return bm_api->interrupts_take(device, wanted, function, arguments);
}

/** Let a device's interrupt line interrupt once more; does nothing for messages. Any core. */
static inline void bm_interrupts_enable(struct bm_device *device)
{
	bm_api->interrupts_enable(device);
}

/* ---- Block devices ---- */

/** A piece of physical memory. */
struct bm_block_run {
	uint64_t phys;     /* address */
	uint32_t bytes;    /* more than 0 */
	uint32_t reserved; /* 0 */
};

/** What a driver has to start. Valid during start() alone. */
struct bm_block_command {
	uint8_t operation;  /* enum bm_block_operation */
	uint8_t flags;      /* BM_BLOCK_FUA, only where the device said that it has it */
	uint16_t tag;       /* 0 … depth - 1: not in use by another command of this queue */
	uint32_t sectors;   /* 0 for a flush */
	uint64_t sector;    /* the first one */
	uint32_t bytes;     /* sectors * sector_size for a read or a write, else 0 */
	uint32_t run_count; /* of a read or a write, 1 … max_runs */
	const struct bm_block_run *runs; /* within all limits of struct bm_block_driver */
	/* The same memory by address, for what moves data by itself: never a sector across two. */
	const struct bm_block_segment *segments; /* the first one's first bytes are */
	uint64_t segment_offset;                 /* done already */
};

/** What a block driver does. `state` is bm_block_driver.state. */
struct bm_block_ops {
	/**
	 * Prepare a command. The kernel holds the queue's lock, so never blocks. Returns 0: then
	 * finish() comes for its tag, once; or the error that the command is answered with. There
	 * is always room: tags are as many as depth.
	 */
	int (*start)(void *state, uint32_t queue, const struct bm_block_command *command);
	/** Tell the device of all that was started since the last kick(), if anything was. */
	void (*kick)(void *state, uint32_t queue);
	/**
	 * See what the device has done: bm_block_finish() for each. Under the queue's lock; never
	 * blocks. Whatever index or tag the device gives is checked here.
	 */
	void (*poll)(void *state, uint32_t queue);
	/**
	 * Have the device interrupt (bm_block_notify()) when the next command is done. Returns 1 if
	 * something is done already (then it need not interrupt), else 0. Under the queue's lock.
	 * poll() does not undo it: one core may sleep until the interrupt while others poll. After
	 * the interrupt there need be none until it is called again. NULL: it cannot interrupt.
	 */
	int (*arm)(void *state, uint32_t queue);
	/**
	 * Stop the device, so that it touches no memory of any command any more; forget all
	 * commands; make it ready again, with the same queues. Under the locks of all queues; may
	 * wait, bounded. Returns 0, or an error: then the device is given up (a PCI device loses
	 * its right to master the bus, and is asked nothing any more).
	 */
	int (*reset)(void *state);
};

/** A block device, as its driver describes it. Copied. */
struct bm_block_driver {
	const struct bm_block_ops *ops; /* what it does */
	void *state;                    /* handed to the functions */
	struct bm_device *device;       /* NULL: none that the kernel found (a disk in memory) */
	const char *name;               /* the driver's: the device becomes NAME0, NAME1, … */
	const char *model;    /* as the device tells, NULL: unknown. Blanks at the ends are cut */
	const char *serial;   /* likewise */
	const char *firmware; /* likewise: its revision */
	uint64_t sectors;     /* how many it has */
	uint32_t sector_size; /* a power of two, 512 to 4,096 */
	uint32_t physical_sector_size; /* 0: the same */
	uint32_t flags;                /* enum bm_block_flags */
	uint32_t queues;               /* at least 1 */
	uint32_t depth;                /* commands in a queue, 1 to 1,024 */
	/* What one command can carry. */
	uint32_t max_bytes;   /* a multiple of sector_size; 0: up to 4 GiB */
	uint32_t max_runs;    /* 2 to 256 */
	uint32_t run_bytes;   /* of one run; 0: no limit */
	uint32_t max_discard; /* sectors of one; 0: no limit */
	uint64_t run_border;  /* a run never crosses a multiple of this power of two; 0: none */
	/**
	 * Only the first run may begin, and only the last one end, at an address with any of these
	 * bits: NVMe's pages, 4,095. 0: anywhere.
	 */
	uint64_t gap_mask;
	/**
	 * Memory from here on is out of its reach: such a command comes with run_count 0, for the
	 * driver to move the data. 0: none is.
	 */
	uint64_t phys_limit;
};

/** A block device in the kernel. */
struct bm_block_device;

/**
 * Add a block device. It may be used at once; from within probe() on as well.
 * @param driver  what it is; copied.
 * @param handle  receives it, before anything is started.
 * @return its number, for bm_block_info() and so on; -BM_EINVAL if a member is not as said;
 *         -BM_ENOMEM; -BM_ENOSPC beyond 64 devices.
 */
static inline int bm_block_add(const struct bm_block_driver *driver,
			       struct bm_block_device **handle)
{
	return bm_api->block_add(driver, handle);
}

/**
 * A command is done. Only within ops->poll().
 * @param device  the handle.
 * @param queue   that is polled.
 * @param tag     the command's, as the device told it: any number.
 * @param status  0 or a negative BM_E…: -BM_EIO, -BM_ENOSPC, -BM_EROFS, -BM_ENODEV; or -BM_EAGAIN:
 *                not done, the device needs a reset (all of them are begun anew then).
 * @return 0; -BM_EINVAL if no command has this tag: counted and ignored, the driver need do
 * nothing.
 */
static inline int bm_block_finish(struct bm_block_device *device, uint32_t queue, uint32_t tag,
				  int status)
{
	return bm_api->block_finish(device, queue, tag, status);
}

/**
 * The device has interrupted: have a core poll this queue (BM_BLOCK_ALL_QUEUES: all that have
 * requests). May be called in an interrupt.
 */
static inline void bm_block_notify(struct bm_block_device *device, uint32_t queue)
{
	bm_api->block_notify(device, queue);
}

/* ---- Network devices ---- */

/** As a queue: all of a device's. */
#define BM_NET_ALL_QUEUES UINT32_MAX

/** What start() shall make live. */
struct bm_net_setup {
	uint32_t queues;               /* queue pairs, 1 … bm_net_driver.queues */
	uint32_t accept;               /* BM_NET_ACCEPT_…, of those in bm_net_driver.flags */
	uint8_t mac[6];                /* its address: as the driver told, or bm_net_set_mac()'s */
	uint16_t reserved;             /* 0 */
	uint32_t filter;               /* enum bm_net_filter_flags */
	uint32_t multicast_count;      /* of these */
	const uint8_t (*multicast)[6]; /* addresses beside those that the flags let in */
};

/**
 * What a network driver does. `state` is bm_net_driver.state.
 *
 * The functions of a queue pair are called by one caller at a time and no lock is held: they may
 * use all of the queue pair. They count in the queue pair's counters. start(), stop(), filter(),
 * set_mac() and link() are called under a lock of the device's; during start() and stop() nobody is
 * in a function of a queue pair.
 */
struct bm_net_ops {
	/**
	 * The contract of bm_net_receive(), without the case that the device is given up. Every
	 * index, length and number that the device gives is checked here: bm_net_fault() if one
	 * makes no sense; then return what is good. A buffer goes into the ring for each that
	 * leaves it (bm_net_take()); if there is none, the frame is dropped, counted in
	 * received_drops, and its buffer stays: so a ring is always full.
	 */
	int (*receive)(struct bm_net_queue *queue, struct bm_net_buffer **frames, uint32_t count);
	/**
	 * The contract of bm_net_send(), likewise. bm_net_check() tells whether a frame is as it
	 * has to be. Where a full ring has not moved for BM_NET_STUCK: bm_net_fault().
	 */
	int (*send)(struct bm_net_queue *queue, struct bm_net_buffer *const *frames,
		    uint32_t count);
	/** The contract of bm_net_reclaim(). */
	int (*reclaim)(struct bm_net_queue *queue);
	/**
	 * Have the device interrupt (bm_net_notify()) at what is asked for. Returns 1 if it is
	 * there already, else 0. NULL: it cannot interrupt.
	 */
	int (*arm)(struct bm_net_queue *queue, uint32_t what);
	/**
	 * Is there what is asked for? 1 or 0, without changing anything: for the watch, on any
	 * core, while the queue pair's user may be in another function: so reads one index, no
	 * more.
	 */
	int (*ready)(const struct bm_net_queue *queue, uint32_t what);
	/** Read the state of the link; `changes` is the kernel's. */
	void (*link)(void *state, struct bm_net_link *link);
	/**
	 * Make the stopped device live: reset, rings, buffers in them, receiving. Sets `state` of
	 * each queue pair. Waits, bounded. Returns 0 or an error; then it is as after stop().
	 */
	int (*start)(void *state, const struct bm_net_setup *setup,
		     struct bm_net_queue *const *queues);
	/**
	 * Stop the device, so that it touches no memory any more, and give all buffers in the rings
	 * back: bm_net_give(NULL, …), with those not sent counted in sent_errors. Waits, bounded.
	 */
	void (*stop)(void *state);
	/** Filter as the setup says, on the live device. NULL: it has no filter. 0 or an error. */
	int (*filter)(void *state, const struct bm_net_setup *setup);
	/** Take the setup's address, on the live device. NULL: it cannot. 0 or an error. */
	int (*set_mac)(void *state, const struct bm_net_setup *setup);
};

/** A network device, as its driver describes it. Copied. */
struct bm_net_driver {
	const struct bm_net_ops *ops; /* what it does */
	void *state;                  /* handed to the functions */
	struct bm_device *device;     /* NULL: none that the kernel found */
	const char *name;             /* the driver's: the device becomes NAME0, NAME1, … */
	uint8_t mac[6];               /* its address */
	uint16_t mtu;                 /* 68 to 65,521; Ethernet's 1,500 */
	uint32_t flags;               /* enum bm_net_flags */
	uint32_t queues;              /* queue pairs that it can have, 1 to 64 */
	uint32_t max_parts;           /* of a sent frame, BM_NET_PARTS to 64 */
	uint32_t max_bytes;           /* of one that it segments, up to 65,550; 0: none */
	uint32_t receive_ring;        /* buffers in a queue pair's ring, 1 to 4,096 */
	uint32_t send_ring;           /* frames that it can have on their way, likewise */
};

/** Nanoseconds without a frame sent, with a full ring, after which a device is stuck. */
#define BM_NET_STUCK (5 * BM_SECOND)

/**
 * Add a network device: stopped; it starts at the first bm_net_open(). From probe(), or at any
 * other time.
 * @param driver  what it is; copied.
 * @param handle  receives it, before anything is started.
 * @return its number, for bm_net_info() and so on; -BM_EINVAL if a member is not as said;
 *         -BM_ENOMEM; -BM_ENOSPC beyond 32 devices.
 */
static inline int bm_net_add(const struct bm_net_driver *driver, struct bm_net_device **handle)
{
	return bm_api->net_add(driver, handle);
}

/**
 * The device has interrupted: wake who has armed this queue pair (BM_NET_ALL_QUEUES: all; so as
 * well when the link has changed). May be called in an interrupt.
 */
static inline void bm_net_notify(struct bm_net_device *device, uint32_t queue)
{
	bm_api->net_notify(device, queue);
}

/**
 * The device makes no sense, or does not move: have it reset (stop, start) before anything else is
 * asked of it. May be called in any function of a queue pair; the first reason goes to the log.
 */
static inline void bm_net_fault(struct bm_net_device *device, const char *reason)
{
	bm_api->net_fault(device, reason);
}

/**
 * Check a frame that shall be sent.
 *
 * @param frame      its first part.
 * @param flags      BM_NET_CAN_… that the device has now.
 * @param max_parts  as bm_net_driver.
 * @param max_plain  bytes without segmentation: mtu + 18.
 * @param max_bytes  with it.
 * @param parts      receives their number.
 * @return its bytes in all; 0 if it is not as bm_net_send() has to have it.
 */
static inline uint32_t bm_net_check(const struct bm_net_buffer *frame, uint32_t flags,
				    uint32_t max_parts, uint32_t max_plain, uint32_t max_bytes,
				    uint32_t *parts)
{
	const struct bm_net_buffer *part = frame;
	uint32_t count = 0, most = max_plain, first = frame->bytes;
	uint64_t bytes = 0;

	if (frame->flags & (BM_NET_SEGMENT_TCP4 | BM_NET_SEGMENT_TCP6)) {
		uint32_t need = frame->flags & BM_NET_SEGMENT_TCP4 ? BM_NET_CAN_SEGMENT_TCP4 : 0;
		if (frame->flags & BM_NET_SEGMENT_TCP6)
			need |= BM_NET_CAN_SEGMENT_TCP6;
		if ((flags & need) != need ||
		    need == (BM_NET_CAN_SEGMENT_TCP4 | BM_NET_CAN_SEGMENT_TCP6) ||
		    !(frame->flags & BM_NET_CHECKSUM_PARTIAL) || !frame->segment_size ||
		    frame->header_bytes > first || frame->header_bytes < BM_NET_HEADER)
			return 0;
		most = max_bytes;
	}
	if (frame->flags & BM_NET_CHECKSUM_PARTIAL &&
	    (!(flags & BM_NET_CAN_CHECKSUM) ||
	     (uint32_t)frame->checksum_start + frame->checksum_offset + 2 > first))
		return 0;
	for (; part; part = part->next) {
		if (!part->bytes || ++count > max_parts)
			return 0;
		bytes += part->bytes;
	}
	*parts = count;
	return bytes >= BM_NET_HEADER && bytes <= most ? (uint32_t)bytes : 0;
}

#endif
