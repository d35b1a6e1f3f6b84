/** The served OpenAPI as tests use it: its operations, and whether an answer is one that it documents. */
import Ajv from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import type { Client, Json } from './client.ts';

export type Operation = {
  id: string;
  method: string;
  path: string;
  open: boolean;
  parameters: { name: string; in: 'path' | 'query'; schema: Json; example?: Json }[];
  body: Json | undefined;
  responses: Record<string, { content?: Record<string, { schema: Json }> }>;
};
export type Seen = { status: number; headers: Headers; text: string };

export async function readDocument(client: Client) {
  const document: Json = (await client.ask('GET', '/openapi.json')).json;
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
  (addFormats as unknown as (ajv: Ajv, options: unknown) => void)(ajv, { mode: 'full' });
  ajv.addSchema({ $id: 'doc', ...document });
  const validators = new Map<string, (value: unknown) => string | undefined>();

  const operations: Operation[] = Object.entries(document.paths as Record<string, Json>).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Json>).map(([method, operation]) => ({
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      open: operation.security?.length === 0,
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content['application/json'].schema,
      responses: operation.responses,
    })),
  );

  function validator({ method, path }: Operation, status: string, type: string) {
    const at = ['paths', path, method.toLowerCase(), 'responses', status, 'content', type, 'schema'].map((part) =>
      encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
    );
    const key = at.join('/');
    let known = validators.get(key);
    if (!known) {
      const validate = ajv.compile({ $ref: `doc#/${key}` });
      known = (value) => (validate(value) ? undefined : ajv.errorsText(validate.errors));
      validators.set(key, known);
    }
    return known;
  }

  return {
    document,
    operations,
    /** What is wrong with an answer according to the document; undefined when nothing is. */
    fault(operation: Operation, { status, headers, text }: Seen): string | undefined {
      const response = operation.responses[status];
      if (!response) return `status ${status} is not documented: ${text.slice(0, 300)}`;
      const type = headers.get('content-type')?.split(';')[0] ?? '';
      if (!response.content) return text === '' ? undefined : `a body where none is documented: ${text.slice(0, 300)}`;
      const documented = Object.keys(response.content).find((one) => one === type || one === '*/*');
      if (!documented) return `content type ${type} is not documented`;
      if (!type.includes('json')) return undefined;
      const trouble = validator(operation, String(status), documented)(JSON.parse(text));
      return trouble && `${trouble} in ${text.slice(0, 500)}`;
    },
  };
}
export type Document = Awaited<ReturnType<typeof readDocument>>;
