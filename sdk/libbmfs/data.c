/* SPDX-License-Identifier: MIT */
/*
 * Contents of files. Whole sectors go between the caller's buffer and the disk; the parts of
 * sectors at either end of a range go through two "edges", which are kept for the next call: a log
 * that grows by small pieces reads nothing.
 *
 * Behind a file's size lies whatever was there before. It is never shown: each way to make the size
 * larger writes what lies between.
 */
#include "internal.h"

static uint64_t first_sector(const struct bmfs *fs, const struct bmfs_file *file)
{
	return file->start * (BMFS_BLOCK / fs->disk->sector_size);
}

/* Where a sector of a file lies, also while the file is moved over itself: slide.c. */
static uint64_t sector_at(const struct bmfs *fs, const struct bmfs_file *file, uint64_t index)
{
	uint64_t per_block = BMFS_BLOCK / fs->disk->sector_size;

	return first_sector(fs, file) + index +
	       (index / per_block >= file->split ? file->gap * per_block : 0);
}

void bmfs_forget_edges(struct bmfs *fs, uint64_t sector, uint64_t count)
{
	for (int i = 0; i < 2; i++) {
		uint64_t at = __atomic_load_n(&fs->edge[i].sector, __ATOMIC_RELAXED);

		if (at >= sector && at - sector < count)
			__atomic_store_n(&fs->edge[i].sector, BMFS_NO_SECTOR, __ATOMIC_RELAXED);
	}
}

static void set_data_pending(struct bmfs *fs)
{
	__atomic_store_n(&fs->data_pending, true, __ATOMIC_SEQ_CST);
}

/* A write that overlaps a flush may or may not be in it: it is pending before and after. */
static int write_sectors(struct bmfs *fs, const struct bmfs_transfer *list, unsigned count)
{
	int error;

	set_data_pending(fs);
	error = fs->disk->ops->write(fs->disk, list, count, false);
	set_data_pending(fs);
	return error;
}

/* An edge that holds a sector, or is free to: never the one that is kept. */
static struct bmfs_edge *pick_edge(struct bmfs *fs, uint64_t sector, const struct bmfs_edge *keep)
{
	for (int i = 0; i < 2; i++)
		if (fs->edge[i].sector == sector)
			return &fs->edge[i];
	return &fs->edge[keep == &fs->edge[0]];
}

/* Fill an edge with a sector of a file. */
static int load_edge(struct bmfs *fs, struct bmfs_file *file, struct bmfs_edge *edge,
		     uint64_t index)
{
	uint32_t size = fs->disk->sector_size;
	struct bmfs_transfer transfer = {sector_at(fs, file, index), 1, edge->data};
	int error = 0;

	if (edge->sector == transfer.sector)
		return 0;
	edge->sector = BMFS_NO_SECTOR;
	if (file->size > index * size)
		error = fs->disk->ops->read(fs->disk, &transfer, 1);
	else
		memset(edge->data, 0, size);
	if (!error)
		edge->sector = transfer.sector;
	return error;
}

static bool is_aligned(const struct bmfs *fs, const void *buffer)
{
	return (uintptr_t)buffer % fs->disk->alignment == 0;
}

/* Whole sectors, from or to any memory. */
static int transfer_body(struct bmfs *fs, uint64_t sector, uint64_t count, uint8_t *buffer,
			 bool writing)
{
	uint32_t size = fs->disk->sector_size;
	int error;

	if (writing)
		bmfs_forget_edges(fs, sector, count);
	if (is_aligned(fs, buffer)) {
		struct bmfs_transfer transfer = {sector, count, buffer};

		return writing ? write_sectors(fs, &transfer, 1)
			       : fs->disk->ops->read(fs->disk, &transfer, 1);
	}
	while (count) {
		uint64_t piece = bmfs_min(count, fs->bulk_size / size);
		struct bmfs_transfer transfer = {sector, piece, fs->bulk};

		if (writing) {
			memcpy(fs->bulk, buffer, piece * size);
			error = write_sectors(fs, &transfer, 1);
		} else {
			error = fs->disk->ops->read(fs->disk, &transfer, 1);
			memcpy(buffer, fs->bulk, error ? 0 : piece * size);
		}
		if (error)
			return error;
		sector += piece;
		count -= piece;
		buffer += piece * size;
	}
	return 0;
}

