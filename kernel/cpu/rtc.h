/* SPDX-License-Identifier: MIT */
/*
 * The battery-backed real-time clock.
 */
#ifndef KERNEL_CPU_RTC_H
#define KERNEL_CPU_RTC_H

#include <stdint.h>

/* Its fields as they are read, in this order; then status register B. */
enum { RTC_SECOND, RTC_MINUTE, RTC_HOUR, RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_CENTURY, RTC_FIELDS };
struct rtc_registers {
	uint8_t field[RTC_FIELDS];
	uint8_t status_b;
};

/*
 * Seconds since 1970-01-01T00:00:00Z, or -BM_ENODEV if they are no date between
 * 2000 and 2099. Without a century, or with a wrong one as old firmware leaves
 * it, the years 70 to 99 are of the last, and so are no date.
 */
int64_t rtc_decode(const struct rtc_registers *registers);

/* Read the clock: as rtc_decode. Waits at most a few milliseconds for an update to end. */
int64_t rtc_read(void);

#endif
