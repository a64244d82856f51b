/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices that are neither PCI's nor found by looking: told by words of the command line,
 * virtio_mmio.device=SIZE@ADDRESS:INTERRUPT[:ID], as monitors add them where there is no ACPI, or
 * by the DSDT. Pure: runs on the host under tests and the fuzzer.
 */
#ifndef KERNEL_DEVICE_VIRTIO_MMIO_H
#define KERNEL_DEVICE_VIRTIO_MMIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct virtio_mmio_word {
	uint64_t address, size; /* bytes */
	uint32_t interrupt;
};

/*
 * The next such word of a command line: *line moves behind it. False at the end. Words that make no
 * sense are passed over and counted in *broken: a number that is none, a size that is not 512 bytes
 * to 64 KiB (K and M are understood), an address that is not a multiple of 4 or below 1 MiB, or
 * more than 2^46.
 */
bool virtio_mmio_next(const char **line, struct virtio_mmio_word *word, uint32_t *broken);

/*
 * The next device LNRO0005 of a DSDT, whose resources are constants there (as with acpi_windows.h):
 * *at moves behind it, and is 0 at first. False at the end. What makes no sense, as above, is
 * passed over.
 */
bool virtio_mmio_next_acpi(const uint8_t *table, size_t size, size_t *at,
			   struct virtio_mmio_word *word);

#endif
