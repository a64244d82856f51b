/* SPDX-License-Identifier: MIT */
/*
 * An example's main(), compiled as example_main(), many times over, with its arguments. So its time
 * is known without the emulator's first translation of its code, and often enough that a moment in
 * which the host does nothing else is among them.
 */
#define ROUNDS 200

int example_main(int argc, char **argv);

int main(int argc, char **argv)
{
	for (int round = 0; round < ROUNDS; round++)
		if (example_main(argc, argv))
			return 1;
	return 0;
}
