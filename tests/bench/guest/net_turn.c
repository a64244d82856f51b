/* SPDX-License-Identifier: MIT */
/*
 * What raw frames cost, device time left out. Two network devices on one of QEMU's hubs: frames go
 * out on the first, and are turned round on the second. Pair 0: bm_net_receive() that finds
 * nothing. Pair 1: one frame received, its addresses exchanged, sent. Pair 2: the same with 32 at
 * once. In between, the program sleeps until the device must be done.
 */
#include <baremetal/baremetal.h>
#include <string.h>
#include "marker.h"

#define ROUNDS 32
#define BATCH  32
#define SIZE   60
#define WAIT   (BM_SECOND / 100)

static struct bm_net_queue *from, *turner;

static inline void turn(struct bm_net_buffer *frame)
{
	uint64_t *at = (uint64_t *)frame->data;
	uint64_t low = at[0], high = ((uint32_t *)at)[2];
	/* Destination 0-5, source 6-11: exchanged. */
	at[0] = low >> 48 | high << 16 | low << 48;
	((uint32_t *)at)[2] = low >> 16;
}

/* Wait for so many frames on a queue pair, then take what there is. */
static int wait_for(struct bm_net_queue *q, struct bm_net_buffer **frames, int count)
{
	int got = 0;
	for (int tries = 0; tries < 500 && got < count; tries++) {
		bm_sleep_until(bm_time_monotonic() + WAIT);
		int n = bm_net_receive(q, frames + got, count - got);
		if (n < 0)
			return n;
		got += n;
	}
	return got;
}

/* Frames of this number go out on the first device. */
static int send_out(int count, uint8_t number)
{
	struct bm_net_buffer *frames[BATCH];
	for (int i = 0; i < count; i++) {
		frames[i] = bm_net_take(from);
		if (!frames[i])
			return -1;
		memset(frames[i]->data, 0, SIZE);
		memcpy(frames[i]->data, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\1\x88\xb5", 14);
		frames[i]->data[20] = number;
		frames[i]->data[21] = i;
		frames[i]->bytes = SIZE;
	}
	return bm_net_send(from, frames, count);
}

/* They have come back, turned round. */
static int check_back(int count, uint8_t number)
{
	struct bm_net_buffer *frames[BATCH];
	if (wait_for(from, frames, count) != count)
		return 4;
	for (int i = 0; i < count; i++) {
		if (memcmp(frames[i]->data, "\x02\0\0\0\0\1\xff\xff\xff\xff\xff\xff\x88\xb5", 14) ||
		    frames[i]->data[20] != number || frames[i]->data[21] != i)
			return 5;
		bm_net_give(from, frames[i]);
	}
	return 0;
}

int main(void)
{
	struct bm_net_buffer *frames[BATCH];
	int n, error;

	from = bm_net_open(0, 0);
	turner = bm_net_open(1, 0);
	if (!from || !turner || bm_net_filter(0, BM_NET_PROMISCUOUS, NULL, 0))
		return 2;
	for (int round = 0; round < ROUNDS; round++) {
		BENCH_START(0);
		n = bm_net_receive(turner, frames, BATCH);
		BENCH_STOP(0);
		if (n)
			return 3;
		if (send_out(1, round) != 1)
			return 3;
		bm_sleep_until(bm_time_monotonic() + WAIT);
		BENCH_START(1);
		n = bm_net_receive(turner, frames, 1);
		if (n == 1) {
			turn(frames[0]);
			n = bm_net_send(turner, frames, 1);
			BENCH_STOP(1);
		} else { /* a busy host: too early, and this round does not count */
			if (wait_for(turner, frames, 1) != 1)
				return 6;
			turn(frames[0]);
			n = bm_net_send(turner, frames, 1);
		}
		if (n != 1)
			return 7;
		if ((error = check_back(1, round)))
			return error;
	}
	for (int round = 0; round < ROUNDS; round++) {
		if (send_out(BATCH, round) != BATCH)
			return 3;
		bm_sleep_until(bm_time_monotonic() + WAIT);
		BENCH_START(2);
		n = bm_net_receive(turner, frames, BATCH);
		for (int i = 0; i < n; i++)
			turn(frames[i]);
		if (n > 0 && bm_net_send(turner, frames, n) != n)
			return 8;
		if (n == BATCH)
			BENCH_STOP(2);
		if (n != BATCH) {
			int rest = wait_for(turner, frames, BATCH - n);
			for (int i = 0; i < rest; i++)
				turn(frames[i]);
			if (rest != BATCH - n || bm_net_send(turner, frames, rest) != rest)
				return 9;
		}
		if ((error = check_back(BATCH, round)))
			return error;
	}
	return 0;
}
