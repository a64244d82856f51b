/* SPDX-License-Identifier: MIT */
/*
 * The tar reader: formats, damage of every kind.
 */
#include "unit.h"
#include "tar_writer.h"
#include "files/tar.c"

static bool path_is(const struct tar_entry *entry, const char *first, const char *second)
{
	return text_is(entry->path[0].text, entry->path[0].length, first) &&
	       text_is(entry->path[1].text, entry->path[1].length, second);
}

static void test_formats(void)
{
	struct tar_writer w = {0};
	struct tar_reader reader;
	struct tar_entry e;
	char longer[301];
	uint8_t *header;

	memset(longer, 'n', 300);
	longer[300] = 0;
	writer_text(&w, '0', "plain", "hello");
	header = writer_header(&w, '0', "name", "", 0);
	memcpy(header + 345, "some/prefix", 11);
	writer_sum(header);
	writer_text(&w, 'x', "pax", "20 path=too short\n");
	writer_end(&w);

	tar_open(&reader, w.bytes, w.size);
	CHECK(tar_next(&reader, &e) && e.type == TAR_FILE && path_is(&e, "", "plain"));
	CHECK(e.size == 5 && !memcmp(e.data, "hello", 5) && e.mode == 0644);
	CHECK(e.mtime_ns == INT64_C(1610612736000000000));
	CHECK(tar_next(&reader, &e) && path_is(&e, "some/prefix", "name"));
	CHECK(!tar_next(&reader, &e) && reader.problem);
	writer_free(&w);

	writer_text(
	    &w, 'x', "pax",
	    "19 path=pax/\xc3\xa4th\xc3\xbc\n14 linkpath=t\n30 mtime=1700000000.123456789\n");
	writer_text(&w, '2', "short", "");
	writer_entry(&w, 'L', "././@LongLink", "", longer, 301);
	writer_entry(&w, 'K', "././@LongLink", "", longer, 300);
	writer_entry(&w, '2', "cut", "cut", "", 0);
	writer_text(&w, 'g', "global", "15 path=global\n");
	writer_entry(&w, '1', "hard", "plain", "", 0);
	header = writer_header(&w, '5', "directory/", "", 99999);
	memcpy(header + 136, "\x80\0\0\0\0\0\0\0\x12\x34\x56\x78", 12);
	writer_sum(header);
	writer_header(&w, 0, "old/", "", 0);
	writer_text(&w, 'x', "pax", "9 size=3\n");
	writer_header(&w, '0', "sized", "", 0);
	memcpy(writer_block(&w, 3), "abc", 3);
	writer_header(&w, '3', "device", "", 0);
	writer_text(&w, 'S', "sparse", "x");
	writer_end(&w);
	tar_open(&reader, w.bytes, w.size);
	CHECK(tar_next(&reader, &e) && path_is(&e, "", "pax/\xc3\xa4th\xc3\xbc"));
	CHECK(text_is(e.link.text, e.link.length, "t"));
	CHECK(e.mtime_ns == INT64_C(1700000000123456789));
	CHECK(tar_next(&reader, &e) && path_is(&e, "", longer) && e.link.length == 300);
	CHECK(tar_next(&reader, &e) && e.type == TAR_HARD_LINK && path_is(&e, "", "hard"));
	CHECK(tar_next(&reader, &e) && e.type == TAR_DIRECTORY && !e.size);
	CHECK(e.mtime_ns == INT64_C(0x12345678) * 1000000000);
	CHECK(tar_next(&reader, &e) && e.type == TAR_DIRECTORY);
	CHECK(tar_next(&reader, &e) && e.size == 3 && !memcmp(e.data, "abc", 3));
	CHECK(tar_next(&reader, &e) && e.type == TAR_OTHER);
	CHECK(tar_next(&reader, &e) && e.type == TAR_OTHER);
	CHECK(!tar_next(&reader, &e) && !reader.problem);
	writer_free(&w);
}

/* Read to the end; every text and all data must be inside the archive. Returns the entries. */
static int read_all(const uint8_t *bytes, size_t size, const char **problem)
{
	struct tar_reader reader;
	struct tar_entry e;
	int count = 0;

	tar_open(&reader, bytes, size);
	for (; tar_next(&reader, &e); count++)
		CHECK(e.size <= size && e.data >= bytes && e.data + e.size <= bytes + size);
	*problem = reader.problem;
	return count;
}

static void test_damage(void)
{
	struct tar_writer w = {0};
	const char *problem;
	uint8_t *copy;

	for (int i = 0; i < 4; i++)
		writer_text(&w, '0', "file", "some data that fills a part of a block");
	writer_text(&w, 'x', "pax", "14 path=a/b/c\n");
	writer_text(&w, '0', "file", "");
	writer_end(&w);
	CHECK(read_all(w.bytes, w.size, &problem) == 5 && !problem);
	/* Cut anywhere: a copy of exactly that size, so that the sanitizer sees each byte beyond.
	 */
	for (size_t size = 0; size < w.size; size++) {
		copy = malloc(size + !size);
		memcpy(copy, w.bytes, size);
		int count = read_all(copy, size, &problem);

		CHECK(problem);
		CHECK(count <= 5);
		free(copy);
	}
	/* Any one byte of a header changed: the checksum tells. */
	for (size_t i = 0; i < 500; i++) {
		w.bytes[i] ^= 0x11;
		int count = read_all(w.bytes, w.size, &problem);

		CHECK(count == 0 && problem);
		w.bytes[i] ^= 0x11;
	}
	/* Lying sizes with a good checksum. */
	static const char *const sizes[] = {"77777777777",
					    "00000100000",
					    "0000000004x",
					    "-0000000001",
					    "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
					    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
					    "\x80\1\0\0\0\0\0\0\0\0\0\0",
					    "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memcpy(w.bytes + 124, sizes[i], 12);
		writer_sum(w.bytes);
		CHECK(read_all(w.bytes, w.size, &problem) == 0 && problem);
	}
	writer_free(&w);
	/* Extended headers that lie. */
	static const char *const records[] = {
	    "0 path=x\n",
	    "99999999999999999999999 path=x\n",
	    "4096 path=x\n",
	    "9 path=x",
	    "path=x\n",
	    "10 pathx=\n1",
	    "7 pathx\n",
	    "12 size=-12\n",
	    "31 size=99999999999999999999999\n",
	    "27 size=18446744073709551615\n",
	    "13 mtime=abc\n",
	    "-9 path=x\n",
	    "3 =\n",
	};
	for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
		writer_text(&w, 'x', "pax", records[i]);
		writer_text(&w, '0', "file", "data");
		writer_end(&w);
		CHECK(read_all(w.bytes, w.size, &problem) == 0 && problem);
		writer_free(&w);
	}
}

int main(void)
{
	test_formats();
	test_damage();
	return unit_status();
}
