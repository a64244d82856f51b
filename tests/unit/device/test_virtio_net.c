/* SPDX-License-Identifier: MIT */
/*
 * The network front end and the driver virtio_net with a simulated device: each feature, and a
 * device that tells nonsense: ids that are none, indices that jump, chains twice or never, lengths
 * and headers of no sense, no answers. Whatever it does: no frame comes back twice, no buffer is
 * lost.
 */
#include "virtio_nic.h"
#include "drivers/net/virtio_net.c"

#define MRG     VIRTIO_NET_F_MRG_RXBUF
#define CONTROL (VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_MAC_ADDR)
#define OFFLOADS                                                                                   \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |                     \
	 VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)
#define BASIC (VIRTIO_F_ANY_LAYOUT | VIRTIO_NET_F_MAC)
#define ALL                                                                                        \
	(BASIC | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | MRG | CONTROL | OFFLOADS |               \
	 VIRTIO_NET_F_STATUS)

static const uint8_t no_header[12];
static struct bm_device device;
static int number;

static struct bm_net_queue *open_nic(uint32_t features)
{
	device = (struct bm_device){.name = "pci", .bus = BM_BUS_PCI, .vendor = VIRTIO_VENDOR};
	if (probe(&device))
		return NULL;
	number = net_device_count - 1;
	(void)features;
	return net_open(number, 0);
}

/* All devices, once they have given back what they have. */
static void forget(void)
{
	nic.stuck = false;
	for (uint32_t i = 0; i < net_device_count; i++) {
		struct bm_net_device *d = net_devices[i];
		if (d->state != NET_FAILED)
			d->driver.ops->stop(d->driver.state);
		for (uint32_t n = 0; n < d->driver.queues; n++)
			while (d->queues[n]->q.free_count)
				net_spill(&d->queues[n]->q, NULL);
	}
	net_device_count = 0;
}

static struct bm_net_queue *new_nic(uint32_t features)
{
	forget();
	nic_power_on(features);
	return open_nic(features);
}

static struct bm_net_info info_now(void)
{
	struct bm_net_info info;
	CHECK(net_info(number, &info) == 0);
	return info;
}

/* Buffers that are in no store. */
static uint32_t in_use(void)
{
	struct bm_net_info info = info_now();
	return info.buffers - info.buffers_free;
}

static struct bm_net_buffer *take(struct bm_net_queue *q)
{
	struct bm_net_buffer *b = net_take(q);
	if (!b)
		return NULL;
	b->next = NULL;
	b->data = b->base + BM_NET_HEADROOM;
	b->bytes = b->flags = 0;
	return b;
}

static uint8_t text[70000];

static void fill_text(uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		text[i] = rand();
}

/* ---- Frames of the app's own ---- */

static struct own {
	struct bm_net_buffer buffer;
	int out;
} own[64];
static uint8_t own_memory[64][512] __attribute__((aligned(512)));
static unsigned own_out;

static void release(struct bm_net_buffer *b)
{
	struct own *o = (struct own *)b;
	CHECK(o->out == 1);
	o->out = 0;
	own_out--;
}

static struct bm_net_buffer *attach(const uint8_t *data, uint32_t bytes)
{
	for (int i = 0; i < 64; i++) {
		if (own[i].out)
			continue;
		bytes = bytes < 512 ? bytes : 512;
		memcpy(own_memory[i], data, bytes);
		CHECK(net_attach(&own[i].buffer, own_memory[i], bytes, release) == bytes);
		own[i].out = 1;
		own_out++;
		return &own[i].buffer;
	}
	return NULL;
}

/* The text as a frame of several parts, or one. */
static struct bm_net_buffer *make(struct bm_net_queue *q, uint32_t bytes, uint32_t most)
{
	struct bm_net_buffer *first = NULL, **end = &first;
	uint32_t at = 0, parts = 1 + rand() % most;
	while (at < bytes) {
		uint32_t now =
		    --parts == 0 || parts > most ? bytes - at : 1 + rand() % (bytes - at);
		now = now < 2000 ? now : 2000;
		struct bm_net_buffer *b =
		    rand() % 3 == 0 && now <= 512 ? attach(text + at, now) : NULL;
		if (!b) {
			b = take(q);
			if (!b)
				break;
			memcpy(b->data, text + at, now);
			b->bytes = now;
		}
		*end = b;
		end = &b->next;
		at += now;
	}
	return first;
}

