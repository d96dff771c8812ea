# SPDX-License-Identifier: Apache-2.0
"""What the system tests look for. Each test in tests/system/cases names one of these functions and its arguments.

A function gets a Run, boots machines with it, and raises Failure, with the reason, when something is not as it should be.
"""

import glob
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
from socket import AF_UNIX, socket as Socket

from gdb import Gdb
from machine import BUILD, ROOT, Failure, Machine, NotRun
from terminal import Terminal

ESCAPE = "\x1d"  # Ctrl-]
KERNEL = os.path.join(BUILD, "debian", "kernel-6.1", "vmlinuz")
INITRAMFS = os.path.join(BUILD, "tests", "system", "linux.cpio.gz")
TICKS_PER_SECOND = 62_500_000


class Run:
    """One test's run: its options from `cases`, and its logs."""

    def __init__(self, name, case, out):
        self.name = name
        self.case = case
        self.out = out

    def system(self):
        """The path of the case's system file; if it has a `core`, with all VMs on that one."""
        path = os.path.join(BUILD, "tests", "system", self.case["system"] + ".dtb")
        if "core" not in self.case:
            return path
        placed = os.path.join(self.out, self.name + "-placed.dtb")
        shutil.copy(path, placed)
        nodes = subprocess.run(["fdtget", "-l", placed, "/"], capture_output=True, text=True, check=True).stdout
        for node in re.findall("^vm-.*", nodes, re.MULTILINE):
            subprocess.run(["fdtput", "-t", "i", placed, "/" + node, "cpus", self.case["core"]], check=True)
        return placed

    def _machine(self, options, arguments, log=""):
        """Starts QEMU with these options of scripts/qemu and those of the case, and these arguments of QEMU's."""
        for name in ("board", "cpu", "gic", "smp", "memory"):
            if name in self.case:
                options += ["--" + name, self.case[name]]
        if "icount" in self.case:
            options.append("--icount")
        if "parallel" in self.case:
            options.append("--parallel")
            make_plugin("quantum")
        if self.case.get("qemu") == "10":
            place = qemu_10()
            program = os.path.join(place, "bin", "qemu-system-aarch64")
            options += ["--qemu", program]
            if self.case.get("board") == "imx8mp-evk":
                make_plugin("wires")
            arguments += ["-L", os.path.join(place, "share", "qemu")]
        log_path = os.path.join(self.out, self.name + log + ".log")
        return Machine(options + ["--"] + arguments, log_path, int(self.case["seconds"]))

    def boot(self, *more, cpu=None, log=""):
        """Boots Ontime with the case's system file, and with more arguments of QEMU's or another CPU."""
        return self.boot_file(self.system(), list(more), ["--cpu", cpu] if cpu else [], log)

    def boot_file(self, system, more=(), options=(), log=""):
        """Boots Ontime with the system file at that path, or with none."""
        image = "ontime-debug.bin" if "debug" in self.case else "ontime.bin"
        arguments = ["-kernel", os.path.join(BUILD, image)]
        if system:
            arguments += ["-initrd", system]
        return self._machine(["--virtualization", *options], arguments + list(more), log)

    def boot_firmware(self, firmware, files, *more, log=""):
        """Boots firmware at EL3, with these files, {address: path}, in memory."""
        arguments = ["-machine", "secure=on", "-bios", firmware, *more]
        return self._machine(["--virtualization"], arguments + in_memory(files), log)

    def boot_loader(self, loader, *more, el2=True):
        """Boots a loader, or UEFI firmware, in place of Ontime."""
        return self._machine(["--virtualization"] if el2 else [], ["-bios", loader, *more])

    def boot_board_firmware(self, files):
        """Boots what of these files, {address: path}, is at the board's reset vector."""
        return self._machine(["--firmware"], in_memory(files))

    def boot_bare(self, kernel, append, initrd=None, log=""):
        """Boots a guest without Ontime."""
        arguments = ["-kernel", kernel]
        if initrd:
            arguments += ["-initrd", initrd]
        if append:
            arguments += ["-append", append]
        return self._machine([], arguments, "-bare-" + os.path.basename(kernel).removesuffix(".bin") + log)


def in_memory(files):
    """QEMU's arguments that put files, {address: path}, there before the machine starts."""
    return [
        word
        for address, path in files.items()
        for word in ("-device", f"loader,file={path},addr={address:#x},force-raw=on")
    ]


