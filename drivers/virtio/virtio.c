/* SPDX-License-Identifier: MIT */
/*
 * Virtio 1.2: the transports, initialisation (section 3.1.1) and reset. Contract: virtio.h.
 *
 * QEMU: -device virtio-blk-pci[,disable-legacy=on | ,disable-modern=on] on pc, q35 and
 * microvm,pcie=on; -device virtio-blk-device on microvm, with -global
 * virtio-mmio.force-legacy=false for version 2.
 */
#include "virtio.h"
#include <string.h>
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/time.h"
#include "device/pci.h"
#include "device/pci_regs.h"
#include "memory/heap.h"
#include "memory/layout.h"

#define RESET_NS     (5 * BM_SECOND) /* a device with requests under way may take time */
#define CAPS_MAX     16
#define CONFIG_READS 8

/* ---- Registers ---- */

static uint8_t get8(const volatile uint8_t *at)
{
	return *at;
}
static uint16_t get16(const volatile uint8_t *at)
{
	return *(const volatile uint16_t *)at;
}
static uint32_t get32(const volatile uint8_t *at)
{
	return *(const volatile uint32_t *)at;
}
static void set8(volatile uint8_t *at, uint8_t value)
{
	*at = value;
}
static void set16(volatile uint8_t *at, uint16_t value)
{
	*(volatile uint16_t *)at = value;
}
static void set32(volatile uint8_t *at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}
static void set64(volatile uint8_t *at, uint64_t value)
{
	set32(at, value);
	set32(at + 4, value >> 32);
}

static bool is_mmio(const struct virtio *v)
{
	return v->kind == VIRTIO_MMIO || v->kind == VIRTIO_MMIO_LEGACY;
}

static uint8_t get_status(const struct virtio *v)
{
	return v->kind == VIRTIO_PCI          ? get8(v->common + VIRTIO_COMMON_STATUS)
	       : v->kind == VIRTIO_PCI_LEGACY ? in8(v->ports + VIRTIO_LEGACY_STATUS)
					      : get32(v->common + VIRTIO_MMIO_STATUS);
}

static void set_status(const struct virtio *v, uint8_t status)
{
	if (v->kind == VIRTIO_PCI)
		set8(v->common + VIRTIO_COMMON_STATUS, status);
	else if (v->kind == VIRTIO_PCI_LEGACY)
		out8(v->ports + VIRTIO_LEGACY_STATUS, status);
	else
		set32(v->common + VIRTIO_MMIO_STATUS, status);
}

static void add_status(const struct virtio *v, uint8_t bits)
{
	set_status(v, get_status(v) | bits);
}

static uint32_t get_features(const struct virtio *v, uint32_t half)
{
	switch (v->kind) {
	case VIRTIO_PCI:
		set32(v->common + VIRTIO_COMMON_DEVICE_FEATURE_SELECT, half);
		return get32(v->common + VIRTIO_COMMON_DEVICE_FEATURE);
	case VIRTIO_PCI_LEGACY:
		return half ? 0 : in32(v->ports + VIRTIO_LEGACY_DEVICE_FEATURES);
	default:
		set32(v->common + VIRTIO_MMIO_DEVICE_FEATURES_SELECT, half);
		return get32(v->common + VIRTIO_MMIO_DEVICE_FEATURES);
	}
}

static void set_features(const struct virtio *v, uint32_t half, uint32_t features)
{
	switch (v->kind) {
	case VIRTIO_PCI:
		set32(v->common + VIRTIO_COMMON_DRIVER_FEATURE_SELECT, half);
		set32(v->common + VIRTIO_COMMON_DRIVER_FEATURE, features);
		break;
	case VIRTIO_PCI_LEGACY:
		if (!half)
			out32(v->ports + VIRTIO_LEGACY_DRIVER_FEATURES, features);
		break;
	default:
		set32(v->common + VIRTIO_MMIO_DRIVER_FEATURES_SELECT, half);
		set32(v->common + VIRTIO_MMIO_DRIVER_FEATURES, features);
	}
}

/* ---- Finding the registers ---- */

/* 4.1.4: a structure in a register block, mapped; NULL if it is shorter than `least` or not there.
 */