/* ---- What works ---- */

static void check_send(struct bm_net_queue *q, uint32_t most)
{
	for (int i = 0; i < 200; i++) {
		uint32_t bytes = 14 + rand() % (most + 18 - 14 + 1), before = nic.frames;
		fill_text(bytes);
		struct bm_net_buffer *frame = make(q, bytes, i % 2 ? 1 : 6);
		CHECK(q->send(q, &frame, 1) == 1);
		nic_step();
		CHECK(nic.frames == before + 1 && nic.frame_bytes == bytes);
		CHECK(!memcmp(nic.frame, text, bytes) && !memcmp(nic.header, no_header, 12));
	}
	CHECK(!nic.bad_chains && q->reclaim(q) >= 0 && !own_out);
}

static void check_receive(struct bm_net_queue *q, uint32_t most)
{
	struct bm_net_buffer *frames[8];
	CHECK(q->receive(q, frames, 8) == 0);
	for (int i = 0; i < 600; i++) {
		uint32_t bytes = 14 + rand() % (most + 18 - 14 + 1), at = 0;
		fill_text(bytes);
		CHECK(nic_deliver(0, no_header, text, bytes));
		CHECK(q->receive(q, frames, 8) == 1);
		for (struct bm_net_buffer *b = frames[0]; b; b = b->next) {
			CHECK(!memcmp(b->data, text + at, b->bytes));
			at += b->bytes;
		}
		CHECK(at == bytes && !frames[0]->flags);
		net_give(q, frames[0]);
	}
}

static void check_works(uint32_t features)
{
	struct bm_net_queue *q = new_nic(features);
	struct bm_net_buffer *frames[300];
	CHECK(q);
	if (!q)
		return;
	struct bm_net_info before = info_now(), after;
	uint32_t used = in_use(), mtu = before.mtu;
	CHECK(!strcmp(before.name, "virtio_net0") && before.active == 1 && before.link.up);
	CHECK(!memcmp(before.mac, nic.config, 6));
	CHECK(mtu == (!(features & VIRTIO_NET_F_MTU) ? 1500 : features & MRG ? 9000 : 2030));
	CHECK(before.max_parts >= BM_NET_PARTS);
	check_send(q, mtu);
	check_receive(q, mtu);
	/* Until the ring is full, and on. */
	int taken = 0, now;
	fill_text(100);
	do {
		frames[0] = make(q, 100, 1);
		now = q->send(q, frames, 1);
		taken += now;
	} while (now == 1 && taken < 10000);
	CHECK(now == 0 && (uint32_t)taken == before.send_ring);
	nic_step();
	CHECK(q->send(q, frames, 1) == 1);
	nic_step();
	CHECK(q->reclaim(q) == 1 && q->reclaim(q) == 0);
	/* As many at once as there are. */
	for (uint32_t i = 0; i < before.receive_ring; i++) {
		text[0] = i;
		CHECK(nic_deliver(0, no_header, text, 60));
	}
	CHECK(!nic_deliver(0, no_header, text, 60));
	for (uint32_t i = 0; i < before.receive_ring;) {
		now = q->receive(q, frames, 7);
		CHECK(now > 0);
		for (int n = 0; n < now; n++, i++) {
			CHECK(frames[n]->data[0] == (i & 255));
			net_give(q, frames[n]);
		}
	}
	CHECK(in_use() == used && !own_out && !nic.bad_chains);
	after = info_now();
	CHECK(after.received_frames == 600 + before.receive_ring);
	CHECK(after.sent_frames == 200u + taken + 1);
	CHECK(!after.strays && !after.resets && !after.received_errors && !after.received_drops);
	/* Once more, and nothing is lost. */
	CHECK(net_configure(number, 1, 0) == 0 && in_use() == used);
	check_send(q, mtu);
	check_receive(q, mtu);
	CHECK(in_use() == used);
}

/* ---- Offloads ---- */

static void check_refused(struct bm_net_queue *q, struct bm_net_buffer *frame)
{
	uint64_t before = q->refused;
	CHECK(q->send(q, &frame, 1) == -BM_EINVAL && q->refused == before + 1);
}

