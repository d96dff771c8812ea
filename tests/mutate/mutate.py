#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes one line of a source at a time, and looks whether a unit test that links it fails.

`make mutate` calls this with a plan: how each source is compiled and each test linked. A mutant is compiled without the
sanitizers first: if it does not compile it does not count, and if its machine code is the original's, or another
mutant's, no test can tell the two apart. Else it is linked into one test after the other, the quickest first, until one
fails, breaks a rule of the sanitizers, or takes too much time. Mutants come in an order that the seed decides, uniform
over all mutants of all files; a sample is the first of them that count.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import math
import os
import pathlib
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

import rules

HERE = pathlib.Path(__file__).parent
LINE_EVERY = 30  # seconds between two lines of progress when it is not a terminal
AHEAD = 16  # mutants per worker that may be done before an earlier one is
WALL_FACTOR = 10  # a test may take this much more time than it may use of a processor
FILE_SIZE_LIMIT = 64 << 20
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="symbolize=0:hard_rss_limit_mb=2000", UBSAN_OPTIONS="symbolize=0")


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


class Plan:
    """What make knows: the lines "compile SOURCE COMMAND", "test NAME COMMAND", "data FILE", "untested SOURCE"."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.compile, self.tests, self.data, self.untested = {}, {}, [], []
        for line in (self.directory / "plan").read_text().splitlines():
            kind, name, *command = shlex.split(line)
            if kind in {"compile", "test"}:
                (self.compile if kind == "compile" else self.tests)[name] = command
            else:
                (self.data if kind == "data" else self.untested).append(name)
        self.hashes = {}

    def object_of(self, source):
        return str(self.directory / "objects" / f"{source}.o")

    def tests_of(self, source):
        return [name for name, command in self.tests.items() if self.object_of(source) in command]

    def hash_of(self, path):
        if path not in self.hashes:
            self.hashes[path] = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
        return self.hashes[path]

    def inputs_of(self, test):
        """All files that a test is made of, and those that it reads."""
        inputs = set(self.data)
        for name in self.tests[test]:
            depends = pathlib.Path(name).with_suffix(".d")
            if name.endswith(".o") and depends.exists():
                inputs.update(depends.read_text().replace("\\\n", " ").split("\n")[0].split(":", 1)[1].split())
            elif name.endswith(".o"):
                inputs.add(name)
        return inputs

    def state_of_test(self, test):
        return digest(*self.tests[test], *(self.hash_of(path) for path in sorted(self.inputs_of(test))))

    def state_of(self, source):
        """Changes when a mutant of this source may fare differently."""
        return digest(*self.compile[source], *map(self.state_of_test, self.tests_of(source)))


class Results:
    """What is known, one line of JSON each, kept as soon as it is known."""

    def __init__(self, path):
        self.known = {}
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # was being written when the machine went down
                self.known[entry.pop("key")] = entry
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()

    def get(self, key):
        return self.known.get(key)

    def put(self, key, entry):
        with self.lock:
            self.known[key] = entry
            self.file.write(json.dumps({"key": key, **entry}) + "\n")
            self.file.flush()
        return entry


class Children:
    """Programs that are running, each in a session of its own: a Ctrl-C is for us to handle."""

    def __init__(self):
        self.running = set()
        self.stopped = False

    def run(self, command, text="", seconds=300):
        """The exit status; None when it took longer."""
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                   stderr=subprocess.DEVNULL, start_new_session=True, env=ENVIRONMENT)
        self.running.add(process)
        try:
            if self.stopped:
                self.kill(process)
            process.communicate(text, timeout=seconds)
            return process.returncode
        except (subprocess.TimeoutExpired, BrokenPipeError):
            return None
        finally:
            self.kill(process)
            process.wait()
            self.running.discard(process)

    def kill(self, process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def stop(self):
        self.stopped = True
        for process in list(self.running):
            self.kill(process)


class Tester:
    def __init__(self, plan, sources):
        self.plan = plan
        self.children = Children()
        self.results = Results(plan.directory / "results")
        self.state = {source: plan.state_of(source) for source in sources}
        self.seconds, self.original = {}, {}
        self.twins = {}

    def prepare(self):
        """Runs the tests on what is not mutated, for how long they take, and compiles it."""
        for source in self.state:
            with tempfile.TemporaryDirectory() as directory:
                self.original[source] = self.machine_code(source, pathlib.Path(source).read_text(), directory)
            for test in self.plan.tests_of(source):
                self.seconds[test] = self.seconds.get(test) or self.time_test(test)

    def time_test(self, test):
        key = f"test:{self.plan.state_of_test(test)}"
        if not self.results.get(key):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            with tempfile.TemporaryDirectory() as directory:
                if not self.passes(test, None, None, directory, 600):
                    sys.exit(f"test_{test} fails with nothing changed")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.results.put(key, {"seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime})
        return self.results.get(key)["seconds"]

    def machine_code(self, source, text, directory):
        """What identifies the machine code of a text in a source's place; None when it does not compile."""
        left_out = ("-g", "-O", "-fsanitize", "-fno-sanitize")
        command = [word for word in self.plan.compile[source] if not word.startswith(left_out)] + ["-O2"]
        made = self.compile_text(command, source, text, directory)
        return made and hashlib.sha256(pathlib.Path(made).read_bytes()).hexdigest()

    def compile_text(self, command, source, text, directory):
        made = f"{directory}/mutant.o"
        status = self.children.run(command + ["-iquote", os.path.dirname(source), "-c", "-x", "c", "-", "-o", made],
                                   f'# 1 "{source}"\n{text}')
        return made if status == 0 else None

    def passes(self, test, source, mutant, directory, limit=None):
        """Links a test, with a mutant's object in place of its source's, and runs it."""
        binary = f"{directory}/test"
        replaced = self.plan.object_of(source) if source else None
        command = [mutant if word == replaced else word for word in self.plan.tests[test]]
        if self.children.run(command + ["-o", binary]) != 0 and not self.children.stopped:
            if not mutant:
                raise RuntimeError(f"test_{test} could not be linked")
            return False
        seconds = limit or math.ceil(2 * self.seconds[test] + 1)
        return self.children.run(["prlimit", f"--cpu={seconds}", "--core=0", f"--fsize={FILE_SIZE_LIMIT}", binary],
                                 seconds=WALL_FACTOR * seconds) == 0

    def try_mutant(self, mutant, directory):
        code = self.machine_code(mutant.file, mutant.text, directory)
        if code is None:
            return {"verdict": "invalid"}
        if code == self.original[mutant.file]:
            return {"verdict": "same"}
        twin = self.twins.get((mutant.file, code))
        if twin:
            return twin
        made = self.compile_text(self.plan.compile[mutant.file], mutant.file, mutant.text, directory)
        if made is None:
            return {"verdict": "invalid"}
        for test in sorted(self.plan.tests_of(mutant.file), key=self.seconds.get):
            if not self.passes(test, mutant.file, made, directory):
                return {"verdict": "killed", "code": code, "by": test}
        return {"verdict": "survived", "code": code}

    def judge(self, mutant):
        key = f"{self.state[mutant.file]}:{digest(mutant.text)}"
        result = self.results.get(key)
        if result is None:
            with tempfile.TemporaryDirectory() as directory:
                result = self.try_mutant(mutant, directory)
            if self.children.stopped:
                return None
            self.results.put(key, result)
        if "code" in result:
            self.twins[mutant.file, result["code"]] = result
        return result

    def judge_all(self, mutants, jobs):
        """(mutant, result) in the order of the mutants."""
        pool = concurrent.futures.ThreadPoolExecutor(jobs)
        pending = collections.deque()
        try:
            for mutant in mutants:
                pending.append((mutant, pool.submit(self.judge, mutant)))
                if len(pending) > jobs * AHEAD:
                    mutant, future = pending.popleft()
                    yield mutant, future.result()
            for mutant, future in pending:
                yield mutant, future.result()
        finally:
            self.children.stop()
            pool.shutdown(cancel_futures=True)


