/* SPDX-License-Identifier: MIT */
/*
 * BMFS disks in the file tree. Interface: disk.h and the node_ops in files.h.
 *
 * A volume has one node for each of libbmfs's files, which are as many as it will ever have: so a
 * node needs no memory, and who looks one up need not give it back. Locks, outermost first:
 * files_lock(), then the volume's. Contents are read and written under the latter alone.
 */
#include "disk.h"
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include <baremetal/block.h>
#include <baremetal/bmfs.h>
#include <baremetal/system.h>
#include <baremetal/time.h>

#include "libbmfs/partition.h"

#define FILESYSTEM_DISK 16u /* st_dev of /disk0 */
#define NUMBER_FIRST    2u  /* st_ino of the first file; 1 is the directory */
#define PATIENCE        BM_SECOND /* an attempt to mount that fails later than that is not repeated soon */
#define ALIGNED(p)      ((uintptr_t)(p) % BM_BLOCK_ALIGN == 0)

/*
 * A disk that could not be read when it was looked for has a volume as well, so that its name stays
 * its own: whoever uses that tries anew.
 */
struct volume {
	struct node root; /* first: the two are the same pointer */
	struct volume *next;
	uint32_t device;
	bool placed;               /* where on the device it lies is known: */
	struct bmfs_extent extent; /* there */
	struct disk_part part;     /* its memory: NULL as long as it could not be opened */
	struct disk_lock lock;
	bool mounted;     /* its directory has been read */
	uint64_t refused; /* until then, it is not tried anew */
	bool ended;       /* the program has */
	char name[16];    /* "disk0" */
	struct bmfs fs;
	struct node nodes[BMFS_FILES];
};

static struct volume *volumes, **volumes_end = &volumes;
static uint32_t volume_count;

static const struct node_ops disk_ops;

static struct volume *volume_of(struct node *node)
{
	size_t index = node->number - NUMBER_FIRST;

	if (S_ISDIR(node->mode))
		return (struct volume *)node;
	return (struct volume *)((char *)(node - index) - offsetof(struct volume, nodes));
}

static struct bmfs_file *file_of(struct volume *volume, struct node *node)
{
	return &volume->fs.files[node->number - NUMBER_FIRST];
}

/* What a node says of its file is as it was when the volume was last unlocked. */
static struct node *node_of(struct volume *volume, const struct bmfs_file *file)
{
	struct node *node = &volume->nodes[file - volume->fs.files];

	node->size = file->size;
	node->links = file->record >= 0;
	return node;
}

static int error_of(long error)
{
	static const uint8_t table[] = {
	    [BMFS_EIO] = EIO,         [BMFS_EROFS] = EROFS,    [BMFS_EDAMAGED] = EROFS,
	    [BMFS_EFORMAT] = ENODEV,  [BMFS_ECOPY] = ENODEV,   [BMFS_ETOOSMALL] = ENODEV,
	    [BMFS_ETOOLARGE] = EFBIG, [BMFS_ESECTOR] = ENODEV, [BMFS_ENOENT] = ENOENT,
	    [BMFS_EEXIST] = EEXIST,   [BMFS_ENAME] = EINVAL,   [BMFS_ENOSPC] = ENOSPC,
	    [BMFS_EFULL] = ENOSPC,    [BMFS_EFBIG] = EFBIG,    [BMFS_EBUSY] = EBUSY,
	    [BMFS_EINVAL] = EINVAL,   [BMFS_EFAULT] = EFAULT,
	};

	if (error >= 0)
		return (int)error;
	return -error < (long)sizeof(table) && table[-error] ? -table[-error] : -EIO;
}

static int name_error(long error, size_t length)
{
	return error == -BMFS_ENAME && length >= BMFS_NAME_SIZE ? -ENAMETOOLONG : error_of(error);
}

static void fresh_node(struct volume *volume, struct bmfs_file *file)
{
	struct node *node = &volume->nodes[file - volume->fs.files];

	*node = (struct node){
	    .ops = &disk_ops,
	    .number = NUMBER_FIRST + (uint64_t)(file - volume->fs.files),
	    .mode = S_IFREG | 0666,
	    .filesystem = volume->root.filesystem,
	    .read_only = volume->root.read_only,
	    .mtime_ns = volume->root.mtime_ns,
	    .atime_ns = volume->root.mtime_ns,
	    .ctime_ns = volume->root.mtime_ns,
	};
	node_of(volume, file);
}

