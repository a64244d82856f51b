# SPDX-License-Identifier: MIT
"""The `baremetal` command: projects, images, and running them. Standard library only.

cli.py reads the command line; each command has a module (project, image, run, debug, info,
doctor). Below them: sdk (where things are installed), host (programs of the host), elf, archive,
bundle and symbols (file formats), grub (bootable containers), qemu (the virtual machine),
output (files that appear whole or not at all), errors.
"""
