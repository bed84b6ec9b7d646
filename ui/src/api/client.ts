// The only way to the daemon: typed by its own description. What it refuses is thrown as a Problem.
import createClient, { type FetchOptions } from 'openapi-fetch';
import type { FilterKeys, PathsWithMethod } from 'openapi-typescript-helpers';
import { problemOf } from './problem';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

export const client = createClient<paths>({ baseUrl: '', fetch: (request: Request) => globalThis.fetch(request) });

type Answer = { data?: unknown; error?: unknown; response: Response };

async function told<T>(answer: Promise<Answer>): Promise<T> {
  let got: Answer;
  try {
    got = await answer;
  } catch (fault) {
    throw problemOf(fault);
  }
  if (!got.response.ok) throw problemOf(got.error, got.response.status);
  return got.data as T;
}

type Json<R> = R extends { content: { 'application/json': infer T } } ? T : undefined;
type Good<O> = O extends { responses: infer R }
  ? Json<R extends { 200: infer A } ? A : R extends { 201: infer A } ? A : R extends { 202: infer A } ? A : never>
  : never;
type Of<P extends keyof paths, M extends 'get' | 'post' | 'put' | 'delete'> = FilterKeys<paths[P], M>;
type With<P extends keyof paths, M extends 'get' | 'post' | 'put' | 'delete'> = FetchOptions<Of<P, M>>;

/** Reads. */
export function get<P extends PathsWithMethod<paths, 'get'>>(path: P, options?: With<P, 'get'>) {
  return told<Good<Of<P, 'get'>>>(client.GET(path as never, options as never) as Promise<Answer>);
}

/** Does something. */
export function post<P extends PathsWithMethod<paths, 'post'>>(path: P, options?: With<P, 'post'>) {
  return told<Good<Of<P, 'post'>>>(client.POST(path as never, options as never) as Promise<Answer>);
}

/** Replaces something. `headers: { 'if-match': edition }` where there are editions. */
export function put<P extends PathsWithMethod<paths, 'put'>>(path: P, options?: With<P, 'put'>) {
  return told<Good<Of<P, 'put'>>>(client.PUT(path as never, options as never) as Promise<Answer>);
}

/** Takes something away. */
export function remove<P extends PathsWithMethod<paths, 'delete'>>(path: P, options?: With<P, 'delete'>) {
  return told<Good<Of<P, 'delete'>>>(client.DELETE(path as never, options as never) as Promise<Answer>);
}
