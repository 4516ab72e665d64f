"""What the comparisons with other engines share: running programs, the results of the search benchmark game and their
check, and what stands beside every figure (machine, commit, checksums). Standard library only.
"""

import collections
import datetime
import hashlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(HERE)
COMMANDS = ["COUNT", "TOP_10", "TOP_10_COUNT"]
TOP = 10
MINIMUM, MEDIAN = 2, 3  # columns of a row of read_game


def say(text):
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


Finished = collections.namedtuple("Finished", "stdout stderr seconds peak_rss_bytes")


def run(command, scratch, pin=None):
    """Runs a command to its end; its output, wall time and peak resident memory. Ends the program when it fails."""
    if pin is not None:
        command = ["taskset", "-c", str(pin)] + command
    with open(os.path.join(scratch, "stdout"), "w+") as out, open(os.path.join(scratch, "stderr"), "w+") as err:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # told to stop
            process.kill()
            process.wait()
            raise
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        finished = Finished(out.read(), err.read(), seconds, usage.ru_maxrss * 1024)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {process.returncode}\n{finished.stderr}")
    return finished


def last_json(text):
    """The last line of `text` that is a JSON object."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    sys.exit(f"no JSON in: {text}")


def others_load():
    """Runnable processes over the last minute, before anything of ours runs."""
    return os.getloadavg()[0]


def read_game(text):
    """(command, query) -> (class, count, minimum us, median us)."""
    rows = {}
    for line in text.splitlines():
        command, kind, count, minimum, median, query = line.split("\t")
        rows[command, query] = (kind, int(count), float(minimum), float(median))
    return rows


def oracle_counts(options):
    path = os.path.join(options.scratch, f"oracle-{options.name}.tsv")
    if not (options.reuse and os.path.exists(path)):
        say("exact counts from the documents")
        program = os.path.join(options.scratch, "oracle")
        subprocess.run(["c++", "-std=c++20", "-O2", "-o", program, os.path.join(HERE, "peers/oracle.cc")], check=True)
        with open(path, "w") as out:
            subprocess.run([program, options.corpus, options.queries], stdout=out, check=True)
    with open(path) as file:
        return {query: row[1] for (_, query), row in read_game(file.read()).items()}


def summarize(turns, column, best_of):
    """command -> class -> figures over the queries; of each query `best_of` the times in `column` of all turns."""
    times = {key: best_of(turn[key][column] for turn in turns) for key in turns[0]}
    summary = {}
    for command in COMMANDS:
        by_class = collections.defaultdict(list)
        for (row_command, query), us in times.items():
            if row_command == command:
                by_class[turns[0][row_command, query][0]].append(us)
        summary[command] = {
            kind: {"queries": len(values), "mean_us": statistics.mean(values), "p50_us": percentile(values, 0.5),
                   "p99_us": percentile(values, 0.99)}
            for kind, values in by_class.items()
        }
    return summary


def check_counts(name, rows, exact):
    wrong = []
    for (command, query), row in rows.items():
        want = min(TOP, exact[query]) if command == "TOP_10" else exact[query]
        if row[1] != want:
            wrong.append(f"{name} {command} {query}: {row[1]}, the oracle says {want}")
    if set(rows) != {(command, query) for command in COMMANDS for query in exact}:
        wrong.append(f"{name}: not every query was answered for every command")
    return wrong


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def first_match(path, pattern, default="unknown"):
    with open(path) as file:
        found = re.search(pattern, file.read(), re.MULTILINE)
    return found.group(1).strip() if found else default


def machine():
    return {
        "cpu": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$"),
        "cores": os.cpu_count(),
        "memory_gb": round(int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)", "0")) / 1e6, 1),
        "kernel": platform.release(),
        "system": first_match("/etc/os-release", r'^PRETTY_NAME="(.*)"$'),
    }


def commit():
    head = subprocess.run(["git", "-C", REPOSITORY, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run(["git", "-C", REPOSITORY, "status", "--porcelain", "--untracked-files=no"],
                             capture_output=True, text=True)
    return head.stdout.strip() + (" with changes" if changed.stdout.strip() else "")


def require_release_build(options):
    cache = os.path.join(os.path.dirname(os.path.abspath(options.bin)), "CMakeCache.txt")
    build_type = first_match(cache, r"^CMAKE_BUILD_TYPE:\w+=(.*)$")
    if build_type != "Release":
        sys.exit(f"{options.bin} is a {build_type} build; only Release builds are measured")


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