static void check_offloads(void)
{
	struct virtio_net_header h = {0};
	struct bm_net_buffer *frames[8];
	struct bm_net_queue *q = new_nic(BASIC);
	fill_text(1000);
	struct bm_net_buffer *frame = make(q, 400, 1);
	frame->flags = BM_NET_CHECKSUM_PARTIAL;
	frame->checksum_start = 34;
	frame->checksum_offset = 16;
	check_refused(q, frame); /* the device cannot */

	q = new_nic(ALL);
	frame = make(q, 400, 1);
	frame->flags = BM_NET_CHECKSUM_PARTIAL;
	frame->checksum_start = 34;
	frame->checksum_offset = 16;
	CHECK(q->send(q, &frame, 1) == 1);
	nic_step();
	memcpy(&h, nic.header, sizeof h);
	CHECK(h.flags == VIRTIO_NET_HDR_NEEDS_CSUM && h.checksum_start == 34);
	CHECK(h.checksum_offset == 16 && !h.gso_type && nic.frame_bytes == 400);

	/* Segmentation: up to 65,550 bytes in up to 30 parts. */
	fill_text(65550);
	for (int six = 0; six < 2; six++) {
		uint32_t at = 0;
		struct bm_net_buffer *first = NULL, **end = &first;
		for (; at < 60000; at += 2000) {
			struct bm_net_buffer *b = take(q);
			memcpy(b->data, text + at, b->bytes = 2000);
			*end = b;
			end = &b->next;
		}
		first->flags =
		    BM_NET_CHECKSUM_PARTIAL | (six ? BM_NET_SEGMENT_TCP6 : BM_NET_SEGMENT_TCP4);
		first->segment_size = 1400;
		first->header_bytes = 54 + 20 * six;
		first->checksum_start = 34;
		first->checksum_offset = 16;
		CHECK(q->send(q, &first, 1) == 1);
		nic_step();
		memcpy(&h, nic.header, sizeof h);
		CHECK(h.gso_type == (six ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4));
		CHECK(h.gso_size == 1400 && h.header_bytes == 54 + 20 * six);
		CHECK(nic.frame_bytes == 60000 && !memcmp(nic.frame, text, 60000));
		CHECK(nic.descriptors == 30);
	}
	frame = make(q, 400, 1);
	frame->flags = BM_NET_SEGMENT_TCP4;
	frame->segment_size = 100;
	frame->header_bytes = 54;
	frame->checksum_start = 34;
	check_refused(q, frame); /* no checksum to be made */
	frame->flags |= BM_NET_CHECKSUM_PARTIAL | BM_NET_SEGMENT_TCP6;
	check_refused(q, frame); /* both */
	frame->flags &= ~BM_NET_SEGMENT_TCP6;
	frame->header_bytes = 401;
	check_refused(q, frame); /* not in the first part */
	frame->header_bytes = 54;
	frame->checksum_offset = 365;
	check_refused(q, frame);
	frame->checksum_offset = 364;
	frame->segment_size = 0;
	check_refused(q, frame);
	net_give(q, frame);

	/* Received: without having been asked, a device has nothing to say. */
	memset(&h, 0, sizeof h);
	h.flags = VIRTIO_NET_HDR_NEEDS_CSUM;
	h.checksum_start = 34;
	h.checksum_offset = 16;
	CHECK(nic_deliver(0, (uint8_t *)&h, text, 100) && q->receive(q, frames, 8) == 0);
	CHECK(info_now().received_errors == 1);
	CHECK(net_configure(number, 1, BM_NET_ACCEPT_CHECKSUM | BM_NET_ACCEPT_LARGE) == 0);
	CHECK(info_now().accepted == (BM_NET_ACCEPT_CHECKSUM | BM_NET_ACCEPT_LARGE));
	CHECK(nic_deliver(0, (uint8_t *)&h, text, 100) && q->receive(q, frames, 8) == 1);
	CHECK(frames[0]->flags == (BM_NET_CHECKSUM_GOOD | BM_NET_CHECKSUM_PARTIAL));
	CHECK(frames[0]->checksum_start == 34 && frames[0]->checksum_offset == 16);
	net_give(q, frames[0]);
	h.checksum_offset = 65; /* beyond its end */
	CHECK(nic_deliver(0, (uint8_t *)&h, text, 100) && q->receive(q, frames, 8) == 0);
	h.flags = VIRTIO_NET_HDR_DATA_VALID;
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	h.gso_size = 1400;
	CHECK(nic_deliver(0, (uint8_t *)&h, text, 65000) && q->receive(q, frames, 8) == 1);
	CHECK(frames[0]->flags == (BM_NET_CHECKSUM_GOOD | BM_NET_SEGMENT_TCP4));
	CHECK(frames[0]->segment_size == 1400);
	uint32_t at = 0, parts = 0;
	for (struct bm_net_buffer *b = frames[0]; b; b = b->next, parts++) {
		CHECK(!memcmp(b->data, text + at, b->bytes));
		at += b->bytes;
	}
	CHECK(at == 65000 && parts == 32);
	net_give(q, frames[0]);
	for (int i = 0; i < 2; i++) {
		h.gso_type = i ? VIRTIO_NET_HDR_GSO_TCPV6 : 3; /* UDP: not asked for */
		h.gso_size = i ? 0 : 100;
		CHECK(nic_deliver(0, (uint8_t *)&h, text, 100) && q->receive(q, frames, 8) == 0);
	}
	memset(&h, 0, sizeof h);
	CHECK(nic_deliver(0, (uint8_t *)&h, text, 9000) && q->receive(q, frames, 8) == 0);
	CHECK(nic_deliver(0, (uint8_t *)&h, text, 13) && q->receive(q, frames, 8) == 0);
	CHECK(nic_deliver(0, (uint8_t *)&h, text, 1519) && q->receive(q, frames, 8) == 0);
	CHECK(nic_deliver(0, (uint8_t *)&h, text, 1518) && q->receive(q, frames, 8) == 1);
	net_give(q, frames[0]);
	CHECK(info_now().received_errors == 7 && !info_now().resets);
}

