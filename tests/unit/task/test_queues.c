/* SPDX-License-Identifier: MIT */
/*
 * The queues alone: kernel/task/inbox.h with many producers and one or many
 * consumers, kernel/task/deque.h with thieves. Each task comes out once, as it went
 * in. Run under ThreadSanitizer.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "task/inbox.h"
#include "unit.h"

#define THREADS 4
#define TASKS   20000 /* of each producer */

static struct inbox box;
static struct deque deque;
static uint8_t taken[THREADS * TASKS];
static uint32_t left; /* producers that still push */
static uint32_t torn; /* tasks that came out otherwise than they went in */

/* A task's number in all its fields. */
static struct task make(size_t number)
{
	return (struct task){(void (*)(void *))(number + 1), (void *)(2 * number),
			     (struct bm_task_group *)(3 * number)};
}

static void take(const struct task *task)
{
	size_t number = (size_t)task->function - 1;
	if (number >= THREADS * TASKS || (size_t)task->argument != 2 * number ||
	    (size_t)task->group != 3 * number)
		__atomic_fetch_add(&torn, 1, __ATOMIC_RELAXED);
	else
		__atomic_fetch_add(&taken[number], 1, __ATOMIC_RELAXED);
}

static bool push(const struct task *task)
{
	if (deque_is_full(&deque))
		return false;
	deque_put(&deque, task);
	return true;
}

static void *produce(void *base)
{
	for (size_t i = 0; i < TASKS; i++) {
		struct task task = make((size_t)base * TASKS + i);
		while (!inbox_push(&box, &task))
			sched_yield();
	}
	__atomic_fetch_sub(&left, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *consume(void *shared)
{
	struct task task;
	for (;;) {
		bool ending = !__atomic_load_n(&left, __ATOMIC_ACQUIRE);
		if (shared ? inbox_take(&box, &task) : inbox_pop(&box, &task))
			take(&task);
		else if (ending)
			return NULL;
		else
			sched_yield();
	}
}

static void check_taken(size_t count)
{
	size_t wrong = 0;
	for (size_t i = 0; i < count; i++)
		wrong += taken[i] != 1;
	CHECK(wrong == 0);
	CHECK(torn == 0);
	memset(taken, 0, sizeof taken);
}

static void test_inbox_threads(int consumers)
{
	pthread_t threads[2 * THREADS];
	size_t n = 0;
	inbox_init(&box);
	left = THREADS;
	for (size_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[n++], NULL, produce, (void *)i));
	for (int i = 0; i < consumers; i++)
		CHECK(!pthread_create(&threads[n++], NULL, consume, consumers > 1 ? &box : NULL));
	while (n)
		pthread_join(threads[--n], NULL);
	CHECK(inbox_is_empty(&box));
	check_taken(THREADS * TASKS);
}

/* Alone: order, room, emptiness, several times round. */
static void test_inbox_alone(bool shared)
{
	struct task task;
	size_t in = 0, out = 0, wrong = 0;
	inbox_init(&box);
	for (int round = 0; round < 5; round++) {
		for (task = make(in); inbox_push(&box, &task); task = make(++in))
			CHECK(!inbox_is_empty(&box));
		CHECK(in - out == INBOX_SIZE);
		while (in - out > (round & 1 ? 0 : 3) &&
		       (shared ? inbox_take(&box, &task) : inbox_pop(&box, &task))) {
			wrong += (size_t)task.function != out + 1;
			out++;
		}
	}
	while (shared ? inbox_take(&box, &task) : inbox_pop(&box, &task))
		out++;
	CHECK(in == out && !wrong && inbox_is_empty(&box));
	CHECK(!inbox_take(&box, &task) && !inbox_pop(&box, &task));
}

static void *thief(void *unused)
{
	struct task task;
	(void)unused;
	for (;;) {
		bool ending = !__atomic_load_n(&left, __ATOMIC_ACQUIRE);
		if (deque_steal(&deque, &task))
			take(&task);
		else if (ending && deque_is_empty(&deque))
			return NULL;
		else
			sched_yield();
	}
}

static void test_deque_threads(void)
{
	pthread_t threads[THREADS];
	struct task task;
	unsigned seed = 1;
	deque.top = deque.bottom = 0;
	left = 1;
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, thief, NULL));
	for (size_t i = 0; i < THREADS * TASKS;) {
		task = make(i);
		if (rand_r(&seed) % 3 && push(&task))
			i++;
		else if (deque_pop(&deque, &task))
			take(&task);
	}
	while (deque_pop(&deque, &task))
		take(&task);
	__atomic_store_n(&left, 0, __ATOMIC_RELEASE);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	check_taken(THREADS * TASKS);
}

/* The owner gets the newest, a thief the oldest; room is exactly DEQUE_SIZE. */
static void test_deque_alone(void)
{
	struct task task;
	deque.top = deque.bottom = 0;
	CHECK(!deque_pop(&deque, &task) && !deque_steal(&deque, &task) && deque_is_empty(&deque));
	for (size_t i = 0; i < DEQUE_SIZE; i++) {
		task = make(i);
		if (!push(&task))
			CHECK(!"room");
	}
	CHECK(!push(&task));
	CHECK(deque_pop(&deque, &task) && (size_t)task.function == DEQUE_SIZE);
	CHECK(deque_steal(&deque, &task) && (size_t)task.function == 1);
	task = make(7);
	CHECK(push(&task) && push(&task) && !push(&task));
	size_t rest = 0;
	while (deque_pop(&deque, &task))
		rest++;
	CHECK(rest == DEQUE_SIZE && deque_is_empty(&deque));
}

int main(void)
{
	test_inbox_alone(false);
	test_inbox_alone(true);
	test_deque_alone();
	test_inbox_threads(1);
	test_inbox_threads(THREADS);
	test_deque_threads();
	return unit_status();
}
