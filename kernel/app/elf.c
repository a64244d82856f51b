/* SPDX-License-Identifier: MIT */
/*
 * Checks of an app's ELF file. Contract: elf.h.
 */
#include "app/elf.h"
#include <baremetal/api.h>
#include <string.h>

#define PAGE 4096ul

struct file_header { /* gABI chapter 4, "ELF Header" */
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, program_headers, section_headers;
	uint32_t flags;
	uint16_t header_size, program_header_size, program_header_count;
	uint16_t section_header_size, section_header_count, names;
};
_Static_assert(sizeof(struct file_header) == 64, "file format");

enum { CLASS_64 = 2, DATA_LITTLE = 1, TYPE_EXEC = 2, TYPE_DYN = 3, MACHINE_X86_64 = 62 };

struct program_header { /* gABI chapter 5, "Program Header" */
	uint32_t type, flags;
	uint64_t offset, address, physical, file_size, memory_size, align;
};
_Static_assert(sizeof(struct program_header) == 56, "file format");

enum { PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3, PT_NOTE = 4, PT_GNU_RELRO = 0x6474e552 };
enum { PF_X = 1, PF_W = 2 };

struct dynamic {
	uint64_t tag, value;
};
enum {
	DT_NULL = 0,
	DT_NEEDED = 1,
	DT_PLTRELSZ = 2,
	DT_RELA = 7,
	DT_RELASZ = 8,
	DT_RELAENT = 9,
	DT_REL = 17,
	DT_TEXTREL = 22,
	DT_RELRSZ = 35,
};

static const char damaged[] = "its program headers are damaged";
static const char foreign[] = "it was not built for BareMetal";

static bool within(uint64_t offset, uint64_t size, uint64_t limit)
{
	return offset <= limit && size <= limit - offset;
}

static const char *add_segment(const struct program_header *p, uint64_t size,
			       struct elf_image *image)
{
	if (!p->memory_size)
		return NULL;
	if (!within(p->offset, p->file_size, size))
		return "it is cut short";
	if (p->file_size > p->memory_size || !within(p->address, p->memory_size, ELF_SPAN_MAX))
		return damaged;
	if ((p->offset - p->address) % PAGE)
		return "a segment is not page-aligned in the file";
	if ((p->flags & (PF_W | PF_X)) == (PF_W | PF_X))
		return "a segment is writable and executable";
	if (image->segment_count == ELF_SEGMENTS_MAX)
		return "it has more segments than 8";
	if ((p->address & -PAGE) < image->span)
		return "its segments overlap";
	image->segments[image->segment_count++] = (struct elf_segment){
	    .address = p->address,
	    .memory_size = p->memory_size,
	    .file_offset = p->offset,
	    .file_size = p->file_size,
	    .write = p->flags & PF_W,
	    .execute = p->flags & PF_X,
	    .file_pages_own = true,
	};
	image->span = (p->address + p->memory_size + PAGE - 1) & -PAGE;
	return NULL;
}

/* Find the app note (baremetal/api.h) among the notes of a segment. */
static const struct bm_app_note *find_note(const uint8_t *note, uint64_t size)
{
	while (size >= 12) {
		uint32_t name_size, content_size, type;
		memcpy(&name_size, note, 4);
		memcpy(&content_size, note + 4, 4);
		memcpy(&type, note + 8, 4);
		uint64_t name_space = ((uint64_t)name_size + 3) & ~3ul;
		uint64_t space = 12 + name_space + (((uint64_t)content_size + 3) & ~3ul);
		if (12 + name_space + content_size > size)
			return NULL;
		if (type == BM_NOTE_APP && name_size == sizeof BM_NOTE_NAME &&
		    content_size >= sizeof(struct bm_app_note) &&
		    !memcmp(note + 12, BM_NOTE_NAME, sizeof BM_NOTE_NAME))
			return (const void *)(note + 12 + name_space);
		if (space > size)
			return NULL;
		note += space;
		size -= space;
	}
	return NULL;
}

/* The file bytes behind an address range of the image, or NULL. */
static const uint8_t *at_address(const uint8_t *file, const struct elf_image *image,
				 uint64_t address, uint64_t size)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segments[i];
		if (address >= s->address && within(address - s->address, size, s->file_size))
			return file + s->file_offset + (address - s->address);
	}
	return NULL;
}