static volatile uint8_t *map_structure(struct virtio *v, uint32_t cap, uint32_t least,
				       uint32_t *bytes)
{
	uint32_t bar = pci_config_read(v->device, cap + VIRTIO_PCI_CAP_BAR, 1);
	uint32_t offset = pci_config_read(v->device, cap + VIRTIO_PCI_CAP_OFFSET, 4);
	*bytes = pci_config_read(v->device, cap + VIRTIO_PCI_CAP_BYTES, 4);
	return *bytes < least ? NULL : pci_map_bar(v->device, bar, offset, *bytes);
}

static bool find_modern(struct virtio *v)
{
	uint32_t cap = 0, bytes;
	for (int i = 0; i < CAPS_MAX; i++) {
		cap = pci_capability(v->device, PCI_CAPABILITY_VENDOR, cap);
		if (!cap || cap > PCI_CONFIG_SIZE - VIRTIO_PCI_CAP_SIZE - 4)
			break;
		/* The first of each kind that can be used counts. */
		switch (pci_config_read(v->device, cap + VIRTIO_PCI_CAP_TYPE, 1)) {
		case VIRTIO_PCI_CAP_COMMON:
			if (!v->common)
				v->common = map_structure(v, cap, VIRTIO_COMMON_BYTES, &bytes);
			break;
		case VIRTIO_PCI_CAP_NOTIFY:
			if (!v->notify) {
				v->notify = map_structure(v, cap, 2, &v->notify_bytes);
				v->notify_multiplier =
				    pci_config_read(v->device, cap + VIRTIO_PCI_CAP_MULTIPLIER, 4);
			}
			break;
		case VIRTIO_PCI_CAP_ISR:
			if (!v->isr)
				v->isr = map_structure(v, cap, 1, &bytes);
			break;
		case VIRTIO_PCI_CAP_DEVICE:
			if (!v->config)
				v->config = map_structure(v, cap, 4, &v->config_bytes);
			break;
		}
	}
	v->kind = VIRTIO_PCI;
	return v->common && v->notify && v->isr;
}

static int find_registers(struct virtio *v)
{
	struct bm_device *device = v->device;
	if (device->bus == BM_BUS_PCI) {
		if (find_modern(v))
			return 0;
		/* 4.1.3.1: the first register block, of ports, is the legacy one. */
		v->kind = VIRTIO_PCI_LEGACY;
		v->ports = pci_ports(device, 0, VIRTIO_LEGACY_CONFIG_MSIX);
		v->config_bytes =
		    v->ports ? pci_bar(device, 0)->size - VIRTIO_LEGACY_CONFIG_MSIX : 0;
		if (!v->ports && pci_bar(device, 0)->flags & BM_PCI_BAR_UNPLACED)
			log_warning("%s: ports without address: leave disable-modern=on out",
				    device->name);
		return v->ports ? 0 : -BM_ENODEV;
	}
	/* Mapped when it was found. */
	v->common = (volatile uint8_t *)(LAYOUT_DEVICES + device->address);
	v->config = v->common + VIRTIO_MMIO_CONFIG;
	v->config_bytes = device->size - VIRTIO_MMIO_CONFIG;
	uint32_t version = get32(v->common + VIRTIO_MMIO_VERSION);
	v->kind = version == 1 ? VIRTIO_MMIO_LEGACY : VIRTIO_MMIO;
	return version == 1 || version == 2 ? 0 : -BM_ENODEV;
}

/* ---- Initialisation: 3.1.1 ---- */

/* Step 1. 4.1.4.3.2 and 2.4: it is done when the status reads 0. */
static int reset(struct virtio *v)
{
	uint64_t end = time_monotonic() + RESET_NS;
	set_status(v, 0);
	while (get_status(v)) {
		if (time_monotonic() > end)
			return -BM_EIO;
		cpu_relax();
	}
	return 0;
}

static int begin(struct virtio *v)
{
	int error = reset(v);
	if (error)
		return error;
	add_status(v, VIRTIO_STATUS_ACKNOWLEDGE); /* step 2 */
	add_status(v, VIRTIO_STATUS_DRIVER);      /* step 3 */
	return 0;
}

int virtio_open(struct virtio *v, struct bm_device *device)
{
	memset(v, 0, sizeof *v);
	v->device = device;
	int error = find_registers(v);
	if (!error)
		error = begin(v);
	if (error)
		return error;
	v->offered = get_features(v, 0) | (uint64_t)get_features(v, 1) << 32;
	/* It masters the bus from here on, for it may only use what it is given. */
	if (device->bus == BM_BUS_PCI)
		pci_master(device, true);
	return 0;
}

