/* SPDX-License-Identifier: MIT */
/*
 * The driver virtio_blk with a simulated device: each feature, and a device that tells nonsense:
 * ids that are none, indices that jump, chains twice, states that are none, sizes of no sense, no
 * answers.
 */
#include "no_pci.h"
#include "virtio_device.h"
#include "drivers/block/virtio_blk.c"

static struct {
	int nonsense, twice, never, fail, jump; /* of 1,000 */
	uint8_t state;                          /* of each command; 0: by chance */
	unsigned steps;
} whim;

static int chance(int of_1000)
{
	return rand() % 1000 < of_1000;
}

static void step(void)
{
	static const uint32_t ids[] = {1, 2, 3, 255, 256, 65535, 65536, UINT32_MAX, 0x80000000};
	int head;
	whim.steps++;
	if (!device_find_ring())
		return;
	if (chance(whim.nonsense))
		device_use(rand() % 2 ? ids[rand() % 9] : (uint32_t)rand(), rand());
	if (chance(whim.jump)) /* and back: what is in between is old */
		device_ring.used->index = device_used += rand() % 3 ? 1 : device_ring.size * 3;
	while ((head = device_next()) >= 0) {
		if (chance(whim.never))
			continue;
		device_carry_out(head, whim.state          ? whim.state
				       : chance(whim.fail) ? 1 + rand() % 3
							   : 0);
		if (chance(whim.twice))
			device_use(head, 1);
	}
}

static struct bm_device device;
static void *device_line; /* its interrupt */

static int open_device(uint32_t version, uint32_t features)
{
	device_power_on(version, features | 1); /* VERSION_1 is bit 32: the upper half's bit 0 */
	device = (struct bm_device){.name = "mmio",
				    .bus = BM_BUS_VIRTIO_MMIO,
				    .vendor = VIRTIO_VENDOR,
				    .device = 2,
				    .address = DEVICE_PHYS,
				    .size = 0x200,
				    .interrupt = 5,
				    .line = device_line};
	return probe(&device);
}

static unsigned char *memory;

static int transfer(int number, int operation, uint64_t sector, uint32_t bytes)
{
	struct bm_block_segment segment = {memory, bytes};
	struct bm_block_request r = {
	    .operation = operation, .segment_count = 1, .segments = &segment, .sector = sector};
	struct bm_block_request *list[] = {&r};
	CHECK(block_submit(number, list, 1) == 1);
	return block_wait(number, &r);
}

static void check_works(int number)
{
	struct bm_block_info info;
	CHECK(block_info(number, &info) == 0);
	CHECK(info.sectors == DEVICE_SECTORS && info.sector_size == 512 && info.depth >= 4);
	CHECK(!strcmp(info.serial, "a serial number"));
	for (int i = 0; i < 30; i++) {
		uint32_t bytes = (1 + rand() % 100) * 512;
		uint64_t sector = rand() % (DEVICE_SECTORS - 100);
		for (uint32_t b = 0; b < bytes; b++)
			memory[b] = rand();
		CHECK(transfer(number, BM_BLOCK_WRITE, sector, bytes) == 0);
		CHECK(!memcmp(memory, device_disk + sector * 512, bytes));
		memset(memory, 0, bytes);
		CHECK(transfer(number, BM_BLOCK_READ, sector, bytes) == 0);
		CHECK(!memcmp(memory, device_disk + sector * 512, bytes));
	}
	block_info(number, &info);
	CHECK(!info.errors && !info.resets && !info.strays && !device_bad_chains);
}

/* What each state of a command becomes, one run or several; and that the next one is good again. */
static void check_states(int number)
{
	for (int state = 1; state < 256; state++)
		for (int operation = BM_BLOCK_READ; operation <= BM_BLOCK_WRITE; operation++) {
			int wanted = state == VIRTIO_BLK_S_UNSUPP ? -BM_ENOSYS : -BM_EIO;

			whim.state = (uint8_t)state;
			CHECK(transfer(number, operation, 0, 512) == wanted);
			CHECK(transfer(number, operation, 8, 65536) == wanted);
			whim.state = 0;
			CHECK(transfer(number, operation, 0, 512) == 0);
		}
}

/* ---- A core dozes while another one polls ---- */

static int dozing; /* the disk */

/* As a device does that has done something: of an event index, or of a flag (2.7.7). */
static void interrupt_if_armed(uint16_t before)
{
	struct disk *disk = block_devices[dozing]->driver.state;
	const struct virtq *q = &disk->queues[0].ring;
	uint16_t used = q->used->index;
	bool passed = (uint16_t)(used - *q->used_event - 1) < (uint16_t)(used - before);

	if (used != before &&
	    (q->event_idx ? passed : !(q->avail->flags & VIRTQ_AVAIL_NO_INTERRUPT)))
		interrupt(&disk->interrupts[0]);
}

/* Another core polls in vain, and then the device answers. */
static void poll_and_answer(void)
{
	uint16_t before = device_used;
	block_poll(dozing, 0);
	step();
	interrupt_if_armed(before);
	CHECK(!machine_dozes);
}