static const char *check_dynamic(const uint8_t *file, const struct program_header *p,
				 struct elf_image *image)
{
	const uint8_t *at = at_address(file, image, p->address, p->file_size);
	if (!at)
		return damaged;
	uint64_t entry_size = sizeof(struct elf_relocation), bytes = 0;
	for (uint64_t left = p->file_size; left >= sizeof(struct dynamic);
	     left -= sizeof(struct dynamic), at += sizeof(struct dynamic)) {
		struct dynamic d;
		memcpy(&d, at, sizeof d);
		switch (d.tag) {
		case DT_NULL:
			left = sizeof d; /* the last round */
			break;
		case DT_NEEDED:
			return "it needs shared libraries";
		case DT_RELA:
			image->relocations = d.value;
			break;
		case DT_RELASZ:
			bytes = d.value;
			break;
		case DT_RELAENT:
			entry_size = d.value;
			break;
		case DT_PLTRELSZ:
		case DT_REL:
		case DT_TEXTREL:
		case DT_RELRSZ:
			return "it has relocations of a kind that is not loaded";
		}
	}
	if (!bytes)
		return NULL;
	if (entry_size != sizeof(struct elf_relocation) || bytes % entry_size ||
	    !at_address(file, image, image->relocations, bytes))
		return damaged;
	image->relocation_count = bytes / entry_size;
	return NULL;
}

/* A file page with bytes of two segments cannot be mapped for both: note which. */
static void find_shared_pages(struct elf_image *image)
{
	for (size_t i = 0; i < image->segment_count; i++)
		for (size_t j = 0; j < image->segment_count; j++) {
			struct elf_segment *a = &image->segments[i], *b = &image->segments[j];
			if (i != j && a->file_size && b->file_size &&
			    (a->file_offset & -PAGE) < b->file_offset + b->file_size &&
			    (b->file_offset & -PAGE) < a->file_offset + a->file_size)
				a->file_pages_own = false;
		}
}

static const char *check_header(const struct file_header *h, uint64_t size)
{
	if (size < sizeof *h || memcmp(h->ident,
				       "\x7f"
				       "ELF",
				       4))
		return "it is not an ELF file";
	if (h->ident[4] != CLASS_64 || h->ident[5] != DATA_LITTLE || h->machine != MACHINE_X86_64)
		return "it is for another processor";
	if (h->type == TYPE_EXEC)
		return "it is not position-independent";
	if (h->type != TYPE_DYN)
		return "it is not linked";
	if (h->program_header_size != sizeof(struct program_header) || !h->program_header_count ||
	    h->program_headers % 8 ||
	    !within(h->program_headers,
		    (uint64_t)h->program_header_count * sizeof(struct program_header), size))
		return damaged;
	return NULL;
}

const char *elf_check(const uint8_t *file, uint64_t size, struct elf_image *image)
{
	memset(image, 0, sizeof *image);
	const struct file_header *h = (const void *)file;
	const char *error = check_header(h, size);
	if (error)
		return error;

	const struct bm_app_note *note = NULL;
	const struct program_header *first = (const void *)(file + h->program_headers);
	const struct program_header *end = first + h->program_header_count;
	for (const struct program_header *p = first; p < end; p++) {
		if (p->type == PT_LOAD) {
			error = add_segment(p, size, image);
			if (error)
				return error;
		} else if (p->type == PT_INTERP) {
			return foreign;
		} else if (p->type == PT_NOTE && !note && within(p->offset, p->file_size, size)) {
			note = find_note(file + p->offset, p->file_size);
		}
	}
	if (!note)
		return foreign;
	struct bm_app_note needs;
	memcpy(&needs, note, sizeof needs);
	if (needs.api_version > BM_API_VERSION)
		return "it needs a newer kernel";
	if (!image->segment_count)
		return damaged;

	for (const struct program_header *p = first; p < end; p++) {
		if (p->type == PT_DYNAMIC) {
			error = check_dynamic(file, p, image);
			if (error)
				return error;
		} else if (p->type == PT_GNU_RELRO && p->memory_size) {
			/* Whole pages, all in one writable segment. */
			uint64_t start = p->address & -PAGE;
			if (!within(p->address, p->memory_size, image->span) ||
			    !elf_writable(image, p->address, p->memory_size))
				return damaged;
			image->relro = start;
			image->relro_size = (p->address + p->memory_size - start) & -PAGE;
		}
	}

	image->entry = h->entry;
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segments[i];
		if (s->execute && h->entry >= s->address && h->entry - s->address < s->file_size) {
			find_shared_pages(image);
			return NULL;
		}
	}
	return "its entry point is not in executable code";
}

const struct elf_segment *elf_writable(const struct elf_image *image, uint64_t address,
				       uint64_t size)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segments[i];
		if (s->write && address >= s->address &&
		    within(address - s->address, size, s->memory_size))
			return s;
	}
	return NULL;
}
