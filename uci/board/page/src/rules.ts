// Positions, lines of moves and PGN, over chessops.

import { Chess, castlingSide } from 'chessops/chess';
import { chessgroundDests } from 'chessops/compat';
import { INITIAL_FEN, makeFen, parseFen } from 'chessops/fen';
import { ChildNode, Game, Node, PgnNodeData, defaultHeaders, makePgn, parsePgn, startingPosition } from 'chessops/pgn';
import { makeSan, parseSan } from 'chessops/san';
import { Move, NormalMove, isNormal } from 'chessops/types';
import { kingCastlesTo, makeSquare, makeUci, parseUci, squareRank } from 'chessops/util';
import { positionProblem } from './problems';

export { INITIAL_FEN };
export type Side = 'white' | 'black';

/** A position from a FEN, or an Error in one line. */
export function positionOf(fen: string): Chess {
  const text = fen.trim() === 'startpos' ? INITIAL_FEN : fen.trim();
  const setup = parseFen(text);
  if (setup.isErr) throw new Error(`Not a FEN: “${text.slice(0, 80)}”.`);
  const position = Chess.fromSetup(setup.value);
  if (position.isErr) throw new Error(`Not a playable position: ${positionProblem(position.error.message)}.`);
  return position.value;
}

export const fenOf = (position: Chess): string => makeFen(position.toSetup());
export const dests = (position: Chess) => chessgroundDests(position);

/** UCI with castling as the king's two steps, as the server writes it. */
export function uciOf(position: Chess, move: Move): string {
  const side = isNormal(move) ? castlingSide(position, move) : undefined;
  if (!side || !isNormal(move)) return makeUci(move);
  return makeSquare(move.from) + makeSquare(kingCastlesTo(position.turn, side));
}

/** A legal move from UCI or SAN; undefined where there is none. */
export function moveOf(position: Chess, text: string): NormalMove | undefined {
  const uci = parseUci(text.trim().toLowerCase());
  const move = uci && position.isLegal(uci) ? uci : parseSan(position, text.trim());
  return move && isNormal(move) && position.isLegal(move) ? move : undefined;
}

export function isPromotion(position: Chess, from: number, to: number): boolean {
  return position.board.getRole(from) === 'pawn' && [0, 7].includes(squareRank(to));
}

/** A line of moves with a place in it. */
export class Line {
  positions: Chess[];
  sans: string[] = [];
  moves: string[] = [];
  ply = 0;

  constructor(public readonly start: string = INITIAL_FEN, moves: string[] = []) {
    this.positions = [positionOf(start)];
    for (const move of moves) if (!this.play(move)) break;
  }

  get position(): Chess {
    return this.positions[this.ply];
  }

  get last(): string | undefined {
    return this.moves[this.ply - 1];
  }

  get length(): number {
    return this.moves.length;
  }

  /** Plays a move from the present place; what followed is forgotten unless it is the same. */
  play(text: string): boolean {
    const position = this.position;
    const move = moveOf(position, text);
    if (!move) return false;
    const uci = uciOf(position, move);
    if (this.moves[this.ply] !== uci) {
      this.cut(this.ply);
      const after = position.clone();
      this.sans.push(makeSan(position, move));
      after.play(move);
      this.positions.push(after);
      this.moves.push(uci);
    }
    this.ply += 1;
    return true;
  }

  cut(ply: number): void {
    this.positions.length = ply + 1;
    this.moves.length = this.sans.length = ply;
    this.ply = Math.min(this.ply, ply);
  }

  go(ply: number): void {
    this.ply = Math.max(0, Math.min(this.moves.length, ply));
  }

  /** Moves up to the present place. */
  played(): string[] {
    return this.moves.slice(0, this.ply);
  }

  /** Half-moves before the line's first: odd where Black moves first. */
  get offset(): number {
    const first = this.positions[0];
    return 2 * (first.fullmoves - 1) + (first.turn === 'black' ? 1 : 0);
  }
}

