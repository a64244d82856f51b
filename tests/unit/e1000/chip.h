/* SPDX-License-Identifier: MIT */
/*
 * A simulated 8254x or 82574. It does what the manuals say when the test says so (chip_receive(),
 * chip_transmit()), checks what the driver does against them, and lies where it is told to.
 */
#ifndef TESTS_UNIT_E1000_CHIP_H
#define TESTS_UNIT_E1000_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#define CHIP_SENT      1024
#define CHIP_FRAME_MAX 2048

extern struct chip {
	bool express;
	bool gone;         /* reads give all ones, writes are nothing */
	bool zeros;        /* then reads give zeros */
	bool never_resets; /* RST stays */
	bool no_address;   /* RAH.AV is not set: it stands in the EEPROM alone */
	bool no_eeprom;
	bool no_phy;
	bool link;
	bool stalls;       /* sends nothing */
	uint32_t head_lie; /* what TDH reads as, if not 0 */
	uint8_t mac[6];
	uint16_t bmcr;
	uint32_t resets;
	uint32_t icr, ims;
	uint32_t registers[0x20000 / 4];
	uint32_t tail_writes[2]; /* receive, transmit */
	uint32_t contexts;
	/* What went out: frames as they are on the wire. */
	uint8_t sent[CHIP_SENT][CHIP_FRAME_MAX];
	uint32_t sent_bytes[CHIP_SENT];
	uint32_t sent_count;
} chip;

/* As at power-on. */
void chip_begin(bool express);
#define CHIP_REG(reg) chip.registers[(reg) / 4]

/* A frame comes. `status`: TCPCS, errors …, besides DD and EOP, in the chip's form. False: no room.
 */
bool chip_receive(const uint8_t *frame, uint32_t bytes, uint64_t status);
/* The next descriptor is written back as this word says, and nothing else is done. */
void chip_write_back(uint32_t slot, uint64_t word);
/* Process descriptors until so many frames have gone, or there are no more. How many did. */
uint32_t chip_transmit(uint32_t frames);
/* Interrupt, if a cause is enabled. */
void chip_interrupt(void);
/* A cause, as `link changed`. */
void chip_cause(uint32_t bits);

/* The Internet checksum over bytes, with a start. */
uint32_t chip_sum(const uint8_t *at, uint32_t bytes, uint32_t sum);

#endif
