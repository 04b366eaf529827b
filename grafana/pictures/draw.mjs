// Draws the dashboards: node draw.mjs ANSWERS.json DIRECTORY
//
// ANSWERS.json is what a real Prometheus has answered to all their queries (make dashboard-pictures writes it). Bundles the
// page, has Chromium take a picture of it for each dashboard, and makes that small.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import sharp from 'sharp';

const here = dirname(fileURLToPath(import.meta.url));
const [answersFile, into] = process.argv.slice(2);
if (!into) throw new Error('usage: node draw.mjs ANSWERS.json DIRECTORY');
const answers = JSON.parse(readFileSync(answersFile, 'utf8'));
const work = mkdtempSync(join(tmpdir(), 'dashboard-pictures-'));

// height is that of the whole page: rows of 30 pixels and gaps of 8, a line at the top and a margin.
const height = (dashboard) => Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h)) * 38 + 60;

async function bundle() {
  const built = await build({
    entryPoints: [join(here, 'page.jsx')], bundle: true, write: false, outdir: work, minify: true, jsx: 'automatic', logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' }, loader: { '.woff2': 'dataurl', '.woff': 'empty', '.svg': 'dataurl', '.ttf': 'empty' },
  });
  return built.outputFiles.map(({ path, text }) => (path.endsWith('.css') ? `<style>${text}</style>` : `<script type="module">${text.replaceAll('</script', '<\\/script')}</script>`)).join('\n');
}

async function picture(file, program) {
  const dashboard = JSON.parse(readFileSync(file, 'utf8'));
  const page = join(work, `${dashboard.uid}.html`), taken = join(work, `${dashboard.uid}.png`);
  const data = JSON.stringify({ dashboard, answers }).replaceAll('<', '\\u003c');
  writeFileSync(page, `<!doctype html><meta charset="utf-8"><body style="margin:0"><div id="root"></div><script id="data" type="application/json">${data}</script>${program}`);
  execFileSync('chromium', [
    '--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--allow-file-access-from-files', `--user-data-dir=${join(work, 'profile')}`,
    `--window-size=1512,${height(dashboard)}`, '--virtual-time-budget=15000', ...(process.env.VERBOSE ? ['--enable-logging=stderr', '--v=0'] : []), `--screenshot=${taken}`, pathToFileURL(page).href,
  ], { stdio: ['ignore', 'ignore', process.env.VERBOSE ? 'inherit' : 'ignore'], timeout: 180_000 });
  const to = join(into, `${basename(file, '.json')}.png`);
  const { size } = await sharp(taken).png({ palette: true, colours: 128, effort: 10, compressionLevel: 9 }).toFile(to);
  console.log(`${to}: ${Math.round(size / 1024)} kB`);
}

try {
  const program = await bundle();
  const from = join(here, '../dashboards');
  for (const file of readdirSync(from).filter((file) => file.endsWith('.json'))) await picture(join(from, file), program);
} finally {
  rmSync(work, { recursive: true, force: true });
}
