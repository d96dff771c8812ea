# SPDX-License-Identifier: Apache-2.0
"""The mutants of a C file, made by rule.

The file is cut into tokens, with comments, strings and preprocessor lines blanked. Mutated are function bodies, and
outside them the integer constants of initialisers and of definitions like `#define STEPS 10`. Left alone are assertions
and functions that only these call, sizes of arrays, and definitions with hexadecimal digits, suffixes or operators:
register offsets and bits. What makes no sense all the same mostly does not compile.
"""

import re
from collections import namedtuple

Token = namedtuple("Token", "text start end")
Mutant = namedtuple("Mutant", "file line rule before after text")

NOT_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
TOKEN = re.compile(r"[A-Za-z_]\w*|\d\w*|<<=|>>=|\.\.\.|->|\+\+|--|<<|>>|[-+*/%&|^<>=!]=|&&|\|\||\S")
DEFINITION = re.compile(r"^[ \t]*#[ \t]*define[ \t]+\w+[ \t]+(\d+)[ \t]*$", re.M)
NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|0|[1-9]\d*)([uUlL]*)$")
WORD = re.compile(r"[A-Za-z_]\w*$")
TYPE = re.compile(r"(?:void|bool|char|short|int|long|signed|unsigned|const|volatile|\w+_t|[us](?:8|16|32|64))$")

TAGS = {"struct", "union", "enum"}
DECLARES = TAGS | {"static", "const", "volatile", "register", "typedef", "extern"}
CHECKS = {"ASSERT", "DEBUG_ASSERT", "DEBUG_ONLY", "static_assert", "_Static_assert"}
HEADERS = re.compile(r"(?:if|while|for|switch|\w*for_each\w*)$")
ASSIGNS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}
BEFORE_CONDITION = ASSIGNS | {"(", "[", "{", ",", ";", "?", ":", "return"}  # of `condition ? a : b`

SWAPS = {
    "relation": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "arithmetic": {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*="},
    "bits": {"&": "|", "|": "&", "^": "|", "<<": ">>", ">>": "<<", "&=": "|=", "|=": "&=", "<<=": ">>=", ">>=": "<<="},
    "logic": {"&&": "||", "||": "&&"},
    "step": {"++": "--", "--": "++"},
}
MAYBE_UNARY = {"+", "-", "*", "&"}


def blanked(text, strings):
    """Of the same length, with the same line ends, without comments; with `strings`, a string is one word."""

    def blank(match):
        if match.group()[0] in "\"'":
            return "_" * len(match.group()) if strings else match.group()
        return re.sub(r"[^\n]", " ", match.group())

    return NOT_CODE.sub(blank, text)


def one_line(text):
    return " ".join(text.split())


class Source:
    """A C file's tokens, and the partners of its brackets."""

    def __init__(self, file, text):
        self.file, self.text = file, text
        self.shown = blanked(text, strings=False)
        self.words_only = blanked(text, strings=True)
        code = DIRECTIVE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), self.words_only)
        self.tokens = [Token(match.group(), match.start(), match.end()) for match in TOKEN.finditer(code)]
        self.words = [token.text for token in self.tokens]
        self.partner = self.match_brackets()

    def match_brackets(self):
        partner, still_open = {}, []
        for index, word in enumerate(self.words):
            if word in "([{":
                still_open.append(index)
            elif word in ")]}" and still_open:
                partner[still_open[-1]], partner[index] = index, still_open[-1]
                still_open.pop()
        return partner

    def outermost(self, first, last):
        """Indices from first to last (exclusive) that are in no brackets but those around all of them."""
        index = first
        while index < last:
            yield index
            index = self.partner.get(index, index) + 1 if self.words[index] in "([{" else index + 1

    def find(self, word, first, last=None):
        """The index of the first such word outside brackets, or of the end."""
        last = len(self.words) if last is None else last
        return next((index for index in self.outermost(first, last) if self.words[index] == word), last)

    def toplevel(self):
        """What is mutated: (first, last, kind, name), kind "initialiser", "function" or "bool function"."""
        begin = 0
        for index in self.outermost(0, len(self.words)):
            if self.words[index] == "=":
                yield index + 1, self.find(";", index), "initialiser", None
            elif self.words[index] == "{" and self.words[index - 1] == ")":
                head = " ".join(self.words[begin:index])
                kind = "bool function" if re.search(r"\bbool \w+ \(", head) else "function"
                name = self.words[self.partner[index - 1] - 1]
                yield index + 1, self.partner[index], kind, name
            if self.words[index] in ";{":
                begin = self.partner.get(index, index) + 1

    def is_type(self, index):
        return bool(TYPE.match(self.words[index])) or self.words[index - 1] in TAGS

    def is_cast(self, closing):
        last = closing - 1
        while self.words[last] == "*":
            last -= 1
        return self.partner[closing] < last and self.is_type(last)

    def is_binary(self, index):
        previous = self.words[index - 1]
        if previous == ")":
            return not self.is_cast(index - 1)
        if previous in {"return", "case", "else", "sizeof"}:
            return False
        return previous == "]" or bool(re.match(r"\w", previous)) and not self.is_type(index - 1)

    def is_declaration(self, first):
        word, following = self.words[first], self.words[first + 1]
        if word in DECLARES or TYPE.match(word):
            return True
        return bool(WORD.match(word)) and word not in {"return", "goto"} and (
            bool(WORD.match(following)) or following == "*")

    def statements(self, first, last):
        """(first, last) of each simple statement or declaration; last is that of its semicolon."""
        index = first
        while index < last:
            word = self.words[index]
            if word in "{};" or word in {"else", "do"}:
                index += 1
            elif HEADERS.match(word):
                index = self.partner[index + 1] + 1
            elif word == "case" or self.words[index + 1] == ":":
                index = self.find(":", index, last) + 1
            else:
                end = self.find(";", index, last)
                yield index, end
                index = end + 1

    def checks(self, first, last):
        """Indices of tokens in assertions."""
        for begin, end in self.statements(first, last):
            if self.words[begin] in CHECKS:
                yield from range(begin, end)

    def sizes(self, first, last):
        """Indices of tokens in the sizes of declared arrays."""
        for begin, end in self.statements(first, last):
            in_value = False
            for index in self.outermost(begin, end) if self.is_declaration(begin) else []:
                in_value = self.words[index] == "=" or in_value and self.words[index] != ","
                if self.words[index] == "[" and not in_value:
                    yield from range(index, self.partner[index])


