"""The selection sheet's 45 worked examples (A.14) under `ome`, and what `default` makes of them.

Where an outcome of the sheet rests on a defect that it marks "fix", the row states what holds instead, and the
defect's number. Where `default` picks another runtime than `ome`, the row says which, and by which improvement.
"""

from dataclasses import dataclass, field

import pytest
from tests.unit.planner.build import FORMAT, FRAMEWORK, NAMESPACE, Json, Runtime, entry, runtime, service
from tests.unit.planner.selection.parts import E0, classes, fmt, framework, name_of, picked, sized, weighted

from omectl.planner.selection.choice import Outcome

NS = NAMESPACE
NOTHING = ""


@dataclass(frozen=True)
class Example:
    """One row: what is changed of M0 and of the service, the runtimes, the pick with its score, codes of the others."""

    title: str
    runtimes: list[Runtime]
    pick: str
    score: int | None = None
    model: Json = field(default_factory=dict)
    asked: Json = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """A code of each runtime that is not picked, as far as it is refused."""
    instead: str = ""
    """The defects because of which this is not the sheet's outcome."""
    default: str | None = None
    """The pick under `default` when it is another."""
    why: str = ""


def pytorch(weight: int, priority: int | None = None) -> Json:
    return entry(
        modelFormat={"name": "pytorch", "weight": weight},
        modelFramework=None,
        modelArchitecture=None,
        priority=priority,
    )


PYTORCH = {"modelFormat": {"name": "pytorch"}, "modelFramework": None, "modelArchitecture": None}
DIFFUSERS = {"name": "diffusers", "version": "0.35.0"}
PAINTER = {
    "modelFormat": DIFFUSERS,
    "modelFramework": DIFFUSERS,
    "modelArchitecture": None,
    "diffusionPipeline": {
        "className": "QwenImagePipeline",
        "scheduler": {"library": "diffusers", "type": "FlowMatchEulerDiscreteScheduler"},
    },
}


def drawing(pipeline: Json) -> Json:
    return entry(modelFormat=DIFFUSERS, modelFramework=DIFFUSERS, modelArchitecture=None, diffusionPipeline=pipeline)


def qwen2(**changes: Json) -> Json:
    return entry(modelArchitecture="Qwen2", **changes)


def engine_class(name: str) -> Json:
    return {"acceleratorOverride": {"acceleratorClass": name}}


def overrides(size: int) -> Json:
    return {"acceleratorConfig": {"H100": {"tensorParallelismOverride": {"tensorParallelSize": size}}}}


PRIORITY = "D 1, D 24: priority alone, never times weights"
SIZE_FIT = "D 1: a fitting range before none"

