"""The board's API: forms, one-line errors, who may ask, batching, and whatever bytes come."""

import asyncio
import io
import json

import chess
import chess.pgn
import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.play.engine import SearchlessEngine
from engine.play.strength import StrengthCurve
from tests.engine.review.test_review import HOSTILE, MATE
from tests.helpers.fakes import FakePredictor
from uci.board.app import STATIC, make_app
from uci.board.guard import HEADERS, MAX_BODY_BYTES, Guard
from uci.board.networks import BoardNetwork
from uci.board.openapi import DESCRIPTION

HOST = "127.0.0.1:8282"
POSTS = ("/api/analyse", "/api/move", "/api/attention", "/api/review", "/api/review.html")
STALEMATE = "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1"


def even_attention(board, moves) -> tuple[np.ndarray, np.ndarray]:
    """Two layers and a move layer that attend evenly, in three heads."""
    return np.full((2, 3, 64, 64), 1 / 64), np.full((1, 3, len(moves), 64), 1 / 64)


def fake_networks(predictor: FakePredictor | None = None) -> dict[str, BoardNetwork]:
    curve = StrengthCurve((0.0, 0.1, 0.3), (1500.0, 900.0, 300.0))
    engine = SearchlessEngine(predictor or FakePredictor())
    return {
        "first": BoardNetwork("first", engine, curve, even_attention),
        "other": BoardNetwork("other", SearchlessEngine(FakePredictor())),
    }


class Client:
    """Requests to an application in this process, one after the other or together."""

    def __init__(self, app: Guard) -> None:
        self._app = app

    def together(self, *requests: tuple[str, str, dict]) -> list[httpx.Response]:
        """The responses to (method, path, options of httpx)."""

        async def ask() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)  # type: ignore
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await asyncio.gather(
                    *(client.request(method, path, **options) for method, path, options in requests)
                )

        return asyncio.run(ask())

    def get(self, path: str, **options) -> httpx.Response:
        return self.together(("GET", path, options))[0]

    def post(self, path: str, **options) -> httpx.Response:
        return self.together(("POST", path, options))[0]


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(make_app(fake_networks(), [HOST], seed=1))


def refused(response: httpx.Response, status: int = 400) -> str:
    """The one line of an error, which must have this status."""
    assert response.status_code == status, response.text
    (said,) = response.json().values()
    assert "\n" not in said and "expected" in said, said
    return said


