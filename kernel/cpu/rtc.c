/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock of the PC (Motorola MC146818 data sheet; ACPI 6.5, 4.8.2.4),
 * taken to run in UTC. Read only; its interrupts and alarms are not used.
 */
#include "cpu/rtc.h"

#include <baremetal/error.h>
#include <stdbool.h>

#include "cpu/cpu.h"
#include "cpu/time.h"
#include "device/acpi.h"

#define CMOS_INDEX         0x70
#define CMOS_INDEX_NMI_OFF 0x80
#define CMOS_DATA          0x71

#define CMOS_STATUS_A          0x0a
#define CMOS_STATUS_A_UPDATING 0x80
#define CMOS_STATUS_B          0x0b
#define CMOS_STATUS_B_24H      0x02
#define CMOS_STATUS_B_BINARY   0x04
#define HOUR_PM                0x80 /* in a 12-hour clock */

#define READ_NS 7000000 /* an update takes 244 + 1984 us at most */

#define CENTURY        20
#define LAST_CENTURY   70 /* years from here on are of the last, if the century is not told */
#define DAYS_1970_2000 10957

int64_t rtc_decode(const struct rtc_registers *r)
{
	static const uint8_t highest[RTC_FIELDS] = {59, 59, 23, 31, 12, 99, 99};
	static const uint8_t lowest[RTC_FIELDS] = {0, 0, 0, 1, 1, 0, 0};
	int value[RTC_FIELDS];
	bool twelve = !(r->status_b & CMOS_STATUS_B_24H);

	for (unsigned i = 0; i < RTC_FIELDS; i++) {
		uint8_t raw = r->field[i];
		if (i == RTC_HOUR && twelve)
			raw &= ~HOUR_PM;
		value[i] = raw;
		if (!(r->status_b & CMOS_STATUS_B_BINARY))
			value[i] = (raw & 15) > 9 ? -1 : (raw >> 4) * 10 + (raw & 15);
		if (i == RTC_CENTURY)
			break; /* other firmware keeps other things there */
		if (value[i] < lowest[i] || value[i] > highest[i])
			return -BM_ENODEV;
	}
	if (twelve) {
		if (value[RTC_HOUR] < 1 || value[RTC_HOUR] > 12)
			return -BM_ENODEV;
		value[RTC_HOUR] = value[RTC_HOUR] % 12 + (r->field[RTC_HOUR] & HOUR_PM ? 12 : 0);
	}
	int year = value[RTC_YEAR], month = value[RTC_MONTH], day = value[RTC_DAY];
	/* Between 2000 and 2099 each fourth year is a leap year. April, June, September,
	 * November: 30. */
	int length = month == 2 ? 28 + (year % 4 == 0) : 30 + ((month + month / 8) & 1);
	if (day > length || (year >= LAST_CENTURY && value[RTC_CENTURY] != CENTURY))
		return -BM_ENODEV;

	/* Years that begin in March, so that the leap day comes last; their months' starts lie on a
	 * line. */
	int shifted = (month + 9) % 12, march_year = year - (month < 3);
	int64_t days = DAYS_1970_2000 + 60 + march_year * 365 + (march_year + 4) / 4 - 1 +
		       (153 * shifted + 2) / 5 + day - 1;
	return ((days * 24 + value[RTC_HOUR]) * 60 + value[RTC_MINUTE]) * 60 + value[RTC_SECOND];
}

static uint8_t cmos_read(uint8_t index)
{
	out8(CMOS_INDEX, CMOS_INDEX_NMI_OFF | index);
	return in8(CMOS_DATA);
}

static bool updating(void)
{
	return cmos_read(CMOS_STATUS_A) & CMOS_STATUS_A_UPDATING;
}

/* False if an update was under way before or after, which garbles what is read. */
static bool read_registers(struct rtc_registers *r)
{
	uint8_t index[RTC_FIELDS] = {
	    0x00, 0x02, 0x04, 0x07, 0x08, 0x09, acpi_facts.century_register & ~CMOS_INDEX_NMI_OFF};

	if (updating())
		return false;
	for (unsigned i = 0; i < RTC_FIELDS; i++)
		r->field[i] = cmos_read(index[i]);
	if (!index[RTC_CENTURY])
		r->field[RTC_CENTURY] = 0;
	r->status_b = cmos_read(CMOS_STATUS_B);
	return !updating() && cmos_read(index[RTC_SECOND]) == r->field[RTC_SECOND];
}

int64_t rtc_read(void)
{
	struct rtc_registers registers;
	uint64_t end = time_monotonic() + READ_NS;
	int64_t seconds = -BM_ENODEV;

	do {
		if (read_registers(&registers)) {
			seconds = rtc_decode(&registers);
			break;
		}
		cpu_relax();
	} while (time_monotonic() < end);
	out8(CMOS_INDEX, 0); /* NMI on again */
	return seconds;
}
