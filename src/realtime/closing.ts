/** Ends sockets with a code of the contract. Whatever has to be undone is undone in the gateway's close handler. */
import { type AppError, ERRORS } from '../errors.ts';
import type { Connection } from './connection.ts';
import * as frames from './frames.ts';
import { CLOSE_REASONS } from './model.ts';

export function close(connection: Connection, code: number): void {
  if (connection.open) connection.ws.close(code, CLOSE_REASONS[code]);
}

/** Says why, then closes with the error's own code. */
export function refuse(connection: Connection, error: AppError, id?: string | number): void {
  connection.send(frames.error(id, error));
  close(connection, ERRORS[error.code].closes);
}