class Equivalents:
    """The mutants listed as equivalent: found by file name, rule, and the line before and after."""

    def __init__(self, path):
        self.entries = {}
        text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
        for block in filter(None, map(str.strip, text.split("\n\n"))):
            head, before, after, *reason = block.splitlines()
            name, rule = head.split(": ")
            if not (before.startswith("- ") and after.startswith("+ ") and reason):
                sys.exit(f"{path}: an entry has a head, a line before, a line after, and a reason: {head}")
            self.entries[name, rule, before[2:], after[2:]] = " ".join(reason)

    @staticmethod
    def name(mutant):
        return os.path.basename(mutant.file), mutant.rule, mutant.before, mutant.after

    def __contains__(self, mutant):
        return self.name(mutant) in self.entries

    def stale(self, mutants):
        return sorted(self.entries.keys() - set(map(self.name, mutants)))


class Tally:
    def __init__(self, equivalents):
        self.equivalents = equivalents
        self.files = collections.defaultdict(collections.Counter)
        self.survivors, self.mistaken = [], []
        self.seen = set()

    def add(self, mutant, result):
        verdict = result["verdict"]
        if "code" in result:
            if (mutant.file, result["code"]) in self.seen:
                verdict = "same"
            self.seen.add((mutant.file, result["code"]))
        if verdict == "survived" and mutant in self.equivalents:
            verdict = "listed"
        elif verdict == "survived":
            self.survivors.append(mutant)
        elif verdict == "killed" and mutant in self.equivalents:
            self.mistaken.append((mutant, result["by"]))
        self.files[mutant.file][verdict] += 1

    def total(self):
        return sum(self.files.values(), collections.Counter())


