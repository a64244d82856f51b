/* SPDX-License-Identifier: MIT */
/*
 * Inside of the file library: what a filesystem and an open file offer.
 *
 * A filesystem is a set of nodes with a struct node_ops; files_mount() hangs its
 * root over a directory. An open file has a struct file_ops; what is not a node
 * of a filesystem (a socket, say) brings its own and needs no filesystem.
 *
 * All functions return 0 or a count, or an errno value, negated. All run under
 * files_lock(), which they do not take themselves, except where it is said.
 *
 *     open(), stat() … posix_*.c  →  path.c  →  node_ops of tree.c (boot, /tmp, /dev)
 *     read(), write() … table.c   →  file_ops of open.c, console.c, device.c
 *     /disk0, /disk1 …            →  node_ops of disk.c, found by path.c at first use
 */
#ifndef FILES_FILES_H
#define FILES_FILES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "../system/lock.h"

#define FILES_NAME_MAX  255
#define FILES_LINKS_MAX 40 /* symbolic links followed in one path */
#define FILES_OPEN_MAX  32767

struct file;
struct file_ops;
struct iovec;
struct node;
struct segment;
struct statvfs;
struct watch;

/* A place in a directory's list of entries. */
struct listing {
	uint64_t order;      /* 0 at the start; grows */
	void *hint;          /* the filesystem's, NULL at the start */
	uint64_t generation; /* in which hint is valid */
};

struct listed {
	const char *name; /* not terminated; valid until the directory changes */
	size_t length;
	struct node *node;
};

/* Names are 1 to FILES_NAME_MAX bytes without '/', never "." or "..". A member may be NULL: -EROFS
 * or -EINVAL. */
struct node_ops {
	/* Directories. */
	int (*lookup)(struct node *directory, const char *name, size_t length, struct node **found);
	/* The directory that holds this one, and under which name; -ENOENT once removed. */
	int (*parent)(struct node *directory, struct node **parent, struct listed *name);
	/* 1 and the entry, or 0 at the end. */
	int (*list)(struct node *directory, struct listing *at, struct listed *entry);
	/* mode holds the type; target is a symbolic link's. The name must be free. */
	int (*create)(struct node *directory, const char *name, size_t length, uint32_t mode,
		      const char *target, struct node **made);
	int (*link)(struct node *directory, const char *name, size_t length, struct node *node);
	int (*remove)(struct node *directory, const char *name, size_t length);
	/* What the new name meant before is gone; the caller has checked the types. */
	int (*rename)(struct node *from, const char *name, size_t length, struct node *to,
		      const char *new_name, size_t new_length);

	/*
	 * The filesystem has locks of its own: the next four may be called without
	 * files_lock(), and are where a program waits for a device. Then write() also knows
	 * FILES_APPEND, and size may be looked at at any time.
	 */
	bool own_lock;

	/* Files. Reads end at size; a write beyond it leaves zeros between. */
	long (*read)(struct node *node, void *buffer, size_t size, uint64_t offset);
	long (*write)(struct node *node, const void *data, size_t size, uint64_t offset);
	int (*resize)(struct node *node, uint64_t size);
	int (*sync)(struct node *node);

	/* Symbolic links: the target, not terminated. */
	const char *(*target)(struct node *node, size_t *length);

	/* NULL: a filesystem in memory. */
	int (*statvfs)(struct node *node, struct statvfs *status);

	/* Files: stay where they are on the disk, or no longer; counted. */
	void (*pin)(struct node *node, bool pinned);

	/* The last reference is gone, and maybe the last link. An error: what was not stored. */
	int (*release)(struct node *node);
};

#define FILES_APPEND UINT64_MAX /* as an offset: at the end, wherever that is then */

struct node {
	const struct node_ops *ops;
	const struct file_ops *device; /* of a character device, else NULL */
	struct node *mounted;          /* root of the filesystem that covers this directory */
	struct node *covers;           /* of such a root: the directory below */
	struct segment *segments;      /* shared maps of a file: map.h */
	uint64_t number;
	uint64_t size;
	int64_t mtime_ns, atime_ns, ctime_ns;
	uint32_t mode;
	uint32_t links;
	uint32_t references; /* open files, the working directory */
	uint32_t filesystem; /* st_dev */
	bool read_only;
	int32_t locks;         /* flock(): how many share it, -1: one alone */
	uint32_t lock_changes; /* grows when one may get it that did not before */
};

/* An open file. */
struct file {
	const struct file_ops *ops;
	struct node *node;   /* NULL for what is in no filesystem */
	int flags;           /* O_… of open() */
	uint32_t references; /* descriptors, and calls under way */
	uint64_t offset;
	int lock;               /* LOCK_SH or LOCK_EX of flock(), or 0 */
	struct __lock position; /* around reads and writes of a node with own_lock */
	bool pinned;            /* the node's pin() has been called for it */
};

