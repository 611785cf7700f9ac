"""The API's description in the form of OpenAPI 3.1, as served at /openapi.json."""

from typing import Any

from uci.board.requests import MAX_FEN, MAX_MOVES

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_PROBABILITY: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_SQUARES: Schema = {"type": "array", "items": {"type": "string", "pattern": "^[a-h][1-8]$"}}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": properties}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _said(schema: Schema, text: str) -> Schema:
    return {**schema, "description": text}


_FEN = _said({**_STRING, "maxLength": MAX_FEN}, "A FEN, or startpos.")
_MOVES = _said(
    {"type": "array", "items": _STRING, "maxItems": MAX_MOVES},
    "Moves played from there, UCI or SAN; repetitions are seen only with them.",
)
_NETWORK = _said(_STRING, "A name from /api/about; by default the first.")
_SIDES = _object({"white": _ref("Accuracy"), "black": _ref("Accuracy")})

SCHEMAS: dict[str, Schema] = {
    "Error": _object({"error": _said(_STRING, "One line: expected, found, remedy.")}),
    "Accuracy": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
    "Position": _object({"fen": _FEN}, {"moves": _MOVES, "network": _NETWORK}),
    "AnalyseRequest": _object(
        {"fen": _FEN},
        {
            "moves": _MOVES,
            "network": _NETWORK,
            "details": _said(
                {"type": "boolean"}, "Add the attacks and loose pieces after each move."
            ),
        },
    ),
    "MoveRequest": _object(
        {"fen": _FEN},
        {
            "moves": _MOVES,
            "network": _NETWORK,
            "elo": _said(_NUMBER, "Within the network's elo_range; without it, full strength."),
        },
    ),
    "ReviewRequest": _object({"pgn": _said(_STRING, "One or more games.")}, {"network": _NETWORK}),
    "About": _object(
        {
            "networks": _list(
                _object(
                    {
                        "name": _STRING,
                        "elo_range": {"type": ["array", "null"], "items": _NUMBER},
                        "attention": {"type": "boolean"},
                    }
                )
            )
        }
    ),
    "AnalysedMove": _object(
        {
            "move": _STRING,
            "san": _STRING,
            "win_prob": _said(_PROBABILITY, "Expected, of the side to move."),
            "score_cp": _NUMBER,
            "wdl": _said(_list(_PROBABILITY), "Win, draw, loss."),
            "verdict": _said({"type": ["string", "null"]}, "What the rules decide, or null."),
            "distribution": _said(
                _list(_PROBABILITY), "Over equal bins of win probability, from 0 to 1."
            ),
        },
        {
            "after": _object(
                {
                    "opponent_attacks": _SQUARES,
                    "own_attacks": _SQUARES,
                    "own_loose": _SQUARES,
                    "opponent_loose": _SQUARES,
                    "piece_attacks": _SQUARES,
                }
            )
        },
    ),
    "Analysis": _object(
        {"fen": _STRING, "best": _STRING, "moves": _list(_ref("AnalysedMove"))},
        {"network": _STRING},
    ),
    "ChosenMove": _object(
        {
            "fen": _STRING,
            "move": _STRING,
            "san": _STRING,
            "win_prob": _PROBABILITY,
            "entropy_bits": _NUMBER,
        }
    ),
    "Attention": _object(
        {
            "fen": _STRING,
            "squares": _said(
                _list(_list(_list(_list(_NUMBER)))),
                "Thousandths, by layer, head, from square, to square (a1, b1, ... h8).",
            ),
            "moves": _said(
                {
                    "type": "object",
                    "additionalProperties": _list(_list(_list(_NUMBER))),
                },
                "Thousandths, by move, layer of the move decoder, head, square.",
            ),
        }
    ),
    "ReviewedMove": _object(
        {
            "ply": _NUMBER,
            "san": _STRING,
            "win_prob": _said(_PROBABILITY, "Of the side that moved."),
            "given_away": _PROBABILITY,
            "judgement": {"enum": [None, "inaccuracy", "mistake", "blunder"]},
            "best": _STRING,
        },
        {
            "move": _STRING,
            "color": {"enum": ["white", "black"]},
            "white_win_prob": _PROBABILITY,
            "white_band": _said(_list(_PROBABILITY), "The 10 % and 90 % quantiles."),
            "accuracy": _NUMBER,
            "best_san": _STRING,
            "best_win_prob": _PROBABILITY,
            "entropy_bits": _NUMBER,
            "only_move": {"type": "boolean"},
            "verdict": {"type": ["string", "null"]},
            "fen": _said(_STRING, "The position after the move."),
        },
    ),
    "Review": _object(
        {
            "games": _list(
                _object(
                    {
                        "white": _STRING,
                        "black": _STRING,
                        "accuracy": _SIDES,
                        "moves": _list(_ref("ReviewedMove")),
                        "pgn": _said(_STRING, "Annotated."),
                    }
                )
            ),
            "players": {"type": "object"},
            "left_out": _said({"type": "object"}, "How many games were left out, by reason."),
        }
    ),
}


def _answer(text: str, schema: str | None, kind: str = "application/json") -> Schema:
    content = _ref(schema) if schema else _STRING
    return {"description": text, "content": {kind: {"schema": content}}}


def _post(summary: str, request: str, answer: Schema) -> Schema:
    errors = {
        status: _answer(text, "Error")
        for status, text in (
            ("400", "Something in the request is wrong."),
            ("403", "The Host or the Origin is not this server's."),
            ("413", "The request is too large."),
            ("415", "The request is not JSON."),
        )
    }
    body = {"required": True, "content": {"application/json": {"schema": _ref(request)}}}
    return {
        "post": {"summary": summary, "requestBody": body, "responses": {"200": answer, **errors}}
    }


DESCRIPTION: Schema = {
    "openapi": "3.1.0",
    "info": {
        "title": "Argmax board",
        "version": "1",
        "description": "Win probabilities are for the side to move, unless named for White. "
        "Positions requested at the same time share a pass of the network.",
    },
    "paths": {
        "/api/about": {
            "get": {
                "summary": "What the server offers",
                "responses": {"200": _answer("The networks.", "About")},
            }
        },
        "/api/analyse": _post(
            "Every legal move with the distribution of its win probability, best first",
            "AnalyseRequest",
            _answer("As argmax analyse --json.", "Analysis"),
        ),
        "/api/move": _post(
            "The move that the engine plays", "MoveRequest", _answer("The move.", "ChosenMove")
        ),
        "/api/attention": _post(
            "The network's attention", "Position", _answer("The weights.", "Attention")
        ),
        "/api/review": _post(
            "Review of games",
            "ReviewRequest",
            _answer("As argmax review --json, with the annotated PGN.", "Review"),
        ),
        "/api/review.html": _post(
            "Review of games, as a self-contained page",
            "ReviewRequest",
            _answer("The page.", None, "text/html"),
        ),
    },
    "components": {"schemas": SCHEMAS},
}
