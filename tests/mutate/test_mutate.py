#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The mutation tester on small programs: which mutants it makes, and what it says of tests that notice or do not."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import rules  # noqa: E402  found beside this file


def made(text, **chosen):
    """The mutants' rules and lines, of a rule or all."""
    found = rules.mutants({"file.c": text})
    return [(mutant.rule, mutant.after) for mutant in found if mutant.rule == chosen.get("rule", mutant.rule)]


def in_function(line, head="int f(int a, int *b)"):
    return f"{head}\n{{\n{line}\n}}\n"


class Rules(unittest.TestCase):
    def expect(self, text, *mutants):
        self.assertCountEqual(made(text), mutants)

    def test_operators(self):
        self.expect(in_function("x = a <= *b && -a;"), ("relation", "x = a < *b && -a;"),
                    ("logic", "x = a <= *b || -a;"), ("delete", ";"))
        self.expect(in_function("x += (u32)-a * (b[a] - a);"), ("arithmetic", "x -= (u32)-a * (b[a] - a);"),
                    ("arithmetic", "x += (u32)-a / (b[a] - a);"), ("arithmetic", "x += (u32)-a * (b[a] + a);"),
                    ("delete", ";"))
        self.expect(in_function("*b |= a & ~a << a;"), ("bits", "*b &= a & ~a << a;"), ("bits", "*b |= a | ~a << a;"),
                    ("bits", "*b |= a & a << a;"), ("bits", "*b |= a & ~a >> a;"), ("delete", ";"))
        self.expect(in_function("b[a]++;"), ("step", "b[a]--;"), ("delete", ";"))

    def test_constants(self):
        self.expect(in_function("g(9, 0xFu);"), ("constant", "g(10, 0xFu);"), ("constant", "g(9, 0x10u);"),
                    ("delete", ";"))
        self.expect("#define STEPS 10 /* few */\n", ("constant", "#define STEPS 11"))
        self.expect("#define A 0x10\n#define B 1u\n#define C (1 << 3)\n#define D(x) 4\n#include <stdint.h>\n")
        self.expect("static const int a[2] = {7};\nint b[4];\nenum { C = 3 };\n",
                    ("constant", "static const int a[2] = {8};"))

    def test_conditions(self):
        self.expect(in_function("if (a)\n(*b)--;"), ("condition", "if (!(a))"), ("step", "(*b)++;"), ("delete", ";"))
        self.expect(in_function("while (!a) { }"), ("condition", "while (a) { }"))
        self.expect(in_function("for (; *b < a;) { }"), ("condition", "for (; !(*b < a);) { }"),
                    ("relation", "for (; *b <= a;) { }"))
        self.expect(in_function("x = a ? *b : a;"), ("condition", "x = !(a) ? *b : a;"), ("delete", ";"))

    def test_returns(self):
        head = "static bool f(int a, bool b)"
        self.expect(in_function("return true;", head), ("return", "return false;"), ("delete", ";"))
        self.expect(in_function("return a && b;", head), ("return", "return !(a && b);"),
                    ("logic", "return a || b;"), ("delete", ";"))
        self.expect(in_function("return a == b;", head), ("relation", "return a != b;"), ("delete", ";"))
        self.expect(in_function("return a;"), ("delete", ";"))

    def test_what_is_no_code(self):
        self.expect("/* a < b */\n#if A < B\n#endif\nint f(bool a);\nstruct s { int a[3]; };\n")
        self.expect(in_function('// a < b\nchar *s = "a < b" /* a */, c = \'<\', t[8], *u = b;'))
        self.expect(in_function("ASSERT(a < 3);\nDEBUG_ASSERT(a == 2 ||\n a == 1);"))

    def test_functions_that_only_assertions_call(self):
        for call, count in ("DEBUG_ASSERT(f(a));", 0), ("f(a);", 2):
            text = f"{in_function('return a;')}{in_function(call, 'void g(int a)')}"
            self.assertEqual(len(made(text)), count, call)

    def test_statements(self):
        self.expect(in_function("if (a)\ng(\nb);\nelse\nreturn a;"), ("condition", "if (!(a))"), ("delete", ";"),
                    ("delete", ";"))
        self.expect(in_function("switch (a) {\ncase A:\nbreak;\ndefault:\n*s = (struct s){.a = b};\n}"),
                    ("delete", ";"), ("delete", ";"))

    def test_line_and_text(self):
        mutant, = rules.mutants({"file.c": in_function("\nreturn\na; /* why */")})
        self.assertEqual((mutant.line, mutant.before), (4, "return a;"))
        self.assertEqual(mutant.text, in_function("\n; /* why */"))


