/* SPDX-License-Identifier: MIT */
/*
 * A filesystem in memory: the boot filesystem (read-only, its data inside the
 * archive), /tmp and /dev are three of these.
 */
#ifndef FILES_TREE_H
#define FILES_TREE_H

#include "files.h"

struct tree;

/* seed: anything unpredictable; keeps made-up names from falling into one hash chain. NULL: no
 * memory. */
struct tree *tree_new(uint32_t filesystem, uint64_t seed);
struct node *tree_root(struct tree *tree);
void tree_seal(struct tree *tree); /* read-only from here on */
void tree_free(struct tree *tree);

/*
 * For filling, by the names' owner: these do not copy names, targets and data,
 * which must outlive the tree. tree_add() replaces what bears the name, unless
 * that is a directory that is not empty (-ENOTEMPTY); a directory over a
 * directory stays the same node. tree_add_link() makes a second node of a node
 * from another tree. A file's data is never written to: in a tree that is not
 * sealed, a change works on a copy.
 */
int tree_add(struct node *directory, const char *name, size_t length, uint32_t mode,
	     struct node **made);
int tree_add_link(struct node *directory, const char *name, size_t length, struct node *node);
void tree_set_data(struct node *file, const void *data, uint64_t size);
void tree_set_target(struct node *link, const char *target, size_t length);

#endif
