/** A peer whose machine is gone: the server goes on sending to him without an error, and only his silence tells. */
import { expect, test } from 'bun:test';
import { openProxy } from '../support/proxy.ts';
import { until } from '../support/wait.ts';
import { openStage } from './stage.ts';

const IDLE_SECONDS = 2;

test('a half-open peer is closed by the inbound clock though he is sent to all the time, and resumes whole', async () => {
  await using stage = await openStage({ nodes: 1, env: { WS_HEARTBEAT_SECONDS: '1', WS_IDLE_SECONDS: String(IDLE_SECONDS) } });
  const [node] = stage.nodes;
  await using proxy = openProxy({ port: Number(new URL(node!.url).port) });
  let isGone = false;
  const urls = () => (isGone ? [node!.url] : [`http://127.0.0.1:${proxy.port}`]);
  const away = await stage.reader(stage.people[4]!, urls);
  const other = await stage.reader(stage.people[5]!, [node!.url]);
  const load = stage.load({ urls: () => [node!.url] });
  await stage.warm(load, 100);
  proxy.isolate();
  isGone = true;
  const from = performance.now();
  await until('the server closes him', () => away.closes.length > 0, 10_000);
  const closedMs = performance.now() - from;
  const metrics = await (await fetch(`${node!.url}/metrics`)).text();
  expect(metrics).toContain('parlour_socket_closes_total{code="4012"} 1');
  await until('he is back', () => away.ready, 3_000);
  expect(await stage.verdict('half-open peer', load, () => ({ closedMs }))).toEqual([]);
  expect(other.closes).toEqual([]);
  expect(load.failures).toEqual([]);
  // Counted from his last word, which may have been up to a heartbeat (and its fifth) before.
  expect(closedMs).toBeGreaterThan(500);
  expect(closedMs).toBeLessThan(IDLE_SECONDS * 1_000 + 1_000);
}, 40_000);
