"""A whole hub by https with its own authority: the demo's site under another name and address."""

from __future__ import annotations

import re
import ssl
import sys
from pathlib import Path
from typing import Any

from cyberhubs_lib.certificate_checks import Door, question, trust_of
from cyberhubs_lib.host import connect
from cyberhubs_lib.sitefile import SITES, load_site

RUNBOOKS = ["06_configure_hub", "07_certificates", "08_get_images", "09_launch_hub"]


class Hub:
    """`more`: YAML of the keys in which this site differs; `name` is among them."""

    def __init__(self, operator: Any, folder: Path, name: str, more: str):
        self.operator, self.file = operator, folder / f"{name}.yaml"
        text = (SITES / "demo.yaml").read_text()
        text = re.sub(r"(?m)^server_dir:.*", f"server_dir: {folder}/server", text)
        text = re.sub(r"(?m)^data_root:.*", f"data_root: {name}-data", text)
        text = re.sub(r"(?m)^public_url:.*\n", "", text)
        self.file.write_text(f"{text}\nname: {name}\n{more}\n")
        self.site = load_site(str(self.file))

    def run(self, runbook: str) -> Any:
        """One of RUNBOOKS."""
        return self.operator.papermill(runbook, host="localhost", site=str(self.file))

    def tls(self) -> ssl.SSLContext:
        """What a person trusts who did as the page says."""
        host = connect("localhost")
        host.root = False
        return trust_of(self.site, Door.of(host.run(question(self.site))).root)

    def __enter__(self) -> Hub:
        """Nothing of an earlier one is left."""
        self.remove()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """With its data."""
        done = self.operator.call(sys.executable, "-m", "cyberhubs_lib", "demo", "--down", "--data",
                                  "--site", str(self.file), timeout=300)  # fmt: skip
        assert done.code == 0, done.out
