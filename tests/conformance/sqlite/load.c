/* SPDX-License-Identifier: MIT */
/*
 * load DATABASE MODE SEED COUNT: look at a database, then change it COUNT times.
 *
 * What transaction number N does follows from SEED and N alone, and so does the content after
 * any number of them. So the program can tell, after a power cut, whether the database holds
 * exactly the first L transactions. It prints, each on a line of its own:
 *
 *     @open L      the database is whole, and holds L transactions
 *     @commit N    COMMIT has returned
 *     @done        COUNT transactions later
 *     @wrong …     what is not as it must be; the exit status is 1 then
 *
 * MODE: delete, truncate, persist (rollback journals), wal, wal-exclusive.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

#define ROWS         96
#define SIZE_MAX_ROW 4000

static sqlite3 *db;
static uint64_t seed;
static int64_t model[ROWS]; /* the transaction that wrote the row; 0: there is none */

static _Noreturn void wrong(const char *format, ...)
{
	va_list list;

	printf("@wrong ");
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf(" (SQLite says: %s)\n", db ? sqlite3_errmsg(db) : "nothing");
	exit(1);
}

/* An unpredictable function of its arguments. */
static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t x =
	    seed ^ a * 0x9e3779b97f4a7c15 ^ b * 0xc2b2ae3d27d4eb4f ^ c * 0x165667b19e3779f9;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* The bytes of a row that a transaction writes; returns how many. */
static int row_data(int64_t transaction, int id, uint8_t *data)
{
	uint64_t random = mix((uint64_t)transaction, (uint64_t)id, 77);
	int size = (int)(random % (random >> 32 & 3 ? 200 : SIZE_MAX_ROW));

	for (int i = 0; i < size; i += 8) {
		random = mix(random, (uint64_t)i, 5);
		memcpy(data + i, &random, 8);
	}
	return size;
}

static int operations(int64_t transaction)
{
	uint64_t random = mix((uint64_t)transaction, 1, 1);

	return random % 8 ? 1 + (int)((random >> 8) % 6) : 60; /* 60: more than the cache holds */
}

/* Which row an operation is about, and whether it deletes it. */
static int row_of(int64_t transaction, int operation, int *deletes)
{
	uint64_t random = mix((uint64_t)transaction, (uint64_t)operation, 2);

	*deletes = (random >> 32) % 4 == 0;
	return (int)(random % ROWS);
}

static void run(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL))
		wrong("%s failed", sql);
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL))
		wrong("cannot prepare %s", sql);
	return statement;
}

static int64_t number_of(const char *sql)
{
	sqlite3_stmt *statement = prepare(sql);
	int64_t result;

	if (sqlite3_step(statement) != SQLITE_ROW)
		wrong("no answer to %s", sql);
	result = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return result;
}

static void check_text(const char *sql, const char *expected)
{
	sqlite3_stmt *statement = prepare(sql);
	const char *text;

	if (sqlite3_step(statement) != SQLITE_ROW)
		wrong("no answer to %s", sql);
	text = (const char *)sqlite3_column_text(statement, 0);
	if (!text || strcmp(text, expected))
		wrong("%s gives %s, not %s", sql, text ? text : "NULL", expected);
	sqlite3_finalize(statement);
}

static void open_database(const char *path, const char *mode)
{
	static const struct {
		const char *name, *journal, *settings;
	} modes[] = {
	    /* EXTRA: the folder is synced after the journal is unlinked, which is the commit. */
	    {"delete", "delete", "PRAGMA synchronous = EXTRA"},
	    {"truncate", "truncate", "PRAGMA synchronous = FULL"},
	    {"persist", "persist", "PRAGMA synchronous = FULL"},
	    {"wal", "wal", "PRAGMA synchronous = FULL"},
	    {"wal-exclusive", "wal", "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL"},
	};
	char sql[100];
	unsigned i = 0;

	while (i < sizeof(modes) / sizeof(*modes) && strcmp(modes[i].name, mode))
		i++;
	if (i == sizeof(modes) / sizeof(*modes))
		wrong("there is no mode %s", mode);
	if (sqlite3_open(path, &db))
		wrong("cannot open %s", path);
	run(modes[i].settings); /* first: an exclusive lock shall be one from the start */
	run("PRAGMA cache_size = 20; PRAGMA wal_autocheckpoint = 40");
	snprintf(sql, sizeof(sql), "PRAGMA journal_mode = %s", modes[i].journal);
	check_text(sql, modes[i].journal);
	run("BEGIN; CREATE TABLE IF NOT EXISTS done(number INTEGER PRIMARY KEY);"
	    "CREATE TABLE IF NOT EXISTS data(id INTEGER PRIMARY KEY, number INTEGER, name TEXT, "
	    "data BLOB);"
	    "CREATE INDEX IF NOT EXISTS data_number ON data(number);"
	    "CREATE INDEX IF NOT EXISTS data_name ON data(name, number); COMMIT");
}

