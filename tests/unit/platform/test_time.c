/* SPDX-License-Identifier: MIT */
/*
 * The clocks against a simulated machine: a time-stamp counter of any rate, PM
 * timer, PIT, HPET and real-time clock, each of which may be absent or stuck. Every
 * access takes its time, and now and then the host takes some more.
 */
#include "cpu/time.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/rtc.h"
#include "cpu/timer.h"
#include "device/acpi.h"
#include "memory/page.h"
#include "scenario.h"

#define PM_PORT 0x608

struct cpu_features cpu_features;
struct acpi_facts acpi_facts;

/* The machine: now in nanoseconds, the counter in ticks, both with fractions. */
static double now, counter;
static double counter_ghz = 3.0;
static double start; /* the timers' phase */
static unsigned pm_bits;
static bool pm_stuck, pit_there, pit_programmed;
static uint16_t pit_latch;
static bool pit_second_byte;
static bool hpet_there;
static uint32_t hpet_registers[0x100];
static uint8_t hpet_table[56];
static bool rtc_there;
static uint8_t cmos[128], cmos_index;
static double rtc_updating_until;
static unsigned port_reads, log_lines, steals;
static struct cpuid cpuid_leaf[3]; /* 0x15, 0x16, 0x40000010 */

static void pass(double ns)
{
	now += ns;
	counter += ns * counter_ghz;
	hpet_registers[0xf0 / 4] = (uint64_t)((now + start) / 70);
}

static void port_time(void)
{
	port_reads++;
	pass(700);
	if (steals && rand() % steals == 0)
		pass(200000);
}

static uint32_t ticks(double per_second)
{
	return (uint64_t)((now + start) * per_second / 1e9);
}

void out8(uint16_t port, uint8_t value)
{
	port_time();
	if (port == 0x43 && value == 0)
		pit_latch = -ticks(105e6 / 88), pit_second_byte = false;
	else if (port == 0x43)
		pit_programmed = value == 0x34;
	else if (port == 0x70)
		cmos_index = value & 0x7f;
}

void out16(uint16_t port, uint16_t value)
{
	(void)port, (void)value;
	abort();
}

uint16_t in16(uint16_t port)
{
	(void)port;
	abort();
}

uint8_t in8(uint16_t port)
{
	port_time();
	if (port == 0x40 && pit_there && pit_programmed) {
		uint8_t value = pit_second_byte ? pit_latch >> 8 : pit_latch;
		pit_second_byte = !pit_second_byte;
		return value;
	}
	if (port == 0x71 && rtc_there) {
		if (cmos_index == 0x0a)
			return 0x26 | (now < rtc_updating_until ? 0x80 : 0);
		return cmos[cmos_index];
	}
	return 0xff;
}

uint32_t in32(uint16_t port)
{
	port_time();
	if (port != PM_PORT)
		return 0xffffffff;
	return pm_stuck ? 0x1234 : pm_bits == 24 ? ticks(315e6 / 88) & 0xffffff : ticks(315e6 / 88);
}

uint64_t tsc_read(void)
{
	pass(8);
	return counter;
}

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	(void)subleaf;
	return cpuid_leaf[leaf == 0x15 ? 0 : leaf == 0x16 ? 1 : 2];
}

void cpu_relax(void)
{
	pass(20);
}

void timer_wait(uint64_t ns)
{
	pass(ns < 1000 ? 20 : ns);
}

void log_line(int level, const char *format, ...)
{
	va_list list;
	(void)level;
	va_start(list, format);
	vsnprintf((char[200]){0}, 200, format, list);
	va_end(list);
	log_lines++;
}

const void *acpi_find(const char signature[4], size_t *size)
{
	*size = sizeof(hpet_table);
	return hpet_there && memcmp(signature, "HPET", 4) == 0 ? hpet_table : NULL;
}