def test_analyse_has_the_form_of_the_command(client):
    answer = client.post("/api/analyse", json={"fen": "startpos", "moves": ["e4", "e7e5"]}).json()
    board = chess.Board()
    for san in ("e4", "e5"):
        board.push_san(san)
    assert answer["fen"] == board.fen() and answer["best"] == answer["moves"][0]["move"]
    assert {move["move"] for move in answer["moves"]} == {m.uci() for m in board.legal_moves}
    for move in answer["moves"]:
        assert set(move) >= {"move", "win_prob", "distribution"} and "after" not in move
        assert sum(move["distribution"]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("fen", [chess.STARTING_FEN, "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 b - - 0 1"])
def test_details_are_the_attacks_after_the_move(client, fen):
    """By python-chess's own attacks; both sides to move, so also the turning round."""
    answer = client.post("/api/analyse", json={"fen": fen, "details": True}).json()
    for move in answer["moves"]:
        after = chess.Board(fen)
        mover = after.turn
        after.push_uci(move["move"])
        attacked = {
            color: {
                chess.SQUARE_NAMES[square]
                for square in chess.SQUARES
                if after.is_attacked_by(color, square)
            }
            for color in chess.COLORS
        }
        assert set(move["after"]["own_attacks"]) == attacked[mover]
        assert set(move["after"]["opponent_attacks"]) == attacked[not mover]
        piece = after.attacks(chess.Move.from_uci(move["move"]).to_square)
        assert set(move["after"]["piece_attacks"]) == {chess.SQUARE_NAMES[s] for s in piece}


def test_move_at_full_strength_is_the_best_and_at_an_elo_varies(client):
    best = client.post("/api/analyse", json={"fen": "startpos"}).json()["best"]
    assert client.post("/api/move", json={"fen": "startpos"}).json()["move"] == best
    weak = [client.post("/api/move", json={"fen": "startpos", "elo": 301}).json() for _ in range(9)]
    assert len({answer["move"] for answer in weak}) > 1


def test_attention_names_squares_and_moves(client):
    answer = client.post("/api/attention", json={"fen": chess.STARTING_FEN}).json()
    assert np.shape(answer["squares"]) == (2, 3, 64, 64)
    assert np.shape(answer["moves"]["e2e4"]) == (1, 3, 64)
    body = {"fen": "startpos", "network": "other"}
    assert "attention" in refused(client.post("/api/attention", json=body))


def test_review_gives_the_annotated_game_and_a_page(client):
    answer = client.post("/api/review", json={"pgn": MATE + "\n" + MATE}).json()
    assert len(answer["games"]) == 2 and answer["players"]["Anna"]["games"] == 2
    game = chess.pgn.read_game(io.StringIO(answer["games"][0]["pgn"]))
    assert game and game.end().ply() == len(answer["games"][0]["moves"]) == 7
    hostile = MATE.replace("Anna", HOSTILE)
    page = client.post("/api/review.html", json={"pgn": hostile})
    assert page.headers["content-type"].startswith("text/html")
    assert HOSTILE not in page.text and "&lt;script&gt;" in page.text


def test_about_and_the_page_and_its_files(client):
    about = client.get("/api/about").json()
    assert [network["name"] for network in about["networks"]] == ["first", "other"]
    assert about["networks"][0]["elo_range"] == [300, 1500]
    index = client.get("/")
    assert "<script" in index.text and "Argmax" in index.text
    for path in ("board.js", "board.css", "pieces.css", "icon.svg", "LICENCES.txt"):
        assert client.get(f"/static/{path}").status_code == 200
    for response in (index, client.get("/static/board.js"), client.get("/nothing")):
        assert all(response.headers[name] == value for name, value in HEADERS.items())
    assert "'unsafe" not in HEADERS["Content-Security-Policy"]


def test_the_page_is_small_and_asks_nobody_else():
    import zlib

    files = [STATIC / name for name in ("index.html", "board.js", "board.css", "icon.svg")]
    assert sum(len(zlib.compress(file.read_bytes(), 9)) for file in files) < 300_000
    for file in STATIC.iterdir():
        if file.name != "LICENCES.txt":
            text = file.read_text().replace("http://www.w3.org/", "")
            assert "http://" not in text and "https://" not in text, file.name


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/api/analyse", {}, "fen to be a string"),
        ("/api/analyse", {"fen": 3}, "fen to be a string"),
        ("/api/analyse", {"fen": "x"}, "a FEN"),
        ("/api/analyse", {"fen": "\ud800"}, "a FEN"),
        ("/api/analyse", {"fen": "startpos", "network": "\ud800\n\x1b[2J"}, "a network of first"),
        ("/api/analyse", {"fen": "8/8/8/8/8/8/8/8 w - - 0 1"}, "playable"),
        ("/api/analyse", {"fen": STALEMATE}, "stalemate"),
        ("/api/analyse", {"fen": "startpos", "moves": ["e5"]}, "move 1"),
        ("/api/analyse", {"fen": "startpos", "moves": "e4"}, "list of strings"),
        ("/api/analyse", {"fen": "startpos", "moves": [1]}, "list of strings"),
        ("/api/analyse", {"fen": "startpos", "moves": ["e4"] * 1001}, "at most 1000"),
        ("/api/analyse", {"fen": "startpos", "network": "/etc/passwd"}, "a network of first"),
        ("/api/analyse", {"fen": "startpos", "\n": 1}, "the fields"),
        ("/api/analyse", {"fen": "startpos", "details": 1}, "true or false"),
        ("/api/analyse", {"fen": "8" * 300}, "at most 200"),
        ("/api/move", {"fen": "startpos", "elo": 9000}, "between 300 and 1500"),
        ("/api/move", {"fen": "startpos", "elo": True}, "a number"),
        ("/api/move", {"fen": "startpos", "elo": 900, "network": "other"}, "no elo"),
        ("/api/review", {"pgn": ""}, "a game"),
        ("/api/review", {"pgn": "1. e4 e4"}, "illegal move"),
        ("/api/review", {"pgn": ["1. e4"]}, "a string"),
        ("/api/review", {"pgn": "1. Nf3 Nf6 " + "2. Ng1 Ng8 3. Nf3 Nf6 " * 2000}, "at most 5000"),
    ],
)
def test_wrong_requests_are_told_in_one_line(client, path, body, said):
    headers = {"Content-Type": "application/json"}
    assert said in refused(client.post(path, content=json.dumps(body), headers=headers))


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"3", b"\xff", b"NaN", b"[" * 20_000, b'{"fen":' * 5000]
)
def test_what_is_no_json_object(client, data):
    for path in POSTS:
        headers = {"Content-Type": "application/json"}
        refused(client.post(path, content=data, headers=headers))


