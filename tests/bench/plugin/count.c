/* SPDX-License-Identifier: MIT */
/*
 * A QEMU plugin that counts guest instructions exactly, on one core or many.
 *
 *     qemu-system-x86_64 … -plugin count.so,out=FILE[,option…]
 *
 *   at=NAME:ADDRESS                   note the count when this address is first reached
 *   match=NAME:FLOOR:OFFSET:HEXBYTES  the same for code that is known by its bytes, at any
 *                                     address from FLOOR up whose offset in its 4 KiB page is
 *                                     OFFSET: how `main` is found, for apps load at random bases
 *   instructions=no                   count none, only returns from interrupts: much faster
 *   live=FILE                         the counters while the guest runs: a 64-bit number for each
 *                                     core, LIVE_STRIDE bytes apart
 *   trace=FILE,from=NAME,to=NAME      every instruction from one of these events to another, as
 *                                     32-bit numbers that the `insn` lines of the report explain
 *
 * Guest code can also bracket itself with marker instructions (guest/marker.h):
 * a NOP that compilers never emit. One point, or a start and a stop with an id.
 *
 * What counts: each instruction that starts to execute, before its own effects.
 * So an instruction that faults and is retried counts twice, and one with a REP
 * prefix once an iteration and once more to find that none is left
 * (selftest.S has the proof). The report, written when QEMU ends:
 *
 *   event NAME vcpu N own COUNT total COUNT address 0xADDRESS
 *   pair ID vcpu N count PAIRS min COUNT max COUNT sum COUNT interrupts COUNT
 *   end vcpu N own COUNT
 *   insn ID 0xADDRESS HEXBYTES
 *   lost COUNT              instructions beyond TRACE_MAX, missing in the trace
 *
 * An interrupt or exception is counted when its handler returns, by an IRET instruction: that
 * needs no knowledge of the system in the guest.
 *
 * It does not look at registers or memory, and changes nothing in the guest.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "qemu_api.h"

#define LIVE_STRIDE 2048

#define EVENTS_MAX 16       /* at= and match= */
#define POINTS_MAX 16       /* marker ids */
#define BYTES_MAX  64       /* of a match */
#define INSN_MAX   15       /* bytes of an instruction: the architecture's limit */
#define TRACE_MAX  50000000 /* instructions: 200 MB */

/* A marker is `nopl MARKER_MAGIC|kind|id(%rax)`; guest/marker.h has the other half. */
#define MARKER_OPCODE "\x0f\x1f\x80"
#define MARKER_SIZE   7
#define MARKER_MAGIC  0x424d0000u
enum marker_kind { MARKER_POINT = 0x000, MARKER_START = 0x100, MARKER_STOP = 0x200 };

struct event {
	char name[32];
	uint64_t floor;    /* lowest address */
	uint64_t address;  /* at=: where; match=: its offset in a page */
	size_t byte_count; /* 0 for at= */
	uint8_t bytes[BYTES_MAX];
	bool seen;
	unsigned int vcpu;
	uint64_t own, total, where;
};

struct pair {
	bool open;
	uint64_t started, count, min, max, sum;
	uint64_t interrupts_before, interrupts;
};

/* One virtual processor; alone in its cache lines, so that several can count at once. */
struct vcpu {
	uint64_t count;
	uint64_t interrupts; /* returned from */
	struct pair pairs[POINTS_MAX];
} __attribute__((aligned(LIVE_STRIDE)));
_Static_assert(sizeof(struct vcpu) == LIVE_STRIDE && offsetof(struct vcpu, count) == 0, "live=");

/* One instruction of the guest, as translated: the trace's vocabulary. */
struct insn {
	uint64_t address;
	struct insn *next; /* in its hash bucket */
	uint32_t id;
	uint8_t size, bytes[INSN_MAX];
};

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static FILE *out, *trace;
static struct vcpu *vcpus; /* in the file of live=, if there is one */
static unsigned int vcpu_count;
static struct event events[EVENTS_MAX + POINTS_MAX]; /* the options', then the points' */
static size_t event_count;
static struct event *trace_from, *trace_to;
static uint64_t traced, lost;
static bool instructions = true;
static struct insn *buckets[1 << 16];
static uint32_t insn_count;

static uint64_t total(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < vcpu_count; i++)
		sum += __atomic_load_n(&vcpus[i].count, __ATOMIC_RELAXED);
	return sum;
}

/* Callbacks at execution. Those of one instruction run in the order of their registration. */

static void on_insn(unsigned int vcpu, void *data)
{
	struct insn *insn = data;

	__atomic_store_n(&vcpus[vcpu].count, vcpus[vcpu].count + 1, __ATOMIC_RELAXED);
	if (!insn || !trace_from->seen || trace_to->seen)
		return;
	if (traced++ < TRACE_MAX)
		fwrite(&insn->id, sizeof insn->id, 1, trace);
	else
		lost++;
}

static void on_interrupt_return(unsigned int vcpu, void *data)
{
	(void)data;
	vcpus[vcpu].interrupts++;
}

