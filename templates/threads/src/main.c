/* SPDX-License-Identifier: MIT */
/*
 * The commonest words. The main thread reads files line by line and puts the lines into a queue of
 * limited length; the counting threads take them out. Two condition variables: `filled` wakes those
 * who wait for a line, `drained` the reader who waits for room. The table of words has a lock for
 * each of its parts, so that the threads seldom wait for each other.
 *
 * The argument is the number of counting threads (1 to 1000); by default, two for each core.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE 64  /* lines that wait at most */
#define PARTS 256 /* of the table */
#define TOP   10  /* words that are printed */

static void *checked(void *memory)
{
	if (!memory) {
		fprintf(stderr,
			"out of memory: give the machine more (baremetal run --memory 256M)\n");
		exit(1);
	}
	return memory;
}

/* ---- The queue ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled, drained;
	char *lines[QUEUE];
	unsigned first, count;
	bool closed;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER,
	   .filled = PTHREAD_COND_INITIALIZER,
	   .drained = PTHREAD_COND_INITIALIZER};

static void put(char *line)
{
	pthread_mutex_lock(&queue.lock);
	while (queue.count == QUEUE)
		pthread_cond_wait(&queue.drained, &queue.lock);
	queue.lines[(queue.first + queue.count++) % QUEUE] = line;
	pthread_cond_signal(&queue.filled);
	pthread_mutex_unlock(&queue.lock);
}

/* NULL: there will be no more. */
static char *take(void)
{
	char *line = NULL;

	pthread_mutex_lock(&queue.lock);
	while (!queue.count && !queue.closed)
		pthread_cond_wait(&queue.filled, &queue.lock);
	if (queue.count) {
		line = queue.lines[queue.first];
		queue.first = (queue.first + 1) % QUEUE;
		queue.count--;
		pthread_cond_signal(&queue.drained);
	}
	pthread_mutex_unlock(&queue.lock);
	return line;
}

static void close_queue(void)
{
	pthread_mutex_lock(&queue.lock);
	queue.closed = true;
	pthread_cond_broadcast(&queue.filled);
	pthread_mutex_unlock(&queue.lock);
}

/* ---- The table ---- */

struct word {
	struct word *next;
	unsigned long count;
	char text[];
};

static struct part {
	pthread_mutex_t lock;
	struct word *words;
} table[PARTS];

static void count_word(const char *text)
{
	unsigned hash = 5381;

	for (const char *c = text; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	struct part *part = &table[hash % PARTS];
	pthread_mutex_lock(&part->lock);
	struct word *word = part->words;
	while (word && strcmp(word->text, text) != 0)
		word = word->next;
	if (!word) {
		word = checked(malloc(sizeof(*word) + strlen(text) + 1));
		strcpy(word->text, text);
		word->count = 0;
		word->next = part->words;
		part->words = word;
	}
	word->count++;
	pthread_mutex_unlock(&part->lock);
}

/* ---- The threads ---- */

/* A word is letters, with apostrophes inside; its case does not matter. */
static unsigned long count_line(char *line)
{
	unsigned long words = 0;

	while (*line) {
		char *start = line;

		while (isalpha((unsigned char)*line) || (*line == '\'' && line > start)) {
			*line = (char)tolower((unsigned char)*line);
			line++;
		}
		if (line == start) {
			line++;
			continue;
		}
		char *end = line, after = *end;
		while (end[-1] == '\'')
			end--;
		*line = '\0';
		if (end < line)
			*end = '\0';
		count_word(start);
		words++;
		if (after)
			line++;
	}
	return words;
}

static void *counter(void *argument)
{
	unsigned long *words = argument;
	char *line;

	while ((line = take())) {
		*words += count_line(line);
		free(line);
	}
	return NULL;
}

/* The next line of any length; NULL at the end of the file. */
static char *read_line(FILE *file)
{
	size_t size = 128, length = 0;
	char *line = checked(malloc(size));

	while (fgets(line + length, (int)(size - length), file)) {
		length += strlen(line + length);
		if (length < size - 1 || line[length - 1] == '\n')
			return line;
		size *= 2;
		line = checked(realloc(line, size));
	}
	if (length)
		return line;
	free(line);
	return NULL;
}

static void read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	while ((line = read_line(file)))
		put(line);
	fclose(file);
}

static int read_folder(const char *path)
{
	DIR *folder = opendir(*path ? path : "/");
	int files = 0;

	if (!folder) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	for (const struct dirent *entry; (entry = readdir(folder));) {
		char *name = checked(malloc(strlen(path) + strlen(entry->d_name) + 2));
		struct stat info;

		sprintf(name, "%s/%s", path, entry->d_name);
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    !lstat(name, &info)) {
			if (S_ISDIR(info.st_mode)) {
				files += read_folder(name);
			} else if (S_ISREG(info.st_mode)) {
				read_file(name);
				files++;
			}
		}
		free(name);
	}
	closedir(folder);
	return files;
}

static int by_count(const void *a, const void *b)
{
	const struct word *x = *(struct word *const *)a, *y = *(struct word *const *)b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->text, y->text);
}

static void print_table(unsigned long words, int files, int threads)
{
	size_t distinct = 0, i = 0;

	for (int p = 0; p < PARTS; p++)
		for (struct word *word = table[p].words; word; word = word->next)
			distinct++;
	struct word **all = checked(malloc((distinct + 1) * sizeof(*all)));
	for (int p = 0; p < PARTS; p++)
		for (struct word *word = table[p].words; word; word = word->next)
			all[i++] = word;
	qsort(all, distinct, sizeof(*all), by_count);
	for (i = 0; i < distinct && i < TOP; i++)
		printf("%8lu  %s\n", all[i]->count, all[i]->text);
	printf("%8lu  words, %zu of them different, in %d files, counted by %d threads\n", words,
	       distinct, files, threads);
	free(all);
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 2 * (int)sysconf(_SC_NPROCESSORS_ONLN);
	unsigned long words = 0;

	if (threads < 1 || threads > 1000) {
		fprintf(stderr, "the number of threads must be 1 to 1000\n");
		return 2;
	}
	for (int p = 0; p < PARTS; p++)
		pthread_mutex_init(&table[p].lock, NULL);
	pthread_t *counters = checked(malloc(threads * sizeof(*counters)));
	unsigned long *counts = checked(calloc(threads, sizeof(*counts)));
	for (int i = 0; i < threads; i++) {
		int error = pthread_create(&counters[i], NULL, counter, &counts[i]);

		if (error) {
			fprintf(stderr, "thread %d of %d: %s\n", i + 1, threads, strerror(error));
			return 1;
		}
	}
	int files = read_folder("");
	close_queue();
	for (int i = 0; i < threads; i++) {
		pthread_join(counters[i], NULL);
		words += counts[i];
	}
	print_table(words, files, threads);
	free(counters);
	free(counts);
	return 0;
}
