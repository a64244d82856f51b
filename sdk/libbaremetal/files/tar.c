/* SPDX-License-Identifier: MIT */
/*
 * Reading a tar archive in memory. Interface: tar.h. Formats: POSIX.1-2017,
 * pax utility, "ustar Interchange Format" and "pax Interchange Format"; GNU tar
 * manual, "Basic Tar Format" for the 'L' and 'K' entries and base-256 numbers.
 *
 * Does not do: sparse files, multi-volume archives, global pax headers' values.
 */
#include "tar.h"

#include <stdbool.h>
#include <string.h>

#define TAR_BLOCK 512u

struct tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char user[32];
	char group[32];
	char device_major[8];
	char device_minor[8];
	char prefix[155];
	char unused[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "file format");
_Static_assert(offsetof(struct tar_header, checksum) == 148, "file format");
_Static_assert(offsetof(struct tar_header, prefix) == 345, "file format");

/* What headers before an entry say about it. */
struct tar_override {
	struct tar_text path, link;
	bool has_path, has_link, has_size, has_mtime, sparse;
	uint64_t size;
	int64_t mtime_ns;
};

/* A fixed field up to its zero. */
static struct tar_text field_text(const char *field, size_t size)
{
	const char *zero = memchr(field, 0, size);

	return (struct tar_text){field, zero ? (size_t)(zero - field) : size};
}

/* A number in octal, or in base 256 if its first bit is set. False if it is neither or too large.
 */
static bool field_number(const char *field, size_t size, int64_t *number)
{
	uint64_t value = 0;
	size_t i = 0;

	if ((uint8_t)field[0] & 0x80) {
		bool negative = (uint8_t)field[0] == 0xff;

		if (!negative && (uint8_t)field[0] != 0x80)
			return false;
		for (i = 1; i < size; i++) {
			if (i + 8 < size ? (uint8_t)field[i] != (negative ? 0xff : 0) : false)
				return false;
			value = value << 8 | (uint8_t)field[i];
		}
		if (negative && size < 9)
			value |= ~UINT64_C(0) << 8 * (size - 1);
		*number = (int64_t)value;
		return (*number < 0) == negative;
	}
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	for (; i < size; i++)
		if (field[i] != ' ' && field[i])
			return false;
	*number = (int64_t)value; /* at most 12 digits: 36 bits */
	return true;
}

/* Old writers summed signed characters; both sums are accepted. */
static bool checksum_good(const struct tar_header *header)
{
	const uint8_t *bytes = (const uint8_t *)header;
	const size_t from = offsetof(struct tar_header, checksum);
	int64_t unsigned_sum = 0, signed_sum = 0, wanted;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		uint8_t byte = i >= from && i < from + sizeof(header->checksum) ? ' ' : bytes[i];

		unsigned_sum += byte;
		signed_sum += (int8_t)byte;
	}
	return field_number(header->checksum, sizeof(header->checksum), &wanted) &&
	       (wanted == unsigned_sum || wanted == signed_sum);
}

static bool all_zero(const uint8_t *block)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

static bool text_is(const char *text, size_t length, const char *wanted)
{
	return length == strlen(wanted) && !memcmp(text, wanted, length);
}

/* Decimal digits; false unless there is at least one and the number fits. Returns the rest in
 * *text. */
static bool take_decimal(const char **text, const char *end, uint64_t *number)
{
	const char *p = *text;

	*number = 0;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(*p - '0'), number))
			return false;
	if (p == *text)
		return false;
	*text = p;
	return true;
}

/* "[-]seconds[.fraction]" */
static bool take_time(const char *text, const char *end, int64_t *ns)
{
	bool negative = text < end && *text == '-';
	uint64_t seconds;
	int64_t fraction = 0, unit = 100000000;

	text += negative;
	if (!take_decimal(&text, end, &seconds) || seconds > INT64_MAX / 1000000000 - 1)
		return false;
	if (text < end && *text == '.')
		for (text++; text < end && *text >= '0' && *text <= '9'; text++, unit /= 10)
			fraction += unit * (*text - '0');
	*ns = (int64_t)seconds * 1000000000 + fraction;
	*ns = negative ? -*ns : *ns;
	return text == end;
}