def tried(count):
    return count["killed"] + count["survived"]


def score(count):
    return 100 * count["killed"] / tried(count) if tried(count) else 100.0


def describe(mutant):
    return f"{mutant.file}:{mutant.line}: {mutant.rule}\n- {mutant.before}\n+ {mutant.after}\n"


def as_diff(text):
    return ["```diff", text.rstrip(), "```", ""]


class Progress:
    def __init__(self, wanted):
        self.wanted = wanted
        self.begin = self.shown = time.monotonic()
        self.terminal = sys.stdout.isatty()

    def show(self, done, count):
        now = time.monotonic()
        if now - self.shown < (0.2 if self.terminal else LINE_EVERY):
            return
        self.shown = now
        left = (now - self.begin) * (self.wanted - done) / max(done, 1)
        text = (f"{done} of {self.wanted}: {count['killed']} killed, {count['survived']} survived, "
                f"{left // 60:.0f}:{left % 60:02.0f} left")
        print(f"\r\033[K{text}" if self.terminal else text, end="" if self.terminal else "\n", flush=True)

    def clear(self):
        if self.terminal:
            print("\r\033[K", end="")


def table(tally, begin, between, end):
    """The score of each file, and of all, one a line."""
    rows = [("file", "score", "killed", "survived", "listed", "same code", "not compiled")]
    for name, count in [*sorted(tally.files.items()), ("all", tally.total())]:
        shown = f"{score(count):.0f}%" if tried(count) else "-"
        rows.append((name, shown, *(str(count[key]) for key in ("killed", "survived", "listed", "same", "invalid"))))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [begin + between.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + end for row in rows]


def write_report(path, tally, plan, what):
    lines = table(tally, "| ", " | ", " |")
    lines.insert(1, "|---|" + "--:|" * 6)
    text = ["# Mutation testing", "", f"`make mutate`: {what}.", "", *lines, ""]
    if plan.untested:
        text += ["No unit test links: " + ", ".join(f"`{name}`" for name in plan.untested) + ".", ""]
    text += ["## Survivors", ""]
    for mutant in tally.survivors:
        text += as_diff(describe(mutant))
    text += ["## Equivalent", "", "No test can tell these from the original; they are not counted.", ""]
    for (name, rule, before, after), reason in tally.equivalents.entries.items():
        text += [reason, "", *as_diff(f"{name}: {rule}\n- {before}\n+ {after}")]
    path.write_text("\n".join(text))


