/* SPDX-License-Identifier: MIT */
/*
 * The first serial port, a 16550 at I/O port 0x3f8: 115,200 baud, 8N1, polled.
 * QEMU: -serial stdio. Specification: National PC16550D data sheet.
 */
#include "console/console.h"
#include "console/serial_regs.h"
#include "cpu/cpu.h"

#define PORT 0x3f8

/*
 * How long a port may accept nothing, in ticks of a counter at 3 GHz: 100 ms if it
 * has never taken a byte, a minute if it has, for then whoever reads the other end
 * (a pager behind QEMU) has probably paused. The clock itself would have to be
 * measured first, which the first line of boot must not cost.
 */
#define PATIENCE_NEW   300000000ul
#define PATIENCE_KNOWN (600 * PATIENCE_NEW)

static unsigned burst; /* bytes that it takes when its holding register is empty */
static int early = -1; /* what was typed before the probe, if anything */
static bool known;     /* it has taken bytes */
static bool stuck;     /* it accepted nothing for too long: not waited for any more */

static void put(unsigned reg, uint8_t value)
{
	out8(PORT + reg, value);
}

static uint8_t get(unsigned reg)
{
	return in8(PORT + reg);
}

static bool probe(const struct console_setup *setup)
{
	(void)setup;
	/* A scratch register that keeps what is written, unlike an empty bus. */
	put(UART_SCRATCH, 0x5a);
	if (get(UART_SCRATCH) != 0x5a)
		return false;

	/* Modem outputs come back as inputs in loopback (section 8.6, MODEM Control Register). */
	put(UART_MCR, UART_MCR_LOOPBACK | UART_MCR_OUT2 | UART_MCR_RTS);
	if ((get(UART_MSR) & UART_MSR_INPUTS) != (UART_MSR_DCD | UART_MSR_CTS))
		return false;

	put(UART_IER, 0);
	put(UART_LCR, UART_LCR_DLAB | UART_LCR_8N1);
	put(UART_DIVISOR_LOW, 1); /* 115,200 baud */
	put(UART_DIVISOR_HIGH, 0);
	put(UART_LCR, UART_LCR_8N1);
	if (get(UART_LSR) & UART_LSR_DATA) /* or it would be lost with the FIFO's change */
		early = get(UART_DATA);
	put(UART_FCR, UART_FCR_ENABLE);
	burst = (get(UART_IIR) & UART_IIR_FIFO) == UART_IIR_FIFO ? UART_FIFO_SIZE : 1;
	put(UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
	return true;
}

static void write(const char *text, size_t size);

/*
 * Wait until it takes a burst. False once it is given up. It comes back when it
 * accepts again.
 */
static bool ready(void)
{
	uint64_t start = tsc_read();
	while (!(get(UART_LSR) & UART_LSR_THR_EMPTY)) {
		stuck = stuck || tsc_read() - start > (known ? PATIENCE_KNOWN : PATIENCE_NEW);
		if (stuck)
			return false;
		cpu_relax();
	}
	known = true;
	if (!stuck)
		return true;
	stuck = false;
	write("\n[output lost]\n", 15);
	return ready();
}

static void write(const char *text, size_t size)
{
	bool returned = false; /* the carriage return before this '\n' is out */
	while (size > 0 && ready()) {
		for (unsigned room = burst; room > 0 && size > 0; room--) {
			returned = *text == '\n' && !returned;
			put(UART_DATA, returned ? '\r' : *text);
			if (!returned)
				text++, size--;
		}
	}
}

static int read(void)
{
	int c = early;
	early = -1;
	if (c < 0) {
		uint8_t status = get(UART_LSR);
		if (!(status & UART_LSR_DATA) || status == 0xff) /* 0xff: the port is gone */
			return -1;
		c = get(UART_DATA);
	}
	return c == '\r' ? '\n' : c == '\b' ? 0x7f : c;
}

static struct console serial = {
    .name = "serial", .early = true, .probe = probe, .write = write, .read = read};
CONSOLE(serial);