/* ---- Filter, address, link, queue pairs ---- */

static void check_control(void)
{
	static const uint8_t groups[2][6] = {{1, 0, 0x5e, 0, 0, 1}, {0x33, 0x33, 0, 0, 0, 1}};
	static const uint8_t mac[6] = {2, 3, 4, 5, 6, 7};
	struct bm_net_link link;
	struct bm_net_queue *q = new_nic(ALL);
	CHECK(q && !nic.promiscuous && nic.all_multicast && nic.multicast_count == 0);
	CHECK(!memcmp(nic.mac, nic.config, 6));
	CHECK(net_filter(number, BM_NET_PROMISCUOUS, groups, 2) == 0);
	CHECK(nic.promiscuous && !nic.all_multicast && nic.multicast_count == 2);
	CHECK(net_set_mac(number, mac) == 0 && !memcmp(nic.mac, mac, 6));
	CHECK(net_set_mac(number, groups[0]) == -BM_EINVAL);
	CHECK(net_configure(number, 1, 0) == 0); /* a reset: it is told once more */
	CHECK(nic.promiscuous && nic.multicast_count == 2 && !memcmp(nic.mac, mac, 6));
	CHECK(!memcmp(info_now().mac, mac, 6));
	CHECK(net_link(number, &link) == 0 && link.up && link.changes == 1);
	nic.config[VIRTIO_NET_STATUS] = 0;
	CHECK(net_link(number, &link) == 0 && !link.up && link.changes == 2);
	nic.refuses = true;
	CHECK(net_filter(number, 0, NULL, 0) == -BM_EIO);
	CHECK(net_set_mac(number, groups[0]) == -BM_EINVAL);
	nic.refuses = false;
	nic.deaf = true;
	uint64_t start = machine_tsc;
	CHECK(net_filter(number, 0, NULL, 0) == -BM_ETIMEDOUT);
	CHECK(machine_tsc - start < BM_SECOND);
	CHECK(net_configure(number, 1, 0) < 0 && net_open(number, 0) == NULL);
	CHECK(q->receive(q, NULL, 0) == -BM_ENODEV && net_link(number, &link) == -BM_ENODEV);
	CHECK(info_now().flags & BM_NET_FAILED && !nic_is_master);
	/* Without control. */
	q = new_nic(ALL & ~VIRTIO_NET_F_CTRL_VQ);
	CHECK(q && !(info_now().flags & (BM_NET_CAN_FILTER | BM_NET_CAN_SET_MAC)));
	CHECK(net_set_mac(number, mac) == -BM_ENOSYS && net_filter(number, 0, NULL, 0) == 0);
}

