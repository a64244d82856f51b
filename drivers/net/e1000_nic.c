/* SPDX-License-Identifier: MIT */
/*
 * e1000, e1000e: finding, starting and stopping; addresses, filter, link, counters. Contract:
 * e1000.h. Sections: 317453 (see e1000_regs.h).
 *
 * The PHY negotiates by itself from power-on, and no reset of ours disturbs it: so a link is there
 * at once. Flow control is left off: who has no room drops, and higher layers notice.
 */
#include <string.h>
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/time.h"
#include "cpu/timer.h"
#include "e1000.h"

#define RX_LEAST  8 /* RDLEN is a multiple of 128 bytes */
#define REPORTS   8 /* the receive ring's tail moves by an eighth of it */
#define SETTLE_NS 10000000u
#define RESET_NS  5000000u   /* the EEPROM is read anew meanwhile */
#define ANSWER_NS 100000000u /* of what shall be done in much less */

int e1000_wait(const struct e1000_nic *n, uint32_t reg, uint32_t bits, uint32_t wanted, uint64_t ns)
{
	uint64_t end = time_monotonic() + ns;
	for (;;) {
		uint32_t value = e1000_read(n, reg);
		if (value == E1000_GONE)
			return -BM_ENODEV;
		if ((value & bits) == wanted)
			return 0;
		if (time_monotonic() > end)
			return -BM_ETIMEDOUT;
		cpu_relax();
	}
}

/* ---- EEPROM and PHY ---- */

/* 13.4.4. */
static int read_eeprom(const struct e1000_nic *n, uint32_t word, uint32_t *value)
{
	const struct e1000_chip *c = n->chip;
	e1000_write(n, E1000_EERD, word << c->eerd_shift | E1000_EERD_START);
	int error = e1000_wait(n, E1000_EERD, c->eerd_done, c->eerd_done, ANSWER_NS);
	*value = E1000_EERD_DATA(e1000_read(n, E1000_EERD));
	return error;
}

/* 13.4.7. */
static int access_phy(const struct e1000_nic *n, uint32_t command, uint32_t *value)
{
	e1000_write(n, E1000_MDIC, command | E1000_MDIC_PHY_1);
	int error = e1000_wait(n, E1000_MDIC, E1000_MDIC_READY, E1000_MDIC_READY, ANSWER_NS);
	uint32_t answer = e1000_read(n, E1000_MDIC);
	if (!error && answer & E1000_MDIC_ERROR)
		error = -BM_EIO;
	*value = answer & E1000_MDIC_DATA;
	return error;
}

/* Whoever had the device before may have left the PHY switched off, or without negotiation. */
static int wake_phy(const struct e1000_nic *n)
{
	const uint32_t bad = E1000_PHY_BMCR_ISOLATE | E1000_PHY_BMCR_DOWN | E1000_PHY_BMCR_LOOP;
	uint32_t value;
	int error = access_phy(n, E1000_MDIC_READ | E1000_MDIC_REGISTER(E1000_PHY_BMCR), &value);
	if (!error && (value & bad || !(value & E1000_PHY_BMCR_AUTO)))
		error = access_phy(n,
				   E1000_MDIC_WRITE | E1000_MDIC_REGISTER(E1000_PHY_BMCR) |
				       E1000_PHY_BMCR_AUTO | E1000_PHY_BMCR_RESTART,
				   &value);
	return error;
}

/* 13.5.2: from its EEPROM the device loads it by itself, in a reset. */
static int read_mac(const struct e1000_nic *n, uint8_t mac[6])
{
	uint32_t low = e1000_read(n, E1000_RAL(0)), high = e1000_read(n, E1000_RAH(0));
	uint8_t any = 0;

	if (!(high & E1000_RAH_AV)) {
		uint32_t words[3];
		for (uint32_t i = 0; i < 3; i++) {
			int error = read_eeprom(n, E1000_EEPROM_MAC + i, &words[i]);
			if (error)
				return error;
		}
		low = words[0] | words[1] << 16;
		high = words[2];
	}
	for (uint32_t i = 0; i < 6; i++) {
		mac[i] = i < 4 ? low >> 8 * i : high >> 8 * (i - 4);
		any |= mac[i];
	}
	return any && !(mac[0] & 1) ? 0 : -BM_EIO;
}

/* ---- Reset ---- */

