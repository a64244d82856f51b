/* SPDX-License-Identifier: MIT */
/*
 * Locks on files. flock()'s belong to an open file, so two descriptors of one program
 * can be in each other's way, as on any system. Record locks (fcntl(), lockf()) belong to
 * a process: there is one, and they always succeed.
 */
#include "files.h"
#include "../system/lock.h"
#include "../system/posix.h"

#include <fcntl.h>
#include <unistd.h>

static void changed(struct node *node)
{
	__atomic_add_fetch(&node->lock_changes, 1, __ATOMIC_RELEASE);
	if (thread_wake_word)
		thread_wake_word(&node->lock_changes);
}

void files_unlock_node(struct file *file)
{
	struct node *node = file->node;

	if (!file->lock)
		return;
	node->locks = file->lock == LOCK_EX ? 0 : node->locks - 1;
	file->lock = 0;
	changed(node);
}

/* A lock instead of the one that the file has, or neither changes. */
static bool take(struct file *file, int kind)
{
	struct node *node = file->node;
	int32_t others = file->lock == LOCK_EX ? 0 : node->locks - (file->lock == LOCK_SH);

	if (others < 0 || (kind == LOCK_EX && others))
		return false;
	if (file->lock == kind)
		return true;
	node->locks = kind == LOCK_EX ? -1 : others + 1;
	file->lock = kind;
	if (kind == LOCK_SH)
		changed(node); /* it may have been LOCK_EX */
	return true;
}

POSIX int flock(int descriptor, int operation)
{
	int kind = operation & ~LOCK_NB;
	struct file *file;
	uint32_t seen;
	bool taken = false;

	if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
		return (int)files_result(-EINVAL);
	file = files_get(descriptor);
	if (!file)
		return (int)files_result(-EBADF);
	if (!file->node) {
		files_put(file);
		return (int)files_result(-EOPNOTSUPP);
	}
	for (;;) {
		files_lock();
		seen = file->node->lock_changes;
		if (kind == LOCK_UN)
			files_unlock_node(file);
		else
			taken = take(file, kind);
		files_unlock();
		if (taken || kind == LOCK_UN || operation & LOCK_NB)
			break;
		if (thread_wait_word)
			thread_wait_word(&file->node->lock_changes, seen);
		else
			__builtin_ia32_pause(); /* a task on another core has it */
	}
	files_put(file);
	return (int)files_result(taken || kind == LOCK_UN ? 0 : -EWOULDBLOCK);
}

POSIX int lockf(int descriptor, int command, off_t length)
{
	struct file *file;
	int mode;

	(void)length;
	if (command != F_LOCK && command != F_TLOCK && command != F_ULOCK && command != F_TEST)
		return (int)files_result(-EINVAL);
	file = files_get(descriptor);
	if (!file)
		return (int)files_result(-EBADF);
	mode = file->flags & O_ACCMODE;
	files_put(file);
	if ((command == F_LOCK || command == F_TLOCK) && mode == O_RDONLY)
		return (int)files_result(-EBADF);
	return 0;
}
