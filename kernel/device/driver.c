/* SPDX-License-Identifier: MIT */
/*
 * The registry. Contract: driver.h.
 */
#include "device/driver.h"
#include "app/api.h"
#include "console/log.h"
#include "cpu/core.h"
#include "cpu/timer.h"
#include "device/acpi.h"
#include "device/pci.h"
#include "device/virtio_mmio.h"
#include "lib/format.h"
#include "memory/heap.h"
#include "memory/page.h"

#define APP_DRIVERS_MAX 16
#define MMIO_MAX        64
#define WAIT_NS         100000 /* between looks at a core that finds devices */
#define VENDOR_VIRTIO   0x1af4

/* Virtio 1.2, section 4.2.2: what makes a register block one of virtio's. */
#define MMIO_MAGIC       0x000
#define MMIO_MAGIC_VALUE 0x74726976
#define MMIO_DEVICE_TYPE 0x008

struct node {
	struct bm_device *device;
	struct node *next;
};

enum { NOT_STARTED, STARTING, STARTED };

extern const struct bm_driver *const __drivers_start[], *const __drivers_end[];
static const struct bm_driver *app_drivers[APP_DRIVERS_MAX];
static uint32_t app_driver_count;
static struct node *nodes, **nodes_end = &nodes;
static uint32_t state;
static uint32_t starter; /* the core that is at it, plus one */

void device_add(struct bm_device *device)
{
	struct node *node = dma_take(sizeof *node, 1, NULL);
	if (!node)
		return;
	node->device = device;
	*nodes_end = node;
	nodes_end = &node->next;
}

static bool matches(const struct bm_match *match, const struct bm_device *device)
{
	return match->bus == device->bus &&
	       (match->vendor == BM_ANY || match->vendor == device->vendor) &&
	       (match->device == BM_ANY || match->device == device->device) &&
	       !((match->class_code ^ device->class_code) & match->class_mask);
}

static const struct {
	int number;
	const char *text;
} errors[] = {
#define ENTRY(symbol, number, text) {number, text},
    BM_ERROR_LIST(ENTRY)
#undef ENTRY
};

const char *device_error(int status)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].number == -status)
			return errors[i].text;
	return "unknown error";
}

/* Ask a driver about a device. True if it has it now. */
static bool offer(const struct bm_driver *driver, struct bm_device *device)
{
	uint32_t i = 0;
	while (i < driver->match_count && !matches(&driver->matches[i], device))
		i++;
	if (i == driver->match_count)
		return false;
	int error = driver->probe(device);
	if (!error) {
		device->driver = driver;
		log_info("%s: %s", device->name, driver->name);
	} else if (error != -BM_ENODEV) {
		device->failed = true;
		log_warning("%s: %s does not work: %s", device->name, driver->name,
			    device_error(error));
	}
	return !error;
}

static void offer_to_all(struct bm_device *device)
{
	for (uint32_t i = 0; i < app_driver_count && !device->driver && !device->failed; i++)
		offer(app_drivers[i], device);
	for (const struct bm_driver *const *d = __drivers_start;
	     d < __drivers_end && !device->driver && !device->failed; d++)
		offer(*d, device);
}

static bool is_known(uint64_t address)
{
	for (const struct node *node = nodes; node; node = node->next)
		if (node->device->bus == BM_BUS_VIRTIO_MMIO && node->device->address == address)
			return true;
	return false;
}

static void add_virtio_mmio(const struct virtio_mmio_word *word)
{
	if (is_known(word->address))
		return;
	heap_hold();
	volatile uint32_t *registers =
	    page_map_device(word->address, word->size, PAGE_WRITE | PAGE_UNCACHED);
	heap_release();
	if (!registers || registers[MMIO_MAGIC / 4] != MMIO_MAGIC_VALUE) {
		log_warning("virtio: no device is at 0x%lx, where one was said to be",
			    word->address);
		return;
	}
	uint32_t type = registers[MMIO_DEVICE_TYPE / 4];
	struct bm_device *device = type ? dma_take(sizeof *device, 1, NULL) : NULL;
	if (!device)
		return; /* type 0: a place without a device */
	device->bus = BM_BUS_VIRTIO_MMIO;
	device->vendor = VENDOR_VIRTIO;
	device->device = type < BM_ANY ? type : 0;
	device->address = word->address;
	device->size = word->size;
	device->interrupt = word->interrupt;
	format_text(device->name, sizeof device->name, "mmio 0x%lx", word->address);
	device_add(device);
}

/* From the loader's line alone, for monitors add their words there, and from ACPI. */
static void find_virtio_mmio(void)
{
	const char *line = api_table.system_info()->command_line;
	struct virtio_mmio_word word;
	uint32_t broken = 0, left = MMIO_MAX;
	size_t size, at = 0;

	while (left && virtio_mmio_next(&line, &word, &broken)) {
		add_virtio_mmio(&word);
		left--;
	}
	if (broken)
		log_warning("command line: %u words virtio_mmio.device= make no sense", broken);
	heap_hold();
	const uint8_t *dsdt = acpi_map_dsdt(&size);
	heap_release();
	while (dsdt && left && virtio_mmio_next_acpi(dsdt, size, &at, &word)) {
		add_virtio_mmio(&word);
		left--;
	}
}

void devices_start(void)
{
	uint32_t expected = NOT_STARTED, self = core_self()->index + 1;

	if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == STARTED)
		return;
	if (!__atomic_compare_exchange_n(&state, &expected, STARTING, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST)) {
		/* A driver's probe() that asks gets what there is so far. */
		while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) != STARTED &&
		       __atomic_load_n(&starter, __ATOMIC_RELAXED) != self)
			timer_wait(WAIT_NS);
		return;
	}
	__atomic_store_n(&starter, self, __ATOMIC_RELAXED);
	pci_find_all();
	find_virtio_mmio();
	for (struct node *node = nodes; node; node = node->next)
		offer_to_all(node->device);
	__atomic_store_n(&state, STARTED, __ATOMIC_RELEASE);
	__atomic_store_n(&starter, 0, __ATOMIC_RELAXED);
}

int driver_register(const struct bm_driver *driver)
{
	int taken = 0;

	if (!driver || !driver->name || !driver->probe)
		return -BM_EINVAL;
	if (app_driver_count == APP_DRIVERS_MAX)
		return -BM_ENOSPC;
	app_drivers[app_driver_count++] = driver;
	if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) != STARTED)
		return 0;
	for (struct node *node = nodes; node; node = node->next)
		if (!node->device->driver && offer(driver, node->device))
			taken++;
	return taken;
}
