/* SPDX-License-Identifier: MIT */
/*
 * A key-value store that survives being killed at any moment: a log on a disk.
 *
 * A record is a header (checksum, length of key, length of value), the key and the value. A value
 * of length NO_VALUE deletes the key. The last record of a key counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX   255u
#define VALUE_MAX 65535u
#define NO_VALUE  UINT32_MAX
#define BUCKETS   4096u
#define WASTE_MAX (256u << 10) /* bytes out of date before the log is written anew */

struct header {
	uint32_t checksum; /* of all that follows */
	uint32_t key_size, value_size;
};

struct entry {
	struct entry *next;
	uint32_t key_size, value_size;
	char data[]; /* key, then value */
};

struct store {
	char path[64], new_path[64];
	int file;
	uint64_t size, useful; /* bytes of the log; of these, those that count */
	unsigned count;
	struct entry *buckets[BUCKETS];
};

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* CRC-32 of IEEE 802.3. */
static uint32_t crc32(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static uint32_t checksum(const struct header *header, const char *data, size_t size)
{
	uint32_t crc = crc32(0, &header->key_size, sizeof(*header) - sizeof(header->checksum));

	return crc32(crc, data, size);
}

/* ---- In memory ---- */

static size_t record_size(const struct entry *entry)
{
	return sizeof(struct header) + entry->key_size + entry->value_size;
}

static struct entry **find(struct store *store, const char *key, size_t size)
{
	struct entry **at = &store->buckets[crc32(0, key, size) % BUCKETS];

	while (*at && ((*at)->key_size != size || memcmp((*at)->data, key, size)))
		at = &(*at)->next;
	return at;
}

static void forget(struct store *store, const char *key, size_t size)
{
	struct entry **at = find(store, key, size), *entry = *at;

	if (!entry)
		return;
	*at = entry->next;
	store->useful -= record_size(entry);
	store->count--;
	free(entry);
}

static void remember(struct store *store, const char *key, uint32_t key_size, const char *value,
		     uint32_t value_size)
{
	struct entry *entry, **at;

	forget(store, key, key_size);
	if (value_size == NO_VALUE)
		return;
	entry = malloc(sizeof(*entry) + key_size + value_size);
	if (!entry)
		die("memory");
	entry->key_size = key_size;
	entry->value_size = value_size;
	memcpy(entry->data, key, key_size);
	memcpy(entry->data + key_size, value, value_size);
	entry->next = NULL;
	at = find(store, key, key_size);
	*at = entry;
	store->useful += record_size(entry);
	store->count++;
}

/* ---- On the disk ---- */

/* One record, in one write(). */
static void append(struct store *store, int file, const char *key, uint32_t key_size,
		   const char *value, uint32_t value_size)
{
	static char record[sizeof(struct header) + KEY_MAX + VALUE_MAX];
	struct header header = {.key_size = key_size, .value_size = value_size};
	uint32_t bytes = value_size == NO_VALUE ? 0 : value_size;
	size_t size = sizeof(header) + key_size + bytes;

	memcpy(record + sizeof(header), key, key_size);
	memcpy(record + sizeof(header) + key_size, value, bytes);
	header.checksum = checksum(&header, record + sizeof(header), key_size + bytes);
	memcpy(record, &header, sizeof(header));
	if (write(file, record, size) != (ssize_t)size)
		die("the log could not be written");
	store->size += size;
}

static int create(const char *path)
{
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644);

	if (file < 0)
		die(path);
	return file;
}

/* What counts goes to a new file, which takes the log's place when all of it is on the disk. */
static void rewrite(struct store *store)
{
	int file = create(store->new_path);

	store->size = 0;
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct entry *e = store->buckets[i]; e; e = e->next)
			append(store, file, e->data, e->key_size, e->data + e->key_size,
			       e->value_size);
	if (fsync(file))
		die("the new log could not be written");
	if (rename(store->new_path, store->path))
		die("the new log could not take the old one's place");
	close(store->file);
	store->file = file;
}

/* Read the log; stop at the first record that is not whole. Returns the bytes before it. */
static uint64_t load(struct store *store, FILE *log)
{
	static char data[KEY_MAX + VALUE_MAX];
	struct header header;
	uint64_t good = 0;

	while (fread(&header, sizeof(header), 1, log) == 1) {
		uint32_t bytes = header.value_size == NO_VALUE ? 0 : header.value_size;

		if (!header.key_size || header.key_size > KEY_MAX || bytes > VALUE_MAX ||
		    fread(data, 1, header.key_size + bytes, log) != header.key_size + bytes ||
		    header.checksum != checksum(&header, data, header.key_size + bytes))
			break;
		remember(store, data, header.key_size, data + header.key_size, header.value_size);
		good += sizeof(header) + header.key_size + bytes;
	}
	return good;
}

static void open_store(struct store *store)
{
	const char *folder = "/disk0";
	struct stat status;
	FILE *log;

	/* A disk that cannot be read is there all the same: then open() below tells. */
	if (stat(folder, &status)) {
		if (errno != ENOENT)
			die(folder);
		fprintf(stderr, "no disk: what is stored is gone at the end. "
				"Try `baremetal disk create 64M store.img`,\n"
				"then `baremetal run --disk store.img`.\n");
		folder = "/tmp";
	}
	snprintf(store->path, sizeof(store->path), "%s/store.log", folder);
	snprintf(store->new_path, sizeof(store->new_path), "%s/store.new", folder);
	store->file = open(store->path, O_RDWR | O_CREAT | O_APPEND, 0644);
	if (store->file < 0)
		die(store->path);
	log = fopen(store->path, "rb");
	if (!log)
		die(store->path);
	store->size = load(store, log);
	/* What cannot be read is not to be cut off. */
	if (ferror(log))
		die(store->path);
	fclose(log);
	if (fstat(store->file, &status))
		die(store->path);
	if (store->size < (uint64_t)status.st_size) {
		printf("cut off: %llu bytes that were not written whole\n",
		       (unsigned long long)status.st_size - store->size);
		if (ftruncate(store->file, (off_t)store->size))
			die(store->path);
	}
}

