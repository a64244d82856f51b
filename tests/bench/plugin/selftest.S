/* SPDX-License-Identifier: MIT */
/*
 * The proof that the plugin counts what it says: a tiny PVH kernel with code whose
 * length is known, on two cores. bench.py compares the pairs with the list below.
 *
 *     qemu-system-x86_64 -M microvm -smp 2 -kernel selftest.elf -display none \
 *             -device isa-debug-exit,iobase=0x501 -plugin count.so,out=FILE
 *
 *   pair  instructions  what
 *   0     10            straight line
 *   1     2001          a loop of 1000
 *   2     101           rep stosb of 100 bytes: one an iteration, one to end
 *   3     1             rep stosb of none
 *   4     400001        a loop on the first core while the second one runs
 *   5     600001        a loop on the second core meanwhile
 *   6     41            ten interrupts (INT): the loop's 31, and ten times IRET
 *
 * Ends with 1 written to isa-debug-exit (QEMU's status 3), or 2 (status 5) if the
 * second core never came.
 */
#define LAPIC_ICR_LOW  0xfee00300
#define LAPIC_ICR_HIGH 0xfee00310
#define ICR_INIT       0x000c4500 /* to all but self */
#define ICR_STARTUP    0x000c4600
#define TRAMPOLINE     0x8000

.macro	start id
	nopl	0x424d0100 + \id(%eax)
.endm
.macro	stop id
	nopl	0x424d0200 + \id(%eax)
.endm

	.section .note.pvh, "a", @note
	.long	4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	entry

	.text
	.code32
	.globl	entry
entry:
	lgdt	gdt_pointer
	ljmp	$8, $1f
1:	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	cld

	start	0
	.rept	10
	nop
	.endr
	stop	0

	start	1
	mov	$1000, %ecx
1:	dec	%ecx
	jnz	1b
	stop	1

	mov	$buffer, %edi
	mov	$100, %ecx
	start	2
	rep stosb
	stop	2
	start	3
	rep stosb
	stop	3

	movl	$interrupt, %eax
	movw	%ax, idt + 0x20 * 8
	shr	$16, %eax
	movw	%ax, idt + 0x20 * 8 + 6
	lidt	idt_pointer
	start	6
	mov	$10, %ecx
1:	int	$0x20
	dec	%ecx
	jnz	1b
	stop	6

	mov	$TRAMPOLINE, %edi
	mov	$second_core, %esi
	mov	$second_core_end - second_core, %ecx
	rep movsb
	movl	$0, LAPIC_ICR_HIGH
	movl	$ICR_INIT, LAPIC_ICR_LOW
	mov	$100000, %ecx
1:	loop	1b
	movl	$ICR_STARTUP | TRAMPOLINE >> 12, LAPIC_ICR_LOW

	mov	$1000000000, %ecx /* some seconds */
1:	cmpl	$0, here
	jne	2f
	pause
	loop	1b
	mov	$2, %eax
	jmp	end
2:	start	4
	mov	$200000, %ecx
1:	dec	%ecx
	jnz	1b
	stop	4
1:	cmpl	$0, done
	je	1b
	mov	$1, %eax
end:	mov	$0x501, %edx
	out	%eax, %dx
	hlt

interrupt:
	iret

	.code16
second_core:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	TRAMPOLINE + gdt_copy - second_core
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$8, $second_core_32
gdt_copy:
	.word	23
	.long	gdt
second_core_end:

	.code32
second_core_32:
	mov	$16, %eax
	mov	%eax, %ds
	movl	$1, here
	start	5
	mov	$300000, %ecx
1:	dec	%ecx
	jnz	1b
	stop	5
	movl	$1, done
1:	hlt
	jmp	1b

	.data
	.balign	8
gdt:	.quad	0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
	.word	23
	.long	gdt
	.balign	8
idt:	.skip	0x20 * 8
	.quad	0x00008e0000080000 /* an interrupt gate; its offset is filled in */
idt_pointer:
	.word	0x21 * 8 - 1
	.long	idt
here:	.long	0
done:	.long	0
	.bss
buffer:	.skip	128
	.section .note.GNU-stack, "", @progbits
