/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of devices. Contract: interrupt.h.
 *
 * A source is one function with its argument. It hangs on a vector (messages, the I/O APIC) or on a
 * line of the legacy controller. Lists only grow, at their head, so that an interrupt may read them
 * at any time.
 */
#include "device/interrupt.h"
#include <string.h>
#include "console/log.h"
#include "cpu/apic.h"
#include "cpu/core.h"
#include "cpu/cpu.h"
#include "cpu/interrupts.h"
#include "device/acpi.h"
#include "device/interrupt_regs.h"
#include "device/madt_io.h"
#include "device/pci.h"
#include "device/pci_regs.h"
#include "memory/dma.h"
#include "memory/heap.h"
#include "memory/page.h"

#define VECTORS      (INTERRUPT_SPURIOUS - INTERRUPT_DEVICES)
#define MESSAGES_MAX 64 /* of one device */

struct source {
	struct source *next;
	void (*function)(void *);
	void *argument;
	struct line *line; /* NULL: messages */
	uint32_t core;     /* of messages: where they go */
};

/* An input of an interrupt controller. */
struct line {
	struct source *sources;  /* of the legacy controller's */
	volatile uint32_t *io;   /* the I/O APIC, NULL: legacy */
	uint32_t number;         /* its input there */
	uint32_t unmasked_entry; /* I/O APIC */
};

static struct source *sources[VECTORS];
static struct line lines[PIC_LINES];
static bool masks_busy;

/* ---- Masking ---- */

/* Masks change on any core and in interrupts. */
static uint64_t lock_masks(void)
{
	uint64_t flags;
	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	while (__atomic_test_and_set(&masks_busy, __ATOMIC_ACQUIRE))
		cpu_relax();
	return flags;
}

static void unlock_masks(uint64_t flags)
{
	__atomic_clear(&masks_busy, __ATOMIC_RELEASE);
	__asm__ volatile("pushq %0; popfq" : : "r"(flags) : "memory", "cc");
}

static uint32_t io_apic_read(volatile uint32_t *io, uint32_t reg)
{
	io[IO_APIC_SELECT / 4] = reg;
	return io[IO_APIC_WINDOW / 4];
}

static void io_apic_write(volatile uint32_t *io, uint32_t reg, uint32_t value)
{
	io[IO_APIC_SELECT / 4] = reg;
	io[IO_APIC_WINDOW / 4] = value;
}

static void set_mask(const struct line *line, bool masked)
{
	uint64_t flags = lock_masks();
	if (line->io) {
		io_apic_write(line->io, IO_APIC_ENTRY(line->number),
			      line->unmasked_entry | (masked ? IO_APIC_ENTRY_MASKED : 0));
	} else {
		uint16_t port = PIC_MASK(line->number);
		uint8_t bit = 1 << line->number % 8;
		out8(port, masked ? in8(port) | bit : in8(port) & ~bit);
	}
	unlock_masks(flags);
}

/* ---- In interrupts ---- */

static void message_interrupt(unsigned vector)
{
	uint32_t core = core_self()->index;
	for (struct source *s = sources[vector - INTERRUPT_DEVICES]; s; s = s->next) {
		if (s->line)
			set_mask(s->line, true);
		else if (s->core != core)
			continue;
		s->function(s->argument);
	}
	apic_write(APIC_EOI, 0);
}

static void legacy_interrupt(unsigned vector)
{
	unsigned line = vector - INTERRUPT_PIC;
	/* The last line of each is also what a request that went away looks like: not in service.
	 */
	if (line % 8 == 7) {
		out8(PIC_COMMAND(line), PIC_COMMAND_READ_ISR);
		if (!(in8(PIC_COMMAND(line)) & 0x80)) {
			if (line > 8)
				out8(PIC_COMMAND(0), PIC_COMMAND_EOI);
			return;
		}
	}
	set_mask(&lines[line], true);
	if (line >= 8)
		out8(PIC_COMMAND(line), PIC_COMMAND_EOI);
	out8(PIC_COMMAND(0), PIC_COMMAND_EOI);
	for (struct source *s = lines[line].sources; s; s = s->next)
		s->function(s->argument);
}

/* ---- Taking ---- */

static struct source *new_source(void (*function)(void *), void *argument)
{
	struct source *s = dma_take(sizeof *s, 1, NULL);
	if (s) {
		s->function = function;
		s->argument = argument;
	}
	return s;
}

static void push(struct source **list, struct source *s)
{
	s->next = *list;
	__atomic_store_n(list, s, __ATOMIC_RELEASE);
}