static uint32_t sent_by[NIC_QUEUES];
static void note_pair(uint32_t pair)
{
	sent_by[pair]++;
}

static void check_pairs(void)
{
	struct bm_net_queue *q[3];
	struct bm_net_buffer *frame;
	nic_cores = 4;
	q[0] = new_nic(ALL | VIRTIO_NET_F_MQ);
	CHECK(info_now().queues == 3 && info_now().active == 1 && !net_open(number, 1));
	CHECK(net_configure(number, 4, 0) == -BM_EINVAL &&
	      net_configure(number, 0, 0) == -BM_EINVAL);
	uint32_t used = in_use();
	CHECK(net_configure(number, 3, 0) == 0 && nic.pairs == 3 && in_use() == used + 512);
	nic.on_frame = note_pair;
	for (uint32_t i = 0; i < 3; i++) {
		q[i] = net_open(number, i);
		CHECK(q[i] && (i || q[0] == net_open(number, 0)));
		frame = make(q[i], 100, 1);
		CHECK(q[i]->send(q[i], &frame, 1) == 1);
		nic_step();
		CHECK(sent_by[i] == 1);
		CHECK(nic_deliver(i, no_header, text, 80) && q[i]->receive(q[i], &frame, 1) == 1);
		net_give(q[i], frame);
	}
	/* One lies: the device is reset when the users of all three have come by. */
	struct nic_view v;
	unsigned resets = nic.resets;
	CHECK(nic_view(VIRTIO_NET_QUEUE_RX(1), &v));
	nic_use(&v, 4711, 60);
	CHECK(q[1]->receive(q[1], &frame, 1) == 0 && nic.resets == resets);
	CHECK(q[1]->receive(q[1], &frame, 1) == 0 && nic.resets == resets);
	CHECK(q[0]->receive(q[0], &frame, 1) == 0 && nic.resets == resets);
	CHECK(q[0]->send(q[0], &frame, 0) == 0 && q[2]->reclaim(q[2]) == 0);
	CHECK(nic.resets > resets && info_now().resets == 1 && info_now().strays == 1);
	CHECK(in_use() == used + 512 && nic.pairs == 3);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK(nic_deliver(i, no_header, text, 80) && q[i]->receive(q[i], &frame, 1) == 1);
		net_give(q[i], frame);
	}
	/* Fewer. */
	CHECK(net_configure(number, 1, 0) == 0 && in_use() == used);
	CHECK(q[2]->receive(q[2], &frame, 1) == -BM_ENODEV);
	CHECK(q[0]->receive(q[0], &frame, 1) == 0);
	nic_cores = 1;
	nic.on_frame = NULL;
}

/* ---- Arming and waiting ---- */

static int came;
static void note_task(void *argument)
{
	came += *(int *)argument;
}

static void deliver_one(void)
{
	static unsigned turn;
	if (++turn % 3 == 0)
		nic_deliver(0, no_header, text, 60);
}

