/** The README's first screen, pasted into a shell against a server of one's own. */
import { expect, test } from 'bun:test';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from './support/process.ts';

const README = join(import.meta.dir, '../README.md');
const PLAIN = 'http://127.0.0.1:3000';

/** The shell lines under each marked comment. */
async function pasted(): Promise<string[]> {
  const text = await readFile(README, 'utf8');
  return [...text.matchAll(/<!-- tests\/readme\.test\.ts runs .*? -->\n```sh\n([\s\S]*?)```/g)].map(([, lines]) => lines!);
}

test('two people talk, as the README says', async () => {
  const [talk, listen] = await pasted();
  const home = await mkdtemp(join(tmpdir(), 'parlour-readme-'));
  await using server = await startServer({ DATA_DIR: join(home, 'data') });
  const here = (lines: string): string =>
    lines
      .replaceAll(PLAIN, server.url)
      .replaceAll('ws://127.0.0.1:3000', server.url.replace('http', 'ws'))
      .replaceAll('npx -y bun@1.4.4', `'${process.execPath}'`);

  // Bob listens until he has heard what Ann says after he came.
  const script = `${here(talk!)}
    echo; echo "== $ROOM"
    export TOKEN=$BOB ROOM; ${here(listen!).trim().replace('TOKEN=$BOB ROOM=$ROOM ', '')} > "${home}/heard" & listener=$!
    for i in $(seq 100); do grep -q synced "${home}/heard" && break; sleep 0.05; done
    post /rooms/$ROOM/messages '{"content":"Are you there?"}' $ANN > /dev/null
    for i in $(seq 100); do grep -q 'Are you there' "${home}/heard" && break; sleep 0.05; done
    kill $listener; wait $listener; cat "${home}/heard"`;
  const shell = Bun.spawn(['bash', '-c', script], { stdout: 'pipe', stderr: 'pipe' });
  const output = await new Response(shell.stdout).text();
  expect(await new Response(shell.stderr).text()).toBe('');
  expect(output.match(/Good evening, Bob!/g)?.length).toBeGreaterThanOrEqual(3); // posted, read, found
  expect(output).toContain('"highlights"');
  expect(output.slice(output.indexOf('=='))).toContain('Are you there?');
  await rm(home, { recursive: true, force: true });
});

test('the commands that everybody relies on are there, to the letter', async () => {
  const lines = (await readFile(README, 'utf8')).split('\n');
  expect(lines).toContain('npx -y bun@1.4.4 run start');
  expect(lines).toContain('npx -y bun@1.4.4 run test');
});
