// Distributions and curves as SVG.

import { s } from './dom';

/** The cumulative distribution's inverse; mass is spread evenly within its bin. */
export function quantile(distribution: number[], level: number): number {
  const total = distribution.reduce((sum, mass) => sum + mass, 0);
  let below = 0;
  for (let i = 0; i < distribution.length; i++) {
    const mass = distribution[i] / total;
    if (mass > 0 && below + mass >= level) return (i + (level - below) / mass) / distribution.length;
    below += mass;
  }
  return 1;
}

export function spread(distribution: number[]): number {
  const n = distribution.length;
  let mean = 0;
  let square = 0;
  distribution.forEach((mass, i) => {
    const x = (i + 0.5) / n;
    mean += mass * x;
    square += mass * x * x;
  });
  return Math.sqrt(Math.max(0, square - mean * mean));
}

/** The chance that a draw from `a` is above one from `b`, if they are independent; ties count half. */
export function chanceBetter(a: number[], b: number[]): number {
  let below = 0;
  let chance = 0;
  for (let i = 0; i < a.length; i++) {
    chance += a[i] * (below + b[i] / 2);
    below += b[i];
  }
  return chance;
}

/** A histogram's outline as a path, from the baseline up; `top` is the mass at full height. */
export function outline(distribution: number[], width: number, height: number, top: number): string {
  const step = width / distribution.length;
  let path = `M0 ${height}`;
  distribution.forEach((mass, i) => {
    const y = height - Math.min(1, mass / top) * (height - 1);
    path += `V${y.toFixed(1)}H${((i + 1) * step).toFixed(1)}`;
  });
  return `${path}V${height}Z`;
}

/** A small ridge for a row of the table. */
export function ridge(distribution: number[], mean: number, top: number): SVGElement {
  const [width, height] = [128, 24];
  return s(
    'svg',
    { class: 'ridge', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('path', { class: 'mid', d: `M${width / 2} 0V${height}` }),
    s('path', { class: 'mass', d: outline(distribution, width, height, top) }),
    s('path', { class: 'mean', d: `M${(mean * width).toFixed(1)} 0V${height}` }),
  );
}

const LARGE = { width: 400, height: 92, base: 74 };

/** One or two distributions, large, with an axis. */
export function large(shown: { distribution: number[]; mean: number; class: string }[]): SVGElement {
  const { width, height, base } = LARGE;
  const masses = shown.flatMap(({ distribution }) => distribution);
  const top = Math.min(Math.max(...masses), 0.5) || 1;
  const labels = [0, 25, 50, 75, 100].flatMap((p) => [
    s('path', { class: 'grid', d: `M${(p * width) / 100} 0V${base}` }),
    s('text', {
      x: (p * width) / 100,
      y: height - 4,
      'text-anchor': p === 0 ? 'start' : p === 100 ? 'end' : 'middle',
      text: p === 0 ? 'lost' : p === 100 ? 'won' : `${p} %`,
    }),
  ]);
  const curves = shown.flatMap((one) => [
    s('path', { class: `mass ${one.class}`, d: outline(one.distribution, width, base, top) }),
    s('path', { class: `mean ${one.class}`, d: `M${(one.mean * width).toFixed(1)} 0V${base}` }),
  ]);
  return s('svg', { class: 'large', viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' }, ...labels, ...curves);
}

export const CHART = { width: 640, height: 200, left: 46, right: 8, top: 8, bottom: 20 };

export const chartX = (ply: number, plies: number): number =>
  CHART.left + (ply * (CHART.width - CHART.left - CHART.right)) / Math.max(1, plies);
export const chartY = (share: number): number =>
  CHART.top + (1 - share) * (CHART.height - CHART.top - CHART.bottom);
