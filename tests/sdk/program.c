/* SPDX-License-Identifier: MIT */
/* A program for the tests of build systems: stdio, heap, mathematics, and a second file. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int twice(int n);

int main(int argc, char **argv)
{
	char *text = malloc(100);

	if (!text)
		return 1;
	strcpy(text, argc > 1 ? argv[1] : "nothing");
	printf("%s %d %.3f\n", text, twice(21), sqrt(2.0 + argc - 1));
	free(text);
	return 7;
}
