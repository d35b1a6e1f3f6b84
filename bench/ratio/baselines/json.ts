/** R1's limit: bare Bun.serve that makes the same JSON for every request. The value is in BODY. */
const value = JSON.parse(process.env.BODY ?? '{}') as unknown;
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: () => new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json' } }),
});
console.log(JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${server.port}` }));
