// Small helpers over the DOM. Text always goes in as text, never as markup.

type Props = {
  class?: string;
  text?: string;
  on?: Record<string, (event: any) => void>;
  [attribute: string]: unknown;
};

const SVG = 'http://www.w3.org/2000/svg';

function fill(element: Element, props: Props, children: (Node | string)[]): void {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false || value === null) continue;
    if (name === 'text') element.textContent = String(value);
    else if (name === 'on')
      for (const [event, call] of Object.entries(value as NonNullable<Props['on']>))
        element.addEventListener(event, call);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children);
}

/** An HTML element with attributes, listeners and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  fill(element, props, children);
  return element;
}

/** An SVG element. */
export function s(tag: string, props: Props = {}, ...children: (Node | string)[]): SVGElement {
  const element = document.createElementNS(SVG, tag) as SVGElement;
  fill(element, props, children);
  return element;
}

/** The element with an id, which must be there. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found as T;
}

export function button(text: string, call: () => void, props: Props = {}): HTMLButtonElement {
  return h('button', { type: 'button', text, on: { click: call }, ...props });
}

const ICONS = {
  flip: 'M8 4v13l-3-3-1.400 1.400L9 20.800l5.400-5.400L13 14l-3 3V4zM15 20V7l-3 3-1.400-1.400L16 3.200l5.400 5.400L20 10l-3-3v13z',
  first: 'M5 5h2.500v14H5zM19 5v14l-10-7z',
  previous: 'M17 5v14L7 12z',
  next: 'M7 5v14l10-7z',
  last: 'M19 5h-2.500v14H19zM5 5v14l10-7z',
};

/** A button with a picture; `label` says what it does. */
export function iconButton(icon: keyof typeof ICONS, label: string, call: () => void, props: Props = {}): HTMLButtonElement {
  const element = button('', call, { 'aria-label': label, ...props });
  element.append(s('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' }, s('path', { d: ICONS[icon] })));
  return element;
}

/** A labelled select; `options` are pairs of a value and a text. */
export function select(
  label: string,
  options: [string, string][],
  onChange: (value: string) => void,
  props: Props = {},
): { label: HTMLLabelElement; select: HTMLSelectElement } {
  const element = h('select', {
    on: { change: () => onChange(element.value) },
    ...props,
  }) as HTMLSelectElement;
  setOptions(element, options);
  return { label: h('label', { class: 'field' }, h('span', { text: label }), element), select: element };
}

export function setOptions(element: HTMLSelectElement, options: [string, string][]): void {
  const kept = element.value;
  element.replaceChildren(...options.map(([value, text]) => h('option', { value, text })));
  if (options.some(([value]) => value === kept)) element.value = kept;
}

/** Says something to screen readers. */
export function announce(text: string): void {
  byId('announce').textContent = text;
}

/** A short message that goes away. */
export function toast(text: string): void {
  const place = byId('toast');
  place.textContent = text;
  place.hidden = false;
  window.clearTimeout(Number(place.dataset.timer));
  place.dataset.timer = String(window.setTimeout(() => (place.hidden = true), 5000));
}

export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = h('a', { href: url, download: name });
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 1000);
}

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied.`);
  } catch {
    toast(`${what} could not be copied.`);
  }
}

export const percent = (share: number, digits = 0): string => `${(100 * share).toFixed(digits)} %`;
