"""environment.yml (conda) repeats pyproject.toml after the table of names in its own comments."""

import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]


def wanted() -> dict[str, str]:
    """Name -> version of pyproject.toml; read without tomllib, which Python 3.10 lacks."""
    text = (ROOT / "pyproject.toml").read_text()
    lists = [
        re.search(rf"^{key} = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
        for key in ("dependencies", "test")
    ]
    found: dict[str, str] = {}
    for block in lists:
        assert block, "pyproject.toml: wanted lists named dependencies and test"
        for spec in re.findall(r'^\s*"([^"]+)"', block[1], re.MULTILINE):
            name, _, version = spec.split(";")[0].strip().partition("==")
            found[name] = version
    return found


def test_conda_repeats_pyproject() -> None:
    text = (ROOT / "environment.yml").read_text()
    names = dict(re.findall(r"^#   (\S+) -> (\S+)$", text, re.MULTILINE))
    data = YAML(typ="safe").load(text)
    conda = {d.partition("==")[0]: d.partition("==")[2] for d in data["dependencies"] if "==" in d}
    by_pip = next(d["pip"] for d in data["dependencies"] if isinstance(d, dict))
    assert by_pip[0] == "-e .", "the runbooks import the project itself"
    pip = dict(spec.split("==") for spec in by_pip[1:])

    pinned = wanted()
    assert names.keys() <= pinned.keys(), "the table names something pyproject.toml does not have"
    assert pip == {n: v for n, v in pinned.items() if names.get(n) == "pip"}
    assert conda == {names.get(n, n): v for n, v in pinned.items() if names.get(n) != "pip"}
    assert data["name"] == "cyberhubs"
    assert data["channels"] == ["conda-forge"]