EXAMPLES = [
    Example("1 the only one", [runtime("a", E0)], "a", 2),
    Example("2 namespace first", [runtime("n", E0, namespace=NS), runtime("c", weighted(10, 10, priority=2))], "n", 2),
    Example("3 priority", [runtime("a", entry(priority=1)), runtime("b", entry(priority=2))], "b", 4),
    Example(
        "4 priority multiplies weights",
        [runtime("a", weighted(10, 5, priority=3)), runtime("b", entry(priority=10))],
        "a", 45, default="b", why=PRIORITY,
    ),
    Example(
        "5 scopes before scores",
        [runtime("c", pytorch(7), **sized("5B", "15B")),
         runtime("m", pytorch(5, 1), namespace=NS, **sized("1B", "20B")),
         runtime("p", pytorch(10, 2), namespace=NS, **sized("1B", "10B"))],
        "p", 20, model=PYTORCH | {"modelParameterSize": "7B"},
    ),
    Example("6 narrow range", [runtime("a", E0, **sized("1B", "13B")), runtime("b", E0, **sized("5B", "10B"))], "b", 2),
    Example(
        "7 no range counts as 0",
        [runtime("a", E0, **sized("7B", "9B")), runtime("z", E0)],
        "z", 2, default="a", why=SIZE_FIT,
    ),
    Example("8 name", [runtime("b", E0, **sized("7B", "9B")), runtime("a", E0, **sized("7B", "9B"))], "a", 2),
    Example(
        "9 no size",
        [runtime("b", E0, **sized("7B", "9B")), runtime("c", E0, **sized("100B", "200B")), runtime("d", E0)],
        "b", 2, model={"modelParameterSize": None},
    ),
    Example("10 inclusive", [runtime("a", E0, **sized("1B", "13B"))], "a", model={"modelParameterSize": "13B"}),
    Example("10 inclusive below", [runtime("a", E0, **sized("1B", "13B"))], "a", model={"modelParameterSize": "1B"}),
    Example(
        "11 outside", [runtime("a", E0, **sized("1B", "13B"))], NOTHING,
        model={"modelParameterSize": "13.02B"}, codes={"a": "SizeOutOfRange"},
    ),
    Example(
        "12 a size that is none", [runtime("a", E0, **sized("1B", "13B"))], NOTHING,
        model={"modelParameterSize": "8b"}, codes={"a": "SizeUnreadable"},
    ),
    Example("13 disabled", [runtime("a", E0, disabled=True)], NOTHING, codes={"a": "Disabled"}),
    Example("14 autoSelect false", [runtime("a", entry(autoSelect=False))], NOTHING, codes={"a": "NotAutoSelectable"}),
    Example("15 autoSelect unset", [runtime("a", entry(autoSelect=None))], NOTHING, codes={"a": "NotAutoSelectable"}),
    Example(
        "16 fits by one entry, allowed by another",
        [runtime("a", entry(autoSelect=False), qwen2(modelFormat={**FORMAT, "weight": 50}))],
        NOTHING, codes={"a": "NotAutoSelectable"}, instead="Q3, D 3",
    ),
    Example(
        "17 an entry without autoSelect gives no score",
        [runtime("a", entry(autoSelect=None, priority=9), qwen2()), runtime("b", entry(priority=8))],
        "b", 16, codes={"a": "NotAutoSelectable"}, instead="Q4, D 3",
    ),
    Example(
        "18 another architecture's priority",
        [runtime("a", E0, qwen2(priority=50)), runtime("b", entry(priority=3))],
        "b", 6, instead="Q3, D 3",
    ),
    Example(
        "19 no architecture", [runtime("a", entry(modelArchitecture=None))], NOTHING,
        codes={"a": "ArchitectureMismatch"},
    ),
    Example(
        "20 a model without", [runtime("a", E0)], NOTHING,
        model={"modelArchitecture": None}, codes={"a": "ArchitectureMismatch"},
    ),
    Example(
        "21 quantization",
        [runtime("a", E0), runtime("b", entry(quantization="int4")), runtime("c", entry(quantization="fp8"))],
        "c", 2, model={"quantization": "fp8"}, codes={"a": "QuantizationMismatch", "b": "QuantizationMismatch"},
    ),
    Example(
        "22 framework version", [runtime("a", E0)], NOTHING,
        model=framework("4.43.1"), codes={"a": "FrameworkVersionMismatch"},
    ),
    Example(
        "23 upper bound",
        [runtime("a", entry(**framework("4.51.0", "GreaterThanOrEqual"))),
         runtime("b", entry(**framework("4.49.0", "GreaterThanOrEqual")))],
        "a", 2, model=framework("4.50.0"), codes={"b": "FrameworkVersionMismatch"},
    ),
    Example(
        "24 development version",
        [runtime("a", entry(**framework("4.51.0", "GreaterThanOrEqual")))],
        "a", 2, model=framework("4.50.0.dev0"), instead="Q13, D 8",
    ),
    Example(
        "25 precision", [runtime("a", entry(**fmt("1"))), runtime("b", entry(**fmt("1", "GreaterThanOrEqual")))],
        "a", 2, codes={"b": "FormatVersionMismatch"},
    ),
    Example(
        "26 prefix", [runtime("a", entry(**fmt("v1.0.0"))), runtime("b", entry(**fmt("v1.0.0", "GreaterThanOrEqual")))],
        "a", 2, codes={"b": "FormatVersionMismatch"},
    ),
    Example(
        "27 a model without a version", [runtime("a", E0)], NOTHING,
        model={"modelFormat": {"name": "safetensors"}}, codes={"a": "FormatVersionMismatch"},
    ),
    Example(
        "28 a model without a framework", [runtime("a", E0), runtime("b", entry(modelFramework=None))],
        "b", 1, model={"modelFramework": None}, codes={"a": "FrameworkMismatch"},
    ),
    Example(
        "29 weights of 0 count as 10 and 5",
        [runtime("a", weighted(0, 0)), runtime("b", entry(priority=7)), runtime("c", entry(priority=8))], "c", 16,
    ),
    Example("29b which is more than 14", [runtime("a", weighted(0, 0)), runtime("b", entry(priority=7))],
            "a", 15, default="b", why=PRIORITY),
    Example(
        "30 a score of 0", [runtime("a", entry(priority=0))], NOTHING, codes={"a": "ScoreNotPositive"},
        default="a", why="D 24: the lowest priority is one all the same",
    ),
    Example(
        "31 pipelines tie on the score",
        [runtime("generic", drawing(None)), runtime("specific", drawing({"className": "QwenImagePipeline"})),
         runtime("wrong", drawing({"className": "StableDiffusionPipeline"}))],
        "generic", 2, model=PAINTER, codes={"wrong": "DiffusionPipelineMismatch"},
        default="specific", why="D 1, D 28: more attributes pinned",
    ),
    Example("32 library alone", [runtime("a", drawing({"scheduler": {"library": "diffusers"}}))], "a", model=PAINTER),
    Example("32b an empty pipeline", [runtime("a", drawing({}))], "a", model=PAINTER),
    Example(
        "33 a model without a pipeline", [runtime("a", entry(diffusionPipeline={}))], NOTHING,
        codes={"a": "DiffusionPipelineMismatch"},
    ),
    Example(
        "34 the class that is asked for",
        [runtime("a", E0, **classes("A100")), runtime("b", E0), runtime("c", E0, **classes("H100", "A100"))],
        "c", 2, asked={"acceleratorSelector": {"acceleratorClass": "H100"}},
        codes={"a": "AcceleratorUnsupported", "b": "AcceleratorUnsupported"},
    ),
    Example(
        "35 engine's and decoder's",
        [runtime("a", E0, **classes("H100")), runtime("b", E0, **classes("T4")),
         runtime("c", E0, **classes("H100", "T4"), decoderConfig={"runner": {"name": "d", "image": "d:1"}})],
        "c", asked={"engine": engine_class("H100"), "decoder": engine_class("T4")},
        codes={"a": "AcceleratorUnsupported", "b": "AcceleratorUnsupported"},
    ),
    Example(
        "36 the annotation's too",
        [runtime("a", E0, **classes("H100")), runtime("c", E0, **classes("H100", "T4"))],
        "c", asked={"acceleratorSelector": {"acceleratorClass": "H100"},
                    "metadata": {"annotations": {"ome.io/accelerator-class": "T4"}}},
        codes={"a": "AcceleratorUnsupported"},
    ),
    Example("37 none asked for", [runtime("a", E0, **classes("A100"))], "a"),
    Example("38 named", [runtime("x", entry(autoSelect=False))], "x", asked={"runtime": {"name": "x"}}),
    Example(
        "43 no entries", [runtime("a")], NOTHING, codes={"a": "NoSupportedFormats"},
    ),
    Example(
        "42 only a maximum", [runtime("a", E0, **sized(None, "10B"))], "a", instead="Q9, D 23",
    ),
    Example(
        "42b only a maximum, no size", [runtime("a", E0, **sized(None, "10B"))], "a",
        model={"modelParameterSize": None},
    ),
    Example(
        "45 another model's runtime",
        [runtime("srt-deepseek-r1-distill-qwen-14b", E0), runtime("srt-deepseek-r1-distill-qwen-32b", E0),
         runtime("srt-qwen2-5-72b-instruct", E0, **sized("70B", "75B"))],
        "srt-deepseek-r1-distill-qwen-14b", 2, model={"modelParameterSize": "72B"},
        default="srt-qwen2-5-72b-instruct", why=SIZE_FIT,
    ),
]  # fmt: skip
IDS = [example.title for example in EXAMPLES]


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_the_runtime_of_a_worked_example_is_chosen_as_ome_ranks(example: Example) -> None:
    found = picked(*example.runtimes, asked=service(**example.asked), ranking="ome", **example.model)
    assert name_of(found) == example.pick
    assert (found.problem is None) is bool(example.pick)
    candidates = {one.name: one for one in found.candidates}
    if example.score is not None:
        assert candidates[example.pick].score == example.score
    for name, code in example.codes.items():
        assert code in candidates[name].codes
        assert not candidates[name].accepted


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_the_default_ranking_differs_only_where_the_row_says_why(example: Example) -> None:
    """D 1: scope, priority, specificity, size fit, name."""
    wanted = example.pick if example.default is None else example.default
    assert bool(example.why) is (example.default is not None)
    assert name_of(picked(*example.runtimes, asked=service(**example.asked), **example.model)) == wanted