/* Steps 4 to 6. */
static int agree(struct virtio *v)
{
	bool legacy = v->kind == VIRTIO_PCI_LEGACY || v->kind == VIRTIO_MMIO_LEGACY;
	set_features(v, 0, v->features);
	set_features(v, 1, v->features >> 32);
	if (v->kind == VIRTIO_MMIO_LEGACY)
		set32(v->common + VIRTIO_MMIO_V1_PAGE_SIZE, VIRTIO_LEGACY_PAGE);
	if (legacy)
		return 0;
	if (!(v->features & VIRTIO_F_VERSION_1))
		return -BM_EIO; /* 6.1: a modern device must offer it */
	add_status(v, VIRTIO_STATUS_FEATURES_OK);
	return get_status(v) & VIRTIO_STATUS_FEATURES_OK ? 0 : -BM_EIO;
}

int virtio_negotiate(struct virtio *v, uint64_t wanted)
{
	wanted |= VIRTIO_F_VERSION_1 | VIRTIO_F_PLATFORM;
	v->features = v->offered & wanted;
	return agree(v);
}

int virtio_interrupts(struct virtio *v, uint32_t count, void (*function)(void *),
		      void *const *arguments)
{
	int taken = interrupts_take(v->device, count, function, arguments);
	v->messages = taken > 0 && !v->device->line;
	return taken;
}

void virtio_ready(struct virtio *v)
{
	add_status(v, VIRTIO_STATUS_DRIVER_OK);
}

int virtio_restart(struct virtio *v)
{
	int error = begin(v);
	return error ? error : agree(v);
}

int virtio_config_interrupt(struct virtio *v, uint16_t vector)
{
	if (!v->messages)
		return 0;
	if (v->kind == VIRTIO_PCI) {
		set16(v->common + VIRTIO_COMMON_CONFIG_VECTOR, vector);
		return get16(v->common + VIRTIO_COMMON_CONFIG_VECTOR) == vector ? 0 : -BM_EIO;
	}
	out16(v->ports + VIRTIO_LEGACY_CONFIG_VECTOR, vector);
	return in16(v->ports + VIRTIO_LEGACY_CONFIG_VECTOR) == vector ? 0 : -BM_EIO;
}

int virtio_quiet(struct virtio *v)
{
	return reset(v);
}

bool virtio_cut_off(struct virtio *v)
{
	if (v->device->bus == BM_BUS_PCI)
		pci_master(v->device, false);
	return v->device->bus == BM_BUS_PCI;
}

void virtio_fail(struct virtio *v)
{
	reset(v);
	set_status(v, VIRTIO_STATUS_FAILED);
	if (v->device->bus == BM_BUS_PCI)
		pci_master(v->device, false);
}

/* ---- Configuration ---- */

static uint8_t config_byte(const struct virtio *v, uint32_t offset)
{
	uint32_t base = v->messages ? VIRTIO_LEGACY_CONFIG_MSIX : VIRTIO_LEGACY_CONFIG;
	return v->config ? get8(v->config + offset) : in8(v->ports + base + offset);
}

/* 2.5.1: as wide as the field is; the generation tells whether two halves are of one time. */
static uint64_t config_once(const struct virtio *v, uint32_t offset, uint32_t size)
{
	uint64_t value = 0;
	if (v->config && size == 2)
		return get16(v->config + offset);
	if (v->config && size == 4)
		return get32(v->config + offset);
	if (v->config && size == 8)
		return get32(v->config + offset) | (uint64_t)get32(v->config + offset + 4) << 32;
	for (uint32_t i = 0; i < size; i++)
		value |= (uint64_t)config_byte(v, offset + i) << 8 * i;
	return value;
}

static uint32_t generation(const struct virtio *v)
{
	return v->kind == VIRTIO_PCI    ? get8(v->common + VIRTIO_COMMON_GENERATION)
	       : v->kind == VIRTIO_MMIO ? get32(v->common + VIRTIO_MMIO_GENERATION)
					: 0;
}

uint64_t virtio_config(const struct virtio *v, uint32_t offset, uint32_t size)
{
	uint64_t value = 0;
	if (offset + size > v->config_bytes)
		return 0;
	for (int i = 0; i < CONFIG_READS; i++) {
		uint32_t before = generation(v);
		value = config_once(v, offset, size);
		if (generation(v) == before)
			break;
	}
	return value;
}

