"""Print environment.yml, for conda and Binder, as pyproject.toml implies it."""

import tomllib
from pathlib import Path

TEMPLATE = """\
# Made from pyproject.toml by `make lock`. The versions are those of requirements.lock.
name: {name}
channels: [conda-forge]
dependencies:
  - python {python}
  - pip
  - make
  - pip:
      - --constraint requirements.lock
      - --editable .[book,test]
"""


def environment_yml(root: Path) -> str:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return TEMPLATE.format(name=project["name"], python=project["requires-python"])


if __name__ == "__main__":
    print(environment_yml(Path(__file__).parents[1]), end="")
