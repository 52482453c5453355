"""Run a batch of real commands, show what happens to each, and see that exactly those fail that are meant to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

#: What becomes of a command whose end is not DONE.
EXPECTED = {
    "watch": "timed out after 10 s",
    "read-json": "exited with code 1",
    "crash": "was ended by SIGKILL",
}
COMMAND = ("-j", "3", "--timeout", "10", "--json")


def run(batch: str, folder: Path) -> int:
    """Run a batch, tell where its pictures are, and return whether it ended otherwise than expected."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    graph, timeline, told = (folder / name for name in ("graph.svg", "timeline.svg", "told.jsonl"))
    pictures = ("--graph", str(graph), "--timeline", str(timeline))
    journal = folder / "jobs.journal"
    where = ("--output", str(folder / "output"), "--journal", str(journal))
    print(f"\n$ sojourn run {batch} -j 3 --timeout 10 --journal {journal}\n", flush=True)
    # The commands use the Python of this environment.
    tools = Path(sys.executable).parent
    surroundings = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    with told.open("w", encoding="utf-8") as out:
        code = subprocess.run(
            [tools / "sojourn", "run", batch, *COMMAND, *pictures, *where],
            stdout=out,
            env=surroundings,
            check=False,
        ).returncode
    events = [json.loads(line) for line in told.read_text("utf-8").splitlines()]
    ends = [event for event in events if event["event"] == "end"]
    failed = {event["job"]: event["reason"] for event in ends if event["status"] != "DONE"}
    if (code, failed) != (1, EXPECTED) or len(ends) != events[0]["jobs"]:
        print(f"expected {EXPECTED}, but exit code {code} and {failed}", file=sys.stderr)
        return 1
    print(f"\n$ sojourn jobs --journal {journal} --status error\n", flush=True)
    listed = ("jobs", "--journal", str(journal), "--status", "error")
    subprocess.run([tools / "sojourn", *listed], check=True)
    print(f"\nexactly the {len(failed)} commands failed that are meant to, as they are meant to")
    print(f"what they did is drawn in {graph} and {timeline}, and told in {told}")
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], Path(sys.argv[2])))
