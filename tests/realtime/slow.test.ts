import { expect, test } from 'bun:test';
import { type Any, Client, openChat } from '../support/chat.ts';
import { until } from '../support/wait.ts';

test('a stalled reader among a hundred is closed within five seconds and resumes whole; the others do not notice', async () => {
  await using chat = await openChat({ env: { WS_PER_USER: '200' } });
  const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
  const hall = await chat.room(ann, bob);
  const readers = await Promise.all(Array.from({ length: 99 }, () => ann.listens(hall)));
  const stalled = new Client(chat.node.url, { headers: { authorization: `Bearer ${bob.token}` }, library: 'ws' });
  await stalled.next('ready');
  await stalled.do('subscribe', { rooms: [{ roomId: hall.id }] });
  const raw = (stalled.socket as Any)._socket;
  raw.pause();
  (stalled.socket as Any)._receiver.pause?.();

  const from = performance.now();
  let owesSince = 0;
  let sent = 0;
  const text = 'x'.repeat(4_000);
  let slowest = 0;
  while (chat.node.services.gateway.sockets === 100) {
    const one = performance.now();
    await ann.says(hall, text);
    sent++;
    await readers[0]!.next('message.created', { seq: sent });
    slowest = Math.max(slowest, performance.now() - one);
    // The kernel takes some megabytes before Bun has to keep anything.
    if (owesSince === 0 && chat.node.services.gateway.owed > 524_288) owesSince = performance.now();
    if (performance.now() - from > 40_000) throw new Error(`not closed after ${sent} messages`);
  }
  expect(owesSince === 0 ? 0 : performance.now() - owesSince).toBeLessThan(5_000);
  expect(slowest).toBeLessThan(1_000);
  for (const reader of readers) {
    await reader.when('all', () => (reader.events(hall.id).length === sent ? true : undefined));
    expect(reader.closeCode).toBeUndefined();
  }
  raw.resume();
  const { code } = await stalled.closed;
  expect([1006, 4008]).toContain(code);
  const heard = stalled.events(hall.id).map((event) => event.seq);
  expect(heard).toEqual(Array.from({ length: heard.length }, (_, n) => n + 1));
  // It goes on where it stopped.
  const again = await bob.connect();
  let cursor = heard.length;
  while (cursor < sent) {
    const mark = again.frames.length;
    await again.do('subscribe', { rooms: [{ roomId: hall.id, after: cursor, epoch: hall.epoch }] }, 10_000);
    const gap = again.frames.slice(mark).find((frame) => frame.type === 'gap');
    if (gap) {
      expect(gap.reason).toBe('too_many');
      break;
    }
    const seqs = again.events(hall.id).map((event) => event.seq);
    expect(seqs).toEqual(Array.from({ length: sent - cursor }, (_, n) => cursor + 1 + n));
    cursor = sent;
  }
}, 60_000);

test('a reader who stops reading in between is told 4008 when he wakes in time', async () => {
  await using chat = await openChat();
  const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
  const hall = await chat.room(ann, bob);
  const client = new Client(chat.node.url, { headers: { authorization: `Bearer ${bob.token}` }, library: 'ws' });
  await client.next('ready');
  await client.do('subscribe', { rooms: [{ roomId: hall.id }] });
  const raw = (client.socket as Any)._socket;
  raw.pause();
  const { messages } = chat.node.services;
  const caller = { userId: ann.id, sessionId: '', role: 'user' as const };
  // Fill the kernel's buffers, then half a megabyte and a little of ours, and no more.
  while (chat.node.services.gateway.owed < 600_000) await messages.send(caller, hall.id, { content: 'x'.repeat(4_000) });
  const from = performance.now();
  await until('the node gives up on it', () => chat.node.services.gateway.sockets === 0, 5_000);
  expect(performance.now() - from).toBeGreaterThan(2_000);
  raw.resume();
  expect((await client.closed).code).toBe(4008);
}, 60_000);