static void on_event(unsigned int vcpu, void *data)
{
	struct event *event = data;

	if (__atomic_exchange_n(&event->seen, true, __ATOMIC_RELAXED))
		return;
	event->vcpu = vcpu;
	event->own = vcpus[vcpu].count;
	event->total = total();
}

static void on_start(unsigned int vcpu, void *data)
{
	struct pair *pair = &vcpus[vcpu].pairs[(uintptr_t)data];

	pair->open = true;
	pair->interrupts_before = vcpus[vcpu].interrupts;
	pair->started = vcpus[vcpu].count + 1; /* without the marker itself */
}

static void on_stop(unsigned int vcpu, void *data)
{
	struct pair *pair = &vcpus[vcpu].pairs[(uintptr_t)data];
	uint64_t length = vcpus[vcpu].count - pair->started;

	if (!pair->open)
		return;
	pair->open = false;
	if (!pair->count++ || length < pair->min)
		pair->min = length;
	if (length > pair->max)
		pair->max = length;
	pair->sum += length;
	pair->interrupts += vcpus[vcpu].interrupts - pair->interrupts_before;
}

/* Translation */

static void add(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb, void *data)
{
	qemu_plugin_register_vcpu_insn_exec_cb(insn, cb, QEMU_PLUGIN_CB_NO_REGS, data);
}

static void add_marker(struct qemu_plugin_insn *insn)
{
	uint8_t code[MARKER_SIZE];
	uint32_t word;

	if (qemu_plugin_insn_size(insn) != sizeof code)
		return;
	memcpy(code, qemu_plugin_insn_data(insn), sizeof code);
	memcpy(&word, code + 3, sizeof word);
	uint32_t id = word & 0xff;
	if (memcmp(code, MARKER_OPCODE, 3) || (word & 0xffff0000u) != MARKER_MAGIC ||
	    id >= POINTS_MAX)
		return;
	switch (word & 0xff00) {
	case MARKER_POINT:
		events[EVENTS_MAX + id].where = qemu_plugin_insn_vaddr(insn);
		add(insn, on_event, &events[EVENTS_MAX + id]);
		break;
	case MARKER_START:
		add(insn, on_start, (void *)(uintptr_t)id);
		break;
	case MARKER_STOP:
		add(insn, on_stop, (void *)(uintptr_t)id);
		break;
	}
}

/* Is this event's code at instruction `index`? As many bytes are compared as the block has. */
static bool matches(const struct event *event, struct qemu_plugin_tb *tb, size_t index)
{
	uint64_t address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, index));
	size_t done = 0;

	if (!event->byte_count)
		return address == event->address;
	if (address < event->floor || (address & 0xfff) != event->address)
		return false;
	for (; index < qemu_plugin_tb_n_insns(tb) && done < event->byte_count; index++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, index);
		size_t size = qemu_plugin_insn_size(insn);

		if (size > event->byte_count - done)
			size = event->byte_count - done;
		if (memcmp(qemu_plugin_insn_data(insn), event->bytes + done, size))
			return false;
		done += size;
	}
	return true;
}

/* IRET in any operand size: Intel SDM volume 2, "IRET/IRETD/IRETQ". */
static bool is_interrupt_return(struct qemu_plugin_insn *insn)
{
	size_t size = qemu_plugin_insn_size(insn);
	const uint8_t *code = qemu_plugin_insn_data(insn);

	return (size == 1 || (size == 2 && (code[0] == 0x48 || code[0] == 0x66))) &&
	       code[size - 1] == 0xcf;
}

/* The trace's record of an instruction; QEMU translates under a lock, so the table needs none. */
static struct insn *find_insn(struct qemu_plugin_insn *handle)
{
	uint64_t address = qemu_plugin_insn_vaddr(handle);
	size_t size = qemu_plugin_insn_size(handle);
	struct insn **bucket = &buckets[(address ^ address >> 16) & 0xffff], *insn;

	if (size > INSN_MAX)
		size = INSN_MAX;
	for (insn = *bucket; insn; insn = insn->next)
		if (insn->address == address && insn->size == size &&
		    !memcmp(insn->bytes, qemu_plugin_insn_data(handle), size))
			return insn;
	insn = calloc(1, sizeof *insn);
	if (!insn) {
		fputs("count: out of memory for the trace's instructions\n", stderr);
		exit(1);
	}
	insn->address = address;
	insn->size = size;
	memcpy(insn->bytes, qemu_plugin_insn_data(handle), size);
	insn->id = insn_count++;
	insn->next = *bucket;
	return *bucket = insn;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		for (size_t e = 0; e < event_count; e++) {
			if (events[e].seen || !matches(&events[e], tb, i))
				continue;
			events[e].where = qemu_plugin_insn_vaddr(insn);
			add(insn, on_event, &events[e]);
		}
		add_marker(insn);
		if (is_interrupt_return(insn))
			add(insn, on_interrupt_return, NULL);
		if (instructions)
			add(insn, on_insn, trace ? find_insn(insn) : NULL);
	}
}

/* The report */

