/* SPDX-License-Identifier: MIT */
/*
 * An app's ELF file: what elf_check() lets through must be safe to load.
 */
#include "app/elf.c"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			__builtin_trap();                                                          \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_image image;
	const char *error = elf_check(data, size, &image);
	if (error) {
		REQUIRE(strlen(error) > 10);
		return 0;
	}
	REQUIRE(image.segment_count >= 1 && image.segment_count <= ELF_SEGMENTS_MAX);
	REQUIRE(image.span % PAGE == 0 && image.span <= ELF_SPAN_MAX);
	uint64_t end = 0; /* of the pages used so far */
	unsigned entry_ok = 0, table_ok = !image.relocation_count;
	uint64_t table_size = image.relocation_count * sizeof(struct elf_relocation);
	for (size_t i = 0; i < image.segment_count; i++) {
		const struct elf_segment *s = &image.segments[i];
		REQUIRE(s->memory_size && s->file_size <= s->memory_size);
		REQUIRE(s->file_offset <= size && s->file_size <= size - s->file_offset);
		REQUIRE((s->address & -PAGE) >= end);
		REQUIRE(s->address + s->memory_size > s->address);
		end = (s->address + s->memory_size + PAGE - 1) & -PAGE;
		REQUIRE(end <= image.span);
		REQUIRE(!(s->write && s->execute));
		REQUIRE((s->file_offset - s->address) % PAGE == 0);
		if (s->execute && image.entry >= s->address &&
		    image.entry < s->address + s->file_size)
			entry_ok = 1;
		if (image.relocations >= s->address && table_size <= s->file_size &&
		    image.relocations - s->address <= s->file_size - table_size)
			table_ok = 1;
		/* Two segments that are mapped in place share no page of the file. */
		for (size_t j = 0; j < i; j++) {
			const struct elf_segment *t = &image.segments[j];
			if (s->file_pages_own && t->file_pages_own && s->file_size && t->file_size)
				REQUIRE((s->file_offset & -PAGE) >=
					    ((t->file_offset + t->file_size + PAGE - 1) & -PAGE) ||
					(t->file_offset & -PAGE) >=
					    ((s->file_offset + s->file_size + PAGE - 1) & -PAGE));
		}
	}
	REQUIRE(entry_ok && table_ok);
	if (image.relro_size) {
		REQUIRE(image.relro % PAGE == 0 && image.relro_size % PAGE == 0);
		REQUIRE(elf_writable(&image, image.relro + image.relro_size - 1, 1));
	}
	return 0;
}
