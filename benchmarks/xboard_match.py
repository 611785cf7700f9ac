"""Games at one ply against an engine of the XBoard protocol, played by XBoard itself.

    python benchmarks/xboard_match.py fairymax --out fairymax.pgn
    argmax elo fairymax.pgn --anchor "Fairy-Max 5.0b=0"

`argmax match` plays against UCI engines. This is for engines that speak only the older protocol,
and shows that Argmax works in XBoard, through Polyglot. Needs xboard, polyglot and xvfb. Two games
start from each opening, with colours reversed. Not part of the suite: 100 games take a quarter of
an hour.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.match.openings import read_openings

NEEDED = ("xvfb-run", "xboard", "polyglot")
# Phalanx has another name for the command `sd`, and searches at least two plies.
OPPONENT = "#!/bin/sh\nsed -u 's/^sd /depth /' | {engine}\n"


def main() -> int:
    """Play the games; XBoard prints the score, and the games are in the PGN file."""
    parser = argparse.ArgumentParser(description="A match in XBoard, at one ply.")
    parser.add_argument("engine", help="its command line, such as 'phalanx -b-'")
    parser.add_argument("--games", type=int, default=100)
    parser.add_argument("--network", help="default: the shipped one")
    parser.add_argument("--out", type=Path, required=True, help="the PGN file to make")
    args = parser.parse_args()
    os.environ["PATH"] += ":/usr/games"  # where Debian puts them
    program = shlex.split(args.engine)[0]
    missing = [name for name in (*NEEDED, program) if shutil.which(name) is None]
    if missing:
        parser.error(f"expected {', '.join(NEEDED)} and the engine, found no {', '.join(missing)}")
    if args.out.exists():
        parser.error(f"expected a file to make, found {args.out}, which exists")
    ours = [sys.executable, "-m", "uci", *(["--network", args.network] if args.network else [])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        openings = folder / "openings.fen"
        openings.write_text("\n".join(read_openings()), encoding="utf-8")
        opponent = args.engine
        if Path(program).name == "phalanx":
            opponent = script(folder / "opponent", OPPONENT.format(engine=args.engine))
        options = {
            "firstChessProgram": script(
                folder / "argmax",
                f"#!/bin/sh\ncd {shlex.quote(str(Path.cwd()))} && exec {shlex.join(ours)}\n",
            ),
            "firstIsUCI": "true",
            "secondChessProgram": opponent,
            "matchGames": args.games,
            "matchPause": 100,
            "loadPositionFile": openings,
            "loadPositionIndex": -2,
            "searchDepth": 1,
            "soundProgram": "true",  # no sound
            "ponderNextMove": "false",
            "timeControl": 5,
            "saveGameFile": args.out.resolve(),
        }
        flags = [str(part) for key, value in options.items() for part in (f"-{key}", value)]
        env = {**os.environ, "HOME": name}  # without settings
        command = ["xvfb-run", "-a", "xboard", "-cp", *flags]
        return subprocess.run(command, cwd=folder, env=env, check=False).returncode


def script(path: Path, text: str) -> Path:
    """An executable file."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


if __name__ == "__main__":
    sys.exit(main())