/* 14.3 begins with it. After that the device touches no memory, and interrupts nobody. */
static int reset(struct e1000_nic *n)
{
	e1000_write(n, E1000_IMC, E1000_INT_ALL);
	bool busy = (e1000_read(n, E1000_RCTL) & E1000_RCTL_EN) |
		    (e1000_read(n, E1000_TCTL) & E1000_TCTL_EN);
	e1000_write(n, E1000_RCTL, 0);
	e1000_write(n, E1000_TCTL, E1000_TCTL_PSP);
	if (e1000_read(n, E1000_STATUS) == E1000_GONE)
		return -BM_ENODEV;
	if (busy)
		timer_wait(SETTLE_NS); /* what has been begun comes to its end */
	if (n->chip->before_reset)
		n->chip->before_reset(n);
	/* 13.4.1. */
	e1000_write(n, E1000_CTRL, e1000_read(n, E1000_CTRL) | E1000_CTRL_RST);
	timer_wait(RESET_NS);
	int error = e1000_wait(n, E1000_CTRL, E1000_CTRL_RST, 0, ANSWER_NS);
	if (!error && n->chip->after_reset)
		error = n->chip->after_reset(n);
	e1000_write(n, E1000_IMC, E1000_INT_ALL);
	e1000_read(n, E1000_ICR);
	return error;
}

/* 14.3: general configuration. */
static void configure(struct e1000_nic *n)
{
	uint32_t ctrl = e1000_read(n, E1000_CTRL);
	ctrl &= ~(E1000_CTRL_LRST | E1000_CTRL_PHY_RST | E1000_CTRL_ILOS | E1000_CTRL_FRCSPD |
		  E1000_CTRL_FRCDPLX | E1000_CTRL_RFCE | E1000_CTRL_TFCE | E1000_CTRL_VME);
	e1000_write(n, E1000_CTRL, ctrl | E1000_CTRL_ASDE | E1000_CTRL_SLU);
	e1000_write(n, E1000_FCAL, 0);
	e1000_write(n, E1000_FCAH, 0);
	e1000_write(n, E1000_FCT, 0);
	e1000_write(n, E1000_FCTTV, 0);
}

/* ---- Addresses and filter ---- */

int e1000_set_mac(void *state, const struct bm_net_setup *setup)
{
	struct e1000_nic *n = state;
	const uint8_t *mac = setup->mac;
	e1000_write(n, E1000_RAL(0), mac[0] | mac[1] << 8 | mac[2] << 16 | (uint32_t)mac[3] << 24);
	e1000_write(n, E1000_RAH(0), mac[4] | mac[5] << 8 | E1000_RAH_AV);
	return 0;
}

/* 13.5.1: a table of all values of an address' last 12 bits. */
int e1000_filter(void *state, const struct bm_net_setup *setup)
{
	struct e1000_nic *n = state;
	uint32_t table[E1000_MTA_ENTRIES] = {0}, rctl = n->rctl;

	for (uint32_t i = 0; i < setup->multicast_count; i++) {
		const uint8_t *a = setup->multicast[i];
		uint32_t value = a[4] >> 4 | a[5] << 4;
		table[value >> 5] |= 1u << (value & 31);
	}
	for (uint32_t i = 0; i < E1000_MTA_ENTRIES; i++)
		e1000_write(n, E1000_MTA(i), table[i]);
	rctl &= ~(E1000_RCTL_UPE | E1000_RCTL_MPE);
	if (setup->filter & BM_NET_PROMISCUOUS)
		rctl |= E1000_RCTL_UPE | E1000_RCTL_MPE;
	if (setup->filter & BM_NET_ALL_MULTICAST)
		rctl |= E1000_RCTL_MPE;
	if (rctl != n->rctl && n->live)
		e1000_write(n, E1000_RCTL, rctl);
	n->rctl = rctl;
	return 0;
}

/* ---- Link and counters ---- */

/* Of what has been pulled out, all bits are ones; or zeros, and then it does not receive either. */
bool e1000_is_gone(const struct e1000_nic *n)
{
	uint32_t rctl = e1000_read(n, E1000_RCTL);
	return rctl == E1000_GONE || !(rctl & E1000_RCTL_EN);
}

void e1000_look(struct e1000_nic *n)
{
	n->quiet = E1000_LOOK;
	if (e1000_is_gone(n))
		net_fault(n->net, "is not there any more");
}

/*
 * 13.7: frames that no descriptor tells of. Not those that are too short (RUC): QEMU fills them up,
 * hands them over, and counts them all the same.
 */
