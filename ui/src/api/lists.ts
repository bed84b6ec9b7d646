// Lists that are small enough to be read as a whole, page after page.
import { get, type Schemas } from './client';

/** Workflows that are shown at most; a shop with more is searched by the palette's own words. */
const MOST = 1000;

async function whole<T>(page: (cursor: string | undefined) => Promise<{ items: T[]; next?: string }>): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    const part = await page(cursor);
    found.push(...part.items);
    cursor = part.next;
  } while (cursor && found.length < MOST);
  return found;
}

export const listWorkflows = () =>
  whole<Schemas['ListedWorkflow']>((cursor) => get('/api/v1/workflows', { params: { query: { limit: 200, cursor } } }));

export const listOutcomes = () =>
  whole<Schemas['Outcomes']>((cursor) => get('/api/v1/outcomes', { params: { query: { limit: 200, cursor } } }));