static void touch(struct node *node)
{
	node->mtime_ns = node->ctime_ns = files_now();
}

/* libbmfs counts who holds a file; nodes count themselves. */
static void tell_users(struct volume *volume, struct bmfs_file *file)
{
	file->users = node_of(volume, file)->references != 0;
}

/* What the owner of its blocks may have written past us is not kept. */
static void lock_file(struct volume *volume, const struct bmfs_file *file)
{
	disk_lock_exclusive(&volume->lock);
	if (file->pins)
		volume->fs.edge[0].sector = volume->fs.edge[1].sector = BMFS_NO_SECTOR;
}

static void unlock(struct volume *volume)
{
	disk_unlock_exclusive(&volume->lock);
}

static int mount_late(struct volume *volume);

/*
 * A disk that does not answer lets everybody wait who wants any file. So what has failed after a
 * long time fails at once for as long again.
 */
static void refuse_if_slow(struct volume *volume, uint64_t begun)
{
	uint64_t now = bm_time_monotonic();

	if (now - begun > PATIENCE)
		volume->refused = now + (now - begun);
}

/* Before anything that begins with the directory. Files are there once it has been read. */
static int ready(struct volume *volume)
{
	int error = 0;

	if (__atomic_load_n(&volume->mounted, __ATOMIC_ACQUIRE))
		return 0;
	files_lock();
	if (!volume->mounted) {
		uint64_t begun = bm_time_monotonic();

		error = begun < volume->refused ? -EIO : mount_late(volume);
		if (error && begun >= volume->refused)
			refuse_if_slow(volume, begun);
	}
	files_unlock();
	return error;
}

/* ---- The directory ---- */

static int disk_lookup(struct node *directory, const char *name, size_t length, struct node **found)
{
	struct volume *volume = volume_of(directory);
	struct bmfs_file *file;
	int error = ready(volume);

	if (error)
		return error;
	disk_lock_shared(&volume->lock);
	file = bmfs_find(&volume->fs, name, length);
	if (file)
		*found = node_of(volume, file);
	disk_unlock_shared(&volume->lock);
	return file ? 0 : -ENOENT;
}

static int disk_parent(struct node *directory, struct node **parent, struct listed *name)
{
	(void)directory, (void)parent, (void)name;
	return -ENOENT; /* it covers a directory that has one */
}

static int disk_list(struct node *directory, struct listing *at, struct listed *entry)
{
	struct volume *volume = volume_of(directory);
	int found = 0, error = ready(volume);

	if (error)
		return error;
	disk_lock_shared(&volume->lock);
	while (at->order < BMFS_RECORDS && !found) {
		struct bmfs_file *file = bmfs_at(&volume->fs, (unsigned)at->order++);
		const char *name = file ? bmfs_name(&volume->fs, file) : "";
		size_t length = strlen(name);

		/* What no path can name is for `bmfs check`. */
		if (!bmfs_name_good(name, length) || bmfs_find(&volume->fs, name, length) != file)
			continue;
		*entry = (struct listed){name, length, node_of(volume, file)};
		found = 1;
	}
	disk_unlock_shared(&volume->lock);
	return found;
}

static int disk_create(struct node *directory, const char *name, size_t length, uint32_t mode,
		       const char *target, struct node **made)
{
	struct volume *volume = volume_of(directory);
	struct bmfs_file *file;
	int error;

	(void)target;
	if (!S_ISREG(mode))
		return -EPERM;
	error = ready(volume);
	if (error)
		return error;
	disk_lock_exclusive(&volume->lock);
	error = bmfs_create(&volume->fs, name, length, 0, &file);
	if (!error) {
		fresh_node(volume, file);
		*made = node_of(volume, file);
		(*made)->mode = mode;
		touch(*made);
		touch(directory);
	}
	unlock(volume);
	return name_error(error, length);
}

static int disk_link(struct node *directory, const char *name, size_t length, struct node *node)
{
	(void)directory, (void)name, (void)length, (void)node;
	return -EPERM;
}