FUNCTION = """int least(int a, int b)
{
    (void)b;
    if (a < b)
        return a;
    return b;
}
"""
PLAN = """compile least.c gcc -O1 -g -Werror=return-type
test least gcc objects/least.c.o test.c
untested more.c
"""
NOTICES = "int least(int, int); int main(void) { return !(least(1, 2) == 1 && least(2, 1) == 1); }"
PASSES = "int main(void) { return 0; }"
FAILS = "int main(void) { return 1; }"
HANGS = "int least(int, int); int main(void) { while (least(1, 2) != 1) { } return 0; }"
LISTED = "least.c: condition\n- if (a < b)\n+ if (!(a < b))\nFor a test.\n"


class Tester(unittest.TestCase):
    """Of the function's mutants two are not the same to the compiler."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "objects").mkdir()
        (self.folder / "plan").write_text(PLAN)
        (self.folder / "least.c").write_text(FUNCTION)
        (self.folder / "objects" / "least.c.d").write_text("least.c.o: least.c \\\n test.c\n")
        subprocess.run(["gcc", "-c", "least.c", "-o", "objects/least.c.o"], cwd=self.folder, check=True)

    def mutate(self, test, *options, listed=""):
        """The exit status, what it says, and (killed, survived)."""
        (self.folder / "test.c").write_text(test)
        (self.folder / "listed").write_text(listed)
        command = [sys.executable, HERE / "mutate.py", "--directory", ".", "--equivalent", "listed", *options]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        counts = re.search(r"^mutants: (\d+) killed, (\d+) survived, \d+ tried$", done.stdout, re.M)
        return done.returncode, done.stdout, counts and tuple(map(int, counts.groups()))

    def test_killed(self):
        for test in NOTICES, HANGS:
            status, said, counts = self.mutate(test, "--min", "100", "--count")
            self.assertEqual((status, counts), (0, (2, 0)), said)
            self.assertIn("no unit test links: more.c\n", said)
            self.assertTrue(said.endswith("mutation tests: 1 passed, 0 failed\n"), said)

    def test_survived(self):
        status, said, counts = self.mutate(PASSES, "--min", "1", "--count")
        self.assertEqual((status, counts), (1, (0, 2)), said)
        self.assertIn("least.c:4: condition\n- if (a < b)\n+ if (!(a < b))\n", said)
        self.assertTrue(said.endswith("mutation tests: 0 passed, 1 failed\n"), said)
        self.assertIn("+ if (!(a < b))", (self.folder / "report.md").read_text())

    def test_what_is_known_is_kept_until_the_test_changes(self):
        self.mutate(PASSES)
        before = (self.folder / "results").read_text()
        self.assertEqual(self.mutate(PASSES)[2], (0, 2))
        self.assertEqual((self.folder / "results").read_text(), before)
        self.assertEqual(self.mutate(NOTICES)[2], (2, 0))

    def test_sample(self):
        _, said, counts = self.mutate(PASSES, "--sample", "1")
        self.assertEqual(counts, (0, 1))
        self.assertEqual(self.mutate(PASSES, "--sample", "1")[1], said)

    def test_equivalent(self):
        self.assertEqual(self.mutate(PASSES, listed=LISTED)[2], (0, 1))
        self.assertIn("test_least fails", self.mutate(NOTICES, listed=LISTED)[1])
        self.assertIn("nothing matches", self.mutate(PASSES, listed=LISTED.replace("<", ">"))[1])

    def test_mistakes_are_told(self):
        self.assertNotEqual(self.mutate(FAILS)[0], 0)
        self.assertNotEqual(self.mutate(PASSES, "--file", "other.c")[0], 0)


if __name__ == "__main__":
    unittest.main()