long bmfs_read(struct bmfs *fs, struct bmfs_file *file, void *buffer, size_t size, uint64_t offset)
{
	uint32_t sector_size = fs->disk->sector_size;
	uint8_t *to = buffer;
	size_t left;
	int error;

	if (offset >= file->size)
		return 0;
	size = (size_t)bmfs_min(bmfs_min(size, file->size - offset), INT64_MAX);
	left = size;
	while (left) {
		uint64_t index = offset / sector_size;
		size_t within = offset % sector_size;
		size_t piece = bmfs_min(sector_size - within, left);

		if (piece < sector_size) {
			struct bmfs_edge *edge = pick_edge(fs, sector_at(fs, file, index), NULL);

			error = load_edge(fs, file, edge, index);
			if (!error)
				memcpy(to, edge->data + within, piece);
		} else {
			piece = left / sector_size * sector_size;
			if (file->gap && offset < file->split * BMFS_BLOCK)
				piece = (size_t)bmfs_min(piece, file->split * BMFS_BLOCK - offset);
			error = transfer_body(fs, sector_at(fs, file, index), piece / sector_size,
					      to, false);
		}
		if (error)
			return error;
		to += piece;
		offset += piece;
		left -= piece;
	}
	return (long)size;
}

/* Write within the blocks of a file; its size is not changed. data NULL: zeros. */
static int write_range(struct bmfs *fs, struct bmfs_file *file, const uint8_t *data, size_t size,
		       uint64_t offset)
{
	uint32_t sector_size = fs->disk->sector_size;
	uint64_t base = first_sector(fs, file), index = offset / sector_size;
	uint64_t last = (offset + size - 1) / sector_size;
	size_t within = offset % sector_size, end = (offset + size - 1) % sector_size + 1;
	struct bmfs_edge *head = NULL, *tail = NULL;
	struct bmfs_transfer list[2];
	unsigned count = 0;
	size_t taken = 0;
	int error;

	if (within || (index == last && end < sector_size)) {
		head = pick_edge(fs, base + index, NULL);
		error = load_edge(fs, file, head, index);
		if (error)
			return error;
		taken = bmfs_min(sector_size - within, size);
		if (data)
			memcpy(head->data + within, data, taken);
		else
			memset(head->data + within, 0, taken);
		list[count++] = (struct bmfs_transfer){base + index, 1, head->data};
		index++;
	}
	if (index <= last && end < sector_size) {
		tail = pick_edge(fs, base + last, head);
		error = load_edge(fs, file, tail, last);
		if (error)
			goto fail;
		if (data)
			memcpy(tail->data, data + size - end, end);
		else
			memset(tail->data, 0, end);
		list[count++] = (struct bmfs_transfer){base + last, 1, tail->data};
		last--;
	}
	if (index <= last && data) {
		error = transfer_body(fs, base + index, last - index + 1,
				      (uint8_t *)(uintptr_t)data + taken, true);
		if (error)
			goto fail;
	} else if (index <= last) {
		uint64_t left = last - index + 1, at = base + index;

		bmfs_forget_edges(fs, at, left);
		if (fs->disk->ops->zero) {
			set_data_pending(fs);
			error = fs->disk->ops->zero(fs->disk, at, left);
			set_data_pending(fs);
			if (error)
				goto fail;
			left = 0;
		} else {
			memset(fs->bulk, 0, bmfs_min(fs->bulk_size, left * sector_size));
		}
		while (left) {
			uint64_t piece = bmfs_min(left, fs->bulk_size / sector_size);
			struct bmfs_transfer transfer = {at, piece, fs->bulk};

			error = write_sectors(fs, &transfer, 1);
			if (error)
				goto fail;
			at += piece;
			left -= piece;
		}
	}
	error = count ? write_sectors(fs, list, count) : 0;
	if (!error)
		return 0;
fail:
	if (head)
		head->sector = BMFS_NO_SECTOR;
	if (tail)
		tail->sector = BMFS_NO_SECTOR;
	return error;
}