# Each rule below yields edits (rule, first token, last token, what takes their place).


def operators(source, first, last):
    for index in range(first, last):
        word = source.words[index]
        if word in MAYBE_UNARY and not source.is_binary(index):
            continue
        for rule, swaps in SWAPS.items():
            if word in swaps:
                yield rule, index, index, swaps[word]
        if word == "!":
            yield "condition", index, index, ""
        elif word == "~":
            yield "bits", index, index, ""


def one_more(digits):
    return f"0x{int(digits, 16) + 1:X}" if digits[:2] in {"0x", "0X"} else str(int(digits) + 1)


def constants(source, first, last):
    for index in range(first, last):
        number = NUMBER.match(source.words[index])
        if number:
            yield "constant", index, index, one_more(number[1]) + number[2]
        elif source.words[index] in {"true", "false"}:
            rule = "return" if source.words[index - 1] == "return" else "constant"
            yield rule, index, index, "false" if source.words[index] == "true" else "true"


def negated(source, rule, first, last):
    """None where another rule makes the same of it."""
    words = [source.words[index] for index in source.outermost(first, last)]
    if not words or words in (["true"], ["false"]):
        return
    if not {"&&", "||", "?"} & set(words) and (words[0] == "!" or {"==", "!="} & set(words)):
        return
    text = source.text[source.tokens[first].start:source.tokens[last - 1].end]
    yield rule, first, last - 1, f"!({text})"


def conditions(source, first, last):
    for index in range(first, last):
        word = source.words[index]
        if word in {"if", "while"}:
            yield from negated(source, "condition", index + 2, source.partner[index + 1])
        elif word == "for":
            begin = source.find(";", index + 2) + 1
            yield from negated(source, "condition", begin, source.find(";", begin))
        elif word == "?":
            begin = index - 1
            while source.words[begin] not in BEFORE_CONDITION:
                begin = source.partner.get(begin, begin) - 1
            yield from negated(source, "condition", begin + 1, index)


def returns(source, first, last):
    for begin, end in source.statements(first, last):
        if source.words[begin] == "return":
            yield from negated(source, "return", begin + 1, end)


def deletions(source, first, last):
    for begin, end in source.statements(first, last):
        if not source.is_declaration(begin):
            yield "delete", begin, end - 1, ""


def edits(source, left_out):
    """(rule, start, end, replacement) of all the file's mutants, positions in its text."""
    for match in DEFINITION.finditer(source.words_only):
        yield "constant", match.start(1), match.end(1), one_more(match[1])
    for first, last, kind, function in source.toplevel():
        rules = [constants] if kind == "initialiser" else [operators, constants, conditions, deletions]
        rules += [returns] if kind == "bool function" else []
        untouched = set()
        if kind != "initialiser":
            untouched = {*source.checks(first, last), *source.sizes(first, last)}
        for rule in rules if function not in left_out else []:
            for name, begin, end, replacement in rule(source, first, last):
                if begin not in untouched:
                    yield name, source.tokens[begin].start, source.tokens[end].end, replacement


def file_mutants(source, left_out):
    text = source.text
    found = []
    for rule, start, end, replacement in edits(source, left_out):
        line_start = text.rfind("\n", 0, start) + 1
        line_end = text.find("\n", end)
        before = one_line(source.shown[line_start:line_end])
        after = one_line(source.shown[line_start:start] + replacement + source.shown[end:line_end])
        found.append(Mutant(source.file, text.count("\n", 0, start) + 1, rule, before, after,
                            text[:start] + replacement + text[end:]))
    return sorted(found, key=lambda mutant: mutant.line)


def only_asserted(sources):
    """The functions that nothing but assertions calls, and what only those call."""
    bodies, asserted_words, names = [], set(), set()
    for source in sources:
        for first, last, kind, name in source.toplevel():
            checks = set() if kind == "initialiser" else set(source.checks(first, last))
            asserted_words.update(source.words[index] for index in checks)
            bodies.append((name, {source.words[index] for index in range(first, last) if index not in checks}))
            names.add(name)
    found, before = set(), None
    while found != before:
        before = found
        asserted_words.update(*(words for name, words in bodies if name in found))
        called = set().union(*(words for name, words in bodies if name not in found))
        found = asserted_words & names - called
    return found


def mutants(texts):
    """All mutants of {file: text}, in the order of its lines."""
    sources = [Source(file, text) for file, text in texts.items()]
    left_out = only_asserted(sources)
    return [mutant for source in sources for mutant in file_mutants(source, left_out)]
