r"""The task class in lm-eval, with models that answer what a test writes.

Pinned: one run gives pass@1 and avg@16 with both errors, and every response in the log; only the task sets the
sampling; benchmarks come from files, folders and the package; 39 problems of AMO-Bench are asked; warnings that must
stand out; messages for bad input; the summary, its file, and the comparison of two result files.
"""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from lm_eval.tasks import TaskManager

from eval_harness.benchmarks import BenchmarkProblem, LoadedBenchmark, fingerprint, is_description
from eval_harness.generate import GenerationError, model_identity
from eval_harness.options import OptionError
from eval_harness.records import ResultError
from eval_harness.results import compare_results, read_result_file
from sure_math.curated.problems import curated_problems
from sure_math.identity import short_id
from sure_math.problems.sources.table_files import InputError
from tests.helpers.evaluations import TASKS, WrittenModel, benchmark_file, evaluate

ROWS = [{"id": f"p{number}", "problem": f"What is {number} + 0?", "answer": str(number)} for number in range(4)]


def gold_of(prompt: str) -> str:
    return prompt.partition("What is ")[2].partition(" ")[0]


def half_right(prompt: str, settings: dict[str, Any], number: int) -> str:
    """Answer even problems right greedily, and a quarter of the samples right for problem 1, half for problem 2, ..."""
    gold = int(gold_of(prompt))
    right = number <= 4 * gold if number else gold % 2 == 0
    return rf"Attempt {number}: \boxed{{{gold if right else gold + 1}}}"


@pytest.fixture
def problems_file(tmp_path: Path) -> Path:
    return benchmark_file(tmp_path, ROWS)


def test_one_run_gives_both_metrics_with_errors_by_problem(problems_file: Path) -> None:
    model = WrittenModel(half_right)
    results = evaluate(model, "sure_math", metadata={"data": str(problems_file)})
    scores = results["results"]["sure_math"]
    shares = [0, 0.25, 0.5, 0.75]
    assert (scores["pass@1,none"], scores["avg@16,none"]) == (0.5, pytest.approx(0.375))
    spread = math.sqrt(sum((share - 0.375) ** 2 for share in shares) / 3)
    assert scores["avg@16_stderr,none"] == pytest.approx(spread / 2)
    assert scores["pass@1_stderr,none"] == pytest.approx(math.sqrt(1 / 3) / 2)
    assert not [name for name in scores if name.startswith("responses")]
    summary = results["sure_math"]["tasks"]["sure_math"]
    assert summary["avg@16"] == {"value": 0.375, "stderr": pytest.approx(spread / 2)}
    assert summary["pass@k"]["16"]["value"] == 0.75
    within = sum(share * (1 - share) for share in shares) / 4 * 16 / 15
    assert summary["removable_share"] == pytest.approx(within / 16 / spread**2)
    assert summary["per_problem"]["p1"] == {"greedy": "0", "samples": "1111000000000000"}
    assert summary["outcomes"]["sampled"]["correct"] == 24 and summary["outcomes"]["sampled"]["wrong"] == 40


def test_every_response_is_in_the_log_with_what_it_came_to(problems_file: Path) -> None:
    results = evaluate(WrittenModel(half_right), "sure_math", metadata={"data": str(problems_file)})
    logged = results["samples"]["sure_math"]
    assert [len(problem["resps"]) for problem in logged] == [17] * 4
    assert logged[1]["resps"][3] == [r"Attempt 3: \boxed{1}"]
    assert logged[1]["responses"]["graded"][3] == {
        "answer": "1",
        "outcome": "correct",
        "thought": False,
        "finish_reason": "stop",
        "token_count": None,
    }
    json.dumps(results["sure_math"]), json.dumps(logged)


def test_the_sampling_is_the_tasks_own_and_the_budget_the_users(problems_file: Path) -> None:
    model = WrittenModel(half_right)
    evaluate(model, "sure_math", metadata={"data": str(problems_file)}, gen_kwargs={"max_gen_toks": 77}, limit=1)
    greedy, *samples = [settings for _, settings, _ in model.asked]
    assert greedy == {"do_sample": False, "temperature": 0.0, "max_gen_toks": 77, "until": []}
    assert len(samples) == 16
    expected = {"do_sample": True, "temperature": 1.2, "top_p": 0.95, "max_gen_toks": 77, "until": []}
    assert all(settings == expected for settings in samples)