def test_wrong_paths_methods_types_and_sizes(client):
    assert client.get("/api/nothing").status_code == 404
    assert client.get("/api/analyse").status_code == 405
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404
    refused(client.post("/api/analyse", content="fen=startpos"), 415)
    headers = {"Content-Type": "text/plain"}
    refused(client.post("/api/analyse", content='{"fen":"startpos"}', headers=headers), 415)
    large = b'{"fen": "' + b"x" * MAX_BODY_BYTES + b'"}'
    headers = {"Content-Type": "application/json"}
    refused(client.post("/api/analyse", content=large, headers=headers), 413)

    async def chunks():  # without a length in the headers
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    refused(client.post("/api/analyse", content=chunks(), headers=headers), 413)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},  # a name of another site that resolves to this machine
        {"Host": "evil.example:8282"},
        {"Host": "127.0.0.1:9"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:8282"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_are_kept_out(client, headers):
    refused(client.post("/api/analyse", json={"fen": "startpos"}, headers=headers), 403)
    refused(client.get("/", headers=headers), 403)


def test_its_own_page_is_let_in(client):
    headers = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
    response = client.post("/api/analyse", json={"fen": "startpos"}, headers=headers)
    assert response.status_code == 200


def test_requests_that_come_together_share_passes():
    predictor = FakePredictor()
    app = make_app(fake_networks(predictor), [HOST])
    board, fens = chess.Board(), []
    for move in ("e4", "e5", "Nf3", "Nc6", "Bb5", "a6", "Ba4", "Nf6", "O-O"):
        board.push_san(move)
        fens.append(board.fen())

    answers = Client(app).together(*(("POST", "/api/analyse", {"json": {"fen": f}}) for f in fens))
    assert predictor.calls <= 3
    for fen, answer in zip(fens, answers, strict=True):
        alone = SearchlessEngine(FakePredictor()).analyse(chess.Board(fen))
        found = answer.json()
        assert found["fen"] == fen and found["best"] == alone.best.uci()
        assert [m["win_prob"] for m in found["moves"]] == pytest.approx(list(alone.win_probs))


def test_a_failing_network_is_a_500_in_one_line_and_the_next_request_is_served():
    class Failing(FakePredictor):
        def action_values(self, boards, moves):
            if self.calls == 0:
                self.calls += 1
                raise RuntimeError("out of memory\nreally")
            return super().action_values(boards, moves)

    app = make_app(fake_networks(Failing()), [HOST])
    client = Client(app)
    failed = client.post("/api/analyse", json={"fen": "startpos"})
    assert failed.status_code == 500 and "\n" not in failed.json()["error"]
    assert client.post("/api/analyse", json={"fen": "startpos"}).status_code == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FENS = st.sampled_from(["startpos", chess.STARTING_FEN, STALEMATE, "8/8/8/8 w", "\x00", "\ud800"])
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "fen": FENS | st.text(alphabet="rnbqkpRNBQKP12345678/ w-KQq", max_size=90) | JSON,
        "moves": st.lists(st.sampled_from(["e4", "e2e4", "O-O", "a8=Q", "0000", "e9"])) | JSON,
        "pgn": st.text(alphabet='[]{}()"1.e4Nf3 \n*;%$', max_size=60) | JSON,
        "network": JSON,
        "elo": JSON,
        "details": JSON,
    },
)


@settings(max_examples=80)
@given(st.sampled_from(POSTS), BODIES | JSON | st.binary(max_size=60))
def test_fuzz(client, path, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = client.post(path, content=data, headers={"Content-Type": "application/json"})
    assert response.status_code in (200, 400), response.text
    if response.status_code == 400:
        refused(response)


def test_the_description_fits_what_is_served(client):
    served = client.get("/openapi.json").json()
    assert served == DESCRIPTION and served["openapi"].startswith("3.1")
    assert set(served["paths"]) == {"/api/about", *POSTS}
    schemas = served["components"]["schemas"]
    answers = {
        "About": client.get("/api/about").json(),
        "Analysis": client.post("/api/analyse", json={"fen": "startpos", "details": True}).json(),
        "ChosenMove": client.post("/api/move", json={"fen": "startpos"}).json(),
        "Attention": client.post("/api/attention", json={"fen": "startpos"}).json(),
        "Review": client.post("/api/review", json={"pgn": MATE}).json(),
        "Error": client.post("/api/review", json={}).json(),
    }
    for name, answer in answers.items():
        check(answer, schemas[name], schemas)


def check(value, schema: dict, schemas: dict) -> None:
    """A small part of JSON Schema: what the description uses."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    kinds = schema.get("type", [])
    names = {
        "object": dict, "array": list, "string": str, "number": (int, float), "boolean": bool,
        "null": type(None),
    }  # fmt: skip
    kinds = [kinds] if isinstance(kinds, str) else kinds
    assert not kinds or any(isinstance(value, names[kind]) for kind in kinds), (value, schema)
    assert "enum" not in schema or value in schema["enum"]
    if isinstance(value, dict):
        assert set(schema.get("required", ())) <= set(value)
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                check(value[name], inner, schemas)
    elif isinstance(value, list) and "items" in schema:
        for item in value[:3]:
            check(item, schema["items"], schemas)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        assert schema.get("minimum", value) <= value <= schema.get("maximum", value)