/* Set a key, or delete it (value NULL). When this returns it is on the disk. */
static void set(struct store *store, const char *key, const char *value)
{
	uint32_t key_size = (uint32_t)strlen(key);
	uint32_t value_size = value ? (uint32_t)strlen(value) : NO_VALUE;

	append(store, store->file, key, key_size, value ? value : "", value_size);
	if (fsync(store->file))
		die("the log could not be written");
	remember(store, key, key_size, value, value_size);
	if (store->size - store->useful > WASTE_MAX && store->size > 2 * store->useful)
		rewrite(store);
}

/* NULL, or the value, until the next change. */
static const char *get(struct store *store, const char *key)
{
	static char text[VALUE_MAX + 1];
	struct entry *entry = *find(store, key, strlen(key));

	if (!entry)
		return NULL;
	memcpy(text, entry->data + entry->key_size, entry->value_size);
	text[entry->value_size] = 0;
	return text;
}

/* ---- Commands ---- */

static void list(struct store *store)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct entry *e = store->buckets[i]; e; e = e->next)
			printf("%.*s = %.*s\n", (int)e->key_size, e->data, (int)e->value_size,
			       e->data + e->key_size);
	printf("%u keys, %llu bytes of log\n", store->count, (unsigned long long)store->size);
}

static void count_run(struct store *store)
{
	const char *runs = get(store, "runs");
	char text[24];

	snprintf(text, sizeof(text), "%lu", (runs ? strtoul(runs, NULL, 10) : 0) + 1);
	set(store, "runs", text);
	list(store);
}

/* Keys that say when they are safe; for who cuts the power meanwhile. */
static void fill(struct store *store, unsigned long count)
{
	char key[32], value[64];

	for (unsigned long i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "key %lu", i);
		snprintf(value, sizeof(value), "the value of %lu", i);
		set(store, key, value);
		printf("stored %s\n", key);
	}
}

static bool check(struct store *store, unsigned long count)
{
	unsigned long there = 0, wrong = 0, gap = count;
	char key[32], value[64];

	for (unsigned long i = 0; i < count; i++) {
		const char *found;

		snprintf(key, sizeof(key), "key %lu", i);
		snprintf(value, sizeof(value), "the value of %lu", i);
		found = get(store, key);
		if (!found && gap == count)
			gap = i;
		there += found != NULL;
		wrong += found && (strcmp(found, value) || i > gap);
	}
	printf("%lu keys are there, from 0 on; %lu are wrong\n", there, wrong);
	return !wrong;
}

/* 0, or 1 for a problem, or -1 for the end. */
static int run(struct store *store, int count, char **words)
{
	const char *value;

	if (count == 3 && !strcmp(words[0], "set") && *words[1] && strlen(words[1]) <= KEY_MAX &&
	    strlen(words[2]) <= VALUE_MAX) {
		set(store, words[1], words[2]);
		printf("stored %s\n", words[1]);
	} else if (count == 2 && !strcmp(words[0], "get")) {
		value = get(store, words[1]);
		puts(value ? value : "(nothing)");
		return !value;
	} else if (count == 2 && !strcmp(words[0], "delete") && *words[1] &&
		   strlen(words[1]) <= KEY_MAX) {
		set(store, words[1], NULL);
		printf("deleted %s\n", words[1]);
	} else if (count == 1 && !strcmp(words[0], "list")) {
		list(store);
	} else if (count == 2 && !strcmp(words[0], "fill")) {
		fill(store, strtoul(words[1], NULL, 10));
	} else if (count == 2 && !strcmp(words[0], "check")) {
		return !check(store, strtoul(words[1], NULL, 10));
	} else if (count == 1 && !strcmp(words[0], "quit")) {
		return -1;
	} else {
		puts("set KEY VALUE, get KEY, delete KEY, list, fill N, check N, shell, quit");
		return 1;
	}
	return 0;
}

static void shell(struct store *store)
{
	static char line[KEY_MAX + VALUE_MAX + 16];
	int end = 0;

	while (end >= 0 &&
	       (fputs("> ", stdout), fflush(stdout), fgets(line, sizeof(line), stdin))) {
		char *words[3], *rest = line;
		int count = 0;

		/* The last word takes the rest of the line. */
		line[strcspn(line, "\r\n")] = 0;
		while (count < 2 && (words[count] = strtok_r(rest, " ", &rest)))
			count++;
		if (rest)
			rest += strspn(rest, " ");
		if (count == 2 && rest && *rest)
			words[count++] = rest;
		if (count)
			end = run(store, count, words);
	}
}

int main(int argc, char **argv)
{
	static struct store store;
	int status = 0;

	open_store(&store);
	if (argc < 2)
		count_run(&store);
	else if (argc == 2 && !strcmp(argv[1], "shell"))
		shell(&store);
	else
		status = run(&store, argc - 1, argv + 1);
	if (close(store.file))
		die(store.path);
	return status < 0 ? 0 : status;
}
