// Who is signed in, and what they may.
import { createContext, useContext } from 'react';
import type { Schemas } from '@/api/client';

export type Session = Schemas['SignedIn'];
export const SessionContext = createContext<Session | null>(null);

/** Whether who is signed in may do something; `author` and `operate` contain `read`, `admin` all. */
export function may(scopes: readonly string[], right: string): boolean {
  if (scopes.includes(right) || scopes.includes('admin')) return true;
  return right === 'read' && (scopes.includes('author') || scopes.includes('operate'));
}

export function useMay(right: string): boolean {
  const session = useContext(SessionContext);
  return session !== null && may(session.scopes, right);
}
