/* SPDX-License-Identifier: MIT */
/* Registers of the 16550 (PC16550D data sheet, section 8), as offsets from its first port. */
#ifndef KERNEL_CONSOLE_SERIAL_REGS_H
#define KERNEL_CONSOLE_SERIAL_REGS_H

#define UART_DATA          0
#define UART_DIVISOR_LOW   0 /* while UART_LCR_DLAB is set */
#define UART_DIVISOR_HIGH  1 /* likewise */
#define UART_IER           1
#define UART_IIR           2 /* read */
#define UART_IIR_FIFO      0xc0
#define UART_FCR           2 /* write */
#define UART_FCR_ENABLE    0x01
#define UART_LCR           3
#define UART_LCR_8N1       0x03
#define UART_LCR_DLAB      0x80
#define UART_MCR           4
#define UART_MCR_DTR       0x01
#define UART_MCR_RTS       0x02
#define UART_MCR_OUT2      0x08
#define UART_MCR_LOOPBACK  0x10
#define UART_LSR           5
#define UART_LSR_DATA      0x01
#define UART_LSR_THR_EMPTY 0x20
#define UART_MSR           6
#define UART_MSR_INPUTS    0xf0
#define UART_MSR_CTS       0x10
#define UART_MSR_DCD       0x80
#define UART_SCRATCH       7

#define UART_FIFO_SIZE 16

#endif
