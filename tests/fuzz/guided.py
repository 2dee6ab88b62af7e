"""Look for what breaks a decoder, guided by which branches each input reaches (atheris).

`python -m tests.fuzz.guided DECODER [RUNS]`; without a name, each gets its share of RUNS, five
million if nothing is said. Needs `pip install -r tools/locks/fuzz.txt`. A finding is printed by
libFuzzer, with the input's bytes in base64, and left in the folder where it was run.
"""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["appliance"]):
    from tests.support.decoders import binary_decoders
    from tests.support.text_decoders import text_decoders

RUNS = 5_000_000
SECONDS = 2
# Of the whole process, with libFuzzer's own corpus in memory.
MEGABYTES = 1024


def look(name: str, runs: int) -> None:
    """Feed one decoder; does not come back."""
    decoder = next(each for each in DECODERS if each.name == name)

    def read(data: bytes) -> None:
        with suppress(*decoder.refuses):
            decoder.read(data)

    with TemporaryDirectory() as folder:
        for number, sample in enumerate(decoder.samples):
            Path(folder, str(number)).write_bytes(sample)
        limits = [f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}", "-max_len=8192"]
        atheris.Setup([sys.argv[0], f"-runs={runs}", *limits, folder], read)
        atheris.Fuzz()


def main() -> None:
    """Look at one, or at each in a process of its own."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else RUNS
    if name:
        look(name, runs)
        return
    weights = sum(each.weight for each in DECODERS)
    failed = []
    for each in DECODERS:
        command = [sys.executable, "-m", "tests.fuzz.guided", each.name]
        share = -(-runs * each.weight // weights)
        if subprocess.run([*command, str(share)], check=False).returncode:  # noqa: S603
            failed.append(each.name)
    sys.stdout.write(f"{len(DECODERS)} decoders, {runs:,} inputs; broken: {failed or 'none'}\n")
    sys.exit(bool(failed))


DECODERS = [*binary_decoders(), *text_decoders()]
if __name__ == "__main__":
    main()
