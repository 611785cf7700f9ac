// Setting up pieces.

import type { Key } from 'chessground/types';
import { Chess } from 'chessops/chess';
import type { Board } from './board';
import { button, h, toast } from './dom';
import { INITIAL_FEN, fenOf, positionOf } from './rules';

const ROLES = ['king', 'queen', 'rook', 'bishop', 'knight', 'pawn'] as const;
const EMPTY = '8/8/8/8/8/8/8/8';
const RIGHTS = [
  ['K', 'White king side', 'e1', 'h1'],
  ['Q', 'White queen side', 'e1', 'a1'],
  ['k', 'Black king side', 'e8', 'h8'],
  ['q', 'Black queen side', 'e8', 'a8'],
] as const;

type Tool = 'move' | 'remove' | `${'white' | 'black'} ${(typeof ROLES)[number]}`;

export class Editor {
  readonly panel: HTMLElement;
  open = false;
  private tool: Tool = 'move';
  private readonly tools = new Map<Tool, HTMLButtonElement>();
  private readonly turn = h('select', {}, h('option', { value: 'w', text: 'White' }), h('option', { value: 'b', text: 'Black' }));
  private readonly rights = RIGHTS.map(([, name]) => h('input', { type: 'checkbox', 'aria-label': `${name} castling` }));

  constructor(
    private readonly board: Board,
    private readonly done: (fen: string | undefined) => void,
  ) {
    const palette = (color: 'white' | 'black') =>
      h('div', { class: 'palette' }, ...ROLES.map((role) => this.toolButton(`${color} ${role}`, h('span', { class: `piece ${color} ${role}` }))));
    this.panel = h(
      'div',
      { class: 'editor', hidden: true },
      h('p', { class: 'hint', text: 'Choose a piece, then click squares; or drag pieces, off the board to remove them. A FEN does the same from the keyboard.' }),
      palette('white'),
      palette('black'),
      h('div', { class: 'palette' }, this.toolButton('move', 'Move'), this.toolButton('remove', 'Remove')),
      h('label', { class: 'field' }, h('span', { text: 'To move' }), this.turn),
      h('div', { class: 'rights' }, ...RIGHTS.map(([, name], i) => h('label', { class: 'check' }, this.rights[i], h('span', { text: `${name} castling` })))),
      h('div', { class: 'buttons' }, button('Empty board', () => this.set(EMPTY)), button('All pieces', () => this.set(INITIAL_FEN.split(' ')[0]))),
      h('div', { class: 'buttons' }, button('Done', () => this.finish(), { class: 'primary' }), button('Cancel', () => { this.close(); this.done(undefined); })),
    );
  }

  start(position: Chess): void {
    this.open = true;
    this.panel.hidden = false;
    this.turn.value = position.turn === 'white' ? 'w' : 'b';
    const castling = fenOf(position).split(' ')[2];
    this.rights.forEach((box, i) => (box.checked = castling.includes(RIGHTS[i][0])));
    this.use('move');
    this.board.onSquare = (key) => this.clicked(key);
    this.board.set({
      fen: fenOf(position).split(' ')[0],
      lastMove: undefined,
      check: false,
      movable: { free: true, color: 'both', dests: undefined },
      draggable: { enabled: true, deleteOnDropOff: true },
    });
    this.board.onMove = () => undefined;
  }

  close(): void {
    this.open = false;
    this.panel.hidden = true;
    this.board.onSquare = undefined;
  }

  private toolButton(tool: Tool, content: Node | string): HTMLButtonElement {
    const element = button('', () => this.use(tool), { 'aria-pressed': 'false', 'aria-label': tool });
    element.append(content);
    this.tools.set(tool, element);
    return element;
  }

  private use(tool: Tool): void {
    this.tool = tool;
    for (const [name, element] of this.tools) element.setAttribute('aria-pressed', String(name === tool));
    this.board.set({ selectable: { enabled: tool === 'move' }, draggable: { enabled: tool === 'move', deleteOnDropOff: true } });
  }

  private clicked(key: Key): void {
    if (this.tool === 'move') return;
    if (this.tool === 'remove') this.board.ground.setPieces(new Map([[key, undefined]]));
    else {
      const [color, role] = this.tool.split(' ') as ['white' | 'black', (typeof ROLES)[number]];
      this.board.ground.setPieces(new Map([[key, { color, role }]]));
    }
    this.board.ground.selectSquare(null);
  }

  private set(placement: string): void {
    this.board.set({ fen: placement });
    this.rights.forEach((box) => (box.checked = placement !== EMPTY));
  }

  private finish(): void {
    const pieces = this.board.ground.state.pieces;
    const rights = RIGHTS.filter(([letter, , king, rook], i) => {
      const color = letter === letter.toUpperCase() ? 'white' : 'black';
      const stands = (key: string, role: string) => {
        const piece = pieces.get(key as Key);
        return piece?.color === color && piece.role === role;
      };
      return this.rights[i].checked && stands(king, 'king') && stands(rook, 'rook');
    });
    const castling = rights.map(([letter]) => letter).join('') || '-';
    const fen = `${this.board.ground.getFen()} ${this.turn.value} ${castling} - 0 1`;
    try {
      positionOf(fen);
    } catch (error) {
      return toast((error as Error).message);
    }
    this.close();
    this.board.set({ selectable: { enabled: true } });
    this.done(fen);
  }
}