static int disk_remove(struct node *directory, const char *name, size_t length)
{
	struct volume *volume = volume_of(directory);
	struct bmfs_file *file;
	int error = ready(volume);

	if (error)
		return error;
	error = -BMFS_ENOENT;
	disk_lock_exclusive(&volume->lock);
	file = bmfs_find(&volume->fs, name, length);
	if (file) {
		tell_users(volume, file);
		error = bmfs_remove(&volume->fs, file);
		node_of(volume, file);
	}
	if (!error)
		touch(directory);
	unlock(volume);
	return error_of(error);
}

static int disk_rename(struct node *from, const char *name, size_t length, struct node *to,
		       const char *new_name, size_t new_length)
{
	struct volume *volume = volume_of(from);
	struct bmfs_file *file, *over;
	int error = ready(volume);

	(void)to; /* a disk has one directory */
	if (error)
		return error;
	error = -BMFS_ENOENT;
	disk_lock_exclusive(&volume->lock);
	file = bmfs_find(&volume->fs, name, length);
	over = bmfs_find(&volume->fs, new_name, new_length);
	if (file) {
		if (over)
			tell_users(volume, over);
		error = bmfs_rename(&volume->fs, file, new_name, new_length);
		node_of(volume, file);
		if (over)
			node_of(volume, over);
	}
	if (!error)
		touch(from);
	unlock(volume);
	return name_error(error, new_length);
}

/* ---- Contents ---- */

/* Bytes of a range that can go past libbmfs: whole sectors, and memory that is aligned. */
static size_t direct_bytes(struct volume *volume, struct bmfs_file *file, const void *memory,
			   size_t size, uint64_t offset, uint64_t *sector)
{
	uint32_t sector_size = volume->part.disk.sector_size;

	if (!ALIGNED(memory) || offset >= file->size)
		return 0;
	if (size > file->size - offset)
		size = (size_t)(file->size - offset);
	size -= size % sector_size;
	return bmfs_direct(&volume->fs, file, offset, size, sector) ? size : 0;
}

static long direct(struct volume *volume, struct bmfs_file *file, void *memory, size_t size,
		   uint64_t offset, bool writing)
{
	const struct bmfs_disk *disk = &volume->part.disk;
	struct bmfs_transfer transfer = {.buffer = memory};
	int error;

	disk_lock_shared(&volume->lock);
	size = direct_bytes(volume, file, memory, size, offset, &transfer.sector);
	transfer.count = size / disk->sector_size;
	if (!size) {
		error = 0;
	} else if (writing) {
		bmfs_direct_written(&volume->fs, transfer.sector, transfer.count);
		error = disk->ops->write(disk, &transfer, 1, false);
		bmfs_direct_written(&volume->fs, transfer.sector, transfer.count);
	} else {
		error = disk->ops->read(disk, &transfer, 1);
	}
	disk_unlock_shared(&volume->lock);
	return error ? error : (long)size;
}

static long disk_read(struct node *node, void *buffer, size_t size, uint64_t offset)
{
	struct volume *volume = volume_of(node);
	struct bmfs_file *file = file_of(volume, node);
	long whole, rest = 0;

	if (!buffer && size)
		return -EFAULT;
	whole = direct(volume, file, buffer, size, offset, false);
	if (whole < 0)
		return error_of(whole);
	if ((size_t)whole < size) {
		lock_file(volume, file);
		rest = bmfs_read(&volume->fs, file, (char *)buffer + whole, size - (size_t)whole,
				 offset + (uint64_t)whole);
		unlock(volume);
	}
	return rest < 0 ? (whole ? whole : error_of(rest)) : whole + rest;
}

static long disk_write(struct node *node, const void *data, size_t size, uint64_t offset)
{
	struct volume *volume = volume_of(node);
	struct bmfs_file *file = file_of(volume, node);
	long whole = 0, rest = 0;

	if (node->read_only)
		return -EROFS;
	if (offset != FILES_APPEND)
		whole = direct(volume, file, (void *)(uintptr_t)data, size, offset, true);
	if (whole < 0)
		return error_of(whole);
	if ((size_t)whole < size) {
		lock_file(volume, file);
		offset = offset == FILES_APPEND ? file->size : offset + (uint64_t)whole;
		if (volume->ended)
			rest = -BMFS_EIO;
		else if (size > (size_t)INT64_MAX || offset > (uint64_t)INT64_MAX - size)
			rest = -BMFS_EFBIG;
		else
			rest = bmfs_write(&volume->fs, file, (const char *)data + whole,
					  size - (size_t)whole, offset);
		node_of(volume, file);
		unlock(volume);
	}
	touch(node);
	return rest < 0 ? (whole ? whole : error_of(rest)) : whole + rest;
}

