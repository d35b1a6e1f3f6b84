/** The documentation as it is served: /openapi.json, the reference pages and a page for every error code. All of it works without the internet. */
import { Elysia, type AnyElysia } from 'elysia';
import { swagger } from '@elysiajs/swagger';
import { ERRORS, type ErrorCode, notFound } from '../errors.ts';
import type { Config } from '../config.ts';
import { answerHeaders } from './headers.ts';
import type { Gate } from './gate.ts';
import { DOC, type RouteDoc } from './door.ts';
import { openApiOf, type Skeleton } from './openapi.ts';
import { problemResponse } from './problems.ts';

/** Swagger UI's own files, out of the package: nothing else of it is reachable. */
const ASSETS: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

const page = (title: string, body: string, head = '') =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title} · Parlour</title>${head}</head><body>${body}</body></html>`;

const STYLE =
  '<style>body{font:16px/1.6 system-ui,sans-serif;max-width:50rem;margin:3rem auto;padding:0 1rem}code,pre{font:14px/1.5 ui-monospace,monospace}pre{background:#8881;padding:.6rem;overflow:auto}table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}</style>';

type Headers = ReturnType<typeof answerHeaders>;

const html = (headers: Headers, text: string) =>
  new Response(text, { headers: { ...headers, 'content-type': 'text/html; charset=utf-8', 'content-security-policy': CSP } });

const missing = (headers: Headers) => problemResponse(notFound(), headers['x-request-id'], headers);

const REFERENCE = page(
  'API reference',
  '<p style="font:16px system-ui;margin:1rem 2rem"><a href="/docs/socket">The socket protocol</a> · <a href="/openapi.json">openapi.json</a></p><div id="reference"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>',
  '<link rel="stylesheet" href="/docs/swagger-ui.css"><link rel="icon" href="/docs/favicon-32x32.png">',
);
const START = "SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, persistAuthorization: false });";

/** What the routes say of themselves, by operationId: the collector's JSON would lose what is not data. */
const wordsOf = (app: AnyElysia): Map<string, RouteDoc> =>
  new Map(
    app.routes.flatMap(({ hooks }) => {
      const doc = (hooks?.detail as { [DOC]?: RouteDoc } | undefined)?.[DOC];
      return doc ? [[doc.operationId, doc] as const] : [];
    }),
  );

/** `app` is what is documented; `socketReference` the inner HTML of the protocol's page. */
export function docsRoutes({
  config,
  gate,
  app,
  version,
  socketReference,
}: {
  config: Config;
  gate: Gate;
  app: () => AnyElysia;
  version: string;
  socketReference: string;
}) {
  let document: string | undefined;

  /** Made once, at the first asking: most servers are never asked. */
  async function openApi(): Promise<string> {
    if (document) return document;
    // The routes alone, not `.use(app())`: an app that is used by another one loses its server, and no socket would open again.
    const collector = new Elysia();
    for (const { method, path, hooks } of app().routes) collector.route(method, path, () => '', { detail: (hooks as { detail?: object } | undefined)?.detail });
    collector.use(swagger({ path: '/skeleton', excludeStaticFile: false, exclude: [/^\/skeleton/] }));
    const response = await collector.handle(new Request('http://localhost/skeleton/json'));
    if (!response.ok) throw new Error(`The paths could not be collected: ${response.status}`);
    document = JSON.stringify(openApiOf((await response.json()) as Skeleton, wordsOf(app()), version));
    return document;
  }

  return new Elysia({ name: 'docs' })
    .get(
      '/openapi.json',
      async ({ request }) => new Response(await openApi(), { headers: { ...answerHeaders(request, config), 'content-type': 'application/json' } }),
      gate.hook,
    )
    .get('/docs', ({ request }) => html(answerHeaders(request, config), REFERENCE), gate.hook)
    .get('/docs/socket', ({ request }) => html(answerHeaders(request, config), page('Socket protocol', socketReference, STYLE)), gate.hook)
    .get(
      '/docs/:asset',
      ({ request, params: { asset } }) => {
        const own = answerHeaders(request, config);
        const headers = { ...own, 'cache-control': 'public, max-age=3600' };
        if (asset === 'start.js') return new Response(START, { headers: { ...headers, 'content-type': ASSETS['swagger-ui-bundle.js']! } });
        const type = Object.hasOwn(ASSETS, asset) ? ASSETS[asset]! : undefined;
        return type
          ? new Response(Bun.file(new URL(import.meta.resolve(`swagger-ui-dist/${asset}`))), { headers: { ...headers, 'content-type': type } })
          : missing(own);
      },
      gate.hook,
    );
}

/** `type` of a problem is a path of the server itself: here is what it leads to. */
export const errorPages = (config: Config, gate: Gate) =>
  new Elysia({ name: 'errors' }).get(
    '/errors/:code',
    ({ request, params: { code } }) => {
      const headers = answerHeaders(request, config);
      if (!Object.hasOwn(ERRORS, code)) return missing(headers);
      const { status, title, temporary, closes } = ERRORS[code as ErrorCode];
      const again = temporary
        ? 'The same request may succeed later: wait for <code>Retry-After</code> and repeat it.'
        : 'The same request will fail again until something changes.';
      return html(
        headers,
        page(
          code,
          `<h1><code>${code}</code></h1><p>${title}.</p><p>HTTP status ${status}; a socket that it ends is closed with ${closes}.</p><p>${again}</p><p><a href="/docs">API reference</a></p>`,
          STYLE,
        ),
      );
    },
    gate.hook,
  );
