/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: dates as RFC 9110 5.6.7 writes them, without locale and time zone of the C library.
 */
#include "internal.h"

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01, and back (the proleptic Gregorian calendar; March is the first month). */
static int64_t days_from(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned of_era = (unsigned)(year - era * 400);
	unsigned of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void two(char *to, unsigned value)
{
	to[0] = (char)('0' + value / 10 % 10);
	to[1] = (char)('0' + value % 10);
}

void date_format(char text[HTTP_DATE], int64_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds > INT64_C(253402300799)) /* the end of 9999 */
		seconds = INT64_C(253402300799);
	int64_t day = seconds / 86400;
	unsigned second = (unsigned)(seconds % 86400);
	int64_t z = day + 719468, era = z / 146097;
	unsigned of_era = (unsigned)(z - era * 146097);
	unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned shifted = (5 * of_year + 2) / 153;
	unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
	unsigned year = (unsigned)(year_of_era + era * 400) + (month <= 2);

	memcpy(text, "xxx, 00 xxx 0000 00:00:00 GMT", HTTP_DATE);
	memcpy(text, days + (day + 4) % 7 * 3, 3);
	two(text + 5, of_year - (153 * shifted + 2) / 5 + 1);
	memcpy(text + 8, months + (month - 1) * 3, 3);
	two(text + 12, year / 100);
	two(text + 14, year % 100);
	two(text + 17, second / 3600);
	two(text + 20, second / 60 % 60);
	two(text + 23, second % 60);
}

/* Digits at a place; a space may stand for a leading zero. -1: none. */
static int digits(const char *text, unsigned count, bool space)
{
	int value = 0;

	for (unsigned i = 0; i < count; i++) {
		if (text[i] == ' ' && space && i == 0 && count > 1)
			continue;
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + text[i] - '0';
	}
	return value;
}

static int month_of(const char *text)
{
	for (int i = 0; i < 12; i++)
		if (memcmp(months + i * 3, text, 3) == 0)
			return i + 1;
	return -1;
}

static bool join(int64_t *seconds, int year, int month, int day, const char *clock)
{
	int hour = digits(clock, 2, false), minute = digits(clock + 3, 2, false);
	int second = digits(clock + 6, 2, false);

	if (year < 0 || month < 1 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 ||
	    minute > 59 || second < 0 || second > 60 || clock[2] != ':' || clock[5] != ':')
		return false;
	*seconds = days_from(year, (unsigned)month, (unsigned)day) * 86400 + hour * 3600 +
		   minute * 60 + second;
	return true;
}

bool date_parse(const char *text, size_t size, int64_t *seconds)
{
	/* Sun, 06 Nov 1994 08:49:37 GMT */
	if (size == HTTP_DATE && memcmp(text + 3, ", ", 2) == 0 && text[7] == ' ' &&
	    text[11] == ' ' && text[16] == ' ' && memcmp(text + 25, " GMT", 4) == 0)
		return join(seconds, digits(text + 12, 4, false), month_of(text + 8),
			    digits(text + 5, 2, false), text + 17);
	/* Sun Nov  6 08:49:37 1994 */
	if (size == 24 && text[3] == ' ' && text[7] == ' ' && text[10] == ' ' && text[19] == ' ')
		return join(seconds, digits(text + 20, 4, false), month_of(text + 4),
			    digits(text + 8, 2, true), text + 11);
	/* Sunday, 06-Nov-94 08:49:37 GMT */
	const char *comma = memchr(text, ',', size);
	size_t rest = comma ? size - (size_t)(comma - text) : 0;
	if (rest == 24 && comma[1] == ' ' && comma[4] == '-' && comma[8] == '-' &&
	    comma[11] == ' ' && memcmp(comma + 20, " GMT", 4) == 0) {
		int year = digits(comma + 9, 2, false);

		return year >= 0 &&
		       join(seconds, year + (year < 70 ? 2000 : 1900), month_of(comma + 5),
			    digits(comma + 2, 2, false), comma + 12);
	}
	return false;
}
