"""Lines of evaluation files that are wrong, one of each kind, and why they are rejected."""

import json

MATE_IN_ONE = "7k/8/6K1/8/8/8/8/1R6 b - -"


def line_of(fen: str, *evals: tuple[int, list[dict]]) -> bytes:
    return json.dumps(
        {"fen": fen, "evals": [{"depth": depth, "pvs": pvs} for depth, pvs in evals]}
    ).encode()


BAD_LINES = {
    b"{": "broken JSON",
    b"\0\0\0": "broken JSON",
    b"[]": "missing field",
    b'{"fen": "8/8/8/8/8/8/8/8 w - -"}': "missing field",
    b'{"fen": 3, "evals": [{"pvs": [{"cp": 1, "line": "a1a2"}]}]}': "missing field",
    line_of(MATE_IN_ONE): "missing field",
    line_of("7k/8/6K1/8/8/8/8/1X6 b - -", (1, [{"cp": 1, "line": "h8g8"}])): "illegal FEN",
    line_of("K6k/8/6K1/8/8/8/8/1R6 b - -", (1, [{"cp": 1, "line": "h8g8"}])): "illegal position",
    line_of(MATE_IN_ONE, (1, [{"cp": 1, "line": "h8h7"}])): "illegal move",
    line_of(MATE_IN_ONE, (1, [{"cp": 1, "line": "nonsense"}])): "illegal move",
    line_of(MATE_IN_ONE, (1, [])): "no moves",
    line_of(MATE_IN_ONE, (1, [{"line": "h8g8"}])): "missing score",
    line_of(MATE_IN_ONE, (1, [{"mate": 0, "line": "h8g8"}])): "missing score",
    line_of(MATE_IN_ONE, (1, [{"cp": "x", "line": "h8g8"}])): "missing field",
    line_of(MATE_IN_ONE, (1, [{"cp": 1, "line": "h8g8"}] * 2)): "move listed twice",
    line_of(MATE_IN_ONE, (1, [{"cp": 1, "line": "0000"}])): "illegal move",
    line_of(MATE_IN_ONE, (1, [{"cp": float("inf"), "line": "h8g8"}])): "infinite number",
    line_of(MATE_IN_ONE, (1, [{"mate": float("-inf"), "line": "h8g8"}])): "infinite number",
    line_of(MATE_IN_ONE, (float("inf"), [{"cp": 1, "line": "h8g8"}])): "infinite number",  # pyright: ignore[reportArgumentType]
    line_of(MATE_IN_ONE, (1, [{"cp": float("nan"), "line": "h8g8"}])): "missing field",
    b"[" * 100_000: "broken JSON",
    b"{" * (1 << 21): "overlong line",
}
