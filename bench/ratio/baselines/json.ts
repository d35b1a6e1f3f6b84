/**
 * R1's limit: bare Bun.serve that makes the same JSON for every request. The value is in BODY. With CONTRACT=true it also reads and says
 * what rest.md asks of every answer (host, path, the request's id, no-store, nosniff), as cheaply as we know how: what is left for the rest of an app.
 */
const value = JSON.parse(process.env.BODY ?? '{}') as unknown;
const said = { headers: new Headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'content-type': 'application/json' }) };
let made = 0;

const plain = (): Response => new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json' } });

function contract(request: Request): Response {
  const { headers, url } = request;
  if ((headers.get('host') ?? '').length < 4 || url.includes('%')) return new Response(null, { status: 421 });
  const response = Response.json(value, said);
  response.headers.set('x-request-id', headers.get('x-request-id') ?? `baseline-${(++made).toString(36)}`);
  return response;
}

const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: process.env.CONTRACT === 'true' ? contract : plain });
console.log(JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${server.port}` }));
