/** How commands read their arguments and speak: usage errors, results on stdout, complaints on stderr. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { AppError } from '../errors.ts';

/** Wrong usage; the command line exits with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>['values'];

/** Options, and exactly the positional arguments that `names` lists. Throws UsageError. */
export function readArgs<const O extends Options, const N extends readonly string[]>(
  args: string[],
  options: O,
  names: N,
): { options: Parsed<O>; positionals: { [K in keyof N]: string } } {
  let parsed: { values: unknown; positionals: string[] };
  try {
    parsed = parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]!.replace(/\.$/, ''));
  }
  const { positionals } = parsed;
  if (positionals.length < names.length) throw new UsageError(`${names[positionals.length]} is missing`);
  if (positionals.length > names.length) throw new UsageError(`${JSON.stringify(positionals[names.length])} is one argument too many`);
  return { options: parsed.values as Parsed<O>, positionals: positionals as { [K in keyof N]: string } };
}

/** The whole number in an option. Throws UsageError. */
export function wholeNumber(text: string, name: string, from: number, to: number): number {
  if (/^\d{1,10}$/.test(text) && Number(text) >= from && Number(text) <= to) return Number(text);
  throw new UsageError(`${name} must be a whole number from ${from} to ${to}`);
}

/** One result. */
export function say(result: object): void {
  console.log(JSON.stringify(result));
}

/** One line on stderr; never a stack, which would hide the one sentence that helps. */
export function complain(error: unknown): void {
  const text = error instanceof AppError ? error.detail : error instanceof Error ? error.message : String(error);
  console.error(`parlour: ${text.replace(/\s*\n\s*/g, ' ')}`);
}
