/* SPDX-License-Identifier: MIT */
/*
 * A simulated 8254x or 82574. Contract: chip.h. Sections: 317453.
 */
#include "chip.h"
#include <string.h>
#include "device/mmio.h"
#include "drivers/net/e1000e_regs.h"
#include "kernel.h"

#define BASE 0x1000000ul

struct chip chip;

static uint32_t reset_left;  /* reads until RST is 0 */
static bool ring_written[2]; /* since the last reset */

/* ---- Registers ---- */

static void load_address(void)
{
	const uint8_t *m = chip.mac;
	CHIP_REG(E1000_RAL(0)) = m[0] | m[1] << 8 | m[2] << 16 | (uint32_t)m[3] << 24;
	CHIP_REG(E1000_RAH(0)) = m[4] | m[5] << 8 | E1000_RAH_AV;
	if (chip.no_address)
		CHIP_REG(E1000_RAH(0)) = CHIP_REG(E1000_RAL(0)) = 0;
}

static void reset(void)
{
	uint32_t owner = CHIP_REG(E1000E_EXTCNF_CTRL);
	chip.resets++;
	CHECK(!chip.express || owner & E1000E_EXTCNF_CTRL_MDIO);
	CHECK(!chip.express || CHIP_REG(E1000_CTRL) & E1000_CTRL_NO_MASTER);
	/* What is not said to be 0 may be anything. */
	for (uint32_t i = 0; i < sizeof chip.registers / 4; i++)
		chip.registers[i] = 0;
	for (uint32_t i = 0; i < E1000_MTA_ENTRIES; i++)
		CHIP_REG(E1000_MTA(i)) = 0xa5a5a5a5;
	CHIP_REG(E1000_RDH) = CHIP_REG(E1000_TDH) = 77;
	CHIP_REG(E1000_RDT) = CHIP_REG(E1000_TDT) = 78;
	CHIP_REG(E1000E_EXTCNF_CTRL) = owner;
	load_address();
	chip.icr = chip.ims = 0;
	chip.contexts = 0;
	ring_written[0] = ring_written[1] = false;
	reset_left = chip.never_resets ? UINT32_MAX : 2;
}

static uint32_t status(void)
{
	return chip.link ? E1000_STATUS_LU | E1000_STATUS_FD | 2 << 6 : 0;
}

static bool is_counter(uint32_t reg)
{
	return reg >= 0x4000 && reg < 0x4100;
}

uint32_t mmio_read32(const volatile void *at)
{
	uint32_t reg = (uint64_t)at - BASE, value;
	fake.now += 300;
	CHECK(reg < E1000_REGISTERS && !(reg & 3));
	if (chip.gone || reg >= E1000_REGISTERS)
		return chip.zeros ? 0 : ~0u;
	switch (reg) {
	case E1000_STATUS:
		return status();
	case E1000_CTRL:
		if (reset_left && reset_left != UINT32_MAX)
			reset_left--;
		return CHIP_REG(reg) | (reset_left ? E1000_CTRL_RST : 0);
	case E1000_ICR:
		value = chip.icr;
		if (!chip.express || !chip.ims)
			chip.icr = 0;
		return value;
	case E1000_TDH:
		return chip.head_lie ? chip.head_lie : CHIP_REG(reg);
	case E1000E_EECD:
		CHECK(chip.express);
		return E1000E_EECD_AUTO_RD;
	case E1000_EERD:
	case E1000_MDIC:
	case E1000_RCTL:
	case E1000_TCTL:
	case E1000_RAL(0):
	case E1000_RAH(0):
		return CHIP_REG(reg);
	case E1000E_EXTCNF_CTRL:
	case E1000E_CTRL_EXT:
		CHECK(chip.express);
		return CHIP_REG(reg);
	}
	CHECK(is_counter(reg));
	value = CHIP_REG(reg);
	CHIP_REG(reg) = 0;
	return value;
}

static void eeprom(uint32_t value)
{
	uint32_t shift = chip.express ? 2 : 8;
	uint32_t done = chip.express ? E1000E_EERD_DONE : E1000_EERD_DONE;
	uint32_t word = (value & ~E1000_EERD_START) >> shift;
	CHECK(value & E1000_EERD_START && word < 64);
	if (chip.no_eeprom)
		return;
	uint32_t data = word < 3 ? chip.mac[2 * word] | chip.mac[2 * word + 1] << 8 : 0xffff;
	CHIP_REG(E1000_EERD) = data << 16 | done | word << shift;
}

