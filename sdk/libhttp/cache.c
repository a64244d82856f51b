/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: files, in memory if they are not large, with all that their headers say.
 *
 * The key is the canonical path of the request; that of a folder stands for its index.html. A
 * file's size, time and inode are compared when it was last looked at a second ago. Each loop has a
 * table of its own for those that it needs often: there is no lock on that way.
 *
 * Nothing outside of the root is opened: the path is walked by openat(), a name at a time, without
 * following symbolic links and without leaving the root's file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

#define BUCKETS      1024
#define RECENT_LARGE (64 << 10) /* larger ones are not kept by each loop */

#ifndef O_CLOEXEC
#define O_CLOEXEC 0
#endif
#ifndef O_NONBLOCK
#define O_NONBLOCK 0
#endif

bool cache_init(struct cache *cache)
{
	cache->buckets = calloc(BUCKETS, sizeof(*cache->buckets));
	return cache->buckets && pthread_mutex_init(&cache->lock, NULL) == 0;
}

void file_put(struct file *file)
{
	if (atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) != 1)
		return;
	free(file->content);
	if (file->descriptor >= 0)
		close(file->descriptor);
	free(file);
}

/* ---- The table: all of these with the lock held ---- */

static void unlink_file(struct cache *cache, struct file *file)
{
	struct file **place = &cache->buckets[file->hash % BUCKETS];

	while (*place != file)
		place = &(*place)->chain;
	*place = file->chain;
	*(file->newer ? &file->newer->older : &cache->newest) = file->older;
	*(file->older ? &file->older->newer : &cache->oldest) = file->newer;
	cache->bytes -= file->size;
	cache->files--;
	atomic_store(&file->dropped, true);
	file_put(file);
}

static void make_newest(struct cache *cache, struct file *file)
{
	file->newer = NULL;
	file->older = cache->newest;
	*(file->older ? &file->older->newer : &cache->oldest) = file;
	cache->newest = file;
}

static struct file *find(struct cache *cache, const char *path, size_t size, uint32_t hash)
{
	struct file *file = cache->buckets[hash % BUCKETS];

	while (file && (file->hash != hash || file->path_size != size ||
			memcmp(file->path, path, size) != 0))
		file = file->chain;
	return file;
}

void cache_free(struct cache *cache)
{
	while (cache->oldest)
		unlink_file(cache, cache->oldest);
	free(cache->buckets);
	pthread_mutex_destroy(&cache->lock);
}

/* ---- Opening ---- */

static int status_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return 403;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return 503;
	case EIO:
		return 500;
	default:
		return 404; /* ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG … */
	}
}

int root_open(const struct bm_http_server *server, const char *path, struct stat *info)
{
	int folder = server->root;
	char name[256];

	for (;;) {
		path += *path == '/';
		size_t size = strcspn(path, "/");
		bool last = !path[size] || !path[size + 1];

		if (size >= sizeof(name) || (size == 2 && memcmp(path, "..", 2) == 0))
			break;
		memcpy(name, size ? path : ".", size ? size : 1);
		name[size ? size : 1] = '\0';
		int here = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		int error = errno;
		if (folder != server->root)
			close(folder);
		if (here < 0)
			return -status_of(error);
		if (fstat(here, info) != 0 || (uint64_t)info->st_dev != server->root_device) {
			close(here);
			return -404;
		}
		bool is_folder = S_ISDIR(info->st_mode);
		if (last && (is_folder || (S_ISREG(info->st_mode) && !path[size])))
			return here;
		if (last || !is_folder) {
			close(here);
			return -404;
		}
		folder = here;
		path += size;
	}
	if (folder != server->root)
		close(folder);
	return -404;
}

/* Nanoseconds of a file's time, where the system has them. */
static long nanoseconds_of(const struct stat *info)
{
	return info->st_mtim.tv_nsec;
}

static bool same(const struct file *file, const struct stat *info)
{
	return file->size == (uint64_t)info->st_size && file->modified == info->st_mtime &&
	       file->nanoseconds == nanoseconds_of(info) && file->inode == (uint64_t)info->st_ino;
}

