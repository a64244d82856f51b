/* SPDX-License-Identifier: MIT */
/*
 * Trees, paths, mounts, descriptors; filling a tree from good and bad archives.
 */
#include "unit.h"
#include "tar_writer.h"
#include "host.h"

static char reports[20][200];
static int report_count;
static bool with_device; /* in what start_tree() mounts on /tmp */

static void report(const char *sentence)
{
	if (report_count < 20)
		snprintf(reports[report_count], sizeof(reports[0]), "%s", sentence);
	report_count++;
}

static bool reported(const char *words)
{
	for (int i = 0; i < report_count && i < 20; i++)
		if (strstr(reports[i], words))
			return true;
	return false;
}

static void start_tree(struct tar_writer *w)
{
	struct node *over = NULL;

	report_count = 0;
	host_tree = tree_new(1, 12345);
	host_tmp = tree_new(2, 54321);
	root = working = NULL;
	CHECK(!tree_add(tree_root(host_tree), "tmp", 3, S_IFDIR | 0755, &over));
	CHECK(!files_mount(tree_root(host_tmp), over));
	if (with_device) {
		CHECK(!tree_add(tree_root(host_tmp), "device", 6, S_IFCHR | 0666, &over));
		over->device = &console_file_ops;
	}
	boot_fill(tree_root(host_tree), w->bytes, w->size, report);
	tree_seal(host_tree);
}

static void end_tree(struct tar_writer *w)
{
	if (working)
		node_drop(working);
	root = working = NULL;
	tree_free(host_tmp);
	tree_free(host_tree);
	host_tree = host_tmp = NULL;
	writer_free(w);
}

/* The error, or 0 and the node. */
static int find_path(const char *path, int flags, struct node **node)
{
	struct place place;
	int error = path_find(AT_FDCWD, path, flags, &place);

	*node = error ? NULL : place.node;
	return error;
}

static int error_of(const char *path)
{
	struct node *node;

	return find_path(path, PATH_FOLLOW, &node);
}

static bool content_is(const char *path, const char *text)
{
	struct node *node;
	char buffer[100];

	if (find_path(path, PATH_FOLLOW, &node) || !S_ISREG(node->mode))
		return false;
	long n = node->ops->read(node, buffer, sizeof(buffer), 0);
	return n == (long)strlen(text) && !memcmp(buffer, text, (size_t)n);
}