volatile void *page_map_device(uint64_t physical, uint64_t size, unsigned flags)
{
	(void)flags;
	CHECK(physical == 0xfed00000 && size <= sizeof(hpet_registers));
	return hpet_registers;
}

/* Boot: entry, 20 us of other work, time_init, and so long until the clock is read. */
static double entry;

static void boot(double until_first_read)
{
	start = 123456789;
	counter = 5e9;
	entry = now;
	uint64_t tsc = counter;
	cpu_features.max_leaf = 0x16;
	cpu_features.max_hypervisor_leaf = cpu_features.hypervisor ? 0x40000010 : 0;
	acpi_facts.pm_timer_port = pm_bits ? PM_PORT : 0;
	pass(20000);
	double before = now;
	time_init(tsc);
	CHECK(now - before < 50000); /* no waiting at boot */
	pass(until_first_read);
}

/* The clock's error in nanoseconds; and it must not have gone back. */
static double error(void)
{
	static uint64_t last;
	uint64_t read = time_monotonic();

	CHECK(read >= last);
	last = read;
	return read - (now - entry);
}

static double worst(double seconds, double step_ns)
{
	double most = 0, end = now + seconds * 1e9;
	while (now < end) {
		pass(step_ns);
		double e = error();
		if (e < 0)
			e = -e;
		most = e > most ? e : most;
	}
	return most;
}

static struct bm_clock_info info(void)
{
	struct bm_clock_info i;
	time_clock_info(&i);
	return i;
}

static bool source_is(const char *name)
{
	return strcmp(info().source, name) == 0;
}

/* The rate must be right within so many parts in a million. */
static bool rate_within(double ppm)
{
	double hz = info().frequency_hz, wrong = hz / (counter_ghz * 1e9) - 1;
	return wrong < ppm / 1e6 && wrong > -ppm / 1e6;
}

static void pit_invariant(void)
{
	pit_there = cpu_features.tsc_invariant = true;
	boot(1000);
	CHECK(error() < 10000);
	CHECK(info().waited_ns <= 1000000 && info().waited_ns > 300000);
	CHECK(source_is("tsc (pit)") && info().invariant == 1);
	CHECK(rate_within(10000));
	CHECK(worst(5, 3e6) < 200000);
	CHECK(worst(60, 7e6) < 30000);
	CHECK(rate_within(3));
	unsigned reads = port_reads;
	worst(10, 1e6);
	CHECK(port_reads - reads < 20); /* seldom, where the rate is constant */
}

static void pm_timer(unsigned bits, double step)
{
	pm_bits = bits;
	pit_there = cpu_features.tsc_invariant = true;
	boot(700000);
	error();
	CHECK(source_is("tsc (acpi-pm)") && info().waited_ns < 10000);
	worst(30, step);
	CHECK(worst(200, step) < 100000);
	CHECK(rate_within(5));
}

static void pm_timer_24(void)
{
	pm_timer(24, 2.7e9); /* wraps every 4.7 s: twice between some reads */
}

static void pm_timer_32(void)
{
	pm_timer(32, 11e9);
}

static void first_read_late(void)
{
	pit_there = true;
	boot(3.1e9); /* 56 wraps */
	CHECK(error() < 10e6);
	CHECK(info().waited_ns <= 1000000);
	worst(2, 5e6);
	CHECK(rate_within(100));
}

static void first_read_very_late(void)
{
	pit_there = cpu_features.tsc_invariant = true;
	boot(900e9);
	double e = error();
	CHECK(e < 5e9 && e > -5e9); /* what half a millisecond can tell */
	CHECK(info().waited_ns <= 1000000);
	worst(2, 5e6);
	CHECK(rate_within(100));
}

static void late_reads(void)
{
	pit_there = cpu_features.tsc_invariant = true;
	boot(1000);
	worst(1, 2e6);
	CHECK(rate_within(50));
	double before = error();
	pass(3600e9); /* too long to count wraps: the clock goes on at its rate */
	double drift = error() - before;
	CHECK(drift < 3600e9 * 50e-6 && drift > -3600e9 * 50e-6);
	worst(30, 5e6);
	CHECK(rate_within(5));
}

