"""Text as LaTeX that needs no package for it: what LaTeX itself has no name for shows as its code point."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from pylatexenc.latexencode import unicode_to_latex

# Commands of LaTeX's kernel (2020 and later) in the encodings OT1 and TS1 of its own fonts. The encoder knows many
# more, of packages for Cyrillic, phonetics or further signs, at which LaTeX would stop.
_ACCENTS = r"` ' ^ ~ \" = . u v H r c i j"
_LETTERS = "AE OE O L SS ae oe o l ss"
_SIGNS = r"# $ % & _ { } , - textbackslash textasciicircum textasciitilde quad enskip"
_TEXT = (
    "textellipsis textemdash textendash textexclamdown textquestiondown textquotedblleft textquotedblright "
    "textquoteleft textquoteright textbullet textcopyright textdagger textdaggerdbl textparagraph "
    "textperiodcentered textregistered textsection textsterling texttrademark textvisiblespace textdegree textmu "
    "texttimes textdiv textlnot texteuro textcent textyen textcurrency textbrokenbar textonehalf textonequarter "
    "textthreequarters textonesuperior texttwosuperior textthreesuperior textordfeminine textordmasculine "
    "textleftarrow textrightarrow textuparrow textdownarrow textperthousand textcelsius textasteriskcentered"
)
_GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi varpi rho varrho "
    "sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_MATHS = (
    "acute ddot pm mp times cdot cdots circ star bullet oplus ominus otimes oslash odot cap cup vee wedge leq geq ll "
    "gg neq equiv sim simeq approx cong propto subset supset subseteq supseteq in notin ni forall exists nabla partial "
    "infty sum prod int oint sqrt ell hbar aleph wp angle perp parallel mid langle rangle lceil rceil lfloor rfloor "
    "Vert leftrightarrow Leftarrow Rightarrow Leftrightarrow Uparrow Downarrow longleftarrow longrightarrow mapsto "
    "nearrow searrow swarrow nwarrow bigcirc diamond flat natural sharp top vdash dashv vdots ddots triangleleft "
    "triangleright"
)
_IN_TEXT = frozenset(f"{_ACCENTS} {_LETTERS} {_SIGNS} {_TEXT}".split())
_IN_FORMULAS = frozenset(f"{_GREEK} {_MATHS}".split())
_FORMULA = re.compile(r"\\ensuremath\{(.*)\}")
_COMMAND = re.compile(r"\\([A-Za-z]+|.)")


def latex_escape(text: str) -> str:
    """Return text that LaTeX prints as it stands, as one paragraph.

    A letter that LaTeX itself cannot print, such as those of Chinese, Cyrillic or a control character, shows as its
    code point. White space is one blank, as LaTeX reads it.
    """
    line = " ".join(re.split(r"[^\S\u00a0\u2000-\u200a]+", unicodedata.normalize("NFC", text)))
    # Two hyphens would become a dash.
    return re.sub("-(?=-)", "-{}", "".join(map(_letter, line)))


@cache
def _letter(letter: str) -> str:
    """Return one character; accents that stand by themselves behind a letter are code points too."""
    if letter == "|":
        # LaTeX's own font has a dash in its place.
        return r"{\textbar}"
    known: str = unicode_to_latex(letter, unknown_char_policy="unihex", unknown_char_warning=False)
    formula = _FORMULA.fullmatch(known)
    commands = set(_COMMAND.findall(formula[1] if formula else known))
    if known.isascii() and known.isprintable() and commands <= (_IN_FORMULAS if formula else _IN_TEXT):
        return known
    return rf"\ensuremath{{\langle}}\texttt{{U+{ord(letter):04X}}}\ensuremath{{\rangle}}"