static void test_paths(void)
{
	struct tar_writer w = {0};
	struct node *node;
	char buffer[64], deep[300];

	memset(deep, 'd', 299);
	deep[299] = 0;
	writer_text(&w, '5', "./", "");
	writer_text(&w, '0', "./a/b/c.txt", "implied");
	writer_text(&w, '0', "/abs/olute", "absolute");
	writer_text(&w, '0', "a//b/./x/../d.txt", "dots");
	writer_text(&w, '0', "../../etc/out", "no");
	writer_text(&w, '0', "a/../../out", "no");
	writer_text(&w, '0', "twice", "first");
	writer_text(&w, '0', "twice", "second");
	writer_entry(&w, '2', "link", "a/b", "", 0);
	writer_entry(&w, '2', "absolute-link", "/a/b/c.txt", "", 0);
	writer_entry(&w, '2', "up/down", "../link/c.txt", "", 0);
	writer_entry(&w, '2', "loop1", "loop2", "", 0);
	writer_entry(&w, '2', "loop2", "loop1/", "", 0);
	writer_entry(&w, '2', "self", "self", "", 0);
	writer_entry(&w, '2', "dangling", "nowhere", "", 0);
	writer_entry(&w, '2', "to-root", "/", "", 0);
	writer_entry(&w, '1', "hard", "a/b/c.txt", "", 0);
	writer_entry(&w, '1', "bad-hard", "missing", "", 0);
	writer_entry(&w, '1', "dir-hard", "a", "", 0);
	writer_text(&w, '0', "line\nbreak \"'\xc3\xbc", "odd name");
	writer_text(&w, '0', "twice/below-a-file", "no");
	writer_text(&w, '0', "a", "file over a full directory");
	writer_text(&w, '5', "twice", "");
	writer_text(&w, '3', "device", "");
	writer_entry(&w, 'L', "x", "", deep, 300);
	writer_text(&w, '0', "x", "name too long");
	writer_end(&w);
	start_tree(&w);

	CHECK(content_is("/a/b/c.txt", "implied") && content_is("a/b/../b/./c.txt", "implied"));
	CHECK(content_is("abs/olute", "absolute") && content_is("/a/b/d.txt", "dots"));
	CHECK(content_is("link/c.txt", "implied") && content_is("absolute-link", "implied"));
	CHECK(content_is("up/down", "implied") && content_is("hard", "implied"));
	CHECK(content_is("to-root/to-root/hard", "implied"));
	CHECK(content_is("line\nbreak \"'\xc3\xbc", "odd name"));
	CHECK(content_is("/../../hard", "implied")); /* the root's parent is the root */
	CHECK(!error_of("twice") && error_of("twice/below-a-file") == -ENOENT);
	CHECK(error_of("etc") == -ENOENT && error_of("out") == -ENOENT);
	CHECK(error_of("loop1") == -ELOOP && error_of("self") == -ELOOP &&
	      error_of("self/x") == -ELOOP);
	CHECK(error_of("dangling") == -ENOENT && error_of("") == -ENOENT);
	CHECK(error_of("hard/") == -ENOTDIR && error_of("hard/x") == -ENOTDIR);
	CHECK(error_of("hard/..") == -ENOTDIR);
	CHECK(error_of(deep) == -ENAMETOOLONG);
	CHECK(!find_path("self", 0, &node) && S_ISLNK(node->mode));
	CHECK(find_path("link/", 0, &node) == 0 && S_ISDIR(node->mode));
	CHECK(!find_path("hard", 0, &node) && node->links == 2 && node->read_only);
	CHECK(!find_path("missing", PATH_MAY_MISS, &node) && !node);
	CHECK(find_path("missing/x", PATH_MAY_MISS, &node) == -ENOENT);
	CHECK(!find_path("dangling", PATH_MAY_MISS | PATH_FOLLOW, &node) && !node);

	CHECK(reported("'../../etc/out' left out: its path leads out"));
	CHECK(reported("'a/../../out' left out"));
	CHECK(reported("'bad-hard' left out") && reported("'dir-hard' left out"));
	CHECK(reported("'twice/below-a-file' left out") && reported("'a' left out: a directory"));
	CHECK(reported("'device' left out"));
	CHECK(report_count == 8); /* the ninth and later problems are not told one by one … */
	CHECK(reported("1 more") == (report_count > 8));

	/* Names back from nodes. */
	CHECK(!find_path("a/b", 0, &node) && path_of(node, buffer, sizeof(buffer)) == 5);
	CHECK(!strcmp(buffer, "/a/b"));
	CHECK(path_of(node, buffer, 4) == -ERANGE && path_of(node, buffer, 5) == 5);
	CHECK(path_of(path_root(), buffer, 2) == 2 && !strcmp(buffer, "/"));
	CHECK(path_of(path_root(), buffer, 1) == -ERANGE);
	CHECK(!find_path("tmp", 0, &node) && path_of(node, buffer, sizeof(buffer)) == 5);
	CHECK(!strcmp(buffer, "/tmp") && node == tree_root(host_tmp));
	CHECK(!find_path("tmp/..", 0, &node) && node == path_root());
	path_set_working(tree_root(host_tmp));
	CHECK(content_is("../hard", "implied") && error_of("hard") == -ENOENT);
	end_tree(&w);
}

static struct node *make(struct node *directory, const char *name, uint32_t mode,
			 const char *target)
{
	struct node *node = NULL;
	int error = directory->ops->create(directory, name, strlen(name), mode, target, &node);

	CHECK(!error && node);
	return node;
}