static void phy(uint32_t value)
{
	uint32_t reg = value >> 16 & 31;
	CHECK((value >> 21 & 31) == 1 && reg == E1000_PHY_BMCR);
	if (chip.no_phy) {
		CHIP_REG(E1000_MDIC) = value | E1000_MDIC_READY | E1000_MDIC_ERROR;
		return;
	}
	if ((value & 3u << 26) == E1000_MDIC_WRITE)
		chip.bmcr = value & 0xffff;
	CHIP_REG(E1000_MDIC) = (value & 0xffff0000) | chip.bmcr | E1000_MDIC_READY;
}

/* Rings are set up while they stand still, tails stay within. */
static void write_ring(uint32_t reg, uint32_t value, uint32_t which)
{
	uint32_t base = which ? E1000_TDBAL : E1000_RDBAL;
	bool on =
	    which ? CHIP_REG(E1000_TCTL) & E1000_TCTL_EN : CHIP_REG(E1000_RCTL) & E1000_RCTL_EN;
	uint32_t slots = CHIP_REG(base + 8) / 16;
	switch (reg - base) {
	case 0x00:
		CHECK(!on && !(value & 15));
		break;
	case 0x08:
		CHECK(!on && value && !(value & 127) && value <= 65536);
		break;
	case 0x10:
		CHECK(!on && value == 0);
		ring_written[which] = true;
		break;
	case 0x18:
		CHECK(value < slots);
		CHECK(!on || fake.master);
		chip.tail_writes[which] += on;
		break;
	}
}

void mmio_write32(volatile void *at, uint32_t value)
{
	uint32_t reg = (uint64_t)at - BASE;
	fake.now += 300;
	CHECK(reg < E1000_REGISTERS && !(reg & 3));
	if (chip.gone || reg >= E1000_REGISTERS)
		return;
	switch (reg) {
	case E1000_CTRL:
		CHIP_REG(reg) = value & ~E1000_CTRL_RST;
		if (value & E1000_CTRL_RST)
			reset();
		return;
	case E1000_ICR:
		chip.icr &= ~value;
		return;
	case E1000_IMS:
		CHECK(fake.interrupts && !(value & ~(chip.express ? 0x1ff00d7u : 0x1ffffu)));
		chip.ims |= value;
		return;
	case E1000_IMC:
		chip.ims &= ~value;
		return;
	case E1000_EERD:
		CHIP_REG(reg) = value;
		eeprom(value);
		return;
	case E1000_MDIC:
		phy(value);
		return;
	case E1000_RDBAL:
	case E1000_RDLEN:
	case E1000_RDH:
	case E1000_RDT:
		write_ring(reg, value, 0);
		break;
	case E1000_TDBAL:
	case E1000_TDLEN:
	case E1000_TDH:
	case E1000_TDT:
		write_ring(reg, value, 1);
		break;
	case E1000_RCTL:
		/* 14.4: what has to be before. */
		if (value & E1000_RCTL_EN && !(CHIP_REG(reg) & E1000_RCTL_EN))
			CHECK(fake.master && ring_written[0] && CHIP_REG(E1000_RDLEN));
		CHECK(!(value & E1000_RCTL_EN) || value & E1000_RCTL_SECRC);
		break;
	case E1000_TCTL:
		/* 14.5. */
		if (value & E1000_TCTL_EN)
			CHECK(fake.master && ring_written[1] && CHIP_REG(E1000_TDLEN) &&
			      CHIP_REG(E1000_TIPG));
		break;
	case E1000E_CTRL_EXT:
	case E1000E_EIAC:
	case E1000E_IVAR:
	case E1000E_RXDCTL:
	case E1000E_TXDCTL:
	case E1000E_RFCTL:
	case E1000E_MRQC:
	case E1000E_EXTCNF_CTRL:
		CHECK(chip.express);
		break;
	case E1000_RDBAH:
	case E1000_TDBAH:
	case E1000_FCAL:
	case E1000_FCAH:
	case E1000_FCT:
	case E1000_FCTTV:
	case E1000_ITR:
	case E1000_TIPG:
	case E1000_RDTR:
	case E1000_RADV:
	case E1000_TIDV:
	case E1000_RXCSUM:
		break;
	default:
		CHECK(reg >= E1000_MTA(0) && reg <= E1000_RAH(15));
	}
	CHIP_REG(reg) = value;
}

