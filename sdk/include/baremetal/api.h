/* SPDX-License-Identifier: MIT */
/*
 * The kernel API's table of functions, and what the loader hands to an app.
 *
 * Applications include <baremetal/baremetal.h> or a subject's header and call
 * the inline functions there; this file is the binary interface under them.
 *
 * Rules: the table is append-only. A member is never moved, removed or given
 * another meaning. BM_API_VERSION grows by one whenever a member is appended, or
 * takes more than before;
 * an app carries the version that it was compiled against in an ELF note
 * (struct bm_app_note), and the loader refuses one that is newer than itself.
 */
#ifndef BAREMETAL_API_H
#define BAREMETAL_API_H

#include <stddef.h>
#include <stdint.h>

#define BM_API_VERSION 8

struct bm_system_info;
struct bm_memory_info;
struct bm_clock_info;
struct bm_core_info;
struct bm_task_group;
struct bm_display;
struct bm_pci_info;
struct bm_block_info;
struct bm_block_request;
struct bm_block_driver;
struct bm_block_device;
struct bm_net_info;
struct bm_net_link;
struct bm_net_queue;
struct bm_net_buffer;
struct bm_net_driver;
struct bm_net_device;
struct bm_device;
struct bm_driver;

/* Each member's contract stands at the inline function that calls it. */
struct bm_api {
	uint32_t version; /* BM_API_VERSION of the kernel */
	uint32_t size;    /* bytes of this table in the kernel */

	/* <baremetal/system.h> */
	const struct bm_system_info *(*system_info)(void);
	__attribute__((noreturn)) void (*system_exit)(int status);
	__attribute__((noreturn)) void (*system_power_off)(void);
	__attribute__((noreturn)) void (*system_reboot)(void);
	void (*system_log)(int level, const char *text, size_t length);
	long (*system_log_read)(uint64_t *position, char *buffer, size_t size);
	__attribute__((noreturn)) void (*system_crash)(const char *reason);

	/* <baremetal/console.h> */
	long (*console_write)(const void *data, size_t size);
	long (*console_read)(void *buffer, size_t size, uint64_t deadline_ns);

	/* <baremetal/time.h> */
	uint64_t (*time_monotonic)(void);
	int (*time_wall)(int64_t *ns_since_epoch);
	int (*time_sleep_until)(uint64_t deadline_ns);
	void (*time_clock_info)(struct bm_clock_info *info);

	/* <baremetal/memory.h> */
	void *(*memory_grow)(intptr_t bytes);
	int (*memory_phys)(const void *address, uint64_t *phys);
	void (*memory_info)(struct bm_memory_info *info);

	/* <baremetal/random.h> */
	int (*random_bytes)(void *buffer, size_t size);

	/* <baremetal/task.h>; since version 2 */
	void (*core_release)(void (*hook)(uint32_t core));
	int (*task_submit)(struct bm_task_group *group, void (*function)(void *), void *argument);
	int (*task_submit_to)(uint32_t core, struct bm_task_group *group, void (*function)(void *),
			      void *argument);
	int (*task_run_one)(void);
	void (*task_wait)(struct bm_task_group *group);
	uint32_t (*core_current)(void);
	int (*core_info)(uint32_t core, struct bm_core_info *info);
	void (*core_run)(void) __attribute__((noreturn));
	int (*task_alarm)(uint64_t deadline_ns, void (*function)(void *));
	void *(*memory_guard)(void *block, size_t size);
	void (*system_on_crash)(void (*hook)(void));
	const uint32_t *(*task_depth)(void);
	void (*system_backtrace)(const void *place, const void *frame);

	/* <baremetal/display.h>; since version 3 */
	int (*display_info)(struct bm_display *display);
	int (*display_take)(struct bm_display *display, uint32_t text_rows);
	void (*display_release)(void);

	/* <baremetal/pci.h>; since version 4 */
	int (*pci_count)(void);
	int (*pci_info)(uint32_t index, struct bm_pci_info *info);
	int (*pci_read)(uint32_t index, uint32_t offset, uint32_t size, uint32_t *value);
	int (*pci_write)(uint32_t index, uint32_t offset, uint32_t size, uint32_t value);
	volatile void *(*pci_map)(uint32_t index, uint32_t bar);

