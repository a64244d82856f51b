/* SPDX-License-Identifier: MIT */
/*
 * elf_check() on a hand-made static PIE and on what may be wrong with one.
 */
#include "app/elf.c"
#include "unit.h"
#include <stdlib.h>

enum { CODE = 0x1000, TABLE = 0x2000, DATA = 0x3000, FILE_SIZE = 0x4010, HEADS = 7, NOTE = 0x280 };

static uint8_t *file;
static struct elf_image image;

static struct file_header *header(void)
{
	return (void *)file;
}

static struct program_header *head(size_t i)
{
	return (struct program_header *)(file + 64) + i;
}

static struct dynamic *dynamic(size_t i)
{
	return (struct dynamic *)(file + DATA) + i;
}

static void make(void)
{
	free(file);
	file = calloc(1, FILE_SIZE);
	memcpy(file,
	       "\x7f"
	       "ELF\2\1\1",
	       7);
	struct file_header *h = header();
	h->type = TYPE_DYN;
	h->machine = MACHINE_X86_64;
	h->entry = CODE;
	h->program_headers = 64;
	h->program_header_size = sizeof(struct program_header);
	h->program_header_count = HEADS;
	const struct program_header heads[HEADS] = {
	    {PT_LOAD, 4, 0, 0, 0, 0x300, 0x300, PAGE},
	    {PT_LOAD, 4 | PF_X, CODE, CODE, 0, 0x10, 0x10, PAGE},
	    {PT_LOAD, 4, TABLE, TABLE, 0, 24, 24, PAGE},
	    {PT_LOAD, 4 | PF_W, DATA, DATA, 0, 0x1010, 0x3000, PAGE},
	    {PT_DYNAMIC, 4 | PF_W, DATA, DATA, 0, 5 * sizeof(struct dynamic), 0x50, 8},
	    {PT_NOTE, 4, NOTE, NOTE, 0, 32, 32, 4},
	    {PT_GNU_RELRO, 4, DATA, DATA, 0, 0x1000, 0x1000, 1},
	};
	memcpy(head(0), heads, sizeof heads);
	const uint32_t note[] = {10, 8, BM_NOTE_APP};
	memcpy(file + NOTE, note, sizeof note);
	memcpy(file + NOTE + 12, BM_NOTE_NAME, sizeof BM_NOTE_NAME);
	file[NOTE + 24] = BM_API_VERSION;
	const struct dynamic words[] = {
	    {DT_RELA, TABLE}, {DT_RELASZ, 24}, {DT_RELAENT, 24}, {0x6ffffff9, 1}, {DT_NULL, 0}};
	memcpy(dynamic(0), words, sizeof words);
}

static const char *check(uint64_t size)
{
	/* A copy of the very size, for ASan to guard. */
	uint8_t *copy = malloc(size + !size);
	memcpy(copy, file, size);
	const char *error = elf_check(copy, size, &image);
	free(copy);
	return error;
}

/* The good file with one change must be refused, with a sentence that has this word. */
#define REFUSED(word, change)                                                                      \
	do {                                                                                       \
		make();                                                                            \
		change;                                                                            \
		const char *error = check(FILE_SIZE);                                              \
		CHECK(error &&strstr(error, word));                                                \
		if (error && !strstr(error, word))                                                 \
			fprintf(stderr, "    it says: %s\n", error);                               \
	} while (0)