static bool read_whole(int descriptor, char *to, uint64_t size)
{
	for (uint64_t at = 0; at < size;) {
		ssize_t got = pread(descriptor, to + at, size - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += (uint64_t)got;
	}
	return true;
}

/* FNV-1a of 64 bits, over words: a content's name, no protection against who makes two alike. */
static uint64_t digest(const char *data, uint64_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325), word;

	for (; size >= 8; size -= 8, data += 8) {
		memcpy(&word, data, 8);
		hash = (hash ^ word) * UINT64_C(0x100000001b3);
		hash ^= hash >> 29;
	}
	for (; size; size--)
		hash = (hash ^ (unsigned char)*data++) * UINT64_C(0x100000001b3);
	return hash;
}

static void describe(struct file *file, const char *name)
{
	file->type = type_of(name);
	if (file->content)
		file->etag_size = (uint8_t)snprintf(
		    file->etag, sizeof(file->etag), "\"%llx-%llx\"", (unsigned long long)file->size,
		    (unsigned long long)digest(file->content, file->size));
	else
		file->etag_size = (uint8_t)snprintf(
		    file->etag, sizeof(file->etag), "\"%llx.%llx.%lx\"",
		    (unsigned long long)file->size, (unsigned long long)file->modified,
		    (unsigned long)file->nanoseconds);
	date_format(file->modified_text, file->modified);
	int common = snprintf(file->header, sizeof(file->header),
			      "Content-Type: %s\r\nLast-Modified: %.*s\r\nETag: %s\r\n"
			      "Accept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n",
			      file->type, HTTP_DATE, file->modified_text, file->etag);
	int length = snprintf(file->header + common, sizeof(file->header) - (size_t)common,
			      "Content-Length: %llu\r\n\r\n", (unsigned long long)file->size);
	file->header_common = (uint16_t)common;
	file->header_size = (uint16_t)(common + length);
}

/* From the disk. The result has one reference, the caller's. */
static struct file *load(struct loop *loop, const char *path, size_t size, uint32_t hash,
			 int *status)
{
	struct bm_http_server *server = loop->server;
	bool folder = path[size - 1] == '/';
	struct stat info, after;
	char index[HTTP_TARGET + 16];
	const char *name = path;

	if (folder) {
		memcpy(index, path, size);
		strcpy(index + size, "index.html");
		name = index;
	}
	for (int turn = 0;; turn++) {
		int descriptor = root_open(server, name, &info);

		if (descriptor < 0) {
			*status = -descriptor;
			return NULL;
		}
		if (S_ISDIR(info.st_mode) || info.st_size < 0) {
			close(descriptor);
			*status = folder ? 404 : 301;
			return NULL;
		}
		struct file *file = calloc(1, sizeof(*file) + size + 1);
		bool keep = (uint64_t)info.st_size <= server->options.cache_file && turn < 3;
		if (file && keep)
			file->content = malloc((size_t)info.st_size + 1);
		if (!file || (keep && !file->content)) {
			free(file);
			close(descriptor);
			*status = 503;
			return NULL;
		}
		memcpy(file->path, path, size);
		file->path_size = (uint32_t)size;
		file->hash = hash;
		file->references = 1;
		file->size = (uint64_t)info.st_size;
		file->modified = info.st_mtime;
		file->nanoseconds = nanoseconds_of(&info);
		file->inode = (uint64_t)info.st_ino;
		file->descriptor = descriptor;
		atomic_store(&file->checked_ms, loop->now_ms);
		if (keep && (!read_whole(descriptor, file->content, file->size) ||
			     fstat(descriptor, &after) != 0 || !same(file, &after))) {
			file_put(file); /* it changes just now: again; at last without memory */
			continue;
		}
		if (keep) {
			close(descriptor);
			file->descriptor = -1;
			COUNT(loop->counters.loaded, 1);
		} else {
			COUNT(loop->counters.streamed, 1);
		}
		describe(file, name);
		return file;
	}
}