void virtio_acknowledge(struct virtio *v)
{
	if (v->kind == VIRTIO_PCI)
		get8(v->isr);
	else if (v->kind == VIRTIO_PCI_LEGACY)
		in8(v->ports + VIRTIO_LEGACY_ISR);
	else
		set32(v->common + VIRTIO_MMIO_ISR_ACKNOWLEDGE, get32(v->common + VIRTIO_MMIO_ISR));
}

/* ---- Queues: 4.1.5.1.3, 4.2.3.2 ---- */

static void select_queue(const struct virtio *v, uint16_t index)
{
	if (v->kind == VIRTIO_PCI)
		set16(v->common + VIRTIO_COMMON_QUEUE_SELECT, index);
	else if (v->kind == VIRTIO_PCI_LEGACY)
		out16(v->ports + VIRTIO_LEGACY_QUEUE_SELECT, index);
	else
		set32(v->common + VIRTIO_MMIO_QUEUE_SELECT, index);
}

static uint32_t largest_size(const struct virtio *v)
{
	return v->kind == VIRTIO_PCI          ? get16(v->common + VIRTIO_COMMON_QUEUE_SIZE)
	       : v->kind == VIRTIO_PCI_LEGACY ? in16(v->ports + VIRTIO_LEGACY_QUEUE_SIZE)
					      : get32(v->common + VIRTIO_MMIO_QUEUE_SIZE_MAX);
}

/* Legacy devices know only one arrangement (2.7.2), which suits the others as well. */
static size_t used_offset(uint32_t size)
{
	size_t driver = size * sizeof(struct virtq_desc) + sizeof(struct virtq_avail) +
			(size + 1) * sizeof(uint16_t);
	return (driver + VIRTIO_LEGACY_PAGE - 1) & -(size_t)VIRTIO_LEGACY_PAGE;
}

static void lay_out(struct virtq *q)
{
	uint8_t *memory = q->memory;
	q->descs = (void *)memory;
	q->avail = (void *)(memory + q->size * sizeof(struct virtq_desc));
	q->used_event = &q->avail->ring[q->size];
	q->used = (void *)(memory + used_offset(q->size));
	q->avail_event = (volatile uint16_t *)&q->used->ring[q->size];
}

/* The device is told where its parts are. */
static int enable(struct virtq *q, uint16_t vector)
{
	struct virtio *v = q->virtio;
	volatile uint8_t *r = v->common;
	switch (v->kind) {
	case VIRTIO_PCI:
		set16(r + VIRTIO_COMMON_QUEUE_SIZE, q->size);
		set64(r + VIRTIO_COMMON_QUEUE_DESC, dma_phys(q->descs));
		set64(r + VIRTIO_COMMON_QUEUE_DRIVER, dma_phys(q->avail));
		set64(r + VIRTIO_COMMON_QUEUE_DEVICE, dma_phys(q->used));
		if (v->messages) {
			set16(r + VIRTIO_COMMON_CONFIG_VECTOR, VIRTIO_NO_VECTOR);
			set16(r + VIRTIO_COMMON_QUEUE_VECTOR, vector);
			if (get16(r + VIRTIO_COMMON_QUEUE_VECTOR) != vector)
				return -BM_EIO;
		}
		uint64_t offset =
		    (uint64_t)get16(r + VIRTIO_COMMON_QUEUE_NOTIFY_OFF) * v->notify_multiplier;
		if (offset + 2 > v->notify_bytes)
			return -BM_EIO;
		q->notify = v->notify + offset;
		set16(r + VIRTIO_COMMON_QUEUE_ENABLE, 1);
		return 0;
	case VIRTIO_PCI_LEGACY:
		out32(v->ports + VIRTIO_LEGACY_QUEUE_PAGE, dma_phys(q->descs) / VIRTIO_LEGACY_PAGE);
		if (v->messages) {
			out16(v->ports + VIRTIO_LEGACY_CONFIG_VECTOR, VIRTIO_NO_VECTOR);
			out16(v->ports + VIRTIO_LEGACY_QUEUE_VECTOR, vector);
			if (in16(v->ports + VIRTIO_LEGACY_QUEUE_VECTOR) != vector)
				return -BM_EIO;
		}
		return 0;
	case VIRTIO_MMIO:
		set32(r + VIRTIO_MMIO_QUEUE_SIZE, q->size);
		set64(r + VIRTIO_MMIO_QUEUE_DESC, dma_phys(q->descs));
		set64(r + VIRTIO_MMIO_QUEUE_DRIVER, dma_phys(q->avail));
		set64(r + VIRTIO_MMIO_QUEUE_DEVICE, dma_phys(q->used));
		set32(r + VIRTIO_MMIO_QUEUE_READY, 1);
		break;
	default:
		set32(r + VIRTIO_MMIO_QUEUE_SIZE, q->size);
		set32(r + VIRTIO_MMIO_V1_QUEUE_ALIGN, VIRTIO_LEGACY_PAGE);
		set32(r + VIRTIO_MMIO_V1_QUEUE_PAGE, dma_phys(q->descs) / VIRTIO_LEGACY_PAGE);
	}
	q->notify = r + VIRTIO_MMIO_QUEUE_NOTIFY;
	return 0;
}

