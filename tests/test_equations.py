"""Citations of equations: each names its source, and the source has that equation.

A citation is a letter, the source that docs/method.md explains at its beginning, and the number
of the equation there: P and S for the paper and its supplementary material, T for Tipping and
Bishop, M for docs/method.md itself.
"""

import ast
import io
import pathlib
import re
import tokenize

import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[1]
METHOD = (PROJECT / "docs" / "method.md").read_text(encoding="utf-8")
FILES = [
    *sorted(
        path
        for folder in ("tf_lift", "benchmarks", "tests")
        for path in (PROJECT / folder).rglob("*.py")
    ),
    *sorted((PROJECT / "docs").glob("*.md")),
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]
# This file shows wrong citations.
NAMES = [path.relative_to(PROJECT).as_posix() for path in FILES if path != pathlib.Path(__file__)]

# A bare number after the word, or a number with a letter in brackets.
UNPREFIXED = re.compile(r"\b(?:eqs?|equations?)\b[.~]?\s*\(?\d+|\(\d+[a-d]\)", re.IGNORECASE)
CITED = re.compile(r"\b([PSTM])(\d+[a-d]?)\b")
# In motion capture S1, S5, ... are Human3.6M's subjects, and T10 is a marker.
SUBJECTS = re.compile(r"data/|docs/mocap\.md|docs/accuracy\.md|convert_mocap")
SECTIONS = re.compile(r"method\.md\)?,\s+sections?\s+((?:\d+(?:,\s+|\s+to\s+|\s+and\s+)?)+)")


def table_of_papers():
    """Returns the rows of the first table of docs/method.md, each a list of cells."""
    lines = METHOD.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("| cited as"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def prose(path):
    """Returns what people read of a file: a page, or the docstrings and comments of a module."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text
    parts = [
        ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    parts += [
        re.sub("# noqa:.*", "", token.string) for token in tokens if token.type == tokenize.COMMENT
    ]
    return "\n".join(parts)


def defined_names(path):
    """Returns the functions and classes at the top of a module, and `Class.method`."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [child for child in node.body if isinstance(child, ast.FunctionDef)]
            names |= {f"{node.name}.{method.name}" for method in methods}
    return names


LABELS = re.findall(r"\(M(\d+[a-d]?)\)$", METHOD, re.MULTILINE)
EQUATIONS = {
    "M": set(LABELS),
    **{
        source: {
            number
            for row in table_of_papers()
            for letter, number in CITED.findall(row[0])
            if letter == source
        }
        for source in "PST"
    },
}


def citation_errors(name, text):
    """Returns the citations of a text that name no source, or no equation of it."""
    errors = [f"no source: {' '.join(found.split())}" for found in UNPREFIXED.findall(text)]
    for letter, number in CITED.findall(text):
        if letter != "M" and SUBJECTS.search(name):
            continue
        if number not in EQUATIONS[letter]:
            errors.append(f"no such equation: {letter}{number}")
    sections = set(re.findall(r"^## (\d+) ", METHOD, re.MULTILINE))
    for listed in SECTIONS.findall(text):
        unknown = set(re.findall(r"\d+", listed)) - sections
        errors.extend(f"no such section: {number}" for number in sorted(unknown))
    return errors


@pytest.mark.parametrize("name", NAMES)
def test_citations_have_a_source_and_exist(name):
    assert not citation_errors(name, prose(PROJECT / name))
    # Messages and help texts name the source as well.
    assert not UNPREFIXED.findall((PROJECT / name).read_text(encoding="utf-8"))


def test_numbers_of_the_page_run_without_gaps():
    numbers = [int(re.match(r"\d+", label).group()) for label in LABELS]
    assert len(set(LABELS)) == len(LABELS)
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, max(numbers) + 1))


def test_table_names_functions_that_exist():
    rows = table_of_papers()
    assert {"2", "7", "8"} <= EQUATIONS["P"] and {"8", "9"} <= EQUATIONS["S"]
    for row in rows:
        places = re.findall(r"`([\w/]+\.py):([\w.]+)`", row[-1])
        assert places, f"{row[0]} names no function"
        for file, function in places:
            assert function in defined_names(PROJECT / file), f"{row[0]}: {file}:{function}"


def test_modules_named_by_the_page_exist():
    for module in set(re.findall(r"`(tf_lift(?:\.\w+)+)`", METHOD)):
        path = PROJECT / module.replace(".", "/")
        parent, name = path.parent.with_suffix(".py"), path.name
        exists = path.with_suffix(".py").exists() or path.is_dir()
        assert exists or name in defined_names(parent), module


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("see eq. 2 of the paper", "no source: eq. 2"),
        ("by equations (13) and 14", "no source: equations (13"),
        ("by Equation\n    12", "no source: Equation 12"),
        ("ranked exactly (13b)", "no source: (13b)"),
        ("docs/method.md, M99", "no such equation: M99"),
        ("docs/method.md, M13d", "no such equation: M13d"),
        ("CVPR 2017, P3", "no such equation: P3"),
        ("the supplementary material's S7", "no such equation: S7"),
        ("docs/method.md, sections 1 and 99", "no such section: 99"),
    ],
)
def test_wrong_citations_are_found(text, error):
    assert error in citation_errors("tf_lift/ops/lift/lift.py", text)


def test_right_citations_pass():
    text = "P2, P7 and S8; M12, M13a; M1 to M16; docs/method.md, sections 1 to 4 and 10; eq=False"
    assert citation_errors("tf_lift/ops/lift/lift.py", text) == []
