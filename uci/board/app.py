"""The server's application: the page, the API, and errors in one line."""

import dataclasses
from collections.abc import Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from data_pipeline.common.errors import InputError
from engine.play.analysis import to_json
from engine.play.engine import SearchlessEngine
from engine.play.move_choice import Choice
from engine.review.forms import annotated_pgn
from engine.review.games import PlayedGame, ReadCounts, read_text
from engine.review.html import review_page
from engine.review.summary import Reviewed, reviewed
from uci.board.answers import attention_json, chosen_json, details_of
from uci.board.guard import Guard, error
from uci.board.networks import BoardNetwork
from uci.board.openapi import DESCRIPTION
from uci.board.passes import AT_ONCE, SharedPasses, Worker
from uci.board.requests import body_of, position_request, review_request

STATIC = Path(__file__).with_name("static")
MAX_REVIEWED_MOVES = 5000


class Api:
    """The handlers of the API; they return a response or raise InputError."""

    def __init__(self, networks: Mapping[str, BoardNetwork], seed: int | None = None) -> None:
        self._networks = networks
        self._worker = Worker()
        self._passes = {
            name: SharedPasses(network.engine, self._worker) for name, network in networks.items()
        }
        self._rng = np.random.default_rng(seed)

    def close(self) -> None:
        """Stop the worker thread."""
        self._worker.close()

    def _network(self, name: str | None) -> BoardNetwork:
        found = self._networks.get(name or next(iter(self._networks)))
        if found is None:
            raise InputError(f"expected a network of {', '.join(self._networks)}, found '{name}'")
        return found

    async def about(self, _: Request) -> Response:
        """The networks that the server offers."""
        networks = [
            {
                "name": name,
                "elo_range": list(network.curve.elo_range) if network.curve else None,
                "attention": network.attention is not None,
            }
            for name, network in self._networks.items()
        ]
        return JSONResponse({"networks": networks})

    async def analyse(self, request: Request) -> Response:
        """All legal moves with their distributions."""
        asked = position_request(body_of(await request.body()))
        network = self._network(asked.network)
        analysis = await self._passes[network.name].analyse(asked.board)
        answer: dict[str, Any] = to_json(analysis) | {"network": network.name}
        if asked.details:
            for move, after in zip(answer["moves"], details_of(analysis), strict=True):
                move["after"] = after
        return JSONResponse(answer)

    async def move(self, request: Request) -> Response:
        """The move that the engine plays, at full strength or at an Elo."""
        asked = position_request(body_of(await request.body()))
        network = self._network(asked.network)
        choice = _choice_at(network, asked.elo)
        analysis = await self._passes[network.name].analyse(asked.board)
        number = asked.board.fullmove_number
        index = choice.pick(analysis.utilities, self._rng, number)
        return JSONResponse(chosen_json(analysis, analysis.moves[index]))

    async def attention(self, request: Request) -> Response:
        """The network's attention weights."""
        asked = position_request(body_of(await request.body()))
        network = self._network(asked.network)
        if network.attention is None:
            raise InputError(
                f"expected a network whose attention can be shown, found '{network.name}'"
            )
        moves = list(asked.board.legal_moves)
        weights = await self._worker.run(network.attention, asked.board, moves)
        return JSONResponse({"fen": asked.board.fen(), **attention_json(moves, *weights)})

    async def review(self, request: Request) -> Response:
        """Review of games, as JSON with annotated PGN."""
        found = await self._reviewed(request)
        answer = found.to_json()
        for game, review in zip(answer["games"], found.reviews, strict=True):
            game["pgn"] = annotated_pgn(review)
        return JSONResponse(answer)

    async def review_page(self, request: Request) -> Response:
        """Review of games, as a self-contained page."""
        found = await self._reviewed(request)
        return HTMLResponse(
            review_page(found.reviews, found.players.to_json(), games=len(found.reviews))
        )

    async def _reviewed(self, request: Request) -> Reviewed:
        asked = review_request(body_of(await request.body()))
        engine = self._network(asked.network).engine
        counts = ReadCounts()
        games = await self._worker.run(read_text, asked.pgn, counts)
        if not games:
            reasons = "; ".join(counts.dropped) or "no game"
            raise InputError(f"expected a game of standard chess as PGN, found {reasons}")
        moves = sum(len(game.moves) for game in games)
        if moves > MAX_REVIEWED_MOVES:
            raise InputError(
                f"expected at most {MAX_REVIEWED_MOVES} moves at once, found {moves}; "
                "use argmax review for many games"
            )
        parts = [await self._worker.run(_review_one, engine, game) for game in games]
        return _joined(parts, counts)


def _review_one(engine: SearchlessEngine, game: PlayedGame) -> Reviewed:
    """Review one game, a few positions at once, so that other requests get their turn."""
    return reviewed(engine, [game], ReadCounts(), at_once=AT_ONCE)


def _joined(parts: Collection[Reviewed], counts: ReadCounts) -> Reviewed:
    from engine.review.players import Players

    players, reviews = Players(), [review for part in parts for review in part.reviews]
    for review in reviews:
        players.add(review)
    return Reviewed(reviews, players, counts)


def _choice_at(network: BoardNetwork, elo: float | None) -> Choice:
    """The choice for an Elo; full strength without one. Raises InputError."""
    if elo is None:
        return Choice()
    if network.curve is None:
        raise InputError(f"expected no elo, since that of '{network.name}' was not measured")
    low, high = network.curve.elo_range
    if not low <= elo <= high:
        raise InputError(f"expected elo between {low} and {high}, found {elo}")
    return dataclasses.replace(Choice(), temperature=network.curve.temperature(elo))


async def _on_input_error(_: Request, found: Exception) -> Response:
    return error(400, str(found))


async def _on_http_error(_: Request, found: Exception) -> Response:
    assert isinstance(found, HTTPException)
    return error(found.status_code, found.detail)


async def _on_failure(_: Request, found: Exception) -> Response:
    return error(500, f"the server failed: {type(found).__name__}; its terminal says more")


async def _index(_: Request) -> Response:
    return FileResponse(STATIC / "index.html")


async def _description(_: Request) -> Response:
    return JSONResponse(DESCRIPTION)


def make_app(
    networks: Mapping[str, BoardNetwork], hosts: Collection[str], seed: int | None = None
) -> Guard:
    """The application. ``hosts``: allowed values of a request's Host, with the port; ``seed``: for
    the random choice of moves at an Elo."""
    api = Api(networks, seed)

    @asynccontextmanager
    async def lifespan(_: Starlette):
        yield
        api.close()

    app = Starlette(
        routes=[
            Route("/", _index),
            Route("/openapi.json", _description),
            Route("/api/about", api.about),
            Route("/api/analyse", api.analyse, methods=["POST"]),
            Route("/api/move", api.move, methods=["POST"]),
            Route("/api/attention", api.attention, methods=["POST"]),
            Route("/api/review", api.review, methods=["POST"]),
            Route("/api/review.html", api.review_page, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={
            InputError: _on_input_error,
            HTTPException: _on_http_error,
            Exception: _on_failure,
        },
        lifespan=lifespan,
    )
    return Guard(app, hosts)