/* Returns how many transactions the database holds, which it must do entirely. */
static int64_t check_database(void)
{
	static uint8_t expected[SIZE_MAX_ROW + 8];
	int64_t last;
	sqlite3_stmt *statement;
	int rows = 0, present = 0;

	check_text("PRAGMA integrity_check", "ok");
	last = number_of("SELECT coalesce(max(number), 0) FROM done");
	if (number_of("SELECT count(*) FROM done") != last)
		wrong("of the transactions 1 to %" PRId64 ", some are missing", last);
	for (int64_t number = 1; number <= last; number++) {
		for (int i = 0; i < operations(number); i++) {
			int deletes, id = row_of(number, i, &deletes);

			model[id] = deletes ? 0 : number;
		}
	}
	statement = prepare("SELECT id, number, name, data FROM data ORDER BY id");
	while (sqlite3_step(statement) == SQLITE_ROW) {
		int id = sqlite3_column_int(statement, 0), size;
		int64_t number = sqlite3_column_int64(statement, 1);
		char name[40];

		if (id < 0 || id >= ROWS || model[id] != number)
			wrong("after %" PRId64 " transactions, row %d is of transaction %" PRId64
			      ", not of %" PRId64,
			      last, id, number, id < 0 || id >= ROWS ? 0 : model[id]);
		size = row_data(number, id, expected);
		snprintf(name, sizeof(name), "row %d of %" PRId64, id, number);
		if (strcmp(name, (const char *)sqlite3_column_text(statement, 2)) ||
		    sqlite3_column_bytes(statement, 3) != size ||
		    (size && memcmp(sqlite3_column_blob(statement, 3), expected, (size_t)size)))
			wrong("row %d of transaction %" PRId64 " has another content", id, number);
		rows++;
	}
	if (sqlite3_finalize(statement))
		wrong("cannot read all rows");
	for (int id = 0; id < ROWS; id++)
		present += model[id] != 0;
	if (rows != present)
		wrong("%d rows, not %d", rows, present);
	return last;
}

static sqlite3_stmt *put, *delete;

static void write_rows(int64_t transaction)
{
	static uint8_t data[SIZE_MAX_ROW + 8];

	if (!put) {
		put = prepare(
		    "INSERT OR REPLACE INTO data VALUES(?1, ?2, 'row ' || ?1 || ' of ' || ?2, ?3)");
		delete = prepare("DELETE FROM data WHERE id = ?1");
	}
	for (int i = 0; i < operations(transaction); i++) {
		int deletes, id = row_of(transaction, i, &deletes);
		sqlite3_stmt *statement = deletes ? delete : put;

		sqlite3_bind_int(statement, 1, id);
		if (!deletes) {
			sqlite3_bind_int64(statement, 2, transaction);
			sqlite3_bind_blob(statement, 3, data, row_data(transaction, id, data),
					  SQLITE_STATIC);
		}
		if (sqlite3_step(statement) != SQLITE_DONE)
			wrong("transaction %" PRId64 ": cannot change row %d", transaction, id);
		sqlite3_reset(statement);
	}
}

static void change(int64_t transaction)
{
	char sql[100];

	if (mix((uint64_t)transaction, 1, 3) % 5 == 0) { /* one that comes to nothing */
		run("BEGIN");
		write_rows(-transaction);
		run("ROLLBACK");
	}
	run("BEGIN IMMEDIATE");
	write_rows(transaction);
	snprintf(sql, sizeof(sql), "INSERT INTO done VALUES(%" PRId64 ")", transaction);
	run(sql);
	run("COMMIT");
	printf("@commit %" PRId64 "\n", transaction);
	if (transaction % 23 == 0)
		run("VACUUM");
	if (transaction % 17 == 0)
		run("PRAGMA wal_checkpoint(TRUNCATE)");
}

int load_main(int argc, char **argv)
{
	int64_t last;

	if (argc != 5)
		return 99;
	setvbuf(stdout, NULL, _IOLBF, 0);
	seed = strtoull(argv[3], NULL, 10);
	open_database(argv[1], argv[2]);
	last = check_database();
	printf("@open %" PRId64 "\n", last);
	for (int64_t i = 1; i <= strtoll(argv[4], NULL, 10); i++)
		change(last + i);
	sqlite3_finalize(put);
	sqlite3_finalize(delete);
	if (sqlite3_close(db))
		wrong("cannot close");
	printf("@done\n");
	return 0;
}