static int disk_resize(struct node *node, uint64_t size)
{
	struct volume *volume = volume_of(node);
	struct bmfs_file *file = file_of(volume, node);
	int error;

	lock_file(volume, file);
	error = bmfs_resize(&volume->fs, file, size);
	node_of(volume, file);
	unlock(volume);
	if (!error)
		touch(node);
	return error_of(error);
}

static int disk_sync(struct node *node)
{
	struct volume *volume = volume_of(node);
	int error;

	if (S_ISDIR(node->mode)) {
		error = ready(volume);
		if (error)
			return error;
		disk_lock_exclusive(&volume->lock);
		error = bmfs_sync_all(&volume->fs);
		unlock(volume);
		return error_of(error);
	}
	/* What takes long, while others read and write; then the record, if it is behind. */
	disk_lock_shared(&volume->lock);
	error = bmfs_flush_direct(&volume->fs, file_of(volume, node));
	disk_unlock_shared(&volume->lock);
	if (!error) {
		disk_lock_exclusive(&volume->lock);
		error = bmfs_sync(&volume->fs, file_of(volume, node));
		unlock(volume);
	}
	return error_of(error);
}

/* The last reference is gone: what is closed is in the directory. */
static int disk_release(struct node *node)
{
	struct volume *volume = volume_of(node);
	struct bmfs_file *file;
	int error;

	if (S_ISDIR(node->mode))
		return 0;
	file = file_of(volume, node);
	disk_lock_exclusive(&volume->lock);
	file->users = 1;
	error = bmfs_release(&volume->fs, file);
	unlock(volume);
	if (error)
		bm_log(BM_LOG_ERROR, "disk: a file's size could not be written when it was closed");
	return error_of(error);
}

static void disk_pin(struct node *node, bool pinned)
{
	struct volume *volume = volume_of(node);

	disk_lock_exclusive(&volume->lock);
	(pinned ? bmfs_pin : bmfs_unpin)(file_of(volume, node));
	unlock(volume);
}

static int disk_statvfs(struct node *node, struct statvfs *status)
{
	struct volume *volume = volume_of(node);
	struct bmfs_space space;
	int error = ready(volume);

	if (error)
		return error;
	disk_lock_shared(&volume->lock);
	bmfs_get_space(&volume->fs, &space);
	disk_unlock_shared(&volume->lock);
	*status = (struct statvfs){
	    .f_bsize = BMFS_BLOCK,
	    .f_frsize = BMFS_BLOCK,
	    .f_blocks = space.total,
	    .f_bfree = space.free,
	    .f_bavail = space.free,
	    .f_files = BMFS_RECORDS,
	    .f_ffree = space.records_free,
	    .f_favail = space.records_free,
	    .f_fsid = node->filesystem,
	    .f_flag = node->read_only ? ST_RDONLY : 0,
	    .f_namemax = BMFS_NAME_SIZE - 1,
	};
	return 0;
}

static const struct node_ops disk_ops = {
    .own_lock = true,
    .lookup = disk_lookup,
    .parent = disk_parent,
    .list = disk_list,
    .create = disk_create,
    .link = disk_link,
    .remove = disk_remove,
    .rename = disk_rename,
    .read = disk_read,
    .write = disk_write,
    .resize = disk_resize,
    .sync = disk_sync,
    .release = disk_release,
    .pin = disk_pin,
    .statvfs = disk_statvfs,
};

/* ---- Which there are ---- */

static void report(int level, const struct bm_block_info *info, unsigned partition,
		   const char *what)
{
	char text[200], place[24] = "";

	if (partition)
		snprintf(place, sizeof(place), ", partition %u", partition);
	snprintf(text, sizeof(text), "disk %s%s: %s", info->name, place, what);
	bm_log(level, text);
}

static int open_part(struct volume *volume)
{
	int error = volume->part.disk.work ? 0 : disk_part_open(&volume->part, volume->device);

	if (!error && volume->placed)
		disk_part_set(&volume->part, volume->extent.sector, volume->extent.sectors);
	return error;
}

