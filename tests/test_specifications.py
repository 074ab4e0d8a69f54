"""Every citation of a specification names a paper and a section that stands in the paper's SPEC.md."""

import re
from pathlib import Path

import pytest

WHERE = ("src/**/*.py", "tests/**/*.py", "papers/**/*.yaml", "papers/**/*.csv", "docs/**/*.md")
# The section may follow on the next line of a docstring or a comment.
GAP = r"[\s#]+"
NUMBER = r"\d+(?:\.\d+)*"
CITATION = re.compile(
    rf"(?:(MM-Point|MM-Mixing|Cross-MoST|CMCR|CrossOver){GAP})?\bspec{GAP}({NUMBER}[a-z]?(?:(?:,{GAP}|{GAP}and{GAP}|-){NUMBER}[a-z]?)*)"
    rf"(?:,{GAP}(?:figure{GAP})?([CFKT]\d+))?",
    re.I,
)
HEADING = re.compile(rf"^#+ ({NUMBER})\.? (.+)$", re.M)


def _folder(repository: Path, paper: str) -> Path:
    return repository / "papers" / paper.lower().replace("-", "_")


def sections(text: str) -> dict[str, str]:
    """The text below each numbered heading, down to the next one."""
    found = list(HEADING.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return {match[1]: text[match.start() : end] for match, end in zip(found, ends, strict=True)}


def wrong_citations(text: str, repository: Path) -> list[str]:
    """Citations in a text that name no paper, or a section or an item of it that does not exist."""
    wrong = []
    for match in CITATION.finditer(text):
        if match[1] is None:
            wrong.append(f"'{match[0]}' names no paper")
            continue
        known = sections((_folder(repository, match[1]) / "SPEC.md").read_text())
        for number, letter in re.findall(rf"({NUMBER})([a-z]?)", match[2]):
            if number not in known:
                wrong.append(f"'{match[0]}': no section {number}")
            elif letter and f"({letter})" not in known[number]:
                wrong.append(f"'{match[0]}': no ({letter}) in section {number}")
            elif match[3] and f"| {match[3]} |" not in known[number]:
                wrong.append(f"'{match[0]}': no {match[3]} in section {number}")
    return wrong


def test_citations_of_specifications_resolve(repository: Path) -> None:
    count, wrong = 0, []
    for path in sorted({path for pattern in WHERE for path in repository.glob(pattern)} - {Path(__file__)}):
        text = path.read_text()
        count += len(CITATION.findall(text))
        wrong += [f"{path.relative_to(repository)}: {entry}" for entry in wrong_citations(text, repository)]
    assert count > 100
    assert not wrong, wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("the loss (spec 3)", 1),
        ("the loss (MM-Point spec 3.7)", 1),
        ("(MM-Point spec 5 and\n    6.9)", 1),
        ("# MM-Mixing spec\n# 5.2d", 1),
        ("(MM-Mixing spec 7, C99)", 1),
        ("(MM-Point spec 6.3-6.6)", 1),
        ("(MM-Point spec 2.5, 3 and 4.2), (MM-Mixing spec 5.2a), (MM-Point spec 9, figure F5)", 0),
        ("(MM-Point spec 9, figure F99)", 1),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text: str, wrong: int, repository: Path) -> None:
    assert len(wrong_citations(text, repository)) == wrong


@pytest.mark.parametrize("paper", ["mm_point", "mm_mixing", "cross_most", "cmcr", "crossover"])
def test_a_specification_refers_to_its_own_sections(paper: str, repository: Path) -> None:
    text = (repository / "papers" / paper / "SPEC.md").read_text()
    known = sections(text)
    assert len(known) == len(HEADING.findall(text)) > 20, "a number occurs once"
    referred = set(re.findall(r"(?:\(| of )([1-9]\.\d)[).:]", text))
    assert referred
    assert referred <= set(known)