static void check_waiting(int vectors)
{
	struct bm_net_buffer *frame;
	int one = 1, ten = 10;
	forget();
	nic_power_on(ALL);
	nic.vectors = vectors;
	struct bm_net_queue *q = open_nic(ALL);
	CHECK(q);
	came = 0;
	CHECK(net_arm(q, BM_NET_RECEIVE, note_task, &one) == 0);
	CHECK(net_arm(q, BM_NET_RECEIVE, note_task, &ten) == 0); /* in its place */
	CHECK(nic_deliver(0, no_header, text, 60));
	if (!vectors) { /* the watch */
		CHECK(!machine_task_count);
		simulated_core.alarms[ALARM_NET].function(NULL);
		simulated_core.alarms[ALARM_NET].function = NULL;
	}
	CHECK(task_run_one() && came == 10 && !task_run_one());
	CHECK(net_arm(q, BM_NET_RECEIVE, note_task, &one) == 1 && !task_run_one());
	CHECK(q->receive(q, &frame, 1) == 1);
	net_give(q, frame);
	CHECK(info_now().interrupts == (vectors ? 1 : 0));
	/* Sending. */
	frame = make(q, 60, 1);
	CHECK(q->send(q, &frame, 1) == 1);
	CHECK(net_arm(q, BM_NET_SEND, note_task, &one) == 0);
	nic_step();
	if (!vectors) {
		simulated_core.alarms[ALARM_NET].function(NULL);
		simulated_core.alarms[ALARM_NET].function = NULL;
	}
	CHECK(task_run_one() && came == 11 && q->reclaim(q) == 1);
	/* Time, and frames. */
	uint64_t start = machine_tsc;
	CHECK(net_wait(q, BM_NET_RECEIVE, start + BM_SECOND) == -BM_ETIMEDOUT);
	CHECK(machine_tsc >= start + BM_SECOND && machine_tsc < start + 2 * BM_SECOND);
	machine_idle = deliver_one;
	for (int i = 0; i < 20; i++) {
		int n = 0;
		while (net_wait(q, BM_NET_RECEIVE, BM_FOREVER) == 0 &&
		       !(n = q->receive(q, &frame, 1)))
			;
		CHECK(n == 1);
		net_give(q, frame);
	}
	machine_idle = NULL;
	while (task_run_one())
		;
	/* A link that goes away wakes as well. */
	came = 0;
	while (q->receive(q, &frame, 1))
		net_give(q, frame);
	CHECK(net_arm(q, BM_NET_RECEIVE, note_task, &one) == 0);
	nic.config[VIRTIO_NET_STATUS] = 0;
	simulated_core.alarms[ALARM_NET].function(NULL);
	simulated_core.alarms[ALARM_NET].function = NULL;
	CHECK(task_run_one() && came == 1);
}

/* ---- No memory ---- */

static void check_exhaustion(void)
{
	static struct bm_net_buffer *held[10000];
	struct bm_net_buffer *frame;
	struct bm_net_queue *q = new_nic(ALL);
	uint32_t count = 0, used = in_use();
	int n;
	CHECK(net_reserve(2000000, 0) == -BM_EINVAL && net_reserve(0, 2000000) == -BM_EINVAL);
	do {
		n = nic_deliver(0, no_header, text, 60) ? q->receive(q, held + count, 1) : 0;
		count += n;
	} while (n == 1 && count < 10000);
	struct bm_net_info info = info_now();
	CHECK(info.buffers == info.buffers_most && info.buffers_free == 0);
	CHECK(count + used == info.buffers && info.received_drops == 1);
	CHECK(!take(q) && !net_refill(NULL));
	/* A frame in several buffers is dropped as a whole. */
	CHECK(nic_deliver(0, no_header, text, 5000) && q->receive(q, &frame, 1) == 0);
	net_give(q, held[--count]);
	net_give(q, held[--count]);
	CHECK(nic_deliver(0, no_header, text, 5000) && q->receive(q, &frame, 1) == 0);
	CHECK(info_now().received_drops + info_now().received_errors == 3);
	CHECK(nic_deliver(0, no_header, text, 100) && q->receive(q, &frame, 1) == 1);
	net_give(NULL, frame);
	while (count)
		count--, net_give(count % 2 ? q : NULL, held[count]);
	CHECK(in_use() == used);
	for (int i = 0; i < 300; i++) {
		CHECK(nic_deliver(0, no_header, text, 100) && q->receive(q, &frame, 1) == 1);
		net_give(q, frame);
	}
	CHECK(in_use() == used && !info_now().resets);
	/* More are allowed, but there is no memory. */
	machine_dma_limit = machine_dma_used + 100000;
	CHECK(net_reserve(20000, 15000) == -BM_ENOMEM);
	info = info_now();
	CHECK(info.buffers > 8192 && info.buffers < 8192 + 50 && info.buffers_most == 20000);
	forget();
	nic_power_on(ALL);
	machine_dma_limit = machine_dma_used + 8000;
	CHECK(!open_nic(ALL)); /* not even a ring */
	CHECK(net_count() == 1 && !(info_now().flags & BM_NET_FAILED));
	machine_dma_limit = MACHINE_DMA_SIZE;
	CHECK(net_open(number, 0));
}

