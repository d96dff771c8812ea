# SPDX-License-Identifier: Apache-2.0
"""What a terminal shows of a machine's output: tmux is the terminal emulator."""

import os
import shlex
import subprocess
import tempfile

from machine import Failure

HISTORY = 100_000  # lines
SECONDS = 60


class Terminal:
    """A terminal of so many columns that was given these bytes."""

    def __init__(self, output, columns):
        with tempfile.TemporaryDirectory() as folder:
            self.base = ["tmux", "-u", "-S", os.path.join(folder, "socket"), "-f", os.path.join(folder, "settings")]
            with open(os.path.join(folder, "settings"), "w", encoding="ascii") as settings:
                settings.write(f"set -g history-limit {HISTORY}\nset -g default-terminal screen\n")
            with open(os.path.join(folder, "output"), "wb") as file:
                file.write(output)
            shown = f"cat {folder}/output; {shlex.join(self.base)} wait-for -S shown; exec sleep {SECONDS}"
            self._tmux("new-session", "-d", "-x", str(columns), "-y", "50", shown)
            try:
                self._tmux("wait-for", "shown")
                self.title = self._tmux("display-message", "-p", "#{pane_title}").strip()
                # -J: a line that the terminal has wrapped is one line.
                text = self._tmux("capture-pane", "-p", "-J", "-S", "-")
                self.lines = [line.rstrip() for line in text.rstrip().split("\n")]
            finally:
                self._tmux("kill-server")

    def _tmux(self, *words):
        environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TERM")}
        environment |= {"LC_ALL": "C.UTF-8", "TERM": "screen"}
        done = subprocess.run(
            self.base + list(words), env=environment, capture_output=True, timeout=SECONDS, check=False
        )
        if done.returncode != 0:
            raise Failure(f"tmux {words[0]}: {done.stderr.decode().strip()}")
        return done.stdout.decode("utf-8", "replace")
