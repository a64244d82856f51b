/* SPDX-License-Identifier: MIT */
/*
 * shared DATABASE: threads on one database, first all on one connection (SQLite's serialized
 * mode), then each on its own. Nothing here may fail or get lost. The last line is "@shared ok".
 *
 * SQLite's threadtest4 is about the same, but its shared-cache mode answers "locked" to
 * statements at random, on any system, and it takes that for an error.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

#define THREADS 6
#define ROUNDS  120
#define WAIT_MS 120000 /* for the lock of another connection */

static const char *path;
static sqlite3 *one; /* NULL: a connection for each thread */

static void require(int good, sqlite3 *db, const char *what)
{
	if (good)
		return;
	printf("@wrong %s (SQLite says: %s)\n", what, sqlite3_errmsg(db));
	exit(1);
}

static void run(sqlite3 *db, const char *sql)
{
	require(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, db, sql);
}

static int64_t number_of(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t result;

	require(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, db, sql);
	require(sqlite3_step(statement) == SQLITE_ROW, db, sql);
	result = sqlite3_column_int64(statement, 0);
	require(sqlite3_finalize(statement) == SQLITE_OK, db, sql);
	return result;
}

static sqlite3 *open_one(void)
{
	sqlite3 *db;

	require(sqlite3_open(path, &db) == SQLITE_OK, db, "cannot open");
	require(sqlite3_busy_timeout(db, WAIT_MS) == SQLITE_OK, db, "cannot set the time");
	return db;
}

/* Each round adds a row, and one to a counter that all share. */
static void *work(void *argument)
{
	int me = (int)(intptr_t)argument;
	sqlite3 *db = one ? one : open_one();
	sqlite3_stmt *insert;
	int64_t seen = 0;

	require(sqlite3_prepare_v2(db, "INSERT INTO row VALUES(?, ?, hex(randomblob(40)))", -1,
				   &insert, NULL) == SQLITE_OK,
		db, "cannot prepare");
	for (int round = 0; round < ROUNDS; round++) {
		/* A transaction belongs to a connection: on a common one, each statement is its
		 * own. */
		if (!one)
			run(db, "BEGIN IMMEDIATE");
		sqlite3_bind_int(insert, 1, me);
		sqlite3_bind_int(insert, 2, round);
		require(sqlite3_step(insert) == SQLITE_DONE, db, "cannot insert");
		require(sqlite3_reset(insert) == SQLITE_OK, db, "cannot reset");
		run(db, "UPDATE counter SET n = n + 1");
		if (!one)
			run(db, "COMMIT");
		int64_t n = number_of(db, "SELECT n FROM counter");
		require(n > seen, db, "the counter went back");
		seen = n;
	}
	sqlite3_finalize(insert);
	if (!one)
		require(sqlite3_close(db) == SQLITE_OK, db, "cannot close");
	return NULL;
}

static void phase(const char *settings, int common)
{
	pthread_t threads[THREADS];
	sqlite3 *db = open_one();

	run(db, settings);
	run(db, "DROP TABLE IF EXISTS row; DROP TABLE IF EXISTS counter;"
		"CREATE TABLE row(thread, round, text, PRIMARY KEY(thread, round));"
		"CREATE INDEX row_text ON row(text);"
		"CREATE TABLE counter(n); INSERT INTO counter VALUES(0)");
	one = common ? db : NULL;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i))
			require(0, db, "cannot make a thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	require(number_of(db, "SELECT n FROM counter") == THREADS * ROUNDS, db, "counts are lost");
	require(number_of(db, "SELECT count(*) FROM row") == THREADS * ROUNDS, db, "rows are lost");
	require(number_of(db, "SELECT count(*) = 1 AND max(integrity_check) = 'ok' "
			      "FROM pragma_integrity_check"),
		db, "integrity_check");
	require(sqlite3_close(db) == SQLITE_OK, db, "cannot close");
	printf("@done %s, %s\n", settings, common ? "one connection" : "one each");
}

int shared_main(int argc, char **argv)
{
	if (argc != 2)
		return 99;
	path = argv[1];
	if (sqlite3_config(SQLITE_CONFIG_SERIALIZED) || sqlite3_threadsafe() != 1)
		return 98;
	for (int common = 1; common >= 0; common--) {
		phase("PRAGMA journal_mode = delete", common);
		phase("PRAGMA journal_mode = wal", common);
	}
	printf("@shared ok\n");
	return 0;
}