def say_doubts(tally, plan, equivalents, everything):
    if plan.untested:
        print("no unit test links:", *plan.untested)
    for entry in equivalents.stale(everything):
        print("tests/mutate/equivalent: nothing matches any more:", *entry, sep="\n  ")
    for mutant, test in tally.mistaken:
        print(f"tests/mutate/equivalent: not so, test_{test} fails: {describe(mutant)}", end="")


def in_order(mutants, seed):
    """By a hash, so that a change of one file leaves the order of all others' mutants as it is."""
    again = collections.Counter()

    def key(mutant):
        name = Equivalents.name(mutant)
        again[name] += 1
        return digest(str(seed), *name, str(again[name]))

    return sorted(mutants, key=key)


def chosen(sources, names):
    """The sources that end in one of the names; all without a name."""
    for name in names:
        if not any(f"/{source}".endswith(f"/{name}") for source in sources):
            sys.exit(f"mutate: no unit test links {name}; there are: {' '.join(sources)}")
    return [source for source in sources if not names or f"/{source}".endswith(tuple(f"/{name}" for name in names))]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", default="build/mutate", help="where the plan is, and results are kept")
    parser.add_argument("--equivalent", default=HERE / "equivalent", type=pathlib.Path, help="the list of these")
    parser.add_argument("--file", action="append", default=[], help="only of this file; may be given again")
    parser.add_argument("--sample", type=int,
                        help="so many mutants that count, drawn uniformly from those of all files")
    parser.add_argument("--seed", type=int, default=1, help="decides which (1)")
    parser.add_argument("--min", type=float, default=0, help="fail when the score of all, in percent, is below")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--count", action="store_true", help="end with a line for .ci/run")
    return parser.parse_args()


def run(options, plan, tester, mutants, tally):
    progress = Progress(options.sample or len(mutants))
    for number, (mutant, result) in enumerate(tester.judge_all(mutants, options.jobs), 1):
        tally.add(mutant, result)
        count = tally.total()
        if options.sample and tried(count) >= options.sample:
            break
        progress.show(tried(count) if options.sample else number, count)
    progress.clear()
    tally.survivors.sort(key=lambda mutant: (mutant.file, mutant.line))


def main():
    options = arguments()
    plan = Plan(options.directory)
    equivalents = Equivalents(options.equivalent)
    everything = rules.mutants({source: pathlib.Path(source).read_text() for source in plan.compile})
    sources = chosen(list(plan.compile), options.file)
    tester, tally = Tester(plan, sources), Tally(equivalents)
    try:
        tester.prepare()
        run(options, plan, tester, in_order([m for m in everything if m.file in sources], options.seed), tally)
    except KeyboardInterrupt:
        tester.children.stop()
        print(f"\nmutate: stopped; what is known stays in {options.directory}")
        return 130

    for mutant in tally.survivors:
        print(describe(mutant))
    print(*table(tally, "", "  ", ""), sep="\n")
    say_doubts(tally, plan, equivalents, everything)
    count = tally.total()
    what = f"{tried(count)} mutants, seed {options.seed}" if options.sample else f"all {tried(count)} mutants"
    write_report(plan.directory / "report.md", tally, plan, what)
    failed = score(count) < options.min or (options.min > 0 and not tried(count) and not count["listed"])
    if failed:
        print(f"mutate: {score(count):.1f}% killed, less than {options.min:g}%")
    print(f"mutants: {count['killed']} killed, {count['survived']} survived, {tried(count)} tried")
    if options.count:
        print(f"mutation tests: {int(not failed)} passed, {int(failed)} failed")
    return int(failed)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