/* Read the directory. 0, or a negative enum bmfs_error. */
static int mount_volume(struct volume *volume, const struct bm_block_info *info)
{
	int error = bmfs_mount(&volume->fs, &volume->part.disk, 0);
	char text[40];

	if (error)
		return error;
	volume->root.read_only = volume->fs.read_only || volume->fs.damages;
	for (unsigned i = 0; i < BMFS_FILES; i++)
		fresh_node(volume, &volume->fs.files[i]);
	__atomic_store_n(&volume->mounted, true, __ATOMIC_RELEASE);
	if (volume->fs.damages)
		report(BM_LOG_ERROR, info, volume->extent.number,
		       "the directory is damaged, so it is read-only: run `bmfs check --repair`");
	snprintf(text, sizeof(text), "BMFS at /%s", volume->name);
	report(BM_LOG_INFO, info, volume->extent.number, text);
	return 0;
}

/* What is to be the next /diskN. NULL: out of memory. */
static struct volume *make_volume(uint32_t device, const struct bmfs_extent *extent)
{
	struct volume *volume = calloc(1, sizeof(*volume));

	if (!volume)
		return NULL;
	volume->device = device;
	volume->placed = extent != NULL;
	if (extent)
		volume->extent = *extent;
	volume->root = (struct node){
	    .ops = &disk_ops,
	    .number = 1,
	    .mode = S_IFDIR | 0777,
	    .links = 2,
	    .filesystem = FILESYSTEM_DISK + volume_count,
	    .mtime_ns = files_now(),
	};
	volume->root.atime_ns = volume->root.ctime_ns = volume->root.mtime_ns;
	snprintf(volume->name, sizeof(volume->name), "disk%u", (unsigned)volume_count);
	if (open_part(volume) == -ENOMEM) {
		free(volume);
		return NULL;
	}
	return volume;
}

static int show_volume(struct volume *volume)
{
	struct node *over;
	int error =
	    tree_add(path_root(), volume->name, strlen(volume->name), S_IFDIR | 0755, &over);

	if (!error)
		error = files_mount(&volume->root, over);
	if (error)
		return error;
	*volumes_end = volume;
	volumes_end = &volume->next;
	volume_count++;
	return 0;
}

/*
 * Mount one place of a device; NULL: which places it has could not be read. What cannot be read
 * gets its number, and what can be read and is no BMFS does not.
 */
static void mount_part(const struct bm_block_info *info, uint32_t device,
		       const struct bmfs_extent *extent, uint64_t begun)
{
	struct volume *volume = make_volume(device, extent);
	unsigned number = extent ? extent->number : 0;
	int error = -BMFS_EIO, unseen;
	char text[160];

	if (volume && volume->placed && volume->part.disk.work)
		error = mount_volume(volume, info);
	if (volume && error && error != -BMFS_EIO) {
		snprintf(text, sizeof(text), "not mounted: %s", bmfs_strerror(error));
		report(BM_LOG_WARNING, info, number, text);
	} else if (!volume || (unseen = show_volume(volume))) {
		snprintf(text, sizeof(text), "not mounted: %s",
			 !volume || unseen == -ENOSPC ? "out of memory" : "its name is taken");
		report(BM_LOG_ERROR, info, number, text);
	} else {
		if (error) {
			refuse_if_slow(volume, begun);
			snprintf(text, sizeof(text), "not mounted yet: %s; /%s is kept for it",
				 bmfs_strerror(error), volume->name);
			report(BM_LOG_ERROR, info, number, text);
		}
		return;
	}
	if (volume)
		disk_part_close(&volume->part);
	free(volume);
}

/* Find its place on the device. Further ones there get the next free numbers. */
static int place_late(struct volume *volume, const struct bm_block_info *info)
{
	struct bmfs_extent found[BMFS_PARTITIONS_MAX];
	uint64_t begun = bm_time_monotonic();
	int count = bmfs_find_partitions(&volume->part.disk, found);

	if (count <= 0)
		return count ? count : -BMFS_EFORMAT;
	volume->extent = found[0];
	volume->placed = true;
	for (int i = 1; i < count; i++)
		mount_part(info, volume->device, &found[i], begun);
	return 0;
}

