/* SPDX-License-Identifier: MIT */
/*
 * Words for virtio devices. Contract: virtio_mmio.h.
 */
#include "device/virtio_mmio.h"
#include <string.h>

#define WORD        "virtio_mmio.device="
#define SIZE_MIN    0x200 /* the registers and a little configuration: virtio 1.2, section 4.2.2 */
#define SIZE_MOST   0x10000
#define ADDRESS_MIN 0x100000ul
#define ADDRESS_MAX (1ul << 46)
#define INTERRUPTS  1024

/* The resource descriptors of such a device: ACPI 6.5, 6.4.3.4 and 6.4.3.6. */
#define HID              "LNRO0005"
#define HID_SIZE         8
#define NEAR             128 /* bytes behind the name in which they stand */
#define MEMORY32         0x86
#define MEMORY32_LENGTH  9
#define INTERRUPT        0x89
#define INTERRUPT_LENGTH 6 /* of a list of one */

static bool is_end(char c)
{
	return !c || c == ' ' || c == '\t' || c == '\n';
}

/* A number, decimal or hexadecimal, behind which one of `ends` stands. NULL: it is none. */
static const char *number(const char *text, uint64_t *value)
{
	unsigned base = 10, digits = 0;
	*value = 0;
	if (text[0] == '0' && (text[1] | 0x20) == 'x') {
		base = 16;
		text += 2;
	}
	for (;; text++, digits++) {
		unsigned digit = *text >= '0' && *text <= '9' ? *text - '0'
				 : (*text | 0x20) >= 'a' && (*text | 0x20) <= 'f'
				     ? (*text | 0x20) - 'a' + 10
				     : 99;
		if (digit >= base)
			break;
		if (*value > UINT64_MAX >> 5)
			return NULL;
		*value = *value * base + digit;
	}
	return digits ? text : NULL;
}

static bool is_sane(const struct virtio_mmio_word *word)
{
	return word->interrupt < INTERRUPTS && word->size >= SIZE_MIN && word->size <= SIZE_MOST &&
	       word->address >= ADDRESS_MIN && word->address <= ADDRESS_MAX &&
	       word->address % 4 == 0;
}

/* Behind the '='. */
static bool parse(const char *text, struct virtio_mmio_word *word)
{
	uint64_t interrupt, id;
	if (!(text = number(text, &word->size)))
		return false;
	if ((*text | 0x20) == 'k' || (*text | 0x20) == 'm')
		word->size <<= (*text++ | 0x20) == 'k' ? 10 : 20;
	if (*text++ != '@' || !(text = number(text, &word->address)) || *text++ != ':' ||
	    !(text = number(text, &interrupt)))
		return false;
	if (*text == ':' && !(text = number(text + 1, &id)))
		return false;
	word->interrupt = interrupt;
	return is_end(*text) && interrupt < INTERRUPTS && is_sane(word);
}

bool virtio_mmio_next(const char **line, struct virtio_mmio_word *word, uint32_t *broken)
{
	const char *at = *line;
	bool found = false;
	while (*at && !found) {
		while (*at && is_end(*at))
			at++;
		if (!strncmp(at, WORD, sizeof WORD - 1)) {
			found = parse(at + sizeof WORD - 1, word);
			*broken += !found;
		}
		while (!is_end(*at))
			at++;
	}
	*line = at;
	return found;
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

bool virtio_mmio_next_acpi(const uint8_t *table, size_t size, size_t *at,
			   struct virtio_mmio_word *word)
{
	for (; size >= HID_SIZE && *at <= size - HID_SIZE; ++*at) {
		bool memory = false, interrupt = false;
		if (memcmp(table + *at, HID, HID_SIZE) != 0)
			continue;
		*at += HID_SIZE;
		size_t end = size - *at < NEAR ? size : *at + NEAR;
		for (size_t i = *at; i < end; i++) {
			const uint8_t *d = table + i;
			size_t left = size - i;
			if (left > HID_SIZE && !memcmp(d, HID, HID_SIZE))
				break;
			if (left < 3 || d[2])
				continue;
			if (d[0] == MEMORY32 && d[1] == MEMORY32_LENGTH && !memory &&
			    left >= 3 + MEMORY32_LENGTH) {
				word->address = get32(d + 4);
				word->size = get32(d + 8);
				memory = true;
			} else if (d[0] == INTERRUPT && d[1] == INTERRUPT_LENGTH && !interrupt &&
				   left >= 3 + INTERRUPT_LENGTH && d[4] == 1) {
				word->interrupt = get32(d + 5);
				interrupt = true;
			}
		}
		if (memory && interrupt && is_sane(word))
			return true;
		--*at;
	}
	return false;
}