/* A member may be NULL; the comment says what then. read, write, readv, writev, control and poll
 * are called without files_lock(). */
struct file_ops {
	long (*read)(struct file *file, void *buffer, size_t size);      /* EBADF */
	long (*write)(struct file *file, const void *data, size_t size); /* EBADF */
	int64_t (*seek)(struct file *file, int64_t offset, int whence);  /* ESPIPE */
	int (*stat)(struct file *file, struct stat *status);             /* from the node */
	int (*control)(struct file *file, int request, void *argument);  /* ENOTTY: for ioctl() */
	/* The last reference is gone. 0, or what close() fails with: it is closed all the same. */
	int (*close)(struct file *file);
	/* Several pieces in one go. By read and write, one piece after the other. */
	long (*readv)(struct file *file, const struct iovec *pieces, int count);
	long (*writev)(struct file *file, const struct iovec *pieces, int count);
	/*
	 * For poll() and its kin, which are the network library's (sdk/libnet/net.h, whose lock is
	 * held): what there is of POLLIN, POLLOUT …; and from now on the watch, if there is one, is
	 * told of changes. Always readable and writable.
	 */
	int (*poll)(struct file *file, struct watch *watch);
	bool terminal;
};

/* table.c: descriptors */
int files_attach(struct file *file, int lowest,
		 bool close_on_exec);   /* a descriptor; takes over one reference */
struct file *files_get(int descriptor); /* takes the lock and a reference; NULL: EBADF */
/* Drops the reference; the last one with the lock, and then with the result of close. */
int files_put(struct file *file);
int files_close(int descriptor);
int files_duplicate(int descriptor, int wanted, bool exact, bool close_on_exec);
bool *files_close_on_exec(int descriptor); /* the flag's place, or NULL */
extern struct file files_console;

/* console.c */
extern const struct file_ops console_file_ops;

/* node.c */
void node_stat(const struct node *node, struct stat *status);
void node_hold(struct node *node);
int node_drop(struct node *node); /* what release says, of the last one */
/*
 * Its operations, with its lock and its maps in mind: everybody but a filesystem calls these, with
 * files_lock() or without.
 */
long node_read(struct node *node, void *buffer, size_t size, uint64_t offset);
long node_write(struct node *node, const void *data, size_t size, uint64_t offset);
int node_resize(struct node *node, uint64_t size);
int node_sync(struct node *node);
int64_t files_now(void);              /* wall clock, ns */
int files_release(struct file *file); /* a close for files with a node */

/* posix_lock.c: give up what flock() gave; linked in with flock() alone */
void files_unlock_node(struct file *file) __attribute__((weak, visibility("hidden")));
/* The end of the program: what is mapped and shared goes to its file; files go to their disks. */
void files_end_maps(void) __attribute__((weak, visibility("hidden")));
void files_end_disks(void) __attribute__((weak, visibility("hidden")));
void files_sync_disks(void) __attribute__((weak, visibility("hidden")));

/* path.c */
enum {
	PATH_FOLLOW = 1,    /* follow a symbolic link at the end */
	PATH_MAY_MISS = 2,  /* the last name need not exist: node is NULL then */
	PATH_DIRECTORY = 4, /* it must be a directory */
};
struct place {
	struct node *directory; /* that holds it; the root holds itself */
	const char *name;       /* last name, NULL if the path ends in "/", "." or ".." */
	size_t length;
	bool slash; /* there was a '/' after it */
	struct node *node;
};
int path_find(int at, const char *path, int flags, struct place *place);
int path_of(struct node *directory, char *buffer, size_t size); /* length with the zero */
int path_set_working(struct node *directory);
struct node *path_working(void);
struct node *path_root(void); /* mounts everything at first use; NULL: no memory */

int files_mount(struct node *top, struct node *over);

/* disk.c: mount the disks that there are, once. complain: a path named one. */
void disks_find(bool complain);

/* boot.c: the tree of the boot filesystem with all that is mounted in it; NULL: no memory */
struct node *files_build_root(void);

/* open.c: a node as an open file; device files bring their own file_ops */
int files_open(struct node *node, int flags, struct file **file);
/* open() and close() that are no cancellation points. */
int _open(const char *path, int flags, ...);
int _close(int descriptor);
extern const struct file_ops node_file_ops;

/* Both are no-ops in the host's unit tests. */
void files_lock(void);
void files_unlock(void);
bool files_try_lock(void); /* whether it has it now */

/* errno from a negative result. */
static inline long files_result(long result)
{
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

#endif
