/* SPDX-License-Identifier: MIT */
/*
 * A filesystem in memory. Interface: tree.h and the node_ops in files.h.
 *
 * Names are entries in one hash table per tree (key: directory and name), and
 * in a list per directory in the order of their making. A file's data is either
 * one piece that somebody else owns, or an array of pages of which the absent
 * ones are zeros. A write to the former copies it into pages first.
 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#define TREE_PAGE    4096u
#define TREE_PAGES   (UINT64_C(1) << 35) /* beyond: EFBIG */
#define TREE_BUCKETS 16u                 /* at first */

struct tree_node;

struct entry {
	struct tree_node *directory;
	struct tree_node *node;
	struct entry *chain;           /* in the hash table */
	struct entry *next, *previous; /* in the directory */
	const char *name;              /* after this struct, if it was copied */
	uint64_t order;                /* grows along the directory's list */
	uint32_t length, hash;
};

struct tree_node {
	struct node node; /* first: the two are the same pointer */
	struct tree *tree;
	union {
		struct {
			struct entry *first, *last;
			struct entry *self;  /* NULL: the root, or removed */
			uint64_t generation; /* grows with each removal */
		} directory;
		struct {
			const uint8_t *data; /* not ours; NULL: pages */
			uint8_t **pages;
			uint64_t page_slots;
		} file;
		struct {
			const char *target;
			bool owned;
		} link;
	};
};

struct tree {
	struct tree_node *root;
	struct entry **buckets;
	uint64_t bucket_count; /* a power of two */
	uint64_t entry_count;
	uint64_t next_number;
	uint64_t next_order;
	uint64_t seed;
	uint32_t filesystem;
	bool sealed;
};

static const struct node_ops tree_ops;

static struct tree_node *of(struct node *node)
{
	return (struct tree_node *)node;
}