/* The vector with the fewest sources for a core; the source is put there. */
static unsigned take_vector(struct source *s)
{
	unsigned best = 0, least = ~0u;
	for (unsigned i = 0; i < VECTORS && least; i++) {
		unsigned count = 0;
		for (struct source *other = sources[i]; other; other = other->next)
			count += other->line || other->core == s->core;
		if (count < least) {
			least = count;
			best = i;
		}
	}
	interrupt_set_handler(INTERRUPT_DEVICES + best, message_interrupt);
	push(&sources[best], s);
	return INTERRUPT_DEVICES + best;
}

/* The processor's input for the legacy controller, on core 0: as firmware for PCs has it. */
static void open_legacy(void *unused)
{
	(void)unused;
	apic_write(APIC_LVT_LINT0, APIC_LVT_EXTINT);
}

static bool legacy_is_there(void)
{
	size_t size;
	heap_hold();
	const uint8_t *table = acpi_find("APIC", &size);
	heap_release();
	if (table && madt_lacks_legacy(table, size))
		return false;
	/* All are masked since boot; where nothing is, ones cannot be cleared. */
	set_mask(&(struct line){.number = PIC_CASCADE}, false);
	return in8(PIC_MASK(PIC_CASCADE)) == (uint8_t) ~(1 << PIC_CASCADE);
}

static int take_legacy(uint32_t number, void (*function)(void *), void *argument,
		       struct line **result)
{
	static bool opened, absent;
	struct source *s;
	if (number >= PIC_LINES || number == PIC_CASCADE || absent || !apic_enable())
		return -BM_ENODEV;
	if (!opened) {
		absent = !legacy_is_there();
		if (absent)
			return -BM_ENODEV;
		opened = true;
		/* A request that goes away looks like the last line of its controller; the second
		 * one's must be acknowledged at the first, or all its lines stay blocked. */
		interrupt_set_handler(INTERRUPT_PIC + 7, legacy_interrupt);
		interrupt_set_handler(INTERRUPT_PIC + 15, legacy_interrupt);
		if (core_self()->index == 0 || task_submit_to(0, NULL, open_legacy, NULL))
			open_legacy(NULL);
	}
	s = new_source(function, argument);
	if (!s)
		return -BM_ENOMEM;
	*result = &lines[number];
	lines[number].number = number;
	interrupt_set_handler(INTERRUPT_PIC + number, legacy_interrupt);
	push(&lines[number].sources, s);
	return 1;
}

static int take_io_apic(uint32_t interrupt, void (*function)(void *), void *argument,
			struct line **result)
{
	struct io_apic io;
	size_t size;
	heap_hold();
	const uint8_t *table = acpi_find("APIC", &size);
	volatile uint32_t *registers = NULL;
	if (table && madt_find_io_apic(table, size, interrupt, &io))
		registers = page_map_device(io.address, IO_APIC_SIZE, PAGE_WRITE | PAGE_UNCACHED);
	heap_release();
	uint32_t apic = core_of(0)->apic_id;
	if (!registers || apic > 255 || !apic_enable())
		return -BM_ENODEV;
	uint32_t input = interrupt - io.first;
	if (input > IO_APIC_VERSION_LAST(io_apic_read(registers, IO_APIC_VERSION)))
		return -BM_ENODEV;
	struct line *line = dma_take(sizeof *line, 1, NULL);
	struct source *s = new_source(function, argument);
	if (!line || !s) {
		dma_give(line, sizeof *line);
		dma_give(s, sizeof *s);
		return -BM_ENOMEM;
	}
	s->line = line;
	line->io = registers;
	line->number = input;
	line->unmasked_entry = IO_APIC_ENTRY_LEVEL | take_vector(s);
	io_apic_write(registers, IO_APIC_ENTRY(input) + 1, IO_APIC_ENTRY_TARGET(apic));
	set_mask(line, true);
	*result = line;
	return 1;
}

/* ---- PCI ---- */

/* Message N's core, and whether a message can reach it. */
static uint32_t message_core(uint32_t n)
{
	uint32_t core = n % worker_count();
	return core_of(core)->apic_id < 255 ? core : 0;
}