static void sparse_reads(void)
{
	pit_there = true; /* not invariant, and a read each second only */
	boot(1000);
	double e = worst(60, 1e9);
	CHECK(e < 5e6);
	CHECK(rate_within(1000));
}

static void rate_changes_slowly(void)
{
	pit_there = true;
	boot(1000);
	worst(1, 1e6);
	for (int i = 0; i < 200; i++) {
		counter_ghz *= i < 100 ? 1.001 : 0.999;
		CHECK(worst(0.1, 1e6) < 500000);
	}
	worst(1, 1e6);
	CHECK(worst(1, 1e6) < 50000);
	CHECK(rate_within(200));
}

static void rate_jumps(void)
{
	pm_bits = 24;
	boot(1000);
	worst(1, 1e6);
	CHECK(log_lines == 1); /* "no invariant TSC" */
	counter_ghz = 1.5;
	worst(2, 1e6);
	CHECK(worst(1, 1e6) < 100000);
	counter_ghz = 3.2;
	worst(3, 1e6);
	CHECK(worst(1, 1e6) < 100000);
	CHECK(rate_within(100));
}

static void stolen_time(void)
{
	pit_there = true;
	steals = 25; /* one access in so many takes 200 us more */
	boot(1000);
	error();
	worst(20, 3e6);
	CHECK(worst(10, 3e6) < 400000);
	CHECK(rate_within(5000));
}

static void slow_counter(void)
{
	counter_ghz = 1.0;
	pm_bits = 32;
	boot(100);
	CHECK(error() < 10000);
	worst(5, 1e6);
	CHECK(rate_within(20));
}

static void stuck_pm_timer(void)
{
	pm_bits = 32;
	pm_stuck = pit_there = true;
	boot(1000);
	error();
	CHECK(source_is("tsc (pit)"));
	CHECK(info().waited_ns <= 1000000);
	CHECK(rate_within(10000));
}

static void hpet_alone(void)
{
	static const uint64_t address = 0xfed00000;
	memcpy(hpet_table + 44, &address, sizeof(address));
	hpet_registers[1] = 70000000; /* 70 ns */
	hpet_there = true;
	boot(1000);
	error();
	CHECK(source_is("tsc (hpet)") && (hpet_registers[4] & 1));
	CHECK(rate_within(10000));
}

static void no_reference(void)
{
	static const uint64_t odd = 0xfed00001;
	memcpy(hpet_table + 44, &odd, sizeof(odd)); /* an HPET at an address that cannot be */
	hpet_there = true;
	boot(1000);
	double before = now;
	error();
	CHECK(now - before < 1000000);
	CHECK(source_is("tsc (assumed)") && log_lines == 2);
	uint64_t a = time_monotonic();
	pass(1e6);
	CHECK(time_monotonic() > a);
}

static void nominal(void)
{
	cpuid_leaf[1].eax = 3000;
	boot(1000);
	error();
	CHECK(source_is("tsc (nominal)") && rate_within(1));
}

static void from_cpuid(void)
{
	pit_there = cpu_features.tsc_invariant = true;
	cpuid_leaf[0] = (struct cpuid){2, 250, 24000000, 0};
	boot(1000);
	CHECK(error() < 100);
	CHECK(source_is("tsc (cpuid)") && rate_within(1));
	CHECK(port_reads == 0 && info().waited_ns == 0);
}

static void from_hypervisor(void)
{
	cpu_features.tsc_invariant = cpu_features.hypervisor = true;
	cpuid_leaf[2].eax = 3000000;
	boot(1000);
	CHECK(error() < 100 && rate_within(1) && port_reads == 0);
}