static void count(const struct e1000_nic *n)
{
	static const uint16_t errors[] = {E1000_CRCERRS, E1000_RXERRC, E1000_CEXTERR,
					  E1000_RFC,     E1000_ROC,    E1000_RJC};
	uint64_t sum = 0, drops = e1000_read(n, E1000_MPC);
	for (uint32_t i = 0; i < sizeof errors / sizeof *errors; i++)
		sum += e1000_read(n, errors[i]);
	/* The queue pair's user counts as well. */
	__atomic_add_fetch(&n->queue->received_errors, sum, __ATOMIC_RELAXED);
	__atomic_add_fetch(&n->queue->received_drops, drops, __ATOMIC_RELAXED);
}

/* A frame that does not leave, while nobody sends more: the ring is never full then. */
static void look_at_sent(struct e1000_nic *n)
{
	uint64_t now = tsc_read();
	uint32_t done = __atomic_load_n(&n->tx_done, __ATOMIC_RELAXED);

	if (e1000_sent_one(n)) {
		n->seen_since = 0;
	} else if (done != n->seen_done || !n->seen_since) {
		n->seen_done = done;
		n->seen_since = now ? now : 1;
	} else if (now - n->seen_since >= n->stuck_ticks) {
		n->seen_since = 0;
		net_fault(n->net, "sends nothing any more");
	}
}

void e1000_link(void *state, struct bm_net_link *link)
{
	struct e1000_nic *n = state;
	uint32_t status = e1000_read(n, E1000_STATUS);

	link->up = link->full_duplex = link->speed = 0;
	if (n->live && e1000_is_gone(n)) {
		net_fault(n->net, "is not there any more");
		return;
	}
	if (status == E1000_GONE)
		return;
	if (n->live)
		count(n);
	/* 13.4.2. */
	if (!(status & E1000_STATUS_LU)) {
		n->seen_since = 0;
		return;
	}
	link->up = 1;
	link->full_duplex = status & E1000_STATUS_FD;
	uint32_t speed = status & E1000_STATUS_SPEED;
	link->speed = speed == E1000_STATUS_SPEED_10    ? 10
		      : speed == E1000_STATUS_SPEED_100 ? 100
							: 1000;
	if (n->live)
		look_at_sent(n);
}

/* ---- The receive ring's unusual cases ---- */

void e1000_bad_frame(struct e1000_nic *n, uint32_t length, bool whole)
{
	__atomic_add_fetch(&n->queue->received_errors, 1, __ATOMIC_RELAXED);
	if (whole && length <= BM_NET_ROOM)
		return; /* too short, too long, or damaged */
	n->queue->strays++;
	net_fault(n->net, whole ? "says that it wrote beyond a buffer's end"
				: "has received a frame in buffers that it does not have");
}

static bool is_unfit(const struct e1000_nic *n, const struct bm_net_buffer *b)
{
	uint64_t first = net_phys(b, b->base) + BM_NET_HEADROOM;
	return n->narrow && (first ^ (first + BM_NET_ROOM - 1)) >> 16;
}

/* A buffer for the ring; those that the device cannot have are laid aside until it stops. */
struct bm_net_buffer *e1000_take_other(struct e1000_nic *n, struct bm_net_buffer *b)
{
	while (b && is_unfit(n, b)) {
		b->next = n->unfit;
		n->unfit = b;
		b = net_take(n->queue);
	}
	if (!b)
		__atomic_add_fetch(&n->queue->received_drops, 1, __ATOMIC_RELAXED);
	return b;
}

/* ---- Interrupt ---- */

/* It may be another device's, on the same line: so it is no proof of anything. */
static void interrupt(void *argument)
{
	struct e1000_nic *n = argument;
	e1000_write(n, E1000_IMC, E1000_INT_ALL);
	if (n->net)
		net_notify(n->net, BM_NET_ALL_QUEUES);
}

int e1000_ready(const struct bm_net_queue *q, uint32_t what)
{
	const struct e1000_nic *n = q->state;
	return (what & BM_NET_RECEIVE && n->rx[n->rx_next].word & n->chip->rx_done) ||
	       (what & BM_NET_SEND && e1000_sent_one(n));
}

