/* SPDX-License-Identifier: MIT */
/*
 * Thread-specific data. A key that is deleted and made anew has no values: each value
 * carries the number of its key's making.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct key_value {
	void *value;
	uint32_t made;
};

static struct key {
	uint32_t made; /* odd: in use */
	void (*destructor)(void *);
} keys[PTHREAD_KEYS_MAX];

int pthread_key_create(pthread_key_t *result, void (*destructor)(void *))
{
	for (pthread_key_t i = 0; i < PTHREAD_KEYS_MAX; i++) {
		uint32_t made = __atomic_load_n(&keys[i].made, __ATOMIC_RELAXED);

		if (made & 1 || !__atomic_compare_exchange_n(&keys[i].made, &made, made + 1, 0,
							     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		__atomic_store_n(&keys[i].destructor, destructor, __ATOMIC_RELEASE);
		*result = i;
		return 0;
	}
	return EAGAIN;
}

static uint32_t made_of(pthread_key_t key)
{
	uint32_t made =
	    key < PTHREAD_KEYS_MAX ? __atomic_load_n(&keys[key].made, __ATOMIC_ACQUIRE) : 0;

	return made & 1 ? made : 0;
}

int pthread_key_delete(pthread_key_t key)
{
	uint32_t made = made_of(key);

	return made && __atomic_compare_exchange_n(&keys[key].made, &made, made + 1, 0,
						   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)
		   ? 0
		   : EINVAL;
}

void *pthread_getspecific(pthread_key_t key)
{
	const struct key_value *values = port_self()->values;

	return values && key < PTHREAD_KEYS_MAX && values[key].made == made_of(key)
		   ? values[key].value
		   : NULL;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
	struct thread *self = port_self();
	uint32_t made = made_of(key);

	if (!made)
		return EINVAL;
	if (!self->values)
		self->values = calloc(PTHREAD_KEYS_MAX, sizeof(*self->values));
	if (!self->values)
		return ENOMEM;
	self->values[key] = (struct key_value){(void *)value, made};
	return 0;
}

/* The end of a thread: destructors, as long as they set new values, but not for ever. */
void keys_destroy(struct thread *self)
{
	bool again = true;

	if (!self->values)
		return;
	for (int round = 0; again && round < PTHREAD_DESTRUCTOR_ITERATIONS; round++) {
		again = false;
		for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; key++) {
			void *value = pthread_getspecific(key);
			void (*destructor)(void *) =
			    __atomic_load_n(&keys[key].destructor, __ATOMIC_ACQUIRE);

			if (!value || !destructor)
				continue;
			self->values[key].value = NULL;
			destructor(value);
			again = true;
		}
	}
	free(self->values);
	self->values = NULL;
}