/* Records "LENGTH key=value\n", LENGTH counting all of the record. */
static bool read_pax(const char *text, uint64_t size, struct tar_override *override)
{
	const char *end = text + size;

	while (text < end && *text) {
		const char *p = text, *record_end, *key, *equals, *value;
		uint64_t length, number;

		if (!take_decimal(&p, end, &length) || length > (uint64_t)(end - text) ||
		    length < (uint64_t)(p - text) + 4 || *p != ' ' || text[length - 1] != '\n')
			return false;
		record_end = text + length - 1;
		key = p + 1;
		equals = memchr(key, '=', (size_t)(record_end - key));
		if (!equals)
			return false;
		value = equals + 1;
		size_t key_size = (size_t)(equals - key), value_size = (size_t)(record_end - value);

		if (text_is(key, key_size, "path")) {
			override->path = (struct tar_text){value, value_size};
			override->has_path = true;
		} else if (text_is(key, key_size, "linkpath")) {
			override->link = (struct tar_text){value, value_size};
			override->has_link = true;
		} else if (text_is(key, key_size, "size")) {
			if (!take_decimal(&value, record_end, &number) || value != record_end)
				return false;
			override->size = number;
			override->has_size = true;
		} else if (text_is(key, key_size, "mtime")) {
			override->has_mtime = take_time(value, record_end, &override->mtime_ns);
			if (!override->has_mtime)
				return false;
		} else if (key_size > 11 && !memcmp(key, "GNU.sparse.", 11)) {
			override->sparse = true;
		}
		text += length;
	}
	return true;
}

void tar_open(struct tar_reader *reader, const void *archive, uint64_t size)
{
	*reader = (struct tar_reader){.archive = archive, .size = size};
}

static int problem(struct tar_reader *reader, const char *sentence)
{
	reader->problem = sentence;
	return 0;
}

int tar_next(struct tar_reader *reader, struct tar_entry *entry)
{
	struct tar_override override = {0};

	for (;;) {
		const uint8_t *block = reader->archive + reader->offset;
		const struct tar_header *header = (const void *)block;
		uint64_t left = reader->size - reader->offset, padded;
		int64_t size, mode, mtime;

		if (left < TAR_BLOCK)
			return problem(reader, left ? "it is cut within a header"
						    : "it has no end marker, so it may be cut");
		if (all_zero(block)) {
			if (left < 2 * TAR_BLOCK || !all_zero(block + TAR_BLOCK))
				return problem(reader, "its end marker is cut or damaged");
			return 0;
		}
		if (!checksum_good(header))
			return problem(reader, "a header's checksum is wrong");
		if (!field_number(header->size, sizeof(header->size), &size) || size < 0)
			return problem(reader, "a header's size is not a number");
		bool extension = memchr("xgLK", header->type, 4) && header->type;
		if (override.has_size && !extension) {
			if (override.size > INT64_MAX)
				return problem(reader, "an entry's size is not possible");
			size = (int64_t) override.size;
		}
		/* Writers differ in the size of links and directories, but none has data. */
		if (memchr("123456", header->type, 6) && header->type)
			size = 0;
		if ((uint64_t)size > left - TAR_BLOCK)
			return problem(reader, "it is cut within an entry's data");
		padded = ((uint64_t)size + TAR_BLOCK - 1) & ~(uint64_t)(TAR_BLOCK - 1);
		if (padded > left - TAR_BLOCK)
			padded = left - TAR_BLOCK; /* the data is whole; the next round reports */
		const uint8_t *data = block + TAR_BLOCK;
		reader->offset += TAR_BLOCK + padded;

		switch (header->type) {
		case 'L':
			override.path = field_text((const char *)data, (size_t)size);
			override.has_path = true;
			continue;
		case 'K':
			override.link = field_text((const char *)data, (size_t)size);
			override.has_link = true;
			continue;
		case 'x':
			if (!read_pax((const char *)data, (uint64_t)size, &override))
				return problem(reader, "an extended header is malformed");
			continue;
		case 'g':
			continue;
		}

		*entry = (struct tar_entry){.data = data, .path[0] = {"", 0}};
		entry->path[1] = field_text(header->name, sizeof(header->name));
		if (override.has_path)
			entry->path[1] = override.path;
		else if (!memcmp(header->magic, "ustar", 6))
			entry->path[0] = field_text(header->prefix, sizeof(header->prefix));
		entry->link = override.has_link ? override.link
						: field_text(header->link, sizeof(header->link));
		if (field_number(header->mode, sizeof(header->mode), &mode))
			entry->mode = (uint32_t)mode & 07777;
		if (override.has_mtime)
			entry->mtime_ns = override.mtime_ns;
		else if (field_number(header->mtime, sizeof(header->mtime), &mtime) &&
			 mtime < INT64_MAX / 1000000000 && mtime > INT64_MIN / 1000000000)
			entry->mtime_ns = mtime * 1000000000;

		const struct tar_text *name = &entry->path[1];
		switch (header->type) {
		case '0':
		case '7':
		case 0:
			entry->type = TAR_FILE;
			/* Before POSIX, a directory was a file with a slash at its end. */
			if (name->length && name->text[name->length - 1] == '/')
				entry->type = TAR_DIRECTORY;
			break;
		case '1':
			entry->type = TAR_HARD_LINK;
			break;
		case '2':
			entry->type = TAR_SYMLINK;
			break;
		case '5':
			entry->type = TAR_DIRECTORY;
			break;
		default:
			entry->type = TAR_OTHER;
		}
		if (override.sparse)
			entry->type = TAR_OTHER;
		entry->size = entry->type == TAR_FILE ? (uint64_t)size : 0;
		return 1;
	}
}
