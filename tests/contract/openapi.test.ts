/** The served OpenAPI: complete, clean for a linter that works offline, and true of the answers to a day in a chat's life. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer } from './client.ts';
import { type Document, type Operation, readDocument } from './document.ts';
import { PASSWORD, type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
let document: Document;

beforeAll(async () => {
  server = await startServer();
  document = await readDocument(server);
});
afterAll(() => server.stop());

/** rest.md's table of routes and what is outside /api/v1. */
const ROUTES = `
  POST /auth/register, POST /auth/login, POST /auth/refresh, POST /auth/verify, POST /auth/logout, GET /auth/sessions, DELETE /auth/sessions/{}, DELETE /auth/sessions, POST /auth/tickets,
  GET /users, GET /users/me, PATCH /users/me, PUT /users/me/password, POST /users/me/delete, GET /users/{}, PATCH /users/{}, DELETE /users/{}, PUT /users/{}/password, GET /users/{}/rooms, PUT /users/{}/conversation,
  POST /rooms, GET /rooms, GET /rooms/{}, PATCH /rooms/{}, PUT /rooms/{}, DELETE /rooms/{}, GET /rooms/{}/members, POST /rooms/{}/members, GET /rooms/{}/members/{}, PATCH /rooms/{}/members/{}, DELETE /rooms/{}/members/{},
  POST /rooms/{}/join, POST /rooms/{}/leave, POST /rooms/{}/invites, GET /rooms/{}/invites, DELETE /rooms/{}/invites/{}, GET /invites/{}, POST /invites/{}/accept,
  POST /rooms/{}/messages, GET /rooms/{}/messages, GET /rooms/{}/events, PUT /rooms/{}/read, GET /messages, GET /messages/{}, PATCH /messages/{}, PUT /messages/{}, DELETE /messages/{},
  POST /messages/{}/read, GET /messages/{}/readers, GET /stats`;
const OUTSIDE = ['GET /livez', 'GET /readyz', 'GET /metrics', 'GET /docs', 'GET /openapi.json', 'GET /errors/{}', 'GET /api/v1', 'GET /ws', 'GET /ws/chat/{}'];

describe('the document', () => {
  test('leaves the server as it was: sockets open after it was read as before', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`);
    const opened = await new Promise((done) => {
      socket.onopen = () => done(true);
      socket.onclose = () => done(false);
    });
    socket.close();
    expect(opened).toBe(true);
  });

  test('holds every operation of the contract', () => {
    const wanted = [...ROUTES.split(',').map((line) => line.trim().replace(' /', ' /api/v1/')), ...OUTSIDE];
    const found = document.operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`);
    expect(wanted.filter((one) => !found.includes(one))).toEqual([]);
  });

  test('is of version 3.0.3 or 3.1 and gives every operation an id, security, statuses and schemas', () => {
    expect(document.document.openapi).toMatch(/^3\.(0\.3|1\.\d)$/);
    const ids = document.operations.map(({ id }) => id);
    expect(ids.every((id) => /^[a-z][A-Za-z]+$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, path, method, responses } of document.operations) {
      const { security, parameters = [] } = document.document.paths[path][method.toLowerCase()];
      expect([id, Array.isArray(security)]).toEqual([id, true]);
      const statuses = Object.keys(responses);
      expect([id, statuses.some((status) => status < '400'), statuses.includes('405')]).toEqual([id, true, false]);
      for (const [status, { content }] of Object.entries(responses)) {
        expect([id, status, content === undefined || Object.values(content).every(({ schema }) => schema !== undefined)]).toEqual([id, status, true]);
        if (Number(status) >= 400) expect([id, status, Object.keys(content ?? {})]).toEqual([id, status, ['application/problem+json']]);
      }
      for (const [, name] of path.matchAll(/\{(\w+)\}/g))
        expect([id, parameters.some((one: { name: string; in: string }) => one.in === 'path' && one.name === name)]).toEqual([id, true]);
    }
  });

  test('names the statuses that the contract’s checks can give', () => {
    for (const { id, path, method, open, body, parameters, responses } of document.operations) {
      if (!path.startsWith('/api/v1/')) continue;
      const wanted = ['400', '421', '429', '500', '503'];
      if (!open) wanted.push('401', '403');
      if (body) wanted.push('413', '415', '422');
      if (parameters.some((one) => one.in === 'query')) wanted.push('422');
      if (path.includes('{')) wanted.push('404');
      expect([id, method, wanted.filter((status) => !(status in responses))]).toEqual([id, method, []]);
    }
  });

  test('passes the linter, which asks nobody on the network', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'parlour-openapi-'));
    try {
      await Bun.write(join(folder, 'openapi.json'), JSON.stringify(document.document));
      // The opening of a socket is answered 101: there is no 2XX to tell of.
      await Bun.write(join(folder, 'redocly.yaml'), 'extends: [recommended]\nrules:\n  operation-2xx-response: off\n');
      const lint = Bun.spawn(
        [
          process.execPath,
          'x',
          '--no-install',
          'redocly',
          'lint',
          join(folder, 'openapi.json'),
          '--config',
          join(folder, 'redocly.yaml'),
          '--format',
          'stylish',
        ],
        {
          cwd: join(import.meta.dir, '../..'),
          env: {
            ...process.env,
            REDOCLY_TELEMETRY: 'off',
            REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
            NO_COLOR: '1',
            HTTPS_PROXY: 'http://127.0.0.1:9',
            HTTP_PROXY: 'http://127.0.0.1:9',
          },
          stdout: 'pipe',
          stderr: 'pipe',
        },
      );
      const [out, err, code] = await Promise.all([new Response(lint.stdout).text(), new Response(lint.stderr).text(), lint.exited]);
      expect({ code, problems: /\b(?:error|warning)\b/.test(out) ? out + err : '' }).toEqual({ code: 0, problems: '' });
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);
});