static void absurd_cpuid(void)
{
	pit_there = cpu_features.tsc_invariant = true;
	cpuid_leaf[0] = (struct cpuid){1, 0xffffffff, 0xffffffff, 0};
	boot(1000);
	error();
	CHECK(source_is("tsc (pit)") && rate_within(10000));
}

static void sleeping(void)
{
	pit_there = true;
	boot(1000);
	uint64_t t = time_monotonic() + 3 * BM_SECOND;
	CHECK(time_sleep_until(t) == 0);
	CHECK(time_monotonic() >= t && time_monotonic() < t + 100000);
	CHECK(rate_within(100)); /* refined on the way */
	t = time_monotonic();
	time_sleep_until(0);
	time_delay_us(50);
	CHECK(time_monotonic() - t >= 50000 && time_monotonic() - t < 60000);
}

static void set_cmos(int64_t seconds)
{
	time_t t = seconds;
	struct tm tm;
	gmtime_r(&t, &tm);
#define BCD(x) ((x) / 10 << 4 | (x) % 10)
	cmos[0] = BCD(tm.tm_sec), cmos[2] = BCD(tm.tm_min), cmos[4] = BCD(tm.tm_hour);
	cmos[7] = BCD(tm.tm_mday), cmos[8] = BCD(tm.tm_mon + 1), cmos[9] = BCD(tm.tm_year % 100);
	cmos[0x32] = BCD(19 + tm.tm_year / 100);
	cmos[0x0b] = 2;
}

static void wall_clock(void)
{
	int64_t wall;

	pit_there = rtc_there = true;
	acpi_facts.century_register = 0x32;
	boot(1000);
	set_cmos(1700000000);
	rtc_updating_until = now + 2e6;
	CHECK(time_wall(&wall) == 0);
	CHECK(wall >= 1700000000 * (int64_t)BM_SECOND && wall < 1700000001 * (int64_t)BM_SECOND);
	int64_t first = wall;
	pass(5e9);
	set_cmos(1800000000); /* it is read once */
	CHECK(time_wall(&wall) == 0 && wall - first > 4900000000 && wall - first < 5100000000);
}

static void wall_clock_bad(void)
{
	int64_t wall = -1;

	pit_there = rtc_there = true;
	boot(1000);
	rtc_updating_until = 1e18; /* it updates for ever */
	double before = now;
	CHECK(time_wall(&wall) == -BM_ENODEV && now - before < 20e6);
	CHECK(wall > 0 && wall < (int64_t)BM_SECOND);
	CHECK(time_wall(&wall) == -BM_ENODEV);
}

static void wall_clock_absent(void)
{
	int64_t wall;

	pit_there = true;
	boot(1000);
	CHECK(time_wall(&wall) == -BM_ENODEV && log_lines == 2);
}

static struct rtc_registers encode(const struct tm *tm, bool binary, bool twelve)
{
	int hour = twelve ? (tm->tm_hour + 11) % 12 + 1 : tm->tm_hour;
	int value[RTC_FIELDS] = {tm->tm_sec,     tm->tm_min,        hour, tm->tm_mday,
				 tm->tm_mon + 1, tm->tm_year % 100, 20};
	struct rtc_registers r = {.status_b = (twelve ? 0 : 2) | (binary ? 4 : 0)};
	for (unsigned i = 0; i < RTC_FIELDS; i++)
		r.field[i] = binary ? value[i] : BCD(value[i]);
	if (twelve && tm->tm_hour >= 12)
		r.field[RTC_HOUR] |= 0x80;
	return r;
}

static void rtc_all_days(void)
{
	unsigned wrong = 0;
	/* 11 hours, 59 minutes and 51 seconds: all days from 2000 to 2099, all hours. */
	for (int64_t t = 946684800; t < 4102444800; t += 43191) {
		time_t time = t;
		struct tm tm;
		gmtime_r(&time, &tm);
		for (int form = 0; form < 4; form++) {
			struct rtc_registers r = encode(&tm, form & 1, form & 2);
			wrong += rtc_decode(&r) != t;
		}
	}
	CHECK(wrong == 0);
}

