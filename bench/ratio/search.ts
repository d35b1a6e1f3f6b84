/** R12: the search endpoint beside pgbench with the very statements that the endpoint sends for the same questions. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSearchQueries } from '../../src/messages/search-queries.ts';
import { createSearch } from '../../src/messages/search-service.ts';
import { request } from '../client/http.ts';
import { drive } from '../client/driver.ts';
import { move } from '../cores.ts';
import { readTexts } from '../dataset.ts';
import { searchKinds } from '../kinds.ts';
import { type House, moveDatabase } from '../parlour.ts';
import type { Comparison } from './pairs.ts';
import { pgbench } from './pgbench.ts';
import { spendingOf } from '../shares.ts';
import type { Stage } from './stage.ts';
import { openCatcher, type Statement } from './statements.ts';

const CLIENTS = 16;
const LIMIT = 25;
/** What people mostly search for; rarer kinds are in growth.ts. */
const KINDS = ['rare word', 'medium word', 'word in every tenth', 'prefix', 'phrase'];
const SAMPLE = join(import.meta.dir, '../corpus/sample.tsv.gz');

/** `only` the statement that brings the page: then the limit need not look for the way to it. */
export function r12(only: 'all' | 'page') {
  return async (stage: Stage): Promise<Comparison> => {
    const { house, ms, tokens } = stage;
    const dataset = house.dataset!;
    const questions = searchKinds(dataset, await readTexts(SAMPLE))
      .filter(({ name }) => KINDS.includes(name))
      .flatMap(({ queries }) => queries);
    const server = await stage.open({ share: 'all' });
    // Both use all cores: the limit has no server of its own that could be given one.
    await moveDatabase(house, 'all');
    move(server.pid, 'all');

    await using catcher = openCatcher(house.databaseUrl);
    const search = createSearch({ queries: createSearchQueries(catcher.db) });
    const caller = { userId: dataset.everywhere, sessionId: '', role: 'user' as const };
    const scripts: Statement[][] = [];
    for (const question of questions) {
      const sent = await catcher.caught(() => search.find(caller, { ...question, limit: LIMIT }));
      scripts.push(only === 'page' ? sent.slice(-1) : sent);
    }
    const requests = questions.map((question) =>
      request('GET', `/api/v1/messages?${new URLSearchParams({ ...question, limit: String(LIMIT) })}`, { token: tokens[0] }),
    );
    const files = await writeScripts(house.sql, house.dataDir, scripts);
    const spentBy = await spendingOf(server.pid, house.sql);
    const statements = scripts.flat().length / scripts.length;
    return {
      id: 'R12',
      title: only === 'all' ? 'search endpoint / its statements in pgbench' : 'search endpoint / in pgbench only the statement that finds the page',
      unit: 'searches/s',
      aim: 0.7,
      better: 'more',
      note: `${dataset.messages.toLocaleString('en-US')} messages, ${questions.length} questions (${KINDS.join(', ')}), ${CLIENTS} connections and clients, prepared, ${statements.toFixed(1)} statements a search in pgbench`,
      async ours() {
        await moveDatabase(house, 'all');
        const before = spentBy();
        const { rate, done, driverMicros, loss } = await drive(
          { job: 'get', where: { host: server.host, port: server.port }, connections: CLIENTS, ms, requests },
          { pid: server.pid, share: 'all' },
        );
        return { value: rate, parts: { driver: driverMicros, ...spentBy(before, done) }, loss };
      },
      async limit() {
        let driver = 0;
        const before = spentBy();
        const value = await pgbench(house.databaseUrl, files, ms, {}, CLIENTS, (seconds) => {
          driver = seconds;
        });
        const done = (value * ms) / 1_000;
        return { value, parts: { driver: (driver / done) * 1e6, postgres: spentBy(before, done).postgres } };
      },
    };
  };
}

/**
 * Questions with the same statements share a script and so their prepared statements, as in the server; a script draws one of its
 * questions from a small table by key, which costs the limit one statement more than ours.
 */
async function writeScripts(sql: House['sql'], folder: string, questions: readonly Statement[][]): Promise<string[]> {
  const groups = Map.groupBy(questions, (statements) => JSON.stringify(statements.map(({ text }) => text)));
  await sql`create table if not exists bench_questions (script int, n int, values text[], primary key (script, n))`;
  await sql`truncate bench_questions`;
  const files: string[] = [];
  for (const [script, alike] of [...groups.values()].entries()) {
    for (const [n, statements] of alike.entries()) {
      const values = statements.flatMap(({ parameters }) => parameters.map(String));
      await sql`insert into bench_questions values (${script}, ${n + 1}, ${values}::text[])`;
    }
    let taken = 0;
    const lines = alike[0]!.map(({ text, parameters }) => {
      const from = taken;
      taken += parameters.length;
      return `${text.replaceAll(/\$(\d+)/g, (_, number: string) => `:p${from + Number(number)}`)};`;
    });
    const drawn = Array.from({ length: taken }, (_, at) => `values[${at + 1}] as p${at + 1}`).join(', ');
    const file = join(folder, `${script}.sql`);
    const draw = `\\set n random(1, ${alike.length})\nselect ${drawn} from bench_questions where script = ${script} and n = :n \\gset`;
    writeFileSync(file, `${draw}\n${lines.join('\n')}\n`);
    files.push(`${file}@${alike.length}`);
  }
  await sql`analyze bench_questions`;
  return files;
}
