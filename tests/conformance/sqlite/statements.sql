-- SPDX-License-Identifier: MIT
-- Statements over SQLite's main features, all with one right answer. The same ones run on the host; a
-- line of "---" ends a group, whose answers are compared.
CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, born INTEGER, height REAL);
CREATE TABLE lent(person INTEGER REFERENCES person ON DELETE CASCADE, book TEXT, day INTEGER, PRIMARY KEY(person, book)) WITHOUT ROWID;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
  INSERT INTO person SELECT i, printf('person %05d', i * 7919 % 10007), 1900 + i % 100, 1.5 + (i % 50) / 100.0 FROM n;
INSERT INTO lent SELECT p.id, 'book ' || b.value, p.id * b.value % 365 FROM person p, json_each('[3,5,8,13,21]') b WHERE (p.id + b.value) % 3 = 0;
CREATE INDEX lent_day ON lent(day, book);
CREATE INDEX person_tall ON person(height) WHERE height > 1.8;
ANALYZE;
SELECT count(*), sum(born), min(name), max(name), round(avg(height), 6) FROM person;
SELECT count(*), count(DISTINCT book), total(day) FROM lent;
---
SELECT p.name, count(*) AS n, group_concat(l.book, '+') FROM person p JOIN lent l ON l.person = p.id GROUP BY p.id HAVING n > 1 ORDER BY n DESC, p.name LIMIT 7;
SELECT p.name FROM person p LEFT JOIN lent l ON l.person = p.id WHERE l.person IS NULL ORDER BY p.id LIMIT 3;
SELECT count(*) FROM person WHERE height > 1.9 AND id IN (SELECT person FROM lent WHERE day BETWEEN 10 AND 50);
SELECT a.day, count(*) FROM lent a JOIN lent b USING(day) JOIN person p ON p.id = a.person WHERE p.born = 1950 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5;
SELECT day, book FROM lent WHERE day = 7 UNION SELECT day, upper(book) FROM lent WHERE day = 8 EXCEPT SELECT 8, 'BOOK 3' ORDER BY 1, 2;
---
SELECT id, height, rank() OVER w, sum(born) OVER (PARTITION BY id % 3 ORDER BY id ROWS 2 PRECEDING), lag(name, 2, '-') OVER w FROM person WHERE id < 12 WINDOW w AS (ORDER BY height DESC, id) ORDER BY id;
WITH RECURSIVE fact(n, f) AS (SELECT 1, 1 UNION ALL SELECT n + 1, f * (n + 1) FROM fact WHERE n < 15) SELECT n, f FROM fact;
WITH RECURSIVE x(i, r, c) AS (SELECT 0, 0.0, 0.0 UNION ALL SELECT i + 1, r * r - c * c - 0.4, 2 * r * c + 0.6 FROM x WHERE i < 60) SELECT i, printf('%.9g', r), printf('%.9g', c) FROM x WHERE i % 15 = 0;
---
SELECT json_extract('{"a":[1,2.5,{"b":"x"}],"c":null}', '$.a[2].b'), json_array_length('[1,[2,3],4]'), json_type('{"k":true}', '$.k'), json_object('a', 1, 'b', json_array(1, 'two', NULL, 4.5));
SELECT key, value, type, fullkey FROM json_tree('{"a":[1,{"b":[true,null,"\u00e9"]}],"c":1e3}') ORDER BY id;
SELECT json_group_object(name, born) FROM (SELECT name, born FROM person ORDER BY id LIMIT 4);
SELECT '{"a":{"b":7}}' -> 'a', '{"a":{"b":7}}' ->> '$.a.b', json_patch('{"a":1,"b":2}', '{"a":9,"b":null}');
---
CREATE VIRTUAL TABLE note USING fts5(title, body, tokenize = 'porter unicode61');
INSERT INTO note SELECT name, CASE id % 4 WHEN 0 THEN 'runs quickly through the woods' WHEN 1 THEN 'a running gag, the RUNNER said' WHEN 2 THEN 'Füße und Bäume' ELSE 'nothing of that' END || ' ' || id FROM person WHERE id <= 400;
SELECT count(*) FROM note WHERE note MATCH 'run';
SELECT rowid, highlight(note, 1, '<', '>') FROM note WHERE note MATCH 'body: runner AND gag' ORDER BY rowid LIMIT 3;
SELECT count(*), min(rowid) FROM note WHERE note MATCH 'baume OR wood*';
SELECT rowid, snippet(note, 1, '[', ']', '…', 4) FROM note WHERE note MATCH 'NEAR(through woods)' ORDER BY rank, rowid LIMIT 2;
DELETE FROM note WHERE rowid % 2;
INSERT INTO note(note) VALUES('integrity-check');
INSERT INTO note(note) VALUES('optimize');
SELECT count(*) FROM note WHERE note MATCH 'nothing';
CREATE VIRTUAL TABLE old USING fts4(text);
INSERT INTO old SELECT body FROM note LIMIT 50;
SELECT docid, offsets(old) FROM old WHERE old MATCH 'quickly' ORDER BY docid LIMIT 2;
---
CREATE VIRTUAL TABLE box USING rtree(id, x0, x1, y0, y1);
INSERT INTO box SELECT id, id % 50, id % 50 + 1.5, id / 50, id / 50 + 2 FROM person;
SELECT count(*) FROM box WHERE x0 >= 10 AND x1 <= 15 AND y0 >= 5 AND y1 <= 20;
SELECT id, x1, y0 FROM box WHERE x0 < 1 AND y0 < 3 ORDER BY id;
SELECT rtreecheck('box');
---
CREATE TABLE log(what TEXT, id INT, old, new);
CREATE TRIGGER changed AFTER UPDATE OF height ON person BEGIN INSERT INTO log VALUES('height', new.id, old.height, new.height); END;
CREATE TRIGGER gone AFTER DELETE ON person BEGIN INSERT INTO log VALUES('gone', old.id, old.name, NULL); END;
PRAGMA foreign_keys = ON;
UPDATE person SET height = height + 0.01 WHERE id % 400 = 0;
DELETE FROM person WHERE id BETWEEN 100 AND 110;
SELECT what, id, quote(old), quote(new) FROM log ORDER BY rowid;
SELECT count(*) FROM lent WHERE person BETWEEN 100 AND 110;
INSERT INTO person VALUES(1, 'person 00001', 1, 1) ON CONFLICT DO NOTHING;
INSERT INTO person(id, name) VALUES(2, 'somebody else') ON CONFLICT(id) DO UPDATE SET born = born + 1000 RETURNING id, born;
UPDATE person SET born = l.n FROM (SELECT person, count(*) AS n FROM lent GROUP BY person) l WHERE l.person = person.id AND person.id < 6 RETURNING id, born;
CREATE VIEW tall AS SELECT id, name, height FROM person WHERE height > 1.95;
SELECT count(*), sum(id) FROM tall;
---
BEGIN;
DELETE FROM lent;
SAVEPOINT a;
INSERT INTO lent VALUES(1, 'x', 1);
ROLLBACK TO a;
SELECT count(*) FROM lent;
ROLLBACK;
SELECT count(*) FROM lent;
CREATE TABLE strict_one(a INT, b TEXT, c ANY, g INT GENERATED ALWAYS AS (a * 2) STORED) STRICT;
INSERT INTO strict_one(a, b, c) VALUES(1, 'x', x'00ff'), (2, 'y', 1.5);
SELECT a, b, quote(c), g, typeof(c) FROM strict_one;
ALTER TABLE strict_one RENAME COLUMN b TO bb;
ALTER TABLE strict_one ADD COLUMN d TEXT DEFAULT 'new';
ALTER TABLE strict_one DROP COLUMN bb;
SELECT a, hex(c), g, d FROM strict_one;
SELECT sql FROM sqlite_schema WHERE name = 'strict_one';
---
SELECT date(0, 'unixepoch'), datetime(1700000000, 'unixepoch', '+1 month', 'start of year'), strftime('%Y-%j %H:%M:%f', 2451545.25), julianday('2000-01-01 12:00');
SELECT round(sin(1), 12), round(exp(2.5), 10), round(log(10, 12345), 12), pow(2, 40), mod(17.5, 5), ceil(-1.5), round(atan2(1, -3), 12);
SELECT printf('%08.3f|%-6d|%x|%q|%s|%c|%,d', 3.14159265, 42, 255, 'it''s', 'é', 'z', 1234567), hex(zeroblob(5)), unicode('€'), char(8364, 65), instr('abcdef', 'de'), substr('hello', -3, 2), replace('aXbX', 'X', '--'), trim('  x '), quote(x'0102');
SELECT 9223372036854775807 + 1, -9223372036854775808, 1e308 * 10, 0.1 + 0.2, 1 / 3, 7 % -3, ~5, 1 << 40, '12abc' + 1, 'a' < 'B' COLLATE NOCASE, 'abc' GLOB 'a*[c]', 'ÄB' LIKE 'Äb', NULL IS NOT 1;
SELECT length(group_concat(hex(x), '')) FROM (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x * 3 % 65537 FROM n WHERE x <> 1 OR x = 1 LIMIT 5000) SELECT x FROM n);
---
CREATE TABLE big(id INTEGER PRIMARY KEY, data BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO big SELECT i, zeroblob(i * 97) FROM n;
UPDATE big SET data = CAST(hex(zeroblob(length(data) / 2)) AS BLOB) WHERE id % 2;
DELETE FROM big WHERE id % 3 = 0;
SELECT count(*), sum(length(data)), sum(data = zeroblob(length(data))) FROM big;
PRAGMA integrity_check;
VACUUM;
PRAGMA freelist_count;
PRAGMA foreign_key_check;
PRAGMA page_size;
SELECT count(*), sum(length(data)) FROM big;
ATTACH ':memory:' AS m;
CREATE TABLE m.copy AS SELECT * FROM big WHERE id > 250;
SELECT count(*), sum(id) FROM m.copy;
DETACH m;
PRAGMA integrity_check;
