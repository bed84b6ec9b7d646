// Drawings from elsewhere become drafts.
import { post } from '@/api/client';

/** This name, or the next that nobody has: "Points", "Points 2". */
export function freeName(name: string, taken: readonly string[]): string {
  const all = new Set(taken.map((one) => one.toLowerCase()));
  for (let count = 1; ; count += 1) {
    const tried = count === 1 ? name : `${name} ${count}`;
    if (!all.has(tried.toLowerCase())) return tried;
  }
}

/** Stores a draft and says its id. */
export async function draftOf(name: string, definition: unknown): Promise<string> {
  const made = await post('/api/v1/workflows', { body: { name, definition } as never });
  return (made as unknown as { id: string }).id;
}

/** A file as a drawing: React Flow's own JSON, or one that has it under `definition`. */
export function drawingIn(text: string, file: string): { name: string; definition: Record<string, unknown> } {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    throw { code: 'no-json', detail: `${file} is no JSON.`, help: 'Drop a file as React Flow saves it: {"nodes": […], "edges": […]}.' };
  }
  const outer = read as Record<string, unknown>;
  const inner = (outer?.definition ?? outer) as Record<string, unknown>;
  if (!inner || !(Array.isArray(inner.nodes) || Array.isArray(inner.elements))) {
    throw {
      code: 'no-drawing',
      detail: `${file} has no nodes.`,
      help: 'Drop a file as React Flow saves it: {"nodes": […], "edges": […]}.',
    };
  }
  const name = typeof outer.name === 'string' && outer.name ? outer.name : file.replace(/\.json$/i, '');
  return { name, definition: inner };
}
