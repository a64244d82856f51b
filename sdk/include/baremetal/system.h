/* SPDX-License-Identifier: MIT */
/*
 * System: what machine this is, the log, and the ways to end.
 *
 *     printf("%s, %u cores\n", bm_system_info()->cpu_name, bm_system_info()->cores);
 *     bm_power_off();
 */
#ifndef BAREMETAL_SYSTEM_H
#define BAREMETAL_SYSTEM_H

#include <baremetal/api.h>
#include <baremetal/error.h>
#include <string.h>

/** How the kernel was started. */
enum bm_boot_protocol {
	BM_BOOT_MULTIBOOT2 = 1, /* GRUB, on BIOS or UEFI */
	BM_BOOT_PVH = 2,        /* a virtual machine monitor, without firmware */
};

/** What bm_system_info() tells. */
struct bm_system_info {
	uint32_t api_version;       /* BM_API_VERSION of the kernel */
	uint32_t boot_protocol;     /* enum bm_boot_protocol */
	uint32_t cores;             /* cores that are running */
	uint32_t reserved;          /* 0 */
	const char *kernel_version; /* "0.1.0" */
	const char *loader_name;    /* as the boot loader names itself, or "" */
	const char *cpu_name;       /* the processor's brand string */
	const char *hypervisor;     /* its signature, or "" on bare hardware */
	const char *command_line;   /* as the loader passed it, unsplit */
	uint64_t boot_tsc;          /* time-stamp counter at kernel entry */
};

/**
 * Describe the system.
 * @return a constant struct of the kernel's, valid for ever. Any core, never blocks.
 */
static inline const struct bm_system_info *bm_system_info(void)
{
	return bm_api->system_info();
}

/**
 * End the program: the status goes to the host where there is a channel for it
 * (`baremetal run`), and the machine is powered off. Without a way to power
 * off, a line on the console says so and the machine halts. Runs no atexit
 * handlers: that is exit()'s work.
 *
 * @param status  its low 8 bits reach the host.
 */
__attribute__((noreturn)) static inline void bm_exit(int status)
{
	bm_api->system_exit(status);
}

/** Power the machine off, as bm_exit(0) does. */
__attribute__((noreturn)) static inline void bm_power_off(void)
{
	bm_api->system_power_off();
}

/** Restart the machine: ACPI reset register, keyboard controller, then triple fault. */
__attribute__((noreturn)) static inline void bm_reboot(void)
{
	bm_api->system_reboot();
}

/**
 * End the program as crashed: the reason, registers and a backtrace go to every
 * console and the log; the host sees a failure.
 * @param reason  a zero-terminated sentence.
 */
__attribute__((noreturn)) static inline void bm_crash(const char *reason)
{
	bm_api->system_crash(reason);
}

/**
 * Have a function called in a crash report, after the cores' backtraces: to tell
 * what only the app knows (a thread library's list of threads). It runs on the
 * crashed core's exception stack (8 KiB), all other cores stopped, perhaps in the
 * middle of anything: it must take no lock and allocate nothing; it prints with
 * bm_console_write(). A fault in it ends the report. The last registration counts.
 */
static inline void bm_on_crash(void (*hook)(void))
{
	bm_api->system_on_crash(hook);
}

/**
 * Print a backtrace in a crash report, with the names of functions if the image has them. Only in
 * a function that bm_on_crash() registered.
 * @param place  an instruction: the first line; NULL: without that line.
 * @param frame  frame pointer (rbp) there: of its callers. Checked before it is read.
 */
static inline void bm_crash_backtrace(const void *place, const void *frame)
{
	bm_api->system_backtrace(place, frame);
}

/** Log levels, most urgent first. */
enum bm_log_level {
	BM_LOG_ERROR = 0,
	BM_LOG_WARNING = 1,
	BM_LOG_INFO = 2,
	BM_LOG_DEBUG = 3,
};

/**
 * Put a line into the kernel's log ring, and on the console if its level is
 * within the console's (`bm.log=` on the command line).
 *
 * @param level  enum bm_log_level; any other value counts as BM_LOG_DEBUG.
 * @param text   zero-terminated; copied. More than 200 bytes are cut.
 * Any core, never blocks.
 */
static inline void bm_log(int level, const char *text)
{
	bm_api->system_log(level, text, strlen(text));
}

/**
 * Read the log ring, oldest text first.
 *
 * @param position  in and out: 0 at first; then as the last call left it. Text
 *                  that was overwritten meanwhile is skipped.
 * @param buffer    the caller's; receives whole bytes of the ring, not terminated.
 * @param size      its bytes.
 * @return bytes put into the buffer; 0 when there is no more. Never blocks.
 */
static inline long bm_log_read(uint64_t *position, char *buffer, size_t size)
{
	return bm_api->system_log_read(position, buffer, size);
}

#endif
