/* SPDX-License-Identifier: MIT */
/*
 * The monotonic clock: the time-stamp counter, turned into nanoseconds by a line
 * that is refined against a reference timer now and then.
 *
 * Reading takes no lock: the line stands under a sequence number. Whoever reads
 * it past its end, and gets the lock at once, measures and draws the next line,
 * which starts where the clock stands: it never steps back. An error is spread
 * over the new line's length; past its end, the clock goes on at the measured rate.
 */
#include "cpu/time.h"

#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/reference.h"
#include "cpu/rtc.h"
#include "cpu/timer.h"

#define MICROSECOND UINT64_C(1000)
#define MILLISECOND UINT64_C(1000000)

/* Intel SDM volume 2, CPUID; the hypervisors' leaf gives the counter's rate in kHz. */
#define CPUID_TSC            0x15
#define CPUID_FREQUENCY      0x16
#define CPUID_HYPERVISOR_TSC 0x40000010
#define HZ_ASSUMED           UINT64_C(4000000000) /* rather too fast: waits get longer */

#define FIRST_WINDOW_NS (500 * MICROSECOND)
#define WINDOW_GROWTH   10
#define WINDOW_MAX_NS   (10 * BM_SECOND)
#define WINDOW_DRIFT_NS (100 * MILLISECOND) /* the most where the counter's rate may change */
#define DRIFT_WRAPS     32 /* reference periods in which it is taken to change by less than 1.5 % */

#define SAMPLE_TRIES  4
#define SAMPLE_SLOP   (1 << 14) /* ticks: good enough */
#define MEASURE_TRIES 8
#define STUCK_TICKS   (1 << 18) /* a reference that did not move in this time is none … */
#define MEASURE_TICKS (1 << 23) /* … and one that took this long is not what it should be */
#define UNCERTAIN_NS  4000 /* of two samples: the coarsest tick, and the time that reading takes */
#define UPDATE_TRIES  (1 << 22)

/* Nanoseconds a tick, as 32.32 fixed-point numbers. */
#define RATE_ONE       (UINT64_C(1) << 32)
#define RATE_OF_HZ(hz) (BM_SECOND * RATE_ONE / (hz))
#define RATE_MIN       (RATE_ONE / 100)  /* of a counter at 100 GHz */
#define RATE_MAX       (RATE_ONE * 1000) /* 1 MHz */
#define NS_PER_TICK    4                 /* of the slowest counter that there is, 250 MHz */

struct line {
	uint64_t tsc, ns; /* where it starts */
	uint64_t span;    /* ticks to its end */
	uint64_t rate;    /* up to there */
	uint64_t rate_after;
};

/* The counter and the reference, read together. */
struct sample {
	uint64_t tsc;
	uint32_t count;
};

static unsigned sequence; /* odd while the line changes */
static struct line line;
static bool updating; /* the lock of all below */

static const char *source;
static uint64_t boot_tsc;
static uint64_t waited_ticks;
static const struct reference *reference; /* NULL: there is none */
static uint64_t period_ns;                /* in which the reference wraps */
static struct sample anchor;              /* the last sample that counts */
static uint64_t anchor_ns;                /* the time then */
static uint64_t interval_ns;              /* from there to the next sample */
static uint64_t limit_ns; /* after a longer one, the reference's wraps cannot be told */

static uint64_t fixed_multiply(uint64_t a, uint64_t rate)
{
	return (unsigned __int128)a * rate >> 32;
}

/* a * b / c, or all ones where that is too large. */
static uint64_t multiply_divide(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t low = product, high = product >> 64;

	if (high >= c)
		return UINT64_MAX;
	__asm__("divq %2" : "+a"(low), "+d"(high) : "r"(c) : "cc");
	return low;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t reference_ns(uint64_t ticks)
{
	return multiply_divide(ticks, reference->numerator, reference->denominator);
}

static uint64_t line_at(const struct line *l, uint64_t tsc)
{
	uint64_t ticks = tsc - l->tsc, before = smaller(ticks, l->span);

	if ((int64_t)ticks < 0) /* another core's counter, a little behind */
		return l->ns;
	return l->ns + fixed_multiply(before, l->rate) +
	       fixed_multiply(ticks - before, l->rate_after);
}

/* Neither earlier loads nor later ones cross this read (Intel SDM volume 2, RDTSC). */
static uint64_t tsc_read_ordered(void)
{
	__asm__ volatile("lfence" ::: "memory");
	uint64_t tsc = tsc_read();
	__asm__ volatile("lfence" ::: "memory");
	return tsc;
}

/* The tightest of a few: an interrupt of the host's or the firmware's may come between. */
static struct sample take_sample(void)
{
	struct sample best = {0, 0};
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < SAMPLE_TRIES && least > SAMPLE_SLOP; i++) {
		uint64_t before = tsc_read_ordered();
		uint32_t count = reference->read() & reference->mask;
		uint64_t slop = tsc_read_ordered() - before;
		if (slop < least) {
			least = slop;
			best = (struct sample){before + slop / 2, count};
		}
	}
	return best;
}

