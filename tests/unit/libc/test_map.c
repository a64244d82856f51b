/* SPDX-License-Identifier: MIT */
/*
 * Maps of files: a random load of calls and stores against a plain array, then the rules
 * for overlaps, parts and errors.
 */
#include "unit.h"
#include "host.h"
#include "files/map.c"

#define PAGES         16
#define SIZE_MAX_FILE ((size_t)PAGES * MAP_PAGE)
#define MAPS          12

struct model {
	uint8_t bytes[SIZE_MAX_FILE]; /* zero behind size */
	size_t size;
};

struct mapped {
	uint8_t *address;
	size_t offset, length;
	bool writable, shared;
	uint8_t *private; /* what a private map must hold */
};

static uint64_t seed;

static size_t pick(size_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(seed >> 33) % below;
}

static struct node *new_file(struct tree *tree)
{
	struct node *node = NULL, *directory = tree_root(tree);

	CHECK(!directory->ops->create(directory, "file", 4, S_IFREG | 0644, NULL, &node));
	node_hold(node);
	return node;
}

static void resize(struct node *node, struct model *model, size_t size)
{
	CHECK(!node_resize(node, size));
	if (size < model->size)
		memset(model->bytes + size, 0, model->size - size);
	model->size = size;
}

static void check_map(const struct mapped *map, const struct model *model)
{
	const uint8_t *wanted = map->shared ? model->bytes + map->offset : map->private;

	CHECK(!memcmp(map->address, wanted, map->length));
}

static void check_file(struct node *node, const struct model *model, bool raw)
{
	static uint8_t buffer[SIZE_MAX_FILE + 100];
	long n = raw ? node->ops->read(node, buffer, sizeof(buffer), 0)
		     : node_read(node, buffer, sizeof(buffer), 0);

	CHECK(n == (long)model->size && !memcmp(buffer, model->bytes, model->size));
}

/* Stores stay below the file's end: what is stored behind it belongs to nobody. */
static void store(struct mapped *map, struct model *model)
{
	size_t at = pick(map->length), length = pick(5000) + 1;

	length = length < map->length - at ? length : map->length - at;
	if (map->shared && map->offset + at >= model->size)
		return;
	if (map->shared && length > model->size - map->offset - at)
		length = model->size - map->offset - at;
	for (size_t i = 0; i < length; i++) {
		uint8_t byte = (uint8_t)pick(256);

		map->address[at + i] = byte;
		if (map->shared)
			model->bytes[map->offset + at + i] = byte;
		else
			map->private[at + i] = byte;
	}
}

static void map_some(struct node *node, struct model *model, struct mapped *map)
{
	size_t first = pick(PAGES), count = 1 + pick(PAGES - first);
	bool shared = pick(4), writable = pick(2);
	void *address;
	int error = map_add(node, first * MAP_PAGE, count * MAP_PAGE, shared, writable, &address);

	CHECK(!error || (shared && error == -ENOTSUP));
	if (error)
		return;
	*map = (struct mapped){address, first * MAP_PAGE, count * MAP_PAGE, writable, shared, NULL};
	if (!shared) {
		map->private = malloc(map->length);
		memcpy(map->private, model->bytes + map->offset, map->length);
	}
	check_map(map, model);
}

static void drop(struct mapped *map)
{
	CHECK(!map_remove(map->address, map->length));
	free(map->private);
	map->address = NULL;
}

static void test_random(void)
{
	static struct model model;
	static uint8_t data[SIZE_MAX_FILE];
	struct mapped table[MAPS] = {0};
	struct tree *tree = tree_new(2, 1);
	struct node *node = new_file(tree);

	memset(&model, 0, sizeof(model));
	for (int step = 0; step < 4000; step++) {
		struct mapped *map = &table[pick(MAPS)];
		size_t at = pick(SIZE_MAX_FILE), length = pick(SIZE_MAX_FILE - at) + 1;

		switch (pick(8)) {
		case 0:
			resize(node, &model, at);
			break;
		case 1:
		case 2:
			for (size_t i = 0; i < length; i++)
				data[i] = (uint8_t)pick(256);
			CHECK(node_write(node, data, length, at) == (long)length);
			memcpy(model.bytes + at, data, length);
			model.size = at + length > model.size ? at + length : model.size;
			break;
		case 3:
			if (!map->address)
				map_some(node, &model, map);
			break;
		case 4:
			if (map->address)
				drop(map);
			break;
		case 5:
			if (map->address)
				CHECK(!map_write_back(map->address, map->length, pick(2)));
			break;
		default:
			if (map->address && (map->writable || !map->shared))
				store(map, &model);
		}
		check_file(node, &model, false);
		for (int i = 0; i < MAPS; i++)
			if (table[i].address)
				check_map(&table[i], &model);
		if (pick(50) == 0) {
			CHECK(!node_sync(node));
			check_file(node, &model, true);
		}
	}
	for (int i = 0; i < MAPS; i++)
		if (table[i].address)
			drop(&table[i]);
	CHECK(!node->segments && !maps);
	check_file(node, &model, true);
	node_drop(node);
	tree_free(tree);
}