/* Under files_lock(). 0, or a negative errno value. */
static int mount_late(struct volume *volume)
{
	struct bm_block_info info;
	int error = 0;

	if (bm_block_info(volume->device, &info))
		return -EIO;
	error = open_part(volume);
	if (error)
		return error;
	if (!volume->placed)
		error = place_late(volume, &info);
	if (!error) {
		open_part(volume); /* its place is known now */
		error = mount_volume(volume, &info);
	}
	return error_of(error);
}

static void mount_device(uint32_t device, bool complain)
{
	struct bmfs_extent found[BMFS_PARTITIONS_MAX];
	struct bm_block_info info;
	struct disk_part part;
	uint64_t begun = bm_time_monotonic();
	int count, error;

	if (bm_block_info(device, &info) || info.flags & BM_BLOCK_OPTICAL)
		return;
	error = disk_part_open(&part, device);
	if (error == -ENOMEM) {
		report(BM_LOG_ERROR, &info, 0, "not mounted: out of memory");
		return;
	}
	count = error ? -BMFS_EIO : bmfs_find_partitions(&part.disk, found);
	if (!error)
		disk_part_close(&part);
	if (count == -BMFS_EIO)
		mount_part(&info, device, NULL, begun);
	else if (count < 0)
		report(BM_LOG_ERROR, &info, 0, bmfs_strerror(count));
	else if (!count && complain)
		report(BM_LOG_WARNING, &info, 0,
		       "there is no BMFS on it: `bmfs format` makes one, on the host");
	for (int i = 0; i < count; i++)
		mount_part(&info, device, &found[i], begun);
}

void disks_find(bool complain)
{
	static bool done;
	int count;

	if (done)
		return;
	done = true;
	count = bm_block_count();
	for (int i = 0; i < count; i++)
		mount_device((uint32_t)i, complain);
	if (!volume_count && complain)
		bm_log(BM_LOG_WARNING, count > 0
					   ? "disk: none of the disks has a BMFS"
					   : "disk: this machine has no disk that a driver knows");
}

/* ---- All disks ---- */

void files_sync_disks(void)
{
	for (struct volume *volume = volumes; volume; volume = volume->next)
		if (volume->mounted)
			disk_sync(&volume->root);
}

void files_end_disks(void)
{
	for (struct volume *volume = volumes; volume; volume = volume->next) {
		if (!volume->mounted)
			continue;
		if (!disk_lock_for_a_while(&volume->lock))
			continue; /* a change is under way: it survives as if power was lost */
		volume->ended = true;
		if (bmfs_sync_all(&volume->fs))
			bm_log(BM_LOG_ERROR, "disk: what was written last may be lost");
	}
}

/* ---- <baremetal/bmfs.h> ---- */

/* The file of a descriptor, with a reference; or a negative errno value. */
static int disk_file(int descriptor, struct file **file)
{
	*file = files_get(descriptor);
	if (!*file)
		return -EBADF;
	if ((*file)->node && (*file)->node->ops == &disk_ops && S_ISREG((*file)->node->mode))
		return 0;
	files_put(*file);
	return -EINVAL;
}

int bm_bmfs_extent(int descriptor, struct bm_bmfs_extent *extent)
{
	struct volume *volume;
	struct bmfs_file *bmfs;
	struct file *file;
	int error = disk_file(descriptor, &file);

	if (error)
		return (int)files_result(error);
	volume = volume_of(file->node);
	bmfs = file_of(volume, file->node);
	files_lock();
	if (!file->pinned) {
		disk_pin(file->node, true);
		file->pinned = true;
	}
	disk_lock_exclusive(&volume->lock);
	*extent = (struct bm_bmfs_extent){
	    .device = volume->part.device,
	    .sector_size = volume->part.disk.sector_size,
	    .sector =
		volume->part.first + bmfs->start * (BMFS_BLOCK / volume->part.disk.sector_size),
	    .sectors = bmfs->reserved * (BMFS_BLOCK / volume->part.disk.sector_size),
	};
	unlock(volume);
	files_unlock();
	files_put(file);
	return 0;
}

int bm_bmfs_reserve(int descriptor, uint64_t bytes)
{
	struct volume *volume;
	struct file *file;
	int error = disk_file(descriptor, &file);

	if (error)
		return (int)files_result(error);
	volume = volume_of(file->node);
	lock_file(volume, file_of(volume, file->node));
	error = error_of(bmfs_reserve(&volume->fs, file_of(volume, file->node), bytes));
	unlock(volume);
	files_put(file);
	return (int)files_result(error);
}