int e1000_arm(struct bm_net_queue *q, uint32_t what)
{
	struct e1000_nic *n = q->state;
	uint32_t causes = E1000_INT_LSC | (what & BM_NET_RECEIVE ? n->chip->rx_causes : 0) |
			  (what & BM_NET_SEND ? n->chip->tx_causes : 0);

	/* 13.4.17: what was, is over; what comes from here on interrupts. */
	e1000_write(n, E1000_ICR, E1000_INT_ALL);
	e1000_write(n, E1000_IMS, causes);
	interrupts_enable(n->device);
	/* Reading waits for the writes, and for what the device has written before. */
	if (e1000_is_gone(n))
		net_fault(n->net, "is not there any more");
	return e1000_ready(q, what);
}

/* ---- Starting and stopping ---- */

static void give_back(struct e1000_nic *n)
{
	for (uint32_t i = 0; i < E1000_RX_SLOTS; i++) {
		net_give(NULL, n->received[i]);
		n->received[i] = NULL;
	}
	for (uint32_t i = 0; i < E1000_TX_SLOTS; i++) {
		if (n->sent[i] && !(n->tx[i].word & E1000_TX_DD))
			__atomic_add_fetch(&n->queue->sent_errors, 1, __ATOMIC_RELAXED);
		net_give(NULL, n->sent[i]);
		n->sent[i] = NULL;
	}
	net_give(NULL, n->unfit);
	n->unfit = NULL;
}

void e1000_stop(void *state)
{
	struct e1000_nic *n = state;
	n->live = false;
	reset(n);
	/* Even if it did not do so: no memory any more. */
	pci_master(n->device, false);
	give_back(n);
}

static int make_rings(struct e1000_nic *n)
{
	const uint32_t rx = E1000_RX_SLOTS * sizeof *n->rx, tx = E1000_TX_SLOTS * sizeof *n->tx;
	if (n->zeros)
		return 0;
	/* At a multiple of their size: nor do they cross one of 64 KiB. */
	n->rx = n->rx ? n->rx : dma_take(rx, 4096, NULL);
	n->tx = n->tx ? n->tx : dma_take(tx, 4096, NULL);
	n->headers =
	    n->headers ? n->headers : dma_take(E1000_TX_SLOTS / 2 * sizeof *n->headers, 4096, NULL);
	if (!n->rx || !n->tx || !n->headers)
		return -BM_ENOMEM;
	n->zeros = dma_take(E1000_FRAME_LEAST, 64, NULL);
	return n->zeros ? 0 : -BM_ENOMEM;
}

/* All slots, or as many as there are buffers for: a power of two. */
static int fill_ring(struct e1000_nic *n)
{
	uint32_t have = 0, slots = E1000_RX_SLOTS;

	for (; have < E1000_RX_SLOTS; have++) {
		struct bm_net_buffer *b = net_take(n->queue);
		while (b && is_unfit(n, b)) {
			b->next = n->unfit;
			n->unfit = b;
			b = net_take(n->queue);
		}
		if (!b)
			break;
		e1000_fill(n, have, b);
	}
	while (slots > have)
		slots /= 2;
	for (uint32_t i = slots; i < have; i++) {
		net_give_one(n->queue, n->received[i]);
		n->received[i] = NULL;
	}
	n->rx_mask = slots - 1;
	n->rx_report = slots / REPORTS;
	n->rx_next = n->rx_unreported = 0;
	return slots >= RX_LEAST ? 0 : -BM_ENOMEM;
}

/* 14.4. */
static void start_receiving(struct e1000_nic *n, const struct bm_net_setup *setup)
{
	uint64_t ring = dma_phys(n->rx);

	e1000_set_mac(n, setup);
	for (uint32_t i = 1; i < E1000_RA_ENTRIES; i++) {
		e1000_write(n, E1000_RAH(i), 0);
		e1000_write(n, E1000_RAL(i), 0);
	}
	n->rctl = E1000_RCTL_EN | E1000_RCTL_MO_47_36 | E1000_RCTL_BAM | E1000_RCTL_BSIZE_2048 |
		  E1000_RCTL_SECRC;
	e1000_filter(n, setup);
	e1000_write(n, E1000_RDTR, 0);
	e1000_write(n, E1000_RADV, 0);
	e1000_write(n, E1000_RDBAL, (uint32_t)ring);
	e1000_write(n, E1000_RDBAH, ring >> 32);
	e1000_write(n, E1000_RDLEN, (n->rx_mask + 1) * sizeof *n->rx);
	e1000_write(n, E1000_RDH, 0);
	e1000_write(n, E1000_RDT, 0);
	n->checksum_ok = setup->accept & BM_NET_ACCEPT_CHECKSUM ? ~0ul : 0;
	e1000_write(n, E1000_RXCSUM, n->checksum_ok ? E1000_RXCSUM_IPOFL | E1000_RXCSUM_TUOFL : 0);
	e1000_write(n, E1000_RCTL, n->rctl);
	/* All but one: equal head and tail mean an empty ring. */
	e1000_write(n, E1000_RDT, n->rx_mask);
}