	/* <baremetal/block.h> */
	int (*block_count)(void);
	int (*block_info)(uint32_t device, struct bm_block_info *info);
	int (*block_submit)(uint32_t device, struct bm_block_request *const *requests,
			    uint32_t count);
	int (*block_poll)(uint32_t device, uint32_t queue);
	int (*block_arm)(uint32_t device, uint32_t queue);
	int (*block_wait)(uint32_t device, struct bm_block_request *request);
	int (*block_set_timeout)(uint32_t device, uint64_t timeout_ns);

	/* <baremetal/driver.h> */
	int (*driver_register)(const struct bm_driver *driver);
	void *(*dma_take)(size_t bytes, size_t align, uint64_t *phys);
	void (*dma_give)(void *memory, size_t bytes);
	int (*interrupts_take)(struct bm_device *device, uint32_t wanted,
			       void (*function)(void *argument), void *const *arguments);
	void (*interrupts_enable)(struct bm_device *device);
	int (*block_add)(const struct bm_block_driver *driver, struct bm_block_device **handle);
	int (*block_finish)(struct bm_block_device *device, uint32_t queue, uint32_t tag,
			    int status);
	void (*block_notify)(struct bm_block_device *device, uint32_t queue);

	/* <baremetal/net.h>; since version 5 */
	int (*net_count)(void);
	int (*net_info)(uint32_t device, struct bm_net_info *info);
	int (*net_link)(uint32_t device, struct bm_net_link *link);
	int (*net_configure)(uint32_t device, uint32_t queues, uint32_t accept);
	struct bm_net_queue *(*net_open)(uint32_t device, uint32_t queue);
	int (*net_filter)(uint32_t device, uint32_t flags, const uint8_t (*multicast)[6],
			  uint32_t count);
	int (*net_set_mac)(uint32_t device, const uint8_t mac[6]);
	int (*net_arm)(struct bm_net_queue *queue, uint32_t what, void (*function)(void *),
		       void *argument);
	int (*net_wait)(struct bm_net_queue *queue, uint32_t what, uint64_t deadline_ns);
	struct bm_net_buffer *(*net_refill)(struct bm_net_queue *queue);
	void (*net_spill)(struct bm_net_queue *queue, struct bm_net_buffer *buffer);
	int (*net_reserve)(uint32_t most, uint32_t now);
	int64_t (*net_attach)(struct bm_net_buffer *buffer, const void *address, size_t bytes,
			      void (*release)(struct bm_net_buffer *buffer));

	/* <baremetal/driver.h> */
	int (*net_add)(const struct bm_net_driver *driver, struct bm_net_device **handle);
	void (*net_notify)(struct bm_net_device *device, uint32_t queue);
	void (*net_fault)(struct bm_net_device *device, const char *reason);

	/* <baremetal/task.h>; since version 6 */
	uint64_t (*task_submitted)(void);
	int (*thread_alarm)(uint64_t deadline_ns, void (*function)(void *));

	/* <baremetal/block.h>; since version 7 */
	int (*block_wait_alone)(uint32_t device, struct bm_block_request *request);

	/* <baremetal/task.h>; since version 8 */
	void (*task_notify)(struct bm_task_group *group, void (*ended)(struct bm_task_group *));
};

/*
 * What the app's entry point receives in its first argument (register rdi).
 * The kernel owns all of it; it stays valid until exit. The entry point runs on
 * core 0, on the main stack, with interrupts enabled, fs base 0 and the vector
 * state enabled in its power-on defaults.
 */
struct bm_start {
	uint32_t size; /* bytes of this struct in the kernel */
	int32_t argc;
	const struct bm_api *api;
	char **argv;                 /* argc strings, then NULL; writable */
	char **envp;                 /* "NAME=value" strings, then NULL; writable */
	const void *boot_filesystem; /* a tar archive, read-only; NULL if none */
	size_t boot_filesystem_size; /* bytes */
	void *stack_low;             /* lowest usable byte of the main stack */
	size_t stack_size;           /* bytes */
};

/*
 * The ELF note that marks a BareMetal app: in a PT_NOTE segment, name
 * "BareMetal" (namesz 10), type BM_NOTE_APP, this descriptor. libbaremetal's
 * start-up file carries it.
 */
#define BM_NOTE_NAME "BareMetal"
#define BM_NOTE_APP  1
struct bm_app_note {
	uint32_t api_version; /* BM_API_VERSION at compile time */
	uint32_t flags;       /* 0 */
};

/* The running kernel's table; set by the start-up code before anything else. */
extern const struct bm_api *bm_api __attribute__((visibility("hidden")));

#endif