static void test_tmp(void)
{
	struct tar_writer w = {0};
	struct node *tmp, *file, *directory, *inner, *again;
	static char big[100000], back[100000];

	writer_end(&w);
	start_tree(&w);
	tmp = tree_root(host_tmp);
	file = make(tmp, "file", S_IFREG | 0644, NULL);
	directory = make(tmp, "directory", S_IFDIR | 0755, NULL);
	CHECK(tmp->links == 3 && directory->links == 2 && file->links == 1);
	inner = make(directory, "inner", S_IFDIR | 0755, NULL);
	make(tmp, "link", S_IFLNK | 0777, "directory/inner");
	CHECK(!find_path("/tmp/link", PATH_FOLLOW, &again) && again == inner);

	/* Data: sparse, grown, cut, grown again. */
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 4096);
	CHECK(file->ops->write(file, big, sizeof(big), 5000) == sizeof(big));
	CHECK(file->size == 105000);
	CHECK(file->ops->read(file, back, sizeof(back), 5000) == sizeof(back));
	CHECK(!memcmp(big, back, sizeof(big)));
	CHECK(file->ops->read(file, back, 5000, 0) == 5000 && !back[0] && !back[4999]);
	CHECK(file->ops->read(file, back, 10, 105000) == 0 &&
	      file->ops->read(file, back, 10, 104995) == 5);
	CHECK(!file->ops->resize(file, 6000) && file->size == 6000);
	CHECK(!file->ops->resize(file, 200000) && file->ops->read(file, back, 100, 5990) == 100);
	CHECK(!memcmp(back, big + 990, 10) && !back[10] && !back[99]);
	CHECK(file->ops->read(file, back, 100000, 100000) == 100000 && !back[50000]);
	CHECK(file->ops->write(file, "x", 1, UINT64_MAX / 2) == -EFBIG);
	CHECK(file->ops->resize(file, UINT64_MAX / 2) == -EFBIG && file->size == 200000);
	CHECK(!file->ops->resize(file, UINT64_C(1) << 40) && !file->ops->resize(file, 3));

	/* Names. */
	CHECK(tmp->ops->remove(tmp, "directory", 9) == -ENOTEMPTY);
	CHECK(tmp->ops->remove(tmp, "none", 4) == -ENOENT);
	CHECK(!tmp->ops->link(tmp, "second", 6, file) && file->links == 2);
	CHECK(!tmp->ops->rename(tmp, "file", 4, inner, "moved", 5) && file->links == 2);
	CHECK(!find_path("/tmp/link/moved", 0, &again) && again == file);
	CHECK(!tmp->ops->rename(directory, "inner", 5, tmp, "outer", 5));
	CHECK(tmp->links == 4 && directory->links == 2 && inner->links == 2);
	CHECK(!find_path("/tmp/outer/..", 0, &again) && again == tmp);
	CHECK(!tmp->ops->rename(tmp, "directory", 9, inner, "directory", 9));
	CHECK(tmp->links == 3 && inner->links == 3);
	CHECK(!find_path("/tmp/outer/directory/../moved", 0, &again) && again == file);
	make(tmp, "empty", S_IFDIR | 0755, NULL);
	CHECK(tmp->ops->rename(tmp, "empty", 5, tmp, "outer", 5) == -ENOTEMPTY);
	CHECK(!tmp->ops->rename(tmp, "outer", 5, tmp, "empty", 5) && tmp->links == 3);
	CHECK(content_is("/tmp/empty/moved", "") == false && !error_of("/tmp/empty/moved"));

	/* Open files outlive their names; a removed working directory takes no new ones. */
	struct file *opened;
	CHECK(!files_open(file, O_RDWR, &opened));
	CHECK(!inner->ops->remove(inner, "moved", 5) && !tmp->ops->remove(tmp, "second", 6));
	CHECK(file->links == 0 && opened->ops->write(opened, "still there", 11) == 11);
	CHECK(opened->ops->seek(opened, -5, SEEK_END) == 6 &&
	      opened->ops->read(opened, back, 9) == 5);
	CHECK(!memcmp(back, "there", 5) && opened->ops->seek(opened, -1, SEEK_SET) == -EINVAL);
	CHECK(opened->ops->seek(opened, INT64_MAX, SEEK_CUR) == -EINVAL);
	files_put(opened);
	directory = make(tmp, "gone", S_IFDIR | 0755, NULL);
	path_set_working(directory);
	CHECK(!tmp->ops->remove(tmp, "gone", 4) && error_of("x") == -ENOENT &&
	      error_of("..") == -ENOENT);
	CHECK(directory->ops->create(directory, "x", 1, S_IFREG, NULL, &again) == -ENOENT);
	CHECK(path_of(directory, back, sizeof(back)) == -ENOENT);
	end_tree(&w);
}