static void check_doze(int number, bool event)
{
	struct bm_block_segment segment = {memory, 4096};
	struct bm_block_info info;

	dozing = number;
	machine_on_look = NULL;
	machine_idle = poll_and_answer;
	for (int i = 0; i < 20; i++) {
		struct bm_block_request r = {.segment_count = 1, .segments = &segment};
		struct bm_block_request *list[] = {&r};
		CHECK(block_submit(number, list, 1) == 1);
		CHECK(block_wait_alone(number, &r) == 0);
	}
	block_info(number, &info);
	CHECK(info.interrupts == 20);
	/* On a line, what the device says of another queue lasts until the interrupt for it. */
	device_set(VIRTIO_MMIO_ISR, 1, 4);
	device_set(VIRTIO_MMIO_ISR_ACKNOWLEDGE, 0, 4);
	struct bm_block_request r = {.segment_count = 1, .segments = &segment};
	struct bm_block_request *list[] = {&r};
	CHECK(block_submit(number, list, 1) == 1 && block_arm(number, 0) == 0);
	CHECK(!device_get(VIRTIO_MMIO_ISR_ACKNOWLEDGE));
	interrupt(&((struct disk *)block_devices[number]->driver.state)->interrupts[0]);
	CHECK(device_get(VIRTIO_MMIO_ISR_ACKNOWLEDGE) == 1);
	step();
	CHECK(block_wait(number, &r) == 0);
	while (task_run_one())
		;
	machine_on_look = step;
	machine_idle = NULL;
	/* One interrupt at most comes from what was armed: not one a command. */
	uint16_t before = device_used;
	struct disk *disk = block_devices[number]->driver.state;
	CHECK(transfer(number, BM_BLOCK_READ, 0, 4096) == 0 && device_used != before);
	CHECK(event || disk->queues[0].ring.avail->flags & VIRTQ_AVAIL_NO_INTERRUPT);
}

int main(void)
{
	const uint32_t indirect = VIRTIO_F_INDIRECT, event = VIRTIO_F_EVENT_IDX;
	const uint32_t all = indirect | event | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE |
			     VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_CONFIG_WCE;
	int disk = 0;

	memory = aligned_alloc(8192, 131072);
	machine_on_look = step;
	srand(11);
	for (uint32_t version = 1; version <= 2; version++)
		for (int i = 0; i < 5; i++) {
			uint32_t features = i == 0 ? 0 : i == 1 ? indirect : i == 2 ? event : all;
			CHECK(open_device(version, features) == 0);
			check_works(disk);
			check_states(disk++);
		}

	no_pci_interrupts = 1;
	device_line = &device;
	for (uint32_t version = 1; version <= 2; version++)
		for (int i = 0; i < 2; i++) {
			CHECK(open_device(version, i ? event : 0) == 0);
			check_doze(disk++, i);
		}
	no_pci_interrupts = -BM_ENODEV;
	device_line = NULL;

	/* Not to be used: each is told as broken, or as another's. */
	CHECK(open_device(3, all) == -BM_ENODEV && open_device(0, all) == -BM_ENODEV);
	for (uint32_t size = 0; size <= 6; size++) {
		static const uint32_t sizes[] = {0, 1, 511, 513, 8192, 0x80000000, UINT32_MAX};
		device_power_on(2, all | 1);
		device_set(VIRTIO_MMIO_CONFIG + VIRTIO_BLK_BLK_SIZE, sizes[size], 4);
		CHECK(probe(&(struct bm_device){.bus = BM_BUS_VIRTIO_MMIO,
						.address = DEVICE_PHYS,
						.size = 0x200}) == -BM_EIO);
	}
	for (uint32_t size = 0; size <= 4; size++) {
		static const uint32_t sizes[] = {0, 1, 3, 100, 65536};
		device_power_on(2, all | 1);
		device_set(VIRTIO_MMIO_QUEUE_SIZE_MAX, sizes[size], 4);
		CHECK(probe(&(struct bm_device){
			  .bus = BM_BUS_VIRTIO_MMIO, .address = DEVICE_PHYS, .size = 0x200}) < 0);
	}
	whim.never = 1000; /* it does not even tell its name */
	CHECK(open_device(2, all) == -BM_ETIMEDOUT);
	whim.never = 0;

	/* Nonsense of all kinds: every request has one answer, the driver stays within its memory.
	 */
	for (int round = 0; round < 6; round++) {
		CHECK(open_device(1 + round % 2, round < 3 ? all : indirect) == 0);
		block_set_timeout(disk, BM_SECOND / 1000);
		whim.nonsense = 200;
		whim.twice = round % 2 ? 200 : 0;
		whim.never = round > 1 ? 30 : 0;
		whim.fail = round > 2 ? 100 : 0;
		whim.jump = round > 3 ? 20 : 0;
		unsigned good = 0;
		for (int i = 0; i < 150; i++) {
			int status =
			    transfer(disk, rand() % 2 ? BM_BLOCK_READ : BM_BLOCK_WRITE,
				     rand() % (DEVICE_SECTORS - 100), (1 + rand() % 60) * 512);
			CHECK(status == 0 || status == -BM_EIO || status == -BM_ETIMEDOUT ||
			      status == -BM_ENOSYS || status == -BM_ENODEV);
			good += !status;
		}
		struct bm_block_info info;
		block_info(disk, &info);
		CHECK(info.strays > 0 && info.reads + info.writes == 150);
		CHECK(good > 50 && info.errors == 150 - good);
		memset(&whim, 0, sizeof whim);
		disk++;
	}
	return unit_status();
}
