/* SPDX-License-Identifier: MIT */
/*
 * The app's first instruction, and the note by which the kernel knows an app.
 * It is linked as an object of its own, so that both are always there.
 */
#include <baremetal/api.h>

/*
 * In: rdi = struct bm_start. rbp = 0 ends every backtrace.
 */
__asm__(".section .text._start, \"ax\", @progbits\n"
	".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xorl %ebp, %ebp\n"
	"	andq $-16, %rsp\n"
	"	call _start_c\n" /* does not return */
	"	ud2\n"
	".size _start, . - _start\n"
	".previous\n");

static const struct {
	uint32_t name_size, descriptor_size, type;
	char name[12];
	struct bm_app_note app;
} note __attribute__((used, section(".note.baremetal"), aligned(4))) = {
    .name_size = sizeof(BM_NOTE_NAME),
    .descriptor_size = sizeof(struct bm_app_note),
    .type = BM_NOTE_APP,
    .name = BM_NOTE_NAME,
    .app = {.api_version = BM_API_VERSION},
};
_Static_assert(sizeof(note) == 12 + 12 + sizeof(struct bm_app_note), "ELF note");