/* Into the table, which has a reference of its own. */
static void insert(struct bm_http_server *server, struct file *file)
{
	struct cache *cache = &server->cache;

	if (file->size > server->options.cache)
		return;
	pthread_mutex_lock(&cache->lock);
	struct file *other = find(cache, file->path, file->path_size, file->hash);
	if (other)
		unlink_file(cache, other);
	/* Small files count too: so that no number of them fills the memory. */
	while (cache->oldest &&
	       (cache->bytes + file->size > server->options.cache || cache->files >= 16384))
		unlink_file(cache, cache->oldest);
	file_hold(file);
	file->chain = cache->buckets[file->hash % BUCKETS];
	cache->buckets[file->hash % BUCKETS] = file;
	make_newest(cache, file);
	cache->bytes += file->size;
	cache->files++;
	pthread_mutex_unlock(&cache->lock);
}

/* Whether it is still what lies on the disk. */
static bool valid(struct loop *loop, struct file *file)
{
	struct stat info;
	char index[HTTP_TARGET + 16];
	const char *name = file->path;

	if ((int64_t)(loop->now_ms - atomic_load(&file->checked_ms)) < HTTP_CHECK_MS)
		return true;
	if (name[file->path_size - 1] == '/') {
		memcpy(index, name, file->path_size);
		strcpy(index + file->path_size, "index.html");
		name = index;
	}
	int descriptor = root_open(loop->server, name, &info);
	if (descriptor < 0)
		return descriptor == -503; /* no descriptor to look with */
	close(descriptor);
	if (!S_ISREG(info.st_mode) || !same(file, &info))
		return false;
	atomic_store(&file->checked_ms, loop->now_ms);
	return true;
}

/* Of the table, with a reference for the caller; or NULL. */
static struct file *lookup(struct loop *loop, const char *path, size_t size, uint32_t hash)
{
	struct cache *cache = &loop->server->cache;

	pthread_mutex_lock(&cache->lock);
	struct file *file = find(cache, path, size, hash);
	if (file) {
		file_hold(file);
		*(file->newer ? &file->newer->older : &cache->newest) = file->older;
		*(file->older ? &file->older->newer : &cache->oldest) = file->newer;
		make_newest(cache, file);
	}
	pthread_mutex_unlock(&cache->lock);
	if (!file || valid(loop, file))
		return file;
	pthread_mutex_lock(&cache->lock);
	if (!atomic_load(&file->dropped))
		unlink_file(cache, file);
	pthread_mutex_unlock(&cache->lock);
	file_put(file);
	return NULL;
}

void recent_drop(struct loop *loop, bool all)
{
	for (unsigned i = 0; i < HTTP_RECENT; i++) {
		struct file *file = loop->recent[i];

		if (file && (all || atomic_load_explicit(&file->dropped, memory_order_relaxed))) {
			loop->recent[i] = NULL;
			file_put(file);
		}
	}
	if (loop->lent)
		file_put(loop->lent);
	loop->lent = NULL;
}

struct file *file_get(struct loop *loop, const char *path, size_t size, int *status)
{
	uint32_t hash = 0x811c9dc5;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)path[i]) * 0x01000193;
	hash ^= hash >> 15;

	struct file **slot = &loop->recent[hash % HTTP_RECENT], *file = *slot;
	if (file && file->hash == hash && file->path_size == size &&
	    memcmp(file->path, path, size) == 0 &&
	    !atomic_load_explicit(&file->dropped, memory_order_relaxed) &&
	    (int64_t)(loop->now_ms - atomic_load_explicit(&file->checked_ms,
							  memory_order_relaxed)) < HTTP_CHECK_MS) {
		COUNT(loop->counters.cached, 1);
		return file;
	}
	if (size > HTTP_TARGET) {
		*status = 404;
		return NULL;
	}
	file = lookup(loop, path, size, hash);
	if (file) {
		COUNT(loop->counters.cached, 1);
	} else {
		file = load(loop, path, size, hash, status);
		if (!file)
			return NULL;
		if (file->content)
			insert(loop->server, file);
	}
	if (file->content && file->size <= RECENT_LARGE) {
		if (*slot)
			file_put(*slot);
		*slot = file;
	} else {
		if (loop->lent)
			file_put(loop->lent);
		loop->lent = file;
	}
	return file;
}
