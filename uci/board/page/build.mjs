// Bundles the page into ../static: the same input gives the same bytes.
import { build } from 'esbuild';
import { mkdir, readFile, writeFile } from 'node:fs/promises';

const out = new URL(process.env.BOARD_OUT ? `file://${process.env.BOARD_OUT}/` : '../static/', import.meta.url);
const from = (path) => new URL(path, import.meta.url);
const read = (path) => readFile(from(path), 'utf8');
await mkdir(out, { recursive: true });

await build({
  absWorkingDir: from('.').pathname,
  entryPoints: ['src/main.ts'],
  outfile: new URL('board.js', out).pathname,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2021',
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: '/* Argmax and, bundled with it, chessground and chessops: GPL-3.0-or-later; see LICENCES.txt. */' },
});

const ground = (name) => read(`node_modules/chessground/assets/chessground.${name}.css`);
const styles = (await Promise.all([ground('base'), ground('brown'), read('style.css')])).join('\n');
await writeFile(new URL('board.css', out), styles);
const pieces = await ground('cburnett');
await writeFile(new URL('pieces.css', out), pieces.replace(/\.cg-wrap piece\.(\w+)\.(\w+) \{/g, '.cg-wrap piece.$1.$2, .piece.$1.$2 {'));

for (const name of ['index.html', 'icon.svg']) await writeFile(new URL(name, out), await read(name));
const licences = [
  ['chessground', 'node_modules/chessground/LICENSE'],
  ['chessops', 'node_modules/chessops/LICENSE.txt'],
  ['@badrap/result', 'node_modules/@badrap/result/LICENSE'],
];
const texts = await Promise.all(
  licences.map(async ([name, path]) => {
    const { version } = JSON.parse(await read(`node_modules/${name}/package.json`));
    return `${name} ${version}\n\n${(await read(path)).trim()}\n`;
  }),
);
await writeFile(new URL('LICENCES.txt', out), texts.join(`\n${'='.repeat(72)}\n\n`));
