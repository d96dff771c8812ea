#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""initramfs.py OUT PATH=FILE...: a gzipped cpio archive with these files, the same bytes each time.

Directories and /dev/console are made as needed; all belongs to root and is dated 1970.
"""

import gzip
import os
import sys

DIRECTORY, DEVICE, REGULAR = 0o040755, 0o020600, 0o100755


def record(number, name, mode, data=b"", device=(0, 0)):
    name = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, device[0], device[1], len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def archive(files):
    names = {"dev/console": (DEVICE, b"", (5, 1))}
    for path, source in files.items():
        with open(source, "rb") as file:
            names[path.strip("/")] = (REGULAR, file.read(), (0, 0))
    for path in list(names) + ["proc/x", "sys/x", "bin/x"]:
        while path := os.path.dirname(path):
            names[path] = (DIRECTORY, b"", (0, 0))
    records = [record(number, name, *names[name]) for number, name in enumerate(sorted(names), 1)]
    return b"".join(records) + record(0, "TRAILER!!!", 0)


def main():
    files = dict(argument.split("=", 1) for argument in sys.argv[2:])
    with open(sys.argv[1], "wb") as out:
        out.write(gzip.compress(archive(files), 6, mtime=0))


main()