/** How a game stands: undefined while it goes on. */
export function outcomeOf(line: Line): { result: string; reason: string } | undefined {
  const position = line.position;
  if (position.isCheckmate())
    return { result: position.turn === 'white' ? '0-1' : '1-0', reason: 'checkmate' };
  const draw = (reason: string) => ({ result: '1/2-1/2', reason });
  if (position.isStalemate()) return draw('stalemate');
  if (position.isInsufficientMaterial()) return draw('insufficient material');
  if (position.halfmoves >= 100) return draw('50-move rule');
  const key = (p: Chess) => makeFen(p.toSetup(), { epd: true });
  const now = key(position);
  const seen = line.positions.slice(0, line.ply + 1).filter((p) => key(p) === now).length;
  return seen >= 3 ? draw('threefold repetition') : undefined;
}

export type ReadGame = { line: Line; headers: Map<string, string> };

/** The games of a PGN; throws where there is none, or a move that is illegal. */
export function gamesOf(pgn: string): ReadGame[] {
  const games = parsePgn(pgn).map((game) => {
    const start = startingPosition(game.headers);
    if (start.isErr) throw new Error('The PGN starts from a position that cannot be read.');
    const variant = game.headers.get('Variant')?.toLowerCase() ?? 'standard';
    if (!['standard', 'chess', 'normal', 'from position'].includes(variant))
      throw new Error(`Only standard chess can be read; the PGN has “${variant.slice(0, 40)}”.`);
    const line = new Line(makeFen(start.value.toSetup()));
    for (const node of game.moves.mainline())
      if (!line.play(node.san))
        throw new Error(`The PGN has an illegal move: “${node.san.slice(0, 20)}”.`);
    return { line, headers: game.headers };
  });
  const found = games.filter((game) => game.line.length || game.headers.has('FEN'));
  if (!found.length) throw new Error('There is no game in this PGN.');
  return found;
}

/** A line as PGN. */
export function pgnOf(line: Line, headers: Record<string, string>): string {
  const game: Game<PgnNodeData> = { headers: defaultHeaders(), moves: new Node() };
  for (const [name, value] of Object.entries(headers)) game.headers.set(name, value);
  if (line.start !== INITIAL_FEN) {
    game.headers.set('SetUp', '1');
    game.headers.set('FEN', line.start);
  }
  let node: Node<PgnNodeData> = game.moves;
  for (const san of line.sans) {
    const child = new ChildNode<PgnNodeData>({ san });
    node.children.push(child);
    node = child;
  }
  return makePgn(game);
}

const SPOKEN: Record<string, string> = { N: 'knight', B: 'bishop', R: 'rook', Q: 'queen', K: 'king' };

/** SAN in words, for screen readers. */
export function spoken(san: string): string {
  if (san.startsWith('O-O-O')) return san.replace('O-O-O', 'castles queen side').replace('#', ', checkmate').replace('+', ', check');
  if (san.startsWith('O-O')) return san.replace('O-O', 'castles king side').replace('#', ', checkmate').replace('+', ', check');
  return san
    .replace(/=([NBRQ])/, (_, p) => ` promotes to ${SPOKEN[p]}`)
    .replace(/^([NBRQK])/, (_, p) => `${SPOKEN[p]} `)
    .replace('x', ' takes ')
    .replace('#', ', checkmate')
    .replace('+', ', check');
}

/** Where all pieces stand, in words. */
export function described(position: Chess): string {
  const sides = (['white', 'black'] as const).map((color) => {
    const pieces = (['king', 'queen', 'rook', 'bishop', 'knight', 'pawn'] as const).flatMap((role) => {
      const squares = [...position.board.pieces(color, role)].map(makeSquare);
      return squares.length ? [`${role} ${squares.join(', ')}`] : [];
    });
    return `${color}: ${pieces.join('; ')}.`;
  });
  return `${sides.join(' ')} ${position.turn} to move.`;
}

export { makeSquare };
