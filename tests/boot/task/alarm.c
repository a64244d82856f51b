/* SPDX-License-Identifier: MIT */
/*
 * bm_task_alarm() on each core: never early, not much late, one after the other in
 * order; of two, the earlier one stays; one in the past comes at once; a busy core is
 * interrupted; sleeping and alarms share the timer.
 */
#include "cores.h"

#define CORES_MAX 8 /* an alarm's function does not know its core: there is one for each */
#define CHAIN     8
#define MS        UINT64_C(1000000)
#define LATE      (5 * BM_SECOND) /* a busy host lets a guest wait; a lost alarm never comes */

static struct core_alarms {
	uint64_t asked[CHAIN], came[CHAIN];
	uint32_t fired, late_fired;
} alarms[CORES_MAX];

static void came(uint32_t core)
{
	struct core_alarms *a = &alarms[core];
	if (a->fired < CHAIN)
		a->came[a->fired] = bm_time_monotonic();
	add_one(&a->fired);
}

#define FUNCTIONS(n)                                                                               \
	static void fire##n(void *argument)                                                        \
	{                                                                                          \
		CHECK(!argument);                                                                  \
		came(n);                                                                           \
	}                                                                                          \
	static void late##n(void *argument)                                                        \
	{                                                                                          \
		CHECK(!argument);                                                                  \
		add_one(&alarms[n].late_fired);                                                    \
	}
FUNCTIONS(0)
FUNCTIONS(1)
FUNCTIONS(2)
FUNCTIONS(3)
FUNCTIONS(4)
FUNCTIONS(5)
FUNCTIONS(6)
FUNCTIONS(7)
static bm_task_fn *const fire[] = {fire0, fire1, fire2, fire3, fire4, fire5, fire6, fire7};
static bm_task_fn *const late[] = {late0, late1, late2, late3, late4, late5, late6, late7};

static uint32_t step; /* which of the chain */

static void set_alarm(void *unused)
{
	uint32_t core = bm_core();
	struct core_alarms *a = &alarms[core];
	(void)unused;
	a->asked[step] = bm_time_monotonic() + (1 + step * 3 + core) * MS;
	/* The last step's must be seen not to come; a busy host must not reach the others'. */
	uint64_t later = a->asked[step] + (step == CHAIN - 1 ? 500 : 60000) * MS;
	if (step == 5)
		a->asked[step] = 0; /* long ago */
	/* The later one is forgotten, whichever comes first. */
	if (step % 2)
		CHECK(bm_task_alarm(later, late[core]) == 0);
	CHECK(bm_task_alarm(a->asked[step], fire[core]) == 0);
	if (step % 2 == 0)
		CHECK(bm_task_alarm(later, late[core]) == 0);
}

/* Runs other tasks meanwhile: on one core, nobody else would. */
static void wait_fired(const uint32_t *counter, uint32_t value)
{
	uint64_t end = bm_time_monotonic() + LATE;
	while (read_now(counter) < value) {
		if (!bm_task_run_one())
			relax();
		CHECK(bm_time_monotonic() < end);
	}
}

static void test_chain(uint32_t cores)
{
	for (step = 0; step < CHAIN; step++) {
		struct bm_task_group group = BM_TASK_GROUP_INIT;
		for (uint32_t c = 0; c < cores; c++)
			CHECK(bm_task_submit_to(c, &group, set_alarm, NULL) == 0);
		bm_task_wait(&group);
		for (uint32_t c = 0; c < cores; c++)
			wait_fired(&alarms[c].fired, step + 1);
	}
	bm_sleep_until(bm_time_monotonic() + 700 * MS);
	while (bm_task_run_one())
		;
	uint64_t worst = 0;
	for (uint32_t c = 0; c < cores; c++) {
		struct core_alarms *a = &alarms[c];
		CHECK(a->fired == CHAIN && a->late_fired == 0);
		for (int i = 0; i < CHAIN; i++) {
			CHECK(a->came[i] >= a->asked[i]);
			CHECK(i == 0 || a->came[i] >= a->came[i - 1]);
			uint64_t delay = a->asked[i] ? a->came[i] - a->asked[i] : 0;
			worst = delay > worst ? delay : worst;
		}
	}
	printf("at most %lu us late\n", worst / 1000);
}

/* A core that runs a task for long: the alarm's task still comes, on another core. */
static uint32_t busy_fired;

static void busy_fire(void *unused)
{
	(void)unused;
	add_one(&busy_fired);
}

static void busy(void *unused)
{
	(void)unused;
	CHECK(bm_task_alarm(bm_time_monotonic() + 5 * MS, busy_fire) == 0);
	spin_until(&busy_fired, 1);
}

/* Sleep and alarm of one core: both end when they should. */
static void test_sleep(void)
{
	uint64_t now = bm_time_monotonic();
	uint32_t before = alarms[0].fired;
	CHECK(bm_task_alarm(now + 20 * MS, fire0) == 0);
	bm_sleep_until(now + 5 * MS);
	CHECK(bm_time_monotonic() >= now + 5 * MS);
	bm_sleep_until(now + 60 * MS);
	CHECK(bm_time_monotonic() >= now + 60 * MS && bm_time_monotonic() < now + LATE);
	wait_fired(&alarms[0].fired, before + 1);
	CHECK(alarms[0].fired == before + 1);
}

int main(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	release_cores();
	uint32_t cores = core_count() < CORES_MAX ? core_count() : CORES_MAX;
	test_chain(cores);
	test_sleep();
	if (cores > 1) {
		CHECK(bm_task_submit_to(1, &group, busy, NULL) == 0);
		bm_task_wait(&group);
		CHECK(busy_fired == 1);
	}
	return 0;
}
