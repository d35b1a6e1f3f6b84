/** The rules of ARCHITECTURE.md about who may know whom, held up by reading the imports. */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(import.meta.dir, '..');
const FEATURES = ['auth', 'users', 'rooms', 'messages', 'realtime'];

type Source = { path: string; text: string; imports: string[] };

const transpiler = new Bun.Transpiler({ loader: 'ts' });
const sources: Source[] = [...new Bun.Glob('src/**/*.ts').scanSync(ROOT)].sort().map((path) => {
  const text = readFileSync(join(ROOT, path), 'utf8');
  // Types are gone by now: what remains is what a file really depends on.
  const imports = transpiler.scanImports(text).map((one) => (one.path.startsWith('.') ? relative(ROOT, join(ROOT, dirname(path), one.path)) : one.path));
  return { path, text, imports };
});

const featureOf = (path: string): string | undefined => FEATURES.find((feature) => path.startsWith(`src/${feature}/`));
const isPackage = (name: string) => (one: string) => one === name || one.startsWith(`${name}/`);
/** Files outside of `allowed` that import something that `matches`. */
const strangers = (matches: (imported: string) => boolean, allowed: RegExp): string[] =>
  sources.filter(({ path, imports }) => !allowed.test(path) && imports.some(matches)).map(({ path }) => path);
const without = (pattern: RegExp, allowed = /^$/): string[] =>
  sources.filter(({ path, text }) => !allowed.test(path) && pattern.test(text)).map(({ path }) => path);

test('there is something to look at', () => {
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.find(({ path }) => path === 'src/main.ts')?.imports).toContain('src/services.ts');
});

describe('packages stay behind their doors:', () => {
  test('elysia in routes, models, http and app', () => {
    expect(strangers(isPackage('elysia'), /\/(routes|model)\.ts$|^src\/http\/|^src\/app\.ts$/)).toEqual([]);
    expect(strangers((one) => one.startsWith('@elysiajs/'), /\/routes\.ts$|^src\/http\/|^src\/auth\/access-token\.ts$/)).toEqual([]);
  });
  test('drizzle in queries and db', () => expect(strangers(isPackage('drizzle-orm'), /queries\.ts$|^src\/db\//)).toEqual([]));
  test('the Postgres driver in db', () => expect(strangers(isPackage('postgres'), /^src\/db\//)).toEqual([]));
  test('ioredis in redis.ts', () => expect(strangers(isPackage('ioredis'), /^src\/redis\.ts$/)).toEqual([]));
  test('the environment in config.ts', () => expect(without(/process\.env|Bun\.env|import\.meta\.env/, /^src\/config\.ts$/)).toEqual([]));
  test('ServerWebSocket in realtime', () => expect(without(/\bServerWebSocket\b/, /^src\/realtime\//)).toEqual([]));
});

describe('dependencies point one way:', () => {
  test('no feature imports another, except its models', () => {
    const crossings = sources.flatMap(({ path, imports }) =>
      imports
        .filter((one) => featureOf(path) && featureOf(one) && featureOf(one) !== featureOf(path) && !one.endsWith('/model.ts'))
        .map((one) => `${path} → ${one}`),
    );
    expect(crossings).toEqual([]);
  });
  test('models know nothing but models, limits and the shapes of checking', () => {
    const known = sources
      .filter(({ path }) => path.endsWith('/model.ts'))
      .flatMap(({ path, imports }) =>
        imports.filter((one) => one.startsWith('src/') && !/\/model\.ts$|^src\/(limits|errors)\.ts$|^src\/lib\//.test(one)).map((one) => `${path} → ${one}`),
      );
    expect(known).toEqual([]);
  });
  test('queries and services know no routes, and nobody but the command line and the process knows services.ts', () => {
    expect(
      sources.filter(({ path }) => /(queries|service)\.ts$/.test(path)).flatMap(({ imports }) => imports.filter((one) => /routes\.ts$|^src\/http\//.test(one))),
    ).toEqual([]);
    expect(strangers((one) => one === 'src/services.ts', /^src\/(main|app)\.ts$|^src\/cli\//)).toEqual([]);
  });
  test('lib and db know no feature', () => {
    const crossings = sources
      .filter(({ path }) => /^src\/(lib|db)\//.test(path))
      .flatMap(({ path, imports }) => imports.filter((one) => featureOf(one)).map((one) => `${path} → ${one}`));
    expect(crossings).toEqual([]);
  });
});

describe('craft:', () => {
  test('every file says first what it is for', () =>
    expect(sources.filter(({ text }) => !/^(#!.*\n)?\/\*\*[\s\S]+?\*\//.test(text)).map(({ path }) => path)).toEqual([]));
  test('no file is a cellar', () => expect(sources.filter(({ text }) => text.split('\n').length > 350).map(({ path }) => path)).toEqual([]));
  test('file names are kebab-case and say what they are', () => {
    expect(sources.filter(({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(path.split('/').at(-1)!)).map(({ path }) => path)).toEqual([]);
    expect(sources.filter(({ path }) => /(dto|impl|manager|helpers?|utils?|index)\.ts$/.test(path)).map(({ path }) => path)).toEqual([]);
  });
  test('nothing is exported by default', () => expect(without(/^export default\b/m)).toEqual([]));
  test('nothing is left for later', () => expect(without(/\b(TODO|FIXME|XXX)\b|not implemented/)).toEqual([]));
  test('no test is skipped or runs alone', () => {
    const tests = [...new Bun.Glob('tests/**/*.ts').scanSync(ROOT)].filter((path) => path !== 'tests/architecture.test.ts');
    expect(tests.filter((path) => /\b(test|it|describe)\.(skip|only|todo)\b|skipIf\(/.test(readFileSync(join(ROOT, path), 'utf8')))).toEqual([]);
  });
});
