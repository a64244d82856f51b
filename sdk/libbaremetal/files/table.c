/* SPDX-License-Identifier: MIT */
/*
 * Descriptors: the table of open files, and the calls that need nothing else.
 * A program that only prints is linked with this file and console.c alone.
 */
#include "files.h"

#include <stdlib.h>
#include <string.h>

struct slot {
	struct file *file; /* NULL: free */
	bool close_on_exec;
};

struct file files_console = {.ops = &console_file_ops, .flags = 2 /* O_RDWR */, .references = 3};

#define SLOTS_FIRST 8
static struct slot first_slots[SLOTS_FIRST] = {
    {&files_console, false},
    {&files_console, false},
    {&files_console, false},
};
static struct slot *slots = first_slots;
static int slot_count = SLOTS_FIRST;
static int first_free = 3; /* none below it is free */

static int grow(void)
{
	int count = slot_count * 2 < FILES_OPEN_MAX ? slot_count * 2 : FILES_OPEN_MAX;
	struct slot *bigger;

	if (slot_count == FILES_OPEN_MAX)
		return -EMFILE;
	bigger = calloc((size_t)count, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	memcpy(bigger, slots, (size_t)slot_count * sizeof(*slots));
	if (slots != first_slots)
		free(slots);
	slots = bigger;
	slot_count = count;
	return 0;
}

static struct slot *slot_of(int descriptor)
{
	if (descriptor < 0 || descriptor >= slot_count || !slots[descriptor].file)
		return NULL;
	return &slots[descriptor];
}

int files_attach(struct file *file, int lowest, bool close_on_exec)
{
	int descriptor = lowest < first_free ? first_free : lowest;
	int error;

	if (lowest < 0 || lowest >= FILES_OPEN_MAX)
		return -EINVAL;
	for (;;) {
		while (descriptor < slot_count && slots[descriptor].file)
			descriptor++;
		if (descriptor < slot_count)
			break;
		error = grow();
		if (error)
			return error;
	}
	if (lowest <= first_free)
		first_free = descriptor + 1;
	slots[descriptor] = (struct slot){file, close_on_exec};
	return descriptor;
}

struct file *files_get(int descriptor)
{
	struct slot *slot;
	struct file *file = NULL;

	files_lock();
	slot = slot_of(descriptor);
	if (slot) {
		file = slot->file;
		__atomic_fetch_add(&file->references, 1, __ATOMIC_RELAXED);
	}
	files_unlock();
	return file;
}

int files_put(struct file *file)
{
	uint32_t references = __atomic_load_n(&file->references, __ATOMIC_RELAXED);
	int error = 0;

	/* The last one is dropped with the lock: nobody can find the file any more then. */
	while (references > 1)
		if (__atomic_compare_exchange_n(&file->references, &references, references - 1,
						true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return 0;
	files_lock();
	if (__atomic_sub_fetch(&file->references, 1, __ATOMIC_ACQ_REL) == 0 && file->ops->close)
		error = file->ops->close(file);
	files_unlock();
	return error;
}

int files_close(int descriptor)
{
	struct slot *slot = slot_of(descriptor);
	struct file *file;

	if (!slot)
		return -EBADF;
	file = slot->file;
	slot->file = NULL;
	if (descriptor < first_free)
		first_free = descriptor;
	return files_put(file);
}

int files_duplicate(int descriptor, int wanted, bool exact, bool close_on_exec)
{
	struct slot *slot = slot_of(descriptor);
	struct file *file;
	int made;

	if (!slot)
		return -EBADF;
	if (wanted < 0 || wanted >= FILES_OPEN_MAX)
		return exact ? -EBADF : -EINVAL;
	if (exact && wanted == descriptor)
		return wanted;
	file = slot->file;
	__atomic_fetch_add(&file->references, 1, __ATOMIC_RELAXED);
	if (exact && slot_of(wanted))
		files_close(wanted);
	made = files_attach(file, wanted, close_on_exec);
	if (made < 0)
		files_put(file);
	return made;
}

bool *files_close_on_exec(int descriptor)
{
	struct slot *slot = slot_of(descriptor);

	return slot ? &slot->close_on_exec : NULL;
}