def test_example_5_ranks_the_clusters_last_despite_its_score() -> None:
    example = next(one for one in EXAMPLES if one.title.startswith("5 "))
    found = picked(*example.runtimes, ranking="ome", **example.model)
    assert [(one.name, one.score) for one in found.candidates] == [("p", 20), ("m", 5), ("c", 7)]


def test_example_9_ties_and_says_that_a_range_was_not_checked() -> None:
    found = picked(runtime("b", E0, **sized("7B", "9B")), runtime("d", E0), ranking="ome", modelParameterSize=None)
    assert found.ambiguous
    assert "the model's size is unknown, so the range 7B to 9B was not checked" in found.warnings


def test_example_39_takes_the_namespaces_runtime_and_warns_of_the_mismatch() -> None:
    """D 17 instead of an error; the kind is the one that the API server writes where a user wrote none."""
    asked = service(runtime={"name": "x", "kind": "ClusterServingRuntime"})
    found = picked(runtime("x", qwen2(), namespace=NS), runtime("x", E0), asked=asked, ranking="ome")
    assert found.outcome is Outcome.NAMED_DESPITE_MISMATCH
    assert found.candidates[0].scope == "namespace"
    assert "wanted Qwen2, found Llama" in found.warnings[0]


def test_example_40_takes_the_overrides_of_the_entry_that_matches() -> None:
    """Q23, D 3: not those of the first entry with the same format."""
    both = runtime("x", entry(**overrides(1)), qwen2(**overrides(2)))
    found = picked(both, asked=service(runtime={"name": "x"}), ranking="ome", modelArchitecture="Qwen2")
    assert (found.outcome, found.entry) == (Outcome.NAMED, 1)


