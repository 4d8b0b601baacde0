"""The formula sheet names functions and tests that exist; the map of slides leaves none out."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORMULAS = (ROOT / "book" / "formulas.md").read_text()
SLIDES = (ROOT / "book" / "slides.md").read_text()
CHAPTERS = sorted((ROOT / "book").glob("[0-9][0-9]-*.md"))
ENTRIES = re.findall(r"^### (.+?)$(.*?)(?=^##|\Z)", FORMULAS, re.M | re.S)
LINK = re.compile(r"\[([a-z0-9 ]+)\]\(https://github.com/dlpar/dlpar/blob/main/(tests/\w+\.py)\)")

# The titles of the lecture's slides, in its order, without outlines, references and repetitions.
TITLES = """
What is Deep Learning?; Strengths of DL; Growing Demand for Computing; Many-Core Processor: GPU;
TensorCore; GPU: Memory Access Bottleneck; NV-Link Fabric; NV-Link; DGX-2 GPU Server; Taiwania 2;
CUDA Libraries for Deep Learning; NCCL; cuDNN; cuBLAS; Gradient Descent Algorithm;
How to Utilize Multiple Machines?; Model Parallelism; Data Parallelism; Data + Model Parallelism;
Parameter Server vs. Allreduce; Optimization Strategies; 1. Mini Batch SGD;
2. Asynchronous (Downpour) SGD; 3. Stale Synchronous SGD; 4. 1-Bit SGD; 5. Task Placement Problem;
Principals of Distributed Training; Distributed Framework Implementations; TensorFlow;
TensorFlow Runtime; Distributed TensorFlow System Architecture; Distributed TensorFlow: Client;
Distributed TensorFlow: Master; Distributed TensorFlow: Worker;
Distributed TensorFlow: Cluster Spec; TensorFlow Architecture; Build-in Strategy for TF Estimator;
Synchronous vs. Asynchronous Training; In Graph Replication; Between Graph Replication;
Round-Robin Variables on Multiple PS Servers; Horovod; Horovod: Ring Allreduce; ML System;
Hyper-parameter tuning & AutoML; End-to-End Deep Learning Lifecycle;
Model Parallelism for Inference on Edge; CS-1: World Fastest AI Machine; AI Chip for Inference;
Federated Learning; Remarks
"""


def exists(name):
    """Whether `name`, with dots, is something inside the package."""
    parts = name.split(".")
    for k in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:k]))
        except ModuleNotFoundError:
            continue
        for part in parts[k:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@pytest.mark.parametrize(("title", "text"), ENTRIES, ids=[title for title, _ in ENTRIES])
def test_a_formula_names_where_it_is_derived_what_computes_it_and_what_checks_it(title, text):
    derived, computed, checked = re.search(
        r"- derived in (.+)\n- computed by (.+)\n- checked by (.+)\n", text
    ).groups()
    assert re.match(r"\[\d+, .+?\]\(\d\d-[\w-]+\.md#[\w-]+\)", derived)
    names = re.findall(r"`(dlpar\.[\w.]+)`", computed)
    assert names
    assert [name for name in names if not exists(name)] == []
    tests = LINK.findall(checked)
    assert tests
    for words, file in tests:
        assert f"\ndef test_{words.replace(' ', '_')}(" in (ROOT / file).read_text(), words


def test_every_numbered_formula_of_the_chapters_is_on_the_sheet_and_no_name_is_taken_twice():
    numbered = [
        label
        for path in CHAPTERS
        for label in re.findall(r"^:label: (\S+)", path.read_text(), re.M)
    ]
    assert len(numbered) == len(set(numbered))
    assert sorted(re.findall(r"\{eq\}`(\S+?)`", FORMULAS)) == sorted(numbered)


def rows():
    return re.findall(r"^\* - (.+)\n  - (.+)\n  -", SLIDES, re.M)


def test_every_slide_has_its_place_in_the_order_of_the_lecture():
    found = [title.split(" · ")[0].replace("\\", "") for title, _ in rows()]
    assert list(dict.fromkeys(t for t in found if t != "Slide")) == [
        " ".join(title.split()) for title in TITLES.split(";")
    ]


def test_slides_lead_to_written_chapters_and_name_those_that_are_not():
    written = {int(path.name[:2]): path.name for path in CHAPTERS}
    for title, where in rows():
        if title == "Slide":
            continue
        for place in where.split("; "):
            link = re.match(r"\[(\d+)[^\]]*\]\((\d\d-[\w-]+\.md)(?:#[\w-]+)?\)", place)
            number = int(link.group(1)) if link else int(place.split(" · ")[0])
            assert written.get(number) == (link and link.group(2)), f"{title}: {place}"
