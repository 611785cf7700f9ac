"""The phases of a game."""

import chess

from data_pipeline.encoding.phases import PHASES, phase_of


def test_phases():
    for fen, phase in (
        (chess.STARTING_FEN, "opening"),
        ("r4rk1/ppp2ppp/2n2n2/8/8/2N2N2/PPP2PPP/R4RK1 w - - 0 1", "middlegame"),
        ("r1bq1rk1/pp2bppp/2n5/3p4/3P4/2N5/PP2BPPP/R1BQ1RK1 w - - 0 12", "middlegame"),
        ("8/8/4k3/8/8/4K3/4R3/8 w - - 0 1", "endgame"),
        ("3q2k1/5ppp/8/8/8/8/5PPP/3R1RK1 w - - 0 40", "endgame"),
    ):
        assert PHASES[phase_of(chess.Board(fen))] == phase