static uint32_t hash_name(const struct tree_node *directory, const char *name, size_t length)
{
	uint64_t hash =
	    directory->tree->seed ^ directory->node.number * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
	hash ^= hash >> 32;
	return (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static struct entry *find(struct tree_node *directory, const char *name, size_t length)
{
	struct tree *tree = directory->tree;
	uint32_t hash = hash_name(directory, name, length);
	struct entry *entry = tree->buckets[hash & (tree->bucket_count - 1)];

	while (entry && (entry->hash != hash || entry->directory != directory ||
			 entry->length != length || memcmp(entry->name, name, length)))
		entry = entry->chain;
	return entry;
}

static void grow_table(struct tree *tree)
{
	uint64_t count = tree->bucket_count * 2;
	struct entry **buckets = calloc(count, sizeof(*buckets));

	if (!buckets)
		return; /* longer chains are no error */
	for (uint64_t i = 0; i < tree->bucket_count; i++) {
		for (struct entry *entry = tree->buckets[i], *next; entry; entry = next) {
			next = entry->chain;
			entry->chain = buckets[entry->hash & (count - 1)];
			buckets[entry->hash & (count - 1)] = entry;
		}
	}
	free(tree->buckets);
	tree->buckets = buckets;
	tree->bucket_count = count;
}

/* Give a node a name. With copy, the name may vanish afterwards. */
static int attach(struct tree_node *directory, const char *name, size_t length,
		  struct tree_node *node, bool copy)
{
	struct tree *tree = directory->tree;
	struct entry *entry = malloc(sizeof(*entry) + (copy ? length : 0));

	if (!entry)
		return -ENOSPC;
	if (copy)
		name = memcpy(entry + 1, name, length);
	if (tree->entry_count >= tree->bucket_count)
		grow_table(tree);
	*entry = (struct entry){
	    .directory = directory,
	    .node = node,
	    .previous = directory->directory.last,
	    .name = name,
	    .order = ++tree->next_order,
	    .length = (uint32_t)length,
	    .hash = hash_name(directory, name, length),
	};
	struct entry **bucket = &tree->buckets[entry->hash & (tree->bucket_count - 1)];
	entry->chain = *bucket;
	*bucket = entry;
	*(entry->previous ? &entry->previous->next : &directory->directory.first) = entry;
	directory->directory.last = entry;
	tree->entry_count++;
	node->node.links++;
	if (S_ISDIR(node->node.mode)) {
		node->directory.self = entry;
		node->node.links = 2;
		directory->node.links++;
	}
	return 0;
}

static void free_pages(struct tree_node *node, uint64_t from)
{
	for (uint64_t i = from; i < node->file.page_slots; i++) {
		free(node->file.pages[i]);
		node->file.pages[i] = NULL;
	}
}

static void free_if_unused(struct tree_node *node)
{
	if (node->node.links || node->node.references)
		return;
	if (S_ISREG(node->node.mode) && !node->file.data) {
		free_pages(node, 0);
		free(node->file.pages);
	} else if (S_ISLNK(node->node.mode) && node->link.owned) {
		free((char *)node->link.target);
	}
	free(node);
}

/* Take a name away; the node goes with its last one. */
static void detach(struct entry *entry)
{
	struct tree_node *directory = entry->directory, *node = entry->node;
	struct tree *tree = directory->tree;
	struct entry **chain = &tree->buckets[entry->hash & (tree->bucket_count - 1)];

	while (*chain != entry)
		chain = &(*chain)->chain;
	*chain = entry->chain;
	*(entry->previous ? &entry->previous->next : &directory->directory.first) = entry->next;
	*(entry->next ? &entry->next->previous : &directory->directory.last) = entry->previous;
	directory->directory.generation++;
	tree->entry_count--;
	free(entry);
	node->node.links--;
	if (S_ISDIR(node->node.mode)) {
		node->node.links = 0;
		node->directory.self = NULL;
		directory->node.links--;
	}
	free_if_unused(node);
}

static struct tree_node *new_node(struct tree *tree, uint32_t mode)
{
	struct tree_node *node = calloc(1, sizeof(*node));

	if (node) {
		node->node.ops = &tree_ops;
		node->node.mode = mode;
		node->node.number = ++tree->next_number;
		node->node.filesystem = tree->filesystem;
		node->node.read_only = tree->sealed;
		node->tree = tree;
	}
	return node;
}

static void touch(struct node *node)
{
	node->mtime_ns = node->ctime_ns = files_now();
}

struct tree *tree_new(uint32_t filesystem, uint64_t seed)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->seed = seed;
	tree->filesystem = filesystem;
	tree->bucket_count = TREE_BUCKETS;
	tree->buckets = calloc(TREE_BUCKETS, sizeof(*tree->buckets));
	tree->root = new_node(tree, S_IFDIR | 0755);
	if (!tree->buckets || !tree->root) {
		free(tree->buckets);
		free(tree->root);
		free(tree);
		return NULL;
	}
	tree->root->node.links = 2;
	return tree;
}

struct node *tree_root(struct tree *tree)
{
	return &tree->root->node;
}

void tree_seal(struct tree *tree)
{
	tree->sealed = true;
	tree->root->node.read_only = true;
	for (uint64_t i = 0; i < tree->bucket_count; i++)
		for (struct entry *entry = tree->buckets[i]; entry; entry = entry->chain)
			entry->node->node.read_only = true;
}

void tree_free(struct tree *tree)
{
	for (uint64_t i = 0; i < tree->bucket_count; i++) {
		for (struct entry *entry = tree->buckets[i], *next; entry; entry = next) {
			struct tree_node *node = entry->node;

			next = entry->chain;
			if (S_ISDIR(node->node.mode) || !--node->node.links) {
				node->node.links = 0;
				free_if_unused(node);
			}
			free(entry);
		}
	}
	free(tree->buckets);
	free(tree->root);
	free(tree);
}

int tree_add(struct node *directory, const char *name, size_t length, uint32_t mode,
	     struct node **made)
{
	struct entry *old = find(of(directory), name, length);
	struct tree_node *node;
	int error;

	if (old && S_ISDIR(old->node->node.mode)) {
		if (S_ISDIR(mode)) {
			old->node->node.mode = mode;
			*made = &old->node->node;
			return 0;
		}
		if (old->node->directory.first)
			return -ENOTEMPTY;
	}
	node = new_node(of(directory)->tree, mode);
	if (!node)
		return -ENOSPC;
	error = attach(of(directory), name, length, node, false);
	if (error) {
		free(node);
		return error;
	}
	if (old)
		detach(old);
	*made = &node->node;
	return 0;
}

/* Another node with what this one borrows: no node is in two trees. */
static int add_twin(struct tree_node *directory, const char *name, size_t length,
		    const struct tree_node *like)
{
	struct node *twin;
	int error = tree_add(&directory->node, name, length, like->node.mode, &twin);

	if (error)
		return error;
	twin->size = like->node.size;
	twin->mtime_ns = twin->atime_ns = twin->ctime_ns = like->node.mtime_ns;
	if (S_ISLNK(twin->mode))
		of(twin)->link.target = like->link.target;
	else
		of(twin)->file.data = like->file.data;
	return 0;
}

int tree_add_link(struct node *directory, const char *name, size_t length, struct node *node)
{
	struct entry *old = find(of(directory), name, length);
	int error;

	if (old && &old->node->node == node)
		return 0;
	if (old && S_ISDIR(old->node->node.mode))
		return -EISDIR;
	if (of(node)->tree != of(directory)->tree)
		return add_twin(of(directory), name, length, of(node));
	error = attach(of(directory), name, length, of(node), false);
	if (!error && old)
		detach(old);
	return error;
}

void tree_set_data(struct node *file, const void *data, uint64_t size)
{
	of(file)->file.data = data;
	file->size = size;
}

void tree_set_target(struct node *link, const char *target, size_t length)
{
	of(link)->link.target = target;
	link->size = length;
}

/* node_ops */

static int tree_lookup(struct node *directory, const char *name, size_t length, struct node **found)
{
	struct entry *entry = find(of(directory), name, length);

	if (!entry)
		return -ENOENT;
	*found = &entry->node->node;
	return 0;
}

static int tree_parent(struct node *directory, struct node **parent, struct listed *name)
{
	struct entry *self = of(directory)->directory.self;

	if (!self)
		return -ENOENT;
	*parent = &self->directory->node;
	*name = (struct listed){self->name, self->length, directory};
	return 0;
}

static int tree_list(struct node *directory, struct listing *at, struct listed *listed)
{
	struct tree_node *node = of(directory);
	struct entry *entry;

	if (at->hint && at->generation == node->directory.generation) {
		entry = ((struct entry *)at->hint)->next;
	} else {
		entry = node->directory.first;
		while (entry && entry->order <= at->order)
			entry = entry->next;
	}
	if (!entry)
		return 0;
	*at = (struct listing){entry->order, entry, node->directory.generation};
	*listed = (struct listed){entry->name, entry->length, &entry->node->node};
	return 1;
}

static int tree_create(struct node *directory, const char *name, size_t length, uint32_t mode,
		       const char *target, struct node **made)
{
	struct tree_node *node;
	int error = -ENOSPC;

	if (!directory->links)
		return -ENOENT; /* it was removed, and is held as a working directory */
	node = new_node(of(directory)->tree, mode);
	if (!node)
		return -ENOSPC;
	if (S_ISLNK(mode)) {
		node->node.size = strlen(target);
		node->link.target = strdup(target);
		node->link.owned = true;
		if (!node->link.target)
			goto fail;
	}
	error = attach(of(directory), name, length, node, true);
	if (error)
		goto fail;
	touch(&node->node);
	node->node.atime_ns = node->node.mtime_ns;
	touch(directory);
	*made = &node->node;
	return 0;
fail:
	free_if_unused(node);
	return error;
}

static int tree_link(struct node *directory, const char *name, size_t length, struct node *node)
{
	int error =
	    directory->links ? attach(of(directory), name, length, of(node), true) : -ENOENT;

	if (!error)
		touch(directory);
	return error;
}

static int tree_remove(struct node *directory, const char *name, size_t length)
{
	struct entry *entry = find(of(directory), name, length);

	if (!entry)
		return -ENOENT;
	if (S_ISDIR(entry->node->node.mode) && entry->node->directory.first)
		return -ENOTEMPTY;
	entry->node->node.ctime_ns = files_now();
	detach(entry);
	touch(directory);
	return 0;
}

static int tree_rename(struct node *from, const char *name, size_t length, struct node *to,
		       const char *new_name, size_t new_length)
{
	struct entry *entry = find(of(from), name, length);
	struct entry *old = find(of(to), new_name, new_length);
	struct tree_node *node;
	int error;

	if (!entry)
		return -ENOENT;
	if (!to->links)
		return -ENOENT;
	if (old && S_ISDIR(old->node->node.mode) && old->node->directory.first)
		return -ENOTEMPTY;
	node = entry->node;
	error = attach(of(to), new_name, new_length, node, true);
	if (error)
		return error;
	struct entry *self = of(to)->directory.last; /* what attach() made */
	if (old)
		detach(old);
	node->node.references++; /* detach() must not free it */
	detach(entry);
	node->node.references--;
	if (S_ISDIR(node->node.mode)) {
		node->node.links = 2;
		for (struct entry *child = node->directory.first; child; child = child->next)
			node->node.links += S_ISDIR(child->node->node.mode);
		node->directory.self = self;
	}
	touch(from);
	touch(to);
	return 0;
}

static long tree_read(struct node *node, void *buffer, size_t size, uint64_t offset)
{
	struct tree_node *file = of(node);
	size_t done = 0;

	if (offset >= node->size)
		return 0;
	if (size > node->size - offset)
		size = (size_t)(node->size - offset);
	if (file->file.data) {
		memcpy(buffer, file->file.data + offset, size);
		return (long)size;
	}
	while (done < size) {
		uint64_t page = (offset + done) / TREE_PAGE;
		size_t within = (offset + done) % TREE_PAGE;
		size_t piece = TREE_PAGE - within < size - done ? TREE_PAGE - within : size - done;
		uint8_t *to = (uint8_t *)buffer + done;

		if (page < file->file.page_slots && file->file.pages[page])
			memcpy(to, file->file.pages[page] + within, piece);
		else
			memset(to, 0, piece);
		done += piece;
	}
	return (long)size;
}

/* Make room in the array for pages up to this one. */
static int reserve_slot(struct tree_node *file, uint64_t page)
{
	uint64_t slots = file->file.page_slots ? file->file.page_slots : 4;
	uint8_t **pages;

	if (page < file->file.page_slots)
		return 0;
	if (page >= TREE_PAGES)
		return -EFBIG;
	while (slots <= page)
		slots *= 2;
	pages = realloc(file->file.pages, slots * sizeof(*pages));
	if (!pages) {
		slots = page + 1; /* the next power may be too much, this not */
		pages = realloc(file->file.pages, slots * sizeof(*pages));
	}
	if (!pages)
		return -ENOSPC;
	memset(pages + file->file.page_slots, 0, (slots - file->file.page_slots) * sizeof(*pages));
	file->file.pages = pages;
	file->file.page_slots = slots;
	return 0;
}

static int write_pages(struct tree_node *file, const void *data, uint64_t size, uint64_t offset,
		       uint64_t *written)
{
	uint64_t done = 0;
	int error = 0;

	while (done < size) {
		uint64_t page = (offset + done) / TREE_PAGE;
		size_t within = (offset + done) % TREE_PAGE;
		size_t piece = TREE_PAGE - within < size - done ? TREE_PAGE - within : size - done;

		error = reserve_slot(file, page);
		if (error)
			break;
		uint8_t **slot = &file->file.pages[page];
		if (!*slot) {
			*slot = malloc(TREE_PAGE);
			if (!*slot) {
				error = -ENOSPC;
				break;
			}
			if (piece < TREE_PAGE)
				memset(*slot, 0, TREE_PAGE);
		}
		memcpy(*slot + within, (const uint8_t *)data + done, piece);
		done += piece;
	}
	*written = done;
	return error;
}

/* Before a change: the first `keep` bytes of data that is not ours become pages. */
static int make_own(struct tree_node *file, uint64_t keep)
{
	const uint8_t *data = file->file.data;
	uint64_t size = file->node.size < keep ? file->node.size : keep, written;
	int error;

	if (!data)
		return 0;
	file->file.data = NULL;
	error = write_pages(file, data, size, 0, &written);
	if (error) {
		free_pages(file, 0);
		free(file->file.pages);
		file->file.pages = NULL;
		file->file.page_slots = 0;
		file->file.data = data;
	}
	return error;
}

static long tree_write(struct node *node, const void *data, size_t size, uint64_t offset)
{
	struct tree_node *file = of(node);
	uint64_t done;
	int error;

	if (file->tree->sealed)
		return -EROFS;
	if (!size)
		return 0;
	error = make_own(file, UINT64_MAX);
	if (error)
		return error;
	error = write_pages(file, data, size, offset, &done);
	if (done && offset + done > node->size)
		node->size = offset + done;
	if (done)
		touch(node);
	return done ? (long)done : error;
}

static int tree_resize(struct node *node, uint64_t size)
{
	struct tree_node *file = of(node);
	int error;

	if (file->tree->sealed)
		return -EROFS;
	if (size > TREE_PAGES * TREE_PAGE)
		return -EFBIG;
	error = make_own(file, size);
	if (error)
		return error;
	if (size < node->size) {
		uint64_t last = size / TREE_PAGE;

		free_pages(file, last + !!(size % TREE_PAGE));
		/* What lies behind the end must be zero if the file grows again. */
		if (size % TREE_PAGE && last < file->file.page_slots && file->file.pages[last])
			memset(file->file.pages[last] + size % TREE_PAGE, 0,
			       TREE_PAGE - size % TREE_PAGE);
	}
	node->size = size;
	touch(node);
	return 0;
}

static int tree_sync(struct node *node)
{
	(void)node; /* memory is all there is */
	return 0;
}

static const char *tree_target(struct node *node, size_t *length)
{
	*length = (size_t)node->size;
	return of(node)->link.target;
}

static int tree_release(struct node *node)
{
	free_if_unused(of(node));
	return 0;
}

static const struct node_ops tree_ops = {
    .lookup = tree_lookup,
    .parent = tree_parent,
    .list = tree_list,
    .create = tree_create,
    .link = tree_link,
    .remove = tree_remove,
    .rename = tree_rename,
    .read = tree_read,
    .write = tree_write,
    .resize = tree_resize,
    .sync = tree_sync,
    .target = tree_target,
    .release = tree_release,
};