static void start_next_reference(void)
{
	reference = reference_next();
	if (reference) {
		period_ns = reference_ns(reference->mask);
		anchor = take_sample();
	}
}

/* A measurement of the rate ended that was window long: what may follow it? */
static void plan(uint64_t window)
{
	uint64_t longest = WINDOW_MAX_NS;

	limit_ns = multiply_divide(window, period_ns / 4, UNCERTAIN_NS);
	if (!cpu_features.tsc_invariant) {
		limit_ns = smaller(limit_ns, DRIFT_WRAPS * period_ns);
		longest = WINDOW_DRIFT_NS;
	}
	interval_ns = smaller(window * WINDOW_GROWTH, longest);
}

static uint64_t rate_between(uint64_t ns, uint64_t ticks)
{
	uint64_t rate = multiply_divide(ns, RATE_ONE, ticks);
	return rate < RATE_MIN || rate > RATE_MAX ? 0 : rate;
}

/*
 * The first measurement, from the sample taken at boot, or from now if that is
 * so long ago that the reference may have wrapped. False if it does not move.
 */
static bool measure(void)
{
	struct sample first = anchor, now = take_sample(), start = now;
	uint64_t ns, rate;

	for (unsigned tries = 0; tries < MEASURE_TRIES;) {
		if (now.tsc - first.tsc > period_ns / NS_PER_TICK) {
			first = start = now; /* or the host took the processor away */
			tries++;
		}
		ns = reference_ns((now.count - first.count) & reference->mask);
		if (ns >= FIRST_WINDOW_NS) {
			rate = rate_between(ns, now.tsc - first.tsc);
			line = (struct line){boot_tsc, 0, 0, rate, rate};
			anchor_ns = line_at(&line, anchor.tsc);
			plan(ns);
			return rate;
		}
		if (now.tsc - start.tsc > (now.count == start.count ? STUCK_TICKS : MEASURE_TICKS))
			break;
		uint64_t before = now.tsc;
		now = take_sample();
		waited_ticks += now.tsc - before;
	}
	return false;
}

/* Measure from the last sample to now. */
static uint64_t refine(void)
{
	struct sample now = take_sample();
	uint64_t ticks = now.tsc - anchor.tsc, rate = 0;
	uint64_t ns = fixed_multiply(ticks, line.rate_after);

	if (ns <= limit_ns) {
		/* The reference's ticks: as many as expected, and the difference that fits its
		 * bits. */
		uint64_t count = multiply_divide(ns, reference->denominator, reference->numerator);
		unsigned unused = __builtin_clz(reference->mask);
		count +=
		    (int32_t)((now.count - anchor.count - (uint32_t)count) << unused) >> unused;
		if ((int64_t)count > 0) {
			ns = reference_ns(count);
			rate = rate_between(ns, ticks);
		}
	}
	if (rate)
		plan(ns);
	else
		rate = line.rate_after;
	anchor = now;
	anchor_ns += ns;
	return rate;
}

/* From where the clock stands, towards where it should be when the interval ends. */
static void draw_line(uint64_t rate)
{
	struct line next = {.rate_after = rate};
	int64_t error, most = interval_ns / 2;

	__atomic_store_n(&sequence, sequence + 1, __ATOMIC_SEQ_CST);
	next.tsc = tsc_read_ordered();
	next.ns = line_at(&line, next.tsc);
	next.span = multiply_divide(interval_ns, RATE_ONE, rate);
	error = anchor_ns + fixed_multiply(next.tsc - anchor.tsc, rate) - next.ns;
	error = error > most ? most : error < -most ? -most : error;
	next.rate = multiply_divide(rate, interval_ns + error, interval_ns);
	line = next;
	__atomic_store_n(&sequence, sequence + 1, __ATOMIC_RELEASE);
}

/* The rate that CPUID gives; exact, or only the nominal one. 0: not told. */
static uint64_t cpuid_rate(bool exact)
{
	uint64_t hz = 0;
	struct cpuid r;

	if (!exact && cpu_features.max_leaf >= CPUID_FREQUENCY) {
		hz = (cpuid(CPUID_FREQUENCY, 0).eax & 0xffff) * UINT64_C(1000000);
	} else if (exact && cpu_features.max_hypervisor_leaf >= CPUID_HYPERVISOR_TSC) {
		hz = cpuid(CPUID_HYPERVISOR_TSC, 0).eax * UINT64_C(1000);
	} else if (exact && cpu_features.max_leaf >= CPUID_TSC) {
		r = cpuid(CPUID_TSC, 0);
		if (r.eax)
			hz = multiply_divide(r.ecx, r.ebx, r.eax);
	}
	return hz ? rate_between(BM_SECOND, hz) : 0;
}

