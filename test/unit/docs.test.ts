/** What the pages say that a machine can check: links, options, npm scripts, the agent's own words. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import test from 'ava';
import { entries, optionName } from '../../src/cli/options.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const pages = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'packaging/**/*.md'], { cwd: CHECKOUT }).toSorted();
const read = (page: string) => readFileSync(join(CHECKOUT, page), 'utf8');

/** As GitHub makes them of headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\- _]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test('every link within leads somewhere, to the heading if it names one', (t) => {
  for (const page of pages) {
    for (const [, target = ''] of read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : relative(CHECKOUT, join(CHECKOUT, dirname(page), path));
      t.true(existsSync(join(CHECKOUT, file)), `${page}: ${target}`);
      if (anchor !== undefined) t.true(anchorsOf(read(file)).has(anchor), `${page}: ${target}`);
    }
  }
});

test('every option and npm script that a page names exists', (t) => {
  const { scripts } = JSON.parse(read('package.json'));
  const options = new Set(
    entries.flatMap(([key, { aliases }]) => [optionName(key), `no-${optionName(key)}`, ...aliases]),
  );
  // Charts have commands of other programs; decisions and the change log speak of their time.
  for (const page of pages.filter((name) => /^(README|CONTRIBUTING|docs\/[\w-]+|examples\/.*)\.md$/.test(name))) {
    const text = read(page);
    for (const [, name = ''] of text.matchAll(/npm run ([\w:-]+)/g))
      t.true(name in scripts, `${page}: npm run ${name}`);
    for (const [, name = ''] of text.matchAll(/sockflow(?: \w+)?(?: [^`\n|]*?)? --(?:\[no-\])?([a-z][a-z-]+)/g))
      t.true(options.has(name) || ['help', 'version', 'schema'].includes(name), `${page}: --${name}`);
  }
});

test('what troubleshooting quotes is what the agent says', (t) => {
  const sources = globSync(['src/**/*.ts', 'native/**/*.cc'], { cwd: CHECKOUT }).map(read).join('\n');
  const firstCells = [...read('docs/troubleshooting.md').matchAll(/^\| `([^`|]+)`/gm)].map(([, quoted = '']) => quoted);
  t.true(firstCells.length > 8);
  for (const quoted of firstCells) {
    const said = quoted
      .replace(/^missing CAP_BPF$/, 'missing ')
      .replace(/^Linux 5\.15 /, '')
      .replace(/^cannot load/, 'load');
    const known = sources.includes(said) || sources.includes(said.replace(/: Operation not permitted$/, ''));
    t.true(known, quoted);
  }
});