/* PCI 3.0, section 6.8.2: a table in a register block. */
static int take_msix(struct bm_device *device, uint32_t wanted, void (*function)(void *),
		     void *const *arguments)
{
	uint32_t at = pci_capability(device, PCI_CAPABILITY_MSIX, 0), taken;
	if (!at)
		return -BM_ENODEV;
	uint32_t control = pci_config_read(device, at + PCI_MSIX_CONTROL, 2);
	uint32_t where = pci_config_read(device, at + PCI_MSIX_TABLE, 4);
	uint32_t count = (control & PCI_MSIX_CONTROL_SIZE) + 1;
	volatile uint32_t *table =
	    (volatile uint32_t *)pci_map_bar(device, where & PCI_MSIX_TABLE_BAR,
					     where & ~PCI_MSIX_TABLE_BAR, count * PCI_MSIX_ENTRY);
	if (!table)
		return -BM_ENODEV;
	pci_config_write(device, at + PCI_MSIX_CONTROL, 2,
			 control | PCI_MSIX_CONTROL_ENABLE | PCI_MSIX_CONTROL_MASK);
	wanted = wanted < count ? wanted : count;
	for (taken = 0; taken < wanted; taken++) {
		volatile uint32_t *entry = table + taken * (PCI_MSIX_ENTRY / 4);
		struct source *s = new_source(function, arguments[taken]);
		if (!s)
			break;
		s->core = message_core(taken);
		entry[PCI_MSIX_ENTRY_ADDRESS / 4] = MESSAGE_ADDRESS(core_of(s->core)->apic_id);
		entry[PCI_MSIX_ENTRY_ADDRESS / 4 + 1] = 0;
		entry[PCI_MSIX_ENTRY_DATA / 4] = take_vector(s);
		entry[PCI_MSIX_ENTRY_CONTROL / 4] = 0;
	}
	pci_config_write(device, at + PCI_MSIX_CONTROL, 2,
			 (control & ~PCI_MSIX_CONTROL_MASK) |
			     (taken ? PCI_MSIX_CONTROL_ENABLE : 0));
	return taken ? (int)taken : -BM_ENOMEM;
}

/* PCI 3.0, section 6.8.1: one message, of those that it could send. */
static int take_msi(struct bm_device *device, void (*function)(void *), void *argument)
{
	uint32_t at = pci_capability(device, PCI_CAPABILITY_MSI, 0);
	struct source *s = at ? new_source(function, argument) : NULL;
	if (!s)
		return -BM_ENODEV;
	uint32_t control = pci_config_read(device, at + PCI_MSI_CONTROL, 2), data = PCI_MSI_DATA_32;
	s->core = message_core(0);
	pci_config_write(device, at + PCI_MSI_ADDRESS, 4,
			 MESSAGE_ADDRESS(core_of(s->core)->apic_id));
	if (control & PCI_MSI_CONTROL_64) {
		pci_config_write(device, at + PCI_MSI_ADDRESS + 4, 4, 0);
		data = PCI_MSI_DATA_64;
	}
	pci_config_write(device, at + data, 2, take_vector(s));
	pci_config_write(device, at + PCI_MSI_CONTROL, 2,
			 (control & ~PCI_MSI_CONTROL_COUNT) | PCI_MSI_CONTROL_ENABLE);
	return 1;
}

static int take_pci(struct bm_device *device, uint32_t wanted, void (*function)(void *),
		    void *const *arguments)
{
	int taken = -BM_ENODEV;
	uint32_t command = pci_config_read(device, PCI_COMMAND, 2);
	if (apic_enable()) {
		taken = take_msix(device, wanted, function, arguments);
		if (taken < 0)
			taken = take_msi(device, function, arguments[0]);
	}
	if (taken > 0) {
		pci_config_write(device, PCI_COMMAND, 2, command | PCI_COMMAND_NO_LINE);
		return taken;
	}
	if (!pci_config_read(device, PCI_INTERRUPT_PIN, 1))
		return -BM_ENODEV;
	struct line *line;
	uint32_t number = pci_config_read(device, PCI_INTERRUPT_LINE, 1);
	taken = number ? take_legacy(number, function, arguments[0], &line) : -BM_ENODEV;
	if (taken > 0) {
		device->line = line;
		pci_config_write(device, PCI_COMMAND, 2, command & ~PCI_COMMAND_NO_LINE);
	}
	return taken;
}

int interrupts_take(struct bm_device *device, uint32_t wanted, void (*function)(void *),
		    void *const *arguments)
{
	int taken = -BM_ENODEV;
	struct line *line = NULL;
	wanted = wanted < MESSAGES_MAX ? wanted : MESSAGES_MAX;
	if (!wanted)
		return -BM_EINVAL;
	if (device->bus == BM_BUS_PCI)
		taken = take_pci(device, wanted, function, arguments);
	else if (device->bus == BM_BUS_VIRTIO_MMIO)
		taken = take_io_apic(device->interrupt, function, arguments[0], &line);
	/* Without ACPI's list of I/O APICs: the first numbers are the legacy lines. */
	if (taken == -BM_ENODEV && device->bus == BM_BUS_VIRTIO_MMIO)
		taken = take_legacy(device->interrupt, function, arguments[0], &line);
	if (line)
		device->line = line;
	if (taken < 0)
		log_info("%s: no interrupt reaches this machine, polled by time", device->name);
	return taken;
}

void interrupts_enable(struct bm_device *device)
{
	if (device->line)
		set_mask(device->line, false);
}

int interrupt_line_take(uint32_t number, void (*function)(void *), void *argument)
{
	struct line *line;
	return take_legacy(number, function, argument, &line);
}

void interrupt_line_enable(uint32_t number)
{
	if (number < PIC_LINES)
		set_mask(&lines[number], false);
}