/* ---- Receiving ---- */

void chip_cause(uint32_t bits)
{
	chip.icr |= bits;
}

void chip_interrupt(void)
{
	if (!chip.gone && chip.icr & chip.ims)
		fake.function(fake.argument);
}

static struct e1000_desc *descriptor(uint32_t base, uint32_t slot)
{
	uint64_t ring = CHIP_REG(base) | (uint64_t)CHIP_REG(base + 4) << 32;
	return fake_memory(ring + slot * 16ul, 16);
}

void chip_write_back(uint32_t slot, uint64_t word)
{
	struct e1000_desc *d = descriptor(E1000_RDBAL, slot);
	if (d) {
		if (chip.express)
			d->address = 0x1234567890abcdef;
		d->word = word;
	}
}

bool chip_receive(const uint8_t *frame, uint32_t bytes, uint64_t status)
{
	uint32_t head = CHIP_REG(E1000_RDH), slots = CHIP_REG(E1000_RDLEN) / 16;
	if (chip.gone || !chip.link || !(CHIP_REG(E1000_RCTL) & E1000_RCTL_EN))
		return false;
	CHECK(head < slots && CHIP_REG(E1000_RDT) < slots);
	if (head == CHIP_REG(E1000_RDT)) {
		CHIP_REG(E1000_MPC)++;
		chip_cause(E1000_INT_RXO);
		return false;
	}
	struct e1000_desc *d = descriptor(E1000_RDBAL, head);
	if (!d)
		return false;
	CHECK(!(d->word & (E1000_RX_DD | E1000E_RX_DD)));
	CHECK(!fake.narrow || !((d->address ^ (d->address + 2047)) >> 16));
	/* All of the buffer is the device's. */
	uint8_t *at = fake_memory(d->address, 2048);
	if (!at)
		return false;
	memcpy(at, frame, bytes < 2048 ? bytes : 2048);
	chip_write_back(head, chip.express
				  ? (uint64_t)bytes << 32 | E1000E_RX_DD | E1000E_RX_EOP | status
				  : bytes | E1000_RX_DD | E1000_RX_EOP | status);
	CHIP_REG(E1000_RDH) = (head + 1) % slots;
	chip_cause(E1000_INT_RXT0);
	return true;
}

/* ---- Sending ---- */

static uint8_t data[128 * 1024]; /* a frame, before segmentation */
static uint32_t data_bytes;
static uint64_t context[2]; /* the two words of the last context descriptor */

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