/* ---- Nonsense ---- */

static void check_probe(void)
{
	struct bm_net_info info;
	for (uint32_t i = 0; i < 5; i++) {
		static const uint16_t sizes[] = {0, 3, 255, 65535, 8};
		forget();
		nic_power_on(ALL);
		nic.size = sizes[i];
		CHECK((open_nic(ALL) != NULL) == (sizes[i] == 8));
	}
	CHECK(info_now().receive_ring == 8);
	for (uint32_t i = 0; i < 3; i++) {
		static const uint16_t most[] = {0, 0x8001, 65535};
		forget();
		nic_power_on(ALL | VIRTIO_NET_F_MQ);
		memcpy(nic.config + VIRTIO_NET_MAX_PAIRS, &most[i], 2);
		CHECK(!open_nic(ALL) && net_device_count == 0);
	}
	for (uint32_t i = 0; i < 4; i++) {
		static const uint16_t mtu[] = {0, 67, 68, 65535}, is[] = {1500, 1500, 68, 65521};
		forget();
		nic_power_on(ALL | VIRTIO_NET_F_MTU);
		memcpy(nic.config + VIRTIO_NET_MTU, &mtu[i], 2);
		nic.config[0] = i; /* 1 and 3: a multicast address */
		CHECK(open_nic(ALL) && info_now().mtu == is[i]);
		info = info_now();
		CHECK(!(info.mac[0] & 1) && (info.mac[0] != 0xfe) == !(i & 1));
	}
	forget();
	nic_power_on(ALL);
	nic.status = 1;
	nic.stuck = true;
	uint64_t start = machine_tsc;
	CHECK(!open_nic(ALL) && machine_tsc - start < 10 * BM_SECOND);
}

static void check_lengths(void)
{
	static const uint32_t lengths[] = {0, 9, 11, 2048 + 13, 65536, UINT32_MAX};
	struct bm_net_buffer *frames[4];
	struct nic_view v;
	for (uint32_t i = 0; i < 6; i++) {
		struct bm_net_queue *q = new_nic(ALL);
		CHECK(nic_view(0, &v));
		nic_use(&v, nic_next(&v), lengths[i]);
		CHECK(q->receive(q, frames, 4) == 0 && q->receive(q, frames, 4) == 0);
		CHECK(info_now().resets == 1 && info_now().strays == 1);
		check_receive(q, 1500);
	}
	/* As many buffers as the ring does not have; none; and one too many. */
	for (uint32_t i = 0; i < 4; i++) {
		static const uint16_t counts[] = {0, 2, 65, 65535};
		uint8_t header[12] = {0};
		struct bm_net_queue *q = new_nic(ALL);
		CHECK(nic_deliver(0, header, text, 200) && nic_view(0, &v));
		struct virtq_desc *d = &v.descs[v.used->ring[0].id];
		memcpy((uint8_t *)machine_memory(d->address) + 10, &counts[i], 2);
		CHECK(q->receive(q, frames, 4) == 0 && q->receive(q, frames, 4) == 0);
		CHECK(info_now().resets == 1);
	}
	/* It sends no more. */
	struct bm_net_queue *q = new_nic(ALL);
	unsigned out = 0;
	nic.never = 1000;
	for (uint64_t start = machine_tsc; machine_tsc < start + 20 * BM_SECOND;) {
		frames[0] = out ? frames[0] : make(q, 100, 1);
		out = q->send(q, frames, 1) != 1;
		machine_tsc += out ? BM_SECOND / 10 : 0;
	}
	CHECK(info_now().resets >= 2 && info_now().sent_errors >= 512);
	if (out)
		net_give(q, frames[0]);
}

