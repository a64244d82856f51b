/* SPDX-License-Identifier: MIT */
/*
 * The ways to end: exit status to the host, power-off, reset.
 *
 * Under QEMU (found by the hypervisor bit and fw_cfg's signature), the status is
 * written to two devices that `baremetal run` adds:
 *   - isa-debugcon at POWER_STATUS_PORT: the line "exit N\n", "crash\n" or
 *     "refused\n" (reads back 0xe9 where it is present);
 *   - isa-debug-exit at POWER_QEMU_EXIT_PORT: ends QEMU at once.
 */
#ifndef KERNEL_CPU_POWER_H
#define KERNEL_CPU_POWER_H

#include <stdint.h>

#define POWER_STATUS_PORT    0x504
#define POWER_QEMU_EXIT_PORT 0x501

enum power_outcome {
	POWER_EXIT,    /* the program ended by itself, with a status */
	POWER_CRASH,   /* an exception, or a bug of the kernel's */
	POWER_REFUSED, /* the kernel could not start the program */
};

/*
 * Tell the host the outcome, then power off. Halts where that cannot be done, and
 * says so; and after a crash on a real machine, so that the report stays on the screen.
 */
_Noreturn void power_end(enum power_outcome outcome, int status);

_Noreturn void power_reboot(void);

#endif