/* 14.5. */
static void start_sending(struct e1000_nic *n)
{
	uint64_t ring = dma_phys(n->tx);

	memset(n->tx, 0, E1000_TX_SLOTS * sizeof *n->tx);
	n->tx_tail = n->tx_clean = 0;
	n->tx_room = E1000_TX_SLOTS - 1;
	n->full_since = n->seen_since = n->context = 0;
	e1000_write(n, E1000_TDBAL, (uint32_t)ring);
	e1000_write(n, E1000_TDBAH, ring >> 32);
	e1000_write(n, E1000_TDLEN, E1000_TX_SLOTS * sizeof *n->tx);
	e1000_write(n, E1000_TDH, 0);
	e1000_write(n, E1000_TDT, 0);
	e1000_write(n, E1000_TIDV, 0);
	e1000_write(n, E1000_TIPG, n->chip->tipg);
	e1000_write(n, E1000_TCTL, n->chip->tctl);
}

int e1000_start(void *state, const struct bm_net_setup *setup, struct bm_net_queue *const *queues)
{
	struct e1000_nic *n = state;

	n->queue = queues[0];
	n->quiet = E1000_LOOK;
	int error = make_rings(n);
	if (!error)
		error = reset(n);
	if (!error)
		error = fill_ring(n);
	if (error) {
		give_back(n);
		return error;
	}
	queues[0]->state = n;
	configure(n);
	if (wake_phy(n))
		log_warning("%s: its PHY does not answer: the link may not come up",
			    n->device->name);
	e1000_write(n, E1000_ITR, 0);
	if (n->chip->set_up)
		n->chip->set_up(n);
	pci_master(n->device, true);
	start_sending(n);
	start_receiving(n, setup);
	if (e1000_is_gone(n)) {
		pci_master(n->device, false);
		give_back(n);
		return -BM_ENODEV;
	}
	count(n); /* from before */
	n->live = true;
	return 0;
}

/* ---- Probe ---- */

static int set_up(struct e1000_nic *n)
{
	void *arguments[] = {n};
	struct bm_net_driver d = {
	    .state = n,
	    .device = n->device,
	    .name = n->chip->name,
	    .mtu = E1000_MTU,
	    .flags = n->chip->flags | BM_NET_CAN_CHECKSUM | BM_NET_ACCEPT_CHECKSUM,
	    .queues = 1,
	    .max_parts = E1000_PARTS_MAX,
	    .max_bytes = E1000_LARGE_MOST,
	    .receive_ring = E1000_RX_SLOTS,
	    .send_ring = E1000_TX_SLOTS - 1,
	};
	int error = reset(n);
	if (error)
		return error;
	configure(n);
	error = read_mac(n, d.mac);
	if (error) {
		log_error("%s: neither registers nor EEPROM hold an address of its own",
			  n->device->name);
		return error;
	}
	d.ops = interrupts_take(n->device, 1, interrupt, arguments) > 0 ? n->chip->ops
									: n->chip->ops_by_time;
	error = net_add(&d, &n->net);
	return error < 0 ? error : 0;
}

int e1000_probe(struct bm_device *device, const struct e1000_chip *chip, bool narrow)
{
	struct e1000_nic *n = dma_take(sizeof *n, 64, NULL);
	if (!n)
		return -BM_ENOMEM;
	n->device = device;
	n->chip = chip;
	n->narrow = narrow;
	if (narrow)
		net_pool_narrow(); /* few are made before */
	n->stuck_ticks = time_to_ticks(BM_NET_STUCK);
	n->registers = pci_map_bar(device, E1000_BAR, 0, E1000_REGISTERS);
	if (!n->registers) {
		dma_give(n, sizeof *n);
		return -BM_EIO;
	}
	int error = set_up(n);
	if (error) {
		/* If interrupts were taken, they stay with this memory, so it stays as well. */
		pci_master(device, false);
		return error;
	}
	device->state = n;
	return 0;
}