static void check_nonsense(int round)
{
	struct bm_net_queue *q = new_nic(round % 2 ? ALL : BASIC | MRG | CONTROL);
	struct bm_net_buffer *frames[8];
	uint32_t used = in_use();
	struct nic_view v;
	unsigned got = 0;

	CHECK(q);
	nic.nonsense = 30;
	nic.twice = 50;
	nic.never = round > 2 ? 50 : 0;
	nic.jump = round > 3 ? 20 : 0;
	for (int i = 0; i < 3000; i++) {
		machine_tsc += 3 * BM_SECOND; /* so that it is not given up for its many faults */
		fill_text(60);
		frames[0] = make(q, 14 + rand() % 1500, 1 + rand() % 5);
		int n = q->send(q, frames, 1);
		CHECK(n == 0 || n == 1);
		if (n != 1)
			net_give(q, frames[0]);
		if (rand() % 3 == 0)
			nic_deliver(0, no_header, text, 60 + rand() % 1400);
		if (rand() % 50 == 0 && nic_view(0, &v))
			nic_use(&v, rand() % 2 ? rand() % 256 : rand(), rand() % 3000);
		nic_step();
		n = q->receive(q, frames, 8);
		CHECK(n >= 0 && n <= 8);
		for (int k = 0; k < n; k++) {
			got++;
			CHECK(frames[k]->bytes >= 14 && frames[k]->bytes <= 1518);
			net_give(q, frames[k]);
		}
	}
	struct bm_net_info info = info_now();
	CHECK(info.resets > 10 && info.strays > 10 && got > 100);
	nic.nonsense = nic.twice = nic.never = nic.jump = 0;
	CHECK(net_configure(number, 1, 0) == 0);
	CHECK(in_use() == used && !own_out);
	check_receive(q, 1500);
	/* Again and again, in no time: it is given up. */
	for (int i = 0; i < 12 && nic_view(0, &v); i++) {
		nic_use(&v, 4711, 1);
		q->receive(q, frames, 8);
		q->receive(q, frames, 8);
	}
	CHECK(q->receive(q, frames, 8) == -BM_ENODEV && q->send(q, frames, 1) == -BM_ENODEV);
	CHECK(q->reclaim(q) == -BM_ENODEV && info_now().flags & BM_NET_FAILED);
	CHECK(net_arm(q, BM_NET_RECEIVE, note_task, NULL) == -BM_ENODEV);
	CHECK(net_wait(q, BM_NET_RECEIVE, BM_FOREVER) == -BM_ENODEV);
	CHECK(in_use() == used - 256);
}

static void check_registration(void)
{
	static const struct bm_net_ops none = {0};
	struct bm_net_device *handle;
	struct bm_net_driver d = {.ops = &ops[0],
				  .name = "name",
				  .mtu = 1500,
				  .queues = 1,
				  .max_parts = 8,
				  .receive_ring = 1,
				  .send_ring = 1};
	forget();
	for (int i = 0; i < 9; i++) {
		struct bm_net_driver bad = d;
		if (i == 0)
			bad.ops = &none;
		else if (i == 1)
			bad.name = "twelveletter";
		else if (i == 2)
			bad.mac[0] = 1;
		else if (i == 3)
			bad.mtu = 67;
		else if (i == 4)
			bad.queues = 65;
		else if (i == 5)
			bad.max_parts = 7;
		else if (i == 6)
			bad.send_ring = 0;
		else if (i == 7)
			bad.receive_ring = 4097;
		else
			bad.flags = BM_NET_CAN_SEGMENT_TCP4; /* of no size */
		CHECK(net_add(&bad, &handle) == -BM_EINVAL);
	}
	for (int i = 0; i < NET_DEVICES_MAX; i++)
		CHECK(net_add(&d, &handle) == i);
	CHECK(net_add(&d, &handle) == -BM_ENOSPC && !strcmp(net_devices[31]->name, "name31"));
}

int main(void)
{
	srand(7);
	machine_on_look = nic_step;
	check_works(BASIC);
	check_works(BASIC | MRG);
	check_works(VIRTIO_NET_F_MAC); /* a header of its own */
	check_works(VIRTIO_NET_F_MAC | VIRTIO_F_INDIRECT);
	check_works(BASIC | VIRTIO_F_INDIRECT);
	check_works(BASIC | VIRTIO_F_EVENT_IDX | VIRTIO_NET_F_MTU);
	check_works(ALL);
	check_works(ALL | VIRTIO_NET_F_MTU);
	check_offloads();
	check_control();
	check_pairs();
	check_waiting(0);
	check_waiting(1);
	check_waiting(2);
	check_probe();
	check_lengths();
	for (int round = 0; round < 6; round++)
		check_nonsense(round);
	check_exhaustion();
	check_registration();
	return unit_status();
}
