/* SPDX-License-Identifier: MIT */
/*
 * A keyboard on the i8042 controller, polled: scan code set 1, US layout.
 * QEMU: pc and q35 have one; the monitor's `sendkey` types.
 *
 * Shift, control and caps lock work; alt and num lock do not (the pad gives its
 * digits). Arrows, home and end give the usual escape sequences.
 */
#include "console/console.h"
#include "console/ps2_regs.h"
#include "cpu/cpu.h"

#define WAIT_POLLS 20000 /* of a port that takes about a microsecond: the controller needs less */
#define STALE_MAX  32    /* bytes that wait unread, at most */

/* From code 0; 0 gives nothing. */
static const char plain[] = "\0\33"
			    "1234567890-=\177\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] =
    "\0\33!@#$%^&*()_+\177\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
_Static_assert(sizeof plain == KEY_CAPS_LOCK + 1 && sizeof shifted == sizeof plain, "all keys");
/* From KEY_PAD_FIRST: the pad's own, and the last letter of the escape sequence after KEY_EXTENDED.
 */
static const char pad[] = "789-456+1230.";
static const char arrows[] = "HA\0\0D\0C\0FB";

static bool shift[2], control, caps_lock, extended;
static unsigned pending; /* bytes that follow the last one, lowest first */

static bool wait(uint8_t mask, uint8_t value)
{
	for (unsigned polls = 0; polls < WAIT_POLLS; polls++)
		if ((in8(PS2_STATUS) & mask) == value)
			return true;
	return false;
}

static bool send(uint16_t port, uint8_t value)
{
	bool clear = wait(PS2_STATUS_INPUT, 0);
	out8(port, value);
	return clear;
}

static bool probe(const struct console_setup *setup)
{
	if (!setup->keyboard || in8(PS2_STATUS) == 0xff)
		return false;
	/* Silence both ports, drop what waits, and have codes in set 1 without interrupts. */
	if (!send(PS2_COMMAND, PS2_COMMAND_DISABLE_1ST))
		return false;
	send(PS2_COMMAND, PS2_COMMAND_DISABLE_2ND);
	for (unsigned i = 0; i < STALE_MAX && (in8(PS2_STATUS) & PS2_STATUS_OUTPUT); i++)
		in8(PS2_DATA);
	if (!send(PS2_COMMAND, PS2_COMMAND_READ_CONFIG) ||
	    !wait(PS2_STATUS_OUTPUT, PS2_STATUS_OUTPUT))
		return false;
	uint8_t config = in8(PS2_DATA);
	send(PS2_COMMAND, PS2_COMMAND_WRITE_CONFIG);
	send(PS2_DATA, (config & ~PS2_CONFIG_IRQS) | PS2_CONFIG_TRANSLATE);
	send(PS2_COMMAND, PS2_COMMAND_ENABLE_1ST);
	/* Its answer, or an error where no keyboard is plugged in, looks like a key's release. */
	return send(PS2_DATA, PS2_KEYBOARD_ENABLE);
}

/* The character that a scan code makes, 0 if none. */
static char decode(uint8_t code)
{
	bool pressed = !(code & KEY_RELEASED), special = extended;
	uint8_t key = code & ~KEY_RELEASED;
	char c = 0;

	extended = code == KEY_EXTENDED;
	if (extended)
		return 0;
	if (key == KEY_CONTROL)
		control = pressed;
	else if ((key == KEY_LEFT_SHIFT || key == KEY_RIGHT_SHIFT) && !special)
		shift[key == KEY_RIGHT_SHIFT] = pressed; /* special: made up around arrow keys */
	if (!pressed)
		return 0;
	if (key == KEY_CAPS_LOCK) {
		caps_lock = !caps_lock;
	} else if (special && key != KEY_ENTER && key != KEY_SLASH) {
		if (key >= KEY_PAD_FIRST && key - KEY_PAD_FIRST < (int)sizeof arrows - 1 &&
		    (c = arrows[key - KEY_PAD_FIRST]) != 0) {
			pending = '[' | c << 8;
			c = '\33';
		}
		return c;
	} else if (key < sizeof plain) {
		bool letter = plain[key] >= 'a' && plain[key] <= 'z';
		c = (shift[0] || shift[1]) != (letter && caps_lock) ? shifted[key] : plain[key];
		if (control && c >= '@' && c < 0x7f)
			c &= 0x1f;
	} else if (key >= KEY_PAD_FIRST && key - KEY_PAD_FIRST < (int)sizeof pad - 1) {
		c = pad[key - KEY_PAD_FIRST];
	}
	return c;
}

static int read(void)
{
	if (pending) {
		char c = pending;
		pending >>= 8;
		return c;
	}
	for (unsigned i = 0; i < STALE_MAX; i++) {
		uint8_t status = in8(PS2_STATUS);
		if (!(status & PS2_STATUS_OUTPUT))
			break;
		uint8_t code = in8(PS2_DATA);
		char c = status & PS2_STATUS_AUXILIARY ? 0 : decode(code);
		if (c)
			return c;
	}
	return -1;
}

static struct console ps2 = {.name = "ps2", .probe = probe, .read = read};
CONSOLE(ps2);
