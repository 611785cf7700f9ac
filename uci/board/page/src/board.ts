// The board: chessground with a keyboard cursor, a promotion dialog, and coloured squares.

import { Chessground } from 'chessground';
import type { Api } from 'chessground/api';
import type { Config } from 'chessground/config';
import type { DrawShape } from 'chessground/draw';
import type { Key } from 'chessground/types';
import { Chess } from 'chessops/chess';
import { parseSquare } from 'chessops/util';
import { announce, button, byId, h } from './dom';
import { Side, dests, described, fenOf, isPromotion } from './rules';

const PROMOTIONS = [
  ['queen', 'q'],
  ['knight', 'n'],
  ['rook', 'r'],
  ['bishop', 'b'],
] as const;

export type Shown = {
  position: Chess;
  lastMove?: string; // UCI
  movable?: Side | 'both';
};

/** Two square names from UCI. */
export const ends = (uci: string): [Key, Key] => [uci.slice(0, 2) as Key, uci.slice(2, 4) as Key];

export class Board {
  readonly ground: Api;
  onMove: (uci: string) => void = () => undefined;
  onHover: (key: Key | undefined) => void = () => undefined;
  onSquare: ((key: Key) => void) | undefined;
  private readonly wrap = byId('board');
  private readonly cursor = byId('cursor');
  private position: Chess = Chess.default();
  private cursorAt = { file: 4, rank: 1 };
  private closePromotion: (() => void) | undefined;

  constructor() {
    const reduced = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.ground = Chessground(byId('ground'), {
      animation: { enabled: !reduced, duration: 180 },
      premovable: { enabled: false },
      movable: { free: false, showDests: true, events: { after: (from, to) => this.moved(from, to) } },
      drawable: { enabled: true },
      highlight: { lastMove: true, check: true },
      events: { select: (key) => this.onSquare?.(key) },
    });
    this.wrap.addEventListener('keydown', (event) => this.key(event));
    this.wrap.addEventListener('focus', () => this.placeCursor());
    this.wrap.addEventListener('pointermove', (event) => {
      if (event.pointerType === 'mouse') this.onHover(this.ground.getKeyAtDomPos([event.clientX, event.clientY]));
    });
    this.wrap.addEventListener('pointerleave', () => this.onHover(undefined));
    new ResizeObserver(() => this.ground.redrawAll()).observe(this.wrap);
  }

  get orientation(): Side {
    return this.ground.state.orientation;
  }

  set orientation(side: Side) {
    if (side !== this.orientation) this.ground.toggleOrientation();
    this.placeCursor();
  }

  /** Shows a position; `movable` says whose pieces may be moved. */
  show({ position, lastMove, movable }: Shown): void {
    this.closePromotion?.();
    this.position = position;
    const turn = position.turn;
    const mine = movable === 'both' ? turn : movable === turn ? turn : undefined;
    this.set({
      fen: fenOf(position),
      turnColor: turn,
      check: position.isCheck(),
      lastMove: lastMove ? ends(lastMove) : undefined,
      viewOnly: false,
      movable: { free: false, color: mine, dests: mine ? dests(position) : new Map() },
      draggable: { enabled: true, deleteOnDropOff: false },
    });
    byId('board-text').textContent = described(position);
  }

  set(config: Config): void {
    this.ground.set(config);
  }

  /** Arrows and circles that the page draws; those of the user stay. */
  arrows(shapes: DrawShape[]): void {
    this.ground.setAutoShapes(shapes);
  }

  /** Coloured squares: a class for each. */
  colour(classes: Map<Key, string>): void {
    this.ground.set({ highlight: { custom: classes } });
  }

  private moved(from: Key, to: Key): void {
    const [source, target] = [parseSquare(from), parseSquare(to)];
    if (source === undefined || target === undefined) return;
    if (isPromotion(this.position, source, target)) this.promote(from, to);
    else this.onMove(from + to);
  }

  /** Asks what the pawn becomes. Escape takes the move back. */
  private promote(from: Key, to: Key): void {
    const color = this.position.turn;
    const back = () => {
      close();
      this.show({ position: this.position, movable: color });
    };
    const choices = PROMOTIONS.map(([role, letter]) => {
      const choice = button('', () => {
        close();
        this.onMove(from + to + letter);
      }, { 'aria-label': `Promote to ${role}`, class: 'promotion-piece' });
      choice.append(h('span', { class: `piece ${color} ${role}` }));
      return choice;
    });
    const dialog = h(
      'div',
      {
        class: 'promotion',
        role: 'dialog',
        'aria-modal': 'true',
        'aria-label': 'Promotion',
        on: {
          keydown: (event: KeyboardEvent) => {
            const at = choices.indexOf(document.activeElement as HTMLButtonElement);
            const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, Tab: event.shiftKey ? -1 : 1 }[event.key];
            if (event.key === 'Escape') back();
            if (step) choices[(at + step + choices.length) % choices.length].focus();
            if (step || event.key === 'Escape') event.preventDefault();
            event.stopPropagation();
          },
        },
      },
      ...choices,
    );
    const shade = h('div', { class: 'promotion-shade', on: { click: (e: Event) => e.target === shade && back() } }, dialog);
    const close = () => {
      shade.remove();
      this.closePromotion = undefined;
    };
    this.closePromotion = close;
    const file = to.charCodeAt(0) - 97;
    const white = this.orientation === 'white';
    dialog.style.left = `${12.5 * (white ? file : 7 - file)}%`;
    const atTop = (to[1] === '8') === white;
    dialog.style[atTop ? 'top' : 'bottom'] = '0';
    this.wrap.append(shade);
    choices[0].focus();
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.wrap || event.ctrlKey || event.metaKey || event.altKey) return;
    const white = this.orientation === 'white';
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    };
    const step = steps[event.key];
    if (step) {
      const turn = white ? 1 : -1;
      const inside = (x: number) => Math.max(0, Math.min(7, x));
      this.cursorAt = {
        file: inside(this.cursorAt.file + turn * step[0]),
        rank: inside(this.cursorAt.rank + turn * step[1]),
      };
      this.placeCursor();
      announce(this.squareText());
      this.onHover(this.cursorKey);
    } else if (event.key === 'Enter' || event.key === ' ') {
      this.ground.selectSquare(this.cursorKey);
      announce(this.ground.state.selected ? `${this.squareText()}, picked up` : this.squareText());
    } else if (event.key === 'Escape') this.ground.selectSquare(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private get cursorKey(): Key {
    return ('abcdefgh'[this.cursorAt.file] + String(this.cursorAt.rank + 1)) as Key;
  }

  private squareText(): string {
    const piece = this.ground.state.pieces.get(this.cursorKey);
    return piece ? `${this.cursorKey}, ${piece.color} ${piece.role}` : `${this.cursorKey}, empty`;
  }

  private placeCursor(): void {
    const white = this.orientation === 'white';
    const { file, rank } = this.cursorAt;
    this.cursor.style.left = `${12.5 * (white ? file : 7 - file)}%`;
    this.cursor.style.top = `${12.5 * (white ? 7 - rank : rank)}%`;
  }
}
