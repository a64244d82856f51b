# SPDX-License-Identifier: MIT
"""The symbols module: function names for the kernel's backtraces (kernel/console/symbols.h)."""

import struct

HEADER = struct.Struct("<8sIIII")
ENTRY = struct.Struct("<III")
LIMIT = 1 << 32


def symbols_module(kernel, app):
    """Bytes of the module; app (an Elf) may be None."""
    names, offsets = bytearray(), {}

    def entries(elf, base):
        made = []
        for f in elf.functions() if elf else []:
            if not 0 <= f.address - base < LIMIT or f.size >= LIMIT:
                continue
            if f.name not in offsets:
                offsets[f.name] = len(names)
                names.extend(f.name + b"\0")
            made.append(ENTRY.pack(f.address - base, f.size, offsets[f.name]))
        return made

    app_base = min((s.vaddr for s in app.loads()), default=0) & -4096 if app else 0
    of_kernel, of_app = entries(kernel, 0), entries(app, app_base)
    return (HEADER.pack(b"BMSYMS01", len(of_kernel), len(of_app), len(names), 0) +
            b"".join(of_kernel) + b"".join(of_app) + bytes(names))