/* The archive's entries below a mount are in what is mounted, which keeps what it is. */
static void test_below_mount(void)
{
	struct tar_writer w = {0};
	struct node *file, *other, *tmp;
	char buffer[20];

	writer_text(&w, '0', "outside", "outside");
	writer_entry(&w, '2', "link", "outside", "", 0);
	writer_text(&w, '5', "tmp/", "");
	writer_text(&w, '0', "tmp/file", "from the archive");
	writer_text(&w, '0', "tmp/cut", "from the archive");
	writer_text(&w, '0', "tmp/sub/../deep/./er", "deep");
	writer_text(&w, '0', "tmp/sub/../../above", "above");
	writer_text(&w, '5', "tmp/sub/..", "");
	writer_entry(&w, '1', "tmp/hard", "outside", "", 0);
	writer_entry(&w, '1', "tmp/hard-link", "link", "", 0);
	writer_entry(&w, '1', "hard", "tmp/file", "", 0);
	writer_entry(&w, '1', "tmp/same", "tmp/file", "", 0);
	writer_text(&w, '0', "tmp/../tmp/device", "no");
	writer_text(&w, '0', "tmp/device/below", "no");
	writer_entry(&w, '1', "tmp/device", "outside", "", 0);
	writer_entry(&w, '1', "device-hard", "tmp/device", "", 0);
	writer_text(&w, '0', "tmp", "a file in the way");
	writer_text(&w, '0', "tmp/../../out", "no");
	writer_end(&w);
	with_device = true;
	start_tree(&w);
	with_device = false;
	tmp = tree_root(host_tmp);
	CHECK(reported("'tmp/../tmp/device' left out: a device") &&
	      reported("'tmp/device/below' left out") && reported("'tmp/device' left out"));
	CHECK(reported("'device-hard' left out") && reported("'tmp' left out: a directory") &&
	      reported("'tmp/../../out' left out") && report_count == 6);
	CHECK(tmp->mode == (S_IFDIR | 0755) && !find_path("/tmp", 0, &other) && other == tmp);
	CHECK(!find_path("/tmp/device", 0, &other) && other->device == &console_file_ops);
	CHECK(content_is("/tmp/deep/er", "deep") && content_is("/above", "above"));
	CHECK(content_is("/tmp/hard", "outside") && content_is("/hard", "from the archive"));
	CHECK(error_of("/tmp/hard-link") == -ENOENT && !find_path("/tmp/hard-link", 0, &other) &&
	      S_ISLNK(other->mode));
	CHECK(!find_path("/hard", 0, &other) && other->read_only && other->filesystem == 1);

	/* What is written is a copy of the archive's bytes, under both names. */
	CHECK(!find_path("/tmp/file", 0, &file) && !file->read_only && file->filesystem == 2);
	CHECK(file->links == 2);
	CHECK(file->ops->write(file, "FROM", 4, 0) == 4 && file->ops->write(file, "!", 1, 20) == 1);
	CHECK(file->ops->read(file, buffer, 20, 1) == 20 &&
	      !memcmp(buffer, "ROM the archive\0\0\0\0!", 20));
	CHECK(content_is("/hard", "from the archive"));
	CHECK(!find_path("/tmp/same", 0, &other) && other == file);
	CHECK(!find_path("/tmp/cut", 0, &file) && !file->ops->resize(file, 4) &&
	      content_is("/tmp/cut", "from"));
	CHECK(!file->ops->resize(file, 6) && content_is("/tmp/cut", "from") == false);
	CHECK(!find_path("/tmp/hard", 0, &file) && !file->ops->resize(file, 0) &&
	      !file->ops->resize(file, 9000) && file->ops->read(file, buffer, 9, 0) == 9);
	CHECK(!memcmp(buffer, "\0\0\0\0\0\0\0\0\0", 9) && content_is("/outside", "outside"));
	CHECK(!tmp->ops->remove(tmp, "hard", 4) && !tmp->ops->remove(tmp, "hard-link", 9));
	end_tree(&w);
}

static void test_lists(void)
{
	struct tar_writer w = {0};
	struct node *tmp, *node;
	struct listing at = {0};
	struct listed entry;
	char name[16];
	int count = 0;

	writer_end(&w);
	start_tree(&w);
	tmp = tree_root(host_tmp);
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		make(tmp, name, S_IFREG, NULL);
	}
	while (tmp->ops->list(tmp, &at, &entry) == 1) {
		snprintf(name, sizeof(name), "file%d", count);
		CHECK(entry.length == strlen(name) && !memcmp(entry.name, name, entry.length));
		count++;
	}
	CHECK(count == 20000);
	/* Each removed as it is read: none is skipped, none comes twice. */
	at = (struct listing){0};
	for (count = 0; tmp->ops->list(tmp, &at, &entry) == 1; count++) {
		memcpy(name, entry.name, entry.length);
		CHECK(!tmp->ops->remove(tmp, name, entry.length));
	}
	CHECK(count == 20000 && !tmp->ops->list(tmp, &at, &entry));
	CHECK(find_path("/tmp/file1", 0, &node) == -ENOENT);
	end_tree(&w);
}