describe('the answers of a day', () => {
  const seen = new Map<string, Set<number>>();
  const faults: string[] = [];

  /** Asks and holds the answer against the document. */
  async function tell(who: Person | null, id: string, values: Record<string, string> = {}, body?: unknown, query = ''): Promise<Answer> {
    const operation = document.operations.find((one) => one.id === id) as Operation;
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name] ?? 'nothing'));
    const answer = await server.ask(operation.method, path + query, { token: who?.token, body });
    const fault = document.fault(operation, answer);
    if (fault) faults.push(`${id}: ${fault}`);
    seen.set(id, (seen.get(id) ?? new Set()).add(answer.status));
    return answer;
  }

  test('are documented, and match their schemas', async () => {
    const [ann, bob, cleo] = [
      await person(server, 'ann', { email: 'ann@example.org', firstName: 'Ann' }),
      await person(server, 'bob'),
      await person(server, 'cleo'),
    ];
    const admin = await server.admin();
    const { json: room } = await tell(ann, 'createRoom', {}, { name: 'Hall', visibility: 'public', memberIds: [bob.id] });
    const roomId = room.id as string;
    const { json: message } = await tell(bob, 'sendMessage', { roomId }, { content: 'hello', clientMessageId: 'a-1' });
    const messageId = message.id as string;
    await tell(bob, 'sendMessage', { roomId }, { content: 'hello', clientMessageId: 'a-1' });
    await tell(bob, 'sendMessage', { roomId }, { content: 'other', clientMessageId: 'a-1' });
    await tell(ann, 'sendMessage', { roomId }, { content: 'hello back', replyTo: messageId });
    await tell(ann, 'sendMessage', { roomId }, {});
    for (const id of ['readHistory', 'readEvents', 'readRoom', 'listMembers', 'listInvites']) await tell(ann, id, { roomId });
    await tell(cleo, 'readHistory', { roomId });
    await tell(ann, 'readHistory', { roomId }, undefined, '?before=1&after=1');
    await tell(ann, 'markRead', { roomId }, { seq: 1 });
    await tell(ann, 'markMessageRead', { messageId });
    await tell(ann, 'listReaders', { messageId }, undefined, '?total=true');
    await tell(ann, 'findMessages');
    await tell(ann, 'findMessages', {}, undefined, '?search=hel&sort=relevance&total=true');
    await tell(ann, 'findMessages', {}, undefined, '?sort=relevance');
    await tell(bob, 'editMessage', { messageId }, { content: 'hello!' });
    await tell(bob, 'replaceMessage', { messageId }, { content: 'hello!!' });
    await tell(ann, 'editMessage', { messageId }, { content: 'mine' });
    await tell(ann, 'readMessage', { messageId });
    await tell(bob, 'deleteMessage', { messageId });
    await tell(bob, 'editMessage', { messageId }, { content: 'too late' });
    await tell(ann, 'readMessage', { messageId });
    await tell(ann, 'listRooms', {}, undefined, '?total=true');
    await tell(cleo, 'listRooms', {}, undefined, '?scope=public&query=hall&total=true');
    await tell(cleo, 'readRoom', { roomId });
    await tell(ann, 'listUserRooms', { userId: 'me' });
    await tell(admin, 'listUserRooms', { userId: ann.id }, undefined, '?total=true');
    await tell(ann, 'changeRoom', { roomId }, { description: 'Where everybody meets.' });
    await tell(ann, 'replaceRoom', { roomId }, { name: 'Hall', description: '', visibility: 'public' });
    await tell(ann, 'addMember', { roomId }, { userId: cleo.id });
    await tell(ann, 'addMember', { roomId }, { username: cleo.username });
    await tell(ann, 'changeMember', { roomId, userId: cleo.id }, { role: 'moderator' });
    await tell(ann, 'changeMember', { roomId, userId: ann.id }, { role: 'member' });
    await tell(ann, 'readMember', { roomId, userId: 'me' });
    await tell(ann, 'removeMember', { roomId, userId: cleo.id });
    await tell(cleo, 'joinRoom', { roomId });
    await tell(cleo, 'leaveRoom', { roomId });
    await tell(ann, 'leaveRoom', { roomId });
    const { json: invite } = await tell(ann, 'createInvite', { roomId }, { maxUses: 2, expiresAt: '2099-01-01T00:00:00Z' });
    await tell(ann, 'listInvites', { roomId }, undefined, '?total=true');
    await tell(cleo, 'readInvite', { code: invite.code });
    await tell(cleo, 'acceptInvite', { code: invite.code });
    await tell(ann, 'revokeInvite', { roomId, code: invite.code });
    await tell(cleo, 'acceptInvite', { code: invite.code });
    await tell(ann, 'readEvents', { roomId }, undefined, '?limit=500');
    const { json: conversation } = await tell(ann, 'openConversation', { userId: bob.id });
    await tell(bob, 'openConversation', { userId: ann.id });
    await tell(ann, 'openConversation', { userId: 'me' });
    await tell(bob, 'sendMessage', { roomId: conversation.id }, { content: 'between us' });
    await tell(ann, 'listRooms');
    await tell(ann, 'listMembers', { roomId: conversation.id }, undefined, '?total=true');

    await tell(ann, 'listUsers', {}, undefined, '?total=true');
    await tell(admin, 'listUsers', {}, undefined, '?disabled=false&limit=2');
    await tell(ann, 'listUsers', {}, undefined, '?disabled=true');
    for (const who of [ann, bob, admin]) await tell(who, 'readUser', { userId: ann.id });
    await tell(ann, 'readMe');
    await tell(ann, 'changeMe', {}, { lastName: 'Lee', email: null });
    await tell(ann, 'changeMe', {}, { username: bob.username, password: PASSWORD });
    await tell(ann, 'changeMe', {}, { username: 'ann.lee', password: 'wrong' });
    await tell(admin, 'changeUser', { userId: cleo.id }, { disabled: true });
    await tell(cleo, 'readMe');
    await tell(admin, 'listUsers', {}, undefined, '?disabled=true');
    await tell(admin, 'setPassword', { userId: bob.id }, { newPassword: 'quite another one' });
    await tell(bob, 'readMe');
    await tell(admin, 'deleteUser', { userId: cleo.id });
    await tell(ann, 'listMembers', { roomId });
    await tell(ann, 'readEvents', { roomId }, undefined, '?limit=500');
    await tell(ann, 'readStats');
    await tell(ann, 'readAbout');

    await tell(null, 'register', {}, { username: 'dora', password: PASSWORD, passwordConfirm: PASSWORD, email: 'dora@example.org' });
    await tell(null, 'register', {}, { username: 'DORA', password: PASSWORD, email: 'Dora@example.org' });
    await tell(null, 'register', {}, { username: 'd', password: '12345678', passwordConfirm: 'x' });
    const { json: signedIn } = await tell(null, 'login', {}, { login: 'dora', password: PASSWORD });
    await tell(null, 'login', {}, { login: 'dora', password: 'wrong' });
    const dora = { token: signedIn.accessToken } as Person;
    await tell(null, 'verify', {}, { token: signedIn.accessToken });
    await tell(null, 'verify', {}, { token: 'rubbish' });
    await tell(null, 'refresh', {}, { refreshToken: signedIn.refreshToken });
    await tell(null, 'refresh', {}, { refreshToken: 'rubbish' });
    await tell(dora, 'buyTicket');
    const { json: sessions } = await tell(dora, 'listSessions', {}, undefined, '?total=true');
    await tell(dora, 'endSession', { sessionId: sessions.items.find((one: { current: boolean }) => !one.current).id });
    await tell(dora, 'endSession', { sessionId: 'nothing' });
    await tell(dora, 'endOtherSessions');
    await tell(dora, 'changeMyPassword', {}, { currentPassword: 'wrong', newPassword: 'a better one now' });
    await tell(dora, 'changeMyPassword', {}, { currentPassword: PASSWORD, newPassword: 'a better one now' });
    const { json: again } = await tell(null, 'login', {}, { login: 'dora@example.org', password: 'a better one now' });
    await tell({ token: again.accessToken } as Person, 'logout');
    await tell({ token: again.accessToken } as Person, 'readMe');
    await tell(dora, 'deleteMe', {}, { password: 'a better one now' });
    await tell(dora, 'readMe');
    await tell(ann, 'deleteRoom', { roomId });
    for (const id of ['readLiveness', 'readReadiness', 'readMetrics', 'readDocs', 'readSocketDocs', 'readOpenApi', 'openSocket', 'openRoomSocket']) {
      if (document.operations.some((one) => one.id === id)) await tell(null, id, { roomId });
    }
    await tell(null, 'readErrorPage', { code: 'invalid' });
    await tell(null, 'readErrorPage', { code: 'nothing' });
    await tell(null, 'readDocsAsset', { asset: 'swagger-ui.css' });

    expect(faults).toEqual([]);
    const untold = document.operations.map(({ id }) => id).filter((id) => ![...(seen.get(id) ?? [])].some((status) => status < 400 || status === 426));
    expect(untold).toEqual([]);
  });
});
