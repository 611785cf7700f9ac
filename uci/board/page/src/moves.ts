// The list of moves: numbered buttons, the present one marked.

import { h } from './dom';
import { Line, spoken } from './rules';

export type Mark = { sign: string; class: string };

/** Fills `place` with the line's moves; `marks` by ply. */
export function listMoves(
  place: HTMLElement,
  line: Line,
  go: (ply: number) => void,
  marks: Map<number, Mark> = new Map(),
): void {
  const offset = line.offset;
  const rows: HTMLElement[] = [];
  let row: HTMLElement | undefined;
  line.sans.forEach((san, i) => {
    const half = offset + i;
    if (!row || half % 2 === 0) {
      const number = Math.floor(half / 2) + 1;
      row = h('li', { class: 'move-row' }, h('span', { class: 'number', text: `${number}` }));
      if (half % 2 === 1) row.append(h('span', { class: 'blank', text: '…' }));
      rows.push(row);
    }
    const mark = marks.get(i + 1);
    const element = h(
      'button',
      {
        type: 'button',
        class: `move ${mark?.class ?? ''}`,
        'aria-label': `${san}${mark?.sign ?? ''}: ${spoken(san)}${mark ? `, ${mark.class}` : ''}`,
        'aria-current': line.ply === i + 1 ? 'true' : undefined,
        'data-ply': i + 1,
        on: { click: () => go(i + 1) },
      },
      san,
    );
    if (mark) element.append(h('span', { class: 'sign', text: mark.sign }));
    row.append(element);
  });
  place.replaceChildren(...rows);
  markMove(place, line.ply);
}

/** Marks another move as the present one, and brings it into view within its list. */
export function markMove(place: HTMLElement, ply: number): void {
  place.querySelectorAll('[aria-current]').forEach((old) => old.removeAttribute('aria-current'));
  const now = place.querySelector<HTMLElement>(`[data-ply="${ply}"]`);
  now?.setAttribute('aria-current', 'true');
  if (now) place.scrollTop = now.offsetTop - place.offsetTop - place.clientHeight / 2;
  else if (!ply) place.scrollTop = 0;
}
