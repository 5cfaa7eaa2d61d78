"""The weekly job runs everything and says so when it fails; what the workflows call exists."""

import re
import subprocess
import sys

import yaml

from vlatlas import paths

ROOT = paths.root()
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
WEEKLY = yaml.safe_load((ROOT / ".github/workflows/weekly.yml").read_text(encoding="utf-8"))


def commands() -> list[str]:
    steps = [s for f in FILES for job in yaml.safe_load(f.read_text(encoding="utf-8"))["jobs"].values() for s in job["steps"]]
    return [line.strip() for s in steps for line in s.get("run", "").splitlines() if line.strip()]


def test_what_the_workflows_run_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    found = 0
    for line in commands():
        for name in re.findall(r"\bmake ([a-z]+)", line):
            assert name in targets, line
            found += 1
        for name in re.findall(r"\S*/\S+\.py\b", line):
            assert (ROOT / name).is_file(), line
            found += 1
        for name in re.findall(r"\b(tests/[a-z_/]+)(?= |$)", line):
            assert (ROOT / name).exists(), line
    assert found > 8


def test_every_week_every_part_runs_and_a_failure_of_any_opens_an_issue():
    assert WEEKLY[True]["schedule"][0]["cron"].split()[-1] == "1"  # YAML reads the key `on` as true
    jobs = WEEKLY["jobs"]
    assert set(jobs["report"]["needs"]) == set(jobs) - {"report"}
    assert "failure()" in jobs["report"]["if"] and jobs["report"]["permissions"] == {"issues": "write"}
    assert all("timeout-minutes" in job for name, job in jobs.items() if name != "report")
    text = "\n".join(commands())
    for part in ("make test", "reproduce --all --profile cpu", "tests/science/run.py --force", "tests/fuzz/run.py", "clones.py",
                 "--upgrade-strategy eager", "gh issue create"):  # fmt: skip
        assert part in text, part


def test_no_workflow_puts_what_a_stranger_typed_into_a_shell():
    """Titles, branch names and texts of events are data; only the run's own numbers and addresses appear in commands."""
    for line in commands():
        assert "${{" not in line, line


def test_the_tally_counts_and_fails(tmp_path):
    log = tmp_path / "log"
    rows = ['{"kind": "a", "held": true, "seconds": 1.5}', '{"kind": "a", "held": true, "seconds": 2.5}']
    log.write_text("\n".join(rows) + "\n")
    command = [sys.executable, str(ROOT / "tests/trust/tally.py"), str(log)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "| a | 2 | 2 | 2.5 s |" in done.stdout and "2 faults, 0 that" in done.stdout
    log.write_text(rows[0].replace("true", "false") + "\n")
    assert subprocess.run(command, capture_output=True).returncode == 1