/* Bytes from the present size up to another become zero, and the size is that. */
static int extend(struct bmfs *fs, struct bmfs_file *file, uint64_t size)
{
	int error = size > file->size
			? write_range(fs, file, NULL, (size_t)(size - file->size), file->size)
			: 0;

	if (error)
		return error;
	file->size = size;
	file->changed = true;
	return 0;
}

static int grow_for(struct bmfs *fs, struct bmfs_file *file, uint64_t size)
{
	int error;

	if (size > INT64_MAX)
		return -BMFS_EFBIG;
	error = size > file->size ? bmfs_settle_cut(fs, file) : 0;
	return error ? error : bmfs_grow(fs, file, bmfs_blocks_for(size));
}

long bmfs_write(struct bmfs *fs, struct bmfs_file *file, const void *data, size_t size,
		uint64_t offset)
{
	int error = bmfs_change_error(fs);

	if (error)
		return error;
	if (!size)
		return 0;
	if (!data)
		return -BMFS_EFAULT; /* to write_range() it means zeros */
	if (size > (uint64_t)INT64_MAX || offset > (uint64_t)INT64_MAX - size)
		return -BMFS_EFBIG;
	error = bmfs_settle(fs, file);
	if (!error)
		error = grow_for(fs, file, offset + size);
	if (!error && offset > file->size)
		error = extend(fs, file, offset);
	if (!error)
		error = write_range(fs, file, data, size, offset);
	if (error)
		return error;
	if (offset + size > file->size) {
		file->size = offset + size;
		file->changed = true;
	}
	return (long)size;
}

int bmfs_resize(struct bmfs *fs, struct bmfs_file *file, uint64_t size)
{
	int error = bmfs_change_error(fs);

	if (!error)
		error = bmfs_settle(fs, file);
	if (error)
		return error;
	if (size > file->size) {
		error = grow_for(fs, file, size);
		return error ? error : extend(fs, file, size);
	}
	if (size < file->size) {
		file->size = size;
		file->changed = true;
	}
	return 0;
}

int bmfs_copy(struct bmfs *fs, uint64_t from, uint64_t to, uint64_t bytes)
{
	uint32_t size = fs->disk->sector_size;
	uint64_t per_block = BMFS_BLOCK / size, left = bytes / size + (bytes % size != 0), done = 0;
	int error;

	bmfs_forget_edges(fs, to * per_block, left);
	while (done < left) {
		struct bmfs_transfer transfer = {
		    from * per_block + done, bmfs_min(left - done, fs->bulk_size / size), fs->bulk};

		error = fs->disk->ops->read(fs->disk, &transfer, 1);
		if (error)
			return error;
		transfer.sector = to * per_block + done;
		error = write_sectors(fs, &transfer, 1);
		if (error)
			return error;
		done += transfer.count;
	}
	return 0;
}

bool bmfs_direct(const struct bmfs *fs, const struct bmfs_file *file, uint64_t offset,
		 uint64_t size, uint64_t *sector)
{
	uint32_t sector_size = fs->disk->sector_size;

	if (file->gap || !size || offset % sector_size || size % sector_size ||
	    offset > file->size || size > file->size - offset)
		return false;
	*sector = first_sector(fs, file) + offset / sector_size;
	return true;
}

void bmfs_direct_written(struct bmfs *fs, uint64_t sector, uint64_t count)
{
	bmfs_forget_edges(fs, sector, count);
	set_data_pending(fs);
}
