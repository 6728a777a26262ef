"""Program that `test_disk` runs where it may mount: in a folder with a corpus and mine.yaml."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from corpora import tree  # noqa: E402  # found by the path above

from stores import open_store  # noqa: E402
from stores.verify import verify  # noqa: E402


def run(*command: str, ok: bool = True) -> str:
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=250)
    assert (result.returncode == 0) == ok, result.stdout
    return result.stdout


def snakemake(*arguments: str, ok: bool = True) -> str:
    program = str(Path(sys.executable).with_name("snakemake"))
    return run(program, "--snakefile", str(ROOT / "Snakefile"), *arguments, "--configfile", "mine.yaml", ok=ok)


def full() -> None:
    """The disk fills up while a corpus has grown: the old store stays, and the rest follows when there is space."""
    stores = Path("work/stores")
    stores.mkdir(parents=True)
    late = sorted(Path("corpus").rglob("*.wav"))[::2]
    for path in late:
        path.rename(path.with_suffix(".later"))
    snakemake("--cores", "1", "features")
    (family,) = stores.iterdir()
    family.rename("kept")
    old = tree(Path("kept"))
    size = sum(map(len, old.values()))
    run("mount", "-t", "tmpfs", "-o", f"size={int(1.8 * size)}", "none", str(stores))
    run("cp", "-r", "kept", str(family))
    for path in late:
        path.with_suffix(".later").rename(path)
    said = snakemake("--cores", "1", "features", ok=False)
    assert "No space left on device; when that is mended, the same command goes on from here" in said, said
    store = open_store(family)
    assert len(store) == 12
    assert not list(verify(store.path))
    run("mount", "-o", "remount,size=100%", str(stores))
    snakemake("--cores", "1", "features")
    grown = tree(family)
    run("umount", str(stores))
    run("cp", "-r", "kept", str(family))
    snakemake("--cores", "1", "features", "--forcerun", "build_store")
    again = tree(family)
    differ = [name for name in again.keys() | grown.keys() if again.get(name) != grown.get(name)]
    assert not differ, differ
    assert len(open_store(family)) == 24


def read_only() -> None:
    """A store on a disk that may not be written is trained on and verified."""
    snakemake("--cores", "1", "features")
    run("mount", "--bind", "work/stores", "work/stores")
    run("mount", "-o", "remount,ro,bind", "work/stores")
    (family,) = Path("work/stores").iterdir()
    assert subprocess.run(["touch", str(family / "x")], capture_output=True).returncode
    snakemake("train_x")
    assert Path("work/runs/x/metrics.json").is_file()
    otogura = str(Path(sys.executable).with_name("otogura"))
    assert run(otogura, "verify", str(family)).endswith("whole\n")


if __name__ == "__main__":
    {"full": full, "read_only": read_only}[sys.argv[1]]()
    print("done")
