/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: a page that lists a folder, names in order, folders first. Names that begin with a
 * dot, links, and what is neither file nor folder are left out, as they are not served.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

#define ENTRIES 10000 /* more are not listed */

struct entry {
	char *name;
	bool folder;
	uint64_t size;
	int64_t modified;
};

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->folder != y->folder ? y->folder - x->folder : strcmp(x->name, y->name);
}

static size_t read_folder(struct bm_http_server *server, DIR *folder, struct entry **entries,
			  bool *more)
{
	size_t count = 0, capacity = 0;

	*more = false;
	for (const struct dirent *found; (found = readdir(folder));) {
		struct stat info;

		if (found->d_name[0] == '.' || strpbrk(found->d_name, "\\\n\r") ||
		    fstatat(dirfd(folder), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
		    (uint64_t)info.st_dev != server->root_device ||
		    (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)))
			continue;
		if (count == ENTRIES) {
			*more = true;
			break;
		}
		if (count == capacity) {
			capacity = capacity ? 2 * capacity : 64;
			struct entry *grown = realloc(*entries, capacity * sizeof(**entries));

			if (!grown) {
				*more = true;
				break;
			}
			*entries = grown;
		}
		char *name = strdup(found->d_name);
		if (!name) {
			*more = true;
			break;
		}
		(*entries)[count++] = (struct entry){name, S_ISDIR(info.st_mode),
						     (uint64_t)info.st_size, info.st_mtime};
	}
	qsort(*entries, count, sizeof(**entries), by_name);
	return count;
}

static void put_html(struct buffer *page, const char *text)
{
	for (; *text; text++) {
		const char *special = strchr("&<>\"'", *text);

		if (special && *special) {
			char number[8];

			buffer_put(page, number,
				   (size_t)snprintf(number, sizeof(number), "&#%d;", *text));
		} else {
			buffer_put(page, text, 1);
		}
	}
}

static void put_entry(struct buffer *page, const struct entry *entry)
{
	char date[HTTP_DATE];

	date_format(date, entry->modified);
	/* "./": else a name with a colon were a scheme. */
	buffer_text(page, "<tr><td><a href=\"./");
	path_encode(page, entry->name, strlen(entry->name));
	buffer_text(page, entry->folder ? "/\">" : "\">");
	put_html(page, entry->name);
	buffer_text(page, entry->folder ? "/</a><td><td>" : "</a><td>");
	if (!entry->folder) {
		buffer_number(page, entry->size);
		buffer_text(page, "<td>");
	}
	buffer_put(page, date, HTTP_DATE);
	buffer_text(page, "\n");
}

void listing_respond(struct exchange *exchange, const char *path, size_t size)
{
	struct loop *loop = exchange->loop;
	struct buffer *page = &loop->body;
	struct entry *entries = NULL;
	struct stat info;
	bool more;

	int descriptor = root_open(loop->server, path, &info);
	DIR *folder = descriptor >= 0 && S_ISDIR(info.st_mode) ? fdopendir(descriptor) : NULL;
	if (!folder) {
		if (descriptor >= 0)
			close(descriptor);
		response_error(exchange, descriptor < 0 ? -descriptor : 404, NULL);
		return;
	}
	size_t count = read_folder(loop->server, folder, &entries, &more);
	closedir(folder);
	page->size = 0;
	buffer_text(page, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
	put_html(page, path);
	buffer_text(page, "</title>\n<style>td{padding:0 1em 0 "
			  "0}td:nth-child(2){text-align:right}</style>\n<h1>");
	put_html(page, path);
	buffer_text(page, "</h1>\n<table>\n");
	if (size > 1)
		buffer_text(page, "<tr><td><a href=\"../\">../</a><td><td>\n");
	for (size_t i = 0; i < count; i++) {
		put_entry(page, &entries[i]);
		free(entries[i].name);
	}
	free(entries);
	buffer_text(page, "</table>\n");
	if (more)
		buffer_text(page, "<p>There is more, which is not listed.\n");
	response_send(exchange, 200, "text/html; charset=utf-8",
		      "Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n"
		      "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n",
		      page->data, page->size);
}
