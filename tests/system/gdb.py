# SPDX-License-Identifier: Apache-2.0
"""Looks into a machine by QEMU's server for gdb: registers of the CPU, and physical memory. The machine stands still."""

import re
import socket
import struct
import time

from machine import Failure

CHUNK = 1024  # bytes of memory in one request


class Gdb:
    """The connection to the server at a socket's path; use it with `with`."""

    def __init__(self, path, seconds=20):
        deadline = time.monotonic() + seconds
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Failure(f"QEMU's gdb server: {error}") from error
                time.sleep(0.1)
        self.received = b""
        self._ask("qSupported")
        self.numbers = self._register_numbers()
        answer = self._ask("Qqemu.PhyMemMode:1")
        if answer != "OK":
            raise Failure(f"QEMU's gdb server does not read physical memory: {answer!r}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _ask(self, request):
        self.socket.sendall(b"$%s#%02x" % (request.encode(), sum(request.encode()) % 256))
        while True:
            found = re.search(rb"\$([^#]*)#..", self.received, re.S)
            if found:
                self.received = self.received[found.end() :]
                self.socket.sendall(b"+")
                answer = found.group(1).decode("latin-1")
                if not re.match("[TS][0-9a-f][0-9a-f]", answer):  # that the machine has stopped
                    return answer
                continue
            data = self.socket.recv(65536)
            if not data:
                raise Failure("QEMU's gdb server has ended")
            self.received += data

    def _file(self, name):
        text, more = "", "m"
        while more == "m":
            answer = self._ask(f"qXfer:features:read:{name}:{len(text):x},800")
            more, text = answer[:1], text + answer[1:]
        return text

    def _register_numbers(self):
        """{name: number}: numbers go on from register to register, through all files, unless one is given."""
        numbers, number = {}, 0
        for name in re.findall(r'href="([^"]*)"', self._file("target.xml")):
            for register in re.findall(r"<reg ([^>]*)>", self._file(name)):
                words = dict(re.findall(r'(\w+)="([^"]*)"', register))
                number = int(words.get("regnum", number))
                numbers[words["name"]] = number
                number += 1
        return numbers

    def choose_core(self, index):
        """From now on registers are those of this core; of core 0 at the beginning."""
        if self._ask(f"Hg{index + 1:x}") != "OK":
            raise Failure(f"QEMU's gdb server does not know core {index}")

    def register(self, name):
        if name not in self.numbers:
            raise Failure(f"QEMU's gdb server does not know {name}")
        return int.from_bytes(bytes.fromhex(self._ask(f"p{self.numbers[name]:x}")), "little")

    def memory(self, address, size):
        data = b""
        while len(data) < size:
            piece = min(CHUNK, size - len(data))
            data += bytes.fromhex(self._ask(f"m{address + len(data):x},{piece:x}"))
        return data

    def words(self, address, count):
        return struct.unpack(f"<{count}Q", self.memory(address, 8 * count))
