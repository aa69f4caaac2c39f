"""Names of classes and networks in an export's README are texts, whatever they look like."""

import pytest

from graphspec.exporting.bundle.markdown import plain


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("versicolor", "versicolor"),
        ("T-shirt (white), 100 %", "T-shirt (white), 100 %"),
        ("class_1", r"class\_1"),
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)\>"),
        ("[text](javascript:alert(1))", r"\[text\](javascript:alert(1))"),
        ("&lt;b&gt; | $x$ | `c` | ~~d~~", r"\&lt;b\&gt; \| \$x\$ \| \`c\` \| \~\~d\~\~"),
        ("a\n# Heading", r"a\\n# Heading"),
        ("\x1b[2J\u202e", r"\\x1b\[2J\\u202e"),
        ("\ud800", r"\\ud800"),
        ("\\", r"\\"),
    ],
)
def test_nothing_of_a_name_is_markup(name: str, shown: str) -> None:
    assert plain(name) == shown