uint32_t chip_sum(const uint8_t *at, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void wire(const uint8_t *frame, uint32_t bytes)
{
	CHECK(bytes >= E1000_FRAME_LEAST && bytes <= CHIP_FRAME_MAX);
	CHECK(chip.sent_count < CHIP_SENT);
	if (bytes > CHIP_FRAME_MAX || chip.sent_count == CHIP_SENT)
		return;
	memcpy(chip.sent[chip.sent_count], frame, bytes);
	chip.sent_bytes[chip.sent_count++] = bytes;
}

/* 3.3.6: insert a checksum over start … end, where its field may hold a part of it. */
static void insert(uint8_t *frame, uint32_t bytes, uint32_t start, uint32_t at, uint32_t last)
{
	uint32_t end = last ? last + 1 : bytes;
	CHECK(start < bytes && at + 2 <= bytes && end <= bytes && start <= at && at + 2 <= end);
	if (start < bytes && at + 2 <= bytes && end <= bytes && start <= end)
		put16(frame + at, ~chip_sum(frame + start, end - start, 0));
}

/* 3.5.9. */
static void segment(uint64_t word)
{
	static uint8_t frame[CHIP_FRAME_MAX + 65536];
	uint32_t header = context[1] >> 40 & 0xff, mss = context[1] >> 48,
		 total = context[1] & 0xfffff;
	uint32_t ip = context[0] & 0xff, tcp = context[0] >> 32 & 0xff,
		 at = context[0] >> 40 & 0xff;
	bool v4 = context[1] & E1000_TXC_IPV4;

	CHECK(context[1] & E1000_TX_TSE && context[1] & E1000_TXC_TCP && mss);
	CHECK(data_bytes == header + total && total);
	CHECK(tcp + 20 <= header && at == tcp + 16 && word & E1000_TX_TXSM);
	/* 3.5.6: as software has to leave them. */
	CHECK(get16(data + ip + (v4 ? 2 : 4)) == 0);
	CHECK(!v4 || (get16(data + ip + 10) == 0 && word & E1000_TX_IXSM));
	if (failures)
		return;
	for (uint32_t from = 0, number = 0; from < total; from += mss, number++) {
		uint32_t bytes = total - from < mss ? total - from : mss;
		memcpy(frame, data, header);
		memcpy(frame + header, data + header + from, bytes);
		if (v4) {
			put16(frame + ip + 2, header - ip + bytes);
			put16(frame + ip + 4, get16(frame + ip + 4) + number);
			insert(frame, header + bytes, ip, ip + 10, tcp - 1);
		} else {
			put16(frame + ip + 4, header - ip - 40 + bytes);
		}
		uint32_t sequence = (get16(frame + tcp + 4) << 16 | get16(frame + tcp + 6)) + from;
		put16(frame + tcp + 4, sequence >> 16);
		put16(frame + tcp + 6, sequence);
		if (from + bytes < total)
			frame[tcp + 13] &= ~9;
		uint32_t sum = get16(frame + at) + header - tcp + bytes;
		put16(frame + at, (sum & 0xffff) + (sum >> 16));
		insert(frame, header + bytes, tcp, at, 0);
		wire(frame, header + bytes);
	}
}

static void finish(uint64_t word)
{
	if (word & E1000_TX_DEXT && word & E1000_TX_TSE) {
		segment(word);
	} else {
		if (word & E1000_TX_DEXT && word & E1000_TX_TXSM)
			insert(data, data_bytes, context[0] >> 32 & 0xff, context[0] >> 40 & 0xff,
			       context[0] >> 48);
		wire(data, data_bytes);
	}
	data_bytes = 0;
}

uint32_t chip_transmit(uint32_t frames)
{
	uint32_t slots = CHIP_REG(E1000_TDLEN) / 16, done = 0;
	if (chip.gone || chip.stalls || !chip.link || !(CHIP_REG(E1000_TCTL) & E1000_TCTL_EN))
		return 0;
	while (done < frames && CHIP_REG(E1000_TDH) != CHIP_REG(E1000_TDT)) {
		uint32_t head = CHIP_REG(E1000_TDH);
		struct e1000_desc *d = descriptor(E1000_TDBAL, head);
		if (!d)
			return done;
		uint64_t word = d->word;
		CHECK(!(word & (E1000_TX_DD | 0xful << 32)));
		if (word & E1000_TX_DEXT && !(word >> 20 & 15)) {
			CHECK(!data_bytes && !(word & E1000_TX_RS));
			context[0] = d->address;
			context[1] = word;
			chip.contexts++;
		} else {
			uint32_t bytes = word & (word & E1000_TX_DEXT ? E1000_TX_LENGTH : 0xffff);
			CHECK(bytes && word & E1000_TX_IFCS && data_bytes + bytes <= sizeof data);
			CHECK(!(word & E1000_TX_DEXT && word & E1000_TX_TSE) || bytes <= 8192);
			/* After a reset it has no context. */
			CHECK(!(word & E1000_TX_DEXT) || chip.contexts);
			const uint8_t *from = fake_memory(d->address, bytes);
			if (!from || data_bytes + bytes > sizeof data)
				return done;
			memcpy(data + data_bytes, from, bytes);
			data_bytes += bytes;
			if (word & E1000_TX_EOP) {
				CHECK(word & E1000_TX_RS);
				finish(word);
				done++;
			}
			if (word & E1000_TX_RS) {
				d->word = word | E1000_TX_DD;
				chip_cause(E1000_INT_TXDW);
			}
		}
		CHIP_REG(E1000_TDH) = (head + 1) % slots;
	}
	return done;
}

/* ---- For tests ---- */

void chip_begin(bool express)
{
	static const uint8_t mac[] = {0x52, 0x54, 0x00, 0x9a, 0xbc, 0xde};
	memset(&chip, 0, sizeof chip);
	chip.express = express;
	chip.link = true;
	chip.bmcr = E1000_PHY_BMCR_AUTO | 1 << 6;
	memcpy(chip.mac, mac, 6);
	reset_left = 0;
	data_bytes = 0;
	/* Firmware has left it receiving. */
	CHIP_REG(E1000_RCTL) = E1000_RCTL_EN;
	load_address();
}