static void test_rules(void)
{
	struct tree *tree = tree_new(2, 1);
	struct node *node = new_file(tree);
	uint8_t *a, *b, byte = 7;
	void *address;

	CHECK(!node_resize(node, 8 * MAP_PAGE));
	/* A writable map, and one that reaches out of it. */
	CHECK(!map_add(node, MAP_PAGE, 2 * MAP_PAGE, true, true, &address));
	a = address;
	CHECK(map_add(node, 0, 2 * MAP_PAGE, true, false, &address) == -ENOTSUP);
	CHECK(map_add(node, 2 * MAP_PAGE, 2 * MAP_PAGE, true, false, &address) == -ENOTSUP);
	CHECK(!map_add(node, 3 * MAP_PAGE, MAP_PAGE, true, true, &address));
	CHECK(!map_remove(address, MAP_PAGE));
	/* One within it is the same memory, and goes alone. */
	CHECK(!map_add(node, 2 * MAP_PAGE, 1, true, true, &address));
	b = address;
	CHECK(b == a + MAP_PAGE);
	CHECK(!map_remove(b, MAP_PAGE) && node->segments);
	*b = 9;
	CHECK(node_read(node, &byte, 1, 2 * MAP_PAGE) == 1 && byte == 9);
	CHECK(node->ops->read(node, &byte, 1, 2 * MAP_PAGE) == 1 && byte == 0);
	/* The same range twice: each munmap() takes one away. */
	CHECK(!map_add(node, MAP_PAGE, 2 * MAP_PAGE, true, false, &address) && address == a);
	CHECK(!map_remove(a, 2 * MAP_PAGE) && node->segments);
	CHECK(!map_write_back(a, 2 * MAP_PAGE, true));
	CHECK(node->ops->read(node, &byte, 1, 2 * MAP_PAGE) == 1 && byte == 9);
	CHECK(!map_remove(a, 2 * MAP_PAGE) && !node->segments);
	CHECK(map_write_back(a, MAP_PAGE, false) == -ENOMEM && !map_remove(a, 2 * MAP_PAGE));

	/* Overlapping maps for reading are copies that stay alike; a map for writing may then not
	 * overlap both. */
	CHECK(!map_add(node, 0, 2 * MAP_PAGE, true, false, &address));
	a = address;
	CHECK(!map_add(node, MAP_PAGE, 2 * MAP_PAGE, true, false, &address));
	b = address;
	byte = 5;
	CHECK(node_write(node, &byte, 1, MAP_PAGE) == 1 && a[MAP_PAGE] == 5 && b[0] == 5);
	CHECK(map_add(node, MAP_PAGE, MAP_PAGE, true, true, &address) == -ENOTSUP);
	CHECK(!map_add(node, 0, MAP_PAGE, true, true, &address) && address == a);
	CHECK(!map_remove(a, MAP_PAGE));
	CHECK(!map_remove(a, 2 * MAP_PAGE) && !map_remove(b, 2 * MAP_PAGE) && !node->segments);

	/* The middle out of a map, then the rest with one call that covers more. */
	CHECK(!map_add(NULL, 0, 5 * MAP_PAGE - 1, false, true, &address));
	a = address;
	CHECK(!a[0] && !a[5 * MAP_PAGE - 1]);
	CHECK(!map_remove(a + MAP_PAGE, MAP_PAGE));
	a[0] = a[2 * MAP_PAGE] = 1;
	CHECK(map_write_back(a, 5 * MAP_PAGE, false) == -ENOMEM);
	CHECK(!map_write_back(a + 2 * MAP_PAGE, 3 * MAP_PAGE, false));
	CHECK(!map_remove(a + 4 * MAP_PAGE, MAP_PAGE) && !map_remove(a, 4 * MAP_PAGE) && !maps);

	/* The file lives on under its map. */
	CHECK(!map_add(node, 0, MAP_PAGE, true, true, &address));
	CHECK(!tree_root(tree)->ops->remove(tree_root(tree), "file", 4));
	node_drop(node);
	*(uint8_t *)address = 1;
	CHECK(!map_remove(address, MAP_PAGE));

	CHECK(map_add(NULL, 0, SIZE_MAX - 1, false, true, &address) == -ENOMEM);
	tree_free(tree);
}

/* A file on a disk that fails. */
static int broken_writes, broken_reads;

static long broken_read(struct node *node, void *buffer, size_t size, uint64_t offset)
{
	(void)node, (void)offset;
	memset(buffer, 0, size);
	return broken_reads ? -EIO : (long)size;
}

static long broken_write(struct node *node, const void *data, size_t size, uint64_t offset)
{
	(void)node, (void)data, (void)offset;
	return broken_writes ? -ENOSPC : (long)size;
}

static void test_errors(void)
{
	static const struct node_ops ops = {.read = broken_read, .write = broken_write};
	struct node node = {.ops = &ops, .mode = S_IFREG, .size = 3 * MAP_PAGE, .references = 1};
	void *address;

	broken_reads = 1;
	CHECK(map_add(&node, 0, MAP_PAGE, true, true, &address) == -EIO && !node.segments);
	broken_reads = 0;
	CHECK(!map_add(&node, 0, 3 * MAP_PAGE, true, true, &address));
	broken_writes = 1;
	CHECK(!map_write_back(address, 3 * MAP_PAGE, true)); /* nothing to write */
	((uint8_t *)address)[100] = 1;
	CHECK(map_write_back(address, 3 * MAP_PAGE, true) == -ENOSPC &&
	      node_sync(&node) == -ENOSPC);
	CHECK(map_remove(address, 3 * MAP_PAGE) == -ENOSPC && !maps && !node.segments);
	CHECK(node.references == 1);
}

int main(void)
{
	for (seed = 1; seed < 6; seed++) {
		uint64_t first = seed;

		test_random();
		seed = first;
	}
	test_rules();
	test_errors();
	return unit_status();
}