@pytest.mark.parametrize(
    ("gen_kwargs", "message"),
    [
        ({"temperature": 0.6}, r"--gen_kwargs temperature=0.6: this task fixes its sampling .* only max_gen_toks=N"),
        ({"do_sample": False}, r"--gen_kwargs do_sample=False"),
        ({"until": ["\n\n"]}, r"--gen_kwargs until="),
        ({"max_gen_toks": 0}, r"max_gen_toks = 0: must be a whole number of tokens, at least 1"),
        ({"max_gen_toks": "many"}, r"max_gen_toks = 'many'"),
    ],
)
def test_other_generation_settings_are_refused(problems_file: Path, gen_kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        evaluate(WrittenModel(half_right), "sure_math", metadata={"data": str(problems_file)}, gen_kwargs=gen_kwargs)


def test_the_budget_may_come_by_another_name(problems_file: Path) -> None:
    model = WrittenModel(half_right)
    evaluate(model, "sure_math", metadata={"data": str(problems_file)}, gen_kwargs={"max_new_tokens": 9}, limit=1)
    assert model.asked[0][1]["max_gen_toks"] == 9


def test_the_curated_test_problems_come_with_the_package() -> None:
    model = WrittenModel(lambda prompt, settings, number: r"\boxed{1}")
    results = evaluate(model, "sure_math")
    assert results["n-samples"]["sure_math"] == {"original": 200, "effective": 200}
    held_out = {problem.problem_id for problem in curated_problems() if problem.split == "test"}
    assert set(results["sure_math"]["tasks"]["sure_math"]["per_problem"]) == held_out
    assert r"put your final answer within \boxed{}" in model.asked[0][0]


def test_any_built_folder_is_a_benchmark(tmp_path: Path) -> None:
    folder = tmp_path / "my-math"
    (folder / "data").mkdir(parents=True)
    rows = [
        {"problem_id": row["id"], "problem": row["problem"], "answer": row["answer"], "tier": "easy"} for row in ROWS
    ]
    datasets.Dataset.from_list(rows).to_parquet(folder / "data" / "test-00000-of-00001.parquet")
    datasets.Dataset.from_list(rows[:1]).to_parquet(folder / "data" / "train-00000-of-00001.parquet")
    results = evaluate(WrittenModel(half_right), "sure_math", metadata={"data": str(folder)})
    assert results["sure_math"]["tasks"]["sure_math"]["problems"] == 4
    assert results["sure_math"]["tasks"]["sure_math"]["origin"] == "a copy, my-math"


def copies(realdata: Path, folder: Path) -> dict[str, str]:
    """Return a file for every task of the suite whose problems are not in the package."""
    aime = [
        json.loads(line)
        for part in ("I", "II")
        for line in (realdata / f"aime25/matharena_aime_2025_{part}.jsonl").read_text("utf-8").splitlines()
    ]
    golds = map(json.loads, (realdata / "amo_bench/golds.jsonl").read_text("utf-8").splitlines())
    amo = [{"question_id": gold["question_id"], "prompt": "Q", "answer": gold["gold"]} for gold in golds]
    return {
        "math500": str(realdata / "math500/test.jsonl"),
        "sure_aime25": str(benchmark_file(folder, aime, "aime25.jsonl")),
        "sure_aime24": str(realdata / "aime24/qwen_test.jsonl"),
        "amo_bench": str(benchmark_file(folder, amo, "amo.jsonl")),
        "hmmt_feb25": str(realdata / "hmmt_feb_2025/matharena.jsonl"),
        "hmmt_nov25": str(realdata / "hmmt_nov_2025/test.jsonl"),
        "sure_gsm8k": str(realdata / "gsm8k/test.jsonl"),
    }


def test_the_suite_runs_every_benchmark_from_copies(realdata: Path, tmp_path: Path) -> None:
    model = WrittenModel(lambda prompt, settings, number: rf"\boxed{{{number}}}")
    results = evaluate(model, "sure_math_suite", metadata={"data": copies(realdata, tmp_path)}, limit=3)
    original = {name: count["original"] for name, count in results["n-samples"].items()}
    assert original == {
        "math500": 500,
        "sure_aime25": 30,
        "sure_aime24": 30,
        "amo_bench": 39,
        "hmmt_feb25": 30,
        "hmmt_nov25": 30,
        "sure_gsm8k": 1319,
        "sure_math": 200,
    }
    tasks = results["sure_math"]["tasks"]
    assert tasks["sure_gsm8k"]["samples"] == 0 and "avg@16" not in tasks["sure_gsm8k"]
    assert tasks["math500"]["samples"] == 16
    assert len(model.asked) == 3 * (7 * 17 + 1)
    assert tasks["amo_bench"]["first_prompt"] == "Q", "its own prompt says how to answer"
    assert "boxed{}" in tasks["math500"]["first_prompt"]
    [amo] = [note for note in results["sure_math"]["notes"] if note.startswith("amo_bench: 3 problems graded")]
    assert "11 problems whose answers are descriptions are left out and in no denominator" in amo


def test_descriptions_are_told_apart_without_their_type(realdata: Path) -> None:
    rows = [json.loads(line) for line in (realdata / "amo_bench/golds.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        assert is_description({"question_id": row["question_id"]}, "row") == (row["answer_type"] == "description")
    with pytest.raises(InputError, match=r"row: the column answer_type, or question_id .*\(here '51'\), says which"):
        is_description({"question_id": 51}, "row")


def test_no_name_of_ours_is_taken() -> None:
    """lm-eval and this package have no task name in common, so that neither replaces the other's task."""
    ours = set(TaskManager(include_path=str(TASKS), include_defaults=False).all_tasks)
    assert ours == {path.stem for path in TASKS.glob("*.yaml")}
    names_of_lm_eval = {
        line.partition(b":")[2].strip().decode()
        for path in Path(TaskManager.__init__.__code__.co_filename).parent.rglob("*.yaml")
        if "sure_math" not in path.parts
        for line in path.read_bytes().splitlines()
        if line.startswith((b"task:", b"group:", b"tag:"))
    }
    assert len(names_of_lm_eval) > 5_000 and not ours & names_of_lm_eval


def loud(results: dict[str, Any], start: str) -> str:
    """Return the only note that begins with `start`."""
    [note] = [note for note in results["sure_math"]["notes"] if note.startswith(f"sure_math: {start}")]
    return str(note)


def test_secrets_are_in_no_record_of_a_model() -> None:
    arguments = {
        "pretrained": "org/model",
        "token": "hf_x",
        "api_key": "k",
        "auth_token": "b",
        "think_end_token": "</t>",
    }
    assert model_identity(object(), arguments)["arguments"] == {"pretrained": "org/model", "think_end_token": "</t>"}


def test_identical_samples_are_reported_loudly(problems_file: Path) -> None:
    results = evaluate(WrittenModel(lambda *request: r"\boxed{1}"), "sure_math", metadata={"data": str(problems_file)})
    assert "for every problem all 16 samples at T = 1.2 are the same text" in loud(results, "IDENTICAL SAMPLES")
    assert results["results"]["sure_math"]["distinct@16,none"] == 1.0


def test_an_open_thought_of_the_template_is_said_and_graded_strictly(problems_file: Path) -> None:
    def answer(prompt: str, settings: dict[str, Any], number: int) -> str:
        gold = gold_of(prompt)
        return rf"hm \boxed{{{gold}}}" if number % 2 else rf"hm</think> so \boxed{{{gold}}}, {number}"

    model = WrittenModel(answer, template="<|user|>{}<|assistant|><think>\n")
    results = evaluate(model, "sure_math", metadata={"data": str(problems_file)}, apply_chat_template=True)
    summary = results["sure_math"]["tasks"]["sure_math"]
    assert summary["pass@1"]["value"] == 1.0 and summary["avg@16"]["value"] == 0.5
    assert summary["outcomes"]["sampled"]["truncated"] == 32
    assert "leaves a thinking tag open at the end of the prompt" in loud(results, "the chat template")
    assert loud(results, "32 of 64").endswith("sampled responses truncated, counted as wrong")
    assert results["results"]["sure_math"]["truncated@16,none"] == 0.5


def test_thinking_that_nobody_asked_for_is_said(problems_file: Path) -> None:
    model = WrittenModel(lambda prompt, settings, number: rf"<think>{number}</think>\boxed{{{gold_of(prompt)}}}")
    results = evaluate(model, "sure_math", metadata={"data": str(problems_file)})
    assert "enable_thinking=False" in loud(results, "68 responses think between tags")


def test_predictions_without_grades(problems_file: Path) -> None:
    results = evaluate(WrittenModel(half_right), "sure_math", metadata={"data": str(problems_file)}, predict_only=True)
    assert len(results["samples"]["sure_math"][0]["resps"]) == 17 and results["sure_math"]["tasks"] == {}


BAD_FILES: list[tuple[str, list[dict[str, Any]], str]] = [
    ("math500", [{"problem": "p", "solution": "s"}], r"answer in answer or final_answer; the columns are problem, sol"),
    ("sure_math", [{"problem": "p", "level": 1}], r"no answer column; .* the columns are problem, level"),
    ("sure_math", [{"problem": "p", "answer": "1"}, {"problem": "q", "answer": " "}], r"row 2: the answer is empty"),
    ("sure_math", [{"text": "p", "answer": "1"}], r"none of the columns problem, question"),
    ("sure_math", [], r"exam.jsonl: has no rows"),
    ("math500", [], r"exam.jsonl: has no rows"),
]


@pytest.mark.parametrize(("task", "rows", "message"), BAD_FILES)
def test_a_file_that_cannot_be_used_as_a_benchmark(
    task: str, rows: list[dict[str, Any]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(WrittenModel(half_right), task, metadata={"data": str(benchmark_file(tmp_path, rows))})


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"metadata data of math500 = nowhere.jsonl: there is no such file"):
        evaluate(WrittenModel(half_right), "math500", metadata={"data": "nowhere.jsonl"})


def test_one_file_for_two_tasks_is_refused(problems_file: Path) -> None:
    with pytest.raises(
        OptionError, match=r"would be read for math500, sure_math; say which file belongs to which task"
    ):
        evaluate(WrittenModel(half_right), "math500", "sure_math", metadata={"data": str(problems_file)})


AMO = [
    {"question_id": 1, "prompt": "Q1", "answer": r"\boxed{6}", "answer_type": "number"},
    {"question_id": 2, "prompt": "Q2", "answer": "all odd n", "answer_type": "description"},
]


def test_descriptions_need_a_judge(tmp_path: Path) -> None:
    data = str(benchmark_file(tmp_path, AMO))
    with pytest.raises(OptionError, match=r"problems = all .* no judge is named to compare them"):
        evaluate(WrittenModel(half_right), "amo_bench", metadata={"data": data, "problems": "all"})
    with pytest.raises(OptionError, match=r"judge = \{'engine': 'vllm'\}: model: Field required"):
        evaluate(WrittenModel(half_right), "amo_bench", metadata={"data": data, "judge": {"engine": "vllm"}})


def test_a_named_judge_grades_all_of_them(tmp_path: Path) -> None:
    """The pocket judge is not trained for such pairs. The test is that it is asked, named and counted."""
    data = str(benchmark_file(tmp_path, AMO))
    model = WrittenModel(lambda prompt, settings, number: "### The final answer is: all odd n" + " " * (number % 2))
    results = evaluate(model, "amo_bench", metadata={"data": data, "judge": "pocket:judge"})
    summary = results["sure_math"]["tasks"]["amo_bench"]
    assert (summary["problems"], summary["left_out"], summary["judge"]) == (2, 0, "pocket:judge")
    assert any("graded by the judge pocket:judge" in note for note in results["sure_math"]["notes"])


def save(results: dict[str, Any], folder: Path, name: str) -> Path:
    """Write a result file as lm-eval does."""
    folder.mkdir(exist_ok=True)
    path = folder / f"results_{name}.json"
    kept = {key: value for key, value in results.items() if key != "samples"}
    path.write_text(json.dumps({**kept, "model_name": name}, default=str), encoding="utf-8")
    return path


def test_two_runs_are_compared_problem_by_problem(tmp_path: Path) -> None:
    rows = [{"id": f"p{number}", "problem": f"What is {number} + 0?", "answer": str(number)} for number in range(30)]
    data = {"data": str(benchmark_file(tmp_path, rows))}

    def better_by(extra: int) -> Callable[[str, dict[str, Any], int], str]:
        def answer(prompt: str, settings: dict[str, Any], number: int) -> str:
            right = number <= int(gold_of(prompt)) % 12 + extra
            return rf"{number}: \boxed{{{gold_of(prompt) if right else -1}}}"

        return answer

    first, second = (evaluate(WrittenModel(better_by(extra)), "sure_math", metadata=data) for extra in (0, 2))
    files = [
        read_result_file(save(first, tmp_path / "a", "base")),
        read_result_file(save(second, tmp_path / "b", "uopd").parent),
    ]
    greedy, sampled = compare_results(*files)
    assert (greedy.metric, greedy.difference.value, greedy.settled) == ("pass@1", 0.0, False)
    assert (sampled.metric, sampled.problems, sampled.settled) == ("avg@16", 30, True)
    assert sampled.difference.value == sampled.difference.low == pytest.approx(2 / 16)
    assert sampled.second - sampled.first == pytest.approx(2 / 16)
    assert files[0].versions["math-verify"] and files[0].versions["lm-eval"]

    other = evaluate(WrittenModel(better_by(0)), "sure_math", metadata=data, limit=5)
    with pytest.raises(ResultError, match="the two runs asked different problems"):
        compare_results(files[0], read_result_file(save(other, tmp_path / "c", "limited")))


def test_files_that_cannot_be_used_as_results(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"no results_\*.json in it or below"):
        read_result_file(tmp_path)
    (tmp_path / "results_1.json").write_text('{"results": {}}')
    with pytest.raises(ResultError, match="no task of this package took part"):
        read_result_file(tmp_path)


def test_a_budget_that_does_not_fit_is_refused_before_anything_is_asked(problems_file: Path, tiny_model: Path) -> None:
    arguments = {"pretrained": str(tiny_model), "dtype": "float32"}
    with pytest.raises(GenerationError, match=r"tokens and max_gen_toks = 8192 do not fit into the 128 positions .*"):
        evaluate("hf", "sure_math", metadata={"data": str(problems_file)}, model_args=arguments, device="cpu")


BASES = [
    {"id": f"base{base}", "problem": "What is 3 + 9?", "system": f"Answer in base {base}.", "answer": answer}
    for base, answer in ((8, "14"), (10, "12"))
]


@pytest.mark.parametrize("templated", [False, True])
def test_a_problem_is_asked_with_its_system_prompt(tmp_path: Path, templated: bool) -> None:
    """Two problems with one text, and one without a system prompt."""
    data = benchmark_file(tmp_path, [*BASES, {"id": "plain", "problem": "What is 3 + 9?", "answer": "12"}])
    model = WrittenModel(lambda prompt, settings, number: r"\boxed{14}" if "base 8" in prompt else r"\boxed{12}")
    results = evaluate(model, "sure_math", metadata={"data": str(data)}, apply_chat_template=templated)
    assert results["results"]["sure_math"]["pass@1,none"] == 1
    assert set(results["sure_math"]["tasks"]["sure_math"]["per_problem"]) == {"base8", "base10", "plain"}
    prompts = {prompt for prompt, _, _ in model.asked}
    begins = "<|system|>Answer in base 8.<|user|>What is" if templated else "Answer in base 8."
    assert len(prompts) == 3 and sum(prompt.startswith(begins) for prompt in prompts) == 1
    assert [line["doc"]["system"] for line in results["samples"]["sure_math"]] == [
        *(row["system"] for row in BASES),
        "",
    ]


def test_a_system_prompt_that_would_be_lost_is_refused(tmp_path: Path) -> None:
    class Deaf(WrittenModel):
        def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
            return chat_history[-1]["content"]

    options: dict[str, Any] = {"metadata": {"data": str(benchmark_file(tmp_path, BASES))}}
    with pytest.raises(OptionError, match=r"base8 has a system prompt \('Answer in base 8.'\), which the model's chat"):
        evaluate(Deaf(lambda *_: ""), "sure_math", apply_chat_template=True, **options)
    with pytest.raises(
        OptionError, match=r"--system_instruction = 'Be brief.': the problem base8 has a system prompt of"
    ):
        evaluate(WrittenModel(lambda *_: ""), "sure_math", system_instruction="Be brief.", **options)


def test_a_system_prompt_changes_the_fingerprint_and_none_does_not() -> None:
    plain = BenchmarkProblem(problem_id="a", problem="What?", system="", prompt="What?", answer="1", grading="boxed")
    before, own = (
        fingerprint(LoadedBenchmark(problems=(problem,), origin="a copy", left_out=0))
        for problem in (plain, dataclasses.replace(plain, system="Be brief."))
    )
    assert before == short_id([["a", "What?", "1", "boxed"]]) != own
