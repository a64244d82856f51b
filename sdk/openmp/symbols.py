#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""symbols.py NM OUTPUT LIBRARY: list what a library defines. An unchanged list keeps its time."""
import subprocess
import sys
from pathlib import Path

nm, output, library = sys.argv[1:]
done = subprocess.run([nm, "--extern-only", "--defined-only", "--format=just-symbols", library],
                      stdout=subprocess.PIPE, text=True, check=True)
text = "".join(f"{name}\n" for name in sorted({n for n in done.stdout.split() if not n.endswith(":")}))
output = Path(output)
if not output.exists() or output.read_text() != text:
    output.write_text(text)