static void on_end(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	for (size_t i = 0; i < EVENTS_MAX + POINTS_MAX; i++) {
		struct event *e = &events[i];

		if (e->seen)
			fprintf(out,
				"event %s vcpu %u own %" PRIu64 " total %" PRIu64
				" address 0x%" PRIx64 "\n",
				e->name, e->vcpu, e->own, e->total, e->where);
	}
	for (unsigned int v = 0; v < vcpu_count; v++) {
		for (unsigned int p = 0; p < POINTS_MAX; p++) {
			struct pair *pair = &vcpus[v].pairs[p];

			if (pair->count)
				fprintf(out,
					"pair %u vcpu %u count %" PRIu64 " min %" PRIu64
					" max %" PRIu64 " sum %" PRIu64 " interrupts %" PRIu64 "\n",
					p, v, pair->count, pair->min, pair->max, pair->sum,
					pair->interrupts);
		}
		fprintf(out, "end vcpu %u own %" PRIu64 "\n", v, vcpus[v].count);
	}
	for (size_t b = 0; b < sizeof buckets / sizeof *buckets; b++) {
		for (struct insn *insn = buckets[b]; insn; insn = insn->next) {
			fprintf(out, "insn %u 0x%" PRIx64 " ", insn->id, insn->address);
			for (size_t i = 0; i < insn->size; i++)
				fprintf(out, "%02x", insn->bytes[i]);
			fputc('\n', out);
		}
	}
	if (lost)
		fprintf(out, "lost %" PRIu64 "\n", lost);
	if (fclose(out) || (trace && fclose(trace)))
		perror("count: writing the report");
}

/* Options */

static int refuse(const char *option, const char *why)
{
	fprintf(stderr, "count: option \"%s\": %s (the options stand at the top of count.c)\n",
		option, why);
	return -1;
}

static struct event *find_event(const char *name)
{
	for (size_t i = 0; i < EVENTS_MAX + POINTS_MAX; i++)
		if (!strcmp(events[i].name, name))
			return &events[i];
	return NULL;
}

/* at=NAME:ADDRESS and match=NAME:FLOOR:OFFSET:HEXBYTES; value is after the "=". */
static bool parse_event(const char *value, bool match)
{
	struct event *e = &events[event_count];
	char hex[2 * BYTES_MAX + 1];

	if (event_count == EVENTS_MAX)
		return false;
	if (!match) {
		event_count++;
		return sscanf(value, "%31[^:]:%" SCNi64, e->name, (int64_t *)&e->address) == 2;
	}
	if (sscanf(value, "%31[^:]:%" SCNi64 ":%" SCNi64 ":%128[0-9a-f]", e->name,
		   (int64_t *)&e->floor, (int64_t *)&e->address, hex) != 4 ||
	    e->address > 0xfff)
		return false;
	for (; hex[2 * e->byte_count] && hex[2 * e->byte_count + 1]; e->byte_count++)
		sscanf(hex + 2 * e->byte_count, "%2hhx", &e->bytes[e->byte_count]);
	event_count++;
	return e->byte_count > 0;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	if (!info->system_emulation)
		return refuse("", "this plugin counts whole machines, not processes");
	FILE *live = NULL;
	vcpu_count = info->system.max_vcpus;
	for (int i = 0; i < POINTS_MAX; i++)
		snprintf(events[EVENTS_MAX + i].name, sizeof events[0].name, "point-%d", i);

	for (int i = 0; i < argc; i++) {
		const char *value = strchr(argv[i], '=');

		if (!value++)
			return refuse(argv[i], "has no value");
		size_t name = value - argv[i];
		if (!strncmp(argv[i], "at=", name) || !strncmp(argv[i], "match=", name)) {
			if (!parse_event(value, argv[i][0] == 'm'))
				return refuse(argv[i], "not of its form, or one too many");
		} else if (!strcmp(argv[i], "instructions=no")) {
			instructions = false;
		} else if (!strncmp(argv[i], "from=", name) || !strncmp(argv[i], "to=", name)) {
			struct event *e = find_event(value);

			if (!e)
				return refuse(argv[i], "names no event given before it");
			*(argv[i][0] == 'f' ? &trace_from : &trace_to) = e;
		} else if (!strncmp(argv[i], "out=", name) || !strncmp(argv[i], "trace=", name)) {
			FILE *file = fopen(value, "w");

			if (!file)
				return refuse(argv[i], "cannot be written");
			*(argv[i][0] == 'o' ? &out : &trace) = file;
		} else if (!strncmp(argv[i], "live=", name)) {
			live = fopen(value, "w+");
			if (!live || ftruncate(fileno(live), vcpu_count * sizeof *vcpus))
				return refuse(argv[i], "cannot be written");
		} else {
			return refuse(argv[i], "unknown");
		}
	}
	vcpus = mmap(NULL, vcpu_count * sizeof *vcpus, PROT_READ | PROT_WRITE,
		     live ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, live ? fileno(live) : -1, 0);
	if (vcpus == MAP_FAILED)
		return refuse("-smp", "no memory for the counters");
	if (!out)
		return refuse("out=", "is missing");
	if (trace && (!trace_from || !trace_to || vcpu_count > 1))
		return refuse("trace=", "needs from=, to= and a machine with one core");

	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_end, NULL);
	return 0;
}