@pytest.mark.parametrize(
    ("runtimes", "outcome", "failure"),
    [
        ([runtime("x", E0, disabled=True)], Outcome.RUNTIME_UNSUITABLE, "RuntimeDisabled"),
        ([], Outcome.RUNTIME_NOT_FOUND, "RuntimeNotRecognized"),
    ],
    ids=["disabled", "absent"],
)
def test_example_41_refuses_a_named_runtime_that_is_disabled_or_absent(
    runtimes: Json, outcome: Outcome, failure: str
) -> None:
    found = picked(*runtimes, asked=service(runtime={"name": "x"}), ranking="ome")
    assert found.outcome is outcome
    assert found.problem is not None
    assert found.problem.failure == failure


@pytest.mark.parametrize(
    ("strict", "outcome"), [(False, Outcome.NAMED_DESPITE_MISMATCH), (True, Outcome.RUNTIME_UNSUITABLE)]
)
def test_example_41_warns_of_a_named_runtimes_size_and_refuses_it_when_strict(strict: bool, outcome: Outcome) -> None:
    """D 17 instead of an error, unless the settings are strict."""
    asked = service(runtime={"name": "x"})
    found = picked(runtime("x", E0, **sized("20B", "30B")), asked=asked, ranking="ome", strict=strict)
    assert found.outcome is outcome
    told = found.problem.message if found.problem is not None else found.warnings[0]
    assert "size: wanted 20B to 30B, found 8B" in told


def test_example_44_asks_for_the_format_before_any_runtime_is_looked_at() -> None:
    found = picked(runtime("a", E0), ranking="ome", modelFormat={"name": ""})
    assert found.outcome is Outcome.MODEL_UNKNOWN
    assert found.candidates == ()
    assert found.problem is not None
    assert "modelFormat" in found.problem.next_step


def test_every_worked_example_has_a_row_or_a_test_of_its_own() -> None:
    rows = {int("".join(filter(str.isdigit, example.title.split()[0]))) for example in EXAMPLES}
    own = {int(name.split("_")[2]) for name in globals() if name.startswith("test_example_")}
    assert rows | own == set(range(1, 46))


def test_the_framework_of_m0_is_the_entrys() -> None:
    """The examples lean on it that E0 takes M0 for what both say, and not because neither says anything."""
    assert FRAMEWORK["version"] == "4.43.0"
    assert name_of(picked(runtime("a", E0), **framework("4.44.0"))) == NOTHING