int main(void)
{
	make();
	const char *error = check(FILE_SIZE);
	if (error)
		fprintf(stderr, "%s\n", error);
	CHECK(!error);
	CHECK(image.segment_count == 4 && image.span == 0x6000 && image.entry == CODE);
	CHECK(image.relocations == TABLE && image.relocation_count == 1);
	CHECK(image.relro == DATA && image.relro_size == 0x1000);
	CHECK(image.segments[1].execute && !image.segments[1].write);
	CHECK(image.segments[3].file_pages_own);
	CHECK(elf_writable(&image, DATA + 0x2ff8, 8) == &image.segments[3]);
	CHECK(!elf_writable(&image, DATA + 0x2ff9, 8) && !elf_writable(&image, CODE, 8));
	CHECK(!elf_writable(&image, UINT64_MAX - 3, 8) && !elf_writable(&image, DATA, UINT64_MAX));

	/* Cut anywhere: refused, as all segments' bytes must be there. */
	for (uint64_t size = 0; size < FILE_SIZE; size += size < 0x300 ? 1 : 97)
		CHECK(check(size));
	CHECK(check(FILE_SIZE - 1));

	REFUSED("not an ELF", file[0] = 0);
	REFUSED("another processor", header()->machine = 183);
	REFUSED("another processor", file[4] = 1);
	REFUSED("another processor", file[5] = 2);
	REFUSED("position-independent", header()->type = TYPE_EXEC);
	REFUSED("not linked", header()->type = 1);
	REFUSED("damaged", header()->program_header_size = 32);
	REFUSED("damaged", header()->program_header_count = 0);
	REFUSED("damaged", header()->program_header_count = 0xffff);
	REFUSED("damaged", header()->program_headers = UINT64_MAX - 7);
	REFUSED("damaged", header()->program_headers = 65);
	REFUSED("entry point", header()->entry = DATA);
	REFUSED("entry point", header()->entry = CODE + 0x10);
	REFUSED("entry point", header()->entry = UINT64_MAX);
	REFUSED("not built for", head(6)->type = PT_INTERP);
	REFUSED("not built for", head(5)->type = 0);
	REFUSED("not built for", file[NOTE + 12] = 'b');
	REFUSED("not built for", memset(file + NOTE, 0xff, 4));
	REFUSED("not built for", memset(file + NOTE + 4, 0xff, 4));
	REFUSED("newer", file[NOTE + 24] = BM_API_VERSION + 1);
	REFUSED("newer", memset(file + NOTE + 24, 0xff, 4));

	REFUSED("overlap", (head(2)->address = CODE, head(2)->offset = CODE));
	REFUSED("overlap", (head(1)->address = 0, head(1)->offset = 0));
	REFUSED("overlap", head(1)->memory_size = 0x1001);
	REFUSED("cut short", head(3)->file_size = 0x1011);
	REFUSED("cut short", head(3)->offset = UINT64_MAX - 0xfff);
	REFUSED("damaged", head(3)->memory_size = 0x100f);
	REFUSED("damaged", head(3)->memory_size = ELF_SPAN_MAX);
	REFUSED("damaged", head(3)->memory_size = UINT64_MAX);
	REFUSED("damaged", head(3)->address = UINT64_MAX - 0xfff);
	REFUSED("page-aligned", head(3)->address = DATA + 8);
	REFUSED("writable and executable", head(3)->flags = 4 | PF_W | PF_X);

	REFUSED("shared libraries", dynamic(3)->tag = DT_NEEDED);
	REFUSED("relocations", dynamic(3)->tag = DT_REL);
	REFUSED("relocations", dynamic(3)->tag = DT_PLTRELSZ);
	REFUSED("damaged", dynamic(1)->value = 25);
	REFUSED("damaged", dynamic(1)->value = 48);
	REFUSED("damaged", dynamic(1)->value = UINT64_MAX / 24 * 24);
	REFUSED("damaged", dynamic(2)->value = 16);
	REFUSED("damaged", dynamic(0)->value = UINT64_MAX - 7);
	REFUSED("damaged", dynamic(0)->value = DATA + 0x1008);
	REFUSED("damaged", head(4)->file_size = 0x2000);
	REFUSED("damaged", head(4)->address = 0x7000);
	REFUSED("damaged", head(6)->address = CODE);
	REFUSED("damaged", head(6)->memory_size = 0x4000);
	REFUSED("damaged", head(6)->memory_size = UINT64_MAX);

	/* No dynamic section: nothing to relocate. */
	make();
	head(4)->type = 0;
	CHECK(!check(FILE_SIZE) && !image.relocation_count);
	/* Two segments on one file page are told apart from those that own theirs. */
	make();
	head(2)->offset = CODE;
	head(4)->type = 0;
	CHECK(!check(FILE_SIZE) && !image.segments[1].file_pages_own &&
	      !image.segments[2].file_pages_own);

	/* A flipped byte anywhere in the headers: refused or loaded, never a fault. */
	for (size_t i = 0; i < 0x300; i++)
		for (int bit = 0; bit < 8; bit++) {
			make();
			file[i] ^= (uint8_t)(1 << bit);
			check(FILE_SIZE);
		}
	free(file);
	return unit_status();
}