static bool rejected(unsigned field, uint8_t value, uint8_t status_b)
{
	struct rtc_registers r = {{0x30, 0x30, 0x10, 0x15, 0x06, 0x25, 0x20}, 2};
	CHECK(rtc_decode(&r) == 1749983430);
	r.field[field] = value;
	r.status_b = status_b;
	return rtc_decode(&r) == -BM_ENODEV;
}

static void rtc_nonsense(void)
{
	static const struct {
		uint8_t field, value, status_b;
	} bad[] = {
	    {RTC_SECOND, 0x60, 2}, {RTC_SECOND, 0x0a, 2}, {RTC_MINUTE, 0x60, 2},
	    {RTC_HOUR, 0x24, 2},   {RTC_HOUR, 0x00, 0},   {RTC_HOUR, 0x13, 0},
	    {RTC_HOUR, 0x80, 0},   {RTC_DAY, 0x00, 2},    {RTC_DAY, 0x31, 2},
	    {RTC_MONTH, 0x00, 2},  {RTC_MONTH, 0x13, 2},  {RTC_YEAR, 0xa0, 2},
	    {RTC_YEAR, 0xff, 6},
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(rejected(bad[i].field, bad[i].value, bad[i].status_b));

	struct rtc_registers r = {{0, 0, 0, 0x29, 0x02, 0x23, 0x20}, 2};
	CHECK(rtc_decode(&r) == -BM_ENODEV);
	r.field[RTC_YEAR] = 0x24;
	CHECK(rtc_decode(&r) == 1709164800);
	r.field[RTC_CENTURY] = 0x19; /* old firmware never turns the century */
	CHECK(rtc_decode(&r) == 1709164800);
	r.field[RTC_YEAR] = 0x96; /* but this is 1996 */
	CHECK(rtc_decode(&r) == -BM_ENODEV);
	r = (struct rtc_registers){.status_b = 0xff};
	memset(r.field, 0xff, sizeof(r.field));
	CHECK(rtc_decode(&r) == -BM_ENODEV);
	/* Whatever the registers hold, the answer is a date of this century or an error. */
	for (int i = 0; i < 1000000; i++) {
		for (unsigned j = 0; j < RTC_FIELDS; j++)
			r.field[j] = rand();
		r.status_b = rand();
		int64_t t = rtc_decode(&r);
		if (t != -BM_ENODEV && (t < 946684800 || t >= 4102444800))
			CHECK(!"a date beyond the bounds");
	}
}

int main(void)
{
	scenario("PIT, invariant", pit_invariant);
	scenario("PM timer of 24 bits", pm_timer_24);
	scenario("PM timer of 32 bits", pm_timer_32);
	scenario("first read late", first_read_late);
	scenario("first read very late", first_read_very_late);
	scenario("late reads", late_reads);
	scenario("sparse reads", sparse_reads);
	scenario("rate changes slowly", rate_changes_slowly);
	scenario("rate jumps", rate_jumps);
	scenario("stolen time", stolen_time);
	scenario("slow counter", slow_counter);
	scenario("stuck PM timer", stuck_pm_timer);
	scenario("HPET alone", hpet_alone);
	scenario("no reference", no_reference);
	scenario("nominal rate", nominal);
	scenario("rate from CPUID", from_cpuid);
	scenario("rate from the hypervisor", from_hypervisor);
	scenario("absurd rate from CPUID", absurd_cpuid);
	scenario("sleeping", sleeping);
	scenario("wall clock", wall_clock);
	scenario("wall clock, bad", wall_clock_bad);
	scenario("wall clock, absent", wall_clock_absent);
	scenario("RTC: all days", rtc_all_days);
	scenario("RTC: nonsense", rtc_nonsense);
	return unit_status();
}