static void test_descriptors(void)
{
	struct tar_writer w = {0};
	struct file *file;
	struct node *node;
	int fds[100];

	writer_text(&w, '0', "file", "text");
	writer_end(&w);
	start_tree(&w);
	CHECK(!find_path("file", 0, &node));
	CHECK(files_open(node, O_RDWR, &file) == -EROFS &&
	      files_open(node, O_WRONLY, &file) == -EROFS);
	CHECK(files_open(node, O_RDONLY | O_TRUNC, &file) == -EROFS);
	CHECK(files_open(node, O_DIRECTORY, &file) == -ENOTDIR);
	CHECK(files_open(path_root(), O_RDWR, &file) == -EISDIR);
	for (int i = 0; i < 100; i++) {
		CHECK(!files_open(node, O_RDONLY, &file));
		fds[i] = files_attach(file, 0, false);
		CHECK(fds[i] == i + 3);
	}
	CHECK(!files_close(50) && files_close(50) == -EBADF && files_close(-1) == -EBADF);
	CHECK(files_close(1 << 30) == -EBADF && !files_get(103) && !files_get(-5));
	CHECK(files_duplicate(3, 0, false, false) == 50 &&
	      files_duplicate(3, 200, false, true) == 200);
	CHECK(*files_close_on_exec(200) && !*files_close_on_exec(50));
	CHECK(files_duplicate(3, 4, true, false) == 4 && files_duplicate(3, 3, true, false) == 3);
	CHECK(files_duplicate(300, 4, true, false) == -EBADF);
	CHECK(files_duplicate(3, FILES_OPEN_MAX, false, false) == -EINVAL);
	CHECK(files_duplicate(3, FILES_OPEN_MAX, true, false) == -EBADF);
	file = files_get(3);
	CHECK(file->ops->read(file, fds, 3) == 3 && file->ops->write(file, "x", 1) == -EBADF);
	files_put(file);
	file = files_get(200); /* the same offset */
	CHECK(file->ops->read(file, fds, 100) == 1 && !file->ops->read(file, fds, 100));
	files_put(file);
	CHECK(!find_path("file", 0, &node) && node->references == 98);
	for (int i = 3; i <= 200; i++)
		if (files_close_on_exec(i))
			CHECK(!files_close(i));
	CHECK(node->references == 0);
	int descriptor;
	do {
		CHECK(!files_open(node, O_RDONLY, &file));
		descriptor = files_attach(file, 0, false);
	} while (descriptor >= 0);
	CHECK(descriptor == -EMFILE && files_close_on_exec(FILES_OPEN_MAX - 1));
	files_put(file);
	for (int i = 3; i < FILES_OPEN_MAX; i++)
		files_close(i);
	CHECK(node->references == 0);
	free(slots);
	end_tree(&w);
}

static void test_many(void)
{
	struct tar_writer w = {0};
	char name[64];
	size_t count = 100000, room = (count + 2) * 512;

	w.bytes = calloc(1, room); /* one block each, without the writer's many reallocations */
	for (size_t i = 0; i < count; i++) {
		struct tar_writer one = {0};

		snprintf(name, sizeof(name), "dir%zu/sub%zu/file%zu", i % 100, i % 1000, i);
		writer_header(&one, '0', name, "", 0);
		memcpy(w.bytes + i * 512, one.bytes, 512);
		free(one.bytes);
	}
	w.size = room;
	start_tree(&w);
	CHECK(report_count == 0);
	for (size_t i = 0; i < count; i += 997) {
		snprintf(name, sizeof(name), "/dir%zu/sub%zu/file%zu", i % 100, i % 1000, i);
		CHECK(error_of(name) == 0);
	}
	CHECK(error_of("/dir1/sub1/file2") == -ENOENT);
	end_tree(&w);
}

static void test_damaged(void)
{
	struct tar_writer w = {0};

	for (int i = 0; i < 30; i++)
		writer_text(&w, '0', "../out", "");
	writer_text(&w, '0', "good", "readable");
	writer_text(&w, '0', "cut", "not all here");
	w.size -= 500;
	start_tree(&w);
	CHECK(content_is("good", "readable") && error_of("cut") == 0);
	CHECK(reported("22 more entries left out") && report_count == 10);
	CHECK(reported("damaged at byte"));
	end_tree(&w);
	start_tree(&w);
	CHECK(reported("no end marker") && report_count == 1);
	end_tree(&w);
}

int main(void)
{
	test_paths();
	test_tmp();
	test_below_mount();
	test_lists();
	test_descriptors();
	test_many();
	test_damaged();
	return unit_status();
}