static void begin_empty(struct virtq *q)
{
	q->next = q->told = q->seen = 0;
	q->avail->flags = q->event_idx ? 0 : VIRTQ_AVAIL_NO_INTERRUPT;
	*q->used_event = q->event_idx ? -1 : 0;
	q->armed = false;
}

int virtq_make(struct virtq *q, struct virtio *v, uint16_t index, uint16_t slots, uint16_t stride,
	       uint16_t vector)
{
	bool fixed = v->kind == VIRTIO_PCI_LEGACY; /* its size is the device's choice */
	memset(q, 0, sizeof *q);
	select_queue(v, index);
	uint32_t size = largest_size(v), wanted = 1;
	if (!size)
		return -BM_ENODEV;
	if (size > VIRTIO_QUEUE_MAX || size & (size - 1))
		return -BM_EIO;
	while (wanted < (uint32_t)slots * stride)
		wanted *= 2;
	q->size = fixed || size < wanted ? size : wanted;
	q->virtio = v;
	q->index = index;
	q->stride = stride;
	q->shift = __builtin_ctz(stride);
	q->slots = q->size / stride < slots ? q->size / stride : slots;
	q->event_idx = v->features & VIRTIO_F_EVENT_IDX;
	q->wide = is_mmio(v);
	if (!q->slots)
		return -BM_EIO;
	q->memory_size = used_offset(q->size) + sizeof(struct virtq_used) +
			 q->size * sizeof(struct virtq_used_elem) + sizeof(uint16_t);
	q->memory = dma_take(q->memory_size, VIRTIO_LEGACY_PAGE, NULL);
	if (!q->memory)
		return -BM_ENOMEM;
	lay_out(q);
	begin_empty(q);
	/* A legacy device takes the page's number in 32 bits: 16 TiB. */
	int error = enable(q, vector);
	if (error)
		virtq_free(q);
	return error;
}

void virtq_free(struct virtq *q)
{
	dma_give(q->memory, q->memory_size);
	q->memory = NULL;
}

int virtq_remake(struct virtq *q, uint16_t vector)
{
	volatile uint8_t *used = (volatile uint8_t *)q->used;
	for (size_t i = 0; i < sizeof(struct virtq_used) + sizeof(uint16_t) +
				   q->size * sizeof(struct virtq_used_elem);
	     i++)
		used[i] = 0;
	q->avail->index = 0;
	begin_empty(q);
	select_queue(q->virtio, q->index);
	return enable(q, vector);
}

/* ---- The data path: 2.7.13 ---- */

void virtq_kick(struct virtq *q)
{
	virtio_store_load_order();
	if (q->event_idx) {
		/* 2.7.10: has the index that it waits for been passed since the last time? */
		uint16_t since = q->next - q->told;
		if ((uint16_t)(q->next - *q->avail_event - 1) >= since)
			return;
	} else if (q->used->flags & VIRTQ_USED_NO_NOTIFY) {
		return;
	}
	q->told = q->next;
	if (!q->notify)
		out16(q->virtio->ports + VIRTIO_LEGACY_QUEUE_NOTIFY, q->index);
	else if (q->wide)
		set32(q->notify, q->index);
	else
		set16(q->notify, q->index);
}

int virtq_arm(struct virtq *q)
{
	if (q->event_idx)
		*q->used_event = q->seen;
	else
		q->avail->flags = 0;
	virtio_store_order();
	q->armed = true;
	virtio_store_load_order();
	return q->used->index != q->seen;
}
