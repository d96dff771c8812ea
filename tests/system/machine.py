# SPDX-License-Identifier: Apache-2.0
"""A machine in QEMU. A test reads its console and types on it.

The console is the serial line, which is QEMU's standard input and output. All of it goes to a log file. A wait ends as
soon as its text is there, and fails as soon as QEMU has ended or the test's time, in seconds of wall time, is over.
"""

import os
import re
import shlex
import signal
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
OUTPUT_LIMIT = 50_000_000  # a guest that writes for ever ends its test, not the disk


class Failure(Exception):
    """A test found a fault; the text says which."""


class NotRun(Exception):
    """The test needs something that cannot be had on this machine now."""


class Machine:
    """One run of QEMU, by scripts/qemu with these words; use it with `with`."""

    def __init__(self, words, log_path, seconds):
        command = [os.path.join(ROOT, "scripts", "qemu"), "--timeout", str(seconds + 10)] + words
        self.deadline = time.monotonic() + seconds
        self.log = open(log_path, "wb")
        self.log.write((shlex.join(command) + "\n").encode())
        self.output = b""
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while len(self.output) < OUTPUT_LIMIT:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                break
            self.log.write(data)
            with self.changed:
                self.output += data
                self.changed.notify_all()
        self.log.flush()
        with self.changed:
            self.reader = None
            self.changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        reader = self.reader
        if reader:
            reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def text(self):
        return self.output.decode("utf-8", "replace").replace("\r", "")

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_until(self, condition, what):
        """Waits until condition() returns something, and returns that."""
        with self.changed:
            while not (found := condition()):
                if self.reader is None:
                    raise Failure(f"QEMU ended before {what}")
                left = self.deadline - time.monotonic()
                if left <= 0:
                    raise Failure(f"time is over before {what}")
                self.changed.wait(min(left, 1))
            return found

    def wait_for(self, pattern, count=1):
        """Waits until the pattern has been seen `count` times in all; returns the last of these matches."""
        return self._wait_match(self.text, pattern, count)

    def wait_said(self, name, pattern, count=1):
        """The same in the output of one VM, without its line ends."""
        return self._wait_match(lambda: self.joined(name), pattern, count)

    def _wait_match(self, source, pattern, count):
        expression = re.compile(pattern, re.MULTILINE)

        def nth_match():
            found = list(expression.finditer(source()))
            return found[count - 1] if len(found) >= count else None

        return self.wait_until(nth_match, f"'{pattern}' was seen" + (f" {count} times" if count > 1 else ""))

    def wait_off(self):
        """Waits until the machine has switched itself off."""
        with self.changed:
            while self.reader is not None:
                left = self.deadline - time.monotonic()
                if left <= 0:
                    raise Failure("time is over before the machine was switched off")
                self.changed.wait(min(left, 1))
        if self.process.wait() != 0:
            raise Failure(f"QEMU ended with status {self.process.returncode}")

    def lines(self, name):
        """The console's lines of one VM, or of "ontime". A line of the VM that has the input may be in pieces."""
        prefix = f"[{name}] "
        return [line[len(prefix) :] for line in self.text().split("\n") if line.startswith(prefix)]

    def joined(self, name):
        """The same as one text without line ends, in which no line is in pieces."""
        return "".join(self.lines(name))