/* Go on for ever at this rate. */
static void set_fixed(uint64_t rate, const char *from)
{
	line = (struct line){boot_tsc, 0, INT64_MAX, rate, rate};
	source = from;
}

static void first_line(void)
{
	while (reference && !measure())
		start_next_reference();
	if (reference) {
		source = reference->source;
		draw_line(refine());
		return;
	}
	uint64_t rate = cpuid_rate(false);
	set_fixed(rate ? rate : RATE_OF_HZ(HZ_ASSUMED), rate ? "tsc (nominal)" : "tsc (assumed)");
	log_warning("time: no reference timer, %lu MHz assumed",
		    multiply_divide(1000, RATE_ONE, line.rate));
}

/* False if another core is at it. */
static bool update(void)
{
	if (__atomic_test_and_set(&updating, __ATOMIC_ACQUIRE))
		return false;
	if (!line.rate)
		first_line();
	else if (tsc_read() - line.tsc > line.span)
		draw_line(refine());
	__atomic_clear(&updating, __ATOMIC_RELEASE);
	return true;
}

bool time_peek(uint64_t *ns)
{
	unsigned before = __atomic_load_n(&sequence, __ATOMIC_ACQUIRE);
	bool known = line.rate;

	*ns = line_at(&line, tsc_read_ordered());
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return known && before % 2 == 0 && before == __atomic_load_n(&sequence, __ATOMIC_RELAXED);
}

uint64_t time_monotonic(void)
{
	uint64_t ns = 0;

	/* More than a few rounds only while another core takes the first measurement. */
	for (unsigned i = 0; i < UPDATE_TRIES; i++) {
		unsigned before = __atomic_load_n(&sequence, __ATOMIC_ACQUIRE);
		uint64_t tsc = tsc_read_ordered();
		bool due = (int64_t)(tsc - line.tsc - line.span) > 0, known = line.rate;
		ns = line_at(&line, tsc);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (before % 2 == 0 && before == __atomic_load_n(&sequence, __ATOMIC_RELAXED)) {
			if (known && !due)
				break;
			if (!update() && known)
				break;
		}
		cpu_relax();
	}
	return ns;
}

void time_init(uint64_t entry_tsc)
{
	uint64_t rate = cpuid_rate(true);

	boot_tsc = entry_tsc;
	if (rate && cpu_features.tsc_invariant) {
		set_fixed(rate, "tsc (cpuid)");
		return;
	}
	if (!cpu_features.tsc_invariant)
		log_info("time: no invariant TSC: following another timer");
	start_next_reference();
}

int time_wall(int64_t *ns_since_epoch)
{
	static bool busy, known, good;
	static int64_t offset;

	while (!__atomic_load_n(&known, __ATOMIC_ACQUIRE)) {
		if (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE)) {
			cpu_relax(); /* rtc_read() is bounded */
			continue;
		}
		int64_t seconds = rtc_read();
		good = seconds >= 0;
		if (good) /* the middle of its second */
			offset = seconds * BM_SECOND + BM_SECOND / 2 - time_monotonic();
		else
			log_warning("time: no real-time clock that gives a date");
		__atomic_store_n(&known, true, __ATOMIC_RELEASE);
	}
	*ns_since_epoch = offset + time_monotonic();
	return good ? 0 : -BM_ENODEV;
}

int time_sleep_until(uint64_t deadline_ns)
{
	uint64_t now;

	/* In pieces, so that the clock is refined meanwhile. */
	while ((now = time_monotonic()) < deadline_ns)
		timer_wait(smaller(deadline_ns - now,
				   line.span ? fixed_multiply(line.span, line.rate) : BM_SECOND));
	return 0;
}

uint64_t time_of_ticks(uint64_t ticks)
{
	return fixed_multiply(ticks, line.rate_after);
}

uint64_t time_to_ticks(uint64_t ns)
{
	return multiply_divide(ns, RATE_ONE, line.rate_after);
}

void time_clock_info(struct bm_clock_info *info)
{
	time_monotonic(); /* the first call measures */
	*info = (struct bm_clock_info){
	    .source = source,
	    .frequency_hz = multiply_divide(BM_SECOND, RATE_ONE, line.rate_after),
	    .waited_ns = fixed_multiply(waited_ticks, line.rate_after),
	    .invariant = cpu_features.tsc_invariant,
	};
}

void time_delay_us(uint32_t us)
{
	uint64_t end = time_monotonic() + us * MICROSECOND;

	while (time_monotonic() < end)
		cpu_relax();
}