def fetched(name, *words):
    """The /usr of packages unpacked beside the system, fetched on first use."""
    done = subprocess.run(
        [os.path.join(ROOT, "scripts", "fetch-debian"), *words], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise NotRun(f"{name} could not be fetched: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    return os.path.join(BUILD, "debian", name, "usr")


def qemu_10():
    """A QEMU 10; its libraries are QEMU 7.2's."""
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    package = "qemu-system-arm:" + architecture.stdout.strip()
    return fetched("qemu-10", "--backports", "qemu-10", package)


def make_plugin(name):
    """A plugin that scripts/qemu wants, and its QEMU, fetched on first use."""
    done = subprocess.run(["make", "-C", ROOT, f"build/bench/{name}.so"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotRun(f"the plugin could not be made: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def check(condition, reason):
    if not condition:
        raise Failure(reason)


# ---- bare-metal guests


def check_guest(machine, name):
    """Waits for a bare guest's end; it must have found nothing wrong."""
    end = machine.wait_said(name, r"END passed=(\d+) failed=(\d+)")
    text = machine.joined(name)
    failed = re.search(r"FAIL .*?(?=PASS |FAIL |END |$)", text)
    check(not failed, f"{name}: {failed and failed.group(0)}")
    check("SKIP" not in text, f"{name} does not find Ontime")
    check(int(end.group(1)) > 0 and end.group(2) == "0", f"{name}: {end.group(0)}")


def guests(run, *names):
    """Bare guests that check what they see; when the last has ended, the machine is off."""
    with run.boot() as machine:
        for name in names:
            check_guest(machine, name)
        machine.wait_off()


def cores(run, count, *names):
    """Ontime starts so many cores, and its guests run as on one."""
    with run.boot() as machine:
        machine.wait_for(rf"^\[ontime\] {count} CPUs$")
        for name in names:
            check_guest(machine, name)
        machine.wait_off()
        check("left out" not in machine.text(), "a core was left out")


def decoded(run, *options):
    """What `ontime trace` prints of the last dump in the test's log: a list of rows, the first one the names."""
    log = os.path.join(run.out, run.name + ".log")
    tool = os.path.join(BUILD, "host", "ontime")
    done = subprocess.run([tool, "trace", *options, log], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"ontime trace: {done.stderr.strip()}")
    return [line.split(",") for line in done.stdout.splitlines()]


def traces(run):
    """A dump has the trace of both cores, and each core's has the switches of that core's vCPUs only.

    A sum is refused when a switch leaves another vCPU than the one that ran: so no record is missing or torn.
    """
    with run.boot() as machine:
        for name in ("observer", "one", "two"):
            check_guest(machine, name)
        machine.wait_off()
        text = machine.text()
    begins = re.findall(r"^\[ontime\] trace begin version=1 cpu=(\d+) ", text, re.MULTILINE)
    check(begins == ["0", "1"], f"dumps of the CPUs {begins}")
    check(len(re.findall(r"^\[ontime\] mark 0 vm=", text, re.MULTILINE)) == 3, "no line of the mark for each VM")
    for cpu, expected in (("0", {"observer.0", "idle"}), ("1", {"one.0", "two.0", "idle"})):
        rows = decoded(run, "--cpu", cpu)
        names = {row[2] for row in rows[1:]}
        check(names <= expected, f"CPU {cpu} has records of {names}")
    decoded(run, "--cpu", "1", "--summary")
    switches = {tuple(row[2:]) for row in decoded(run, "--cpu", "1") if row[3] == "switch"}
    wanted = {("one.0", "switch", "two.0"), ("two.0", "switch", "one.0")}
    check(wanted <= switches, f"CPU 1 has the switches {switches}")


def tree_source(path):
    return subprocess.run(["dtc", "-q", "-I", "dtb", path], capture_output=True, text=True, check=True).stdout


def write_tree(source, path):
    subprocess.run(["dtc", "-q", "-o", path], input=source, text=True, check=True)


# Where spin_table.S has its copy in RAM, its table, the kernel and the tree.
COPY, SPIN_TABLE, SPIN_KERNEL, SPIN_TREE, SPIN_INITRD = 0x47000000, 0x47008000, 0x40200000, 0x48000000, 0x4A000000


def spin_table(run, *names):
    """Cores that wait in a spin table start. This firmware has no PSCI, so nobody switches the machine off."""
    firmware = os.path.join(BUILD, "tests", "system", "spin_table.bin")
    system = os.path.join(BUILD, "tests", "system", run.case["system"] + ".dtb")
    path = os.path.join(run.out, run.name + ".dtb")
    with run.boot_firmware(firmware, {}, "-machine", "dumpdtb=" + path, log="-tree") as machine:
        machine.wait_off()
    source = tree_source(path)
    check("psci" not in source, "this QEMU has PSCI")
    for n in range(int(run.case["smp"])):
        method = f'enable-method = "spin-table"; cpu-release-addr = <0 {SPIN_TABLE + 8 * n}>'
        source += f"&{{/cpus/cpu@{n}}} {{ {method}; }};"
    end = SPIN_INITRD + os.path.getsize(system)
    source += f"&{{/chosen}} {{ linux,initrd-start = <{SPIN_INITRD}>; linux,initrd-end = <{end}>; }};"
    write_tree(source, path)
    ontime = os.path.join(BUILD, "ontime.bin")
    files = {COPY: firmware, SPIN_KERNEL: ontime, SPIN_TREE: path, SPIN_INITRD: system}
    with run.boot_firmware(firmware, files) as machine:
        machine.wait_for(rf"^\[ontime\] {run.case['smp']} CPUs$")
        for name in names:
            check_guest(machine, name)


CPU_NODE = '&{{/cpus}} {{ cpu@{n:x} {{ device_type = "cpu"; reg = <{n}>; {method}; }}; }};'
NOBODY = 0x50000000  # an address in RAM that no core looks at


def absent_cores(run):
    """The machine's tree names cores that do not come: they are left out, and a file that needs one is refused."""
    path = os.path.join(run.out, run.name + ".dtb")
    with run.boot("-machine", "dumpdtb=" + path, log="-tree") as machine:
        machine.wait_off()
    source = tree_source(path)
    spins = f'enable-method = "spin-table"; cpu-release-addr = <0 {NOBODY}>'
    methods = {2: spins, 3: 'enable-method = "psci"; status = "fail"', 4: 'enable-method = "psci"', 5: 'status = "okay"'}
    source += "".join(CPU_NODE.format(n=n, method=method) for n, method in methods.items())
    write_tree(source, path)
    with run.boot("-dtb", path) as machine:
        for line in (
            r"CPU 2 \(affinity 0\.0\.0\.2\) did not start within a second: left out",
            r"CPU 3 \(affinity 0\.0\.0\.4\): the firmware does not start it: left out",
            r"CPU 4 \(affinity 0\.0\.0\.5\): no enable-method that Ontime knows .*: left out",
            r"2 CPUs",
            "system file: node /vm-absent: property cpus: CPU 3 did not start",
        ):
            machine.wait_for(rf"^\[ontime\] {line}$")


def registers(run, first, second):
    """Guests that try all system registers; what they found at their beginnings is the same.

    Their ID registers are the bare machine's, less what id_registers.def keeps from them.
    """
    with run.boot_bare(os.path.join(BUILD, "guest", "bare", "registers.bin"), "identify") as machine:
        machine.wait_for("^END passed=1")
        shown = dict(re.findall(r"SHOWN ([0-9a-f]{4}) ([0-9a-f]{16})", machine.text()))
        machine.wait_off()
    check(len(shown) > 5, f"the machine has {len(shown)} ID registers only")
    with run.boot() as machine:
        found = []
        for name in (first, second):
            check_guest(machine, name)
            lines = re.findall(r"REGISTER ([0-9a-f]{4}) ([0-9a-f]{16}) (.*?)\.", machine.joined(name))
            found.append({(encoding, register): value for encoding, value, register in lines})
        machine.wait_off()
    for encoding in range(0x4008, 0x4040):  # CRm 1 to 7
        has = {key[0]: value for key, value in found[0].items()}.get(f"{encoding:04x}", "0" * 16)
        may = shown.get(f"{encoding:04x}", "0" * 16)
        check(has == may, f"the ID register {encoding:04x} is {has}, not {may}")
    check(len(found[0]) > 20, f"{first} found {len(found[0])} registers only")
    for key in sorted(found[0].keys() | found[1].keys()):
        one, other = (values.get(key, "0") for values in found)
        check(one == other, f"{key[1]} ({key[0]}) was {one} for {first} and {other} for {second}")


TREE = 0xEDFE0DD0
PLACES = {  # VM: entry, device tree, the word at the start of RAM; None: not looked at
    "header": (0x40280000, 0x42000000, 0),
    "user": (0x41000000, 0x42000000, 0),
    "tree": (0x40280000, 0x40000000, TREE),
    "raw": (0x40080000, 0x40000000, TREE),
    "high": (0x1000280000, 0x1002000000, 0),
    "low": (0x100000, 0x200000, 0),
}


FAR_PLACES = {
    "far": (0x10040280000, 0x10042000000, 0),
    "near": (0x40280000, 0x42000000, 0),
}
PLACED = r"entry (\w{16}) tree (\w{16}) magic (\w{16}) start (\w{16})"


def places(found):
    return tuple(int(word, 16) for word in found.groups())


def placed(run):
    """Each guest finds itself and its device tree where the system file wants them, and by default where QEMU has them."""
    with run.boot_bare(os.path.join(BUILD, "guest", "bare", "placed.image"), "") as machine:
        entry, tree = places(machine.wait_for(PLACED))[:2]
        check((entry, tree) == (0x40280000, 0x48000000), "QEMU places an Image elsewhere")
    placed_there(run, PLACES)


def placed_far(run):
    """The same where stage 2 has more than 40 bits."""
    placed_there(run, FAR_PLACES)


def placed_there(run, where):
    with run.boot() as machine:
        for name, (entry, tree, start) in where.items():
            found = machine.wait_said(name, PLACED)
            check(places(found) == (entry, tree, TREE, start), f"{name}: {found.group(0)}")
        machine.wait_off()


def bare(run, *names):
    """The same guests without Ontime: what they expect of it is what the machine does."""
    for name in names:
        with run.boot_bare(os.path.join(BUILD, "guest", "bare", name + ".bin"), "") as machine:
            machine.wait_for("^END passed=")
            check("FAIL" not in machine.text(), f"{name} fails without Ontime")
            machine.wait_off()


BASE_TIME = 1767225600  # 2026-01-01: scripts/qemu --icount


def rtc(run, *names):
    """Each guest's clock begins with the machine's time, whatever another guest has set."""
    with run.boot() as machine:
        for name in names:
            check_guest(machine, name)
            now = int(re.search(r"rtc: now (\d+)", machine.joined(name)).group(1))
            check(BASE_TIME <= now <= BASE_TIME + 1, f"{name} begins {now - BASE_TIME} s after the machine")
        machine.wait_off()


def no_clock(run):
    """On a machine without a clock, Ontime says so, and a guest has none."""
    tree = os.path.join(run.out, run.name + ".dtb")
    with run.boot_file(None, ["-machine", "dumpdtb=" + tree]) as machine:
        machine.wait_off()
    subprocess.run(["fdtput", "-r", tree, "/pl031@9010000"], check=True)
    with run.boot_file(run.system(), ["-dtb", tree]) as machine:
        machine.wait_for(r"^\[ontime\] this machine has no clock")
        machine.wait_for(r"^\[ontime\] first: vCPU 0: read at guest physical 0x9010000,")
        machine.wait_off()


def counts(machine, name):
    """What the guest `counter` printed: a list of (physical time, count, CPU time), in ticks."""
    found = re.findall(r"at (\d+) count (\d+) run (\d+)", machine.joined(name))
    check(len(found) > 2, f"{name} printed no counts")
    return [tuple(int(number) for number in line) for line in found]


def between(samples, column, begin, end):
    """By how much a column grew between two instants, linear between the samples."""

    def at(time):
        for one, two in zip(samples, samples[1:]):
            if one[0] <= time <= two[0]:
                return one[column] + (two[column] - one[column]) * (time - one[0]) / (two[0] - one[0])
        raise Failure("no sample at that time")

    return at(end) - at(begin)


def hogs(run, wanted, seconds):
    """Runs hogs, `NAME=SHARE` each. Returns their shares, their samples, and from when to when all ran, which is so long."""
    wanted = {name: float(share) for name, share in (word.split("=") for word in wanted)}
    with run.boot() as machine:
        for name in wanted:
            check_guest(machine, name)
        machine.wait_off()
    samples = {name: counts(machine, name) for name in wanted}
    begin = max(lines[1][0] for lines in samples.values())
    end = min(lines[-1][0] for lines in samples.values())
    check(end - begin > seconds * TICKS_PER_SECOND, f"the guests were together for less than {seconds} s")
    return wanted, samples, begin, end


def shares(run, *words):
    """`NAME=SHARE ...`: each hog has its share of the core, within 0.01, by its count and by its CPU time."""
    wanted, samples, begin, end = hogs(run, words, 5)
    total = sum(between(lines, 1, begin, end) for lines in samples.values())
    for name, lines in samples.items():
        by_count = between(lines, 1, begin, end) / total
        by_time = between(lines, 2, begin, end) / (end - begin)
        both = f"{name}: {by_count:.4f} by count, {by_time:.4f} by CPU time"
        print(f"         {both}")
        check(abs(by_count - wanted[name]) < 0.01 and abs(by_time - wanted[name]) < 0.01, both)


def floating_shares(run, *words):
    """`NAME=SHARE ...`: each hog has so much of a core, within 0.02 over 10 s, by the CPU time that Ontime counts."""
    wanted, samples, begin, end = hogs(run, words, 10)
    for name, lines in samples.items():
        share = between(lines, 2, begin, end) / (end - begin)
        print(f"         {name}: {share:.4f} of a core")
        check(abs(share - wanted[name]) < 0.02, f"{name} has {share:.4f} of a core, not {wanted[name]}")


def sleepers(run, *wanted):
    """`NAME=LIMIT ...`: no sleeper is woken early, and none more than LIMIT us late."""
    with run.boot() as machine:
        for word in wanted:
            name, limit = word.split("=")
            check_guest(machine, name)
            line = re.search(r"sleeps [1-9]\d+ mean-us (\d+) max-us (\d+)", machine.joined(name))
            check(line, f"{name} printed no lateness")
            print(f"         {name}: {line.group(0)}")
            check(int(line.group(2)) <= int(limit), f"{name}: late by {line.group(2)} us")


# ---- attacks

MARK = re.compile(r"mark (\d+) vm=(\S+) run=(\d+) .*counter=(\d+)")
VICTIM = re.compile(
    r"phase (\d+) n (\d+) min-ns [\d.]+ mean-ns ([\d.]+) p50-ns ([\d.]+) p99-ns ([\d.]+) max-ns ([\d.]+)"
    r" early (\d+) work (\d+)(?: run (\d+))?"
)


class Attack:
    """What one attack did: the accounts at its marks, and what the victim says of it."""

    def __init__(self, phase, name, machine):
        joined = machine.joined("attacker")
        self.name = name
        self.steps = int(re.search(rf"phase {phase} steps (\d+)", joined).group(1))
        self.marks = []  # ({VM: run}, counter), in order
        for number, vm, run, counter in MARK.findall("\n".join(machine.lines("ontime"))):
            if int(number) // 1000 != phase:
                continue
            if not self.marks or self.marks[-1][1] != int(counter):
                self.marks.append(({}, int(counter)))
            self.marks[-1][0][vm] = int(run)
        lines = [line for line in VICTIM.findall(machine.joined("victim")) if int(line[0]) == phase]
        check(len(lines) == 1 and len(self.marks) > 1, f"{name}: the victim or Ontime does not tell of it")
        self.count, self.early, self.work = (int(lines[0][i]) for i in (1, 6, 7))
        self.mean, self.p50, self.p99, self.max = (float(lines[0][i]) / 1000 for i in range(2, 6))
        self.run = int(lines[0][8]) if lines[0][8] else self.grown("victim", 0, -1)

    def grown(self, vm, one, two):
        return self.marks[two][0][vm] - self.marks[one][0][vm]

    def seconds(self):
        return (self.marks[-1][1] - self.marks[0][1]) / TICKS_PER_SECOND

    def share(self, one=0, two=-1):
        """The victim's, between two marks."""
        return self.grown("victim", one, two) / (self.marks[two][1] - self.marks[one][1])

    def shares(self, window):
        """Of every window of so many seconds that begins at a mark; of the whole if that is shorter."""
        ticks = window * TICKS_PER_SECOND
        found = []
        for one, (_, begin) in enumerate(self.marks):
            ends = [two for two, (_, end) in enumerate(self.marks) if end - begin >= ticks]
            found += [self.share(one, ends[0])] if ends else []
        return found or [self.share()]

    def uncharged(self):
        """The part of the time that no VM is charged for."""
        ran = sum(self.grown(vm, 0, -1) for vm in self.marks[0][0])
        return 1 - ran / (self.marks[-1][1] - self.marks[0][1])

    def misplaced(self, hog):
        """The part of the victim's CPU time in which it got less done than beside a hog: spent on others."""
        return 1 - (self.work / self.run) / (hog.work / hog.run)

    def faults(self, hog, share, tolerance, limits):
        shares = self.shares(10)
        gives_way = self.name.startswith("wait")  # it idles: what it leaves the victim may have
        if self.early:
            yield f"{self.early} sleeps end early"
        if self.steps < 100 * self.seconds():
            yield f"only {self.steps} blows"
        if min(shares) < share - tolerance or (max(shares) > share + tolerance and not gives_way):
            yield f"share {min(shares):.4f} to {max(shares):.4f}"
        if self.uncharged() >= 0.02 and not gives_way:
            yield f"{self.uncharged():.2%} of the time uncharged"
        if self.misplaced(hog) >= 0.02:
            yield f"{self.misplaced(hog):.2%} of the victim's time goes to others"
        mean, most = limits
        if self.mean > mean:
            yield f"mean error {self.mean:.1f} us, limit {mean:.1f}, beside a hog {hog.mean:.1f}"
        if self.max > most:
            yield f"error of {self.max:.1f} us, limit {most:.1f}"

    def row(self, hog):
        return (
            f"{self.name:13} {self.steps / self.seconds():9.0f} {self.share():7.4f} {self.uncharged():9.2%}"
            f" {self.misplaced(hog):9.2%} {self.count:6} {self.mean:8.1f} {self.p50:8.1f} {self.p99:8.1f} {self.max:9.1f}"
        )


def checked(path):
    """What `ontime check` says of the system file at that path."""
    command = [os.path.join(BUILD, "host", "ontime"), "check", path]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def bound_of(path, vm):
    """The worst lateness of a VM's precise timers, us: on whichever CPU."""
    return max(int(us) for us in re.findall(rf"^bound vm={vm} .*?us=(\d+)", checked(path), re.MULTILINE))


def share_of(path, vm):
    """The share of the core that a VM's one vCPU has when all want it."""
    return float(re.search(rf"^{vm} .* ([\d.]+)%", checked(path), re.MULTILINE).group(1)) / 100


def attacks(run, *words):
    """`share=S tolerance=T [mean=2]`: a victim beside an attacker that tries one thing after the other.

    The victim's mean error may be `mean` times that beside the hog, and no error may be above the bound and the largest
    error beside the hog together.
    """
    values = dict(word.split("=") for word in words)
    share, tolerance = (float(values[name]) for name in ("share", "tolerance"))
    bound = bound_of(run.system(), "victim")
    with run.boot() as machine:
        check_guest(machine, "attacker")
        machine.wait_off()
    check("FAIL" not in machine.joined("victim"), "the victim complains")
    told = {line[0] for line in VICTIM.findall(machine.joined("victim"))}
    tried = re.findall(r"phase (\d+) attack ([a-z-]+?)(?=phase|PASS|FAIL|END)", machine.joined("attacker"))
    check(tried[-1][1] == "ring", "the victim's doorbell was not tried")
    tried = [Attack(int(phase), name, machine) for phase, name in tried if phase in told]
    check(len(tried) > 1 and tried[0].name == "hog", "there were no attacks")
    print(f"         {'attack':13} {'blows/s':>9} {'share':>7} {'uncharged':>9} {'misplaced':>9}", end="")
    print(f" {'sleeps':>6} {'mean us':>8} {'p50':>8} {'p99':>8} {'max':>9}")
    hog = tried[0]
    limits = [float(values.get("mean", 2)) * hog.mean, bound + hog.max]
    faults = []
    for one in tried:
        print(f"         {one.row(hog)}")
        found = one.faults(hog, share, tolerance, limits)
        faults += [f"{one.name}: {fault}" for fault in found]
    largest = max(one.max for one in tried)
    print(f"         bound {bound} us, {bound / largest:.1f} times the largest error")
    check(not faults, "; ".join(faults))


def attacks_on_cores(run):
    """A victim on core 0 beside an attacker that is on core 1, too: it is never later than the bound, as Ontime measures it,
    and at its handler never later than that and the largest error beside the hog together. And 2% at most of the time that
    it is charged for are spent on others, except on core 0's output.
    """
    bound = bound_of(os.path.join(BUILD, "tests", "system", run.case["system"] + ".dtb"), "victim")
    with run.boot() as machine:
        check_guest(machine, "attacker")
        machine.wait_off()
    check("FAIL" not in machine.joined("victim"), "the victim complains")
    tried = re.findall(r"phase (\d+) attack ([a-z-]+?)(?=phase|PASS|FAIL|END|x)", machine.joined("attacker"))
    told = {line[0]: line for line in VICTIM.findall(machine.joined("victim"))}
    marks = re.findall(r"mark (\d+) vm=victim .* late_max=(\d+)", "\n".join(machine.lines("ontime")))
    print(f"         {'attack':10} {'blows':>8} {'sleeps':>6} {'mean us':>8} {'max':>8} {'lost':>7} {'EL2, so far':>11} {'bound':>6}")
    largest = beside_hog = hog = 0
    for phase, name in tried:
        blows = int(re.search(rf"phase {phase} steps (\d+)", machine.joined("attacker")).group(1))
        late = [int(ticks) * 0.016 for number, ticks in marks if int(number) // 1000 == int(phase)]
        check(phase in told and late, f"{name}: the victim or Ontime does not tell of it")
        largest = max(largest, late[-1])
        mean, most = (float(told[phase][i]) / 1000 for i in (2, 5))
        beside_hog = beside_hog or most
        done = int(told[phase][7]) / int(told[phase][8])
        hog = hog or done
        print(f"         {name:10} {blows:8} {told[phase][1]:>6} {mean:8.1f} {most:8.1f} {1 - done / hog:7.1%}", end="")
        print(f" {largest:11.1f} {bound:6}")
        check(name in ("print", "mark") or done > 0.98 * hog, f"{name}: {1 - done / hog:.1%} of the victim's time is lost")
        check(int(told[phase][6]) == 0, f"{name}: a sleep ended early")
        check(blows >= 50, f"{name}: only {blows} blows")
        check(most <= bound + beside_hog, f"{name}: error of {most:.1f} us, bound {bound}")
    check(len(tried) == 15, f"{len(tried)} attacks")
    print(f"         reached {largest:.1f} us of {bound}")
    check(largest <= bound, f"{largest:.1f} us late, bound {bound}")


# ---- hostile guests

HOSTILE_LIVES = 5
HARM = re.compile(
    r"victim: n (\d+) early (\d+) memory (\d+) registers (\d+) system (\d+) max-us (\d+) run (\d+) of (\d+)\."
)


def hostile_system(run, seed, cpus, operations, cores, floating):
    """The case's system file, with this seed: its path. Half of the operations are `one`'s, in five lives.

    With two cores `many` is on both, and one of the victims on each; or all float over both.
    """
    path = os.path.join(run.out, run.name + ".dtb")
    shutil.copy(run.system(), path)
    one = f"seed={seed} lives={HOSTILE_LIVES} operations={operations // 2 // HOSTILE_LIVES}"
    many = f"seed={seed} cpus={cpus} operations={operations // 2 // cpus} serves"
    for vm, arguments in (("one", one), ("many", many)):
        subprocess.run(["fdtput", "-t", "s", path, f"/vm-{vm}", "bootargs", arguments], check=True)
    subprocess.run(["fdtput", "-t", "i", path, "/vm-many", "vcpus", str(cpus)], check=True)
    for vm in ("one", "many", "precise", "plain") if floating else ():
        subprocess.run(["fdtput", "-t", "i", path, f"/vm-{vm}", "cpus", "0", "1"], check=True)
        subprocess.run(["fdtput", "-t", "x", path, f"/vm-{vm}", "floating"], check=True)
    if cores == 2 and not floating:
        subprocess.run(["fdtput", "-t", "i", path, "/vm-many", "cpus", "1", "0"], check=True)
        subprocess.run(["fdtput", "-t", "i", path, "/vm-plain", "cpus", "1"], check=True)
    return path


def hostile(run, *words, more=()):
    """`operations=N seed=N [cpus=2] [cores=1] [floating=0]`: guests that do whatever comes, beside two that look for harm.

    SEED=N in the environment replaces the seed. Under icount the same seed gives the same run. `more` is given to QEMU.
    """
    values = dict(word.split("=") for word in words)
    seed = int(os.environ.get("SEED") or values["seed"])
    cpus, operations = int(values.get("cpus", 2)), int(values["operations"])
    path = hostile_system(
        run, seed, cpus, operations, int(values.get("cores", 1)), int(values.get("floating", 0))
    )
    with run.boot_file(path, more) as machine:
        for name in ("one", "many"):
            check_guest(machine, name)
        victims = {name: HARM.findall(machine.joined(name)) for name in ("precise", "plain")}
        text = "".join(machine.joined(name) for name in ("one", "many"))
    done = sum(int(number) for number in re.findall(r"hostile: seed \d+ life \d+ operations (\d+)", text))
    print(f"         {run.name}: seed {seed}, {done} operations")
    check(done >= operations * 0.99, f"only {done} operations")
    for name, told in victims.items():
        check(told, f"{name} tells nothing")
        count, *harms, late, ran, time = (int(number) for number in told[-1])
        print(f"         {name}: {count} sleeps, at most {late} us late, {ran / time:.3f} of the core")
        check(count > 20 and not any(harms), f"{name}: early, memory, registers, system: {harms}")
        if "icount" in run.case:
            check(ran / time > share_of(path, name) - 0.002, f"{name} has {ran / time:.3f} of the core")
    late, bound = int(victims["precise"][-1][5]), bound_of(path, "precise")
    check("icount" not in run.case or late <= bound, f"precise is {late} us late, bound {bound}")
    return machine


def hostile_dma(run, *words):
    """The same beside a guest that has a disk behind an SMMU fault without end."""
    image = numbered_sectors(run)
    drive = ["-drive", f"if=none,id=d,file={image},format=raw", *PCI_DISK]
    machine = hostile(run, *words, more=["-machine", "highmem=off,iommu=smmuv3", *drive])
    faults = [match for line in machine.lines("ontime") if (match := DMA_FAULT.match(line))]
    count = len(faults) + sum(int(fault[3] or 0) for fault in faults)
    ms = int(HARM.findall(machine.joined("plain"))[-1][-1]) / 62500
    print(f"         {len(faults)} lines about {count} faults in {ms:.0f} ms")
    check(len(faults) > 5, "no faults")
    check(count < 6 * ms, "more are looked at than four in a millisecond")
    check("PASS smmu" in machine.joined("dma"), "the SMMU is within the guest's reach")
    os.remove(image)


def crash(run, crashing, counting):
    """One guest aborts for ever; the other counts undisturbed, and the console is not flooded."""
    with run.boot() as machine:
        machine.wait_said(crashing, "abort: crashing now")
        check_guest(machine, counting)
        machine.wait_off()
        lines = [line for line in machine.lines("ontime") if crashing in line]
        check(1 <= len(lines) <= 100, f"{len(lines)} lines about the crash")
        samples = counts(machine, counting)
        share = (samples[-1][2] - samples[0][2]) / (samples[-1][0] - samples[0][0])
        check(share > 0.48, f"{counting} has {share:.2f} of the core")


def u_boot(run, name):
    """U-Boot takes its tree from the start of RAM, finds no environment, and obeys."""
    with run.boot() as machine:
        machine.wait_said(name, r"DRAM: +64 MiB.*bad CRC, using default environment.*Hit any key")
        machine.send(" ")
        machine.wait_said(name, r"=> ")
        machine.send("version; cmp.b 40000000 $fdtcontroladdr 28; fdt addr 40000000; fdt print /hypervisor\n")
        machine.wait_said(name, r"U-Boot 20\d\d\.\d\d.*ontime,hypervisor.*=> ")
        machine.send("poweroff\n")
        machine.wait_off()


# ---- the console


def console(run):
    """Lines have their VM's prefix and are whole; prompts are shown; the input can be given to another VM."""
    with run.boot() as machine:
        for name in ("alpha", "beta"):
            machine.wait_said(name, "uart: ready")
            machine.wait_said(name, "> ")
        say(machine, "one", "alpha", "\n")
        machine.send(ESCAPE + "2")
        say(machine, "two", "beta", "\r")
        machine.send(ESCAPE + "alpha\r")
        say(machine, "three", "alpha", "\r")
        machine.send(ESCAPE + "nobody\r")
        say(machine, "four", "alpha", "\r")
        machine.send(ESCAPE + ESCAPE)
        say(machine, "five", "alpha", "\r", r"\^\]five")
        check_whole_lines(machine)
        machine.send("reset\r")
        machine.wait_said("alpha", "uart: ready", 2)
        machine.send("number\r")
        machine.wait_said("alpha", "number 1")
        machine.send("off\r" + ESCAPE + "2" + "number\roff\r")
        machine.wait_said("beta", "number 4")
        machine.wait_off()


def paste(run):
    """Nothing of what is pasted is lost; a VM that does not read can't keep the input; floods go both ways at once."""
    with run.boot() as machine:
        for name in ("alpha", "beta"):
            machine.wait_said(name, "> ")
        pasted = "".join(chr(ord("a") + number * 7 % 26) for number in range(100_000))
        total = 0
        for character in pasted:
            total = (total * 31 + ord(character)) % 2**32
        machine.send("take\r")
        machine.wait_said("alpha", "takes")
        machine.send(ESCAPE + "2flood\r" + ESCAPE + "1" + pasted + ".")
        machine.wait_said("alpha", f"took 100000 characters, sum {total}> ")
        machine.wait_said("beta", "flooded")
        machine.send("deaf\r")
        machine.wait_said("alpha", "deaf")
        machine.send(pasted[:5000] + ESCAPE + "2" + "hello\r")
        machine.wait_said("beta", "got: hello")
        check("hears" not in machine.joined("alpha"), "beta got the input only when alpha had read it")
        machine.send("off\r")
        machine.wait_said("alpha", "hears")
        machine.send(ESCAPE + "1" + "\r\roff\r")
        machine.wait_off()


NO_ENTROPY = "no entropy: "


def seeds(run):
    """Each VM has random bytes of its own, others at each boot; without entropy Ontime says so."""
    seen = set()
    with run.boot() as machine:
        for restart in (False, True):
            seen |= set(seeds_of(machine, restart))
        check(NO_ENTROPY not in machine.text(), "there is entropy, and Ontime says that there is none")
    with run.boot(log="-2") as machine:
        seen |= set(seeds_of(machine, False))
    check(len(seen) == 6 * 10, f"of 60 pieces of seeds {len(seen)} are different")
    with run.boot("-M", "dtb-randomness=off", log="-none") as machine:
        machine.wait_for(r"^\[ontime\] " + NO_ENTROPY)
        check(len(set(seeds_of(machine, False, 0))) == 4, "the seeds for KASLR are the same")
    with run.boot("-M", "dtb-randomness=off", cpu="max", log="-cpu") as machine:
        check(len(set(seeds_of(machine, False))) == 20, "the CPU's seeds are the same")
        check(NO_ENTROPY not in machine.text(), "the CPU has random numbers, and Ontime says that there is no entropy")


def seeds_of(machine, restart, rng_bytes=32):
    """The seeds of both VMs, in pieces of 4 bytes; before that they may start again."""
    pieces = []
    for number, name in enumerate(("alpha", "beta"), 1):
        machine.wait_said(name, "> ")
        machine.send(f"{ESCAPE}{number}" + ("reset\r" if restart else ""))
        machine.wait_said(name, "uart: ready", 2 if restart else 1)
        machine.send("seeds\r")
        pattern = "kaslr-seed ([0-9a-f]{16});rng-seed ([0-9a-f]{%d});" % (2 * rng_bytes)
        found = machine.wait_said(name, pattern, 2 if restart else 1)
        text = found.group(1) + found.group(2)
        pieces += [text[at : at + 8] for at in range(0, len(text), 8)]
    return pieces


def say(machine, text, name, end, answer=None):
    machine.send(text + end)
    machine.wait_said(name, f"got: {answer or text}")


def check_whole_lines(machine):
    """Beta, without the input, writes lines in pieces, then a flood, while alpha, with it, floods."""
    machine.send(ESCAPE + "2" + "slow\r" + ESCAPE + "1" + "flood\r")
    machine.wait_for(r"^\[beta\] piece1 piece2 piece3 piece4 end$")
    machine.send(ESCAPE + "2" + "flood\r" + ESCAPE + "1" + "flood\r")
    machine.wait_said("beta", "flooded")
    machine.wait_said("alpha", "flooded", 2)
    line = r"flood (\d+) abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz end"
    for name, floods in (("alpha", 2), ("beta", 1)):
        numbers = [int(number) for number in re.findall(line, machine.joined(name))]
        check(numbers == list(range(500)) * floods, f"{name}'s flood has {len(numbers)} lines")
    whole = [text for text in machine.lines("beta") if re.fullmatch(line, text)]
    # Not all, as the test is in real time: a host that stalls for 100 ms cuts the line that it stalls in.
    check(len(whole) >= 450, f"of beta's lines {len(whole)} are whole")


def terminal(run):
    """On a terminal no guest writes over a prefix, in another's name, or anywhere but behind what is there."""
    with run.boot() as machine:
        machine.wait_off()
        bare_title = Terminal(b"", 80).title
        for columns in (80, 300):
            screen = Terminal(machine.output, columns)
            check(screen.title == bare_title, f"the title is {screen.title!r}")
            check_screen(screen.lines, f"on {columns} columns ")


def check_screen(lines, where):
    lines = [line for line in lines if line]
    for line in lines:
        check(re.match(r"\[(ontime|hostile|victim)\] ?", line), f"{where}a line is {line!r}")
    said = {name: [line[len(name) + 3 :] for line in lines if line.startswith(f"[{name}]")] for name in VMS_ON_SCREEN}
    check(said["ontime"][-1:] == ["all VMs are off"], f"{where}the last of Ontime's lines is {said['ontime'][-1:]}")
    allowed = r"Ontime .*|2 CPUs|VM (hostile|victim): .*|(hostile|victim): off|all VMs are off"
    for line in said["ontime"]:
        check(re.fullmatch(allowed, line), f"{where}Ontime says {line!r}")
    count = 6 if "2 CPUs" not in said["ontime"] else 7
    check(len(said["ontime"]) == count, f"{where}Ontime has {len(said['ontime'])} lines")
    wanted = [f"line {number} that nobody writes over" for number in range(400)] + ["END passed=0 failed=0"]
    check(said["victim"] == wanted, f"{where}the victim's lines are not what it wrote")
    text = "\n".join(said["hostile"])
    for shown in SHOWN_ON_SCREEN:
        check(shown in text, f"{where}{shown!r} is not shown")
    long_word = "word:" + ("abcdefghijklmnopqrstuvwxyz" * 347)[:9000] + ":"
    check(long_word in said["hostile"], f"{where}the long word is not one line")
    long_words = "words:" + "".join(f" word{number:04}" for number in range(1000)) + " :"
    check(long_words in said["hostile"], f"{where}the long words are not one line")


VMS_ON_SCREEN = ("ontime", "hostile", "victim")
SHOWN_ON_SCREEN = (
    "^M[ontime] victim: vCPU 0: SError",
    "^[[2K^[[1G[ontime] all VMs are off",
    "a^M[victim] b",
    "^[]0;title^G",
    "^[[1A^[[2K[victim] the line above",
    "\\x9b2K\\x9b1G[ontime] eight bits",
    "\\u009b2K\\u009b1G[ontime] C1 in UTF-8",
    "^A ^? \\xff \\xf0\\x9f\\x98",
    "grüß €",
)


# ---- EL2's own walls

IMAGE = 0x40200000  # where QEMU puts Ontime
SYSTEM_FILE = 0x48000000  # and the initrd
CORES, STACK_SIZE = 3, 16384
SCTLR_EL2_WXN = 1 << 19
ENTRY_VALID, ENTRY_TABLE, ENTRY_READ_ONLY, ENTRY_XN = 1, 2, 1 << 7, 1 << 54
ENTRY_ADDRESS = 0xFFFF_FFFF_F000


def walls(run):
    """EL2 executes its text only, and what is only read can't be written; each boot has another stack guard."""
    guards = set()
    elf = os.path.join(BUILD, "ontime.elf")
    lines = subprocess.run(["aarch64-linux-gnu-nm", elf], capture_output=True, text=True, check=True).stdout.split("\n")
    at = {line.split()[2]: IMAGE + int(line.split()[0], 16) for line in lines if line}
    for boot in range(2):
        with tempfile.TemporaryDirectory() as folder:
            server = os.path.join(folder, "gdb")
            with run.boot("-gdb", f"unix:{server},server=on,wait=off", log=f"-{boot}") as machine:
                machine.wait_said("beta", "> ")
                with Gdb(server) as gdb:
                    check(gdb.register("SCTLR_EL2") & SCTLR_EL2_WXN, "SCTLR_EL2.WXN is not set")
                    check_map(gdb, at)
                    check_idle(gdb, at)
                    guards.add(gdb.words(at["__stack_chk_guard"], 1)[0])
    check(len(guards) == 2 and not any(guard & 0xFF for guard in guards), f"the guards are {guards}")


def check_map(gdb, at):
    leaves = list(leaves_of(gdb, gdb.register("TTBR0_EL2") & ENTRY_ADDRESS, 0, 0))
    executed = sum(size for _, size, entry in leaves if not entry & ENTRY_XN)
    check(executed == at["text_end"] - IMAGE, f"{executed} bytes can be executed")
    for address, size, entry in leaves:
        check(entry & ENTRY_ADDRESS == address, f"{address:x} is mapped elsewhere")
        text = IMAGE <= address < at["text_end"]
        check(bool(entry & ENTRY_XN) != text, f"{address:x} can be executed, or is text and can't")
        if address < at["relro_end"] and address + size > IMAGE:
            check(entry & ENTRY_READ_ONLY, f"{address:x} of the image can be written")
    check_guard(leaves, at["boot_stack_guard"])
    starts = gdb.words(at["core_starts"], 3 * CORES)  # affinity, end of the stack, struct cpu
    for end in starts[4::3]:
        check_guard(leaves, end - STACK_SIZE - 4096)
    header = gdb.memory(SYSTEM_FILE, 8)
    end = SYSTEM_FILE + int.from_bytes(header[4:], "big")
    check(header[:4] == b"\xd0\x0d\xfe\xed", "the system file is not where QEMU should put it")
    read_only = sum(size for address, size, entry in leaves if entry & ENTRY_READ_ONLY and SYSTEM_FILE <= address < end)
    check(read_only >= end - SYSTEM_FILE, f"{read_only} bytes of the system file can't be written")


def check_guard(leaves, guard):
    def mapped(page):
        return any(address <= page < address + size for address, size, _ in leaves)

    check(not mapped(guard), f"the page below the stack at {guard + 4096:x} is mapped")
    check(mapped(guard + 4096), f"the stack at {guard + 4096:x} is not mapped")


def check_idle(gdb, at):
    """The other cores wait in their dispatchers."""
    begin = at["dispatch_run"]
    end = min(address for address in at.values() if address > begin)
    for core in range(1, CORES):
        gdb.choose_core(core)
        caller = gdb.register("x30")
        check(begin < caller < end, f"core {core} is not in dispatch_run: x30 is {caller:x}")
    gdb.choose_core(0)


def leaves_of(gdb, table, level, base):
    """The (address, size, entry) of all that a table maps."""
    size = 4096 << 9 * (3 - level)
    for index, entry in enumerate(gdb.words(table, 512)):
        if not entry & ENTRY_VALID:
            continue
        if level < 3 and entry & ENTRY_TABLE:
            yield from leaves_of(gdb, entry & ENTRY_ADDRESS, level + 1, base + index * size)
        else:
            yield base + index * size, size, entry


# ---- files that are refused


def refused(run):
    """Each file in systems/bad names, in a comment `// says: ...`, what Ontime must say when it refuses it."""
    for source in sorted(glob.glob(os.path.join(ROOT, "tests", "system", "systems", "bad", "*.dts"))):
        with open(source, encoding="utf-8") as file:
            wanted = re.search("// says: (.*)", file.read()).group(1)
        name = os.path.basename(source).removesuffix(".dts")
        check_refused(run, os.path.join(BUILD, "tests", "system", "bad", name + ".dtb"), wanted, name)


def truncated(run):
    """A system file that is cut short, a file that is none, and no file at all are refused."""
    with open(os.path.join(BUILD, "tests", "system", "hello.dtb"), "rb") as file:
        data = file.read()
    for name, content in (("short", data[: len(data) // 2]), ("other", b"not a device tree " * 100)):
        path = os.path.join(run.out, run.name + "-" + name + ".dtb")
        with open(path, "wb") as file:
            file.write(content)
        check_refused(run, path, "system file", name)
    check_refused(run, None, "system file", "none")


def check_refused(run, system, wanted, name):
    with run.boot_file(system) as machine:
        try:
            machine.wait_for(r"^\[ontime\] .*" + wanted)
        except Failure as error:
            raise Failure(f"{name}: {error}") from error


# ---- boards


def wait_off_if_it_can(machine):
    """All VMs are off, and then the machine, when its firmware can do that."""
    machine.wait_for(r"^\[ontime\] all VMs are off$")
    if "it can't switch the machine off" not in machine.text():
        machine.wait_off()


def board_hello(run, *names):
    """All CPUs start, and bare guests find all as it should be."""
    with run.boot() as machine:
        for name in names:
            check_guest(machine, name)
        wait_off_if_it_can(machine)
        check("left out" not in machine.text(), "a core was left out")


RAM_BASE = 0x40000000
DUMP_SIZE = 8 << 20  # QEMU loads Ontime at 0x40200000


def no_console(run):
    """Without a UART that Ontime knows, guests run, and what is said stays in memory."""
    tree = os.path.join(run.out, run.name + ".dtb")
    dump = os.path.join(run.out, run.name + ".ram")
    with run.boot_file(None, ["-machine", "dumpdtb=" + tree]) as machine:
        machine.wait_off()
    for words, why in (
        (["-t", "s", tree, "/pl011@9000000", "compatible", "test,uart"], "no driver for its UART"),
        (["-d", tree, "/chosen", "stdout-path"], "/chosen/stdout-path"),
    ):
        subprocess.run(["fdtput", *words], check=True)
        with run.boot_file(run.system(), ["-dtb", tree]) as machine:
            machine.send("\x01c")  # to QEMU's monitor
            machine.wait_for(r"\(qemu\) ")

            def memory():
                done = machine.text().count("(qemu)")
                machine.send(f'pmemsave {RAM_BASE:#x} {DUMP_SIZE:#x} "{dump}"\n')
                machine.wait_until(lambda: machine.text().count("(qemu)") > done, "the monitor has saved RAM")
                with open(dump, "rb") as file:
                    return file.read()

            machine.wait_until(lambda: re.search(rb"\[hog\] at \d+ count", memory()), "a guest's line is in memory")
            check(f"[ontime] no console: {why}".encode() in memory(), f"no line tells: {why}")
            check("[ontime]" not in machine.text(), "there is a console")


def not_el2(run):
    """Entered at EL1, Ontime says so on the console, and switches the machine off."""
    with run.boot_bare(os.path.join(BUILD, "ontime.bin"), "") as machine:
        machine.wait_for(r"^\[ontime\] entered at EL1: Ontime needs EL2")
        machine.wait_off()


def board_linux(run):
    """A Linux guest boots beside a hog, and does what is typed. Ctrl-] gives the input to the other guest and back."""
    with run.boot() as machine:
        machine.wait_said("linux", "linux: ready")
        command(machine, "echo I am $((6 * 7))", name="linux")
        machine.wait_said("linux", "I am 42")
        machine.send(ESCAPE + "hog\r")
        machine.wait_for(r"^\[ontime\] input: hog$")
        machine.send(ESCAPE + "linux\r")
        machine.wait_for(r"^\[ontime\] input: linux$")
        before = len(counts(machine, "hog"))
        machine.wait_until(lambda: len(counts(machine, "hog")) > before + 1, "the hog goes on")
        machine.send("poweroff -f\n")
        machine.wait_for(r"^\[ontime\] linux: off$")


# ---- boot chains: Debian's firmware and loaders start Ontime, as they start Linux


def edk2():
    return os.path.join(fetched("qemu-efi", "qemu-efi", "qemu-efi-aarch64:all"), "share", "qemu-efi-aarch64", "QEMU_EFI.fd")


def make_image(run, board, *options):
    """What `make image` writes, with the case's system file."""
    path = os.path.join(run.out, run.name + ".img")
    command = [os.path.join(ROOT, "scripts", "make-image"), *options, board, run.system(), path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"scripts/make-image: {(done.stderr or done.stdout).strip()}")
    return path


def check_guests_and_off(machine, names):
    for name in names:
        check_guest(machine, name)
    machine.wait_off()


def boot_edk2(run, *names):
    """EDK2 takes Ontime and the system file from QEMU, and starts it by its EFI entry. The cores start by PSCI."""
    arguments = ["-kernel", os.path.join(BUILD, "ontime.bin"), "-initrd", run.system()]
    with run.boot_loader(edk2(), "-M", "acpi=off", *arguments) as machine:
        machine.wait_for("^UEFI firmware")
        machine.wait_for(rf"^\[ontime\] {run.case['smp']} CPUs$")
        check_guests_and_off(machine, names)
        check("no clock" not in machine.text(), "the firmware's clock does not reach the guests")


def boot_edk2_refused(run):
    """What is missing is said on the firmware's console, and the firmware goes on."""
    kernel = ["-kernel", os.path.join(BUILD, "ontime.bin")]
    whole = kernel + ["-initrd", run.system()]
    for arguments, el2, reason in (
        (whole, True, "the firmware gives no device tree"),
        (whole + ["-M", "acpi=off"], False, "entered at EL1: Ontime needs EL2"),
        (kernel + ["-M", "acpi=off"], True, "no system file"),
    ):
        with run.boot_loader(edk2(), *arguments, el2=el2) as machine:
            machine.wait_for(r"\[ontime\] " + reason)
            machine.wait_for('^BdsDxe: loading Boot0002 "EFI Internal Shell"')


def boot_disk(run, firmware, loader, *names):
    """Firmware starts a loader from the disk of `make image`, and that Ontime."""
    u_boot = os.path.join(BUILD, "debian", "u-boot", "usr", "lib", "u-boot", "qemu_arm64", "u-boot.bin")
    options = [] if loader == "boot.scr" else ["--loader", loader]
    said = {"boot.scr": "Found U-Boot script /boot.scr", "grub": "Welcome to GRUB!", "systemd-boot": "BdsDxe: starting"}
    drive = f"if=none,id=disk,format=raw,file={make_image(run, 'virt', *options)}"
    more = ["-M", "acpi=off", "-drive", drive, "-device", "virtio-blk-device,drive=disk"]
    with run.boot_loader(edk2() if firmware == "edk2" else u_boot, *more) as machine:
        if firmware == "u-boot":  # its count-down takes long in time that counts instructions
            machine.wait_for("Hit any key to stop autoboot")
            machine.send(" ")
            machine.wait_for("^=> ")
            machine.send("run bootcmd\n")
        machine.wait_for(said[loader])
        check_guests_and_off(machine, names)


TF_A_WORDS = 0xF0  # where the Raspberry Pi's own firmware tells TF-A of the tree and of what to start


def boot_tf_a(run, *names):
    """TF-A starts Ontime on a Raspberry Pi 4, all its cores by PSCI, and switches it off.

    QEMU has not the Raspberry Pi's own firmware. The test does that one's work: it reads the card's config.txt, loads
    the files that it names, completes the tree, and tells TF-A.
    """
    card = os.path.join(run.out, run.name + "-card")
    os.makedirs(card, exist_ok=True)
    subprocess.run(["mcopy", "-n", "-s", "-i", make_image(run, "raspi4b") + "@@1M", "::/*", card], check=True)

    def at(name):
        return os.path.join(card, name)

    with open(at("config.txt"), encoding="ascii") as file:
        config = dict(re.findall(r"^(\w+)[= ](.*)$", file.read(), re.MULTILINE))
    kernel, tree = int(config["kernel_address"], 0), int(config["device_tree_address"], 0)
    initrd, start = config["initramfs"].split()
    with open(at(config["armstub"]), "r+b") as file:
        file.seek(TF_A_WORDS)
        file.write(struct.pack("<4I", 0, 0, tree, kernel))
    source = tree_source(at(config["device_tree"]))
    end = int(start, 0) + os.path.getsize(at(initrd))
    source += f"&{{/chosen}} {{ linux,initrd-start = <{start}>; linux,initrd-end = <{end}>; }};"
    source += "&{/memory@0} { reg = <0 0 0x3c000000>; };"
    subprocess.run(["dtc", "-q", "-p", "8192", "-o", at("whole.dtb")], input=source, text=True, check=True)
    files = {0: config["armstub"], kernel: config["kernel"], tree: "whole.dtb", int(start, 0): initrd}
    with run.boot_board_firmware({address: at(name) for address, name in files.items()}) as machine:
        machine.wait_for("^NOTICE:  BL31")
        machine.wait_for(r"^\[ontime\] 4 CPUs$")
        check_guests_and_off(machine, names)


# ---- Linux


def linux_warnings(text):
    return {re.sub(r"0x[0-9a-f]+|\d+", "N", line) for line in re.findall(r"linux: warning: (.*)", text)}


def linux(run, *names):
    """Linux guests boot, give no warning that they do not give on bare QEMU, and power off."""
    with run.boot_bare(KERNEL, "console=ttyAMA0 test=off", INITRAMFS) as machine:
        machine.wait_for("^linux: ready")
        machine.wait_off()
        usual = linux_warnings(machine.text())
    with run.boot() as machine:
        for name in names:
            machine.wait_said(name, "linux: ready")
        machine.wait_off()
        for name in names:
            more = linux_warnings("\n".join(machine.lines(name))) - usual
            check(not more, f"{name} warns: {sorted(more)[:1]}")


def command(machine, text, status=0, name=None):
    """Has a Linux guest's shell run a command, which must end with the status. `name`: beside guests that print, too."""
    done = len(re.findall(r"linux: done", machine.joined(name) if name else machine.text()))
    machine.send(text + "\n")
    pattern = r"linux: done \((\d+)\)"
    found = machine.wait_said(name, pattern, done + 1) if name else machine.wait_for(pattern, done + 1)
    check(int(found.group(1)) == status, f"'{text}' ends with status {found.group(1)}")


def clock(run):
    """A stock Linux has the right time from the start, and gets the alarm that it asks for."""
    with run.boot() as machine:
        machine.wait_for("linux: ready")
        command(machine, "echo seconds $(date +%s)")
        late = time.time() - int(machine.wait_for(r"^\[linux\] seconds (\d+)$").group(1))
        check(-2 < late < 20, f"the guest's time is {late:.0f} s late")
        command(machine, "echo +2 >/sys/class/rtc/rtc0/wakealarm && sleep 4")
        command(machine, "grep 'rtc-pl031' /proc/interrupts")
        count = machine.wait_for(r"^\[linux\] *\d+: +(\d+) .*rtc-pl031").group(1)
        check(count == "1", f"{count} alarms")
        machine.send("poweroff -f\n")
        machine.wait_off()


def link_warp(run, limit):
    """A ring from another core warps a guest that waits, or that is out: its handler begins within so many us."""
    with run.boot() as machine:
        check_guest(machine, "ringer")
        machine.wait_off()
        paths = re.findall(r"path (link-ring-\S+) n 500 .*?max-ns ([\d.]+)", machine.joined("ringer"))
    check(len(paths) == 2, f"only {paths}")
    for name, most in paths:
        print(f"         {name}: at most {float(most) / 1000:.1f} us")
        check(float(most) < 1000 * float(limit), f"{name}: {most} ns")


def link(run):
    """
    A program of a Linux guest has a link as /dev/uioN: it rings, is rung, and sees a bare guest start again and end. Rings
    warp the guest, and the module says when the program's work for one is done.
    """
    with run.boot() as machine:
        machine.wait_for("linux: ready")
        command(machine, "insmod /uio.ko && insmod /ontime_link.ko && insmod /ontime.ko")
        command(machine, "ontime run -- uio_link 500")
        check_guest(machine, "two")
        check("linux: FAIL" not in machine.text(), "the program complains")
        print("         " + machine.wait_for(r"linux: (\d+ rings in 500 rounds)").group(1))
        command(machine, "sed 's/^/linux: /' /proc/ontime")
        interrupts, joined = (int(machine.wait_for(rf"linux: {name} (\d+)").group(1)) for name in ("vm_interrupts", "joined"))
        print(f"         {interrupts} warps by rings, in {joined} of them the program was woken")
        check(joined > interrupts / 2 > 10, "the program's work for a ring is not noticed")
        machine.send("poweroff -f\n")
        machine.wait_off()


def control_linux(run):
    """
    A Linux guest's `ontime` sees the other VMs, and changes a weight, which acts. It pauses one, stops and starts another,
    gives a third another kernel, talks with it on its console, and records a trace that the host's tool reads.
    """
    def shares():
        """The share of the core that each hog had in the second of two tables."""
        before = len(machine.joined("linux"))
        say("ontime top -b -n 2 -d 0.5")
        table = machine.joined("linux")[before:].split("cores 0:")[2]
        return [float(re.search(rf"{name} +running +0 +([\d.]+)", table).group(1)) for name in ("one", "two")]

    def say(text, status=0):
        command(machine, text, status, "linux")

    def talk(name, text):
        """Types a line on a VM's console, and returns the last line there that is more than a prompt."""
        say(f"(printf '{text}\\r'; sleep 0.2; printf '\\035') | ontime console {name} >/dev/null")
        say(f"ontime console --history {name} | grep '[a-z0-9]' | tail -n 1 | sed 's/^/answer: /'")
        return machine.joined("linux").rsplit("answer: ", 1)[1]

    with run.boot() as machine:
        machine.wait_said("linux", "linux: ready")
        say("insmod /ontime.ko && ontime list && ontime list --json | grep -q '\"name\":\"talker\",\"state\":\"running\"'")
        for name in ("linux", "one", "two", "talker"):
            machine.wait_said("linux", rf"\d +{name} +running +1 +0 ")
        one, two = shares()
        check(0.8 < one / two < 1.25, f"shares of {one} and {two}% with equal weights")
        say("ontime set two weight=3 && ontime info two | grep -q '^weight  *3$'")
        one, two = shares()
        check(2.5 < two / one < 3.5, f"shares of {one} and {two}% with weights 1 and 3")
        say("ontime set two weight=0", 1)
        say("ontime pause two && ontime list | grep -q 'two  *paused'")
        say("ontime top -b -n 2 -d 0.2 | tail -n 3 | grep -q 'two  *paused  *0  *0.0 '")
        say("ontime resume two && ontime stop two && ontime list | grep -q 'two  *off'")
        say("ontime pause two", 1)
        say("ontime start two && ontime info two | grep -q '^starts  *2$'")
        say("ontime stop linux", 1)
        check("got: hello" in talk("talker", "hello"), "talker does not answer")
        say("ontime restart talker")
        say("ontime restart --image /images/uart.bin one")
        check(re.match(r"\D*1\D", talk("one", "number")), "the new kernel of one does not answer")
        say("mount -t tracefs tracefs /sys/kernel/tracing && cd /sys/kernel/tracing && echo mono_raw >trace_clock")
        say("ontime trace record -o /trace --seconds 0.1 & sleep 0.05; echo before >trace_marker; ontime mark 7 >/dev/null; "
            "echo after >trace_marker; wait; grep -c '' /trace; cat trace /trace; echo offset $(ontime trace clock)")
        machine.send("poweroff -f\n")
        machine.wait_off()
    rows = decoded(run, "--cpu", "0")
    kinds = {(row[2], row[3]) for row in rows[1:]}
    check(("two.0", "switch") in kinds and ("linux.0", "exit") in kinds, f"{len(rows)} records, of {sorted(kinds)}")
    text = machine.joined("linux")
    offset = int(re.search(r"offset (\d+)", text).group(1)) / 1000
    before, after = (offset + 1e6 * float(re.search(rf" ([\d.]+): tracing_mark_write: {word}", text).group(1))
                     for word in ("before", "after"))
    marks = [float(row[1]) for row in rows[1:] if row[3:] == ["mark", "7"]]
    check(len(marks) == 1 and before - 2 < marks[0] < after + 2 and after - before < 20000,
          f"marks at {marks} us, the guest's own around it at {before} and {after}")


def trace_rate(run, *words):
    """`least=N [kib=N]`: a Linux guest records a second of its core's trace, of N records at least: all of them, or with rings
    of so many KiB it counts what it has lost. That and what it has is what the core wrote.
    """
    values = {name: int(value) for name, value in (word.split("=") for word in words)}
    path = os.path.join(run.out, run.name + ".dtb")
    shutil.copy(run.system(), path)
    if "kib" in values:
        subprocess.run(["fdtput", "-t", "i", path, "/", "trace-kib", str(values["kib"])], check=True)
    with run.boot_file(path) as machine:
        machine.wait_said("linux", "linux: ready")
        command(machine, "insmod /ontime.ko && ontime set sleeper weight=20 && ontime trace record -o /trace --seconds 1", 0, "linux")
        kept, lost = (int(number) for number in machine.wait_for(r"(\d+) records of 1 CPUs, (\d+) lost").groups())
        command(machine, "echo begins: $(grep -m 1 'trace begin' /trace)", 0, "linux")
        begin = re.search(r"begins: .* records=(\d+) lost=(\d+)", machine.joined("linux"))
        machine.send("poweroff -f\n")
        machine.wait_off()
    print(f"         {kept} records, {lost} lost")
    check((str(kept), str(lost)) == begin.groups(), f"the file says {begin.groups()}")
    check(kept + lost >= values["least"], "there is too little to record")
    check(lost > 0 if "kib" in values else lost == 0, f"{lost} records are lost")


def virtio(run):
    """A bare guest's virtio disk, served by another guest: each restarts a hundred times and goes on.

    While the service is not ready the driver waits, and the console says so.
    """
    with run.boot() as machine:
        machine.wait_for(r"virtio disk: a block device of VM driver; VM service serves it, and can write to all its RAM")
        machine.wait_for(r"\[ontime\] driver: virtio disk waits for its service, VM service")
        check_guest(machine, "driver")
        check_guest(machine, "service")
        machine.wait_off()
        check("no answer" not in machine.text(), "a reset was not acknowledged")


def virtio_linux(run):
    """Linux's virtio_blk on a disk of a bare guest, which restarts while it serves: what was written is read again.

    Linux reboots with the disk in use, and finds it as it was.
    """
    whole = "dd if=/dev/vda bs=64k count=120 2>/dev/null"
    with run.boot() as machine:
        machine.wait_said("linux", "linux: ready")
        command(machine, "dd if=/dev/urandom of=/data bs=64k count=120 2>/dev/null; sha256sum </data", name="linux")
        command(machine, "dd if=/data of=/dev/vda bs=64k 2>/dev/null && sync", name="linux")
        for _ in range(3):
            command(machine, f"echo 3 >/proc/sys/vm/drop_caches; {whole} | cmp - /data", name="linux")
        machine.send("while true; do dd if=/data of=/dev/vda bs=4k 2>/dev/null; done & sleep 0.3; reboot -f\n")
        machine.wait_said("linux", "linux: ready", 2)
        command(machine, f"{whole} | sha256sum", name="linux")
        sums = re.findall(r"([0-9a-f]{64})  -", machine.joined("linux"))
        check(len(sums) == 2 and sums[0] == sums[1], f"sums {sums}")
        resets = re.findall(r"\[ontime\] service: reset(?: \(and (\d+) more before\))?", machine.text())
        restarts = sum(1 + int(more or 0) for more in resets)
        check(restarts >= 50, f"the service restarted {restarts} times")  # the last of a hundred may be untold
        check("FAIL" not in machine.text() and "no answer" not in machine.text(), "the service complains")
        machine.send("poweroff -f\n")
        machine.wait_off()


def gpio(run):
    """A guest drives the machine's PL061, resets itself with the interrupt active, and does so again."""
    with run.boot() as machine:
        check_guest(machine, "gpio")
        check_guest(machine, "hog")
        machine.wait_off()
        starts = re.findall(r"start (\d)", machine.joined("gpio"))
        check(starts == ["1", "2"], f"starts {starts}")
        check("resets" in machine.joined("gpio"), "no reset")


def serial(run):
    """A guest that is given the second UART, which QEMU 10 has beside a second -serial, sends back what comes."""
    path = os.path.join(run.out, run.name + ".socket")
    text = b"to whom it may concern\n" * 200
    lines = ["-serial", "mon:stdio", "-serial", f"unix:{path},server=on,wait=off"]
    with run.boot(*lines) as machine:
        machine.wait_said("serial", "ready")
        with Socket(AF_UNIX) as line:
            line.settimeout(30)
            line.connect(path)
            line.sendall(text + b".")
            got = b""
            while len(got) < len(text) + 1:
                got += line.recv(4096)
        check(got == text.upper() + b".", f"{got[:60]} comes back")
        check_guest(machine, "serial")
        machine.wait_off()
    check(f"sent {len(text) + 1}" in machine.joined("serial"), "the guest has sent another number of characters")


def disk_image(run):
    """An ext4 image of 64 MiB with a small root: busybox and tests/system/linux/disk-init."""
    image = os.path.join(run.out, run.name + ".ext4")
    with tempfile.TemporaryDirectory() as root:
        for name in ("bin", "dev", "proc", "sbin", "sys", "root"):
            os.mkdir(os.path.join(root, name))
        busybox = os.path.join(BUILD, "debian", "busybox", "bin", "busybox")
        shutil.copy(busybox, os.path.join(root, "bin", "busybox"))
        for name in "[ cat dd mount poweroff reboot sed sh sha256sum stty sync wc".split():
            os.symlink("busybox", os.path.join(root, "bin", name))
        shutil.copy(os.path.join(ROOT, "tests", "system", "linux", "disk-init"), os.path.join(root, "sbin", "init"))
        if os.path.exists(image):
            os.remove(image)
        subprocess.run(
            ["/sbin/mke2fs", "-q", "-t", "ext4", "-d", root, image, "64M"], check=True, stdout=subprocess.DEVNULL
        )
    return image


# A disk behind QEMU's SMMU, device 1 of the PCI bus.
PCI_DISK = ["-device", "virtio-blk-pci,drive=d,addr=1,disable-legacy=on,iommu_platform=on,romfile="]


def disk(run):
    """A Linux guest boots from a disk that may write everywhere."""
    line = r"^\[ontime\] VM linux: trusted with DMA: its devices can write to all memory$"
    use_disk(run, ["-device", "virtio-blk-device,drive=d"], line)


def smmu(run, highmem):
    """A Linux guest boots from a disk behind an SMMU."""
    machine = ["-machine", f"highmem={highmem},iommu=smmuv3"]
    use_disk(run, machine + PCI_DISK, r"^\[ontime\] SMMU at 0x9050000: devices reach the RAM of their VM$")


def smmu_refused(run):
    """A device is not given when its SMMU lacks something, and Ontime says what."""
    options = ["-machine", "virt-9.1,highmem=off,iommu=smmuv3"]  # up to that version QEMU's SMMU has stage 1 only
    with run.boot(*options) as machine:
        machine.wait_for(r"^\[ontime\] system file: node /vm-dma: property devices: /pcie@10000000: it has no stage 2$")
        machine.wait_off()
    check("may reach all memory" not in machine.text(), "devices are not held off")


DMA_FAULT = re.compile(
    r"dma: /pcie@10000000, 00:01\.0: DMA (to|from) 0x([0-9a-f]+): not its RAM, stopped(?: \(and (\d+) more before\))?$"
)
MEMORY_STATE = re.compile(r"victim: n (\d+) early \d+ memory (\d+) ")


def numbered_sectors(run):
    """A disk of 255 sectors, each filled with its number: its path."""
    image = os.path.join(run.out, run.name + ".raw")
    with open(image, "wb") as file:
        for sector in range(255):
            file.write(bytes([sector]) * 512)
    return image


def disk_restart(run, name, bus):
    """A guest resets itself while its disk has a read to do: the disk is kept from memory before the guest is loaded."""
    image = numbered_sectors(run)
    slow = f"if=none,id=d,file={image},format=raw,throttling.bps-total=65536"  # the guest's read is 64 KiB
    disk = {
        "mmio": ["-device", "virtio-blk-device,drive=d", "-global", "virtio-mmio.force-legacy=false"],
        "pci": ["-machine", "highmem=off,iommu=smmuv3", *PCI_DISK],
    }[bus]
    with run.boot("-drive", slow, *disk) as machine:
        check_guest(machine, name)
        machine.wait_off()
    check(machine.lines("ontime").count(f"{name}: reset") == 1, "it has not reset itself once")
    os.remove(image)


def smmu_fault(run):
    """A guest has a disk behind an SMMU write to all the machine's RAM: another guest's stays as it is."""
    image = numbered_sectors(run)
    drive = ["-drive", f"if=none,id=d,file={image},format=raw", *PCI_DISK]
    with run.boot("-machine", "highmem=off,iommu=smmuv3", *drive) as machine:
        check_guest(machine, "dma")
        machine.wait_for(r"^\[ontime\] dma: off")
        rounds, _ = MEMORY_STATE.findall(machine.joined("victim"))[-1]
        # The victim looks at a 512th of its memory in each round.
        machine.wait_until(
            lambda: int(MEMORY_STATE.findall(machine.joined("victim"))[-1][0]) > int(rounds) + 512,
            "the victim has looked at all its memory",
        )
        _, changed = MEMORY_STATE.findall(machine.joined("victim"))[-1]
        faults = [match for line in machine.lines("ontime") if (match := DMA_FAULT.match(line))]
        starts = re.findall(r"start (\d)", machine.joined("dma"))
    print(f"         {len(faults)} lines about {len(faults) + sum(int(fault[3] or 0) for fault in faults)} faults")
    check(changed == "0", f"{changed} words of the victim's memory have changed")
    check(starts == ["1", "2"], f"starts {starts}")
    check({fault[1] for fault in faults} == {"to", "from"}, "faults to and from memory are not told")
    check(not any(0x40000000 <= int(fault[2], 16) < 0x40400000 for fault in faults), "a fault in the guest's own RAM")
    os.remove(image)


def use_disk(run, options, line):
    """The guest keeps its files over a reboot, and the hog beside it has its share. Ontime says `line` at boot."""
    image = disk_image(run)
    drive = ["-drive", f"if=none,id=d,file={image},format=raw", *options]
    with run.boot(*drive) as machine:
        machine.wait_for(line)
        machine.wait_said("linux", "disk: [1-9].* interrupts, start 1")
        begin = counts(machine, "hog")[-1][0]
        command(machine, "dd if=/dev/urandom of=/data bs=64k count=128 2>/dev/null && sha256sum /data >/sum && sync", name="linux")
        command(machine, "echo 3 >/proc/sys/vm/drop_caches && sha256sum -c /sum", name="linux")
        end = counts(machine, "hog")[-1][0]
        machine.send("reboot -f\n")
        machine.wait_said("linux", "disk: .* interrupts, start 2")
        command(machine, "sha256sum -c /sum", name="linux")
        machine.send("sync && poweroff -f\n")
        machine.wait_off()
    check("DMA to" not in machine.joined("ontime"), "a fault")
    share = between(counts(machine, "hog"), 2, begin, end) / (end - begin)
    print(f"         the hog: {share:.4f} of the core")
    check(share > 0.48, f"the hog has {share:.4f} of the core")
    done = subprocess.run(["/sbin/e2fsck", "-fn", image], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"e2fsck: {done.stdout}")
    os.remove(image)


def focus(machine, name):
    """Gives the keyboard to a guest."""
    machine.send(ESCAPE + name + "\r")


def restart_service(machine, devices, whole):
    """Ends what serves the devices without a word to it, or the whole VM, and waits until it serves them again."""
    served = machine.joined("io").count("ontime-service: root:")
    focus(machine, "io")
    if whole:  # at once: a reboot in good order takes the disk from a program that still serves
        machine.send("echo b >/proc/sysrq-trigger\n")
    else:
        command(machine, "killall -KILL ontime-service || true", name="io")  # one may have ended with its parent
        machine.send(f"ontime-service {devices} &\n")
    machine.wait_said("io", "ontime-service: root:", served + 1)


WRITE = "dd if=/dev/urandom of=/{0} bs=64k count={1} conv=fsync 2>/dev/null && sha256sum /{0} >>/sums && sync"
READ_AGAIN = "echo 3 >/proc/sys/vm/drop_caches && sha256sum -c /sums"


def virtio_block(run, rounds):
    """A guest boots from a disk that another serves. That one's program is killed, or it restarts, in the middle of requests."""
    image = disk_image(run)
    drive = ["-drive", f"if=none,id=d,file={image},format=raw", "-device", "virtio-blk-device,drive=d"]
    with run.boot(*drive) as machine:
        machine.wait_said("linux", "disk: [1-9].* interrupts, start 1")
        focus(machine, "linux")
        command(machine, WRITE.format("first", 64), name="linux")
        command(machine, READ_AGAIN, name="linux")
        for i in range(int(rounds)):
            focus(machine, "linux")
            done = machine.joined("linux").count("linux: done")
            machine.send(WRITE.format(f"file-{i % 5}", 64).replace(">>", ">") + "\n")
            time.sleep(0.2 + i % 7 * 0.1)
            restart_service(machine, "block:root=/dev/vda", i % 3 == 2)
            machine.wait_said("linux", r"linux: done \(0\)", done + 1)
            focus(machine, "linux")
            command(machine, READ_AGAIN, name="linux")
        command(machine, WRITE.format("last", 64), name="linux")
        machine.send("reboot -f\n")
        machine.wait_said("linux", "disk: .* interrupts, start 2")
        command(machine, READ_AGAIN, name="linux")
        machine.send("sync && poweroff -f\n")
        machine.wait_off()
    done = subprocess.run(["/sbin/e2fsck", "-fn", image], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"e2fsck: {done.stdout}")
    os.remove(image)


def virtio_power_off(run):
    """The machine loses its power while a guest writes to a disk that another serves: its journal mounts, and what was
    synchronized is there."""
    image = disk_image(run)
    drive = ["-drive", f"if=none,id=d,file={image},format=raw", "-device", "virtio-blk-device,drive=d"]
    with run.boot(*drive, log="-first") as machine:
        machine.wait_said("linux", "disk: [1-9].* interrupts, start 1")
        command(machine, WRITE.format("first", 64), name="linux")
        machine.send("i=0; while :; do dd if=/dev/urandom of=/more-$i bs=64k count=8 2>/dev/null; sync; i=$((i + 1)); done\n")
        time.sleep(2)
    with run.boot(*drive) as machine:
        machine.wait_said("linux", "disk: .* interrupts, start 2")
        command(machine, READ_AGAIN, name="linux")
        command(machine, "[ -s /more-0 ] && dmesg | grep 'recovery complete'", name="linux")
        machine.send("sync && poweroff -f\n")
        machine.wait_off()
    done = subprocess.run(["/sbin/e2fsck", "-fn", image], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"e2fsck: {done.stdout}")
    os.remove(image)


def network(machine, name, address):
    """Has a guest load its drivers and set up its network card."""
    focus(machine, name)
    command(machine, "for i in $(cat /modules/order); do insmod /modules/$i.ko || break; done", name=name)
    command(machine, f"ip link set lo up; ip address add {address}/24 dev eth0 && ip link set eth0 up", name=name)


def transfer(machine, megabytes):
    """Guest one sends guest two a file of 4 MB by the network, as often as it takes."""
    file = f"for i in $(seq {int(megabytes) // 4}); do cat /data; done"
    focus(machine, "two")
    machine.send("nc -l -p 5000 | sha256sum\n")
    focus(machine, "one")
    command(machine, f"dd if=/dev/urandom of=/data bs=1M count=4 2>/dev/null && {file} | sha256sum", name="one")
    began = time.monotonic()
    command(machine, f"{file} | nc 10.0.0.3 5000", name="one")
    sums = [machine.wait_said(name, r"([0-9a-f]{64})  ").group(1) for name in ("one", "two")]
    print(f"         {megabytes} MB in {time.monotonic() - began:.0f} s")
    check(sums[0] == sums[1], "what arrives is not what was sent")


def socket(machine, port):
    """A program of guest one sends by a socket to its service, and compares what comes back."""
    focus(machine, "io")
    machine.send(f"vsock_echo {port} &\n")
    focus(machine, "one")
    command(machine, f"vsock_echo 2 {port} 300000", name="one")


def service_words(machine):
    """The exit statuses of what serves devices, and that a device is served once only."""
    focus(machine, "io")
    command(machine, "ontime-service --help >/dev/null", name="io")
    for words, status in (("", 2), ("net:one", 2), ("disc:one=x", 2), ("net:a=t net:a=t", 2), ("block:none=/init", 1)):
        command(machine, f"ontime-service {words}", status, name="io")
    command(machine, "ontime-service net:one=tap3", 1, name="io")
    machine.wait_said("io", "one: /dev/ontime-virtio-one: another program serves the device")


def virtio_net(run, megabytes):
    """Two guests and the one that serves them are on one network, and a socket goes from one of them to it and back.

    They are again after what serves them was killed, and after a guest has restarted.
    """
    ping = "ping -c 3 -w 20 10.0.0.{}"
    with run.boot() as machine:
        machine.wait_said("io", "vsock 3")
        for name in ("one", "two"):
            machine.wait_said(name, "linux: ready")
        network(machine, "two", "10.0.0.3")
        command(machine, ping.format(1), name="two")
        network(machine, "one", "10.0.0.2")
        command(machine, ping.format(1) + " && " + ping.format(3), name="one")
        transfer(machine, megabytes)
        socket(machine, 7000)
        service_words(machine)
        command(machine, ping.format(2) + " && " + ping.format(3), name="io")
        command(machine, "killall -KILL ontime-service || true", name="io")
        machine.send("ontime-service $service &\n")
        machine.wait_said("io", "vsock 3", 2)
        focus(machine, "one")
        command(machine, ping.format(3), name="one")
        socket(machine, 7001)
        machine.send("reboot -f\n")
        machine.wait_said("one", "linux: ready", 2)
        network(machine, "one", "10.0.0.2")
        command(machine, ping.format(3), name="one")
        socket(machine, 7002)
        focus(machine, "io")
        machine.send("poweroff -f\n")
        machine.wait_off()


def example_io(run, most_us):
    """README's second example: its Linux guest has what the others serve, and finds its files the next time.

    While it writes to its disk, the control loop beside it is never so many us late.
    """
    disk = os.path.join(run.out, run.name + ".ext4")
    shutil.copy(os.path.join(BUILD, "example-io", "disk.ext4"), disk)
    drive = ["-drive", f"if=none,id=d,file={disk},format=raw", "-device", "virtio-blk-device,drive=d"]
    for start in ("1", "2"):
        with run.boot_file(os.path.join(BUILD, "systems", "example-io.dtb"), drive, log=start) as machine:
            machine.wait_said("linux", f"example: started {start} times")
            machine.send("ping -c 2 -w 20 10.0.0.1\n")
            machine.wait_said("linux", "2 packets received")
            machine.send("wget -q -O - http://10.0.0.1/\n")
            machine.wait_said("linux", "Hello from VM io")
            machine.send("dd if=/dev/urandom of=/file bs=64k count=64 conv=fsync 2>/dev/null & watch-control 4\n")
            machine.wait_said("linux", r"second \d+ ns", 4)
            said = re.findall(r"control: (\d+) cycles, .*? second (\d+) ns", machine.joined("linux"))
            check(int(said[3][0]) - int(said[1][0]) == 2000, f"cycles of two seconds: {said}")
            print(f"         at most {max(int(worst) for _, worst in said[1:]) / 1000:.1f} us late")
            check(all(int(worst) < 1000 * int(most_us) for _, worst in said[1:]), f"too late: {said}")
            machine.send("sync; exit\n")
            machine.wait_off()
    os.remove(disk)


def reboot(run):
    """A Linux guest reboots and comes up again; the other one does not notice."""
    with run.boot() as machine:
        machine.wait_said("second", "linux: ready")
        machine.wait_said("first", "linux: ready")
        machine.send("reboot -f\n")
        machine.wait_said("first", "linux: ready", 2)
        machine.send("poweroff -f\n")
        machine.wait_for(r"^\[ontime\] .*first.* off")
        machine.send(ESCAPE + "second\r")
        command(machine, "echo I am $(cut -d. -f1 /proc/uptime | wc -l)")
        machine.send("poweroff -f\n")
        machine.wait_off()
        ready = re.findall(r"linux: ready", machine.joined("second"))
        check(len(ready) == 1, f"the second guest came up {len(ready)} times")


def restarts(run):
    """A guest on two cores resets itself a hundred times, from any of its vCPUs and while others ask for it too.

    Those that count on the same cores go on.
    """
    with run.boot() as machine:

        def resets():
            told = re.findall(r"^\[ontime\] restarts: reset(?: \(and (\d+) more before\))?", machine.text(), re.MULTILINE)
            return sum(1 + int(more or 0) for more in told)

        machine.wait_until(lambda: resets() >= 100, "a hundred resets")
        print(f"         {resets()} resets")
        for name in ("zero", "one"):
            before = len(counts(machine, name))
            machine.wait_until(lambda: len(counts(machine, name)) > before + 1, f"{name} goes on")
        check("bug:" not in machine.text(), "an assertion failed")


def watchdog(run):
    """A guest that stops to refresh its watchdog is restarted, and off for good the third time.

    One with `report` goes on, with a line. One that does not know that it has a watchdog is caught as well.
    """
    with run.boot() as machine:
        check_guest(machine, "reports")
        machine.wait_off()
        ontime = re.findall(r"^\[ontime\] (hangs|reports|silent): (.*)", machine.text(), re.MULTILINE)
        told = {name: [text for who, text in ontime if who == name] for name in ("hangs", "reports", "silent")}
        check(told["hangs"] == ["reset by watchdog"] * 2 + ["off: more than 2 restarts in 60 s"], f"hangs: {told['hangs']}")
        check(told["reports"] == ["its watchdog has expired", "off"], f"reports: {told['reports']}")
        check(told["silent"] == ["off: more than 0 restarts in 1 s"], f"silent: {told['silent']}")
        hangs = machine.joined("hangs")
        begins = re.findall(r"begins with (\d+)", hangs)
        check(begins == ["1", "5", "5"], f"WCS is {begins} when it begins: it is to know that it was reset")
        check(hangs.count("WS0") == 3 and "FAIL" not in hangs, "it is to see WS0 each time")


def watchdog_attack(run, limit):
    """While a guest is restarted by its watchdog, the victim has half of the core, and is no later than its bound and what
    it takes itself, which is seen when the other is off.
    """
    bound = bound_of(run.system(), "victim")
    with run.boot() as machine:
        check_guest(machine, "victim")
        machine.wait_off()
    check("bitten: reset by watchdog" in machine.text(), "the other is not restarted")
    check(f"bitten: off: more than {limit} restarts in 60 s" in machine.text(), "the other is not off at last")
    told = [(float(line[2]) / 1000, float(line[5]) / 1000, int(line[6]), int(line[8]) / (0.5 * TICKS_PER_SECOND))
            for line in VICTIM.findall(machine.joined("victim"))][1:]  # in the first phase the VMs begin
    for mean, most, _, share in told:
        print(f"         share {share:.4f}, mean {mean:.1f} us, max {most:.1f} us")
    check(told[0][3] < 0.6 and told[-1][3] > 0.9, "the other's restarts are not in these phases")
    check(min(share for *_, share in told) > 0.48, "the victim does not have its share")
    check(max(most for _, most, *_ in told) <= bound + told[-1][1], f"it is late, bound {bound} us")
    check(not any(early for *_, early, _ in told), "sleeps end early")


def watchdog_linux(run):
    """Linux's own driver has the watchdog: it lives as long as a program refreshes it, and sees after its reset why it was."""
    with run.boot() as machine:
        machine.wait_for("linux: ready")
        command(machine, "insmod /sbsa_gwdt.ko timeout=2 && ! dmesg | grep 'reset by WDT'")
        command(machine, "cat /sys/class/watchdog/watchdog0/timeout | grep -x 2 && watchdog -t 1 /dev/watchdog && sleep 5")
        check("reset" not in machine.text(), "it is reset although it refreshes its watchdog")
        machine.send("killall -9 watchdog\n")
        machine.wait_for(r"^\[ontime\] linux: reset by watchdog")
        machine.wait_for("linux: ready", 2)
        command(machine, "insmod /sbsa_gwdt.ko && dmesg | grep 'reset by WDT'")
        machine.send("poweroff -f\n")
        machine.wait_off()


def linux_cores(run):
    """A Linux guest with four vCPUs on four cores, three of which others use as well, or floating over two.

    Its CPUs go and come back, tasks on all of them wait for each other and sleep, and what another CPU handles can be
    freed: for that Linux reads the interrupt's active state.
    """
    with run.boot() as machine:
        machine.wait_for("linux: ready")
        machine.wait_said("linux", r"linux: \S+, 4 CPUs")
        command(machine, "for cpu in 1 2 3; do echo 0 >/sys/devices/system/cpu/cpu$cpu/online; done; nproc")
        command(machine, "for cpu in 3 1 2; do echo 1 >/sys/devices/system/cpu/cpu$cpu/online; done; nproc")
        command(machine, "membarrier")
        machine.wait_said("linux", r"membarrier: mean-us [\d.]+ max-us [\d.]+")
        command(machine, "insmod /ontime.ko")
        command(machine, "ontime run -- sleepers 4 5")
        machine.wait_said("linux", r"sleepers: 4 threads, mean-us (\d+) max-us (\d+)")
        command(machine, "for cpu in 1 2 3; do echo $((1 << cpu)) >/proc/irq/13/smp_affinity; stty -a >/dev/null; done")
        command(machine, "hwclock -r")
        command(machine, "rmmod ontime; warnings", 0)
        machine.send("poweroff -f\n")
        machine.wait_off()


def linux_sleeps(run, *names):
    """No sleep of a Linux guest ends early, in any timer mode."""
    with run.boot() as machine:
        for name in names:
            machine.wait_said(name, r"sleeps: count .* max-us \d")
        machine.wait_off()
        for name in names:
            line = re.search(r"sleeps: count (\d+) early (\d+) mean-us (\d+) max-us (\d+)", machine.joined(name))
            print(f"         {name}: {line.group(0)}")
            check(line.group(2) == "0", f"{name}: {line.group(0)}")


def debugger(run):
    """In a Linux guest a process is stepped and stopped by hardware breakpoints and watchpoints, as on bare QEMU."""
    with run.boot() as machine:
        machine.wait_for("linux: ready")
        command(machine, "debugger")
        steps = machine.wait_said("linux", r"debugger: (\d+) steps").group(1)
        machine.send("poweroff -f\n")
        machine.wait_off()
    with run.boot_bare(KERNEL, "console=ttyAMA0", INITRAMFS) as machine:
        machine.wait_for("linux: ready")
        command(machine, "debugger")
        bare_steps = machine.wait_for(r"debugger: (\d+) steps").group(1)
        machine.send("poweroff -f\n")
        machine.wait_off()
    check(steps == bare_steps, f"{steps} steps, and {bare_steps} on bare QEMU")


def handover(run, *limits):
    """`HOW=N...`: two vCPUs of a VM that share a core hand over a token in N us at most in the mean, if they wait so."""
    with run.boot() as machine:
        check_guest(machine, "two")
        said = dict(re.findall(r"handover by (\w+) mean-us (\d+)", machine.joined("two")))
        machine.wait_off()
    print(f"         {said}")
    for how, limit in (word.split("=") for word in limits):
        check(int(said[how]) <= int(limit), f"a handover by {how} takes {said[how]} us, limit {limit}")


def late_sleepers(machine, places):
    """Runs eight sleepers under `ontime run` beside a busy loop, for each place. Returns how late they are: mean, max, us."""
    late = []
    command(machine, "insmod /ontime.ko; (while :; do :; done) &")
    for place in places:
        command(machine, f"{place}ontime run -- sleepers 8 20")
        line = machine.wait_said("linux", r"sleepers: 8 threads, mean-us (\d+) max-us (\d+)", len(late) + 1)
        print(f"         {place}{line.group(0)}")
        late.append(tuple(map(int, line.groups())))
    machine.send("poweroff -f\n")
    machine.wait_off()
    return late


def siblings(run):
    """Two vCPUs of a Linux guest that share a core with a hog: what one waits for the other costs little.

    A call to the other CPU, which computes, takes less than half a millisecond. Eight sleepers that may run on both CPUs,
    beside a busy loop, are no later than on one, and none waits for a turn of its VM.
    """
    with run.boot() as machine:
        machine.wait_for("linux: ready")
        command(machine, "membarrier")
        mean, most = map(float, machine.wait_said("linux", r"membarrier: mean-us ([\d.]+) max-us ([\d.]+)").groups())
        print(f"         call to the other CPU: mean {mean} us, max {most} us")
        check(mean < 500, f"a call to the other CPU takes {mean} us")
        late = late_sleepers(machine, ["taskset 1 ", "", "", ""])
    for both in late[1:]:
        check(both[0] <= late[0][0], f"{both[0]} us late in the mean on both CPUs, {late[0][0]} on one")
        check(both[1] <= 2 * late[0][1], f"{both[1]} us late at most on both CPUs, {late[0][1]} on one")


def moves(run):
    """Linux moves tasks between two vCPUs on two cores, each beside a hog: their sleeps are no later than on one."""
    with run.boot() as machine:
        machine.wait_for("linux: ready")
        one, both = late_sleepers(machine, ["taskset 1 ", ""])
    check(both[0] <= one[0], f"{both[0]} us late in the mean on both cores, {one[0]} on one")


def suspend(run):
    """A Linux guest that sleeps, by WFI (freeze) and by PSCI (mem), comes back when something is typed."""
    with run.boot() as machine:
        machine.wait_for("linux: ready")
        command(machine, "echo enabled >/sys/class/tty/ttyAMA0/power/wakeup")
        for count, kind in enumerate(("freeze", "mem"), 1):
            machine.send(f"echo {kind} >/sys/power/state\n")
            machine.wait_for("Suspending console", count)
            time.sleep(2)
            check(machine.text().count("PM: suspend exit") < count, f"'{kind}' came back by itself")
            machine.send("\n")
            machine.wait_for("PM: suspend exit", count)
            machine.wait_for(r"linux: done \(0\)", 1 + 2 * count)
        command(machine, "warnings", 0)
        machine.send("poweroff -f\n")
        machine.wait_off()


def module(run):
    """The kernel module loads, watches a command's sleeps, counts them, and goes."""
    with run.boot() as machine:
        machine.wait_for("linux: ready")
        command(machine, "insmod /ontime.ko")
        command(machine, "ontime run -- never_early 200 20000")
        machine.wait_for("sleeps: count 200 early 0")
        command(machine, "ontime status")
        for counter in ("armed", "fired"):
            value = machine.wait_for(rf"^\[linux\] {counter} (\d+)$").group(1)
            check(int(value) == 200, f"{counter} {value} of 200 sleeps")
        command(machine, "rmmod ontime")
        command(machine, "warnings | grep -v 'ontime: '", 1)  # nothing else to warn of
        machine.send("poweroff -f\n")
        machine.wait_off()


def module_refused(run):
    """Without Ontime the module says so in one line and does not load."""
    with run.boot_bare(KERNEL, "console=ttyAMA0", INITRAMFS) as machine:
        machine.wait_for("linux: ready")
        command(machine, "insmod /ontime.ko", 19)  # ENODEV
        machine.wait_for("insmod: .*No such device")
        command(machine, "dmesg | grep 'ontime: ' | grep -v taint | sed 's/^/said: /'")
        said = set(re.findall(r"said: \S+ *\S+ (.*)", machine.text()))  # busybox tries twice
        check(len(said) == 1, f"the kernel's log has {len(said)} lines: {said}")
        machine.send("poweroff -f\n")
        machine.wait_off()


# ---- cores that run at once (bench/quantum)

INSTRUCTION_NS = 8
TURN_NS = 50 * INSTRUCTION_NS
HANDLER_NS = 240  # from the sender's reading of the clock to the handler's, were there no turns


def cores_say(run, append, log):
    """What guest/bare/cores.c prints of its figures."""
    kernel = os.path.join(BUILD, "guest", "bare", "cores.bin")
    with run.boot_bare(kernel, append, log=log) as machine:
        machine.wait_for(r"END passed=\d+ failed=0")
        machine.wait_off()
        return re.findall(r"^(?:rate|sgi|timer) .*$", machine.text(), re.MULTILINE)


def without_turns(run):
    """The same machine without the plugin."""
    case = {key: value for key, value in run.case.items() if key != "parallel"}
    return Run(run.name, case | {"icount": "yes", "qemu": "10"}, run.out)


def parallel(run):
    """Cores compute at once, and what one does to another takes about a turn more. One alone has the figures that it has
    without the plugin, and each run is the same."""
    said = cores_say(run, "cpus=4 samples=300", "-1")
    check(said == cores_say(run, "cpus=4 samples=300", "-2"), "a second run has other figures")
    check(len(said) == 26, f"{len(said)} figures")
    for line in said:
        words = line.split()
        figures = dict(zip(words[6::2], words[7::2]))
        if words[0] == "rate":
            check(abs(int(words[-1]) - 1000 * INSTRUCTION_NS) <= 10 * INSTRUCTION_NS, line)
        else:
            check(float(figures["mean-ns"]) <= HANDLER_NS + TURN_NS, line)
            check(float(figures["max-ns"]) <= HANDLER_NS + 3 * TURN_NS, line)
    alone = cores_say(run, "cpus=1", "-alone")
    check(len(alone) == 2, f"{len(alone)} figures of one core")
    check(alone == cores_say(without_turns(run), "cpus=1", "-plain"), "one core has other figures than without the plugin")


def parallel_refused(run):
    """What the plugin refuses, with a message that says why."""
    make_plugin("quantum")
    plugin = os.path.join(ROOT, "scripts", "..", "build", "bench", "quantum.so")
    for options, arguments, message in (
        (["--smp", "9"], [], "9 cores are too many for -icount shift=3"),
        ([], ["-icount", "shift=0"], "N not 0"),
        ([], ["-icount", "shift=auto,sleep=on"], "started with -icount shift=N"),
        ([], ["-plugin", plugin + ",turn=9"], "'turn=9' is not one of turn=10 to turn=10000"),
        ([], ["-plugin", plugin + ",turn=50x"], "'turn=50x' is not one of"),
        ([], ["-plugin", plugin + ",noise=on"], "'noise=on' is not one of"),
    ):
        done = with_plugin(["--parallel", *options], arguments)
        check(done.returncode == 1 and message in done.stderr, f"{options + arguments}: {done.stderr}")


def with_plugin(options, arguments):
    """Runs scripts/qemu to its end."""
    command = [os.path.join(ROOT, "scripts", "qemu"), "--timeout", "60", *options, "--", *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def model(run):
    """With the timing model of caches, code that is in them takes the time of its instructions, what is not takes more, and
    each run is the same. Other machines are refused."""
    make_plugin("a53")
    report = os.path.join(run.out, "model.csv")
    kernel = os.path.join(BUILD, "guest", "bare", "cores.bin")
    said = [with_plugin(["--model", report], ["-kernel", kernel, "-append", "cpus=1"]).stdout for _ in range(2)]
    check("END passed=1 failed=0" in said[0], said[0])
    check(said[0] == said[1], "a second run is another")
    rate = int(re.search(r"^rate .* ps (\d+)", said[0], re.MULTILINE)[1])
    check(1000 * INSTRUCTION_NS < rate < 1010 * INSTRUCTION_NS, f"an instruction takes {rate} ps")
    shortest, longest = re.search(r"^timer .* min-ns (\S+) .* max-ns (\S+)", said[0], re.MULTILINE).groups()
    check(float(longest) > 5 * float(shortest), f"a handler takes {shortest} to {longest} ns: nothing was missed")
    for options, arguments, message in (
        (["--smp", "2"], [], "for qemu-system-aarch64 and one core"),
        ([], ["-icount", "shift=0"], "N not 0"),
        ([], ["-plugin", os.path.join(ROOT, "build", "bench", "a53.so")], "to be given report=FILE"),
    ):
        done = with_plugin(["--model", report, *options], arguments)
        check(done.returncode == 1 and message in done.stderr, f"{options + arguments}: {done.stderr}")
